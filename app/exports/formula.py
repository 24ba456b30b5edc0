"""ŷ as a function of x1, x2 with the numbers in it: text for a student, which Python reads too."""

from collections.abc import Iterator, Mapping, Sequence

from app.exports.origins import identifiers, one_line, origin_of
from app.exports.text import counted
from app.schemas import Origin
from app.training.checkpoints import Record

FEATURES: Mapping[str, str] = {
    "x1": "x1",
    "x2": "x2",
    "x1_squared": "x1**2",
    "x2_squared": "x2**2",
    "x1_x2": "x1*x2",
    "sin_x1": "sin(x1)",
    "sin_x2": "sin(x2)",
}

FUNCTIONS: Mapping[str, str] = {
    "sigmoid": "sigmoid(z) = 1/(1 + exp(-z))",
    "tanh": "tanh(z) = (exp(z) - exp(-z))/(exp(z) + exp(-z))",
    "relu": "relu(z) = max(0, z)",
    "leaky_relu": "leaky_relu(z, s) = z for z >= 0, s*z for z < 0",
}


def formula(record: Record, digits: int = 5) -> Iterator[str]:
    """A line for each unit, in the order in which they can be computed.

    Args:
        record: The run.
        digits: Significant digits of the numbers, 1 to 17; 17 tell them exactly.
    """
    network, names = record.network, record.examples.features
    inputs = (
        [FEATURES[name] for name in names]
        if names is not None
        else [f"x{i + 1}" for i in range(network.layer_sizes[0])]
    )
    used = [FUNCTIONS[g.name] for g in network.activations if g.name in FUNCTIONS]
    yield f"# after {counted(record.iteration, 'iteration')}\n"
    yield from (f"# {function}\n" for function in dict.fromkeys(used))
    if (origin := origin_of(record)) is not None:
        yield from _moved(origin)
    for number, layer in enumerate(network.layers, start=1):
        last = number == len(network.layers)
        outputs = ["ŷ"] if last else [f"a{number}_{i + 1}" for i in range(layer.W.shape[1])]
        for name, weights, bias in zip(
            outputs, layer.W.T.tolist(), layer.b.ravel().tolist(), strict=True
        ):
            z = _sum(weights, inputs, bias, digits)
            g = layer.activation
            slope = "" if g.slope is None else f", {g.slope:.17g}"
            yield f"{name} = {z}\n" if g.name == "linear" else f"{name} = {g.name}({z}{slope})\n"
        inputs = outputs


def _moved(origin: Origin) -> Iterator[str]:
    """How the numbers that somebody enters become those of the plane."""
    names = identifiers(origin.axes)
    for name, axis in zip(names, origin.axes, strict=True):
        yield f"# {name}: {one_line(axis.name)}\n"
    if origin.classes is not None:
        label = one_line(origin.label or "y")
        yield f"# {label}: {' is 0, '.join(map(one_line, origin.classes))} is 1\n"
    for number, (name, axis) in enumerate(zip(names, origin.axes, strict=True), start=1):
        yield f"x{number} = ({name} - {axis.center!r})*{axis.scale!r}\n".replace("- -", "+ ")


def _sum(weights: Sequence[float], inputs: Sequence[str], bias: float, digits: int) -> str:
    terms = [*((w, f"*{x}") for w, x in zip(weights, inputs, strict=True)), (bias, "")]
    texts: list[str] = []
    for value, factor in terms:
        sign = ("-" if value < 0 else "") if not texts else (" - " if value < 0 else " + ")
        texts.append(f"{sign}{abs(value):.{digits}g}{factor}")
    return "".join(texts)
