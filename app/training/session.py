"""One session: data, one to eight runs in lockstep on it, a position, checkpoints.

Pure and synchronous: no clock, no I/O, no randomness but the plan's own seeds. The same plan and
the same commands give the same bits, however the iterations were sliced.
"""

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from functools import cached_property
from itertools import takewhile
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import nncore
from app import wire
from app.errors import Full, InvalidField
from app.schemas import (
    Edit,
    NamedData,
    OwnData,
    Plan,
    RunPlan,
    Set,
    Task,
    View,
    check_stop,
)
from nncore.costs import loss_for, mean

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
        rng = np.random.default_rng([data.seed, 1])
        # Of own points each has its lot: one more leaves the others where they are, nearly all.
        order = rng.permutation(m) if isinstance(data, NamedData) else np.argsort(rng.random(m))
        cut = min(m, max(1, round(m * data.train_fraction)))
        return cls(points, X, Y, np.sort(order[:cut]), np.sort(order[cut:]), features, data.task)

    @cached_property
    def largest_target(self) -> float:
        """The scale of a regression's pictures."""
        return float(np.abs(self.Y).max()) or 1.0

    @property
    def scale(self) -> tuple[float, float]:
        """What the bytes 0 and 255 of a boundary stand for."""
        largest = self.largest_target
        return (0.0, 1.0) if self.task == "classification" else (-largest, largest)


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

        The network of a run that is about to diverge can be so large.
        """
        with np.errstate(all="ignore"):
            passed = nncore.forward(self.network, inputs(points, self.features))
        finite = np.all([np.isfinite(Z).all(axis=0) for Z in passed.Z], axis=0)
        return np.where(finite, passed.A[-1], np.nan)


def inputs(points: Array, features: tuple[str, ...] | None) -> Array:
    """What a network is given of points, n[0] × m: features of them, or the points as they are."""
    if features is None:
        return points
    return np.asarray(nncore.featurize(points, features), np.float64)


Confusion = list[list[int]]


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
MOST_CHANGES = 4_000
"""Changes that a session remembers. Those of one target at one iteration count as one."""


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
        self._scored: tuple[int, Score] | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """What `set` can change while it trains: attributes of the trainer."""
        return {name: getattr(self.trainer, name) for name in SETTINGS}

    @property
    def state(self) -> dict[str, Any]:
        """What `state` says of this run: its settings, what is frozen, and how it ended."""
        trainer = self.trainer
        return {
            "learning_rate": trainer.learning_rate,
            "l1": trainer.l1,
            "l2": trainer.l2,
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
        self._scored = None

    def restore(self, state: Any) -> None:
        """Back (or on) to a state of the trainer."""
        self.trainer.restore(state)
        self._scored = None

    @property
    def model(self) -> Model:
        """The network as trained so far."""
        return Model(self.trainer.network, self.examples.features, self.examples.task)

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
            # A step that leaves the finite is undone, but has told the cost before it.
            self.costs.cut(self.trainer.iteration)

    @property
    def score(self) -> Score:
        """Cost and accuracy at the current parameters, computed once for an iteration."""
        iteration = self.trainer.iteration
        if self._scored is None or self._scored[0] != iteration:
            self._scored = iteration, Score.of(self.trainer.network, self.examples)
        return self._scored[1]


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
    changes: list[Change]
    costs_from: int
    costs: list[Array] = field(repr=False)


@dataclass(frozen=True)
class Record:
    """All of one run, as plain data: where it came from, how it was trained, what it is now.

    Attributes:
        plan: That of its session.
        run: Its index there.
        changes: Those that were made in it up to now, in order.
        network: As trained so far.
        costs: J of each iteration so far.
    """

    plan: Plan
    run: int
    changes: tuple[Change, ...]
    network: nncore.Network
    costs: Array = field(repr=False)

    @property
    def iteration(self) -> int:
        """How many updates were made."""
        return len(self.costs)

    @property
    def run_plan(self) -> RunPlan:
        """What was planned of this run."""
        return self.plan.runs[self.run]

    @cached_property
    def examples(self) -> Examples:
        """The points; drawn again, as they are determined by the plan."""
        return Examples.of(self.plan.data)

    @cached_property
    def initial(self) -> nncore.Network:
        """Where it started."""
        return initial_network(self.run_plan, self.examples)

    @cached_property
    def score(self) -> Score:
        """How it does now."""
        return Score.of(self.network, self.examples)


class Session:
    """Data and one to eight runs in lockstep on it.

    A run that is over stays where it is. Once the others have gone on without it nothing that is
    changed makes it go on; after a reset, or before its end, it is one of them again.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.examples = Examples.of(plan.data)
        self.runs = [Run(run, self.examples) for run in plan.runs]
        self._begin()

    def _begin(self) -> None:
        self.iteration = 0
        self._changes: list[Change] = []
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

    @property
    def ended_runs(self) -> set[int]:
        """Which runs are over."""
        return {index for index, run in enumerate(self.runs) if run.ended}

    @property
    def ended(self) -> tuple[str, str] | None:
        """Why the session is over, that is, the run that trained longest; None while it is not."""
        return None if self.left else max(self.runs, key=lambda run: run.trainer.iteration).ended

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
            mark = min(mark, self._changes[self._changed].iteration - self.iteration)
        return mark

    def _catch_up_with_changes(self) -> None:
        """Make the changes that were made at this iteration when it was first trained."""
        while (
            self._changed < len(self._changes)
            and self._changes[self._changed].iteration <= self.iteration
        ):
            self._make(self._changes[self._changed])
            self._changed += 1

    def reset(self) -> None:
        """Back to iteration 0 and the same initial parameters, with the settings of now.

        Edits are undone, and nothing is frozen.
        """
        settings = [{**run.settings, **self._missed(index)} for index, run in enumerate(self.runs)]
        for run in self.runs:
            run.restart()
        self._begin()
        self._log(
            Change(0, index, name, now)
            for index, run in enumerate(self.runs)
            for name, now in settings[index].items()
            if now != run.settings[name]
        )

    def _missed(self, index: int) -> dict[str, Any]:
        """The settings of now that a run has not, as it was over before they were made."""
        over = self.runs[index].trainer.iteration
        return {
            change.name: change.value
            for change in self._changes[: self._changed]
            if change.name in SETTINGS and change.run in (None, index) and change.iteration > over
        }

    def rewind(self, iteration: int) -> None:
        """Back to the last kept state that is not after an iteration; `advance` does the rest.

        The costs after it are forgotten, the changes after it are not: training on to where they
        were made makes them again, until `begin_another_future`.
        """
        self.iteration, states = self._timeline.before(min(iteration, self.iteration))
        for run, state in zip(self.runs, states, strict=True):
            run.restore(state)
            run.costs.cut(run.trainer.iteration)
        self._changed = sum(change.iteration < self.iteration for change in self._changes)
        self._catch_up_with_changes()

    def begin_another_future(self) -> None:
        """What was changed after the current iteration, before going back, is no more."""
        if self._changed < len(self._changes):
            del self._changes[self._changed :]
            self._timeline.cut(self.iteration)

    def set(self, message: Set) -> None:
        """Change the rates or the conditions of one run or of all.

        Raises:
            InvalidField: there is no such run, or it can't have such a condition.
            Full: so much has been changed already.
        """
        if message.run is not None:
            self.check_run(message.run)
        if message.stop is not None:
            check_stop(message.stop, self.examples.task, "stop")
        self._change(
            Change(self.iteration, message.run, name, value)
            for name, value in message.of_training.items()
        )

    def edit(self, message: Edit) -> None:
        """Change a parameter of a run, freeze it or free it.

        Raises:
            InvalidField: there is no such run or parameter, or it can't be changed.
            Full: so much has been changed already.
        """
        self.check_run(message.run)
        sizes = self.runs[message.run].initial.layer_sizes
        _check_index("layer", message.layer, 1, len(sizes) - 1)
        _check_index("unit", message.unit, 0, sizes[message.layer] - 1)
        if message.input is not None:
            _check_index("input", message.input, 0, sizes[message.layer - 1] - 1)
        if self._left_behind(run := self.runs[message.run]):
            raise InvalidField(
                f"run {message.run} ended at iteration {run.trainer.iteration:,} and the others "
                "went on: it can be edited there (seek) and at iteration 0 (reset), but not at "
                f"{self.iteration:,}",
                "run",
            )
        edited = Edited(message.layer, message.unit, message.input, message.value, message.frozen)
        self._change([Change(self.iteration, message.run, "edit", edited)])

    def check_run(self, run: int) -> None:
        """Check that there is such a run.

        Raises:
            InvalidField: there is none.
        """
        _check_index("run", run, 0, len(self.runs) - 1)

    def _change(self, changes: Iterable[Change]) -> None:
        if len(self._changes) >= MOST_CHANGES:
            raise Full(
                f"{MOST_CHANGES:,} changes have been made since iteration 0, as many as are "
                "remembered; reset, and change again",
                0,
            )
        self.begin_another_future()
        self._log(changes)
        self._timeline.cut(self.iteration)

    def _log(self, changes: Iterable[Change]) -> None:
        """Make changes, and remember them."""
        for change in changes:
            try:
                self._make(change)
            except ValueError as error:
                raise InvalidField(str(error), "value") from None
            now = takewhile(lambda c: c.iteration == self.iteration, reversed(self._changes))
            before = next((earlier for earlier in now if earlier.target == change.target), None)
            if before is not None:
                self._changes.remove(before)
                change = change.after(before)
            self._changes.append(change)
        self._changed = len(self._changes)

    def _make(self, change: Change) -> None:
        """Change the runs that it is for, but none that the others have left behind."""
        for run in self.runs if change.run is None else [self.runs[change.run]]:
            if not self._left_behind(run):
                run.change(change)

    def _left_behind(self, run: Run) -> bool:
        """Whether it was over before the others, who have gone on."""
        return run.trainer.iteration < self.iteration

    # -- what is told of it -----------------------------------------------------------------

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

    def frame(
        self, number: int, costs_from: int, view: View, *, diagnostics: bool = False
    ) -> dict[str, Any]:
        """A frame in words and arrays, ready for `wire.pack`."""
        return {
            "frame": number,
            "iteration": self.iteration,
            "runs": [self._run_frame(run, costs_from, view, diagnostics) for run in self.runs],
        }

    def _run_frame(
        self, run: Run, costs_from: int, view: View, diagnostics: bool
    ) -> dict[str, Any]:
        network, score = run.trainer.network, run.score
        frame: dict[str, Any] = {
            "first_iteration": min(costs_from, len(run.costs)),
            "costs": wire.float32(run.costs.since(costs_from)),
            "penalty": run.trainer.penalty,
            "train_cost": score.train_cost,
            "test_cost": score.test_cost,
            "train_accuracy": score.train_accuracy,
            "test_accuracy": score.test_accuracy,
            "train_confusion": score.train_confusion,
            "test_confusion": score.test_confusion,
            "layers": wire.parameters(network),
        }
        if view.misclassified:
            wrong = score.misclassified
            frame["misclassified"] = None if wrong is None else np.packbits(wrong).tobytes()
        if diagnostics:
            frame["diagnostics"] = [wire.diagnostics(look) for look in run.trainer.diagnose()]
        if (features := self.examples.features) is not None:
            frame |= wire.pictures(network, view, features, self.examples.scale)
        return frame

    def record(self, index: int) -> Record:
        """All of one run."""
        run = self.runs[index]
        made = self._changes[: self._changed]
        return Record(
            plan=self.plan,
            run=index,
            changes=tuple(
                change
                for change in made
                if change.run in (None, index) and change.iteration <= run.trainer.iteration
            ),
            network=run.trainer.network,
            costs=run.costs.since(0).copy(),
        )

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
        session._changed = sum(change.iteration <= session.iteration for change in session._changes)
        for run, state, costs in zip(
            session.runs, checkpoint.trainers, checkpoint.costs, strict=True
        ):
            run.restore(state)
            run.costs.extend(costs)
        return session


def _check_index(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise InvalidField(f"{name} must be from {low} to {high}; got {value}", name)
