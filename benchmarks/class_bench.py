"""A class in a room: a teacher, a projector and students, each a client of a real server.

python -m benchmarks.class_bench                         the classes of `CLASSES`, one by one
python -m benchmarks.class_bench --students 100 --seconds 60 --part 6 --clicks 10

Students are in two processes of their own, the teacher and the projector in a third. First all
join within three seconds, from one address. Then they play and toggle, and the walls of the
teacher's page and of the projector are open in every second part, so that a machine whose speed
changes compares like with like. At last the teacher says Eyes here and lets go, and sends an
experiment, so many times. It ends with 1 if anybody saw an error.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import random
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

import websockets

from app import wire
from benchmarks.load_bench import (
    CLIENT_PROCESSES,
    SETTLING,
    Span,
    alone_and_beside,
    compared,
    cpu,
    megabytes,
    milliseconds,
    rates,
)
from benchmarks.students import Lesson, Seen, Student
from tests.browser.harness import running_server

JOIN_SECONDS = 3.0
REST = 1.2
"""Seconds between two clicks of the teacher."""
RESOLUTION = 40


@dataclass(frozen=True)
class Class:
    """How large it is, and how long it is looked at."""

    students: int
    seconds: float
    part: float
    """Seconds with a wall, and without."""
    clicks: int = 0


CLASSES = (Class(30, 96, 6), Class(100, 96, 6, clicks=20), Class(300, 120, 10))


@dataclass(frozen=True)
class InRoom(Lesson):
    """A lesson in a room."""

    room: str = ""
    code: str = ""
    joins: float = 0.0
    """When the first one joins."""


@dataclass
class SeenInRoom(Seen):
    """What one student saw, of the room as well."""

    joined: list[float] = field(default_factory=list)
    """Seconds until the answer to a join."""
    first_frame: list[float] = field(default_factory=list)
    """Seconds from the join to the first frame."""
    held: list[tuple[float, bool]] = field(default_factory=list)
    sent: dict[int, float] = field(default_factory=dict)
    """When each experiment that was sent was set up."""


async def post(url: str, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Ask a server over a connection of one's own: status and JSON."""
    where = urlsplit(url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    try:
        data = json.dumps(body).encode()
        head = f"POST {path} HTTP/1.1\r\nHost: {where.netloc}\r\nConnection: close\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
        writer.write(head.encode() + data)
        answer = await reader.read()
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    first, _, rest = answer.partition(b"\r\n")
    return int(first.split()[1]), json.loads(rest.partition(b"\r\n\r\n")[2])


class Member(Student):
    """A student of the room, who does what its page would do."""

    def __init__(self, lesson: InRoom, seed: int) -> None:
        super().__init__(lesson, seed)
        self.room = lesson
        self.mine = self.seen = SeenInRoom()
        self.secret = ""
        self.experiment = 0
        self.is_held = False

    async def attend(self) -> Seen:
        """Join, then play until the end."""
        await asyncio.sleep(self.room.joins + self.random.uniform(0, JOIN_SECONDS) - time.time())
        self.began = time.time()
        status, answer = await post(self.room.url, "/rooms/join", {"code": self.room.code})
        self.mine.joined.append(time.time() - self.began)
        if status != 201:
            self.mine.errors.append(f"{status}: {answer}")
            return self.mine
        self.secret = answer["secret"]
        return await super().attend()

    def address(self) -> str:
        """Of the session in the room."""
        query = f"?room={self.room.room}"
        again = f"&session={self.session}&iteration={self.known}" if self.session else ""
        return self.room.stream + query + again

    async def enter(self, connection: websockets.ClientConnection) -> None:
        """Who it is."""
        await self.say(connection, "enter", room=self.room.room, secret=self.secret)

    async def act(self, connection: websockets.ClientConnection, now: float) -> float:
        """Switch the activation, unless all wait."""
        return now + 1 if self.is_held else await super().act(connection, now)

    async def hear(self, connection: websockets.ClientConnection) -> dict[str, Any]:
        """The next message; what was sent is set up."""
        message = await super().hear(connection)
        if message["type"] == "room":
            if message["held"] != self.is_held:
                self.is_held = message["held"]
                self.mine.held.append((time.time(), self.is_held))
            sent = message["experiment"]
            if sent is not None and sent["number"] > self.experiment:
                self.experiment = sent["number"]
                self.asked, self.fresh = None, False
                plan = {"runs": [{}], "playing": sent["playing"], "experiment": self.experiment}
                await self.say(connection, "configure", **plan)
        return message

    def take(self, message: dict[str, Any]) -> None:
        """Note what a message says."""
        if message["type"] == "error" and message["code"] == "held":
            # Said just before all had to wait: the run there was goes on.
            self.asked, self.fresh = None, True
            return
        super().take(message)
        if message["type"] == "configured" and not message["resumed"] and self.experiment:
            self.mine.sent.setdefault(self.experiment, time.time())
        if message["type"] == "frame" and not self.mine.first_frame:
            self.mine.first_frame.append(time.time() - self.began)


def attend(lesson: InRoom, seeds: list[int]) -> list[SeenInRoom]:
    """A part of the class, in this process."""

    async def all_of_them() -> list[Any]:
        return await asyncio.gather(*(Member(lesson, seed).attend() for seed in seeds))

    return asyncio.run(all_of_them())


# -- who looks on -------------------------------------------------------------------------------


@dataclass
class OnTheWall:
    """What a page with a wall got."""

    tiles: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))
    """Of each member, when they came."""
    bytes: list[tuple[float, int]] = field(default_factory=list)
    """Of everything that came."""


