"""Where z is zero: the lines of pictures, between the samples of their grid.

A line crosses the edges between neighbours on either side of it, and bends within the cells between
them. Where it does is found with the network itself, so that it is right also where z bends between
two samples, is zero on a whole side, or so flat that a picture's bytes are all the same. What is
looked at again is a part of what is crossed, which is a part of the picture: nothing grows.
"""

from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..network import Network
from .grid import Float32Array, GridEvaluator

Float64Array = NDArray[np.float64]
Indices = NDArray[np.intp]
Bits = NDArray[np.bool_]

KINKED = ("relu", "leaky_relu")
"""Activations with a corner: the lines of what they feed have corners too."""
PARTS = 8
"""Where one look at an edge is not enough, it is looked at in so many parts."""
AHEAD = 1 / 32
"""So far from a place another is looked at, to see which way a line goes on (parts of an edge)."""
ABOVE_ZERO = np.nextafter(np.float32(0), np.float32(1))


class Lines(NamedTuple):
    """Where z of some units is zero.

    Attributes:
        above: Whether z ≥ 0 (of a ReLU z > 0, since it is flat below) at each sample, n × height ×
            width.
        rights: How many of the edges go to the right; the others go up.
        a: The sample at which each edge that is crossed begins, an index into `above.ravel()`:
            first the edges to the right, then those up, each unit by unit and row by row.
        step: From there to the sample at which it ends.
        t: Where in between it is crossed, from 0 (at a) to 1.
        cells: Cells that a line enters and leaves once, as numbers of all cells, unit by unit and
            row by row. Empty where no line has corners.
        corners: The corner of the line in each of them, 2 × cells, both from 0 to 1 from the lower
            left; NaN if it goes straight.
        twice: Edges that are crossed although their ends are on one side: 2 · sample for the edge
            to the right, 2 · sample + 1 for the one up, in this order.
        places: Where they are crossed, 2 × edges, the nearer first.
    """

    above: Bits
    rights: int
    a: Indices
    step: Indices
    t: Float64Array
    cells: Indices
    corners: Float64Array
    twice: Indices
    places: Float64Array


NONE: Indices = np.empty(0, np.intp)
NOWHERE: Float64Array = np.empty((2, 0))
Edges = tuple[Indices, Float64Array]
"""Where some begin, and as 2 × m which way they go: to the right (1, 0), or up (0, 1)."""
NO_EDGES: Edges = NONE, NOWHERE


def find_lines(
    evaluator: GridEvaluator,
    network: Network,
    units: Sequence[tuple[int, int]],
    Z: Float32Array,
    within: float = 0.03,
    *,
    corners: bool = True,
) -> Lines:
    """The lines of some units.

    Args:
        evaluator: Has evaluated this network last.
        network: Any.
        units: The layer (from 1) and number of each.
        Z: Theirs, as `GridEvaluator.pictures` has it, n × height × width.
        within: What may be wrong, in parts of an edge.
        corners: Whether to look for corners, and for what is thinner than an edge.
    """
    look = _Look(evaluator, network, units)
    n, _, width = Z.shape
    above = look.levels[:, np.newaxis, np.newaxis] <= Z
    side = above.ravel()
    rightward, upward = np.zeros((2, side.size), np.bool_)
    np.not_equal(side[1:], side[:-1], out=rightward[:-1])
    np.not_equal(side[width:], side[:-width], out=upward[:-width])
    rightward[width - 1 :: width] = False
    upward.reshape(n, -1)[:, -width:] = False
    right, up = np.flatnonzero(rightward), np.flatnonzero(upward)
    a = np.concatenate([right, up])
    step = np.full(a.size, width)
    step[: right.size] = 1
    z = Z.ravel()
    za, zb = z[a], z[a + step]
    with np.errstate(over="ignore", invalid="ignore"):
        t = (za / (za - zb)).astype(np.float64)
    t[np.isnan(t)] = 0.5
    lines = Lines(above, right.size, a, step, t, NONE, NOWHERE, NONE, NOWHERE)
    if evaluator.grid.is_plain and look.last == 1:
        return lines
    kinked = any(layer.activation.name in KINKED for layer in network.layers[: look.last - 1])
    if not kinked or not corners:
        if a.size:
            _come_closer(look, lines, za, zb, within if kinked else 3 * within)
        return lines
    twice, places = _come_closer(look, lines, za, zb, within, _maybe_twice(look, Z, side))
    lines = lines._replace(twice=twice, places=places)
    cells, found = _corners(look, lines, Z, rightward, upward, within)
    return lines._replace(cells=cells, corners=found)


