"""Toy datasets in the plane, a row each: X is 2 × m within [-6, 6], Y is 1 × m.

A classification set has as many points of class 0 as of class 1, or one more. In **any** prefix of
it the two numbers differ by at most one, so that any split is fair. Noise moves every point at
random. A point that would leave the square is reflected at its border; clipping would pile points
up there. In a regression set the noise is on the targets.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

LIMIT = 6.0
"""Every coordinate lies in [-LIMIT, LIMIT]."""

_POINT_NOISE = 2.0  # standard deviation, per coordinate, of a point's displacement at noise 1
_TARGET_NOISE = 0.5  # standard deviation of a target's displacement at noise 1

Array = NDArray[np.float64]
Points = Callable[[int, np.random.Generator], Array]


@dataclass(frozen=True)
class Dataset:
    """A recipe for points and their labels: call it as ``dataset(examples, noise, rng)``.

    Attributes:
        name: The name in `DATASETS`.
        description: One plain line for a student.
        task: "classification" (Y is 0 or 1) or "regression" (Y is a real number).
    """

    name: str
    description: str
    task: Literal["classification", "regression"]
    _make: Callable[[int, float, np.random.Generator], tuple[Array, Array]] = field(
        compare=False, repr=False
    )

    def __call__(
        self, examples: int, noise: float, rng: np.random.Generator
    ) -> tuple[Array, Array]:
        """Draw the examples.

        Args:
            examples: m, at least 2.
            noise: From 0 (clean classes) to 1.
            rng: Where the randomness comes from.

        Returns:
            X (2 × m, within [-6, 6]) and Y (1 × m).

        Raises:
            ValueError: If examples or noise is out of its range.

        >>> X, Y = DATASETS["circle"](200, 0.1, np.random.default_rng(0))
        >>> X.shape, Y.shape, int(Y.sum())
        ((2, 200), (1, 200), 100)
        """
        if examples < 2:
            raise ValueError(f"examples must be at least 2, not {examples}")
        if not 0 <= noise <= 1:
            raise ValueError(f"noise must be from 0 to 1, not {noise}")
        return self._make(examples, noise, rng)


def _classification(name: str, description: str, class_0: Points, class_1: Points) -> Dataset:
    def make(examples: int, noise: float, rng: np.random.Generator) -> tuple[Array, Array]:
        pairs = examples // 2
        zeros, ones = class_0(examples - pairs, rng), class_1(pairs, rng)
        X, Y = np.empty((2, examples)), np.empty((1, examples))
        # Every pair of columns has one point of each class; a coin decides which comes first.
        first = rng.integers(0, 2, pairs)
        columns = 2 * np.arange(pairs)
        X[:, columns + first], Y[:, columns + first] = ones, 1
        X[:, columns + 1 - first], Y[:, columns + 1 - first] = zeros[:, :pairs], 0
        X[:, 2 * pairs :], Y[:, 2 * pairs :] = zeros[:, pairs:], 0
        X += _POINT_NOISE * noise * rng.standard_normal(X.shape)
        return _reflected(X), Y

    return Dataset(name, description, "classification", make)


def _regression(name: str, description: str, target: Callable[[Array], Array]) -> Dataset:
    def make(examples: int, noise: float, rng: np.random.Generator) -> tuple[Array, Array]:
        X = rng.uniform(-LIMIT, LIMIT, (2, examples))
        Y = target(X) + _TARGET_NOISE * noise * rng.standard_normal((1, examples))
        return X, Y

    return Dataset(name, description, "regression", make)


def _reflected(X: Array) -> Array:
    """X folded into [-LIMIT, LIMIT], as between two mirrors."""
    return LIMIT - np.abs((X + LIMIT) % (4 * LIMIT) - 2 * LIMIT)


def _polar(radius: Array, angle: Array) -> Array:
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)])


def _ring(inner: float, outer: float) -> Points:
    """Evenly spread over the ring between two radii."""

    def points(examples: int, rng: np.random.Generator) -> Array:
        radius = np.sqrt(rng.uniform(inner**2, outer**2, examples))
        return _polar(radius, rng.uniform(0, 2 * np.pi, examples))

    return points


def _quadrants(sign: int) -> Points:
    """Evenly spread over the two opposite quadrants where x1 · x2 has this sign, off the axes."""

    def points(examples: int, rng: np.random.Generator) -> Array:
        X = rng.uniform(0.4, 5.6, (2, examples))
        X *= rng.choice([-1, 1], examples)
        X[1] *= sign
        return X

    return points


def _cloud(center: float) -> Points:
    """A Gaussian cloud around (center, center), without its tails beyond three deviations."""
    deviation = 0.9
    inside = 1 - np.exp(-(3**2) / 2)

    def points(examples: int, rng: np.random.Generator) -> Array:
        radius = deviation * np.sqrt(-2 * np.log1p(-inside * rng.random(examples)))
        return center + _polar(radius, rng.uniform(0, 2 * np.pi, examples))

    return points


def _arm(turned: float) -> Points:
    """One arm of a spiral: 1¼ turns from near the centre outwards."""

    def points(examples: int, rng: np.random.Generator) -> Array:
        along = np.sqrt(rng.uniform(0.02, 1, examples))
        return _polar(5.6 * along, turned + 2.5 * np.pi * along)

    return points


def _moon(side: int) -> Points:
    """A half circle, and (side −1) its mirror image: each has its tip in the other's hollow."""

    def points(examples: int, rng: np.random.Generator) -> Array:
        X = _polar(np.full(examples, 3.4), rng.uniform(0, np.pi, examples))
        X += np.array([[-1.7], [-0.7]])
        X *= side
        return X

    return points


