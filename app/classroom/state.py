"""A room as it is: what is kept of it, and what lasts only as long as the server.

The kept records are plain dataclasses; `rows.py` writes and reads them. Times are of two kinds:
`clock` counts seconds that a server has run, and never goes back; it alone decides what ends. The
wall clock is for showing ("asked at 10:42") and for tables, and may be wrong.
"""

from dataclasses import dataclass, field
from typing import Literal

from app.conditions import Condition, Facts
from app.schemas import Plan

Seeds = Literal["same", "own"]
Standing = Literal["in", "left", "removed"]
Kind = Literal["predict", "run", "explain"]
Reason = Literal["ended", "alone", "too_long", "gave_way"]
"""Why a room is over: its teacher ended it or left it alone, it was a day old, it gave way."""


@dataclass(frozen=True, slots=True)
class Now:
    """A moment, by both clocks."""

    clock: float
    wall: float


# -- what is kept ---------------------------------------------------------------------------


@dataclass
class Door:
    """The room itself: how one comes in, what is switched on, and how far its numbers are.

    Attributes:
        version: Of all its rows.
        keys: Digests of teachers' keys, oldest first.
        seed: Of the order of given names.
        client: The store's short name of the address that opened it; empty if that is not known.
        alone_since: By the clock; None while a teacher's page is connected.
        held_at: By the wall clock; None while it is not held.
        question: The one that is on; None if there is none.
        next_member: A number is never given twice, so a seed of one's own lasts.
    """

    id: str
    code: str
    title: str
    keys: list[str]
    screen_key: str
    seed: int
    opened_at: float
    opened_wall: float
    client: str = ""
    version: Literal[1] = 1
    alone_since: float | None = None
    pairing: str | None = None
    pairing_until: float = 0.0
    locked: bool = False
    names_shown: bool = False
    held_at: float | None = None
    hide: list[str] = field(default_factory=list)
    lock: list[str] = field(default_factory=list)
    question: int | None = None
    task: int | None = None
    spotlight: list[int] = field(default_factory=list)
    next_member: int = 1
    next_question: int = 1
    next_task: int = 1
    experiments: int = 0
    lessons: int = 0


@dataclass
class Mark:
    """What somebody has solved, and how the run was at that moment.

    Attributes:
        at: By the wall clock.
        reported: Whether the page said so, in part or in all, because only it could know.
    """

    at: float
    iteration: int | None = None
    cost: float | None = None
    train_accuracy: float | None = None
    test_accuracy: float | None = None
    reported: bool = False


@dataclass
class Member:
    """Somebody in the room.

    Attributes:
        number: Theirs as long as the room is; also their own seed.
        secret: The digest of it; None while a claim that was let in is not collected.
        session: The id of what they train in.
        labs: The ids of their page's second sessions, the newest last. More than one there are only
            while the room is held.
        joined_at: By the wall clock.
        left_at: By the clock; when they left or were removed.
        came: Whether a page of theirs has ever come.
        answers: Of each question the choice, from 0.
        marks: Of each task that is solved.
        lesson: The lesson that `steps` are of.
        step: The one of it where they are, from 1.
        steps: Of each step that is done.
        predictions: Of each predicted step the choice, from 0.
        link: The name under which their network was kept last, for the teacher.
    """

    number: int
    name: str
    secret: str | None
    session: str
    joined_at: float
    standing: Standing = "in"
    left_at: float = 0.0
    came: bool = False
    hand_at: float | None = None
    answers: dict[int, int] = field(default_factory=dict)
    marks: dict[int, Mark] = field(default_factory=dict)
    lesson: int = 0
    step: int = 0
    steps: dict[int, Mark] = field(default_factory=dict)
    predictions: dict[int, int] = field(default_factory=dict)
    link: str | None = None
    labs: list[str] = field(default_factory=list)


@dataclass
class Claim:
    """Somebody says to be a member who is away, from a device that does not know the secret.

    Attributes:
        id: The digest of what whoever claims has; the teacher's page names it by that.
        until: By the clock.
    """

    id: str
    member: int
    until: float
    admitted: bool = False


