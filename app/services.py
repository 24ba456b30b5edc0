"""What the routes work with: built once in `create_app`, reached through `Services`."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, cast

from fastapi import Depends
from starlette.requests import HTTPConnection

from app.content.assets import Assets
from app.content.lessons import Lessons
from app.heavy.pool import Pool
from app.rooms.linking import Linking
from app.rooms.live import LiveRooms
from app.sessions.interactive import InteractiveSessions
from app.sessions.jobs import Jobs
from app.sessions.known_runs import KnownRuns
from app.sessions.owning import Alone
from app.sessions.wall import Wall
from app.sessions.watching import Watches
from app.settings import Settings
from app.store import Store, StoredRun
from app.supervision import Background
from app.training.workers.backend import Backend
from app.web.connections import ALIVE_SECONDS
from app.web.limits import LoopTimes, Refusals
from app.web.passes import Passes
from app.web.tries import Tries
from app.web.ways import Ways

if TYPE_CHECKING:
    from app.web.relay import Relay

log = logging.getLogger(__name__)

READ_BYTES_PER_SECOND = 140e6
"""How fast what is stored of a session comes into memory and on to its worker."""
DRAIN_SECONDS = 2.2
"""For all sessions and runs to be stored."""


@dataclass(frozen=True)
class AllServices:
    """Everything a route may need."""

    settings: Settings
    backend: Backend
    sessions: InteractiveSessions
    jobs: Jobs
    runs: KnownRuns
    watches: Watches
    heavy: Pool
    store: Store
    find_assets: Callable[[], Assets]
    lessons: Lessons
    refusals: Refusals
    loop_times: LoopTimes
    rooms: LiveRooms
    linking: Linking
    wall: Wall
    passes: Passes
    tries: Tries
    ways: Ways
    owning: Alone
    relay: "Relay | None"

    @property
    def heartbeat_seconds(self) -> float:
        """Between two signs of life on a stream that is no WebSocket."""
        seconds = self.settings.heartbeat_seconds
        return min(seconds, ALIVE_SECONDS) if self.owning.several else seconds

    @property
    def assets(self) -> Assets:
        """The files of the page, as they are now."""
        return self.find_assets()

    @property
    def backgrounds(self) -> list[Background]:
        """The tasks that run as long as the server does."""
        ours = (self.sessions.keeping, self.rooms.running, self.wall.background)
        return [*self.backend.backgrounds, *ours, *self.owning.backgrounds]

    async def stored(self, client: str, name: str) -> StoredRun | None:
        """What is stored under a name, all of it; an address that asks for much has to wait.

        Raises:
            NotFound, NotStored: it can't be read.
        """
        async with self.reading(client) as read:
            stored = await self.store.get(name)
            if stored is not None and stored.plan is not None:
                read(stored.plan.size)
        return stored

    @contextlib.asynccontextmanager
    async def reading(self, client: str) -> AsyncIterator[Callable[[int], None]]:
        """Wait until an address has paid for what it has read.

        Gives a function that charges it for more: for so many bytes, as sessions and runs count
        them.
        """
        loop_time = self.loop_times.open(client)
        await loop_time.paid()
        yield lambda size: loop_time.charge(size / READ_BYTES_PER_SECOND)

    async def drain(self) -> None:
        """Before the end, refuse what is new and keep what there is; a second call does nothing."""
        if self.jobs.going:
            return
        self.owning.depart()
        self.heavy.close()
        rooms = asyncio.create_task(self.rooms.drain())
        sessions = asyncio.create_task(self.sessions.drain())
        jobs = asyncio.create_task(self.jobs.drain())
        jobs.add_done_callback(lambda _: self.watches.close())
        saves = asyncio.create_task(self.store.finish())
        tasks = {"rooms": rooms, "sessions": sessions, "runs": jobs, "saves": saves}
        await asyncio.wait(tasks.values(), timeout=DRAIN_SECONDS)
        for what, task in tasks.items():
            if not task.done():
                task.cancel()
                log.error("not all %s were kept within %g s", what, DRAIN_SECONDS)
            elif (error := task.exception()) is not None:
                log.error("not all %s were kept: %s", what, error)
        await self.owning.leave()
        if not saves.done():
            self.store.give_up()

    async def stop(self) -> None:
        """End all there is, side by side: what hangs holds up nothing else."""
        for background in self.owning.backgrounds:
            await background.stop()
        await self.rooms.running.stop()
        await self.wall.background.stop()
        ends = (self.heavy.stop, self.sessions.keeping.stop, self.backend.stop, self.store.close)
        for end in await asyncio.gather(*(end() for end in ends), return_exceptions=True):
            if isinstance(end, BaseException):
                log.error("not all came to its end", exc_info=end)
        self.owning.close()


def _services(connection: HTTPConnection) -> AllServices:
    return cast("AllServices", connection.app.state.services)


Services = Annotated[AllServices, Depends(_services)]
