"""Why a network does not learn: a look inside, taken only when somebody asks.

The lecture's remarks become numbers: how much of a layer is saturated ("slow learning rate as the
slope is close to 0"), how many ReLUs are dead, and how often z is negative ("in practice z rarely
becomes negative").
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .costs import mean
from .network import Network, backward, forward

SATURATED = 0.01
"""A unit is saturated by an example if |g′(z)| is below this."""
BINS = 30
"""How many a histogram has."""


@dataclass(frozen=True, eq=False)
class LayerDiagnostics:
    """One layer, over m examples.

    Attributes:
        histogram: How many of the n[l] · m numbers Z[l] lie in each bin.
        edges: The borders of these bins, one more than there are.
        saturated: The share of all |g′(z)| < 0.01.
        dead: The units (counted from 0) whose g′ is 0 on every example: they cannot learn.
        nonpositive: The share of all z ≤ 0.
        mean: The mean of all n[l] · m numbers A[l]: tanh centres it at 0, sigmoid can't. None if
            it is not finite.
        gradient_norm: ‖dW‖, Euclidean, of the data term of J. None if it is not finite.
        update_ratio: ‖update of W‖ / ‖W‖; about 1e-3 is healthy, above 0.1 is rash. None if there
            is no update to look at, W is zero, or the ratio is not finite.
    """

    histogram: NDArray[np.int64]
    edges: NDArray[np.float64]
    saturated: float
    dead: tuple[int, ...]
    nonpositive: float
    mean: float | None
    gradient_norm: float | None
    update_ratio: float | None


def diagnose(
    network: Network,
    X: ArrayLike,
    Y: ArrayLike,
    *,
    updated: Network | None = None,
) -> tuple[LayerDiagnostics, ...]:
    """A look at every layer, the output layer included.

    A network that is about to diverge has numbers beyond the largest float. A z that is not finite
    is in no bin of the histogram, and what is computed from such numbers is None.

    Args:
        network: With a sigmoid or linear output.
        X: n[0] × m.
        Y: n[L] × m.
        updated: The same network one update later, for `update_ratio`; `Trainer.diagnose` knows it.

    Raises:
        ValueError: If X or Y does not fit the network.

    >>> from nncore import initialize
    >>> network = initialize([2, 3, 1], ["relu", "sigmoid"], rng=np.random.default_rng(0))
    >>> hidden, output = diagnose(network, [[1.0, -1.0], [1.0, -1.0]], [[1.0, 0.0]])
    >>> hidden.nonpositive
    0.5
    """
    # Overflow is expected here, and looked for below.
    with np.errstate(all="ignore"):
        passed = forward(network, X)
        gradients = backward(network, passed, Y)
        diagnostics = []
        for index, (layer, Z, A, dW) in enumerate(
            zip(network.layers, passed.Z, passed.A[1:], gradients.dW, strict=True)
        ):
            slope = np.abs(layer.activation.g_prime(Z))
            histogram, edges = _histogram(Z.astype(np.float64))
            diagnostics.append(
                LayerDiagnostics(
                    histogram=histogram,
                    edges=edges,
                    saturated=float(np.mean(slope < SATURATED)),
                    dead=tuple(np.flatnonzero((slope == 0).all(axis=1)).tolist()),
                    nonpositive=float(np.mean(Z <= 0)),
                    mean=_finite(mean(A)),
                    gradient_norm=_finite(_norm(dW)),
                    update_ratio=_ratio(layer.W, updated.layers[index].W) if updated else None,
                )
            )
    return tuple(diagnostics)


def _histogram(Z: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """How many of the finite z lie in each bin, and the borders of the bins."""
    finite = Z[np.isfinite(Z)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    # They must be far enough apart for the borders to lie between them.
    least = BINS * float(np.spacing(max(abs(low), abs(high))))
    if high - low < least:
        low, high = low - max(least, 0.5), high + max(least, 0.5)
    scale = 1.0 if np.isfinite(high - low) else 4.0
    histogram, edges = np.histogram(finite / scale, BINS, (low / scale, high / scale))
    return histogram.astype(np.int64), edges * scale


def _norm(V: ArrayLike) -> float:
    """‖V‖, Euclidean, also where the squares are beyond the largest float."""
    norm = float(np.linalg.norm(V))
    if np.isfinite(norm):
        return norm
    largest = float(np.max(np.abs(V)))
    return largest * float(np.linalg.norm(np.divide(V, largest)))


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _ratio(W: ArrayLike, updated: ArrayLike) -> float | None:
    with np.errstate(all="ignore"):
        return _finite(float(np.divide(_norm(np.subtract(updated, W)), _norm(W))))
