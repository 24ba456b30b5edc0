"""Programs that reproduce a run, as text: in NumPy from its start, elsewhere as it is now.

Each runs by itself, and is a template in `templates/code`. The NumPy program is the lecture's, one
column per example; its costs are the run's to rounding. The others are given the parameters, and
predict the same.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import nncore
from app.exports.formula import FEATURES
from app.exports.origins import origin_of
from app.exports.text import Parts, counted, template
from app.schemas import NamedData
from app.training.checkpoints import Record
from app.training.run import Change, Edited

# g and g′ of Z, as in the lecture; the slope of a leaky ReLU is put in.
_ACTIVATIONS = {
    "sigmoid": ("0.5 + 0.5 * np.tanh(Z / 2)", "g(Z) * (1 - g(Z))"),
    "tanh": ("np.tanh(Z)", "1 - np.tanh(Z) ** 2"),
    "relu": ("np.maximum(0, Z)", "(Z >= 0) * 1.0"),
    "leaky_relu": ("np.where(Z >= 0, Z, SLOPE * Z)", "np.where(Z >= 0, 1, SLOPE)"),
    "linear": ("Z", "np.ones_like(Z)"),
}

# The statements of `update`, which returns what is subtracted from a parameter; `memory` holds as
# many arrays in its shape as said.
_OPTIMIZERS = {
    "gradient_descent": (0, ["return learning_rate * gradient"]),
    "momentum": (
        1,
        ["(v,) = memory", "v[...] = 0.9 * v + gradient", "return learning_rate * v"],
    ),
    "rmsprop": (
        1,
        [
            "(s,) = memory",
            "s[...] = 0.9 * s + 0.1 * gradient**2",
            "return learning_rate * gradient / (np.sqrt(s) + 1e-8)",
        ],
    ),
    "adam": (
        2,
        [
            "v, s = memory",
            "v[...] = 0.9 * v + 0.1 * gradient",
            "s[...] = 0.999 * s + 0.001 * gradient**2",
            "v_hat, s_hat = v / (1 - 0.9 ** (iteration + 1)), s / (1 - 0.999 ** (iteration + 1))",
            "return learning_rate * v_hat / (np.sqrt(s_hat) + 1e-8)",
        ],
    ),
}

_SKLEARN = {"sigmoid": "logistic", "tanh": "tanh", "relu": "relu", "linear": "identity"}
# Of layers that are functions before it, and with hidden layers of its own.
_SKLEARN_MODELS = {
    "classification": ("LogisticRegression", "MLPClassifier"),
    "regression": ("LinearRegression", "MLPRegressor"),
}

_TORCH = {
    "sigmoid": "nn.Sigmoid()",
    "tanh": "nn.Tanh()",
    "relu": "nn.ReLU()",
    "leaky_relu": "nn.LeakyReLU(SLOPE)",
}


def _with_slope(text: str, g: nncore.Activation) -> str:
    return text.replace("SLOPE", repr(g.slope))


def program(name: str, record: Record, network: nncore.Network, **words: Any) -> Parts:
    """A program of a run; `words` are what only its own template asks for."""
    data, examples = record.plan.data, record.examples
    hidden = [f"{y.W.shape[1]} {y.activation.name.replace('_', ' ')}" for y in network.layers[:-1]]
    what = data.dataset if isinstance(data, NamedData) else "points of one's own"
    sin = {"sin_x1": "np.sin(x1)", "sin_x2": "np.sin(x2)"}
    return template(f"code/{name}.jinja").generate(
        title=f"{what}, {' and '.join(hidden) or 'no hidden'} units, "
        f"{counted(record.iteration, 'iteration')}",
        record=record,
        origin=origin_of(record),
        examples=examples,
        data=np.vstack([examples.points, examples.Y]).T,
        features=[sin.get(term, FEATURES[term]) for term in examples.features or ()],
        regression=examples.task == "regression",
        network=network,
        **words,
    )


def _numpy(record: Record) -> Parts:
    training = record.run_plan.training
    memories, update = _OPTIMIZERS[training.optimizer]
    return program(
        "numpy",
        record,
        record.initial,
        training=training,
        activations=[
            [_with_slope(text, g) for text in _ACTIVATIONS[g.name]]
            for g in record.network.activations
        ],
        memories=memories,
        update=update,
        batches=(training.batch_size or len(record.examples.train)) < len(record.examples.train),
        frozen=any(isinstance(c.value, Edited) and c.value.frozen for c in record.changes),
        penalties=bool(training.l1 or training.l2)
        or any(change.name in ("l1", "l2") for change in record.changes),
        changes=[
            (change, _statements(change, len(record.network.layers))) for change in record.changes
        ],
    )


def _statements(change: Change, layers: int) -> list[str]:
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


def _scikit_learn(record: Record) -> Parts:
    hidden = record.network.activations[:-1]
    kinds = {g.name for g in hidden}
    # scikit-learn has one activation for all layers, and not all of ours.
    mlp = _SKLEARN.get(*kinds) if len(kinds) == 1 else None
    return program(
        "scikit-learn",
        record,
        record.network,
        mlp=mlp,
        model=_SKLEARN_MODELS[record.examples.task][mlp is not None],
        sizes=record.network.layer_sizes,
        hidden=[_with_slope(_ACTIVATIONS[g.name][0], g) for g in hidden],
    )


def _pytorch(record: Record) -> Parts:
    modules = []
    for layer in record.network.layers:
        n_in, n_out = layer.W.shape
        modules.append(f"nn.Linear({n_in}, {n_out})")
        g = layer.activation
        if g.name in _TORCH and layer is not record.network.layers[-1]:
            modules.append(_with_slope(_TORCH[g.name], g))
    return program("pytorch", record, record.network, modules=modules)


LANGUAGES: Mapping[str, Callable[[Record], Parts]] = {
    "numpy": _numpy,
    "scikit-learn": _scikit_learn,
    "pytorch": _pytorch,
}
"""What writes a run as a program, by the name in its path."""
