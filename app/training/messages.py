"""What the service says to wherever training runs, and what it hears back.

Commands go down, events come up; both are plain data that can cross a process. They are carried
out by hosts (`host/`), in this process or in workers (`workers/`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic_core import to_json

from app.conditions import Condition, Facts
from app.schemas import (
    Ack,
    Cancel,
    Check,
    Describe,
    Inspect,
    Message,
    Plan,
    Recall,
    Sweep,
    View,
)
from app.training.checkpoints import Checkpoint, Latest, Record
from app.training.run import Confusion, Model

Kind = Literal["interactive", "job"]
Status = Literal["queued", "running", "finished", "cancelled", "diverged", "failed", "saved"]
Until = tuple[tuple[Condition, ...], ...]
"""Lists of conditions: one is reached when all that the server can see of it holds at once."""
LOOKING: tuple[type[Message], ...] = (View, Ack, Inspect, Describe, Recall, Check, Cancel, Sweep)
"""What a held session takes (a sweep waits); a new kind of message is not among it by itself."""


# -- down -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Position:
    """What a reader has been sent: the costs before `costs`, the frames before `frame`."""

    costs: int = 0
    frame: int = 0
    acknowledged: int = -1


@dataclass(frozen=True, slots=True)
class Open:
    """A session comes to this host: as at its latest checkpoint, playing a plan, or empty.

    `replay_to` is the last iteration that anybody has seen of it; a restored session trains on to
    there before it says anything. One that is `held` trains no further (see `Hold`).
    """

    session: str
    kind: Kind
    latest: Latest | None = None
    plan: Plan | None = None
    replay_to: int = 0
    held: bool = False


@dataclass(frozen=True, slots=True)
class Attach:
    """A reader looks at the session; it gets what it has not had."""

    session: str
    reader: str
    position: Position = Position()
    view: View = field(default_factory=View)
    greet: bool = True
    from_checkpoint: bool = False
    """Whether it learns that the session is as it was stored before the server ended."""
    setup: bool = False
    """Whether it learns how the session is set up."""


@dataclass(frozen=True, slots=True)
class Detach:
    """The reader is gone."""

    session: str
    reader: str


@dataclass(frozen=True, slots=True)
class Tell:
    """A message of the stream for the session; answers to it go to `reader`.

    Attributes:
        experiment: Of a `configure` that sets up what a teacher sent, the number of that: a held
            session takes it.
    """

    session: str
    reader: str
    message: Message
    experiment: int | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """The session waits from now on, or goes on as it was: what played plays."""

    session: str
    held: bool


@dataclass(frozen=True, slots=True)
class Expect:
    """What a class waits for in the session's first run; takes the place of what it was before.

    A `Glimpse` is given at once when all of one list holds, and when the session is configured.
    """

    session: str
    until: Until


@dataclass(frozen=True, slots=True)
class Look:
    """A `Glimpse` of the session, please, when there is time and it is not as at the last one.

    Attributes:
        resolution: Of its picture; None for none.
    """

    session: str
    resolution: int | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """What is wanted of the session. The `Answer` carries the same ticket.

    Attributes:
        what: Of which class the answer is to be: `Progress` or `Model` of the first run, `Record`
            of any, or a `Snapshot` of all.
        run: Which run a `Record` is of.
    """

    session: str
    ticket: int
    what: type[Any]
    run: int = 0


@dataclass(frozen=True, slots=True)
class Flush:
    """A checkpoint of every session of the host, please. See `Backend.flush`."""

    ticket: int


@dataclass(frozen=True, slots=True)
class Close:
    """The session is over."""

    session: str


@dataclass(frozen=True, slots=True)
class Release:
    """The session goes to another host, as it is or after its next slice.

    A `Released` says whether it has left, in this round or in one to come: until then it is here.

    Attributes:
        at_any_rate: Whether it leaves although it is in the middle of what a checkpoint does not
            hold: it then goes on from its last one, and begins that anew.
    """

    session: str
    at_any_rate: bool = False


OfSession = Open | Attach | Detach | Tell | Ask | Hold | Expect | Look
"""Commands that a session's host carries out, in their order."""
Command = OfSession | Flush | Close | Release


# -- up -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Text:
    """A text message of the stream for one reader (`reader` None: for all).

    It is JSON already: the host that has made the message pays for writing it, and what can't be
    written fails there, where it ends one session at most. A number that is not finite is null.
    """

    session: str
    reader: str | None
    type: str
    json: str

    @classmethod
    def of(cls, session: str, reader: str | None, message: Mapping[str, Any]) -> "Text":
        """A message as it is sent."""
        written = to_json(message, inf_nan_mode="null").decode()
        return cls(session, reader, message["type"], written)


@dataclass(frozen=True, slots=True)
class Frame:
    """A packed frame for one reader."""

    session: str
    reader: str
    number: int
    iteration: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the first run of a session is; `status` is that of REST."""

    session: str
    status: Status
    iteration: int
    cost: float | None = None
    train_accuracy: float | None = None
    test_cost: float | None = None
    test_accuracy: float | None = None
    train_confusion: Confusion | None = None
    test_confusion: Confusion | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Checkpointed:
    """There is a newer checkpoint of a session, with the costs since the one before.

    Attributes:
        same_plan: Whether its plan is that of the one before, and is left out (`NO_PLAN`): it may
            hold ten thousand points.
    """

    session: str
    part: Checkpoint
    same_plan: bool = False


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A session at one iteration: how its first run does, and its checkpoint with every cost."""

    progress: Progress
    checkpoint: Checkpoint


@dataclass(frozen=True, slots=True)
class Glimpse:
    """How the first run of a session is, for the class that it is in.

    Attributes:
        playing: Whether it trains; not while it is held.
        experiment: The number of what was sent, if that was set up last.
        setup: How it is set up, in the words of `POST /train`; with a picture only.
        boundary: Its picture as differences, as frames have it; None if none was asked for, or can
            be drawn.
        at_once: Whether it is no answer to a `Look`, but what an `Expect` waits for.
    """

    session: str
    facts: Facts
    playing: bool
    experiment: int | None = None
    setup: Mapping[str, Any] | None = None
    boundary: Mapping[str, Any] | None = None
    at_once: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a question; None if there is none."""

    ticket: int
    value: "Reply"


@dataclass(frozen=True, slots=True)
class Worked:
    """What a host has done in a round, of all its sessions.

    Attributes:
        iterations: How many it has trained.
        sits_out: Seconds for which sessions have had their share, and more; until then nothing
            is done for them.
        unkept: What sessions were told that no checkpoint holds, where that has changed: what is
            sought, what waits for that, questions and sweeps.
    """

    iterations: int
    sits_out: Mapping[str, float]
    unkept: Mapping[str, tuple[Tell, ...]]


@dataclass(frozen=True, slots=True)
class Released:
    """The answer to a `Release`: whether the session has left the host.

    Attributes:
        unkept: As in `Worked`.
    """

    session: str
    left: bool
    unkept: tuple[Tell, ...] = ()


Reply = Progress | Model | Record | Snapshot | frozenset[str] | None
Event = Text | Frame | Progress | Checkpointed | Glimpse | Answer | Released
"""What comes of a session."""


Listener = Callable[[Event], None]
