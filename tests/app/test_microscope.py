"""The microscope and the checks: every number against one computed from the same weights."""

import json
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

import nncore
from app.schemas import Edit, Inspect, Plan
from app.training.microscope import inspection
from app.training.session import Session
from tests.app.stream import Json, Stream
from tests.app.test_host import Desk

RELU = {"layers": [{"units": 3, "activation": "relu"}], "initialization": {"scheme": "he"}}


def sigmoid(Z: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-Z)))


def recomputed(seen: Json) -> None:
    """The whole iteration again with NumPy alone, from the weights that the message has."""
    W1, W2 = (np.array(layer["weights"]) for layer in seen["layers"])
    b1, b2 = (np.array(layer["biases"])[:, None] for layer in seen["layers"])
    X, Y, m = np.array(seen["inputs"]).T, np.array([seen["labels"]]), seen["m"]
    Z1 = W1.T @ X + b1
    A1 = np.maximum(0, Z1)
    Z2 = W2.T @ A1 + b2
    A2 = sigmoid(Z2)
    losses = -(Y * np.log(A2) + (1 - Y) * np.log(1 - A2))
    dZ2 = A2 - Y
    dZ1 = (W2 @ dZ2) * (Z1 >= 0)
    hidden, output = seen["layers"]
    for layer, Z, A, dZ, A_in in ((hidden, Z1, A1, dZ1, X), (output, Z2, A2, dZ2, A1)):
        np.testing.assert_allclose(np.array(layer["z"]).T, Z, atol=1e-12)
        np.testing.assert_allclose(np.array(layer["a"]).T, A, atol=1e-12)
        np.testing.assert_allclose(np.array(layer["dz"]).T, dZ, atol=1e-12)
        gradient, numeric = layer["gradient"], layer["numeric"]
        np.testing.assert_allclose(gradient["weights"], A_in @ dZ.T / m, atol=1e-12)
        np.testing.assert_allclose(gradient["biases"], dZ.mean(axis=1), atol=1e-12)
        np.testing.assert_allclose(numeric["weights"], gradient["weights"], atol=1e-9)
        assert layer["shapes"]["W"] == list(np.shape(layer["weights"]))
        assert layer["shapes"]["Z"] == list(Z.shape)
        assert layer["shapes"]["dW"] == list(np.shape(gradient["weights"]))
    np.testing.assert_allclose(np.array(hidden["g_prime"]).T, Z1 >= 0)
    np.testing.assert_allclose(seen["predictions"], A2[0])
    np.testing.assert_allclose(seen["losses"], losses[0])
    assert seen["cost"] == pytest.approx(losses.mean())
    assert seen["check"]["agree"] is True
    assert seen["check"]["compared"] == W1.size + b1.size + W2.size + b2.size


