"""Bad days: workers that cannot be started or stand still, a database that is locked.

Each is a function that has a server of its own, ten students and a few sessions that it watches
itself, and tells its findings one by one.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import os
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from multiprocessing.pool import Pool
from pathlib import Path
from typing import Any

import psutil

from app import wire
from benchmarks.hostile.aim import Aim, Stream, browser, stream
from benchmarks.hostile.school import kept
from benchmarks.hostile.servers import end, kill_everything, workers
from benchmarks.hostile.streams import PAGE_VIEW, START, database_in
from benchmarks.load_bench import Span, rate
from benchmarks.students import Lesson, Seen, attend
from tests.browser.harness import Server, running_server

HERE = "127.0.0.1"
STUDENTS = 10
PROBES = 6
COMING, BEFORE, STANDING, AFTER = 4.0, 5.0, 12.0, 6.0
OLDEST, LONGEST_ASKED, LONGEST_ENDING, LONGEST_BACK = 5.0, 3.0, 5.0, 3.0
PATIENCE = 5.0
WAIT = 0.5
"""Seconds that timers and a busy machine may add to what is to be answered in time."""
NOTICED = 2.5
"""Seconds after which the server no longer counts on the worker coming back at once."""
FEW_DESCRIPTORS = 3
HEAD = ("bad day", "what", "measured", "at least")


@dataclass
class Finding:
    """One thing that was measured."""

    what: str
    measured: str
    wanted: str
    well: bool

    def cells(self, day: str) -> list[str]:
        """As the table has it; what misses is bold."""
        return [day, self.what, self.measured if self.well else f"**{self.measured}**", self.wanted]


# -- the sessions that are watched ----------------------------------------------------------------


@dataclass
class Probe:
    """A session that plays, and when it was at which iteration."""

    line: Stream
    session: str = ""
    seen: list[tuple[float, int]] = field(default_factory=list)

    async def play(self) -> None:
        """Note each frame until the connection ends."""
        connection = self.line.connection
        with self.line.aim.noting():
            while True:
                message = await connection.recv()
                if isinstance(message, bytes):
                    frame = wire.unpack(message)
                    self.seen.append((time.time(), frame["iteration"]))
                    await self.line.say({"type": "ack", "frame": frame["frame"]})

    def plays_in(self, span: Span) -> bool:
        """Whether frames came in a span of time."""
        return any(span[0] < at <= span[1] for at, _ in self.seen)


@contextlib.asynccontextmanager
async def probes(aim: Aim) -> AsyncIterator[list[Probe]]:
    """Sessions that play for as long as the block runs."""
    async with contextlib.AsyncExitStack() as open_ones:
        all_of_them, playing = [], []
        for _ in range(PROBES):
            probe = Probe(await open_ones.enter_async_context(stream(aim, leaves_nothing=False)))
            await probe.line.say(PAGE_VIEW, START)
            heard = await probe.line.until("configured", seconds=10)
            assert heard is not None
            probe.session = heard["session"]
            playing.append(asyncio.create_task(probe.play()))
            all_of_them.append(probe)
        try:
            yield all_of_them
        finally:
            for task in playing:
                task.cancel()
            await asyncio.gather(*playing, return_exceptions=True)


@dataclass
class Asked:
    """What saves were answered."""

    statuses: Counter[int] = field(default_factory=Counter)
    longest: float = 0.0
    saved: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        words = [f"{status or 'none'} × {n}" for status, n in sorted(self.statuses.items())]
        return f"{', '.join(words)}; longest {self.longest:.1f} s"


async def save(aim: Aim, sessions: list[str]) -> Asked:
    """Save each of them at once; an answer that takes more than `PATIENCE` is none."""
    asked = Asked()

    async def one(session: str) -> None:
        began, status = time.monotonic(), 0
        with aim.noting():
            answer = await client.post(f"sessions/{session}/save")
            status = answer.status_code
            if status == 201:
                asked.saved.append(answer.json()["id"])
        asked.statuses[status] += 1
        asked.longest = max(asked.longest, time.monotonic() - began)

    async with browser(aim.url, aim.source, PATIENCE) as client:
        await asyncio.gather(*(one(session) for session in sessions))
    return asked


# -- the server and its workers --------------------------------------------------------------------


def ended(server: Server) -> Finding:
    """SIGTERM, and how long it takes."""
    seconds = end(server)
    measured = "never" if seconds is None else f"{seconds:.1f} s"
    well = seconds is not None and seconds <= LONGEST_ENDING
    return Finding("SIGTERM meanwhile", measured, f"≤ {LONGEST_ENDING:.0f} s", well)


@contextlib.contextmanager
def few_descriptors(process: psutil.Process) -> Iterator[None]:
    """The process may open nothing more for as long as the block runs."""
    before = process.rlimit(psutil.RLIMIT_NOFILE)
    process.rlimit(psutil.RLIMIT_NOFILE, (FEW_DESCRIPTORS, before[1]))
    try:
        yield
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.rlimit(psutil.RLIMIT_NOFILE, before)


@contextlib.contextmanager
def standing_still(process: psutil.Process) -> Iterator[None]:
    """The process is stopped for as long as the block runs, or until it is killed."""
    process.suspend()
    try:
        yield
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.resume()


@contextlib.contextmanager
def locked(folder: str) -> Iterator[None]:
    """Another process's hold on the database."""
    database = sqlite3.connect(database_in(folder), timeout=10, isolation_level=None)
    try:
        database.execute("BEGIN EXCLUSIVE")
        yield
    finally:
        with contextlib.suppress(sqlite3.Error):
            database.execute("ROLLBACK")
        database.close()


