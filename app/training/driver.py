"""Between the event loop and the hosts: queues of commands, one round under way at a time.

A driver talks to one host over a `Line` (a host in this process, or a worker's pipe). It passes
on what has been commanded since the last round, waits for what comes of it, and hands each event
to the session's listener. It remembers enough of its sessions to bring them to a new host when
the line breaks: their last checkpoints, and what their readers have been sent.

What if it is full: a session has at most `MOST_PENDING` commands waiting; whoever sends one more
waits, and so, over the socket, does the client.
"""

import asyncio
import contextlib
import itertools
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from app.errors import Lost
from app.schemas import Cancel, Configure, Sweep, View
from app.training.backend import (
    Answer,
    Ask,
    Attach,
    Close,
    Command,
    Detach,
    Event,
    Fetch,
    Flush,
    Frame,
    HostedState,
    Kept,
    Kind,
    Listener,
    Open,
    Position,
    Progress,
    Question,
    Reply,
    Result,
    Saved,
    Snap,
    Snapshot,
    Tell,
    Text,
    Work,
    Worked,
)
from app.training.session import Record

log = logging.getLogger(__name__)

MOST_PENDING = 64
MOST_DEATHS = 3
"""Lines that may break in a row before the sessions they carried are given up."""


Future = asyncio.Future[Reply]


class LineBroken(Exception):
    """The host at the other end is gone, or silent for too long."""


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


@dataclass
class Placed:
    """What the driver remembers of a session in its host."""

    name: str
    kind: Kind
    listener: Listener
    saved: Saved | None = None
    readers: dict[str, tuple[Position, View]] = field(default_factory=dict)
    sweeps: dict[str, Tell] = field(default_factory=dict)
    """Those under way, by reader: they begin again in a new host."""

    def send(self, command: Command) -> None:
        """Learn from a command on its way down."""
        match command:
            case Attach():
                self.readers[command.reader] = command.position, command.view
            case Detach():
                self.readers.pop(command.reader, None)
                self.sweeps.pop(command.reader, None)
            case Tell(message=Sweep()):
                self.sweeps[command.reader] = command
            case Tell(message=Cancel()):
                self.sweeps.pop(command.reader, None)
            case Tell(message=Configure()):
                self.sweeps.clear()
            case Tell(message=View() as view) if command.reader in self.readers:
                self.readers[command.reader] = self.readers[command.reader][0], view

    def take(self, event: Event) -> None:
        """Learn from an event on its way up, and pass on what is not for the driver alone."""
        match event:
            case Kept():
                self.keep(event.part)
            case Frame() if event.reader in self.readers:
                position = Position(event.iteration, event.number + 1, event.number)
                self.readers[event.reader] = position, self.readers[event.reader][1]
            case Text(message={"type": "swept" | "error"}, reader=str(reader)):
                self.sweeps.pop(reader, None)
        if not isinstance(event, Kept):
            self.listener(event)

    def keep(self, part: HostedState) -> None:
        """Add a newer checkpoint."""
        if self.saved is None:
            self.saved = Saved(part)
        self.saved.add(part)

    def lose(self) -> None:
        """Say that the session could not be taken up again."""
        lost = Lost(
            "the worker that trained this session died and it could not be taken up again; "
            "what was trained is lost, configure it anew"
        )
        self.listener(Text(self.name, None, lost.message()))
        self.listener(Progress(self.name, "failed", 0, detail=lost.detail))

    def attached(self, reader: str) -> Attach | None:
        """The command that brings a reader back to where it is."""
        if reader not in self.readers:
            return None
        return Attach(self.name, reader, *self.readers[reader], greet=False)

    def again(self) -> list[Command]:
        """The commands that bring the session to a new host."""
        told = max((position.costs for position, _ in self.readers.values()), default=0)
        return [
            Open(self.name, self.kind, self.saved, replay_to=told),
            *filter(None, map(self.attached, self.readers)),
            *self.sweeps.values(),
        ]


