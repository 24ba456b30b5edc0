"""Bad input: a clear error that names the field and the range, over REST and the stream alike."""

import json
from collections.abc import Iterator
from typing import Any

import httpx2 as httpx
import pytest
from starlette.testclient import TestClient

from tests.app.stream import Stream

NAN, INFINITY = float("nan"), float("inf")
TWO = {"points": [[0, 0], [1, 1]], "labels": [0, 1]}


OF_ALL_RUNS = ("fewer examples", "at most 100,000")
"""What is said of all runs of a session together."""


def data(**fields: Any) -> dict[str, Any]:
    return {"data": fields}


def layer(**fields: Any) -> dict[str, Any]:
    return {"network": {"layers": [fields]}}


def start(**fields: Any) -> dict[str, Any]:
    return {"network": {"initialization": fields}}


def training(**fields: Any) -> dict[str, Any]:
    return {"training": fields}


def parameters(*layers: Any) -> dict[str, Any]:
    return {"network": {"layers": [{"units": 2}], "parameters": list(layers)}}


GOOD_LAYERS = (
    {"weights": [[1, 2], [3, 4]], "biases": [0, 0]},
    {"weights": [[1], [2]], "biases": [0]},
)

# (a run, the field that the error names, words it has to say)
RUNS: list[tuple[dict[str, Any], str, str]] = [
    (data(dataset="square"), "data.dataset", "'circle'"),
    (data(dataset=3), "data.dataset", "one of"),
    (data(examples=9), "data.examples", "from 10 to 5,000; got 9"),
    (data(examples=-200), "data.examples", "from 10 to 5,000"),
    (data(examples=10**9), "data.examples", "from 10 to 5,000"),
    (data(examples="200"), "data.examples", "whole number"),
    (data(examples=20.5), "data.examples", "whole number"),
    (data(examples=None), "data.examples", "whole number"),
    (data(noise=-0.1), "data.noise", "from 0 to 1"),
    (data(noise=NAN), "data.noise", "finite"),
    (data(noise=INFINITY), "data.noise", "finite"),
    (data(seed=-1), "data.seed", "from 0 to"),
    (data(seed=2**32), "data.seed", "4,294,967,295"),
    (data(seed=True), "data.seed", "whole number"),
    (data(train_fraction=0), "data.train_fraction", "from 0.1 to 1"),
    (data(nosie=0.1), "data.nosie", "spelling"),
    (data(points=[[0, 0]], labels=[0, 1]), "data.points", "at least 2"),
    (data(points=[[0, 0], [1]], labels=[0, 1]), "data.points.1", "same"),
    (data(points=[[], [1]], labels=[0, 1]), "data.points.0", "at least 1"),
    (data(points=[[0, "a"], [1, 1]], labels=[0, 1]), "data.points.0.1", "a number"),
    (data(points=[[0, NAN], [1, 1]], labels=[0, 1]), "data.points.0.1", "finite"),
    (data(points=[[0, 1e9], [1, 1]], labels=[0, 1]), "data.points.0.1", "1,000,000"),
    (data(**{**TWO, "labels": [0, 2]}), "data.labels.1", "0 or 1; got 2"),
    (data(**{**TWO, "labels": [0, 0.5]}), "data.labels.1", "0 or 1; got 0.5"),
    (data(**{**TWO, "labels": [0, True]}), "data.labels.1", "a number"),
    (data(**TWO, features=["x1", "x1"]), "data.features", "twice"),
    (data(**TWO, features=["x3"]), "data.features.0", "'sin_x1'"),
    (data(**TWO, features=[]), "data.features", "at least 1"),
    (data(**{**TWO, "points": [[1], [2]]}, features=["x1"]), "data.features", "two numbers"),
    (data(**TWO, task="clustering"), "data.task", "regression"),
    (data(label_flips=0.6), "data.label_flips", "from 0 to 0.5"),
    (data(dataset="plane", label_flips=0.1), "data.label_flips", "no classes"),
    (training(l2=-0.1), "training.l2", "from 0 to 10"),
    (data(**{**TWO, "labels": [0, 1, 1]}), "data.labels", "each point needs one"),
    (data(points=TWO["points"]), "data.labels", "required"),
    (data(labels=TWO["labels"]), "data.points", "required"),
    (data(**TWO, dataset="circle"), "data.dataset", "spelling"),
    ({"data": []}, "data", "object"),
    ({"data": None}, "data", "object"),
    (layer(units=0), "network.layers.0.units", "from 1 to 256"),
    (layer(units=-4), "network.layers.0.units", "from 1 to 256"),
    (layer(units=10**9), "network.layers.0.units", "from 1 to 256"),
    (layer(activation="gelu"), "network.layers.0.activation", "'tanh'"),
    (layer(slope=0.1), "network.layers.0.slope", "leaky_relu only"),
    (layer(activation="leaky_relu", slope=2), "network.layers.0.slope", "from 0 to 1"),
    ({"network": {"layers": [{}] * 9}}, "network.layers", "at most 8"),
    ({"network": {"layers": "4"}}, "network.layers", "list"),
    (
        {"network": {"layers": [{"units": 120}] * 4}, "data": {"examples": 5000}},
        "network.layers",
        "fewer examples",
    ),
    # However few the examples are: frames and checkpoints have all parameters.
    (
        {"network": {"layers": [{"units": 256}] * 8}, "data": {"examples": 10}},
        "network.layers",
        "at most 100,000",
    ),
    (start(scheme="ones"), "network.initialization.scheme", "'he'"),
    (start(scale=0), "network.initialization.scale", "greater than 0"),
    (start(seed=1.5), "network.initialization.seed", "whole number"),
    (parameters(GOOD_LAYERS[0]), "network.parameters", "2 entries"),
    (parameters(GOOD_LAYERS[1], GOOD_LAYERS[1]), "network.parameters.0.weights", "2 rows of 2"),
    (
        parameters(GOOD_LAYERS[0], {"weights": [[1], [2]], "biases": [0, 0]}),
        "network.parameters.1.biases",
        "1 entries",
    ),
    (training(learning_rate=0), "training.learning_rate", "greater than 0 and at most 100; got 0"),
    (training(learning_rate=-1), "training.learning_rate", "greater than 0"),
    (training(learning_rate=101), "training.learning_rate", "at most 100"),
    (training(learning_rate=NAN), "training.learning_rate", "finite"),
    (training(learning_rate="0.3"), "training.learning_rate", "a number"),
    (training(learning_rate=[0.3]), "training.learning_rate", "a number"),
    (training(optimizer="lbfgs"), "training.optimizer", "'gradient_descent'"),
    (training(batch_size=0), "training.batch_size", "from 1 to 10,000"),
    (training(iterations=0), "training.iterations", "from 1 to 1,000,000"),
    (training(iterations=10**9), "training.iterations", "from 1 to 1,000,000"),
    (training(stop={"cost": -1}), "training.stop.cost", "from 0 to 1,000,000"),
    (training(stop={"accuracy": 1.1}), "training.stop.accuracy", "from 0 to 1; got 1.1"),
    (training(stop={"patience": 0}), "training.stop.patience", "from 1 to 1,000,000"),
    (training(stop={"patience": 1.5}), "training.stop.patience", "whole number"),
    (training(stop={"loss": 1}), "training.stop.loss", "spelling"),
    (training(stop=None), "training.stop", "object"),
    (
        {**data(dataset="plane"), **training(stop={"accuracy": 0.9})},
        "training.stop.accuracy",
        "no classes",
    ),
    (training(epochs=3), "training.epochs", "spelling"),
]
IDS = [f"{index}-{field}" for index, (_, field, _) in enumerate(RUNS)]


