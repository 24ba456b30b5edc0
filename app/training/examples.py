"""The points of a session, and what a network is given of them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

import nncore
from app import wire
from app.schemas import NamedData, OwnData, Task
from app.wire import Array


@dataclass(frozen=True)
class Examples:
    """The points of a session in the lecture's shapes, and which of them are held out.

    Attributes:
        points: The points as they were drawn or given, one column each.
        X: What a network is given of them, n[0] × m.
        Y: 1 × m.
        train: Which columns are trained on.
        test: Which are held out.
        features: The names of X's rows, if they are features of points in the plane.
        task: What is to be learnt.
    """

    points: Array
    X: Array
    Y: Array
    train: NDArray[np.intp]
    test: NDArray[np.intp]
    features: tuple[str, ...] | None
    task: Task

    @classmethod
    def of(cls, data: NamedData | OwnData) -> "Examples":
        """Draw or take the points, flip labels, and split; each has its own stream of the seed."""
        if isinstance(data, NamedData):
            rng = np.random.default_rng(data.seed)
            points, Y = nncore.DATASETS[data.dataset](data.examples, data.noise, rng)
            flip_labels(Y, data.label_flips, data.seed)
        else:
            points = wire.columns(data.points.rows)
            Y = wire.columns([[y] for y in data.labels])
        features = None if data.features is None else tuple(data.features)
        if features is None and len(points) == 2:
            features = ("x1", "x2")
        X = inputs(points, features)
        m = X.shape[1]
        rng = np.random.default_rng([data.seed, 1])
        # Each of one's own points draws a number: one more point moves hardly any other.
        order = rng.permutation(m) if isinstance(data, NamedData) else np.argsort(rng.random(m))
        cut = min(m, max(1, round(m * data.train_fraction)))
        return cls(points, X, Y, np.sort(order[:cut]), np.sort(order[cut:]), features, data.task)

    @cached_property
    def largest_target(self) -> float:
        """The scale of a regression's pictures."""
        return float(np.abs(self.Y).max()) or 1.0

    @property
    def scale(self) -> tuple[float, float]:
        """What the bytes 0 and 255 of a boundary stand for."""
        largest = self.largest_target
        return (0.0, 1.0) if self.task == "classification" else (-largest, largest)


def flip_labels(Y: Array, share: float, seed: int) -> None:
    """Turn a share of labels into the other class, in place; they have their own stream."""
    flipped = np.random.default_rng([seed, 2]).permutation(Y.size)[: round(share * Y.size)]
    Y[:, flipped] = 1 - Y[:, flipped]


def inputs(points: Array, features: tuple[str, ...] | None) -> Array:
    """What a network is given of points, n[0] × m: features of them, or the points as they are."""
    if features is None:
        return points
    return np.asarray(nncore.featurize(points, features), np.float64)
