"""Programs that reproduce a run, as text: in NumPy from its start, elsewhere as it is now.

Each runs by itself. The NumPy program is the lecture's, one column per example; its costs are the
run's to rounding. The others are given the parameters, and predict the same.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

import nncore
from app.exports.formula import FEATURES as FEATURE_TEXTS
from app.exports.origins import origin_of
from app.exports.text import Parts, joined
from app.schemas import NamedData
from app.training.checkpoints import Record
from app.training.run import Change, Edited


@dataclass(frozen=True)
class Language:
    """A kind of program.

    Attributes:
        name: In its path.
        write: A run as a program.
    """

    name: str
    write: Callable[[Record], Parts]


# -- parts ----------------------------------------------------------------------------------


def _title(record: Record) -> str:
    data = record.plan.data
    what = data.dataset if isinstance(data, NamedData) else "points of one's own"
    hidden = [
        f"{y.W.shape[1]} {y.activation.name.replace('_', ' ')}" for y in record.network.layers[:-1]
    ]
    return f"{what}, {' and '.join(hidden) or 'no hidden'} units, {record.iteration:,} iterations"


def _program(parts: Iterable[str | Parts]) -> Parts:
    """Parts of a program, an empty line apart."""
    stripped = (part.strip("\n") if isinstance(part, str) else part for part in parts)
    yield from joined("\n\n", stripped)
    yield "\n"


def _data(record: Record) -> Parts:
    """DATA, one point a row, and which rows are trained on."""
    examples = record.examples
    column = "target" if examples.task == "regression" else "label"
    yield f"# One point a row, its {column} last.\nDATA = np.array("
    yield from _rows(np.vstack([examples.points, examples.Y]).T)
    yield f")\nTRAIN = {_wrapped(examples.train.tolist())}\n"
    yield f"TEST = {_wrapped(examples.test.tolist())}"


def _inputs(record: Record) -> str:
    """`inputs`: what the network is given of points, one row each."""
    names = record.examples.features
    if names is None:
        return "def inputs(points):\n    return points\n"
    sin = {"sin_x1": "np.sin(x1)", "sin_x2": "np.sin(x2)"}
    texts = [sin.get(name, FEATURE_TEXTS[name]) for name in names]
    return (
        "def inputs(points):\n    x1, x2 = points.T\n"
        f"    return np.stack([{', '.join(texts)}], axis=1)\n"
    )


def _origin(record: Record) -> str:
    """What the points were, and how others like them become such as the network knows."""
    if (origin := origin_of(record)) is None:
        return ""
    classes = "" if origin.classes is None else f"CLASSES = {origin.classes!r}  # y = 0, y = 1\n"
    return (
        f"# The columns that the points come from.\nNAMES = {[a.name for a in origin.axes]!r}\n"
        f"{classes}"
        f"CENTER = np.array({[axis.center for axis in origin.axes]!r})\n"
        f"SCALE = np.array({[axis.scale for axis in origin.axes]!r})\n\n\n"
        "def moved(rows):\n"
        "    # Rows as they were entered become rows like those of DATA.\n"
        "    return (np.asarray(rows) - CENTER) * SCALE\n"
    )


def _parameters(network: nncore.Network) -> Parts:
    """W[0] is n_in × n_out of the first layer, b[0] its n_out biases."""
    yield "W = [\n"
    for layer in network.layers:
        yield "    np.array("
        yield from _rows(layer.W, 8)
        yield "),\n"
    yield "]\nb = [\n"
    for layer in network.layers:
        yield f"    np.array({_wrapped(layer.b.ravel().tolist(), 8)}),\n"
    yield "]"


def _rows(table: NDArray[Any], indent: int = 4) -> Parts:
    pad = " " * indent
    yield "[\n"
    for row in table:
        yield f"{pad}{row.tolist()!r},\n"
    yield " " * (indent - 4) + "]"


def _wrapped(values: list[Any], indent: int = 4) -> str:
    """A list, some values a line."""
    if len(values) <= 6:
        return repr(values)
    pad, each = " " * indent, 20 if isinstance(values[0], int) else 4
    lines = [
        pad + ", ".join(map(repr, values[start : start + each])) + ",\n"
        for start in range(0, len(values), each)
    ]
    return "[\n" + "".join(lines) + " " * (indent - 4) + "]"


# -- NumPy ----------------------------------------------------------------------------------

# g and g′ of Z, as in the lecture; the slope of a leaky ReLU is put in.
_ACTIVATIONS = {
    "sigmoid": ("0.5 + 0.5 * np.tanh(Z / 2)", "g(Z) * (1 - g(Z))"),
    "tanh": ("np.tanh(Z)", "1 - np.tanh(Z) ** 2"),
    "relu": ("np.maximum(0, Z)", "(Z >= 0) * 1.0"),
    "leaky_relu": ("np.where(Z >= 0, Z, SLOPE * Z)", "np.where(Z >= 0, 1, SLOPE)"),
    "linear": ("Z", "np.ones_like(Z)"),
}

_LOSSES = {
    "sigmoid": """\
