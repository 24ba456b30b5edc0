"""What a class asks of a host: sessions that are held and let go, looked at, and waited for."""

import json
from collections.abc import Callable
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app import wire
from app.conditions import Condition
from app.schemas import MESSAGES, Plan, View, parse_message
from app.training.checkpoints import Checkpoint, Latest
from app.training.host.host import GLIMPSES
from app.training.host.shares import Share
from app.training.messages import (
    LOOKING,
    Attach,
    Event,
    Expect,
    Glimpse,
    Hold,
    Look,
    OfSession,
    Open,
    Position,
    Tell,
    Text,
)
from app.training.session import Session
from app.training.workers.placed import Placed
from tests.app.test_host import Desk, plan_of, slow_frames

ITERATIONS = 150
"""Of the plan: ended after half a second at five a frame."""
SAID: dict[str, dict[str, Any]] = {
    "configure": {"playing": True, "runs": [{}]},
    "step": {"iterations": 7},
    "set": {"learning_rate": 0.7, "iterations_per_frame": 50},
    "edit": {"layer": 1, "unit": 0, "input": 0, "value": 1.0},
    "seek": {"iteration": 3},
    "view": {"resolution": 9, "diagnostics": True},
    "ack": {"frame": 0},
    "inspect": {"example": 1},
    "sweep": {"seeds": 2, "iterations": 20},
    "check": {
        "layers": [{"weights": [[1], [1]], "biases": [0]}],
        "points": [[1, 2]],
        "labels": [1],
        "claimed": {"cost": 1},
    },
}


def playing(desk: Desk) -> None:
    desk.say("a", "play")


def at_top_speed(desk: Desk) -> None:
    desk.say("a", "set", iterations_per_frame="max")
    desk.say("a", "play")


def paused(desk: Desk) -> None:
    playing(desk)
    desk.pass_time(0.1)
    desk.say("a", "pause")


def stepping(desk: Desk) -> None:
    desk.say("a", "step", iterations=ITERATIONS - 3)


def seeking_on(desk: Desk) -> None:
    desk.say("a", "seek", iteration=ITERATIONS - 20)
    desk.say("a", "set", learning_rate=0.2)
    desk.say("a", "step", iterations=10)


def seeking_back(desk: Desk) -> None:
    desk.say("a", "step", iterations=110)
    desk.pass_time(0.3)
    desk.say("a", "seek", iteration=107)
    desk.say("a", "play")


def sweeping(desk: Desk) -> None:
    desk.say("a", "sweep", seeds=2, iterations=30)
    playing(desk)


def ended(desk: Desk) -> None:
    desk.say("a", "step", iterations=ITERATIONS)
    desk.pass_time(1)


def untouched(desk: Desk) -> None:
    pass


WAYS: list[Callable[[Desk], None]] = [
    untouched,
    playing,
    at_top_speed,
    paused,
    stepping,
    seeking_on,
    seeking_back,
    sweeping,
    ended,
]


def begun(way: Callable[[Desk], None]) -> Desk:
    """A session that is on its way, each iteration of which takes a millisecond."""
    desk = Desk()
    desk.open("a", plan_of(iterations=ITERATIONS), playing=False)
    desk.say("a", "view", resolution=8)
    session = desk.host._sessions["a"].configured
    advance = session.advance

    def slowly(n: int) -> None:
        advance(n)
        desk.clock.now += n * 0.001

    session.advance = slowly  # type: ignore[method-assign]
    way(desk)
    desk.pass_time(0.05)
    return desk


def kept(desk: Desk) -> tuple[Any, ...]:
    """All of a session that training or a message could change."""
    hosted = desk.host._sessions["a"]
    checkpoint: Checkpoint = hosted.checkpoint()
    return (
        checkpoint.plan,
        checkpoint.iteration,
        [state["parameters"].tobytes() for state in checkpoint.trainers],
        [costs.tobytes() for costs in checkpoint.costs],
        checkpoint.changes,
        checkpoint.playing,
        checkpoint.stepping,
        checkpoint.iterations_per_frame,
        len(hosted.waiting),
        [reader.sweep is not None for reader in hosted.readers.values()],
    )


