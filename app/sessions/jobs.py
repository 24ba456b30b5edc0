"""Runs that were started over REST: a queue, those that train, and what became of them.

What if it is full: a run that finds no place to train waits in the queue, and addresses take turns
to start theirs; none has more than half of the places to train. Whoever has filled their part of
the queue is refused with 429 and a time to come again. A run that has ended keeps its place
until it is stored, so that no more can end than the store takes. Streams of runs are bounded for
each run and in all, since each watcher of an ended run has a copy of it; one more is refused, or
takes the place of the newest watcher of the address that has the most.
"""

import asyncio
import contextlib
import functools
import logging
import secrets
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from app.errors import (
    Full,
    GoingAway,
    InvalidField,
    NotFound,
    NotReady,
    NotStarted,
    NotStored,
    Refused,
)
from app.fairness import FairQueue
from app.schemas import Message, Pause, Plan
from app.sessions.outbox import GOING_AWAY, TRY_AGAIN_LATER, Outbox
from app.settings import Settings
from app.store import Store, StoredRun
from app.training.checkpoints import Checkpoint, Latest, Source
from app.training.messages import Attach, Detach, Event, Frame, Progress, Tell, Text
from app.training.run import Model
from app.training.workers.backend import Backend

log = logging.getLogger(__name__)

NORMAL = 1000
CLIENTS_WORTH = 2
"""The queue has room for so many addresses that fill their part of it."""
MOST_RUN_BYTES = 30_000_000
"""Of the runs of one address that have not ended: each may have ten thousand points."""
MOST_WATCHED_BYTES = 100_000_000
"""Of the costs of ended runs that are watched, in all."""
STORE_AGAIN_SECONDS = 5.0
STORE_TRIES = 60
"""How often a run that has ended is brought to a store that does not answer."""
ASK_SECONDS = 4.0
"""After which a worker is asked again."""
ASK_AGAIN_SECONDS = 1.0
"""Between two times that a worker that does not answer is asked what became of a run."""
LAST_SECONDS = 1.0
"""The same when the server is about to end. After that the latest checkpoint has to do."""
MOST_FAILURES = 3
"""After so many failures of the task that looks after it, a run counts as lost."""


class End(asyncio.Event):
    """Set once a run is stored or forgotten, or the server ends before it can be."""

    unkept = False

    async def wait(self) -> Literal[True]:
        """Wait for it.

        Raises:
            GoingAway: the server ends, and the run is not stored.
        """
        await super().wait()
        if self.unkept:
            raise GoingAway
        return True


