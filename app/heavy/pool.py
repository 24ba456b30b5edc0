"""A few long-lived processes for heavy work, and who is served by them, and when.

A child is started when it is first needed, and stays. Each has pipes of its own, so that none can
keep another from working, and the event loop reads them: there is no thread that could wait for
ever. Whatever goes wrong with a child costs the one call that it works on (503), and the next call
begins another. Children end when their pipe closes, so that none outlives a server that was killed.

What if it is full: an address may have `heavy_calls_per_client` calls here, counting those whose
answer is being sent, and all together `heavy_calls`; one more is answered 429. If all places are
taken, the address with the most calls gives up its newest to one with fewer. Whoever waits is
served in turn (`Turns`). Nothing is fetched for a call before its turn, so a call that waits is
small. An answer longer than `IN_MEMORY` goes through a file without a name, and the files of all
are bounded too; a child never waits for a slow reader.
"""

import asyncio
import contextlib
import logging
import os
import pickle
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from app.errors import Busy, Full, GoingAway
from app.fairness import Allowance, FairQueue, Turns
from app.heavy.child import CALL, CHUNK, HEAD, MOST_CHUNK, VALUE, TooLong, head
from app.links import server_path
from app.places import ROOT
from app.settings import Settings

log = logging.getLogger(__name__)

MOST_ANSWER = 100_000_000
"""Bytes of one answer; the longest that there is has 30 million."""
IN_MEMORY = 500_000
MOST_KEPT = 500_000_000
"""Bytes of the answers that are being sent, of all; of one address half of that."""
FETCHING_SECONDS = 5.0
"""For what a call needs to come from a worker or the store, which may have been stopped."""
WAITING_SECONDS = 30.0
"""That a call may wait for its turn."""
ENDING_SECONDS = 0.5
LEAST_COST = 0.02
"""Seconds that a call counts at least for its address."""
STARTING_COST = 0.3
"""Seconds that count for whoever makes a new child necessary."""
OURS = "SHALLOWS_"


class Outcome:
    """What a call came to: a value, or bytes in a file that is there until it is closed."""

    def __init__(
        self, room: Allowance, folder: str | None, client: str, leave: Callable[[str], None]
    ) -> None:
        self.value: Any = None
        self.size = 0
        self._room, self._client, self._leave = room, client, leave
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(IN_MEMORY, dir=folder)  # noqa: SIM115
        self._closed = False

    def add(self, chunk: bytes) -> None:
        """Keep more of it.

        Raises:
            Full: there is no room for it.
        """
        if self.size > MOST_ANSWER:
            raise Full(f"the answer would have more than {MOST_ANSWER:,} bytes", 10)
        if not self._room.has_room(self._client, len(chunk)):
            raise Full("too many long answers are on their way; fetch those first", 10)
        self._room.take(self._client, len(chunk))
        self.size += len(chunk)
        try:
            self._file.write(chunk)
        except OSError as error:
            log.error("an answer can't be kept: %s", error)
            raise Full("the server has no room for an answer of that length", 10) from error

    def chunks(self) -> Iterator[bytes]:
        """All of it, in pieces, from the beginning."""
        self._file.seek(0)
        while chunk := self._file.read(MOST_CHUNK):
            yield chunk

    def close(self) -> None:
        """Let go of it, and of the place of its call."""
        if not self._closed:
            self._closed = True
            self._file.close()
            self._room.give(self._client, self.size)
            self._leave(self._client)