def held(desk: Desk, held: bool = True) -> list[Event]:
    return desk.hear(desk.host.handle(Hold("a", held)))


def text(events: list[Event], type: str) -> dict[str, Any]:
    (message,) = (e.json for e in events if isinstance(e, Text) and e.type == type)
    told: dict[str, Any] = json.loads(message)
    return told


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@given(said=st.permutations(sorted(MESSAGES)))
@settings(max_examples=4, deadline=None)
def test_whatever_is_said_to_a_held_session_nothing_trains_and_nothing_is_lost(
    way: Callable[[Desk], None], said: list[str]
) -> None:
    desk, free = begun(way), begun(way)
    assert kept(desk) == kept(free)
    state = text(held(desk), "state")
    assert (state["held"], state["playing"]) == (True, False)
    # A seek back to where it was goes on, and no further than it was.
    desk.pass_time(0.2)
    before = kept(desk)
    for type in said:
        words = json.dumps({"type": type, **SAID.get(type, {})})
        message = parse_message(words, MESSAGES)
        events = desk.tell("a", message)
        refused = [json.loads(e.json) for e in events if isinstance(e, Text) and e.type == "error"]
        if not isinstance(message, LOOKING):
            assert [error["code"] for error in refused] == ["held"]
        desk.pass_time(0.03)
        # What only looks is answered, a sweep begins when it may.
        assert kept(desk)[:-1] == before[:-1]
    assert desk.host.next_wake() is None, "a held session wants nothing"
    state = text(held(desk, False), "state")
    assert (state["held"], state["playing"]) == (False, before[5])
    for each in (desk, free):
        each.pass_time(1.5)
    # It ends as if it had never been held; who played plays on, to the end.
    assert kept(desk)[:9] == kept(free)[:9]
    costs = b""
    for frame in desk.frames["a"]:
        run = frame["runs"][0]
        costs = costs[: 4 * run["first_iteration"]] + run["costs"]
    session = desk.host._sessions["a"].configured
    assert costs == wire.float32(session.runs[0].costs.since(0))


def test_what_was_sent_is_set_up_and_held() -> None:
    desk = begun(playing)
    held(desk)
    words = {"type": "configure", "playing": True, "experiment": 3, **plan_of(iterations=50)}
    message = parse_message(json.dumps(words), MESSAGES)
    # The number that counts is not what a page says: whoever passes the message on says it.
    assert text(desk.hear(desk.host.handle(Tell("a", "a", message))), "error")["code"] == "held"
    events = desk.hear(desk.host.handle(Tell("a", "a", message, experiment=3)))
    configured = text(events, "configured")
    assert (configured["held"], configured["playing"]) == (True, False)
    assert desk.frames["a"][-1]["iteration"] == 0
    desk.pass_time(1)
    assert desk.iteration("a") == 0
    play = parse_message('{"type": "play"}', MESSAGES)
    told = desk.hear(desk.host.handle(Tell("a", "a", play, experiment=3)))
    assert text(told, "error")["code"] == "held"
    held(desk, False)
    desk.pass_time(1)
    assert desk.iteration("a") == 50


def test_a_session_that_is_not_set_up_is_held_too() -> None:
    desk = Desk()
    desk.host.handle(Open("a", "interactive", held=True))
    desk.frames["a"] = []
    desk.hear(desk.host.handle(Attach("a", "a")))
    assert text(desk.say("a", "play"), "error")["code"] == "held"
    assert held(desk, False) == []
    assert text(desk.say("a", "play"), "error")["code"] == "not_configured"


