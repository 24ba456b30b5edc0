"""What the children of the pool can do: a table of functions, by name.

Each takes plain data and gives a value, or the bytes and texts of a file one after the other. This
module imports no web, and imports what only some of them need when they need it.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import to_json

import nncore
from app import wire
from app.errors import InvalidField, InvalidJson
from app.exports.files import FILES
from app.exports.parameters import network_json, read, written
from app.exports.text import Parts, an_object, numbers
from app.numbers import Decimal
from app.reading import read_json
from app.schemas import CheckRequest, PredictRequest, Task, VectorizingRequest
from app.training.checkpoints import Record, Source
from app.training.examples import flip_labels
from app.training.run import Model
from app.training.session import Session

LIGHT = 2_000
"""Numbers, in or out, that are not worth the way to a child."""
BEST_OF = 3
LONG_ENOUGH = 0.05
"""Seconds: what takes longer is timed once, since chance is then a small part of it."""


def record_of(source: Source) -> Record:
    """A run; one that was kept is restored, which draws its points again."""
    if isinstance(source, Record):
        return source
    checkpoint, run = source
    return Session.restore(checkpoint).record(run)


def model_of(source: Model | Source) -> Model:
    """The network of a run, and what it wants to be given."""
    if isinstance(source, Model):
        return source
    record = record_of(source)
    return Model(record.network, record.examples.features, record.examples.task)


# -- the work -------------------------------------------------------------------------------


def parse(model: type[BaseModel], body: bytes) -> BaseModel:
    """The body of a request.

    Raises:
        InvalidJson: it is not JSON.
        InvalidField: it is not what it should be.
    """
    try:
        content = read_json(body)
    except ValueError as error:
        raise InvalidJson(f"the body is not JSON: {error}") from None
    try:
        return TypeAdapter(model).validate_python(content)
    except ValidationError as error:
        raise InvalidField.from_pydantic(error.errors(include_url=False)) from None


def file(path: str, source: Source, options: Mapping[str, Any]) -> Parts:
    """A run as a file to take away."""
    return iter(FILES[path].make(record_of(source), **options))


def costs(values: NDArray[np.float64]) -> Parts:
    """The costs of a run."""
    return an_object(first_iteration=0, costs=numbers(values))


def network(source: Model | Source) -> Parts:
    """The network of a run."""
    return network_json(model_of(source).network)


def predict(source: Model | Source, request: PredictRequest) -> Parts:
    """What a run's network makes of points.

    Raises:
        InvalidField: a point is not of the run's kind, or leads beyond the largest float.
    """
    model = model_of(source)
    if request.points.width != model.point_size:
        raise InvalidField(
            f"points.0 has {request.points.width} numbers; "
            f"the points of this run have {model.point_size}",
            "points.0",
        )
    Y_hat = _in_parts(model, wire.columns(request.points.rows))
    if (beyond := np.flatnonzero(~np.isfinite(Y_hat))).size:
        field = f"points.{beyond[0]}"
        raise InvalidField(
            f"{field} leads to numbers too large to compute with, as the weights of this run are "
            "those of one about to diverge: take a point nearer to 0, or a run with a smaller "
            "learning_rate",
            field,
        )
    if model.task == "regression":
        return an_object(values=numbers(Y_hat))
    return an_object(probabilities=numbers(Y_hat), labels=numbers((Y_hat >= 0.5).astype(int)))


def _in_parts(model: Model, X: NDArray[np.float64]) -> NDArray[np.float64]:
    """ŷ of points, some at a time: all layers of all at once could take hundreds of megabytes."""
    step = max(1, 500_000 // sum(model.network.layer_sizes))
    parts = [model.predict(X[:, start : start + step]) for start in range(0, X.shape[1], step)]
    return np.concatenate(parts, axis=1).ravel()


def dataset(name: str, examples: int, noise: float, label_flips: float, seed: int) -> Parts:
    """Points of a dataset."""
    drawn = nncore.DATASETS[name]
    X, Y = drawn(examples, noise, np.random.default_rng(seed))
    flip_labels(Y, label_flips, seed)
    return an_object(
        name=name,
        examples=examples,
        noise=noise,
        label_flips=label_flips,
        seed=seed,
        points=wire.rows(X),
        labels=wire.labels(Y, drawn.task),
    )


def check(request: CheckRequest) -> Parts:
    """A calculation by hand, compared with ours."""
    from app.training import microscope

    return iter((to_json(microscope.check(request), inf_nan_mode="null"),))


def vectorizing(request: VectorizingRequest) -> Parts:
    """The same Z computed twice, timed; seconds are the best of a few."""
    rng = np.random.default_rng(0)
    W = rng.normal(size=(request.inputs, request.units))
    b = rng.normal(size=(request.units, 1))
    X = rng.normal(size=(request.inputs, request.examples))
    loop, loop_seconds = _timed(lambda: nncore.by_loop(W, b, X))
    product, product_seconds = _timed(lambda: nncore.by_product(W, b, X))
    return an_object(
        **request.model_dump(),
        loop_seconds=loop_seconds,
        product_seconds=product_seconds,
        ratio=loop_seconds / product_seconds,
        equal=bool(np.allclose(loop, product, rtol=1e-9, atol=1e-9)),
    )


def _timed(compute: Callable[[], Any]) -> tuple[Any, float]:
    best, took = np.inf, 0.0
    for _ in range(BEST_OF):
        start = time.perf_counter()
        result = compute()
        seconds = time.perf_counter() - start
        best, took = min(best, seconds), took + seconds
        if took > LONG_ENOUGH:
            break
    return result, max(float(best), 1e-9)


def parameters(body: bytes, form: str) -> Parts:
    """A file of parameters that was sent up."""
    return written(read(body, form))


def table(
    body: bytes,
    columns: tuple[int, int, int] | None,
    task: Task,
    fit: bool,
    header: bool | None = None,
    decimal: Decimal | None = None,
    classes: tuple[str | None, str | None] = (None, None),
) -> Parts:
    """A table that was sent up: what is in it, or the points of three of its columns."""
    from app.exports import dialects, text_tables

    encoding = dialects.encoding_of(body)
    try:
        parsed = dialects.parse(dialects.decode(body), header=header, decimal=decimal)
    except ValueError as error:
        raise InvalidField(f"this is not a table: {error}", "table") from None
    if columns is None:
        return iter((to_json(text_tables.preview(parsed, encoding)),))
    return iter((to_json(text_tables.points(parsed, *columns, task, fit, *classes)),))


def qr(address: str) -> Parts:
    """An address as a QR code."""
    from app.exports import qr

    return iter((qr.svg(address),))


def results(rows: Mapping[str, str]) -> Parts:
    """What a class has answered and solved, from its room's rows."""
    from app.classroom.results import results_csv
    from app.classroom.rows import state_of
    from app.classroom.state import Now
    from app.classroom.views import link_of

    return iter((results_csv(state_of(rows, Now(0, 0)), link_of),))


WORK: Mapping[str, Callable[..., Any]] = {
    work.__name__: work
    for work in (
        parse,
        file,
        costs,
        network,
        predict,
        dataset,
        check,
        vectorizing,
        parameters,
        table,
        qr,
        results,
    )
}
