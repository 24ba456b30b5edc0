"""Whatever a class does, in whatever order: what holds of a room at any moment."""

import json
from collections.abc import Collection
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)

from app.classroom import bounds, views
from app.classroom.commands import Collect, Come, End, Join, OpenPage, Redeem
from app.classroom.errors import Over
from app.classroom.events import (
    Ended,
    Entered,
    Event,
    Freed,
    Holding,
    Joined,
    KeyMade,
    Waiting,
)
from app.classroom.results import results_csv
from app.classroom.room import Room
from app.classroom.rows import rows_of
from app.errors import ShallowsError
from tests.app.classroom import Class

LINES = st.one_of(
    st.sampled_from(["Ada", "ada ", "calm otter", "ReLU", "", "x" * 90, "a\u202eb", "Zoë"]),
    st.text(max_size=30),
)
PICKS = st.integers(0, 7)
"""One of those that there are; the last one is none of them."""
NONE = 7
CONDITIONS = st.sampled_from(
    [
        {"quantity": "train_cost", "below": 0.3},
        {"quantity": "test_accuracy", "at_least": 0.9},
        {"quantity": "inspected", "equals": "point"},
        {"quantity": "dead", "layer": 1, "at_most": 0},
    ]
)
PARAMETERS = [{"weights": [[1], [1]], "biases": [0]}]
PLANS = st.sampled_from(
    [
        {"runs": [{}]},
        {"data": {"dataset": "xor"}, "runs": [{}, {}]},
        {"runs": [{"network": {"layers": [], "parameters": PARAMETERS}}]},
    ]
)
QUESTION = "Which, then?"
MOST_VIEW_BYTES = 100_000
"""Of a room with these few; a view of more grows with it, and no faster."""


