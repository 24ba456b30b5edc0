"""Simulated students: those who play, toggle and reconnect, and those who never read."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import socket
import time
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import websockets
from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.uri import parse_uri

from app import wire
from app.sessions.outbox import DONE

DROPPING = 0.1  # the share of students whose connection drops once
ACTIVATIONS = ("tanh", "relu", "sigmoid", "leaky_relu")
# What the page asks for: a 100×100 plane, the units' maps, differences.
VIEW = {"x": [-6.6, 6.6], "y": [-6.6, 6.6], "neurons": True, "encoding": "differences"}
ITERATIONS = 1_000_000
RETRY_SECONDS = 0.5


@dataclass(frozen=True)
class Lesson:
    """What a class is to do, and when."""

    url: str
    begin: float
    """When everyone has begun to play and is counted, a time of `time.time`."""
    seconds: float
    iterations_per_frame: float | str = 5
    toggle_seconds: float = 10.0
    """Each student switches the activation about this often."""
    in_turns: bool = False
    """Whether all rest for the first `toggle_seconds`, play for as long, rest again, and so on."""
    acknowledges: bool = True
    """Whether frames are acknowledged; if not the server sends two, and trains on unseen."""
    restarts: bool = False
    """Whether the server is ended meanwhile, and started again."""

    @property
    def stream(self) -> str:
        """The address of the sessions' stream."""
        return self.url.rstrip("/").replace("http", "ws", 1) + "/ws"


@dataclass
class Seen:
    """What one student saw."""

    frames: array[float] = field(default_factory=lambda: array("d"))
    """When they came, from the beginning of the lesson on."""
    iterations: int = 0
    """Trained in that time."""
    toggles: list[float] = field(default_factory=list)
    reconnections: list[float] = field(default_factory=list)
    """Seconds without a connection, of each that was lost."""
    pauses: list[float] = field(default_factory=list)
    """Between two frames of one connection."""
    errors: list[str] = field(default_factory=list)


