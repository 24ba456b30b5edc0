"""Who looks at REST runs, those that train and those that have ended.

What if it is full: streams of runs are bounded for each run and in all, since each watcher of an
ended run has a copy of it; one more is refused, or takes the place of the newest watcher of the
address that has the most.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from app.errors import Full, GoingAway, NotStarted
from app.schemas import Message
from app.sessions.job import Job
from app.sessions.jobs import Jobs
from app.sessions.known_runs import stored_run
from app.sessions.outbox import GOING_AWAY, TRY_AGAIN_LATER, Outbox
from app.settings import Settings
from app.store import Store
from app.training.checkpoints import Latest
from app.training.messages import Attach, Detach, Event, Frame, Tell, Text
from app.training.workers.backend import Backend

MOST_WATCHED_BYTES = 100_000_000
"""Of the costs of ended runs that are watched, in all."""


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


class Watches:
    """Every connection that watches a run."""

    def __init__(self, jobs: Jobs, backend: Backend, store: Store, settings: Settings) -> None:
        self._jobs, self._backend, self._store = jobs, backend, store
        self._settings = settings
        self._watches: dict[str, Watch] = {}

    async def watch(self, run: str, outbox: Outbox, client: str) -> Watch:
        """Let a connection watch a run; one that has ended is brought back as it ended.

        Raises:
            NotFound: there is no such run.
            NotStarted: it ended before there was anything to see.
            Full: as many of this address watch it, or runs in all, as may.
            GoingAway: the server is about to end.
        """
        if self._jobs.going:
            raise GoingAway
        watches = self._watches.values()
        here = sum(watch.run == run and watch.client == client for watch in watches)
        if here >= self._settings.max_watchers:
            raise Full(f"{here} connections watch this run already", 30)
        if len(watches) >= self._settings.max_watchers_in_all:
            await self._give_way(client, lambda watch: 1, 1)
        job = self._jobs.here.get(run)
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
        checkpoint = (await stored_run(self._store, watch.run)).checkpoint
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

    def close(self) -> None:
        """The server ends: close every connection."""
        for watch in self._watches.values():
            watch.outbox.close(GOING_AWAY)
