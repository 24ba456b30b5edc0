"""Stopping: at the first iteration that meets a condition, by hand and against a plain loop."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nncore import DATASETS, Network, Stop, Trainer, accuracy, cost, forward, initialize
from nncore.stopping import PROGRESS, BestSoFar


def circle(m: int = 60) -> tuple[np.ndarray, np.ndarray]:
    return DATASETS["circle"](m, 0.1, np.random.default_rng(0))


def network(output: str = "sigmoid") -> Network:
    rng = np.random.default_rng(0)
    return initialize([2, 4, 1], ["tanh", output], scheme="xavier", rng=rng)


def test_patience_counts_from_the_last_real_progress() -> None:
    best, stop = BestSoFar(), Stop(patience=3)
    found = []
    hardly = 1 - PROGRESS / 2
    for iteration, J in enumerate([1.0, hardly, 0.9, 0.95, hardly * 0.9, 0.91, 0.5]):
        best, stopped = best.seen(stop, iteration, J, None)
        found.append(stopped)
    assert found[:5] == [None] * 5
    assert found[5] is not None
    assert (found[5].iteration, found[5].reason) == (5, "no_progress")
    assert "0.9 of iteration 2" in found[5].detail
    assert found[6] is None  # one iteration after the end, where there is progress again


def test_the_first_condition_that_is_met_is_named() -> None:
    _, stopped = BestSoFar().seen(Stop(cost=0.5, accuracy=0.9), 7, 0.5, 0.95)
    assert stopped is not None
    assert (stopped.iteration, stopped.reason) == (7, "cost")
    assert stopped.detail == "The training cost is 0.5, at most 0.5 as asked."
    _, stopped = BestSoFar().seen(Stop(cost=0.4, accuracy=0.9), 7, 0.5, 0.9)
    assert stopped is not None
    assert stopped.reason == "accuracy"


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"cost": -0.1}, "cost"),
        ({"cost": math.inf}, "cost"),
        ({"accuracy": 1.01}, "accuracy"),
        ({"accuracy": math.nan}, "accuracy"),
        ({"patience": 0}, "patience"),
        ({"patience": 2.5}, "patience must be a whole number"),
        ({"accuracy": "0.9"}, "accuracy must be a number, not '0.9'"),
        ({"cost": True}, "cost must be a number, not True"),
    ],
)
def test_bad_conditions_are_named(bad: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Stop(**bad)


def first_that_meets(stop: Stop, batch_size: int | None, most: int) -> tuple[int, list[float]]:
    """One update at a time with a trainer that knows of no conditions, looking after each epoch."""
    X, Y = circle()
    trainer = Trainer(network(), X, Y, learning_rate=0.3, batch_size=batch_size)
    every = 1 if batch_size is None else math.ceil(60 / batch_size)
    best, at = math.inf, 0
    costs: list[float] = []
    while True:
        k = trainer.iteration
        if k % every == 0:
            now = trainer.network
            J = cost(now, forward(now, X), Y)
            if best * (1 - PROGRESS) > J:
                best, at = J, k
            met = (
                (stop.cost is not None and stop.cost >= J)
                or (stop.accuracy is not None and accuracy(now, X, Y) >= stop.accuracy)
                or (stop.patience is not None and k - at >= stop.patience)
            )
            if met or k >= most:
                return k, costs
        costs += trainer.step(1).tolist()


CONDITIONS = st.builds(
    Stop,
    cost=st.none() | st.floats(0.05, 0.75),
    accuracy=st.none() | st.floats(0.5, 1),
    patience=st.none() | st.integers(1, 60),
)


@settings(max_examples=60)
@given(CONDITIONS, st.sampled_from([None, 7, 25]), st.lists(st.integers(1, 300), min_size=1))
def test_it_stops_at_the_first_iteration_that_meets_a_condition(
    stop: Stop, batch_size: int | None, slices: list[int]
) -> None:
    X, Y = circle()
    trainer = Trainer(network(), X, Y, learning_rate=0.3, batch_size=batch_size, stop=stop)
    costs = np.concatenate([trainer.step(n) for n in slices])
    expected, expected_costs = first_that_meets(stop, batch_size, sum(slices))
    assert len(costs) == trainer.iteration == min(expected, sum(slices))
    assert costs.tolist() == expected_costs[: len(costs)]
    if expected < sum(slices):
        assert trainer.stopped is not None
        assert trainer.stopped.iteration == expected


def test_a_run_that_has_stopped_can_be_played_on() -> None:
    trainer = Trainer(network(), *circle(), learning_rate=0.3, stop=Stop(cost=0.3))
    trainer.step(5000)
    at = trainer.iteration
    assert trainer.cost() <= 0.3
    assert len(trainer.step(10)) == 0
    trainer.stop = Stop(cost=0.2)
    assert trainer.stopped is None
    trainer.step(5000)
    assert at < trainer.iteration < 5000
    trainer.stop = Stop()
    trainer.step(10)
    trainer.stop = Stop(cost=0.4)
    assert trainer.stopped is not None  # met already
    trainer.edit(2, 0, None, value=9.0)
    assert trainer.stopped is None


def test_what_is_changed_starts_patience_anew() -> None:
    rate = 1e-6  # no progress to speak of
    trainer = Trainer(network(), *circle(), learning_rate=rate, stop=Stop(patience=20))
    trainer.step(15)
    trainer.learning_rate = 2 * rate
    assert len(trainer.step(100)) == 20
    assert trainer.stopped is not None
    assert trainer.stopped.iteration == 35


def test_a_regression_has_no_accuracy_to_stop_at() -> None:
    with pytest.raises(ValueError, match="accuracy is for classification"):
        Trainer(network("linear"), *circle(), learning_rate=0.1, stop=Stop(accuracy=0.9))
    trainer = Trainer(network("linear"), *circle(), learning_rate=0.1, stop=Stop(cost=0.1))
    trainer.step(5000)
    assert trainer.stopped is not None


def test_a_first_cost_that_is_not_finite_is_a_divergence() -> None:
    X, Y = circle()
    trainer = Trainer(
        network("linear"), X * 1e300, Y * 1e300, learning_rate=0.1, stop=Stop(cost=0.1)
    )
    assert trainer.stopped is None
    assert len(trainer.step(3)) == 0
    assert trainer.diverged is not None
