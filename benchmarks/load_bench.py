"""A class on one machine: N students, in processes of their own, who play, toggle and reconnect.

python -m benchmarks.load_bench [--students 100] [--seconds 20] [--url http://...]

Without `--url` it starts a server of its own and reports its CPU and memory as well. Everyone's
browser asks for what the page asks for: a 100×100 plane, the units' maps, differences.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import random
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import psutil
import websockets

from app import wire
from tests.browser.harness import running_server

CLIENT_PROCESSES = 2
TOGGLE_SECONDS = 10.0  # each student switches the activation about this often
DROPPING = 0.1  # the share of students whose connection drops once
ACTIVATIONS = ("tanh", "relu", "sigmoid", "leaky_relu")
VIEW = {"x": [-6.6, 6.6], "y": [-6.6, 6.6], "neurons": True, "encoding": "differences"}


@dataclass
class Seen:
    """What one student saw."""

    seconds: float = 0.0
    frames: int = 0
    intervals: list[float] = field(default_factory=list)
    toggles: list[float] = field(default_factory=list)
    reconnections: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


class Student:
    """One connection, with what a page would do and check."""

    def __init__(self, url: str, seed: int, begin: float, seconds: float) -> None:
        self.address = url.rstrip("/").replace("http", "ws", 1) + "/ws"
        self.random = random.Random(seed)
        self.begin, self.seconds = begin, seconds
        self.seen = Seen(seconds)
        self.session: str | None = None
        self.known = 0  # iterations whose costs have come
        self.activation = 0
        self.asked: float | None = None  # when the toggle under way was made
        self.fresh = False  # whether the frames are of the run last asked for
        self.last: float | None = None

    async def attend(self) -> Seen:
        """Play until the end."""
        drops = self.random.random() < DROPPING
        leaves = self.begin + self.seconds * self.random.uniform(0.3, 0.7) if drops else None
        try:
            await self.connect(leaves)
            if leaves is not None:
                dropped = time.time()
                await self.connect(None)
                self.seen.reconnections.append(time.time() - dropped)
        except Exception as error:
            self.seen.errors.append(f"{type(error).__name__}: {error}")
        return self.seen

    async def connect(self, until: float | None) -> None:
        """One connection, from its opening to its end."""
        end = until or self.begin + self.seconds
        # A switch that was not answered may have been lost: the costs known may be of another run.
        if not self.fresh:
            self.known, self.asked = 0, None
        query = f"?session={self.session}&iteration={self.known}" if self.session else ""
        async with websockets.connect(
            self.address + query, max_size=None, compression=None, open_timeout=60
        ) as socket:
            await self.say(socket, "view", **VIEW)
            if self.session is None:
                await self.configure(socket)
            toggle = time.time() + self.random.uniform(0, TOGGLE_SECONDS)
            self.last = None
            while (now := time.time()) < end:
                if now >= max(toggle, self.begin):
                    toggle = now + TOGGLE_SECONDS * self.random.uniform(0.5, 1.5)
                    self.activation += 1
                    self.asked, self.fresh = now, False
                    await self.configure(socket)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(min(end, max(toggle, self.begin)) - now + 0.001):
                        self.take(await self.hear(socket))

    async def configure(self, socket: websockets.ClientConnection) -> None:
        """The default experiment with one activation, playing."""
        layer = {"units": 4, "activation": ACTIVATIONS[self.activation % len(ACTIVATIONS)]}
        run = {"network": {"layers": [layer]}, "training": {"iterations": 1_000_000}}
        data = {"seed": self.random.randrange(1000)}
        await self.say(socket, "configure", data=data, runs=[run], playing=True)

    async def say(self, socket: websockets.ClientConnection, type: str, **fields: Any) -> None:
        """Send a message."""
        await socket.send(json.dumps({"type": type, **fields}))

    async def hear(self, socket: websockets.ClientConnection) -> dict[str, Any]:
        """The next message; frames are acknowledged."""
        message = await socket.recv()
        if isinstance(message, str):
            told: dict[str, Any] = json.loads(message)
            return told
        frame = wire.unpack(message)
        await self.say(socket, "ack", frame=frame["frame"])
        return {"type": "frame", **frame}

    def take(self, message: dict[str, Any]) -> None:
        """Note what a message says, and whether anything is missing."""
        now = time.time()
        kind = message["type"]
        if kind == "configured":
            self.session = message["session"]
            if not message["resumed"]:
                self.known, self.fresh = 0, True
        elif kind in ("error", "diverged", "ended"):
            self.seen.errors.append(f"{kind}: {message.get('detail', '')}")
        elif kind == "frame":
            (run,) = message["runs"]
            if run["first_iteration"] != self.known:
                self.seen.errors.append(f"costs from {run['first_iteration']}, not {self.known}")
            self.known = run["first_iteration"] + len(run["costs"]) // 4
            if self.asked is not None and self.fresh:
                self.seen.toggles.append(now - self.asked)
                self.asked = None
            if now >= self.begin:
                self.seen.frames += 1
                if self.last is not None:
                    self.seen.intervals.append(now - self.last)
                self.last = now


async def _attend(url: str, seeds: list[int], begin: float, seconds: float) -> list[Seen]:
    return await asyncio.gather(*(Student(url, seed, begin, seconds).attend() for seed in seeds))


def attend(url: str, seeds: list[int], begin: float, seconds: float) -> list[Seen]:
    """A part of the class, in this process."""
    return asyncio.run(_attend(url, seeds, begin, seconds))


@contextlib.contextmanager
def served(url: str | None) -> Iterator[tuple[str, psutil.Process | None]]:
    """The server to load: the one at `url`, or one of our own with its process."""
    if url is not None:
        yield url, None
        return
    before = {child.pid for child in psutil.Process().children()}
    with running_server() as server:
        (own,) = (c for c in psutil.Process().children() if c.pid not in before)
        yield server.url, own


def family(process: psutil.Process) -> list[psutil.Process]:
    """A process and all it has started."""
    return [process, *process.children(recursive=True)]


def usage(process: psutil.Process) -> tuple[float, float]:
    """Seconds of CPU so far, and megabytes of memory (shared pages counted once)."""
    seconds = megabytes = 0.0
    for member in family(process):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = member.cpu_times()
            seconds += times.user + times.system
            megabytes += member.memory_full_info().pss / 1e6
    return seconds, megabytes


def percentile(values: list[float], percent: float) -> float:
    """The smallest value that at least so many percent do not exceed; 0 of none."""
    ordered = sorted(values)
    return ordered[max(0, -int(-len(ordered) * percent // 100) - 1)] if ordered else 0.0


def jain(values: list[float]) -> float:
    """Jain's fairness index: 1 when all have the same, 1/n when one has all."""
    squares = len(values) * sum(value * value for value in values)
    return sum(values) ** 2 / squares if squares else 0.0


