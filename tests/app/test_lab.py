"""The activation lab's numbers in frames, and seed sweeps."""

from base64 import b64decode
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

import nncore
from app.schemas import Plan, Recall, Sweep
from app.schemas import View as PlainView
from app.training.examples import Examples
from app.training.messages import Attach, Tell
from app.training.past import recalled
from app.training.session import Session
from app.training.sweep import SeedSweep
from app.training.workers.placed import Placed
from tests.app.stream import Json, Stream
from tests.app.test_host import Desk

RELU = {"network": {"layers": [{"units": 6, "activation": "relu"}]}}


def test_a_frame_has_what_nncore_says_of_each_layer(stream: Stream) -> None:
    stream.say("view", diagnostics=True)
    configured = stream.configure(runs=[RELU])
    stream.say("step", iterations=40)
    frame = stream.until_iteration(40)
    train = configured["data"]["split"]["train"]
    X = np.array(configured["data"]["points"])[train].T
    Y = np.array([configured["data"]["labels"]], dtype=float)[:, train]
    names = ["relu", "sigmoid"]
    network = nncore.Network(
        nncore.Layer(
            np.array(layer["weights"]), np.array(layer["biases"])[:, None], nncore.ACTIVATIONS[name]
        )
        for layer, name in zip(frame["runs"][0]["layers"], names, strict=True)
    )
    Z = [np.array(z) for z in nncore.forward(network, X).Z]
    gradients = nncore.backward(network, nncore.forward(network, X), Y)
    for shown, z, name, dW in zip(
        frame["runs"][0]["diagnostics"], Z, names, gradients.dW, strict=True
    ):
        g = nncore.ACTIVATIONS[name]
        assert sum(shown["histogram"]) == z.size
        assert len(shown["histogram"]) == 30
        assert (shown["low"], shown["high"]) == (pytest.approx(z.min()), pytest.approx(z.max()))
        assert shown["nonpositive"] == np.mean(z <= 0)
        assert shown["mean"] == pytest.approx(g.g(z).mean())
        assert shown["saturated"] == np.mean(np.abs(g.g_prime(z)) < 0.01)
        assert shown["dead"] == np.flatnonzero((g.g_prime(z) == 0).all(axis=1)).tolist()
        assert shown["gradient_norm"] == pytest.approx(np.linalg.norm(dW))


def test_ten_times_a_second_while_it_moves_and_always_when_it_rests() -> None:
    desk = Desk()
    desk.open("a", playing=False)
    assert "diagnostics" not in desk.frames["a"][-1]["runs"][0]
    desk.say("a", "view", diagnostics=True)
    desk.pass_time(0.05)
    assert "diagnostics" in desk.frames["a"][-1]["runs"][0]
    desk.frames["a"].clear()
    desk.say("a", "play")
    desk.pass_time(1.0)
    frames = [frame["runs"][0] for frame in desk.frames["a"]]
    assert len(frames) > 50
    assert 8 <= sum("diagnostics" in run for run in frames) <= 11
    desk.say("a", "pause")
    desk.pass_time(0.1)
    assert "diagnostics" in desk.frames["a"][-1]["runs"][0]
    desk.say("a", "step", iterations=3)
    desk.pass_time(0.1)
    assert "diagnostics" in desk.frames["a"][-1]["runs"][0]


# -- sweeps -----------------------------------------------------------------------------------

XOR: Json = {
    "data": {"dataset": "xor", "examples": 80},
    "runs": [
        {
            "network": {
                "layers": [{"units": 3, "activation": "relu"}],
                "initialization": {"scheme": "he"},
            },
            "training": {"learning_rate": 0.5},
        }
    ],
}


