"""Features of a point in the plane, by name: the rows of X for a network."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike

from .activations import FloatArray

Feature = Callable[[FloatArray, FloatArray], FloatArray]

FEATURES: Mapping[str, Feature] = MappingProxyType(
    {
        "x1": lambda x1, x2: x1,
        "x2": lambda x1, x2: x2,
        "x1_squared": lambda x1, x2: x1**2,
        "x2_squared": lambda x1, x2: x2**2,
        "x1_x2": lambda x1, x2: x1 * x2,
        "sin_x1": lambda x1, x2: np.sin(x1),
        "sin_x2": lambda x1, x2: np.sin(x2),
    }
)
"""Name -> the feature as a function of the coordinates x1 and x2 (each of shape m)."""

PLAIN = ("x1", "x2")
"""The features that leave a point as it is."""


def featurize(X: ArrayLike, features: Sequence[str] = PLAIN) -> FloatArray:
    """The features of each point, one row per feature in the order of their names.

    Args:
        X: 2 × m, one point per column.
        features: Names in `FEATURES`, at least one.

    Returns:
        len(features) × m, the input of a network with as many inputs.

    Raises:
        ValueError: For an unknown or repeated name, for none at all, or if X is not 2 × m.

    >>> featurize([[2.0], [3.0]], ["x1", "x1_squared", "x1_x2"])
    array([[2.],
           [4.],
           [6.]])
    """
    unknown = [name for name in features if name not in FEATURES]
    if unknown:
        raise ValueError(f"unknown features {unknown}; known: {', '.join(FEATURES)}")
    if len(features) == 0 or len(set(features)) < len(features):
        raise ValueError(f"features must be one or more different names, not {list(features)}")
    X = np.asarray(X)
    if not np.issubdtype(X.dtype, np.floating):
        X = X.astype(np.float64)
    if X.ndim != 2 or X.shape[0] != 2:
        raise ValueError(f"X must be 2 × m, not {X.shape}")
    return np.stack([FEATURES[name](X[0], X[1]) for name in features])
