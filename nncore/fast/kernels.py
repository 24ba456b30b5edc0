"""The activations and the losses in place, for the trainers and the pictures.

A kernel turns Z into A in the same memory. Given an array S of the same shape, it writes g′(Z)
there as well. It needs as few passes over the memory as possible, and equals `Activation.g` and
`Activation.g_prime` to rounding; a test holds it to that. An `Output` is the same for the last
layer's activation and its loss.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..activations import Activation, FloatArray

Kernel = Callable[[FloatArray, FloatArray | None], None]


def kernel_of(activation: Activation, dtype: DTypeLike) -> Kernel | None:
    """The kernel of an activation for arrays of this type. None for linear: A is Z."""
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


@dataclass(frozen=True)
class Output:
    """An output activation and its loss, in place.

    Attributes:
        targets: Y -> T, computed once.
        error: (Z, T, out) writes (A − Y) / scale into out.
        scale: The factor that `error` leaves out.
        losses: (Z, T, scratch) writes the loss of each unit and example over Z.
        right: (Z, T) -> 1 where the example is in the right class, else 0.
    """

    targets: Callable[[FloatArray], FloatArray]
    error: Callable[[FloatArray, FloatArray, FloatArray], None]
    scale: float
    losses: Callable[[FloatArray, FloatArray, FloatArray], None]
    right: Callable[[FloatArray, FloatArray], NDArray[Any]]


def _sigmoid_error(Z: FloatArray, T: FloatArray, out: FloatArray) -> None:
    # A − Y = σ(z) − y = ½ (tanh(z/2) + 1 − 2y), and T = 1 − 2y.
    np.multiply(Z, 0.5, out)
    np.tanh(out, out)
    np.add(out, T, out)


def _cross_entropy(Z: FloatArray, T: FloatArray, scratch: FloatArray) -> None:
    # With t = (1 − 2y) z the loss is log(1 + e^t). From t = 80 on that is t to the last digit,
    # and e^80 does not overflow: log(1 + e^t) = max(t, log(1 + e^min(t, 80))).
    np.multiply(Z, T, Z)
    np.minimum(Z, 80, out=scratch)
    np.exp(scratch, scratch)
    np.log1p(scratch, scratch)
    np.maximum(Z, scratch, out=Z)


def _right(Z: FloatArray, T: FloatArray) -> NDArray[Any]:
    # ŷ = σ(z) ≥ ½ where z ≥ 0, and T = 1 − 2y is negative where y = 1.
    return np.asarray((Z >= 0) == (T < 0))


def _linear_error(Z: FloatArray, T: FloatArray, out: FloatArray) -> None:
    np.add(Z, T, out)


def _half_squared_error(Z: FloatArray, T: FloatArray, scratch: FloatArray) -> None:
    np.add(Z, T, Z)
    np.multiply(Z, Z, Z)
    np.multiply(Z, 0.5, Z)


OUTPUTS: Mapping[str, Output] = {
    "sigmoid": Output(lambda Y: 1 - 2 * Y, _sigmoid_error, 0.5, _cross_entropy, _right),
    "linear": Output(lambda Y: -Y, _linear_error, 1.0, _half_squared_error, _right),
}


def weighted(output: Output, weights: NDArray[np.float64]) -> Output:
    """The same where each example counts as often as its weight says: 1 × m, 1 on average.

    They are one more row of T, so they go wherever the targets go.
    """

    def error(Z: FloatArray, T: FloatArray, out: FloatArray) -> None:
        output.error(Z, T[..., :-1, :], out)
        np.multiply(out, T[..., -1:, :], out)

    def losses(Z: FloatArray, T: FloatArray, scratch: FloatArray) -> None:
        output.losses(Z, T[..., :-1, :], scratch)
        np.multiply(Z, T[..., -1:, :], Z)

    def right(Z: FloatArray, T: FloatArray) -> NDArray[Any]:
        return np.asarray(output.right(Z, T[..., :-1, :]) * T[..., -1:, :])

    return Output(
        lambda Y: np.vstack([output.targets(Y), weights]), error, output.scale, losses, right
    )