class Child:
    """A process of the pool, as seen from here."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._fit = True
        self.fresh = True
        """Whether it has not worked yet."""

    @classmethod
    async def start(cls) -> "Child":
        """Begin one; it takes a call at once, which waits until the child has come up.

        Raises:
            OSError: there are not enough descriptors, processes or memory.
        """
        environment = {name: value for name, value in os.environ.items() if OURS not in name}
        # One thread computes; others would take memory, and time from the students' workers.
        environment |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        environment |= {"MALLOC_ARENA_MAX": "1"}
        # Where `app` is found: not in whatever folder the server was started from.
        path = filter(None, [str(ROOT), environment.get("PYTHONPATH")])
        environment["PYTHONPATH"] = os.pathsep.join(path)
        # A group of its own: Ctrl-C is for the server, and a stopped child does not outlive it.
        own_group: dict[str, Any] = {"process_group": 0} if os.name == "posix" else {}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            "app.heavy.child",
            server_path(""),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=environment,
            **own_group,
        )
        return cls(process)

    @property
    def alive(self) -> bool:
        """Whether there is such a process, as far as is known."""
        return self._process.returncode is None

    @property
    def fit(self) -> bool:
        """Whether it can take a call: it is there, is done with the last, and is not too large."""
        return self._fit and self.alive

    async def do(self, call: bytes, answer: Outcome) -> None:
        """Have it work.

        Raises:
            ShallowsError: what it found wrong.
            EOFError, OSError: it has ended.
        """
        self.fresh = self._fit = False
        to, back = self._process.stdin, self._process.stdout
        assert to is not None
        assert back is not None
        to.write(head(CALL, len(call)))
        with memoryview(call) as view:
            for start in range(0, len(call), MOST_CHUNK):
                to.write(view[start : start + MOST_CHUNK])
                await to.drain()
        while True:
            begin = await back.readexactly(HEAD)
            kind, size = begin[:1], int.from_bytes(begin[1:], "big")
            content = await back.readexactly(size)
            if kind != CHUNK:
                break
            answer.add(content)
        value, self._fit = pickle.loads(content)
        if kind != VALUE:
            raise value
        answer.value = value

    def kill(self) -> None:
        """End it, also if it was stopped."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def ended(self) -> None:
        """Wait until it has ended."""
        await self._process.wait()

    async def emptied(self) -> None:
        """Read what nobody will take, which would keep its pipe open, until it has ended."""
        await self._process.communicate()


