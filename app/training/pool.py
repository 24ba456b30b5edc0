"""A host in each of N long-lived worker processes, one duplex pipe each: the default.

Processes, because the steps of a small network are dominated by NumPy's call overhead, which holds
the interpreter's lock. Workers are spawned, not forked: they inherit nothing but their pipe, and
end when it closes, so that none outlives a server that was killed.
"""

import asyncio
import multiprocessing
import signal
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import ParamSpec, TypeVar

from app import logs
from app.settings import Settings
from app.training.backend import Command, Event, Worked
from app.training.driver import Drivers, Line, LineBroken
from app.training.host import Host

P = ParamSpec("P")
T = TypeVar("T")

STARTUP_TIMEOUT = 60.0
"""Seconds for a worker to import NumPy on a busy machine."""
PARTING_SECONDS = 1.0

ENDING = {
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
}
"""Signals that end a server; Windows has no SIGHUP."""


class WorkerLine:
    """A worker process and the pipe to it; a thread of its own waits on the pipe."""

    def __init__(self, process: BaseProcess, pipe: Connection, round_timeout: float) -> None:
        self._process = process
        self._pipe = pipe
        self._round_timeout = round_timeout
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="worker-pipe")

    @classmethod
    async def connect(cls, settings: Settings) -> "WorkerLine":
        """Start a worker and wait until it can train.

        Raises:
            LineBroken: it died, or did not come up in time.
        """
        ours, theirs = multiprocessing.get_context("spawn").Pipe()
        process = multiprocessing.get_context("spawn").Process(
            target=work,
            args=(theirs, settings),
            name="shallows-worker",
            daemon=True,
        )
        _start(process)
        theirs.close()
        line = cls(process, ours, settings.round_timeout_seconds)
        try:
            await line._in_thread(line._receive, STARTUP_TIMEOUT)
        except BaseException:
            process.kill()
            await line.close()
            raise
        return line

    async def exchange(
        self, commands: Sequence[Command]
    ) -> tuple[list[Event | Worked], float | None]:
        """One round in the worker.

        Raises:
            LineBroken: the worker died, or was silent for the longest a round may take.
        """
        return await self._in_thread(self._exchange, commands)

    async def close(self) -> None:
        """Close the pipe, on which the worker ends; kill it if it does not."""
        try:
            await asyncio.wait_for(self._in_thread(self._pipe.close), PARTING_SECONDS)
        except TimeoutError:
            self._process.kill()  # the thread still waits for its round, and now hears the end
            await self._in_thread(self._pipe.close)
        await asyncio.to_thread(self._end)
        self._thread.shutdown(wait=False)

    def _end(self) -> None:
        self._process.join(PARTING_SECONDS)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    async def _in_thread(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._thread, lambda: call(*args, **kwargs))
        except (EOFError, OSError) as error:
            raise LineBroken(f"{type(error).__name__}: {error}") from error

    def _exchange(self, commands: Sequence[Command]) -> tuple[list[Event | Worked], float | None]:
        self._pipe.send(commands)
        return self._receive(self._round_timeout)

    def _receive(self, timeout: float) -> tuple[list[Event | Worked], float | None]:
        if not self._pipe.poll(timeout):
            self._process.kill()
            raise TimeoutError(f"no answer for {timeout:g} s")
        events, wake = self._pipe.recv()
        return events, wake


def _start(process: BaseProcess) -> None:
    """Start a worker that Ctrl-C can't reach, not even before its first line of Python.

    A blocked signal stays blocked in what a thread starts.
    """
    mask = getattr(signal, "pthread_sigmask", None)
    if mask is None:
        process.start()
        return
    before = mask(signal.SIG_BLOCK, ENDING)
    try:
        process.start()
    finally:
        mask(signal.SIG_SETMASK, before)


def work(pipe: Connection, settings: Settings) -> None:
    """The life of a worker: rounds until the pipe closes."""
    # Signals may reach the whole process group; the server decides when its workers end.
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)
    logs.configure(settings)
    host = Host(
        time.perf_counter,
        time.thread_time,
        frames_per_second=settings.frames_per_second,
        checkpoint_seconds=settings.checkpoint_seconds,
    )
    try:
        pipe.send(([], None))
        while True:
            pipe.send(host.serve(pipe.recv()))
    except (EOFError, OSError):
        return


def pool_backend(settings: Settings) -> Drivers:
    """A backend of one worker process per core."""

    async def connect() -> Line:
        return await WorkerLine.connect(settings)

    return Drivers([connect] * settings.worker_count)
