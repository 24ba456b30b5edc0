"""The layers of a graph that was brought: one of ours, or layers in a row as others write them.

Whatever else is there is named and refused. Nothing of a file is run, and no other file is opened.
How many entries it may have, how large an array may be and how many layers there may be, is said in
`protobuf` and `arrays`; an array that many nodes take is made again for each of so many layers.
No graph within a graph is looked at.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.exports.arrays import MOST_LAYERS, Layers, array_at
from app.exports.onnx.protobuf import Message
from app.exports.onnx.recipes import ACTIVATIONS, DOUBLE, FEATURES, FLOAT, POINTS, TYPES, before
from app.reading import read_json

NUMBERS_OF = {FLOAT: 4, DOUBLE: 10}
"""Where a tensor has its numbers, if not as bytes."""
EXTERNAL = 1
"""Where a tensor says that its numbers are in another file."""
MOST_FEATURES = 200
"""Characters of their names."""

SAME = {"Identity", "Cast", "Flatten"}
"""What others put between layers, and leaves the numbers of an example as they are."""
SAME_FOR_ONE = {"Reshape", "Squeeze"}
"""The same, where an example has one number."""
OF_LABELS = {"ArgMax", "ArrayFeatureExtractor", "Cast", "Identity", "Reshape", "ZipMap"}
"""What makes labels of the probabilities of two classes."""
LONGEST_FIRST = sorted(ACTIVATIONS.items(), key=lambda row: -len(row[1]))
ALONE = [recipe[0].split()[0] for recipe in ACTIVATIONS.values() if len(recipe) == 1]
KNOWN = f"Gemm, or MatMul and Add, and then {', '.join([*ALONE, 'LeakyRelu'])}"


def read(data: bytes) -> Layers:
    """The layers of a graph.

    Raises:
        ValueError: it is none, or does something else than layers one after the other do.
    """
    model = Message(data)
    graph = model.message(7)
    nodes = [Given.of(message) for message in graph.messages(1)]
    tensors = {tensor.text(8): tensor for tensor in graph.messages(5)}
    for node in nodes:
        if node.op == "Constant" and "value" in node.attributes:
            tensors[node.output] = node.attributes["value"].message(5)
    inputs = [name for value in graph.messages(11) if (name := value.text(1)) not in tensors]
    if len(inputs) != 1:
        raise ValueError(f"it has {len(inputs)} inputs; a network has one, with an example a row")
    chain = Chain([node for node in nodes if node.op != "Constant"], tensors, inputs[0])
    chain.skip(features_of(model))
    while chain.left:
        chain.take()
    if not chain.layers:
        raise ValueError("it has no layer")
    if chain.at not in [value.text(1) for value in graph.messages(12)] and not chain.labelled:
        raise ValueError(f"it does not give what its last node gives, {chain.at!r:.60}")
    return [layer.words() for layer in chain.layers]


def features_of(model: Message) -> list[str] | None:
    """The features that a file of ours names."""
    for entry in model.messages(14):
        if entry.text(1) == "features" and len(text := entry.text(2)) <= MOST_FEATURES:
            names = read_json(text.encode())
            if isinstance(names, list) and all(str(name) in FEATURES for name in names):
                return names
    return None


class Given(NamedTuple):
    """A node of a file."""

    name: str
    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Message]

    @classmethod
    def of(cls, message: Message) -> "Given":
        """The node that a message is; of another domain than ONNX's, its operator has that name."""
        domain, op = message.text(7), message.text(4)
        return cls(
            message.text(3),
            op if domain in ("", "ai.onnx", "ai.onnx.ml") else f"{domain}.{op}",
            tuple(message.texts(1)),
            tuple(message.texts(2)),
            {attribute.text(1): attribute for attribute in message.messages(5)},
        )

    def __str__(self) -> str:
        return f"node {self.name or self.output!r:.60} ({self.op:.60})"

    @property
    def output(self) -> str:
        """The one value that it gives."""
        return self.outputs[0] if len(self.outputs) == 1 else ""

    def whole(self, name: str, default: int) -> int:
        """An attribute that is a whole number."""
        return self.attributes[name].number(3) if name in self.attributes else default

    def real(self, name: str, default: float) -> float:
        """An attribute that is a float32: the shortest decimal that is the same float32."""
        if name not in self.attributes:
            return default
        content = self.attributes[name].content(2)
        if content is None or len(content) != 4:
            raise ValueError(f"{self} has no number as {name}")
        return float(str(np.frombuffer(content, "<f4")[0]))


