"""The activation functions g, each beside its derivative g′.

Both work number by number: an array of any shape goes in, and one of the same shape comes out.
At a kink the derivatives are the lecture's: ReLU′(0) = 1 and leaky ReLU′(0) = 1.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating[Any]]
Elementwise = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True)
class Activation:
    """One activation function: the pair ``g(Z)``, ``g_prime(Z)`` under a name.

    Two activations are equal if their names and slopes are. A trainer finds the fast version by
    the name, so give an activation of your own a name that is not in `ACTIVATIONS`.

    Attributes:
        name: The name in `ACTIVATIONS`.
        g: The function; takes and returns an array of any shape.
        g_prime: Its derivative at Z (not at A); same shape as Z.
        slope: Of a leaky ReLU for z < 0; None for all others.
        kinked: Whether g′ jumps at z = 0.
    """

    name: str
    g: Elementwise = field(compare=False, repr=False)
    g_prime: Elementwise = field(compare=False, repr=False)
    slope: float | None = None
    kinked: bool = field(default=False, compare=False, repr=False)


def _sigmoid(Z: FloatArray) -> FloatArray:
    # 1/(1 + e^-z) for z >= 0 and e^z/(1 + e^z) for z < 0: the exponent is never positive,
    # so nothing overflows, and both tails keep their full relative precision.
    e = np.exp(-np.abs(Z))
    A: FloatArray = np.where(Z >= 0, 1, e) / (1 + e)
    return A


def _sigmoid_prime(Z: FloatArray) -> FloatArray:
    A = _sigmoid(Z)
    return A * (1 - A)


def _tanh(Z: FloatArray) -> FloatArray:
    return np.tanh(Z)


def _tanh_prime(Z: FloatArray) -> FloatArray:
    return 1 - np.tanh(Z) ** 2


def _relu(Z: FloatArray) -> FloatArray:
    return np.maximum(0, Z)


def _relu_prime(Z: FloatArray) -> FloatArray:
    return np.asarray(Z >= 0, dtype=Z.dtype)


def _leaky_relu(Z: FloatArray, slope: float) -> FloatArray:
    # The lecture's max(0.01 z, z), written so that it also holds for slopes above 1.
    return np.where(Z >= 0, Z, slope * Z)


def _leaky_relu_prime(Z: FloatArray, slope: float) -> FloatArray:
    return np.where(Z >= 0, 1, slope).astype(Z.dtype)


def _linear(Z: FloatArray) -> FloatArray:
    return Z


def _linear_prime(Z: FloatArray) -> FloatArray:
    return np.ones_like(Z)


def leaky_relu(slope: float) -> Activation:
    """The leaky ReLU: z for z ≥ 0 and slope · z for z < 0.

    Args:
        slope: Any finite number; the lecture's is 0.01.

    Raises:
        ValueError: If the slope is not finite.

    >>> leaky_relu(0.5).g(np.array([-2.0, 0.0, 3.0]))
    array([-1.,  0.,  3.])
    """
    if not math.isfinite(slope):
        raise ValueError(f"slope must be a finite number, not {slope}")
    return Activation(
        "leaky_relu",
        partial(_leaky_relu, slope=slope),
        partial(_leaky_relu_prime, slope=slope),
        slope=float(slope),
        kinked=True,
    )


ACTIVATIONS: Mapping[str, Activation] = MappingProxyType(
    {
        "sigmoid": Activation("sigmoid", _sigmoid, _sigmoid_prime),
        "tanh": Activation("tanh", _tanh, _tanh_prime),
        "relu": Activation("relu", _relu, _relu_prime, kinked=True),
        "leaky_relu": leaky_relu(0.01),
        "linear": Activation("linear", _linear, _linear_prime),
    }
)


def activation_named(activation: Activation | str) -> Activation:
    """The activation itself, or the one of that name in `ACTIVATIONS`.

    Raises:
        ValueError: If there is none of that name.
    """
    if isinstance(activation, Activation):
        return activation
    if activation not in tuple(ACTIVATIONS):  # a list can't be looked up in a table
        raise ValueError(f"unknown activation {activation!r}; known: {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[activation]