@dataclass
class Experiment:
    """What was sent last.

    Attributes:
        page: The hash of the page's address that sets it up.
        at: By the wall clock.
    """

    number: int
    page: str
    plan: Plan
    seeds: Seeds
    playing: bool
    at: float


@dataclass
class Question:
    """One round of a question.

    Attributes:
        right: The right choice, from 0; None if none is.
        round: From 1; `again` is the question of the round before.
        counts: Of each choice, once revealed; they stay as they are then.
        answered: How many had answered, and of how many, once it is over or revealed.
    """

    id: int
    text: str
    choices: list[str]
    right: int | None
    asked_at: float
    round: int = 1
    again: int | None = None
    open: bool = True
    revealed_at: float | None = None
    counts: list[int] | None = None
    answered: list[int] | None = None


@dataclass
class Task:
    """Something to reach.

    Attributes:
        page: The hash of the page's address that sets it up, if the task brings one.
        points: The name of the points that it counts on; None if any will do.
        edited: Whether edited and given parameters count.
    """

    id: int
    title: str
    until: list[Condition]
    page: str | None
    points: str | None
    edited: bool
    set_at: float


@dataclass
class Step:
    """What a room has to know of a step of a lesson."""

    kind: Kind
    choices: int
    until: list[Condition]


@dataclass
class Lesson:
    """The lesson that the room is in.

    Attributes:
        number: Grows with each lesson that is begun, the same one or another.
    """

    number: int
    name: str
    title: str
    steps: list[Step]
    begun_at: float


# -- what lasts as long as the server -------------------------------------------------------


@dataclass
class Presence:
    """What is known of a member just now.

    Attributes:
        connection: Of the page; None while they are away.
        lab: The connection of the page's second session.
        away_since: By the wall clock.
        facts: Of the run, as it was looked at last.
        experiment: The number of the sent experiment that was set up last.
        reported: Tasks, and steps (negative), of which the page says that its part holds.
        best: The lowest training cost since something was sent.
        progress_at: By the clock, when something last went forward.
        told_at: By the clock, when that was last told.
    """

    connection: str | None = None
    lab: str | None = None
    away_since: float = 0.0
    facts: Facts | None = None
    playing: bool = False
    experiment: int | None = None
    reported: set[int] = field(default_factory=set)
    best: float | None = None
    progress_at: float = 0.0
    progress_wall: float = 0.0
    told_at: float = 0.0


@dataclass
class Page:
    """A page of a teacher or a projector.

    Attributes:
        watching: Members whose tiles are opened on it.
    """

    connection: str
    role: Literal["teacher", "screen"]
    watching: tuple[int, ...] = ()


@dataclass
class State:
    """All of a room. Only the handlers of commands change it."""

    door: Door
    members: dict[int, Member] = field(default_factory=dict)
    claims: dict[str, Claim] = field(default_factory=dict)
    questions: dict[int, Question] = field(default_factory=dict)
    tasks: dict[int, Task] = field(default_factory=dict)
    experiment: Experiment | None = None
    lesson: Lesson | None = None

    presences: dict[int, Presence] = field(default_factory=dict)
    coming: dict[int, float] = field(default_factory=dict)
    """Who is in and has never come: since when, by the clock, the longest first."""
    pages: dict[str, Page] = field(default_factory=dict)
    """By connection, the one that was opened first comes first."""
    over: Reason | None = None

    @property
    def members_in(self) -> list[Member]:
        """Those who are in, away or not."""
        return [member for member in self.members.values() if member.standing == "in"]

    @property
    def teachers(self) -> list[Page]:
        """Connected pages of teachers."""
        return [page for page in self.pages.values() if page.role == "teacher"]

    @property
    def held(self) -> bool:
        """Whether everything waits."""
        return self.door.held_at is not None

    def answered(self, question: int) -> list[int]:
        """How many have answered, and of how many; whoever has left counts with an answer."""
        given = [member for member in self.members.values() if question in member.answers]
        gone = sum(member.standing != "in" for member in given)
        return [len(given), len(self.members_in) + gone]

    def presence(self, number: int) -> Presence:
        """What is known of a member just now."""
        return self.presences.setdefault(number, Presence())
