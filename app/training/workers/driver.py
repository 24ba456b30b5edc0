"""Between the event loop and the hosts: queues of commands, one round under way at a time.

A driver talks to one host over a `Line` (a host in this process, or a worker's pipe). It passes
on what has been commanded since the last round, waits for what comes of it, and hands each event
to the session's listener. It remembers enough of its sessions to bring them to a new host when
the line breaks: their last checkpoints, and what their readers have been sent.

What ends alone: an event that can't be delivered, and a session whose work broke the line twice
within `SUSPICION_SECONDS`, end that session. A host that does not come up is started again and
again, and its sessions wait.

What if it is full: a session has at most `MOST_WAITING` commands waiting; whoever sends one more
waits, and so, over the socket, does the client. In a round it has as many carried out as
`MOST_WEIGHT` allows, and none while the host says that it has had its share.
"""

import asyncio
import contextlib
import itertools
import logging
import math
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from app.errors import Full, Lost, NotReady
from app.schemas import Ack, Cancel, Configure, Pause, Plan, Play, Sweep, View
from app.supervision import Background
from app.training.checkpoints import Latest, Record
from app.training.messages import (
    Answer,
    Ask,
    Attach,
    Checkpointed,
    Close,
    Command,
    Detach,
    Event,
    Fetch,
    Flush,
    Frame,
    Kind,
    Listener,
    Open,
    Position,
    Progress,
    Question,
    Reply,
    Snap,
    Snapshot,
    Tell,
    Text,
    Worked,
)
from app.training.run import Model
from app.training.workers.tally import Tally

log = logging.getLogger(__name__)

MOST_WAITING = 64
MOST_WEIGHT = 8
"""Of the commands of one session in one round; a command that builds something has all of it."""
LIGHT = (Ack, Pause, Play, View, Cancel)
"""Messages that weigh 1."""
ANSWER_SECONDS = 2.5
"""For a host to answer a question."""
FLUSH_SECONDS = 0.8
"""For a host to send a checkpoint of all its sessions, when the server is about to end."""
SILENCE_SECONDS = 2.0
"""Without a host, or with one that does not come back from a round: not ready any more."""
SUSPICION_SECONDS = 60.0
PAUSES = (0.0, 0.1, 0.3, 1.0)
"""Seconds before a host is asked for, by how many failed before it; the last one goes on."""
SHORT_LIFE = 2.0
"""Seconds; a host that has lasted longer has not failed."""


T = TypeVar("T")
Future = asyncio.Future[Reply]


class LineBroken(Exception):
    """The host at the other end is gone, or silent for too long.

    Attributes:
        serving: The session whose work it was at, if that may be why.
    """

    def __init__(self, reason: str, serving: str = "") -> None:
        super().__init__(reason)
        self.serving = serving


class Line(Protocol):
    """The way to one host."""

    async def exchange(
        self, commands: Sequence[Command]
    ) -> tuple[list[Event | Worked], float | None]:
        """One round: what comes of the commands, and when to come again.

        Raises:
            LineBroken: nothing will come any more.
        """

    async def close(self) -> None:
        """End the host and wait until it has gone."""


def weight_of(command: Command) -> int:
    """What a command counts of the weight that a session may have carried out in a round."""
    light = isinstance(command, Detach) or (
        isinstance(command, Tell) and isinstance(command.message, LIGHT)
    )
    return 1 if light else MOST_WEIGHT


