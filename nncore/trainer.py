"""Training one network, step by step: the caller owns the loop."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from nncore.diagnostics import LayerDiagnostics, diagnose
from nncore.engine import Engine, Snapshot
from nncore.network import Network


@dataclass(frozen=True)
class Divergence:
    """Why training stopped for good.

    Attributes:
        iteration: The first iteration whose cost or parameters are not finite.
        reason: One plain sentence.
    """

    iteration: int
    reason: str


class Trainer:
    """Trains a network on the same examples, a number of iterations at a time.

    >>> from nncore import DATASETS, initialize
    >>> rng = np.random.default_rng(0)
    >>> X, Y = DATASETS["circle"](200, 0.1, rng)
    >>> network = initialize([2, 4, 1], ["tanh", "sigmoid"], rng=rng)
    >>> trainer = Trainer(network, X, Y, learning_rate=0.3)
    >>> costs = trainer.step(2000)
    >>> costs.shape, trainer.iteration, bool(trainer.cost() < 0.1 < costs[0])
    ((2000,), 2000, True)

    Args:
        network: Where to start; it is not changed. Its output is a sigmoid (then Y is 0 or 1)
            or linear (then Y is any number).
        X: n[0] × m, one column per example.
        Y: n[L] × m.
        learning_rate: α, a finite number > 0.
        optimizer: A name in `OPTIMIZERS`.
        batch_size: Examples per update; None for all of them, as in the lecture. Mini-batches
            are reshuffled every epoch, and the last one of an epoch has what is left.
        batch_seed: Determines the order of the examples, epoch by epoch.
        l1: Adds l1 · Σ|w| over all weights (no biases) to what is minimised; ≥ 0.
        l2: Adds ½ · l2 · Σw² over all weights (no biases) to what is minimised; ≥ 0.
        dtype: `numpy.float64`, or `numpy.float32`: twice as fast, six digits.

    Raises:
        ValueError: For an argument out of its range, naming it.
    """

    def __init__(
        self,
        network: Network,
        X: ArrayLike,
        Y: ArrayLike,
        *,
        learning_rate: float,
        optimizer: str = "gradient_descent",
        batch_size: int | None = None,
        batch_seed: int = 0,
        l1: float = 0.0,
        l2: float = 0.0,
        dtype: DTypeLike = np.float64,
    ) -> None:
        self._engine = Engine(
            [network],
            (),
            X,
            Y,
            optimizer=optimizer,
            batch_size=batch_size,
            batch_seed=batch_seed,
            dtype=dtype,
        )
        self._X, self._Y = np.array(X), np.array(Y)
        self.learning_rate = learning_rate
        self.l1 = l1
        self.l2 = l2
        self._diverged: Divergence | None = None
        self._cost: float | None = None

    @property
    def network(self) -> Network:
        """The network as trained so far: a copy, which later steps leave alone."""
        return self._engine.network()

    @property
    def iteration(self) -> int:
        """How many updates have been made."""
        return self._engine.iteration

    @property
    def diverged(self) -> Divergence | None:
        """Why training stopped, or None. The network is the last one whose cost was finite."""
        return self._diverged

    @property
    def learning_rate(self) -> float:
        """α, which may be set between steps."""
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        self._learning_rate = checked_rate(value)
        self._engine.set_rate(self._learning_rate)

    @property
    def l1(self) -> float:
        """The L1 penalty, which may be set between steps."""
        return self._engine.l1

    @l1.setter
    def l1(self, value: float) -> None:
        self._engine.l1 = checked_penalty("l1", value)

    @property
    def l2(self) -> float:
        """The L2 penalty, which may be set between steps."""
        return self._engine.l2

    @l2.setter
    def l2(self, value: float) -> None:
        self._engine.l2 = checked_penalty("l2", value)

    @property
    def penalty(self) -> float:
        """What L1 and L2 add to J at the moment: l1 Σ|w| + ½ l2 Σw². `step` reports J without."""
        return float(self._engine.penalty())

    def cost(self) -> float:
        """J on all examples with the current parameters (the data term, without the penalty)."""
        if self._cost is None:
            with np.errstate(all="ignore"):
                self._cost = float(self._engine.cost())
        return self._cost

    def step(self, n: int = 1) -> NDArray[np.float64]:
        """Make n updates.

        An update that leads to a cost or a parameter that is not finite is undone, and ends the
        training for good: `diverged` says so. How the iterations are sliced into calls changes
        nothing, to the last bit.

        Args:
            n: How many, at least 1.

        Returns:
            The n costs: J of each iteration **before** its update (with mini-batches, J on that
            iteration's batch). Fewer if training diverges or has diverged: the finite ones.

        Raises:
            ValueError: If n is below 1.
        """
        if n < 1:
            raise ValueError(f"n must be at least 1, not {n}")
        if self._diverged is not None:
            return np.empty(0)
        engine = self._engine
        start = engine.snapshot()
        self._cost = None
        # Overflow is expected here, and looked for right below.
        with np.errstate(all="ignore"):
            costs, here = engine.advance(n), engine.look()
            if engine.sound(costs, here):
                self._cost = None if engine.shuffled else float(here)
                return costs
            # Something is not finite. Go there again one update at a time, and stop before it.
            engine.rewind(start)
            for k in range(n):
                before = engine.snapshot()
                if not np.isfinite(costs[k]):
                    self._diverged = divergence(engine.iteration, self._learning_rate)
                    return costs[:k]
                engine.advance(1)
                if not engine.sound(costs[k : k + 1], engine.look()):
                    self._diverged = divergence(engine.iteration, self._learning_rate)
                    engine.rewind(before)
                    return costs[: k + 1]
        raise AssertionError("a run that was not finite must not be so the second time")

    def diagnose(self, *, bins: int = 30) -> tuple[LayerDiagnostics, ...]:
        """A look at every layer, at the current parameters and at what the next update will be.

        Args:
            bins: Bins of the histograms, at least 1.

        Raises:
            ValueError: If bins is below 1.
        """
        engine = self._engine
        network, before = engine.network(), engine.snapshot()
        with np.errstate(all="ignore"):
            engine.advance(1)
        updated = engine.network()
        engine.rewind(before)
        return diagnose(network, self._X, self._Y, updated=updated, bins=bins)

    def state(self) -> dict[str, Any]:
        """All that `restore` needs to go on from here to the same bits: plain, picklable data."""
        kept = self._engine.snapshot()
        diverged = self._diverged
        return {
            "iteration": kept.iteration,
            "parameters": kept.parameters,
            "memory": kept.memory,
            "learning_rate": self.learning_rate,
            "l1": self.l1,
            "l2": self.l2,
            "diverged": None if diverged is None else (diverged.iteration, diverged.reason),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Back (or on) to a `state` of this trainer, or of one made with the same arguments.

        Raises:
            ValueError: If the state is that of another kind of trainer; nothing changes then.
        """
        self._engine.rewind(Snapshot(state["iteration"], state["parameters"], state["memory"]))
        self.learning_rate, self.l1, self.l2 = state["learning_rate"], state["l1"], state["l2"]
        self._diverged = None if state["diverged"] is None else Divergence(*state["diverged"])
        self._cost = None


def divergence(iteration: int, learning_rate: float) -> Divergence:
    """What to say of a network whose numbers at that iteration are not finite."""
    if iteration == 0:
        return Divergence(
            0, "The initial weights are so large that the cost is not a finite number."
        )
    return Divergence(
        iteration,
        f"The learning rate {learning_rate:g} is too large here: "
        "each update overshot further than the last, until the weights exploded.",
    )


def checked_rate(value: float) -> float:
    """The learning rate, if it is one."""
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"learning_rate must be a finite number above 0, not {value}")
    return float(value)


def checked_penalty(name: str, value: float) -> float:
    """The penalty of that name, if it is one."""
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(f"{name} must be a finite number of at least 0, not {value}")
    return float(value)
