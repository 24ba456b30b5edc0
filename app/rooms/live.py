"""The rooms of this server: commands are carried out one by one, written, and only then told.

A single task does it, in rounds: it takes what has come, has the rooms carry it out, and writes
what that changes in one transaction. Only then is anybody answered, or told. So what a room has in
memory is on the disk whenever somebody looks at it, and thirty answers within a moment cost one
writing. If it can't be written, the rooms are as they were before the round, and who waits is told
so; what nobody waits for (somebody is gone, a run was looked at) is done again. What needs no
writing is done all the same: somebody who is in comes back, a teacher looks.

What if it is full: of commands at most `MOST_ASKED` wait, one more is refused (`busy`); a stream
says its next thing only when the last is answered. Rooms are bounded by a setting: an empty one
that has no teacher gives way; if there is none, or if an address has opened as many as it may, the
new one is refused.
"""

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from app.classroom.codes import Mint, read_code
from app.classroom.commands import Command, Gone, Measured
from app.classroom.errors import NoRoom, RoomFull
from app.classroom.events import Ended, Event, Unkept, Write
from app.classroom.room import Connections, Room
from app.classroom.rooms import NewRoom, Rooms
from app.classroom.state import Now
from app.content.lessons import Lesson
from app.errors import Busy, Elsewhere, GoingAway, NotStored, ShallowsError
from app.rooms.audience import Audience
from app.sessions.outbox import GOING_AWAY, Outbox
from app.sessions.owning import MOVED, Alone, Beyond
from app.sessions.wall import Wall
from app.settings import Settings
from app.store.classes import Changes, NotOurs, StoredRooms
from app.supervision import Background

log = logging.getLogger(__name__)

T = TypeVar("T")

MOST_ASKED = 5_000
MOST_AT_A_TIME = 200
"""Commands of one round."""
TURN_SECONDS = 0.02
"""Of the event loop, before others have a turn."""
WAIT_SECONDS = 3.0
"""That somebody waits for the rooms to be read from the store."""
IDLE_TRIES = 3
"""To do what changes nothing without what does."""
AGAIN_SECONDS = 0.25
"""Before what could not be written is tried again, and the log cut off another time."""


class Failed(Exception):
    """A command has met an error of the program, and may have changed half a room."""

    def __init__(self, asked: "Asked | None") -> None:
        super().__init__()
        self.asked = asked


@dataclass(eq=False)
class Asked:
    """A command, or a look at a room, and who waits for what comes of it.

    Attributes:
        act: Carries it out; changes rooms.
        look: Looks at what is there then, on the disk too; changes nothing.
        silent: Whether nobody waits for it; it is done again if it can't be written.
    """

    room: str | None
    act: Callable[[Now], Any] | None = None
    look: Callable[[Room], Any] | None = None
    answer: "asyncio.Future[Any] | None" = None
    silent: bool = False

    def done(self, result: Any) -> None:
        """Tell whoever waits."""
        if self.answer is not None and not self.answer.done():
            self.answer.set_result(result)

    def failed(self, error: Exception) -> None:
        """Tell whoever waits that it was not done."""
        if self.answer is not None and not self.answer.done():
            self.answer.set_exception(error)


@dataclass(frozen=True)
class Outcome:
    """What has come of a command, or of the time that passes."""

    asked: Asked | None
    id: str
    room: Room | None
    events: list[Event]
    result: Any

    @property
    def changes(self) -> bool:
        """Whether there is something to be written."""
        return self.room is None or any(
            isinstance(event, Write | Unkept | Ended) for event in self.events
        )


