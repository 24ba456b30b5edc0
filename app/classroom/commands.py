"""What a room is told, beside the messages of members and teachers."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.classroom.messages import FromAMember, FromATeacher
from app.conditions import Facts


@dataclass(frozen=True, slots=True)
class Join:
    """Somebody has typed the code: as somebody new, back with a secret, or by a name."""

    name: str | None = None
    secret: str | None = None


@dataclass(frozen=True, slots=True)
class Collect:
    """Whoever claims a name asks whether the teacher has decided.

    With the secret of the place that they were given meanwhile, which they leave once they are in.
    """

    claim: str
    secret: str | None = None


@dataclass(frozen=True, slots=True)
class Come:
    """The connection of a member's page, or of its second session (`lab`), is there.

    Attributes:
        session: The second session that the page had, if it had one.
    """

    connection: str
    secret: str
    lab: bool = False
    session: str | None = None


@dataclass(frozen=True, slots=True)
class OpenPage:
    """A page of a teacher or a projector is there; its key says which."""

    connection: str
    key: str


@dataclass(frozen=True, slots=True)
class Gone:
    """A connection is not there any more."""

    connection: str


@dataclass(frozen=True, slots=True)
class Redeem:
    """Somebody has typed a code for the teacher's other device."""

    typed: str


@dataclass(frozen=True, slots=True)
class Said:
    """A message of the page behind a connection."""

    connection: str
    message: FromAMember | FromATeacher


@dataclass(frozen=True, slots=True)
class Measured:
    """How a member's run is; from the hosts, never from a page.

    Attributes:
        experiment: The number of the sent experiment that was set up last; None if none was.
    """

    member: int
    facts: Facts
    playing: bool = False
    experiment: int | None = None


@dataclass(frozen=True, slots=True)
class Linked:
    """Members' networks were kept, each under a name; those that were before are not needed."""

    links: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class End:
    """The teacher ends the room. Whoever calls has looked at the key."""


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed; see `Room.due`."""


Command = Join | Collect | Come | OpenPage | Gone | Redeem | Said | Measured | Linked | End | Tick
