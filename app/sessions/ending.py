"""A REST run that has ended: what became of it, and its way into the store."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import replace

from app.errors import Full, NotReady, NotStored
from app.schemas import Pause
from app.sessions.job import Job
from app.sessions.owning import Alone
from app.store import Store, StoredRun
from app.training.checkpoints import Checkpoint
from app.training.messages import Tell
from app.training.workers.backend import Backend

log = logging.getLogger(__name__)

STORE_AGAIN_SECONDS = 5.0
STORE_TRIES = 60
"""How often a run that has ended is brought to a store that does not answer."""
ASK_SECONDS = 4.0
"""After which a worker is asked again."""
ASK_AGAIN_SECONDS = 1.0
"""Between two times that a worker that does not answer is asked what became of a run."""
LAST_SECONDS = 1.0
"""As `ASK_SECONDS`, once the server is ending. Then the latest checkpoint is stored."""


class Ending:
    """Brings runs that have ended to the store.

    Args:
        going: Set once the server is about to end: then nothing is waited for long.
        let_go: Called for a run that is stored, or lost.
    """

    def __init__(
        self,
        backend: Backend,
        store: Store,
        going: asyncio.Event,
        let_go: Callable[[Job], None],
        owning: Alone,
    ) -> None:
        self._owning = owning
        self._backend, self._store = backend, store
        self._going, self._let_go = going, let_go

    async def what_became(self, job: Job) -> StoredRun | None:
        """A run at its end, as it is stored; None if it was deleted."""
        checkpoint: Checkpoint | None = None
        while job.started and not job.forgotten:
            try:
                checkpoint = await self._last_of(job)
                break
            except (NotReady, Full):
                log.warning("the worker of run %.6s does not say what became of it", job.id)
                if self._going.is_set():
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

    def hurry(self, job: Job) -> None:
        """The server is about to end: a question that is asked already has less time too."""
        if job.limit is not None:
            job.limit.reschedule(asyncio.get_running_loop().time() + LAST_SECONDS)

    async def _last_of(self, job: Job) -> Checkpoint | None:
        """What its worker has of a run.

        Raises:
            NotReady, Full: the worker does not answer, or not yet.
        """
        try:
            seconds = LAST_SECONDS if self._going.is_set() else ASK_SECONDS
            async with asyncio.timeout(seconds) as job.limit:
                if job.cancelled and not job.paused:
                    # Pausing makes a checkpoint, and the answer comes after it. Nobody reads what
                    # is said to the reader "".
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
        if self._going.is_set():
            await asyncio.sleep(min(seconds, 0.1))

    async def keep(self, job: Job, stored: StoredRun) -> None:
        """Into the store with it; until then it is known here."""
        while job.tries < STORE_TRIES:
            job.tries += 1
            async with job.storing:
                if job.forgotten:
                    return
                try:
                    await self._owning.noted()
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
