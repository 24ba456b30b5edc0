import numpy as np
import pytest

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
    hidden, output = diagnose(network, X, Y)
    assert hidden.dead == (1,)
    assert hidden.saturated == 3 / 4  # all but z = 1
    assert hidden.nonpositive == 3 / 4
    assert hidden.mean == 1 / 4  # of A[1] = [1 0; 0 0]
    # z is −5 twice, −1 and 1: in 30 bins of 0.2 from −5 to 1.
    np.testing.assert_array_equal(np.repeat(np.arange(30), hidden.histogram), [0, 0, 20, 29])
    np.testing.assert_allclose(hidden.edges, np.arange(-25, 6) / 5, atol=1e-12)
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
    looks = trainer.diagnose()
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
