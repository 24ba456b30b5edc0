"""What every backend does alike: the contract of docs/protocol.md, over REST and the stream."""

import struct
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

import nncore
from app import wire
from tests.app.conftest import BACKENDS, RAY, a_moment, metric
from tests.app.stream import Json, Stream

pytestmark = pytest.mark.parametrize("client", [*BACKENDS, RAY], indirect=True, scope="session")

PLAN = {"data": {"seed": 3}, "network": {"layers": [{"units": 3, "activation": "relu"}]}}

WILD = {
    "layers": [{"units": 8, "activation": "linear"}] * 6,
    "initialization": {"scale": 10},
}


def run(client: TestClient, body: Json, wait: float = 30) -> Json:
    answer = client.post("/train", params={"wait": wait}, json=body)
    assert answer.status_code == 200, answer.text
    status: Json = answer.json()
    return status


def rest_network(client: TestClient, run: str) -> nncore.Network:
    layers = client.get(f"/train/{run}/network").json()["layers"]
    return nncore.Network(
        [
            nncore.Layer(
                np.array(y["weights"]),
                np.array(y["biases"])[:, None],
                nncore.ACTIVATIONS[y["activation"]],
            )
            for y in layers
        ]
    )


class TestTrain:
    def test_the_defaults_are_a_valid_run_that_learns_the_circle(self, client: TestClient) -> None:
        status = run(client, {})
        assert status["status"] == "finished"
        assert status["iteration"] == status["iterations"] == 5000
        assert status["cost"] < 0.1
        assert status["train_accuracy"] > 0.97
        assert status["test_accuracy"] > 0.9
        assert set(client.get(f"/train/{status['id']}").json()) == set(status)

    def test_every_cost_is_that_before_its_update(self, client: TestClient) -> None:
        """Gradient descent written out with nncore's readable half gives the same costs."""
        body = {**PLAN, "training": {"iterations": 40, "learning_rate": 0.5}}
        name = run(client, {**body, "data": {"seed": 3, "train_fraction": 1}})["id"]
        costs = client.get(f"/train/{name}/costs").json()
        assert costs["first_iteration"] == 0

        drawn = client.get("/datasets/circle", params={"seed": 3}).json()
        X, Y = np.array(drawn["points"]).T, np.array([drawn["labels"]], dtype=float)
        network = nncore.initialize([2, 3, 1], ["relu", "sigmoid"], rng=np.random.default_rng(0))
        expected = []
        for _ in range(40):
            forward_pass = nncore.forward(network, X)
            expected.append(nncore.cost(network, forward_pass, Y))
            gradients = nncore.backward(network, forward_pass, Y)
            network = nncore.Network(
                [
                    nncore.Layer(y.W - 0.5 * dW, y.b - 0.5 * db, y.activation)
                    for y, dW, db in zip(network.layers, gradients.dW, gradients.db, strict=True)
                ]
            )
        np.testing.assert_allclose(costs["costs"], expected, rtol=1e-12)
        trained = rest_network(client, name)
        for mine, theirs in zip(network.layers, trained.layers, strict=True):
            np.testing.assert_allclose(theirs.W, mine.W, rtol=1e-9)
            np.testing.assert_allclose(theirs.b, mine.b, rtol=1e-9, atol=1e-12)

    def test_the_same_run_twice_gives_the_same_bits(self, client: TestClient) -> None:
        body = {**PLAN, "training": {"iterations": 300}}
        first, second = (run(client, body)["id"] for _ in range(2))
        of_first, of_second = (client.get(f"/train/{r}/costs").json() for r in (first, second))
        assert of_first == of_second
        assert len(of_first["costs"]) == 300

    def test_given_parameters_are_where_it_starts(self, client: TestClient) -> None:
        body = {
            "data": {"points": [[1, 2], [3, 4]], "labels": [1, 0], "train_fraction": 1},
            "network": {
                "layers": [],
                "parameters": [{"weights": [[0.5], [-0.25]], "biases": [0.125]}],
            },
            "training": {"iterations": 1, "learning_rate": 1},
        }
        name = run(client, body)["id"]
        z = np.array([0.5 * 1 - 0.25 * 2 + 0.125, 0.5 * 3 - 0.25 * 4 + 0.125])
        a = 1 / (1 + np.exp(-z))
        cost = -(np.log(a[0]) + np.log(1 - a[1])) / 2
        assert client.get(f"/train/{name}/costs").json()["costs"] == [pytest.approx(cost)]
        dz = a - [1, 0]
        layer = client.get(f"/train/{name}/network").json()["layers"][0]
        assert layer["activation"] == "sigmoid"
        expected = [[0.5 - (dz @ [1, 3]) / 2], [-0.25 - (dz @ [2, 4]) / 2]]
        np.testing.assert_allclose(layer["weights"], expected)
        assert layer["biases"] == [pytest.approx(0.125 - dz.mean())]

    def test_own_data_may_have_any_number_of_features(self, client: TestClient) -> None:
        points = [[i % 2, i % 3, i % 5, 1.0] for i in range(30)]
        data = {"points": points, "labels": [i % 2 for i in range(30)]}
        status = run(client, {"data": data, "training": {"iterations": 2000}})
        assert status["train_accuracy"] == 1
        answer = client.post("/predict", json={"model": status["id"], "points": points[:4]})
        assert answer.json()["labels"] == [0, 1, 0, 1]

    def test_without_held_out_points_there_is_no_test_cost(self, client: TestClient) -> None:
        status = run(client, {"data": {"train_fraction": 1}, "training": {"iterations": 5}})
        assert status["test_cost"] is None
        assert status["test_accuracy"] is None

    def test_a_run_that_leaves_the_finite_says_so(self, client: TestClient) -> None:
        body = {"network": WILD, "training": {"learning_rate": 100}}
        status = run(client, body)
        assert status["status"] == "diverged"
        assert "learning rate" in status["detail"]
        assert status["cost"] is not None
        assert np.isfinite(status["cost"])
        network = rest_network(client, status["id"])
        assert all(np.isfinite(layer.W).all() for layer in network.layers)
        costs = client.get(f"/train/{status['id']}/costs").json()["costs"]
        assert np.isfinite(costs).all()

    def test_a_long_run_shows_progress_stops_when_cancelled_and_is_forgotten_when_deleted(
        self, client: TestClient
    ) -> None:
        body = {"training": {"iterations": 1_000_000}}
        answer = client.post("/train", json=body)
        assert answer.status_code == 202
        where = answer.headers["Location"]
        assert where == f"/train/{answer.json()['id']}"
        seen = [client.get(where).json()]
        while seen[-1]["iteration"] < 100 and len(seen) < 10_000:
            seen.append(client.get(where).json())
        assert seen[-1]["status"] == "running"
        assert all(a["iteration"] <= b["iteration"] for a, b in pairwise(seen))
        cancelled = client.post(f"{where}/cancel").json()
        assert cancelled["status"] == "cancelled"
        assert 100 <= cancelled["iteration"] < 1_000_000
        costs = client.get(f"{where}/costs").json()["costs"]
        assert len(costs) == cancelled["iteration"]
        assert client.get(where).json() == cancelled
        assert client.post(f"{where}/cancel").json() == cancelled
        assert client.delete(where).status_code == 204
        assert client.get(where).status_code == 404
        assert client.delete(where).status_code == 404
        assert client.post(f"{where}/cancel").status_code == 404

    def test_a_run_that_is_deleted_while_it_trains_is_gone_at_once(
        self, client: TestClient
    ) -> None:
        where = client.post("/train", json={"training": {"iterations": 1_000_000}}).headers[
            "Location"
        ]
        with Stream.connect(client, f"{where}/stream") as stream:
            stream.until_iteration(1)
            assert client.delete(where).status_code == 204
            for path in ("", "/costs", "/network", "/report"):
                assert client.get(f"{where}{path}").status_code == 404
            with pytest.raises(ConnectionError, match="1000"):
                stream.until("never")
        assert client.delete(where).status_code == 404
        while metric(client, "shallows_runs_running"):
            a_moment()

    def test_waiting_for_a_long_run_answers_in_time_with_202(self, client: TestClient) -> None:
        body = {"training": {"iterations": 1_000_000}}
        answer = client.post("/train", params={"wait": 0.1}, json=body)
        assert answer.status_code == 202
        assert answer.json()["status"] in ("queued", "running")
        client.delete(answer.headers["Location"])


