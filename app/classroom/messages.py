"""What members and teachers say to a room on their streams, with its bounds."""

from collections.abc import Mapping
from typing import Annotated, Literal, get_args

from pydantic import Field

from app.classroom.bounds import (
    LONGEST_CHOICE,
    LONGEST_PAGE,
    LONGEST_QUESTION,
    LONGEST_TITLE,
    LONGEST_TYPED,
    MOST_CHOICES,
    MOST_CONDITIONS,
    MOST_PARTS,
    MOST_SPOTLIT,
    MOST_WATCHED,
)
from app.classroom.names import check_name, folded, plain_line
from app.conditions import Condition, check_condition
from app.errors import InvalidField
from app.schemas import PAGE, Message, Plan, Range, Schema, check_plan

Number = Annotated[int, Range(1, 2**31)]
Typed = Annotated[str, Field(max_length=LONGEST_TYPED)]
Secret = Annotated[str, Field(max_length=100)]
PageHash = Annotated[str, Field(max_length=LONGEST_PAGE, pattern=PAGE)]
Parts = Annotated[list[Annotated[str, Field(max_length=40)]], Field(max_length=MOST_PARTS)]


# -- over REST ------------------------------------------------------------------------------


class OpenRoom(Schema):
    """The body of `POST /rooms`."""

    title: Typed = ""

    def line(self) -> str:
        """The title as it is shown.

        Raises:
            InvalidField: It can't be.
        """
        return plain_line(self.title or "A class", LONGEST_TITLE, "title", "the title")


class JoinRoom(Schema):
    """The body of `POST /rooms/join`: as somebody new, back with a secret, or by a name."""

    code: Typed
    name: Typed | None = None
    secret: Secret | None = None
    claim: Secret | None = Field(None, description="of a 202: has the teacher decided?")


class Redeemed(Schema):
    """The body of `POST /rooms/teacher`: the room's code, and that for another device."""

    code: Typed
    pairing: Typed


# -- a member's -----------------------------------------------------------------------------


class RoomMessage(Message):
    """What is said to a room."""


class FromAMember(RoomMessage):
    """What a member may say."""


class Enter(FromAMember):
    """A member's page, or its second session, is there."""

    type: Literal["enter"]
    room: Annotated[str, Field(max_length=64)]
    secret: Secret
    lab: bool = False


class Answer(FromAMember):
    """A choice, from 0; it can be changed until the answers are shown."""

    type: Literal["answer"]
    question: Number
    choice: Annotated[int, Range(0, MOST_CHOICES - 1)]


class Hand(FromAMember):
    """The hand goes up or down."""

    type: Literal["hand"]
    up: bool


class Report(FromAMember):
    """What only the page knows: of a task, or where its reader is in the lesson."""

    type: Literal["report"]
    task: Number | None = None
    lesson: Annotated[str, Field(max_length=80)] | None = None
    step: Annotated[int, Range(1, 99)] | None = None
    done: bool = False
    choice: Annotated[int, Range(0, 99)] | None = None

    def validate_whole(self) -> None:
        """Whether it is of one thing."""
        if (self.task is None) == (self.lesson is None):
            raise InvalidField("report is of a task or of a lesson", "task")
        if (self.lesson is None) != (self.step is None):
            raise InvalidField("step goes with a lesson", "step")


class Leave(FromAMember):
    """Somebody goes; whoever comes next on this device is somebody else."""

    type: Literal["leave"]


# -- a teacher's ----------------------------------------------------------------------------


class Walled(Schema):
    """What a page wants to see of everybody's networks."""

    resolution: Annotated[int, Range(8, 100)] = 40


class Open(RoomMessage):
    """A page of a teacher or a projector is there; its key says which."""

    type: Literal["open"]
    key: Secret
    wall: Walled | None = None


class FromATeacher(RoomMessage):
    """What a teacher may say."""


class Push(FromATeacher):
    """An experiment for every page."""

    type: Literal["push"]
    page: PageHash
    plan: Plan
    seeds: Literal["same", "own"] = "same"
    playing: bool = False

    def validate_whole(self) -> None:
        """As a plan over REST."""
        check_plan(self.plan)


class Hold(FromATeacher):
    """Eyes here, or let go."""

    type: Literal["hold"]
    held: bool


class Admit(FromATeacher):
    """Whoever claims a name is let in; the device that had the name before is not any more."""

    type: Literal["admit"]
    claim: Secret


class Refuse(FromATeacher):
    """Whoever claims a name is not let in."""

    type: Literal["refuse"]
    claim: Secret


class Reduce(FromATeacher):
    """Parts of the page that are not there, or can't be changed."""

    type: Literal["reduce"]
    hide: Parts
    lock: Parts


