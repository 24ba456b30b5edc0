"""A run as a row and back, to the bit: JSON that says its types, and safetensors; never pickle."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal

import numpy as np
from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json
from safetensors import SafetensorError
from safetensors import numpy as safetensors

from app.schemas import Plan
from app.training.checkpoints import Checkpoint, Speed
from app.training.messages import Progress
from app.training.run import Change
from nncore.stopping import BestSoFar, Stop, Stopped

StoredAs = Literal["run", "save"]
FormatNumber = Literal[1]
"""Of `State` and the arrays. A row of another format is not read."""
FORMAT: FormatNumber = 1


class Unreadable(Exception):
    """The row was written by another version, or by something else."""


@dataclass(frozen=True)
class StoredRun:
    """A run as it is kept: how it does, how it was planned and trained, and all of it to go on.

    Attributes:
        kind: Whether it is a REST run that has ended, or a session that was saved.
        progress: Of its first run.
        iterations: How many were planned of that.
        checkpoint: All of it; None if it ended before it had a network.
        page: The page that it was saved from, as the hash of its address.
    """

    kind: StoredAs
    progress: Progress
    iterations: int
    checkpoint: Checkpoint | None
    page: str | None = None

    @property
    def plan(self) -> Plan | None:
        """What was planned, if it came to training."""
        return self.checkpoint.plan if self.checkpoint else None

    @property
    def spec(self) -> dict[str, Any] | None:
        """Its first run in the words of `POST /train`, with the rates, conditions and speed of now.

        JSON-ready; None if it never came to training.
        """
        checkpoint = self.checkpoint
        if checkpoint is None:
            return None
        plan, trainer = checkpoint.plan.model_dump(mode="json"), checkpoint.trainers[0]
        run = plan["runs"][0]
        now = {name: trainer[name] for name in ("learning_rate", "l1", "l2")}
        return {
            "data": plan["data"],
            "network": run["network"],
            "training": {**run["training"], **now, "stop": asdict(trainer["stop"])},
            "iterations_per_frame": checkpoint.iterations_per_frame,
        }


@dataclass(frozen=True)
class TrainerState:
    """A trainer's `state` without its arrays."""

    iteration: int
    learning_rate: float
    l1: float
    l2: float
    stop: Stop
    watch: BestSoFar
    stopped: Stopped | None
    diverged: tuple[int, str] | None


@dataclass(frozen=True)
class State:
    """A session's checkpoint without its plan and arrays. It is stored as paused.

    Attributes:
        experiment: Of a session that goes on, never of a save: that may be opened in another room.
    """

    format: FormatNumber
    iteration: int
    iterations_per_frame: Speed
    changes: list[Change]
    trainers: list[TrainerState]
    experiment: int | None = None


SCALARS = tuple(field.name for field in fields(TrainerState))
PROGRESS, PLAN, STATE = TypeAdapter(Progress), TypeAdapter(Plan), TypeAdapter(State)


def row_of(stored: StoredRun) -> dict[str, Any]:
    """The columns of a run that are its own, `size` among them."""
    columns: dict[str, Any] = {
        "kind": stored.kind,
        "iterations": stored.iterations,
        "progress": _json(stored.progress),
        "plan": None,
        "state": None,
        "arrays": None,
        "page": stored.page,
    }
    if (checkpoint := stored.checkpoint) is not None:
        saved = replace(checkpoint, experiment=None)
        columns |= _columns(saved, _arrays(checkpoint) | _costs(checkpoint.costs))
    return {**columns, "size": size_of(columns)}


def session_row_of(checkpoint: Checkpoint) -> dict[str, Any]:
    """The columns of a session that are its own, its costs apart."""
    columns = _columns(checkpoint, _arrays(checkpoint))
    return {"playing": checkpoint.playing, "stepping": checkpoint.stepping, **columns}


def costs_row_of(costs: Sequence[bytes]) -> bytes:
    """Costs of each run, as they are kept apart."""
    return safetensors.save(_costs([np.frombuffer(run, np.float64) for run in costs]))


