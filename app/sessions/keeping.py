"""What of each session is in the store already, and what is new.

Checkpoints come to the driver every second. What came since the last writing is written for all
sessions at once, every few seconds.
"""

import asyncio
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from app.settings import Settings
from app.store import Store
from app.store.sessions import Part, Sessions, StoredSession
from app.training.checkpoints import Saved

MOST_GONE = 10_000
"""Sessions that are over and yet to be taken out of the store."""


@dataclass(frozen=True)
class Kept:
    """How much of a session is in the store."""

    mark: str
    parts: int
    begun: int
    costs: tuple[int, ...]
    """Bytes of each run."""
    settled: bool

    @classmethod
    def of(cls, saved: Saved, mark: str, *, settled: bool) -> "Kept":
        """All that there is now."""
        return cls(mark, saved.parts, saved.begun, tuple(map(len, saved.costs)), settled)


class Keeper:
    """Brings what is new to the store."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._sessions = Sessions(store, settings)
        self._kept: dict[str, Kept] = {}
        self._gone: set[str] = set()
        self._writing = asyncio.Lock()
        self._closed = False

    async def keep(
        self, sessions: Iterable[tuple[str, str, Saved]], settled: Collection[str]
    ) -> None:
        """Write what is new of these sessions; it is on the disk when this returns.

        Args:
            sessions: Their names, whose they are, and all of them.
            settled: Those of which nothing will come after this for a while.

        Raises:
            NotStored: the database does not answer; what was to be written is told next time.
        """
        async with self._writing:
            if self._closed:
                return
            gone = set(self._gone)
            left = {name: (client, saved) for name, client, saved in sessions if name not in gone}
            # Twice: what the store does not know as we do (any more) comes whole.
            for _ in range(2):
                new = {
                    name: (part, Kept.of(saved, "", settled=part.settled))
                    for name, (client, saved) in left.items()
                    if (part := self._part(name, client, saved, name in settled))
                }
                if not new and not gone:
                    return
                marks = await self._sessions.keep([n[0] for n in new.values()], gone)
                self._gone -= gone
                gone = set()
                for name, (_, kept) in new.items():
                    if name in marks and name not in self._gone:
                        self._kept[name] = replace(kept, mark=marks[name])
                    else:
                        self._kept.pop(name, None)
                left = {name: left[name] for name in new if name not in marks}

    def _part(self, name: str, client: str, saved: Saved, settled: bool) -> Part | None:
        if saved.state.checkpoint is None:
            return None
        kept = self._kept.get(name)
        if kept is not None and kept.parts == saved.parts and kept.settled >= settled:
            return None
        follows = kept is not None and kept.begun == saved.begun
        told = kept.costs if kept is not None and follows else (0,) * len(saved.costs)
        return Part(
            name,
            client,
            saved.state,
            kept.mark if kept is not None and follows else None,
            [bytes(costs[first:]) for costs, first in zip(saved.costs, told, strict=True)],
            sum(map(len, saved.costs)),
            settled,
        )

    async def load(self, name: str) -> StoredSession | None:
        """A session as it was kept last.

        Raises:
            NotStored: the database does not answer.
        """
        if name in self._gone:
            return None
        stored = await self._sessions.take(name)
        if stored is not None:
            self._kept[name] = Kept.of(stored.saved, stored.mark, settled=False)
        return stored

    def close(self) -> None:
        """What was written last is how the sessions end."""
        self._closed = True

    def part_with(self, name: str) -> None:
        """The session is in the store alone."""
        self._kept.pop(name, None)

    def forget(self, name: str) -> None:
        """The session is over: the next writing takes it out of the store."""
        self._kept.pop(name, None)
        # Beyond that, while the store is away, its age will take it out.
        if len(self._gone) < MOST_GONE:
            self._gone.add(name)
