"""Who is connected to a room, and what is new for each: written when it is sent, and sent once.

What if it is full: nothing waits here but a mark for each connection, and the numbers of the
members of whom something is new; more than `MOST_MEMBER_MESSAGES` of them become one message. All
students of a room, and all its other pages, are sent at most `BYTES_PER_SECOND` each: however large
a room is, and however fast it changes, they hear the newest of it a little later. Who does not take
what is sent gets nothing more until it is taken, and then only how things are by then; the
connection itself is ended by whoever sends, when nothing is taken for long.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from app.classroom import views
from app.classroom.events import (
    DONE,
    Dismiss,
    Ended,
    Entered,
    Event,
    Fresh,
    FreshMember,
    FreshStudent,
    Opened,
    Tell,
)
from app.classroom.state import Reason, State
from app.sessions.outbox import Outbox

STAFF_SECONDS = 0.1
"""Between two times that a page of a teacher or a projector hears something."""
BYTES_PER_SECOND = 20_000_000.0
"""To all students of a room, or to all its other pages; a class of 400 is sent 400 times 2 kB."""
MOST_MEMBER_MESSAGES = 30
"""At a time; if more members have changed, all are sent in one message."""
MOST_WAITING = 24
"""Messages that a connection may have waiting when more is written for it."""
OVER: Mapping[Reason, str] = {
    "ended": "Your teacher has ended this room. Names and answers are deleted.",
    "alone": "This room has ended: its teacher was away for long. Names and answers are deleted.",
    "too_long": "This room has ended: it was open for a day. Names and answers are deleted.",
    "gave_way": "This room has ended: it was empty, and others needed its place.",
}


@dataclass(eq=False)
class Listener:
    """A connection, and what is new for it.

    Attributes:
        kind: Whose it is, once the room has said so.
        member: Whose page it is, of a student's.
        fresh: Whether its `room` is another one.
        whole: Whether that is sent with all members.
        members: Of whom something is new.
        seen: How members were written when it had all of them.
        next_at: Before that it hears nothing.
    """

    outbox: Outbox
    kind: Literal["student", "teacher", "screen"] | None = None
    member: int = 0
    fresh: bool = False
    whole: bool = False
    members: set[int] = field(default_factory=set)
    seen: object = None
    next_at: float = 0.0

    @property
    def is_stale(self) -> bool:
        """Whether there is something to tell it."""
        return self.fresh or bool(self.members)


class Audience:
    """All connections of one room."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._listeners: dict[str, Listener] = {}

    def __len__(self) -> int:
        return len(self._listeners)

    def add(self, outbox: Outbox) -> None:
        """A connection is there; what it is, the room will say."""
        self._listeners[outbox.name] = Listener(outbox)

    def remove(self, connection: str) -> None:
        """It is gone."""
        self._listeners.pop(connection, None)

    def note(self, events: Iterable[Event]) -> None:
        """What has come of a command, and is on the disk: send it, or mark for whom it is."""
        for event in events:
            match event:
                case Tell():
                    if (told := self._listeners.get(event.connection)) is not None:
                        told.outbox.text(dict(event.message))
                case Entered(lab=False):
                    if (page := self._listeners.get(event.connection)) is not None:
                        page.kind, page.member, page.fresh = "student", event.member, True
                case Opened():
                    if (page := self._listeners.get(event.connection)) is not None:
                        page.kind, page.fresh, page.whole = event.role, True, True
                case Dismiss():
                    self._dismiss(event)
                case Ended():
                    self._end(event)
                case Fresh() | FreshStudent() | FreshMember():
                    self._mark(event)

    def _dismiss(self, event: Dismiss) -> None:
        if (gone := self._listeners.pop(event.connection, None)) is not None:
            last = None if event.error is None else event.error.message()
            gone.outbox.close(event.code, last)

    def _end(self, event: Ended) -> None:
        message = {"type": "over", "reason": event.reason, "detail": OVER[event.reason]}
        for listener in self._listeners.values():
            listener.outbox.close(DONE, message)
        self._listeners.clear()

    def close(self, code: int) -> None:
        """The server ends: every connection may come again."""
        for listener in self._listeners.values():
            listener.outbox.close(code)

    def _mark(self, event: Fresh | FreshStudent | FreshMember) -> None:
        for listener in self._listeners.values():
            match event, listener.kind:
                case FreshMember(), "teacher" | "screen":
                    listener.members.add(event.member)
                case FreshStudent(), "student" if listener.member == event.member:
                    listener.fresh = True
                case Fresh(), str() as kind if event.to == f"{kind}s":
                    listener.fresh = True

    # -- sending ----------------------------------------------------------------------------

    def send(self, state: State, now: float) -> Iterator[float | None]:
        """Tell everybody what is new for them, as it is now.

        Gives something after each one, so that whoever calls can let others have a turn: None, or
        when the next one is to be told.
        """
        write, alike = Writing(state), Counter(each.kind for each in self._listeners.values())
        alike["teacher"] = alike["screen"] = alike["teacher"] + alike["screen"]
        for listener in list(self._listeners.values()):
            if not listener.is_stale or listener.kind is None:
                continue
            if listener.outbox.waiting > MOST_WAITING:
                listener.outbox.when_taken = self._wake
            elif now < listener.next_at:
                yield listener.next_at
            else:
                size = 0
                for text in self._new(listener, write):
                    listener.outbox.put(text)
                    size += len(text)
                rest = 0.0 if listener.kind == "student" else STAFF_SECONDS
                rest = max(rest, size * alike[listener.kind] / BYTES_PER_SECOND)
                listener.next_at = now + rest
                yield None

    def _new(self, listener: Listener, write: "Writing") -> Iterator[str]:
        """What is new for a connection; then nothing is."""
        if listener.kind == "student":
            if (text := write.student(listener.member)) is not None:
                yield text
        elif listener.kind is not None:
            many = len(listener.members) > MOST_MEMBER_MESSAGES
            whole = listener.whole or many or listener.seen != write.how_members_are_seen
            listener.seen = write.how_members_are_seen
            if listener.fresh or whole:
                yield write.room(listener.kind, whole)
            if not whole:
                for number in sorted(listener.members):
                    yield write.member(listener.kind, number)
        listener.fresh = listener.whole = False
        listener.members.clear()


class Writing:
    """Views of a room at one moment as JSON; what several are to hear is written once."""

    def __init__(self, state: State) -> None:
        self._state = state
        lesson = state.lesson
        self.how_members_are_seen = (state.door.names_shown, lesson and lesson.number)
        """If that changes, every member is written otherwise."""
        self._rooms: dict[tuple[str, bool], str] = {}
        self._members: dict[tuple[str, int], str] = {}

    def student(self, member: int) -> str | None:
        """The `room` of a student's page; None if they are not in any more."""
        found = self._state.members.get(member)
        return None if found is None else _json(views.student_view(self._state, found))

    def room(self, kind: Literal["teacher", "screen"], whole: bool) -> str:
        """The `room` of a teacher's page or a projector's."""
        if (kind, whole) not in self._rooms:
            view = views.teacher_view if kind == "teacher" else views.screen_view
            self._rooms[kind, whole] = _json(view(self._state, whole=whole))
        return self._rooms[kind, whole]

    def member(self, kind: Literal["teacher", "screen"], number: int) -> str:
        """The `member` of one."""
        if (kind, number) not in self._members:
            view = views.teacher_member if kind == "teacher" else views.screen_member
            self._members[kind, number] = _json(view(self._state, number))
        return self._members[kind, number]


def _json(view: dict[str, Any]) -> str:
    return json.dumps(view, allow_nan=False)