class Driver:
    """Drives one host, and replaces it when it is gone."""

    def __init__(self, connect: Callable[[], Awaitable[Line]], work: Work) -> None:
        self._connect = connect
        self._work = work
        self._line: Line | None = None
        self._placed: dict[str, Placed] = {}
        self._pending: list[Command] = []
        self._count: Counter[str] = Counter()
        self._room = asyncio.Condition()
        self._bell = asyncio.Event()
        self._answers: dict[int, Future] = {}
        self._wake: float | None = None
        self._task: asyncio.Task[None] | None = None
        self._deaths = 0
        self.restarts = 0
        self.came_up = False
        """Whether a host was ever there."""

    @property
    def ready(self) -> bool:
        """Whether the host is there."""
        return self._line is not None

    @property
    def pending(self) -> int:
        """How many commands wait for the next round."""
        return len(self._pending)

    @property
    def load(self) -> int:
        """How many sessions this driver has."""
        return len(self._placed)

    async def start(self) -> None:
        """Begin to drive; the host may still be on its way."""
        self._task = asyncio.create_task(self._drive())

    async def stop(self) -> None:
        """End the host."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self._line is not None:
            await self._line.close()
            self._line = None
        for answer in self._answers.values():
            answer.cancel()

    # -- commands ---------------------------------------------------------------------------

    def open(self, placed: Placed) -> None:
        """Take a session in."""
        self._placed[placed.name] = placed
        self._put(Open(placed.name, placed.kind, placed.saved))

    def close(self, session: str) -> None:
        """Let a session go."""
        if self._placed.pop(session, None) is not None:
            self._put(Close(session))

    async def send(self, command: Attach | Detach | Tell) -> None:
        """Queue a command; waits while the session has too many of them."""
        async with self._room:
            await self._room.wait_for(lambda: self._count[command.session] < MOST_PENDING)
            placed = self._placed.get(command.session)
            if placed is None:
                return
            placed.send(command)
            self._put(command)

    async def flush(self, ticket: int) -> frozenset[str]:
        """Bring every checkpoint up to now; the names of the sessions whose is."""
        answer = await self._answer(Flush(ticket))
        return answer if isinstance(answer, frozenset) else frozenset()

    async def ask(self, question: Question) -> Reply:
        """What the session's host answers; None if there is nothing to tell."""
        return await self._answer(question) if question.session in self._placed else None

    async def _answer(self, question: Question | Flush) -> Reply:
        answer: Future = asyncio.get_running_loop().create_future()
        self._answers[question.ticket] = answer
        self._put(question)
        try:
            return await answer
        finally:
            del self._answers[question.ticket]

    def saved(self, session: str) -> Saved | None:
        """What is kept of the session."""
        placed = self._placed.get(session)
        return placed.saved if placed else None

    def _put(self, command: Command) -> None:
        self._pending.append(command)
        if not isinstance(command, Flush):
            self._count[command.session] += 1
        self._bell.set()

    # -- rounds -----------------------------------------------------------------------------

    async def _drive(self) -> None:
        commands: list[Command] = []
        while True:
            try:
                if self._line is None:
                    self._line = await self._connect()
                    self.came_up = True
                    log.info("a training host is up")
                await self._until_due()
                async with self._room:
                    commands, self._pending = self._pending, []
                    self._count.clear()
                    self._bell.clear()
                    self._room.notify_all()
                start = time.perf_counter()
                events, self._wake = await self._line.exchange(commands)
                self._work.round_took(time.perf_counter() - start)
            except LineBroken as broken:
                await self._replace(commands, broken)
                commands = []
                continue
            self._deaths, commands = 0, []
            for event in events:
                self._take(event)

    async def _until_due(self) -> None:
        """Wait for the next round that is worth it."""
        if self._pending:
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._bell.wait(), self._wake)

    def _take(self, event: Event | Worked) -> None:
        if isinstance(event, Worked):
            self._work.iterations += event.iterations
            return
        self._work.frames += isinstance(event, Frame)
        if isinstance(event, Answer):
            answer = self._answers.get(event.ticket)
            if answer is not None and not answer.done():
                answer.set_result(event.value)
        elif (placed := self._placed.get(event.session)) is not None:
            placed.take(event)

    async def _replace(self, commands: Sequence[Command], broken: LineBroken) -> None:
        """Bring the sessions of a host that is gone to a new one.

        Nothing of the broken round was told to anyone, so its commands are carried out again,
        after the checkpoints from before it.
        """
        line, self._line = self._line, None
        if line is not None:
            await line.close()
        self.restarts += 1
        self._deaths += 1
        log.warning("a training host was lost (%s); starting another", broken)
        flushes = [c for c in (*commands, *self._pending) if isinstance(c, Flush)]
        if self._deaths >= MOST_DEATHS:
            self._give_up()
            commands = []
        again = [command for placed in self._placed.values() for command in placed.again()]
        opened_anew = {command.session for command in again}
        self._pending = [
            *again,
            *flushes,
            *(
                command
                for command in (*commands, *self._pending)
                if not isinstance(command, Open)
                and not isinstance(command, Flush)
                and command.session in opened_anew
            ),
        ]
        if self._deaths > 1:
            await asyncio.sleep(0.2 * self._deaths)

    def _give_up(self) -> None:
        """Sessions that host after host has died with are lost; say so."""
        for placed in list(self._placed.values()):
            del self._placed[placed.name]
            placed.lose()
        for answer in self._answers.values():
            if not answer.done():
                answer.set_result(None)
        self._pending, self._deaths = [], 0


