"""A session in a host, and the readers that look at it: what the rounds know of them."""

import math
from dataclasses import dataclass, field, replace

from app.errors import NotConfigured
from app.schemas import Message, Plan, Question, View
from app.training.checkpoints import DEFAULT_ITERATIONS_PER_FRAME, Checkpoint, Speed
from app.training.host.shares import Account
from app.training.messages import Kind, Look, Position, Tell, Until
from app.training.session import Session
from app.training.sweep import SeedSweep

FRAMES_UNDER_WAY = 2
LONGEST_CHUNK = 0.002
"""Seconds of training between two looks at the clock, as far as one iteration allows."""
INTERVAL = 1 / 60
"""Seconds between two frames of one reader, and between two rounds."""


@dataclass
class Reader:
    """One connection that looks at a session."""

    name: str
    view: View
    position: Position
    wants: bool = True
    next_frame_at: float = -math.inf
    next_diagnosis_at: float = -math.inf
    questions: dict[type[Message], Question] = field(default_factory=dict)
    """What is asked of the iteration there is; a newer question takes the place of one of its kind
    that is not answered yet."""
    next_answer_at: float = -math.inf
    sweep: SeedSweep | None = None
    hears_end: bool = False
    """Whether it is yet to hear why nothing is left to train: after the frame of the end."""

    @property
    def may_be_sent(self) -> bool:
        """Whether fewer than two frames are under way."""
        return self.position.frame - 1 - self.position.acknowledged < FRAMES_UNDER_WAY


Looked = tuple[int, int, bool]
"""How often it was touched, its iteration, whether it moves."""


