"""When a run says that it stands still, and why."""

from typing import Any

import numpy as np
import pytest

from app.schemas import Plan, Set, View
from app.training.session import Session
from app.training.standstill import NOISE, Cause, best_constant, has_not_moved


def told(iterations: int, layers: list[dict[str, Any]], **of: Any) -> dict[str, Any] | None:
    """What the last frame of a run says."""
    return last(session(layers, **of), iterations)


def session(
    layers: list[dict[str, Any]],
    data: str = "spiral",
    scheme: str = "small_random",
    scale: float = 0.01,
    **training: Any,
) -> Session:
    network = {"layers": layers, "initialization": {"scheme": scheme, "scale": scale}}
    runs = [{"network": network, "training": training}]
    return Session(Plan.model_validate({"data": {"dataset": data}, "runs": runs}))


def last(training: Session, iteration: int) -> dict[str, Any] | None:
    training.advance(iteration - training.iteration)
    frame = training.frame(0, 0, View())["runs"][0]
    return frame.get("standstill")  # type: ignore[no-any-return]


def units(activation: str, *sizes: int) -> list[dict[str, Any]]:
    return [{"units": n, "activation": activation} for n in sizes]


@pytest.mark.parametrize(
    ("of", "cause", "helps"),
    [
        ({"layers": units("relu", 8, 8, 8)}, "small", ("he", 3.0)),
        ({"layers": units("sigmoid", 8, 8, 8)}, "small", ("xavier", 3.0)),
        ({"layers": units("tanh", 8, 8, 8), "scale": 0.001}, "small", ("xavier", 3.0)),
        ({"layers": units("relu", 8, 8, 8), "data": "plane"}, "small", ("he", 3.0)),
        ({"layers": units("tanh", 4), "scheme": "zeros"}, "zeros", ("xavier", None)),
        (
            {
                "layers": units("relu", 8, 8),
                "scheme": "he",
                "learning_rate": 50.0,
                "data": "circle",
            },
            "dead",
            ("he", 5.0),
        ),
        (
            {"layers": units("tanh", 4), "scheme": "xavier", "learning_rate": 1e-7},
            "rate",
            (None, 1e-6),
        ),
    ],
)
def test_a_dead_start_says_why(
    of: dict[str, Any], cause: Cause, helps: tuple[str | None, float | None]
) -> None:
    assert told(150, **of) is None
    said = told(400, **of)
    assert said is not None
    assert said["cause"] == cause
    assert said["scheme"] == helps[0]
    assert said["learning_rate"] == (None if helps[1] is None else pytest.approx(helps[1]))


def test_the_gradient_that_it_tells_is_the_real_one() -> None:
    training = session(units("relu", 8, 8, 8))
    said = last(training, 300)
    assert said is not None
    looks = training.runs[0].trainer.diagnose()
    assert said["gradient_norm"] == max(look.gradient_norm or 0 for look in looks)
    assert said["gradient_norm"] < 1e-4
    assert said["layer"] == 4
    assert said["weight"] == pytest.approx(0.01, rel=0.2)


@pytest.mark.parametrize(
    "of",
    [
        {"layers": units("tanh", 4), "data": "circle"},  # the default, slow at first
        {"layers": units("tanh", 4), "data": "gauss", "scheme": "xavier"},  # has learned it
        {"layers": [], "data": "circle", "scheme": "zeros"},  # can't do better
        {"layers": units("linear", 4), "data": "circle"},
        {"layers": units("relu", 8, 8, 8), "optimizer": "adam", "learning_rate": 0.01},
    ],
)
def test_whatever_moves_or_has_arrived_says_nothing(of: dict[str, Any]) -> None:
    training = session(**of)
    assert [last(training, iteration) for iteration in range(100, 2001, 100)] == [None] * 20


@pytest.mark.parametrize(
    ("of", "cause"),
    [
        ({"layers": units("tanh", 4), "scheme": "zeros", "batch_size": 16}, "zeros"),
        ({"layers": units("relu", 8, 8, 8), "batch_size": 1}, "dead"),
        # One batch moves the output layer by chance, and the next ones move it back.
        ({"layers": units("tanh", 8, 8, 8, 8), "batch_size": 32}, "small"),
        (
            {
                "layers": units("tanh", 4),
                "scheme": "xavier",
                "learning_rate": 1e-7,
                "batch_size": 32,
            },
            "rate",
        ),
    ],
)
def test_batches_that_differ_do_not_hide_a_dead_start(of: dict[str, Any], cause: Cause) -> None:
    training = session(**of)
    said = [last(training, iteration) for iteration in range(300, 1201, 100)]
    assert [one and one["cause"] for one in said] == [cause] * 10


@pytest.mark.parametrize("batch_size", [None, 10, 32])
def test_what_is_slow_to_learn_does_not_stand_still(batch_size: int | None) -> None:
    of: dict[str, Any] = {"scheme": "xavier", "data": "circle", "learning_rate": 0.003}
    training = session(units("tanh", 4), batch_size=batch_size, **of)
    assert [last(training, iteration) for iteration in range(200, 1201, 100)] == [None] * 11


def test_a_frozen_parameter_is_a_wish_and_a_higher_rate_is_looked_at_at_once() -> None:
    training = session(units("tanh", 4), scheme="xavier", learning_rate=1e-7)
    assert last(training, 300) is not None
    training.set(Set(type="set", learning_rate=0.5))
    assert last(training, 301) is None
    training = session(units("relu", 8, 8, 8))
    assert last(training, 300) is not None
    training.runs[0].trainer.edit(1, 0, 0, frozen=True)
    training.runs[0].restore(training.runs[0].trainer.state())
    assert last(training, 300) is None


@pytest.mark.parametrize("batch_size", [None, 32])
def test_looking_changes_no_bit(batch_size: int | None) -> None:
    looked, left = (session(units("relu", 8, 8, 8), batch_size=batch_size) for _ in range(2))
    for iteration in range(0, 601, 50):
        last(looked, iteration)
    left.advance(600)
    assert (looked.runs[0].costs.since(0) == left.runs[0].costs.since(0)).all()


def test_the_best_constant_answers_the_share_or_the_mean() -> None:
    Y = np.array([[1.0, 0.0, 0.0, 0.0]])
    expected = -(0.25 * np.log(0.25) + 0.75 * np.log(0.75))
    assert best_constant(Y, regression=False) == pytest.approx(expected)
    assert best_constant(np.ones((1, 3)), regression=False) == 0
    assert best_constant(np.array([[1.0, 3.0]]), regression=True) == pytest.approx(0.5)


def test_costs_beyond_all_measure_are_none_that_stand_still() -> None:
    for large in (1e200, 1.7e308, np.inf, np.nan):
        assert not has_not_moved(np.full(200, large) * np.resize([1, 0.5], 200), 0.7, NOISE)