@dataclass(eq=False)
class Job:
    """A run that is not in the store yet."""

    id: str
    client: str
    plan: Plan | None
    """Until it is started: then its worker has it."""
    progress: Progress
    iterations: int
    """How many it is to train."""
    size: int
    """About how many bytes it takes."""
    started: bool = False
    ending: bool = False
    """Whether it trains no more, or is to, and is on its way into the store."""
    cancelled: bool = False
    detail: str | None = None
    """Why it was cancelled."""
    paused: bool = False
    silent: bool = False
    """Whether its worker does not say what became of it."""
    forgotten: bool = False
    stored: StoredRun | None = None
    """What is brought to the store."""
    tries: int = 0
    failures: int = 0
    limit: asyncio.Timeout | None = None
    """The time limit of the last question to its worker."""
    over: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once it is `ending`."""
    storing: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while it is being brought to the store."""
    tried: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once it is stored, or could not be at the first try."""
    ended: End = field(default_factory=End)
    watchers: dict[str, Outbox] = field(default_factory=dict)

    def end(self, *, cancelled: bool = False, detail: str | None = None) -> None:
        """End its training; what there is of it goes to the store."""
        if not self.ending:
            self.ending, self.cancelled, self.detail = True, cancelled, detail
            self.over.set()


@dataclass(eq=False)
class Watch:
    """A connection that watches a run, through the session that it watches it in."""

    run: str
    session: str
    client: str
    outbox: Outbox
    job: Job | None
    size: int = 0
    """Bytes of the copy that it has of a run that has ended."""


class Jobs:
    """Every REST run of this server."""

    def __init__(self, backend: Backend, store: Store, settings: Settings) -> None:
        self._backend = backend
        self._store = store
        self._settings = settings
        self._jobs: dict[str, Job] = {}
        self._queue: FairQueue[Job] = FairQueue()
        self._watches: dict[str, Watch] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._going = asyncio.Event()
        self._over = False

    @property
    def going(self) -> bool:
        """Whether the server is about to end."""
        return self._going.is_set()

    @property
    def queued(self) -> int:
        """How many wait for a place to train."""
        return len(self._queue)

    @property
    def running(self) -> int:
        """How many train."""
        return len(self._jobs) - len(self._queue)

    async def submit(self, plan: Plan, client: str) -> Job:
        """Start a run, or queue it.

        Raises:
            Full: so many wait already that this one can't.
            GoingAway: the server is about to end.
        """
        if self.going:
            raise GoingAway
        waiting, theirs = len(self._queue), self._queue.of(client)
        size = sum(job.size for job in self._jobs.values()) + plan.size
        their_size = sum(j.size for j in self._jobs.values() if j.client == client) + plan.size
        for have, all_have, most, what in (
            (theirs + 1, waiting + 1, self._settings.max_queued_runs, "many"),
            (their_size, size, MOST_RUN_BYTES, "large"),
        ):
            if have > most or all_have > CLIENTS_WORTH * most:
                raise Full(
                    f"{waiting} runs wait and {self.running} train already, too {what} for another "
                    "one; try again in a while",
                    10,
                )
        name = secrets.token_urlsafe(9)
        iterations = plan.runs[0].training.iterations
        job = Job(name, client, plan, Progress(name, "queued", 0), iterations, plan.size)
        self._jobs[name] = job
        self._queue.put(client, job)
        self._start_waiting()
        await asyncio.sleep(0)  # if it was started, it is on its way when this returns
        return job

    def _start_waiting(self) -> None:
        limit = self._settings.running_run_limit
        while not self.going and self.running < limit:
            waiting = {id(job) for job in self._queue}
            train = Counter(job.client for job in self._jobs.values() if id(job) not in waiting)
            share = (limit + 1) // 2
            job = self._queue.take(lambda client: train[client] < share)  # noqa: B023
            if job is None:
                return
            self._look_after(job)

    def _look_after(self, job: Job) -> None:
        """See a run through, from its start to the store, whatever happens to the task."""
        task = asyncio.get_running_loop().create_task(self._see_through(job))
        self._tasks.add(task)
        task.add_done_callback(functools.partial(self._looked_after, job))

    def _looked_after(self, job: Job, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if self._over or (error is None and job.ended.is_set()):
            return
        log.error("run %.6s is not looked after (%r)", job.id, error, exc_info=error)
        job.failures += error is not None
        if not job.ended.is_set() and job.failures >= MOST_FAILURES:
            log.error("run %.6s is lost", job.id)
            job.progress = replace(job.progress, status="failed", detail="its run was lost")
            self._let_go(job)
        if job.ended.is_set():
            self._start_waiting()
        else:
            self._look_after(job)

    async def _see_through(self, job: Job) -> None:
        """Start a run, wait for its end, and keep it. Begun again, it goes on where it was."""
        if not job.started and not job.ending:
            self._start(job)
        await job.over.wait()
        if job.stored is None and not job.forgotten:
            job.stored = await self._what_became(job)
        if job.stored is not None:
            await self._keep(job, job.stored)
        self._start_waiting()

    def _start(self, job: Job) -> None:
        listener = functools.partial(self._hear, job)
        self._backend.open(job.id, "job", listener, plan=job.plan)
        job.started, job.plan = True, None
        for name in list(job.watchers):
            self._backend.put(Attach(job.id, name))

    def _hear(self, job: Job, event: Event) -> None:
        match event:
            case Progress():
                if job.stored is None:
                    job.progress = event
                if event.status != "running":
                    job.end()
            case Text():
                for name, outbox in job.watchers.items():
                    if event.reader in (None, name):
                        outbox.put(event.json)
            case Frame() if event.reader in job.watchers:
                job.watchers[event.reader].put(event.data)

    async def drain(self) -> None:
        """Take no runs any more, and keep those there are as far as they have come: cancelled."""
        self._going.set()
        jobs = list(self._jobs.values())
        for job in jobs:
            self._cancel(job, "The server was stopped before this run had ended; start it again.")
            if job.limit is not None:
                job.limit.reschedule(asyncio.get_running_loop().time() + LAST_SECONDS)
        try:
            await asyncio.gather(*(job.ended.wait() for job in jobs))
        finally:
            self._over = True
            for job in self._jobs.values():
                job.ended.unkept = True
                job.ended.set()
                job.tried.set()
            for task in self._tasks:
                task.cancel()
            for watch in self._watches.values():
                watch.outbox.close(GOING_AWAY)

    async def _what_became(self, job: Job) -> StoredRun | None:
        """All of a run that has ended, or is to; None if nobody wants it any more."""
        checkpoint: Checkpoint | None = None
        while job.started and not job.forgotten:
            try:
                checkpoint = await self._last_of(job)
                break
            except (NotReady, Full):
                log.warning("the worker of run %.6s does not say what became of it", job.id)
                if self.going:
                    checkpoint = self._latest_of(job)
                    break
                job.silent = True
                job.tried.set()
                await self._wait(ASK_AGAIN_SECONDS)
        job.silent = False
        if job.forgotten:
            return None
        if job.cancelled:
            job.progress = replace(job.progress, status="cancelled", detail=job.detail)
        return StoredRun("run", job.progress, job.iterations, checkpoint)

    async def _last_of(self, job: Job) -> Checkpoint | None:
        """What its worker has of a run.

        Raises:
            NotReady, Full: the worker does not answer, or not yet.
        """
        try:
            async with asyncio.timeout(LAST_SECONDS if self.going else ASK_SECONDS) as job.limit:
                if job.cancelled and not job.paused:
                    # Pausing makes a checkpoint, and the answer comes after it.
                    await self._backend.send(Tell(job.id, "", Pause(type="pause")))
                    job.paused = True
                snapshot = await self._backend.snap(job.id)
        except TimeoutError:
            raise NotReady("its worker does not answer") from None
        finally:
            job.limit = None
        if snapshot is None:  # it failed: its latest checkpoint is all there is
            return self._latest_of(job)
        job.progress = snapshot.progress
        return snapshot.checkpoint

    def _latest_of(self, job: Job) -> Checkpoint | None:
        """What is known of a run without asking its worker."""
        latest = self._backend.latest(job.id)
        return latest.whole if latest else None

    async def _wait(self, seconds: float) -> None:
        """Before another try; not for long when the server is about to end."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._going.wait(), seconds)
        if self.going:
            await asyncio.sleep(min(seconds, 0.1))

    async def _keep(self, job: Job, stored: StoredRun) -> None:
        """Into the store with it; until then it is known here."""
        while job.tries < STORE_TRIES:
            job.tries += 1
            async with job.storing:
                if job.forgotten:
                    return
                try:
                    await self._store.add(job.id, stored, job.client)
                except NotStored:
                    log.warning("run %.6s could not be stored (try %d)", job.id, job.tries)
                    job.tried.set()
                else:
                    self._let_go(job)
                    return
            await self._wait(STORE_AGAIN_SECONDS)
        log.error("run %.6s could not be stored, and is lost", job.id)
        self._let_go(job)

    def _let_go(self, job: Job) -> None:
        """From now on the store answers for it, or nobody."""
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
            now = await self._backend.progress(run) if job.started and not job.ending else None
            return now or job.progress, job.iterations
        stored = await self._store.progress(run)
        if stored is None:
            raise _unknown(run)
        return stored

    def trains(self, run: str) -> bool:
        """Whether a run is here; if not, all of it has to be read from the store."""
        return run in self._jobs

    async def model(self, run: str) -> Model | Source:
        """The network as trained so far, and what it wants to be given.

        Raises:
            NotFound: there is no such run.
            NotStarted: it has no network (yet).
        """
        if (job := self._jobs.get(run)) is None:
            return await self._stored_source(run, 0)
        model = await self._backend.model(run) if job.started else None
        if model is None:
            raise NotStarted(f"run {run} has not started yet; ask again in a moment")
        return model

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
        checkpoint = (await self._stored(run)).checkpoint
        return checkpoint.costs[0] if checkpoint else np.empty(0)

    async def record(self, run: str, index: int = 0) -> Source:
        """All of a run.

        Raises:
            NotFound: there is no such run.
            NotStarted: there is nothing of it (yet).
            InvalidField: it has no run `index`; a REST run is the only one of its session.
        """
        if (job := self._jobs.get(run)) is None:
            return await self._stored_source(run, index)
        _check_index(index, 1)
        record = await self._backend.fetch(run, 0) if job.started else None
        if record is not None:
            return record
        # It may have ended while it was asked.
        if run in self._jobs:
            raise NotStarted(f"run {run} has not started yet; ask again in a moment")
        return await self._stored_source(run, index)

    async def _stored_source(self, run: str, index: int) -> Source:
        stored = await self._stored(run)
        _check_index(index, len(stored.plan.runs) if stored.plan else 1)
        checkpoint = stored.checkpoint
        if checkpoint is None:
            raise NotStarted(f"run {run} ended before it had a network")
        # The others' costs are only weight.
        costs = [c if run == index else c[:0] for run, c in enumerate(checkpoint.costs)]
        return replace(checkpoint, costs=costs), index

    async def _stored(self, run: str) -> StoredRun:
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
            NotReady: its worker does not answer; it ends as soon as it does.
        """
        if (job := self._jobs.get(run)) is not None:
            known = job.ending
            self._cancel(job)
            if not known:
                await job.tried.wait()
            if job.silent:
                raise NotReady("the worker of this run does not answer; it ends as soon as it does")
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
                    self._start_waiting()
                    return
        if not await self._store.delete(run):
            await self._stored(run)
            raise Refused(f"{run} is a saved session: it is kept for whoever has its link")

    def _forget(self, job: Job) -> None:
        job.forgotten = True
        job.end(cancelled=True)
        job.progress = replace(job.progress, status="cancelled")
        self._queue.remove(job.client, job)
        for outbox in job.watchers.values():
            outbox.close(NORMAL)
        self._let_go(job)
        self._backend.close(job.id)

    def _cancel(self, job: Job, detail: str | None = None) -> None:
        if job in self._queue:
            self._queue.remove(job.client, job)
            self._look_after(job)
        job.end(cancelled=True, detail=detail)

    # -- watching ---------------------------------------------------------------------------

    async def watch(self, run: str, outbox: Outbox, client: str) -> Watch:
        """Let a connection watch a run; one that has ended is brought back as it ended.

        Raises:
            NotFound: there is no such run.
            NotStarted: it ended before there was anything to see.
            Full: as many of this address watch it, or runs in all, as may.
            GoingAway: the server is about to end.
        """
        if self.going:
            raise GoingAway
        watches = self._watches.values()
        here = sum(watch.run == run and watch.client == client for watch in watches)
        if here >= self._settings.max_watchers:
            raise Full(f"{here} connections watch this run already", 30)
        if len(watches) >= self._settings.max_watchers_in_all:
            await self._give_way(client, lambda watch: 1, 1)
        job = self._jobs.get(run)
        session = run if job is not None else f"{run}-{outbox.name}"
        watch = self._watches[outbox.name] = Watch(run, session, client, outbox, job)
        if job is not None:
            job.watchers[outbox.name] = outbox
            if job.started:  # else it is attached as it starts
                self._backend.put(Attach(session, outbox.name))
            return watch
        try:
            await self._bring_back(watch)
        except BaseException:
            await self.unwatch(watch)
            raise
        return watch

    async def _give_way(self, client: str, weigh: Callable[[Watch], int], adds: int) -> None:
        """Let the newest watcher go, of the address that has the most.

        Raises:
            Full: this one would have as much.
        """
        have: Counter[str] = Counter()
        for watch in self._watches.values():
            have[watch.client] += weigh(watch)
        greediest, most = have.most_common(1)[0]
        if have[client] + adds >= most:
            raise Full(f"{len(self._watches)} connections watch runs already", 30)
        theirs = [w for w in self._watches.values() if w.client == greediest and weigh(w)]
        theirs[-1].outbox.close(TRY_AGAIN_LATER)
        await self.unwatch(theirs[-1])

    async def _bring_back(self, watch: Watch) -> None:
        checkpoint = (await self._stored(watch.run)).checkpoint
        if checkpoint is None:
            raise NotStarted(f"run {watch.run} ended before there was anything to see")
        size = sum(costs.nbytes for costs in checkpoint.costs)
        while size + sum(watch.size for watch in self._watches.values()) > MOST_WATCHED_BYTES:
            await self._give_way(watch.client, lambda watch: watch.size, size)
        watch.size = size

        def listen(event: Event) -> None:
            match event:
                case Text():
                    watch.outbox.put(event.json)
                case Frame():
                    watch.outbox.put(event.data)

        self._backend.open(watch.session, "job", listen, Latest(checkpoint))
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
