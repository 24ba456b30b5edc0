"""A class without a server: a room, what is on its disk, and who has heard what."""

import json
import random
from collections import defaultdict
from typing import Any

from app.classroom import views
from app.classroom.codes import Mint
from app.classroom.commands import Come, Command, Gone, Join, Measured, OpenPage, Said, Tick
from app.classroom.events import (
    Dismiss,
    Ended,
    Event,
    Fresh,
    FreshMember,
    FreshStudent,
    Joined,
    Tell,
    Write,
)
from app.classroom.messages import OF_MEMBERS, OF_TEACHERS
from app.classroom.room import Room
from app.classroom.state import Now
from app.classroom.turn import Around
from app.conditions import Facts
from app.content.lessons import LESSONS, lessons_of
from app.schemas import Message, Plan, parse_message

Json = dict[str, Any]
LESSONS_THERE = lessons_of(LESSONS)
START = 1_000.0
WALL = 1_800_000_000.0
CIRCLE = Plan.model_validate({}).points_key


class SeededRandom:
    """The same again from the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def choice(self, signs: str) -> str:
        return self._random.choice(signs)

    def token(self, size: int) -> str:
        return self._random.randbytes(size).hex()


def members_message(text: str | bytes) -> Message:
    return parse_message(text, OF_MEMBERS, OF_MEMBERS)


def teachers_message(text: str | bytes) -> Message:
    return parse_message(text, OF_TEACHERS, OF_TEACHERS)


def facts(**changes: Any) -> Facts:
    """Of a run on the page's own points, in the middle of its training."""
    so: Json = {
        "iteration": 100,
        "train_cost": 0.3,
        "test_cost": 0.35,
        "train_accuracy": 0.9,
        "test_accuracy": 0.85,
        "ended": None,
        "dataset": "circle",
        "layers": ((4, "tanh"),),
        "scheme": "small_random",
        "scale": 0.01,
        "learning_rate": 0.3,
        "optimizer": "gradient_descent",
        "points": CIRCLE,
    }
    return Facts(**(so | changes))


class Class:
    """A room with its teacher, on a clock that only the test turns.

    Attributes:
        disk: What is written, as the store would have it.
        heard: Of each connection what it was sent, as JSON.
        closed: Of each connection that was closed the code, and the error's.
    """

    def __init__(self, *, teacher: bool = True) -> None:
        self.clock = START
        self.around = Around(Mint(b"key", SeededRandom(1)), LESSONS_THERE)
        self.room, self.key, self.screen_key = Room.opened("room", "Year 12", self.around, self.now)
        self.disk = dict(self.room.rows)
        self.heard: dict[str, list[Json]] = defaultdict(list)
        self.closed: dict[str, tuple[int, str | None]] = {}
        self.secrets: dict[int, str] = {}
        self.over = False
        if teacher:
            self.do(OpenPage("teacher", self.key))

    @property
    def now(self) -> Now:
        return Now(self.clock, WALL + self.clock)

    def do(self, command: Command) -> list[Event]:
        """Carry out a command; what it brings is written, then sent, as a driver does."""
        events = self.room.handle(command, self.now)
        for index, event in enumerate(events):
            match event:
                case Write():
                    assert index == 0, "what is to be written comes first"
                    self.disk |= event.put
                    for key in event.dropped:
                        self.disk.pop(key, None)
                case Ended():
                    self.disk.clear()
                    self.over = True
                case Tell():
                    self.heard[event.connection].append(dict(event.message))
                case Dismiss():
                    error = event.error.code if event.error else None
                    self.closed[event.connection] = event.code, error
                case Fresh() | FreshStudent() | FreshMember():
                    self._send(event)
                case Joined():
                    self.secrets[event.member] = event.secret
        return events

    def _send(self, event: Fresh | FreshStudent | FreshMember) -> None:
        state = self.room.state
        for number, presence in state.presences.items():
            concerned = event == Fresh("students") or event == FreshStudent(number)
            if concerned and presence.connection:
                view = views.student_view(state, state.members[number])
                self.heard[presence.connection].append(view)
        for page in state.pages.values():
            screen = page.role == "screen"
            if isinstance(event, FreshMember):
                of = views.screen_member if screen else views.teacher_member
                self.heard[page.connection].append(of(state, event.member))
            elif event == Fresh("screens" if screen else "teachers"):
                whole = views.screen_view if screen else views.teacher_view
                self.heard[page.connection].append(whole(state, whole=False))

    def teach(self, type: str, connection: str = "teacher", **fields: Any) -> list[Event]:
        """A message of a teacher's page, as it comes over the wire."""
        message = teachers_message(json.dumps({"type": type, **fields}))
        return self.do(Said(connection, message))  # type: ignore[arg-type]

    def say(self, connection: str, type: str, **fields: Any) -> list[Event]:
        """A message of a member's page."""
        message = members_message(json.dumps({"type": type, **fields}))
        return self.do(Said(connection, message))  # type: ignore[arg-type]

    def joins(self, name: str | None = None, secret: str | None = None) -> Joined:
        """Somebody types the code."""
        (joined,) = (e for e in self.do(Join(name, secret)) if isinstance(e, Joined))
        return joined

    def comes(self, connection: str) -> int:
        """Somebody new joins, and their page is there."""
        joined = self.joins()
        self.do(Come(connection, joined.secret))
        return joined.member

    def run_is(self, member: int, **changes: Any) -> list[Event]:
        """A host has looked at a member's run."""
        return self.do(Measured(member, facts(**changes)))

    def goes(self, connection: str) -> list[Event]:
        return self.do(Gone(connection))

    def waits(self, seconds: float) -> list[Event]:
        """Time passes, with ticks when they are due."""
        end, events = self.clock + seconds, []
        while not self.over and (due := self.room.due()) <= end:
            self.clock = max(self.clock, due)
            events += self.do(Tick())
            assert self.room.state.over or self.room.due() > self.clock, "a tick leaves it due"
        self.clock = end
        return events

    @property
    def kept(self) -> dict[str, str]:
        """What the room would write, the teacher's absence as it is on the disk.

        Whoever takes up a room begins to count it, and need not write that.
        """
        rows = self.room.rows
        there, here = (json.loads(each["room"]) for each in (self.disk, rows))
        if there["alone_since"] is None and not self.room.state.teachers:
            here["alone_since"] = None
        return rows | {"room": json.dumps(here, separators=(",", ":"), ensure_ascii=False)}

    def crashes(self) -> None:
        """`kill -9`: another server takes up what is on the disk."""
        self.room = Room.restored(self.disk, self.around, self.now)

    # -- what is seen ---------------------------------------------------------------------

    def student(self, member: int) -> Json:
        return views.student_view(self.room.state, self.room.state.members[member])

    @property
    def teacher(self) -> Json:
        return views.teacher_view(self.room.state)

    @property
    def screen(self) -> Json:
        return views.screen_view(self.room.state)

    def of(self, member: int) -> Json:
        """What the teacher sees of a member."""
        return views.teacher_member(self.room.state, member)
