"""One session's slice of a round: train what is owed, then say what came of it.

What if it is full: a session that the processor can't keep up with owes at most `MOST_OWED` frame
intervals, so it slows down instead of falling ever further behind; a reader with two frames under
way is sent no third, and what it missed is in the next.
"""

import logging
import math
from collections.abc import Callable
from itertools import chain

from app.conditions import met, needs_diagnostics
from app.schemas import Describe, Inspect, Recall
from app.training.facts import facts_of
from app.training.host import events
from app.training.host.commands import Commands
from app.training.host.hosted import INTERVAL, LONGEST_CHUNK, Hosted, Reader
from app.training.messages import Event, Text
from app.training.microscope import inspection
from app.training.past import recalled
from app.training.words import described

log = logging.getLogger(__name__)

SHORTEST_SLICE = 0.0008
"""Seconds of training that a slice has, however long a frame takes."""
SHORTEST_CALL = 1e-6
"""Seconds that a call for iterations takes at least, whatever a coarse clock says."""
MOST_OWED = 4
LONGEST_SILENCE = 0.1
"""Seconds after which a frame is sent although its iterations are not all done."""
PROGRESS_EVERY = 0.2
ANSWERING = 0.2
"""The share of a processor's time that the answers to one reader's questions may take."""


def expected(before: float, took: float) -> float:
    """How long something is expected to take, from what was expected and what it took now.

    A shorter time is believed at once; a longer one may be due to other programs.
    """
    return min(took, before + 0.3 * (took - before))


def _frame_in(hosted: Hosted, until: float) -> float:
    """Seconds that the frames of a slice are expected to take; 0 if there will be none."""
    if hosted.replaying:
        return 0.0
    readers = hosted.readers.values()
    due = any(reader.may_be_sent and reader.next_frame_at <= until for reader in readers)
    return hosted.seconds_per_frame if due else 0.0