class Ask(FromATeacher):
    """A question; the same one again is another round of it."""

    type: Literal["ask"]
    text: Typed
    choices: Annotated[list[Typed], Field(min_length=2, max_length=MOST_CHOICES)]
    right: Annotated[int, Range(0, MOST_CHOICES - 1)] | None = None

    @property
    def line(self) -> str:
        """The question as it is shown."""
        return plain_line(self.text, LONGEST_QUESTION, "text", "the question")

    @property
    def lines(self) -> list[str]:
        """The choices as they are shown."""
        return [
            plain_line(choice, LONGEST_CHOICE, f"choices.{index}", f"choice {index + 1}")
            for index, choice in enumerate(self.choices)
        ]

    def validate_whole(self) -> None:
        """Whether it can be asked."""
        _ = self.line
        if len({folded(choice) for choice in self.lines}) < len(self.choices):
            raise InvalidField("two choices are the same", "choices")
        if self.right is not None and self.right >= len(self.choices):
            raise InvalidField(
                f"right must be one of the {len(self.choices)} choices, from 0", "right"
            )


class Reveal(FromATeacher):
    """Everybody sees how the class has chosen."""

    type: Literal["reveal"]
    question: Number


class Close(FromATeacher):
    """The question is over."""

    type: Literal["close"]
    question: Number


class SetTask(FromATeacher):
    """Something to reach; or, with `task`, one that was set before (null: none) is on again."""

    type: Literal["task"]
    title: Typed | None = None
    until: Annotated[list[Condition], Field(max_length=MOST_CONDITIONS)] = Field([])
    page: PageHash | None = None
    plan: Plan | None = Field(None, description="whose points it counts on; else those sent last")
    any_data: bool = False
    edited: bool = Field(False, description="whether edited and given parameters count")
    task: Number | None = None

    @property
    def line(self) -> str:
        """The title as it is shown."""
        return plain_line(self.title or "", LONGEST_TITLE, "title", "the title")

    @property
    def is_new(self) -> bool:
        """Whether it is not one that there was."""
        return self.title is not None

    def validate_whole(self) -> None:
        """Whether it can be set."""
        if not self.is_new:
            if "task" not in self.model_fields_set or self.until:
                raise InvalidField("title is required", "title")
            return
        if self.task is not None:
            raise InvalidField("task is one that was set before, and has its title", "task")
        _ = self.line
        if not self.until:
            raise InvalidField("until must have at least one condition", "until")
        for index, condition in enumerate(self.until):
            try:
                check_condition(condition)
            except InvalidField as error:
                raise InvalidField(f"until.{index}: {error.detail}", f"until.{index}") from None
        if self.plan is not None:
            check_plan(self.plan)


class TakeLesson(FromATeacher):
    """A lesson for all; null ends it."""

    type: Literal["lesson"]
    name: Annotated[str, Field(max_length=80)] | None


class Spotlight(FromATeacher):
    """Networks that everybody looks at; none ends it."""

    type: Literal["spotlight"]
    members: Annotated[list[Number], Field(max_length=MOST_SPOTLIT)]

    def validate_whole(self) -> None:
        """Whether they are different ones."""
        if len(set(self.members)) < len(self.members):
            raise InvalidField("members names one twice", "members")


class Watch(FromATeacher):
    """Tiles that are opened on this page."""

    type: Literal["watch"]
    members: Annotated[list[Number], Field(max_length=MOST_WATCHED)]


class Lock(FromATeacher):
    """Whether somebody new comes in."""

    type: Literal["lock"]
    locked: bool


class Rename(FromATeacher):
    """Another name for a member."""

    type: Literal["rename"]
    member: Number
    name: Typed

    def validate_whole(self) -> None:
        """Whether it can be shown."""
        check_name(self.name)


class Remove(FromATeacher):
    """A member goes; they may come again, as somebody new."""

    type: Literal["remove"]
    member: Number


class NewCode(FromATeacher):
    """The code that there was lets nobody in any more; everybody stays."""

    type: Literal["new_code"]


class NewKey(FromATeacher):
    """The keys that there were open nothing any more."""

    type: Literal["new_key"]


class Pair(FromATeacher):
    """A code that opens the teacher's page on another device, once."""

    type: Literal["pair"]


class Names(FromATeacher):
    """Whether the projector shows names."""

    type: Literal["names"]
    shown: bool


def _by_type(kind: type[Message]) -> Mapping[str, type[Message]]:
    return {
        get_args(each.model_fields["type"].annotation)[0]: each for each in kind.__subclasses__()
    }


OF_MEMBERS = _by_type(FromAMember)
OF_TEACHERS = _by_type(FromATeacher)
