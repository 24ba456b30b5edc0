"""Between the event loop and the hosts: queues of commands, one round under way at a time.

A driver talks to one host over a `Line` (a host in this process, a worker's pipe, or an actor of a
cluster). It passes on what has been commanded since the last round, waits for what comes of it, and
hands each event to the session's listener. It remembers enough of its sessions to bring them to
another host: their last checkpoints, and what their readers have been sent.

When the line breaks, other drivers take its sessions up at once, if there are any that can; else
they wait here for the next host. One that may have broken it waits here in any case, so that it
takes no second host with others in it down.

What ends alone: an event that can't be delivered, and a session whose work broke the line twice
within `SUSPICION_SECONDS`, end that session. A host that does not come up is started again and
again.

What if it is full: a session has at most `MOST_WAITING` commands waiting; whoever sends one more
waits, and so, over the socket, does the client. A round carries out at most `MOST_WEIGHT` of a
session's commands, and none while the host says that it sits out.
"""

import asyncio
import contextlib
import logging
import math
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Protocol

from app.errors import Full, NotReady
from app.supervision import Background
from app.training.checkpoints import Latest
from app.training.messages import (
    Answer,
    Ask,
    Close,
    Command,
    Event,
    Flush,
    Frame,
    Hold,
    OfSession,
    Open,
    Release,
    Released,
    Reply,
    Worked,
)
from app.training.workers.placed import SUSPICION_SECONDS, Placed
from app.training.workers.tally import Tally

log = logging.getLogger(__name__)

MOST_WAITING = 64
ANSWER_SECONDS = 2.5
"""For a host to answer a question."""
FLUSH_SECONDS = 0.8
"""For a host to send a checkpoint of all its sessions, when the server is about to end."""
SILENCE_SECONDS = 2.0
"""Seconds without a host, or without the answer to a round, until a driver is not ready."""
PAUSES = (0.0, 0.1, 0.3, 1.0)
"""Seconds before a host is asked for, by how many failed before it; the last one goes on."""
SHORT_LIFE = 2.0
"""Seconds; a host that has lasted longer has not failed."""


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

    @property
    def others(self) -> int:
        """How many sessions of other servers the same processor has."""

    @property
    def lost(self) -> bool:
        """Whether it is known that nobody answers there now, without a round that says so."""

    async def exchange(
        self, commands: Sequence[Command]
    ) -> tuple[list[Event | Worked], float | None]:
        """One round: what comes of the commands, and when to come again.

        Raises:
            LineBroken: nothing will come any more.
        """

    async def close(self) -> None:
        """End the host and wait until it has gone."""


class Questions:
    """Those that wait for an answer; a session may move to another driver before it comes."""

    def __init__(self) -> None:
        self._answers: dict[int, Future] = {}

    async def answer(self, ticket: int, patience: float) -> Reply:
        """Wait for it.

        Raises:
            TimeoutError: it has not come within `patience` seconds.
        """
        answer: Future = asyncio.get_running_loop().create_future()
        self._answers[ticket] = answer
        try:
            async with asyncio.timeout(patience):
                return await answer
        finally:
            del self._answers[ticket]

    def settle(self, ticket: int, value: Reply) -> None:
        """It has come."""
        answer = self._answers.get(ticket)
        if answer is not None and not answer.done():
            answer.set_result(value)

    def cancel(self) -> None:
        """None will come any more."""
        for answer in self._answers.values():
            answer.cancel()