@dataclass
class Hosted:
    """A session in this host: how it is driven, and who looks at it."""

    name: str
    kind: Kind
    account: Account
    session: Session | None = None
    playing: bool = False
    stepping: int = 0
    iterations_per_frame: Speed = DEFAULT_ITERATIONS_PER_FRAME
    readers: dict[str, Reader] = field(default_factory=dict)

    owed: float = 0
    """Iterations to train before the next frame, in part at a slow speed; infinite if unlimited."""
    due: float = 0.0
    """When playing next owes its iterations."""
    replay_to: int = 0
    seen: int = 0
    """How far it had been when it began to replay."""
    sought: Tell | None = None
    """What it was told to seek last."""
    restored: bool = False
    """Whether it came as it was at a checkpoint, and nothing else was sought since."""
    waiting: list[Tell] = field(default_factory=list)
    """What was commanded while it was replaying; it is meant for the iteration sought."""
    seconds_per_iteration: float = LONGEST_CHUNK
    """So many that it begins with one, until it is known."""
    seconds_per_frame: float = 0.0
    """For those of all its readers."""
    framed_at: float = 0.0
    unframed: int = 0
    """Iterations trained since the last frame."""
    reported_at: float = -math.inf
    """When a REST run's progress was last reported."""
    diverged: set[int] = field(default_factory=set)
    said_to_have_ended: set[int] = field(default_factory=set)
    """Which runs are said to be over."""
    kept_at: float = -math.inf
    kept_costs: int = 0
    kept_plan: Plan | None = None
    """That of the last checkpoint."""
    changed: bool = False
    """Whether something happened that only a new checkpoint would know."""

    leaving: bool = False
    """Whether it goes to another host as soon as it has had a slice here."""
    held: bool = False
    """Whether its class waits: it trains no further, and remembers what it was at."""
    experiment: int | None = None
    """The number of what was sent, if it is that."""
    touched: int = 0
    """How often it was told something that changes it."""
    until: Until | None = None
    """What its class waits for; None if it is in no class."""
    looked: Looked | None = None
    """As it was when that was looked at last."""
    next_look_at: float = -math.inf
    """When diagnostics may be looked at again."""
    told: set[tuple[object, bool]] = field(default_factory=set)
    """What was reached, and whether it was edited by then: each is told once."""
    look: Look | None = None
    """The glimpse that is wanted of it."""
    glimpsed: tuple[Looked, int | None] | None = None
    """As it was at the last one, and the resolution of that."""
    glimpsed_at: float = -math.inf

    @property
    def plays(self) -> bool:
        """Whether it trains as long as there is something to train."""
        return self.playing and not self.held

    @property
    def moving(self) -> bool:
        """Whether another frame follows at once."""
        return not self.held and bool(self.playing or self.stepping)

    @property
    def now(self) -> Looked:
        """What says whether it is still the same."""
        return self.touched, self.session.iteration if self.session else -1, self.moving

    @property
    def replaying(self) -> bool:
        """Whether this session has yet to get back to where it was, or on to what is sought.

        While it is held it goes back, but no further than it was.
        """
        session = self.session
        return session is not None and session.iteration < self.replays_to and session.left > 0

    @property
    def restoring(self) -> bool:
        """Whether its host was lost, and it is not yet where it had been."""
        return self.restored and self.replaying

    @property
    def arriving(self) -> bool:
        """Whether it has come from elsewhere, and its readers have not heard of it from here."""
        return self.restored and not self.framed_at and self.awaited

    @property
    def replays_to(self) -> int:
        """The iteration before which it says nothing."""
        return min(self.replay_to, self.seen) if self.held else self.replay_to

    @property
    def wants_glimpse(self) -> bool:
        """Whether one is asked for that would not be as the last one."""
        if self.look is None or self.session is None or self.replaying:
            return False
        now, resolution = self.glimpsed or (None, None)
        return now != self.now or self.look.resolution not in (None, resolution)

    @property
    def configured(self) -> Session:
        """The session.

        Raises:
            NotConfigured: there is none yet.
        """
        if self.session is None:
            raise NotConfigured("send configure first: there is nothing to train yet")
        return self.session

    @property
    def unlimited(self) -> bool:
        """Whether it trains whenever there is time."""
        return self.kind == "job" or self.iterations_per_frame == "max"

    @property
    def patient(self) -> bool:
        """Whether it takes only what time the others leave.

        That is so if it plays at top speed, or nobody would see what it did: there is no reader, or
        none that may be sent a frame.
        """
        if self.unlimited and self.plays:
            return True
        seen = any(reader.may_be_sent for reader in self.readers.values())
        return not seen or self.sweeping

    @property
    def awaited(self) -> bool:
        """Whether its readers wait for its next slice."""
        return self.moving and not self.patient

    @property
    def active(self) -> bool:
        """Whether it wants the processor for longer than a moment."""
        return self.moving or self.replaying or self.sweeping

    @property
    def sweeping(self) -> bool:
        """Whether a reader's sweep is under way."""
        return not self.held and any(reader.sweep is not None for reader in self.readers.values())

    @property
    def settled(self) -> bool:
        """Whether a checkpoint of now holds all of it: nothing that was asked is under way."""
        asked = any(reader.questions for reader in self.readers.values())
        return not (self.replaying or self.waiting or self.sweeping or asked)

    @property
    def unkept(self) -> tuple[Tell, ...]:
        """What it was told, and no checkpoint holds: another host is told that again."""
        session = self.session
        if session is None:
            return ()
        said = [
            Tell(self.name, reader.name, message)
            for reader in self.readers.values()
            for message in (
                *reader.questions.values(),
                *([reader.sweep.message] if reader.sweep is not None else []),
            )
        ]
        on_its_way = session.iteration < self.replay_to and session.left > 0
        if self.sought is not None and on_its_way and not self.restored:
            said.append(self.sought)
        return (*said, *self.waiting)

    def everyone_wants(self) -> None:
        """The next round sends every reader a frame."""
        for reader in self.readers.values():
            reader.wants = True

    def checkpoint(self, costs_from: int = 0) -> Checkpoint:
        """A checkpoint of now, with the costs from `costs_from` on."""
        return replace(
            self.configured.checkpoint(costs_from),
            playing=self.playing,
            stepping=self.stepping,
            iterations_per_frame=self.iterations_per_frame,
            experiment=self.experiment,
        )

    def halt(self) -> None:
        """Neither playing nor stepping."""
        self.playing, self.stepping, self.owed = False, 0, 0
