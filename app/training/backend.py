"""What the service says to wherever training runs, and what it hears back.

Commands go down, events come up; both are plain data that can cross a process. A backend runs
them on one or more hosts (`host.py`): `inline.py` in this process, `pool.py` in workers.
"""

from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic_core import to_json

from app.schemas import Message, Plan, View
from app.training.run import Confusion, Model
from app.training.session import Checkpoint, Record

Kind = Literal["learner", "job"]
Speed = float | Literal["max"]
"""Iterations per frame."""
Status = Literal["queued", "running", "finished", "cancelled", "diverged", "failed", "saved"]


# -- down -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Position:
    """What a reader has been sent: the costs before `costs`, the frames before `frame`."""

    costs: int = 0
    frame: int = 0
    acknowledged: int = -1


@dataclass(frozen=True, slots=True)
class Open:
    """A session comes to this host, empty or as it was saved.

    `replay_to` is the last iteration that was told of it; a restored session trains on to there
    before it says anything.
    """

    session: str
    kind: Kind
    saved: "Saved | None" = None
    replay_to: int = 0


@dataclass(frozen=True, slots=True)
class Attach:
    """A reader looks at the session; it is told what it has not been told."""

    session: str
    reader: str
    position: Position = Position()
    view: View = field(default_factory=View)
    greet: bool = True
    from_checkpoint: bool = False
    """Whether it is told that the session is as it was kept last before the server ended."""


@dataclass(frozen=True, slots=True)
class Detach:
    """The reader is gone."""

    session: str
    reader: str


@dataclass(frozen=True, slots=True)
class Tell:
    """A message of the stream for the session; answers to it go to `reader`."""

    session: str
    reader: str
    message: Message


@dataclass(frozen=True, slots=True)
class Ask:
    """How is the first run of the session now? The `Answer` carries the same ticket."""

    session: str
    ticket: int
    model: bool
    """Whether its network is wanted, too."""


@dataclass(frozen=True, slots=True)
class Fetch:
    """All of one run of the session, please. The `Answer` carries the same ticket."""

    session: str
    ticket: int
    run: int


@dataclass(frozen=True, slots=True)
class Snap:
    """All of the session as it is now, please. The `Answer` carries the same ticket."""

    session: str
    ticket: int


@dataclass(frozen=True, slots=True)
class Flush:
    """A checkpoint of every session of the host, please. See `Backend.flush`."""

    ticket: int


@dataclass(frozen=True, slots=True)
class Close:
    """The session is over."""

    session: str


Question = Ask | Fetch | Snap
Command = Open | Attach | Detach | Tell | Question | Flush | Close


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
class Kept:
    """A session's checkpoint, with the costs since the one before.

    Attributes:
        same_plan: Whether its plan is that of the one before, and is left out (`NO_PLAN`): it may
            hold ten thousand points.
    """

    session: str
    part: "HostedState"
    same_plan: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """The first run of a session as it is: its progress, and its model if that was asked for."""

    progress: Progress
    model: Model | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A session at one iteration: how its first run does, and its checkpoint with every cost."""

    progress: Progress
    state: "HostedState"


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a question; None if there is nothing to tell."""

    ticket: int
    value: "Reply"


@dataclass(frozen=True, slots=True)
class Worked:
    """What a host has done in a round, of all its sessions.

    Attributes:
        iterations: How many it has trained.
        sits_out: Seconds for which sessions have had their share, and more; until then nothing
            is done for them.
    """

    iterations: int
    sits_out: Mapping[str, float]


Reply = Result | Record | Snapshot | frozenset[str] | None
Event = Text | Frame | Progress | Kept | Answer
"""What comes of a session."""


ROUND_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


@dataclass
class Work:
    """What was done since the server started, for whoever watches over it."""

    iterations: int = 0
    frames: int = 0
    rounds: list[int] = field(default_factory=lambda: [0] * (len(ROUND_SECONDS) + 1))
    """How many rounds took at most each of `ROUND_SECONDS`; the last, how many took longer."""
    round_seconds: float = 0.0

    def round_took(self, seconds: float) -> None:
        """Count a round."""
        self.rounds[bisect_left(ROUND_SECONDS, seconds)] += 1
        self.round_seconds += seconds


# -- checkpoints ----------------------------------------------------------------------------


NO_PLAN = Plan()


@dataclass(frozen=True, slots=True)
class HostedState:
    """A session in a host: its checkpoint and how it was being driven."""

    checkpoint: Checkpoint | None
    playing: bool
    stepping: int
    iterations_per_frame: Speed


@dataclass
class Saved:
    """The whole of a session put together from the parts that were `Kept`.

    Attributes:
        parts: How many were added.
        begun: How often its costs began again at 0.
    """

    state: HostedState
    costs: list[bytearray] = field(default_factory=list)
    parts: int = 0
    begun: int = 0

    @classmethod
    def whole(cls, state: HostedState) -> "Saved":
        """Of a single part that has every cost."""
        saved = cls(state)
        saved.add(state)
        return saved

    def add(self, state: HostedState, *, same_plan: bool = False) -> None:
        """Take a newer part: its costs follow those that are here, or start again at 0."""
        if same_plan and state.checkpoint and self.state.checkpoint:
            plan = self.state.checkpoint.plan
            state = replace(state, checkpoint=replace(state.checkpoint, plan=plan))
        self.state = state
        self.parts += 1
        if state.checkpoint is None:
            self.costs = []
            return
        new = state.checkpoint.costs
        if state.checkpoint.costs_from == 0:
            self.costs = [bytearray() for _ in new]
            self.begun += 1
        for kept, costs in zip(self.costs, new, strict=True):
            kept += costs.tobytes()

    def costs_of(self, run: int) -> NDArray[np.float64]:
        """Every cost of a run."""
        return np.frombuffer(bytes(self.costs[run]), dtype=np.float64)

    @property
    def checkpoint(self) -> Checkpoint | None:
        """The checkpoint with all its costs."""
        part = self.state.checkpoint
        if part is None:
            return None
        costs = [self.costs_of(run) for run in range(len(self.costs))]
        return replace(part, costs_from=0, costs=costs)


Listener = Callable[[Event], None]