class TestPredict:
    def test_predictions_are_those_of_the_trained_network(self, client: TestClient) -> None:
        name = run(client, {"training": {"iterations": 2000}})["id"]
        points = [[0.0, 0.0], [5.0, 5.0], [-1.0, 4.0]]
        answer = client.post("/predict", json={"model": name, "points": points}).json()
        expected = nncore.predict(rest_network(client, name), np.array(points).T)
        np.testing.assert_allclose(answer["probabilities"], expected.ravel(), rtol=1e-12)
        assert answer["labels"] == [int(p >= 0.5) for p in answer["probabilities"]]
        assert answer["labels"][0] != answer["labels"][1]

    def test_points_of_another_size_are_refused(self, client: TestClient) -> None:
        name = run(client, {"training": {"iterations": 1}})["id"]
        answer = client.post("/predict", json={"model": name, "points": [[0, 0], [1, 2, 3]]})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == "points.1"

    def test_an_unknown_model_is_404(self, client: TestClient) -> None:
        answer = client.post("/predict", json={"model": "nobody", "points": [[0, 0]]})
        assert answer.status_code == 404


class TestStream:
    def test_configured_tells_data_split_shapes_and_initial_values(self, stream: Stream) -> None:
        configured = stream.configure(runs=[{"label": "mine", "network": PLAN["network"]}])
        assert configured["resumed"] is False
        points, labels = configured["data"]["points"], configured["data"]["labels"]
        assert len(points) == len(labels) == 200
        split = configured["data"]["split"]
        assert len(split["train"]) == 150
        assert sorted(split["train"] + split["test"]) == list(range(200))
        (run,) = configured["runs"]
        assert run["label"] == "mine"
        assert run["layer_sizes"] == [2, 3, 1]
        hidden, output = run["layers"]
        assert np.shape(hidden["weights"]) == (2, 3)
        assert np.shape(output["weights"]) == (3, 1)
        assert hidden["biases"] == [0, 0, 0]
        assert (hidden["activation"], output["activation"]) == ("relu", "sigmoid")
        expected = nncore.initialize([2, 3, 1], ["relu", "sigmoid"], rng=np.random.default_rng(0))
        np.testing.assert_array_equal(hidden["weights"], expected.layers[0].W)

    def test_frame_0_shows_iteration_0(self, stream: Stream) -> None:
        configured = stream.configure()
        (frame,) = stream.frames
        assert (frame["frame"], frame["iteration"]) == (0, 0)
        (part,) = frame["runs"]
        assert part["costs"] == b""
        assert part["first_iteration"] == 0
        assert part["train_cost"] == pytest.approx(np.log(2), abs=1e-3)
        assert part["layers"][0]["weights"] == configured["runs"][0]["layers"][0]["weights"]

    def test_the_boundary_is_what_the_network_predicts(self, stream: Stream) -> None:
        stream.say("view", resolution=20, x=[-3, 3], y=[-6, 0])
        stream.configure(runs=[{"network": {"initialization": {"scheme": "xavier"}}}])
        stream.say("step", iterations=500)
        part = stream.until_iteration(500)["runs"][0]
        boundary = part["boundary"]
        assert (boundary["width"], boundary["height"]) == (20, 20)
        assert (boundary["x"], boundary["y"]) == ([-3, 3], [-6, 0])
        network = nncore.Network(
            [
                nncore.Layer(np.array(y["weights"]), np.array(y["biases"])[:, None], g)
                for y, g in zip(
                    part["layers"],
                    (nncore.ACTIVATIONS["tanh"], nncore.ACTIVATIONS["sigmoid"]),
                    strict=True,
                )
            ]
        )
        x, y = np.meshgrid(np.linspace(-3, 3, 20), np.linspace(-6, 0, 20))
        expected = 255 * nncore.predict(network, np.stack([x.ravel(), y.ravel()]))
        values = np.frombuffer(boundary["values"], np.uint8)
        assert np.abs(values - expected.ravel()).max() <= 0.51
        assert np.ptp(values) > 100

    def test_unit_maps_come_when_asked_for(self, stream: Stream) -> None:
        stream.say("view", neurons=True, neuron_resolution=12)
        layers = [{"units": 3, "activation": "sigmoid"}, {"units": 2, "activation": "relu"}]
        start = {"scheme": "he"}
        stream.configure(runs=[{"network": {"layers": layers, "initialization": start}}])
        first, second = stream.frames[0]["runs"][0]["neurons"]
        assert (first["units"], first["width"], first["height"]) == (3, 12, 12)
        assert (first["low"], first["high"]) == ([0] * 3, [1] * 3)
        assert second["low"] == [-value for value in second["high"]]
        assert len(second["values"]) == 2 * 12 * 12

    def test_step_trains_exactly_that_many_then_pauses(self, stream: Stream) -> None:
        stream.configure()
        stream.say("step")
        assert stream.until_iteration(1)["iteration"] == 1
        stream.say("step", iterations=1234)
        stream.until("state", playing=False, iteration=1235)
        stream.until_iteration(1235)
        assert len(stream.costs()) == 4 * 1235
        stream.say("step")
        assert stream.until_iteration(1236)["iteration"] == 1236

    def test_costs_put_end_to_end_are_those_of_rest(
        self, stream: Stream, client: TestClient
    ) -> None:
        """At any speed, with a change of speed in between: the same bits as a run in one go."""
        training = {"iterations": 700}
        name = run(client, {"training": training})["id"]
        stream.configure(runs=[{"training": training}])
        stream.say("set", iterations_per_frame=7)
        stream.say("play")
        stream.until_iteration(50)
        stream.say("set", iterations_per_frame=1000)
        stream.until("ended", iteration=700)
        expected = np.array(client.get(f"/train/{name}/costs").json()["costs"], dtype="<f4")
        assert stream.costs() == expected.tobytes()

    def test_reset_returns_to_the_same_start_and_the_same_costs(self, stream: Stream) -> None:
        configured = stream.configure()
        stream.say("step", iterations=100)
        stream.until_iteration(100)
        first = stream.costs()
        stream.say("reset")
        frame = stream.until("frame", iteration=0)
        assert (
            frame["runs"][0]["layers"][0]["weights"]
            == configured["runs"][0]["layers"][0]["weights"]
        )
        stream.frames = [frame]
        stream.say("step", iterations=100)
        stream.until_iteration(100)
        assert stream.costs() == first

    def test_reset_while_playing_goes_on_playing_at_the_new_rate(self, stream: Stream) -> None:
        stream.configure(playing=True)
        stream.until_iteration(20)
        stream.say("set", learning_rate=1.5)
        stream.until("state")
        stream.say("reset")
        state = stream.until("state")
        assert state["playing"] is True
        assert state["runs"][0]["learning_rate"] == 1.5
        stream.until("frame", iteration=0)
        stream.until_iteration(10)

    def test_seek_goes_to_exactly_that_iteration_back_and_on(self, stream: Stream) -> None:
        stream.configure(data={"dataset": "xor"})
        parameters = {}
        for iteration in (150, 333, 1000):
            stream.say("step", iterations=iteration - stream.frames[-1]["iteration"])
            parameters[iteration] = stream.until_iteration(iteration)["runs"][0]["layers"]
            if iteration == 150:
                stream.say("set", learning_rate=0.9)
                stream.until("state")
        costs = stream.costs()
        for iteration in (333, 150, 1000, 0, 333):
            stream.say("seek", iteration=iteration)
            stream.until("state", playing=False, iteration=iteration)
            frame = stream.until("frame", iteration=iteration)
            part = frame["runs"][0]
            if iteration:
                assert part["layers"] == parameters[iteration]
            else:
                assert part["train_cost"] == pytest.approx(np.log(2), abs=1e-3)
            first = part["first_iteration"]
            assert part["costs"] == costs[4 * first : 4 * iteration]
        stream.frames = []
        stream.say("step", iterations=10)
        part = stream.until_iteration(343)["runs"][0]
        assert part["costs"] == costs[4 * 333 : 4 * 343]
        stream.say("seek", iteration=5001)
        assert stream.until("error")["field"] == "iteration"

    def test_playing_on_from_an_earlier_iteration_begins_another_future(
        self, stream: Stream
    ) -> None:
        stream.configure()
        stream.say("step", iterations=200)
        stream.until_iteration(200)
        stream.say("set", learning_rate=2.0)
        stream.until("state")
        stream.say("seek", iteration=100)
        assert stream.until("state", iteration=100)["runs"][0]["learning_rate"] == 0.3
        stream.say("step", iterations=150)
        state = stream.until("state", iteration=250)
        assert state["runs"][0]["learning_rate"] == 0.3

    def test_a_toggle_in_one_message_plays_on_from_the_same_weights(self, stream: Stream) -> None:
        def network(activation: str) -> dict[str, Any]:
            return {"network": {"layers": [{"units": 4, "activation": activation}]}}

        first = stream.configure(playing=True, runs=[network("tanh")])
        stream.until_iteration(30)
        second = stream.configure(playing=True, runs=[network("relu")])
        assert second["playing"] is True
        assert second["session"] == first["session"]
        assert second["data"] == first["data"]
        for before, after in zip(
            first["runs"][0]["layers"], second["runs"][0]["layers"], strict=True
        ):
            assert before["weights"] == after["weights"]
        stream.until_iteration(30)
        stream.costs()

    def test_runs_in_lockstep_differ_only_in_what_differs(
        self, stream: Stream, client: TestClient
    ) -> None:
        plans = [
            {"label": a, "network": {"layers": [{"units": 4, "activation": a}]}}
            for a in ("sigmoid", "tanh", "relu", "leaky_relu")
        ]
        stream.configure(runs=plans)
        stream.say("step", iterations=200)
        frame = stream.until_iteration(200)
        assert len(frame["runs"]) == 4
        for index, plan in enumerate(plans):
            body = {"network": plan["network"], "training": {"iterations": 200}}
            costs = client.get(f"/train/{run(client, body)['id']}/costs").json()["costs"]
            assert stream.costs(index) == np.array(costs, dtype="<f4").tobytes()

    def test_set_changes_one_run_or_all(self, stream: Stream) -> None:
        stream.configure(runs=[{}, {}])
        stream.say("set", learning_rate=2.0, run=1)
        assert learning_rates(stream) == [0.3, 2.0]
        stream.say("set", learning_rate=0.7)
        assert learning_rates(stream) == [0.7, 0.7]
        stream.say("set", learning_rate=0.1, run=2)
        assert stream.until("error")["field"] == "run"

    def test_a_run_that_diverges_says_so_and_keeps_its_last_finite_state(
        self, stream: Stream
    ) -> None:
        stream.configure(
            playing=True, runs=[{"network": WILD, "training": {"learning_rate": 100}}, {}]
        )
        end = stream.until("diverged")
        assert end["run"] == 0
        assert end["iteration"] >= 0
        assert "learning rate" in end["reason"] or "weights" in end["reason"]
        frame = stream.until_iteration(end["iteration"] + 30)
        diverged, healthy = frame["runs"]
        assert np.isfinite(diverged["train_cost"])
        assert all(np.isfinite(y["weights"]).all() for y in diverged["layers"])
        assert len(healthy["costs"]) > 0
        assert len(stream.costs(1)) // 4 == frame["iteration"]
        assert len(stream.costs(0)) // 4 <= end["iteration"]

    def test_play_ends_where_the_plan_does(self, stream: Stream) -> None:
        stream.configure(playing=True, runs=[{"training": {"iterations": 12}}])
        assert stream.until("ended")["iteration"] == 12
        assert len(stream.costs()) == 4 * 12
        stream.say("play")
        assert stream.until("state")["playing"] is False

    def test_an_absent_reader_gets_two_frames_and_misses_no_cost(self, stream: Stream) -> None:
        stream.configure()
        stream.acks = False
        stream.say("play")
        frame = stream.until("frame")
        stream.say("step", iterations=400)  # done, whether or not a frame can be sent
        stream.until("state", playing=False)
        while stream.texts[-1].get("iteration", 0) < 400:
            stream.until("state")
        assert [f["frame"] for f in stream.frames] in ([0, 1], [0, 1, 2])
        stream.acks = True
        stream.say("ack", frame=frame["frame"])
        last = stream.until_iteration(stream.texts[-1]["iteration"])
        assert len(stream.costs()) == 4 * last["iteration"]

    def test_frames_are_numbered_without_gaps(self, stream: Stream) -> None:
        stream.configure(playing=True)
        stream.until_iteration(100)
        stream.say("pause")
        stream.until("state", playing=False)
        numbers = [frame["frame"] for frame in stream.frames]
        assert numbers == list(range(len(numbers)))

    def test_commands_before_configure_are_told_what_to_do(self, stream: Stream) -> None:
        for command in ("play", "pause", "step", "reset"):
            stream.say(command)
            error = stream.until("error")
            assert error["code"] == "not_configured"
            assert "configure" in error["detail"]

    def test_an_error_leaves_the_session_as_it_was(self, stream: Stream) -> None:
        stream.configure()
        stream.say("step", iterations=10)
        stream.until_iteration(10)
        stream.say("configure", runs=[{"training": {"learning_rate": -1}}])
        error = stream.until("error")
        assert error["code"] == "invalid_field"
        assert error["field"] == "runs.0.training.learning_rate"
        assert "greater than 0" in error["detail"]
        assert "100" in error["detail"]
        stream.say("step")
        assert stream.until_iteration(11)["iteration"] == 11
        assert len(stream.costs()) == 4 * 11


