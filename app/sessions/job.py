"""A run that was started over REST, until it is in the store."""

import asyncio
from dataclasses import dataclass, field
from typing import Literal

from app.errors import GoingAway
from app.schemas import Plan
from app.sessions.outbox import Outbox
from app.store import StoredRun
from app.training.messages import Progress


class End(asyncio.Event):
    """Set once a run is stored or forgotten, or the server ends before it can be."""

    unkept = False

    async def wait(self) -> Literal[True]:
        """Wait for it.

        Raises:
            GoingAway: the server ends, and the run is not stored.
        """
        await super().wait()
        if self.unkept:
            raise GoingAway
        return True


@dataclass(eq=False)
class Job:
    """A run that is not in the store yet."""

    id: str
    client: str
    plan: Plan | None
    """Until it is started: then its worker has it."""
    progress: Progress
    iterations: int
    """How many it is to train."""
    size: int
    """About how many bytes it takes."""
    started: bool = False
    ending: bool = False
    """Whether its training is over or cancelled, so that it is being stored."""
    cancelled: bool = False
    detail: str | None = None
    """Why it was cancelled."""
    paused: bool = False
    silent: bool = False
    """Whether its worker does not say what became of it."""
    forgotten: bool = False
    stored: StoredRun | None = None
    """What is brought to the store."""
    tries: int = 0
    failures: int = 0
    limit: asyncio.Timeout | None = None
    """The time limit of the last question to its worker."""
    over: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once it is `ending`."""
    storing: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while it is being brought to the store."""
    tried: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once it is stored, or could not be at the first try."""
    ended: End = field(default_factory=End)
    watchers: dict[str, Outbox] = field(default_factory=dict)

    def end(self, *, cancelled: bool = False, detail: str | None = None) -> None:
        """End its training; what there is of it goes to the store."""
        if not self.ending:
            self.ending, self.cancelled, self.detail = True, cancelled, detail
            self.over.set()
