from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nncore import (
    ACTIVATIONS,
    FINE,
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


def found(network: Network, grid: Grid, *units: tuple[int, int]) -> Lines:
    evaluator = GridEvaluator(grid)
    _, Z = evaluator.pictures(network, units)
    return find_lines(evaluator, network, units, Z)


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
            lines = found(network, grid, (layer, unit))
            above, a, b, t = lines.above, lines.a, lines.a + lines.step, lines.t
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
    lines = found(network, grid, (1, 0))
    a, b = lines.a, lines.a + lines.step
    start = np.stack([a % 40, a // 40])
    x, y = start + (np.stack([b % 40, b // 40]) - start) * lines.t
    x, y = -6 + x * 12 / 39, -3 + y * 6 / 19
    np.testing.assert_allclose(x + 2 * y + 0.5, 0, atol=1e-5)


def test_crossings_are_in_order_edges_to_the_right_first() -> None:
    network = initialize([2, 3, 1], ["tanh", "sigmoid"], rng=np.random.default_rng(1))
    lines = found(network, Grid((-6, 6), (-6, 6), 9, 7), (1, 0), (1, 1), (1, 2))
    above, a = lines.above, lines.a
    right = [(u, j, i) for u, j, i in np.ndindex(3, 7, 8) if above[u, j, i] != above[u, j, i + 1]]
    up = [(u, j, i) for u, j, i in np.ndindex(3, 6, 9) if above[u, j, i] != above[u, j + 1, i]]
    assert list(zip(*np.unravel_index(a, above.shape), strict=True)) == right + up
    assert lines.rights == len(right)
    assert (lines.step == [1] * len(right) + [9] * len(up)).all()


@pytest.mark.parametrize(("weight", "last"), [(1.0, "relu"), (-1.0, "sigmoid")])
def test_the_border_of_a_flat_side_is_found(weight: float, last: str) -> None:
    """z of the second layer is 0 wherever the first one's unit is off: x1 < 0.3."""
    relu, other = ACTIVATIONS["relu"], ACTIVATIONS[last]
    network = Network([Layer([[1.0], [0.0]], [[-0.3]], relu), Layer([[weight]], [[0.0]], other)])
    lines = found(network, Grid((-6, 6), (-6, 6), 50, 50), (2, 0))
    above, a, t = lines.above, lines.a, lines.t
    assert (lines.step == 1).all()
    assert len(a) == 50
    assert above.any()
    assert not above.all()
    x = -6 + (a % 50 + t) * 12 / 49
    assert np.abs(x - 0.3).max() <= 12 / 49 / 100


def test_what_is_flat_everywhere_has_no_line() -> None:
    network = initialize(
        [2, 3, 1], ["relu", "sigmoid"], scheme="zeros", rng=np.random.default_rng(0)
    )
    for layer in (1, 2):
        assert found(network, Grid((-6, 6), (-6, 6), 20, 20), (layer, 0)).t.size == 0


def folded(offset: float) -> Network:
    """z = |x1 - 0.3| + |x2 + 0.1| - offset: a square on its corner."""
    relu, sigmoid = ACTIVATIONS["relu"], ACTIVATIONS["sigmoid"]
    first = Layer(
        [[1.0, -1.0, 0.0, 0.0], [0.0, 0.0, 1.0, -1.0]], [[-0.3], [0.3], [0.1], [-0.1]], relu
    )
    return Network([first, Layer([[1.0]] * 4, [[-offset]], sigmoid)])


def test_a_line_has_its_corners_where_two_straight_ones_meet() -> None:
    lines = found(folded(2.08), Grid((-6, 6), (-6, 6), 50, 50), (2, 0))
    bent = np.flatnonzero(~np.isnan(lines.corners[0]))
    row, column = np.divmod(lines.cells[bent], 50)
    places = -6 + (np.stack([column, row]) + lines.corners[:, bent]) * 12 / 49
    right = np.array([[0.3, -1.78, 2.38, 0.3], [-2.18, -0.1, -0.1, 1.98]])
    np.testing.assert_allclose(places, right, atol=1e-4)


def test_what_is_thinner_than_an_edge_crosses_it_twice() -> None:
    """z < 0 only where |x1 - 0.3| < 0.05, and the grid has samples 0.24 apart."""
    relu, sigmoid = ACTIVATIONS["relu"], ACTIVATIONS["sigmoid"]
    first = Layer([[1.0, -1.0], [0.0, 0.0]], [[-0.3], [0.3]], relu)
    network = Network([first, Layer([[1.0], [1.0]], [[-0.05]], sigmoid)])
    lines = found(network, Grid((-6, 6), (-6, 6), 50, 50), (2, 0))
    assert lines.t.size == 0
    # Each cell of that column is a picture of its own.
    assert (lines.hard % 50 == lines.hard[0]).all()
    assert lines.hard.size == 49
    fine = lines.fine
    assert fine is not None
    column = fine.a % (FINE + 1)
    x = -6 + (lines.hard[0] + (column + fine.t) / FINE) * 12 / 49
    assert fine.rights == fine.a.size == 49 * (FINE + 1) * 2
    np.testing.assert_allclose(np.abs(x - 0.3), 0.05, atol=0.01)
