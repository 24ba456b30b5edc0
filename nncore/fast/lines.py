"""Where z is zero: the lines of pictures, between the samples of their grid.

A line crosses the edges between neighbours on either side of it, and bends within the cells between
them. Where it does is found with the network itself, so that it is right also where z bends between
two samples, is zero on a whole side, or so flat that a picture's bytes are all the same. A cell in
which one bend is not enough is a picture of its own.

What if it is full: a picture costs as much for all units as for one, a look is for one alone. Where
steps would look at more places than they may, they are left out: lines go straight there.
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
FINE = 4
"""A cell in which one bend is not enough is looked at in so many parts each way."""
STEPS = np.arange(FINE + 1) / FINE
INNER = np.stack([np.tile(STEPS, STEPS.size), np.repeat(STEPS, STEPS.size)])
MOST_FINE = 1 / 16
"""So many of all cells at most are looked at so: that takes as long as the picture and a half."""
ROUNDS = 3
"""So often is a line followed into the next cell."""
EACH_FINE = INNER.shape[1] + 3 * 2 * FINE * (FINE + 1)
"""Places that are looked at in a cell which is a picture of its own, at most."""
MOST_PLACES = 10_000_000
BEND = 0.04
"""A line without corners that bends by less (parts of an edge) is drawn straight."""
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
        cells: Cells that a line enters and leaves once, as their lower left samples, in order.
            Empty where all is straight.
        corners: The bend of the line in each of them, 2 × cells, both from 0 to 1 from the lower
            left; NaN if it goes straight.
        hard: Cells in which it does more than that, as their lower left samples, in order.
        fine: The lines in these: a picture of each, FINE + 1 samples wide and high.
    """

    above: Bits
    rights: int
    a: Indices
    step: Indices
    t: Float64Array
    cells: Indices
    corners: Float64Array
    hard: Indices
    fine: "Lines | None"


NONE: Indices = np.empty(0, np.intp)
NOWHERE: Float64Array = np.empty((2, 0))


def find_lines(
    evaluator: GridEvaluator,
    network: Network,
    units: Sequence[tuple[int, int]],
    Z: Float32Array,
    within: float = 0.03,
    *,
    corners: bool = True,
    finely: bool = True,
    most: int = MOST_PLACES,
) -> Lines:
    """The lines of some units.

    Args:
        evaluator: Has evaluated this network last.
        network: Any.
        units: The layer (from 1) and number of each.
        Z: Theirs, as `GridEvaluator.pictures` has it, n × height × width.
        within: What may be wrong, in parts of an edge.
        corners: Whether to look for where lines with corners bend within cells.
        finely: Whether to look for all else that lines do within cells, too.
        most: Places that may be looked at.
    """
    look = _Look(evaluator, network, units, most)
    lines, crossed = _crossings(look.levels[:, np.newaxis, np.newaxis] <= Z)
    z = Z.ravel()
    za, zb = z[lines.a], z[lines.a + lines.step]
    with np.errstate(over="ignore", invalid="ignore"):
        lines.t[:] = za / (za - zb)
    lines.t[np.isnan(lines.t)] = 0.5
    if evaluator.grid.is_plain and look.last == 1:
        return lines
    kinked = any(layer.activation.name in KINKED for layer in network.layers[: look.last - 1])
    again = _come_closer(look, lines, za, zb, within if kinked else 3 * within)
    if not corners or not (kinked or finely):
        return lines
    bend = within if kinked else max(within, BEND)
    with np.errstate(over="ignore", invalid="ignore"):
        curves = _curves(Z)
        cells, places, unsettled = _bends(look, lines, crossed, Z, curves, bend, kinked)
        lines = lines._replace(cells=cells, corners=places)
        if not finely:
            return lines
        dips = _dips(look, lines, Z, curves, 1 if kinked else 0.3)
    if not unsettled.size + dips.size + again.size:
        return lines
    return _look_finely(look, lines, unsettled, np.append(dips, _beside(look, again)), within)


