"""A session at a moment, as plain data that can cross a process, or go to the store."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

import nncore
from app.schemas import Plan, RunPlan
from app.training.examples import Examples
from app.training.run import Change, Score, initial_network
from app.wire import Array

Speed = float | Literal["max"]
"""Iterations per frame."""


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


NO_PLAN = Plan()


@dataclass(frozen=True, slots=True)
class HostedState:
    """A session in a host: its checkpoint and how it was being driven."""

    checkpoint: Checkpoint | None
    playing: bool
    stepping: int
    iterations_per_frame: Speed


@dataclass
class Saved:
    """The whole of a session put together from the parts that were `Kept`.

    Attributes:
        parts: How many were added.
        begun: How often its costs began again at 0.
    """

    state: HostedState
    costs: list[bytearray] = field(default_factory=list)
    parts: int = 0
    begun: int = 0

    @classmethod
    def whole(cls, state: HostedState) -> "Saved":
        """Of a single part that has every cost."""
        saved = cls(state)
        saved.add(state)
        return saved

    def add(self, state: HostedState, *, same_plan: bool = False) -> None:
        """Take a newer part: its costs follow those that are here, or start again at 0."""
        if same_plan and state.checkpoint and self.state.checkpoint:
            plan = self.state.checkpoint.plan
            state = replace(state, checkpoint=replace(state.checkpoint, plan=plan))
        self.state = state
        self.parts += 1
        if state.checkpoint is None:
            self.costs = []
            return
        new = state.checkpoint.costs
        if state.checkpoint.costs_from == 0:
            self.costs = [bytearray() for _ in new]
            self.begun += 1
        for kept, costs in zip(self.costs, new, strict=True):
            kept += costs.tobytes()

    def costs_of(self, run: int) -> NDArray[np.float64]:
        """Every cost of a run."""
        return np.frombuffer(bytes(self.costs[run]), dtype=np.float64)

    @property
    def checkpoint(self) -> Checkpoint | None:
        """The checkpoint with all its costs."""
        part = self.state.checkpoint
        if part is None:
            return None
        costs = [self.costs_of(run) for run in range(len(self.costs))]
        return replace(part, costs_from=0, costs=costs)
