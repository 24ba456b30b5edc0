"""One run of a session: a network, its training, its costs, how it does, what was changed in it."""

import math
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import nncore
from app.schemas import RunPlan, Task
from app.training.examples import Examples, inputs
from app.training.standstill import (
    AGAIN,
    LONG,
    NOISE,
    Standstill,
    best_constant,
    has_not_moved,
    standstill,
)
from app.wire import Array
from nncore.costs import loss_for, mean

Confusion = list[list[int]]


@dataclass(frozen=True)
class Model:
    """A trained network, and what it wants to be given of a point."""

    network: nncore.Network
    features: tuple[str, ...] | None
    task: Task

    @property
    def point_size(self) -> int:
        """How many numbers a point has."""
        return self.network.layer_sizes[0] if self.features is None else 2

    def predict(self, points: Array) -> Array:
        """A[L] of points, one column each; NaN where a z on the way is not finite.

        The network of a run that is about to diverge can be that large.
        """
        with np.errstate(all="ignore"):
            passed = nncore.forward(self.network, inputs(points, self.features))
        finite = np.all([np.isfinite(Z).all(axis=0) for Z in passed.Z], axis=0)
        return np.where(finite, passed.A[-1], np.nan)


@dataclass(frozen=True)
class Score:
    """How a run does at an iteration.

    What is for test is None without held-out points; accuracies, confusion matrices
    ([[tn, fp], [fn, tp]]) and the misclassified are None for regression. On points that an
    iteration does not look at (those held out, and what is not in its batch) a run about to diverge
    can be beyond the largest float already: such a cost is infinite, and a ŷ that is no number is
    wrong.

    Attributes:
        misclassified: A flag for each point, train and test.
    """

    train_cost: float
    train_accuracy: float | None
    test_cost: float | None
    test_accuracy: float | None
    train_confusion: Confusion | None
    test_confusion: Confusion | None
    misclassified: NDArray[np.bool_] | None = field(repr=False)

    @classmethod
    def of(cls, network: nncore.Network, examples: Examples) -> "Score":
        """All of it from one forward pass."""
        with np.errstate(all="ignore"):
            forward_pass = nncore.forward(network, examples.X)
            losses = loss_for(network.activations[-1]).of_logits(forward_pass.Z[-1], examples.Y)
        train_cost = _cost(losses[:, examples.train])
        test_cost = _cost(losses[:, examples.test]) if examples.test.size else None
        if examples.task == "regression":
            return cls(train_cost, None, test_cost, None, None, None, None)
        y, A = examples.Y[0] >= 0.5, forward_pass.A[-1][0]
        y_hat = np.where(np.isnan(A), ~y, A >= 0.5)
        kinds = 2 * y + y_hat
        train, test = (_confusion(kinds[part]) for part in (examples.train, examples.test))
        return cls(
            train_cost, _accuracy(train), test_cost, _accuracy(test), train, test, y != y_hat
        )


def _cost(losses: NDArray[Any]) -> float:
    J = mean(losses)
    return J if math.isfinite(J) else math.inf


def _confusion(kinds: NDArray[np.int_]) -> Confusion | None:
    """Of examples whose kind is 2 y + ŷ."""
    counts = np.bincount(kinds, minlength=4).reshape(2, 2)
    return counts.tolist() if kinds.size else None


def _accuracy(confusion: Confusion | None) -> float | None:
    if confusion is None:
        return None
    (tn, fp), (fn, tp) = confusion
    return (tn + tp) / (tn + fp + fn + tp)


class Edited(NamedTuple):
    """What an `edit` does to a parameter; value or frozen None leaves that as it is."""

    layer: int
    unit: int
    input: int | None
    value: float | None
    frozen: bool | None


class Change(NamedTuple):
    """What was changed in a run, or in all (`run` None), at an iteration.

    Attributes:
        name: The trainer's attribute, or `edit`.
    """

    iteration: int
    run: int | None
    name: str
    value: "float | nncore.Stop | Edited"

    @property
    def target(self) -> tuple[Any, ...]:
        """What is changed, and when: of two changes of the same, the later one counts."""
        place = self.value[:3] if isinstance(self.value, Edited) else ()
        return self.iteration, self.run, self.name, *place

    def after(self, earlier: "Change") -> "Change":
        """One change in place of this and an earlier one of the same target."""
        if not (isinstance(self.value, Edited) and isinstance(earlier.value, Edited)):
            return self
        value = earlier.value.value if self.value.value is None else self.value.value
        frozen = earlier.value.frozen if self.value.frozen is None else self.value.frozen
        return self._replace(value=self.value._replace(value=value, frozen=frozen))


SETTINGS = ("learning_rate", "l1", "l2", "stop")


class CostLog:
    """The cost J of every iteration of a run, as it grows."""

    def __init__(self) -> None:
        self._buffer = np.empty(1024)
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def extend(self, costs: Array) -> None:
        """Append the costs of the next iterations."""
        end = self._length + len(costs)
        if end > len(self._buffer):
            grown = np.empty(max(end, 2 * len(self._buffer)))
            grown[: self._length] = self._buffer[: self._length]
            self._buffer = grown
        self._buffer[self._length : end] = costs
        self._length = end

    def cut(self, length: int) -> None:
        """Forget the costs from iteration `length` on."""
        self._length = min(self._length, length)

    def since(self, first: int) -> Array:
        """The costs from iteration `first` on (a view)."""
        return self._buffer[min(first, self._length) : self._length]


