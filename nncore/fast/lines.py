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
"""Where z changes otherwise beyond the ends of an edge than in it, by more than this of what it
changes there, it bends. Else a straight line is wrong by less than a twentieth of the edge."""


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
        close: Whether to look with the network wherever z bends. Else it is taken for two straight
            lines, that go on from either side.
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
    t = za / (za - zb)
    if a.size and (layer > 1 or not evaluator.grid.is_plain):
        bent, corners = _corners(
            z, a, step, width, za, zb, np.greater if strict else np.greater_equal
        )
        if bent.size:
            t[bent] = corners
            if close:
                edges = _Edges(evaluator, network, layer, a[bent], step[bent] > 1, first)
                t[bent] = edges.closer(za[bent], zb[bent], corners)
    return Lines(above, a, b, t)


def _corners(
    z: Float32Array,
    a: Indices,
    step: Indices,
    width: int,
    za: Float64Array,
    zb: Float64Array,
    is_above: np.ufunc,
) -> tuple[Indices, Float64Array]:
    """Which edges z bends on, and where it were zero if it went on straight from both sides."""
    column, change = a % width, zb - za
    right = step == 1
    inner = (a >= step) & (~right | (column > 0))
    before = np.where(inner, za - 0.5 * z[a - step], change)
    far = a + 2 * step
    inner = (far < z.size) & (~right | (column < width - 2))
    after = np.where(inner, 0.5 * z.take(far, mode="clip") - zb, change)
    bend = np.abs(before - change) + np.abs(after - change) > BENT * np.abs(change)
    bent = np.flatnonzero(bend)
    za, zb, before, after = za[bent], zb[bent], before[bent], after[bent]
    turn = before - after
    straight = za / (za - zb)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        corner = (zb - after - za) / turn
        first = is_above(za + before * corner, 0) != is_above(za, 0)
        t = np.where(first, -za / before, 1 - zb / after)
    return bent, np.where((corner > 0) & (corner < 1) & (t >= 0) & (t <= 1), t, straight)


class _Edges:
    """Edges of a grid, each of its own unit."""

    def __init__(
        self, evaluator: GridEvaluator, network: Network, layer: int, a: Indices,
        upward: NDArray[np.bool_], first: int,
    ) -> None:  # fmt: skip
        grid = self._grid = evaluator.grid
        self._evaluator, self._network, self._layer = evaluator, network, layer
        row, column = np.divmod(a, grid.width)
        unit, row = np.divmod(row, grid.height)
        self._unit = unit + first
        (x_lo, x_hi), (y_lo, y_hi) = grid.x_range, grid.y_range
        dx, dy = (x_hi - x_lo) / (grid.width - 1), (y_hi - y_lo) / (grid.height - 1)
        self._start = np.stack([x_lo + column * dx, y_lo + row * dy])
        self._step = np.stack([np.where(upward, 0, dx), np.where(upward, dy, 0)])

    def closer(self, za: Float64Array, zb: Float64Array, t: Float64Array) -> Float64Array:
        """From where each seems to be crossed, by regula falsi; `za` and `zb` are halves of z."""
        X = self._grid.inputs(self._start + self._step * t)
        Z = self._evaluator.preactivation(self._network, self._layer, X)
        z = 0.5 * Z[self._unit, np.arange(t.size)].astype(np.float64)
        beyond = (z > 0) == (za > 0)
        end = np.where(beyond, zb, za)
        known = (z != end) & (za != 0) & (zb != 0)
        return t + np.where(known, (beyond - t) * z / np.where(known, z - end, 1), 0)
