"""The host on a clock that only the test turns: pacing, fairness, flow control, determinism."""

import json
import math
from typing import Any, Protocol

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from app import wire
from app.schemas import (
    MESSAGES,
    Ack,
    Configure,
    Edit,
    Message,
    Pause,
    Plan,
    Recall,
    Seek,
    Set,
    parse_message,
)
from app.training.checkpoints import Latest, Record
from app.training.host.events import checkpointed
from app.training.host.host import Host
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
    Frame,
    Kind,
    Open,
    Progress,
    Snapshot,
    Tell,
    Text,
    Worked,
)
from app.training.run import Model
from app.training.session import Session

FRAME = 1 / 60


class Clock:
    """Time that passes only when told; each look takes a little."""

    def __init__(self, look: float = 1e-6) -> None:
        self.now, self._look = 100.0, look

    def __call__(self) -> float:
        self.now += self._look
        return self.now


class Timed(Protocol):
    """A host, and its clock."""

    host: Host
    clock: Clock


class Desk:
    """A host, and what a keeper of its events would know."""

    def __init__(self, checkpoint_seconds: float = 1.0, resolution: int | None = None) -> None:
        self.resolution = resolution
        self.clock = Clock()
        self.host = Host(self.clock, self.clock, checkpoint_seconds=checkpoint_seconds)
        self.frames: dict[str, list[dict[str, Any]]] = {}
        self.texts: list[dict[str, Any]] = []
        self.kept: dict[str, Latest] = {}

    def open(
        self,
        name: str,
        plan: dict[str, Any] | None = None,
        *,
        playing: bool = True,
        kind: Kind = "interactive",
    ) -> None:
        self.host.handle(Open(name, kind))
        self.hear(self.host.handle(Attach(name, name)))
        self.frames[name] = []
        if self.resolution:
            self.say(name, "view", resolution=self.resolution)
        self.say(name, "configure", playing=playing, **(plan or {}))

    def say(self, name: str, type: str, **fields: Any) -> list[Event]:
        return self.tell(name, parse_message(json.dumps({"type": type, **fields}), MESSAGES))

    def tell(self, name: str, message: Message) -> list[Event]:
        return self.hear(self.host.handle(Tell(name, name, message)))

    def hear(self, events: list[Event]) -> list[Event]:
        for event in events:
            match event:
                case Frame():
                    self.frames[event.session].append(wire.unpack(event.data))
                case Text():
                    self.texts.append(json.loads(event.json))
                case Checkpointed():
                    if event.session in self.kept:
                        self.kept[event.session].add(event.part, same_plan=event.same_plan)
                    else:
                        self.kept[event.session] = Latest(event.part)
        return events

    def pass_time(self, seconds: float, *, acks: bool = True) -> None:
        """Rounds, as often as the host asks for them."""
        end = self.clock.now + seconds
        while self.clock.now < end:
            wake = self.host.next_wake()
            if wake is None or self.clock.now + wake >= end:
                self.clock.now = end
                return
            self.clock.now += wake
            self.hear(self.host.round())
            if acks:
                self.ack_all()

    def ack_all(self) -> None:
        for name, frames in self.frames.items():
            if frames:
                self.tell(name, Ack(type="ack", frame=frames[-1]["frame"]))

    def iteration(self, name: str) -> int:
        return self.host._sessions[name].configured.iteration


SMALL = {"data": {"examples": 10}, "runs": [{"network": {"layers": [{"units": 1}]}}]}


def plan_of(runs: int = 1, iterations: int = 5000) -> dict[str, Any]:
    run = {"network": {"layers": [{"units": 2}]}, "training": {"iterations": iterations}}
    return {"data": {"examples": 20}, "runs": [run] * runs}


def told(events: list[Event]) -> list[str]:
    """What a reader hears of some events, in their order."""
    return [
        "frame" if isinstance(event, Frame) else str(json.loads(event.json)["type"])
        for event in events
        if isinstance(event, Frame | Text)
    ]


def rounds(desk: Desk, *, until: str) -> list[Event]:
    """Rounds without an acknowledgement, until such a message is told."""
    said: list[Event] = []
    for _ in range(2000):
        if until in told(said):
            break
        desk.clock.now += FRAME
        said += desk.hear(desk.host.round())
    return said


def test_the_end_is_told_after_the_last_frame() -> None:
    desk = Desk()
    plan = {"runs": [{"training": {"iterations": 40}}]}
    desk.open("a", plan)
    said: list[Event] = []
    for _ in range(100):
        desk.clock.now += FRAME
        said += desk.hear(desk.host.round())
        desk.ack_all()
    assert told(said)[-3:] == ["state", "frame", "ended"]
    assert (desk.frames["a"][-1]["iteration"], desk.texts[-1]["iteration"]) == (40, 40)
    # Who asks again is told again, in the same order.
    said = [*desk.say("a", "play"), *rounds(desk, until="ended")]
    assert told(said) == ["state", "frame", "ended"]


def test_a_reader_that_is_late_is_told_the_end_when_it_has_the_frame() -> None:
    desk = Desk()
    desk.open("a", {"runs": [{"training": {"iterations": 40}}]})
    said = rounds(desk, until="state")
    for _ in range(50):
        desk.clock.now += FRAME
        said += desk.hear(desk.host.round())
    assert told(said).count("frame") == 2 - 1  # the other is that of iteration 0
    assert "ended" not in told(said)
    desk.ack_all()
    assert told(rounds(desk, until="ended")) == ["frame", "ended"]