def main() -> None:
    """Load a server, and print what its students saw."""
    parser = argparse.ArgumentParser(description="A class of students on one server.")
    parser.add_argument("--students", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--url", help="a server that runs already")
    options = parser.parse_args()

    context = multiprocessing.get_context("spawn")
    with served(options.url) as (url, process), context.Pool(CLIENT_PROCESSES) as pool:
        begin = time.time() + 5 + options.students / 50
        parts = [
            pool.apply_async(
                attend,
                (url, list(range(k, options.students, CLIENT_PROCESSES)), begin, options.seconds),
            )
            for k in range(CLIENT_PROCESSES)
        ]
        time.sleep(max(0.0, begin - time.time()))
        before = usage(process) if process else None
        time.sleep(options.seconds * 0.9)
        after = usage(process) if process else None
        seen = [one for part in parts for one in part.get(timeout=120)]

    rates = [one.frames / one.seconds for one in seen]
    intervals = [1000 * gap for one in seen for gap in one.intervals]
    toggles = [1000 * gap for one in seen for gap in one.toggles]
    errors = [error for one in seen for error in one.errors]
    print(f"## {options.students} students for {options.seconds:.0f} s\n")
    print("| what | measured |")
    print("|---|---|")
    print(
        f"| frames a second, each student | slowest {min(rates):.1f}, "
        f"median {statistics.median(rates):.1f}, fastest {max(rates):.1f} |"
    )
    print(
        f"| between frames | p50 {percentile(intervals, 50):.0f} ms, "
        f"p95 {percentile(intervals, 95):.0f} ms, p99 {percentile(intervals, 99):.0f} ms |"
    )
    print(f"| Jain's index of the frame rates | {jain(rates):.4f} |")
    print(
        f"| a toggle's first frame, {len(toggles)} toggles | p50 {percentile(toggles, 50):.0f} ms, "
        f"p95 {percentile(toggles, 95):.0f} ms |"
    )
    print(f"| reconnected | {sum(len(one.reconnections) for one in seen)} |")
    if before and after:
        cores = (after[0] - before[0]) / (0.9 * options.seconds)
        print(f"| the server's CPU | {cores:.2f} cores |")
        print(f"| the server's memory, all processes | {after[1]:.0f} MB |")
    print(f"| errors | {len(errors)} |")
    for error in errors[:10]:
        print(f"\n- {error}")


if __name__ == "__main__":
    main()