def cost(Z, Y):
    # −y log σ(z) − (1 − y) log(1 − σ(z)), written so that nothing overflows.
    return np.sum(np.maximum(0, Z) - Y * Z + np.log1p(np.exp(-np.abs(Z)))) / Y.shape[1]
""",
    "linear": """\
def cost(Z, Y):
    return np.sum((Z - Y) ** 2 / 2) / Y.shape[1]
""",
}

# What is subtracted from a parameter; `memory` holds as many arrays in its shape as said.
_OPTIMIZERS = {
    "gradient_descent": (
        0,
        """\
def update(gradient, memory, iteration):
    return learning_rate * gradient
""",
    ),
    "momentum": (
        1,
        """\
def update(gradient, memory, iteration):
    (v,) = memory
    v[...] = 0.9 * v + gradient
    return learning_rate * v
""",
    ),
    "rmsprop": (
        1,
        """\
def update(gradient, memory, iteration):
    (s,) = memory
    s[...] = 0.9 * s + 0.1 * gradient**2
    return learning_rate * gradient / (np.sqrt(s) + 1e-8)
""",
    ),
    "adam": (
        2,
        """\
def update(gradient, memory, iteration):
    v, s = memory
    v[...] = 0.9 * v + 0.1 * gradient
    s[...] = 0.999 * s + 0.001 * gradient**2
    v_hat, s_hat = v / (1 - 0.9 ** (iteration + 1)), s / (1 - 0.999 ** (iteration + 1))
    return learning_rate * v_hat / (np.sqrt(s_hat) + 1e-8)
""",
    ),
}


def _numpy(record: Record) -> Parts:
    training, network = record.run_plan.training, record.initial
    memories, update = _OPTIMIZERS[training.optimizer]
    batches = training.batch_size is not None and training.batch_size < len(record.examples.train)
    frozen = any(isinstance(c.value, Edited) and c.value.frozen for c in record.changes)
    penalties = {training.l1, training.l2} != {0.0} or any(
        change.name in ("l1", "l2") for change in record.changes
    )
    parts: list[str | Parts] = [
        f'"""{_title(record)}: a run of Shallows as a program.\n\n'
        "Needs NumPy alone. Trains from the same initial parameters to the same costs.\n"
        "Columns are examples, and W[l] is n_in × n_out, as in the lecture.\n"
        '"""\n\nimport numpy as np\n',
        _data(record),
        _parameters(network),
        f"learning_rate = {training.learning_rate!r}\n"
        + (f"l1, l2 = {training.l1!r}, {training.l2!r}\n" if penalties else "")
        + f"ITERATIONS = {record.iteration}\n",
        _inputs(record),
        *filter(None, [_origin(record)]),
        *_activations(network),
        _LOSSES[network.activations[-1].name],
        _FORWARD,
        update,
        "X, Y = inputs(DATA[:, :-1]).T, DATA[:, -1:].T\n"
        "m = len(TRAIN)\n"
        "b = [b_l[:, np.newaxis] for b_l in b]\n"
        "parameters = W + b\n"
        f"memories = [[np.zeros_like(p) for _ in range({memories})] for p in parameters]\n"
        + ("frozen = [np.zeros(p.shape, bool) for p in parameters]\n" if frozen else "")
        + "costs = []\n"
        + _loop(record, batches, penalties, frozen),
        _numpy_end(record),
    ]
    return _program(parts)