class TestReconnection:
    def test_a_dropped_connection_goes_on_where_it_was(self, client: TestClient) -> None:
        with Stream.connect(client) as first:
            session = first.configure(playing=True)["session"]
            seen = first.until_iteration(50)["iteration"]
            start = first.costs()
        with Stream.connect(client, f"/ws?session={session}") as second:
            configured = second.until("configured")
            assert configured["resumed"] is True
            assert configured["session"] == session
            assert configured["playing"] is True
            assert configured["iteration"] >= seen
            frame = second.until("frame")
            assert frame["runs"][0]["first_iteration"] == 0
            assert second.costs().startswith(start)
            later = second.until_iteration(frame["iteration"] + 20)
            assert len(second.costs()) == 4 * later["iteration"]

    def test_a_reader_may_ask_for_the_costs_it_lacks(self, client: TestClient) -> None:
        with Stream.connect(client) as first:
            session = first.configure()["session"]
            first.say("step", iterations=60)
            first.until_iteration(60)
            costs = first.costs()
        with Stream.connect(client, f"/ws?session={session}&iteration=40") as second:
            part = second.until("frame")["runs"][0]
            assert part["first_iteration"] == 40
            assert part["costs"] == costs[4 * 40 :]

    def test_an_ended_session_is_said_to_be_unknown_and_a_new_one_offered(
        self, client: TestClient
    ) -> None:
        with Stream.connect(client, "/ws?session=nobody") as stream:
            assert stream.hear()["code"] == "unknown_session"
            assert stream.configure()["session"] != "nobody"

    def test_the_newest_connection_has_the_session(self, client: TestClient) -> None:
        with Stream.connect(client) as first:
            session = first.configure()["session"]
            with Stream.connect(client, f"/ws?session={session}") as second:
                second.until("frame")
                with pytest.raises(ConnectionError, match="4001"):
                    first.until("ended")
                second.say("step")
                second.until_iteration(1)


