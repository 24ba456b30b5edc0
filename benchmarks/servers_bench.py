"""Two servers on one PostgreSQL: one is killed, or frozen, again and again while students play.

python -m benchmarks.servers_bench [STUDENTS] [TIMES]

Says how long students were without a frame, and whether each has the costs of a run that nobody
disturbed. A page tries the other server when one has been silent for two seconds, as a proxy does.
Then what a stream costs that is passed on by another server, beside one that is not. Fails if a
cost is missing or twice, or if somebody waited for more than `MOST_SECONDS`.
"""

from __future__ import annotations

import asyncio
import json
import signal
import statistics
import sys
import time
from collections.abc import Callable, Sequence

import psutil
from websockets.asyncio.client import connect

from tests.app.postgresql import running_postgresql
from tests.app.several import Several, Student, playing, several

STUDENTS, TIMES = 60, 10
MOST_SECONDS = 5.0
REST_SECONDS = 6.0
"""Between two losses, so that all is written and everybody plays."""
RELAYED, RELAY_SECONDS = 20, 8.0
STEPS = 300


async def lose(
    two: Several, students: Sequence[Student], do: Callable[[int], None], mend: Callable[[], None]
) -> list[float]:
    """For each of some times, how long each student was without a frame."""
    waits: list[float] = []
    for index in range(TIMES):
        await asyncio.sleep(REST_SECONDS)
        for student in students:
            student.longest = 0.0
        began = time.monotonic()
        do(index % 2)
        for student in students:
            await student.heard_after(began + 3.0)
        waits += [student.longest for student in students]
        await asyncio.to_thread(mend)
    return waits


def said(what: str, waits: Sequence[float]) -> str:
    """The figures of some waits."""
    ordered = sorted(waits)
    p95 = ordered[int(0.95 * (len(ordered) - 1))]
    middle = statistics.median(waits)
    return f"{what}: without a frame p50 {middle:.2f} s, p95 {p95:.2f} s, most {ordered[-1]:.2f} s"


async def losses(two: Several, number: int) -> bool:
    """Both ways to lose a server."""
    students = [Student(seed, two.urls("/ws")) for seed in range(number)]

    def kill(index: int) -> None:
        two.signal(index, signal.SIGKILL)

    frozen: list[int] = []

    def freeze(index: int) -> None:
        frozen.append(index)
        two.signal(index, signal.SIGSTOP)

    def thaw() -> None:
        two.signal(frozen.pop(), signal.SIGCONT)
        two.mend()

    async with playing(students):
        frozen_waits = await lose(two, students, freeze, thaw)
        print(said(f"frozen × {TIMES}, {number} students", frozen_waits), flush=True)

        # What is killed comes back on another port: nobody is told of it but by these lists.
        def mend() -> None:
            two.mend()
            for student in students:
                student.urls = two.urls("/ws")

        killed_waits = await lose(two, students, kill, mend)
        print(said(f"killed × {TIMES}, {number} students", killed_waits), flush=True)
    whole = [student.as_its_twin() for student in students]
    iterations = sum(student.iterations for student in students)
    print(f"{sum(whole)} of {number} have the costs of their twins, {iterations:,} in all")
    return all(whole) and max(frozen_waits + killed_waits) <= MOST_SECONDS


def busy(two: Several) -> list[float]:
    """Seconds of processor of each server, without its workers."""
    return [sum(psutil.Process(s.process.pid).cpu_times()[:2]) for s in two.servers]


async def relaying(two: Several) -> None:
    """What a stream costs that is passed on."""
    for what, at in (("direct", 0), ("passed on", 1)):
        students = [Student(1000 + 100 * at + n, two.urls("/ws")[:1]) for n in range(RELAYED)]
        async with playing(students):
            pass  # all sessions are at the first server
        for student in students:
            student.urls, student.at = two.urls("/ws")[at : at + 1], 0
        async with playing(students):
            before, frames = busy(two), sum(s.frames for s in students)
            await asyncio.sleep(RELAY_SECONDS)
            spent = [now - then for now, then in zip(busy(two), before, strict=True)]
            frames = sum(s.frames for s in students) - frames
            print(
                f"{what}: {frames / RELAYED / RELAY_SECONDS:.1f} frames a second for each of "
                f"{RELAYED}; processor per frame {1e6 * spent[0] / frames:.0f} µs at the owner, "
                f"{1e6 * spent[1] / frames:.0f} µs at the other",
                flush=True,
            )
    first = Student(2000, two.urls("/ws")[:1])
    async with playing([first]):
        pass
    for what, url in zip(("direct", "passed on"), two.urls("/ws"), strict=True):
        trips = []
        async with connect(f"{url}?session={first.session}", proxy=None) as socket:
            await socket.send(json.dumps({"type": "pause"}))
            while json.loads(await _text(socket)).get("type") != "state":
                pass
            for _ in range(STEPS):
                began = time.perf_counter()
                await socket.send(json.dumps({"type": "describe"}))
                while json.loads(await _text(socket)).get("type") != "described":
                    pass
                trips.append(time.perf_counter() - began)
        p95 = sorted(trips)[int(0.95 * len(trips))]
        print(
            f"{what}: to a session and back p50 {1e3 * statistics.median(trips):.2f} ms, "
            f"p95 {1e3 * p95:.2f} ms",
            flush=True,
        )


async def _text(socket: object) -> str:
    while not isinstance(message := await socket.recv(), str):  # type: ignore[attr-defined]
        pass
    return message


def main() -> int:
    """Run all of it."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else STUDENTS
    global TIMES
    TIMES = int(sys.argv[2]) if len(sys.argv) > 2 else TIMES
    with running_postgresql() as postgresql:
        with several(postgresql) as two:
            asyncio.run(relaying(two))
        with several(postgresql) as two:
            good = asyncio.run(losses(two, number))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