class TestInspect:
    def test_one_iteration_of_the_batch_an_example_and_a_point(self, stream: Stream) -> None:
        configured = stream.configure(runs=[{"network": RELU}])
        stream.say("step", iterations=30)
        stream.until_iteration(30)
        stream.say("inspect")
        seen = stream.until("inspection")
        assert (seen["of"], seen["iteration"], seen["m"], seen["shown"]) == ("batch", 30, 150, 150)
        assert seen["examples"] == configured["data"]["split"]["train"]
        points, labels = configured["data"]["points"], configured["data"]["labels"]
        assert seen["inputs"] == [points[i] for i in seen["examples"]]
        recomputed(seen)
        for layer in seen["layers"]:
            for part in ("weights", "biases"):
                np.testing.assert_allclose(
                    layer["update"][part], -0.3 * np.array(layer["gradient"][part]), atol=1e-15
                )
        # The very next frame has what the update says.
        stream.say("step")
        frame = stream.until_iteration(31)
        for now, layer in zip(frame["runs"][0]["layers"], seen["layers"], strict=True):
            moved = np.array(layer["weights"]) + layer["update"]["weights"]
            np.testing.assert_array_equal(now["weights"], moved)
        stream.say("inspect", example=7)
        seen = stream.until("inspection")
        assert (seen["of"], seen["m"], seen["examples"]) == ("example", 1, [7])
        assert seen["inputs"] == [points[7]]
        assert seen["labels"] == [labels[7]]
        recomputed(seen)
        stream.say("inspect", point=[1.5, -2], label=1)
        seen = stream.until("inspection")
        assert (seen["of"], seen["point"], seen["examples"]) == ("point", [1.5, -2], None)
        recomputed(seen)
        stream.say("inspect", point=[1.5, -2])
        seen = stream.until("inspection")
        assert seen["losses"] is seen["cost"] is seen["check"] is seen["labels"] is None
        assert seen["layers"][0]["dz"] is seen["layers"][0]["gradient"] is None
        assert len(seen["predictions"]) == 1

    def test_while_it_plays_all_of_it_is_of_one_iteration(self, stream: Stream) -> None:
        stream.configure(runs=[{"network": RELU}], playing=True)
        for _ in range(5):
            stream.say("inspect")
            recomputed(stream.until("inspection"))

    @pytest.mark.parametrize(
        ("message", "field"),
        [
            ({"run": 1}, "run"),
            ({"example": 200}, "example"),
            ({"example": -1}, "example"),
            ({"example": 1, "point": [1, 2]}, "point"),
            ({"point": [1, 2, 3]}, "point"),
            ({"point": [1, 2], "label": 0.5}, "label"),
            ({"label": 1}, "label"),
            ({"layer": 1}, "layer"),
        ],
    )
    def test_what_is_not_there_is_named(
        self, inline: TestClient, message: Json, field: str
    ) -> None:
        with Stream.connect(inline) as stream:
            stream.say("inspect")
            assert stream.until("error")["code"] == "not_configured"
            stream.configure()
            stream.say("inspect", **message)
            error = stream.until("error")
            assert (error["code"], error["field"]) == ("invalid_field", field)
            stream.say("inspect")
            assert stream.until("inspection")["iteration"] == 0


def look(plan: Json, steps: int = 0, **message: Any) -> Json:
    session = Session(Plan.model_validate(plan))
    if steps:
        session.advance(steps)
    made = inspection(session, Inspect(type="inspect", **message))
    sent: Json = json.loads(json.dumps(made, allow_nan=False))
    return sent


def test_penalties_optimisers_and_frozen_ones_are_in_the_update_only() -> None:
    training = {"l1": 0.01, "l2": 0.1, "optimizer": "adam", "batch_size": 16}
    session = Session(Plan.model_validate({"runs": [{"training": training}]}))
    session.advance(25)
    session.edit(Edit(type="edit", layer=1, unit=2, input=0, frozen=True))
    seen = inspection(session, Inspect(type="inspect"))
    network, trainer = session.runs[0].trainer.network, session.runs[0].trainer
    assert seen["m"] == 16
    W = network.layers[0].W
    np.testing.assert_allclose(seen["layers"][0]["l1"], 0.01 * np.sign(W))
    np.testing.assert_allclose(seen["layers"][0]["l2"], 0.1 * W)
    assert seen["penalty"] == trainer.penalty
    (J,) = trainer.step()
    assert seen["cost"] == pytest.approx(J)
    moved = trainer.network.layers[0].W - W
    np.testing.assert_array_equal(seen["layers"][0]["update"]["weights"], moved)
    assert moved[0, 2] == 0
    assert (np.delete(moved.ravel(), 2) != 0).all()


def test_a_regression_deeper_networks_and_logistic_regression() -> None:
    seen = look({"data": {"dataset": "plane"}}, 10)
    z = np.array(seen["layers"][-1]["z"])[:, 0]
    np.testing.assert_allclose(seen["losses"], (z - seen["labels"]) ** 2 / 2)
    assert seen["check"]["agree"] is True
    layers = [{"units": 3}, {"units": 2, "activation": "leaky_relu", "slope": 0.2}]
    seen = look({"runs": [{"network": {"layers": layers}}]}, 10)
    assert [layer["activation"] for layer in seen["layers"]] == ["tanh", "leaky_relu", "sigmoid"]
    assert seen["layers"][1]["slope"] == 0.2
    assert seen["check"]["agree"] is True
    seen = look({"runs": [{"network": {"layers": []}}]}, 10)
    assert len(seen["layers"]) == 1
    assert seen["check"]["agree"] is True


def test_a_diverged_run_has_no_next_update() -> None:
    wild = {"layers": [{"units": 8, "activation": "linear"}] * 6, "initialization": {"scale": 10}}
    seen = look({"runs": [{"network": wild, "training": {"learning_rate": 100}}]}, 50)
    assert all(layer["update"] is None for layer in seen["layers"])


