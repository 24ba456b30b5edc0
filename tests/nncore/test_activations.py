import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import expit

from nncore import ACTIVATIONS, Activation, leaky_relu
from nncore.activations import FloatArray
from nncore.fast.kernels import kernel_of

ALL = [*ACTIVATIONS.values(), leaky_relu(0.3), leaky_relu(-0.5), leaky_relu(3.0)]
NUMBERS = arrays(np.float64, 20, elements=st.floats(-1e6, 1e6, allow_subnormal=False))


def named(activation: Activation) -> str:
    return f"{activation.name} {activation.slope}"


def test_they_come_in_the_order_of_the_lecture() -> None:
    assert list(ACTIVATIONS) == ["sigmoid", "tanh", "relu", "leaky_relu", "linear"]
    assert all(activation.name == name for name, activation in ACTIVATIONS.items())


@pytest.mark.parametrize(
    ("name", "z", "g", "g_prime"),
    [
        ("sigmoid", 0.0, 1 / 2, 1 / 4),
        ("sigmoid", np.log(3), 3 / 4, 3 / 16),
        ("tanh", 0.0, 0.0, 1.0),
        ("tanh", np.log(3), 4 / 5, 9 / 25),
        ("relu", 2.0, 2.0, 1.0),
        ("relu", -2.0, 0.0, 0.0),
        ("relu", 0.0, 0.0, 1.0),
        ("leaky_relu", 2.0, 2.0, 1.0),
        ("leaky_relu", -2.0, -0.02, 0.01),
        ("leaky_relu", 0.0, 0.0, 1.0),
        ("linear", -2.0, -2.0, 1.0),
    ],
)
def test_by_hand(name: str, z: float, g: float, g_prime: float) -> None:
    Z = np.array([[z]])
    np.testing.assert_allclose(ACTIVATIONS[name].g(Z), [[g]], rtol=1e-15)
    np.testing.assert_allclose(ACTIVATIONS[name].g_prime(Z), [[g_prime]], rtol=1e-15)


@pytest.mark.parametrize("activation", ALL, ids=named)
def test_the_derivative_is_the_slope_of_the_function(activation: Activation) -> None:
    Z, h = np.linspace(-6, 6, 400), 1e-5  # no multiple of h from the kink
    slope = (activation.g(Z + h) - activation.g(Z - h)) / (2 * h)
    np.testing.assert_allclose(activation.g_prime(Z), slope, rtol=1e-7, atol=1e-9)


@given(NUMBERS)
def test_the_sigmoid_is_that_of_scipy(Z: np.ndarray) -> None:
    np.testing.assert_allclose(ACTIVATIONS["sigmoid"].g(Z), expit(Z), rtol=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_sigmoid_never_overflows(dtype: type) -> None:
    with np.errstate(all="raise", under="ignore"):
        A = ACTIVATIONS["sigmoid"].g(np.array([-3e38, -1000, 1000, 3e38], dtype))
    assert A.tolist() == [0, 0, 1, 1]
    assert A.dtype == dtype


@given(NUMBERS, st.floats(-1e3, 1e3))
def test_a_leaky_relu_takes_any_slope(Z: np.ndarray, slope: float) -> None:
    expected = [z if z >= 0 else slope * z for z in Z]
    np.testing.assert_array_equal(leaky_relu(slope).g(Z), expected)
    np.testing.assert_array_equal(leaky_relu(slope).g_prime(Z), [1 if z >= 0 else slope for z in Z])


@given(NUMBERS)
def test_the_lecture_writes_the_leaky_relu_as_a_maximum(Z: np.ndarray) -> None:
    np.testing.assert_array_equal(ACTIVATIONS["leaky_relu"].g(Z), np.maximum(0.01 * Z, Z))


@pytest.mark.parametrize("slope", [np.nan, np.inf])
def test_a_slope_is_finite(slope: float) -> None:
    with pytest.raises(ValueError, match="slope must be a finite number"):
        leaky_relu(slope)


@pytest.mark.parametrize("activation", ALL, ids=named)
def test_they_survive_pickling_and_compare_by_name_and_slope(activation: Activation) -> None:
    again = pickle.loads(pickle.dumps(activation))
    assert again == activation
    assert hash(again) == hash(activation)
    Z = np.linspace(-2, 2, 9)
    np.testing.assert_array_equal(again.g(Z), activation.g(Z))
    assert sum(other == activation for other in ALL) == 1


def test_the_slope_can_be_read() -> None:
    assert ACTIVATIONS["leaky_relu"].slope == 0.01
    assert leaky_relu(0.2).slope == 0.2
    assert ACTIVATIONS["relu"].slope is None


CUSTOM = Activation("cube", lambda Z: Z**3, lambda Z: 3 * Z**2)


@pytest.mark.parametrize("activation", [*ALL, CUSTOM], ids=named)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_kernels_equal_them(activation: Activation, dtype: type[np.floating[Any]]) -> None:
    Z: FloatArray = np.array([*np.linspace(-30, 30, 301), 0.0, -0.0], dtype).reshape(3, -1)
    kernel = kernel_of(activation, dtype)
    if kernel is None:
        assert activation.name == "linear"
        return
    A, S, alone = Z.copy(), np.empty_like(Z), Z.copy()
    kernel(A, S)
    kernel(alone, None)
    epsilon = float(np.finfo(dtype).eps)
    np.testing.assert_allclose(A, activation.g(Z), rtol=4 * epsilon, atol=2 * epsilon)
    np.testing.assert_allclose(S, activation.g_prime(Z), rtol=4 * epsilon, atol=2 * epsilon)
    np.testing.assert_array_equal(alone, A)
