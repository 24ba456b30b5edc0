"""Two servers on one PostgreSQL: each is lost in every way, again and again, while students play.

python -m benchmarks.servers_bench [STUDENTS] [TIMES]

First what a stream costs that is passed on by another server, beside one that is not. Then a server
freezes, is killed, or ends in order, and PostgreSQL is restarted, each so many times. A third of
the students are in rooms, one at each server. A page tries the other server when one has been
silent for two seconds, as a proxy does. Says how long it took until all played again, what was
lost, and whether two servers ever had a session. Fails if a cost is missing or has come with two
values, if anybody has not the costs of a run that nobody disturbed, if a session had two servers,
or if somebody waited for more than `MOST_SECONDS`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator

import httpx2 as httpx
import psutil
from websockets.asyncio.client import ClientConnection, connect

from tests.app.postgresql import PostgreSQL, running_postgresql
from tests.app.several import Several, Student, playing, several

STUDENTS, TIMES = 60, 10
MOST_SECONDS = 5.0
REST_SECONDS = 6.0
"""Between two losses, so that all is written and everybody plays."""
WATCH_SECONDS = 0.3
ENDS = ("killed", "ended in order")
"""After these another server takes the place of the one that was lost."""
RELAYED, RELAY_SECONDS = 20, 8.0
STEPS = 300


class Lesson:
    """Two servers, and who plays at them.

    Attributes:
        most_owned: Sessions that the servers had together, of those that may speak, at most.
    """

    def __init__(self, postgresql: PostgreSQL, two: Several, number: int, times: int) -> None:
        self.postgresql, self.two, self.times = postgresql, two, times
        rooms = [self._room(index) for index in (0, 1)]
        self.paths: dict[Student, str] = {}
        for seed in range(number):
            room, code = rooms[seed % 2]
            path, first = "/ws", None
            if seed % 3 == 0:
                path = f"/ws?room={room}"
                said = {"code": code}
                member = httpx.post(f"{two.servers[0].url}/rooms/join", json=said).json()
                first = {"type": "enter", "room": room, "secret": member["secret"]}
            self.paths[Student(seed, two.urls(path), first)] = path
        self.students = list(self.paths)
        self.most_owned = 0
        self._watching = threading.Event()

    def _room(self, index: int) -> tuple[str, str]:
        room = httpx.post(f"{self.two.servers[index].url}/rooms", json={"title": "Bench"}).json()
        return room["id"], room["code"]

    def mend(self) -> None:
        """Both servers live. One that was lost is on another port: only these lists say so."""
        self.two.mend()
        for student, path in self.paths.items():
            student.urls = self.two.urls(path)

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Ask the servers again and again how many sessions they have."""
        thread = threading.Thread(target=self._watch, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._watching.set()
            thread.join()

    def _watch(self) -> None:
        while not self._watching.wait(WATCH_SECONDS):
            total = 0.0
            for server in list(self.two.servers):
                with contextlib.suppress(httpx.TransportError):
                    text = httpx.get(f"{server.url}/metrics", timeout=1.0).text
                    said = dict(x.rsplit(" ", 1) for x in text.splitlines() if x[:1] != "#")
                    if not float(said["shallows_fenced"]):
                        total += float(said.get('shallows_owned{kind="session"}', 0))
            self.most_owned = max(self.most_owned, int(total))

    async def lose(self, what: str, do: Callable[[int], None]) -> list[float]:
        """Lose something some times; each time how long it took until all played again."""
        waits: list[float] = []
        for index in range(self.times):
            await asyncio.sleep(REST_SECONDS)
            for student in self.students:
                student.longest = 0.0, 0.0
            began = time.monotonic()
            await asyncio.to_thread(do, index % 2)
            for student in self.students:
                await student.heard_after(began + 3.0)
            waits.append(max(student.longest[0] for student in self.students))
            if what == "frozen":
                self.two.signal(index % 2, signal.SIGCONT)
            elif what in ENDS:
                await asyncio.to_thread(self.two.servers[index % 2].process.wait, 10)
            await asyncio.to_thread(self.mend)
        middle, most = statistics.median(waits), max(waits)
        print(
            f"{what} × {self.times}, {len(self.students)} students: all play again after "
            f"p50 {middle:.2f} s, most {most:.2f} s",
            flush=True,
        )
        return waits


async def losses(lesson: Lesson) -> bool:
    """All that may be lost."""
    two, students = lesson.two, lesson.students
    ways: dict[str, Callable[[int], None]] = {
        "frozen": lambda index: two.signal(index, signal.SIGSTOP),
        "killed": lambda index: two.signal(index, signal.SIGKILL),
        "ended in order": lambda index: two.signal(index, signal.SIGTERM),
        "PostgreSQL restarted": lambda _: lesson.postgresql.restart(),
    }
    waits: list[float] = []
    async with playing(students):
        with lesson.watched():
            for what, do in ways.items():
                waits += await lesson.lose(what, do)
    gaps = sum(not student.whole for student in students)
    twins = sum(student.as_its_twin() for student in students)
    sessions = len({student.session for student in students})
    iterations = sum(student.iterations for student in students)
    print(
        f"losses: {gaps} of {len(students)} miss a cost or had one with two values; {twins} have "
        f"the costs of their twins, {iterations:,} in all; of {sessions} sessions the servers had "
        f"{lesson.most_owned} at most at a time"
    )
    good = gaps == 0 and twins == len(students) == sessions and lesson.most_owned <= sessions
    good &= max(waits) <= MOST_SECONDS
    print(f"longest wait {max(waits):.2f} s of {MOST_SECONDS:g} s: {'good' if good else 'BAD'}")
    return good


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


async def _text(socket: ClientConnection) -> str:
    while not isinstance(message := await socket.recv(), str):
        pass
    return message


def main() -> int:
    """Run all of it."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else STUDENTS
    times = int(sys.argv[2]) if len(sys.argv) > 2 else TIMES
    with running_postgresql() as postgresql:
        with several(postgresql) as two:
            asyncio.run(relaying(two))
        with several(postgresql) as two:
            good = asyncio.run(losses(Lesson(postgresql, two, number, times)))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
