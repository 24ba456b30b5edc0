"""From the gradient to the update, a row each, in order of complexity.

An optimizer is an `init` and an `update`. `init` makes the arrays that it remembers, in the shape
of the parameters. `update` turns the gradient, in place, into what is subtracted from the
parameters, and updates the remembered arrays. All arrays have one shape, whatever it is.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from .activations import FloatArray

Memory = tuple[FloatArray, ...]


@dataclass(frozen=True)
class Optimizer:
    """A way to go downhill.

    Attributes:
        name: The name in `OPTIMIZERS`.
        memories: How many arrays it remembers.
        update: (gradient, memory, learning_rate, iteration, scratch) -> None. The learning rate
            is an array of one number or in the shape of the parameters, iterations count from 0,
            and scratch is an array to work in.
    """

    name: str
    memories: int
    update: Callable[[FloatArray, Memory, FloatArray, int, FloatArray], None]

    def init(self, parameters: FloatArray) -> Memory:
        """The memory before the first update: zeros in the shape of the parameters."""
        return tuple(np.zeros_like(parameters) for _ in range(self.memories))


def _gradient_descent(
    gradient: FloatArray, memory: Memory, rate: FloatArray, iteration: int, scratch: FloatArray
) -> None:
    """The lecture's: θ := θ − α g, where g is the gradient."""
    np.multiply(gradient, rate, gradient)


def _momentum(
    gradient: FloatArray, memory: Memory, rate: FloatArray, iteration: int, scratch: FloatArray
) -> None:
    """A ball that keeps rolling: v := 0.9 v + g, θ := θ − α v.

    Polyak 1964, https://doi.org/10.1016/0041-5553(64)90137-5
    """
    (v,) = memory
    np.multiply(v, 0.9, v)
    np.add(v, gradient, v)
    np.multiply(v, rate, gradient)


def _rmsprop(
    gradient: FloatArray, memory: Memory, rate: FloatArray, iteration: int, scratch: FloatArray
) -> None:
    """Steps in units of the recent size of g: s := 0.9 s + 0.1 g², θ := θ − α g/√s.

    Tieleman & Hinton 2012, https://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf
    """
    (s,) = memory
    _decay(s, 0.9, np.square(gradient, scratch))
    np.sqrt(s, scratch)
    np.add(scratch, 1e-8, scratch)
    np.divide(gradient, scratch, gradient)
    np.multiply(gradient, rate, gradient)


def _adam(
    gradient: FloatArray, memory: Memory, rate: FloatArray, iteration: int, scratch: FloatArray
) -> None:
    """Momentum and RMSProp together, corrected for starting from zero.

    Kingma & Ba 2015, algorithm 1, https://arxiv.org/abs/1412.6980
    """
    v, s = memory
    updates = iteration + 1
    _decay(s, 0.999, np.square(gradient, scratch))
    _decay(v, 0.9, gradient)
    np.divide(s, 1 - 0.999**updates, scratch)
    np.sqrt(scratch, scratch)
    np.add(scratch, 1e-8, scratch)
    np.divide(v, 1 - 0.9**updates, gradient)
    np.divide(gradient, scratch, gradient)
    np.multiply(gradient, rate, gradient)


def _decay(mean: FloatArray, keep: float, value: FloatArray) -> None:
    """mean := keep · mean + (1 − keep) · value, in place; consumes the value."""
    np.multiply(value, 1 - keep, value)
    np.multiply(mean, keep, mean)
    np.add(mean, value, mean)


OPTIMIZERS: Mapping[str, Optimizer] = MappingProxyType(
    {
        optimizer.name: optimizer
        for optimizer in (
            Optimizer("gradient_descent", 0, _gradient_descent),
            Optimizer("momentum", 1, _momentum),
            Optimizer("rmsprop", 1, _rmsprop),
            Optimizer("adam", 2, _adam),
        )
    }
)


def optimizer_named(name: str) -> Optimizer:
    """The optimizer of that name.

    Raises:
        ValueError: If there is none.
    """
    if name not in tuple(OPTIMIZERS):  # a list can't be looked up in a table
        raise ValueError(f"unknown optimizer {name!r}; known: {', '.join(OPTIMIZERS)}")
    return OPTIMIZERS[name]