@dataclass
class Layer:
    """A layer as far as it has been read; what has no activation is linear."""

    W: NDArray[Any]
    b: NDArray[Any] | None = None
    activation: str | None = None
    slope: float | None = None

    def words(self) -> dict[str, Any]:
        """It as JSON has it."""
        b = np.zeros(self.W.shape[1]) if self.b is None else self.b
        words: dict[str, Any] = {
            "weights": self.W.astype(np.float64).tolist(),
            "biases": b.astype(np.float64).tolist(),
            "activation": self.activation or "linear",
        }
        return words if self.slope is None else {**words, "slope": self.slope}


@dataclass
class Chain:
    """Nodes one after the other, and the layers that they are.

    Attributes:
        left: The nodes that have not been taken.
        tensors: Numbers, by the name under which nodes take them.
        at: The value that the next node takes.
        labelled: Whether labels are made of ŷ.
    """

    left: list[Given]
    tensors: Mapping[str, Message]
    at: str
    layers: list[Layer] = field(default_factory=list)
    labelled: bool = False

    def skip(self, features: Sequence[str] | None) -> None:
        """Pass over what is done to a point before, where it is just as we write it."""
        for moved in (True, False):
            nodes, at = before(features, moved=moved)
            here = [(node.op, node.inputs, node.output) for node in self.left[: len(nodes)]]
            if self.at == POINTS and here == [node[:3] for node in nodes]:
                self._go(len(nodes), at)
                return

    def take(self) -> None:
        """Take the next node, or the next few that belong together.

        Raises:
            ValueError: it is none of a layer.
        """
        node = self.left[0]
        if self._take_activation() or self._take_labels():
            return
        if node.op in ("Gemm", "MatMul"):
            self._check(node, 0)
            # Before its numbers are made: many nodes may take the same array.
            if len(self.layers) == MOST_LAYERS:
                raise ValueError(f"it has more than {MOST_LAYERS} layers")
            self.layers.append(self._layer(node))
        elif node.op == "Add":
            self._add(node)
        elif node.op in SAME or (node.op in SAME_FOR_ONE and self._gives_one):
            self._check(node, 0)
            if node.op == "Cast" and node.whole("to", 0) not in (FLOAT, DOUBLE):
                raise ValueError(f"{node} makes something else than float32 or float64")
            if node.op == "Flatten" and node.whole("axis", 1) != 1:
                raise ValueError(f"{node} puts examples together: its axis is not 1")
        else:
            if node.op in ALONE:
                self._check(node, 0)
            raise ValueError(f"{node} is no part of a layer: these are {KNOWN}")
        self._go(1, node.output)

    @property
    def _gives_one(self) -> bool:
        return bool(self.layers) and self.layers[-1].W.shape[1] == 1

    def _go(self, count: int, at: str) -> None:
        del self.left[:count]
        self.at = at

    def _check(self, node: Given, place: int) -> None:
        """Check that a node takes what the one before it gives."""
        if node.inputs[place : place + 1] != (self.at,) or not node.output:
            raise ValueError(
                f"{node} does not go from {self.at!r:.60}, which the node before it gives, to one "
                "value: only layers one after the other are read"
            )

    def _layer(self, node: Given) -> Layer:
        W = self._array(node, 1)
        if W.ndim != 2:
            raise ValueError(f"{node} has weights that are no matrix")
        if node.op == "MatMul":
            return Layer(W)
        if node.whole("transA", 0) or node.real("alpha", 1) != 1 or node.real("beta", 1) != 1:
            raise ValueError(f"{node} has transA, alpha or beta, which no layer here has")
        W = W.T if node.whole("transB", 0) else W
        return Layer(W, self._biases(node, 2, W) if node.inputs[2:3] not in ((), ("",)) else None)

    def _add(self, node: Given) -> None:
        """The biases of the layer before, on either side of the sum."""
        layer = self.layers[-1] if self.layers else None
        if layer is None or layer.b is not None or layer.activation is not None:
            raise ValueError(f"{node} adds to something else than a MatMul")
        place = int(node.inputs[:1] != (self.at,))
        self._check(node, place)
        layer.b = self._biases(node, 1 - place, layer.W)

    def _take_activation(self) -> bool:
        node = self.left[0]
        if node.op == "LeakyRelu":
            self._check(node, 0)
            self._activate(node, "leaky_relu", node.real("alpha", 0.01))
            self._go(1, node.output)
            return True
        for name, recipe in LONGEST_FIRST:
            here = self.left[: len(recipe)]
            if recipe and (found := _followed(recipe, here, self.at)) is not None:
                place = here[0].inputs.index(found["slope"]) if "slope" in found else None
                slope = None if place is None else self._array(here[0], place)
                if slope is not None and slope.size != 1:
                    raise ValueError(f"{here[0]} has a slope for each unit; a layer here has one")
                self._activate(node, name, None if slope is None else float(slope.item()))
                self._go(len(recipe), here[-1].output)
                return True
        return False

    def _activate(self, node: Given, name: str, slope: float | None) -> None:
        if not self.layers or self.layers[-1].activation is not None:
            raise ValueError(f"{node} is an activation without a layer before it")
        self.layers[-1].activation, self.layers[-1].slope = name, slope

    def _take_labels(self) -> bool:
        """What comes after ŷ where it is made into 1 − ŷ and ŷ, and these into labels."""
        if not self._gives_one or self.layers[-1].activation != "sigmoid" or len(self.left) < 2:
            return False
        minus, both, *others = self.left
        pair = (minus.output, self.at)
        if (minus.op, minus.inputs[1:], both.op, both.inputs) != (
            "Sub",
            (self.at,),
            "Concat",
            pair,
        ):
            return False
        if (one := self._array(minus, 0)).size != 1 or one.item() != 1:
            raise ValueError(f"{minus} takes ŷ from something else than 1")
        for node in others:
            if node.op not in OF_LABELS:
                raise ValueError(f"{node} makes something else than labels of ŷ")
        self.left, self.labelled = [], True
        return True

    def _biases(self, node: Given, place: int, W: NDArray[Any]) -> NDArray[Any]:
        b = self._array(node, place)
        if b.size != W.shape[1] or b.shape[-1:] not in ((), (b.size,)):
            raise ValueError(f"{node} has {b.size} biases for {W.shape[1]} units")
        return b.ravel()

    def _array(self, node: Given, place: int) -> NDArray[Any]:
        """Numbers that a node takes; they must be in this file."""
        name = node.inputs[place] if place < len(node.inputs) else ""
        tensor = self.tensors.get(name)
        if tensor is None:
            raise ValueError(f"{node} takes {name!r:.60}, which are no numbers of the file")
        if tensor.number(14) == EXTERNAL or tensor.contents(13):
            raise ValueError(f"{name!r:.60} is in another file: save the model as one file")
        if (kind := tensor.number(2)) not in NUMBERS_OF:
            raise ValueError(f"{name!r:.60} is neither float32 nor float64")
        content = tensor.content(9)
        if content is None:
            content = tensor.content(NUMBERS_OF[kind]) or memoryview(b"")
        return array_at(content, TYPES[kind], tensor.numbers(1), 0, len(content))


def _followed(recipe: Sequence[str], nodes: Sequence[Given], at: str) -> dict[str, str] | None:
    """What the names of a recipe are in these nodes, if they are made by it."""
    if len(nodes) < len(recipe):
        return None
    found = {"z": at}
    for number, (step, node) in enumerate(zip(recipe, nodes, strict=True), start=1):
        op, *names = step.split()
        if (op, len(names)) != (node.op, len(node.inputs)) or not node.output:
            return None
        pairs = zip(names, node.inputs, strict=True)
        if any(found.setdefault(name, given) != given for name, given in pairs):
            return None
        found[f"${number}"] = node.output
    return found