@pytest.mark.parametrize(("body", "field", "words"), RUNS, ids=IDS)
def test_rest_names_the_field_and_the_range(
    inline: TestClient, body: dict[str, Any], field: str, words: str
) -> None:
    answer = inline.post(
        "/train", content=json.dumps(body), headers={"content-type": "application/json"}
    )
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == 422
    assert {entry["field"] for entry in problem["errors"]} == {field}
    assert words in problem["detail"]
    assert field in problem["detail"]


@pytest.fixture(scope="module")
def open_stream(inline: TestClient) -> Iterator[Stream]:
    with Stream.connect(inline) as stream:
        stream.configure()
        yield stream


@pytest.mark.parametrize(("body", "field", "words"), RUNS, ids=IDS)
def test_the_stream_says_the_same_and_leaves_the_session_as_it_was(
    open_stream: Stream, body: dict[str, Any], field: str, words: str
) -> None:
    run = {key: value for key, value in body.items() if key != "data"}
    plan = {"runs": [run], **({"data": body["data"]} if "data" in body else {})}
    before = len(open_stream.costs()) // 4
    open_stream.say("configure", **plan)
    error = open_stream.until("error")
    assert error["code"] == "invalid_field"
    in_run = field.startswith(("network", "training"))
    work = "runs" if words in OF_ALL_RUNS else f"runs.0.{field}"
    assert error["field"] == (work if in_run else field)
    assert words in error["detail"]
    open_stream.say("step")
    open_stream.until_iteration(before + 1)
    assert len(open_stream.costs()) == 4 * (before + 1)


