"""The wall of a class: what a room asks of its members' sessions, and what its pages see of them.

A room says what has happened (`heed`). The sessions of its members are held and let go; looked at
for what a task asks; and looked at about once a second, with a small picture if a wall is open.
What is seen is told the room (`measured`), and sent to its pages as tiles, those that are due
together in one message. A network that is opened on a page, or is in the spotlight, is sent as its
student has it.

What if it is full: a session has one look under way, and a member one tile, the newest. While the
server has all it can do there is at most one look for twenty frames, or `FEWEST` (a host
bounds the time that they take, too): tiles come later, students' frames do not. A page is sent
nothing while something waits for it, and at most `BYTES_PER_SECOND`; whose tile is oldest there
comes first. Of networks that are opened all pages of a room get at most `MOST_FRAMES` a tick.
"""

import asyncio
import itertools
import math
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

import msgpack

from app.classroom.commands import Measured
from app.classroom.events import (
    Ended,
    Entered,
    Event,
    Freed,
    Fresh,
    FreshMember,
    FreshStudent,
    Holding,
    Joined,
)
from app.classroom.room import Room
from app.sessions.interactive import InteractiveSessions
from app.sessions.opened import Opened
from app.sessions.outbox import Outbox
from app.supervision import Background
from app.training.messages import Glimpse
from app.training.workers.backend import Backend

TICK = 0.1
"""Seconds between two times that something is asked, or sent."""
EVERY, SELDOM = 1.0, 5.0
"""Seconds between two looks at a session: while a wall is open, and else."""
SLOWER, FEWEST = 1.6, 100.0
"""Looks are so many times more seldom at most, or this many a second, however busy the server is:
of 100 students there is one in 1.6 seconds, of 300 one in three."""
AGAIN = 10.0
"""Seconds after which a look is asked for again: it may have been lost with its session."""
OF_FRAMES = 1 / 20
BUSY = 0.75
"""The share of the time that hosts are in a round while the server has all it can do."""
SMOOTH = 0.1
"""The weight of the newest tick in what is known of the server."""
MOST_TILES = 40
"""In one message: it takes a millisecond to write."""
BYTES_PER_SECOND = 200_000.0
MOST_FRAMES = 8
FINEST = 64
"""Pixels across, of a tile."""

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Tile:
    """How a member's network was when it was looked at.

    Attributes:
        number: A newer tile has a higher one.
        setup: How it is set up; sent while it is new to a page.
    """

    number: int
    words: dict[str, Any]
    setup: Any


@dataclass(eq=False)
class Seat:
    """A member's session, as the class sees it."""

    member: int
    session: str
    asked_at: float = -math.inf
    waits: bool = False
    """Whether a look is under way."""
    hurries: bool = True
    """Whether the room is told at once what is said at once: that is so once between two looks."""
    tile: Tile | None = None


@dataclass(eq=False)
class Page:
    """A page with a wall."""

    connection: str
    outbox: Outbox
    resolution: int
    credit: float = BYTES_PER_SECOND
    """Bytes that it may be sent."""
    tiles: dict[int, int] = field(default_factory=dict)
    """Of each member the number of the tile that it has."""
    setups: dict[int, Any] = field(default_factory=dict)
    opened: dict[int, Opened] = field(default_factory=dict)


@dataclass(eq=False)
class Class:
    """A room, its members' sessions and its walls."""

    room: Room
    seats: dict[int, Seat] = field(default_factory=dict)
    labs: set[str] = field(default_factory=set)
    """Second sessions of all members."""
    pages: dict[str, Page] = field(default_factory=dict)

    @property
    def sessions(self) -> list[str]:
        """All of its sessions."""
        return [*(seat.session for seat in self.seats.values()), *self.labs]

    @property
    def every(self) -> float:
        """Seconds between two looks at a session."""
        return EVERY if self.pages else SELDOM

    @property
    def resolution(self) -> int | None:
        """Of the picture that is wanted."""
        return max((page.resolution for page in self.pages.values()), default=None)

    def opened_on(self, page: Page) -> Iterable[int]:
        """The members whose networks are opened on a page: by its teacher, or in the spotlight."""
        known = self.room.state.pages.get(page.connection)
        if known is None:
            return ()
        return known.watching if known.role == "teacher" else self.room.state.door.spotlight