def _activations(network: nncore.Network) -> Iterable[str]:
    """A g and a g′ for each layer, in lists."""
    pairs = []
    for number, g in enumerate(network.activations, start=1):
        value, slope = _ACTIVATIONS[g.name], "" if g.slope is None else repr(g.slope)
        of_z, prime = (
            text.replace("SLOPE", slope).replace("g(Z)", f"g{number}(Z)") for text in value
        )
        yield f"def g{number}(Z):\n    return {of_z}\n"
        if number < len(network.layers):
            yield f"def g{number}_prime(Z):\n    return {prime}\n"
        pairs.append(number)
    yield (
        f"g = [{', '.join(f'g{n}' for n in pairs)}]\n"
        f"g_prime = [{', '.join(f'g{n}_prime' for n in pairs[:-1])}]\n"
    )


_FORWARD = """\
def forward(X):
    Z, A = [], [X]
    for W_l, b_l, g_l in zip(W, b, g):
        Z.append(W_l.T @ A[-1] + b_l)
        A.append(g_l(Z[-1]))
    return Z, A
"""


def _loop(record: Record, batches: bool, penalties: bool, frozen: bool) -> str:
    training = record.run_plan.training
    end = record.iteration
    sizes = record.network.layer_sizes
    lines = ["for iteration in range(ITERATIONS):"]
    for change in record.changes:
        if change.iteration < end and (statement := _statement(change, len(sizes) - 1)):
            lines += [
                f"    if iteration == {change.iteration}:",
                *(f"        {s}" for s in statement),
            ]
    if batches:
        lines += [
            f"    epoch, position = divmod(iteration, -(-m // {training.batch_size}))",
            "    if position == 0:",
            "        # The order of an epoch depends on the seed and its number alone.",
            f"        bits = np.random.Philox(key={training.seed}, counter=[0, 0, 0, epoch])",
            "        order = np.array(TRAIN)[np.random.Generator(bits).permutation(m)]",
            f"    batch = order[position * {training.batch_size} :][:{training.batch_size}]",
        ]
    else:
        lines += ["    batch = TRAIN"]
    lines += [
        "    Z, A = forward(X[:, batch])",
        "    costs.append(cost(Z[-1], Y[:, batch]))",
        "    dZ = [A[-1] - Y[:, batch]]",
        "    for l in range(len(W) - 1, 0, -1):",
        "        dZ.insert(0, (W[l] @ dZ[0]) * g_prime[l - 1](Z[l - 1]))",
        "    dW = [A_l @ dZ_l.T / len(batch) for A_l, dZ_l in zip(A, dZ)]",
        "    db = [dZ_l.sum(axis=1, keepdims=True) / len(batch) for dZ_l in dZ]",
    ]
    if penalties:
        lines += ["    dW = [dW_l + l1 * np.sign(W_l) + l2 * W_l for dW_l, W_l in zip(dW, W)]"]
    if frozen:
        lines += [
            "    for p, gradient, memory, keep in zip(parameters, dW + db, memories, frozen):",
            "        gradient = np.where(keep, 0, gradient)",
            "        p -= np.where(keep, 0, update(gradient, memory, iteration))",
        ]
    else:
        lines += [
            "    for p, gradient, memory in zip(parameters, dW + db, memories):",
            "        p -= update(gradient, memory, iteration)",
        ]
    for change in record.changes:
        if change.iteration >= end:
            lines += _statement(change, len(sizes) - 1)
    return "\n".join(lines) + "\n"


