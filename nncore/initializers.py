"""The initial weights: one scheme a row. Biases always start at zero.

With zero weights all hidden units of a layer stay identical for ever; `zeros` is there to show it.
Random weights break that symmetry, and zero biases do no harm (the lecture, "symmetry breaking").
"""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from .activations import Activation, activation_named
from .network import Layer, Network

Initializer = Callable[[int, int, float, np.random.Generator], NDArray[np.float64]]


def _small_random(
    n_in: int, n_out: int, scale: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """The lecture's: randn(n_in, n_out) · 0.01, small z, hence the steep part of g."""
    return rng.standard_normal((n_in, n_out)) * scale


def _zeros(n_in: int, n_out: int, scale: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """All zero: every hidden unit computes the same thing, for ever."""
    return np.zeros((n_in, n_out))


def _xavier(n_in: int, n_out: int, scale: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Variance 2/(n_in + n_out), for tanh and sigmoid (Glorot & Bengio 2010, eq. 12)."""
    return rng.standard_normal((n_in, n_out)) * math.sqrt(2 / (n_in + n_out))


def _he(n_in: int, n_out: int, scale: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Variance 2/n_in, for ReLU (He et al. 2015, eq. 10)."""
    return rng.standard_normal((n_in, n_out)) * math.sqrt(2 / n_in)


INITIALIZERS: Mapping[str, Initializer] = MappingProxyType(
    {"small_random": _small_random, "zeros": _zeros, "xavier": _xavier, "he": _he}
)


def initialize(
    layer_sizes: Sequence[int],
    activations: Sequence[Activation | str],
    *,
    scheme: str = "small_random",
    scale: float = 0.01,
    rng: np.random.Generator,
) -> Network:
    """A network with random weights and zero biases.

    The draws do not depend on the activations: the same generator state gives the same weights
    to a tanh and to a ReLU network.

    Args:
        layer_sizes: n[0], n[1], …, n[L]: the number of inputs, then the units of each layer.
        activations: One per layer, the output layer included: L of them, or their names.
        scheme: A name in `INITIALIZERS`.
        scale: Standard deviation of the weights under `small_random`; the others ignore it.
        rng: Where the randomness comes from.

    Raises:
        ValueError: For an unknown scheme or activation, sizes below 1, a scale that is not a
            finite number ≥ 0, or a number of activations other than L.

    >>> network = initialize([2, 4, 1], ["tanh", "sigmoid"], rng=np.random.default_rng(0))
    >>> [layer.W.shape for layer in network.layers]
    [(2, 4), (4, 1)]
    """
    if scheme not in tuple(INITIALIZERS):  # a list can't be looked up in a table
        raise ValueError(f"unknown scheme {scheme!r}; known: {', '.join(INITIALIZERS)}")
    if len(layer_sizes) < 2 or any(size < 1 for size in layer_sizes):
        raise ValueError(
            "layer_sizes needs the number of inputs and the units of at least one layer, "
            f"each at least 1, not {list(layer_sizes)}"
        )
    if len(activations) != len(layer_sizes) - 1:
        raise ValueError(
            f"{len(layer_sizes) - 1} layers need as many activations, not {len(activations)}"
        )
    if not (np.isfinite(scale) and scale >= 0):
        raise ValueError(f"scale must be a finite number of at least 0, not {scale}")
    draw = INITIALIZERS[scheme]
    return Network(
        Layer(draw(n_in, n_out, scale, rng), np.zeros((n_out, 1)), activation_named(activation))
        for (n_in, n_out), activation in zip(pairwise(layer_sizes), activations, strict=True)
    )
