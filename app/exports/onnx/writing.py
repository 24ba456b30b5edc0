"""A network as a graph that takes numbers as somebody enters them, an example a row, and gives ŷ.

Own points are taken in their own units: center, scale and features are nodes of the graph. Which
point leads to numbers too large to compute with, a graph can't say; `POST /predict` refuses it.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

import app
import nncore
from app.exports.onnx.protobuf import written
from app.exports.onnx.recipes import (
    ACTIVATIONS,
    DOUBLE,
    INT64,
    OPSET,
    POINTS,
    TYPES,
    Node,
    before,
    cooked,
)
from app.exports.origins import one_line, origin_of
from app.exports.text import Parts
from app.schemas import Origin, Task
from app.training.checkpoints import Record

IR_VERSION = 7
"""Of the file itself; it goes with the operators' version."""
LAYOUT = "1"
"""The version of these graphs, for whoever reads them."""
INT = 2
"""The kind of an attribute."""
OUTPUTS: Mapping[Task, str] = {"classification": "probabilities", "regression": "values"}


def write(network: nncore.Network) -> Parts:
    """A network as it is: what it takes is what its first layer takes."""
    task: Task = "regression" if network.activations[-1].name == "linear" else "classification"
    return _write(network, task, network.layer_sizes[0], None, None, {})


def write_run(record: Record) -> Parts:
    """The network of a run, with what is done to a point before."""
    examples = record.examples
    return _write(
        record.network,
        examples.task,
        len(examples.points),
        examples.features,
        origin_of(record),
        {"iterations": record.iteration},
    )


def _write(
    network: nncore.Network,
    task: Task,
    size: int,
    features: tuple[str, ...] | None,
    origin: Origin | None,
    about: Mapping[str, Any],
) -> Parts:
    axes = () if origin is None else origin.axes
    moved = any((axis.center, axis.scale) != (0, 1) for axis in axes)
    nodes, at = before(features, moved=moved)
    tensors: dict[str, NDArray[Any]] = {}
    if moved:
        tensors["center"] = np.array([axis.center for axis in axes])
        tensors["scale"] = np.array([axis.scale for axis in axes])
    for node in nodes:
        if node.op == "Gather":
            tensors[node.inputs[1]] = np.array([int(node.output[1:]) - 1])
    output = OUTPUTS[task]
    for number, layer in enumerate(network.layers, start=1):
        W, b, z, a, slope = (f"{name}{number}" for name in ("W", "b", "Z", "A", "slope"))
        tensors |= {W: layer.W, b: layer.b.ravel()}
        if layer.activation.slope is not None:
            tensors[slope] = np.array(layer.activation.slope)
        a = output if number == len(network.layers) else a
        recipe = ACTIVATIONS[layer.activation.name]
        # Where nothing is done to Z, that is A.
        z = z if recipe else a
        nodes += [Node("Gemm", (at, W, b), z), *cooked(recipe, {"z": z, "slope": slope}, a)]
        at = a
    entered = [one_line(axis.name) for axis in axes] or [f"x{i + 1}" for i in range(size)]
    words, gives = _words(network, entered, origin, task)
    graph = written(
        *((1, _node(node)) for node in nodes),
        (2, "network"),
        *((5, _tensor(name, array)) for name, array in tensors.items()),
        (10, words),
        (11, _value(POINTS, size, f"an example a row: {', '.join(entered)}")),
        (12, _value(output, network.layer_sizes[-1], gives)),
    )
    told = {"layout": LAYOUT, "task": task, "inputs": entered, "features": features, **about}
    if origin is not None:
        told |= {"label": origin.label, "classes": origin.classes}
    texts = {
        name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for name, value in told.items()
        if value is not None
    }
    yield written(
        (1, IR_VERSION),
        (2, "shallows"),
        (3, app.__version__),
        (6, words),
        (7, graph),
        (8, written((1, ""), (2, OPSET))),
        *((14, written((1, name), (2, text))) for name, text in texts.items()),
    )


def _words(
    network: nncore.Network, entered: Sequence[str], origin: Origin | None, task: Task
) -> tuple[str, str]:
    """What the network is and what it gives, for people."""
    gives = "ŷ"
    if task == "classification":
        gives = "ŷ, the probability of class 1"
        if origin is not None and origin.classes is not None:
            zero, one = map(one_line, origin.classes)
            gives += f" ({one_line(origin.label or 'y')}: {one}; class 0 is {zero})"
    sizes = "-".join(map(str, network.layer_sizes))
    kinds = ", ".join(g.name for g in network.activations)
    takes = ", ".join(entered)
    return f"A network of Shallows, {sizes} ({kinds}): from {takes} to {gives}.", gives


def _node(node: Node) -> bytes:
    axis = [] if node.axis is None else [(5, written((1, "axis"), (20, INT), (3, node.axis)))]
    inputs = ((1, name) for name in node.inputs)
    return written(*inputs, (2, node.output), (3, node.output), (4, node.op), *axis)


def _tensor(name: str, array: NDArray[Any]) -> bytes:
    kind = DOUBLE if array.dtype.kind == "f" else INT64
    raw = np.ascontiguousarray(array, TYPES[kind]).tobytes()
    return written(*((1, size) for size in array.shape), (2, kind), (8, name), (9, raw))


def _value(name: str, columns: int, words: str) -> bytes:
    """An input or output: so many float64 of each example, however many examples there are."""
    shape = written((1, written((2, "examples"))), (1, written((1, columns))))
    return written((1, name), (2, written((1, written((1, DOUBLE), (2, shape))))), (3, words))
