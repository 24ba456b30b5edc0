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
from app.schemas import NamedData, OwnData, Plan, RunPlan, Set, Task, View

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Examples:
    """The points of a session in the lecture's shapes, and which of them are held out.

    Attributes:
        points: The points as they were drawn or given, one column each.
        X: What a network is given of them, n[0] × m.
        Y: 1 × m.
        train: Which columns are trained on.
        test: Which are held out.
        features: The names of X's rows, if they are features of points in the plane.
        task: What is to be learnt.
    """

    points: Array
    X: Array
    Y: Array
    train: NDArray[np.intp]
    test: NDArray[np.intp]
    features: tuple[str, ...] | None
    task: Task

    @classmethod
    def of(cls, data: NamedData | OwnData) -> "Examples":
        """Draw or take the points, flip labels, and split; each has its own stream of the seed."""
        if isinstance(data, NamedData):
            rng = np.random.default_rng(data.seed)
            points, Y = nncore.DATASETS[data.dataset](data.examples, data.noise, rng)
            flips = round(data.label_flips * Y.size)
            flipped = np.random.default_rng([data.seed, 2]).permutation(Y.size)[:flips]
            Y[:, flipped] = 1 - Y[:, flipped]
        else:
            points, Y = wire.columns(data.points), wire.columns([[y] for y in data.labels])
        features = None if data.features is None else tuple(data.features)
        if features is None and len(points) == 2:
            features = ("x1", "x2")
        X = inputs(points, features)
        m = X.shape[1]
        order = np.random.default_rng([data.seed, 1]).permutation(m)
        cut = min(m, max(1, round(m * data.train_fraction)))
        return cls(points, X, Y, np.sort(order[:cut]), np.sort(order[cut:]), features, data.task)

    @cached_property
    def largest_target(self) -> float:
        """The scale of a regression's pictures."""
        return float(np.abs(self.Y).max()) or 1.0


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
        """A[L] of points, one column each."""
        return np.asarray(nncore.predict(self.network, inputs(points, self.features)), np.float64)


def inputs(points: Array, features: tuple[str, ...] | None) -> Array:
    """What a network is given of points, n[0] × m: features of them, or the points as they are."""
    if features is None:
        return points
    return np.asarray(nncore.featurize(points, features), np.float64)


