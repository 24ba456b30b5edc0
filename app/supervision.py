"""Tasks that are to run as long as the server does: their end is noticed, and they begin again.

A callback of the task itself sees to that, so there is no watcher that could end unwatched.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine

log = logging.getLogger(__name__)

SHORTEST_PAUSE = 0.1
LONGEST_PAUSE = 3.0
"""Seconds before it begins again; twice as long each time, if it ended soon."""
SOON = 10.0


class Background:
    """A task that is to run until it is stopped.

    Args:
        name: For the log, the metrics and `/readyz`.
        work: Called for each start; whatever way it ends, it is started again.
    """

    def __init__(self, name: str, work: Callable[[], Coroutine[None, None, None]]) -> None:
        self.name = name
        self.restarts = 0
        self._work = work
        self._task: asyncio.Task[None] | None = None
        self._next: asyncio.TimerHandle | None = None
        self._pause = SHORTEST_PAUSE
        self._began = 0.0
        self._stopped = False

    @property
    def running(self) -> bool:
        """Whether it is under way now."""
        return self._task is not None and not self._task.done()

    def start(self) -> None:
        """Begin, now or again."""
        loop = asyncio.get_running_loop()
        self._began = loop.time()
        self._task = loop.create_task(self._work(), name=self.name)
        self._task.add_done_callback(self._ended)

    async def stop(self) -> None:
        """End it, and wait until it has."""
        self._stopped = True
        if self._next is not None:
            self._next.cancel()
        if self._task is not None:
            self._task.cancel()
            # What it ends with is logged by `_ended`.
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await self._task

    def _ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if self._stopped:
            if error is not None:
                log.error("%s failed as it was stopped", self.name, exc_info=error)
            return
        loop = asyncio.get_running_loop()
        lasted = loop.time() - self._began
        self._pause = SHORTEST_PAUSE if lasted > SOON else min(2 * self._pause, LONGEST_PAUSE)
        self.restarts += 1
        how = "was cancelled" if task.cancelled() else "failed" if error else "ended"
        log.error("%s %s; it begins again in %g s", self.name, how, self._pause, exc_info=error)
        self._next = loop.call_later(self._pause, self.start)