@dataclass
class Taught:
    """What the teacher and the projector saw, and when the teacher clicked."""

    teacher: OnTheWall = field(default_factory=OnTheWall)
    screen: OnTheWall = field(default_factory=OnTheWall)
    held: list[tuple[float, bool]] = field(default_factory=list)
    sent: list[float] = field(default_factory=list)


def stream_of(lesson: InRoom) -> str:
    """The address of a teacher's page."""
    return f"{lesson.url.rstrip('/').replace('http', 'ws', 1)}/rooms/{lesson.room}/stream"


async def look(lesson: InRoom, key: str, seen: OnTheWall, begin: float, end: float) -> None:
    """A page with a wall, from a moment to another."""
    await asyncio.sleep(begin - time.time())
    async with websockets.connect(stream_of(lesson), max_size=None, compression=None) as page:
        opens = {"type": "open", "key": key, "wall": {"resolution": RESOLUTION}}
        await page.send(json.dumps(opens))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(end - time.time()):
                while True:
                    message = await page.recv()
                    now = time.time()
                    seen.bytes.append((now, len(message)))
                    if isinstance(message, bytes):
                        for tile in wire.unpack(message)["tiles"]:
                            seen.tiles[tile["member"]].append(now)


async def click(lesson: InRoom, key: str, taught: Taught, begin: float, clicks: int) -> None:
    """Eyes here and let go, then send: so many times."""
    await asyncio.sleep(begin - time.time())
    async with websockets.connect(stream_of(lesson), max_size=None, compression=None) as page:
        await page.send(json.dumps({"type": "open", "key": key}))

        async def listen() -> None:
            async for _ in page:
                pass

        listening = asyncio.create_task(listen())
        for _ in range(clicks):
            for held in (True, False):
                taught.held.append((time.time(), held))
                await page.send(json.dumps({"type": "hold", "held": held}))
                await asyncio.sleep(REST)
        for _ in range(clicks):
            taught.sent.append(time.time())
            push = {"type": "push", "page": "#", "plan": {"runs": [{}]}, "seeds": "own"}
            await page.send(json.dumps({**push, "playing": True}))
            await asyncio.sleep(REST)
        listening.cancel()


def teach(lesson: InRoom, keys: dict[str, str], group: Class) -> Taught:
    """The teacher and the projector, in this process."""
    taught = Taught()
    _, parts = alone_and_beside(lesson.begin, group.seconds, group.part)

    async def all_of_it() -> None:
        for begin, end in parts:
            span = begin - SETTLING, end
            await asyncio.gather(
                look(lesson, keys["key"], taught.teacher, *span),
                look(lesson, keys["screen_key"], taught.screen, *span),
            )
        await click(lesson, keys["key"], taught, lesson.begin + group.seconds, group.clicks)

    asyncio.run(all_of_it())
    return taught


# -- what was seen ------------------------------------------------------------------------------


def gaps(seen: OnTheWall, parts: Sequence[Span]) -> list[float]:
    """Seconds from each tile of a member to the next, and from the last to the end of its part."""
    found = []
    for times in seen.tiles.values():
        for begin, end in parts:
            here = [begin - SETTLING, *(at for at in times if begin - SETTLING <= at < end), end]
            found += [after - before for before, after in pairwise(here)]
    return found


def a_second(times: Sequence[float], parts: Sequence[Span]) -> float:
    """How many tiles of a member a second; the first of each part may have been there before."""
    here = [[at for at in times if begin - SETTLING <= at < end][1:] for begin, end in parts]
    lasted = sum(each[-1] - each[0] for each in here if each)
    return sum(len(each) - 1 for each in here if each) / lasted if lasted else 0.0