@pytest.mark.parametrize("way", [playing, stepping], ids=lambda way: way.__name__)
def test_a_held_session_comes_back_held_to_where_it_was_seen(way: Callable[[Desk], None]) -> None:
    old = begun(way)
    latest = Latest(old.host._sessions["a"].checkpoint())
    old.pass_time(0.07)
    seen = old.frames["a"][-1]
    assert latest.checkpoint.iteration < seen["iteration"]
    held(old)
    desk = Desk()
    desk.frames, desk.kept["a"] = {"a": []}, latest
    position = Position(seen["iteration"], seen["frame"] + 1, seen["frame"])
    again = Open("a", "interactive", latest, replay_to=seen["iteration"], held=True)
    desk.hear(desk.host.handle(again))
    desk.hear(desk.host.handle(Attach("a", "a", position)))
    desk.pass_time(1)
    assert desk.iteration("a") == seen["iteration"]
    assert desk.frames["a"], "it shows where it is"
    held(desk, False)
    desk.pass_time(2)
    # What stepped steps on to where it was sent, what played plays to the end.
    assert desk.iteration("a") == (ITERATIONS if way is playing else ITERATIONS - 3)
    whole = Session(Plan.model_validate(plan_of(iterations=ITERATIONS)))
    whole.advance(desk.iteration("a"))
    here = desk.host._sessions["a"].configured.runs[0]
    assert here.costs.since(0).tobytes() == whole.runs[0].costs.since(0).tobytes()


# -- what a class waits for -----------------------------------------------------------------


def conditions(*asked: dict[str, Any]) -> tuple[Condition, ...]:
    return tuple(Condition.model_validate(each) for each in asked)


def glimpses(desk: Desk, seconds: float) -> list[Glimpse]:
    """What a class sees of sessions within a time."""
    seen: list[Glimpse] = []
    hear = desk.hear

    def listen(events: list[Event]) -> list[Event]:
        seen.extend(event for event in events if isinstance(event, Glimpse))
        return hear(events)

    desk.hear = listen  # type: ignore[method-assign]
    desk.pass_time(seconds)
    desk.hear = hear  # type: ignore[method-assign]
    return seen


def test_what_holds_for_one_frame_is_told_once_and_at_once() -> None:
    desk = Desk()
    desk.open("a", plan_of(iterations=5000), playing=False)
    once = conditions({"quantity": "iteration", "equals": 20})
    never = conditions({"quantity": "iteration", "equals": 21})
    both = conditions(
        {"quantity": "iteration", "at_least": 30}, {"quantity": "inspected", "equals": "batch"}
    )
    desk.host.handle(Expect("a", (once, never, both)))
    # As it is when somebody begins to wait.
    assert [glimpse.facts.iteration for glimpse in glimpses(desk, 1)] == [0]
    desk.say("a", "play")
    seen = glimpses(desk, 1)
    assert [(each.facts.iteration, each.playing) for each in seen] == [(20, True), (30, True)]
    assert all(glimpse.at_once and glimpse.boundary is None for glimpse in seen)
    # Nothing is computed for whom nobody waits.
    desk.host.handle(Expect("a", ()))
    assert len(glimpses(desk, 1)) == 1
    assert desk.host._sessions["a"].told == set()


def test_what_is_set_up_is_told_at_once_with_its_number() -> None:
    desk = Desk()
    desk.open("a", plan_of(), playing=False)
    desk.host.handle(Expect("a", ()))
    assert [each.experiment for each in glimpses(desk, 0.1)] == [None]
    words = json.dumps({"type": "configure", **plan_of(iterations=77)})
    message = parse_message(words, MESSAGES)
    desk.hear(desk.host.handle(Tell("a", "a", message, experiment=5)))
    (seen,) = glimpses(desk, 0.1)
    assert (seen.experiment, seen.playing, seen.facts.iteration) == (5, False, 0)
    desk.tell("a", message)
    assert [each.experiment for each in glimpses(desk, 0.1)] == [None]


def test_what_was_reached_with_edits_is_told_again_without() -> None:
    desk = Desk()
    desk.open("a", plan_of(), playing=False)
    units = conditions({"quantity": "units", "at_least": 2})
    desk.host.handle(Expect("a", (units,)))
    assert [each.facts.edited for each in glimpses(desk, 0.1)] == [False]
    desk.say("a", "edit", layer=1, unit=0, input=0, value=1.0)
    assert [each.facts.edited for each in glimpses(desk, 0.1)] == [True]
    desk.say("a", "reset")
    assert glimpses(desk, 0.1) == [], "it has been told"
    desk.say("a", "configure", **plan_of())
    assert [each.facts.edited for each in glimpses(desk, 0.1)] == [False]


