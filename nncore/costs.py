"""The loss that belongs to each output activation, computed from the logits Z[L].

`backward` starts from dZ[L] = A[L] − Y. That holds only for the pairs in `LOSSES`, in which the
loss is the negative log-likelihood whose mean the output activation models:

- sigmoid with cross-entropy: ∂L/∂z = (−y/a + (1 − y)/(1 − a)) · a (1 − a) = a − y (the lecture);
- linear with half the squared error: ∂L/∂z = ∂ ½ (z − y)² / ∂z = z − y = a − y.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from .activations import Activation, FloatArray


@dataclass(frozen=True)
class Loss:
    """The loss of one example, from its logits.

    Attributes:
        task: "classification" (labels 0 and 1) or "regression" (any finite target).
        of_logits: (Z[L], Y), both n[L] × m -> the loss of each unit and example, n[L] × m.
        why: Why dZ[L] = A[L] − Y.
    """

    task: str
    of_logits: Callable[[FloatArray, FloatArray], FloatArray]
    why: str


def _cross_entropy(Z: FloatArray, Y: FloatArray) -> FloatArray:
    # −y log σ(z) − (1 − y) log(1 − σ(z)) = log(1 + e^z) − y z; and
    # log(1 + e^z) = max(0, z) + log(1 + e^−|z|) has no positive exponent, so it cannot overflow.
    return np.maximum(0, Z) - Y * Z + np.log1p(np.exp(-np.abs(Z)))


def _half_squared_error(Z: FloatArray, Y: FloatArray) -> FloatArray:
    return (Z - Y) ** 2 / 2


LOSSES: Mapping[str, Loss] = MappingProxyType(
    {
        "sigmoid": Loss(
            "classification",
            _cross_entropy,
            "(−y/a + (1 − y)/(1 − a)) · a (1 − a) = a − y",
        ),
        "linear": Loss(
            "regression",
            _half_squared_error,
            "∂ ½ (z − y)² / ∂z = z − y, and a = z",
        ),
    }
)


def mean(values: FloatArray) -> float:
    """The mean of finite numbers. It is infinite only if it is itself beyond the largest float."""
    with np.errstate(over="ignore"):
        direct = float(np.mean(values))
        # The sum can be too large for a float although the mean is not.
        return direct if np.isfinite(direct) else float(np.sum(values / values.size))


def loss_for(output: Activation) -> Loss:
    """The loss that belongs to an output activation.

    Raises:
        ValueError: If there is none. Such a network can predict, but cannot be trained.
    """
    if output.name not in LOSSES:
        raise ValueError(
            f"no loss goes with the output activation {output.name!r}; "
            f"the output layer must be one of: {', '.join(LOSSES)}"
        )
    return LOSSES[output.name]