def readiness(port: int, until: float) -> list[tuple[float, int]]:
    """When and what `/readyz` says, over one connection: a new one takes a descriptor."""
    statuses: list[tuple[float, int]] = []
    connection = http.client.HTTPConnection(HERE, port, timeout=5)
    connection.connect()
    while time.time() < until:
        try:
            connection.request("GET", "/readyz")
            answer = connection.getresponse()
            answer.read()
            statuses.append((time.time(), answer.status))
        except (OSError, http.client.HTTPException):
            statuses.append((time.time(), 0))
        time.sleep(0.5)
    connection.close()
    return statuses


# -- the class -------------------------------------------------------------------------------------


def begin_lesson(
    pool: Pool, server: Server, seconds: float, restarts: bool = False
) -> tuple[float, Callable[[], list[Seen]]]:
    """Send ten students in: when they have begun, and what gives what they saw."""
    begin = time.time() + COMING
    lesson = Lesson(server.url, begin, seconds, restarts=restarts)
    students = pool.apply_async(attend, (lesson, list(range(STUDENTS))))
    return begin, lambda: students.get(timeout=seconds + 90)


def keeping(seen: list[Seen], before: Span, during: Span, least: int) -> Finding:
    """How many of the students keep half of their frames."""
    keep = sum(rate(one, [during]) >= 0.5 * rate(one, [before]) > 0 for one in seen)
    return Finding(
        "students who keep half of their frames",
        f"{keep} of {len(seen)}",
        f"{least}",
        keep >= least,
    )


def without_errors(seen: list[Seen]) -> Finding:
    """Errors, missing costs among them."""
    errors = [error for one in seen for error in one.errors]
    measured = f"{len(errors)}" + (f": {errors[0][:80]}" if errors else "")
    return Finding("errors, and costs missing or twice", measured, "0", not errors)


# -- the days --------------------------------------------------------------------------------------


