"""A little of what `benchmarks/fuzz_stream.py` does much of, and what fuzzing REST found."""

import json
import math
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from app.schemas import Describe, Inspect, Plan, View
from app.training.microscope import inspection
from app.training.session import Session
from app.training.words import described
from benchmarks.fuzz_stream import attack


def test_nonsense_on_the_stream_breaks_nothing_and_touches_no_other_session() -> None:
    seen, learned = attack(messages=1500, seed=7)
    assert seen.broken == []
    assert seen.codes.keys() <= {"1002", "1006", "1007", "1009", "4002"}
    assert {"invalid_json", "unknown_type", "invalid_field"} <= seen.errors.keys()
    assert learned > 0


# -- runs that leave the finite ---------------------------------------------------------------

TWO_OF_RELU = [{"units": 4, "activation": "relu"}] * 2


def diverging(dataset: str = "plane", layers: Any = (), **training: Any) -> dict[str, Any]:
    return {
        "data": {"dataset": dataset, "train_fraction": 0.5, "examples": 20, "noise": 1},
        "network": {
            "layers": list(layers),
            "initialization": {"scheme": "he", "seed": training.pop("seed", 0)},
        },
        "training": {"learning_rate": 10, "iterations": 400, **training},
    }


def diverged(body: dict[str, Any]) -> Session:
    plan = {"data": body["data"], "runs": [{k: body[k] for k in ("network", "training")}]}
    session = Session(Plan.model_validate(plan))
    session.advance(400)
    assert session.diverged
    return session


@pytest.fixture
def loud() -> Iterator[None]:
    """Anything that overflows without having been thought of is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        yield


# Costs of those held out (batches: of those not looked at) can be infinite before the run is.
HELD_OUT = diverging(learning_rate=0.3, batch_size=3)
HELD_OUT["network"]["initialization"] = {"scheme": "small_random", "scale": 3}
RUNS = {
    "held out": HELD_OUT,
    "not in the batch": diverging(batch_size=3),
    "deep": diverging(layers=TWO_OF_RELU, seed=2, l2=10),
    "classes": diverging("circle", TWO_OF_RELU[:1]),
}


@pytest.mark.usefixtures("loud")
@pytest.mark.parametrize("body", RUNS.values(), ids=RUNS.keys())
def test_a_run_about_to_diverge_is_shown_whole(body: dict[str, Any]) -> None:
    session = diverged(body)
    score, run = session.runs[0].score, session.runs[0]
    assert not math.isnan(score.train_cost)
    assert np.isfinite(run.costs.since(0)).all()
    view = View(resolution=8, neurons=True, misclassified=True)
    (part,) = session.frame(0, 0, view, diagnostics=True)["runs"]
    for layer, look in zip(run.trainer.network.layers, part["diagnostics"], strict=True):
        assert sum(look["histogram"]) <= layer.b.size * 10
        assert look["low"] < look["high"]
        for name in ("mean", "gradient_norm", "update_ratio"):
            assert look[name] is None or math.isfinite(look[name])
    seen = inspection(session, Inspect(type="inspect"))
    json.dumps(seen, allow_nan=False)
    told = described(session, Describe(type="describe"), view)
    json.dumps(told, allow_nan=False)
    assert told["text"].startswith("The run diverged at iteration ")
    assert math.isfinite(run.trainer.penalty) or body is RUNS["deep"]


def test_the_runs_above_are_what_they_are_meant_to_be() -> None:
    held_out, in_no_batch = (diverged(RUNS[name]).runs[0].score for name in list(RUNS)[:2])
    assert math.isfinite(held_out.train_cost)
    assert held_out.test_cost == math.inf
    assert in_no_batch.train_cost == math.inf


@pytest.mark.usefixtures("loud")
def test_a_cost_that_is_no_number_is_null(inline: TestClient) -> None:
    status = inline.post("/train", params={"wait": 30}, json=HELD_OUT).json()
    assert status["status"] == "diverged"
    assert "iteration" in status["detail"] or "learning rate" in status["detail"]
    assert status["cost"] > 1e150
    assert status["test_cost"] is None


@pytest.mark.usefixtures("loud")
def test_a_point_too_far_for_the_network_is_named(inline: TestClient) -> None:
    trained = inline.post("/train", params={"wait": 30}, json=RUNS["classes"]).json()
    answer = inline.post("/predict", json={"model": trained["id"], "points": [[0, 0], [1e6, -1e6]]})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "points.1"
    assert "too large" in answer.json()["detail"]
    answer = inline.post("/predict", json={"model": trained["id"], "points": [[0, 0]]})
    assert answer.status_code == 200


@pytest.mark.usefixtures("loud")
def test_places_next_to_each_other_are_not_torn_apart(inline: TestClient) -> None:
    query = {"x1": 0, "x2": 1, "label": 2, "fit": True}
    table = "a,b,c\n0,1,x\n5e-324,2,y\n"
    parsed = inline.post("/datasets/table", params=query, content=table).json()
    assert parsed["fit"]["scale"] == [1, 10]
    assert parsed["scaled"][1] == [5e-324, 5]


# -- bodies -----------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [b"\xff", b"[" * 100_000, b"9" * 5_000])
def test_a_body_that_can_not_be_read_is_not_json(inline: TestClient, body: bytes) -> None:
    answer = inline.post("/train", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid_json"


# -- addresses --------------------------------------------------------------------------------


def test_a_table_is_not_taken_for_a_dataset(inline: TestClient) -> None:
    answer = inline.get("/datasets/table", params={"x1": 0})
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"
    assert inline.get("/datasets/moons").json()["name"] == "moons"


def test_a_whole_number_may_be_written_with_a_point(inline: TestClient) -> None:
    body = b'{"data": {"seed": 3.0}, "training": {"iterations": 2e1}}'
    headers = {"content-type": "application/json"}
    answer = inline.post("/train", params={"wait": 30}, content=body, headers=headers)
    assert (answer.status_code, answer.json()["iterations"]) == (200, 20)
    answer = inline.post("/train", json={"training": {"iterations": 20.5}})
    assert "training.iterations must be a whole number" in answer.json()["detail"]


def test_links_lead_to_operations(inline: TestClient) -> None:
    paths = inline.get("/openapi.json").json()["paths"]
    known = {operation["operationId"] for path in paths.values() for operation in path.values()}
    for answer in ("200", "202"):
        links = paths["/train"]["post"]["responses"][answer]["links"].values()
        assert {link["operationId"] for link in links} < known


@pytest.mark.parametrize("path", ["/datasets/moons?seed=x&seed=1", "/train/any/report?run=&run=0"])
def test_a_parameter_that_comes_twice_is_refused(inline: TestClient, path: str) -> None:
    answer = inline.get(path)
    assert answer.status_code == 422
    assert "must be given once; it came 2 times" in answer.json()["detail"]
    assert inline.get("/?seed=1&seed=2").status_code == 200
