"""What a network is in ONNX's operators: recipes that are both written and recognised."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

OPSET = 13
"""The version of the operators, of 2020: whatever runs ONNX today has it."""
FLOAT, INT64, DOUBLE = 1, 7, 11
TYPES: Mapping[int, np.dtype[Any]] = {
    FLOAT: np.dtype("<f4"),
    INT64: np.dtype("<i8"),
    DOUBLE: np.dtype("<f8"),
}
POINTS = "points"
"""The input of what is written here."""

# An operator and what it takes, one after the other; `$1` is what the first of them gives. All are
# in float64, which onnxruntime has not of LeakyRelu (whose slope is a float32, too) and Softplus.
ACTIVATIONS: Mapping[str, Sequence[str]] = {
    "sigmoid": ["Sigmoid z"],
    "tanh": ["Tanh z"],
    "relu": ["Relu z"],
    "leaky_relu": ["Mul z slope", "Max z $1"],
    "linear": [],
}
FEATURES: Mapping[str, Sequence[str]] = {
    "x1": [],
    "x2": [],
    "x1_squared": ["Mul x1 x1"],
    "x2_squared": ["Mul x2 x2"],
    "x1_x2": ["Mul x1 x2"],
    "sin_x1": ["Sin x1"],
    "sin_x2": ["Sin x2"],
}


class Node(NamedTuple):
    """An operator, the values that it takes and gives, and its axis if it has one."""

    op: str
    inputs: tuple[str, ...]
    output: str
    axis: int | None = None


def cooked(recipe: Sequence[str], names: Mapping[str, str], output: str) -> list[Node]:
    """The nodes of a recipe with its values named; the last one gives `output`."""
    named, nodes = dict(names), list[Node]()
    for number, step in enumerate(recipe, start=1):
        op, *inputs = step.split()
        gives = output if number == len(recipe) else f"{output}_{number}"
        named[f"${number}"] = gives
        nodes.append(Node(op, tuple(named[name] for name in inputs), gives))
    return nodes


def before(features: Sequence[str] | None, *, moved: bool) -> tuple[list[Node], str]:
    """From what is entered to what the first layer takes: the nodes, and the value at their end."""
    nodes, at = list[Node](), POINTS
    if moved:
        nodes += [Node("Sub", (at, "center"), "centered"), Node("Mul", ("centered", "scale"), "x")]
        at = "x"
    if features is None or tuple(features) == ("x1", "x2"):
        return nodes, at
    for x in ("x1", "x2"):
        if any(x in name for name in features):
            nodes.append(Node("Gather", (at, f"column_of_{x}"), x, axis=1))
    for name in features:
        nodes += cooked(FEATURES[name], {"x1": "x1", "x2": "x2"}, name)
    return [*nodes, Node("Concat", tuple(features), "features", axis=1)], "features"