def session_of(row: Any, parts: Sequence[bytes]) -> Checkpoint:
    """The session of a row, and of its costs in their order.

    Raises:
        Unreadable: this program can't read it.
    """
    try:
        loaded = [safetensors.load(part) for part in parts]
        costs = {name: np.concatenate([part[name] for part in loaded]) for name in loaded[0]}
        checkpoint = _checkpoint(row.plan, row.state, safetensors.load(row.arrays) | costs)
    except (ValidationError, SafetensorError, KeyError, IndexError) as error:
        raise Unreadable(str(error)) from error
    return replace(checkpoint, playing=row.playing, stepping=row.stepping)


def size_of(columns: Mapping[str, Any]) -> int:
    """Bytes of texts and arrays."""
    return sum(len(value) for value in columns.values() if isinstance(value, str | bytes))


def _columns(checkpoint: Checkpoint, arrays: Mapping[str, np.ndarray[Any, Any]]) -> dict[str, Any]:
    trainers = [
        TrainerState(**{name: trainer[name] for name in SCALARS}) for trainer in checkpoint.trainers
    ]
    speed = checkpoint.iterations_per_frame
    state = State(
        FORMAT, checkpoint.iteration, speed, checkpoint.changes, trainers, checkpoint.experiment
    )
    return {
        "plan": checkpoint.plan.written,
        "state": _json(state),
        "arrays": safetensors.save(dict(arrays)),
    }


def stored_of(row: Any) -> StoredRun:
    """The run of a row.

    Raises:
        Unreadable: this program can't read it.
    """
    try:
        progress = PROGRESS.validate_json(row.progress)
        arrays = None if row.arrays is None else safetensors.load(row.arrays)
        checkpoint = None if arrays is None else _checkpoint(row.plan, row.state, arrays)
    except (ValidationError, SafetensorError, KeyError) as error:
        raise Unreadable(str(error)) from error
    return StoredRun(row.kind, progress, row.iterations, checkpoint, row.page)


def _checkpoint(
    plan: str, state_text: str, arrays: Mapping[str, np.ndarray[Any, Any]]
) -> Checkpoint:
    state = STATE.validate_json(state_text)
    return Checkpoint(
        plan=PLAN.validate_json(plan),
        iteration=state.iteration,
        trainers=[
            {
                **{name: getattr(scalars, name) for name in SCALARS},
                "parameters": arrays[f"{run}.parameters"],
                "memory": tuple(
                    arrays[name]
                    for name in (f"{run}.memory.0", f"{run}.memory.1")
                    if name in arrays
                ),
                "frozen": arrays.get(f"{run}.frozen"),
            }
            for run, scalars in enumerate(state.trainers)
        ],
        changes=state.changes,
        costs_from=0,
        costs=[arrays[f"{run}.costs"] for run in range(len(state.trainers))],
        iterations_per_frame=state.iterations_per_frame,
        experiment=state.experiment,
    )


def _arrays(checkpoint: Checkpoint) -> dict[str, np.ndarray[Any, Any]]:
    """Those of all runs, by the number of the run and their names."""
    arrays = {}
    for run, trainer in enumerate(checkpoint.trainers):
        arrays[f"{run}.parameters"] = trainer["parameters"]
        for index, memory in enumerate(trainer["memory"]):
            arrays[f"{run}.memory.{index}"] = memory
        if trainer["frozen"] is not None:
            arrays[f"{run}.frozen"] = trainer["frozen"]
    return {name: np.ascontiguousarray(array) for name, array in arrays.items()}


def _costs(costs: Sequence[np.ndarray[Any, Any]]) -> dict[str, np.ndarray[Any, Any]]:
    """Those of each run, by its number."""
    return {f"{run}.costs": np.ascontiguousarray(part) for run, part in enumerate(costs)}


def _json(value: object) -> str:
    # The best cost that a watch has seen is infinite at first.
    return to_json(value, inf_nan_mode="constants").decode()