@dataclass
class Placed:
    """What the driver remembers of a session in its host."""

    name: str
    kind: Kind
    listener: Listener
    latest: Latest | None = None
    plan: Plan | None = None
    """What it begins with, until there is a checkpoint of it."""
    readers: dict[str, tuple[Position, View]] = field(default_factory=dict)
    sweeps: dict[str, Tell] = field(default_factory=dict)
    """Those under way, by reader: they begin again in a new host."""
    waiting: deque[Command] = field(default_factory=deque)
    """For the next rounds, in their order."""
    sits_out_until: float = 0.0
    """When it has paid back what it had of the host beyond its share (of the loop's time)."""
    broke_line_at: float = -SUSPICION_SECONDS
    aside: bool = False
    """Whether it has done harm, and is in no host any more; its latest checkpoint is still here."""

    def send(self, command: Command) -> None:
        """Queue a command, and learn from it."""
        self.waiting.append(command)
        match command:
            case Attach():
                self.readers[command.reader] = command.position, command.view
            case Detach():
                self.readers.pop(command.reader, None)
                self.sweeps.pop(command.reader, None)
                self._forget(command.reader)
            case Tell(message=Sweep()):
                self.sweeps[command.reader] = command
            case Tell(message=Cancel()):
                self.sweeps.pop(command.reader, None)
            case Tell(message=Configure()):
                self.sweeps.clear()
            case Tell(message=View() as view) if command.reader in self.readers:
                self.readers[command.reader] = self.readers[command.reader][0], view

    def _forget(self, reader: str) -> None:
        """Whoever came and went while the host was busy leaves nothing in the queue."""
        attached = next(
            (c for c in self.waiting if isinstance(c, Attach) and c.reader == reader), None
        )
        if attached is not None:
            self.waiting.remove(attached)
            self.waiting.pop()

    def next_commands(self) -> list[Command]:
        """The commands of the next round."""
        commands: list[Command] = []
        weight = 0
        while self.waiting and weight < MOST_WEIGHT:
            commands.append(self.waiting.popleft())
            weight += weight_of(commands[-1])
        return commands

    def take(self, event: Event) -> None:
        """Learn from an event on its way up, and pass on what is not for the driver alone."""
        match event:
            case Checkpointed():
                if self.latest is None:
                    self.latest, self.plan = Latest(event.part), None
                else:
                    self.latest.add(event.part, same_plan=event.same_plan)
            case Frame() if event.reader in self.readers:
                position = Position(event.iteration, event.number + 1, event.number)
                self.readers[event.reader] = position, self.readers[event.reader][1]
            case Text(type="swept" | "error", reader=str(reader)):
                self.sweeps.pop(reader, None)
        if not isinstance(event, Checkpointed):
            self.listener(event)

    def lose(self, why: str) -> None:
        """Say that the session could not be taken up again."""
        lost = Lost(f"{why}; what was trained is lost, configure it anew")
        self.listener(Text.of(self.name, None, lost.message()))
        self.listener(Progress(self.name, "failed", 0, detail=lost.detail))

    def again(self) -> list[Command]:
        """The commands that bring the session to a new host."""
        seen = max((position.costs for position, _ in self.readers.values()), default=0)
        attached = [
            Attach(self.name, reader, *known, greet=False) for reader, known in self.readers.items()
        ]
        return [
            Open(self.name, self.kind, self.latest, self.plan, replay_to=seen),
            *attached,
            *self.sweeps.values(),
        ]


