"""What own points were before they were moved into the plane, for what is taken away of a run."""

import math
import re
from collections.abc import Sequence
from keyword import iskeyword

import numpy as np
from numpy.typing import NDArray

from app.schemas import Axis, NamedData, Origin
from app.training.checkpoints import Record
from nncore import ACTIVATIONS

MOST_TICKS = 7
_TAKEN = re.compile(rf"x\d+|a\d+_\d+|value_\d+|exp|max|{'|'.join(ACTIVATIONS)}")
"""What formulas call something else, or another axis."""
DIGITS = 12
"""Of numbers that were moved and are moved back: as many as that leaves right."""


def origin_of(record: Record) -> Origin | None:
    """Where the points of a run came from, if that was told."""
    data = record.plan.data
    return None if isinstance(data, NamedData) else data.origin


def entered(axes: Sequence[Axis], points: NDArray[np.float64]) -> list[list[float]]:
    """The numbers as somebody has entered them, a row for each axis."""
    return [
        [float(f"{x / axis.scale + axis.center:.{DIGITS}g}") for x in row.tolist()]
        for axis, row in zip(axes, points, strict=True)
    ]


def one_line(name: str) -> str:
    """A name in a comment, which ends with its line."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in name).split())


def identifiers(axes: Sequence[Axis]) -> list[str]:
    """Names for programs and formulas, all different: height_cm for height (cm)."""
    found: list[str] = []
    for number, axis in enumerate(axes, start=1):
        name = re.sub(r"\W+", "_", axis.name).strip("_")
        if not name.isidentifier() or iskeyword(name) or name in found or _TAKEN.fullmatch(name):
            name = f"value_{number}"
        found.append(name)
    return found


def ticks(axis: Axis, reach: float) -> tuple[list[float], list[str]]:
    """Places from -reach to reach where round numbers stand, and these numbers."""
    low, high = (axis.center + side * reach / axis.scale for side in (-1, 1))
    raw = (high - low) / MOST_TICKS
    if not raw > 1e-9 * abs(axis.center):
        return [0.0], [f"{axis.center:.6g}"]
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw)
    values = [step * k for k in range(math.ceil(low / step), math.floor(high / step) + 1)]
    return [(value - axis.center) * axis.scale for value in values], [f"{v:.6g}" for v in values]