def test_what_began_again_has_not_ended() -> None:
    desk = Desk()
    desk.open("a", {"runs": [{"training": {"iterations": 40}}]})
    rounds(desk, until="state")
    desk.say("a", "seek", iteration=10)
    desk.pass_time(1.0)
    assert desk.frames["a"][-1]["iteration"] == 10
    assert "ended" not in [text["type"] for text in desk.texts]


def test_what_is_said_while_it_seeks_is_of_the_iteration_sought() -> None:
    trained = []
    for patient in (False, True):
        desk = Desk()
        desk.open("a", plan_of(), playing=False)
        desk.say("a", "step", iterations=900)
        desk.pass_time(5)
        desk.say("a", "seek", iteration=890)
        if patient:
            desk.pass_time(5)
        desk.say("a", "set", learning_rate=1.7)
        desk.say("a", "step", iterations=30)
        desk.pass_time(5)
        last = desk.frames["a"][-1]
        assert last["iteration"] == 920
        trained.append(last["runs"][0]["layers"])
    assert trained[0] == trained[1]


def test_steps_that_come_faster_than_rounds_all_count() -> None:
    desk = Desk()
    desk.open("a", plan_of(iterations=50), playing=False)
    for _ in range(3):
        desk.say("a", "step")
    desk.pass_time(1)
    assert desk.iteration("a") == 3
    # So do those that wait for the end of a seek; what is paused is no longer asked for.
    desk.say("a", "seek", iteration=10)
    for _ in range(4):
        desk.say("a", "step", iterations=5)
    desk.pass_time(1)
    assert desk.iteration("a") == 30
    desk.say("a", "step", iterations=10)
    desk.say("a", "pause")
    desk.say("a", "step", iterations=2)
    desk.pass_time(1)
    assert desk.iteration("a") == 32
    # There is no more than is left.
    for _ in range(2):
        desk.say("a", "step", iterations=15)
    desk.pass_time(1)
    assert desk.iteration("a") == 50


@pytest.mark.parametrize(
    "command",
    [
        *(Ask("bad", 7, what) for what in (Progress, Model, Record, Snapshot)),
        Attach("bad", "another"),
        Tell("bad", "bad", Edit(type="edit", layer=1, unit=0, input=None, value=1.0)),
        Tell("bad", "bad", Pause(type="pause")),
    ],
    ids=repr,
)
def test_a_session_whose_command_fails_ends_alone(command: Command) -> None:
    class Broken:
        iteration, left, runs = 3, 1, [None]

    desk = Desk()
    desk.open("bad")
    desk.open("good")
    desk.host._sessions["bad"].session = Broken()  # type: ignore[assignment]
    said = desk.hear(desk.host.handle(command))
    assert [text for text in desk.texts if text.get("code") == "lost"]
    assert [e.iteration for e in said if isinstance(e, Progress) and e.status == "failed"] == [3]
    answers = [event for event in said if isinstance(event, Answer)]
    assert answers == ([Answer(7, None)] if isinstance(command, Ask) else [])
    desk.pass_time(0.5)
    assert desk.frames["good"][-1]["iteration"] > 0


def test_a_seek_and_a_reset_overtake_what_waits_for_a_seek() -> None:
    desk = Desk()
    desk.open("a", plan_of(), playing=False)
    desk.say("a", "step", iterations=900)
    desk.pass_time(5)
    for last, iteration in (("seek", 850), ("reset", 0)):
        desk.say("a", "seek", iteration=890)
        for _ in range(65):
            desk.say("a", "step", iterations=1)
        assert [text["code"] for text in desk.texts[-1:]] == ["full"]
        desk.say("a", last, **({"iteration": iteration} if last == "seek" else {}))
        desk.pass_time(5)
        assert desk.iteration("a") == iteration


def test_what_is_kept_is_of_one_iteration_and_never_of_the_way_to_another() -> None:
    desk = Desk()
    desk.open("a", plan_of(iterations=900))
    desk.pass_time(0.5)
    (answer,) = desk.host.handle(Ask("a", 1, Snapshot))
    assert isinstance(answer, Answer)
    assert isinstance(answer.value, Snapshot)
    checkpoint = answer.value.checkpoint
    assert checkpoint is not None
    assert 0 < checkpoint.iteration == answer.value.progress.iteration == len(checkpoint.costs[0])
    desk.say("a", "seek", iteration=890)
    assert desk.host.handle(Ask("a", 2, Snapshot)) == [Answer(2, None)]
    desk.pass_time(2)
    (answer,) = desk.host.handle(Ask("a", 3, Snapshot))
    assert isinstance(answer, Answer)
    assert isinstance(answer.value, Snapshot)
    assert answer.value.progress.iteration == 890


def test_what_a_session_was_told_is_kept_before_it_is_said_also_if_there_is_no_time() -> None:
    """Else whoever has just configured one would lose it with the host, and hear no more."""
    desk = Desk()
    desk.open("slow", plan_of())
    slow_down(desk, "slow", seconds_per_iteration=1.0)
    desk.host.handle(Open("new", "interactive"))
    desk.host.handle(Attach("new", "new"))
    configure = Configure(type="configure", playing=True)
    rate = Set(type="set", learning_rate=0.7)
    for message in (configure, rate, Set(type="set", iterations_per_frame=50)):
        desk.clock.now += FRAME
        events, _ = desk.host.serve([Tell("new", "new", message)])
        first, *rest = [event for event in events if getattr(event, "session", "") == "new"]
        assert isinstance(first, Checkpointed)
        kept = first.part
        assert rest
        assert not any(isinstance(event, Checkpointed) for event in rest)
    assert len(kept.changes) == 1
    assert kept.iterations_per_frame == 50


