"""The commands of one session of a host; training itself waits for the next round."""

import logging
import math
from collections.abc import Callable
from dataclasses import replace

from app.errors import Full, Held, InvalidField, ShallowsError
from app.schemas import (
    Ack,
    Cancel,
    Check,
    Configure,
    Describe,
    Edit,
    Inspect,
    Message,
    Pause,
    Plan,
    Play,
    Question,
    Recall,
    Reset,
    Seek,
    Set,
    Step,
    Sweep,
    View,
)
from app.training.checkpoints import Latest, Record
from app.training.host import events
from app.training.host.hosted import INTERVAL, LONGEST_CHUNK, Hosted, Reader
from app.training.messages import (
    LOOKING,
    Answer,
    Ask,
    Attach,
    Detach,
    Event,
    Expect,
    Hold,
    Look,
    OfSession,
    Open,
    Position,
    Progress,
    Reply,
    Snapshot,
    Tell,
    Text,
)
from app.training.microscope import check, check_inspect
from app.training.run import Model
from app.training.session import Session
from app.training.sweep import SeedSweep

log = logging.getLogger(__name__)

MOST_DURING_SEEK = 64
"""Commands that wait for the end of a seek; one more is refused."""
CANT_RESTORE = "what was kept of this session can't be taken up again"


