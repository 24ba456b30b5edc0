"""Runs that were started over REST: a queue, those that train, and what became of them.

What if it is full: a run that finds no place to train waits in the queue; one that finds the
queue full is refused with 429 and told when to come again.
"""

import asyncio
import secrets
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from app.errors import Full, InvalidField, NotFound, NotStarted
from app.schemas import Configure, Message, Pause, Plan
from app.settings import Settings
from app.store import Ended, Store
from app.training.backend import (
    Attach,
    Detach,
    Event,
    Frame,
    Progress,
    Result,
    Tell,
    Text,
    TrainingBackend,
)
from app.training.outbox import Outbox
from app.training.session import Model, Record


@dataclass(eq=False)
class Job:
    """A run that has not ended."""

    id: str
    plan: Plan
    progress: Progress
    started: bool = False
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    watchers: dict[str, Outbox] = field(default_factory=dict)

    @property
    def iterations(self) -> int:
        """How many iterations it is to train."""
        return self.plan.runs[0].training.iterations


@dataclass(frozen=True)
class Watch:
    """A connection that watches a run, through the session that it watches it in."""

    session: str
    job: Job | None


class Jobs:
    """Every REST run of this server."""

    def __init__(self, backend: TrainingBackend, store: Store, settings: Settings) -> None:
        self._backend = backend
        self._store = store
        self._settings = settings
        self._jobs: dict[str, Job] = {}
        self._queue: deque[Job] = deque()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def queued(self) -> int:
        """How many wait for a place to train."""
        return len(self._queue)

    @property
    def running(self) -> int:
        """How many train."""
        return len(self._jobs) - len(self._queue)

    async def submit(self, plan: Plan) -> Job:
        """Start a run, or queue it.

        Raises:
            Full: so many wait already that this one can't.
        """
        if len(self._queue) >= self._settings.max_queued_runs:
            raise Full(f"{len(self._queue)} runs are waiting already; try again in a while", 10)
        name = secrets.token_urlsafe(9)
        job = Job(name, plan, Progress(name, "queued", 0))
        self._jobs[name] = job
        self._queue.append(job)
        await self._start_waiting()
        return job

    async def _start_waiting(self) -> None:
        while self._queue and self.running < self._settings.running_run_limit:
            job = self._queue.popleft()
            job.started = True

            def listen(event: Event, job: Job = job) -> None:
                self._hear(job, event)

            self._backend.open(job.id, "job", listen)
            configure = Configure(
                type="configure", data=job.plan.data, runs=job.plan.runs, playing=True
            )
            await self._backend.send(Tell(job.id, "", configure))

    def _hear(self, job: Job, event: Event) -> None:
        match event:
            case Progress():
                job.progress = event
                if event.status != "running":
                    self._later(self._end(job))
            case Text():
                for name, outbox in job.watchers.items():
                    if event.reader in (None, name):
                        outbox.text(event.message)
            case Frame() if event.reader in job.watchers:
                job.watchers[event.reader].binary(event.data)

    def _later(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _end(self, job: Job, cancelled: bool = False) -> None:
        """Keep what became of a run, and let the next one start."""
        result = await self._backend.ask(job.id)
        saved = self._backend.saved(job.id)
        if self._jobs.pop(job.id, None) is None:
            return
        if result is not None:
            job.progress = result.progress
        if cancelled:
            job.progress = replace(job.progress, status="cancelled")
        model = result.model if result else None
        self._store.add(job.id, Ended(job.progress, job.iterations, model, saved))
        job.ended.set()
        if not job.watchers:
            self._backend.close(job.id)
        await self._start_waiting()

    # -- what is asked of them --------------------------------------------------------------

    async def progress(self, run: str) -> tuple[Progress, int]:
        """How far a run is, and how many iterations it has in all.

        Raises:
            NotFound: there is no such run.
        """
        if (job := self._jobs.get(run)) is not None:
            result = await self._backend.ask(run) if job.started else None
            return (result.progress if result else job.progress), job.iterations
        ended = self._ended(run)
        return ended.progress, ended.iterations

    async def model(self, run: str) -> Model:
        """The network as trained so far, and what it wants to be given.

        Raises:
            NotFound: there is no such run.
            NotStarted: it has no network (yet).
        """
        if run in self._jobs:
            return (await self._result(run)).model
        model = self._ended(run).model
        if model is None:
            raise NotStarted(f"run {run} ended before it had a network")
        return model

    async def costs(self, run: str) -> NDArray[np.float64]:
        """The cost of every iteration so far.

        Raises:
            NotFound: there is no such run.
        """
        job = self._jobs.get(run)
        if job is None:
            return self._ended(run).costs
        if not job.started:
            return np.empty(0)
        return (await self._result(run)).costs

    async def record(self, run: str, index: int = 0) -> Record:
        """All of a run.

        Raises:
            NotFound: there is no such run.
            NotStarted: there is nothing of it (yet).
            InvalidField: `index` is not 0; a REST run is the only one of its session.
        """
        if index:
            raise InvalidField(f"run must be 0: this is a single run; got {index}", "run")
        if (job := self._jobs.get(run)) is not None:
            record = await self._backend.fetch(run, 0) if job.started else None
            # It may have ended while it was asked.
            if record is not None or run in self._jobs:
                if record is None:
                    raise NotStarted(f"run {run} has not started yet; ask again in a moment")
                return record
        record = self._ended(run).record
        if record is None:
            raise NotStarted(f"run {run} ended before it had a network")
        return record

    async def _result(self, run: str) -> Result:
        result = await self._backend.ask(run) if self._jobs[run].started else None
        if result is None:
            raise NotStarted(f"run {run} has not started yet; ask again in a moment")
        return result

    def _ended(self, run: str) -> Ended:
        ended = self._store.get(run)
        if ended is None:
            raise NotFound(f"there is no run {run!r:.80}")
        return ended

    async def delete(self, run: str) -> None:
        """Cancel a run; forget one that has ended.

        Raises:
            NotFound: there is no such run.
        """
        job = self._jobs.get(run)
        if job is None:
            self._ended(run)
            self._store.delete(run)
        elif job.started:
            # Pausing makes a checkpoint, and the answer that `_end` waits for comes after it.
            await self._backend.send(Tell(run, "", Pause(type="pause")))
            await self._end(job, cancelled=True)
        else:
            self._queue.remove(job)
            del self._jobs[run]
            job.progress = replace(job.progress, status="cancelled")
            self._store.add(run, Ended(job.progress, job.iterations, None, None))
            job.ended.set()

    # -- watching ---------------------------------------------------------------------------

    async def watch(self, run: str, outbox: Outbox) -> Watch:
        """Let a connection watch a run; one that has ended is brought back as it ended.

        Raises:
            NotFound: there is no such run.
            NotStarted: it ended before there was anything to see.
            Full: as many watch it as may.
        """
        job = self._jobs.get(run)
        if job is not None:
            if len(job.watchers) >= self._settings.max_watchers:
                raise Full(f"{len(job.watchers)} connections watch this run already", 30)
            job.watchers[outbox.name] = outbox
            await self._backend.send(Attach(run, outbox.name))
            return Watch(run, job)
        ended = self._ended(run)
        if ended.saved is None:
            raise NotStarted(f"run {run} ended before there was anything to see")

        def listen(event: Event) -> None:
            match event:
                case Text():
                    outbox.text(event.message)
                case Frame():
                    outbox.binary(event.data)

        session = f"{run}-{outbox.name}"
        self._backend.open(session, "job", listen, ended.saved)
        await self._backend.send(Attach(session, outbox.name))
        return Watch(session, None)

    async def tell(self, watch: Watch, outbox: Outbox, message: Message) -> None:
        """Pass a `view`, an `ack` or an `inspect` of a watcher on."""
        await self._backend.send(Tell(watch.session, outbox.name, message))

    async def unwatch(self, watch: Watch, outbox: Outbox) -> None:
        """The watcher is gone."""
        if watch.job is not None:
            watch.job.watchers.pop(outbox.name, None)
            await self._backend.send(Detach(watch.session, outbox.name))
        if watch.job is None or (watch.job.ended.is_set() and not watch.job.watchers):
            self._backend.close(watch.session)
