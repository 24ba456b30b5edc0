"""A room as a state machine: commands in, events out, with the moment passed in. No I/O.

Whoever drives it hands in one command after the other, writes what comes first of the events
(`Write`, or `Ended`: all rows go), and only then sends the others. A command that can't be carried
out raises, and leaves the room as it was. A room that is over says nothing more.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from app.classroom import asking, doors, tasks, teaching
from app.classroom.bounds import (
    ALONE_SECONDS,
    HELD_ALONE_SECONDS,
    LONGEST_SECONDS,
    WAITED_SECONDS,
)
from app.classroom.commands import (
    Collect,
    Come,
    Command,
    End,
    Gone,
    Join,
    Linked,
    Measured,
    OpenPage,
    Redeem,
    Said,
    Tick,
)
from app.classroom.errors import NotYours, Over
from app.classroom.events import Ended, Event, Role
from app.classroom.messages import (
    Admit,
    Answer,
    Ask,
    Close,
    FromAMember,
    FromATeacher,
    Hand,
    Hold,
    Leave,
    Lock,
    Names,
    NewCode,
    NewKey,
    Pair,
    Push,
    Reduce,
    Refuse,
    Remove,
    Rename,
    Report,
    Reveal,
    SetTask,
    Spotlight,
    TakeLesson,
    Watch,
)
from app.classroom.rows import rows_of, state_of
from app.classroom.state import Door, Member, Now, Page, Reason, State
from app.classroom.turn import Around, Turn
from app.conditions import Condition

COMMANDS: Mapping[type[Any], Callable[[Turn, Any], None]] = {
    Join: doors.join,
    Collect: doors.collect,
    Come: doors.come,
    OpenPage: doors.open_page,
    Gone: doors.gone,
    Redeem: doors.redeem,
    Measured: tasks.measured,
    Linked: doors.linked,
}
MEMBERS: Mapping[type[FromAMember], Callable[[Turn, Member, Any], None]] = {
    Answer: asking.answer,
    Hand: doors.hand,
    Leave: doors.leave,
    Report: tasks.report,
}
TEACHERS: Mapping[type[FromATeacher], Callable[[Turn, str, Any], None]] = {
    Admit: doors.admit,
    Ask: asking.ask,
    Close: asking.close,
    Hold: teaching.hold,
    Lock: doors.lock,
    Names: teaching.names,
    NewCode: doors.new_code,
    NewKey: doors.new_key,
    Pair: doors.pair,
    Push: teaching.push,
    Reduce: teaching.reduce,
    Refuse: doors.refuse,
    Remove: doors.remove,
    Rename: doors.rename,
    Reveal: asking.reveal,
    SetTask: tasks.set_task,
    Spotlight: teaching.spotlight,
    TakeLesson: teaching.lesson,
    Watch: teaching.watch,
}


@dataclass(frozen=True)
class Connections:
    """Who is connected at a moment: pages of teachers and projectors, and of each member two."""

    pages: dict[str, Page]
    members: dict[int, tuple[str | None, str | None]]


class Room:
    """One room.

    Args:
        state: As it is; `opened` and `restored` make one.
        now: The moment.
    """

    def __init__(self, state: State, around: Around, now: Now) -> None:
        self.state = state
        self._around = around
        self._clock = now.clock

    @classmethod
    def opened(
        cls, id: str, title: str, around: Around, now: Now, client: str = ""
    ) -> "tuple[Room, str, str]":
        """A new room, its teacher's key and that of its projector; its rows are to be written."""
        mint = around.mint
        key, screen_key = mint.secret(), mint.secret()
        door = Door(
            id=id,
            code=mint.code(around.codes()),
            title=title,
            keys=[mint.digest("key", key)],
            screen_key=mint.digest("screen", screen_key),
            seed=mint.seed(),
            opened_at=now.clock,
            opened_wall=now.wall,
            client=client,
            alone_since=now.clock,
        )
        return cls(State(door), around, now), key, screen_key

    @classmethod
    def restored(cls, rows: Mapping[str, str], around: Around, now: Now) -> "Room":
        """The room of some rows, as the server starts.

        Raises:
            Unreadable: They are not of this program.
        """
        return cls(state_of(rows, now), around, now)

    @property
    def connections(self) -> Connections:
        """Who is connected, as it is now."""
        state = self.state
        here = {n: (who.connection, who.lab) for n, who in state.presences.items()}
        return Connections(dict(state.pages), here)

    def back_to(self, rows: Mapping[str, str], connections: Connections, now: Now) -> None:
        """The room is as it was: what has changed since could not be written.

        Args:
            rows: What is on the disk.
            connections: Of that time.
        """
        before, self.state = self.state, state_of(rows, now)
        for number in self.state.presences:
            presence = before.presences.get(number, self.state.presences[number])
            presence.connection, presence.lab = connections.members.get(number, (None, None))
            self.state.presences[number] = presence
        self.state.pages = connections.pages
        if self.state.teachers:
            self.state.door.alone_since = None

    @property
    def rows(self) -> dict[str, str]:
        """All that is kept of it."""
        return rows_of(self.state)

    @property
    def is_empty(self) -> bool:
        """Whether nobody is in and no teacher's page is connected."""
        return not self.state.members_in and not self.state.teachers

    def role_of(self, key: str) -> Role | None:
        """What a key opens; None if nothing."""
        return doors.role_of(self.state.door, self._around.mint, key)

    def knows(self, secret: str | None, claim: str | None) -> bool:
        """Whether somebody is in by this secret, or waits to be let in with this claim."""
        return doors.knows(self.state, self._around.mint, secret, claim)

    def member_of(self, connection: str) -> Member | None:
        """Whose page a connection is, or whose second session."""
        for number, presence in self.state.presences.items():
            if connection in (presence.connection, presence.lab):
                return self.state.members[number]
        return None

    def watched(self, member: int) -> list[list[Condition]]:
        """What a host is to look at for a member; it says at once when all of one list holds."""
        state = self.state
        if (found := state.members.get(member)) is None or found.standing != "in":
            return []
        return tasks.watched(state.tasks.values(), state.lesson, found)

    def handle(self, command: Command, now: Now) -> list[Event]:
        """Carry out a command.

        Raises:
            ShallowsError: It can't be carried out; the room is as it was.
        """
        if self.state.over is not None:
            if isinstance(command, Gone | Measured | Tick):
                return []
            raise Over
        # A clock that goes back counts nothing.
        self._clock = max(self._clock, now.clock)
        turn = Turn(self.state, Now(self._clock, now.wall), self._around)
        match command:
            case End():
                return self.end("ended")
            case Tick():
                return self._tick(turn)
            case Said():
                self._said(turn, command)
            case _:
                COMMANDS[type(command)](turn, command)
        return turn.events()

    def _said(self, turn: Turn, command: Said) -> None:
        """Each does what is theirs: whatever else a page says, it has no way in here."""
        connection, message = command.connection, command.message
        page = self.state.pages.get(connection)
        if isinstance(message, FromATeacher):
            if page is None or page.role != "teacher":
                raise NotYours
            TEACHERS[type(message)](turn, connection, message)
            return
        member = self.member_of(connection)
        if member is None or (act := MEMBERS.get(type(message))) is None:
            raise NotYours
        act(turn, member, message)

    def due(self) -> float:
        """When a `Tick` is to come at the latest, by the clock."""
        state, door = self.state, self.state.door
        times = [door.opened_at + LONGEST_SECONDS, *(c.until for c in state.claims.values())]
        if door.alone_since is not None:
            times.append(door.alone_since + ALONE_SECONDS)
            if state.held:
                times.append(door.alone_since + HELD_ALONE_SECONDS)
        # Only the first: this is asked often.
        times += [since + WAITED_SECONDS for since in islice(state.coming.values(), 1)]
        return min(times)

    def _tick(self, turn: Turn) -> list[Event]:
        state, door, clock = self.state, self.state.door, turn.now.clock
        if clock >= door.opened_at + LONGEST_SECONDS:
            return self.end("too_long")
        if door.alone_since is not None:
            if clock >= door.alone_since + ALONE_SECONDS:
                return self.end("alone")
            if state.held and clock >= door.alone_since + HELD_ALONE_SECONDS:
                teaching.let_go(turn)
        for claim in [claim for claim in state.claims.values() if clock >= claim.until]:
            del state.claims[claim.id]
            turn.drop(claim)
            turn.staff()
        doors.wait_no_longer(turn)
        return turn.events()

    def end(self, reason: Reason) -> list[Event]:
        """The room is over, and nothing of it is left here either."""
        state = self.state
        links = [member.link for member in state.members.values() if member.link is not None]
        empty = Door(state.door.id, "", "", [], "", 0, 0.0, 0.0)
        self.state = State(empty, over=reason)
        return [Ended(reason, tuple(links))]
