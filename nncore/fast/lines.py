"""Where z is zero: the lines of a picture, between the samples of its grid.

A line crosses the edges between neighbours on either side of it. Where on an edge it does is found
with the network itself, so that it is right also where z bends between the two, is zero on a whole
side, or so flat that a picture's bytes are all the same.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nncore.fast.grid import Float32Array, GridEvaluator
from nncore.network import Network

Float64Array = NDArray[np.float64]
Indices = NDArray[np.intp]

BENT = 0.4
"""Where z bends by more than this between two samples, of what it changes, it is looked at. Else a
straight line is wrong by less than a twentieth of the edge."""
LOOKS, HALVINGS = 1, 4
"""At each crossing; and where there is an edge at which z is zero."""


class Lines(NamedTuple):
    """Where z of some units is zero.

    Attributes:
        above: Whether z ≥ 0 (z > 0, if `strict`) at each sample, n × height × width.
        a: The sample at which each edge that is crossed begins, an index into `above.ravel()`:
            first the edges to the right, then those up, each unit by unit and row by row.
        b: The sample at which it ends.
        t: Where in between it is crossed, from 0 (at a) to 1.
    """

    above: NDArray[np.bool_]
    a: Indices
    b: Indices
    t: Float64Array


def find_lines(
    evaluator: GridEvaluator,
    network: Network,
    layer: int,
    Z: Float32Array,
    *,
    first: int = 0,
    strict: bool = False,
    close: bool = True,
) -> Lines:
    """The lines of some units of a layer.

    Args:
        evaluator: Has evaluated this network last.
        network: Any.
        layer: From 1.
        Z: That of the units, as `GridEvaluator.pictures` has it, n × height × width.
        first: Which unit of the layer is the first of them.
        strict: Whether zero itself is below the line: for a ReLU, which is zero there.
        close: Whether to look with the network wherever z bends between samples, or only where it
            is zero on a side, so that the samples say nothing.
    """
    n, height, width = Z.shape
    above = Z > 0 if strict else Z >= 0
    right = np.flatnonzero(above[:, :, 1:] != above[:, :, :-1])
    right += right // (width - 1)
    up = np.flatnonzero(above[:, 1:] != above[:, :-1])
    if n > 1:
        up += up // ((height - 1) * width) * width
    a = np.concatenate([right, up])
    step = np.ones(a.size, np.intp)
    step[right.size :] = width
    b = a + step
    z = Z.ravel()
    za, zb = 0.5 * z[a].astype(np.float64), 0.5 * z[b].astype(np.float64)
    change = zb - za
    t = -za / change
    if layer > 1 or not evaluator.grid.is_plain:
        unsure = (za == 0) | (zb == 0)
        if close:
            unsure |= np.abs(_bend(z, a, b, step, width)) > BENT * np.abs(change)
        which = np.flatnonzero(unsure)
        if which.size:
            edges = _Edges(evaluator, network, layer, a[which], step[which] > 1, first)
            is_above = np.greater if strict else np.greater_equal
            t[which] = _crossed(edges, is_above, za[which], zb[which])
    return Lines(above, a, b, t)


def _bend(z: Float32Array, a: Indices, b: Indices, step: Indices, width: int) -> Float32Array:
    """How much more z changes beyond both ends of an edge than in it, halved; 0 at the border."""
    before, after = a - step, b + step
    column = a % width
    inside = (before >= 0) & (after < z.size) & (column > 0) & (column < width - 2)
    beyond = z.take(before, mode="clip") + z.take(after, mode="clip")
    bend: Float32Array = 0.5 * inside * (beyond - z[a] - z[b])
    return bend


def _crossed(
    edges: "_Edges", is_above: np.ufunc, za: Float64Array, zb: Float64Array
) -> Float64Array:
    """Where edges are crossed: regula falsi, and halving where an end is zero."""
    lo, hi = np.zeros(za.size), np.ones(za.size)
    began = is_above(za, 0)
    looks = HALVINGS if ((za == 0) | (zb == 0)).any() else LOOKS
    t = _between(lo, hi, za, zb)
    for _ in range(looks):
        z = edges.z(t)
        beyond = is_above(z, 0) == began
        lo, za = np.where(beyond, t, lo), np.where(beyond, z, za)
        hi, zb = np.where(beyond, hi, t), np.where(beyond, zb, z)
        t = _between(lo, hi, za, zb)
    return t


def _between(
    lo: Float64Array, hi: Float64Array, za: Float64Array, zb: Float64Array
) -> Float64Array:
    flat = (za == 0) | (zb == 0)
    if not flat.any():
        return lo + (hi - lo) * (za / (za - zb))
    return lo + (hi - lo) * np.where(flat, 0.5, za / np.where(flat, 1, za - zb))


class _Edges:
    """Edges of a grid, each of its own unit."""

    def __init__(
        self, evaluator: GridEvaluator, network: Network, layer: int, a: Indices,
        upward: NDArray[np.bool_], first: int,
    ) -> None:  # fmt: skip
        grid = self._grid = evaluator.grid
        self._z_of = lambda X: evaluator.preactivation(network, layer, X)
        row, column = np.divmod(a, grid.width)
        unit, row = np.divmod(row, grid.height)
        self._unit = unit + first
        (x_lo, x_hi), (y_lo, y_hi) = grid.x_range, grid.y_range
        dx, dy = (x_hi - x_lo) / (grid.width - 1), (y_hi - y_lo) / (grid.height - 1)
        self._start = np.stack([x_lo + column * dx, y_lo + row * dy])
        self._step = np.stack([np.where(upward, 0, dx), np.where(upward, dy, 0)])

    def z(self, t: Float64Array) -> Float64Array:
        """z, or rather half of it, at a share of each."""
        z = self._z_of(self._grid.inputs(self._start + self._step * t))
        return 0.5 * z[self._unit, np.arange(t.size)].astype(np.float64)