def test_diagnostics_are_looked_at_as_seldom_as_for_a_page_and_at_last_too() -> None:
    desk = Desk()
    desk.open("a", plan_of(), playing=False)
    looks = 0
    trainer = desk.host._sessions["a"].configured.runs[0].trainer
    diagnose = trainer.diagnose

    def counted() -> Any:
        nonlocal looks
        looks += 1
        desk.clock.now += 0.002
        return diagnose()

    trainer.diagnose = counted  # type: ignore[method-assign]
    steep = conditions({"quantity": "gradient_norm", "layer": 1, "at_least": 0})
    at_last = conditions(
        {"quantity": "gradient_norm", "layer": 1, "at_least": 0},
        {"quantity": "iteration", "equals": 123},
    )
    desk.host.handle(Expect("a", (steep, at_last)))
    assert len(glimpses(desk, 1)) == 1
    desk.say("a", "play")
    assert glimpses(desk, 2) == []
    assert looks <= 22
    desk.say("a", "seek", iteration=123)
    (seen,) = glimpses(desk, 1)
    assert seen.facts.iteration == 123
    assert len(seen.facts.diagnostics) == 2


# -- what a class looks at ------------------------------------------------------------------


def test_a_look_is_answered_when_there_is_news() -> None:
    desk = Desk()
    desk.open("a", {"runs": [{}], "data": {"dataset": "moons", "examples": 30}}, playing=False)
    desk.host.handle(Look("a", 40))
    (seen,) = glimpses(desk, 0.2)
    boundary = seen.boundary
    assert boundary is not None
    assert (boundary["width"], boundary["height"], len(boundary["values"])) == (40, 40, 1600)
    session = desk.host._sessions["a"].configured
    view = View(resolution=40, encoding="differences")
    assert session.frame(0, 0, view)["runs"][0]["boundary"] == boundary
    assert seen.setup is not None
    assert seen.setup["data"]["dataset"] == "moons"
    assert not seen.at_once
    # Asked again, there is nothing to say; then it plays, and there is.
    desk.host.handle(Look("a", 40))
    assert glimpses(desk, 1) == []
    assert desk.host.next_wake() is None
    desk.say("a", "play")
    (seen,) = glimpses(desk, 0.5)
    assert seen.playing
    # It was one look; without a picture it is a cheap one.
    assert glimpses(desk, 0.5) == []
    desk.host.handle(Look("a"))
    (seen,) = glimpses(desk, 0.5)
    assert seen.boundary is seen.setup is None
    # Held, it is another one: it does not play.
    desk.host.handle(Look("a", 40))
    glimpses(desk, 0.1)
    desk.host.handle(Look("a", 40))
    held(desk)
    assert [each.playing for each in glimpses(desk, 0.5)][-1:] == [False]


@pytest.mark.parametrize("busy", [True, False])
def test_looks_take_no_more_than_their_share_whoever_waits_longest_comes_first(busy: bool) -> None:
    desk = Desk()
    names = [f"student {index}" for index in range(8)]
    for name in names:
        desk.open(name, plan_of(iterations=1_000_000))
        desk.say(name, "view", resolution=8)
        if busy:
            slow_frames(desk, name, 0.004)
        looked_at(desk, name, 0.005)
    counts: dict[str, list[int]] = {name: [] for name in names}
    began = desk.clock.now
    for tick in range(20):
        for name in names:
            desk.host.handle(Look(name, 40))
        for glimpse in glimpses(desk, 0.1):
            counts[glimpse.session].append(tick)
    took = 0.005 * sum(map(len, counts.values()))
    assert took == pytest.approx((desk.clock.now - began + Share.LONGEST_CLAIM) * GLIMPSES, rel=0.1)
    assert max(map(len, counts.values())) - min(map(len, counts.values())) <= 1


def looked_at(desk: Desk, name: str, seconds: float) -> None:
    """Make each glimpse take time on the test's clock."""
    session = desk.host._sessions[name].configured
    examples = session.examples

    class Slow:
        def __getattr__(self, name: str) -> Any:
            if name == "features":
                desk.clock.now += seconds
            return getattr(examples, name)

    session.examples = Slow()  # type: ignore[assignment]


