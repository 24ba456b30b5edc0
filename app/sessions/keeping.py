"""What of each session is in the store already, and what is new.

Checkpoints come to the driver every second. What came since the last writing is written for all
sessions at once, every few seconds.

What if it is full: while the store does not answer, `MOST_GONE` sessions that are over wait to be
taken out of it. One more is not remembered: it stays there until its hours are over.
"""

import asyncio
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from app.settings import Settings
from app.store import Store
from app.store.sessions import SessionUpdate, StoredSessions
from app.training.checkpoints import Latest

MOST_GONE = 10_000
"""Sessions that are over and yet to be taken out of the store."""


@dataclass(frozen=True)
class InStore:
    """How much of a session is in the store."""

    mark: str
    updates: int
    begun: int
    costs: tuple[int, ...]
    """Bytes of each run."""
    settled: bool

    @classmethod
    def of(cls, latest: Latest, *, settled: bool) -> "InStore":
        """All that there is now; its mark is yet to come."""
        return cls("", latest.updates, latest.begun, tuple(map(len, latest.costs)), settled)


class Keeper:
    """Brings what is new to the store."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._sessions = StoredSessions(store, settings)
        self._in_store: dict[str, InStore] = {}
        self._gone: set[str] = set()
        self._writing = asyncio.Lock()
        self._closed = False

    async def keep(
        self, sessions: Iterable[tuple[str, str, Latest]], settled: Collection[str]
    ) -> None:
        """Write what is new of these sessions; it is on the disk when this returns.

        Args:
            sessions: Their names, whose they are, and all of them.
            settled: Those of which nothing will come after this for a while.

        Raises:
            NotStored: the database does not answer; what was to be written is written next time.
        """
        async with self._writing:
            if self._closed:
                return
            gone = set(self._gone)
            left = {name: (client, latest) for name, client, latest in sessions if name not in gone}
            # Twice: where the store has something else than we think, all of it is written again.
            for _ in range(2):
                new = {
                    name: (update, InStore.of(latest, settled=update.settled))
                    for name, (client, latest) in left.items()
                    if (update := self._update(name, client, latest, name in settled))
                }
                if not new and not gone:
                    return
                marks = await self._sessions.keep([n[0] for n in new.values()], gone)
                self._gone -= gone
                gone = set()
                for name, (_, there) in new.items():
                    if name in marks and name not in self._gone:
                        self._in_store[name] = replace(there, mark=marks[name])
                    else:
                        self._in_store.pop(name, None)
                left = {name: left[name] for name in new if name not in marks}

    def _update(
        self, name: str, client: str, latest: Latest, settled: bool
    ) -> SessionUpdate | None:
        there = self._in_store.get(name)
        if there is not None and there.updates == latest.updates and there.settled >= settled:
            return None
        if there is not None and there.begun != latest.begun:
            there = None  # nothing of what is there counts any more
        known = there.costs if there is not None else (0,) * len(latest.costs)
        return SessionUpdate(
            name,
            client,
            latest.checkpoint,
            there.mark if there is not None else None,
            [bytes(costs[first:]) for costs, first in zip(latest.costs, known, strict=True)],
            sum(map(len, latest.costs)),
            settled,
        )

    async def load(self, name: str) -> tuple[Latest, bool] | None:
        """A session as it was kept last, and whether it was settled: nothing came after that.

        Raises:
            NotStored: the database does not answer.
        """
        if name in self._gone:
            return None
        stored = await self._sessions.take(name)
        if stored is None:
            return None
        latest = Latest(stored.checkpoint)
        self._in_store[name] = replace(InStore.of(latest, settled=False), mark=stored.mark)
        return latest, stored.settled

    async def has(self, name: str) -> bool:
        """Whether the store has something of a session.

        Raises:
            NotStored: the database does not answer.
        """
        return name not in self._gone and await self._sessions.has(name)

    def close(self) -> None:
        """Write nothing any more."""
        self._closed = True

    def part_with(self, name: str) -> None:
        """From now on the store alone has the session."""
        self._in_store.pop(name, None)

    def forget(self, name: str) -> None:
        """The session is over: the next writing takes it out of the store."""
        self._in_store.pop(name, None)
        # Beyond that number, its age will take it out of the store.
        if len(self._gone) < MOST_GONE:
            self._gone.add(name)

    def forgets(self, name: str) -> bool:
        """Whether it is yet to be taken out of the store."""
        return name in self._gone