class Student:
    """One connection, with what a page would do and check."""

    def __init__(self, lesson: Lesson, seed: int) -> None:
        self.lesson = lesson
        self.random = random.Random(seed)
        self.seen = Seen()
        self.session: str | None = None
        self.known = 0  # iterations whose costs have come
        self.activation = 0
        self.asked: float | None = None  # when the toggle under way was made
        self.fresh = False  # whether the frames are of the run last asked for
        self.last: float | None = None
        self.lost: float | None = None  # when the connection was, that has to be made again

    async def attend(self) -> Seen:
        """Play until the end."""
        lesson = self.lesson
        drops = self.random.random() < DROPPING
        leaves = lesson.begin + lesson.seconds * self.random.uniform(0.3, 0.7) if drops else None
        while time.time() < lesson.begin + lesson.seconds:
            try:
                await self.connect(leaves)
                self.lost, leaves = time.time(), None
            except (ConnectionClosed, OSError, InvalidHandshake) as error:
                # The server was ended, and is to come back.
                if not self.lesson.restarts:
                    self.seen.errors.append(f"{type(error).__name__}: {error}")
                    return self.seen
                self.lost = self.lost or time.time()
                await asyncio.sleep(RETRY_SECONDS * self.random.uniform(0.5, 1.5))
        return self.seen

    async def connect(self, until: float | None) -> None:
        """One connection, from its opening to its end."""
        lesson = self.lesson
        end = until or lesson.begin + lesson.seconds
        # A switch that was not answered may have been lost: the costs known may be of another run.
        if not self.fresh:
            self.known, self.asked = 0, None
        async with websockets.connect(
            self.address(), max_size=None, compression=None, open_timeout=60
        ) as connection:
            await self.enter(connection)
            if self.lost is not None:
                self.seen.reconnections.append(time.time() - self.lost)
                self.lost = None
            await self.say(connection, "view", **VIEW)
            if self.session is None:
                await self.configure(connection)
                speed = lesson.iterations_per_frame
                await self.say(connection, "set", iterations_per_frame=speed)
            act = self.first_act()
            self.last = None
            while (now := time.time()) < end:
                if now >= act:
                    act = await self.act(connection, now)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(min(end, act) - now + 0.001):
                        self.take(await self.hear(connection))
            if until is None:
                await connection.close(DONE)  # else it would train on, and cost the next lesson

    def address(self) -> str:
        """Of the session, once there is one."""
        query = f"?session={self.session}&iteration={self.known}" if self.session else ""
        return self.lesson.stream + query

    async def enter(self, connection: websockets.ClientConnection) -> None:
        """Say who it is, where that is asked."""

    def first_act(self) -> float:
        """When to do something first."""
        toggle = time.time() + self.random.uniform(0, self.lesson.toggle_seconds)
        return max(toggle, self.lesson.begin)

    async def act(self, connection: websockets.ClientConnection, now: float) -> float:
        """Switch the activation, and say when to do something next."""
        self.activation += 1
        self.asked, self.fresh = now, False
        await self.configure(connection)
        return now + self.lesson.toggle_seconds * self.random.uniform(0.5, 1.5)

    async def configure(self, connection: websockets.ClientConnection) -> None:
        """The default experiment with one activation, playing."""
        layer = {"units": 4, "activation": ACTIVATIONS[self.activation % len(ACTIVATIONS)]}
        run = {"network": {"layers": [layer]}, "training": {"iterations": ITERATIONS}}
        data = {"seed": self.random.randrange(1000)}
        await self.say(connection, "configure", data=data, runs=[run], playing=True)

    async def say(self, connection: websockets.ClientConnection, type: str, **fields: Any) -> None:
        """Send a message."""
        await connection.send(json.dumps({"type": type, **fields}))

    async def hear(self, connection: websockets.ClientConnection) -> dict[str, Any]:
        """The next message; frames are acknowledged."""
        message = await connection.recv()
        if isinstance(message, str):
            heard: dict[str, Any] = json.loads(message)
            return heard
        frame = wire.unpack(message)
        if self.lesson.acknowledges:
            await self.say(connection, "ack", frame=frame["frame"])
        return {"type": "frame", **frame}

    def take(self, message: dict[str, Any]) -> None:
        """Note what a message says, and whether anything is missing."""
        now = time.time()
        kind = message["type"]
        if kind == "configured":
            self.session = message["session"]
            if not message["resumed"]:
                self.known, self.fresh = 0, True
            elif message["from_checkpoint"]:
                self.known = 0  # all costs come again
        elif kind in ("error", "diverged", "ended"):
            if message.get("code") == "going_away" and self.lesson.restarts:
                return
            self.seen.errors.append(f"{kind}: {message.get('detail', '')}")
        elif kind == "frame":
            (run,) = message["runs"]
            if run["first_iteration"] != self.known:
                self.seen.errors.append(f"costs from {run['first_iteration']}, not {self.known}")
            trained = len(run["costs"]) // 4
            self.known = run["first_iteration"] + trained
            if self.asked is not None and self.fresh:
                self.seen.toggles.append(now - self.asked)
                self.asked = None
            if now >= self.lesson.begin:
                self.seen.frames.append(now)
                self.seen.iterations += trained
                if self.last is not None:
                    self.seen.pauses.append(now - self.last)
                self.last = now


class InTurns(Student):
    """One who plays in every second part of the lesson."""

    part = 0

    def first_act(self) -> float:
        """The beginning, or that of the next part for one who comes back."""
        return self.lesson.begin + self.part * self.lesson.toggle_seconds

    async def act(self, connection: websockets.ClientConnection, now: float) -> float:
        """Rest or play on, and say when the next part begins."""
        await self.say(connection, "play" if self.part % 2 else "pause")
        self.part += 1
        return self.first_act()


async def _attend(lesson: Lesson, seeds: list[int]) -> list[Seen]:
    student = InTurns if lesson.in_turns else Student
    return await asyncio.gather(*(student(lesson, seed).attend() for seed in seeds))


def attend(lesson: Lesson, seeds: list[int]) -> list[Seen]:
    """A part of the class, in this process."""
    return asyncio.run(_attend(lesson, seeds))


@contextlib.contextmanager
def never_reading(lesson: Lesson, count: int) -> Iterator[None]:
    """So many connections that play and take nothing, not even what answers a ping."""
    uri = parse_uri(lesson.stream)
    view = json.dumps({"type": "view", **VIEW}).encode()
    run = {"training": {"iterations": ITERATIONS}}
    configure = json.dumps({"type": "configure", "runs": [run], "playing": True}).encode()
    with contextlib.ExitStack() as open_ones:
        for _ in range(count):
            connection = open_ones.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect((uri.host, uri.port))
            protocol = ClientProtocol(uri)
            protocol.send_request(protocol.connect())
            connection.sendall(b"".join(protocol.data_to_send()))
            protocol.receive_data(connection.recv(4096))
            protocol.send_text(view)
            protocol.send_text(configure)
            connection.sendall(b"".join(protocol.data_to_send()))
        yield