class TestWatching:
    def test_a_watched_run_streams_to_its_end(self, client: TestClient) -> None:
        body = {"training": {"iterations": 20_000}}
        name = client.post("/train", json=body).json()["id"]
        with Stream.connect(client, f"/train/{name}/stream") as stream:
            stream.say("view", resolution=30)
            assert stream.until("configured")["session"] == name
            stream.until("ended", iteration=20_000)
            # It may have ended before the view was heard.
            while stream.frames[-1]["runs"][0]["boundary"]["width"] != 30:
                stream.until_iteration(20_000)
            costs = stream.costs()
        expected = client.get(f"/train/{name}/costs").json()["costs"]
        assert costs == np.array(expected, dtype="<f4").tobytes()

    def test_a_run_that_has_ended_can_be_watched_as_it_ended(self, client: TestClient) -> None:
        status = run(client, {"training": {"iterations": 30}})
        with Stream.connect(client, f"/train/{status['id']}/stream") as stream:
            stream.until("configured")
            frame = stream.until_iteration(30)
            assert frame["runs"][0]["train_cost"] == pytest.approx(status["cost"])
            stream.say("describe")
            assert stream.until("described")["iteration"] == 30
            assert struct.unpack("<f", frame["runs"][0]["costs"][:4])[0] == pytest.approx(
                client.get(f"/train/{status['id']}/costs").json()["costs"][0]
            )

    def test_a_watcher_may_only_look(self, client: TestClient) -> None:
        name = run(client, {"training": {"iterations": 1}})["id"]
        with Stream.connect(client, f"/train/{name}/stream") as stream:
            stream.say("play")
            error = stream.until("error")
            assert error["code"] == "unknown_type"
            assert "view" in error["detail"]

    def test_an_unknown_run_is_said_to_be_unknown(self, client: TestClient) -> None:
        with Stream.connect(client, "/train/nobody/stream") as stream:
            assert stream.hear()["code"] == "not_found"
            with pytest.raises((ConnectionError, WebSocketDisconnect)):
                stream.hear()