def test_what_steps_as_its_host_is_lost_steps_on_from_where_it_was_seen() -> None:
    old, desk = Desk(), Desk()
    old.open("a", plan_of(), playing=False)
    old.say("a", "step", iterations=200)
    kept = desk.kept["a"] = Latest(old.host._sessions["a"].checkpoint())
    desk.frames["a"] = []
    desk.host.handle(Open("a", "interactive", kept, replay_to=20))
    desk.hear(desk.host.handle(Attach("a", "a")))
    desk.pass_time(2)
    assert desk.iteration("a") == desk.frames["a"][-1]["iteration"] == 200


def test_what_no_checkpoint_holds_is_told_with_each_round() -> None:
    """What is sought, what waits for that or for the way back, and what is asked."""
    desk = Desk()
    desk.open("a", plan_of(iterations=200_000), playing=False)
    slow_down(desk, "a", seconds_per_iteration=0.001)
    kept = desk.kept["a"] = Latest(desk.host._sessions["a"].checkpoint())

    def unkept(*told: Message) -> list[Message]:
        (*events, worked), _ = desk.host.serve([Tell("a", "a", message) for message in told])
        desk.hear([event for event in events if not isinstance(event, Worked)])
        assert isinstance(worked, Worked)
        return [tell.message for tell in worked.unkept.get("a", ())]

    rate, speed = Set(type="set", learning_rate=0.7), Set(type="set", iterations_per_frame=50)
    recall, seek = Recall(type="recall"), Seek(type="seek", iteration=150_000)
    assert unkept(rate) == []
    desk.host._sessions["a"].readers["a"].next_answer_at = math.inf
    assert unkept(recall) == [recall]
    assert unkept(seek, rate, speed) == [recall, seek, rate, speed]
    # A checkpoint of the way there would be taken for the whole.
    assert desk.host.handle(Ask("a", 1, Progress))[:-1] == []
    desk.host.handle(Close("a"))
    desk.host.handle(Open("a", "interactive", kept, replay_to=150_000))
    desk.host.handle(Attach("a", "a"))
    slow_down(desk, "a", seconds_per_iteration=0.001)
    assert unkept(rate) == [rate]


class TestPace:
    @pytest.mark.parametrize("speed", [1, 5, 40])
    def test_playing_trains_at_the_chosen_speed(self, speed: int) -> None:
        desk = Desk()
        desk.open("a", plan_of(iterations=100_000))
        desk.say("a", "set", iterations_per_frame=speed)
        desk.pass_time(2)
        assert desk.iteration("a") == pytest.approx(120 * speed, abs=2 * speed)
        assert len(desk.frames["a"]) == pytest.approx(120, abs=3)

    @pytest.mark.parametrize(("speed", "iterations"), [(1 / 60, 4), (0.1, 24), (0.5, 120)])
    def test_below_one_an_iteration_comes_every_few_frames(
        self, speed: float, iterations: int
    ) -> None:
        desk = Desk()
        desk.open("a", plan_of(), playing=False)
        desk.say("a", "set", iterations_per_frame=speed)
        desk.say("a", "play")
        desk.pass_time(4.001)
        assert desk.iteration("a") == pytest.approx(iterations, abs=1)
        shown = [frame["iteration"] for frame in desk.frames["a"]]
        assert shown == list(range(desk.iteration("a") + 1))

    def test_at_top_speed_it_takes_what_is_free_and_sends_every_frame(self) -> None:
        desk = Desk()
        desk.open("a", plan_of(iterations=100_000), playing=False)
        slow_down(desk, "a", 1e-4)
        desk.say("a", "set", iterations_per_frame="max")
        desk.say("a", "play")
        desk.pass_time(2)
        assert desk.iteration("a") == pytest.approx(20_000, rel=0.05)
        assert len(desk.frames["a"]) == pytest.approx(120, rel=0.1)
        desk.say("a", "set", iterations_per_frame=1)
        before = desk.iteration("a")
        desk.pass_time(1)
        assert desk.iteration("a") - before == pytest.approx(60, abs=3)

    def test_top_speed_leaves_a_neighbour_its_pace(self) -> None:
        desk = Desk()
        for name, speed in (("a", "max"), ("b", 5)):
            desk.open(name, plan_of(iterations=100_000))
            desk.say(name, "set", iterations_per_frame=speed)
            slow_down(desk, name, 1e-4)
        desk.pass_time(2)
        assert desk.iteration("b") == pytest.approx(600, rel=0.05)
        assert desk.iteration("a") > 10_000

    def test_without_acks_training_goes_on_and_only_two_frames_are_sent(self) -> None:
        desk = Desk()
        desk.open("a", plan_of())
        desk.pass_time(2, acks=False)
        assert desk.iteration("a") == pytest.approx(600, abs=10)
        assert len(desk.frames["a"]) == 2
        desk.ack_all()
        desk.pass_time(0.1, acks=False)
        third = desk.frames["a"][2]
        assert third["runs"][0]["first_iteration"] == desk.frames["a"][1]["iteration"]
        assert len(third["runs"][0]["costs"]) == 4 * (
            third["iteration"] - desk.frames["a"][1]["iteration"]
        )

    def test_a_host_with_nothing_to_do_sleeps_until_a_command(self) -> None:
        desk = Desk()
        assert desk.host.next_wake() is None
        desk.open("a", plan_of(), playing=False)
        desk.pass_time(0.1)
        assert desk.host.next_wake() is None
        desk.say("a", "step", iterations=3)
        assert desk.host.next_wake() == 0
        desk.pass_time(0.1)
        assert desk.iteration("a") == 3
        assert desk.host.next_wake() is None

    def test_a_session_the_processor_cant_keep_up_with_slows_down_and_still_answers(self) -> None:
        desk = Desk()
        desk.open("a", plan_of(iterations=1_000_000))
        desk.say("a", "set", iterations_per_frame=1000)
        slow_down(desk, "a", seconds_per_iteration=0.001)
        desk.pass_time(3)
        assert desk.iteration("a") == pytest.approx(3000, rel=0.1)
        assert len(desk.frames["a"]) >= 25  # ten a second and more
        desk.say("a", "pause")
        at = desk.iteration("a")
        desk.pass_time(1)
        assert desk.iteration("a") == at

    def test_a_rest_run_takes_what_time_there_is(self) -> None:
        desk = Desk()
        desk.host.handle(Open("job", "job"))
        desk.frames["job"] = []
        plan = Plan.model_validate(plan_of(iterations=3000))
        message = Configure(type="configure", data=plan.data, runs=plan.runs, playing=True)
        desk.tell("job", message)
        slow_down(desk, "job", seconds_per_iteration=1e-5)
        desk.pass_time(0.2)
        assert desk.iteration("job") == 3000


