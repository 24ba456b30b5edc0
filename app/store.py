"""Runs that have ended, for as long as there is room.

What if it is full: the run that ended first is forgotten first, by count and by size.
"""

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.training.backend import Progress, Saved
from app.training.session import Model, Record


@dataclass(frozen=True, slots=True)
class Ended:
    """A run that has ended: how, with which network, and all of it to watch again."""

    progress: Progress
    iterations: int
    model: Model | None
    saved: Saved | None

    @property
    def costs(self) -> NDArray[np.float64]:
        """The cost of every iteration."""
        return self.saved.costs_of(0) if self.saved and self.saved.costs else np.empty(0)

    @property
    def record(self) -> Record | None:
        """All of it, if it came to training."""
        checkpoint = self.saved.checkpoint if self.saved else None
        if checkpoint is None or self.model is None:
            return None
        return Record(
            plan=checkpoint.plan,
            run=0,
            changes=tuple(checkpoint.changes),
            network=self.model.network,
            costs=checkpoint.costs[0],
        )

    @property
    def size(self) -> int:
        """About how many bytes it takes."""
        layers = self.model.network.layers if self.model else ()
        parameters = sum(layer.W.size + layer.b.size for layer in layers)
        return 10_000 + 24 * parameters + (self.saved.size if self.saved else 0)


class Store:
    """Ended runs by their id."""

    def __init__(self, most_runs: int, most_bytes: int) -> None:
        self._most_runs = most_runs
        self._most_bytes = most_bytes
        self._bytes = 0
        self._runs: OrderedDict[str, Ended] = OrderedDict()

    def __len__(self) -> int:
        return len(self._runs)

    def add(self, run: str, ended: Ended) -> None:
        """Keep a run that has ended."""
        self._runs[run] = ended
        self._bytes += ended.size
        while len(self._runs) > 1 and (
            len(self._runs) > self._most_runs or self._bytes > self._most_bytes
        ):
            _, oldest = self._runs.popitem(last=False)
            self._bytes -= oldest.size

    def get(self, run: str) -> Ended | None:
        """The run, unless it never ended or is forgotten."""
        return self._runs.get(run)

    def delete(self, run: str) -> None:
        """Forget a run."""
        if (ended := self._runs.pop(run, None)) is not None:
            self._bytes -= ended.size
