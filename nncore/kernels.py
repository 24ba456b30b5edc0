"""The activations once more, in place: what the trainers and the pictures run on.

A kernel turns Z into A where it stands and, if it is given an array S of the same shape, writes
g′(Z) there, in as few passes over the memory as it takes. It equals `Activation.g` and
`Activation.g_prime` to rounding (a test holds it to that).
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from nncore.activations import Activation, FloatArray

Kernel = Callable[[FloatArray, FloatArray | None], None]


def kernel_of(activation: Activation, dtype: DTypeLike) -> Kernel | None:
    """The kernel of an activation for arrays of this type; None for linear: nothing to do."""
    if activation.name == "linear":
        return None
    return _KERNELS.get(activation.name, _any)(activation, np.dtype(dtype))


# The constants are arrays of the right type, since NumPy would convert a Python number each time.


def _sigmoid(activation: Activation, dtype: np.dtype[Any]) -> Kernel:
    one, half = np.ones((), dtype), np.full((), 0.5, dtype)

    def kernel(Z: FloatArray, S: FloatArray | None) -> None:
        # σ(z) = ½ + ½ tanh(z/2): cannot overflow, and tanh is vectorised in NumPy.
        np.multiply(Z, half, Z)
        np.tanh(Z, Z)
        np.multiply(Z, half, Z)
        np.add(Z, half, Z)
        if S is not None:
            np.subtract(one, Z, S)
            np.multiply(Z, S, S)

    return kernel


def _tanh(activation: Activation, dtype: np.dtype[Any]) -> Kernel:
    one = np.ones((), dtype)

    def kernel(Z: FloatArray, S: FloatArray | None) -> None:
        np.tanh(Z, Z)
        if S is not None:
            np.multiply(Z, Z, S)
            np.subtract(one, S, S)

    return kernel


def _relu(activation: Activation, dtype: np.dtype[Any]) -> Kernel:
    zero = np.zeros((), dtype)

    def kernel(Z: FloatArray, S: FloatArray | None) -> None:
        if S is not None:
            np.greater_equal(Z, zero, S)
        np.maximum(Z, zero, out=Z)

    return kernel


def _leaky_relu(activation: Activation, dtype: np.dtype[Any]) -> Kernel:
    zero, slope = np.zeros((), dtype), np.asarray(activation.slope, dtype)

    def kernel(Z: FloatArray, S: FloatArray | None) -> None:
        S = np.empty_like(Z) if S is None else S
        S.fill(1)
        np.putmask(S, np.less(Z, zero), slope)
        np.multiply(Z, S, Z)

    return kernel


def _any(activation: Activation, dtype: np.dtype[Any]) -> Kernel:
    def kernel(Z: FloatArray, S: FloatArray | None) -> None:
        if S is not None:
            S[...] = activation.g_prime(Z)
        Z[...] = activation.g(Z)

    return kernel


_KERNELS: Mapping[str, Callable[[Activation, np.dtype[Any]], Kernel]] = {
    "sigmoid": _sigmoid,
    "tanh": _tanh,
    "relu": _relu,
    "leaky_relu": _leaky_relu,
}
