"""One session: data, one to eight runs in lockstep on it, a position, checkpoints.

Pure and synchronous: no clock, no I/O, no randomness but the plan's own seeds. The same plan and
the same commands give the same bits, however the iterations were sliced.
"""

from collections.abc import Iterable
from itertools import takewhile
from typing import Any

import numpy as np

import nncore
from app import wire
from app.errors import Full, InvalidField
from app.schemas import Edit, Plan, Set, View, check_stop
from app.training.checkpoints import Checkpoint, Record
from app.training.examples import Examples
from app.training.run import SETTINGS, Change, Edited, Run

MOST_CHANGES = 4_000
"""Changes that a session remembers. Those of one target at one iteration count as one."""


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
        self.spacing = 8

    def keep(self, iteration: int, states: list[Any]) -> None:
        """Keep the states at an iteration that is a multiple of the spacing."""
        self._states[iteration] = states
        if len(self._states) > self._most:
            self.spacing *= 2
            self._states = {k: v for k, v in self._states.items() if k % self.spacing == 0}

    def until(self, iteration: int) -> list[list[Any]]:
        """All that is kept up to an iteration, in its order."""
        return [self._states[kept] for kept in sorted(self._states) if kept <= iteration]

    def before(self, iteration: int) -> tuple[int, list[Any]]:
        """The last kept iteration that is not after this one, and the states there."""
        nearest = max(kept for kept in self._states if kept <= iteration)
        return nearest, self._states[nearest]

    def cut(self, iteration: int) -> None:
        """Forget what is after an iteration: something has changed there."""
        self._states = {k: v for k, v in self._states.items() if k <= iteration}


class Session:
    """Data and one to eight runs in lockstep on it.

    A run that is over stays where it is. Once the others have gone on without it, no change makes
    it go on; after a reset, or at an iteration before its end, it trains with them again.
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
        values = sum(run.initial.parameter_count for run in self.runs)
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
        """The settings of now that a run does not have, since it was over before they were made."""
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
        """Forget what was changed after the current iteration, before going back."""
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

    # -- what is sent of it -----------------------------------------------------------------

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
        self,
        number: int,
        costs_from: int,
        view: View,
        *,
        diagnostics: bool = False,
        still: bool = True,
    ) -> dict[str, Any]:
        """A frame in words and arrays, ready for `wire.pack`.

        Unless it is `still`, the next one is on its way, and lines are looked at less finely.
        """
        return {
            "frame": number,
            "iteration": self.iteration,
            "runs": [
                self._run_frame(run, costs_from, view, diagnostics, still) for run in self.runs
            ],
        }

    def _run_frame(
        self, run: Run, costs_from: int, view: View, diagnostics: bool, still: bool
    ) -> dict[str, Any]:
        network, score = run.network, run.score
        frame: dict[str, Any] = {
            "first_iteration": min(costs_from, len(run.costs)),
            "costs": wire.float32(run.costs.since(costs_from)),
            "penalty": wire.capped(run.trainer.penalty),
            "train_cost": wire.capped(score.train_cost),
            "test_cost": wire.capped(score.test_cost),
            "train_accuracy": score.train_accuracy,
            "test_accuracy": score.test_accuracy,
            "train_confusion": score.train_confusion,
            "test_confusion": score.test_confusion,
            "layers": wire.parameters(network),
        }
        if (standstill := run.standstill) is not None:
            frame["standstill"] = standstill.told()
        if view.misclassified:
            wrong = score.misclassified
            frame["misclassified"] = None if wrong is None else np.packbits(wrong).tobytes()
        if diagnostics:
            frame["diagnostics"] = [wire.diagnostics(look) for look in run.trainer.diagnose()]
        if (features := self.examples.features) is not None:
            scale, runs = self.examples.scale, len(self.runs)
            frame |= wire.pictures(network, view, features, scale, runs, still=still)
        return frame

    def made(self, index: int) -> tuple[Change, ...]:
        """The changes that were made in a run up to now, in order."""
        iteration = self.runs[index].trainer.iteration
        return tuple(
            change
            for change in self._changes[: self._changed]
            if change.run in (None, index) and change.iteration <= iteration
        )

    def record(self, index: int) -> Record:
        """All of one run."""
        run = self.runs[index]
        return Record(
            plan=self.plan,
            run=index,
            changes=self.made(index),
            network=run.network,
            costs=run.costs.since(0).copy(),
        )

    def past(self, index: int) -> list[tuple[int, nncore.Network]]:
        """The iterations of a run at which it is still known, up to now, and its network there."""
        trainer = self.runs[index].trainer
        states = [states[index] for states in self._timeline.until(self.iteration)]
        # A run that was over before the others has the same state again and again.
        known = {state["iteration"]: state for state in [*states, trainer.state()]}
        return [(iteration, trainer.network_of(state)) for iteration, state in known.items()]

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
