"""A session at a moment, as plain data that can cross a process, or go to the store."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np

import nncore
from app.schemas import Plan, RunPlan
from app.training.examples import Examples
from app.training.run import Change, Score, initial_network
from app.wire import Array

Speed = float | Literal["max"]
"""Iterations per frame."""
DEFAULT_ITERATIONS_PER_FRAME = 5


@dataclass(frozen=True)
class Checkpoint:
    """A session at an iteration, and how it was driven.

    Attributes:
        costs: Those of each run from `costs_from` on; whoever has the earlier ones gets only the
            new ones.
        stepping: How many iterations it was yet to step; 0 if it was not stepping.
        experiment: The number of what a teacher sent, if that is what it is.
    """

    plan: Plan
    iteration: int
    trainers: list[Any]
    changes: list[Change]
    costs_from: int
    costs: list[Array] = field(repr=False)
    playing: bool = False
    stepping: int = 0
    iterations_per_frame: Speed = DEFAULT_ITERATIONS_PER_FRAME
    experiment: int | None = None

    @property
    def size(self) -> int:
        """Bytes of its arrays."""
        states = sum(
            state["parameters"].nbytes + sum(memory.nbytes for memory in state["memory"])
            for state in self.trainers
        )
        return int(states + sum(costs.nbytes for costs in self.costs))


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


Source = Record | tuple[Checkpoint, int]
"""A live run, or a stored session and the index of a run in it."""


NO_PLAN = Plan()


class Latest:
    """The latest checkpoint of a session, put together from those that its host has sent.

    Its driver keeps it, to bring the session to another host, or to the store.

    Attributes:
        checkpoint: The latest one, without its costs.
        costs: Of each run, every cost as the bytes of float64.
        updates: How many checkpoints were added.
        begun: How often the costs began again at 0.
    """

    def __init__(self, whole: Checkpoint) -> None:
        self.updates = self.begun = 0
        self.checkpoint = whole
        self.add(whole)

    def add(self, part: Checkpoint, *, same_plan: bool = False) -> None:
        """Take a newer one: its costs follow those that are here, or start again at 0.

        Args:
            same_plan: Whether its plan is that of the one before, and is left out (`NO_PLAN`).
        """
        if part.costs_from == 0:
            self.costs = [bytearray() for _ in part.costs]
            self.begun += 1
        for costs, new in zip(self.costs, part.costs, strict=True):
            costs += new.tobytes()
        plan = self.checkpoint.plan if same_plan else part.plan
        self.checkpoint = replace(part, plan=plan, costs_from=0, costs=[])
        self.updates += 1

    @property
    def whole(self) -> Checkpoint:
        """The latest one with a copy of every cost."""
        costs = [np.frombuffer(bytes(costs), dtype=np.float64) for costs in self.costs]
        return replace(self.checkpoint, costs=costs)
