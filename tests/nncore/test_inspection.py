"""Everything of one iteration, against the other ways to compute it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import approx_fprime
from sklearn.metrics import log_loss

from nncore import (
    ACTIVATIONS,
    DATASETS,
    Gradients,
    Layer,
    Network,
    Trainer,
    agreement,
    backward,
    central_differences,
    cost,
    forward,
    initialize,
    inspect,
    losses,
)
from nncore import differences as differences_module
from tests.nncore.test_network import BY_HAND, X_BY_HAND, Y_BY_HAND, examples, random_network


def test_by_hand() -> None:
    # Z[2] = [0 −1], y = [1 0]: the losses are log 2 and log(1 + 1/e); the rest as in test_network.
    found = inspect(BY_HAND, X_BY_HAND, Y_BY_HAND)
    assert found.losses is not None
    np.testing.assert_allclose(found.losses, [[np.log(2), np.log(1 + 1 / np.e)]])
    assert found.cost == pytest.approx((np.log(2) + np.log(1 + 1 / np.e)) / 2)
    np.testing.assert_array_equal(found.g_prime[0], [[1, 0], [1, 0]])
    a = np.array([1 / 2, 1 / (1 + np.e)])
    np.testing.assert_allclose(found.g_prime[1], [a * (1 - a)])
    assert found.gradients is not None
    np.testing.assert_allclose(found.gradients.dZ[1], [a - [1, 0]])
    np.testing.assert_allclose(found.gradients.dW[1], [[(a[0] - 1) * 3 / 2], [0]])
    # z of unit 2 is exactly 0 for example 1: at the kink there is nothing to compare with.
    assert found.differences is not None
    np.testing.assert_array_equal(np.isnan(found.differences.dW[0]), [[False, True], [False, True]])
    assert found.agreement is not None
    assert (found.agreement.compared, found.agreement.kinks) == (9 - 3, 3)
    assert found.agreement.all


def test_losses_are_scikit_learns() -> None:
    network = random_network([3, 5, 1], "tanh")
    X, Y = examples(3, 12)
    passed = forward(network, X)
    for each, y, y_hat in zip(losses(network, passed, Y)[0], Y[0], passed.A[-1][0], strict=True):
        assert each == pytest.approx(log_loss([y], [[1 - y_hat, y_hat]], labels=[0, 1]))
    assert np.mean(losses(network, passed, Y)) == cost(network, passed, Y)


def test_differences_know_nothing_of_back_propagation_and_are_scipys() -> None:
    network = random_network([2, 3, 2, 1], "sigmoid")
    X, Y = examples(2, 7)
    found = central_differences(network, X, Y)
    for index, layer in enumerate(network.layers):

        def J(w: np.ndarray, index: int = index, layer: Layer = layer) -> float:
            layers = list(network.layers)
            layers[index] = Layer(w.reshape(layer.W.shape), layer.b, layer.activation)
            changed = Network(layers)
            return cost(changed, forward(changed, X), Y)

        expected = approx_fprime(layer.W.ravel(), J, 1e-7).reshape(layer.W.shape)
        np.testing.assert_allclose(found.dW[index], expected, atol=1e-6)


@given(
    st.sampled_from(["sigmoid", "tanh", "relu", "leaky_relu", "linear"]),
    st.sampled_from(["sigmoid", "linear"]),
    st.lists(st.integers(1, 6), max_size=3),
    st.integers(0, 1000),
    st.integers(1, 40),
)
@settings(max_examples=60)
def test_both_ways_agree_for_every_activation_and_depth(
    hidden: str, output: str, units: list[int], seed: int, m: int
) -> None:
    network = random_network([2, *units, 1], hidden, output, seed)
    found = inspect(network, *examples(2, m, seed))
    assert found.agreement is not None
    assert found.agreement.all, found.agreement.worst
    assert found.agreement.compared > 0


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu", "leaky_relu"])
def test_they_agree_all_along_a_training(activation: str) -> None:
    X, Y = DATASETS["xor"](150, 0.1, np.random.default_rng(0))
    network = initialize([2, 8, 1], [activation, "sigmoid"], rng=np.random.default_rng(3))
    trainer = Trainer(network, X, Y, learning_rate=0.3)
    for _ in range(4):
        for columns in (slice(None), slice(1)):
            found = inspect(trainer.network, X[:, columns], Y[:, columns])
            assert found.agreement is not None
            assert found.agreement.all, found.agreement.worst
        trainer.step(500)


def test_a_wrong_gradient_is_found_where_it_is() -> None:
    network = random_network([2, 3, 1], "tanh")
    X, Y = examples(2, 9)
    right = backward(network, forward(network, X), Y)
    differences = central_differences(network, X, Y)
    assert agreement(right, differences, 0.7).all
    dW = [np.array(matrix) for matrix in right.dW]
    dW[0][1, 2] *= 1.0001
    wrong = agreement(Gradients(right.dZ, tuple(dW), right.db), differences, 0.7)
    assert not wrong.all
    assert np.argwhere(~wrong.dW[0]).tolist() == [[1, 2]]
    assert wrong.dW[1].all()
    assert wrong.worst is not None
    relative, where = wrong.worst
    assert where == (1, 2, 1)
    assert relative == pytest.approx(1e-4, rel=0.01)


def test_many_units_are_worked_through_in_parts_to_the_same_numbers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = random_network([5, 4, 1], "tanh")
    X, Y = examples(5, 11)
    whole = central_differences(network, X, Y)
    monkeypatch.setattr(differences_module, "MOST_COLUMNS", 90)
    parts = central_differences(network, X, Y)
    for one, other in zip((*whole.dW, *whole.db), (*parts.dW, *parts.db), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


def test_without_labels_there_is_only_the_way_forwards() -> None:
    found = inspect(BY_HAND, X_BY_HAND, None)
    np.testing.assert_array_equal(found.forward_pass.Z[0], [[3, -2], [0, -1]])
    later = (found.gradients, found.losses, found.cost, found.agreement)
    assert all(part is None for part in later)


def test_what_does_not_fit_is_named() -> None:
    with pytest.raises(ValueError, match="Y must be 1 × 2"):
        central_differences(BY_HAND, X_BY_HAND, [[1.0]])
    network = Network([Layer([[1.0]], [[0.0]], ACTIVATIONS["tanh"])])
    with pytest.raises(ValueError, match="no loss"):
        central_differences(network, [[1.0]], [[1.0]])


@pytest.mark.parametrize("optimizer", ["gradient_descent", "momentum", "rmsprop", "adam"])
@pytest.mark.parametrize("batch_size", [None, 7])
def test_the_trainer_tells_its_next_batch_and_update(
    optimizer: str, batch_size: int | None
) -> None:
    X, Y = DATASETS["circle"](40, 0.1, np.random.default_rng(0))
    network = random_network([2, 4, 1], "tanh")
    trainer = Trainer(
        network, X, Y, learning_rate=0.1, optimizer=optimizer, batch_size=batch_size, batch_seed=3
    )
    seen = []
    for _ in range(6):
        batch, before, after = trainer.batch, trainer.network, trainer.after_next_update()
        seen += batch.tolist()
        found = inspect(before, X[:, batch], Y[:, batch], numeric=False)
        assert found.gradients is not None
        (J,) = trainer.step()
        assert pytest.approx(J, rel=1e-12) == found.cost
        for now, expected, was, dW in zip(
            trainer.network.layers, after.layers, before.layers, found.gradients.dW, strict=True
        ):
            np.testing.assert_array_equal(now.W, expected.W)
            if optimizer == "gradient_descent":
                np.testing.assert_allclose(expected.W, was.W - 0.1 * dW, rtol=1e-12, atol=1e-15)
    # The first epoch of seven-by-seven is a permutation: 5 × 7 + 5.
    assert sorted(seen[:40]) == list(range(40))