async def no_worker_starts(server: Server, pool: Pool, seconds: float) -> list[Finding]:
    """A worker is killed while no new one can be started for want of descriptors."""
    begin, seen_by = begin_lesson(pool, server, BEFORE + seconds + STANDING)
    await asyncio.sleep(begin + BEFORE - time.time())
    process = psutil.Process(server.pid)
    asking = asyncio.create_task(
        asyncio.to_thread(readiness, server.port, time.time() + seconds + 0.5)
    )
    await asyncio.sleep(0.5)
    with few_descriptors(process):
        killed = time.time()
        workers(server)[0].kill()
        await asyncio.sleep(seconds)
    lifted = time.time()
    statuses = await asking
    seen = await asyncio.to_thread(seen_by)
    silent = Counter(status for at, status in statuses if killed + NOTICED < at < lifted)
    findings = [
        Finding(
            f"`/readyz` in those {seconds:.0f} s, from {NOTICED:g} s on",
            ", ".join(f"{status or 'none'} × {n}" for status, n in silent.items()),
            "503",
            set(silent) == {503},
        )
    ]
    back = [next((at - lifted for at in one.frames if at > lifted), None) for one in seen]
    slowest = None if None in back else max(at for at in back if at is not None)
    measured = "never" if slowest is None else f"{slowest:.1f} s"
    well = slowest is not None and slowest <= LONGEST_BACK
    findings.append(Finding("until all play again", measured, f"≤ {LONGEST_BACK:.0f} s", well))
    return [*findings, without_errors(seen), await asyncio.to_thread(ended, server)]


