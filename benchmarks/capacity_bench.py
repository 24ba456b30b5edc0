"""What a student, a frame and a room cost each part of a cluster: for `scripts/capacity.py`.

python -m benchmarks.capacity_bench [--seconds 20] [--json benchmarks/capacity.json]

One of several servers (so with its beats) on a PostgreSQL of its own, with one worker for each
core, and classes of `CLASSES` students who do what the page does, in processes of their own. After
each the processor time of the event loop, of the workers, of PostgreSQL and of nginx is known, with
the frames, iterations and bytes that came of it. Then the beat of a server when thousands of
sessions have their rows. At last classes in a room (`ROOMS`), so slow that there is time for all,
with the walls of a teacher's page and of a projector in every second part: what these take more.
What a tile takes of a host is measured by itself: who trains slowly is looked at sixty times a
second, which a host that draws tiles does less often.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from sqlalchemy import create_engine

from app.schemas import Plan
from app.store.owned import New, Ownership
from app.training.facts import facts_of
from app.training.host.events import glimpse
from app.training.host.hosted import Hosted
from app.training.host.shares import Account
from app.training.messages import Look
from app.training.session import Session
from benchmarks.class_bench import JOIN_SECONDS, RESOLUTION, Class, InRoom, a_second, post, teach
from benchmarks.class_bench import attend as attend_in_room
from benchmarks.load_bench import CLIENT_PROCESSES, alone_and_beside, megabytes, send_in
from benchmarks.students import Lesson
from tests.app.nginx import running_cluster_nginx
from tests.app.postgresql import running_postgresql
from tests.browser.harness import ROOT, Server, free_port, running_server

CLASSES = (10, 30, 100, 200, 300)
SETTLE_SECONDS = 4.0
OWNED, BEATS = (0, 1_000, 10_000), 40
SPEED = 5
ROOMS = (Class(30, 72, 6), Class(60, 72, 6), Class(100, 72, 6))
SLOWLY = 1 / 60
"""Iterations a frame interval: a frame a second of each, and as many with walls as without."""
NEVER = 1e6
TILES = 200


@dataclass(frozen=True)
class Point:
    """A class, as it was measured; all figures are a second."""

    students: int
    frames: float
    iterations: float
    web: float
    """Cores of the process with the event loop."""
    hosts: float
    """Cores of the workers."""
    database: float
    """Cores of PostgreSQL."""
    proxy: float
    """Cores of nginx."""
    sent: float
    """Bytes to the students."""
    memory: float
    """Megabytes of the server and its workers."""


@dataclass(frozen=True)
class Walls:
    """What two walls of a room took beyond the room without them; figures are a second."""

    students: int
    tiles: float
    """On each of the walls, all members' together."""
    web: float
    proxy: float
    sent: float
    """Bytes to the two pages."""


def spent(processes: Sequence[psutil.Process]) -> float:
    """Seconds that some processes have had."""
    total = 0.0
    for process in processes:
        try:
            total += sum(process.cpu_times()[:2])
        except psutil.NoSuchProcess:
            continue
    return total


def named(name: str) -> list[psutil.Process]:
    """Processes of that name which this one has begun."""
    return [p for p in psutil.Process().children(recursive=True) if p.name() == name]


def loopback_bytes() -> int:
    """What has been sent to this machine itself so far."""
    return int(psutil.net_io_counters(pernic=True)["lo"].bytes_sent)


def parts_of(server: Server) -> list[list[psutil.Process]]:
    """The processes of the event loop, of the workers, of PostgreSQL and of nginx."""
    web = psutil.Process(server.pid)
    return [[web], web.children(recursive=True), named("postgres"), named("nginx")]


def measure(server: Server, url: str, students: int, seconds: float, pool: Any) -> Point:
    """A class of so many."""
    begin = time.time() + SETTLE_SECONDS + students / 50
    lesson = Lesson(url, begin, seconds, SPEED)
    parts = send_in(pool, lesson, range(students))
    time.sleep(begin - time.time())
    groups = parts_of(server)
    before, sent = [spent(group) for group in groups], loopback_bytes()
    time.sleep(seconds)
    cores = [(spent(g) - b) / seconds for g, b in zip(groups, before, strict=True)]
    web_cores, hosts, database, front = cores
    # Each byte goes over the loopback twice: from the server to nginx, and from there on.
    sent_bytes = (loopback_bytes() - sent) / 2 / seconds
    memory = megabytes(server)
    seen = [one for part in parts for one in part.get(timeout=120)]
    if errors := [error for one in seen for error in one.errors]:
        raise RuntimeError(errors[0])
    return Point(
        students,
        sum(len(one.frames) for one in seen) / seconds,
        sum(one.iterations for one in seen) / seconds,
        web_cores,
        hosts,
        database,
        front,
        sent_bytes,
        memory,
    )