class TestData:
    def test_features_are_what_the_network_is_given_and_points_stay_points(
        self, client: TestClient
    ) -> None:
        """A single unit on x1² and x2² draws the circle that no straight line can."""
        data = {"features": ["x1_squared", "x2_squared"], "noise": 0}
        body = {
            "data": data,
            "network": {"layers": []},
            "training": {"learning_rate": 0.05, "iterations": 3000},
        }
        status = run(client, body)
        assert status["train_accuracy"] == 1
        answer = client.post(
            "/predict", json={"model": status["id"], "points": [[0, 0], [5, 0], [0, -5]]}
        )
        inside, outside, also_outside = answer.json()["labels"]
        assert inside != outside == also_outside
        network = rest_network(client, status["id"])
        assert network.layer_sizes == (2, 1)
        expected = nncore.predict(network, np.array([[0.0], [25.0]]))[0, 0]
        assert answer.json()["probabilities"][2] == pytest.approx(expected)
        with Stream.connect(client) as stream:
            stream.say("view", resolution=9)
            configured = stream.configure(data=data, runs=[{"network": {"layers": []}}])
            assert configured["data"]["features"] == data["features"]
            plain = client.get("/datasets/circle", params={"noise": 0}).json()["points"]
            assert configured["data"]["points"] == plain
            stream.say("step", iterations=2000)
            boundary = stream.until_iteration(2000)["runs"][0]["boundary"]
            values = np.frombuffer(boundary["values"], np.uint8).reshape(9, 9).astype(int)
            assert abs(values[4, 4] - values[0, 4]) > 50
            np.testing.assert_array_equal(values, values[::-1])

    def test_flips_turn_exactly_that_share_of_the_labels(
        self, stream: Stream, client: TestClient
    ) -> None:
        before = stream.configure()["data"]
        after = stream.configure(data={"label_flips": 0.25})["data"]
        assert after["points"] == before["points"]
        assert after["split"] == before["split"]
        changed = sum(a != b for a, b in zip(after["labels"], before["labels"], strict=True))
        assert changed == 50
        drawn = client.get("/datasets/circle", params={"label_flips": 0.25}).json()
        assert (drawn["points"], drawn["labels"]) == (after["points"], after["labels"])
        refused = client.get("/datasets/plane", params={"label_flips": 0.25})
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_field")

    def test_regression_has_a_linear_output_and_no_accuracy(self, client: TestClient) -> None:
        body = {
            "data": {"dataset": "plane", "noise": 0},
            "network": {"layers": []},
            "training": {"learning_rate": 0.05, "iterations": 2000},
        }
        status = run(client, body)
        assert status["cost"] < 1e-6
        assert status["train_accuracy"] is None
        assert status["test_accuracy"] is None
        assert rest_network(client, status["id"]).activations[-1].name == "linear"
        drawn = client.get("/datasets/plane", params={"noise": 0}).json()
        query = {"model": status["id"], "points": drawn["points"][:5]}
        answer = client.post("/predict", json=query).json()
        assert set(answer) == {"values"}
        np.testing.assert_allclose(answer["values"], drawn["labels"][:5], atol=1e-2)

    def test_regressions_pictures_span_its_targets(self, stream: Stream) -> None:
        stream.say("view", resolution=9)
        configured = stream.configure(
            data={"dataset": "plane", "noise": 0},
            runs=[{"network": {"layers": []}, "training": {"learning_rate": 0.05}}],
        )
        assert configured["data"]["task"] == "regression"
        largest = max(map(abs, configured["data"]["labels"]))
        stream.say("step", iterations=3000)
        boundary = stream.until_iteration(3000)["runs"][0]["boundary"]
        assert (boundary["low"], boundary["high"]) == (-largest, largest)
        values = np.frombuffer(boundary["values"], np.uint8).reshape(9, 9).astype(int)
        assert values[4, 4] == pytest.approx(127.5, abs=3)
        assert values[8, 8] > 250
        assert values[0, 0] < 5

    def test_own_targets(self, client: TestClient) -> None:
        data = {"points": [[0], [1], [2]], "labels": [1, 3, 5], "task": "regression"}
        body = {
            "data": {**data, "train_fraction": 1},
            "network": {"layers": []},
            "training": {"learning_rate": 0.3, "iterations": 2000},
        }
        name = run(client, body)["id"]
        answer = client.post("/predict", json={"model": name, "points": [[10]]}).json()
        assert answer["values"] == [pytest.approx(21, abs=0.01)]