class Drivers:
    """A `TrainingBackend` of one or more drivers; a new session goes to the least loaded."""

    def __init__(self, connections: Iterable[Callable[[], Awaitable[Line]]]) -> None:
        self.work = Work()
        self._drivers = [Driver(connect, self.work) for connect in connections]
        self._where: dict[str, Driver] = {}
        self._tickets = itertools.count()

    async def start(self) -> None:
        """Begin; returns as soon as commands are taken."""
        await asyncio.gather(*(driver.start() for driver in self._drivers))

    async def stop(self) -> None:
        """End, with everything that was started."""
        await asyncio.gather(*(driver.stop() for driver in self._drivers))

    @property
    def ready(self) -> bool:
        """Whether every host came up once, and one is there now.

        Sessions are placed on all of them, so one that has not come up yet would keep its own
        waiting; one that is being replaced is back in a second.
        """
        drivers = self._drivers
        return all(d.came_up for d in drivers) and any(d.ready for d in drivers)

    @property
    def pending(self) -> int:
        """How many commands wait for the next round of their host."""
        return sum(driver.pending for driver in self._drivers)

    @property
    def worker_restarts(self) -> int:
        """How many hosts were replaced."""
        return sum(driver.restarts for driver in self._drivers)

    def open(
        self, session: str, kind: Kind, listener: Listener, saved: Saved | None = None
    ) -> None:
        """Place a new session, or one that was saved."""
        driver = min(self._drivers, key=lambda driver: driver.load)
        self._where[session] = driver
        driver.open(Placed(session, kind, listener, saved))

    async def send(self, command: Attach | Detach | Tell) -> None:
        """Pass a command on; waits while the session's queue is full."""
        if (driver := self._where.get(command.session)) is not None:
            await driver.send(command)

    async def ask(self, session: str) -> Result | None:
        """How the session is now; None if it has gone, or was never configured."""
        answer = await self._ask(Ask(session, next(self._tickets)))
        return answer if isinstance(answer, Result) else None

    async def fetch(self, session: str, run: int) -> Record | None:
        """All of one run; None if the session has gone, was never configured, or has no such."""
        answer = await self._ask(Fetch(session, next(self._tickets), run))
        return answer if isinstance(answer, Record) else None

    async def snap(self, session: str) -> Snapshot | None:
        """All of it; None if it has gone, was never configured, or is on its way elsewhere."""
        answer = await self._ask(Snap(session, next(self._tickets)))
        return answer if isinstance(answer, Snapshot) else None

    async def flush(self) -> frozenset[str]:
        """Bring what `saved` tells of every session up to now; the names of those it is true of."""
        told = await asyncio.gather(*(d.flush(next(self._tickets)) for d in self._drivers))
        return frozenset().union(*told)

    async def _ask(self, question: Question) -> Reply:
        driver = self._where.get(question.session)
        return await driver.ask(question) if driver else None

    def close(self, session: str) -> None:
        """Forget the session."""
        if (driver := self._where.pop(session, None)) is not None:
            driver.close(session)

    def saved(self, session: str) -> Saved | None:
        """What is kept of the session, up to its last checkpoint."""
        driver = self._where.get(session)
        return driver.saved(session) if driver else None