class _Look:
    """z of the units at other places than the samples.

    Attributes:
        left: How many places may still be looked at.
    """

    def __init__(
        self,
        evaluator: GridEvaluator,
        network: Network,
        units: Sequence[tuple[int, int]],
        most: int,
    ) -> None:
        self.left = most
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

    def may(self, places: int) -> bool:
        """Whether so many more may be looked at; then they are taken off."""
        if places > self.left:
            return False
        self.left -= places
        return True

    def is_above(self, sample: Indices, z: Float32Array) -> Bits:
        """On which side of the line of its unit that is."""
        sides: Bits = self.levels[sample // (self.height * self.width)] <= z
        return sides

    def has_cell(self, sample: Indices) -> Bits:
        """Whether a sample is the lower left one of a cell: not in the last column or row."""
        row, column = np.divmod(sample, self.width)
        cells: Bits = (column < self.width - 1) & (row % self.height < self.height - 1)
        return cells


def _crossings(above: Bits) -> tuple[Lines, Bits]:
    """The edges of pictures that are crossed, in their middle so far; and for each sample whether
    those are to the right, and up."""
    n, _, width = above.shape
    side = above.ravel()
    crossed = np.zeros((2, side.size), np.bool_)
    rightward, upward = crossed
    np.not_equal(side[1:], side[:-1], out=rightward[:-1])
    np.not_equal(side[width:], side[:-width], out=upward[:-width])
    rightward[width - 1 :: width] = False
    upward.reshape(n, -1)[:, -width:] = False
    right, up = np.flatnonzero(rightward), np.flatnonzero(upward)
    a = np.concatenate([right, up])
    step = np.full(a.size, width)
    step[: right.size] = 1
    t = np.full(a.size, 0.5)
    return Lines(above, right.size, a, step, t, NONE, NOWHERE, NONE, None), crossed


def _ways(lines: Lines) -> Float64Array:
    """Which way edges go, 2 × m: to the right (1, 0), or up (0, 1)."""
    ways = np.zeros((2, lines.a.size))
    ways[0, : lines.rights] = ways[1, lines.rights :] = 1
    return ways


def _come_closer(
    look: _Look, lines: Lines, za: Float32Array, zb: Float32Array, within: float
) -> Indices:
    """From where z were zero if it went on straight, to where it is: all once, by regula falsi.

    Where going on straight from either side leads elsewhere, z bends, and the edge is scanned.
    Returns 2 · sample for those to the right, + 1 for those up, that are crossed more than once.
    """
    a, t = lines.a, lines.t
    if not a.size or not look.may(a.size):
        return NONE
    ways = _ways(lines)
    z = look.at(a, ways * t)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        before, after = z * t / (za - z), z * (1 - t) / (z - zb)
        straight = np.abs(before - after) <= within
    beyond = look.is_above(a, z) == lines.above.ravel()[a]
    t += np.where(straight, np.where(beyond, after, before), 0)
    bent = np.flatnonzero(~straight)
    if not bent.size or not look.may((PARTS + 4) * bent.size):
        return NONE
    steps = np.arange(PARTS + 1) / PARTS
    of = np.repeat(a[bent], steps.size)
    values = look.at(of, (ways[:, bent, np.newaxis] * steps).reshape(2, -1))
    sides = look.is_above(of, values).reshape(-1, steps.size)
    sides[:, 0] = lines.above.ravel()[a[bent]]
    sides[:, -1] = ~sides[:, 0]
    changed = sides[:, 1:] != sides[:, :-1]
    first = np.argmax(changed, axis=1)
    low = sides[np.arange(first.size), first]
    t[bent] = _between(
        look, a[bent], np.zeros((2, 1)), ways[:, bent], low, first / PARTS, 1 / PARTS
    )
    again = bent[changed.sum(axis=1) > 1]
    edges: Indices = 2 * a[again] + (again >= lines.rights)
    return edges


Curves = tuple[Float32Array, Float32Array, Float32Array]


def _curves(Z: Float32Array) -> Curves:
    """How z bends at samples, across and up: the steps to both neighbours, in sum; and how much."""
    across, up = np.zeros_like(Z), np.zeros_like(Z)
    double = 2 * Z
    for along, of, twice in (
        (across, Z, double),
        (up.swapaxes(1, 2), Z.swapaxes(1, 2), double.swapaxes(1, 2)),
    ):
        np.add(of[..., :-2], of[..., 2:], out=along[..., 1:-1])
        along[..., 1:-1] -= twice[..., 1:-1]
        # At the border as beside it.
        along[..., 0], along[..., -1] = along[..., 1], along[..., -2]
    size = np.abs(across)
    size += np.abs(up)
    return across.ravel(), up.ravel(), size.ravel()


def _dips(look: _Look, lines: Lines, Z: Float32Array, curves: Curves, part: float) -> Indices:
    """Cells that a line may enter between two samples on one side of it, or not leave at all.

    Between two samples z dips by half of what it bends at both, at most: just so if it has one
    corner there, and by a quarter of that if it bends evenly: `part` of it are looked for.
    """
    across, up, size = curves
    z, width = Z.ravel(), look.width
    double = np.abs(z)
    double *= 2
    near = np.flatnonzero((double < part * size) & (double > 0))
    # Where z is as steep as that, a line goes only a little way into what is beside it.
    column, row = near % width, near // width % look.height
    steep = np.abs(z[near + (column < width - 1)] - z[near - (column > 0)])
    steep += np.abs(z[near + width * (row < look.height - 1)] - z[near - width * (row > 0)])
    near = near[part * size[near] > 2 * AHEAD * steep]
    if not near.size:
        return NONE
    side, double = lines.above.ravel(), double[near]
    mine = side[near]
    most = np.where(mine, np.float32(part), np.float32(-part))

    def next_to(step: int) -> tuple[Float32Array, Bits, Indices]:
        """How much z dips to the samples before and behind, and whether they are on that side."""
        there = near + np.array([[-step], [step]])
        curve = across if step == 1 else up
        dips = most * curve.take(there, mode="clip")
        return (
            np.minimum(most * curve[near], dips).clip(0),
            side.take(there, mode="clip") == mine,
            there,
        )

    dip_across, same_across, beside = next_to(1)
    dip_up, same_up, over = next_to(width)
    corner = beside[:, np.newaxis] + over - near
    same = same_across[:, np.newaxis] & same_up & (side.take(corner, mode="clip") == mine)
    found = same & (double < dip_across[:, np.newaxis] + dip_up)
    found |= (same_across & (double < dip_across))[:, np.newaxis]
    found |= same_up & (double < dip_up)
    right, above, at = np.nonzero(found)
    cells: Indices = near[at] - (right == 0) - width * (above == 0)
    return cells[look.has_cell(cells)]


def _beside(look: _Look, edges: Indices) -> Indices:
    """The cells on both sides of edges, which are numbers as `_come_closer` has them."""
    sample, is_up = np.divmod(edges, 2)
    cells = np.concatenate([sample, sample - np.where(is_up, 1, look.width)])
    cells = cells[cells >= 0]
    return cells[look.has_cell(cells)]


def _bends(
    look: _Look,
    lines: Lines,
    crossed: Bits,
    Z: Float32Array,
    curves: Curves,
    within: float,
    kinked: bool,
) -> tuple[Indices, Float64Array, Indices]:
    """The cells with two crossings and the bend between these; and those where that isn't all."""
    width = look.width
    bottom, left = crossed[0, : -width - 1], crossed[1, : -width - 1]
    top, right = crossed[0, width:-1], crossed[1, 1:-width]
    both = bottom & left & top
    saddles = np.flatnonzero(both)
    at = np.flatnonzero((bottom | left | top) & ~(both & right))
    saddles, at = saddles[look.has_cell(saddles)], at[look.has_cell(at)]
    corners = np.full((2, at.size), np.nan)
    four = np.array([[0], [1], [width], [width + 1]])
    z00, z10, z01, z11 = Z.ravel().take(at + four)
    slope = np.maximum(np.abs(z11 - z00), np.abs(z10 - z01))
    # In the middle z is off by a quarter of that if it has a corner; an eighth if it bends evenly.
    least = (4 if kinked else 6) * within
    curved = np.flatnonzero(curves[2].take(at + four).max(axis=0) > least * slope)
    if not curved.size or not look.may(2 * curved.size):
        return at, corners, saddles
    cells = at[curved]
    t = np.append(lines.t, np.nan)
    rights, ups = lines.a[: lines.rights], lines.a[lines.rights :]
    on_bottom, on_top = t[np.searchsorted(rights, cells + np.array([[0], [width]]))]
    on_left, on_right = t[lines.rights + np.searchsorted(ups, cells + np.array([[0], [1]]))]
    bottom, left = crossed[0, cells], crossed[1, cells]
    top, right = crossed[0, cells + width], crossed[1, cells + 1]
    P, Q = np.empty((2, 2, cells.size))
    P[0] = np.where(bottom, on_bottom, np.where(left, 0, on_top))
    P[1] = np.where(bottom, 0, np.where(left, on_left, 1))
    Q[0] = np.where(right, 1, np.where(top, on_top, 0))
    Q[1] = np.where(right, on_right, np.where(top, 1, on_left))
    long = np.abs(Q - P).sum(axis=0) > within
    bent = np.flatnonzero(long & ~_runs(look, cells, P, Q, within))
    if not kinked or not bent.size or not look.may(12 * bent.size):
        return at, corners, np.concatenate([saddles, cells[bent]])
    C, good = _meet(look, cells[bent], P[:, bent], Q[:, bent], within)
    corners[:, curved[bent[good]]] = C[:, good]
    return at, corners, np.concatenate([saddles, cells[bent[~good]]])


def _meet(
    look: _Look, at: Indices, P: Float64Array, Q: Float64Array, within: float
) -> tuple[Float64Array, Bits]:
    """Where a line bends that comes from P and leaves by Q, and whether it is straight else.

    If lines that go on straight from either meet in the cell, there or on the way there from the
    middle between P and Q; else where going straight on from that middle leads.
    """
    ahead = np.where(Q >= P, AHEAD, -AHEAD)
    x, y = ahead * ((1.0,), (0.0,)), ahead * ((0.0,), (1.0,))
    M = 0.5 * (P + Q)
    places = np.concatenate([P, P + x, P + y, Q, Q - x, Q - y, M], axis=1)
    z = look.at(np.concatenate([at] * 7), places).astype(np.float64).reshape(7, -1)
    p, q = (z[1:3] - z[0]) / ahead, (z[3] - z[4:6]) / ahead  # the slopes of z
    to_p, to_q = (p * P).sum(axis=0) - z[0], (q * Q).sum(axis=0) - z[3]
    middle, mean = z[6], 0.5 * (p + q)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        C = np.stack([to_p * q[1] - to_q * p[1], to_q * p[0] - to_p * q[0]])
        C /= p[0] * q[1] - p[1] * q[0]
        inside = ((C >= 0) & (C <= 1)).all(axis=0)
        C = np.where(inside, C, M - middle * mean / (mean * mean).sum(axis=0))
        there = look.at(at, C)
        C = M + (C - M) * (middle / (middle - there)).clip(0, 1.5)
        legs = np.concatenate([P, C], axis=1), np.concatenate([C, Q], axis=1)
        good = _runs(look, np.concatenate([at, at]), *legs, 2 * within).reshape(2, -1).all(axis=0)
        good &= ((C >= 0) & (C <= 1)).all(axis=0)
    return C, good


def _runs(look: _Look, at: Indices, P: Float64Array, Q: Float64Array, within: float) -> Bits:
    """Whether lines from P to Q pass their middle so near: sides differ to the left and right.

    That z is nearly zero there would not say so, where it is flat on one side.
    """
    way = Q - P
    aside = np.stack([-way[1], way[0]]) * (within / np.hypot(*way).clip(within))
    middle, both = 0.5 * (P + Q), np.concatenate([at, at])
    z = look.at(both, np.concatenate([middle - aside, middle + aside], axis=1))
    left, right = look.is_above(both, z).reshape(2, -1)
    differ: Bits = left != right
    return differ


def _look_finely(
    look: _Look, lines: Lines, unsettled: Indices, suspects: Indices, within: float
) -> Lines:
    """Cells as pictures of their own: those that need it, suspects that do, and on from there."""
    width, side = look.width, lines.above.ravel()
    most = min(int(side.size * MOST_FINE), look.left // EACH_FINE)
    if not most:
        return lines
    new, first = np.unique(np.concatenate([unsettled, suspects]), return_index=True)
    must = first < unsettled.size
    kept = np.argsort(~must, kind="stable")[:most]
    new, must, known = new[kept], must[kept], NONE
    hard, pictures = [], []
    for _ in range(ROUNDS):
        of = np.repeat(new, INNER.shape[1])
        z = look.at(of, np.tile(INNER, new.size))
        above = look.is_above(of, z).reshape(-1, STEPS.size, STEPS.size)
        # At the samples that are there already it is as it was found then.
        for j, i in np.ndindex(2, 2):
            above[:, -j, -i] = side[new + j * width + i]
        # What crosses a side of one twice goes on beyond that.
        edges = np.stack([2 * new, 2 * (new + width), 2 * new + 1, 2 * (new + 1) + 1])
        sides = np.stack([above[:, 0], above[:, -1], above[:, :, 0], above[:, :, -1]])
        twice = (sides[..., 1:] != sides[..., :-1]).sum(axis=2) > 1
        even = (sides[:2, :, 0] == sides[:2, :, -1]).all(axis=0) & (
            sides[0, :, 0] == sides[1, :, 0]
        )
        some = above.any(axis=(1, 2)) & ~above.all(axis=(1, 2))
        crossed = (above[:, 1:] != above[:, :-1]).sum(axis=(1, 2))
        crossed += (above[..., 1:] != above[..., :-1]).sum(axis=(1, 2))
        # A straight line crosses so many of its edges at most.
        needed = some & (even | twice.any(axis=0) | (crossed > 2 * FINE + 1)) | must
        hard.append(new[needed])
        pictures.append(above[needed])
        if not twice.any():
            break
        known = np.union1d(known, new)
        new = np.setdiff1d(_beside(look, edges[twice]), known)[: most - known.size]
        must = np.zeros(new.size, np.bool_)
        if not new.size:
            break
    found = np.concatenate(hard)
    if not found.size:
        return lines
    order = np.argsort(found)
    found = found[order]
    fine, _ = _crossings(np.concatenate(pictures)[order])
    if within < 1 / FINE**2:
        cell, place = np.divmod(fine.a, (FINE + 1) ** 2)
        row, column = np.divmod(place, FINE + 1)
        start, ways = np.stack([column, row]) / FINE, _ways(fine) / FINE
        sides = fine.above.ravel()[fine.a]
        fine.t[:] = _between(look, found[cell], start, ways, sides, np.zeros(cell.size), 1)
    return lines._replace(hard=found, fine=fine)


def _between(
    look: _Look,
    sample: Indices,
    start: Float64Array,
    ways: Float64Array,
    sides: Bits,
    t: Float64Array,
    part: float,
) -> Float64Array:
    """Where on the ways from a start, between t and a part more, z leaves its side: to a quarter of
    that, also where it is zero from there on."""
    quarters = np.array([1, 2, 3]) * part / 4
    places = start[..., np.newaxis] + ways[..., np.newaxis] * (t[:, np.newaxis] + quarters)
    of = np.repeat(sample, quarters.size)
    stays = look.is_above(of, look.at(of, places.reshape(2, -1))).reshape(-1, 3)
    stays = np.logical_and.accumulate(stays == sides[:, np.newaxis], axis=1)
    found: Float64Array = t + (stays.sum(axis=1) + 0.5) * part / 4
    return found