@pytest.mark.parametrize(
    ("shared", "share", "intervals"),
    [(False, 0.25, 1), (True, 1.0, 2.5), (True, 0.25, 10), (True, 0.05, 12)],
)
def test_on_a_shared_processor_a_round_is_as_long_as_its_work_within_a_fifth_of_a_second(
    shared: bool, share: float, intervals: float
) -> None:
    desk = Desk()
    clock = desk.clock

    def meter() -> float:
        clock.now += 0.0005  # each slice looks at it twice
        return clock.now * share

    desk.host = Host(clock, meter, checkpoint_seconds=1.0, shared=shared)
    for number in range(200):
        desk.open(f"session {number}", SMALL)
    clock.now += FRAME
    start = clock.now
    desk.host.round()
    assert clock.now - start == pytest.approx(intervals * FRAME, rel=0.1)


@pytest.mark.parametrize(
    ("shared", "sessions", "seconds"),
    [(False, 12, FRAME), (True, 4, FRAME), (True, 12, 0.027), (True, 40, 2.5 * FRAME)],
)
def test_on_a_shared_processor_a_round_is_longer_for_many(
    shared: bool, sessions: int, seconds: float
) -> None:
    desk = Desk()
    desk.host = Host(desk.clock, desk.clock, checkpoint_seconds=100.0, shared=shared)
    names = [f"session {number}" for number in range(sessions)]
    for name in names:
        desk.open(name, plan_of(iterations=1_000_000))
        desk.say(name, "set", iterations_per_frame=1000)
        slow_down(desk, name, seconds_per_iteration=1e-4)
    desk.pass_time(1)
    start = desk.clock.now
    desk.host.round()
    assert desk.clock.now - start == pytest.approx(seconds, rel=0.05)


def test_a_slice_has_room_for_its_frame_so_that_all_have_one_in_a_round() -> None:
    desk = Desk(resolution=8)
    names = [f"session {number}" for number in range(6)]
    for name in names:
        desk.open(name, plan_of(iterations=1_000_000))
        desk.say(name, "set", iterations_per_frame=1)
        slow_down(desk, name, seconds_per_iteration=0.001)
        slow_frames(desk, name, 0.002)
    desk.pass_time(1)
    for _ in range(20):
        there = [len(desk.frames[name]) for name in names]
        desk.hear(desk.host.round())
        desk.ack_all()
        assert [len(desk.frames[name]) for name in names] == [frames + 1 for frames in there]


def test_iterations_are_trained_many_at_once_and_one_interruption_changes_that_for_a_moment() -> (
    None
):
    desk = Desk(resolution=8)
    calls: dict[str, list[int]] = {name: [] for name in "abcdefghij"}
    interrupted = 0.0

    def cost(name: str) -> None:
        session = desk.host._sessions[name].configured
        advance = session.advance

        def counted(n: int) -> None:
            nonlocal interrupted
            calls[name].append(n)
            desk.clock.now += 1e-4  # whatever it trains
            if name == "a":
                desk.clock.now, interrupted = desk.clock.now + interrupted, 0.0
            advance(n)

        session.advance = counted  # type: ignore[method-assign]

    def trained(seconds: float) -> float:
        for each in calls.values():
            each.clear()
        desk.pass_time(seconds)
        return float(np.mean(calls["a"]))

    for name in calls:
        desk.open(name, plan_of(iterations=1_000_000))
        desk.say(name, "set", iterations_per_frame=1000)
        slow_down(desk, name, seconds_per_iteration=9e-5)
        cost(name)
    desk.pass_time(1)
    assert trained(1) > 16
    interrupted = 0.3
    desk.pass_time(4)  # it pays for that first
    assert not interrupted
    assert trained(1) > 16


def test_a_clock_that_stands_still_holds_up_nothing() -> None:
    desk = Desk(resolution=8)
    desk.clock = Clock(look=0.0)
    desk.host = Host(desk.clock, desk.clock, checkpoint_seconds=1.0)
    desk.open("a", plan_of(iterations=1_000_000))
    for _ in range(3):
        there = desk.iteration("a")
        desk.clock.now += FRAME
        desk.hear(desk.host.round())
        assert desk.iteration("a") >= there + 5


def test_what_a_call_did_not_train_is_not_counted_as_fast() -> None:
    desk = Desk(resolution=8)
    desk.open("a", plan_of(iterations=30))
    desk.say("a", "set", iterations_per_frame="max")
    slow_down(desk, "a", seconds_per_iteration=1e-4)
    hosted = desk.host._sessions["a"]
    advance = hosted.configured.advance

    def ends_sooner(n: int) -> None:
        advance(min(n, 3))

    hosted.configured.advance = ends_sooner  # type: ignore[method-assign]
    desk.pass_time(0.2)
    assert hosted.seconds_per_iteration == pytest.approx(1e-4, rel=0.05)


