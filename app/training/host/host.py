"""Many sessions sharing one processor fairly. Pure and synchronous; clocks are passed in.

There are two: `clock` says when something is due, `meter` what a session has had. They differ when
other programs want the processor too.

A host is driven in rounds. `handle` takes commands, `round` trains whoever is due and says what
came of it, `next_wake` says when another round is worth it. Playing trains `iterations_per_frame`
iterations each frame interval, whether or not a reader keeps up; a REST run trains on whenever
there is time. A round is one frame interval long, so a command waits no longer than that. In a
round every session gets a slice, in the order of their turns: if there is not enough for all, each
has the same share of the time. Those at top speed, those that nobody would see and REST runs are
patient: they come after all others, and have a fiftieth of the time although none is left.

What if it is full: a session that the processor can't keep up with owes at most `MOST_OWED` frame
intervals, so it slows down instead of falling ever further behind; a reader with two frames under
way is sent no third, and what it missed is in the next.
"""

import logging
import math
from collections.abc import Callable, Iterable
from dataclasses import replace

from app import wire
from app.errors import Full, InvalidField, Lost, ShallowsError
from app.fairness import Turns
from app.schemas import (
    Ack,
    Cancel,
    Check,
    Configure,
    Edit,
    Inspect,
    Message,
    Pause,
    Plan,
    Play,
    Reset,
    Seek,
    Set,
    Step,
    Sweep,
    View,
)
from app.training.checkpoints import NO_PLAN, Latest
from app.training.host.hosted import Hosted, Reader
from app.training.host.shares import Account, Share
from app.training.messages import (
    Answer,
    Ask,
    Attach,
    Checkpointed,
    Close,
    Command,
    Detach,
    Event,
    Fetch,
    Flush,
    Frame,
    Open,
    Position,
    Progress,
    Question,
    Snap,
    Snapshot,
    Status,
    Tell,
    Text,
    Worked,
)
from app.training.microscope import check, check_inspect, inspection
from app.training.run import Model
from app.training.session import Session
from app.training.sweep import SeedSweep

log = logging.getLogger(__name__)

MOST_WAITING = 64
"""Commands that wait for the end of a seek; one more is refused."""
MOST_OWED = 4
LONGEST_SILENCE = 0.1
"""Seconds after which a frame is sent although its iterations are not all done."""
SHORTEST_SLICE = 0.001
SHORTEST_TURN = 0.005
"""Seconds that a turn counts at least: small networks, whose times differ by chance or by their
activation, take turns; one that is large pays for it."""
PATIENT_REST = 1.0
"""So much of the time that the patient had they rest afterwards, while others train: what is free
in a worker is not all free, since the server has every frame to send, with the same processors."""
PATIENT_SHARE = 0.02
"""Of the time, for those who take only what is free, when nothing is."""
LONGEST_CHUNK = 0.002
"""Seconds of training between two looks at the clock, as far as one iteration allows."""
PROGRESS_EVERY = 0.2
DIAGNOSE_EVERY = 0.1
DIAGNOSING = 0.1
"""The share of a processor's time that one reader's frames with diagnostics may take."""
MOST_SLOWED = 4.0
"""Times that work which other programs interrupt counts for, at most."""
BYTES_PER_SECOND = 50e6
"""What events take, all in all, until they are sent or stored."""
INSPECTING = 0.2
"""The share of a processor's time that one reader's inspections may take."""


