"""All the hosts of a server, to whoever wants a session to train."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from app.schemas import Plan
from app.supervision import Background
from app.training.checkpoints import Latest, Record
from app.training.messages import (
    Ask,
    Attach,
    Detach,
    Expect,
    Hold,
    Kind,
    Listener,
    Look,
    Progress,
    Snapshot,
    Tell,
)
from app.training.run import Model
from app.training.workers.driver import Driver, Line
from app.training.workers.placed import Placed
from app.training.workers.tally import Tally

T = TypeVar("T")


class Backend:
    """Where sessions train: one driver or more; a new session goes to the least loaded.

    One listener for each session hears its events, on the event loop.
    """

    def __init__(self, connections: Iterable[Callable[[], Awaitable[Line]]]) -> None:
        self.work = Tally()
        self._drivers = [
            Driver(connect, self.work, f"driver {number}")
            for number, connect in enumerate(connections)
        ]
        self._where: dict[str, Driver] = {}
        self._tickets = itertools.count()

    async def start(self) -> None:
        """Begin; returns as soon as commands are taken."""
        for driver in self._drivers:
            driver.start()

    async def stop(self) -> None:
        """End, with everything that was started."""
        await asyncio.gather(*(driver.stop() for driver in self._drivers))

    @property
    def ready(self) -> bool:
        """Whether every host came up, and answers.

        Sessions are on all of them, so each that is not there keeps its own waiting; one that is
        being replaced is back in a second, and nobody needs to be sent elsewhere for that.
        """
        return all(driver.ready for driver in self._drivers)

    @property
    def backgrounds(self) -> list[Background]:
        """The tasks that drive."""
        return [driver.background for driver in self._drivers]

    @property
    def hosts(self) -> int:
        """How many there are."""
        return len(self._drivers)

    @property
    def pending(self) -> int:
        """How many commands wait for a round of their host."""
        return sum(driver.pending for driver in self._drivers)

    @property
    def worker_restarts(self) -> int:
        """How many hosts were replaced."""
        return sum(driver.restarts for driver in self._drivers)

    def open(
        self,
        session: str,
        kind: Kind,
        listener: Listener,
        latest: Latest | None = None,
        plan: Plan | None = None,
        held: bool = False,
    ) -> None:
        """Place a session where it can train, if it can anywhere.

        Args:
            latest: As it was kept, if it was.
            plan: What it begins to play at once; without either it is empty.
            held: Whether its class waits, and so does it.
        """
        driver = min(self._drivers, key=lambda driver: (not driver.ready, driver.load))
        self._where[session] = driver
        driver.open(Placed(session, kind, listener, latest, plan, held=held))

    async def send(self, command: Tell) -> None:
        """Pass a message on; waits while the session's queue is full."""
        if (driver := self._where.get(command.session)) is not None:
            await driver.send(command)

    def put(self, command: Attach | Detach | Hold | Expect | Look | Tell) -> None:
        """Let a reader look, or go, or say what a class wants of a session; waits for nothing.

        A message is put here only by whoever sends few of them: others `send` it.
        A `Look` is answered by one `Glimpse` to the session's listener, as soon as there is news
        and time for it; a newer `Look` takes its place.
        """
        if (driver := self._where.get(command.session)) is not None:
            driver.put(command)

    async def progress(self, session: str) -> Progress | None:
        """How far its first run is; None if the session has gone, or was never configured.

        Raises:
            NotReady: its host does not answer in time. So do `model`, `fetch` and `snap`.
            Full: too much is asked of it.
        """
        return await self._ask(session, Progress)

    async def model(self, session: str) -> Model | None:
        """The network of its first run; None if it has gone, or was never configured."""
        return await self._ask(session, Model)

    async def fetch(self, session: str, run: int) -> Record | None:
        """All of one run; None if the session has gone, was never configured, or has no such."""
        return await self._ask(session, Record, run)

    async def snap(self, session: str) -> Snapshot | None:
        """All of it; None if it has gone, was never configured, or is on its way elsewhere."""
        return await self._ask(session, Snapshot)

    async def flush(self) -> frozenset[str]:
        """Bring the `latest` of every session up to now; the names of those where that succeeded.

        A session on its way to an iteration is not there yet, and a host may not answer.
        """
        names = await asyncio.gather(*(d.flush(next(self._tickets)) for d in self._drivers))
        return frozenset().union(*names)

    async def _ask(self, session: str, what: type[T], run: int = 0) -> T | None:
        driver = self._where.get(session)
        ask = Ask(session, next(self._tickets), what, run)
        answer = await driver.ask(ask) if driver else None
        return answer if isinstance(answer, what) else None

    def close(self, session: str) -> None:
        """Forget the session."""
        if (driver := self._where.pop(session, None)) is not None:
            driver.close(session)

    def latest(self, session: str) -> Latest | None:
        """The session at its latest checkpoint; it goes on changing as newer ones come."""
        driver = self._where.get(session)
        return driver.latest(session) if driver else None