class Pool:
    """Children, and the calls that wait for one."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._turns = Turns(LEAST_COST)
        self._idle: list[Child] = []
        self._ending: set[asyncio.Task[None]] = set()
        self._busy: dict[object, Child | None] = {}
        self._waiting: FairQueue[asyncio.Future[None]] = FairQueue()
        self._calls = Allowance(settings.heavy_calls_per_client, sys.maxsize)
        self.room = Allowance(MOST_KEPT // 2, MOST_KEPT)
        self._folder = _folder(settings.data_folder)
        self._going = False
        self.killed = 0
        """Children that were ended, since they took too long or nobody waited for them."""

    @property
    def queued(self) -> int:
        """How many calls wait."""
        return len(self._waiting)

    @property
    def running(self) -> int:
        """How many calls are being worked on."""
        return len(self._busy)

    async def call(
        self, client: str, work: str, prepare: Callable[[], Awaitable[Sequence[Any]]]
    ) -> Outcome:
        """Have a child work; what comes of it is to be closed by whoever asked.

        Cancelled, it gives up its place; a child that works on it is ended.

        Args:
            client: The address that asks.
            work: A name in `WORK`.
            prepare: Finds the arguments, when it is their turn.

        Raises:
            Full: this address has as many calls here as it may, or all have.
            Busy: it took too long, or the child ended.
            GoingAway: the server is about to end.
            ShallowsError: what `prepare` or the child found wrong.
        """
        if self._going:
            raise GoingAway
        self._admit(client)
        self._calls.take(client)
        answer = Outcome(self.room, self._folder, client, self._calls.give)
        try:
            await self._serve(client, work, prepare, answer)
        except BaseException:
            answer.close()
            raise
        return answer

    def _admit(self, client: str) -> None:
        here = self._calls.of(client)
        if not self._calls.has_room(client):
            raise Full(f"{here} calls of this address are being worked on; wait for some", 5)
        # Whoever is only slow to take an answer keeps no place from others.
        if self.queued + self.running < self._settings.heavy_calls:
            return
        longest = max(self._waiting.clients, key=self._waiting.of, default=client)
        if self._waiting.of(longest) <= here + 1:
            there = self.queued + self.running
            raise Full(f"{there} calls are being worked on; try again soon", 5)
        newest = self._waiting.newest(longest)
        self._waiting.remove(longest, newest)
        if not newest.done():
            newest.set_exception(Full("others have waited for longer; try again soon", 5))

    async def _serve(
        self,
        client: str,
        work: str,
        prepare: Callable[[], Awaitable[Sequence[Any]]],
        answer: Outcome,
    ) -> None:
        place = object()
        await self._turn(client, place)
        began, cost = time.monotonic(), 0.0
        child: Child | None = None
        try:
            async with asyncio.timeout(self._settings.heavy_seconds):
                async with asyncio.timeout(FETCHING_SECONDS):
                    arguments = await prepare()
                call = pickle.dumps((work, arguments), pickle.HIGHEST_PROTOCOL)
                del arguments
                child = self._busy[place] = await self._child()
                idle = not child.fresh
                try:
                    await child.do(call, answer)
                except (EOFError, ConnectionError):
                    if not idle or answer.size:
                        raise
                    # It had ended before this call came, so the call gets another one.
                    self._end(child)
                    child = self._busy[place] = await self._new_child()
                    await child.do(call, answer)
        except TimeoutError:
            seconds = FETCHING_SECONDS if child is None else self._settings.heavy_seconds
            log.warning("a call of %s took longer than %g s", work, seconds)
            raise Busy(f"this took longer than {seconds:g} s; try again later") from None
        except (EOFError, OSError, TooLong) as error:
            log.warning("a call of %s failed: %s: %s", work, type(error).__name__, error)
            raise Busy("what worked on this has ended; try again in a moment") from None
        finally:
            if child is not None and child.fit:
                self._idle.append(child)
            elif child is not None:
                self._end(child)
                cost = STARTING_COST
            del self._busy[place]
            self._turns.took(client, time.monotonic() - began + cost)
            self._next()

    async def _child(self) -> Child:
        while self._idle:
            child = self._idle.pop()
            if child.fit:
                return child
        return await self._new_child()

    async def _new_child(self) -> Child:
        child = None if self._going else await Child.start()
        if child is None or self._going:
            if child is not None:
                self._end(child)
            raise GoingAway
        return child

    def _end(self, child: Child) -> None:
        """Kill a child that nobody listens to."""
        if child.alive:
            self.killed += 1
            child.kill()
            task = asyncio.get_running_loop().create_task(child.emptied())
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)

    async def _turn(self, client: str, place: object) -> None:
        """Wait for a place.

        Raises:
            Busy: there was none in time.
        """
        if len(self._busy) < self._settings.heavy_processes and not self._waiting:
            self._begin(client, place)
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.put(client, turn)
        try:
            async with asyncio.timeout(WAITING_SECONDS):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                del self._busy[turn]  # its turn came in the same moment
                self._next()
            else:
                self._waiting.remove(client, turn)
            if isinstance(error, TimeoutError):
                raise Busy("there was no turn for this in time; try again later") from None
            raise
        self._busy[place] = self._busy.pop(turn)

    def _begin(self, client: str, place: object) -> None:
        self._turns.begins(client)
        self._busy[place] = None

    def _next(self) -> None:
        """Give the places there are to those whose turn it is."""
        while self._waiting and len(self._busy) < self._settings.heavy_processes:
            client = self._turns.order(self._waiting.clients)[0]
            turn = self._waiting.take(client.__eq__)
            if turn is not None and not turn.done():
                self._begin(client, turn)
                turn.set_result(None)
        if not self._waiting and not self._busy:
            self._turns.rest()

    def close(self) -> None:
        """Take no calls any more, and refuse those that wait."""
        self._going = True
        for turn in self._waiting:
            if not turn.done():
                turn.set_exception(GoingAway())

    async def stop(self) -> None:
        """End, with every child, at once."""
        self.close()
        busy = list(filter(None, self._busy.values()))
        for child in busy:
            child.kill()
        while self._idle:
            self._end(self._idle.pop())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ENDING_SECONDS):
                await asyncio.gather(*(child.ended() for child in busy), *self._ending)


def _folder(data: Path) -> str | None:
    """Where long answers lie: beside the data, which can be written to where nothing else can."""
    return str(data) if data.is_dir() and os.access(data, os.W_OK) else None