@dataclass(frozen=True)
class Score:
    """How a run does at an iteration.

    What is for test is None without held-out points, accuracies are for regression.
    """

    train_cost: float
    train_accuracy: float | None
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
        training = plan.training
        self._start(training.learning_rate, training.l1, training.l2)

    def restart(self) -> None:
        """Back to iteration 0 and the initial parameters, at the learning rate of now."""
        self._start(**self.rates)

    @property
    def rates(self) -> dict[str, float]:
        """What can be changed while it trains."""
        trainer = self.trainer
        return {"learning_rate": trainer.learning_rate, "l1": trainer.l1, "l2": trainer.l2}

    @property
    def model(self) -> Model:
        """The network as trained so far."""
        return Model(self.trainer.network, self.examples.features, self.examples.task)

    def _start(self, learning_rate: float, l1: float, l2: float) -> None:
        training = self.plan.training
        self.trainer = nncore.Trainer(
            self.initial,
            self.examples.X[:, self.examples.train],
            self.examples.Y[:, self.examples.train],
            learning_rate=learning_rate,
            l1=l1,
            l2=l2,
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
            # A step that leaves the finite is undone, but has told the cost before it.
            self.costs.cut(self.trainer.iteration)

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
        return Score(train_cost, train_accuracy, test_cost, test_accuracy)


def _cost_and_accuracy(
    network: nncore.Network, X: Array, Y: Array
) -> tuple[float | None, float | None]:
    if X.shape[1] == 0:
        return None, None
    forward_pass = nncore.forward(network, X)
    cost = float(nncore.cost(network, forward_pass, Y))
    if network.activations[-1].name == "linear":
        return cost, None
    return cost, float(((forward_pass.A[-1] >= 0.5) == (Y >= 0.5)).mean())


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


class Timeline:
    """States of a session, spread evenly over what it has trained, to seek from.

    What if it is full: every other state is dropped, and new ones are taken half as often.
    """

    MOST_STATES = 64
    MOST_VALUES = 1_000_000
    """Parameters that all the states may hold together (but four states there may always be)."""

    def __init__(self, initial: list[Any], values: int) -> None:
        self._most = max(4, min(self.MOST_STATES, self.MOST_VALUES // values))
        self._states = {0: initial}
        self.spacing = 64

    def keep(self, iteration: int, states: list[Any]) -> None:
        """Keep the states at an iteration that is a multiple of the spacing."""
        self._states[iteration] = states
        if len(self._states) > self._most:
            self.spacing *= 2
            self._states = {k: v for k, v in self._states.items() if k % self.spacing == 0}

    def before(self, iteration: int) -> tuple[int, list[Any]]:
        """The last kept iteration that is not after this one, and the states there."""
        nearest = max(kept for kept in self._states if kept <= iteration)
        return nearest, self._states[nearest]

    def cut(self, iteration: int) -> None:
        """Forget what is after an iteration: something has changed there."""
        self._states = {k: v for k, v in self._states.items() if k <= iteration}


@dataclass(frozen=True)
class Checkpoint:
    """A session at an iteration, as plain data that can cross a process.

    `costs` holds each run's costs from `costs_from` on, so that a keeper who has the earlier ones
    is sent only the new.
    """

    plan: Plan
    iteration: int
    trainers: list[Any]
    changes: list[tuple[int, Set]]
    costs_from: int
    costs: list[Array] = field(repr=False)


class Session:
    """Data and one to eight runs in lockstep on it."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.examples = Examples.of(plan.data)
        self.runs = [Run(run, self.examples) for run in plan.runs]
        self._begin()

    def _begin(self) -> None:
        self.iteration = 0
        self._changes: list[tuple[int, Set]] = []
        self._changed = 0
        """How many of the changes have been made on the way to the current iteration."""
        values = sum(y.W.size + y.b.size for run in self.runs for y in run.initial.layers)
        self._timeline = Timeline(self._states(), values)

    def _states(self) -> list[Any]:
        return [run.trainer.state() for run in self.runs]

    @property
    def left(self) -> int:
        """How many iterations the session may still train; 0 once it is over."""
        return max(run.left for run in self.runs)

    @property
    def iterations(self) -> int:
        """How many iterations the longest run of the plan has."""
        return max(run.plan.training.iterations for run in self.runs)

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
        while n > 0 and self.left:
            n -= self._advance(min(n, self._until_mark()))
            self._catch_up_with_changes()

    def _advance(self, n: int) -> int:
        """Train up to `n` iterations, none of which is a mark but the last."""
        for run in self.runs:
            run.advance(n)
        before, self.iteration = self.iteration, max(run.trainer.iteration for run in self.runs)
        if self.iteration % self._timeline.spacing == 0:
            self._timeline.keep(self.iteration, self._states())
        return max(1, self.iteration - before)

    def _until_mark(self) -> int:
        """Iterations to the next one at which a state is kept or a change was made."""
        mark = self._timeline.spacing - self.iteration % self._timeline.spacing
        if self._changed < len(self._changes):
            mark = min(mark, self._changes[self._changed][0] - self.iteration)
        return mark

    def _catch_up_with_changes(self) -> None:
        """Make the changes that were made at this iteration when it was first trained."""
        while (
            self._changed < len(self._changes) and self._changes[self._changed][0] <= self.iteration
        ):
            self._make(self._changes[self._changed][1])
            self._changed += 1

    def reset(self) -> None:
        """Back to iteration 0 and the same initial parameters, at the learning rates of now."""
        for run in self.runs:
            run.restart()
        self._begin()

    def rewind(self, iteration: int) -> None:
        """Back to the last kept state that is not after an iteration; `advance` does the rest.

        The costs after it are forgotten, the changes after it are not: training on to where they
        were made makes them again, until `begin_another_future`.
        """
        self.iteration, states = self._timeline.before(min(iteration, self.iteration))
        for run, state in zip(self.runs, states, strict=True):
            run.trainer.restore(state)
            run.costs.cut(run.trainer.iteration)
        self._changed = sum(at < self.iteration for at, _ in self._changes)
        self._catch_up_with_changes()

    def begin_another_future(self) -> None:
        """What was changed after the current iteration, before going back, is no more."""
        if self._changed < len(self._changes):
            del self._changes[self._changed :]
            self._timeline.cut(self.iteration)

    def set(self, change: Set) -> None:
        """Change the learning rate or a penalty of one run or of all.

        Raises:
            InvalidField: there is no such run.
        """
        if change.run is not None and change.run >= len(self.runs):
            raise InvalidField(
                f"run must be from 0 to {len(self.runs) - 1}; got {change.run}", "run"
            )
        self.begin_another_future()
        self._make(change)
        self._changes.append((self.iteration, change))
        self._changed = len(self._changes)
        self._timeline.cut(self.iteration)

    def _make(self, change: Set) -> None:
        for run in self.runs if change.run is None else [self.runs[change.run]]:
            for name, value in change.of_training.items():
                setattr(run.trainer, name, value)

    # -- what is told of it -----------------------------------------------------------------

    @cached_property
    def description(self) -> dict[str, Any]:
        """`data` and `runs` of the `configured` message: points, split, shapes, initial values."""
        examples = self.examples
        return {
            "data": {
                "points": wire.rows(examples.points),
                "labels": wire.labels(examples.Y, examples.task),
                "features": examples.features,
                "task": examples.task,
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
            "penalty": run.trainer.penalty,
            "train_cost": score.train_cost,
            "test_cost": score.test_cost,
            "train_accuracy": score.train_accuracy,
            "test_accuracy": score.test_accuracy,
            "layers": wire.parameters(network),
        }
        if (features := self.examples.features) is not None:
            largest = self.examples.largest_target
            scale = (0.0, 1.0) if self.examples.task == "classification" else (-largest, largest)
            frame |= wire.pictures(network, view, features, scale)
        return frame

    # -- checkpoints ------------------------------------------------------------------------

    def checkpoint(self, costs_from: int = 0) -> Checkpoint:
        """This session as it is, with the costs from `costs_from` on."""
        return Checkpoint(
            plan=self.plan,
            iteration=self.iteration,
            trainers=self._states(),
            changes=list(self._changes),
            costs_from=costs_from,
            costs=[run.costs.since(costs_from).copy() for run in self.runs],
        )

    @classmethod
    def restore(cls, checkpoint: Checkpoint) -> "Session":
        """The session of a checkpoint that has all its costs."""
        session = cls(checkpoint.plan)
        session.iteration = checkpoint.iteration
        session._changes = list(checkpoint.changes)
        session._changed = sum(at <= session.iteration for at, _ in session._changes)
        for run, state, costs in zip(
            session.runs, checkpoint.trainers, checkpoint.costs, strict=True
        ):
            run.trainer.restore(state)
            run.costs.extend(costs)
        return session