class ClassInARoom(RuleBasedStateMachine):
    """A teacher, a projector and a few pages, all of which say whatever they like."""

    secrets = Bundle("secrets")
    claims = Bundle("claims")

    def __init__(self) -> None:
        super().__init__()
        self.room = Class()
        self.secret: set[str] = {self.room.key, self.room.screen_key}
        self.shown: dict[int, list[int]] = {}
        self.solved: dict[int, set[int]] = {}
        self.labs: dict[str, int] = {}
        """What a driver holds beside the members' own sessions, and whose it is."""

    def do(self, act: Any) -> list[Event]:
        """What comes of it; nothing if it is refused, and then the room is as it was."""
        state = self.room.room.state
        before = rows_of(state)
        try:
            events: list[Event] = act()
        except Over:
            assert self.room.over
            return []
        except ShallowsError as error:
            assert rows_of(state) == before
            json.dumps(error.message())
            return []
        self.secret |= {event.secret for event in events if isinstance(event, Joined)}
        for event in events:
            match event:
                case Entered(lab=True):
                    assert self.labs.setdefault(event.session, event.member) == event.member
                case Freed():
                    self.labs.pop(event.session, None)
                case Ended():
                    self.labs.clear()
        return events

    # -- coming and going -----------------------------------------------------------------

    @initialize(target=secrets, connections=st.sampled_from(["ab", "abc"]))
    def some_are_in(self, connections: str) -> Any:
        return multiple(*(self.enters(f"{connection}False") for connection in connections))

    def page(self, pick: int) -> str:
        """The connection of a member's page; if there is none, somebody comes."""
        state = self.room.room.state
        if pick == NONE or self.room.over:
            return "nobody"
        there = [c for p in state.presences.values() if (c := p.connection) is not None]
        if not there:
            self.teach("lock", locked=False)
            self.enters("aFalse")
            there = ["aFalse"]
        return sorted(there)[pick % len(there)]

    def one_of(self, pick: int, among: Collection[int]) -> int:
        """A number that there is."""
        return sorted(among)[pick % len(among)] if among and pick != NONE else 99

    def member(self, pick: int) -> int:
        return self.one_of(pick, {each.number for each in self.room.room.state.members_in})

    def question(self, pick: int) -> int:
        """Mostly the one that is on."""
        state = self.room.room.state
        return (pick < 4 and state.door.question) or self.one_of(pick, state.questions)

    def say(self, pick: int, type: str, **fields: Any) -> list[Event]:
        """A member's page says something."""
        connection = self.page(pick)
        return self.do(lambda: self.room.say(connection, type, **fields))

    def teach(self, type: str, **fields: Any) -> list[Event]:
        """A teacher's page says something; if there is none, it comes."""
        if "teacher" not in self.room.room.state.pages:
            self.teacher_comes()
        return self.do(lambda: self.room.teach(type, **fields))

    def enters(self, connection: str) -> str:
        joined = self.room.joins()
        self.room.do(Come(connection, joined.secret))
        self.secret.add(joined.secret)
        return joined.secret

    @rule(target=secrets, name=st.none() | LINES)
    def join(self, name: str | None) -> Any:
        events = self.do(lambda: self.room.do(Join(name)))
        return multiple(*(event.secret for event in events if isinstance(event, Joined)))

    @rule(secret=secrets)
    def join_again(self, secret: str) -> None:
        self.do(lambda: self.room.do(Join(secret=secret)))

    @rule(target=claims, pick=PICKS)
    def claim(self, pick: int) -> Any:
        member = self.room.room.state.members.get(self.member(pick))
        name = member.name if member else "nobody"
        events = self.do(lambda: self.room.do(Join(name)))
        return multiple(*(event.claim for event in events if isinstance(event, Waiting)))

    @rule(claim=claims)
    def admit(self, claim: str) -> None:
        self.teach("admit", claim=claim)

    @rule(claim=consumes(claims))
    def refuse(self, claim: str) -> None:
        self.teach("refuse", claim=claim)

    @rule(target=secrets, claim=claims)
    def collect(self, claim: str) -> Any:
        events = self.do(lambda: self.room.do(Collect(claim)))
        return multiple(*(event.secret for event in events if isinstance(event, Joined)))

    @rule(
        connection=st.sampled_from("abc"),
        secret=secrets,
        lab=st.booleans(),
        shared=st.booleans(),
    )
    def come(self, connection: str, secret: str, lab: bool, shared: bool = False) -> None:
        if connection not in self.room.room.state.pages:
            had = min(self.labs, default=None) if shared else None
            come = Come(f"{connection}{lab and not shared}", secret, lab, had)
            self.do(lambda: self.room.do(come))

    @rule(connection=st.sampled_from(["aTrue", "aFalse", "bFalse", "teacher", "screen"]))
    def go(self, connection: str) -> None:
        self.do(lambda: self.room.goes(connection))

    @rule()
    def teacher_comes(self) -> None:
        self.do(lambda: self.room.do(OpenPage("teacher", self.room.key)))

    @rule()
    def projector_comes(self) -> None:
        self.do(lambda: self.room.do(OpenPage("screen", self.room.screen_key)))

    @rule(device=st.booleans())
    def keys(self, device: bool) -> None:
        if device and self.teach("pair"):
            code = self.room.heard["teacher"][-1]["code"]
            events = self.do(lambda: self.room.do(Redeem(code)))
            self.secret |= {event.key for event in events if isinstance(event, KeyMade)}
        elif not device and self.teach("new_key"):
            told = [each for each in self.room.heard["teacher"] if each["type"] == "key"]
            self.room.key = told[-1]["key"]
            self.secret.add(self.room.key)

    # -- what a teacher says --------------------------------------------------------------

    @rule(held=st.booleans())
    def hold(self, held: bool) -> None:
        was = self.room.room.state.held
        events = self.teach("hold", held=held)
        told = [event.held for event in events if isinstance(event, Holding)]
        assert told == ([held] if events and was != held else [])

    @rule(plan=PLANS, seeds=st.sampled_from(["same", "own"]), playing=st.booleans())
    def push(self, plan: Any, seeds: str, playing: bool) -> None:
        self.teach("push", page="#", plan=plan, seeds=seeds, playing=playing)

    @rule(right=st.none() | st.integers(0, 2), other=LINES)
    def ask(self, right: int | None, other: str) -> None:
        choices = ["first", "second", *([f"or {other}"] if other else [])]
        self.teach("ask", text=QUESTION, choices=choices, right=right)

    @rule(pick=PICKS, what=st.sampled_from(["reveal", "close"]))
    def show_or_close(self, pick: int, what: str) -> None:
        self.teach(what, question=self.question(pick))

    @rule(title=LINES, until=st.lists(CONDITIONS, max_size=2), edited=st.booleans())
    def set_task(self, title: str, until: Any, edited: bool) -> None:
        said = {"title": f"Do {title}", "until": until, "edited": edited}
        self.teach("task", **said)

    @rule(task=st.none() | PICKS)
    def task_again(self, task: int | None) -> None:
        tasks = self.room.room.state.tasks
        self.teach("task", task=None if task is None else self.one_of(task, tasks))

    @rule(name=st.sampled_from(["one-unit", "slopes", None, "nothing"]))
    def lesson(self, name: str | None) -> None:
        self.teach("lesson", name=name)

    @rule(
        what=st.sampled_from(["spotlight", "watch"]),
        picks=st.lists(PICKS, max_size=5, unique=True),
    )
    def look(self, what: str, picks: list[int]) -> None:
        self.teach(what, members=[self.member(pick) for pick in picks])

    @rule(pick=PICKS, name=LINES)
    def rename(self, pick: int, name: str) -> None:
        self.teach("rename", member=self.member(pick), name=name)

    @rule(pick=PICKS, removed=st.booleans())
    def somebody_goes(self, pick: int, removed: bool) -> None:
        if removed:
            self.teach("remove", member=self.member(pick))
        else:
            self.say(pick, "leave")

    @rule(
        what=st.sampled_from(
            [
                ("new_code", {}),
                ("reduce", {"hide": ["data"], "lock": ["play"]}),
                ("reduce", {"hide": [], "lock": ["rate"]}),
                ("names", {"shown": True}),
                ("names", {"shown": False}),
                ("lock", {"locked": True}),
                ("lock", {"locked": False}),
                ("reduce", {"hide": ["nothing"], "lock": []}),
            ]
        ),
        connection=st.sampled_from(["teacher", "teacher", "teacher", "screen", "aFalse"]),
    )
    def switch(self, what: tuple[str, Any], connection: str) -> None:
        type, fields = what
        events = self.teach(type, connection=connection, **fields)
        assert connection == "teacher" or events == []

    # -- what members say, and how their runs are -----------------------------------------

    @rule(pick=PICKS, question=PICKS, choice=st.integers(0, 2))
    def answer(self, pick: int, question: int, choice: int) -> None:
        if self.room.room.state.door.question is None:
            self.ask(None, "")
        self.say(pick, "answer", question=self.question(question), choice=choice)

    @rule(choices=st.lists(st.integers(0, 1), min_size=1, max_size=4))
    def everybody_answers(self, choices: list[int]) -> None:
        for pick, choice in enumerate(choices):
            self.answer(pick, 0, choice)

    @rule(pick=PICKS, up=st.booleans())
    def hand(self, pick: int, up: bool) -> None:
        self.say(pick, "hand", up=up)

    @rule(pick=PICKS, task=PICKS, done=st.booleans())
    def report_task(self, pick: int, task: int, done: bool) -> None:
        if not self.room.room.state.tasks:
            self.set_task("look", [{"quantity": "inspected", "equals": "point"}], False)
        number = self.one_of(task, self.room.room.state.tasks)
        self.say(pick, "report", task=number, done=done)

    @rule(
        pick=PICKS,
        step=st.integers(1, 8),
        done=st.booleans(),
        choice=st.none() | st.integers(0, 3),
    )
    def report_step(self, pick: int, step: int, done: bool, choice: int | None) -> None:
        if self.room.room.state.lesson is None:
            self.lesson("one-unit")
        lesson = self.room.room.state.lesson
        said = {"lesson": lesson.name if lesson else "slopes", "step": step, "done": done}
        self.say(pick, "report", **said, **({} if choice is None else {"choice": choice}))

    @rule(pick=PICKS, cost=st.sampled_from([0.1, 0.5]), accuracy=st.sampled_from([0.5, 1.0]))
    def run_is(self, pick: int, cost: float, accuracy: float) -> None:
        member = self.member(pick)
        if not self.room.room.state.tasks:
            self.set_task("lower it", [{"quantity": "train_cost", "below": 0.3}], False)
        self.do(lambda: self.room.run_is(member, train_cost=cost, test_accuracy=accuracy))

    # -- time -----------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([1, 1, 60, 119, 121, 301, 3600, 5 * 3600]))
    def wait(self, seconds: float) -> None:
        self.room.waits(seconds)

    @precondition(lambda self: not self.room.over)
    @rule(come_back=st.sampled_from([True, True, False]))
    def crash(self, come_back: bool) -> None:
        state = self.room.room.state
        before = {number: views.student_view(state, m) for number, m in state.members.items()}
        self.room.crashes()
        after = self.room.room.state
        assert before == {n: views.student_view(after, m) for n, m in after.members.items()}
        assert not after.pages
        assert not any(presence.connection for presence in after.presences.values())
        if come_back:
            self.teacher_comes()
            for number, connection in zip(sorted(after.members), "abc", strict=False):
                if number in self.room.secrets:
                    self.come(connection, self.room.secrets[number], False)

    @precondition(lambda self: len(self.room.room.state.members) > 4)
    @rule()
    def end(self) -> None:
        self.do(lambda: self.room.do(End()))

    # -- what holds -----------------------------------------------------------------------

    @invariant()
    def the_disk_has_the_room(self) -> None:
        assert self.room.disk == ({} if self.room.over else self.room.kept)

    @invariant()
    def it_comes_back_as_it_is(self) -> None:
        if not self.room.over:
            again = Room.restored(self.room.room.rows, self.room.around, self.room.now)
            again.state.door.alone_since = self.room.room.state.door.alone_since
            assert again.rows == self.room.room.rows

    @invariant()
    def there_is_no_count_before_it_is_shown(self) -> None:
        for question in self.room.room.state.questions.values():
            assert (question.counts is None) == (question.revealed_at is None)
            if question.counts is None:
                assert '"counts":[' not in self.room.disk[f"question/{question.id}"]
                continue
            # Once shown they stay as they are.
            assert self.shown.setdefault(question.id, question.counts) == question.counts
            assert question.answered is not None
            assert sum(question.counts) == question.answered[0] <= question.answered[1]
        for view in (self.room.teacher, self.room.screen):
            on = view["questions"] if "questions" in view else [view["question"]]
            for told in filter(None, on):
                hidden = self.room.room.state.questions[told["id"]].revealed_at is None
                assert ("counts" in told) is ("before" in told) is not hidden
                assert not hidden or "choice" not in told

    @invariant()
    def what_is_solved_stays_solved(self) -> None:
        for number, member in self.room.room.state.members.items():
            if member.standing == "removed":
                continue
            before = self.solved.get(number, set())
            self.solved[number] = set(member.marks)
            assert before <= self.solved[number]

    @invariant()
    def nobody_sees_what_is_not_theirs(self) -> None:
        state = self.room.room.state
        screen = [self.room.screen, *(views.screen_member(state, n) for n in state.members)]
        seen = json.dumps([screen, self.room.teacher, results_csv(state)])
        digests = {d for m in state.members.values() if (d := m.secret)} | set(state.door.keys)
        for secret in self.secret | digests:
            assert secret not in seen
        assert not any(secret in json.dumps(self.room.disk) for secret in self.secret)
        if not state.door.names_shown:
            assert not any("name" in each for each in [*screen[1:], *screen[0]["members"]])
            assert not any("name" in each for each in screen[0]["spotlight"])
        for member in state.members_in:
            own = json.dumps(self.room.student(member.number))
            for other in state.members_in:
                if other is not member:
                    assert json.dumps(other.name) not in own
            for hidden in (state.door.code, state.door.screen_key, *self.secret, *digests):
                assert not hidden or hidden not in own

    @invariant()
    def what_is_seen_is_json_and_bounded(self) -> None:
        state = self.room.room.state
        for view in (
            self.room.teacher,
            self.room.screen,
            *(self.room.student(member.number) for member in state.members_in),
        ):
            text = json.dumps(view, allow_nan=False)
            assert json.loads(text) == view
            assert len(text) < MOST_VIEW_BYTES

    @invariant()
    def names_are_different_and_numbers_are_never_given_twice(self) -> None:
        state = self.room.room.state
        names = [member.name for member in state.members.values() if member.standing != "removed"]
        assert len(set(names)) == len(names)
        assert all(number < state.door.next_member for number in state.members)
        assert all(
            number in {m.number for m in state.members_in} for number in state.door.spotlight
        )

    @invariant()
    def one_connection_is_one_page(self) -> None:
        state = self.room.room.state
        assert set(state.presences) <= set(state.members)
        assert len(state.pages) <= 2 * bounds.MOST_PAGES
        of_members = [c for p in state.presences.values() for c in (p.connection, p.lab) if c]
        assert len(set(of_members)) == len(of_members)
        assert (state.door.alone_since is None) == bool(state.teachers) or self.room.over

    @invariant()
    def the_rows_have_every_lab_that_is_held(self) -> None:
        state = self.room.room.state
        mine = {lab: m.number for m in state.members.values() for lab in m.labs}
        assert mine == self.labs
        for member in state.members.values():
            assert len(member.labs) <= (bounds.MOST_LABS if state.held else 1)
            assert member.standing == "in" or not member.labs

    @invariant()
    def a_room_that_is_over_says_nothing(self) -> None:
        if self.room.over:
            assert self.room.waits(1) == self.room.goes("teacher") == []
            assert self.room.run_is(1) == []
            assert not self.room.room.state.members


TestAClassInARoom = ClassInARoom.TestCase
TestAClassInARoom.settings = settings(
    max_examples=40,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