class Commands:
    """Carries out the commands of sessions, one at a time.

    Args:
        clock: Seconds, as they pass.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock

    def carry_out(self, hosted: Hosted, command: OfSession) -> list[Event]:
        """Carry out a command for a session; one that fails ends this session alone."""
        try:
            return self._carry_out(hosted, command)
        except Exception:
            log.exception("session %.6s could not carry out a command", hosted.name)
            why = [CANT_RESTORE] if isinstance(command, Open) else []
            said = events.failed(hosted, *why)
            return [*said, Answer(command.ticket, None)] if isinstance(command, Ask) else said

    def _carry_out(self, hosted: Hosted, command: OfSession) -> list[Event]:
        match command:
            case Open():
                return self._open(hosted, command)
            case Attach():
                return self._attach(hosted, command)
            case Detach():
                hosted.readers.pop(command.reader, None)
                return []
            case Ask():
                answer = Answer(command.ticket, self._answer(hosted, command))
                # Checkpoint first: what a client was told must survive a crash.
                known = command.what in (Progress, Model)
                if known and hosted.changed and hosted.session and not hosted.replaying:
                    return [events.checkpointed(hosted, self._clock()), answer]
                return [answer]
            case Tell():
                return self.tell(hosted, command)
            case Hold():
                return self._hold(hosted, command.held)
            case Expect():
                hosted.until, hosted.looked, hosted.next_look_at = command.until, None, -math.inf
                hosted.told = {one for one in hosted.told if one[0] in command.until}
                return []
            case Look():
                hosted.look = command
                return []

    def _open(self, hosted: Hosted, command: Open) -> list[Event]:
        if command.latest is not None:
            self._restore(hosted, command.latest)
        elif command.plan is not None:
            return self._configure(hosted, command.plan, playing=True)
        return []

    def _restore(self, hosted: Hosted, latest: Latest) -> None:
        """Bring a session to where it was."""
        checkpoint = latest.whole
        hosted.session = Session.restore(checkpoint)
        hosted.kept_costs = checkpoint.iteration  # whoever gave them has them
        hosted.kept_plan = checkpoint.plan
        hosted.diverged = set(hosted.session.diverged)
        hosted.said_to_have_ended = hosted.session.ended_runs
        hosted.playing, hosted.stepping = checkpoint.playing, checkpoint.stepping
        hosted.iterations_per_frame = checkpoint.iterations_per_frame
        hosted.experiment = checkpoint.experiment
        hosted.due = self._clock()
        hosted.changed = True

    def _hold(self, hosted: Hosted, held: bool) -> list[Event]:
        """Let a session wait, or go on as it was.

        Said again it changes nothing, and is told: perhaps nobody has heard it from another host.
        """
        hosted.held, hosted.owed, hosted.due = held, 0, self._clock()
        hosted.everyone_wants()
        hosted.changed = True
        return events.state(hosted) if hosted.session else []

    def _attach(self, hosted: Hosted, command: Attach) -> list[Event]:
        reader = Reader(command.reader, command.view, command.position)
        hosted.readers[command.reader] = reader
        if hosted.session is None:
            return []
        # Perhaps again: who was attached before may not have heard it.
        reader.hears_end = not hosted.session.left
        if not command.greet:
            return []
        configured = events.configured(
            hosted,
            resumed=True,
            from_checkpoint=command.from_checkpoint,
            setup=command.setup,
        )
        return [Text.of(hosted.name, reader.name, configured)]

    def _answer(self, hosted: Hosted, question: Ask) -> Reply:
        session, what = hosted.session, question.what
        if session is None:
            return None
        if what is Progress:
            return events.progress(hosted)
        if what is Model:
            return session.runs[0].model
        if what is Record:
            return session.record(question.run) if question.run < len(session.runs) else None
        # On the way to an iteration that is sought, it is not there yet.
        return None if hosted.replaying else Snapshot(events.progress(hosted), hosted.checkpoint())

    def tell(self, hosted: Hosted, command: Tell) -> list[Event]:
        """Carry out a message of the stream; if it can't be, its reader hears why."""
        try:
            if not isinstance(command.message, LOOKING):
                sent = isinstance(command.message, Configure) and command.experiment is not None
                if hosted.held and not sent:
                    raise Held
                hosted.touched += 1
            return self._obey(hosted, command.reader, command.message, command.experiment)
        except ShallowsError as error:
            return [Text.of(hosted.name, command.reader, error.message())]

    def _obey(
        self, hosted: Hosted, reader: str, message: Message, experiment: int | None
    ) -> list[Event]:
        match message:
            case Configure():
                return self._configure(hosted, message.plan(), message.playing, experiment)
            case View():
                if (looking := hosted.readers.get(reader)) is not None:
                    looking.view, looking.wants = message, True
                return []
            case Ack():
                return self._acknowledge(hosted, reader, message)
            case Check():
                return [Text.of(hosted.name, reader, {"type": "checked", **check(message)})]
            case Inspect() | Describe() | Recall() | Sweep() | Cancel():
                self._wish(hosted, hosted.readers.get(reader), message)
                return []
        if isinstance(message, Set) and not message.of_training and not hosted.replaying:
            # The speed belongs to whoever looks, not to what is trained.
            self._set_speed(hosted, message)
            hosted.changed = True
            return events.state(hosted)
        session = hosted.configured
        if hosted.replaying and not isinstance(message, Seek | Reset):
            if len(hosted.waiting) == MOST_DURING_SEEK:
                raise Full("the session is still on its way to the iteration sought", 1)
            hosted.waiting.append(Tell(hosted.name, reader, message))
            return []
        match message:
            case Play():
                session.begin_another_future()
                if not session.left:
                    return events.over(hosted)
                hosted.playing, hosted.stepping = True, 0
                hosted.due = self._clock()
            case Pause():
                hosted.halt()
                hosted.everyone_wants()
            case Step():
                session.begin_another_future()
                hosted.playing = False
                # Keys may be pressed faster than rounds come: what has been asked for stays.
                asked = hosted.stepping + message.iterations
                hosted.stepping = hosted.owed = min(asked, session.left)
                if not hosted.stepping:
                    return events.over(hosted)
            case Seek():
                said = self._seek(hosted, session, message.iteration)
                hosted.sought = Tell(hosted.name, reader, message)
                return said
            case Reset():
                session.reset()
                return [*events.state(hosted), *self._start_again(hosted)]
            case Set():
                session.set(message)
                self._set_speed(hosted, message)
            case Edit():
                session.edit(message)
                hosted.everyone_wants()
        hosted.changed = True
        return events.state(hosted)

    def _wish(
        self,
        hosted: Hosted,
        reader: Reader | None,
        message: Question | Sweep | Cancel,
    ) -> None:
        """Take what a reader wants to know beside its frames; the next rounds see to it."""
        session = hosted.configured
        if reader is None:
            return
        match message:
            case Inspect():
                check_inspect(session, message)
                reader.questions[Inspect] = message
            case Describe() | Recall():
                session.check_run(message.run)
                reader.questions[type(message)] = message
            case Sweep():
                reader.sweep = SeedSweep(session, message)
            case Cancel():
                reader.sweep = None

    def _set_speed(self, hosted: Hosted, message: Set) -> None:
        if message.iterations_per_frame is not None:
            hosted.iterations_per_frame = message.iterations_per_frame
            if hosted.playing:
                hosted.owed = 0  # what the old speed still owed is dropped

    def _configure(
        self, hosted: Hosted, plan: Plan, playing: bool, experiment: int | None = None
    ) -> list[Event]:
        hosted.session, hosted.playing = Session(plan), playing
        hosted.seconds_per_iteration = LONGEST_CHUNK  # those of another network say nothing
        hosted.experiment, hosted.looked = experiment, None
        hosted.told.clear()
        for reader in hosted.readers.values():
            reader.questions.clear()
            reader.sweep = None
        configured = Text.of(hosted.name, None, events.configured(hosted, resumed=False))
        return [configured, *self._start_again(hosted)]

    def _start_again(self, hosted: Hosted) -> list[Event]:
        """Frame 0 of a session that is at iteration 0, as its readers' costs are now.

        It goes out at once, also if frames are still under way: what they show is out of date.
        """
        now = self._clock()
        hosted.stepping, hosted.owed, hosted.replay_to = 0, 0, 0
        hosted.waiting.clear()
        hosted.diverged.clear()
        hosted.kept_costs, hosted.changed = 0, True
        hosted.due = now + INTERVAL
        for reader in hosted.readers.values():
            frame = reader.position.frame
            reader.position = Position(0, frame, acknowledged=frame - 1)
        return [
            events.frame(hosted, reader, now, self._clock) for reader in hosted.readers.values()
        ]

    def _seek(self, hosted: Hosted, session: Session, iteration: int) -> list[Event]:
        """Back to a kept state, then on to exactly that iteration, before anything is sent."""
        if iteration > session.iterations:
            raise InvalidField(
                f"iteration must be from 0 to {session.iterations:,}, where this session ends; "
                f"got {iteration:,}",
                "iteration",
            )
        if not hosted.replaying:
            hosted.seen = session.iteration
        hosted.restored = False
        hosted.halt()
        hosted.waiting.clear()
        if iteration < session.iteration:
            session.rewind(iteration)
            hosted.diverged = set(session.diverged)
            hosted.kept_costs = 0
        hosted.stepping = hosted.replay_to = iteration
        hosted.stepping -= session.iteration
        hosted.changed = True
        for reader in hosted.readers.values():
            costs = min(reader.position.costs, iteration)
            reader.position = replace(reader.position, costs=costs)
        hosted.everyone_wants()
        return [] if hosted.stepping else events.state(hosted)

    def _acknowledge(self, hosted: Hosted, name: str, message: Ack) -> list[Event]:
        reader = hosted.readers.get(name)
        if reader is None:
            return []
        position = reader.position
        if message.frame >= position.frame:
            raise InvalidField(
                f"frame {message.frame} has not been sent; the last one is {position.frame - 1}",
                "frame",
            )
        acknowledged = max(position.acknowledged, message.frame)
        reader.position = Position(position.costs, position.frame, acknowledged)
        return []
