"""What comes of a command: what is to be written first, and then who is to hear what.

Of one command there is at most one `Write`, and it comes first: nothing after it may be sent before
it is on the disk. What somebody hears is said by name only; `views.py` writes it when it is sent.
So what changes ten times within a moment may be sent once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from app.classroom.state import Reason
from app.errors import ShallowsError

Role = Literal["teacher", "screen"]
REPLACED = 4001
"""Close codes of docs/protocol.md."""
REFUSED = 1008
GAVE_WAY = 1013
DONE = 1000


@dataclass(frozen=True, slots=True)
class Write:
    """Rows of the room that are new, and those that are not there any more."""

    put: Mapping[str, str]
    dropped: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Joined:
    """The answer to a join: somebody has a place. The secret is known here and never again."""

    member: int
    name: str
    secret: str
    session: str
    title: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """The answer to a join by name: the teacher is asked."""

    claim: str


@dataclass(frozen=True, slots=True)
class Entered:
    """A connection is a member's now, and its session this: the first, or a second (`lab`)."""

    member: int
    connection: str
    session: str
    lab: bool


@dataclass(frozen=True, slots=True)
class Opened:
    """A connection is a teacher's or a projector's page now: it hears the whole `room`."""

    connection: str
    role: Role


@dataclass(frozen=True, slots=True)
class KeyMade:
    """The answer to a code for another device: a key of its own."""

    key: str


@dataclass(frozen=True, slots=True)
class Tell:
    """A message for one connection."""

    connection: str
    message: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Dismiss:
    """A connection is to be closed, after the error if there is one."""

    connection: str
    code: int
    error: ShallowsError | None = None


@dataclass(frozen=True, slots=True)
class Fresh:
    """The `room` of all of these is another one."""

    to: Literal["students", "teachers", "screens"]


@dataclass(frozen=True, slots=True)
class FreshStudent:
    """The `room` of this member's page is another one."""

    member: int


@dataclass(frozen=True, slots=True)
class FreshMember:
    """What teachers and projectors hear of this member is something else."""

    member: int


@dataclass(frozen=True, slots=True)
class Holding:
    """Every session of the room's members waits from now on, or goes on."""

    held: bool


@dataclass(frozen=True, slots=True)
class Freed:
    """A session is the room's no more; it goes on as its owner's."""

    session: str


@dataclass(frozen=True, slots=True)
class Unkept:
    """A network that was kept for the room goes, with what is written."""

    link: str


@dataclass(frozen=True, slots=True)
class Watched:
    """A teacher's page has opened these members' tiles, and no others."""

    connection: str
    members: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Ended:
    """The room is over: all its rows go, its sessions are free. It says nothing more.

    Attributes:
        links: Of the networks that were kept for it, which go too.
    """

    reason: Reason
    links: tuple[str, ...] = ()


Event = (
    Write
    | Joined
    | Waiting
    | Entered
    | Opened
    | KeyMade
    | Tell
    | Dismiss
    | Fresh
    | FreshStudent
    | FreshMember
    | Holding
    | Freed
    | Unkept
    | Watched
    | Ended
)
