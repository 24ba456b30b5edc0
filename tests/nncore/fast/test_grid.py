from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nncore import (
    ACTIVATIONS,
    FEATURES,
    Grid,
    GridEvaluator,
    Layer,
    Network,
    boundary,
    featurize,
    forward,
    initialize,
    predict,
)


def network(sizes: list[int], activation: str = "tanh", seed: int = 0) -> Network:
    activations = [activation] * (len(sizes) - 2) + ["sigmoid"]
    return initialize(sizes, activations, scheme="he", rng=np.random.default_rng(seed))


def test_rows_go_up_from_lo_and_columns_from_left_to_right() -> None:
    grid = Grid((0, 2), (10, 11), width=3, height=2)
    np.testing.assert_array_equal(grid.X, [[0, 1, 2, 0, 1, 2], [10, 10, 10, 11, 11, 11]])
    x2 = Network([Layer([[0.0], [1.0]], [[-10.5]], ACTIVATIONS["linear"])])
    np.testing.assert_allclose(boundary(x2, grid), [[-0.5] * 3, [0.5] * 3])


@given(
    st.lists(st.integers(1, 6), max_size=3),
    st.sampled_from(list(ACTIVATIONS)),
    st.integers(2, 20),
    st.integers(2, 20),
    st.lists(st.sampled_from(list(FEATURES)), min_size=1, unique=True),
)
def test_it_is_what_predict_says(
    hidden: list[int], activation: str, width: int, height: int, features: list[str]
) -> None:
    net = network([len(features), *hidden, 1], activation)
    grid = Grid((-6, 6), (-3, 4), width, height, tuple(features))
    points = Grid((-6, 6), (-3, 4), width, height).X.astype(np.float64)
    passed = forward(net, featurize(points, features))
    np.testing.assert_allclose(boundary(net, grid).ravel(), passed.A[-1][0], atol=1e-4)
    maps = GridEvaluator(grid).unit_maps(net)
    assert [A.shape for A in maps] == [(n, height, width) for n in hidden]
    for A, expected in zip(maps, passed.A[1:-1], strict=True):
        np.testing.assert_allclose(A.reshape(len(A), -1), expected, rtol=1e-3, atol=1e-3)


def test_an_evaluator_serves_one_network_after_another_from_the_same_memory() -> None:
    evaluator = GridEvaluator(Grid((-6, 6), (-6, 6), 30, 20))
    X = evaluator.grid.X.astype(np.float64)
    first = evaluator.boundary(network([2, 4, 1], seed=1))
    kept = first.copy()
    second = evaluator.boundary(network([2, 4, 1], seed=2))
    assert np.shares_memory(first, second)
    assert (kept != second).any()
    for net in (network([2, 1]), network([2, 3, 5, 1], "relu"), network([2, 4, 1], "sigmoid")):
        np.testing.assert_allclose(evaluator.boundary(net).ravel(), predict(net, X)[0], atol=1e-4)


def test_a_network_with_several_outputs_shows_the_first() -> None:
    net = network([2, 4, 3])
    grid = Grid((-1, 1), (-1, 1), 5, 4)
    np.testing.assert_allclose(boundary(net, grid).ravel(), predict(net, grid.X)[0], atol=1e-6)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("output", ["sigmoid", "linear"])
def test_pictures_are_finite_whatever_the_weights(activation: str, output: str) -> None:
    layers = network([2, 4, 4, 1], activation).layers
    huge = Network(
        Layer(layer.W * 1e250, layer.b, ACTIVATIONS[name])
        for layer, name in zip(layers, [activation, activation, output], strict=True)
    )
    evaluator = GridEvaluator(Grid((-6, 6), (-6, 6), 9, 9))
    Y, maps = evaluator.boundary(huge).copy(), evaluator.unit_maps(huge)
    assert all(np.isfinite(picture).all() for picture in (Y, *maps))
    if output == "sigmoid":
        assert Y.min() >= 0
        assert Y.max() <= 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((1, 1), (0, 1), 5, 5), "x_range"),
        (((0, 1), (1, 0), 5, 5), "y_range"),
        (((0, np.inf), (0, 1), 5, 5), "x_range"),
        (((0, 1), (0, 1), 1, 5), "at least 2 × 2"),
    ],
)
def test_a_grid_checks_its_numbers(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Grid(*arguments)


def test_the_inputs_must_be_the_features() -> None:
    with pytest.raises(ValueError, match="3 inputs, the grid 2 features"):
        boundary(network([3, 1]), Grid((-1, 1), (-1, 1), 5, 5))
