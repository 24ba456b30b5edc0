"""What is asked of a REST run: its worker knows while it trains, the store once it has ended."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from app.errors import InvalidField, NotFound, NotStarted
from app.sessions.job import Job
from app.store import Store, StoredRun
from app.training.checkpoints import Record, Source
from app.training.messages import Progress
from app.training.run import Model
from app.training.workers.backend import Backend


class KnownRuns:
    """Every REST run and save, wherever it is.

    Args:
        here: Those that are not in the store yet.
    """

    def __init__(self, here: Mapping[str, Job], backend: Backend, store: Store) -> None:
        self._here, self._backend, self._store = here, backend, store

    async def progress(self, run: str) -> tuple[Progress, int]:
        """How far a run is, and how many iterations it has in all.

        Raises:
            NotFound: there is no such run.
        """
        if (job := self._here.get(run)) is not None:
            now = await self._backend.progress(run) if job.started and not job.ending else None
            return now or job.progress, job.iterations
        stored = await self._store.progress(run)
        if stored is None:
            raise _unknown(run)
        return stored

    def trains(self, run: str) -> bool:
        """Whether a run is here; if not, all of it has to be read from the store."""
        return run in self._here

    async def model(self, run: str) -> Model | Source:
        """The network as trained so far, and what it wants to be given.

        Raises:
            NotFound: there is no such run.
            NotStarted: it has no network (yet).
        """
        job = self._here.get(run)
        model = await self._backend.model(run) if job and job.started else None
        return model or await self._stored_source(run, 0)

    async def costs(self, run: str) -> NDArray[np.float64]:
        """The cost of every iteration so far.

        Raises:
            NotFound: there is no such run.
        """
        try:
            source = await self.record(run)
        except NotStarted:
            return np.empty(0)
        return source.costs if isinstance(source, Record) else source[0].costs[0]

    async def record(self, run: str, index: int = 0) -> Source:
        """All of a run.

        Raises:
            NotFound: there is no such run.
            NotStarted: there is nothing of it (yet).
            InvalidField: it has no run `index`; a REST run is the only one of its session.
        """
        record = None
        if (job := self._here.get(run)) is not None:
            _check_index(index, 1)
            record = await self._backend.fetch(run, 0) if job.started else None
        return record or await self._stored_source(run, index)

    async def _stored_source(self, run: str, index: int) -> Source:
        # It was asked about before it had anything, or it ended meanwhile and is stored.
        if run in self._here:
            raise NotStarted(f"run {run} has not started yet; ask again in a moment")
        stored = await stored_run(self._store, run)
        _check_index(index, len(stored.plan.runs) if stored.plan else 1)
        checkpoint = stored.checkpoint
        if checkpoint is None:
            raise NotStarted(f"run {run} ended before it had a network")
        # The others' costs are only weight.
        costs = [c if run == index else c[:0] for run, c in enumerate(checkpoint.costs)]
        return replace(checkpoint, costs=costs), index


async def stored_run(store: Store, run: str) -> StoredRun:
    """What is stored of a run, or as a save.

    Raises:
        NotFound: nothing is.
    """
    stored = await store.get(run)
    if stored is None:
        raise _unknown(run)
    return stored


def _unknown(run: str) -> NotFound:
    return NotFound(f"there is no run {run!r:.80}")


def _check_index(index: int, runs: int) -> None:
    if index >= runs:
        range_of = "0: this is a single run" if runs == 1 else f"from 0 to {runs - 1}"
        raise InvalidField(f"run must be {range_of}; got {index}", "run")
