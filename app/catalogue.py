"""What the page is told at its start: the choices of nncore's tables, with their pictures.

Curves and points are nncore's own numbers; the page only draws them.
"""

from functools import cache
from typing import Any

import numpy as np

import nncore
from app import wire
from app.schemas import TrainRequest

# What the page calls them; a name in nncore's tables that is missing here is shown as it is.
ACTIVATION_LABELS = {"relu": "ReLU", "leaky_relu": "leaky ReLU"}
INITIALIZATION_LABELS = {"small_random": "random × 0.01", "xavier": "Xavier", "he": "He"}
# 0.01 would be drawn as a flat line.
DRAWN_LEAKY_SLOPE = 0.1


@cache
def catalogue() -> dict[str, Any]:
    """The choices, their pictures, the defaults and the bounds of the page's controls."""
    return {
        "activations": [_activation(name) for name in nncore.ACTIVATIONS],
        "datasets": [
            _dataset(dataset)
            for dataset in nncore.DATASETS.values()
            if dataset.task == "classification"
        ],
        "initializations": [
            {"name": name, "label": INITIALIZATION_LABELS.get(name, name)}
            for name in nncore.INITIALIZERS
        ],
        "defaults": TrainRequest().model_dump(),
        "limits": {
            "examples": [10, 5_000],
            "noise": [0, 1],
            "train_fraction": [0.1, 1],
            "seed": [0, 2**32 - 1],
            "hidden_layers": [0, 6],
            "units": [1, 16],
            "learning_rate": [0.00001, 100],
            "iterations_per_frame": [1, 1_000],
            "iterations": [1, 1_000_000],
        },
    }


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


def _dataset(dataset: nncore.Dataset) -> dict[str, Any]:
    X, Y = dataset(80, 0.05, np.random.default_rng(5))
    return {
        "name": dataset.name,
        "description": dataset.description,
        "task": dataset.task,
        "sample": {"points": wire.rows(X.round(2)), "labels": wire.labels(Y, dataset.task)},
    }