class Slices:
    """Trains sessions, one at a time.

    Args:
        clock: Seconds, as they pass.
        commands: Carries out what had to wait for the end of a seek.
        checkpoint_seconds: Between two checkpoints of a session that trains.

    Attributes:
        trained: How many iterations, of all runs of all sessions.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        commands: Commands,
        checkpoint_seconds: float,
    ) -> None:
        self._clock, self._commands = clock, commands
        self._checkpoint_seconds = checkpoint_seconds
        self.trained = 0

    def serve(self, hosted: Hosted, now: float, until: float) -> list[Event]:
        """One session's slice of a round, its frame included: that has half of it at most."""
        try:
            frame = min(_frame_in(hosted, until), (until - now) / 2)
            return [
                *self._train(hosted, now, max(now + SHORTEST_SLICE, until - frame)),
                *self._sweep(hosted, until),
                *self._expect(hosted),
                *self._report(hosted),
            ]
        except Exception:
            log.exception("session %.6s failed", hosted.name)
            return events.failed(hosted)

    def due_at(self, hosted: Hosted) -> float:
        """When this session next has something to do."""
        if hosted.session is None:
            return math.inf
        steps = hosted.stepping and not hosted.held
        if hosted.owed >= 1 or steps or hosted.replaying or hosted.changed or hosted.sweeping:
            return -math.inf
        wakes = [r.next_answer_at for r in hosted.readers.values() if r.questions]
        wakes += [
            reader.next_frame_at
            for reader in hosted.readers.values()
            if reader.wants and reader.may_be_sent
        ]
        if hosted.plays:
            wakes.append(-math.inf if hosted.unlimited else hosted.due)
        if hosted.until is not None and hosted.looked != hosted.now:
            wakes.append(hosted.next_look_at)
        return min(wakes, default=math.inf)

    def _train(self, hosted: Hosted, now: float, until: float) -> list[Event]:
        """Train what is owed, up to the end of the slice; an iteration at least."""
        session, stepped = hosted.configured, hosted.stepping > 0
        self._accrue(hosted, now)
        wanted, first = min(hosted.owed, session.left), True
        while wanted >= 1 and now < until:
            chunk = round(min(LONGEST_CHUNK, until - now) / hosted.seconds_per_iteration)
            n = int(min(wanted, max(1, chunk)))
            before = session.iteration
            session.advance(n)
            self.trained += n * len(session.runs)
            then, now = now, self._clock()
            if first:  # later calls are short, so each of their iterations takes longer
                done = max(1, session.iteration - before)  # fewer if that was the end
                took = max(SHORTEST_CALL, now - then) / done
                hosted.seconds_per_iteration = expected(hosted.seconds_per_iteration, took)
                first = False
            wanted = min(wanted - n, session.left)
            hosted.owed -= n
            hosted.stepping = max(0, hosted.stepping - n)
            hosted.unframed += n
            if until - now < hosted.seconds_per_iteration / 2:
                break
        return self._after_training(hosted, now, stepped)

    def _accrue(self, hosted: Hosted, now: float) -> None:
        """Add the iterations that have come due."""
        if hosted.replaying:
            hosted.owed = hosted.replays_to - hosted.configured.iteration
        elif hosted.held:
            hosted.owed = 0
        elif hosted.playing and hosted.unlimited:
            hosted.owed, hosted.due = math.inf, now
        elif hosted.playing and now >= hosted.due:
            ticks = math.floor((now - hosted.due) / INTERVAL) + 1
            hosted.due += ticks * INTERVAL
            speed = float(hosted.iterations_per_frame)
            owed = min(hosted.owed + ticks * speed, max(1.0, MOST_OWED * speed))
            # Sixty sixtieths are one, whatever they add up to.
            hosted.owed = round(owed, 9)
        elif hosted.stepping:
            hosted.owed = hosted.stepping

    def _after_training(self, hosted: Hosted, now: float, stepped: bool) -> list[Event]:
        session = hosted.configured
        if hosted.replaying:
            return []
        said: list[Event] = []
        for index, divergence in session.diverged.items():
            if index not in hosted.diverged:
                hosted.diverged.add(index)
                message = {
                    "type": "diverged",
                    "run": index,
                    "iteration": divergence.iteration,
                    "reason": divergence.reason,
                }
                said.append(Text.of(hosted.name, None, message))
        # A seek to the last iteration does not end the session.
        sought = stepped and session.iteration <= hosted.replay_to
        if (hosted.plays or (stepped and not hosted.held)) and not session.left and not sought:
            said += events.over(hosted)
        elif stepped and not (hosted.stepping and session.left):
            hosted.stepping = 0
            hosted.everyone_wants()
            hosted.changed = True
            said += events.state(hosted)
        elif hosted.said_to_have_ended != session.ended_runs:
            said += events.state(hosted)
        done = (
            hosted.owed < 1
            or hosted.unlimited
            or (hosted.unframed >= float(hosted.iterations_per_frame) and not hosted.stepping)
        )
        if hosted.unframed and (done or now - hosted.framed_at >= LONGEST_SILENCE):
            hosted.everyone_wants()
        if not hosted.held:
            waiting, hosted.waiting = hosted.waiting, []
            for command in waiting:
                said += self._commands.tell(hosted, command)
        return said

    def _sweep(self, hosted: Hosted, until: float) -> list[Event]:
        """Train the sweeps of a session's readers up to the end of the slice, a little at least."""
        said: list[Event] = []
        for reader in hosted.readers.values():
            sweep = reader.sweep
            if sweep is None:
                continue
            sweep.advance()
            while (now := self._clock()) < until and sweep.left:
                sweep.advance()
            if not sweep.left:
                reader.sweep = None
                said.append(Text.of(hosted.name, reader.name, sweep.result(reader.view)))
            elif now >= sweep.reported_at + PROGRESS_EVERY:
                sweep.reported_at = now
                said.append(Text.of(hosted.name, reader.name, sweep.progress))
        return said

    def _expect(self, hosted: Hosted) -> list[Event]:
        """Tell a session's class what it waits for as soon as it is so: it may be no longer."""
        if hosted.until is None or hosted.looked == hosted.now or hosted.replaying:
            return []
        first, start = hosted.looked is None, self._clock()
        diagnoses = needs_diagnostics(chain.from_iterable(hosted.until))
        looks = diagnoses and start >= hosted.next_look_at
        if looks or not diagnoses:
            hosted.looked = hosted.now
        if not (hosted.until or first):
            return []
        facts = facts_of(hosted.configured, diagnosed=looks)
        if looks:
            took = self._clock() - start
            hosted.next_look_at = start + max(events.DIAGNOSE_EVERY, took / events.DIAGNOSING)
        reached = {(until, facts.edited) for until in hosted.until if met(until, facts)}
        news = reached - hosted.told
        hosted.told |= news
        return [events.glimpse(hosted, facts)] if news or first else []

    def _answer(self, hosted: Hosted, reader: Reader) -> Text:
        """The answer to what a reader has asked first."""
        start = self._clock()
        kind, question = next(iter(reader.questions.items()))
        match question:
            case Inspect():
                message = inspection(hosted.configured, question)
            case Describe():
                message = described(hosted.configured, question, reader.view)
            case Recall():
                message = recalled(hosted.configured, question)
        del reader.questions[kind]
        now = self._clock()
        reader.next_answer_at = now + (now - start) * (1 / ANSWERING - 1)
        return Text.of(hosted.name, reader.name, message)

    def _report(self, hosted: Hosted) -> list[Event]:
        """Frames for whoever wants and may have one, progress of REST runs, checkpoints."""
        if hosted.replaying:
            return []
        session, now = hosted.configured, self._clock()
        said: list[Event] = []
        frames = 0.0
        for reader in hosted.readers.values():
            if reader.wants and reader.may_be_sent and reader.next_frame_at <= now:
                began = self._clock()
                said.append(events.frame(hosted, reader, now, self._clock))
                said += events.ended(hosted, reader)
                frames += self._clock() - began
            if reader.questions and reader.next_answer_at <= now:
                said.append(self._answer(hosted, reader))
        if frames:
            hosted.seconds_per_frame = expected(hosted.seconds_per_frame, frames)
        over = not session.left
        if hosted.kind == "job" and (
            now - hosted.reported_at >= PROGRESS_EVERY or (over and hosted.changed)
        ):
            hosted.reported_at = now
            said.append(events.progress(hosted))
        advanced = hosted.kept_costs < session.iteration
        if hosted.changed or (advanced and now - hosted.kept_at >= self._checkpoint_seconds):
            # It comes before what it makes known, so that an ended run's checkpoint is there.
            said.insert(0, events.checkpointed(hosted, self._clock()))
        return said
