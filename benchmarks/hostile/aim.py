"""What a hostile case has in hand: where it aims, and clients of REST, streams and bare sockets.

Everything ends with the case: `Aim.on` turns false, and whoever runs the case cancels what still
waits. What came back is counted in `Aim.got`, so that the table tells what an attacker achieved.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import json
import os
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit

import httpx2 as httpx
import websockets
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

REFUSED_SECONDS = 0.05
"""Until one who was refused asks again: no longer than an impatient one waits."""
ANSWER_SECONDS = 60.0
Message = dict[str, Any]


class Flag(Protocol):
    """An event, as far as a case looks at one."""

    def is_set(self) -> bool:
        """Whether it has come."""


@dataclass
class Aim:
    """The server that a case is aimed at, from where, and for how long."""

    url: str
    source: str
    """The address that it comes from."""
    end: float
    """A time of `time.time`."""
    folder: str = ""
    """Where the server keeps its database."""
    prepared: Any = None
    """What the case has prepared before the students came."""
    over: Flag | None = None
    """Ends the case before its time."""
    got: Counter[str] = field(default_factory=Counter)

    @property
    def on(self) -> bool:
        """Whether the case goes on."""
        return time.time() < self.end and not (self.over and self.over.is_set())

    async def ended(self) -> None:
        """Wait until the case is over; whoever runs it cancels this if that is before its time."""
        await asyncio.sleep(max(0.0, self.end - time.time()))

    @contextlib.contextmanager
    def noting(self) -> Iterator[None]:
        """Count how a connection ends, or that there was none to be had."""
        try:
            yield
        except ConnectionClosed as closed:
            self.got[str(closed.rcvd.code if closed.rcvd else "cut off")] += 1
        except InvalidStatus as refused:
            self.got[f"refused {refused.response.status_code}"] += 1
        except (OSError, InvalidHandshake, httpx.HTTPError) as error:
            self.got[type(error).__name__] += 1


Run = Callable[[Aim], Awaitable[None]]


@dataclass(frozen=True)
class Case:
    """Something hostile.

    Attributes:
        name: By which it is chosen.
        row: Of the table in which such cases were seen first.
        run: Does it for as long as the aim is on.
        prepare: What has to be there before the students come; its answer is `Aim.prepared`.
        slow: Whether it is left out unless it is asked for, because it takes this many seconds.
    """

    name: str
    row: int
    run: Run
    prepare: Callable[[Aim], Awaitable[Any]] | None = None
    slow: float = 0.0


CASES: dict[str, Case] = {}


def case(
    row: int, prepare: Callable[[Aim], Awaitable[Any]] | None = None, slow: float = 0.0
) -> Callable[[Run], Run]:
    """Enter a function in the table of cases, under its name."""

    def enter(run: Run) -> Run:
        name = getattr(run, "__name__", "").replace("_", "-")
        CASES[name] = Case(name, row, run, prepare, slow)
        return run

    return enter


# -- REST ---------------------------------------------------------------------------------------


def browser(url: str, source: str, seconds: float = ANSWER_SECONDS) -> httpx.AsyncClient:
    """A client of REST that comes from an address."""
    transport = httpx.AsyncHTTPTransport(
        verify=False, local_address=source, limits=httpx.Limits(max_connections=100)
    )
    return httpx.AsyncClient(transport=transport, base_url=url, timeout=seconds)


async def again(
    aim: Aim,
    method: str,
    path: str,
    body: bytes | None = None,
    *,
    of: str = "application/json",
    at_once: int = 8,
    pause: float = 0.0,
) -> None:
    """One request over and over, so many at a time; answers are read and thrown away."""

    async def one(client: httpx.AsyncClient) -> None:
        headers = {"Content-Type": of} if body is not None else {}
        while aim.on:
            status = 0
            with aim.noting():
                async with client.stream(method, path, content=body, headers=headers) as answer:
                    status = answer.status_code
                    async for _ in answer.aiter_raw():
                        pass
                aim.got[str(status)] += 1
            await asyncio.sleep(pause if 200 <= status < 500 and status != 429 else REFUSED_SECONDS)

    async with browser(aim.url, aim.source) as client:
        await asyncio.gather(*(one(client) for _ in range(at_once)))


# -- streams ------------------------------------------------------------------------------------


def written(message: Message) -> str:
    """A message as the shortest JSON."""
    return json.dumps(message, separators=(",", ":"))


class Stream:
    """A connection that acknowledges every frame; text messages wait in order."""

    def __init__(self, aim: Aim, connection: websockets.ClientConnection) -> None:
        self.aim = aim
        self.connection = connection
        self.frames = 0

    async def say(self, *messages: Message | str) -> None:
        """Send messages."""
        for message in messages:
            await self.connection.send(message if isinstance(message, str) else written(message))

    async def hear(self) -> Message:
        """The next text message."""
        while True:
            message = await self.connection.recv()
            if isinstance(message, str):
                heard: Message = json.loads(message)
                if heard["type"] == "error":
                    self.aim.got[heard["code"]] += 1
                return heard
            # Their numbers grow by one, so that none has to be unpacked.
            await self.say({"type": "ack", "frame": self.frames})
            self.frames += 1

    async def until(self, *kinds: str, seconds: float = 5.0) -> Message | None:
        """The next message of one of these kinds; none if it does not come in time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while True:
                    heard = await self.hear()
                    if heard["type"] in kinds:
                        return heard
        return None

    async def hear_on(self) -> None:
        """Hear and forget until the case is over, or the connection."""
        seconds = max(0.0, self.aim.end - time.time())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.aim.on:
                    await self.until("nothing", seconds=0.5)


