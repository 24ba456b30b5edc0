"""From the gradient to the update, a row each, in order of complexity.

An optimizer is an `init` and an `update` pair. `init` makes the arrays it remembers, one zero per
parameter; `update(gradient, state, learning_rate, iteration)` turns the gradient, in place, into
what is to be subtracted from the parameters, and brings the state up to date. Arrays are of any
one shape; `learning_rate` is a number or an array of that shape; iterations count from 0.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from nncore.activations import FloatArray

State = tuple[FloatArray, ...]
Rate = float | FloatArray


@dataclass(frozen=True)
class Optimizer:
    """A way to go downhill.

    Attributes:
        name: The name in `OPTIMIZERS`.
        description: One plain line.
        memories: How many arrays of the parameters' shape it remembers.
        update: (gradient, state, learning_rate, iteration) -> None; see the module.
    """

    name: str
    description: str
    memories: int
    update: Callable[[FloatArray, State, Rate, int], None]

    def init(self, parameters: FloatArray) -> State:
        """The state before the first update: zeros in the shape of the parameters."""
        return tuple(np.zeros_like(parameters) for _ in range(self.memories))


def _gradient_descent(
    gradient: FloatArray, state: State, learning_rate: Rate, iteration: int
) -> None:
    np.multiply(gradient, learning_rate, gradient)


OPTIMIZERS: Mapping[str, Optimizer] = MappingProxyType(
    {
        optimizer.name: optimizer
        for optimizer in (
            Optimizer(
                "gradient_descent",
                "The lecture's: θ := θ − α ∂J/∂θ.",
                0,
                _gradient_descent,
            ),
        )
    }
)


def optimizer_named(name: str) -> Optimizer:
    """The optimizer of that name.

    Raises:
        ValueError: If there is none.
    """
    if name not in OPTIMIZERS:
        raise ValueError(f"unknown optimizer {name!r}; known: {', '.join(OPTIMIZERS)}")
    return OPTIMIZERS[name]
