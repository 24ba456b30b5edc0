"""How far the lines that the page draws are from the network's own, and what they cost in bytes.

python -m benchmarks.lines_bench

Frames as the page asks for them, drawn by the page's own code, and as bytes alone would have it.
The true line is that of float64 on a grid of a pixel, with every crossing halved to. A line is
right where it is within half a pixel of the other: "drawn" is the share of the drawn line's length
for which that holds, "true" the share of the true one's.
"""

from __future__ import annotations

import json
import statistics
import subprocess
from base64 import b64encode
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
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


def segments(above: Array, right: Array, up: Array) -> Array:
    """The line through a grid, from where it crosses the edges: n × 2 × 2, in shares of it."""
    j, i = np.nonzero(
        (above[:-1, :-1] != above[:-1, 1:])
        | (above[:-1, :-1] != above[1:, :-1])
        | (above[:-1, :-1] != above[1:, 1:])
    )
    if not j.size:
        return np.empty((0, 2, 2))
    ends = np.stack(
        [
            np.stack([i + right[j, i], j], 1),
            np.stack([i, j + up[j, i]], 1),
            np.stack([i + right[j + 1, i], j + 1], 1),
            np.stack([i + 1, j + up[j, i + 1]], 1),
        ],
        axis=1,
    )
    crossed = np.isfinite(ends).all(axis=2)
    first = np.argsort(~crossed, axis=1, kind="stable")
    ordered = np.take_along_axis(ends, first[..., np.newaxis], axis=1)
    saddle = crossed.all(axis=1)
    ends = np.concatenate([ordered[~saddle, :2], ordered[saddle, :2], ordered[saddle, 2:]])
    return ends / (len(above) - 1)


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


PAGE = Path(__file__).parent.parent / "static/js/painting/contour.js"
DRAWING = """
import { readFileSync } from 'node:fs';
const { boundaryLine, mapLine, unitLine } = await import(process.argv[1]);
const { kind, level, ...picture } = JSON.parse(readFileSync(0, 'utf8'));
for (const name of ['values', 'shares'].filter((name) => name in picture))
  picture[name] = Uint8Array.from(Buffer.from(picture[name], 'base64'));
const units = Array.from({ length: picture.units }, (_, unit) => unit);
const mapLines = (maps) => units.map((unit) => mapLine(maps, unit, level));
const draw = { plane: boundaryLine, unit: unitLine, map: mapLines };
console.log(JSON.stringify([draw[kind](picture)].flat()));
"""


def drawn_lines(
    kind: str, values: Array, told: bytes | None = None, level: float = 127.5
) -> list[Array]:
    """The lines of pictures, by the page's own code; without what is told, between bytes.

    Args:
        kind: `plane`, `unit` (that fills the plane), or `map` (all units of a layer).
        values: n × height × width.
        told: What a frame's `lines` have of them.
        level: Of maps.
    """
    units, height, width = values.shape
    picture = {"kind": kind, "level": level, "units": units, "width": width, "height": height}
    picture["values"] = b64encode(values.tobytes()).decode()
    if told is not None:
        picture["shares"] = b64encode(told).decode()
    done = subprocess.run(
        ["node", "--input-type=module", "-e", DRAWING, PAGE.as_uri()],
        input=json.dumps(picture),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return [in_shares(path) for path in json.loads(done.stdout)]


def in_shares(path: str) -> Array:
    """A path of the page, which spans 0…100 from the upper left corner, as n × 2 × 2."""
    found = [np.empty((0, 2, 2))]
    for line in path.split("M")[1:]:
        points = np.array([each.split() for each in line.rstrip("Z").split("L")], float)
        points = np.stack([points[:, 0], 100 - points[:, 1]], 1) / 100
        if line.endswith("Z"):
            points = np.concatenate([points, points[:1]])
        found.append(np.stack([points[:-1], points[1:]], 1))
    return np.concatenate(found)


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
                    (line,) = drawn_lines("plane", values, shares)
                    tally(
                        name, right_length(line, truth, PIXELS), right_length(truth, line, PIXELS)
                    )
                truth = true_line(run, of["layer"], of["unit"], strict=relu)
                values = np.frombuffer(lines["unit"]["values"], np.uint8).reshape(1, 100, 100)
                (line,) = drawn_lines("unit", values, lines["unit"]["shares"])
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
                    line = drawn_lines("map", values, shares, level)[of["unit"]]
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