class TestPenalties:
    def test_they_can_be_changed_while_training_and_survive_a_reset(self, stream: Stream) -> None:
        stream.configure(runs=[{"training": {"l2": 0.01}}])
        assert stream.frames[0]["runs"][0]["penalty"] > 0
        stream.say("set", l1=0.5, l2=0)
        for _ in range(2):
            (rates,) = stream.until("state")["runs"]
            assert (rates["learning_rate"], rates["l1"], rates["l2"]) == (0.3, 0.5, 0)
            stream.say("reset")
        frame = stream.until("frame", iteration=0)
        weights = [abs(w) for y in frame["runs"][0]["layers"] for row in y["weights"] for w in row]
        assert frame["runs"][0]["penalty"] == pytest.approx(0.5 * sum(weights))

    def test_a_strong_one_keeps_the_weights_small(self, client: TestClient) -> None:
        norms = []
        for l2 in (0, 0.1):
            name = run(client, {"training": {"l2": l2, "iterations": 2000}})["id"]
            norms.append(sum((y.W**2).sum() for y in rest_network(client, name).layers))
        assert norms[1] < 0.1 * norms[0]


class TestEditing:
    def test_a_parameter_is_changed_and_frozen_at_once_and_shown(self, stream: Stream) -> None:
        stream.configure()
        place = {"layer": 1, "unit": 2, "input": 1}
        stream.say("edit", **place, value=0.625, frozen=True)
        assert stream.until("state")["runs"][0]["frozen"] == [place]
        part = stream.until("frame", iteration=0)["runs"][0]
        assert part["layers"][0]["weights"][1][2] == 0.625
        stream.say("edit", layer=2, unit=0, input=None, value=-3)
        assert stream.until("frame")["runs"][0]["layers"][1]["biases"] == [-3]
        stream.say("step", iterations=300)
        layers = stream.until_iteration(300)["runs"][0]["layers"]
        assert layers[0]["weights"][1][2] == 0.625
        assert layers[0]["weights"][0][2] != pytest.approx(0, abs=0.05)
        stream.say("edit", **place, frozen=False)
        assert stream.until("state")["runs"][0]["frozen"] == []
        stream.say("step", iterations=100)
        assert stream.until_iteration(400)["runs"][0]["layers"][0]["weights"][1][2] != 0.625

    def test_seek_and_reconnection_keep_it_and_reset_undoes_it(self, client: TestClient) -> None:
        place = {"layer": 2, "unit": 0, "input": None}
        with Stream.connect(client) as first:
            configured = first.configure()
            first.say("step", iterations=100)
            first.until_iteration(100)
            first.say("edit", **place, value=1.5, frozen=True)
            first.until("state")
            first.say("step", iterations=100)
            layers = first.until_iteration(200)["runs"][0]["layers"]
            costs = first.costs()
        with Stream.connect(client, f"/ws?session={configured['session']}") as stream:
            assert stream.until("configured")["runs"][0]["state"]["frozen"] == [place]
            assert stream.until_iteration(200)["runs"][0]["layers"] == layers
            stream.say("seek", iteration=50)
            assert stream.until("state", iteration=50)["runs"][0]["frozen"] == []
            stream.say("seek", iteration=200)
            assert stream.until("state", iteration=200)["runs"][0]["frozen"] == [place]
            part = stream.until("frame", iteration=200)["runs"][0]
            assert part["layers"] == layers
            assert part["costs"] == costs[4 * part["first_iteration"] :]
            stream.say("reset")
            assert stream.until("state", iteration=0)["runs"][0]["frozen"] == []
            start = stream.until("frame", iteration=0)["runs"][0]["layers"]
            initial = configured["runs"][0]["layers"]
            assert [y["weights"] for y in start] == [y["weights"] for y in initial]


