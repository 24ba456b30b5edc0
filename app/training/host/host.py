"""Many sessions sharing one processor fairly. Pure and synchronous; clocks are passed in.

There are two: `clock` says when something is due, `meter` what a session has had. They differ when
other programs want the processor too.

A host is driven in rounds. `handle` takes commands, `round` trains whoever is due and says what
came of it, `next_wake` says when another round is worth it. Playing trains `iterations_per_frame`
iterations each frame interval, whether or not a reader keeps up; a REST run trains on whenever
there is time. A round is one frame interval long, so a command waits no longer than that. In a
round every session gets a slice, in the order of their turns: if there is not enough for all, each
has the same share of the time. Those at top speed, those that nobody would see and REST runs are
patient: they come after all others, and have a fiftieth of the time although none is left. After
them come glimpses for a class, with a share of their own: if there are too many they come later.
Before all come sessions whose host was lost, until they are where they had been, and before the
others of their kind those that have come from elsewhere, once.

A host that shares its processor with hosts of other servers counts a round by the meter: by the
clock it would be over when it has hardly begun. With many sessions it is up to two and a half times
as long there.

How one session obeys is in `commands.py`, how it trains in `slices.py` (with what happens when that
is too much), what is said of it in `events.py`.
"""

import logging
import math
from collections.abc import Callable, Iterable
from itertools import chain

from app.conditions import needs_diagnostics
from app.fairness import Turns
from app.training.facts import facts_of
from app.training.host.commands import Commands
from app.training.host.events import checkpointed, glimpse, size_of
from app.training.host.hosted import INTERVAL, Hosted
from app.training.host.shares import Account, Share
from app.training.host.slices import SHORTEST_SLICE, Slices
from app.training.messages import (
    Answer,
    Ask,
    Close,
    Command,
    Event,
    Flush,
    Open,
    Release,
    Released,
    Tell,
    Worked,
)

log = logging.getLogger(__name__)

SHORTEST_TURN = 0.005
"""Seconds that a turn counts at least: small networks, whose times differ by chance or by their
activation, take turns; one that is large pays for it."""
PATIENT_REST = 1.0
"""After training for t, the patient rest for so many times t while others train: the server needs
that time to send frames."""
PATIENT_SHARE = 0.02
"""Of the time, for the patient when no time is left."""
GLIMPSES = 0.05
"""Of the time, for what a class sees of its sessions: never more, though there be time."""
RESTORING = 0.75
"""Of a round, for sessions whose host was lost. They are silent until they are where they had been:
one after the other they are so for a shorter time than if all took turns with those that play."""
SHARED_TURN = 0.00225
"""Seconds of a round for each who is due, on a shared processor: a round itself costs as much there
as serving a few, so it is long enough for all."""
MOST_SHARED = 2.5 * INTERVAL
"""Seconds of work in a round there, however many are due."""
LONGEST_ROUND = 12 * INTERVAL
"""Seconds that pass in a round there, however little of it was its own: two tenths. Linux counts
what a container may have of its processors by the tenth."""
MOST_SLOWED = 4.0
"""Work that other programs interrupt counts at most so many times."""
BYTES_PER_SECOND = 50e6
"""How fast events are sent or stored, all in all."""


