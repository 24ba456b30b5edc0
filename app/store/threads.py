"""Threads for calls that may hang, and that nobody waits for longer than was promised.

A database that does not answer holds a thread in its driver, and no thread can be ended from
outside. So it is left behind: whoever waited gets an error, what the call was to do is given up
before it is committed, and what it waits for is cut off, so that the thread is free again as soon
as the driver lets it go. The threads are daemons: a process that ends does not wait for them.

What if it is full: once a call was too late, or failed after long, the next one tries, and those
that come while it seems to get no answer are refused at once. They are refused as well while every
thread hangs, or when `MOST_CALLS` wait. So there are never more threads, however long it lasts.
"""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")

MOST_CALLS = 1000
PATIENCE = 0.25
"""Seconds that others wait for the one that tries."""
LONG = 1.0
"""Seconds after which a failure is that of something that does not answer."""


class TooLate(Exception):
    """A call took too long, or would."""


class _Call(Generic[T]):
    """Something to do in a thread, as long as somebody waits for it."""

    def __init__(self, work: Callable[[], T]) -> None:
        self.work: Callable[[], T] | None = work
        self.result: Future[T] = Future()
        self.answer: asyncio.Future[T] | None = None
        self.given_up = False
        self.since = time.monotonic()
        self._cut: Callable[[], None] | None = None
        self._lock = threading.Lock()

    def give_up(self) -> None:
        """Nobody waits for it any more."""
        with self._lock:
            self.given_up = True
            if self.result.cancel():
                self.work = None  # what it holds may be large
            if self._cut is not None:
                with contextlib.suppress(Exception):
                    self._cut()

    def cut_with(self, cut: Callable[[], None] | None) -> None:
        """How to end what it waits for."""
        with self._lock:
            self._cut = cut


_here = threading.local()


def cut_with(cut: Callable[[], None] | None) -> None:
    """Within a call: how to end what it waits for from now on, should it be given up.

    It is called from another thread, and may not wait for anything.
    """
    if (call := getattr(_here, "call", None)) is not None:
        call.cut_with(cut)


def check() -> None:
    """Within a call: go on only if somebody still waits for it.

    Raises:
        TooLate: nobody does.
    """
    call = getattr(_here, "call", None)
    if call is not None and call.given_up:
        raise TooLate


class Threads:
    """So many threads, and what they are called for.

    Args:
        seconds: That a call may take, its time in the queue included.
        failures: What a call raises when it was not answered.
    """

    def __init__(
        self, name: str, most: int, seconds: float, failures: tuple[type[Exception], ...] = ()
    ) -> None:
        self.name, self._most, self._seconds = name, most, seconds
        self._failures: tuple[type[Exception], ...] = (TooLate, *failures)
        self._queue: SimpleQueue[_Call[Any] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._calls: set[_Call[Any]] = set()
        """Those that wait for a thread, or have one."""
        self._started = 0
        self._slow = False
        """Whether a call was too late, and none has been answered since."""
        self._closed = False

    async def run(self, work: Callable[[], T]) -> T:
        """Do something in a thread.

        Raises:
            TooLate: it took too long, or would.
        """
        call = _Call(work)
        self._admit(call)
        answer = call.answer = asyncio.wrap_future(call.result)
        try:
            await asyncio.wait([answer], timeout=self._seconds)
            if not answer.done() and call.result.done():
                return call.result.result()  # the loop was late, not the call
            if not answer.done():
                self._is_slow(True)
        finally:
            if not answer.done() or answer.cancelled():
                answer.cancel()
                call.give_up()
        if answer.cancelled():
            raise TooLate
        return answer.result()

    def _admit(self, call: _Call[Any]) -> None:
        with self._lock:
            hanging = sum(late.given_up and late.result.running() for late in self._calls)
            long_ago = call.since - PATIENCE
            tries = any(
                not (tried.given_up or tried.result.done()) and tried.since < long_ago
                for tried in self._calls
            )
            full = hanging >= self._most or len(self._calls) >= MOST_CALLS
            if self._closed or full or (self._slow and tries):
                raise TooLate
            if self._started < self._most:
                self._begin_thread()
            if not self._started:
                raise TooLate
            self._calls.add(call)
            self._queue.put(call)

    def _begin_thread(self) -> None:
        name = f"{self.name}-{self._started + 1}"
        thread = threading.Thread(target=self._work, name=name, daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # there is none to be had; the next call tries again
            log.warning("%s could not be started: %s", name, error)
        else:
            self._started += 1

    def _work(self) -> None:
        while (call := self._queue.get()) is not None:
            if call.result.set_running_or_notify_cancel() and (work := call.work) is not None:
                self._do(call, work)
            with self._lock:
                self._calls.discard(call)
            del call

    def _do(self, call: _Call[Any], work: Callable[[], Any]) -> None:
        _here.call = call
        began = time.monotonic()
        try:
            result = work()
        except BaseException as error:
            self._note(call, not isinstance(error, self._failures), time.monotonic() - began)
            call.result.set_exception(error)
        else:
            self._note(call, True, 0.0)
            call.result.set_result(result)
        finally:
            _here.call = None

    def _note(self, call: _Call[Any], answered: bool, seconds: float) -> None:
        call.cut_with(None)
        if not call.given_up and (answered or seconds > LONG):
            self._is_slow(not answered)

    def _is_slow(self, slow: bool) -> None:
        if slow != self._slow:
            self._slow = slow
            log.error("%s: %s", self.name, "no answer in time" if slow else "answers again")

    async def quiet(self) -> None:
        """Wait until nobody waits for a call."""
        while answers := self._answers():
            await asyncio.wait(answers)

    def _answers(self) -> list[asyncio.Future[Any]]:
        with self._lock:
            calls = list(self._calls)
        return [call.answer for call in calls if call.answer and not call.answer.done()]

    def close(self) -> None:
        """Take nothing any more, and tell whoever waits that it is too late."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            for _ in range(self._started):
                self._queue.put(None)
        for answer in self._answers():
            answer.cancel()


def within(seconds: float, work: Callable[[], T], patient: Callable[[], bool] = lambda: False) -> T:
    """Do something in a thread that is left behind if it takes too long.

    Args:
        patient: Whether to go on waiting all the same.

    Raises:
        TooLate: it took longer.
    """
    result: Future[T] = Future()

    def run() -> None:
        try:
            result.set_result(work())
        except BaseException as error:
            result.set_exception(error)

    threading.Thread(target=run, name="store-opening", daemon=True).start()
    while True:
        try:
            return result.result(seconds)
        except TimeoutError:
            if result.done():
                raise
            if not patient():
                raise TooLate from None
