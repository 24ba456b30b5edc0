"""What a session may have of a processor's time beyond the turns of `app/fairness.py`.

`Share` is for those who come last, and `Account` is for work that no slice can bound: commands, a
frame of a large network, an iteration that takes longer than a round.
"""

import math


class Share:
    """A share of the time as it passes, owed to somebody who has no other claim to it.

    A claim older than `LONGEST_CLAIM` is dropped. Having more than the share counts only for the
    last turn.
    """

    LONGEST_CLAIM = 1.0
    """Seconds."""

    def __init__(self, share: float) -> None:
        self._share = share
        self._had_until = -math.inf
        """Up to when the share was had."""

    def owed(self, now: float) -> float:
        """Seconds that are owed at the moment; below 0 if more was had."""
        self._had_until = max(self._had_until, now - self.LONGEST_CLAIM)
        return (now - self._had_until) * self._share

    @property
    def next_at(self) -> float:
        """When something is owed again."""
        return self._had_until

    def had(self, start: float, end: float) -> None:
        """The time from `start` to `end` was had."""
        self._had_until = min(self._had_until, start) + (end - start) / self._share


class Account:
    """What a session has had beyond its slices, and when that is paid back.

    While others want the processor it may have as much as each of them of the time as it passes.
    A little is lent, so that nobody waits for what everybody does now and then. Whoever has
    overdrawn sits out: for the time that its share takes to earn the debt.
    """

    LENT = 0.1
    LONGEST = 2.0
    """Seconds that anyone sits out at once."""

    def __init__(self, now: float) -> None:
        self._credit, self._then = self.LENT, now
        self.sits_out_until = -math.inf

    def charge(self, now: float, seconds: float, others: int) -> None:
        """Note work that was done beyond a slice, while so many others wanted to train."""
        earned = (now - self._then) / others if others else self.LENT
        self._credit, self._then = min(self.LENT, self._credit + earned) - seconds, now
        if self._credit < 0 and others:
            self.sits_out_until = now + min(self.LONGEST, -self._credit * others)
            self._credit = max(self._credit, -self.LONGEST / others)