def edit(**fields: object) -> str:
    return json.dumps({"type": "edit", "layer": 1, "unit": 0, "input": None, **fields})


# (what is sent, the error's code, its field)
MESSAGES: list[tuple[str, str, str | None]] = [
    ("", "invalid_json", None),
    ("{", "invalid_json", None),
    ("[]", "invalid_json", None),
    ("null", "invalid_json", None),
    ('"play"', "invalid_json", None),
    ("{}", "unknown_type", "type"),
    ('{"type": "dance"}', "unknown_type", "type"),
    ('{"type": ["play"]}', "unknown_type", "type"),
    ('{"type": "play", "fast": true}', "invalid_field", "fast"),
    ('{"type": "step", "iterations": 0}', "invalid_field", "iterations"),
    ('{"type": "step", "iterations": 1e9}', "invalid_field", "iterations"),
    ('{"type": "step", "iterations": "1"}', "invalid_field", "iterations"),
    ('{"type": "set", "learning_rate": -1}', "invalid_field", "learning_rate"),
    ('{"type": "set", "learning_rate": NaN}', "invalid_field", "learning_rate"),
    ('{"type": "set", "iterations_per_frame": 0}', "invalid_field", "iterations_per_frame"),
    ('{"type": "set", "learning_rate": 1, "run": 1}', "invalid_field", "run"),
    ('{"type": "set", "iterations_per_frame": 0.001}', "invalid_field", "iterations_per_frame"),
    ('{"type": "set", "iterations_per_frame": 1001}', "invalid_field", "iterations_per_frame"),
    ('{"type": "set", "iterations_per_frame": "min"}', "invalid_field", "iterations_per_frame"),
    ('{"type": "set", "iterations_per_frame": true}', "invalid_field", "iterations_per_frame"),
    ('{"type": "set", "iterations_per_frame": NaN}', "invalid_field", "iterations_per_frame"),
    ('{"type": "set", "stop": {"cost": "low"}}', "invalid_field", "stop.cost"),
    (edit(), "invalid_field", "value"),
    (edit(input=0.5, value=1), "invalid_field", "input"),
    ('{"type": "edit", "layer": 1, "unit": 0, "value": 1}', "invalid_field", "input"),
    (edit(layer=0, value=1), "invalid_field", "layer"),
    (edit(layer=3, value=1), "invalid_field", "layer"),
    (edit(unit=4, value=1), "invalid_field", "unit"),
    (edit(input=2, value=1), "invalid_field", "input"),
    (edit(value=1e7), "invalid_field", "value"),
    (edit(value="1"), "invalid_field", "value"),
    (edit(frozen=1), "invalid_field", "frozen"),
    (edit(value=1, run=1), "invalid_field", "run"),
    ('{"type": "configure", "runs": []}', "invalid_field", "runs"),
    ('{"type": "configure", "runs": [' + ",".join(["{}"] * 9) + "]}", "invalid_field", "runs"),
    ('{"type": "configure", "runs": [{"label": 1}]}', "invalid_field", "runs.0.label"),
    (
        '{"type": "configure", "runs": ['
        + ",".join(['{"training": {"iterations": 1000000}}'] * 3)
        + "]}",
        "invalid_field",
        "runs",
    ),
    ('{"type": "seek", "iteration": -1}', "invalid_field", "iteration"),
    ('{"type": "seek", "iteration": 5001}', "invalid_field", "iteration"),
    ('{"type": "seek"}', "invalid_field", "iteration"),
    ('{"type": "set", "l1": 11}', "invalid_field", "l1"),
    ('{"type": "view", "resolution": 10000}', "invalid_field", "resolution"),
    ('{"type": "view", "x": [1, 1]}', "invalid_field", "x"),
    ('{"type": "view", "y": [6, -6]}', "invalid_field", "y"),
    ('{"type": "view", "encoding": "png"}', "invalid_field", "encoding"),
    ('{"type": "ack", "frame": 1000000}', "invalid_field", "frame"),
    ('{"type": "ack", "frame": -1}', "invalid_field", "frame"),
    ('{"type": "ack"}', "invalid_field", "frame"),
]


@pytest.mark.parametrize(("text", "code", "field"), MESSAGES)
def test_a_bad_message_is_answered_and_harms_nothing(
    open_stream: Stream, text: str, code: str, field: str | None
) -> None:
    before = len(open_stream.costs()) // 4
    open_stream.socket.send_text(text)
    error = open_stream.until("error")
    assert (error["code"], error["field"]) == (code, field)
    open_stream.say("step")
    open_stream.until_iteration(before + 1)