def _statement(change: Change, layers: int) -> list[str]:
    """What a change comes to in the program."""
    if not isinstance(change.value, Edited):
        return [] if change.name == "stop" else [f"{change.name} = {change.value!r}"]
    layer, unit, input, value, frozen = change.value
    index = layer - 1 if input is not None else layers + layer - 1
    place = f"{index}][{unit if input is None else input}, {0 if input is None else unit}]"
    return [
        *([] if value is None else [f"parameters[{place} = {value!r}"]),
        *([] if frozen is None else [f"frozen[{place} = {frozen}"]),
    ]


def _numpy_end(record: Record) -> str:
    lines = [
        'for name, part in (("train", TRAIN), ("test", TEST)):',
        "    if part:",
        "        Z, A = forward(X[:, part])",
        '        print(f"{name}: cost {cost(Z[-1], Y[:, part]):.6g}"',
    ]
    if record.examples.task == "classification":
        lines[-1] += ","
        lines += ['              f"accuracy {np.mean((A[-1] >= 0.5) == Y[:, part]):.4f}")']
    else:
        lines[-1] += ")"
    return "\n".join(lines) + "\n"


# -- scikit-learn ---------------------------------------------------------------------------

_SKLEARN_NAMES = {"sigmoid": "logistic", "tanh": "tanh", "relu": "relu", "linear": "identity"}


def _scikit_learn(record: Record) -> Parts:
    hidden = record.network.activations[:-1]
    regression = record.examples.task == "regression"
    alike = len({g.name for g in hidden}) == 1 and hidden[0].name in _SKLEARN_NAMES
    model = _mlp(record) if alike else _linear_on_layers(record)
    predicts = "predict" if regression else "predict_proba"
    parts: list[str | Parts] = [
        f'"""{_title(record)}: its network in scikit-learn.\n\n'
        "Needs scikit-learn. The parameters are those of the run, and it predicts the same.\n"
        '"""\n\nimport numpy as np\n' + model[0],
        _data(record),
        _parameters(record.network),
        _inputs(record),
        *filter(None, [_origin(record)]),
        *model[1:],
        f"X, y = inputs(DATA[:, :-1]), DATA[:, -1]{'' if regression else '.astype(int)'}\n"
        f"y_hat = model.{predicts}(X){'' if regression else '[:, 1]'}\n"
        'for name, part in (("train", TRAIN), ("test", TEST)):\n'
        "    if part:\n"
        f'        print(f"{{name}}: {"R²" if regression else "accuracy"} '
        '{model.score(X[part], y[part]):.4f}")\n',
    ]
    return _program(parts)


def _mlp(record: Record) -> list[str]:
    network, regression = record.network, record.examples.task == "regression"
    name = "MLPRegressor" if regression else "MLPClassifier"
    g = _SKLEARN_NAMES[network.activations[0].name]
    sizes = network.layer_sizes
    shape = tuple(sizes[1:-1])
    start = f"np.zeros((2, {sizes[0]})), [0, 1]" + ("" if regression else ", classes=[0, 1]")
    return [
        f"from sklearn.neural_network import {name}\n",
        f'model = {name}(hidden_layer_sizes={shape!r}, activation="{g}", solver="sgd")\n'
        f"model.partial_fit({start})  # gives it its shape\n"
        "model.coefs_, model.intercepts_ = W, b\n",
    ]