def _petals(first: int) -> Points:
    """Every other one of six petals around the centre."""

    def points(examples: int, rng: np.random.Generator) -> Array:
        petal = first + 2 * rng.integers(0, 3, examples)
        across = rng.uniform(0.15, 0.85, examples)
        radius = 5.6 * np.sin(np.pi * across) * np.sqrt(rng.uniform(0.05, 1, examples))
        return _polar(radius, np.pi / 3 * (petal + across))

    return points


def _slope(X: Array) -> Array:
    return (X[:1] + X[1:]) / (2 * LIMIT)


def _hills(X: Array) -> Array:
    """Six hills and hollows of width 2 on a ring."""
    angle = np.pi / 3 * np.arange(6)
    centers = 4 * np.stack([np.cos(angle), np.sin(angle)])
    squared_distance = np.sum((X[:, :, np.newaxis] - centers[:, np.newaxis]) ** 2, axis=0)
    heights: Array = np.exp(-squared_distance / 4) @ (-1.0) ** np.arange(6)
    return heights[np.newaxis]


DATASETS: Mapping[str, Dataset] = MappingProxyType(
    {
        dataset.name: dataset
        for dataset in (
            _classification(
                "circle",
                "A disc inside a ring: no straight line tells them apart.",
                _ring(4.2, 5.8),
                _ring(0, 2.9),
            ),
            _classification(
                "xor",
                "Opposite quadrants belong together: the classic case for a hidden layer.",
                _quadrants(-1),
                _quadrants(1),
            ),
            _classification(
                "gauss",
                "Two round clouds: logistic regression is enough.",
                _cloud(-2.4),
                _cloud(2.4),
            ),
            _classification(
                "spiral",
                "Two arms wound around each other: needs many units or a second hidden layer.",
                _arm(0),
                _arm(np.pi),
            ),
            _classification(
                "moons",
                "Two half moons, each with a tip in the other's hollow.",
                _moon(1),
                _moon(-1),
            ),
            _classification(
                "flower",
                "Six petals, alternately of either class.",
                _petals(0),
                _petals(1),
            ),
            _regression(
                "plane",
                "A slope: the target rises evenly from one corner to the other.",
                _slope,
            ),
            _regression(
                "bumps",
                "Three hills and three hollows on a ring.",
                _hills,
            ),
        )
    }
)
