"""One session: data, one to eight runs in lockstep on it, a position, checkpoints.

Pure and synchronous: no clock, no I/O, no randomness but the plan's own seeds. The same plan and
the same commands give the same bits, however the iterations were sliced.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

import nncore
from app import wire
from app.errors import InvalidField
from app.schemas import DATASETS, NamedData, OwnData, Plan, RunPlan, Set, View

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Examples:
    """The points of a session in the lecture's shapes, and which of them are held out.

    `X` is n[0] × m, `Y` is 1 × m; `train` and `test` are indices of columns.
    """

    X: Array
    Y: Array
    train: NDArray[np.intp]
    test: NDArray[np.intp]

    @classmethod
    def of(cls, data: NamedData | OwnData) -> "Examples":
        """Draw or take the points, and split them. Points and split have their own streams."""
        if isinstance(data, NamedData):
            rng = np.random.default_rng(data.seed)
            X, Y = DATASETS[data.dataset](data.examples, data.noise, rng)
        else:
            X, Y = wire.columns(data.points), wire.columns([[label] for label in data.labels])
        m = X.shape[1]
        order = np.random.default_rng([data.seed, 1]).permutation(m)
        cut = min(m, max(1, round(m * data.train_fraction)))
        return cls(X, Y, np.sort(order[:cut]), np.sort(order[cut:]))


@dataclass(frozen=True)
class Score:
    """How a run does at an iteration; what is for test is None without held-out points."""

    train_cost: float
    train_accuracy: float
    test_cost: float | None
    test_accuracy: float | None


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

    def since(self, first: int) -> Array:
        """The costs from iteration `first` on (a view)."""
        return self._buffer[min(first, self._length) : self._length]


class Run:
    """One network of a session: its initial parameters, its trainer, its costs."""

    def __init__(self, plan: RunPlan, examples: Examples) -> None:
        self.plan = plan
        self.examples = examples
        self.initial = initial_network(plan, examples.X.shape[0])
        self._start(plan.training.learning_rate)

    def restart(self) -> None:
        """Back to iteration 0 and the initial parameters, at the learning rate of now."""
        self._start(self.trainer.learning_rate)

    def _start(self, learning_rate: float) -> None:
        training = self.plan.training
        self.trainer = nncore.Trainer(
            self.initial,
            self.examples.X[:, self.examples.train],
            self.examples.Y[:, self.examples.train],
            learning_rate=learning_rate,
            optimizer=training.optimizer,
            batch_size=training.batch_size,
            batch_seed=training.seed,
        )
        self.costs = CostLog()
        self._scored: tuple[int, Score] | None = None

    @property
    def left(self) -> int:
        """How many iterations this run may still train."""
        if self.trainer.diverged is not None:
            return 0
        return self.plan.training.iterations - self.trainer.iteration

    def advance(self, n: int) -> None:
        """Train up to `n` iterations: fewer if the plan ends or the run leaves the finite."""
        if n := min(n, self.left):
            self.costs.extend(self.trainer.step(n))

    @property
    def score(self) -> Score:
        """Cost and accuracy at the current parameters, computed once for an iteration."""
        iteration = self.trainer.iteration
        if self._scored is None or self._scored[0] != iteration:
            self._scored = iteration, self._score()
        return self._scored[1]

    def _score(self) -> Score:
        network, examples = self.trainer.network, self.examples
        parts = [
            _cost_and_accuracy(network, examples.X[:, part], examples.Y[:, part])
            for part in (examples.train, examples.test)
        ]
        (train_cost, train_accuracy), (test_cost, test_accuracy) = parts
        assert train_cost is not None
        assert train_accuracy is not None
        return Score(train_cost, train_accuracy, test_cost, test_accuracy)


def _cost_and_accuracy(
    network: nncore.Network, X: Array, Y: Array
) -> tuple[float | None, float | None]:
    if X.shape[1] == 0:
        return None, None
    forward_pass = nncore.forward(network, X)
    right = (forward_pass.A[-1] >= 0.5) == (Y >= 0.5)
    return float(nncore.cost(network, forward_pass, Y)), float(right.mean())


def initial_network(plan: RunPlan, inputs: int) -> nncore.Network:
    """The network a run starts from: drawn from its seed, or the parameters it was given."""
    layers = plan.network.layers
    activations = [
        nncore.leaky_relu(layer.slope) if layer.slope is not None else layer.activation
        for layer in layers
    ]
    start = plan.network.initialization
    network = nncore.initialize(
        [inputs, *(layer.units for layer in layers), 1],
        [*activations, "sigmoid"],
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


@dataclass(frozen=True)
class Checkpoint:
    """A session at an iteration, as plain data that can cross a process.

    `costs` holds each run's costs from `costs_from` on, so that a keeper who has the earlier ones
    is sent only the new.
    """

    plan: Plan
    iteration: int
    trainers: list[Any]
    costs_from: int
    costs: list[Array] = field(repr=False)


class Session:
    """Data and one to eight runs in lockstep on it."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.examples = Examples.of(plan.data)
        self.runs = [Run(run, self.examples) for run in plan.runs]
        self.iteration = 0

    @property
    def left(self) -> int:
        """How many iterations the session may still train; 0 once it is over."""
        return max(run.left for run in self.runs)

    @property
    def diverged(self) -> dict[int, Any]:
        """Run index -> how it left the finite."""
        return {
            index: run.trainer.diverged
            for index, run in enumerate(self.runs)
            if run.trainer.diverged is not None
        }

    def advance(self, n: int) -> None:
        """Train `n` iterations in lockstep; a run that is over stays where it is."""
        for run in self.runs:
            run.advance(n)
        self.iteration = max(run.trainer.iteration for run in self.runs)

    def reset(self) -> None:
        """Back to iteration 0 and the same initial parameters."""
        for run in self.runs:
            run.restart()
        self.iteration = 0

    def set(self, change: Set) -> None:
        """Change the learning rate of one run or of all.

        Raises:
            InvalidField: there is no such run.
        """
        if change.run is not None and change.run >= len(self.runs):
            raise InvalidField(
                f"run must be from 0 to {len(self.runs) - 1}; got {change.run}", "run"
            )
        if change.learning_rate is not None:
            for run in self.runs if change.run is None else [self.runs[change.run]]:
                run.trainer.learning_rate = change.learning_rate

    # -- what is told of it -----------------------------------------------------------------

    @cached_property
    def description(self) -> dict[str, Any]:
        """`data` and `runs` of the `configured` message: points, split, shapes, initial values."""
        examples = self.examples
        return {
            "data": {
                "points": wire.rows(examples.X),
                "labels": wire.labels(examples.Y),
                "split": {"train": examples.train.tolist(), "test": examples.test.tolist()},
            },
            "runs": [
                {
                    "label": run.plan.label,
                    "layer_sizes": list(run.initial.layer_sizes),
                    "layers": wire.network(run.initial)["layers"],
                    "training": run.plan.training.model_dump(),
                }
                for run in self.runs
            ],
        }

    def frame(self, number: int, costs_from: int, view: View) -> dict[str, Any]:
        """A frame in words and arrays, ready for `wire.pack`."""
        return {
            "frame": number,
            "iteration": self.iteration,
            "runs": [self._run_frame(run, costs_from, view) for run in self.runs],
        }

    def _run_frame(self, run: Run, costs_from: int, view: View) -> dict[str, Any]:
        network, score = run.trainer.network, run.score
        frame: dict[str, Any] = {
            "first_iteration": min(costs_from, len(run.costs)),
            "costs": wire.float32(run.costs.since(costs_from)),
            "train_cost": score.train_cost,
            "test_cost": score.test_cost,
            "train_accuracy": score.train_accuracy,
            "test_accuracy": score.test_accuracy,
            "layers": wire.parameters(network),
        }
        if self.examples.X.shape[0] == 2:
            frame |= wire.pictures(network, view)
        return frame

    # -- checkpoints ------------------------------------------------------------------------

    def checkpoint(self, costs_from: int = 0) -> Checkpoint:
        """This session as it is, with the costs from `costs_from` on."""
        return Checkpoint(
            plan=self.plan,
            iteration=self.iteration,
            trainers=[run.trainer.state() for run in self.runs],
            costs_from=costs_from,
            costs=[run.costs.since(costs_from).copy() for run in self.runs],
        )

    @classmethod
    def restore(cls, checkpoint: Checkpoint) -> "Session":
        """The session of a checkpoint that has all its costs."""
        session = cls(checkpoint.plan)
        session.iteration = checkpoint.iteration
        for run, state, costs in zip(
            session.runs, checkpoint.trainers, checkpoint.costs, strict=True
        ):
            run.trainer.restore(state)
            run.costs.extend(costs)
        return session