class Pace:
    """How many looks there may be: all that are wanted, unless the server has all it can do."""

    def __init__(self) -> None:
        self._busy = self._frames = self._credit = 0.0

    def passed(self, seconds: float, frames: int, busy: float, wanted: float) -> None:
        """Since the last tick so many seconds have passed, and frames were sent.

        Args:
            busy: The share of that time that hosts were in a round.
            wanted: Looks a second.
        """
        self._busy += SMOOTH * (busy - self._busy)
        self._frames += SMOOTH * (frames / seconds - self._frames)
        rate = wanted
        if self._busy > BUSY:
            rate = min(wanted, max(self._frames * OF_FRAMES, min(wanted / SLOWER, FEWEST)))
        self._credit = min(self._credit + rate * seconds, max(1.0, 2 * rate * TICK))

    def take(self) -> bool:
        """Whether there may be another look."""
        if self._credit < 1:
            return False
        self._credit -= 1
        return True


class Wall:
    """What every room of this server asks of sessions, and what its pages see of them.

    Attributes:
        measured: Is told a room's id and what is to be told the room. Set by whoever has the rooms.
        background: The task that asks and sends.
    """

    def __init__(self, backend: Backend, sessions: InteractiveSessions) -> None:
        self.measured: Callable[[str, Measured], None] = lambda room, command: None
        self.background = Background("wall of classes", self._run)
        self._backend, self._sessions = backend, sessions
        self._classes: dict[str, Class] = {}
        self._where: dict[str, tuple[str, Seat | None]] = {}
        """By session: the room's id, and whose first session it is; second ones have no tile."""
        self._news: list[tuple[str, Measured]] = []
        """What the rooms are yet to be told: of each session a look, and what was at once."""
        self._somebody = asyncio.Event()
        self._pace = Pace()
        sessions.glimpsed = self._see

    # -- what rooms say ---------------------------------------------------------------------

    def take_up(self, room: Room) -> None:
        """A room has come back from the store: what was held stays held."""
        for member in room.state.members_in:
            self._seat(room, member.number, member.session)
            for lab in member.labs:
                self._add_lab(room, lab)

    def heed(self, room: Room, events: Iterable[Event]) -> None:
        """What has come of a command, as far as it concerns sessions."""
        if room.state.over is None:
            self._class_of(room)
        changed: set[int] = set()
        for event in events:
            match event:
                case Entered(lab=True):
                    self._add_lab(room, event.session)
                case Joined() | Entered():
                    self._seat(room, event.member, event.session)
                case Holding():
                    self._hold(self._class_of(room))
                case Freed():
                    self._free(event.session)
                case Ended():
                    self._end(room)
                case Fresh(to="students"):
                    changed |= self._class_of(room).seats.keys()
                case FreshStudent() | FreshMember():
                    changed.add(event.member)
        for member in changed:
            self._expect(room, member)

    def open(self, room: str, connection: str, outbox: Outbox, resolution: int) -> None:
        """A page has a wall; it has all tiles that there are at once."""
        if (there := self._classes.get(room)) is not None:
            there.pages[connection] = Page(connection, outbox, min(resolution, FINEST))
            for seat in there.seats.values():
                seat.asked_at, seat.waits = -math.inf, False

    def close(self, connection: str) -> None:
        """A page is gone, if it had a wall."""
        for there in self._classes.values():
            if (page := there.pages.pop(connection, None)) is not None:
                for opened in page.opened.values():
                    self._sessions.unwatch(opened.session, opened.reader)

    def _class_of(self, room: Room) -> Class:
        there = self._classes.setdefault(room.state.door.id, Class(room))
        self._somebody.set()
        return there

    def _seat(self, room: Room, member: int, session: str) -> None:
        there = self._class_of(room)
        seat = there.seats.get(member)
        if seat is None or seat.session != session:
            seat = there.seats[member] = Seat(member, session)
            self._where[session] = room.state.door.id, seat
        seat.asked_at, seat.waits = -math.inf, False
        self._sessions.hold(session, room.state.held)
        self._expect(room, member)

    def _expect(self, room: Room, member: int) -> None:
        seat = self._class_of(room).seats.get(member)
        if seat is not None:
            until = tuple(tuple(conditions) for conditions in room.watched(member))
            self._sessions.expect(seat.session, until)

    def _add_lab(self, room: Room, session: str) -> None:
        there = self._class_of(room)
        there.labs.add(session)
        self._where[session] = room.state.door.id, None
        self._sessions.hold(session, room.state.held)

    def _hold(self, there: Class) -> None:
        for session in there.sessions:
            self._sessions.hold(session, there.room.state.held)

    def _free(self, session: str) -> None:
        room, seat = self._where.pop(session, ("", None))
        self._sessions.free(session)
        if (there := self._classes.get(room)) is None:
            return
        there.labs.discard(session)
        if seat is not None:
            there.seats.pop(seat.member, None)
            for page in there.pages.values():
                page.tiles.pop(seat.member, None)
                page.setups.pop(seat.member, None)
                page.opened.pop(seat.member, None)

    def _end(self, room: Room) -> None:
        there = self._classes.pop(room.state.door.id, None)
        for session in there.sessions if there is not None else ():
            self._where.pop(session, None)
            self._sessions.free(session)

    def leave(self, room: Room) -> None:
        """Another server has the room: its sessions are wanted there."""
        there = self._classes.pop(room.state.door.id, None)
        for session in there.sessions if there is not None else ():
            self._where.pop(session, None)
            self._sessions.yield_up(session)

    # -- what is seen -----------------------------------------------------------------------

    def _see(self, glimpse: Glimpse) -> None:
        """A host has looked at a session."""
        room, seat = self._where.get(glimpse.session, (None, None))
        if room is None or seat is None:
            return
        facts, member = glimpse.facts, seat.member
        measured = Measured(member, facts, glimpse.playing, glimpse.experiment)
        self._news.append((room, measured))
        if glimpse.at_once:
            if seat.tile is None:
                seat.asked_at = -math.inf
            if seat.hurries:
                seat.hurries = False
                self._tell()
            return
        seat.waits, seat.hurries = False, True
        if glimpse.setup is not None:
            words = {
                "member": member,
                "iteration": facts.iteration,
                "cost": facts.train_cost,
                "test_cost": facts.test_cost,
                "train_accuracy": facts.train_accuracy,
                "test_accuracy": facts.test_accuracy,
                "playing": glimpse.playing,
                "ended": facts.ended,
                "boundary": glimpse.boundary,
            }
            seat.tile = Tile(next(_numbers), words, glimpse.setup)

    # -- the task ---------------------------------------------------------------------------

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            if not self._classes:
                self._somebody.clear()
                await self._somebody.wait()
            work = self._backend.work
            began, frames, rounds = loop.time(), work.frames, work.round_seconds
            await asyncio.sleep(TICK)
            passed = loop.time() - began
            busy = (work.round_seconds - rounds) / passed / max(1, self._backend.hosts)
            wanted = sum(len(there.seats) / there.every for there in self._classes.values())
            self._pace.passed(passed, work.frames - frames, busy, wanted)
            self._ask(began + passed)
            self._tell()
            for there in list(self._classes.values()):
                for page in list(there.pages.values()):
                    page.credit = min(BYTES_PER_SECOND, page.credit + BYTES_PER_SECOND * passed)
                self._show(there)
                for page in list(there.pages.values()):
                    if not page.outbox.waiting and page.credit > 0:
                        page.credit -= self._send(there, page)
                        await asyncio.sleep(0)

    def _ask(self, now: float) -> None:
        """Ask for looks at the sessions whose last is longest ago, as many as there may be."""
        seats = [
            (seat, there)
            for there in self._classes.values()
            for seat in there.seats.values()
            if now - seat.asked_at >= (AGAIN if seat.waits else there.every - TICK / 2)
        ]
        for seat, there in sorted(seats, key=lambda each: each[0].asked_at):
            if not self._pace.take():
                break
            seat.asked_at = now
            seat.waits = self._sessions.look(seat.session, there.resolution)

    def _tell(self) -> None:
        """Tell the rooms what was seen, in its order: what held for a moment is told, too."""
        news, self._news = self._news, []
        for room, measured in news:
            self.measured(room, measured)

    def _send(self, there: Class, page: Page) -> int:
        """Send a page tiles that it has not, first whose it has longest; how many bytes that is."""
        due = [
            (page.tiles.get(seat.member, 0), seat.member, seat.tile)
            for seat in there.seats.values()
            if seat.tile is not None and page.tiles.get(seat.member) != seat.tile.number
        ]
        if not due:
            return 0
        tiles = []
        for _, member, tile in sorted(due, key=itemgetter(0, 1))[:MOST_TILES]:
            page.tiles[member] = tile.number
            words = tile.words
            if page.setups.get(member) != tile.setup:
                page.setups[member] = tile.setup
                words = {**words, "setup": tile.setup}
            tiles.append(words)
        # The fastest deflating: more takes five times as long, for a tenth less.
        data = zlib.compress(msgpack.packb({"tiles": tiles}), 1)
        page.outbox.put(data)
        return len(data)

    def _show(self, there: Class) -> None:
        """Pass on what comes of networks that are opened on pages."""
        left = MOST_FRAMES
        for page in there.pages.values():
            wanted = {m for m in there.opened_on(page) if m in there.seats}
            for member in page.opened.keys() - wanted:
                gone = page.opened.pop(member)
                self._sessions.unwatch(gone.session, gone.reader)
            for member in wanted - page.opened.keys():
                page.opened[member] = Opened(member, there.seats[member].session)
            for opened in page.opened.values():
                opened.look(self._sessions)
                if left and not page.outbox.waiting and page.credit > 0:
                    page.credit -= opened.pass_on(self._sessions, page.outbox)
                    left -= opened.had is not None
