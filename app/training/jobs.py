"""Runs that were started over REST: a queue, those that train, and what became of them.

What if it is full: a run that finds no place to train waits in the queue; one that finds the
queue full is refused with 429 and told when to come again. A run that has ended keeps its place
until it is stored, so that no more can end than the store takes. Streams of runs are bounded for
each run and in all, since of a run that has ended each has a copy of its own; one more is refused.
"""

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from app.errors import Full, GoingAway, InvalidField, NotFound, NotStarted, NotStored, Refused
from app.schemas import Configure, Message, Pause, Plan
from app.settings import Settings
from app.store import Store, Stored
from app.training.backend import (
    Attach,
    Detach,
    Event,
    Frame,
    Progress,
    Result,
    Saved,
    Tell,
    Text,
)
from app.training.driver import Backend
from app.training.outbox import GOING_AWAY, Outbox
from app.training.run import Model
from app.training.session import Record

log = logging.getLogger(__name__)

NORMAL = 1000
STORE_AGAIN_SECONDS = 5.0
STORE_TRIES = 60
"""So many times a run that has ended is brought to a store that does not answer."""


@dataclass(eq=False)
class Job:
    """A run that has not ended."""

    id: str
    plan: Plan
    progress: Progress
    started: bool = False
    ending: bool = False
    """Whether it trains no more, and is on its way into the store."""
    forgotten: bool = False
    storing: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while it is being brought to the store."""
    tried: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once it is stored, or could not be at the first try."""
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once it is stored, or forgotten."""
    watchers: dict[str, Outbox] = field(default_factory=dict)

    @property
    def iterations(self) -> int:
        """How many iterations it is to train."""
        return self.plan.runs[0].training.iterations


@dataclass(frozen=True)
class Watch:
    """A connection that watches a run, through the session that it watches it in."""

    run: str
    session: str
    outbox: Outbox
    job: Job | None


class Jobs:
    """Every REST run of this server."""

    def __init__(self, backend: Backend, store: Store, settings: Settings) -> None:
        self._backend = backend
        self._store = store
        self._settings = settings
        self._jobs: dict[str, Job] = {}
        self._queue: deque[Job] = deque()
        self._watches: dict[str, Watch] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._going = False

    @property
    def going(self) -> bool:
        """Whether the server is about to end."""
        return self._going

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
            GoingAway: the server is about to end.
        """
        if self._going:
            raise GoingAway
        if len(self._queue) >= self._settings.max_queued_runs:
            raise Full(f"{len(self._queue)} runs are waiting already; try again in a while", 10)
        name = secrets.token_urlsafe(9)
        job = Job(name, plan, Progress(name, "queued", 0))
        self._jobs[name] = job
        self._queue.append(job)
        await self._start_waiting()
        return job

    async def _start_waiting(self) -> None:
        while not self._going and self._queue and self.running < self._settings.running_run_limit:
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
                        outbox.put(event.json)
            case Frame() if event.reader in job.watchers:
                job.watchers[event.reader].put(event.data)

    def _later(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def drain(self) -> None:
        """Take no runs any more, and keep those there are as far as they have come: cancelled."""
        self._going = True
        detail = "The server was stopped before this run had ended; start it again."
        jobs = [job for job in self._jobs.values() if not job.ending]
        try:
            await asyncio.gather(*(self._cancel(job, detail) for job in jobs))
            await asyncio.gather(*(job.ended.wait() for job in jobs))
        finally:
            for watch in self._watches.values():
                watch.outbox.close(GOING_AWAY)

    async def _end(self, job: Job, cancelled: bool = False, detail: str | None = None) -> None:
        """Find out what became of a run, and begin to keep it."""
        if job.ending:
            return
        job.ending = True
        snapshot = await self._backend.snap(job.id)
        if job.forgotten:
            return
        # Of one that failed there is what was known of it before.
        saved = Saved.whole(snapshot.state) if snapshot else self._backend.saved(job.id)
        if snapshot is not None:
            job.progress = snapshot.progress
        if cancelled:
            job.progress = replace(job.progress, status="cancelled", detail=detail)
        self._later(self._keep(job, saved))
        await job.tried.wait()

    async def _keep(self, job: Job, saved: Saved | None) -> None:
        """Into the store with it, and let the next one start; until then it is known here."""
        stored = Stored("run", job.progress, job.iterations, saved)
        for tries in range(1, STORE_TRIES + 1):
            async with job.storing:
                if job.forgotten:
                    return
                try:
                    await self._store.add(job.id, stored)
                except NotStored:
                    log.warning("run %.6s ended and could not be stored (try %d)", job.id, tries)
                    job.tried.set()
                else:
                    self._let_go(job)
                    break
            await asyncio.sleep(STORE_AGAIN_SECONDS)
        else:
            log.error("run %.6s could not be stored, and is lost", job.id)
            self._let_go(job)
        await self._start_waiting()

    def _let_go(self, job: Job) -> None:
        """From now on it is not answered for here."""
        self._jobs.pop(job.id, None)
        job.tried.set()
        job.ended.set()
        if not job.watchers:
            self._backend.close(job.id)

    # -- what is asked of them --------------------------------------------------------------

    async def progress(self, run: str) -> tuple[Progress, int]:
        """How far a run is, and how many iterations it has in all.

        Raises:
            NotFound: there is no such run.
        """
        if (job := self._jobs.get(run)) is not None:
            result = await self._backend.ask(run) if job.started and not job.ending else None
            return (result.progress if result else job.progress), job.iterations
        stored = await self._store.progress(run)
        if stored is None:
            raise _unknown(run)
        return stored

    async def model(self, run: str) -> Model:
        """The network as trained so far, and what it wants to be given.

        Raises:
            NotFound: there is no such run.
            NotStarted: it has no network (yet).
        """
        if run in self._jobs:
            return (await self._result(run)).model
        record = await self._stored_record(run, 0)
        return Model(record.network, record.examples.features, record.examples.task)

    async def costs(self, run: str) -> NDArray[np.float64]:
        """The cost of every iteration so far.

        Raises:
            NotFound: there is no such run.
        """
        if (job := self._jobs.get(run)) is not None:
            record = await self._backend.fetch(run, 0) if job.started else None
            # It may have ended while it was asked.
            if record is not None or run in self._jobs:
                return record.costs if record else np.empty(0)
        saved = (await self._stored(run)).saved
        return saved.costs_of(0) if saved and saved.costs else np.empty(0)

    async def record(self, run: str, index: int = 0) -> Record:
        """All of a run.

        Raises:
            NotFound: there is no such run.
            NotStarted: there is nothing of it (yet).
            InvalidField: it has no run `index`; a REST run is the only one of its session.
        """
        if (job := self._jobs.get(run)) is None:
            return await self._stored_record(run, index)
        _check_index(index, 1)
        record = await self._backend.fetch(run, 0) if job.started else None
        if record is not None:
            return record
        # It may have ended while it was asked.
        if run in self._jobs:
            raise NotStarted(f"run {run} has not started yet; ask again in a moment")
        return await self._stored_record(run, index)

    async def _stored_record(self, run: str, index: int) -> Record:
        stored = await self._stored(run)
        _check_index(index, len(stored.plan.runs) if stored.plan else 1)
        record = await asyncio.to_thread(stored.record, index)
        if record is None:
            raise NotStarted(f"run {run} ended before it had a network")
        return record

    async def _result(self, run: str) -> Result:
        result = await self._backend.ask(run) if self._jobs[run].started else None
        if result is None:
            raise NotStarted(f"run {run} has not started yet; ask again in a moment")
        return result

    async def _stored(self, run: str) -> Stored:
        stored = await self._store.get(run)
        if stored is None:
            raise _unknown(run)
        return stored

    async def cancel(self, run: str) -> tuple[Progress, int]:
        """Let a run train no more; what it has trained is kept. One that has ended stays as it is.

        It is stored when this returns, unless the store does not answer: then it is brought there
        as any run that has ended.

        Raises:
            NotFound: there is no such run.
        """
        job = self._jobs.get(run)
        if job is not None and not job.ending:
            await self._cancel(job)
        return await self.progress(run)

    async def delete(self, run: str) -> None:
        """Forget a run, whether it has ended or not.

        Raises:
            NotFound: there is no such run.
            NotStored: it is in the store, which does not answer.
            Refused: it is a saved session, which whoever has its link may rely on.
        """
        if (job := self._jobs.get(run)) is not None:
            async with job.storing:
                if run in self._jobs:
                    self._forget(job)
                    await self._start_waiting()
                    return
        if not await self._store.delete(run):
            await self._stored(run)
            raise Refused(f"{run} is a saved session: it is kept for whoever has its link")

    def _forget(self, job: Job) -> None:
        job.forgotten = job.ending = True
        job.progress = replace(job.progress, status="cancelled")
        if job in self._queue:
            self._queue.remove(job)
        for outbox in job.watchers.values():
            outbox.close(NORMAL)
        self._let_go(job)
        self._backend.close(job.id)

    async def _cancel(self, job: Job, detail: str | None = None) -> None:
        if job.started:
            # Pausing makes a checkpoint, and the answer that `_end` waits for comes after it.
            await self._backend.send(Tell(job.id, "", Pause(type="pause")))
            await self._end(job, cancelled=True, detail=detail)
        else:
            self._queue.remove(job)
            job.ending = True
            job.progress = replace(job.progress, status="cancelled", detail=detail)
            self._later(self._keep(job, None))
            await job.tried.wait()

    # -- watching ---------------------------------------------------------------------------

    async def watch(self, run: str, outbox: Outbox) -> Watch:
        """Let a connection watch a run; one that has ended is brought back as it ended.

        Raises:
            NotFound: there is no such run.
            NotStarted: it ended before there was anything to see.
            Full: as many watch it, or runs in all, as may.
            GoingAway: the server is about to end.
        """
        if self._going:
            raise GoingAway
        here = sum(watch.run == run for watch in self._watches.values())
        if here >= self._settings.max_watchers:
            raise Full(f"{here} connections watch this run already", 30)
        if len(self._watches) >= self._settings.max_watchers_in_all:
            raise Full(f"{len(self._watches)} connections watch runs already", 30)
        job = self._jobs.get(run)
        session = run if job is not None else f"{run}-{outbox.name}"
        watch = self._watches[outbox.name] = Watch(run, session, outbox, job)
        try:
            await (self._follow(watch, job) if job is not None else self._bring_back(watch))
        except BaseException:
            await self.unwatch(watch)
            raise
        return watch

    async def _follow(self, watch: Watch, job: Job) -> None:
        job.watchers[watch.outbox.name] = watch.outbox
        self._backend.put(Attach(watch.session, watch.outbox.name))

    async def _bring_back(self, watch: Watch) -> None:
        saved = (await self._stored(watch.run)).saved
        if saved is None:
            raise NotStarted(f"run {watch.run} ended before there was anything to see")

        def listen(event: Event) -> None:
            match event:
                case Text():
                    watch.outbox.put(event.json)
                case Frame():
                    watch.outbox.put(event.data)

        self._backend.open(watch.session, "job", listen, saved)
        self._backend.put(Attach(watch.session, watch.outbox.name))

    async def tell(self, watch: Watch, message: Message) -> None:
        """Pass a `view`, an `ack` or an `inspect` of a watcher on."""
        await self._backend.send(Tell(watch.session, watch.outbox.name, message))

    async def unwatch(self, watch: Watch) -> None:
        """The watcher is gone."""
        name, job = watch.outbox.name, watch.job
        self._watches.pop(name, None)
        if job is not None:
            job.watchers.pop(name, None)
            self._backend.put(Detach(watch.session, name))
        if job is None or (job.ended.is_set() and not job.watchers):
            self._backend.close(watch.session)


def _unknown(run: str) -> NotFound:
    return NotFound(f"there is no run {run!r:.80}")


def _check_index(index: int, runs: int) -> None:
    if index >= runs:
        range_of = "0: this is a single run" if runs == 1 else f"from 0 to {runs - 1}"
        raise InvalidField(f"run must be {range_of}; got {index}", "run")
