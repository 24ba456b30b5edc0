"""Several servers on one PostgreSQL, what may happen to them, and pages that come back at any."""

import asyncio
import contextlib
import json
import os
import signal
import threading
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2 as httpx
import numpy as np
import psycopg
import websockets
from websockets.asyncio.client import ClientConnection, connect

from app import wire
from tests.app.conftest import a_moment
from tests.app.postgresql import PostgreSQL
from tests.app.storing import session_of
from tests.app.test_server import Server
from tests.browser.harness import free_port

Json = dict[str, Any]
SILENT_SECONDS = 2.0
"""After which a proxy takes a server for gone whose stream says nothing."""
PAGES_PATIENCE = 5.0
"""Seconds without a word after which a page comes again (`static/js/stream/connection.js`)."""


class Gate:
    """A way to something that can be shut: what is open is cut, and nothing gets through."""

    def __init__(self, to: Callable[[], Any]) -> None:
        self._to, self.port = to, free_port()
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self.open()

    def _do(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    def open(self) -> None:
        async def listen() -> None:
            self._server = await asyncio.start_server(self._pass, "127.0.0.1", self.port)

        self._do(listen())

    def shut(self) -> None:
        async def cut() -> None:
            assert self._server is not None
            self._server.close()
            for writer in self._writers:
                writer.transport.abort()

        self._do(cut())

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await self._to()
        except OSError:
            writer.close()
            return
        self._writers |= {writer, back}

        async def carry(one: asyncio.StreamReader, other: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError):
                while data := await one.read(65_536):
                    other.write(data)
                    await other.drain()
            other.close()

        await asyncio.gather(carry(reader, back), carry(there, writer))
        self._writers -= {writer, back}


@dataclass
class Several:
    """Servers, each behind a gate to its database and one to itself for the others."""

    postgresql: PostgreSQL
    url: str
    environment: dict[str, str]
    servers: list[Server] = field(default_factory=list)
    databases: list[Gate] = field(default_factory=list)
    doors: list[Gate] = field(default_factory=list)

    def begin(self, number: int = 1) -> None:
        """So many more, all at once, also on a database that has no tables yet."""
        with ThreadPoolExecutor() as pool:
            for server, database, door in pool.map(lambda _: self._begun(), range(number)):
                self.servers.append(server)
                self.databases.append(database)
                self.doors.append(door)

    def _begun(self) -> tuple[Server, Gate, Gate]:
        """One that is not ready yet."""
        name, _, folder = self.url.partition("@/")[2].partition("?host=")
        port = free_port()

        async def to_database() -> Any:
            return await asyncio.open_unix_connection(f"{folder}/.s.PGSQL.5432")

        async def to_server() -> Any:
            return await asyncio.open_connection("127.0.0.1", port)

        database, door = Gate(to_database), Gate(to_server)
        server = Server(
            HOST="localhost",
            PORT=str(port),
            SHALLOWS_DATABASE_URL=f"postgresql://shallows@127.0.0.1:{database.port}/{name}",
            SHALLOWS_SERVER_ADDRESS=f"http://127.0.0.1:{door.port}",
            SHALLOWS_TRUSTED_PROXIES="127.0.0.1",
            **{"SHALLOWS_WORKERS": "1", **self.environment},
        )
        return server, database, door

    def mend(self) -> None:
        """If some were killed, others take their places."""
        gone = [n for n, server in enumerate(self.servers) if server.process.poll() is not None]
        for number in gone:
            self.servers[number].process.communicate()
        self.begin(len(gone))
        for number in reversed(gone):
            self.servers[number] = self.servers.pop()
            self.databases[number] = self.databases.pop()
            self.doors[number] = self.doors.pop()
        for server in self.servers:
            server.wait_ready()
        self.wait_for_each_other()

    def kept(self, names: Collection[str]) -> None:
        """Until the store has all these sessions: then whoever has them may be lost."""
        query = "SELECT count(*) FROM sessions WHERE id = ANY(%s)"
        with psycopg.connect(self.url, autocommit=True) as connection:
            while connection.execute(query, [list(names)]).fetchone() != (len(names),):
                a_moment()

    def signal(self, number: int, which: signal.Signals) -> None:
        os.killpg(self.servers[number].process.pid, which)

    def metric(self, number: int, name: str) -> float:
        text = httpx.get(f"{self.servers[number].url}/metrics", timeout=60).text
        return float(next(x.split()[1] for x in text.splitlines() if x.startswith(f"{name} ")))

    def wait_until_fenced(self, number: int) -> None:
        while not self.metric(number, "shallows_fenced"):
            a_moment()

    def urls(self, path: str = "") -> list[str]:
        return [f"ws://127.0.0.1:{server.port}{path}" for server in self.servers]

    def wait_for_each_other(self) -> None:
        """Until each knows of all."""
        for number in range(len(self.servers)):
            while self.metric(number, "shallows_servers") != len(self.servers):
                a_moment()


@contextmanager
def several(postgresql: PostgreSQL, number: int = 2, **environment: str) -> Iterator[Several]:
    """Servers that know of each other."""
    all_of_them = Several(postgresql, postgresql.database(), environment)
    try:
        all_of_them.begin(number)
        all_of_them.mend()
        yield all_of_them
    finally:
        for server in all_of_them.servers:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(server.process.pid, signal.SIGKILL)
            server.process.communicate()


class Student:
    """A page that plays, and comes back at another server when the one it has is silent.

    Attributes:
        costs: All since iteration 0, as float32.
        whole: Whether none was missing, and none came twice with another value.
        heard_at: When it heard something the last time.
        longest: The longest time between two frames, and when it ended, for `benchmarks/`.
    """

    def __init__(
        self,
        seed: int,
        urls: Sequence[str],
        first: Json | None = None,
        patience: float = SILENT_SECONDS,
    ) -> None:
        self.seed, self.urls, self._first, self._patience = seed, urls, first, patience
        self.session, self.costs, self.whole = "", b"", True
        self.heard_at, self.longest = 0.0, (0.0, 0.0)
        self.frames = 0
        self.began, self._heard = asyncio.Event(), asyncio.Event()
        self.at = seed % len(urls)
        self.told: list[Json] = []

    @property
    def plan(self) -> Json:
        return {"data": {"seed": self.seed}, "runs": [{"training": {"iterations": 1_000_000}}]}

    @property
    def iterations(self) -> int:
        return len(self.costs) // 4

    def as_its_twin(self) -> bool:
        """Whether its costs are those of a run that nobody disturbed, to the bit."""
        twin = session_of(self.plan, self.iterations).checkpoint().costs[0]
        return self.whole and self.costs == twin.astype(np.float32).tobytes()

    async def heard_after(self, moment: float) -> None:
        """Until something was heard after that."""
        while self.heard_at <= moment:
            self._heard.clear()
            await self._heard.wait()

    async def play(self) -> None:
        """On and on, wherever somebody answers."""
        while True:
            with contextlib.suppress(OSError, TimeoutError, websockets.WebSocketException):
                query = f"session={self.session}&iteration={self.iterations}"
                mark = "&" if "?" in self.urls[self.at] else "?"
                url = self.urls[self.at] + (mark + query if self.session else "")
                async with (
                    asyncio.timeout(PAGES_PATIENCE) as patience,
                    connect(url, proxy=None, close_timeout=0.1) as socket,
                ):
                    await self._talk(socket, patience)
            self.at = (self.at + 1) % len(self.urls)
            await asyncio.sleep(0.2)

    async def _talk(self, socket: ClientConnection, patience: asyncio.Timeout) -> None:
        if self._first is not None:
            await socket.send(json.dumps(self._first))
        await socket.send(json.dumps({"type": "view", "resolution": 8}))
        if not self.session:
            plan = {"type": "configure", "playing": True, **self.plan}
            await socket.send(json.dumps(plan))
        async for message in socket:
            patience.reschedule(asyncio.get_running_loop().time() + self._patience)
            if isinstance(message, str):
                said = json.loads(message)
                self.told.append(said)
                if said["type"] == "configured":
                    self.session = said["session"]
                if said["type"] == "error":
                    self.whole = False
                continue
            frame = wire.unpack(message)
            self.frames += 1
            await socket.send(json.dumps({"type": "ack", "frame": frame["frame"]}))
            run = frame["runs"][0]
            first, costs = 4 * run["first_iteration"], run["costs"]
            known = self.costs[first : first + len(costs)]
            self.whole &= first <= len(self.costs) and costs.startswith(known[: len(costs)])
            self.costs = self.costs[:first] + costs
            if costs:
                now = time.monotonic()
                self.longest = max(self.longest, (now - (self.heard_at or now), now))
                self.heard_at = now
                self._heard.set()
                if self.iterations > 50:
                    self.began.set()


@asynccontextmanager
async def playing(students: Sequence[Student]) -> AsyncIterator[None]:
    """They all play, have begun, and play again for a moment at the end."""
    for student in students:
        student.began.clear()
        student.heard_at = 0.0
    tasks = [asyncio.create_task(student.play()) for student in students]
    try:
        await asyncio.gather(*(student.began.wait() for student in students))
        yield
        for student in students:
            await student.heard_after(student.heard_at)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
