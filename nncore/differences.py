"""Back propagation against central differences: ∂J/∂θ ≈ (J(θ + ε) − J(θ − ε)) / 2ε."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .activations import FloatArray
from .costs import loss_for
from .network import ForwardPass, Gradients, Layer, Network, backward, columns, forward

Float64Array = NDArray[np.float64]

SMALLEST = 1e-6
"""A gradient of a smaller norm is compared as if it had this one. Differences have rounding errors
of about 1e-12, which would be large in relation to a tiny gradient."""

RELATIVE = 1e-6
"""An entry agrees if it differs by less than this, relative to the larger of the two …"""
ABSOLUTE = 1e-9
"""… or by less than this, times J where that is above 1: the rounding errors of J itself."""

MOST_COLUMNS = 2**15
"""The most columns of one forward pass with changed parameters. It bounds the memory."""

EPSILON = 1e-5
"""ε, the longer of the two steps, in units of the parameter."""


@dataclass(frozen=True, eq=False)
class Differences:
    """The derivatives of J by central differences, NaN where there is none (at a kink).

    Attributes:
        dW: Per layer n[l-1] × n[l], as `Gradients.dW`.
        db: Per layer n[l] × 1, as `Gradients.db`.
    """

    dW: tuple[Float64Array, ...]
    db: tuple[Float64Array, ...]


def central_differences(network: Network, X: ArrayLike, Y: ArrayLike) -> Differences:
    """∂J/∂θ of every parameter from J alone, without back propagation.

    D(ε) = (J(θ + ε) − J(θ − ε)) / 2ε has an error of order ε². The result is (4 D(ε/2) − D(ε)) / 3,
    whose error is of order ε⁴ (Richardson 1911, https://doi.org/10.1098/rsta.1911.0009).

    To change W[l] of unit j and input k by δ is to move row j of Z[l] by δ times row k of A[l-1]
    (its bias: by δ). The layers below stay as they are. Only those above are computed again, for
    many changes at once: each takes m more columns.

    A step that moves some z across the kink of a ReLU measures the slope of neither side. It is
    then shortened, down to ε/100. If that still crosses a kink, there is no derivative: NaN.

    Args:
        network: With a sigmoid or linear output. The differences are taken in float64.
        X: n[0] × m.
        Y: n[L] × m.

    Raises:
        ValueError: If X or Y does not fit the network, or no loss goes with its output.
    """
    network = _in_float64(network)
    passed = forward(network, np.asarray(X, np.float64))
    Y = columns("Y", np.asarray(Y, np.float64), rows=network.layer_sizes[-1])
    Y = columns("Y", Y, rows=len(Y), columns=passed.A[0].shape[1])
    dW, db = [], []
    for index, (n_in, n_out) in enumerate(
        zip(network.layer_sizes, network.layer_sizes[1:], strict=False)
    ):
        A_in = np.vstack([passed.A[index], np.ones_like(Y[:1])])
        # Row n_in is the bias.
        both = np.full((n_in + 1, n_out), np.nan)
        for unit in range(n_out):
            left = np.arange(n_in + 1)
            for step in (EPSILON, EPSILON / 10, EPSILON / 100):
                both[left, unit] = _differences(network, passed, Y, index, unit, A_in[left], step)
                left = left[np.isnan(both[left, unit])]
                if not left.size:
                    break
        dW.append(both[:-1])
        db.append(both[-1:].T)
    return Differences(tuple(dW), tuple(db))


def _differences(
    network: Network,
    passed: ForwardPass,
    Y: FloatArray,
    index: int,
    unit: int,
    A_in: FloatArray,
    epsilon: float,
) -> Float64Array:
    """∂J by those parameters of a unit that multiply the rows of A_in; `index` counts from 0."""
    m = Y.shape[1]
    at_once = max(1, MOST_COLUMNS // (4 * m))
    if len(A_in) > at_once:
        parts = [A_in[start : start + at_once] for start in range(0, len(A_in), at_once)]
        return np.concatenate(
            [_differences(network, passed, Y, index, unit, part, epsilon) for part in parts]
        )
    steps = np.array([epsilon, -epsilon, epsilon / 2, -epsilon / 2])
    # A block of m columns for each row of A_in and each step.
    blocks = len(A_in) * len(steps)
    Z = np.tile(passed.Z[index], blocks)
    Z[unit] += (A_in[:, np.newaxis, :] * steps[:, np.newaxis]).ravel()
    kinks = np.zeros((len(A_in), len(steps), m), np.bool_)
    for layer, above in zip(network.layers[index:], network.layers[index + 1 :], strict=False):
        if layer.activation.kinked:
            sides = (Z >= 0).reshape(-1, len(A_in), len(steps), m)
            kinks |= (sides != sides[:, :, :1]).any(axis=0)
        Z = above.W.T @ layer.activation.g(Z) + above.b
    losses = loss_for(network.activations[-1]).of_logits(Z, np.tile(Y, blocks))
    each = losses.reshape(-1, len(A_in), len(steps), m).sum(axis=0)
    # Subtracted example by example, which keeps more digits than J − J.
    rise = np.sum(each[:, 0::2] - each[:, 1::2], axis=-1) / m
    wide, narrow = rise[:, 0] / (2 * epsilon), rise[:, 1] / epsilon
    return np.where(kinks.any(axis=(1, 2)), np.nan, (4 * narrow - wide) / 3)


def agreement(gradients: Gradients, differences: Differences, J: float) -> "Agreement":
    """Which entries of back propagation and of central differences are the same.

    Args:
        gradients: Of `backward`.
        differences: Of `central_differences`.
        J: The cost at the same parameters. Differences below its rounding error do not count.
    """
    floor = ABSOLUTE * max(1.0, J)
    dW = tuple(_agree(*pair, floor) for pair in zip(gradients.dW, differences.dW, strict=True))
    db = tuple(_agree(*pair, floor) for pair in zip(gradients.db, differences.db, strict=True))
    worst: tuple[float, tuple[int, int, int | None]] | None = None
    compared = kinks = 0
    for layer, pairs in enumerate(
        zip(gradients.dW, differences.dW, gradients.db, differences.db, strict=True), start=1
    ):
        for analytic, numeric, is_bias in ((*pairs[:2], False), (*pairs[2:], True)):
            there = np.isfinite(numeric)
            compared += int(there.sum())
            kinks += int((~there).sum())
            relative = _relative(analytic, numeric, floor)
            if not np.isfinite(relative).any():
                continue
            row, column = np.unravel_index(np.nanargmax(relative), relative.shape)
            found = float(relative[row, column])
            if worst is None or found > worst[0]:
                where = (layer, int(row), None) if is_bias else (layer, int(column), int(row))
                worst = found, where
    return Agreement(dW, db, compared, kinks, worst)


@dataclass(frozen=True, eq=False)
class Agreement:
    """Whether each entry of the gradients agrees with its central difference.

    Attributes:
        dW: Flags, per layer n[l-1] × n[l]; at a kink there is nothing to disagree with: True.
        db: Flags, per layer n[l] × 1.
        compared: How many entries were compared.
        kinks: How many were not, since they have no derivative.
        worst: The largest relative difference among the entries that are larger than rounding
            errors, with its (layer, unit, input): layers from 1, the others from 0, the input of
            a bias None. None if there is no such entry.
    """

    dW: tuple[NDArray[np.bool_], ...]
    db: tuple[NDArray[np.bool_], ...]
    compared: int
    kinks: int
    worst: tuple[float, tuple[int, int, int | None]] | None

    @property
    def all(self) -> bool:
        """Whether every entry agrees."""
        return all(bool(flags.all()) for flags in (*self.dW, *self.db))


def _agree(analytic: FloatArray, numeric: Float64Array, floor: float) -> NDArray[np.bool_]:
    apart = np.abs(analytic - numeric)
    larger = np.maximum(np.abs(analytic), np.abs(numeric))
    return np.isnan(numeric) | (apart < floor) | (apart < RELATIVE * larger)


def _relative(analytic: FloatArray, numeric: Float64Array, floor: float) -> Float64Array:
    """|analytic − numeric| relative to the larger of them; NaN for what is as small as rounding."""
    larger = np.maximum(np.abs(analytic), np.abs(numeric)).astype(np.float64)
    larger[~(larger >= floor / RELATIVE)] = np.nan
    return np.asarray(np.abs(analytic - numeric) / larger, np.float64)


def gradient_check(network: Network, X: ArrayLike, Y: ArrayLike) -> float:
    """The largest relative error of `backward` against `central_differences`.

    For each W[l] and each b[l] that is ‖backward − differences‖ / (‖backward‖ + ‖differences‖);
    the largest of them is returned. A right gradient gives less than 1e-5, a wrong one more than
    1e-3. A parameter at a kink has no derivative and is left out.

    Args:
        network: With a sigmoid or linear output. The differences are taken in float64.
        X: n[0] × m.
        Y: n[L] × m.

    Raises:
        ValueError: If X or Y does not fit the network, or no loss goes with its output.

    >>> from nncore import initialize
    >>> network = initialize([2, 4, 1], ["tanh", "sigmoid"], rng=np.random.default_rng(0))
    >>> gradient_check(network, [[1.0, -2.0], [0.5, 3.0]], [[1.0, 0.0]]) < 1e-5
    True
    """
    network = _in_float64(network)
    X, Y = np.asarray(X, np.float64), np.asarray(Y, np.float64)
    gradients = backward(network, forward(network, X), Y)
    differences = central_differences(network, X, Y)
    worst = 0.0
    for analytic, numeric in zip(
        [*gradients.dW, *gradients.db], [*differences.dW, *differences.db], strict=True
    ):
        numeric = np.where(np.isnan(numeric), analytic, numeric)
        norms = float(np.linalg.norm(analytic) + np.linalg.norm(numeric))
        worst = max(worst, float(np.linalg.norm(analytic - numeric)) / max(norms, SMALLEST))
    return worst


def _in_float64(network: Network) -> Network:
    return Network(
        Layer(layer.W.astype(np.float64), layer.b.astype(np.float64), layer.activation)
        for layer in network.layers
    )
