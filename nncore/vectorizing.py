"""Why the lecture writes one column per example: the same layer by loops, and as one product."""

import numpy as np
from numpy.typing import ArrayLike

from .activations import FloatArray


def by_loop(W: ArrayLike, b: ArrayLike, X: ArrayLike) -> FloatArray:
    """Z of one layer in plain Python: one example, one unit and one input at a time.

    Args:
        W: n_in × n_out.
        b: n_out × 1.
        X: n_in × m.

    Returns:
        Z = W.T X + b, n_out × m.
    """
    weights, biases, examples = (np.asarray(array).tolist() for array in (W, b, X))
    Z = [[0.0] * len(examples[0]) for _ in biases]
    for i in range(len(examples[0])):
        for j, (bias,) in enumerate(biases):
            z = bias
            for k in range(len(examples)):
                z += weights[k][j] * examples[k][i]
            Z[j][i] = z
    return np.array(Z)


def by_product(W: FloatArray, b: FloatArray, X: FloatArray) -> FloatArray:
    """The same Z = W.T X + b as one matrix product; b is repeated for each column.

    >>> W, b, X = np.array([[1.0], [2.0]]), np.array([[0.5]]), np.array([[1.0, 3.0], [2.0, 4.0]])
    >>> by_product(W, b, X), by_loop(W, b, X)
    (array([[ 5.5, 11.5]]), array([[ 5.5, 11.5]]))
    """
    Z: FloatArray = W.T @ X + b
    return Z
