"""What is remembered of a session outside of its host, so that another can take it up.

What if it is full: commands that wait are bounded by whoever puts them here (`driver.py`).
"""

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from app.errors import Lost
from app.schemas import Ack, Cancel, Pause, Plan, Play, View
from app.training.checkpoints import Latest
from app.training.messages import (
    Attach,
    Checkpointed,
    Command,
    Detach,
    Event,
    Expect,
    Frame,
    Glimpse,
    Hold,
    Kind,
    Listener,
    Look,
    Open,
    Position,
    Progress,
    Release,
    Tell,
    Text,
)

MOST_WEIGHT = 8
"""Of the commands of one session in one round; a command that builds something has all of it. The
readers that a session brings to another host come with it: else it would be seen a round later."""
LIGHT_MESSAGES = (Ack, Pause, Play, View, Cancel)
"""Messages that weigh 1."""
SUSPICION_SECONDS = 60.0


def _brings(command: Command) -> bool:
    """Whether it is the beginning of a session in a host, or brings a reader there unheard."""
    return isinstance(command, Open) or (isinstance(command, Attach) and not command.greet)


def weight_of(command: Command) -> int:
    """What a command counts of the weight that a session may have carried out in a round."""
    if _brings(command):
        return MOST_WEIGHT if isinstance(command, Open) else 0
    light = isinstance(command, Detach | Hold | Expect | Look) or (
        isinstance(command, Tell) and isinstance(command.message, LIGHT_MESSAGES)
    )
    return 1 if light else MOST_WEIGHT


@dataclass
class Placed:
    """What the driver of its host remembers of a session; it goes with it to another driver."""

    name: str
    kind: Kind
    listener: Listener
    latest: Latest | None = None
    plan: Plan | None = None
    """What it begins with, until there is a checkpoint of it."""
    readers: dict[str, tuple[Position, View]] = field(default_factory=dict)
    unkept: Sequence[Tell] = ()
    """What its host has taken, and no checkpoint holds: a new host is told that again."""
    held: bool = False
    expect: Expect | None = None
    look: Look | None = None
    """The glimpse that has not come yet."""
    waiting: deque[Command] = field(default_factory=deque)
    """For the next rounds, in their order."""
    sits_out_until: float = 0.0
    """When it has paid back what it had of the host beyond its share (of the loop's time)."""
    broke_line_at: float = -SUSPICION_SECONDS
    aside: bool = False
    """Whether it has done harm, and is in no host any more; its latest checkpoint is still here."""
    leaving: bool = False
    """Whether its host is asked to let it go."""
    refusals: int = 0
    """How often the host has kept it instead, one after the other."""
    taken: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when some of what waits has gone to a host."""

    @property
    def opened(self) -> bool:
        """Whether a host has been told to open it, or is just being told."""
        return not any(isinstance(command, Open) for command in self.waiting)

    def send(self, command: Command) -> None:
        """Queue a command, and learn from it."""
        if isinstance(command, Expect | Look):
            self._newest(type(command))
        self.waiting.append(command)
        match command:
            case Attach():
                self.readers[command.reader] = command.position, command.view
            case Detach():
                self.readers.pop(command.reader, None)
                self._forget(command.reader)
            case Expect():
                self.expect = command
            case Look():
                self.look = command
            case Tell(message=View() as view) if command.reader in self.readers:
                self.readers[command.reader] = self.readers[command.reader][0], view

    def hold(self, command: Hold) -> None:
        """Let it wait, or go on: before all that waits for it, but its beginning."""
        self.held = command.held
        self._newest(Hold)
        self.waiting.insert(sum(map(_brings, self.waiting)), command)

    def _newest(self, kind: type[Command]) -> None:
        """Of a kind of which the newest counts, drop what waits still."""
        if any(isinstance(each, kind) for each in self.waiting):
            self.waiting = deque(each for each in self.waiting if not isinstance(each, kind))

    def _forget(self, reader: str) -> None:
        """A reader that left before it was attached: drop both commands."""
        attached = next(
            (c for c in self.waiting if isinstance(c, Attach) and c.reader == reader), None
        )
        if attached is not None:
            self.waiting.remove(attached)
            self.waiting.pop()

    def next_commands(self) -> list[Command]:
        """The commands of the next round."""
        commands: list[Command] = []
        weight = 0
        while self.waiting and (weight < MOST_WEIGHT or not weight_of(self.waiting[0])):
            commands.append(self.waiting.popleft())
            weight += weight_of(commands[-1])
        self.taken.set()
        return commands

    async def until_taken(self) -> None:
        """Wait until something of what waits has gone to a host, or was dropped."""
        self.taken.clear()
        await self.taken.wait()

    def take(self, event: Event) -> None:
        """Learn from an event on its way up, and pass on what is not for the driver alone."""
        match event:
            case Checkpointed():
                if self.latest is None:
                    self.latest, self.plan = Latest(event.part), None
                else:
                    self.latest.add(event.part, same_plan=event.same_plan)
                self._is_at(event.part.iteration)
            case Frame() if event.reader in self.readers:
                position = Position(event.iteration, event.number + 1, event.number)
                self.readers[event.reader] = position, self.readers[event.reader][1]
            case Glimpse(at_once=False):
                self.look = None
        if not isinstance(event, Checkpointed):
            self.listener(event)

    def _is_at(self, iteration: int) -> None:
        """It may have gone back: then costs that its readers have of later iterations are none."""
        for reader, (position, view) in self.readers.items():
            if position.costs > iteration:
                self.readers[reader] = replace(position, costs=iteration), view

    def lose(self, why: str) -> None:
        """Say that the session could not be taken up again."""
        lost = Lost(f"{why}; what was trained is lost, configure it anew")
        self.listener(Text.of(self.name, None, lost.message()))
        self.listener(Progress(self.name, "failed", 0, detail=lost.detail))

    def begin_anew(self, under_way: Iterable[Command] = ()) -> None:
        """It is in no host any more: the next one is told all that brings it to where it was.

        Args:
            under_way: Commands that it was to carry out, of which nobody has heard anything.
        """
        mine = (each for each in under_way if getattr(each, "session", None) == self.name)
        kept = [e for e in (*self.unkept, *mine, *self.waiting) if not self._is_ours(e)]
        self.unkept = ()
        self.waiting = deque([*self.again(kept), *kept])
        self.sits_out_until, self.leaving = 0.0, False

    def _is_ours(self, command: Command) -> bool:
        """Whether it only brings a session to a host; the next one gets another, as it is now."""
        return isinstance(command, Release) or _brings(command)

    def again(self, kept: Sequence[Command] = ()) -> list[Command]:
        """The commands that bring the session to a new host.

        Args:
            kept: What follows them: that is not said twice.
        """
        seen = max((position.costs for position, _ in self.readers.values()), default=0)
        coming = {command.reader for command in kept if isinstance(command, Attach)}
        attached = [
            Attach(self.name, reader, *known, greet=False)
            for reader, known in self.readers.items()
            if reader not in coming
        ]
        wished = [self.expect, self.look]
        return [
            Open(self.name, self.kind, self.latest, self.plan, seen, self.held),
            *attached,
            *(w for w in wished if w is not None and not any(w is each for each in kept)),
        ]