class Run:
    """One network of a session: its initial parameters, its trainer, its costs."""

    def __init__(self, plan: RunPlan, examples: Examples) -> None:
        self.plan = plan
        self.examples = examples
        self.initial = initial_network(plan, examples)
        self._best_constant = best_constant(
            examples.Y[:, examples.train], regression=examples.task == "regression"
        )
        self.restart()

    def restart(self) -> None:
        """Back to iteration 0, the initial parameters and the settings of the plan."""
        training = self.plan.training
        self.trainer = nncore.Trainer(
            self.initial,
            self.examples.X[:, self.examples.train],
            self.examples.Y[:, self.examples.train],
            learning_rate=training.learning_rate,
            l1=training.l1,
            l2=training.l2,
            stop=training.stop.stop,
            optimizer=training.optimizer,
            batch_size=training.batch_size,
            batch_seed=training.seed,
        )
        self.costs = CostLog()
        self._copied: tuple[int, nncore.Network] | None = None
        self._scored: tuple[int, Score] | None = None
        self._looked: tuple[int, Standstill | None] | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """What `set` can change while it trains: attributes of the trainer."""
        return {name: getattr(self.trainer, name) for name in SETTINGS}

    @property
    def state(self) -> dict[str, Any]:
        """What `state` says of this run: its settings, what is frozen, and how it ended."""
        trainer = self.trainer
        return {
            **self.settings,
            "stop": asdict(trainer.stop),
            "frozen": [
                {"layer": layer, "unit": unit, "input": input}
                for layer, unit, input in trainer.frozen
            ],
            "ended": self.ended[0] if self.ended else None,
        }

    @property
    def ended(self) -> tuple[str, str] | None:
        """Why this run is over and a sentence about it; None while it is not."""
        trainer = self.trainer
        if trainer.diverged is not None:
            return "diverged", trainer.diverged.reason
        if trainer.stopped is not None:
            return trainer.stopped.reason, trainer.stopped.detail
        if trainer.iteration >= self.plan.training.iterations:
            return "iterations", f"All {self.plan.training.iterations:,} iterations are done."
        return None

    def change(self, change: "Change") -> None:
        """Make a change.

        Raises:
            ValueError: it can't be made; nothing changes.
        """
        if isinstance(change.value, Edited):
            layer, unit, input, value, frozen = change.value
            self.trainer.edit(layer, unit, input, value=value, frozen=frozen)
        else:
            setattr(self.trainer, change.name, change.value)
        self._copied = self._scored = self._looked = None

    def restore(self, state: Any) -> None:
        """Back (or on) to a state of the trainer."""
        self.trainer.restore(state)
        self._copied = self._scored = self._looked = None

    @property
    def network(self) -> nncore.Network:
        """The network as trained so far, copied once for an iteration."""
        iteration = self.trainer.iteration
        if self._copied is None or self._copied[0] != iteration:
            self._copied = iteration, self.trainer.network
        return self._copied[1]

    @property
    def model(self) -> Model:
        """What predicts with that network."""
        return Model(self.network, self.examples.features, self.examples.task)

    @property
    def left(self) -> int:
        """How many iterations this run may still train."""
        if self.trainer.diverged is not None or self.trainer.stopped is not None:
            return 0
        return self.plan.training.iterations - self.trainer.iteration

    def advance(self, n: int) -> None:
        """Train up to `n` iterations: fewer if the run ends, or leaves the finite."""
        if n := min(n, self.left):
            self.costs.extend(self.trainer.step(n))
            # A step that leaves the finite is undone; the cost before it is dropped with it.
            self.costs.cut(self.trainer.iteration)

    @property
    def score(self) -> Score:
        """Cost and accuracy at the current parameters, computed once for an iteration."""
        iteration = self.trainer.iteration
        if self._scored is None or self._scored[0] != iteration:
            self._scored = iteration, Score.of(self.network, self.examples)
        return self._scored[1]

    @property
    def standstill(self) -> Standstill | None:
        """Why it stands still at a start that was dead; None if it does not, or has diverged."""
        iteration = self.trainer.iteration
        recent = self.costs.since(max(0, len(self.costs) - LONG))
        if self.trainer.diverged or not has_not_moved(recent, self._best_constant, NOISE):
            return None
        if self._looked is None or iteration - self._looked[0] >= AGAIN:
            self._looked = iteration, standstill(self.trainer)
        return self._looked[1]


OUTPUTS: dict[Task, str] = {"classification": "sigmoid", "regression": "linear"}


def initial_network(plan: RunPlan, examples: Examples) -> nncore.Network:
    """The network a run starts from: drawn from its seed, or the parameters it was given."""
    layers = plan.network.layers
    activations = [
        nncore.leaky_relu(layer.slope) if layer.slope is not None else layer.activation
        for layer in layers
    ]
    start = plan.network.initialization
    network = nncore.initialize(
        [len(examples.X), *(layer.units for layer in layers), 1],
        [*activations, OUTPUTS[examples.task]],
        scheme=start.scheme,
        scale=start.scale,
        rng=np.random.default_rng(start.seed),
    )
    if plan.network.parameters is None:
        return network
    return nncore.Network(
        [
            nncore.Layer(
                np.array(given.weights), np.array(given.biases)[:, np.newaxis], layer.activation
            )
            for given, layer in zip(plan.network.parameters, network.layers, strict=True)
        ]
    )