@pytest.mark.parametrize(
    ("name", "slope"),
    [("sigmoid", None), ("relu", None), ("leaky_relu", None), ("leaky_relu", 0.3)],
)
def test_a_curve_is_nncores(inline: TestClient, name: str, slope: float | None) -> None:
    query = {"reach": 20} if slope is None else {"reach": 20, "slope": slope}
    curve = inline.get(f"/activations/{name}", params=query).json()
    activation = nncore.ACTIVATIONS[name] if slope is None else nncore.leaky_relu(slope)
    z = np.array(curve["z"])
    assert curve["slope"] == activation.slope
    assert (z[0], z[120], z[-1], len(z)) == (-20, 0, 20, 241)
    np.testing.assert_allclose(curve["g"], activation.g(z), atol=5e-5)
    np.testing.assert_allclose(curve["g_prime"], activation.g_prime(z), atol=5e-5)


def sweep(plan: Json, **fields: Any) -> Json:
    trained = SeedSweep(
        Session(Plan.model_validate(plan)), Sweep.model_validate({"type": "sweep", **fields})
    )
    while trained.left:
        trained.advance()
    return trained.result(PlainView())


def test_the_past_of_the_gradients_is_what_frames_would_have_said() -> None:
    desk = Desk()
    desk.open("a", {"runs": [RELU]}, playing=False)
    desk.say("a", "view", diagnostics=True)
    said: dict[int, list[float]] = {}
    for _ in range(25):
        desk.say("a", "step", iterations=4)
        desk.pass_time(0.1)
        desk.say("a", "ack", frame=desk.frames["a"][-1]["frame"])
        frame = desk.frames["a"][-1]
        looks = frame["runs"][0]["diagnostics"]
        said[frame["iteration"]] = [look["gradient_norm"] for look in looks]
    assert len(said) == 25
    desk.say("a", "recall")
    desk.pass_time(0.1)
    told = desk.texts[-1]
    assert told["iterations"] == [*range(0, 100, 8), 100]
    for iteration, norms in list(zip(told["iterations"], told["gradient_norms"], strict=True))[1:]:
        assert norms == pytest.approx(said[iteration])
    # Where one has gone back to, what comes after is not on the way.
    desk.say("a", "seek", iteration=30)
    desk.pass_time(0.1)
    desk.say("a", "recall")
    desk.pass_time(0.1)
    assert desk.texts[-1]["iterations"] == [0, 8, 16, 24, 30]
    desk.say("a", "recall", run=1)
    assert desk.texts[-1]["code"] == "invalid_field"


def test_the_past_is_bounded() -> None:
    run = {**RELU, "training": {"iterations": 20_000}}
    session = Session(Plan.model_validate({"runs": [run]}))
    session.advance(20_000)
    told = recalled(session, Recall(type="recall"))
    assert 32 <= len(told["iterations"]) <= 65
    assert told["iterations"][0] == 0
    assert told["iterations"][-1] == 20_000
    large = {"layers": [{"units": 200}, {"units": 100}]}
    session = Session(
        Plan.model_validate({"data": {"examples": 2000}, "runs": [{"network": large}]})
    )
    session.advance(24)
    told = recalled(session, Recall(type="recall"))
    assert told["iterations"] == [24]
    assert len(told["gradient_norms"][0]) == 3