class TestBodies:
    def post(self, client: TestClient, content: bytes, **headers: str) -> httpx.Response:
        return client.post(
            "/train", content=content, headers={"content-type": "application/json", **headers}
        )

    def test_broken_json(self, inline: TestClient) -> None:
        for content in (b"{", b'{"data": }', b"\xff\xfe", b'{"data": {"seed": 01}}'):
            answer = self.post(inline, content)
            assert answer.status_code == 400, answer.text
            assert answer.json()["code"] == "invalid_json"

    def test_something_else_than_an_object(self, inline: TestClient) -> None:
        for content in (b"[]", b"3", b'"run"', b"null"):
            answer = self.post(inline, content)
            assert answer.status_code == 422
            assert "object" in answer.json()["detail"] or "required" in answer.json()["detail"]

    def test_a_body_of_10_megabytes(self, inline: TestClient) -> None:
        answer = self.post(inline, b" " * 10_000_000 + b"{}")
        assert answer.status_code == 413
        assert "2,000,000 bytes" in answer.json()["detail"]

    def test_a_body_of_10_megabytes_that_does_not_say_so(self, inline: TestClient) -> None:
        def chunks() -> Iterator[bytes]:
            for _ in range(100):
                yield b" " * 100_000

        headers = {"content-type": "application/json"}
        answer = inline.post("/train", content=chunks(), headers=headers)
        assert answer.status_code == 413

    def test_a_body_that_is_not_said_to_be_json(self, inline: TestClient) -> None:
        answer = inline.post("/train", content=b"{}", headers={"content-type": "text/plain"})
        assert answer.status_code == 415
        assert "application/json" in answer.json()["detail"]

    def test_deep_nesting(self, inline: TestClient) -> None:
        answer = self.post(inline, b'{"data":' * 50_000 + b"1" + b"}" * 50_000)
        assert answer.status_code in (400, 422)

    def test_a_wait_that_is_too_long(self, inline: TestClient) -> None:
        answer = inline.post("/train", params={"wait": 31}, json={})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == "wait"
        assert "from 0 to 30" in answer.json()["detail"]

    def test_many_errors_are_all_listed(self, inline: TestClient) -> None:
        body = {"training": {"learning_rate": 0, "iterations": 0}, "data": {"noise": 7}}
        fields = {entry["field"] for entry in inline.post("/train", json=body).json()["errors"]}
        assert fields == {"training.learning_rate", "training.iterations", "data.noise"}


class TestDatasets:
    def test_the_list_tells_names_descriptions_and_parameters(self, inline: TestClient) -> None:
        listed = inline.get("/datasets").json()["datasets"]
        names = [entry["name"] for entry in listed]
        assert names[:6] == ["circle", "xor", "gauss", "spiral", "moons", "flower"]
        assert {entry["name"] for entry in listed if entry["task"] == "regression"} == {
            "plane",
            "bumps",
        }
        assert all(entry["description"] for entry in listed)
        assert listed[0]["parameters"]["examples"]["maximum"] == 5000

    def test_the_same_query_draws_the_same_points(self, inline: TestClient) -> None:
        query = {"examples": 31, "noise": 0.3, "seed": 7}
        first, second = (inline.get("/datasets/moons", params=query).json() for _ in range(2))
        assert first == second
        assert len(first["points"]) == len(first["labels"]) == 31
        assert inline.get("/datasets/moons", params={**query, "seed": 8}).json() != first

    @pytest.mark.parametrize(
        ("path", "status", "words"),
        [
            ("/datasets/square", 404, "circle, xor"),
            ("/datasets/circle?examples=5", 422, "from 10 to 5,000"),
            ("/datasets/circle?noise=loud", 422, "must be a number"),
            ("/datasets/circle?size=5", 422, "spelling"),
            ("/activations/square", 404, "sigmoid, tanh"),
            ("/activations/tanh?reach=0", 422, "greater than 0"),
            ("/activations/tanh?slope=0.1", 422, "leaky_relu only"),
            ("/nowhere", 404, "nothing at this address"),
        ],
    )
    def test_bad_queries(self, inline: TestClient, path: str, status: int, words: str) -> None:
        answer = inline.get(path)
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        assert words in answer.json()["detail"]

    def test_a_wrong_method_is_405(self, inline: TestClient) -> None:
        answer = inline.put("/train", json={})
        assert answer.status_code == 405
        assert answer.headers["content-type"] == "application/problem+json"