def _linear_on_layers(record: Record) -> list[str]:
    """For activations that scikit-learn has not, or that differ from layer to layer."""
    network, regression = record.network, record.examples.task == "regression"
    name = "LinearRegression" if regression else "LogisticRegression"
    layers = []
    for index, g in enumerate(network.activations[:-1]):
        text = _ACTIVATIONS[g.name][0].replace("SLOPE", repr(g.slope))
        layers.append(
            f"def layer_{index + 1}(A):\n    Z = A @ W[{index}] + b[{index}]\n    return {text}\n"
        )
    functions = [f"FunctionTransformer(layer_{i + 1})" for i in range(len(layers))]
    pipeline = f"make_pipeline({', '.join([*functions, 'output'])})" if layers else "output"
    n = network.layer_sizes[-2]
    return [
        f"from sklearn.linear_model import {name}\n"
        + (
            "from sklearn.pipeline import make_pipeline\n"
            "from sklearn.preprocessing import FunctionTransformer\n"
            if layers
            else ""
        ),
        *layers,
        f"output = {name}().fit(np.eye(2, {n}), [0, 1])  # gives it its shape\n"
        + (
            "output.coef_, output.intercept_ = W[-1].ravel(), b[-1][0]\n"
            if regression
            else "output.coef_, output.intercept_ = W[-1].T, b[-1]\n"
        )
        + f"model = {pipeline}\n",
    ]


# -- PyTorch --------------------------------------------------------------------------------

_TORCH = {
    "sigmoid": "nn.Sigmoid()",
    "tanh": "nn.Tanh()",
    "relu": "nn.ReLU()",
    "leaky_relu": "nn.LeakyReLU(SLOPE)",
}


def _pytorch(record: Record) -> Parts:
    network, regression = record.network, record.examples.task == "regression"
    modules = []
    for layer in network.layers:
        n_in, n_out = layer.W.shape
        modules.append(f"nn.Linear({n_in}, {n_out})")
        g = layer.activation
        if g.name in _TORCH and layer is not network.layers[-1]:
            modules.append(_TORCH[g.name].replace("SLOPE", repr(g.slope)))
    listed = "".join(f"    {module},\n" for module in modules)
    y_hat = "logits" if regression else "torch.sigmoid(logits)"
    loss = (
        "((logits - y) ** 2 / 2).mean()"
        if regression
        else ("nn.functional.binary_cross_entropy_with_logits(logits, y)")
    )
    parts: list[str | Parts] = [
        f'"""{_title(record)}: its network in PyTorch.\n\n'
        "Needs PyTorch and NumPy. The parameters are those of the run, and it predicts the same.\n"
        '"""\n\nimport numpy as np\nimport torch\nfrom torch import nn\n',
        _data(record),
        _parameters(network),
        _inputs(record),
        *filter(None, [_origin(record)]),
        f"model = nn.Sequential(\n{listed}).double()\n"
        "linear = [module for module in model if isinstance(module, nn.Linear)]\n"
        "with torch.no_grad():\n"
        "    for module, W_l, b_l in zip(linear, W, b):\n"
        "        module.weight.copy_(torch.from_numpy(W_l.T))\n"
        "        module.bias.copy_(torch.from_numpy(b_l))\n",
        "X, Y = torch.from_numpy(inputs(DATA[:, :-1])), torch.from_numpy(DATA[:, -1:])\n"
        "with torch.no_grad():\n"
        "    logits = model(X)\n"
        f"    y_hat = {y_hat}\n"
        '    for name, part in (("train", TRAIN), ("test", TEST)):\n'
        "        if part:\n"
        f'            print(f"{{name}}: cost {{loss(logits[part], Y[part]):.6g}}")\n',
    ]
    parts.insert(parts.index(_inputs(record)) + 1, f"def loss(logits, y):\n    return {loss}\n")
    return _program(parts)


LANGUAGES: Mapping[str, Language] = MappingProxyType(
    {
        language.name: language
        for language in (
            Language("numpy", _numpy),
            Language("scikit-learn", _scikit_learn),
            Language("pytorch", _pytorch),
        )
    }
)
