"""Training one network, step by step: the caller owns the loop."""

import math
import numbers
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from ..diagnostics import LayerDiagnostics, diagnose
from ..network import Network
from ..optimizers import Memory
from ..stopping import BestSoFar, Stop, Stopped
from .engine import Engine, EngineState

CHECK_EVERY = 256
"""The most iterations of the full batch between two checks of the conditions to stop."""


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
        stop: Conditions under which training ends; see `stopped`.
        dtype: `numpy.float64`, or `numpy.float32`: twice as fast, six digits.
        sample_weight: m numbers of at least 0. J is then Σ wᵢ Lᵢ / Σ wᵢ, with the loss Lᵢ of
            example i, as if that were there wᵢ times; the accuracy of `stop` likewise. Mini-batches
            are drawn without regard to them: J of one is its mean of wᵢ Lᵢ / mean of all w.

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
        stop: Stop | None = None,
        dtype: DTypeLike = np.float64,
        sample_weight: ArrayLike | None = None,
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
            sample_weight=sample_weight,
        )
        self._X, self._Y = np.array(X), np.array(Y)
        self._diverged: Divergence | None = None
        self._cost: float | None = None
        self._stop, self._best = Stop(), BestSoFar()
        self._stopped: Stopped | None = None
        self.learning_rate = learning_rate
        self.l1 = l1
        self.l2 = l2
        self.stop = stop or Stop()

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
        self._check_anew()

    @property
    def l1(self) -> float:
        """The L1 penalty, which may be set between steps."""
        return self._engine.l1

    @l1.setter
    def l1(self, value: float) -> None:
        self._engine.l1 = checked_penalty("l1", value)
        self._check_anew()

    @property
    def l2(self) -> float:
        """The L2 penalty, which may be set between steps."""
        return self._engine.l2

    @l2.setter
    def l2(self, value: float) -> None:
        self._engine.l2 = checked_penalty("l2", value)
        self._check_anew()

    @property
    def stop(self) -> Stop:
        """The conditions under which training ends, which may be set between steps."""
        return self._stop

    @stop.setter
    def stop(self, value: Stop) -> None:
        if value.accuracy is not None and self._engine.task != "classification":
            raise ValueError("accuracy is for classification: this network's output is linear")
        self._stop = value
        self._check_anew()

    @property
    def stopped(self) -> Stopped | None:
        """Which condition of `stop` has been met, or None: `step` makes no updates then.

        The conditions are checked after every update; with mini-batches after every epoch, with
        J and accuracy on all examples. `edit` and a new `learning_rate`, `l1`, `l2` or `stop`
        start over: the conditions are checked at once, and patience begins with the present J.
        """
        return self._stopped

    @property
    def frozen(self) -> tuple[tuple[int, int, int | None], ...]:
        """Which parameters keep their values, as (layer, unit, input) of `edit`, in that order."""
        engine = self._engine
        if engine.frozen is None:
            return ()
        places = map(engine.where, np.flatnonzero(engine.frozen).tolist())
        sizes = engine.layer_sizes
        return tuple(
            (layer, unit, None if column == sizes[layer - 1] else column)
            for layer, unit, column in places
        )

    def edit(
        self,
        layer: int,
        unit: int,
        input: int | None,
        *,
        value: float | None = None,
        frozen: bool | None = None,
    ) -> None:
        """Change one parameter, freeze or free it, or both.

        A frozen one keeps its value to the bit; for the optimizer its gradient is zero.

        Args:
            layer: From 1 to L.
            unit: Of that layer, from 0.
            input: The unit of the layer before, from 0, to which the weight belongs; None is the
                bias.
            value: A finite number; None leaves the value as it is.
            frozen: Whether to freeze it; None leaves that as it is.

        Raises:
            ValueError: If there is no such parameter, the value makes J overflow, or training has
                diverged; nothing changes then.
        """
        engine = self._engine
        if self._diverged is not None:
            raise ValueError("training has diverged; nothing can be edited any more")
        sizes = engine.layer_sizes
        _check_index("layer", layer, 1, len(sizes) - 1)
        _check_index("unit", unit, 0, sizes[layer] - 1)
        if input is not None:
            _check_index("input", input, 0, sizes[layer - 1] - 1)
        place = engine.place(layer, unit, -1 if input is None else input)
        if value is not None:
            before = engine.parameters[place]
            with np.errstate(over="ignore"):
                engine.parameters[place] = value
            self._cost = None
            if not (np.isfinite(engine.parameters[place]) and math.isfinite(self.cost())):
                engine.parameters[place], self._cost = before, None
                raise ValueError(f"value must leave the cost a finite number; {value:g} does not")
        if frozen is not None:
            engine.freeze(place, frozen)
        self._check_anew()

    @property
    def penalty(self) -> float:
        """What L1 and L2 add to J at the moment: l1 Σ|w| + ½ l2 Σw². `step` reports J without.

        It is infinite if it is beyond the largest float. Training goes on: J and W are finite.
        """
        return float(self._engine.penalty())

    def cost(self) -> float:
        """J on all examples with the current parameters (the data term, without the penalty)."""
        if self._cost is None:
            with np.errstate(all="ignore"):
                self._cost = float(self._engine.cost())
        return self._cost

    def step(self, n: int = 1) -> NDArray[np.float64]:
        """Make n updates, or fewer if a condition of `stop` is met.

        An update that leads to a cost or a parameter that is not finite is undone, and ends the
        training for good: `diverged` says so. How the iterations are sliced into calls changes
        nothing, to the last bit.

        Args:
            n: How many, at least 1.

        Returns:
            The n costs: J of each iteration **before** its update (with mini-batches, J on that
            iteration's batch). Fewer if training stops or has stopped, or diverges or has
            diverged: the finite ones.

        Raises:
            ValueError: If n is below 1.
        """
        if n < 1:
            raise ValueError(f"n must be at least 1, not {n}")
        if not self._stop:
            return self._advance(n) if self._diverged is None else np.empty(0)
        parts = [np.empty(0)]
        while n > 0 and self._diverged is None and self._stopped is None:
            parts.append(self._advance_and_check(n))
            n -= len(parts[-1])
        return np.concatenate(parts)

    def _advance_and_check(self, most: int) -> NDArray[np.float64]:
        """Make updates up to the first that meets a condition, but no more than `most`."""
        engine = self._engine
        if engine.shuffled:
            left = engine.updates_per_epoch - engine.iteration % engine.updates_per_epoch
            costs = self._advance(min(most, left))
            if self._diverged is None and engine.iteration % engine.updates_per_epoch == 0:
                self._check_here()
            return costs
        start, first = engine.state(), engine.iteration
        n = min(most, CHECK_EVERY)
        right = np.empty(n) if self._stop.accuracy is not None else None
        costs = self._advance(n, right)
        for k in range(1, len(costs)):
            self._check(first + k, float(costs[k]), None if right is None else float(right[k]))
            if self._stopped is not None:
                # The condition was met after k updates. Go there again, and stay.
                engine.restore(start)
                self._diverged = None
                return self._advance(k)
        if self._diverged is None:
            self._check_here()
        return costs

    def _check_anew(self) -> None:
        self._best, self._stopped = BestSoFar(), None
        if self._stop and self._diverged is None:
            self._check_here()

    def _check_here(self) -> None:
        """Check the conditions with the current parameters, on all examples."""
        J = self.cost()
        if math.isfinite(J):
            with np.errstate(all="ignore"):
                right = None if self._stop.accuracy is None else float(self._engine.right())
            self._check(self._engine.iteration, J, right)

    def _check(self, iteration: int, J: float, accuracy: float | None) -> None:
        self._best, self._stopped = self._best.seen(self._stop, iteration, J, accuracy)

    def _advance(self, n: int, right: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """Make n updates, or as many as are finite."""
        engine = self._engine
        start = engine.state()
        self._cost = None
        # Overflow is expected here; `sound` finds it.
        with np.errstate(all="ignore"):
            costs, here = engine.advance(n, right), engine.next_cost()
            if engine.sound(costs, here):
                self._cost = None if engine.shuffled else float(here)
                return costs
            # A number is not finite. Repeat one update at a time, and stop before it.
            engine.restore(start)
            for k in range(n):
                before = engine.state()
                if not np.isfinite(costs[k]):
                    self._diverged = divergence(engine.iteration, self._learning_rate)
                    return costs[:k]
                engine.advance(1)
                if not engine.sound(costs[k : k + 1], engine.next_cost()):
                    self._diverged = divergence(engine.iteration, self._learning_rate)
                    engine.restore(before)
                    return costs[: k + 1]
        raise AssertionError("numbers that were not finite are finite the second time")

    def diagnose(self) -> tuple[LayerDiagnostics, ...]:
        """A look at every layer, with the current parameters and the next update.

        It sees every example once, whatever its `sample_weight`.
        """
        return diagnose(self.network, self._X, self._Y, updated=self.after_next_update())

    def after_next_update(self) -> Network:
        """The network after one more update, finite or not. The trainer itself does not change."""
        engine = self._engine
        before = engine.state()
        with np.errstate(all="ignore"):
            engine.advance(1)
        updated = engine.network()
        engine.restore(before)
        return updated

    @property
    def updates_per_epoch(self) -> int:
        """How many batches go through all examples once: 1 without mini-batches."""
        return self._engine.updates_per_epoch

    @property
    def batch(self) -> NDArray[np.intp]:
        """The columns of X in the batch of the next update, in its order."""
        return self._engine.batch()

    def state(self) -> dict[str, Any]:
        """All that `restore` needs to go on from here with the same bits; it can be pickled."""
        kept = self._engine.state()
        diverged = self._diverged
        return {
            "iteration": kept.iteration,
            "parameters": kept.parameters,
            "memory": kept.memory,
            "learning_rate": self.learning_rate,
            "l1": self.l1,
            "l2": self.l2,
            "frozen": None if self._engine.frozen is None else self._engine.frozen.copy(),
            "stop": self._stop,
            "watch": self._best,
            "stopped": self._stopped,
            "diverged": None if diverged is None else (diverged.iteration, diverged.reason),
        }

    def carry_on(self, memory: Memory, updates: int, epochs: int) -> None:
        """Go on, in a new epoch, from a trainer with other examples, whose network this one has.

        Args:
            memory: What its optimizer remembers: `state()["memory"]`.
            updates: How many it has made; Adam counts them.
            epochs: How many times it has gone through its examples. So many epochs of this trainer
                are taken as made: its mini-batches are those of the next one.

        Raises:
            ValueError: If the memory is that of another network or optimizer; nothing changes then.
        """
        self._engine.carry_on(memory, updates, epochs)
        self._check_anew()

    def network_of(self, state: dict[str, Any]) -> Network:
        """The network as it was at a `state` of this trainer, which stays where it is."""
        return self._engine.network(parameters=state["parameters"])

    def restore(self, state: dict[str, Any]) -> None:
        """Go to an earlier or later `state` of this trainer, or of one with the same arguments.

        Raises:
            ValueError: If the state is that of another kind of trainer; nothing changes then.
        """
        self._engine.restore(EngineState(state["iteration"], state["parameters"], state["memory"]))
        frozen = state["frozen"]
        self._engine.frozen = None if frozen is None else frozen.copy()
        self._diverged = None if state["diverged"] is None else Divergence(*state["diverged"])
        self._cost, self._stop = None, Stop()
        self.learning_rate, self.l1, self.l2 = state["learning_rate"], state["l1"], state["l2"]
        self._stop, self._best, self._stopped = state["stop"], state["watch"], state["stopped"]


def divergence(iteration: int, learning_rate: float) -> Divergence:
    """The message for a network whose numbers at that iteration are not finite."""
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
    """The learning rate as a float.

    Raises:
        ValueError: If it is not a finite number above 0.
    """
    if not (_is_finite(value) and value > 0):
        raise ValueError(f"learning_rate must be a finite number above 0, not {value!r}")
    return float(value)


def _is_finite(value: object) -> bool:
    """Whether it is a number at all, and finite; a text is not, nor is True."""
    number = isinstance(value, numbers.Real) and not isinstance(value, bool | np.bool_)
    return number and math.isfinite(value)  # type: ignore[arg-type]


def _check_index(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise ValueError(f"{name} must be from {low} to {high}, not {value}")


def checked_penalty(name: str, value: float) -> float:
    """The penalty of that name as a float.

    Raises:
        ValueError: If it is not a finite number of at least 0.
    """
    if not (_is_finite(value) and value >= 0):
        raise ValueError(f"{name} must be a finite number of at least 0, not {value!r}")
    return float(value)