class _Look:
    """z of the units at other places than the samples."""

    def __init__(
        self, evaluator: GridEvaluator, network: Network, units: Sequence[tuple[int, int]]
    ) -> None:
        grid = self._grid = evaluator.grid
        self._evaluator, self._network = evaluator, network
        firsts = [0, 0, *accumulate(network.layer_sizes[1:])]
        self._row = np.array([firsts[layer] + unit for layer, unit in units])
        self.last = max(layer for layer, _ in units)
        strict = [network.layers[layer - 1].activation.name == "relu" for layer, _ in units]
        self.levels = np.array([ABOVE_ZERO if each else 0 for each in strict], np.float32)
        self.height, self.width = grid.height, grid.width
        lows, highs = np.array([grid.x_range, grid.y_range]).T
        self._low = lows[:, np.newaxis]
        self._apart = ((highs - lows) / (grid.width - 1, grid.height - 1))[:, np.newaxis]

    def at(self, sample: Indices, offset: Float64Array) -> Float32Array:
        """z of the unit that each sample is of, so far (2 × m, in edges) from the sample."""
        row, column = np.divmod(sample, self.width)
        unit, row = np.divmod(row, self.height)
        place = offset + np.stack([column, row])
        place *= self._apart
        place += self._low
        Z = self._evaluator.preactivations(self._network, self.last, self._grid.inputs(place))
        z: Float32Array = Z.ravel()[self._row[unit] * sample.size + np.arange(sample.size)]
        return z

    def is_above(self, sample: Indices, z: Float32Array) -> Bits:
        """On which side of the line of its unit that is."""
        sides: Bits = self.levels[sample // (self.height * self.width)] <= z
        return sides


def _come_closer(
    look: _Look,
    lines: Lines,
    za: Float32Array,
    zb: Float32Array,
    within: float,
    maybe_twice: Edges = NO_EDGES,
) -> Edges:
    """From where z were zero if it went on straight, to where it is: all once, by regula falsi.

    Where going on straight from either side leads elsewhere, z bends, and the edge is scanned; with
    these, those that may be crossed twice. Of them it returns the numbers and places.
    """
    a, t = lines.a, lines.t
    ways = np.zeros((2, a.size))
    ways[0, : lines.rights] = ways[1, lines.rights :] = 1
    z = look.at(a, ways * t)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        before, after = z * t / (za - z), z * (1 - t) / (z - zb)
        straight = np.abs(before - after) <= within
    beyond = look.is_above(a, z) == lines.above.ravel()[a]
    t += np.where(straight, np.where(beyond, after, before), 0)
    bent = np.flatnonzero(~straight)
    more, more_ways = maybe_twice
    scanned = np.append(a[bent], more)
    if not scanned.size:
        return NO_EDGES
    ways = np.concatenate([ways[:, bent], more_ways], axis=1)
    values, part = _scan(look, scanned, ways)
    places = _zeros(values, part)
    t[bent] = places[0, : bent.size]
    found = bent.size + np.flatnonzero((part[1] < PARTS)[bent.size :])
    edges = 2 * scanned[found] + ways[1, found].astype(np.intp)
    order = np.argsort(edges)
    return edges[order], places[:, found[order]]


def _scan(look: _Look, a: Indices, ways: Float64Array) -> tuple[Float64Array, Indices]:
    """z at the ends of the parts of edges, and in which parts it is crossed.

    The first and the last of these, 2 × edges: as many as parts if there is none, or no other.
    """
    steps = np.arange(PARTS + 1) / PARTS
    of = np.repeat(a, steps.size)
    values = look.at(of, (ways[:, :, np.newaxis] * steps).reshape(2, -1))
    sides = look.is_above(of, values).reshape(-1, steps.size)
    changed = sides[:, 1:] != sides[:, :-1]
    first = np.argmax(changed, axis=1)
    last = PARTS - 1 - np.argmax(changed[:, ::-1], axis=1)
    first[~changed.any(axis=1)] = PARTS
    last[last <= first] = PARTS
    return values.reshape(sides.shape).astype(np.float64), np.stack([first, last])


def _zeros(z: Float64Array, part: Indices) -> Float64Array:
    """Where in these parts z is zero; where it stays so from there on, as it comes there."""
    rows, part = np.arange(len(z)), part.clip(0, PARTS - 1)
    lower, upper = z[rows, part], z[rows, part + 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        share = lower / (lower - upper)
        on = lower / (z[rows, np.maximum(part, 1) - 1] - lower)
        back = 1 - upper / (z[rows, np.minimum(part + 2, PARTS)] - upper)
    share = np.where(upper == 0, on, np.where(lower == 0, back, share))
    share[np.isnan(share)] = 0.5
    places: Float64Array = (part + np.minimum(np.maximum(share, 0), 1)) / PARTS
    return places


def _maybe_twice(look: _Look, Z: Float32Array, side: Bits) -> Edges:
    """Edges between samples on one side, on which z may be on the other: going on straight from
    either end, it is zero within the edge."""
    width = look.width
    size = np.abs(Z.ravel())
    double = 2 * size
    starts = []
    for step, line in ((1, width), (width, width * look.height)):
        here, other = size[: -3 * step], size[3 * step :]
        near, far = double[step : -2 * step], double[2 * step : -step]
        a = np.flatnonzero((here > near) & (other > far))
        one = side[a]
        # All four are in one row or column, and on one side.
        same = (one == side[a + step]) & (one == side[a + 2 * step]) & (one == side[a + 3 * step])
        starts.append(a[same & (a // line == (a + 3 * step) // line)] + step)
    ways = np.zeros((2, starts[0].size + starts[1].size))
    ways[0, : starts[0].size] = ways[1, starts[0].size :] = 1
    return np.concatenate(starts), ways


def _corners(
    look: _Look, lines: Lines, Z: Float32Array, rightward: Bits, upward: Bits, within: float
) -> tuple[Indices, Float64Array]:
    """The cells with two crossings, and the corner between these."""
    _, height, width = Z.shape
    bottom, left = rightward[: -width - 1], upward[: -width - 1]
    top, right = rightward[width:-1], upward[1:-width]
    once = (bottom | left | top) & ~(bottom & left & top & right)
    # Beyond the last column and row there is no cell, though there the next row or unit begins.
    once[width - 1 :: width] = False
    at = np.flatnonzero(once)
    at = at[at // width % height < height - 1]
    row = at // width
    cells = at - row - row // height * (width - 1)
    corners = np.full((2, cells.size), np.nan)
    if not at.size:
        return cells, corners
    t = np.zeros((2, Z.size))
    for way, part in enumerate((slice(lines.rights), slice(lines.rights, None))):
        t[way, lines.a[part]] = lines.t[part]
    z00, z10, z01, z11 = z = Z.ravel().take(at + np.array([[0], [1], [width], [width + 1]]))
    s00, s10, s01, s11 = z >= look.levels[at // (height * width)]
    bottom, left, top, right = s00 != s10, s00 != s01, s01 != s11, s10 != s11
    on_bottom, on_left, on_top, on_right = t[0, at], t[1, at], t[0, at + width], t[1, at + 1]
    P, Q = np.empty((2, 2, at.size))
    P[0] = np.where(bottom, on_bottom, np.where(left, 0, on_top))
    P[1] = np.where(bottom, 0, np.where(left, on_left, 1))
    Q[0] = np.where(right, 1, np.where(top, on_top, 0))
    Q[1] = np.where(right, on_right, np.where(top, 1, on_left))
    # Where the line is straight, z is zero in the middle.
    middle = look.at(at, 0.5 * (P + Q))
    slope = np.maximum(np.abs(z11 - z00), np.abs(z10 - z01))
    bent = np.flatnonzero(np.abs(middle) > within * slope)
    if bent.size:
        C, good = _meet(look, at[bent], P[:, bent], Q[:, bent], middle[bent].astype(np.float64))
        corners[:, bent[good]] = C[:, good]
    return cells, corners


def _meet(
    look: _Look, at: Indices, P: Float64Array, Q: Float64Array, middle: Float64Array
) -> tuple[Float64Array, Bits]:
    """Where lines that go on from P and from Q meet, and whether that is right.

    It is if z goes straight to what it is in the middle from either of them.
    """
    ahead = np.where(Q >= P, AHEAD, -AHEAD)
    x, y = ahead * ((1.0,), (0.0,)), ahead * ((0.0,), (1.0,))
    places = np.concatenate([P, P + x, P + y, Q, Q - x, Q - y], axis=1)
    z = look.at(np.concatenate([at] * 6), places).astype(np.float64).reshape(6, -1)
    p, q = (z[1:3] - z[0]) / ahead, (z[3] - z[4:]) / ahead  # the slopes of z
    to_p, to_q = (p * P).sum(axis=0) - z[0], (q * Q).sum(axis=0) - z[3]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        C = np.stack([to_p * q[1] - to_q * p[1], to_q * p[0] - to_p * q[0]])
        C /= p[0] * q[1] - p[1] * q[0]
    half = 0.5 * (Q - P)
    from_p, from_q = z[0] + (p * half).sum(axis=0), z[3] - (q * half).sum(axis=0)
    wrong = np.minimum(np.abs(middle - from_p), np.abs(middle - from_q))
    inside = ((C >= 0) & (C <= 1)).all(axis=0)
    return C, inside & (wrong < 0.5 * np.abs(middle))
