import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nncore import (
    ACTIVATIONS,
    DATASETS,
    Layer,
    Network,
    Trainer,
    backward,
    diagnose,
    forward,
    initialize,
    unit_lines,
)


def test_by_hand() -> None:
    # Z[1] over the two examples: unit 0 [1 -1], unit 1 [-5 -5]: dead; Z[2] = [1 0].
    network = Network(
        [
            Layer([[1.0, 0.0]], [[0.0], [-5.0]], ACTIVATIONS["relu"]),
            Layer([[1.0], [1.0]], [[0.0]], ACTIVATIONS["sigmoid"]),
        ]
    )
    X, Y = np.array([[1.0, -1.0]]), np.array([[1.0, 0.0]])
    hidden, output = diagnose(network, X, Y, bins=3)
    assert hidden.dead == (1,)
    assert hidden.saturated == 3 / 4  # all but z = 1
    assert hidden.nonpositive == 3 / 4
    assert hidden.mean == 1 / 4  # of A[1] = [1 0; 0 0]
    np.testing.assert_array_equal(hidden.histogram, [2, 0, 2])
    np.testing.assert_allclose(hidden.edges, [-5, -3, -1, 1])
    assert output.dead == ()
    assert output.saturated == 0
    assert output.nonpositive == 1 / 2
    dW = backward(network, forward(network, X), Y).dW
    assert hidden.gradient_norm == pytest.approx(np.linalg.norm(dW[0]))
    assert output.gradient_norm == pytest.approx(np.linalg.norm(dW[1]))
    assert hidden.update_ratio is None


@pytest.mark.parametrize(("z", "share"), [(2.0, 0.0), (2.9, 0.0), (3.1, 1.0), (-4.0, 1.0)])
def test_tanh_saturates_at_about_three(z: float, share: float) -> None:
    # 1 − tanh² z < 0.01 from |z| = 2.993 on
    network = Network(
        [
            Layer([[z]], [[0.0]], ACTIVATIONS["tanh"]),
            Layer([[1.0]], [[0.0]], ACTIVATIONS["sigmoid"]),
        ]
    )
    assert diagnose(network, [[1.0]], [[1.0]])[0].saturated == share


@pytest.mark.parametrize("optimizer", ["gradient_descent", "adam"])
@pytest.mark.parametrize("batch_size", [None, 7])
def test_the_trainer_knows_its_next_update(optimizer: str, batch_size: int | None) -> None:
    X, Y = DATASETS["circle"](40, 0.1, np.random.default_rng(0))
    network = initialize(
        [2, 4, 1], ["tanh", "sigmoid"], scheme="xavier", rng=np.random.default_rng(0)
    )
    trainer, undisturbed = (
        Trainer(network, X, Y, learning_rate=0.1, optimizer=optimizer, batch_size=batch_size)
        for _ in range(2)
    )
    trainer.step(8)
    undisturbed.step(8)
    looks = trainer.diagnose(bins=5)
    before = trainer.network
    assert trainer.iteration == 8
    np.testing.assert_array_equal(trainer.step(), undisturbed.step())
    for look, old, new in zip(looks, before.layers, trainer.network.layers, strict=True):
        expected = np.linalg.norm(new.W - old.W) / np.linalg.norm(old.W)
        assert look.update_ratio == pytest.approx(expected)
        assert look.histogram.sum() == old.W.shape[1] * 40


def test_no_ratio_to_nothing() -> None:
    network = initialize([2, 1], ["sigmoid"], scheme="zeros", rng=np.random.default_rng(0))
    (look,) = Trainer(network, [[1.0], [2.0]], [[1.0]], learning_rate=1).diagnose()
    assert look.update_ratio is None


def test_bins_are_at_least_one() -> None:
    network = initialize([2, 1], ["sigmoid"], rng=np.random.default_rng(0))
    with pytest.raises(ValueError, match="bins must be"):
        diagnose(network, [[1.0], [2.0]], [[1.0]], bins=0)