def test_at_a_kink_there_is_nothing_to_compare_with() -> None:
    seen = look({"runs": [{"network": {**RELU, "initialization": {"scheme": "zeros"}}}]})
    assert seen["layers"][0]["numeric"]["weights"] == [[None] * 3] * 2
    assert seen["check"]["kinks"] == 9
    assert seen["check"]["agree"] is True


def test_what_is_large_is_cut_left_out_or_refused_and_said_so() -> None:
    many = {"data": {"examples": 5000, "train_fraction": 1}}
    seen = look(many)
    assert (seen["m"], seen["shown"]) == (5000, 200)
    assert len(seen["layers"][0]["dz"]) == len(seen["losses"]) == len(seen["examples"]) == 200
    assert seen["cost"] != pytest.approx(np.mean(seen["losses"]), abs=1e-9)
    assert seen["layers"][0]["shapes"]["Z"] == [4, 5000]
    network = {"layers": [{"units": 30}, {"units": 30}]}
    seen = look({**many, "runs": [{"network": network}]})
    assert seen["check"]["agree"] is None
    assert "one example" in seen["check"]["detail"]
    assert seen["layers"][0]["numeric"] is seen["layers"][0]["agree"] is None
    assert seen["layers"][0]["gradient"]["weights"]
    seen = look({**many, "runs": [{"network": network}]}, example=3)
    assert seen["check"]["agree"] is True
    large = {"runs": [{"network": {"layers": [{"units": 60}, {"units": 60}]}}]}
    desk = Desk()
    desk.open("large", large, playing=False)
    desk.say("large", "inspect")
    assert desk.texts[-1]["code"] == "too_much"
    assert "2,000" in desk.texts[-1]["detail"]


def test_a_newer_wish_takes_the_place_of_one_not_yet_granted() -> None:
    desk = Desk()
    desk.open("a", playing=False)
    desk.texts.clear()
    for example in range(5):
        desk.say("a", "inspect", example=example)
    desk.pass_time(0.1)
    (seen,) = [text for text in desk.texts if text["type"] == "inspection"]
    assert seen["example"] == 4
    desk.say("a", "inspect", example=3)
    desk.say("a", "configure")
    desk.pass_time(0.1)
    assert len([t for t in desk.texts if t["type"] == "inspection"]) == 1


# -- check my numbers -------------------------------------------------------------------------

NETWORK = [
    {"weights": [[0.1, 0.2], [0.3, 0.4]], "biases": [0, 0], "activation": "tanh"},
    {"weights": [[0.5], [0.6]], "biases": [0]},
]
QUESTION: Json = {"layers": NETWORK, "points": [[1, 2], [0, -1]], "labels": [1, 0]}


def ask(client: TestClient, claimed: Json, **fields: Any) -> Json:
    answer = client.post("/check", json={**QUESTION, **fields, "claimed": claimed})
    assert answer.status_code == 200, answer.text
    checked: Json = answer.json()
    return checked


def by_hand() -> tuple[Json, dict[str, np.ndarray]]:
    X, Y = np.array([[1.0, 0], [2, -1]]), np.array([[1.0, 0]])
    W1, W2 = np.array(NETWORK[0]["weights"]), np.array(NETWORK[1]["weights"])
    Z1 = W1.T @ X
    A1 = np.tanh(Z1)
    Z2 = W2.T @ A1
    A2 = sigmoid(Z2)
    dZ2 = A2 - Y
    dZ1 = (W2 @ dZ2) * (1 - A1**2)
    dW1, dW2 = X @ dZ1.T / 2, A1 @ dZ2.T / 2
    claims = {
        "z": [Z1.T.tolist(), Z2.T.tolist()],
        "a": [A1.T.tolist(), A2.T.tolist()],
        "cost": float(-np.mean(Y * np.log(A2) + (1 - Y) * np.log(1 - A2))),
        "gradients": [
            {"weights": dW1.tolist(), "biases": dZ1.mean(axis=1).tolist()},
            {"weights": dW2.tolist(), "biases": dZ2.mean(axis=1).tolist()},
        ],
    }
    return claims, {"dW1": dW1, "Z1": Z1}