@pytest.mark.parametrize("seconds", [0.002, 0.02])
def test_at_top_speed_frames_have_half_of_the_time_at_most_while_slices_are_longer(
    seconds: float,
) -> None:
    desk = Desk(resolution=8)
    desk.open("fast", plan_of(iterations=1_000_000))
    desk.say("fast", "set", iterations_per_frame="max")
    slow_down(desk, "fast", seconds_per_iteration=1e-4)
    slow_frames(desk, "fast", seconds)
    desk.pass_time(2)
    at, began = desk.iteration("fast"), desk.clock.now
    desk.pass_time(2)
    share = 1e-4 * (desk.iteration("fast") - at) / (desk.clock.now - began)
    # A slice is a sixtieth of a second; a frame that takes longer than half of it comes on top.
    assert share > 0.9 * (FRAME / 2) / (FRAME / 2 + max(seconds, FRAME / 2))


def test_no_room_is_kept_for_a_frame_that_nobody_may_be_sent() -> None:
    desk = Desk(resolution=8)
    desk.open("a", plan_of(iterations=1_000_000))
    desk.say("a", "set", iterations_per_frame=1000)
    slow_down(desk, "a", seconds_per_iteration=1e-4)
    slow_frames(desk, "a", 0.02)
    desk.pass_time(2)
    desk.pass_time(1, acks=False)  # two frames, and then none
    at, began = desk.iteration("a"), desk.clock.now
    desk.hear(desk.host.round())
    assert 1e-4 * (desk.iteration("a") - at) > 0.9 * FRAME
    assert desk.clock.now - began < 1.1 * FRAME