class Driver:
    """Drives one host, and replaces it when it is gone."""

    def __init__(self, connect: Callable[[], Awaitable[Line]], work: Tally, name: str) -> None:
        self._connect = connect
        self._work = work
        self._line: Line | None = None
        self._placed: dict[str, Placed] = {}
        self._first: list[Command] = []
        """Commands that no session waits for: they go before all others."""
        self._under_way: list[Command] | None = None
        """Those of the round whose events are not all delivered."""
        self._room = asyncio.Condition()
        self._bell = asyncio.Event()
        self._answers: dict[int, Future] = {}
        self._wake: float | None = None
        self._silent_since: float | None = None
        """Since when there is no host, or a round is under way."""
        self.background = Background(name, self._drive)
        self._failures = 0
        """Of hosts in a row that did not come up, or did not last."""
        self._connected_at = 0.0
        self.restarts = 0
        self.came_up = False
        """Whether a host was ever there."""

    @property
    def ready(self) -> bool:
        """Whether the host is there and answers, or has been away for no more than a moment."""
        return self.came_up and self.background.running and self._silent < SILENCE_SECONDS

    @property
    def _silent(self) -> float:
        """Seconds without a sign of the host."""
        since = self._silent_since
        return 0.0 if since is None else asyncio.get_running_loop().time() - since

    @property
    def pending(self) -> int:
        """How many commands wait for a round."""
        return sum(len(placed.waiting) for placed in self._placed.values())

    @property
    def load(self) -> int:
        """How many sessions this driver has."""
        return len(self._placed)

    def start(self) -> None:
        """Begin to drive; the host may still be on its way."""
        self._silent_since = asyncio.get_running_loop().time()
        self.background.start()

    async def stop(self) -> None:
        """End the host."""
        await self.background.stop()
        if self._line is not None:
            await self._line.close()
            self._line = None
        for answer in self._answers.values():
            answer.cancel()

    # -- commands ---------------------------------------------------------------------------

    def open(self, placed: Placed) -> None:
        """Take a session in."""
        self._placed[placed.name] = placed
        self.put(Open(placed.name, placed.kind, placed.latest, placed.plan))

    def close(self, session: str) -> None:
        """Let a session go."""
        if (placed := self._placed.pop(session, None)) is not None and not placed.aside:
            self._drop(placed)

    def _drop(self, placed: Placed) -> None:
        """Take a session out of its host."""
        for question in placed.waiting:
            if isinstance(question, Question):
                self._settle(question.ticket, None)
        there = not any(isinstance(command, Open) for command in placed.waiting)
        placed.waiting.clear()
        if there:
            self._first.append(Close(placed.name))
            self._bell.set()

    async def send(self, command: Tell) -> None:
        """Queue a message; waits while the session has too many of them."""
        placed = self._placed.get(command.session)
        if placed is not None and len(placed.waiting) >= MOST_WAITING:
            async with self._room:
                await self._room.wait_for(lambda: self._has_room(command.session))
        self.put(command)

    def _has_room(self, session: str) -> bool:
        placed = self._placed.get(session)
        return placed is None or len(placed.waiting) < MOST_WAITING

    async def ask(self, question: Question) -> Reply:
        """What the session's host answers; None if there is no answer.

        Raises:
            NotReady: it does not answer in time.
            Full: too much waits for it already.
        """
        placed = self._placed.get(question.session)
        if placed is None or placed.aside:
            return None
        if len(placed.waiting) >= MOST_WAITING:
            raise Full("too much is asked of this session at once; ask again in a moment", 1)
        try:
            return await self._answer(question, ANSWER_SECONDS)
        except TimeoutError:
            raise NotReady(
                "the worker that trains this does not answer just now; try again in a moment"
            ) from None

    async def flush(self, ticket: int) -> frozenset[str]:
        """Bring every checkpoint up to now; the names of the sessions where that succeeded."""
        with contextlib.suppress(TimeoutError):
            answer = await self._answer(Flush(ticket), FLUSH_SECONDS)
            return answer if isinstance(answer, frozenset) else frozenset()
        return frozenset()

    async def _answer(self, question: Question | Flush, patience: float) -> Reply:
        answer: Future = asyncio.get_running_loop().create_future()
        self._answers[question.ticket] = answer
        if isinstance(question, Flush):
            self._first.append(question)
            self._bell.set()
        else:
            self.put(question)
        try:
            async with asyncio.timeout(patience):
                return await answer
        finally:
            del self._answers[question.ticket]
            self._withdraw(question)

    def _withdraw(self, question: Question | Flush) -> None:
        """Nobody waits for the answer any more: if the question waits still, it is dropped."""
        if isinstance(question, Flush):
            queue: Any = self._first
        else:
            placed = self._placed.get(question.session)
            queue = placed.waiting if placed is not None else ()
        if question in queue:
            queue.remove(question)

    def latest(self, session: str) -> Latest | None:
        """The session at its latest checkpoint."""
        placed = self._placed.get(session)
        return placed.latest if placed else None

    def put(self, command: Open | Attach | Detach | Tell | Question) -> None:
        """Queue a command of a session that is here."""
        placed = self._placed.get(command.session)
        if placed is not None and not placed.aside:
            placed.send(command)
            self._bell.set()

    # -- rounds -----------------------------------------------------------------------------

    async def _drive(self) -> None:
        loop = asyncio.get_running_loop()
        if self._under_way is not None:
            await self._replace(LineBroken("its driver was interrupted"))
        while True:
            if self._line is None:
                self._line = await self._connected()
            self._silent_since = None
            await self._until_due()
            commands = self._under_way = await self._next_commands()
            start = self._silent_since = loop.time()
            try:
                events, self._wake = await self._line.exchange(commands)
            except LineBroken as broken:
                await self._replace(broken)
                continue
            self._work.round_took(loop.time() - start)
            for event in events:
                self._take(event)
            self._under_way = None

    async def _connected(self) -> Line:
        """A host, as soon as one comes up."""
        while True:
            await asyncio.sleep(PAUSES[min(self._failures, len(PAUSES) - 1)])
            try:
                line = await self._connect()
            except Exception as error:
                self._failures += 1
                level = logging.WARNING if self._failures < len(PAUSES) else logging.DEBUG
                log.log(level, "a training host did not come up (%r); trying again", error)
            else:
                self.came_up = True
                self._connected_at = asyncio.get_running_loop().time()
                log.info("a training host is up")
                return line

    async def _until_due(self) -> None:
        """Wait for the next round that is worth it."""
        loop = asyncio.get_running_loop()
        due = math.inf if self._wake is None else loop.time() + self._wake
        while not self._first and not any(self._may_go(now := loop.time())) and now < due:
            soonest = min((p.sits_out_until for p in self._waiting), default=math.inf)
            wait = min(due, soonest) - now
            self._bell.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._bell.wait(), None if wait == math.inf else wait)

    @property
    def _waiting(self) -> Iterable[Placed]:
        return (placed for placed in self._placed.values() if placed.waiting)

    def _may_go(self, now: float) -> Iterable[Placed]:
        return (placed for placed in self._waiting if placed.sits_out_until <= now)

    async def _next_commands(self) -> list[Command]:
        """What is to be carried out in the next round."""
        now = asyncio.get_running_loop().time()
        async with self._room:
            commands, self._first = self._first, []
            for placed in self._may_go(now):
                commands += placed.next_commands()
            self._room.notify_all()
        return commands

    def _take(self, event: Event | Worked) -> None:
        if isinstance(event, Worked):
            self._work.iterations += event.iterations
            now = asyncio.get_running_loop().time()
            for name, seconds in event.sits_out.items():
                if (placed := self._placed.get(name)) is not None:
                    placed.sits_out_until = now + seconds
            return
        if isinstance(event, Answer):
            self._settle(event.ticket, event.value)
            return
        self._work.frames += isinstance(event, Frame)
        placed = self._placed.get(event.session)
        if placed is None or placed.aside:
            return
        try:
            placed.take(event)
        except Exception:
            log.exception("what came of session %.6s could not be delivered", placed.name)
            self._set_aside(placed, "what came of this session could not be delivered")

    def _settle(self, ticket: int, value: Reply) -> None:
        answer = self._answers.get(ticket)
        if answer is not None and not answer.done():
            answer.set_result(value)

    def _set_aside(self, placed: Placed, why: str) -> None:
        """End a session that does harm; the others go on."""
        placed.aside = True
        self._drop(placed)
        try:
            placed.lose(why)
        except Exception:
            log.exception("session %.6s could not be told that it is lost", placed.name)

    async def _replace(self, broken: LineBroken) -> None:
        """Bring the sessions of a host that is gone to a new one.

        Nobody has heard anything of the broken round, so its commands are carried out again, on the
        checkpoints from before it.
        """
        log.warning("a training host was lost (%s); starting another", broken)
        commands = self._under_way or []
        if self._line is not None:
            await self._end(self._line)
        self._line = None
        self.restarts += 1
        lasted = asyncio.get_running_loop().time() - self._connected_at
        self._failures = self._failures + 1 if lasted < SHORT_LIFE else 0
        self._suspect(broken.serving)
        self._first = [c for c in (*commands, *self._first) if isinstance(c, Flush)]
        for placed in self._placed.values():
            if placed.aside:
                continue
            theirs = [c for c in commands if not isinstance(c, Flush) and c.session == placed.name]
            kept = [c for c in (*theirs, *placed.waiting) if not isinstance(c, Open)]
            placed.waiting = deque([*placed.again(), *kept])
            placed.sits_out_until = 0.0
        self._under_way = None

    async def _end(self, line: Line) -> None:
        try:
            await line.close()
        except Exception:
            log.exception("a training host that was lost could not be put away")

    def _suspect(self, session: str) -> None:
        """Once may be chance; twice within a minute it is the session."""
        if (placed := self._placed.get(session)) is None:
            return
        now = asyncio.get_running_loop().time()
        if now - placed.broke_line_at < SUSPICION_SECONDS:
            log.error("session %.6s broke its training host twice, and is set aside", session)
            self._set_aside(placed, "the worker that trained this session died of it twice")
        placed.broke_line_at = now


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
    ) -> None:
        """Place a session where it can train, if it can anywhere.

        Args:
            latest: As it was kept, if it was.
            plan: What it begins to play at once; without either it is empty.
        """
        driver = min(self._drivers, key=lambda driver: (not driver.ready, driver.load))
        self._where[session] = driver
        driver.open(Placed(session, kind, listener, latest, plan))

    async def send(self, command: Tell) -> None:
        """Pass a message on; waits while the session's queue is full."""
        if (driver := self._where.get(command.session)) is not None:
            await driver.send(command)

    def put(self, command: Attach | Detach) -> None:
        """Let a reader look, or go; waits for nothing."""
        if (driver := self._where.get(command.session)) is not None:
            driver.put(command)

    async def progress(self, session: str) -> Progress | None:
        """How far its first run is; None if the session has gone, or was never configured.

        Raises:
            NotReady: its host does not answer in time. So do `model`, `fetch` and `snap`.
            Full: too much is asked of it.
        """
        return await self._ask(Ask(session, next(self._tickets), model=False), Progress)

    async def model(self, session: str) -> Model | None:
        """The network of its first run; None if it has gone, or was never configured."""
        return await self._ask(Ask(session, next(self._tickets), model=True), Model)

    async def fetch(self, session: str, run: int) -> Record | None:
        """All of one run; None if the session has gone, was never configured, or has no such."""
        return await self._ask(Fetch(session, next(self._tickets), run), Record)

    async def snap(self, session: str) -> Snapshot | None:
        """All of it; None if it has gone, was never configured, or is on its way elsewhere."""
        return await self._ask(Snap(session, next(self._tickets)), Snapshot)

    async def flush(self) -> frozenset[str]:
        """Bring the `latest` of every session up to now; the names of those where that succeeded.

        A session on its way to an iteration is not there yet, and a host may not answer.
        """
        names = await asyncio.gather(*(d.flush(next(self._tickets)) for d in self._drivers))
        return frozenset().union(*names)

    async def _ask(self, question: Question, kind: type[T]) -> T | None:
        driver = self._where.get(question.session)
        answer = await driver.ask(question) if driver else None
        return answer if isinstance(answer, kind) else None

    def close(self, session: str) -> None:
        """Forget the session."""
        if (driver := self._where.pop(session, None)) is not None:
            driver.close(session)

    def latest(self, session: str) -> Latest | None:
        """The session at its latest checkpoint; it goes on changing as newer ones come."""
        driver = self._where.get(session)
        return driver.latest(session) if driver else None