def walls(server: Server, url: str, group: Class, pool: Any) -> Walls:
    """A class in a room, looked at in every second part."""
    _, room = asyncio.run(post(url, "/rooms", {}))
    joins = time.time() + SETTLE_SECONDS
    begin = joins + JOIN_SECONDS + SETTLE_SECONDS + group.students / 50
    lesson = InRoom(
        url,
        begin,
        group.seconds,
        SLOWLY,
        toggle_seconds=NEVER,
        room=room["id"],
        code=room["code"],
        joins=joins,
    )
    class_parts = [
        pool.apply_async(attend_in_room, (lesson, range(group.students)[k::CLIENT_PROCESSES]))
        for k in range(CLIENT_PROCESSES)
    ]
    teaching = pool.apply_async(teach, (lesson, room, group))
    without, beside = alone_and_beside(begin, group.seconds, group.part)
    time.sleep(begin - time.time())
    web, _, _, proxy = parts_of(server)
    used: dict[float, list[float]] = {}
    for span in sorted([*without, *beside]):
        time.sleep(max(0.0, span[0] - time.time()))
        began, before = time.time(), [spent(each) for each in (web, proxy)]
        time.sleep(span[1] - time.time())
        lasted = time.time() - began
        used[span[0]] = [
            (spent(each) - at) / lasted for each, at in zip((web, proxy), before, strict=True)
        ]
    taught = teaching.get(timeout=120)
    seen = [one for part in class_parts for one in part.get(timeout=120)]
    if errors := [error for one in seen for error in one.errors]:
        raise RuntimeError(errors[0])
    # Each part with walls is compared with those before and after it: a machine's pace changes.
    more = np.mean(
        [
            np.subtract(used[span[0]], np.add(used[a[0]], used[b[0]]) / 2)
            for span, a, b in zip(beside, without, without[1:], strict=False)
        ],
        axis=0,
    )
    looked = sum(end - start for start, end in beside)
    sent = sum(
        size
        for wall in (taught.teacher, taught.screen)
        for at, size in wall.bytes
        if any(start <= at < end for start, end in beside)
    )
    tiles = sum(a_second(times, beside) for times in taught.teacher.tiles.values())
    return Walls(group.students, tiles, float(more[0]), float(more[1]), sent / looked)


def tile_seconds() -> float:
    """What a tile takes of a host, median."""
    hosted = Hosted("s", "interactive", Account(0.0), session=Session(Plan()))
    took = []
    for _ in range(TILES):
        hosted.configured.advance(1)
        began = time.process_time()
        glimpse(hosted, facts_of(hosted.configured, diagnosed=False), Look("s", RESOLUTION))
        took.append(time.process_time() - began)
    return statistics.median(took)


def beats(url: str) -> dict[int, float]:
    """Milliseconds of a beat, by how many sessions another server has."""
    found = {}
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    mine, other = Ownership("capacity-a", "http://a"), Ownership("capacity-b", "http://b")
    there = 0
    for rows in OWNED:
        with engine.begin() as connection:
            other.beat(connection)
            if rows > there:
                for at in range(there, rows, 1000):
                    names = range(at, at + 1000)
                    other.note(connection, {("session", f"s{n}"): New(f"{n % 50}") for n in names})
                there = rows
        times = []
        for _ in range(BEATS):
            with engine.begin() as connection:
                other.beat(connection)
            began = time.perf_counter()
            with engine.begin() as connection:
                mine.beat(connection)
            times.append(1000 * (time.perf_counter() - began))
        found[rows] = statistics.median(times)
    engine.dispose()
    return found


@contextmanager
def serving() -> Iterator[tuple[Server, str]]:
    """A server of several behind nginx, and where nginx is."""
    # Though the others are not there it beats and notes as they do.
    os.environ["SHALLOWS_SERVER_ADDRESS"] = f"http://127.0.0.1:{free_port()}"
    with (
        running_server() as server,
        tempfile.TemporaryDirectory() as folder,
        running_cluster_nginx(Path(folder), server.port) as front,
    ):
        yield server, f"http://127.0.0.1:{front}/"


def main() -> int:
    """Measure, and keep what was measured."""
    parser = argparse.ArgumentParser(description="What each part of a cluster costs.")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--json", type=Path, default=ROOT / "benchmarks" / "capacity.json")
    chosen = parser.parse_args()
    points: list[Point] = []
    rooms: list[Walls] = []
    spawn = multiprocessing.get_context("spawn")
    with running_postgresql() as postgresql, spawn.Pool(CLIENT_PROCESSES + 1) as pool:
        database = postgresql.database()
        os.environ["SHALLOWS_DATABASE_URL"] = database
        os.environ["SHALLOWS_TRUSTED_PROXIES"] = "127.0.0.1"
        for students in CLASSES:
            with serving() as (server, url):
                points.append(measure(server, url, students, chosen.seconds, pool))
            print(asdict(points[-1]), flush=True)
        beat = beats(database)
        print(beat)
        for group in ROOMS:
            with serving() as (server, url):
                rooms.append(walls(server, url, group, pool))
            print(asdict(rooms[-1]), flush=True)
    result = {
        "points": [asdict(point) for point in points],
        "beat_ms": beat,
        "rooms": [asdict(room) for room in rooms],
        "tile_seconds": tile_seconds(),
        "pace": 1.0,
    }
    chosen.json.write_text(json.dumps(result, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
