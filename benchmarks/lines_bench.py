"""How far the lines that the page draws are from the network's own, and what they cost in bytes.

python -m benchmarks.lines_bench

Frames as the page asks for them, drawn as docs/protocol.md says, and as bytes alone would have it
(before lines were told). The true line is that of float64 on a grid of a pixel, with every crossing
halved to. A line is right where it is within half a pixel of the other: "drawn" is the share of the
drawn line's length for which that holds, "true" the share of the true one's.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

import nncore
from app import wire
from app.schemas import Plan, View
from app.training.run import Run
from app.training.session import Session

Array = NDArray[Any]
PLANE = (-6.6, 6.6)
PIXELS, MAP_PIXELS = 600, 72
ITERATIONS = (0, 20, 100, 500, 2000)
DATASETS = ("circle", "spiral", "xor", "moons", "gauss", "flower")
SHAPES = ((4,), (8, 8, 8))


def z_of(run: Run, layer: int, unit: int, places: Array) -> Array:
    """z at places counted in shares of the plane, 2 × m."""
    points = PLANE[0] + places * (PLANE[1] - PLANE[0])
    inputs = nncore.featurize(points, run.examples.features or ())
    z: Array = nncore.forward(run.trainer.network, inputs).Z[layer - 1][unit]
    return z


def segments(
    above: Array, right: Array, up: Array, corners: Array | None = None, twice: Any = ()
) -> Array:
    """The line through a grid, from where it crosses the edges: n × 2 × 2, in shares of it.

    With what else is told of it: the corners of cells that it enters and leaves once, and edges
    that it crosses twice (2 · sample + whether up -> where).
    """
    size = len(above)
    j, i = np.nonzero(
        (above[:-1, :-1] != above[:-1, 1:])
        | (above[:-1, :-1] != above[1:, :-1])
        | (above[:-1, :-1] != above[1:, 1:])
    )
    if not j.size:
        return np.concatenate([np.empty((0, 2, 2)), around_twice(size, right, up, twice)])
    ends = np.stack(
        [
            np.stack([i + right[j, i], j], 1),
            np.stack([i, j + up[j, i]], 1),
            np.stack([i + right[j + 1, i], j + 1], 1),
            np.stack([i + 1, j + up[j, i + 1]], 1),
        ],
        axis=1,
    )
    crossed: Array = np.asarray(np.isfinite(ends).all(axis=2))
    first = np.argsort(~crossed, axis=1, kind="stable")
    ordered = np.take_along_axis(ends, first[..., np.newaxis], axis=1)
    saddle = np.all(crossed, axis=1)
    once = ordered[~saddle, :2]
    if corners is not None and corners.size:
        bent = np.isfinite(corners[0])
        place = np.stack([i[~saddle], j[~saddle]], 1)[bent] + corners[:, bent].T
        legs = once[bent]
        once = np.concatenate(
            [once[~bent], np.stack([legs[:, 0], place], 1), np.stack([place, legs[:, 1]], 1)]
        )
    ends = np.concatenate([once, ordered[saddle, :2], ordered[saddle, 2:]])
    if twice:
        cells = cells_of(twice, size)
        middle = ends.mean(axis=1).astype(int)
        ends = ends[[(x, y) not in cells for x, y in middle]]
    return np.concatenate([ends / (size - 1), around_twice(size, right, up, twice)])


def cells_of(twice: Any, size: int) -> set[tuple[int, int]]:
    """The cells beside edges that are crossed twice."""
    cells = set()
    for edge in twice:
        row, column = divmod(edge // 2, size)
        cells |= {(column, row), (column - (edge % 2), row - 1 + edge % 2)}
    return {(x, y) for x, y in cells if 0 <= x < size - 1 and 0 <= y < size - 1}


def around_twice(size: int, right: Array, up: Array, twice: Any) -> Array:
    """The lines in cells with edges that are crossed twice, as docs/protocol.md has it."""
    found = []
    for x, y in cells_of(twice, size):
        ends: list[tuple[int, float, float]] = []
        for side, (i, j, is_up, way) in enumerate(
            ((x, y, 0, 1), (x + 1, y, 1, 1), (x, y + 1, 0, -1), (x, y, 1, -1))
        ):
            single = (up if is_up else right)[j, i] if (i < size and j < size) else np.nan
            places = twice.get(2 * (j * size + i) + is_up, [single] if np.isfinite(single) else [])
            for t in places[::way]:
                ends.append((side, i + (0 if is_up else t), j + (t if is_up else 0)))
        best = min((ends[k:] + ends[:k] for k in (0, 1)), key=badness)
        for (_, *one), (_, *other) in zip(best[::2], best[1::2], strict=True):
            found.append([one, other])
    return np.array(found).reshape(-1, 2, 2) / (size - 1)


def badness(ends: list[tuple[int, float, float]]) -> tuple[int, float]:
    """How often an edge is joined to itself, and how long all is."""
    pairs = list(zip(ends[::2], ends[1::2], strict=True))
    return (
        sum(one[0] == other[0] for one, other in pairs),
        sum(float(np.hypot(one[1] - other[1], one[2] - other[2])) for one, other in pairs),
    )


def true_line(run: Run, layer: int, unit: int, *, strict: bool) -> Array:
    """The line of float64."""
    axis = np.linspace(0, 1, PIXELS + 1)
    x, y = np.meshgrid(axis, axis)
    is_above = np.greater if strict else np.greater_equal
    above = is_above(z_of(run, layer, unit, np.stack([x.ravel(), y.ravel()])), 0).reshape(x.shape)

    def halved(a: Array, b: Array, step: tuple[int, int]) -> Array:
        t = np.full(above.shape, np.nan)
        j, i = np.nonzero(a != b)
        if not j.size:
            return t
        lo, hi = np.zeros(j.size), np.ones(j.size)
        for _ in range(6):
            middle = (lo + hi) / 2
            at = np.stack([i + step[0] * middle, j + step[1] * middle]) / PIXELS
            same = is_above(z_of(run, layer, unit, at), 0) == above[j, i]
            lo, hi = np.where(same, middle, lo), np.where(same, hi, middle)
        t[j, i] = (lo + hi) / 2
        return t

    return segments(
        above,
        halved(above[:, 1:], above[:, :-1], (1, 0)),
        halved(above[1:], above[:-1], (0, 1)),
    )


def guess(values: Array, at: Array, step: Array, steps: int, level: float) -> Array:
    """Where bytes alone have the line on edges that begin at samples, in steps."""
    _, height, width = values.shape
    flat = values.ravel().astype(int)
    a, b = flat[at], flat[at + step]
    upper = np.where(b > a, at + step, at)
    beyond = np.where(b > a, at + 2 * step, at - step)
    row = np.where(step == 1, width, width * height)
    inner = (beyond >= 0) & (beyond < flat.size) & (beyond // row == at // row)
    on = flat[beyond.clip(0, flat.size - 1)] - flat[upper]
    kink = inner & (on > np.abs(b - a))
    zero = 128 if level == 128.5 else level
    back = np.floor((flat[upper] - zero) * steps / np.where(kink, on, 1)).clip(0, steps - 1)
    straight = np.floor(steps * (level - a) / (b - a))
    return np.where(kink, np.where(b > a, steps - 1 - back, back), straight).astype(int)


def drawn_lines(
    values: Array, level: float, told: bytes | None, steps: int, lattice: int = 15
) -> list[Array]:
    """The lines of pictures as a client draws them; without what is told, between bytes."""
    n, size, _ = values.shape
    above = values > level
    rest = np.frombuffer(told or b"", np.uint8).astype(int)
    edges = []
    for right, up in ((1, 0), (0, 1)):
        crossed = np.nonzero(above[:, : size - up, : size - right] != above[:, up:, right:])
        at = np.ravel_multi_index(crossed, values.shape)
        step = np.full(at.size, right + up * size)
        a, b = values.ravel()[at].astype(int), values.ravel()[at + step].astype(int)
        share = (level - a) / (b - a)
        if told is not None:
            mine, rest = rest[: share.size], rest[share.size :]
            share = ((guess(values, at, step, steps, level) + mine) % steps + 0.5) / steps
        t = np.full(values.shape, np.nan)
        t[crossed] = share
        edges.append(t)
    corners: list[Array | None] = [None] * n
    twice: list[dict[int, list[float]]] = [{} for _ in range(n)]
    if rest.size:
        for k in range(n):
            count = cells_once(above[k])
            mine, rest = rest[:count], rest[count:]
            places = (np.stack([(mine - 1) % lattice, (mine - 1) // lattice]) + 0.5) / lattice
            corners[k] = np.where(mine > 0, places, np.nan)
        edge = 0
        for low, middle, high, one, other in rest.reshape(-1, 5):
            edge += int(low + 256 * middle + 65536 * high)
            k, mine = divmod(edge, 2 * size * size)
            twice[k][mine] = [(one + 0.5) / steps, (other + 0.5) / steps]
    return [segments(above[k], edges[0][k], edges[1][k], corners[k], twice[k]) for k in range(n)]


def cells_once(above: Array) -> int:
    """How many cells have two of their edges crossed."""
    right, up = above[:, 1:] != above[:, :-1], above[1:] != above[:-1]
    return int((1 * right[:-1] + right[1:] + up[:, :-1] + up[:, 1:] == 2).sum())


def right_length(line: Array, other: Array, pixels: int) -> Array:
    """How much of a line is within half a pixel of another, and its length, in pixels."""
    if not len(line):
        return np.zeros(2)
    places, lengths = sampled(line * pixels, 1)
    if not len(other):
        return np.array([0, lengths.sum()])
    near, _ = cKDTree(sampled(other * pixels, 0.2)[0]).query(places, distance_upper_bound=0.55)
    return np.array([lengths[near <= 0.5].sum(), lengths.sum()])


def sampled(line: Array, apart: float) -> tuple[Array, Array]:
    """Points along segments, and how much of their length each stands for."""
    lengths = np.hypot(*(line[:, 1] - line[:, 0]).T)
    parts = np.maximum(1, np.ceil(lengths / apart)).astype(int)
    of = np.repeat(np.arange(len(line)), parts)
    share = (np.arange(parts.sum()) - np.repeat(np.cumsum(parts) - parts, parts) + 0.5) / parts[of]
    return line[of, 0] + (line[of, 1] - line[of, 0]) * share[:, np.newaxis], (lengths / parts)[of]


def measure(activation: str, tally: Callable[[str, Array, Array], None]) -> list[int]:
    """All datasets, shapes and iterations with one activation; the bytes of each frame."""
    sizes = []
    relu = activation == "relu"
    for data in DATASETS:
        for shape in SHAPES:
            scheme = "he" if activation.endswith("relu") else "xavier"
            network = {
                "layers": [{"units": n, "activation": activation} for n in shape],
                "initialization": {"scheme": scheme},
            }
            runs = [{"network": network, "training": {"learning_rate": 0.1}}]
            session = Session(Plan.model_validate({"data": {"dataset": data}, "runs": runs}))
            (run,) = session.runs
            of = {"layer": len(shape), "unit": 1}
            view = View.model_validate(
                {"x": list(PLANE), "y": list(PLANE), "neurons": True, "lines": True}
            )
            for iteration in ITERATIONS:
                session.advance(iteration - session.iteration)
                asked = view.model_copy(update={"encoding": "differences"})
                frame = session.frame(1, max(0, iteration - 5), asked)
                sizes.append(len(wire.pack(frame, "differences")))
                looking = View.model_validate({**view.model_dump(), "line_of": of})
                told = session.frame(1, iteration, looking)["runs"][0]
                lines = told["lines"]
                truth = true_line(run, len(shape) + 1, 0, strict=False)
                values = np.frombuffer(told["boundary"]["values"], np.uint8).reshape(1, 100, 100)
                for name, shares in (("plane", lines["boundary"]), ("plane, bytes", None)):
                    (line,) = drawn_lines(values, 127.5, shares, 32)
                    tally(
                        name, right_length(line, truth, PIXELS), right_length(truth, line, PIXELS)
                    )
                truth = true_line(run, of["layer"], of["unit"], strict=relu)
                values = np.frombuffer(lines["unit"]["values"], np.uint8).reshape(1, 100, 100)
                (line,) = drawn_lines(values, 0.5, lines["unit"]["shares"], 32)
                tally(
                    "unit in the plane",
                    right_length(line, truth, PIXELS),
                    right_length(truth, line, PIXELS),
                )
                maps = told["neurons"][of["layer"] - 1]
                values = np.frombuffer(maps["values"], np.uint8).reshape(-1, 32, 32)
                level = 128.5 if relu else 127.5
                for name, shares in (
                    ("map", lines["neurons"][of["layer"] - 1]),
                    ("map, bytes", None),
                ):
                    line = drawn_lines(values, level, shares, 6, 5)[of["unit"]]
                    tally(
                        name,
                        right_length(line, truth, MAP_PIXELS),
                        right_length(truth, line, MAP_PIXELS),
                    )
    return sizes


def main() -> None:
    """Measure, and print a table."""
    print("| activation | picture | drawn | true | length, px | bytes a frame, median |")
    print("|---|---|---|---|---|---|")
    whole: dict[str, Array] = defaultdict(lambda: np.zeros((2, 2)))
    for activation in nncore.ACTIVATIONS:
        found: dict[str, Array] = defaultdict(lambda: np.zeros((2, 2)))

        def tally(name: str, drawn: Array, true: Array, found: dict[str, Array] = found) -> None:
            found[name] = found[name] + np.stack([drawn, true])
            whole[name] = whole[name] + np.stack([drawn, true])

        sizes = statistics.median(measure(activation, tally))
        for name, ((drawn, drawn_length), (true, length)) in found.items():
            print(
                f"| {activation} | {name} | {drawn / max(drawn_length, 1):.4f} | "
                f"{true / max(length, 1):.4f} | {length:.0f} | {sizes:.0f} |"
            )
    for name, ((drawn, drawn_length), (true, length)) in whole.items():
        print(
            f"| all | {name} | {drawn / drawn_length:.4f} | {true / length:.4f} | {length:.0f} | |"
        )


if __name__ == "__main__":
    main()