class Round:
    """What some commands have changed, until it is on the disk."""

    def __init__(self) -> None:
        self.before: dict[str, tuple[Room, Connections]] = {}
        self.begun: set[str] = set()
        """Rooms that were not there before."""
        self.changes: dict[str, Changes] = {}
        self.outcomes: list[Outcome] = []

    def touch(self, room: Room) -> None:
        """A room is about to change."""
        id = room.state.door.id
        if id not in self.before and id not in self.begun:
            self.before[id] = room, room.connections

    def begin(self, id: str, rows: Mapping[str, str]) -> None:
        """A room is there that was not."""
        self.begun.add(id)
        self.changes[id] = Changes(dict(rows))

    def take(self, asked: Asked | None, id: str, events: list[Event]) -> None:
        """What a command has changed."""
        for event in events:
            changes = self.changes.setdefault(id, Changes())
            if isinstance(event, Write):
                changes.add(event.put, event.dropped)
            elif isinstance(event, Unkept):
                changes.unkept.add(event.link)
            elif isinstance(event, Ended):
                changes.over = True
                changes.unkept.update(event.links)
        self.outcomes.append(Outcome(asked, id, self.before[id][0], events, events))


class LiveRooms:
    """Every room of this server, with its connections."""

    def __init__(
        self,
        stored: StoredRooms,
        lessons: Mapping[str, Lesson],
        settings: Settings,
        wall: Wall,
        owning: Alone,
    ) -> None:
        self._stored, self._settings, self._wall = stored, settings, wall
        self._owning = owning
        owning.when_lost["room"] = self._drop
        owning.when_fenced.append(self._part)
        owning.inherit["room"] = self.take_up
        owning.is_here["room"] = self.has
        self._taking: dict[str, asyncio.Task[None]] = {}
        self._mint = Mint(stored.key_for("rooms"))
        codes = owning.codes_elsewhere
        self._rooms = Rooms(self._mint, lessons, settings.max_rooms, others=codes)
        self._disk: dict[str, dict[str, str]] = {}
        """Of each room the rows that are on the disk."""
        self._owed: dict[str, set[str]] = {}
        """Of each room the keys that may be otherwise there: it is not known what was written."""
        self._audiences: dict[str, Audience] = {}
        self._asked: deque[Asked] = deque()
        self._news = asyncio.Event()
        self._loaded = asyncio.Event()
        if owning.several:
            self._loaded.set()  # each takes up those that are nobody's, as it finds them
        self._next: float | None = None
        """When somebody is to be told something that is new already."""
        self._was_cut = asyncio.Event()
        """Whether the store's log has nothing of rooms that are over."""
        self._going = False
        self.running = Background("rooms", self._run)
        wall.measured = self.measured

    # -- what is asked of them --------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._rooms)

    @property
    def connected(self) -> int:
        """How many connections they have in all."""
        return sum(map(len, self._audiences.values()))

    def has(self, id: str) -> bool:
        """Whether there is a room of that id; so it is of any that was, until they are read."""
        with contextlib.suppress(NoRoom):
            return self._rooms.of_id(id) is not None
        return not self._loaded.is_set()

    def is_anywhere(self, id: str) -> bool:
        """Whether this server or another has a room of that id."""
        return self.has(id) or self._owning.room_elsewhere(id)

    def has_code(self, typed: str) -> bool:
        """Whether there is a room, here or at another server, whose code somebody has typed."""
        with contextlib.suppress(NoRoom):
            return self._rooms.of_code(typed) is not None
        return read_code(typed) in self._owning.codes_elsewhere()

    def has_here(self, typed: str) -> bool:
        """Whether this server has the room whose code somebody has typed."""
        with contextlib.suppress(NoRoom):
            return self._rooms.of_code(typed) is not None
        return False

    def knows(self, typed: str, secret: str | None, claim: str | None) -> bool:
        """Whether the room of that code has let in whoever has this secret, or waits with it."""
        with contextlib.suppress(NoRoom):
            return self._rooms.of_code(typed).knows(secret, claim)
        return False

    async def of_code(self, typed: str) -> str:
        """The id of the room whose code somebody has typed.

        Raises:
            NoRoom: there is none.
        """
        await self.here()
        return self._rooms.of_code(typed).state.door.id

    async def open(self, title: str, client: str) -> NewRoom:
        """A new room; it is on the disk when this returns.

        Raises:
            RoomFull: there is no place for it.
            NotStored: it can't be written now.
            Elsewhere: of several servers this one can't begin anything now.
        """
        await self.here()
        whose, id = self._stored.client(client), self._rooms.new_id()
        most = self._settings.max_rooms_per_client

        def act(now: Now) -> NewRoom:
            if (theirs := self._rooms.opened_by(whose)) >= most:
                raise _too_many(theirs)
            return self._rooms.open(title, now, whose, id)

        try:
            await self._owning.open("room", id, client, lambda: most - 1)
        except Beyond as beyond:
            raise _too_many(beyond.have) from None
        try:
            new: NewRoom = await self._ask(Asked(None, act=act))
        except ShallowsError:
            if id not in self._owed:  # else it may be on the disk, and is taken out there first
                self._owning.release("room", id)
            raise
        return new

    async def do(self, id: str, command: Command) -> list[Event]:
        """Carry out a command; what it has changed is on the disk when this returns.

        Raises:
            NoRoom: there is no such room.
            ShallowsError: it can't be carried out; the room is as it was.
        """
        await self.here()
        events: list[Event] = await self._ask(self._command(id, command))
        return events

    async def look(self, id: str, look: Callable[[Room], T]) -> T:
        """What somebody sees of a room, as it is on the disk.

        Raises:
            NoRoom: there is no such room.
        """
        await self.here()
        seen: T = await self._ask(Asked(id, look=look))
        return seen

    async def rows(self, id: str) -> dict[str, str]:
        """All rows of a room, as they are on the disk.

        Raises:
            NoRoom: there is no such room.
        """
        return await self.look(id, lambda _: dict(self._disk[id]))

    async def unkeep(self, id: str, links: Iterable[str]) -> None:
        """Let go what was kept for a room that has ended meanwhile.

        Raises:
            NotStored: it can't be written now.
        """
        await self._stored.write({id: Changes(unkept=set(links))})

    async def forgotten(self) -> None:
        """Until nothing of a room that has ended is left anywhere, or for as long as one waits."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._was_cut.wait(), WAIT_SECONDS)

    def room(self, id: str) -> Room:
        """A room as it is in memory, for what decides about a message of a session.

        Raises:
            NoRoom: there is no such room.
        """
        return self._rooms.of_id(id)

    async def listen(self, id: str, outbox: Outbox) -> None:
        """A connection is there; it hears what the room has for it, once the room knows it.

        Raises:
            NoRoom: there is no such room.
        """
        await self.here()  # pages are back before the rooms are, if the server was away
        self._rooms.of_id(id)
        self._audiences.setdefault(id, Audience(self._news.set)).add(outbox)

    def gone(self, id: str, outbox: Outbox) -> None:
        """A connection is not there any more."""
        self._wall.close(outbox.name)
        if (audience := self._audiences.get(id)) is not None:
            audience.remove(outbox.name)
        self._put(self._command(id, Gone(outbox.name), silent=True))

    def measured(self, id: str, command: Measured) -> None:
        """A host has looked at a member's run."""
        self._put(self._command(id, command, silent=True))

    def _command(self, id: str, command: Command, *, silent: bool = False) -> Asked:
        def act(now: Now) -> list[Event]:
            return self._rooms.handle(id, command, now)

        return Asked(id, act=act, silent=silent)

    async def here(self) -> None:
        """Wait until the rooms are read from the store.

        Raises:
            NotStored: that takes too long.
        """
        if self._going:
            raise GoingAway
        if self._loaded.is_set():
            return
        try:
            await asyncio.wait_for(self._loaded.wait(), WAIT_SECONDS)
        except TimeoutError:
            raise NotStored("the rooms of this server can't be read just now") from None

    async def _ask(self, asked: Asked) -> Any:
        if self._going:
            raise GoingAway  # whoever asks may have waited for something else since it looked
        if len(self._asked) >= MOST_ASKED:
            raise Busy("the rooms of this server have too much to do; try again in a moment")
        asked.answer = asyncio.get_running_loop().create_future()
        self._put(asked)
        return await asked.answer

    def _put(self, asked: Asked) -> None:
        # What nobody waits for is bounded by the connections and the members there are.
        if not self._going and len(self._asked) < 2 * MOST_ASKED:
            self._asked.append(asked)
            self._news.set()

    # -- the task ---------------------------------------------------------------------------

    async def _run(self) -> None:
        while not self._loaded.is_set():
            try:
                await self._load()
            except NotStored:
                await asyncio.sleep(AGAIN_SECONDS)
        while True:
            await self._wait()
            await self._round()
            await self._tell()
            await self._cut()

    async def take_up(self, id: str) -> None:
        """Take up a room that no server has, or one that is lost.

        Raises:
            Elsewhere: another server has it.
            NotStored: it can't be read now.
        """
        if self.has(id):
            return
        if (task := self._taking.get(id)) is None:  # a class comes at once
            task = self._taking[id] = asyncio.create_task(self._take(id))
            task.add_done_callback(lambda _: self._taking.pop(id, None))
        await asyncio.shield(task)

    async def _take(self, id: str) -> None:
        try:
            await self._owning.take("room", id, None)
            rows, now = await self._stored.of(id), self._now()
            if not self._owning.holds("room", id):
                raise Elsewhere  # it was taken from here meanwhile
            if self.has(id):
                return
            room = self._rooms.restore(id, rows, now) if rows else None
        except BaseException:
            if not self.has(id):  # who has a room is the one that serves it
                self._owning.release("room", id)
            raise
        if room is None:
            self._owning.release("room", id)
            return
        self._disk[id] = rows
        self._owed[id] = {"room"}  # its code is noted with that
        self._wall.take_up(room)
        self._news.set()

    def _drop(self, id: str) -> None:
        """Another server has a room from now on; nothing more is written or said of it."""
        self._disk.pop(id, None)
        self._owed.pop(id, None)
        if not self.has(id):
            return
        room = self._rooms.of_id(id)
        self._rooms.forget(id)
        if (audience := self._audiences.pop(id, None)) is not None:
            audience.close(MOVED)
        self._wall.leave(room)

    def _part(self) -> None:
        """This server has to be silent for a while: everybody may go on at another."""
        for audience in self._audiences.values():
            audience.close(MOVED)

    async def _load(self) -> None:
        """Take up the rooms that the store has."""
        found = await self._stored.all()
        now = self._now()
        for id, rows in found.items():
            room = self._rooms.restore(id, rows, now)
            if room is None:
                log.warning("a room that another version has written is not taken up")
                continue
            self._disk[id] = rows
            self._wall.take_up(room)
        self._loaded.set()

    def _now(self) -> Now:
        return Now(self._stored.clock(), time.time())

    async def _wait(self) -> None:
        """Until there is something to do."""
        waits = [self._next - asyncio.get_running_loop().time()] if self._next is not None else []
        if (due := self._rooms.due()) is not None:
            waits.append(due - self._stored.clock())
        if self._owed or not self._was_cut.is_set():
            waits.append(AGAIN_SECONDS)
        with contextlib.suppress(TimeoutError):
            seconds = max(0.0, min(waits)) if waits else None
            await asyncio.wait_for(self._news.wait(), seconds)
        self._news.clear()

    async def _round(self) -> None:
        """Carry out what has come, write it, answer."""
        now = self._now()
        some = [self._asked.popleft() for _ in range(min(MOST_AT_A_TIME, len(self._asked)))]
        if self._asked:
            self._news.set()
        this = self._carried_out([asked for asked in some if asked.act is not None], now)
        if this is None:
            # What time brings has failed, and would again at once.
            await asyncio.sleep(AGAIN_SECONDS)
            this = Round()
        try:
            await self._write(this)
        except NotOurs as lost:
            # They are not here any more; all else is done again.
            self._undo(this, now, tried=False)
            for id in lost.rooms:
                self._drop(id)
            whose = {one.asked: one.id for one in this.outcomes}  # one that begins has no room yet
            gone = [asked for asked in some if whose.get(asked, asked.room) in lost.rooms]
            for asked in gone:
                asked.failed(Elsewhere())
            self._asked.extendleft(asked for asked in reversed(some) if asked not in gone)
            self._news.set()
            return
        except NotStored as error:
            self._undo(this, now)
            idle = self._without_a_disk(this, now)
            again = [asked for asked in some if asked.silent and asked not in idle]
            for asked in some:
                if asked.look is not None:
                    self._show(asked, asked.look)
                asked.failed(error)
            self._asked.extendleft(reversed(again))
            await asyncio.sleep(AGAIN_SECONDS)
            return
        except BaseException:
            self._undo(this, now)
            for asked in some:
                asked.failed(GoingAway())
            raise
        self._answer(this)
        for asked in some:
            if asked.look is not None:
                self._show(asked, asked.look)

    def _without_a_disk(self, this: Round, now: Now) -> list[Asked]:
        """Of a round that can't be written, do what changes nothing that is: who comes back, goes.

        What was acknowledged is there, and is seen. What else would be told is not.
        """
        for _ in range(IDLE_TRIES):
            asked = [one.asked for one in this.outcomes if one.asked and not one.changes]
            idle = [one for one in asked if not one.silent]
            there = self._carried_out(idle, now, ticks=False)
            if there is None:
                break
            if not any(one.changes for one in there.outcomes):
                self._answer(there)
                return idle
            # What came before it had changed that already.
            self._undo(there, now, tried=False)
            this = there
        return []

    def _show(self, asked: Asked, look: Callable[[Room], Any]) -> None:
        try:
            asked.done(look(self._rooms.of_id(asked.room or "")))
        except Exception as error:
            asked.failed(error)

    def _carried_out(self, some: list[Asked], now: Now, *, ticks: bool = True) -> Round | None:
        """What comes of commands; one at which the program fails is left out, as if never said.

        None if what time brings fails: then nobody's command counts.

        Args:
            ticks: Whether what is due by now is done, too.
        """
        while True:
            this = Round()
            try:
                self._carry_out(some, this, now, ticks)
            except Failed as failed:
                self._undo(this, now, tried=False)
                if failed.asked is None:
                    for asked in some:
                        asked.failed(ShallowsError("the rooms failed; their log says why"))
                    return None
                failed.asked.failed(ShallowsError("the room failed at this; its log says why"))
                some.remove(failed.asked)
            else:
                return this

    def _carry_out(self, some: Iterable[Asked], this: Round, now: Now, ticks: bool) -> None:
        for asked in some:
            assert asked.act is not None
            self._touch(asked.room, this)
            try:
                result = asked.act(now)
            except ShallowsError as error:
                asked.failed(error)
                continue
            except Exception as error:
                log.exception("a command of a room failed")
                raise Failed(asked) from error
            if isinstance(result, NewRoom):
                self._begin(asked, result, this)
            else:
                this.take(asked, asked.room or "", result)
        due = self._rooms.due() if ticks else None
        if due is not None and due <= now.clock:
            self._touch(None, this)
            try:
                passed = self._rooms.tick(now)
            except Exception as error:
                log.exception("the time of a room failed")
                raise Failed(None) from error
            for id, events in passed.items():
                this.take(None, id, events)

    def _touch(self, id: str | None, this: Round) -> None:
        """Note how a room is before it changes; None: any may."""
        if id is None:
            for room in self._rooms:
                this.touch(room)
            return
        with contextlib.suppress(NoRoom):
            this.touch(self._rooms.of_id(id))

    def _begin(self, asked: Asked, new: NewRoom, this: Round) -> None:
        id = new.room.state.door.id
        this.begin(id, new.rows)
        if new.gone is not None:
            this.take(None, *new.gone)
        this.outcomes.append(Outcome(asked, id, None, [], new))

    async def _write(self, this: Round) -> None:
        """Bring it to the disk, with what may be otherwise there since an earlier try failed."""
        changes = {id: Changes() for id in self._owed}
        for id, keys in self._owed.items():
            there = self._disk.get(id)
            if there is None:
                changes[id].over = True
                continue
            put = {key: there[key] for key in keys if key in there}
            changes[id].add(put, frozenset(keys - put.keys()))
        for id, new in this.changes.items():
            if new.over:
                changes[id] = new
            else:
                all_of_it = changes.setdefault(id, Changes())
                all_of_it.add(new.put, frozenset(new.dropped))
                all_of_it.unkept |= new.unkept
        changes = {id: new for id, new in changes.items() if new.is_any}
        if not changes:
            return
        if self._owning.several:
            for id, new in changes.items():
                if not new.over and self.has(id):
                    new.code = self._rooms.of_id(id).state.door.code
        try:
            await self._stored.write(changes)
        except NotStored:
            if any(new.is_any for new in this.changes.values()):
                raise
            return  # nothing is new: who only comes or looks waits for no disk
        self._owed.clear()
        for id, new in changes.items():
            if new.over:
                self._disk.pop(id, None)
                self._owning.release("room", id)
                self._was_cut.clear()
                continue
            rows = self._disk.setdefault(id, {})
            for key in new.dropped:
                rows.pop(key, None)
            rows.update(new.put)

    def _undo(self, this: Round, now: Now, *, tried: bool = True) -> None:
        """The rooms are as they were.

        Args:
            tried: Whether it was to be written: then it is not known what the disk has of it.
        """
        for id, new in this.changes.items() if tried else ():
            keys = {"room"} | new.put.keys() | new.dropped
            if new.over:
                keys |= self._disk.get(id, {}).keys()
            self._owed.setdefault(id, set()).update(keys)
        for id in this.begun:
            self._rooms.forget(id)
        for id, (room, connections) in this.before.items():
            if id not in self._disk:
                continue  # another server has it meanwhile
            room.back_to(self._disk[id], connections, now)
            self._rooms.put_back(room)

    def _answer(self, this: Round) -> None:
        """It is on the disk: answer, and note who is to hear what."""
        for outcome in this.outcomes:
            try:
                self._pass_on(outcome)
            except Exception:
                log.exception("what came of a command could not be passed on")
            if outcome.asked is not None:
                outcome.asked.done(outcome.result)

    def _pass_on(self, outcome: Outcome) -> None:
        if (audience := self._audiences.get(outcome.id)) is not None:
            audience.note(outcome.events)
        if outcome.room is not None:
            self._wall.heed(outcome.room, outcome.events)
        if any(isinstance(event, Ended) for event in outcome.events):
            self._audiences.pop(outcome.id, None)

    async def _tell(self) -> None:
        """Tell everybody what is new for them; others have a turn now and then."""
        loop = asyncio.get_running_loop()
        self._next, began = None, loop.time()
        for id, audience in list(self._audiences.items()):
            if not len(audience) or not self.has(id):
                self._audiences.pop(id, None)
                continue
            for later in audience.send(self._rooms.of_id(id).state, loop.time()):
                if later is not None:
                    self._next = min(later, self._next or later)
                elif loop.time() - began > TURN_SECONDS:
                    await asyncio.sleep(0)
                    began = loop.time()

    async def _cut(self) -> None:
        """After a room's end, have the store forget what its log still has."""
        if not self._was_cut.is_set():
            with contextlib.suppress(NotStored):
                if await self._stored.cut():
                    self._was_cut.set()

    # -- the end ----------------------------------------------------------------------------

    async def drain(self) -> None:
        """Take nothing in any more; everybody is told to come again, and what came is done."""
        self._going = True
        for audience in self._audiences.values():
            audience.close(GOING_AWAY)
        last = Asked("", look=lambda room: None, answer=asyncio.get_running_loop().create_future())
        self._asked.append(last)
        self._news.set()
        with contextlib.suppress(NoRoom):
            await last.answer  # type: ignore[misc]


def _too_many(rooms: int) -> RoomFull:
    return RoomFull(f"{rooms} rooms were opened from this address, as many as may be. End one.")