class TestStopping:
    def test_it_stops_at_the_first_iteration_that_meets_a_condition(
        self, stream: Stream, client: TestClient
    ) -> None:
        training = {"stop": {"cost": 0.25}}
        status = run(client, {"training": training})
        assert status["status"] == "finished"
        assert "at most 0.25 as asked" in status["detail"]
        end = status["iteration"]
        assert end < status["iterations"] == 5000
        assert status["cost"] <= 0.25
        costs = client.get(f"/train/{status['id']}/costs").json()["costs"]
        assert len(costs) == end
        assert min(costs) > 0.25
        stream.configure(runs=[{"training": training}])
        stream.say("set", iterations_per_frame=37)
        stream.say("play")
        ended = stream.until("ended")
        assert (ended["iteration"], ended["reason"]) == (end, "cost")
        assert ended["detail"] == status["detail"]
        assert stream.costs() == np.array(costs, dtype="<f4").tobytes()

    def test_another_condition_or_none_plays_on_and_seek_finds_it_all_again(
        self, stream: Stream
    ) -> None:
        stream.configure(playing=True, runs=[{"training": {"stop": {"accuracy": 0.9}}}])
        end = stream.until("ended", reason="accuracy")["iteration"]
        assert stream.frames[-1]["iteration"] == end
        assert stream.frames[-1]["runs"][0]["train_accuracy"] >= 0.9
        assert stream.texts[-2]["runs"][0]["ended"] == "accuracy"
        stream.say("play")
        stream.until("ended", iteration=end)
        stream.say("set", stop={"accuracy": 0.95, "patience": 100_000})
        state = stream.until("state")["runs"][0]
        assert state["stop"] == {"cost": None, "accuracy": 0.95, "patience": 100_000}
        assert state["ended"] is None
        stream.say("play")
        later = stream.until("ended", reason="accuracy")["iteration"]
        assert later > end
        stream.say("seek", iteration=later + 100)
        assert stream.until("state", iteration=later)["runs"][0]["ended"] == "accuracy"
        stream.say("seek", iteration=end + 1)
        assert stream.until("state", iteration=end + 1)["runs"][0]["ended"] is None

    def test_each_run_of_a_session_stops_by_itself(self, stream: Stream) -> None:
        stop = {"stop": {"patience": 30}, "learning_rate": 1e-6, "iterations": 200}
        stream.configure(playing=True, runs=[{"training": stop}, {"training": {"iterations": 90}}])
        while stream.until("state")["runs"][0]["ended"] is None:
            pass
        state = stream.texts[-1]["runs"]
        assert [run["ended"] for run in state] == ["no_progress", None]
        ended = stream.until("ended")
        assert (ended["iteration"], ended["reason"]) == (90, "iterations")
        assert len(stream.costs(0)) == 4 * 30
        assert len(stream.costs(1)) == 4 * 90

    def test_a_regression_has_no_accuracy_to_stop_at(self, stream: Stream) -> None:
        stream.configure(data={"dataset": "plane"})
        stream.say("set", stop={"accuracy": 0.9})
        assert stream.until("error")["field"] == "stop.accuracy"


