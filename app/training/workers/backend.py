"""All the hosts of a server, to whoever wants a session to train."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterable, Sequence
from random import random
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
from app.training.workers.driver import Driver, Line, Questions
from app.training.workers.placed import Placed
from app.training.workers.tally import Tally

T = TypeVar("T")


BALANCE_SECONDS = 0.25
"""Between two looks at who has too many sessions, and which have to go."""
SMALLEST_GAP = 4
"""Sessions that a host may have more than another before some move."""
MOST_MOVES = 2
"""Sessions that one host lets go at a time: whoever moves is opened anew, and served first."""
PATIENCE = 8
"""How often a host that is to be left may keep a session that is in the middle of something."""


def to_move(gap: int, share: float, chance: float) -> int:
    """How many sessions leave the host that has most, for the one that has least.

    Of all servers together an eighth of what it has more: each sees the same gap, and hears of the
    others' moves only some looks later. If each moved as many, they would do so forever.

    Args:
        share: Of the host's sessions, how many are this server's.
        chance: From 0 to 1: whether what is left of a session is one.
    """
    return min(MOST_MOVES, int(max(1, gap // 8) * share + chance))


class Backend:
    """Where sessions train: one driver or more; a new session goes to the least loaded.

    Drivers may come and go. A session moves to another when its host is lost, when its driver is to
    go, and when another has much less to do: after a slice at the one, with the next round of the
    other. Whoever looks at it notices nothing. One listener for each session hears its events, on
    the event loop.

    Args:
        connections: Of the hosts that there are as long as the server runs.
    """

    def __init__(self, connections: Iterable[Callable[[], Awaitable[Line]]] = ()) -> None:
        self.work = Tally()
        self._questions = Questions()
        self._drivers: list[Driver] = []
        self._where: dict[str, Driver] = {}
        self._tickets = itertools.count()
        self._balancing = Background("balance of hosts", self._run)
        self._ending: set[asyncio.Task[None]] = set()
        self._lost = 0
        """Hosts that drivers which have gone had to replace."""
        self.moves = 0
        """How often a session went to another host."""
        self.hung = 0
        """Hosts of a cluster that were ended because they did not answer."""
        for number, connect in enumerate(connections):
            self.add(f"driver {number}", connect, lasting=True)

    def add(
        self, name: str, connect: Callable[[], Awaitable[Line]], *, lasting: bool = False
    ) -> Driver:
        """One host more; sessions come to it when it is up."""
        questions, find = self._questions, self._find_place
        driver = Driver(connect, self.work, questions, name, find, lasting=lasting)
        self._drivers.append(driver)
        return driver

    def _end(self, driver: Driver) -> None:
        """A driver that was told to close has no session any more."""
        self._drivers.remove(driver)
        self._lost += driver.restarts
        ending = asyncio.create_task(driver.stop())
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)

    async def start(self) -> None:
        """Begin; returns as soon as commands are taken."""
        for driver in self._drivers:
            driver.start()
        self._balancing.start()

    async def stop(self) -> None:
        """End, with everything that was started."""
        await self._balancing.stop()
        await asyncio.gather(*self._ending, *(driver.stop() for driver in self._drivers))
        self._questions.cancel()

    @property
    def ready(self) -> bool:
        """Whether every host that is to be there came up, and answers, and new sessions can train.

        Sessions are on all of them, so each that is not there keeps its own waiting; one that is
        being replaced is back in a second, and nobody needs to be sent elsewhere for that.
        """
        needed = [driver for driver in self._drivers if driver.lasting or driver.sessions]
        some = any(driver.ready and not driver.closing for driver in self._drivers)
        return some and all(driver.ready for driver in needed)

    @property
    def alone(self) -> bool:
        """Whether there should be a cluster, and the server trains without it."""
        return False

    @property
    def note(self) -> str | None:
        """What an operator is told although all can train."""
        return None

    @property
    def backgrounds(self) -> list[Background]:
        """The tasks that drive."""
        return [*(driver.background for driver in self._drivers), self._balancing]

    @property
    def hosts(self) -> int:
        """How many are there, and answer."""
        return sum(driver.connected for driver in self._drivers)

    @property
    def pending(self) -> int:
        """How many commands wait for a round of their host."""
        return sum(driver.pending for driver in self._drivers)

    @property
    def worker_restarts(self) -> int:
        """How many hosts were replaced."""
        return self._lost + sum(driver.restarts for driver in self._drivers)

    # -- who is where -----------------------------------------------------------------------

    def _find_place(self, driver: Driver, homeless: Sequence[Placed]) -> None:
        """Let other drivers take sessions up that are in no host, if there are any that can."""
        for placed in homeless:
            able = [each for each in self._drivers if each is driver or each.open_to_all]
            best = min(able, key=lambda each: (not each.open_to_all, each.doubtful, each.load))
            if best is not driver:
                best.adopt(driver.give(placed.name))
                self._where[placed.name] = best
                self.moves += 1

    async def _run(self) -> None:
        """Move sessions to where they are better off, a few at a time."""
        while True:
            await asyncio.sleep(BALANCE_SECONDS)
            self._balance()

    def _balance(self) -> None:
        able = [driver for driver in self._drivers if driver.open_to_all]
        for driver in [each for each in self._drivers if each.closing or each.abandoned]:
            if able:
                self._leave(driver, MOST_MOVES if driver.connected else len(driver.sessions))
            if driver.closing and not driver.sessions:
                self._end(driver)
        if len(able) > 1:
            most = max(able, key=lambda driver: driver.load)
            least = min(able, key=lambda driver: (driver.doubtful, driver.load))
            gap = most.load - least.load
            if gap >= max(SMALLEST_GAP, most.load / 4):
                mine = sum(not placed.leaving for placed in most.sessions)
                self._leave(most, to_move(gap, mine / most.load, random()))

    def _leave(self, driver: Driver, number: int) -> None:
        """Have some sessions of a driver go to another one."""
        here = [each for each in driver.sessions if not each.leaving]
        for placed in sorted(here, key=lambda each: each.refusals)[:number]:
            at_any_rate = driver.closing and placed.refusals >= PATIENCE
            driver.release(placed.name, at_any_rate=at_any_rate)

    # -- sessions ---------------------------------------------------------------------------

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
        driver = min(
            self._drivers,
            key=lambda each: (not each.open_to_all, not each.ready, each.doubtful, each.load),
        )
        self._where[session] = driver
        driver.open(Placed(session, kind, listener, latest, plan, held=held))

    async def send(self, command: Tell) -> None:
        """Pass a message on; waits while too many of the session wait."""
        while (driver := self._where.get(command.session)) is not None:
            if (full := driver.full(command.session)) is None:
                driver.put(command)
                return
            await full.until_taken()

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
        those = [driver for driver in self._drivers if driver.sessions]  # others may be nowhere
        names = await asyncio.gather(*(d.flush(next(self._tickets)) for d in those))
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