class TestSweep:
    def test_each_seed_is_as_if_trained_alone(self, stream: Stream) -> None:
        stream.configure(**XOR)
        stream.say("sweep", seeds=8, first_seed=3, iterations=700)
        message = None
        while message is None or message["type"] != "swept":
            message = stream.hear()
            assert message["type"] in ("sweeping", "swept", "frame")
        assert [seed["seed"] for seed in message["seeds"]] == list(range(3, 11))
        sampled = message["sampled"]
        assert sampled[0] == 0
        assert sampled[-1] == message["iterations"] == 700
        assert len(sampled) <= 200
        solved = 0
        examples = Examples.of(Plan.model_validate(XOR).data)
        X, Y = examples.X[:, examples.train], examples.Y[:, examples.train]
        boundaries = []
        for seed in message["seeds"]:
            network = nncore.initialize(
                [2, 3, 1],
                ["relu", "sigmoid"],
                scheme="he",
                rng=np.random.default_rng(seed["seed"]),
            )
            trainer = nncore.Trainer(network, X, Y, learning_rate=0.5)
            costs = [*trainer.step(700), trainer.cost()]
            np.testing.assert_allclose(seed["costs"], np.array(costs)[sampled], rtol=2e-4)
            assert seed["cost"] == pytest.approx(trainer.cost(), rel=1e-6)
            right = nncore.accuracy(trainer.network, X, Y)
            assert seed["train_accuracy"] == pytest.approx(right)
            assert seed["solved"] == (right >= 0.95)
            solved += seed["solved"]
            grid = nncore.Grid((-6, 6), (-6, 6), 60, 60)
            boundaries.append(nncore.boundary(trainer.network, grid))
        assert message["solved"] == {
            "accuracy": 0.95,
            "cost": None,
            "count": solved,
            "share": solved / 8,
        }
        assert 0 < solved < 8  # or the test shows less than it could
        boundary = message["boundary"]
        values = np.frombuffer(b64decode(boundary["values"]), np.uint8).reshape(60, 60)
        np.testing.assert_allclose(values, 255 * np.mean(boundaries, axis=0), atol=0.51)

    def test_it_goes_on_beside_the_playing_and_tells_how_far_it_is(self) -> None:
        desk = Desk()
        desk.open("a", XOR)
        desk.say("a", "sweep", iterations=2000)
        desk.pass_time(0.5)
        assert desk.frames["a"][-1]["iteration"] >= 100
        # The test's clock stands still while it trains, so the first round does all of it.
        kinds = [text["type"] for text in desk.texts]
        assert kinds.count("swept") == 1

    def test_what_is_not_finite_is_null(self) -> None:
        desk = Desk()
        run = {"training": {"learning_rate": 10, "batch_size": 1}}
        desk.open("a", {"data": {"dataset": "plane"}, "runs": [run]}, playing=False)
        desk.say("a", "sweep", seeds=64, iterations=100)
        desk.pass_time(1)
        (swept,) = [text for text in desk.texts if text["type"] == "swept"]
        costs = [seed["cost"] for seed in swept["seeds"]]
        assert None in costs
        assert all(cost is None or np.isfinite(cost) for cost in costs)

    def test_progress_while_it_takes_long(self) -> None:
        desk = Desk()
        desk.open("a", XOR, playing=False)
        clock = desk.clock
        advance = SeedSweep.advance

        def slowly(self: SeedSweep) -> None:
            clock.now += 0.05
            advance(self)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(SeedSweep, "advance", slowly)
            desk.say("a", "sweep", iterations=1000, seeds=4)
            desk.pass_time(2.0)
            progress = [t for t in desk.texts if t["type"] == "sweeping"]
            assert 6 <= len(progress) <= 11
            assert progress == sorted(progress, key=lambda message: message["iteration"])
            assert progress[-1]["iterations"] == 1000
            desk.say("a", "cancel")
            desk.pass_time(60)
        assert not [t for t in desk.texts if t["type"] == "swept"]
        assert desk.host.next_wake() is None

    @pytest.mark.parametrize("ended_by", ["configure", "detach"])
    def test_who_leaves_or_begins_anew_gets_no_answer(self, ended_by: str) -> None:
        from app.training.messages import Detach

        desk = Desk()
        desk.open("a", XOR, playing=False)
        desk.say("a", "sweep")
        if ended_by == "configure":
            desk.say("a", "configure")
        else:
            desk.host.handle(Detach("a", "a"))
        desk.pass_time(1)
        assert not [t for t in desk.texts if t["type"] == "swept"]

    def test_a_sweep_is_begun_again_when_its_worker_dies(self) -> None:
        desk = Desk()
        desk.open("a", XOR, playing=False)
        hosted = desk.host._sessions["a"]
        sweep = Tell("a", "a", Sweep(type="sweep"))
        for end in ("swept", "cancel", "configure"):
            desk.tell("a", sweep.message)
            assert hosted.unkept == (sweep,)
            placed = Placed("a", "interactive", lambda event: None)
            placed.send(Attach("a", "a"))
            placed.waiting.clear()  # its host has them
            placed.unkept = hosted.unkept
            placed.begin_anew()
            assert placed.waiting[-1] == sweep
            if end == "swept":
                while not any(text["type"] == "swept" for text in desk.texts):
                    desk.pass_time(1)
            else:
                desk.say("a", end)
            assert not hosted.unkept

    def test_the_fan_is_the_quantiles_of_the_curves(self) -> None:
        swept = sweep(XOR, seeds=9, iterations=40)
        costs = [seed["costs"] for seed in swept["seeds"]]
        fan = swept["quantiles"]
        assert fan["levels"] == [0.1, 0.25, 0.5, 0.75, 0.9]
        expected = np.quantile(costs, fan["levels"], axis=0)
        np.testing.assert_allclose(fan["costs"], expected, rtol=1e-4)

    def test_a_seed_that_leaves_the_finite_is_told(self) -> None:
        wild = {"layers": [{"units": 6, "activation": "linear"}] * 6}
        plan = {
            "data": {"dataset": "plane"},
            "runs": [{"network": wild, "training": {"learning_rate": 50}}],
        }
        swept = sweep(plan, seeds=4, iterations=300)
        assert swept["solved"]["cost"] == 0.01
        gone = [seed for seed in swept["seeds"] if seed["diverged"] is not None]
        assert gone
        last = [curve[-1] for curve in swept["quantiles"]["costs"]]
        left = [seed["cost"] for seed in swept["seeds"] if seed["cost"] is not None]
        assert (last == [None] * 5) == (not left)
        for seed in gone:
            assert seed["cost"] is None
            assert seed["costs"][-1] is None
            assert seed["solved"] is False

    def test_the_rates_are_those_of_now(self) -> None:
        session = Session(Plan.model_validate(XOR))
        session.runs[0].trainer.learning_rate = 0.01
        slow = SeedSweep(session, Sweep(type="sweep", seeds=2, iterations=100))
        while slow.left:
            slow.advance()
        fast = sweep(XOR, seeds=2, iterations=100)
        for a, b in zip(slow.result(PlainView())["seeds"], fast["seeds"], strict=True):
            assert a["cost"] > b["cost"]

    def test_other_marks_of_success_and_points_of_no_plane(self) -> None:
        assert sweep(XOR, seeds=2, iterations=5, cost=10)["solved"]["count"] == 2
        assert sweep(XOR, seeds=2, iterations=5, accuracy=1)["solved"]["count"] == 0
        data = {"points": [[0, 1, 2], [1, 0, 2], [2, 2, 1]], "labels": [0, 1, 0]}
        assert sweep({"data": data}, seeds=2, iterations=5)["boundary"] is None

    @pytest.mark.parametrize(
        ("plan", "message", "code", "field"),
        [
            ({}, {"run": 1}, "invalid_field", "run"),
            ({}, {"seeds": 65}, "invalid_field", "seeds"),
            ({}, {"seeds": 0}, "invalid_field", "seeds"),
            ({}, {"accuracy": 0.5, "cost": 1}, "invalid_field", "accuracy"),
            ({"data": {"dataset": "plane"}}, {"accuracy": 0.5}, "invalid_field", "accuracy"),
            ({"data": {"examples": 5000}}, {"iterations": 20_000}, "too_much", None),
            (
                {
                    "data": {"examples": 5000},
                    "runs": [{"network": {"layers": [{"units": 50}, {"units": 50}]}}],
                },
                {"iterations": 1},
                "too_much",
                None,
            ),
        ],
    )
    def test_what_can_not_be_is_named(
        self, inline: TestClient, plan: Json, message: Json, code: str, field: str | None
    ) -> None:
        with Stream.connect(inline) as stream:
            stream.configure(**plan)
            stream.say("sweep", **message)
            error = stream.until("error")
            assert error["code"] == code
            assert field is None or error["field"] == field
