"""One iteration of a session laid open, and calculations by hand compared with ours.

nncore computes; here it becomes words and rows. What if it is too large: more parameters than a
page can show are refused; central differences that would hold up a class are left out, and the
answer says so.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

import nncore
from app import wire
from app.errors import InvalidField, TooMuch
from app.schemas import CheckedLayer, CheckRequest, Inspect, Task, check_labels, check_slope
from app.training.examples import inputs
from app.training.run import Run
from app.training.session import Session
from app.wire import Array

MOST_PARAMETERS = 2_000
MOST_SHOWN = 200
MOST_VALUES = 20_000
MOST_NUMERIC_WORK = 50_000_000
"""parameters × (parameters + units) × examples that central differences may take: about 0.1 s."""
MOST_CHECK_WORK = 5_000_000


# -- one iteration ----------------------------------------------------------------------------


def check_inspect(session: Session, message: Inspect) -> None:
    """Check that there is such a thing to inspect.

    Raises:
        InvalidField: no such run, example or point.
        TooMuch: the network has more parameters than an inspection shows.
    """
    session.check_run(message.run)
    examples = session.examples
    if message.example is not None and message.example >= examples.Y.size:
        raise InvalidField(
            f"example must be from 0 to {examples.Y.size - 1}; got {message.example}", "example"
        )
    if message.point is not None and len(message.point) != len(examples.points):
        raise InvalidField(
            f"point must have {len(examples.points)} numbers; it has {len(message.point)}", "point"
        )
    if examples.task == "classification" and message.label not in (None, 0, 1):
        raise InvalidField(f"label must be 0 or 1; got {message.label:g}", "label")
    parameters = session.runs[message.run].initial.parameter_count
    if parameters > MOST_PARAMETERS:
        raise TooMuch(
            f"an inspection shows networks of up to {MOST_PARAMETERS:,} parameters; "
            f"this one has {parameters:,}: use fewer units",
            "run",
        )


def inspection(session: Session, message: Inspect) -> dict[str, Any]:
    """The `inspection` message of the iteration that the session is at."""
    run, examples = session.runs[message.run], session.examples
    trainer = run.trainer
    network = trainer.network
    of: str
    indices: NDArray[np.intp] | None = None
    if message.point is not None:
        of, X = "point", inputs(wire.columns([message.point]), examples.features)
        Y = None if message.label is None else np.array([[message.label]])
    else:
        of = "batch" if message.example is None else "example"
        indices = (
            examples.train[trainer.batch]
            if message.example is None
            else np.array([message.example])
        )
        X, Y = examples.X[:, indices], examples.Y[:, indices]
    m = X.shape[1]
    work = network.parameter_count * (network.parameter_count + sum(network.layer_sizes)) * m
    numeric = work <= MOST_NUMERIC_WORK
    shown = min(m, MOST_SHOWN, max(1, MOST_VALUES // max(network.layer_sizes)))
    # A run that is about to diverge has numbers whose products are not finite; those are null.
    with np.errstate(all="ignore"):
        found = nncore.inspect(network, X, Y, numeric=numeric)
        layers = _layers(run, network, found, shown)
    each = slice(shown)
    predictions = found.forward_pass.A[-1]
    return {
        "type": "inspection",
        "run": message.run,
        "iteration": trainer.iteration,
        "of": of,
        "example": message.example,
        "point": message.point,
        "m": m,
        "shown": shown,
        "examples": None if indices is None else indices[each].tolist(),
        "inputs": wire.rows(X[:, each]),
        "labels": None if Y is None else wire.labels(Y[:, each], examples.task),
        "predictions": _numbers(predictions[0, each]),
        "losses": None if found.losses is None else _numbers(found.losses[0, each]),
        "cost": wire.finite(found.cost),
        "penalty": wire.finite(trainer.penalty),
        "layers": layers,
        "training": {
            "learning_rate": trainer.learning_rate,
            "optimizer": run.plan.training.optimizer,
            "l1": trainer.l1,
            "l2": trainer.l2,
        },
        "check": _check(found, m) if Y is not None else None,
    }


def _layers(
    run: Run, network: nncore.Network, found: nncore.Inspection, shown: int
) -> list[dict[str, Any]]:
    updated = None if run.trainer.diverged else run.trainer.after_next_update()
    layers = []
    m = found.forward_pass.A[0].shape[1]
    gradients, differences, agree = found.gradients, found.differences, found.agreement
    for index, layer in enumerate(network.layers):
        n_in, n_out = layer.W.shape
        words: dict[str, Any] = {"layer": index + 1, "activation": layer.activation.name}
        if layer.activation.slope is not None:
            words["slope"] = layer.activation.slope
        words |= {
            "shapes": {
                "W": [n_in, n_out],
                "b": [n_out, 1],
                "Z": [n_out, m],
                "A": [n_out, m],
                "dZ": [n_out, m],
                "dW": [n_in, n_out],
                "db": [n_out, 1],
            },
            **_pair(layer.W, layer.b),
            "z": _rows(found.forward_pass.Z[index][:, :shown]),
            "a": _rows(found.forward_pass.A[index + 1][:, :shown]),
            "g_prime": _rows(found.g_prime[index][:, :shown]),
            "dz": gradients and _rows(gradients.dZ[index][:, :shown]),
            "gradient": gradients and _pair(gradients.dW[index], gradients.db[index]),
            "numeric": differences and _pair(differences.dW[index], differences.db[index]),
            "agree": agree and _pair(agree.dW[index], agree.db[index]),
            "l1": (run.trainer.l1 * np.sign(layer.W)).tolist() if run.trainer.l1 else None,
            "l2": _numbers(run.trainer.l2 * layer.W) if run.trainer.l2 else None,
            "update": None,
        }
        if updated is not None:
            after = updated.layers[index]
            words["update"] = _pair(after.W - layer.W, after.b - layer.b)
        layers.append(words)
    return layers


def _check(found: nncore.Inspection, m: int) -> dict[str, Any]:
    if found.agreement is None:
        return {
            "agree": None,
            "compared": 0,
            "kinks": 0,
            "worst": None,
            "detail": f"Central differences of so many parameters for {m:,} examples would hold up "
            "the class: choose one example.",
        }
    agreement = found.agreement
    worst = None
    if agreement.worst is not None:
        relative, (layer, unit, column) = agreement.worst
        worst = {"layer": layer, "unit": unit, "input": column, "relative": relative}
    return {
        "agree": agreement.all,
        "compared": agreement.compared,
        "kinks": agreement.kinks,
        "worst": worst,
        "detail": None,
    }


def _rows(X: NDArray[Any]) -> list[Any]:
    """One row per example; what is not finite is null."""
    finite = np.isfinite(X)
    return wire.rows(X if finite.all() else np.where(finite, X.astype(object), None))  # type: ignore[call-overload]


def _pair(W: ArrayLike, b: ArrayLike) -> dict[str, Any]:
    """A weight matrix and its biases; what is not finite is null."""
    return {"weights": _numbers(np.asarray(W)), "biases": _numbers(np.asarray(b).ravel())}


def _numbers(array: NDArray[Any]) -> list[Any]:
    if array.dtype == np.bool_ or np.isfinite(array).all():
        return array.tolist()  # type: ignore[no-any-return]
    return np.where(np.isfinite(array), array, None).tolist()  # type: ignore[call-overload, no-any-return]


# -- check my numbers -------------------------------------------------------------------------


def check(request: CheckRequest) -> dict[str, Any]:
    """What `POST /check` answers.

    Raises:
        InvalidField: something has another shape than it should.
        TooMuch: the network and the examples together are too large.
    """
    network = _network(request.layers)
    X = _examples(request, network.layer_sizes[0])
    Y = _labels(request)
    work = (network.parameter_count + sum(network.layer_sizes)) * X.shape[1]
    if work > MOST_CHECK_WORK:
        raise TooMuch(
            "(parameters + units) × examples may be at most "
            f"{MOST_CHECK_WORK:,}; this has {work:,}",
            "layers",
        )
    ours = nncore.inspect(network, X, Y, numeric=False)
    claims = _claims(request, network, X.shape[1])
    verdict = nncore.compare(claims, ours, tolerance=request.tolerance)
    if not verdict.compared:
        raise InvalidField("claimed must have at least one number to compare", "claimed")
    assert ours.gradients is not None
    return {
        "agree": verdict.first is None,
        "compared": verdict.compared,
        "differing": verdict.differing,
        "first": None if verdict.first is None else _difference(verdict.first),
        "ours": {
            "z": [wire.rows(np.asarray(Z)) for Z in ours.forward_pass.Z],
            "a": [wire.rows(np.asarray(A)) for A in ours.forward_pass.A[1:]],
            "cost": ours.cost,
            "gradients": [
                _pair(dW, db) for dW, db in zip(ours.gradients.dW, ours.gradients.db, strict=True)
            ],
        },
    }


def _network(layers: Sequence[CheckedLayer]) -> nncore.Network:
    made: list[nncore.Layer] = []
    for index, given in enumerate(layers):
        path = f"layers.{index}"
        n_in = len(made[-1].b) if made else len(given.weights)
        n_out = len(given.biases)
        if len(given.weights) != n_in or {len(row) for row in given.weights} != {n_out}:
            raise InvalidField(
                f"{path}.weights must be {n_in} rows of {n_out} numbers: a row for each input, "
                "a column for each unit",
                f"{path}.weights",
            )
        activation = nncore.ACTIVATIONS[given.activation]
        check_slope(given, f"{path}.slope")
        if given.slope is not None:
            activation = nncore.leaky_relu(given.slope)
        made.append(
            nncore.Layer(np.array(given.weights), np.array(given.biases)[:, np.newaxis], activation)
        )
    last = f"layers.{len(layers) - 1}"
    if layers[-1].activation not in nncore.LOSSES:
        raise InvalidField(
            f"{last}.activation must be sigmoid, or linear for a regression: the cost is defined "
            f"for these; got {layers[-1].activation!r}",
            f"{last}.activation",
        )
    if len(layers[-1].biases) != 1:
        raise InvalidField(
            f"{last}.biases must have one entry, the output unit's; "
            f"it has {len(layers[-1].biases)}",
            f"{last}.biases",
        )
    return nncore.Network(made)


def _examples(request: CheckRequest, n: int) -> Array:
    for index, point in enumerate(request.points):
        if len(point) != n:
            raise InvalidField(
                f"points.{index} has {len(point)} numbers, layers.0.weights has {n} rows; "
                "each input needs one",
                f"points.{index}",
            )
    return wire.columns(request.points)


def _labels(request: CheckRequest) -> Array:
    task: Task = "classification" if request.layers[-1].activation == "sigmoid" else "regression"
    check_labels(request.labels, len(request.points), task, "labels")
    return np.array([request.labels])


def _claims(request: CheckRequest, network: nncore.Network, m: int) -> nncore.Claims:
    """What is claimed in the lecture's shapes, NaN where nothing is."""
    claimed, shapes = request.claimed, [layer.W.shape for layer in network.layers]
    gradients = [(g.weights, g.biases) if g else (None, None) for g in claimed.gradients or ()]
    for name, given in (("z", claimed.z), ("a", claimed.a), ("gradients", claimed.gradients)):
        if given is not None and len(given) != len(shapes):
            raise InvalidField(
                f"claimed.{name} must have {len(shapes)} entries, one for each layer; "
                f"it has {len(given)}",
                f"claimed.{name}",
            )

    def matrix(path: str, rows: Sequence[Sequence[float | None] | None] | None, shape: Any) -> Any:
        if rows is None:
            return None
        height, width = shape
        if len(rows) != height or any(row is not None and len(row) != width for row in rows):
            field = f"claimed.{path}"
            raise InvalidField(f"{field} must be {height} rows of {width}", field)
        full = [[None] * width if row is None else row for row in rows]
        return np.array(full, dtype=np.float64)

    def examples(name: str, given: Any) -> list[Any]:
        found = [
            matrix(f"{name}.{i}", rows, (m, n))
            for i, (rows, (_, n)) in enumerate(zip(given or (), shapes, strict=False))
        ]
        return [None if rows is None else rows.T for rows in found]

    dW = [
        matrix(f"gradients.{i}.weights", W, shape)
        for i, ((W, _), shape) in enumerate(zip(gradients, shapes, strict=False))
    ]
    db = [
        None if b is None else matrix(f"gradients.{i}.biases", [b], (1, n)).T
        for i, ((_, b), (_, n)) in enumerate(zip(gradients, shapes, strict=False))
    ]
    return nncore.Claims(examples("z", claimed.z), examples("a", claimed.a), claimed.cost, dW, db)


def _difference(first: nncore.Mismatch) -> dict[str, Any]:
    """A number that differs: where it is, counted from 0, and in a sentence, counted from 1."""
    name = first.quantity if first.layer is None else f"{first.quantity}[{first.layer}]"
    example = first.column if first.quantity in ("Z", "A") else None
    unit = {"J": None, "dW": first.column}.get(first.quantity, first.row)
    column = first.row if first.quantity == "dW" else None
    places = [("input", column), ("unit", unit), ("example", example)]
    where = " and ".join(f"{word} {index + 1}" for word, index in places if index is not None)
    return {
        "quantity": first.quantity,
        "layer": first.layer,
        "example": example,
        "unit": unit,
        "input": column,
        "claimed": first.claimed,
        "ours": first.ours,
        "detail": f"{name}{f' of {where}' if where else ''}: "
        f"yours is {first.claimed:.6g}, ours is {first.ours:.6g}.",
        "hint": first.hint,
    }
