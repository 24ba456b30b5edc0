"""The actor that is a processor of a node, for all web servers that use it.

It trains nothing itself. For each server it has a worker process (`WorkerLine`), as a pool has; so
a session that takes long, or takes its process down, holds up neither the actor nor another
server, and the actor says at once which session it was.

A server raises its incarnation with every connection. What is asked by an older one gets nothing:
its sessions have been taken up elsewhere.

Rounds have numbers, and who asks for the last one again gets the same answer: nothing is lost with
the bridge that it was to come over.

What if it is full: `MOST_SERVERS` at most; those that were silent for `FORGET_SECONDS` (a server
that is alive asks twice a second) are forgotten, and if none is one more is refused, which trains
at other hosts or by itself. Of a server there is one round at a time, and its answer in parts until
the next.
"""

import asyncio
import sys
import time
from dataclasses import dataclass, field
from typing import Any

from app import __version__
from app.settings import Settings
from app.training.workers.driver import LineBroken
from app.training.workers.processes import WorkerLine

MOST_SERVERS = 32
FORGET_SECONDS = 15.0
PART_BYTES = 90_000
"""Of what is sent in one message: Ray takes more than 100 kB through its object store."""
SETTINGS = {"checkpoint_seconds", "round_timeout_seconds", "log_level", "log_format"}
"""What a worker needs to know; a server has secrets that no node needs."""
OLDER = "another connection has taken its place"


@dataclass
class Served:
    """What a server has here."""

    incarnation: int
    heard_at: float
    line: WorkerLine | None = None
    sessions: int = 0
    number: int = 0
    """Of the last round."""
    round: asyncio.Future[bytes] | None = None
    """What came of it, or will come."""
    coming: dict[tuple[int, int], bytes] = field(default_factory=dict)
    """Parts of what it is about to command, by round and place."""
    going: dict[int, bytes] = field(default_factory=dict)
    """Parts of the last answer that it has not fetched yet."""


def parts_of(data: bytes) -> list[bytes]:
    """What is sent, in parts that are small enough; one at least."""
    return [data[at : at + PART_BYTES] for at in range(0, max(1, len(data)), PART_BYTES)]


class Hosting:
    """A processor of a node."""

    def __init__(self) -> None:
        self._served: dict[str, Served] = {}
        # A worker would run this process's main file, as multiprocessing has it: that is Ray's.
        vars(sys.modules["__main__"]).pop("__file__", None)

    async def ping(self, server: str) -> int:
        """Hear that a server is alive; how many sessions the others have."""
        now = time.monotonic()
        if server in self._served:
            self._served[server].heard_at = now
        for name, served in list(self._served.items()):
            if now - served.heard_at > FORGET_SECONDS:
                await self._forget(name)
        return sum(served.sessions for name, served in self._served.items() if name != server)

    async def begin(
        self, server: str, incarnation: int, version: str, settings: dict[str, Any]
    ) -> str:
        """Start a worker for a server; why that could not be, or nothing."""
        if version != __version__:
            return f"this node has Shallows {__version__}, the server {version}"
        there = self._served.get(server)
        if there is not None and there.incarnation >= incarnation:
            return OLDER
        await self._forget(server)
        if len(self._served) >= MOST_SERVERS:
            return f"{MOST_SERVERS} servers use this processor already"
        served = self._served[server] = Served(incarnation, time.monotonic())
        try:
            line = await WorkerLine.connect(Settings.model_validate(settings), shared=True)
        except LineBroken as broken:
            if self._served.get(server) is served:
                del self._served[server]
            return str(broken)
        if self._served.get(server) is not served:
            await line.close()
            return OLDER
        served.line = line
        return ""

    async def end(self, server: str, incarnation: int) -> None:
        """A server needs this host no longer."""
        if (served := self._served.get(server)) and served.incarnation == incarnation:
            await self._forget(server)

    async def _forget(self, server: str) -> None:
        served = self._served.pop(server, None)
        if served is not None and served.line is not None:
            await served.line.close()

    async def bring(
        self, server: str, incarnation: int, number: int, place: int, part: bytes
    ) -> None:
        """A part of what the server is about to command in a round."""
        if (served := self._served.get(server)) and served.incarnation == incarnation:
            served.coming[number, place] = part

    async def serve(
        self, server: str, incarnation: int, number: int, sessions: int, last: bytes
    ) -> tuple[str, str, int, bytes]:
        """One round.

        Args:
            number: Of the round; for that of the last one there is the last answer once more.
            sessions: How many the server has here.
            last: The last part of its commands.

        Returns:
            Why nothing came of it, or nothing; the session that it may be due to; how many parts
            there are to fetch; the first one.
        """
        served = self._served.get(server)
        if served is None or served.incarnation != incarnation or served.line is None:
            return OLDER if served else "the host has begun anew", "", 0, b""
        served.sessions, served.heard_at = sessions, time.monotonic()
        if number < served.number:  # it was held up on a bridge that is no more
            return OLDER, "", 0, b""
        parts = [part for (of, _), part in sorted(served.coming.items()) if of == number]
        served.coming = {key: part for key, part in served.coming.items() if key[0] > number}
        if number != served.number or served.round is None:
            commands = b"".join([*parts, last])
            served.number = number
            served.round = asyncio.ensure_future(served.line.pass_on(commands))
        try:
            answer = await asyncio.shield(served.round)
        except LineBroken as broken:
            return str(broken), broken.serving, 0, b""
        if self._served.get(server) is not served:
            return OLDER, "", 0, b""
        first, *rest = parts_of(answer)
        served.going = dict(enumerate(rest))
        return "", "", len(rest), first

    async def fetch(self, server: str, incarnation: int, number: int, place: int) -> bytes | None:
        """A part of the last answer, that of a round; None if there is none any more."""
        served = self._served.get(server)
        if served is None or (served.incarnation, served.number) != (incarnation, number):
            return None
        return served.going.pop(place, None)

    async def load(self) -> int:
        """How many sessions of all servers are here."""
        now = time.monotonic()
        alive = (s for s in self._served.values() if now - s.heard_at <= FORGET_SECONDS)
        return sum(served.sessions for served in alive)
