"""What addresses spend at one of several servers, said to the others: rates are for all together.

What if it is full: with a beat the `MOST_SPENDERS` of each kind are said that spent most, and what
is left is forgotten: it counts here alone. What is said stands there for `PUBLISHED` beats. Of the
servers that were heard those that have been away for longest are forgotten, beyond `MOST_HEARD`.
"""

import json
from collections import Counter, deque
from collections.abc import Callable, Mapping

from pydantic import NonNegativeInt, TypeAdapter, ValidationError

from app.store.owned import Other

PUBLISHED_SPENT = TypeAdapter(list[tuple[int, dict[str, dict[str, NonNegativeInt]]]])
PUBLISHED = 4
"""Beats for which what addresses have spent stands there; others look once in each."""
MOST_SPENDERS = 1_000
MOST_HEARD = 1_000
"""Servers of which it is known what was heard, those that are away included: who was frozen comes
back with what it had said before."""


class Spending:
    """What addresses have spent here of what is counted for all servers together.

    Args:
        name: How an address is called among servers.
    """

    def __init__(self, name: Callable[[str], str]) -> None:
        self.name = name
        self._now: dict[str, Counter[str]] = {}
        self._published: deque[tuple[int, dict[str, dict[str, int]]]] = deque(maxlen=PUBLISHED)
        self._beat = 0
        self._heard: dict[str, int] = {}
        self.others: dict[str, Callable[[str, int], None]] = {}
        """By what it is spent of: takes off what others have spent."""

    def note(self, what: str, client: str, amount: int) -> None:
        """An address has spent so much here."""
        self._now.setdefault(what, Counter())[client] += amount

    def publish(self) -> str:
        """What was spent lately, for others to read; of each kind those who spent most."""
        self._beat += 1
        if self._now:
            most = {w: dict(spent.most_common(MOST_SPENDERS)) for w, spent in self._now.items()}
            self._published.append((self._beat, most))
            self._now = {}
        while self._published and self._published[0][0] <= self._beat - PUBLISHED:
            self._published.popleft()
        return json.dumps(list(self._published))

    def hear(self, others: Mapping[str, Other]) -> None:
        """What others have published since the last time; not what can't be understood.

        That is another version's, and must not end the beats of this server.
        """
        for server, other in others.items():
            self._heard[server] = self._heard.pop(server, 0)  # those that live come last
            try:
                published = PUBLISHED_SPENT.validate_json(other.spent)
            except ValidationError:
                continue
            for beat, spent in published:
                if beat > self._heard[server]:
                    self._heard[server] = beat
                    self._take(spent)
        for server in list(self._heard)[: -max(MOST_HEARD, len(others))]:
            del self._heard[server]

    def _take(self, spent: Mapping[str, Mapping[str, int]]) -> None:
        for what, clients in spent.items():
            if (take := self.others.get(what)) is not None:
                for client, amount in clients.items():
                    take(client, amount)
