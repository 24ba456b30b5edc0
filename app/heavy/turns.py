"""Whose call is next: that of the address which has had the least of the children's time.

Start-time fair queueing, as in `app/training/host/turns.py`, of calls instead of sessions: an
address that sends long calls waits for them itself, and one with a short call is soon served.
"""

from collections.abc import Iterable

LEAST = 0.02
"""Seconds that a call counts at least, and as long as nobody knows how long it takes."""


class Fairness:
    """The time that each address has had."""

    def __init__(self) -> None:
        self._now = 0.0
        self._until: dict[str, float] = {}

    def next(self, waiting: Iterable[str]) -> str:
        """Who comes next, of those who wait; of equals, the first."""
        return min(waiting, key=self._start)

    def begins(self, client: str) -> None:
        """A call of this address begins."""
        self._now = self._start(client)
        self._until[client] = self._now + LEAST

    def took(self, client: str, seconds: float) -> None:
        """That call is over; its place was taken for so long."""
        self._until[client] = self._until.get(client, self._now) + max(0.0, seconds - LEAST)

    def rest(self) -> None:
        """Nobody waits, so nobody has had more than a share: all begin anew."""
        self._until.clear()
        self._now = 0.0

    def _start(self, client: str) -> float:
        return max(self._now, self._until.get(client, 0.0))