def test_points_of_more_numbers_have_no_picture_and_many_own_points_are_not_sent() -> None:
    desk = Desk()
    many = {"points": [[i % 7, i % 5] for i in range(401)], "labels": [i % 2 for i in range(401)]}
    three = {"points": [[1, 2, 3], [3, 2, 1], [0, 0, 1]], "labels": [0, 1, 1]}
    for name, data in (("many", many), ("three", three)):
        desk.open(name, {"data": data, "runs": [{}]}, playing=False)
        desk.host.handle(Look(name, 40))
    seen = {glimpse.session: glimpse for glimpse in glimpses(desk, 1)}
    assert seen["three"].boundary is None
    setup = seen["three"].setup
    assert setup is not None
    assert setup["data"]["points"] == three["points"]
    setup = seen["many"].setup
    assert setup is not None
    assert not {"points", "labels"} & setup["data"].keys()


def test_setup_says_the_rates_of_now_and_that_parameters_were_given() -> None:
    desk = Desk()
    parameters = [{"weights": [[0.5], [-0.25]], "biases": [0.125]}]
    run = {"network": {"layers": [], "parameters": parameters}}
    desk.open("a", {"runs": [run]}, playing=False)
    desk.say("a", "set", learning_rate=0.9, stop={"accuracy": 0.99})
    desk.host.handle(Look("a", 40))
    (seen,) = glimpses(desk, 0.2)
    assert seen.setup is not None
    assert seen.setup["training"]["learning_rate"] == 0.9
    assert seen.setup["training"]["stop"]["accuracy"] == 0.99
    assert seen.setup["given"] is True
    assert "parameters" not in seen.setup["network"]


def test_a_look_that_fails_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    desk = Desk()
    for name in ("a", "b"):
        desk.open(name, plan_of())
        desk.host.handle(Look(name, 40))
    desk.host._sessions["a"].configured.examples = None  # type: ignore[assignment]
    desk.host._sessions["a"].configured.runs[0].trainer = None  # type: ignore[assignment]
    desk.host._sessions["a"].playing = False
    assert {glimpse.session for glimpse in glimpses(desk, 0.02)} == {"b"}


def test_a_hold_overtakes_what_waits_and_the_newest_counts() -> None:
    placed = Placed("a", "interactive", lambda event: None)
    play = Tell("a", "r", parse_message('{"type": "play"}', MESSAGES))
    first: list[OfSession] = [Open("a", "interactive"), Attach("a", "r"), play]
    for command in first:
        placed.send(command)
    placed.hold(Hold("a", True))
    placed.hold(last := Hold("a", False))
    assert list(placed.waiting) == [first[0], last, *first[1:]]
    placed.waiting.clear()
    placed.send(play)
    placed.hold(last := Hold("a", True))
    assert list(placed.waiting) == [last, play]
    # Another host has it held from its first round on, and is asked again for what has not come.
    expect, look = Expect("a", ()), Look("a", 40)
    told: list[OfSession] = [expect, Look("a"), look]
    for command in told:
        placed.send(command)
    assert list(placed.waiting) == [last, play, expect, look], "however long a host is away"
    again = placed.again()
    assert isinstance(again[0], Open)
    assert again[0].held
    assert again[-2:] == [expect, look]
    facts = cast("Any", None)
    placed.take(Glimpse("a", facts, playing=False, at_once=True))
    assert placed.again()[-1] == look
    placed.take(Glimpse("a", facts, playing=False))
    # Nor does it part a session that begins there from its reader.
    placed.send(Attach("a", "r"))
    placed.waiting.clear()  # its host had it
    placed.begin_anew()
    placed.hold(last := Hold("a", False))
    begins, attached, *rest = placed.waiting
    assert isinstance(begins, Open)
    assert isinstance(attached, Attach)
    assert rest[0] == last
    assert placed.next_commands() == [begins, attached]
    assert placed.again()[-1] == expect