async def worker_stands_still(server: Server, pool: Pool, seconds: float) -> list[Finding]:
    """One worker is stopped (SIGSTOP); the others and the store go on."""
    aim = Aim(server.url, HERE, time.time() + 300)
    async with probes(aim) as watched:
        begin, seen_by = begin_lesson(pool, server, BEFORE + STANDING, restarts=True)
        await asyncio.sleep(begin + BEFORE - time.time())
        resting = contextlib.AsyncExitStack()
        for _ in range(PROBES):
            line = await resting.enter_async_context(stream(aim, leaves_nothing=False))
            await line.say({**START, "playing": False})
            await line.until("configured")
        with standing_still(workers(server)[0]):
            stopped = time.time()
            await resting.aclose()  # some of these are to be put away now, and can't be
            await asyncio.sleep(STANDING / 2)
            during = (stopped + 1, time.time())
            healthy = [probe for probe in watched if probe.plays_in((during[1] - 2, during[1]))]
            others = [probe for probe in watched if probe not in healthy]
            asked, in_doubt = await asyncio.gather(
                *(save(aim, [probe.session for probe in part]) for part in (healthy, others))
            )
            await asyncio.sleep(max(0.0, stopped + STANDING - time.time()))
            killed = time.time()
            await asyncio.to_thread(kill_everything, server)
    await asyncio.to_thread(server.start)
    seen = await asyncio.to_thread(seen_by)
    ages = [killed - await moment_of(aim, probe) for probe in healthy]
    oldest = max(ages, default=float("inf"))

    async with probes(aim) as watched:
        await asyncio.sleep(2)
        with standing_still(workers(server)[0]):
            await asyncio.sleep(2)
            now = time.time()
            playing = [probe for probe in watched if probe.plays_in((now - 1, now))]
            ending = await asyncio.to_thread(ended, server)
    await asyncio.to_thread(server.start)
    lost = [probe.seen[-1][0] - await moment_of(aim, probe) for probe in playing]
    names = [*asked.saved, *in_doubt.saved]
    there = await asyncio.to_thread(kept, server.url, HERE, names)
    return [
        keeping(seen, (begin, begin + BEFORE), during, STUDENTS // 2 - 1),
        saves("saves of the healthy", asked, {201}),
        saves("saves of those that stand still", in_doubt, {201, 503}),
        Finding(
            f"{len(healthy)} healthy sessions after kill -9, older than that by",
            f"{oldest:.1f} s" if oldest < killed / 2 else "not there",
            f"≤ {OLDEST:.0f} s",
            oldest <= OLDEST + WAIT,
        ),
        ending,
        Finding(
            f"what {len(playing)} healthy sessions lost by it",
            f"{max(lost, default=0.0):.1f} s",
            "0",
            bool(playing) and max(lost) <= 0,
        ),
        Finding("acknowledged saves kept", f"{there} of {len(names)}", "all", there == len(names)),
    ]


async def moment_of(aim: Aim, probe: Probe) -> float:
    """When a session was where it is now, that is taken up again; 0 if it is not there."""
    with aim.noting():
        async with stream(aim, f"ws?session={probe.session}", leaves_nothing=False) as line:
            heard = await line.until("configured", "error", seconds=10)
            at = heard["iteration"] if heard and heard["type"] == "configured" else 0
            return max((moment for moment, k in probe.seen if k <= at), default=0.0)
    return 0.0


def saves(what: str, asked: Asked, wanted: set[int]) -> Finding:
    """What saves were answered, and whether in time."""
    words = " or ".join(map(str, sorted(wanted)))
    return Finding(
        what,
        str(asked),
        f"{words} ≤ {LONGEST_ASKED:.0f} s",
        set(asked.statuses) <= wanted and asked.longest <= LONGEST_ASKED + WAIT,
    )


async def database_locked(server: Server, pool: Pool, seconds: float) -> list[Finding]:
    """Another process holds SQLite's lock, and goes on holding it while the server is to end."""
    aim = Aim(server.url, HERE, time.time() + 300)
    async with probes(aim) as watched:
        sessions = [probe.session for probe in watched]
        first = await save(aim, sessions)
        begin, seen_by = begin_lesson(pool, server, BEFORE + STANDING, restarts=False)
        await asyncio.sleep(begin + BEFORE - time.time())
        with locked(server.folder):
            start = time.time()
            asked = await save(aim, sessions)
            async with browser(aim.url, aim.source, PATIENCE) as client:
                asking = time.monotonic()
                with aim.noting():
                    await client.get(f"train/{first.saved[0]}")
                read = time.monotonic() - asking
            await asyncio.sleep(max(0.0, begin + BEFORE + STANDING - time.time()))
            seen = await asyncio.to_thread(seen_by)
            last = await asyncio.to_thread(ended, server)
    names = [*first.saved, *asked.saved]
    await asyncio.to_thread(server.start)
    there = await asyncio.to_thread(kept, server.url, HERE, names)
    return [
        saves("saves", asked, {503}),
        Finding("a read", f"{read:.1f} s", "≤ 3 s", read <= LONGEST_ASKED + WAIT),
        keeping(seen, (begin, begin + BEFORE), (start, begin + BEFORE + STANDING), STUDENTS),
        without_errors(seen),
        last,
        Finding("acknowledged saves kept", f"{there} of {len(names)}", "all", there == len(names)),
    ]


async def worker_killed(server: Server, pool: Pool, seconds: float) -> list[Finding]:
    """A worker is killed, and a new one can be started."""
    begin, seen_by = begin_lesson(pool, server, BEFORE + AFTER)
    await asyncio.sleep(begin + BEFORE - time.time())
    killed = time.time()
    os.kill(workers(server)[0].pid, signal.SIGKILL)
    seen = await asyncio.to_thread(seen_by)
    back = [next((at - killed for at in one.frames if at > killed), 99.0) for one in seen]
    return [
        Finding("until all play again", f"{max(back):.1f} s", "≤ 3 s", max(back) <= LONGEST_BACK),
        without_errors(seen),
        await asyncio.to_thread(ended, server),
    ]


Day = Callable[[Server, Pool, float], Coroutine[Any, Any, list[Finding]]]
DAYS: dict[str, Day] = {
    "worker-killed": worker_killed,
    "no-worker-starts": no_worker_starts,
    "worker-stands-still": worker_stands_still,
    "database-locked": database_locked,
}


def measure(name: str, tree: Path, pool: Pool, seconds: float) -> list[Finding]:
    """One day on a server of its own."""
    with running_server(tree) as server:
        return asyncio.run(DAYS[name](server, pool, seconds))