# -- lines ---------------------------------------------------------------------------------------


def one_unit(w1: float, w2: float, b: float) -> Network:
    return Network([Layer([[w1], [w2]], [[b]], ACTIVATIONS["sigmoid"])])


@pytest.mark.parametrize(
    ("w1", "w2", "b", "ends"),
    [
        (1, 0, -2, {(2, -6), (2, 6)}),
        (0, 1, 3, {(-6, -3), (6, -3)}),
        (1, -1, 0, {(-6, -6), (6, 6)}),
        (1, 1, -10, {(4, 6), (6, 4)}),
    ],
)
def test_lines_by_hand(w1: float, w2: float, b: float, ends: set) -> None:
    (line,) = unit_lines(one_unit(w1, w2, b))
    assert line is not None
    assert {tuple(end) for end in np.round(line, 9)} == ends


@pytest.mark.parametrize(("w1", "w2", "b"), [(0, 0, 1), (1, 0, 7), (0, 1, -7), (1, 1, 13)])
def test_no_line_in_sight(w1: float, w2: float, b: float) -> None:
    assert unit_lines(one_unit(w1, w2, b)) == [None]


@given(*[st.floats(-5, 5).filter(lambda x: abs(x) > 1e-3)] * 2, st.floats(-20, 20))
def test_lines_end_at_the_border_and_lie_where_z_is_zero(w1: float, w2: float, b: float) -> None:
    (line,) = unit_lines(one_unit(w1, w2, b), (-3, 4), (-2, 6))
    corners = [w1 * x1 + w2 * x2 + b for x1 in (-3, 4) for x2 in (-2, 6)]
    if min(corners) > 1e-6 or max(corners) < -1e-6:
        assert line is None
    elif min(corners) < -1e-6 and max(corners) > 1e-6:
        assert line is not None
        for x1, x2 in line:
            assert w1 * x1 + w2 * x2 + b == pytest.approx(0, abs=1e-6)
            assert min(x1 + 3, 4 - x1, x2 + 2, 6 - x2) == pytest.approx(0, abs=1e-6)


def test_lines_are_for_the_plane() -> None:
    network = initialize([3, 1], ["sigmoid"], rng=np.random.default_rng(0))
    with pytest.raises(ValueError, match="2 inputs, not 3"):
        unit_lines(network)


@pytest.mark.parametrize(
    ("low", "high"), [(3, 3), (1e17, 1e17 + 32), (-1e308, 1.5e308), (np.inf, 5), (np.inf, np.inf)]
)
def test_a_histogram_of_whatever_z_there_is(low: float, high: float) -> None:
    network = Network([Layer([[1]], [[0]], ACTIVATIONS["sigmoid"])])
    (look,) = diagnose(network, [[low, high]], [[0, 1]])
    assert look.histogram.sum() == np.isfinite([low, high]).sum()
    assert np.isfinite(look.edges).all()
    assert (np.diff(look.edges) > 0).all()


def test_norms_and_means_are_of_numbers_whose_squares_and_sums_are_not() -> None:
    network = Network([Layer([[1], [1]], [[0]], ACTIVATIONS["linear"])])
    (look,) = diagnose(network, [[1e200], [1e200]], [[0]])
    assert look.gradient_norm is None  # 2e200 · 1e200
    (look,) = diagnose(network, [[6e153, 6e153], [8e153, 8e153]], [[14e153 - 1] * 2])
    assert look.gradient_norm == 0  # below what a float of that size can tell
    (look,) = diagnose(network, [[3e153, 3e153], [4e153, 4e153]], [[0, 0]])
    assert look.gradient_norm == pytest.approx(3.5e307)
    (look,) = diagnose(network, [[1e308] * 2, [0.0] * 2], [[1e308] * 2])
    assert look.mean == 1e308