class TestCheck:
    def test_what_is_right_is_right(self, inline: TestClient) -> None:
        claims, _ = by_hand()
        checked = ask(inline, claims, tolerance=1e-12)
        assert checked["agree"] is True
        assert checked["first"] is None
        assert checked["compared"] == 4 + 2 + 4 + 2 + 1 + 6 + 3
        np.testing.assert_allclose(checked["ours"]["z"][0], claims["z"][0])
        assert checked["ours"]["cost"] == pytest.approx(claims["cost"])

    def test_the_first_that_differs_is_named_with_what_may_have_happened(
        self, inline: TestClient
    ) -> None:
        claims, ours = by_hand()
        claims["gradients"][0]["weights"] = (2 * ours["dW1"]).tolist()
        checked = ask(inline, claims)
        first = checked["first"]
        assert (first["quantity"], first["layer"], first["input"], first["unit"]) == ("dW", 1, 0, 0)
        assert "m = 2" in first["hint"]
        assert first["detail"].startswith("dW[1] of input 1 and unit 1: yours is ")
        assert checked["differing"] == 4
        claims["z"][0][1][0] += 0.5
        first = ask(inline, claims)["first"]
        assert (first["quantity"], first["layer"], first["example"], first["unit"]) == (
            "Z",
            1,
            1,
            0,
        )
        assert first["ours"] == pytest.approx(ours["Z1"][0, 1])

    def test_a_part_of_it_is_enough_and_rounding_is_fine(self, inline: TestClient) -> None:
        claims, ours = by_hand()
        weights = [[round(float(ours["dW1"][0, 0]), 4), None], None]
        checked = ask(inline, {"gradients": [{"weights": weights}, None]})
        assert (checked["agree"], checked["compared"]) == (True, 1)
        assert ask(inline, {"cost": round(claims["cost"], 4)})["agree"] is True

    def test_the_stream_answers_the_same_without_a_session(self, client: TestClient) -> None:
        claims, _ = by_hand()
        claims["cost"] = 1.0
        with Stream.connect(client) as stream:
            stream.say("check", **QUESTION, claimed=claims)
            assert stream.until("checked") == {"type": "checked", **ask(client, claims)}

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"claimed": {}}, "claimed"),
            ({"claimed": {"z": [[[1, 2], [3, 4]]]}}, "claimed.z"),
            ({"claimed": {"z": [[[1, 2]], None]}}, "claimed.z.0"),
            (
                {"claimed": {"gradients": [{"weights": [[1], [2]]}, None]}},
                "claimed.gradients.0.weights",
            ),
            ({"claimed": {"gradients": [{"biases": [1]}, None]}}, "claimed.gradients.0.biases"),
            ({"claimed": {"cost": "0.7"}}, "claimed.cost"),
            ({"points": [[1, 2], [3]]}, "points.1"),
            ({"labels": [1]}, "labels"),
            ({"labels": [1, 2]}, "labels.1"),
            ({"layers": [NETWORK[1], NETWORK[0]]}, "layers.1.weights"),
            ({"layers": [NETWORK[0]]}, "layers.0.activation"),
            ({"layers": [{**NETWORK[0], "activation": "sigmoid"}]}, "layers.0.biases"),
            ({"layers": [{**NETWORK[0], "slope": 0.1}, NETWORK[1]]}, "layers.0.slope"),
            ({"tolerance": 0}, "tolerance"),
        ],
    )
    def test_what_does_not_fit_is_named(self, inline: TestClient, fields: Json, field: str) -> None:
        answer = inline.post("/check", json={**QUESTION, "claimed": {"cost": 1}, **fields})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == field


def test_a_layer_timed_two_ways(inline: TestClient) -> None:
    timing = inline.post("/vectorizing", json={"examples": 2000, "units": 8}).json()
    assert timing["equal"] is True
    assert (timing["examples"], timing["inputs"], timing["units"]) == (2000, 2, 8)
    assert timing["ratio"] == pytest.approx(timing["loop_seconds"] / timing["product_seconds"])
    refused = inline.post("/vectorizing", json={"examples": 10_000, "units": 64})
    assert refused.status_code == 422
    assert refused.json()["code"] == "too_much"


def test_nncore_and_the_message_agree() -> None:
    session = Session(Plan())
    seen = inspection(session, Inspect(type="inspect", example=0))
    found = nncore.inspect(
        session.runs[0].trainer.network, session.examples.X[:, :1], session.examples.Y[:, :1]
    )
    assert seen["cost"] == found.cost
