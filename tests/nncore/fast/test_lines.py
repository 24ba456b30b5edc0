from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nncore import (
    ACTIVATIONS,
    Grid,
    GridEvaluator,
    Layer,
    Lines,
    Network,
    Trainer,
    featurize,
    find_lines,
    forward,
    initialize,
)
from nncore.datasets import DATASETS

SIZE = 100
HALF_A_PIXEL = 0.5 * (SIZE - 1) / 600
"""As a share of an edge, where the plane is 600 pixels wide."""


def trained(activation: str, data: str, iterations: int, features: tuple[str, ...]) -> Network:
    rng = np.random.default_rng(0)
    X, Y = DATASETS[data](150, 0.1, rng)
    scheme = "he" if activation.endswith("relu") else "xavier"
    start = initialize(
        [len(features), 8, 8, 1], [activation, activation, "sigmoid"], scheme=scheme, rng=rng
    )
    trainer = Trainer(start, featurize(X, features), Y, learning_rate=0.1)
    if iterations:
        trainer.step(iterations)
    return trainer.network


def found(network: Network, grid: Grid, layer: int, unit: int, **how: Any) -> Lines:
    evaluator = GridEvaluator(grid)
    _, Z = evaluator.pictures(network, {layer: slice(unit, unit + 1)})
    return find_lines(evaluator, network, layer, Z[layer], first=unit, **how)


def z_at(network: Network, grid: Grid, layer: int, unit: int, places: NDArray[Any]) -> Any:
    """z in float64 at places counted in samples, columns and rows."""
    (x_lo, x_hi), (y_lo, y_hi) = grid.x_range, grid.y_range
    x = x_lo + places[0] * (x_hi - x_lo) / (grid.width - 1)
    y = y_lo + places[1] * (y_hi - y_lo) / (grid.height - 1)
    return forward(network, featurize(np.stack([x, y]), grid.features)).Z[layer - 1][unit]


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(
    ("data", "features"), [("spiral", ("x1", "x2")), ("circle", ("x1_squared", "x2", "sin_x1"))]
)
def test_z_changes_its_sign_within_half_a_pixel(
    activation: str, data: str, features: tuple[str, ...]
) -> None:
    grid = Grid((-6.6, 6.6), (-6.6, 6.6), SIZE, SIZE, features)
    right = []
    for iterations in (0, 40, 300):
        network = trained(activation, data, iterations, features)
        for layer, unit in ((1, 0), (2, 3), (3, 0)):
            above, a, b, t = found(network, grid, layer, unit)
            if not t.size:
                continue
            start = np.stack([a % SIZE, a // SIZE])
            step = np.stack([b % SIZE, b // SIZE]) - start
            assert (np.abs(step).sum(axis=0) == 1).all()
            assert (above.ravel()[a] != above.ravel()[b]).all()
            near = [
                z_at(network, grid, layer, unit, start + step * (t + d).clip(0, 1))
                for d in (-HALF_A_PIXEL, HALF_A_PIXEL)
            ]
            right.append(np.sign(near[0]) * np.sign(near[1]) <= 0)
    assert np.concatenate(right).size > 500
    assert np.concatenate(right).mean() >= 0.985


def test_the_line_of_one_unit_is_straight_however_small_its_weights() -> None:
    network = Network([Layer([[1e-9], [2e-9]], [[0.5e-9]], ACTIVATIONS["sigmoid"])])
    grid = Grid((-6, 6), (-3, 3), 40, 20)
    _, a, b, t = found(network, grid, 1, 0)
    start = np.stack([a % 40, a // 40])
    x, y = start + (np.stack([b % 40, b // 40]) - start) * t
    x, y = -6 + x * 12 / 39, -3 + y * 6 / 19
    np.testing.assert_allclose(x + 2 * y + 0.5, 0, atol=1e-5)


def test_crossings_are_in_order_edges_to_the_right_first() -> None:
    network = initialize([2, 3, 1], ["tanh", "sigmoid"], rng=np.random.default_rng(1))
    evaluator = GridEvaluator(Grid((-6, 6), (-6, 6), 9, 7))
    _, Z = evaluator.pictures(network, {1: slice(None)})
    above, a, b, _ = find_lines(evaluator, network, 1, Z[1])
    right = [(u, j, i) for u, j, i in np.ndindex(3, 7, 8) if above[u, j, i] != above[u, j, i + 1]]
    up = [(u, j, i) for u, j, i in np.ndindex(3, 6, 9) if above[u, j, i] != above[u, j + 1, i]]
    assert list(zip(*np.unravel_index(a, above.shape), strict=True)) == right + up
    assert (b - a == [1] * len(right) + [9] * len(up)).all()


@pytest.mark.parametrize("strict", [True, False])
def test_the_border_of_a_flat_side_is_found(strict: bool) -> None:
    """z of the second layer is 0 wherever the first one's unit is off: x1 < 0.3."""
    relu = ACTIVATIONS["relu"]
    weight = 1.0 if strict else -1.0
    network = Network([Layer([[1.0], [0.0]], [[-0.3]], relu), Layer([[weight]], [[0.0]], relu)])
    above, a, b, t = found(network, Grid((-6, 6), (-6, 6), 50, 50), 2, 0, strict=strict)
    assert (b == a + 1).all()
    assert len(a) == 50
    assert above.any()
    assert not above.all()
    x = -6 + (a % 50 + t) * 12 / 49
    assert np.abs(x - 0.3).max() <= 12 / 49 / 16


def test_what_is_flat_everywhere_has_no_line() -> None:
    network = initialize(
        [2, 3, 1], ["relu", "sigmoid"], scheme="zeros", rng=np.random.default_rng(0)
    )
    for layer in (1, 2):
        assert found(network, Grid((-6, 6), (-6, 6), 20, 20), layer, 0).t.size == 0