class Host:
    """Sessions that share one processor.

    Args:
        clock: Seconds, as they pass.
        meter: Seconds that the processor has worked for this host.
        serving: Told which session is served from now on, so that somebody knows if that ends it.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        meter: Callable[[], float],
        *,
        frames_per_second: float = 60.0,
        checkpoint_seconds: float = 1.0,
        serving: Callable[[str], None] = lambda session: None,
    ) -> None:
        self._clock, self._meter, self._serving = clock, meter, serving
        self._interval = 1 / frames_per_second
        self._checkpoint_seconds = checkpoint_seconds
        self._sessions: dict[str, Hosted] = {}
        self._turns = {False: Turns(SHORTEST_TURN), True: Turns(SHORTEST_TURN)}
        """Of those who are not patient, and of those who are."""
        self._patients_share = Share(PATIENT_SHARE)
        self._patients_rest_until = -math.inf
        self._active = 0
        """How many sessions wanted to train when the last round began, the patient left out."""
        self._worked = 0

    # -- commands ---------------------------------------------------------------------------

    def handle(self, command: Command) -> list[Event]:
        """Carry out a command; training itself waits for the next round."""
        match command:
            case Flush():
                return self._flush(command)
            case Close():
                self._sessions.pop(command.session, None)
                for turns in self._turns.values():
                    turns.forget(command.session)
                return []
            case Open():
                account = Account(self._clock())
                hosted = Hosted(command.session, command.kind, account, replay_to=command.replay_to)
                self._sessions[command.session] = hosted
            case _:
                there = self._sessions.get(command.session)
                if there is None:
                    return self._for_nobody(command)
                hosted = there
        self._serving(hosted.name)
        now, before = self._clock(), self._meter()
        events = self._for(hosted, command)
        self._charge(hosted, events, now, self._meter() - before, granted=0.0)
        return events

    def _for(
        self, hosted: Hosted, command: Open | Attach | Detach | Tell | Question
    ) -> list[Event]:
        """Carry out a command for a session."""
        match command:
            case Open():
                return self._open(hosted, command)
            case Attach():
                return self._attach(hosted, command)
            case Detach():
                hosted.readers.pop(command.reader, None)
                return []
            case Ask():
                # What is known of a change is kept before it is told.
                kept = [self._keep(hosted)] if hosted.changed and hosted.session else []
                return [*kept, Answer(command.ticket, self._answer(hosted, command))]
            case Fetch():
                session = hosted.session
                there = session is not None and command.run < len(session.runs)
                record = session.record(command.run) if session and there else None
                return [Answer(command.ticket, record)]
            case Snap():
                return [Answer(command.ticket, self._snapshot(hosted))]
            case Tell():
                return self._tell(hosted, command)

    def _for_nobody(self, command: Command) -> list[Event]:
        """The session has gone while the command was on its way."""
        if isinstance(command, Question):
            return [Answer(command.ticket, None)]
        return []

    def _charge(
        self, hosted: Hosted, events: Iterable[Event], start: float, took: float, granted: float
    ) -> None:
        """Charge a session for work beyond its slice, and for what others have with its events.

        Args:
            start: When the work began, by the clock.
            took: What the processor has worked. If other programs took their part of it meanwhile,
                the sessions here waited for longer: that is charged too, up to `MOST_SLOWED`.
            granted: The slice.
        """
        now = self._clock()
        beyond = took - granted
        if beyond > 0:
            beyond *= min(MOST_SLOWED, max(1.0, (now - start) / took))
        seconds = max(0.0, beyond) + sum(map(_size, events)) / BYTES_PER_SECOND
        if seconds > 0:
            others = self._active - (hosted.active and not hosted.patient)
            hosted.account.charge(now, seconds, max(0, others))

    def _open(self, hosted: Hosted, command: Open) -> list[Event]:
        try:
            if command.latest is not None:
                self._restore(hosted, command.latest)
            elif command.plan is not None:
                return self._configure(hosted, command.plan, playing=True)
        except Exception:
            log.exception("session %.6s could not be opened", hosted.name)
            return self._fail(hosted, "what was kept of this session can't be taken up again")
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
        hosted.due = self._clock()
        hosted.changed = True

    def _attach(self, hosted: Hosted, command: Attach) -> list[Event]:
        reader = Reader(command.reader, command.view, command.position)
        hosted.readers[command.reader] = reader
        if hosted.session is None or not command.greet:
            return []
        events: list[Event] = [
            Text.of(
                hosted.name,
                reader.name,
                self._configured(hosted, resumed=True, from_checkpoint=command.from_checkpoint),
            )
        ]
        if not hosted.session.left:
            events.append(Text.of(hosted.name, reader.name, self._ended(hosted)))
        return events

    def _answer(self, hosted: Hosted, question: Ask) -> Progress | Model | None:
        if hosted.session is None:
            return None
        return hosted.session.runs[0].model if question.model else self._progress(hosted)

    def _snapshot(self, hosted: Hosted) -> Snapshot | None:
        """None also on the way to an iteration that is sought: this is not where it is."""
        if hosted.session is None or hosted.replaying:
            return None
        return Snapshot(self._progress(hosted), hosted.checkpoint())

    def _flush(self, command: Flush) -> list[Event]:
        """A checkpoint of every session that has anything new to keep."""
        events: list[Event] = []
        up_to_now = set()
        for hosted in self._sessions.values():
            if hosted.session is None or hosted.replaying:
                continue
            try:
                if hosted.changed or hosted.kept_costs < hosted.session.iteration:
                    events.append(self._keep(hosted))
                up_to_now.add(hosted.name)
            except Exception:
                log.exception("session %.6s could not be kept", hosted.name)
        return [*events, Answer(command.ticket, frozenset(up_to_now))]

    def _tell(self, hosted: Hosted, command: Tell) -> list[Event]:
        try:
            return self._carry_out(hosted, command.reader, command.message)
        except ShallowsError as error:
            return [Text.of(hosted.name, command.reader, error.message())]
        except Exception:
            log.exception("session %.6s could not carry out a command", hosted.name)
            return self._fail(hosted)

    def _carry_out(self, hosted: Hosted, reader: str, message: Message) -> list[Event]:
        match message:
            case Configure():
                return self._configure(hosted, message.plan(), message.playing)
            case View():
                if (looking := hosted.readers.get(reader)) is not None:
                    looking.view, looking.wants = message, True
                return []
            case Ack():
                return self._acknowledge(hosted, reader, message)
            case Check():
                return [Text.of(hosted.name, reader, {"type": "checked", **check(message)})]
            case Inspect() | Sweep() | Cancel():
                self._wish(hosted, hosted.readers.get(reader), message)
                return []
        if isinstance(message, Set) and not message.of_training:
            # The speed belongs to whoever looks, not to what is trained.
            self._set_speed(hosted, message)
            return self._state(hosted)
        session = hosted.configured
        if hosted.replaying and not isinstance(message, Seek | Reset):
            if len(hosted.waiting) == MOST_WAITING:
                raise Full("the session is still on its way to the iteration sought", 1)
            hosted.waiting.append(Tell(hosted.name, reader, message))
            return []
        match message:
            case Play():
                session.begin_another_future()
                if not session.left:
                    return self._over(hosted)
                hosted.playing, hosted.stepping = True, 0
                hosted.due = self._clock()
            case Pause():
                hosted.halt()
                hosted.everyone_wants()
            case Step():
                session.begin_another_future()
                hosted.playing = False
                hosted.stepping = hosted.owed = min(message.iterations, session.left)
                if not hosted.stepping:
                    return self._over(hosted)
            case Seek():
                return self._seek(hosted, session, message.iteration)
            case Reset():
                session.reset()
                return [*self._state(hosted), *self._start_again(hosted)]
            case Set():
                session.set(message)
                self._set_speed(hosted, message)
            case Edit():
                session.edit(message)
                hosted.everyone_wants()
        hosted.changed = True
        return self._state(hosted)

    def _wish(
        self, hosted: Hosted, reader: Reader | None, message: Inspect | Sweep | Cancel
    ) -> None:
        """Take what a reader wants to know beside its frames; the next rounds see to it."""
        session = hosted.configured
        if reader is None:
            return
        match message:
            case Inspect():
                check_inspect(session, message)
                reader.inspect = message
            case Sweep():
                reader.sweep = SeedSweep(session, message)
            case Cancel():
                reader.sweep = None

    def _set_speed(self, hosted: Hosted, message: Set) -> None:
        if message.iterations_per_frame is not None:
            hosted.iterations_per_frame = message.iterations_per_frame
            if hosted.playing:
                hosted.owed = 0  # but not what the old speed would have trained

    def _configure(self, hosted: Hosted, plan: Plan, playing: bool) -> list[Event]:
        hosted.session, hosted.playing = Session(plan), playing
        for reader in hosted.readers.values():
            reader.inspect = reader.sweep = None
        configured = Text.of(hosted.name, None, self._configured(hosted, resumed=False))
        return [configured, *self._start_again(hosted)]

    def _start_again(self, hosted: Hosted) -> list[Event]:
        """Frame 0 of a session that is at iteration 0, as its readers' costs are now.

        It goes out at once, whatever is still under way: those frames show what is no more.
        """
        session, now = hosted.configured, self._clock()
        hosted.stepping, hosted.owed, hosted.replay_to = 0, 0, 0
        hosted.waiting.clear()
        hosted.diverged.clear()
        hosted.kept_costs, hosted.changed = 0, True
        hosted.due = now + self._interval
        for reader in hosted.readers.values():
            frame = reader.position.frame
            reader.position = Position(0, frame, acknowledged=frame - 1)
        return [self._frame(hosted, session, reader, now) for reader in hosted.readers.values()]

    def _seek(self, hosted: Hosted, session: Session, iteration: int) -> list[Event]:
        """Back to a kept state, then on to exactly that iteration, before anything is told."""
        if iteration > session.iterations:
            raise InvalidField(
                f"iteration must be from 0 to {session.iterations:,}, where this session ends; "
                f"got {iteration:,}",
                "iteration",
            )
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
        return [] if hosted.stepping else self._state(hosted)

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

    # -- messages ---------------------------------------------------------------------------

    def _configured(
        self, hosted: Hosted, *, resumed: bool, from_checkpoint: bool = False
    ) -> dict[str, object]:
        session = hosted.configured
        description = session.description()
        return {
            "type": "configured",
            "session": hosted.name,
            "resumed": resumed,
            "from_checkpoint": from_checkpoint,
            "iteration": session.iteration,
            "playing": hosted.playing,
            "iterations_per_frame": hosted.iterations_per_frame,
            "data": description["data"],
            "runs": [
                {**described, "state": run.state}
                for described, run in zip(description["runs"], session.runs, strict=True)
            ],
        }

    def _state(self, hosted: Hosted) -> list[Event]:
        runs = hosted.session.runs if hosted.session else []
        hosted.said_to_have_ended = hosted.session.ended_runs if hosted.session else set()
        message = {
            "type": "state",
            "playing": hosted.playing,
            "iteration": hosted.session.iteration if hosted.session else 0,
            "iterations_per_frame": hosted.iterations_per_frame,
            "runs": [run.state for run in runs],
        }
        return [Text.of(hosted.name, None, message)]

    def _over(self, hosted: Hosted) -> list[Event]:
        """Say that there is nothing left to train."""
        hosted.halt()
        hosted.everyone_wants()
        hosted.changed = True
        return [*self._state(hosted), Text.of(hosted.name, None, self._ended(hosted))]

    def _ended(self, hosted: Hosted) -> dict[str, object]:
        reason, detail = hosted.configured.ended or (None, None)
        return {
            "type": "ended",
            "iteration": hosted.configured.iteration,
            "reason": reason,
            "detail": detail,
        }

    def _fail(
        self, hosted: Hosted, why: str = "the training of this session failed and was stopped"
    ) -> list[Event]:
        """Something is wrong with the program, not with what was asked; this session ends."""
        iteration = hosted.session.iteration if hosted.session else 0
        lost = Lost(f"{why}; configure it anew")
        hosted.session = None
        hosted.halt()
        return [
            Text.of(hosted.name, None, lost.message()),
            Progress(hosted.name, "failed", iteration, detail=lost.detail),
        ]

    def _progress(self, hosted: Hosted) -> Progress:
        session = hosted.configured
        run = session.runs[0]
        diverged, stopped = run.trainer.diverged, run.trainer.stopped
        status: Status = "diverged" if diverged else "running" if session.left else "finished"
        score = run.score
        return Progress(
            hosted.name,
            status,
            session.iteration,
            score.train_cost,
            score.train_accuracy,
            score.test_cost,
            score.test_accuracy,
            score.train_confusion,
            score.test_confusion,
            detail=diverged.reason if diverged else stopped.detail if stopped else None,
        )

    # -- rounds -----------------------------------------------------------------------------

    def serve(self, commands: Iterable[Command]) -> tuple[list[Event | Worked], float | None]:
        """Carry out commands, train for a round, and say when to come again (`next_wake`)."""
        events = [event for command in commands for event in self.handle(command)]
        events += self.round()
        self._serving("")
        now = self._clock()
        sits_out = {
            hosted.name: hosted.account.sits_out_until - now
            for hosted in self._sessions.values()
            if hosted.account.sits_out_until > now
        }
        worked, self._worked = Worked(self._worked, sits_out), 0
        return [*events, worked], self.next_wake()

    def round(self, budget: float | None = None) -> list[Event]:
        """Train whoever is due for about `budget` seconds (default: one frame interval)."""
        budget = self._interval if budget is None else budget
        start = self._clock()
        due = [hosted for hosted in self._sessions.values() if self._wake(hosted) <= start]
        events: list[Event] = []
        self._active = sum(h.active and not h.patient for h in self._sessions.values())
        queues: dict[bool, list[str]] = {False: [], True: []}
        for hosted in due:
            queues[hosted.patient].append(hosted.name)
        for patient, queue in queues.items():
            turns = self._turns[patient]
            for index, name in enumerate(turns.order(queue)):
                hosted = self._sessions[name]
                now, before = self._clock(), self._meter()
                left = budget - (now - start)
                if patient:
                    left = max(left, self._patients_share.owed(now))
                if left <= 0:
                    break
                slice_end = now + max(SHORTEST_SLICE, left / (len(queue) - index))
                turns.begins(name)
                served = self._serve(hosted, now, slice_end)
                took = self._meter() - before
                turns.took(name, took)
                self._charge(hosted, served, now, took, granted=slice_end - now)
                events += served
                if patient:
                    then = self._clock()
                    self._patients_share.had(now, then)
                    if self._active:
                        rest = max(self._patients_rest_until, then) + PATIENT_REST * (then - now)
                        self._patients_rest_until = rest
                # Among equals whoever was served comes last.
                self._sessions[name] = self._sessions.pop(name)
        return events

    def _serve(self, hosted: Hosted, now: float, until: float) -> list[Event]:
        """One session's slice of a round."""
        self._serving(hosted.name)
        try:
            return [
                *self._train(hosted, now, until),
                *self._sweep(hosted, until),
                *self._tell_of(hosted),
            ]
        except Exception:
            log.exception("session %.6s failed", hosted.name)
            return self._fail(hosted)

    def next_wake(self) -> float | None:
        """Seconds until a round has something to do; None if only a command can bring it."""
        soonest = min(map(self._wake, self._sessions.values()), default=math.inf)
        return None if soonest == math.inf else max(0.0, soonest - self._clock())

    def _wake(self, hosted: Hosted) -> float:
        """When this session next has something to do, and may."""
        rests_until = self._patients_rest_until if hosted.patient else -math.inf
        return max(self._has_to_do(hosted), hosted.account.sits_out_until, rests_until)

    def _has_to_do(self, hosted: Hosted) -> float:
        """When this session next has something to do."""
        if hosted.session is None:
            return math.inf
        if hosted.owed >= 1 or hosted.replaying or hosted.changed or hosted.sweeping:
            return -math.inf
        wakes = [*(r.next_inspection_at for r in hosted.readers.values() if r.inspect is not None)]
        wakes += [
            reader.next_frame_at
            for reader in hosted.readers.values()
            if reader.wants and reader.may_be_sent
        ]
        if hosted.playing:
            wakes.append(-math.inf if hosted.unlimited else hosted.due)
        return min(wakes, default=math.inf)

    def _train(self, hosted: Hosted, now: float, until: float) -> list[Event]:
        """Train what is owed, up to the end of the slice."""
        session = hosted.configured
        self._accrue(hosted, now)
        wanted = min(hosted.owed, session.left)
        while wanted >= 1 and now < until:
            chunk = math.floor(min(LONGEST_CHUNK, until - now) / hosted.seconds_per_iteration)
            n = int(min(wanted, max(1, chunk)))
            session.advance(n)
            self._worked += n * len(session.runs)
            then, now = now, self._clock()
            estimate = (now - then) / n
            hosted.seconds_per_iteration += 0.3 * (estimate - hosted.seconds_per_iteration)
            wanted = min(wanted - n, session.left)
            hosted.owed -= n
            hosted.unframed += n
        return self._after_training(hosted, now)

    def _accrue(self, hosted: Hosted, now: float) -> None:
        """Add the iterations that have come due."""
        if hosted.replaying:
            hosted.owed = hosted.replay_to - hosted.configured.iteration
        elif hosted.playing and hosted.unlimited:
            hosted.owed, hosted.due = math.inf, now
        elif hosted.playing and now >= hosted.due:
            ticks = math.floor((now - hosted.due) / self._interval) + 1
            hosted.due += ticks * self._interval
            speed = float(hosted.iterations_per_frame)
            owed = min(hosted.owed + ticks * speed, max(1.0, MOST_OWED * speed))
            # Sixty sixtieths are one, whatever they add up to.
            hosted.owed = round(owed, 9)
        elif hosted.stepping:
            hosted.owed = hosted.stepping

    def _after_training(self, hosted: Hosted, now: float) -> list[Event]:
        session = hosted.configured
        if hosted.replaying:
            return []
        events: list[Event] = []
        for index, divergence in session.diverged.items():
            if index not in hosted.diverged:
                hosted.diverged.add(index)
                message = {
                    "type": "diverged",
                    "run": index,
                    "iteration": divergence.iteration,
                    "reason": divergence.reason,
                }
                events.append(Text.of(hosted.name, None, message))
        # To seek the end is to look at it, not to come to it.
        sought = hosted.stepping and session.iteration <= hosted.replay_to
        if (hosted.playing or hosted.stepping) and not session.left and not sought:
            events += self._over(hosted)
        elif hosted.stepping:
            hosted.stepping = int(max(0, hosted.owed)) if session.left else 0
            if not hosted.stepping:
                hosted.everyone_wants()
                hosted.changed = True
                events += self._state(hosted)
        elif hosted.said_to_have_ended != session.ended_runs:
            events += self._state(hosted)
        done = (
            hosted.owed < 1
            or hosted.unlimited
            or (hosted.unframed >= float(hosted.iterations_per_frame) and not hosted.stepping)
        )
        if hosted.unframed and (done or now - hosted.framed_at >= LONGEST_SILENCE):
            hosted.everyone_wants()
        waiting, hosted.waiting = hosted.waiting, []
        for command in waiting:
            events += self._tell(hosted, command)
        return events

    def _sweep(self, hosted: Hosted, until: float) -> list[Event]:
        """Train the sweeps of a session's readers up to the end of the slice, a little at least."""
        events: list[Event] = []
        for reader in hosted.readers.values():
            sweep = reader.sweep
            if sweep is None:
                continue
            sweep.advance()
            while (now := self._clock()) < until and sweep.left:
                sweep.advance()
            if not sweep.left:
                reader.sweep = None
                events.append(Text.of(hosted.name, reader.name, sweep.result(reader.view)))
            elif now >= sweep.reported_at + PROGRESS_EVERY:
                sweep.reported_at = now
                events.append(Text.of(hosted.name, reader.name, sweep.progress))
        return events

    def _inspection(self, hosted: Hosted, reader: Reader, wish: Inspect) -> Text:
        start = self._clock()
        message = inspection(hosted.configured, wish)
        reader.inspect = None
        now = self._clock()
        reader.next_inspection_at = now + (now - start) * (1 / INSPECTING - 1)
        return Text.of(hosted.name, reader.name, message)

    def _tell_of(self, hosted: Hosted) -> list[Event]:
        """Frames for whoever wants and may have one, progress of REST runs, checkpoints."""
        if hosted.replaying:
            return []
        session, now = hosted.configured, self._clock()
        events: list[Event] = []
        for reader in hosted.readers.values():
            if reader.wants and reader.may_be_sent and reader.next_frame_at <= now:
                events.append(self._frame(hosted, session, reader, now))
            if reader.inspect is not None and reader.next_inspection_at <= now:
                events.append(self._inspection(hosted, reader, reader.inspect))
        over = not session.left
        if hosted.kind == "job" and (
            now - hosted.reported_at >= PROGRESS_EVERY or (over and hosted.changed)
        ):
            hosted.reported_at = now
            events.append(self._progress(hosted))
        advanced = hosted.kept_costs < session.iteration
        if hosted.changed or (advanced and now - hosted.kept_at >= self._checkpoint_seconds):
            # It comes before what it makes known, so that an ended run's checkpoint is there.
            events.insert(0, self._keep(hosted))
        return events

    def _frame(self, hosted: Hosted, session: Session, reader: Reader, now: float) -> Frame:
        position = reader.position
        moving = hosted.playing or hosted.stepping
        diagnostics = reader.view.diagnostics and not (moving and now < reader.next_diagnosis_at)
        data = wire.pack(
            session.frame(position.frame, position.costs, reader.view, diagnostics=diagnostics),
            reader.view.encoding,
        )
        if diagnostics:
            took = self._clock() - now
            reader.next_diagnosis_at = now + max(DIAGNOSE_EVERY, took / DIAGNOSING)
        reader.position = Position(session.iteration, position.frame + 1, position.acknowledged)
        reader.wants = False
        reader.next_frame_at = max(reader.next_frame_at, now - self._interval) + self._interval
        hosted.framed_at, hosted.unframed = now, 0
        return Frame(hosted.name, reader.name, position.frame, session.iteration, data)

    def _keep(self, hosted: Hosted) -> Checkpointed:
        """A checkpoint, with the costs since the last one."""
        session = hosted.configured
        checkpoint = hosted.checkpoint(hosted.kept_costs)
        same_plan = hosted.kept_plan is session.plan
        if same_plan:
            checkpoint = replace(checkpoint, plan=NO_PLAN)
        hosted.kept_plan = session.plan
        hosted.kept_costs = checkpoint.iteration
        hosted.kept_at, hosted.changed = self._clock(), False
        return Checkpointed(hosted.name, checkpoint, same_plan)


def _size(event: Event) -> int:
    """About how many bytes an event has."""
    match event:
        case Text():
            return len(event.json)
        case Frame():
            return len(event.data)
        case Checkpointed():
            return event.part.size
    return 0
