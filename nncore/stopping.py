"""When to stop early: conditions on the cost and the accuracy.

A `BestSoFar` is given J (and the accuracy) of one iteration after the other and says when the first
condition is met. It depends on these numbers alone, so it makes no difference in how many calls
the iterations are made.
"""

import math
from dataclasses import dataclass
from numbers import Real
from typing import Literal

Reason = Literal["cost", "accuracy", "no_progress"]

PROGRESS = 1e-4
"""J makes progress when it is this share below the best so far: 0.01 %."""


@dataclass(frozen=True)
class Stop:
    """Training stops as soon as one of these conditions is met. None is no condition.

    Attributes:
        cost: J is at most this; a number from 0 on.
        accuracy: The share of training examples in the right class is at least this; from 0 to 1.
            Only for classification.
        patience: J has made no `PROGRESS` for this many iterations; at least 1.

    Raises:
        ValueError: For a value out of its range, naming it.
    """

    cost: float | None = None
    accuracy: float | None = None
    patience: int | None = None

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value is not None and (isinstance(value, bool) or not isinstance(value, Real)):
                raise ValueError(f"{name} must be a number, not {value!r}")
        if self.cost is not None and not (math.isfinite(self.cost) and self.cost >= 0):
            raise ValueError(f"cost must be a finite number of at least 0, not {self.cost}")
        if self.accuracy is not None and not 0 <= self.accuracy <= 1:
            raise ValueError(f"accuracy must be from 0 to 1, not {self.accuracy}")
        if self.patience is not None and not (
            self.patience >= 1 and float(self.patience).is_integer()
        ):
            raise ValueError(f"patience must be a whole number of at least 1, not {self.patience}")

    def __bool__(self) -> bool:
        """Whether there is any condition."""
        return any(value is not None for value in (self.cost, self.accuracy, self.patience))


@dataclass(frozen=True)
class Stopped:
    """Which condition ended the training.

    Attributes:
        iteration: The first iteration that met it: so many updates were made.
        reason: The condition; "no_progress" is that of patience.
        detail: One plain sentence.
    """

    iteration: int
    reason: Reason
    detail: str


@dataclass(frozen=True)
class BestSoFar:
    """The best J up to now, and its iteration.

    Attributes:
        best: Infinity at the start.
        iteration: The last one that made progress.
    """

    best: float = math.inf
    iteration: int = 0

    def seen(
        self, stop: Stop, iteration: int, J: float, accuracy: float | None
    ) -> "tuple[BestSoFar, Stopped | None]":
        """The same after one more iteration, and a `Stopped` if that meets a condition."""
        best = self
        if self.best * (1 - PROGRESS) > J:
            best = BestSoFar(best=J, iteration=iteration)
        reason, detail = best._met(stop, iteration, J, accuracy)
        return best, None if reason is None else Stopped(iteration, reason, detail)

    def _met(
        self, stop: Stop, iteration: int, J: float, accuracy: float | None
    ) -> tuple[Reason | None, str]:
        if stop.cost is not None and stop.cost >= J:
            return "cost", f"The training cost is {J:.4g}, at most {stop.cost:g} as asked."
        if stop.accuracy is not None and accuracy is not None and accuracy >= stop.accuracy:
            wanted = f"at least {stop.accuracy:.4g} as asked"
            return "accuracy", f"The training accuracy is {accuracy:.4g}, {wanted}."
        if stop.patience is not None and iteration - self.iteration >= stop.patience:
            return "no_progress", (
                f"The training cost has not improved for {stop.patience:,} iterations: "
                f"its best is still the {self.best:.4g} of iteration {self.iteration:,}."
            )
        return None, ""