class TestFairness:
    def test_sessions_share_the_time_evenly_whatever_they_ask_for(self) -> None:
        desk = Desk(resolution=8)
        for index in range(6):
            desk.open(f"s{index}", plan_of(iterations=1_000_000))
            desk.say(f"s{index}", "set", iterations_per_frame=1000)
            slow_down(desk, f"s{index}", seconds_per_iteration=0.0005)
        desk.pass_time(6)
        trained = np.array([desk.iteration(f"s{index}") for index in range(6)])
        jain = trained.sum() ** 2 / (6 * (trained**2).sum())
        assert trained.sum() == pytest.approx(12_000, rel=0.1)
        assert jain > 0.98

    def test_a_slow_neighbour_leaves_a_default_session_its_pace(self) -> None:
        desk = Desk(resolution=8)
        desk.open("greedy", plan_of(iterations=1_000_000))
        desk.say("greedy", "set", iterations_per_frame=1000)
        slow_down(desk, "greedy", seconds_per_iteration=0.001)
        desk.open("modest", plan_of())
        desk.pass_time(3)
        assert desk.iteration("modest") == pytest.approx(900, rel=0.1)

    def test_a_network_whose_frames_take_long_gets_fewer_of_them(self) -> None:
        desk = Desk(resolution=8)
        costs = {f"large {index}": 0.02 for index in range(4)}
        costs |= {f"small {index}": 0.002 for index in range(16)}
        for name, seconds in costs.items():
            desk.open(name, plan_of(iterations=1_000_000))
            slow_frames(desk, name, seconds)
        desk.pass_time(6)
        frames = {name: len(desk.frames[name]) / 6 for name in costs}
        # What it has beyond its slices is paid back with its twentieth of the time.
        small = np.array([frames[name] for name in costs if name.startswith("small")])
        large = np.array([frames[name] for name in costs if name.startswith("large")])
        assert small == pytest.approx(22, rel=0.1)  # 12 if everyone had a turn after the other
        assert np.all((large * 0.02 >= 1 / 20) & (large * 0.02 <= 2 / 20))

    def test_commands_are_charged_and_whoever_has_overdrawn_sits_out(self) -> None:
        desk = Desk(resolution=8)
        students = [f"student {index}" for index in range(5)]
        for name in (*students, "storm"):
            desk.open(name, plan_of(iterations=1_000_000))
        for _ in range(5):  # a frame interval apart, 20 ms each
            slow_frames(desk, "storm", 0.02)
            desk.say("storm", "reset")
            desk.pass_time(FRAME)
        events, _ = desk.host.serve([])
        worked = events[-1]
        assert isinstance(worked, Worked)
        # 100 ms are lent, 120 were had and more; each of the six has a sixth of the time.
        assert set(worked.sits_out) == {"storm"}
        before = desk.clock.now
        assert 0 < worked.sits_out["storm"] <= Account.LONGEST
        frames = len(desk.frames["storm"])
        desk.pass_time(worked.sits_out["storm"] - 0.01)
        assert len(desk.frames["storm"]) == frames
        desk.pass_time(0.2)
        assert len(desk.frames["storm"]) > frames
        passed = desk.clock.now - before
        assert len(desk.frames["student 0"]) > 0.9 * passed / FRAME

    @pytest.mark.parametrize("way", ["configured", "restored"])
    def test_of_a_network_that_is_new_to_a_host_one_iteration_is_trained_first(
        self, way: str
    ) -> None:
        """A small one before it, or none, says nothing of how long its iterations take."""
        desk = Desk(resolution=8)
        desk.open("a", SMALL | {"runs": plan_of(iterations=1_000_000)["runs"]})
        desk.say("a", "set", iterations_per_frame="max")
        slow_down(desk, "a", seconds_per_iteration=1e-5)
        desk.pass_time(0.5)
        if way == "configured":
            desk.say("a", "configure", playing=True, **plan_of())
        else:
            desk.host.handle(Open("a", "interactive", desk.kept["a"], replay_to=1_000_000))
        slow_down(desk, "a", seconds_per_iteration=0.5)
        there, began = desk.iteration("a"), desk.clock.now
        desk.hear(desk.host.round())
        assert desk.iteration("a") == there + 1
        assert desk.clock.now - began < 0.6

    def test_networks_that_are_restored_leave_those_who_play_a_part_however_large_they_are(
        self,
    ) -> None:
        lost, desk = Desk(resolution=8), Desk(resolution=8)
        back = [f"back {index}" for index in range(4)]
        for name in back:
            lost.open(name, plan_of(iterations=1_000_000))
        lost.pass_time(1.5)
        for index in range(10):
            desk.open(f"player {index}", plan_of(iterations=1_000_000))
            slow_down(desk, f"player {index}", seconds_per_iteration=0.0005)
        desk.pass_time(1)
        for name in back:
            latest = desk.kept[name] = lost.kept[name]
            desk.frames[name] = []
            seen = latest.checkpoint.iteration + 8
            desk.host.handle(Open(name, "interactive", latest, replay_to=seen))
            desk.hear(desk.host.handle(Attach(name, name)))
            slow_down(desk, name, seconds_per_iteration=0.03)
        there = [desk.iteration(f"player {index}") for index in range(10)]
        began = desk.clock.now
        while any(desk.host._sessions[name].restoring for name in back):
            desk.pass_time(FRAME)
        passed = desk.clock.now - began
        had = [desk.iteration(f"player {index}") - there[index] for index in range(10)]
        assert 0.25 < sum(had) * 0.0005 / passed < 0.5
        assert min(had) > 0.6 * max(had)

    def test_those_whose_host_was_lost_are_soon_where_they_were_and_the_others_go_on(self) -> None:
        lost, desk = Desk(resolution=8), Desk(resolution=8)
        back = [f"back {index}" for index in range(4)]
        players = [f"player {index}" for index in range(10)]
        for name in back:
            lost.open(name, plan_of(iterations=1_000_000))
        lost.pass_time(1.5)
        for name in players:
            desk.open(name, plan_of(iterations=1_000_000))
            slow_down(desk, name, seconds_per_iteration=0.0005)
        desk.pass_time(1)
        there = {name: desk.iteration(name) for name in players}
        for name in back:
            latest = desk.kept[name] = lost.kept[name]
            desk.frames[name] = []
            seen = latest.checkpoint.iteration + 100
            desk.host.handle(Open(name, "interactive", latest, replay_to=seen))
            desk.hear(desk.host.handle(Attach(name, name)))
            slow_down(desk, name, seconds_per_iteration=0.0005)
        # 0.2 s of work in 3/4 of the time; taking turns with ten, it would be 0.7 s.
        heard: list[str] = []
        began = desk.clock.now
        while len(heard) < len(back) and desk.clock.now - began < 0.35:
            desk.pass_time(FRAME)
            heard += [name for name in back if name not in heard and desk.frames[name]]
        assert set(heard) == set(back)
        for name in players:
            assert desk.iteration(name) > there[name]
        # Whoever seeks something takes turns with all.
        there["player 0"] = desk.iteration("player 0")
        desk.say("back 0", "seek", iteration=0)
        for name in ("player 0", "back 0"):
            desk.say(name, "seek", iteration=there["player 0"] + 1000)
        desk.pass_time(0.35)
        assert desk.iteration("player 0") - there["player 0"] < 100
        assert desk.iteration("back 0") < 100

    @pytest.mark.parametrize(("student", "share"), [(False, 1.0), (True, 0.5)])
    def test_the_patient_rest_for_as_long_as_they_worked_beside_others(
        self, student: bool, share: float
    ) -> None:
        desk = Desk(resolution=8)
        desk.open("fast", plan_of(iterations=1_000_000))
        desk.say("fast", "set", iterations_per_frame="max")
        slow_down(desk, "fast", seconds_per_iteration=0.001)
        if student:
            desk.open("student", plan_of(iterations=1_000_000))
        desk.pass_time(4)
        assert 0.001 * desk.iteration("fast") == pytest.approx(4 * share, rel=0.15)

    def test_alone_nobody_sits_out(self) -> None:
        desk = Desk(resolution=8)
        desk.open("only", plan_of(iterations=1_000_000))
        slow_frames(desk, "only", 0.5)
        desk.open("paused", plan_of(), playing=False)
        desk.pass_time(6)
        assert len(desk.frames["only"]) == pytest.approx(12, abs=1)

    def test_bytes_are_charged_too(self) -> None:
        desk = Desk(resolution=8)
        desk.open("large", plan_of(iterations=1_000_000))
        desk.open("small", plan_of(iterations=1_000_000))
        desk.pass_time(0.1)
        large = desk.host._sessions["large"]
        desk.host._charge(large, [Frame("large", "r", 0, 0, bytes(10**7))], desk.clock.now, 0, 0)
        assert large.account.sits_out_until > desk.clock.now

    def test_whoever_comes_from_elsewhere_is_served_first_and_once(self) -> None:
        old, desk = Desk(), Desk()
        for number in range(12):
            desk.open(f"{number}", plan_of(iterations=1_000_000))
            slow_frames(desk, f"{number}", 0.005)
        old.open("newcomer", plan_of(iterations=1_000_000))
        for each in (desk, old):
            each.pass_time(1)
        kept = desk.kept["newcomer"] = Latest(old.host._sessions["newcomer"].checkpoint())
        seen = old.iteration("newcomer")
        desk.frames["newcomer"] = []
        desk.clock.now += FRAME
        desk.host.handle(Open("newcomer", "interactive", kept, replay_to=seen))
        desk.hear(desk.host.handle(Attach("newcomer", "newcomer")))
        had = []
        for _ in range(6):
            desk.hear(desk.host.round())
            desk.ack_all()
            had.append(len(desk.frames["newcomer"]))
        assert had[0] == 1
        assert had[-1] <= 3  # the others have as many

    def test_whoever_comes_back_has_no_turns_saved_up(self) -> None:
        desk = Desk(resolution=8)
        for name in ("there", "back"):
            desk.open(name, plan_of(iterations=1_000_000))
            desk.say(name, "set", iterations_per_frame=1000)
            slow_down(desk, name, seconds_per_iteration=0.001)
        desk.say("back", "pause")
        desk.pass_time(5)
        desk.say("back", "play")
        before = desk.iteration("there")
        desk.pass_time(2)
        assert desk.iteration("there") - before == pytest.approx(1000, rel=0.1)

    @pytest.mark.parametrize("neighbour", ["at top speed", "unseen", "a REST run"])
    def test_who_takes_only_what_is_free_holds_up_nobody_and_still_comes_on(
        self, neighbour: str
    ) -> None:
        def class_of_ten(others: int) -> tuple[list[int], list[int]]:
            desk = Desk(resolution=8)
            # 25 ms of work in each 17 ms.
            students = [f"student {index}" for index in range(10)]
            patient = [f"other {index}" for index in range(others)]
            for name in (*students, *patient):
                job = name in patient and neighbour == "a REST run"
                desk.open(name, plan_of(iterations=1_000_000), kind="job" if job else "interactive")
                slow_down(desk, name, seconds_per_iteration=0.0005)
                if name in patient and neighbour == "at top speed":
                    desk.say(name, "set", iterations_per_frame="max")
                elif name in patient and neighbour == "unseen":
                    desk.frames.pop(name)
                    desk.host.handle(Detach(name, name))
            desk.pass_time(4)
            return list(map(desk.iteration, students)), list(map(desk.iteration, patient))

        alone, _ = class_of_ten(others=0)
        beside, patient = class_of_ten(others=10)
        assert min(beside) > 0.9 * min(alone)
        assert min(patient) > 10
        assert max(patient) < 0.05 * min(beside)

    def test_a_network_that_takes_every_round_leaves_a_rest_run_its_fiftieth(self) -> None:
        desk = Desk(resolution=8)
        desk.open("large", plan_of(iterations=1_000_000))
        slow_frames(desk, "large", 0.3)
        desk.open("job", plan_of(iterations=1_000_000), kind="job")
        slow_down(desk, "job", seconds_per_iteration=0.0005)
        desk.pass_time(30)
        assert 0.0005 * desk.iteration("job") == pytest.approx(30 / 50, rel=0.2)

    def test_who_is_paused_at_top_speed_sees_a_change_as_soon_as_the_others(self) -> None:
        desk = Desk(resolution=8)
        for index in range(10):
            desk.open(f"student {index}", plan_of(iterations=1_000_000))
            slow_down(desk, f"student {index}", seconds_per_iteration=0.0005)
            desk.open(f"fast {index}", plan_of(iterations=1_000_000))
            slow_down(desk, f"fast {index}", seconds_per_iteration=0.0005)
            desk.say(f"fast {index}", "set", iterations_per_frame="max")
        desk.pass_time(2)
        desk.say("fast 3", "pause")
        frames = len(desk.frames["fast 3"])
        desk.pass_time(0.1)
        assert len(desk.frames["fast 3"]) == frames + 1