class Host:
    """Sessions that share one processor.

    Args:
        clock: Seconds, as they pass.
        meter: Seconds that the processor has worked for this host.
        shared: Whether other hosts want the same processor.
        serving: Called with the session that is served from now on: if that ends the process,
            somebody knows which it was.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        meter: Callable[[], float],
        *,
        checkpoint_seconds: float,
        shared: bool = False,
        serving: Callable[[str], None] = lambda session: None,
    ) -> None:
        self._clock, self._meter, self._serving = clock, meter, serving
        self._shared = shared
        self._commands = Commands(clock)
        self._slices = Slices(clock, self._commands, checkpoint_seconds)
        self._sessions: dict[str, Hosted] = {}
        self._turns = {False: Turns(SHORTEST_TURN), True: Turns(SHORTEST_TURN)}
        """Of those who are not patient, and of those who are."""
        self._patients_share, self._glimpses_share = Share(PATIENT_SHARE), Share(GLIMPSES)
        self._patients_rest_until = -math.inf
        self._unkept: dict[str, tuple[Tell, ...]] = {}
        """Of each session, what was said last."""
        self._others_until = -math.inf
        """Until when the time is those who play's: one that was restored had more than its part."""
        self._granted = INTERVAL
        """Seconds of the round: by the meter if the processor is shared."""
        self._active = 0
        """How many sessions wanted to train when the last round began, the patient left out."""

    def handle(self, command: Command) -> list[Event]:
        """Carry out a command; training itself waits for the next round."""
        match command:
            case Flush():
                return self._flush(command)
            case Close():
                self._forget(command.session)
                return []
            case Release():
                return self._release(command)
            case Open():
                account = Account(self._clock())
                seen = command.replay_to
                hosted = Hosted(
                    command.session,
                    command.kind,
                    account,
                    replay_to=seen,
                    seen=seen,
                    restored=command.latest is not None,
                )
                hosted.held = command.held
                self._sessions[command.session] = hosted
            case _:
                there = self._sessions.get(command.session)
                if there is None:
                    return self._for_nobody(command)
                hosted = there
        self._serving(hosted.name)
        now, before = self._clock(), self._meter()
        events = self._commands.carry_out(hosted, command)
        self._charge(hosted, events, now, self._meter() - before, granted=0.0)
        return events

    def _forget(self, session: str) -> None:
        self._sessions.pop(session, None)
        self._unkept.pop(session, None)
        for turns in self._turns.values():
            turns.forget(session)

    def _release(self, command: Release) -> list[Event]:
        """Let a session go; after its next slice, if somebody waits for that.

        So its readers wait for a turn elsewhere, and not for most of one here as well.
        """
        hosted = self._sessions.get(command.session)
        if hosted is None:
            return [Released(command.session, left=True)]
        if hosted.settled and hosted.awaited and not command.at_any_rate:
            hosted.leaving = True
            return []
        return self._let_go(hosted, at_any_rate=command.at_any_rate)

    def _let_go(self, hosted: Hosted, *, at_any_rate: bool = False) -> list[Event]:
        """Let a session go now, with a checkpoint of now if one can hold all of it."""
        hosted.leaving = False
        if not (hosted.settled or at_any_rate):
            return [Released(hosted.name, left=False)]
        said = (self._kept(hosted) or []) if hosted.settled else []
        self._forget(hosted.name)
        return [*said, Released(hosted.name, left=True, unkept=hosted.unkept)]

    def _kept(self, hosted: Hosted) -> list[Event] | None:
        """A checkpoint, if there is anything new to keep; None if now can't be kept."""
        if hosted.session is None or hosted.replaying:
            return None
        if not (hosted.changed or hosted.kept_costs < hosted.session.iteration):
            return []
        try:
            return [checkpointed(hosted, self._clock())]
        except Exception:
            log.exception("session %.6s could not be kept", hosted.name)
            return None

    def _keep(self, told: Iterable[str]) -> list[Event]:
        """Checkpoints of sessions that have been told something, before it makes anything known.

        The round may have no time for them: who has just configured one would lose it with the
        host, and hear nothing of that.
        """
        events: list[Event] = []
        for hosted in filter(None, map(self._sessions.get, told)):
            if hosted.changed:
                now, before = self._clock(), self._meter()
                kept = self._kept(hosted) or []
                self._charge(hosted, kept, now, self._meter() - before, granted=0.0)
                events += kept
        return events

    def _for_nobody(self, command: Command) -> list[Event]:
        """The session has gone while the command was on its way."""
        if isinstance(command, Ask):
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
        seconds = max(0.0, beyond) + sum(map(size_of, events)) / BYTES_PER_SECOND
        if seconds > 0:
            others = self._active - (hosted.active and not hosted.patient)
            hosted.account.charge(now, seconds, max(0, others))

    def _flush(self, command: Flush) -> list[Event]:
        """A checkpoint of every session that has anything new to keep."""
        events: list[Event] = []
        up_to_now = set()
        for hosted in self._sessions.values():
            if (kept := self._kept(hosted)) is not None:
                events += kept
                up_to_now.add(hosted.name)
        return [*events, Answer(command.ticket, frozenset(up_to_now))]

    def serve(self, commands: Iterable[Command]) -> tuple[list[Event | Worked], float | None]:
        """Carry out commands, train for a round, and say when to come again (`next_wake`)."""
        commands = list(commands)
        said = [event for command in commands for event in self.handle(command)]
        told = dict.fromkeys(c.session for c in commands if isinstance(c, Tell))
        events = [*self._keep(told), *said, *self.round()]
        self._serving("")
        now = self._clock()
        sits_out = {
            hosted.name: hosted.account.sits_out_until - now
            for hosted in self._sessions.values()
            if hosted.account.sits_out_until > now
        }
        # What stays is not said again: it may be long, and a round is short.
        unkept = {
            name: tells
            for name, h in self._sessions.items()
            if (tells := h.unkept) != self._unkept.get(name, ())
        }
        self._unkept |= unkept
        worked, self._slices.trained = Worked(self._slices.trained, sits_out, unkept), 0
        return [*events, worked], self.next_wake()

    def round(self) -> list[Event]:
        """Train whoever is due for about one frame interval."""
        start, worked = self._clock(), self._meter()
        due = [hosted for hosted in self._sessions.values() if self._wake(hosted) <= start]
        events: list[Event] = []
        self._active = sum(h.active and not h.patient for h in self._sessions.values())
        if self._shared:
            self._granted = min(MOST_SHARED, max(INTERVAL, SHARED_TURN * len(due)))
        restoring: list[str] = []
        queues: dict[bool, list[str]] = {False: [], True: []}
        for hosted in due:
            (restoring if hosted.restoring else queues[hosted.patient]).append(hosted.name)
        if start >= self._others_until or not any(queues.values()):
            events += self._restore(restoring, start, worked)
        served: set[str] = set()
        for patient, queue in queues.items():
            turns = self._turns[patient]
            in_turn = [self._sessions[name] for name in turns.order(queue)]
            for index, hosted in enumerate(sorted(in_turn, key=lambda each: not each.arriving)):
                name = hosted.name
                now, before = self._clock(), self._meter()
                left = self._left(now - start, before - worked)
                if patient:
                    left = max(left, self._patients_share.owed(now))
                if left <= 0:
                    break
                slice_end = now + max(SHORTEST_SLICE, left / (len(queue) - index))
                turns.begins(name)
                said, took = self._serve(hosted, now, before, slice_end)
                turns.took(name, took)
                events += said
                served.add(name)
                if patient:
                    then = self._clock()
                    self._patients_share.had(now, then)
                    if self._active:
                        rest = max(self._patients_rest_until, then) + PATIENT_REST * (then - now)
                        self._patients_rest_until = rest
        events += self._glimpses()
        for hosted in [each for each in self._sessions.values() if each.leaving]:
            if hosted.name in served or not hosted.awaited:
                events += self._let_go(hosted)
        return events

    def _serve(
        self, hosted: Hosted, now: float, before: float, until: float
    ) -> tuple[list[Event], float]:
        """A slice for a session; what came of it, and what the processor has worked.

        Args:
            now, before: What the clock and the meter say as it begins.
        """
        self._serving(hosted.name)
        events = self._slices.serve(hosted, now, until)
        took = self._meter() - before
        self._charge(hosted, events, now, took, granted=until - now)
        # Among equals whoever was served comes last.
        self._sessions[hosted.name] = self._sessions.pop(hosted.name)
        return events, took

    def _restore(self, restoring: Iterable[str], start: float, worked: float) -> list[Event]:
        """Bring sessions whose host was lost to where they had been, one after the other.

        An iteration may take longer than what is left of their part of the round. Then those who
        play have theirs in the next ones.
        """
        events: list[Event] = []
        for name in restoring:
            now, before = self._clock(), self._meter()
            left = self._left(now - start, before - worked) - (1 - RESTORING) * self._granted
            if left <= 0:
                break
            hosted = self._sessions[name]
            events += self._serve(hosted, now, before, now + left)[0]
            if (over := (then := self._clock()) - now - left) > 0:
                self._others_until = then + over * (1 - RESTORING) / RESTORING
        return events

    def _left(self, passed: float, worked: float) -> float:
        """Seconds of a round that are left after some, of which the processor has worked some."""
        if not self._shared:
            return self._granted - passed
        return min(self._granted - worked, LONGEST_ROUND - passed)

    def _glimpses(self) -> list[Event]:
        """What a class wants to see, whose last glimpse is oldest first."""
        events: list[Event] = []
        wanted = [hosted for hosted in self._sessions.values() if hosted.wants_glimpse]
        for hosted in sorted(wanted, key=lambda hosted: hosted.glimpsed_at):
            now = self._clock()
            if self._glimpses_share.owed(now) <= 0:
                break
            look, hosted.look = hosted.look, None
            assert look is not None
            self._serving(hosted.name)
            hosted.glimpsed, hosted.glimpsed_at = (hosted.now, look.resolution), now
            try:
                diagnosed = needs_diagnostics(chain.from_iterable(hosted.until or ()))
                facts = facts_of(hosted.configured, diagnosed=diagnosed)
                events.append(glimpse(hosted, facts, look))
            except Exception:
                log.exception("session %.6s could not be looked at", hosted.name)
            self._glimpses_share.had(now, self._clock())
        return events

    def next_wake(self) -> float | None:
        """Seconds until a round has something to do; None if only a command can bring it."""
        soonest = min(map(self._wake, self._sessions.values()), default=math.inf)
        if any(hosted.wants_glimpse for hosted in self._sessions.values()):
            soonest = min(soonest, self._glimpses_share.next_at)
        return None if soonest == math.inf else max(0.0, soonest - self._clock())

    def _wake(self, hosted: Hosted) -> float:
        """When this session next has something to do, and may."""
        at = max(self._slices.due_at(hosted), hosted.account.sits_out_until)
        if at < self._patients_rest_until and hosted.patient:
            return self._patients_rest_until
        return at
