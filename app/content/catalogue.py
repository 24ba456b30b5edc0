"""What the page gets at its start: the choices of nncore's tables, with their pictures.

Curves and points are nncore's own numbers; the page only draws them.
"""

from base64 import b64encode
from functools import cache
from typing import Any

import numpy as np
from pydantic import BaseModel

import nncore
from app import wire
from app.content.marks import PLANE
from app.content.presets import PRESETS
from app.schemas import (
    Initialization,
    NamedData,
    OwnData,
    Set,
    StopConditions,
    Training,
    TrainRequest,
)

# What the page calls them; a name in nncore's tables that is missing here is shown as it is.
ACTIVATION_LABELS = {"relu": "ReLU", "leaky_relu": "leaky ReLU"}
INITIALIZATION_LABELS = {"small_random": "random × 0.01", "xavier": "Xavier", "he": "He"}
OPTIMIZER_LABELS = {"gradient_descent": "gradient descent", "rmsprop": "RMSprop", "adam": "Adam"}
# 0.01 would be drawn as a flat line.
DRAWN_LEAKY_SLOPE = 0.1
LIMITS: dict[type[BaseModel], dict[str, str]] = {
    NamedData: {
        name: name for name in ("examples", "noise", "label_flips", "train_fraction", "seed")
    },
    OwnData: {"points": "points"},
    Initialization: {"scale": "scale"},
    Training: {name: name for name in ("learning_rate", "batch_size", "l1", "l2", "iterations")},
    StopConditions: {f"stop_{name}": name for name in ("cost", "accuracy", "patience")},
    Set: {"iterations_per_frame": "iterations_per_frame"},
}
"""What the page calls the fields of a plan that have bounds."""
DRAWN_LIMITS = {"hidden_layers": [0, 6], "units": [1, 16]}
"""Fewer than a plan may have: more of them can't be drawn."""
# How many pixels wide a feature's picture of the plane is.
MAP_SIZE = 32


@cache
def catalogue() -> dict[str, Any]:
    """The choices, their pictures, the defaults and the bounds of the page's controls."""
    return {
        "activations": [_activation(name) for name in nncore.ACTIVATIONS],
        "datasets": _datasets("classification"),
        "regression_datasets": _datasets("regression"),
        "features": [_feature(name) for name in nncore.FEATURES],
        "initializations": [
            {"name": name, "label": INITIALIZATION_LABELS.get(name, name)}
            for name in nncore.INITIALIZERS
        ],
        "optimizers": [
            {"name": name, "label": OPTIMIZER_LABELS.get(name, name)} for name in nncore.OPTIMIZERS
        ],
        "presets": [preset.words() for preset in PRESETS],
        "defaults": TrainRequest().model_dump(),
        "limits": {
            name: bounds(model, field)
            for model, fields in LIMITS.items()
            for name, field in fields.items()
        }
        | DRAWN_LIMITS,
    }


def bounds(model: type[BaseModel], field: str) -> list[float]:
    """The bounds of a field, as its schema has them; of a list, those of its length."""
    schema = model.model_json_schema()["properties"][field]
    for choice in schema.get("anyOf", [schema]):
        for lowest, highest in (
            ("minimum", "maximum"),
            ("exclusiveMinimum", "maximum"),
            ("minItems", "maxItems"),
        ):
            if lowest in choice and highest in choice:
                return [choice[lowest], choice[highest]]
    raise LookupError(field)


def _activation(name: str) -> dict[str, Any]:
    drawn = activation = nncore.ACTIVATIONS[name]
    if activation.slope is not None:
        drawn = nncore.leaky_relu(DRAWN_LEAKY_SLOPE)
    z = np.linspace(-4, 4, 81)
    return {
        "name": name,
        "label": ACTIVATION_LABELS.get(name, name),
        "slope": activation.slope,
        "z": z.round(3).tolist(),
        "g": drawn.g(z).round(4).tolist(),
        "g_prime": drawn.g_prime(z).round(4).tolist(),
    }


def _feature(name: str) -> dict[str, Any]:
    """A feature and its map over the page's plane: a byte a pixel, row 0 at the lower border."""
    X = nncore.Grid(PLANE, PLANE, MAP_SIZE, MAP_SIZE, (name,)).X
    values = np.rint(127.5 * (1 + X / np.abs(X).max())).astype(np.uint8)
    return {"name": name, "size": MAP_SIZE, "map": b64encode(values.tobytes()).decode("ascii")}


def _datasets(task: str) -> list[dict[str, Any]]:
    return [_dataset(dataset) for dataset in nncore.DATASETS.values() if dataset.task == task]


def _dataset(dataset: nncore.Dataset) -> dict[str, Any]:
    X, Y = dataset(80, 0.05, np.random.default_rng(5))
    return {
        "name": dataset.name,
        "description": dataset.description,
        "task": dataset.task,
        "sample": {"points": wire.rows(X.round(2)), "labels": wire.labels(Y, dataset.task)},
    }