class Driver:
    """Drives one host, and replaces it when it is gone.

    Args:
        find_place: Called with this driver and sessions of it that are in no host: those for which
            there is a better place are taken from here.
        lasting: Whether it is there as long as the server is: that is not ready without it.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[Line]],
        work: Tally,
        questions: Questions,
        name: str,
        find_place: Callable[["Driver", Sequence[Placed]], None],
        *,
        lasting: bool = True,
    ) -> None:
        self._connect = connect
        self._work, self._questions, self._find_place = work, questions, find_place
        self.lasting = lasting
        self.closing = False
        """Whether it takes no session any more, and its own are to leave."""
        self.doubtful = False
        """Whether its host may end soon: none comes to it while another driver takes them."""
        self._line: Line | None = None
        self._broken: list[Line] = []
        """Those that are yet to be put away."""
        self._placed: dict[str, Placed] = {}
        self._first: list[Command] = []
        """Commands that no session waits for: they go before all others."""
        self._under_way: list[Command] | None = None
        """Those of the round whose events are not all delivered."""
        self._bell = asyncio.Event()
        self._wake: float | None = None
        self._silent_since: float | None = None
        """Since when there is no host, or a round is under way."""
        self._name = name
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
    def connected(self) -> bool:
        """Whether there is a host."""
        return self._line is not None and not self._line.lost

    @property
    def open_to_all(self) -> bool:
        """Whether it may be given sessions of other drivers: its host is there, and answers."""
        return self.connected and self.ready and not self.closing

    @property
    def abandoned(self) -> bool:
        """Whether its host has been away for longer than anyone waits."""
        return not self.connected and not self.ready

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
        """How many sessions its host has or is to have, those of other servers too."""
        leaving = sum(placed.leaving for placed in self._placed.values())
        return len(self._placed) - leaving + (self._line.others if self._line is not None else 0)

    @property
    def sessions(self) -> Sequence[Placed]:
        """Those that are here."""
        return list(self._placed.values())

    def start(self) -> None:
        """Begin to drive; the host may still be on its way."""
        self._silent_since = asyncio.get_running_loop().time()
        self.background.start()

    async def stop(self) -> None:
        """End the host."""
        await self.background.stop()
        if self._line is not None:
            self._broken.append(self._line)
            self._line = None
        await self._put_away()

    # -- commands ---------------------------------------------------------------------------

    def open(self, placed: Placed) -> None:
        """Take a session in."""
        self._placed[placed.name] = placed
        self.put(Open(placed.name, placed.kind, placed.latest, placed.plan, held=placed.held))

    def adopt(self, placed: Placed) -> None:
        """Take a session in that comes from another driver, with all that waits for it."""
        self._placed[placed.name] = placed
        self._bell.set()

    def give(self, session: str) -> Placed:
        """A session that is in no host goes to another driver."""
        return self._placed.pop(session)

    def release(self, session: str, *, at_any_rate: bool = False) -> None:
        """Have a session go to a better place, as soon as its host lets it go."""
        placed = self._placed[session]
        if placed.aside or not placed.opened:  # it is in no host
            self._find_place(self, [placed])
        elif not placed.leaving:
            placed.leaving = True
            placed.waiting.append(Release(session, at_any_rate))
            self._bell.set()

    def close(self, session: str) -> None:
        """Let a session go."""
        if (placed := self._placed.pop(session, None)) is not None and not placed.aside:
            self._drop(placed)

    def _drop(self, placed: Placed) -> None:
        """Take a session out of its host."""
        for question in placed.waiting:
            if isinstance(question, Ask):
                self._questions.settle(question.ticket, None)
        there = placed.opened
        placed.waiting.clear()
        placed.taken.set()
        if there:
            self._first.append(Close(placed.name))
            self._bell.set()

    def full(self, session: str) -> Placed | None:
        """A session of which too much waits for another command; None if there is room."""
        placed = self._placed.get(session)
        return placed if placed is not None and len(placed.waiting) >= MOST_WAITING else None

    async def ask(self, question: Ask) -> Reply:
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
        self.put(question)
        try:
            return await self._questions.answer(question.ticket, ANSWER_SECONDS)
        except TimeoutError:
            raise NotReady(
                "the worker that trains this does not answer just now; try again in a moment"
            ) from None
        finally:
            # Nobody waits for the answer any more: if the question waits still, it is dropped.
            if question in placed.waiting:
                placed.waiting.remove(question)

    async def flush(self, ticket: int) -> frozenset[str]:
        """Bring every checkpoint up to now; the names of the sessions where that succeeded."""
        question = Flush(ticket)
        self._first.append(question)
        self._bell.set()
        try:
            answer = await self._questions.answer(ticket, FLUSH_SECONDS)
        except TimeoutError:
            return frozenset()
        finally:
            if question in self._first:
                self._first.remove(question)
        return answer if isinstance(answer, frozenset) else frozenset()

    def latest(self, session: str) -> Latest | None:
        """The session at its latest checkpoint."""
        placed = self._placed.get(session)
        return placed.latest if placed else None

    def put(self, command: OfSession) -> None:
        """Queue a command of a session that is here; one to hold it goes before all that waits."""
        placed = self._placed.get(command.session)
        if placed is not None and not placed.aside:
            if isinstance(command, Hold):
                placed.hold(command)
            else:
                placed.send(command)
            self._bell.set()

    # -- rounds -----------------------------------------------------------------------------

    async def _drive(self) -> None:
        loop = asyncio.get_running_loop()
        if self._under_way is not None:
            await self._replace(LineBroken("its driver was interrupted"))
        while True:
            await self._put_away()
            if self._line is None:
                self._line = await self._connected()
            self._silent_since = None
            await self._until_due()
            commands = self._under_way = self._next_commands()
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
                log.log(
                    level,
                    "%s: a training host did not come up (%r); trying again",
                    self._name,
                    error,
                )
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

    def _next_commands(self) -> list[Command]:
        """What is to be carried out in the next round."""
        now = asyncio.get_running_loop().time()
        commands, self._first = self._first, []
        for placed in self._may_go(now):
            commands += placed.next_commands()
        return commands

    def _take(self, event: Event | Worked) -> None:
        if isinstance(event, Worked):
            self._work.iterations += event.iterations
            now = asyncio.get_running_loop().time()
            for name, seconds in event.sits_out.items():
                if (placed := self._placed.get(name)) is not None:
                    placed.sits_out_until = now + seconds
            for name, tells in event.unkept.items():
                placed = self._placed.get(name)
                if placed is not None and placed.opened:  # else one of its name, before it
                    placed.unkept = tells
            return
        if isinstance(event, Answer):
            self._questions.settle(event.ticket, event.value)
            return
        self._work.frames += isinstance(event, Frame)
        placed = self._placed.get(event.session)
        if placed is None or placed.aside:
            return
        if isinstance(event, Released):
            self._released(placed, event)
            return
        try:
            placed.take(event)
        except Exception:
            log.exception("what came of session %.6s could not be delivered", placed.name)
            self._set_aside(placed, "what came of this session could not be delivered")

    def _released(self, placed: Placed, event: Released) -> None:
        placed.leaving = False
        placed.refusals = 0 if event.left else placed.refusals + 1
        if event.left:
            placed.unkept = event.unkept
            placed.begin_anew()
            self._find_place(self, [placed])

    def _set_aside(self, placed: Placed, why: str) -> None:
        """End a session that does harm; the others go on."""
        placed.aside = True
        self._drop(placed)
        try:
            placed.lose(why)
        except Exception:
            log.exception("session %.6s could not be told that it is lost", placed.name)

    async def _replace(self, broken: LineBroken) -> None:
        """Bring the sessions of a host that is gone to another one.

        Nobody has heard anything of the broken round, so its commands are carried out again, on the
        checkpoints from before it.
        """
        log.warning("%s has lost its training host (%s); starting another", self._name, broken)
        commands = self._under_way or []
        if self._line is not None:
            self._broken.append(self._line)
        self._line = self._wake = self._under_way = None
        self.restarts += 1
        lasted = asyncio.get_running_loop().time() - self._connected_at
        self._failures = self._failures + 1 if lasted < SHORT_LIFE else 0
        self._suspect(broken.serving)
        self._first = [c for c in (*commands, *self._first) if isinstance(c, Flush)]
        homeless = [placed for placed in self._placed.values() if not placed.aside]
        for placed in homeless:
            placed.begin_anew(commands)
        self._find_place(self, [each for each in homeless if each.name != broken.serving])
        await self._put_away()

    async def _put_away(self) -> None:
        """End what is left of hosts whose lines are broken."""
        while self._broken:
            try:
                await self._broken[-1].close()
            except Exception:
                log.exception("a training host that was lost could not be put away")
            self._broken.pop()

    def _suspect(self, session: str) -> None:
        """Once may be chance; twice within a minute it is the session."""
        if (placed := self._placed.get(session)) is None:
            return
        now = asyncio.get_running_loop().time()
        if now - placed.broke_line_at < SUSPICION_SECONDS:
            log.error("session %.6s broke its training host twice, and is set aside", session)
            self._set_aside(placed, "the worker that trained this session died of it twice")
        placed.broke_line_at = now
