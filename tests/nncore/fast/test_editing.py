"""Editing and freezing single parameters while training."""

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nncore import (
    DATASETS,
    OPTIMIZERS,
    Layer,
    Network,
    Trainer,
    backward,
    forward,
    initialize,
)

SIZES = (2, 3, 4, 1)
PLACES = [
    (layer, unit, input)
    for layer, (n_in, n_out) in enumerate(itertools.pairwise(SIZES), start=1)
    for unit in range(n_out)
    for input in [*range(n_in), None]
]


def trainer(**arguments: Any) -> Trainer:
    X, Y = DATASETS["circle"](50, 0.1, np.random.default_rng(0))
    network = initialize(
        SIZES, ["tanh", "relu", "sigmoid"], scheme="xavier", rng=np.random.default_rng(0)
    )
    return Trainer(network, X, Y, **{"learning_rate": 0.1, **arguments})


def value_at(network: Network, place: tuple[int, int, int | None]) -> float:
    layer, unit, input = place
    y = network.layers[layer - 1]
    return float(y.b[unit, 0] if input is None else y.W[input, unit])


@pytest.mark.parametrize("place", PLACES)
def test_an_edit_changes_that_parameter_and_no_other(
    place: tuple[int, int, int | None],
) -> None:
    edited, plain = trainer(), trainer()
    edited.edit(*place, value=0.625)
    for other in PLACES:
        expected = 0.625 if other == place else value_at(plain.network, other)
        assert value_at(edited.network, other) == expected
    assert edited.frozen == ()
    assert edited.cost() != plain.cost()


def test_the_next_update_is_that_of_the_edited_network() -> None:
    edited = trainer()
    edited.step(3)
    edited.edit(2, 1, 0, value=-1.5)
    before = edited.network
    X, Y = DATASETS["circle"](50, 0.1, np.random.default_rng(0))
    gradients = backward(before, forward(before, X), Y)
    edited.step(1)
    for layer, old, dW, db in zip(
        edited.network.layers, before.layers, gradients.dW, gradients.db, strict=True
    ):
        np.testing.assert_allclose(layer.W, old.W - 0.1 * dW, rtol=1e-12)
        np.testing.assert_allclose(layer.b, old.b - 0.1 * db, rtol=1e-12, atol=1e-15)


@settings(max_examples=40)
@given(
    st.lists(st.sampled_from(PLACES), min_size=1, max_size=6, unique=True),
    st.sampled_from(list(OPTIMIZERS)),
    st.sampled_from([None, 8]),
    st.sampled_from([0.0, 0.1]),
    st.integers(0, 20),
)
def test_a_frozen_parameter_keeps_its_value_to_the_bit(
    places: list[tuple[int, int, int | None]],
    optimizer: str,
    batch_size: int | None,
    penalty: float,
    before: int,
) -> None:
    some = trainer(optimizer=optimizer, batch_size=batch_size, l1=penalty, l2=penalty)
    if before:
        some.step(before)
    for place in places:
        some.edit(*place, frozen=True)
    assert some.frozen == tuple(place for place in PLACES if place in places)
    kept = {place: value_at(some.network, place) for place in PLACES}
    some.step(30)
    for place in PLACES:
        now = value_at(some.network, place)
        if place in places:
            assert now == kept[place]
    assert any(value_at(some.network, place) != kept[place] for place in PLACES)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_what_is_freed_does_not_leap(optimizer: str) -> None:
    """Its optimizer's memory has faded meanwhile: no larger step than that of the others."""
    some = trainer(optimizer=optimizer, learning_rate=0.01)
    some.step(20)
    some.edit(3, 0, 0, frozen=True)
    some.step(300)
    frozen_at = value_at(some.network, (3, 0, 0))
    some.edit(3, 0, 0, frozen=False)
    assert some.frozen == ()
    some.step(1)
    moved = abs(value_at(some.network, (3, 0, 0)) - frozen_at)
    assert 0 < moved < 0.04


def test_a_state_carries_what_is_frozen() -> None:
    some = trainer()
    some.edit(1, 0, None, value=0.25, frozen=True)
    state = some.state()
    some.edit(1, 0, None, value=7.0, frozen=False)
    some.step(5)
    other = trainer()
    other.restore(state)
    assert other.frozen == ((1, 0, None),)
    assert value_at(other.network, (1, 0, None)) == 0.25
    other.edit(1, 0, None, frozen=False)
    some.restore(state)
    assert some.frozen == ((1, 0, None),)


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ((0, 0, 0), "layer must be from 1 to 3, not 0"),
        ((4, 0, 0), "layer"),
        ((1, 3, 0), "unit must be from 0 to 2, not 3"),
        ((1, -1, 0), "unit"),
        ((2, 0, 3), "input must be from 0 to 2, not 3"),
        ((2, 0, -1), "input"),
    ],
)
def test_a_place_that_is_not_there_is_named(
    place: tuple[int, int, int | None], message: str
) -> None:
    some = trainer()
    before = some.state()["parameters"]
    with pytest.raises(ValueError, match=message):
        some.edit(*place, value=1.0)
    np.testing.assert_array_equal(some.state()["parameters"], before)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_value_that_no_cost_can_stand_is_refused_and_nothing_changes(value: float) -> None:
    some = trainer()
    before, cost = some.state()["parameters"], some.cost()
    with pytest.raises(ValueError, match="value must leave the cost a finite number"):
        some.edit(3, 0, 0, value=value)
    assert some.cost() == cost
    np.testing.assert_array_equal(some.state()["parameters"], before)


def test_a_value_that_makes_the_cost_overflow_is_refused() -> None:
    X, Y = DATASETS["plane"](50, 0.1, np.random.default_rng(0))
    line = initialize([2, 1], ["linear"], rng=np.random.default_rng(0))
    some = Trainer(line, X, Y, learning_rate=0.1)
    with pytest.raises(ValueError, match="1e\\+200 does not"):
        some.edit(1, 0, 0, value=1e200)
    assert some.cost() < 1


def test_a_run_that_has_diverged_is_not_edited() -> None:
    X, Y = DATASETS["circle"](50, 0.1, np.random.default_rng(0))
    start = Network(
        [
            Layer(
                np.ones((2, 1)),
                np.zeros((1, 1)),
                initialize([1, 1], ["linear"], rng=np.random.default_rng(0)).activations[0],
            )
        ]
    )
    rash = Trainer(start, X, Y, learning_rate=50)
    rash.step(5000)
    assert rash.diverged is not None
    with pytest.raises(ValueError, match="diverged"):
        rash.edit(1, 0, 0, value=1.0)