class TestMistakes:
    def test_confusion_and_the_misclassified_are_those_of_the_labels(
        self, stream: Stream, client: TestClient
    ) -> None:
        body = {"data": {"label_flips": 0.2}, "training": {"iterations": 300}}
        stream.say("view", misclassified=True)
        configured = stream.configure(data=body["data"], runs=[{"training": body["training"]}])
        stream.say("step", iterations=300)
        part = stream.until_iteration(300)["runs"][0]
        (tn, fp), (fn, tp) = part["train_confusion"]
        assert tn + fp + fn + tp == 150
        assert part["train_accuracy"] == (tn + tp) / 150
        split = configured["data"]["split"]
        bits = part["misclassified"]
        wrong = [i for i in range(200) if bits[i >> 3] >> (7 - i % 8) & 1]
        assert len(set(wrong) & set(split["train"])) == fp + fn
        (_, fp), (fn, _) = part["test_confusion"]
        assert len(set(wrong) & set(split["test"])) == fp + fn
        labels = configured["data"]["labels"]
        assert sum(labels[i] for i in set(wrong) & set(split["test"])) == fn
        status = run(client, body)
        assert status["train_confusion"] == part["train_confusion"]
        assert status["test_confusion"] == part["test_confusion"]

    def test_a_regression_has_none(self, stream: Stream) -> None:
        stream.say("view", misclassified=True)
        stream.configure(data={"dataset": "plane", "train_fraction": 1})
        part = stream.frames[0]["runs"][0]
        assert part["misclassified"] is part["train_confusion"] is part["test_confusion"] is None


class TestSpeed:
    def test_from_a_few_iterations_a_second_to_all_there_is_time_for(self, stream: Stream) -> None:
        stream.configure()
        stream.say("set", iterations_per_frame=0.25)
        assert stream.until("state")["iterations_per_frame"] == 0.25
        stream.say("play")
        stream.until_iteration(3)
        stream.say("set", iterations_per_frame="max")
        assert stream.until("state")["iterations_per_frame"] == "max"
        stream.until("ended", iteration=5000)
        assert len(stream.costs()) == 4 * 5000


def learning_rates(stream: Stream) -> list[float]:
    return [rates["learning_rate"] for rates in stream.until("state")["runs"]]


def test_differences_give_the_same_picture(client: TestClient) -> None:
    pictures = []
    for encoding in ("plain", "differences"):
        with Stream.connect(client) as stream:
            stream.say("view", encoding=encoding, neurons=True)
            network = {"layers": [{"units": 8}], "initialization": {"scheme": "xavier"}}
            stream.configure(data={"dataset": "spiral"}, runs=[{"network": network}])
            stream.say("step", iterations=300)
            part = stream.until_iteration(300)["runs"][0]
            pictures.append((part["boundary"], part["neurons"][0]))
    (plain, plain_units), (coded, coded_units) = pictures
    assert undo(coded["values"], (100, 100)) == plain["values"]
    assert undo(coded_units["values"], (8, 32, 32)) == plain_units["values"]
    packed = [
        len(wire.pack({"values": picture["values"]}, picture["encoding"]))
        for picture in (coded, plain)
    ]
    assert packed[0] < 0.6 * packed[1]


def undo(values: bytes, shape: tuple[int, ...]) -> bytes:
    coded = np.frombuffer(values, np.uint8).reshape(shape)
    return coded.cumsum(axis=-1, dtype=np.uint8).cumsum(axis=-2, dtype=np.uint8).tobytes()