@given(
    st.lists(st.tuples(st.floats(0.001, 2), st.floats(0.001, 0.5)), min_size=1),
    st.floats(0.01, 0.5),
)
def test_a_share_is_never_more_than_it_says(rounds: list[tuple[float, float]], part: float) -> None:
    share, now, had = Share(part), 100.0, 0.0
    for gap, turn in rounds:
        now += gap
        if share.owed(now) > 0:
            share.had(now, now + turn)
            now, had = now + turn, had + turn
    longest = max(turn for _, turn in rounds)
    assert had <= part * (now - 100.0 + Share.LONGEST_CLAIM) + longest


@given(
    st.lists(st.tuples(st.floats(0, 2), st.floats(0.001, 1)), min_size=1, max_size=60),
    st.integers(1, 50),
)
@example([(0.0, 0.05)] * 60, 5)
def test_in_the_long_run_nobody_has_more_than_a_share_and_what_is_lent(
    works: list[tuple[float, float]], others: int
) -> None:
    """Whoever works again as soon as it may, has at most 1/(others + 1) of the time, and LENT."""
    now = began = 100.0
    account, had = Account(now), 0.0
    for gap, seconds in works:
        now = max(now, account.sits_out_until) + gap
        now, had = now + seconds, had + seconds
        account.charge(now, seconds, others)
    end = max(now, account.sits_out_until)
    # Nobody sits out for longer than LONGEST at once: what is beyond that is forgiven.
    forgiven = sum(max(0.0, s - Account.LONGEST / others) for _, s in works)
    assert had - forgiven <= (end - began) / others + Account.LENT + 1e-9


def slow_down(there: Timed, name: str, seconds_per_iteration: float) -> None:
    """Make each iteration of a session take time on the test's clock."""
    session = there.host._sessions[name].configured
    advance = session.advance

    def slowly(n: int) -> None:
        advance(n)
        there.clock.now += n * seconds_per_iteration

    session.advance = slowly  # type: ignore[method-assign]


def slow_frames(desk: Desk, name: str, seconds: float) -> None:
    """Make each frame of a session take time on the test's clock."""
    session = desk.host._sessions[name].configured
    frame = session.frame

    def slowly(*args: Any, **kwargs: Any) -> dict[str, Any]:
        desk.clock.now += seconds
        return frame(*args, **kwargs)

    session.frame = slowly  # type: ignore[method-assign]


