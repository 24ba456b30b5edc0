"""The lecture's equations: by hand, by central differences, and against scikit-learn."""

import pickle
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.neural_network import MLPClassifier, MLPRegressor

from nncore import (
    ACTIVATIONS,
    LOSSES,
    Activation,
    Layer,
    Network,
    accuracy,
    backward,
    cost,
    forward,
    gradient_check,
    initialize,
    leaky_relu,
    predict,
)


def random_network(
    sizes: list[int], hidden: str, output: str = "sigmoid", seed: int = 0
) -> Network:
    rng = np.random.default_rng(seed)
    network = initialize(sizes, [hidden] * (len(sizes) - 2) + [output], scheme="xavier", rng=rng)
    return Network(
        Layer(layer.W, rng.normal(0, 0.5, layer.b.shape), layer.activation)
        for layer in network.layers
    )


def examples(n: int, m: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(0, 1.5, (n, m)), rng.integers(0, 2, (1, m)).astype(float)


# -- by hand -------------------------------------------------------------------------------------
# A 2-2-1 network with ReLU and two examples:
#   W[1] = [1 -1; 2 0], b[1] = [0; 1], X = [1 2; 1 -2]
#   Z[1] = W[1].T X + b[1] = [3 -2; 0 -1], A[1] = [3 0; 0 0]
#   W[2] = [1/3; 5], b[2] = -1, so Z[2] = [0 -1].

RELU = ACTIVATIONS["relu"]
BY_HAND = Network(
    [
        Layer([[1, -1], [2, 0]], [[0], [1]], RELU),
        Layer([[1 / 3], [5.0]], [[-1]], ACTIVATIONS["sigmoid"]),
    ]
)
X_BY_HAND = np.array([[1.0, 2.0], [1.0, -2.0]])
Y_BY_HAND = np.array([[1.0, 0.0]])


def test_forward_by_hand() -> None:
    passed = forward(BY_HAND, X_BY_HAND)
    np.testing.assert_array_equal(passed.A[0], X_BY_HAND)
    np.testing.assert_array_equal(passed.Z[0], [[3, -2], [0, -1]])
    np.testing.assert_array_equal(passed.A[1], [[3, 0], [0, 0]])
    np.testing.assert_allclose(passed.Z[1], [[0, -1]], atol=1e-15)
    np.testing.assert_allclose(passed.A[2], [[1 / 2, 1 / (1 + np.e)]], rtol=1e-15)
    np.testing.assert_array_equal(predict(BY_HAND, X_BY_HAND), passed.A[2])


def test_cost_by_hand() -> None:
    # −log ½ for the first, −log(1 − 1/(1 + e)) = log(1 + 1/e) for the second.
    J = cost(BY_HAND, forward(BY_HAND, X_BY_HAND), Y_BY_HAND)
    assert (np.log(2) + np.log(1 + 1 / np.e)) / 2 == pytest.approx(J, rel=1e-15)


def test_backward_by_hand() -> None:
    gradients = backward(BY_HAND, forward(BY_HAND, X_BY_HAND), Y_BY_HAND)
    a = 1 / (1 + np.e)
    # dZ[1] = W[2] dZ[2] * g′(Z[1]); z = 0 counts as the active side, negative z as the other.
    dZ1 = np.array([[-1 / 6, 0], [-5 / 2, 0]])
    np.testing.assert_allclose(gradients.dZ[1], [[-1 / 2, a]], rtol=1e-14)
    np.testing.assert_allclose(gradients.dZ[0], dZ1, rtol=1e-14)
    np.testing.assert_allclose(gradients.dW[1], [[-3 / 4], [0.0]], rtol=1e-14)
    np.testing.assert_allclose(gradients.db[1], [[(a - 1 / 2) / 2]], rtol=1e-14)
    np.testing.assert_allclose(gradients.dW[0], [[-1 / 12, -5 / 4], [-1 / 12, -5 / 4]], rtol=1e-14)
    np.testing.assert_allclose(gradients.db[0], [[-1 / 12], [-5 / 4]], rtol=1e-14)


def test_regression_by_hand() -> None:
    network = Network([Layer([[2.0]], [[1.0]], ACTIVATIONS["linear"])])
    passed = forward(network, [[1.0, 3.0]])  # Ŷ = [3 7]
    assert cost(network, passed, [[1.0, 8.0]]) == (2**2 / 2 + 1**2 / 2) / 2
    gradients = backward(network, passed, [[1.0, 8.0]])
    np.testing.assert_array_equal(gradients.dZ[0], [[2, -1]])
    np.testing.assert_array_equal(gradients.dW[0], [[(1 * 2 - 3 * 1) / 2]])
    np.testing.assert_array_equal(gradients.db[0], [[1 / 2]])


def test_the_general_layer_by_shapes() -> None:
    network = random_network([3, 5, 4, 2, 1], "tanh")
    X, Y = examples(3, 7)
    passed = forward(network, X)
    gradients = backward(network, passed, Y)
    sizes = network.layer_sizes
    assert network.parameter_count == (3 + 1) * 5 + (5 + 1) * 4 + (4 + 1) * 2 + (2 + 1) * 1
    assert [Z.shape for Z in passed.Z] == [(n, 7) for n in sizes[1:]]
    assert [A.shape for A in passed.A] == [(n, 7) for n in sizes]
    assert [dZ.shape for dZ in gradients.dZ] == [(n, 7) for n in sizes[1:]]
    assert [dW.shape for dW in gradients.dW] == list(pairwise(sizes))
    assert [db.shape for db in gradients.db] == [(n, 1) for n in sizes[1:]]


# -- by central differences ---------------------------------------------------------------------


@pytest.mark.parametrize("activation", [*ACTIVATIONS.values(), leaky_relu(0.3)])
@pytest.mark.parametrize("output", LOSSES)
@pytest.mark.parametrize("hidden", [[], [4], [5, 3], [3, 3, 3]])
def test_central_differences(activation: Activation, output: str, hidden: list[int]) -> None:
    network = random_network([3, *hidden, 1], "tanh", output)
    layers = [Layer(layer.W, layer.b, activation) for layer in network.layers[:-1]]
    X, Y = examples(3, 20)
    assert gradient_check(Network([*layers, network.layers[-1]]), X, Y) < 1e-7


# -- an outside oracle: scikit-learn, whose weights have the same orientation -------------------

SKLEARN_NAMES = {"sigmoid": "logistic", "tanh": "tanh", "relu": "relu", "linear": "identity"}


@pytest.mark.parametrize("activation", SKLEARN_NAMES)
@pytest.mark.parametrize("hidden", [(4,), (5, 3)])
@pytest.mark.parametrize("output", LOSSES)
def test_scikit_learn_agrees(activation: str, hidden: tuple[int, ...], output: str) -> None:
    X, Y = examples(3, 40)
    oracle = (MLPClassifier if output == "sigmoid" else MLPRegressor)(
        hidden_layer_sizes=hidden,
        activation=SKLEARN_NAMES[activation],
        solver="sgd",
        alpha=0.0,
        momentum=0.0,
        learning_rate_init=0.5,
        random_state=0,
    )
    oracle.partial_fit(X.T, Y[0], **({"classes": [0, 1]} if output == "sigmoid" else {}))
    names = [activation] * len(hidden) + [output]
    network = Network(
        Layer(W, b[:, np.newaxis], ACTIVATIONS[name])
        for W, b, name in zip(oracle.coefs_, oracle.intercepts_, names, strict=True)
    )
    expected = oracle.predict_proba(X.T)[:, 1] if output == "sigmoid" else oracle.predict(X.T)
    np.testing.assert_allclose(predict(network, X)[0], expected, rtol=1e-12)

    # One update of scikit-learn's, on the same 40 examples, reveals its cost and its gradients.
    passed = forward(network, X)
    gradients = backward(network, passed, Y)
    oracle.partial_fit(X.T, Y[0])
    assert cost(network, passed, Y) == pytest.approx(oracle.loss_, rel=1e-12)
    for layer, W, dW in zip(network.layers, oracle.coefs_, gradients.dW, strict=True):
        np.testing.assert_allclose(dW, (layer.W - W) / 0.5, rtol=1e-9, atol=1e-14)
    for layer, b, db in zip(network.layers, oracle.intercepts_, gradients.db, strict=True):
        np.testing.assert_allclose(db[:, 0], (layer.b[:, 0] - b) / 0.5, rtol=1e-9, atol=1e-14)


# -- what the lecture proves --------------------------------------------------------------------


def descend(network: Network, X: np.ndarray, Y: np.ndarray, updates: int) -> Network:
    for _ in range(updates):
        gradients = backward(network, forward(network, X), Y)
        network = Network(
            Layer(layer.W - 0.5 * dW, layer.b - 0.5 * db, layer.activation)
            for layer, dW, db in zip(network.layers, gradients.dW, gradients.db, strict=True)
        )
    return network


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_zero_weights_keep_the_hidden_units_identical_for_ever(activation: str) -> None:
    rng = np.random.default_rng(0)
    network = initialize([2, 4, 1], [activation, "sigmoid"], scheme="zeros", rng=rng)
    X, Y = examples(2, 30)
    network = descend(network, X, Y, 200)
    W1, b1, W2 = network.layers[0].W, network.layers[0].b, network.layers[1].W
    for k in range(1, 4):
        np.testing.assert_array_equal(W1[:, k], W1[:, 0])
        np.testing.assert_array_equal(b1[k], b1[0])
        np.testing.assert_array_equal(W2[k], W2[0])
    if activation == "sigmoid":  # and not because nothing moves: here a[1] = ½ from the start
        assert np.abs(W1).max() > 1e-3


@given(st.integers(0, 2**32 - 1), st.lists(st.integers(1, 6), max_size=4))
def test_linear_activations_make_logistic_regression(seed: int, hidden: list[int]) -> None:
    network = random_network([3, *hidden, 1], "linear", seed=seed)
    w, b = np.eye(3), np.zeros((3, 1))
    for layer in network.layers:  # w = W[1] W[2] …, b′ = W[2].T b[1] + b[2] …
        w, b = w @ layer.W, layer.W.T @ b + layer.b
    single = Network([Layer(w, b, ACTIVATIONS["sigmoid"])])
    X, _ = examples(3, 20, seed)
    np.testing.assert_allclose(predict(network, X), predict(single, X), rtol=1e-9)


# -- extremes -----------------------------------------------------------------------------------


def test_the_cost_never_overflows() -> None:
    network = Network([Layer([[1.0]], [[0.0]], ACTIVATIONS["sigmoid"])])
    X = np.array([[1e300, -1e300, 800.0, -800.0]])
    with np.errstate(all="raise", under="ignore"):
        passed = forward(network, X)
        assert cost(network, passed, [[1, 0, 1, 0]]) == 0
        assert cost(network, passed, [[0, 1, 0, 1]]) == pytest.approx(1e300 / 2)
        backward(network, passed, [[0, 1, 0, 1]])


def test_the_cost_keeps_its_digits_where_the_naive_formula_has_none() -> None:
    network = Network([Layer([[1.0]], [[0.0]], ACTIVATIONS["sigmoid"])])
    # −log σ(50) = log(1 + e^−50) ≈ e^−50, while σ(50) is 1 in floating point.
    J = cost(network, forward(network, [[50.0]]), [[1.0]])
    assert np.exp(-50) == pytest.approx(J, rel=1e-12)


def test_a_gradient_that_is_wrong_does_not_pass_the_check() -> None:
    wrong = Activation("wrong", np.tanh, lambda Z: 1 - np.tanh(Z))
    network = random_network([2, 3, 1], "tanh")
    network = Network([Layer(network.layers[0].W, network.layers[0].b, wrong), network.layers[1]])
    assert gradient_check(network, *examples(2, 10)) > 1e-2


def test_the_check_steps_around_kinks() -> None:
    # Weights this small leave every z within 1e-7 of the kink of one example or another.
    rng = np.random.default_rng(0)
    network = initialize([2, 8, 1], ["relu", "sigmoid"], scale=1e-4, rng=rng)
    X, Y = examples(2, 200)
    assert gradient_check(network, X, Y) < 1e-4
    zeros = initialize([2, 8, 1], ["relu", "sigmoid"], scheme="zeros", rng=rng)
    assert gradient_check(zeros, X, Y) < 1e-7


# -- shapes and other bad input -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("W", "b", "message"),
    [
        ([1.0, 2.0], [[0.0]], "W must be n_in × n_out"),
        (np.zeros((2, 0)), np.zeros((0, 1)), "at least one of each"),
        (np.zeros((2, 3)), np.zeros(3), "b must be n_out × 1"),
        (np.zeros((2, 3)), np.zeros((2, 1)), r"b must be n_out × 1 = \(3, 1\)"),
    ],
)
def test_a_layer_checks_its_shapes(W: object, b: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Layer(W, b, RELU)  # type: ignore[arg-type]


def test_a_layer_wants_an_activation() -> None:
    with pytest.raises(TypeError, match="must be an Activation"):
        Layer(np.zeros((1, 1)), np.zeros((1, 1)), "relu")  # type: ignore[arg-type]


def test_layers_must_fit_each_other() -> None:
    layer = Layer(np.zeros((2, 3)), np.zeros((3, 1)), RELU)
    with pytest.raises(ValueError, match=r"W\[2\] has 2 rows, but layer 1 has 3 units"):
        Network([layer, layer])
    with pytest.raises(ValueError, match="at least one layer"):
        Network([])


def test_a_layer_keeps_copies_that_nobody_changes() -> None:
    W = np.ones((1, 1))
    layer = Layer(W, np.zeros((1, 1)), RELU)
    W[0, 0] = 7
    assert layer.W[0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        layer.W[0, 0] = 7


@pytest.mark.parametrize("X", [np.zeros((3, 5)), np.zeros(2), np.zeros((2, 0))])
def test_x_must_fit(X: np.ndarray) -> None:
    with pytest.raises(ValueError, match="X must"):
        forward(BY_HAND, X)


def test_y_must_fit() -> None:
    passed = forward(BY_HAND, X_BY_HAND)
    for y in (np.zeros((1, 3)), np.zeros(2), np.zeros((2, 2))):
        with pytest.raises(ValueError, match="Y must be 1 × 2"):
            cost(BY_HAND, passed, y)
        with pytest.raises(ValueError, match="Y must be 1 × 2"):
            backward(BY_HAND, passed, y)
        with pytest.raises(ValueError, match="Y must be 1 × 2"):
            accuracy(BY_HAND, X_BY_HAND, y)


def test_only_some_outputs_have_a_loss() -> None:
    network = random_network([2, 3, 1], "tanh", "tanh")
    passed = forward(network, X_BY_HAND)
    for compute in (cost, backward):
        with pytest.raises(ValueError, match="no loss goes with the output activation 'tanh'"):
            compute(network, passed, Y_BY_HAND)


def test_accuracy_counts_one_half_as_class_one() -> None:
    assert accuracy(BY_HAND, X_BY_HAND, [[1, 0]]) == 1
    assert accuracy(BY_HAND, X_BY_HAND, [[0, 0]]) == 0.5
    assert accuracy(BY_HAND, X_BY_HAND, [[0, 1]]) == 0


def test_networks_can_be_pickled() -> None:
    again = pickle.loads(pickle.dumps(BY_HAND))
    np.testing.assert_array_equal(predict(again, X_BY_HAND), predict(BY_HAND, X_BY_HAND))
