"""Runs that were started over REST: a queue, those that train, and what became of them.

What if it is full: a run that finds no place to train waits in the queue, and addresses take turns
to start theirs; none has more than half of the places to train. Whoever has filled their part of
the queue is refused with 429 and a time to come again. A run that has ended keeps its place
until it is stored, so that no more can end than the store takes.
"""

import asyncio
import functools
import logging
import secrets
from collections import Counter
from dataclasses import replace

from app.errors import Full, GoingAway, NotReady, Refused, ShallowsError
from app.fairness import FairQueue
from app.schemas import Plan
from app.sessions.ending import Ending
from app.sessions.job import Job
from app.sessions.known_runs import stored_run
from app.sessions.owning import MOVED, Alone, Beyond
from app.settings import Settings
from app.store import Store
from app.training.messages import Attach, Event, Frame, Progress, Text
from app.training.workers.backend import Backend

log = logging.getLogger(__name__)

NORMAL = 1000
CLIENTS_WORTH = 2
"""The queue has room for so many addresses that fill their part of it."""
MOST_RUN_BYTES = 30_000_000
"""Of the runs of one address that have not ended: each may have ten thousand points."""
MOST_FAILURES = 3
"""After so many failures of the task that looks after it, a run counts as lost."""


class Jobs:
    """Every REST run of this server."""

    def __init__(self, backend: Backend, store: Store, settings: Settings, owning: Alone) -> None:
        self._owning = owning
        owning.when_lost["job"] = self._drop
        owning.when_fenced.append(self._part)
        self._backend = backend
        self._store = store
        self._settings = settings
        self.here: dict[str, Job] = {}
        """Those that are not in the store yet, by their names."""
        self._queue: FairQueue[Job] = FairQueue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._going = asyncio.Event()
        self._ending = Ending(backend, store, self._going, self._let_go, owning)
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
        return len(self.here) - len(self._queue)

    async def submit(self, plan: Plan, client: str) -> Job:
        """Start a run, or queue it.

        Raises:
            Full: so many wait already that this one can't.
            GoingAway: the server is about to end.
            Elsewhere, NotStored: of several servers this one can't begin anything now.
        """
        self._check_room(client, plan.size)
        name = secrets.token_urlsafe(9)
        iterations = plan.runs[0].training.iterations

        def most() -> int:
            # Those on other servers wait or train; here it is not known which.
            return self._settings.max_queued_runs - 1 - self._queue.of(client)

        try:
            await self._owning.open("job", name, client, most, iterations)
        except Beyond:
            raise self._full("many") from None
        try:
            self._check_room(client, plan.size)  # others may have come meanwhile
        except ShallowsError:
            self._owning.release("job", name)
            raise
        job = Job(name, client, plan, Progress(name, "queued", 0), iterations, plan.size)
        self.here[name] = job
        self._queue.put(client, job)
        self._start_waiting()
        await asyncio.sleep(0)  # if it was started, it is on its way when this returns
        return job

    def _check_room(self, client: str, adds: int) -> None:
        """Whether this server has room for one more run of an address, which takes so many bytes.

        Raises:
            Full: it has not.
            GoingAway: the server is about to end.
        """
        if self.going:
            raise GoingAway
        size = sum(job.size for job in self.here.values()) + adds
        their_size = sum(j.size for j in self.here.values() if j.client == client) + adds
        for have, all_have, most, what in (
            (
                self._queue.of(client) + 1,
                len(self._queue) + 1,
                self._settings.max_queued_runs,
                "many",
            ),
            (their_size, size, MOST_RUN_BYTES, "large"),
        ):
            if have > most or all_have > CLIENTS_WORTH * most:
                raise self._full(what)

    def _full(self, what: str) -> Full:
        return Full(
            f"{len(self._queue)} runs wait and {self.running} train already, too {what} for "
            "another one; try again in a while",
            10,
        )

    def _start_waiting(self) -> None:
        limit = self._settings.running_run_limit
        while not self.going and self.running < limit:
            waiting = {id(job) for job in self._queue}
            train = Counter(job.client for job in self.here.values() if id(job) not in waiting)
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
            job.stored = await self._ending.what_became(job)
        if job.stored is not None:
            await self._ending.keep(job, job.stored)
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
        jobs = list(self.here.values())
        for job in jobs:
            self._cancel(job, "The server was stopped before this run had ended; start it again.")
            self._ending.hurry(job)
        try:
            await asyncio.gather(*(job.ended.wait() for job in jobs))
        finally:
            self._over = True
            for job in self.here.values():
                job.ended.unkept = True
                job.ended.set()
                job.tried.set()
            for task in self._tasks:
                task.cancel()

    def _let_go(self, job: Job) -> None:
        """From now on the store answers for it, or nobody."""
        self.here.pop(job.id, None)
        self._owning.release("job", job.id)
        job.tried.set()
        job.ended.set()
        if not job.watchers:
            self._backend.close(job.id)

    async def cancel(self, run: str) -> None:
        """Let a run train no more; what it has trained is kept. One that has ended stays as it is.

        It is stored when this returns, unless the store does not answer: then it is brought there
        as any run that has ended.

        Raises:
            NotReady: its worker does not answer; it ends as soon as it does.
        """
        if (job := self.here.get(run)) is not None:
            known = job.ending
            self._cancel(job)
            if not known:
                await job.tried.wait()
            if job.silent:
                raise NotReady("the worker of this run does not answer; it ends as soon as it does")

    async def delete(self, run: str) -> None:
        """Forget a run, whether it has ended or not.

        Raises:
            NotFound: there is no such run.
            NotStored: it is in the store, which does not answer.
            Refused: it is a saved session, which whoever has its link may rely on.
        """
        if (job := self.here.get(run)) is not None:
            async with job.storing:
                if run in self.here:
                    self._forget(job)
                    self._start_waiting()
                    return
        if not await self._store.delete(run):
            await stored_run(self._store, run)
            raise Refused(f"{run} is a saved session: it is kept for whoever has its link")

    def _forget(self, job: Job, code: int = NORMAL) -> None:
        job.forgotten = True
        job.end(cancelled=True)
        job.progress = replace(job.progress, status="cancelled")
        self._queue.remove(job.client, job)
        for outbox in job.watchers.values():
            outbox.close(code)
        self._let_go(job)
        self._backend.close(job.id)

    def _drop(self, run: str) -> None:
        """Another server counts this one as lost, and has said so of the run: it is its now."""
        if (job := self.here.get(run)) is not None:
            log.error("run %.6s was given up: this server did not reach its database", run)
            self._forget(job, MOVED)

    def _part(self) -> None:
        """This server has to be silent for a while."""
        for job in self.here.values():
            for outbox in job.watchers.values():
                outbox.close(MOVED)

    def _cancel(self, job: Job, detail: str | None = None) -> None:
        if job in self._queue:
            self._queue.remove(job.client, job)
            self._look_after(job)
        job.end(cancelled=True, detail=detail)