def last_of_all(seen: Sequence[SeenInRoom], clicks: Sequence[tuple[float, bool]]) -> list[float]:
    """Of each click, the seconds until the last student's page had heard it."""
    found = []
    for at, held in clicks:
        heard = [
            next((when for when, is_held in one.held if when >= at and is_held == held), at + 99)
            for one in seen
        ]
        found.append(max(heard) - at)
    return found


def give(group: Class) -> bool:
    """Have a class, and print what was seen; whether nobody saw an error."""
    print(f"\n## {group.students} students in a room\n", flush=True)
    spawn = multiprocessing.get_context("spawn")
    with running_server() as server, spawn.Pool(CLIENT_PROCESSES + 1) as pool:
        _, room = asyncio.run(post(server.url, "/rooms", {}))
        joins = time.time() + 3
        begin = joins + JOIN_SECONDS + 4 + group.students / 50
        clicking = 3 * group.clicks * REST + 2
        lesson = InRoom(
            server.url,
            begin,
            group.seconds + clicking,
            room=room["id"],
            code=room["code"],
            joins=joins,
        )
        seeds = random.Random(1).sample(range(10_000), group.students)
        classes = [
            pool.apply_async(attend, (lesson, seeds[k::CLIENT_PROCESSES]))
            for k in range(CLIENT_PROCESSES)
        ]
        teaching = pool.apply_async(teach, (lesson, room, group))
        time.sleep(begin - time.time())
        used = cpu(server)
        time.sleep(group.seconds)
        cores, memory = (cpu(server) - used) / group.seconds, megabytes(server)
        seen = [one for each in classes for one in each.get(timeout=300)]
        taught = teaching.get(timeout=300)
    errors = [error for one in seen for error in one.errors]
    alone, beside = alone_and_beside(begin, group.seconds, group.part)
    print("| what | measured |")
    print("|---|---|")
    joined = [seconds for one in seen for seconds in one.joined]
    first = [seconds for one in seen for seconds in one.first_frame]
    print(f"| {len(joined)} joined within {JOIN_SECONDS:.0f} s | {milliseconds(joined)} |")
    print(f"| from joining to the first frame | {milliseconds(first)} |")
    print(f"| frames a second, without a wall | {rates(seen, *alone)} |")
    print(f"| frames a second, with two walls | {rates(seen, *beside)} |")
    print(f"| … as a share of those without | {compared(seen, alone, beside)} |")
    for name, wall in (("teacher", taught.teacher), ("projector", taught.screen)):
        seconds = sum(end - start + SETTLING for start, end in beside)
        each = [a_second(times, beside) for times in wall.tiles.values()]
        size = sum(size for _, size in wall.bytes) / seconds / 1000
        spread = f"{min(each):.2f} to {max(each):.2f}, median {statistics.median(each):.2f}"
        print(f"| tiles a second each, on the {name}'s | {spread} |")
        print(f"| from a tile to the next | {milliseconds(gaps(wall, beside))} |")
        print(f"| bytes to it | {size:.0f} kB/s |")
        missing = group.students - len(wall.tiles)
        errors += [f"{missing} members have no tile"] if missing else []
    if group.clicks:
        for held, words in ((True, "Eyes here"), (False, "Let go")):
            clicks = [each for each in taught.held if each[1] is held]
            print(f"| {words}, to the last page | {milliseconds(last_of_all(seen, clicks))} |")
        sent = [
            max(one.sent.get(number, at + 99) for one in seen) - at
            for number, at in enumerate(taught.sent, 1)
        ]
        print(f"| Send, until the last has set it up | {milliseconds(sent)} |")
    print(f"| the server's CPU | {cores:.2f} cores |")
    print(f"| the server's memory | {memory:.0f} MB |")
    print(f"| errors | {len(errors)} |", flush=True)
    for error in errors[:10]:
        print(f"\n- {error}")
    return not errors


def main() -> None:
    """Have classes, and print what was seen."""
    parser = argparse.ArgumentParser(description="A class in a room.")
    parser.add_argument("--students", type=int)
    parser.add_argument("--seconds", type=float, default=48.0)
    parser.add_argument("--part", type=float, default=6.0)
    parser.add_argument("--clicks", type=int, default=0)
    chosen = vars(parser.parse_args())
    if chosen["seconds"] < 6 * chosen["part"]:
        parser.error("--seconds must be at least six parts, to compare")
    classes = [Class(**chosen)] if chosen["students"] else CLASSES
    well = [give(group) for group in classes]
    sys.exit(not all(well))


if __name__ == "__main__":
    main()
