"""The activations once more, in place: what the trainers and the pictures run on.

A kernel turns Z into A where it stands and, if it is given an array S of the same shape, writes
g′(Z) there. Each is one row, as few passes over the memory as it takes, and equal to its pair
`Activation.g`, `Activation.g_prime` to rounding (a test holds them to it).
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from nncore.activations import Activation, FloatArray

Kernel = Callable[[FloatArray, FloatArray | None], None]


def kernel_of(activation: Activation) -> Kernel | None:
    """The kernel of an activation; None for linear, where there is nothing to do."""
    if activation.name == "linear":
        return None
    if activation.name == "leaky_relu" and activation.slope is not None:
        return partial(_leaky_relu, slope=activation.slope)
    return _KERNELS.get(activation.name) or partial(_any, activation=activation)


def _sigmoid(Z: FloatArray, S: FloatArray | None) -> None:
    # σ(z) = ½ + ½ tanh(z/2): cannot overflow, and tanh is vectorised in NumPy.
    np.multiply(Z, 0.5, Z)
    np.tanh(Z, Z)
    np.multiply(Z, 0.5, Z)
    np.add(Z, 0.5, Z)
    if S is not None:
        np.subtract(1, Z, S)
        np.multiply(Z, S, S)


def _tanh(Z: FloatArray, S: FloatArray | None) -> None:
    np.tanh(Z, Z)
    if S is not None:
        np.multiply(Z, Z, S)
        np.subtract(1, S, S)


def _relu(Z: FloatArray, S: FloatArray | None) -> None:
    if S is not None:
        np.greater_equal(Z, 0, S)
    np.maximum(Z, 0, Z)


def _leaky_relu(Z: FloatArray, S: FloatArray | None, slope: float) -> None:
    S = np.empty_like(Z) if S is None else S
    S.fill(1)
    np.putmask(S, Z < 0, slope)
    np.multiply(Z, S, Z)


def _any(Z: FloatArray, S: FloatArray | None, activation: Activation) -> None:
    if S is not None:
        S[...] = activation.g_prime(Z)
    Z[...] = activation.g(Z)


_KERNELS: dict[str, Kernel] = {"sigmoid": _sigmoid, "tanh": _tanh, "relu": _relu}
