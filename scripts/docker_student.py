"""Two students who play, one in a room, and its teacher: docker_test.py runs it in a container.

All come through the proxy, and come back when they hear nothing. Each says what it has, a line of
JSON whenever that is more.
"""

import asyncio
import contextlib
import json
import sys
import time
from abc import ABC, abstractmethod
from typing import Any
from urllib.parse import urlencode

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from app import wire

PROXY = "ws://proxy:8080"
SILENT_SECONDS = 3.0
"""The proxy closes a silent stream after two; a tile of the wall comes once a second, or in two."""
AGAIN_SECONDS = 0.2
SAID_SECONDS = 0.1
"""Between two lines of one of them."""


class Follower(ABC):
    """One who comes again whenever the stream ends, or is silent."""

    def __init__(self, who: str, path: str, *first: dict[str, Any]) -> None:
        self.who, self.path, self.first = who, path, first
        self.query: dict[str, Any] = {}
        self._said_at = 0.0

    async def follow(self) -> None:
        """On and on."""
        while True:
            url = f"{PROXY}{self.path}?{urlencode(self.query)}"
            with contextlib.suppress(OSError, TimeoutError, WebSocketException):
                async with (
                    asyncio.timeout(SILENT_SECONDS) as patience,
                    connect(url, proxy=None, close_timeout=0.1) as socket,
                ):
                    for message in self.first:
                        await socket.send(json.dumps(message))
                    await self.begin(socket)
                    async for told in socket:
                        patience.reschedule(asyncio.get_running_loop().time() + SILENT_SECONDS)
                        await self.hear(socket, told)
            await asyncio.sleep(AGAIN_SECONDS)

    @abstractmethod
    async def begin(self, socket: ClientConnection) -> None:
        """What is said on each stream, after the first messages."""

    @abstractmethod
    async def hear(self, socket: ClientConnection, told: str | bytes) -> None:
        """What a message means."""

    def say(self, has: int, whole: bool = True) -> None:
        """Tell how much there is by now."""
        if time.monotonic() - self._said_at > SAID_SECONDS:
            self._said_at = time.monotonic()
            print(json.dumps({"who": self.who, "has": has, "whole": whole}), flush=True)


class Student(Follower):
    """Trains, and looks whether a cost is missing, or comes twice with another value."""

    costs, whole = b"", True

    async def begin(self, socket: ClientConnection) -> None:
        """Start to train, if that is not the same session as before."""
        await socket.send(json.dumps({"type": "view", "resolution": 8}))
        if "session" not in self.query:
            runs = [{"training": {"iterations": 1_000_000}}]
            await socket.send(json.dumps({"type": "configure", "runs": runs, "playing": True}))

    async def hear(self, socket: ClientConnection, told: str | bytes) -> None:
        """Keep the costs of a frame."""
        if isinstance(told, str):
            said = json.loads(told)
            if said["type"] == "configured":
                self.query["session"] = said["session"]
            self.whole &= said["type"] != "error"
            return
        frame = wire.unpack(told)
        await socket.send(json.dumps({"type": "ack", "frame": frame["frame"]}))
        run = frame["runs"][0]
        first, costs = 4 * run["first_iteration"], run["costs"]
        known = self.costs[first : first + len(costs)]
        self.whole &= first <= len(self.costs) and costs.startswith(known)
        self.costs = self.costs[:first] + costs
        self.query["iteration"] = len(self.costs) // 4
        if costs:
            self.say(len(self.costs) // 4, self.whole)


class Teacher(Follower):
    """Counts the pictures of the wall."""

    tiles = 0

    async def begin(self, socket: ClientConnection) -> None:
        """Only look."""

    async def hear(self, socket: ClientConnection, told: str | bytes) -> None:
        """Count it, if it is one of the wall."""
        if isinstance(told, bytes):
            self.tiles += 1
            self.say(self.tiles)


async def main(room: str, key: str, secret: str) -> None:
    """All three, until whoever started this ends it."""
    member = Student("member", "/ws", {"type": "enter", "room": room, "secret": secret})
    member.query["room"] = room
    opens = {"type": "open", "key": key, "wall": {"resolution": 16}}
    teacher = Teacher("teacher", f"/rooms/{room}/stream", opens)
    await asyncio.gather(*(each.follow() for each in (Student("alone", "/ws"), member, teacher)))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
