"""Arrays in files of parameters: how large they may be, and none that is larger."""

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

MOST_LAYERS = 9
MOST_UNITS = 256

Layers = list[dict[str, Any]]
"""Weights, biases, the activation and its slope of each layer, as JSON has them."""


def array_at(
    data: bytes | memoryview,
    dtype: np.dtype[Any],
    sizes: Sequence[int],
    begin: int,
    end: int,
    order: Literal["C", "F"] = "C",
) -> NDArray[Any]:
    """The array that lies there, if its sizes are those of a layer and give just so many bytes."""
    if len(sizes) > 2 or not all(1 <= size <= MOST_UNITS for size in sizes):
        raise ValueError(
            f"it holds something else than arrays of numbers, 1 to {MOST_UNITS} along each side"
        )
    count = math.prod(sizes)
    if not 0 <= begin <= end <= len(data) or count * dtype.itemsize != end - begin:
        raise ValueError("it can't be read: its arrays are not as long as it says")
    return np.frombuffer(data, dtype, count, begin).reshape(sizes, order=order)
