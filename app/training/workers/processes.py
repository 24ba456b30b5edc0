"""A host in each of N long-lived worker processes, one duplex pipe each: the default.

Processes, because the steps of a small network are dominated by NumPy's call overhead, which holds
the interpreter's lock. Workers are spawned, not forked: they inherit nothing but their pipe, and
end when it closes, so that none outlives a server that was killed.
"""

import asyncio
import contextlib
import multiprocessing
import signal
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import resource_tracker
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from app import logs
from app.settings import Settings
from app.training.messages import Command, Event, Worked
from app.training.workers.backend import Backend
from app.training.workers.driver import Line, LineBroken
from app.training.workers.worker import ENDING, NAME_BYTES, work

if TYPE_CHECKING:
    if sys.platform == "win32":
        from multiprocessing.connection import PipeConnection as Connection
    else:
        from multiprocessing.connection import Connection

P = ParamSpec("P")
T = TypeVar("T")

STARTUP_TIMEOUT = 60.0
"""Seconds for a worker to import NumPy on a busy machine."""
PARTING_SECONDS = 0.5
GRACE_SECONDS = 1.0
"""For the thread to notice by itself, also if the whole server stood still for a while."""


class WorkerLine:
    """A worker process and the pipe to it; a thread of its own waits on the pipe."""

    others = 0
    lost = False

    def __init__(
        self, process: BaseProcess, pipe: "Connection", serving: Any, round_timeout: float
    ) -> None:
        self._process = process
        self._pipe = pipe
        self._serving = serving
        self._round_timeout = round_timeout
        self._silent = False
        """Whether it was killed because it did not answer."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="worker-pipe")

    @classmethod
    async def connect(cls, settings: Settings, *, shared: bool = False) -> "WorkerLine":
        """Start a worker and wait until it can train.

        Args:
            shared: Whether workers of other servers have the same processor.

        Raises:
            LineBroken: it died, or did not come up in time.
        """
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        try:
            serving = context.RawArray("c", NAME_BYTES)
            process = context.Process(
                target=work,
                args=(
                    theirs,
                    serving,
                    logs.manner_of(settings),
                    settings.checkpoint_seconds,
                    shared,
                ),
                name="shallows-worker",
                daemon=True,
            )
            start_apart(process)
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        line = cls(process, ours, serving, settings.round_timeout_seconds)
        try:
            await line._in_thread(line._receive, STARTUP_TIMEOUT, ours.recv)
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
        events, wake = await self._round(
            lambda: self._pipe.send(commands), lambda: self._pipe.recv()
        )
        return events, wake

    async def pass_on(self, commands: bytes) -> bytes:
        """One round for whoever has the commands pickled already, and wants the answer so.

        Raises:
            LineBroken: as `exchange` does.
        """
        return await self._round(
            lambda: self._pipe.send_bytes(commands), lambda: self._pipe.recv_bytes()
        )

    async def _round(self, send: Callable[[], None], take: Callable[[], T]) -> T:
        def exchange() -> T:
            send()
            return self._receive(self._round_timeout, take)

        self._watch(self._round_timeout, lambda: self._watch(GRACE_SECONDS, self._end_silent))
        try:
            return await self._in_thread(exchange)
        finally:
            self._watching.cancel()

    def _watch(self, seconds: float, then: Callable[[], None]) -> None:
        """A pipe has no time-out for a worker that takes no commands, or stops amid an answer."""
        self._watching = asyncio.get_running_loop().call_later(seconds, then)

    def _end_silent(self) -> None:
        self._silent = True
        self._process.kill()  # which ends the exchange

    async def close(self) -> None:
        """Close the pipe, on which the worker ends; kill it if it does not.

        It needs no new thread: there may be none left.
        """
        try:
            async with asyncio.timeout(PARTING_SECONDS):
                await self._in_thread(self._pipe.close)
        except (TimeoutError, LineBroken):
            self._process.kill()  # a thread that still waits for its round now hears the end
            with contextlib.suppress(LineBroken):
                await self._in_thread(self._pipe.close)
        if not await self._ended(PARTING_SECONDS):
            self._process.kill()
            await self._ended(PARTING_SECONDS)
        self._thread.shutdown(wait=False)

    async def _ended(self, seconds: float) -> bool:
        """Wait for the end of the process; whether it came."""
        until = time.monotonic() + seconds
        while self._process.is_alive():
            if time.monotonic() > until:
                return False
            await asyncio.sleep(0.01)
        return True

    async def _in_thread(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._thread, lambda: call(*args, **kwargs))
        except Exception as error:  # a pipe that is cut, or no thread left
            raise LineBroken(f"{type(error).__name__}: {error}", self._culprit()) from error

    def _culprit(self) -> str:
        """The session that was served when the worker died, unless it was killed from outside."""
        killed = self._process.exitcode == -getattr(signal, "SIGKILL", 9) and not self._silent
        return "" if killed else self._serving.value.decode()

    def _receive(self, timeout: float, take: Callable[[], T]) -> T:
        if not self._pipe.poll(timeout):
            self._end_silent()
            raise TimeoutError(f"no answer for {timeout:g} s")
        try:
            return take()
        except (EOFError, OSError):
            self._process.join(PARTING_SECONDS)  # how it ended says who is to blame
            raise


def start_apart(process: BaseProcess) -> None:
    """Start a process that Ctrl-C can't reach, not even before its first line of Python.

    A blocked signal stays blocked in what a thread starts. What tracks shared memory has to be
    there before: multiprocessing starts it with the first process, and unblocks these signals.
    """
    if sys.platform == "win32" or not hasattr(signal, "pthread_sigmask"):
        process.start()
        return
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def pool_backend(settings: Settings) -> Backend:
    """A backend of one worker process per core."""

    async def connect() -> Line:
        return await WorkerLine.connect(settings)

    return Backend([connect] * settings.worker_count)