@contextlib.asynccontextmanager
async def stream(aim: Aim, path: str = "ws", leaves_nothing: bool = True) -> AsyncIterator[Stream]:
    """A stream from the aim's source; its session ends with it, or is left behind."""
    async with websockets.connect(
        aim.url.replace("http", "ws", 1) + path,
        local_addr=(aim.source, 0),
        max_size=None,
        compression=None,
        open_timeout=10,
        close_timeout=1,
    ) as connection:
        yield Stream(aim, connection)
        if leaves_nothing:
            await connection.close(4002)


async def storm(
    aim: Aim,
    first: Sequence[Message],
    repeated: Sequence[Message] = (),
    per_second: float = 100.0,
    streams: int = 1,
) -> None:
    """Streams that say `first`, then `repeated` in turn so often a second, and take all answers.

    One that is closed comes again.
    """
    texts = [written(message) for message in repeated]

    async def one() -> None:
        while aim.on:
            with aim.noting():
                async with stream(aim) as line:
                    hearing = asyncio.create_task(line.hear_on())
                    try:
                        await line.say(*first)
                        began = time.monotonic()
                        for number, text in enumerate(itertools.cycle(texts), 1):
                            await line.say(text)
                            aim.got["messages"] += 1
                            late = time.monotonic() - began - number / per_second
                            await asyncio.sleep(max(0.0, -late))
                            if not aim.on:
                                break
                        if not texts:
                            await hearing
                    finally:
                        hearing.cancel()
                        await asyncio.gather(hearing, return_exceptions=True)
            await asyncio.sleep(REFUSED_SECONDS)

    await asyncio.gather(*(one() for _ in range(streams)))


# -- bare sockets -------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def bare(
    aim: Aim, path: str | None = "/ws"
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection that takes little at a time, with a WebSocket opened in it unless no path is."""
    address = urlsplit(aim.url)
    wire = socket.socket()
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    wire.bind((aim.source, 0))
    wire.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(wire, (address.hostname, address.port))
    except BaseException:
        wire.close()
        raise
    reader, writer = await asyncio.open_connection(sock=wire, limit=4096)
    try:
        if path is not None:
            key = base64.b64encode(os.urandom(16)).decode()
            writer.write(
                f"GET {path} HTTP/1.1\r\nHost: {address.netloc}\r\nUpgrade: websocket\r\n"
                f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
                "Sec-WebSocket-Version: 13\r\n\r\n".encode()
            )
            await reader.readuntil(b"\r\n\r\n")
        yield reader, writer
    finally:
        writer.transport.abort()


async def flood(
    aim: Aim, first: bytes, repeated: bytes, reads: bool = True, piece: int = 0
) -> None:
    """The same bytes over and over, as fast as they are taken; in pieces, or as one."""
    size = piece or len(repeated)
    pieces = [repeated[at : at + size] for at in range(0, len(repeated), size)]

    async def swallow(reader: asyncio.StreamReader) -> None:
        while await reader.read(65_536):
            pass

    while aim.on:
        with aim.noting():
            async with bare(aim) as (reader, writer):
                swallowing = asyncio.create_task(swallow(reader)) if reads else None
                try:
                    writer.write(first)
                    while aim.on:
                        for part in pieces:
                            writer.write(part)
                            await writer.drain()
                            aim.got["bytes"] += len(part)
                            if piece:
                                await asyncio.sleep(0)  # each in a segment of its own
                finally:
                    if swallowing:
                        swallowing.cancel()
                        await asyncio.gather(swallowing, return_exceptions=True)
        await asyncio.sleep(REFUSED_SECONDS)