class Sessions(RuleBasedStateMachine):
    """Any sequence of commands, time and deaths: costs complete, bits the same as in one go."""

    @initialize(runs=st.integers(1, 2), iterations=st.integers(30, 400))
    def begin(self, runs: int, iterations: int) -> None:
        self.plan = plan_of(runs, iterations)
        self.desk = Desk(checkpoint_seconds=0.05)
        self.desk.open("a", self.plan, playing=False)
        self.changes: list[tuple[int, Set | Edit]] = []
        self.iterations = iterations
        self.epoch = 0

    @rule()
    def play(self) -> None:
        self.another_future()
        self.desk.say("a", "play")

    @rule(share=st.floats(0, 1))
    def seek(self, share: float) -> None:
        iteration = round(share * self.iterations)
        self.desk.say("a", "seek", iteration=iteration)
        self.desk.pass_time(0.5)
        assert self.desk.iteration("a") == iteration
        frames = self.desk.frames["a"]
        assert frames[-1]["iteration"] == iteration
        self.epoch = len(frames) - 1

    def another_future(self) -> None:
        """Changes after the current iteration, made before a seek, are forgotten."""
        now = self.desk.iteration("a")
        self.changes = [change for change in self.changes if change[0] <= now]

    @rule()
    def pause(self) -> None:
        self.desk.say("a", "pause")

    @rule(n=st.integers(1, 60))
    def step(self, n: int) -> None:
        self.another_future()
        self.desk.say("a", "step", iterations=n)

    @rule(n=st.integers(1, 50))
    def speed(self, n: int) -> None:
        self.desk.say("a", "set", iterations_per_frame=n)

    @rule(rate=st.sampled_from([0.05, 0.5, 1.0]))
    def learning_rate(self, rate: float) -> None:
        self.change(Set(type="set", learning_rate=rate))

    @rule(
        unit=st.integers(0, 1),
        input=st.none() | st.integers(0, 1),
        value=st.none() | st.floats(-2, 2),
        frozen=st.sampled_from([None, True, False]),
    )
    def edit(self, unit: int, input: int | None, value: float | None, frozen: bool | None) -> None:
        self.change(Edit(type="edit", layer=1, unit=unit, input=input, value=value, frozen=frozen))

    def change(self, message: Set | Edit) -> None:
        self.another_future()
        self.desk.tell("a", message)
        self.changes.append((self.desk.iteration("a"), message))

    @rule()
    def reset(self) -> None:
        self.another_future()
        self.desk.say("a", "reset")
        self.epoch = len(self.desk.frames["a"]) - 1
        rates = [made for _, made in self.changes if isinstance(made, Set)]
        self.changes = [(0, made) for made in rates[-1:]]

    @rule(resolution=st.integers(8, 20), neurons=st.booleans())
    def view(self, resolution: int, neurons: bool) -> None:
        self.desk.say("a", "view", resolution=resolution, neurons=neurons)

    @rule(seconds=st.sampled_from([0.001, 0.02, 0.3]), acks=st.booleans())
    def pass_time(self, seconds: float, acks: bool) -> None:
        self.desk.pass_time(seconds, acks=acks)

    @precondition(lambda self: "a" in self.desk.kept)
    @rule()
    def die_and_come_back(self) -> None:
        """A new host takes the session up from its checkpoint, as the driver does it."""
        old, frames = self.desk, self.desk.frames["a"]
        iteration = frames[-1]["iteration"]
        self.desk = Desk(checkpoint_seconds=0.05)
        self.desk.frames, self.desk.kept = old.frames, old.kept
        from app.training.messages import Position

        last = frames[-1]["frame"]
        position = Position(iteration, last + 1, last)
        # What was commanded after the last round is not lost with a host: the driver says it again.
        latest = old.kept["a"]
        last_kept = checkpointed(old.host._sessions["a"], old.clock.now)
        latest.add(last_kept.part, same_plan=last_kept.same_plan)
        self.desk.hear(self.desk.host.handle(Open("a", "interactive", latest, replay_to=iteration)))
        self.desk.hear(self.desk.host.handle(Attach("a", "a", position, greet=False)))

    @invariant()
    def costs_are_complete_and_the_same_as_in_one_go(self) -> None:
        if not hasattr(self, "desk"):
            return
        frames = self.desk.frames["a"]
        numbers = [frame["frame"] for frame in frames]
        assert numbers == list(range(len(frames)))
        since = frames[self.epoch :]
        session = Session(Plan.model_validate(self.plan))
        for index, run in enumerate(session.runs):
            joined, first = b"", since[0]["runs"][index]["first_iteration"]
            for frame in since:
                assert frame["runs"][index]["first_iteration"] == first + len(joined) // 4
                joined += frame["runs"][index]["costs"]
            end = since[-1]["iteration"]
            assert first + len(joined) // 4 == end
            for at, made in self.changes:
                run.advance(max(0, min(at, end) - run.trainer.iteration))
                if isinstance(made, Set):
                    assert made.learning_rate is not None
                    run.trainer.learning_rate = made.learning_rate
                elif index == 0:
                    run.trainer.edit(
                        made.layer, made.unit, made.input, value=made.value, frozen=made.frozen
                    )
            run.advance(end - run.trainer.iteration)
            assert wire.float32(run.costs.since(first)) == joined

    def teardown(self) -> None:
        if hasattr(self, "desk"):
            self.desk.host.handle(Close("a"))
            assert self.desk.host.next_wake() is None


Sessions.TestCase.settings = settings(
    max_examples=40,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestSessions = Sessions.TestCase
