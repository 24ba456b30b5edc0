"""deploy/nginx-cluster.conf before two servers that say which one they are."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import httpx2 as httpx
import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from tests.app.nginx import running_cluster_nginx
from tests.app.test_server import ROOT
from tests.browser.harness import free_port

SILENT_SECONDS = 2.0
"""After which the proxy takes a server for one that hangs: `proxy_read_timeout`."""
ROOMS = [f"room-{number}" for number in range(6)]


@dataclass
class Behind:
    """A server that says its name, on a stream as well, unless it is told to be silent or away."""

    name: str
    port: int
    status: int = 200
    _server: Server | None = None

    async def begin(self) -> None:
        self.speaks = asyncio.Event()
        self.speaks.set()
        self._server = await serve(
            self._stream, "127.0.0.1", self.port, process_request=self._answer, close_timeout=0.1
        )

    async def end(self) -> None:
        """As a killed one: nothing listens any more, and streams are cut."""
        assert self._server is not None
        for connection in self._server.connections:
            connection.transport.abort()
        self._server.close()

    async def _answer(self, connection: ServerConnection, request: Request) -> Response | None:
        await self.speaks.wait()
        if self.status == 200 and request.headers.get("Upgrade") == "websocket":
            return None
        response = connection.respond(self.status, self.name)
        response.headers["X-Said-For"] = request.headers.get("X-Forwarded-For", "")
        response.headers["X-Relayed"] = request.headers.get("Shallows-Relay", "no")
        return response

    async def _stream(self, connection: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            await connection.send(self.name)
            while True:
                await asyncio.sleep(0.3)
                await self.speaks.wait()
                await connection.pong()


@pytest.fixture(scope="module")
def ports() -> tuple[int, int]:
    return free_port(), free_port()


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory, ports: tuple[int, int]) -> Iterator[str]:
    """nginx with the file as it stands, but for ports, names and its folder."""
    folder = tmp_path_factory.mktemp("nginx")
    with running_cluster_nginx(folder, *ports) as port:
        yield f"127.0.0.1:{port}"


@asynccontextmanager
async def both(ports: tuple[int, int]) -> AsyncIterator[tuple[Behind, Behind]]:
    first, second = Behind("1", ports[0]), Behind("2", ports[1])
    for one in (first, second):
        await one.begin()
    try:
        yield first, second
    finally:
        for one in (first, second):
            await one.end()


def stream_of(proxy: str, path: str) -> connect:
    return connect(f"ws://{proxy}{path}", proxy=None, close_timeout=0.1)


async def server_of(proxy: str, path: str) -> str:
    """Which server answers on a stream."""
    async with stream_of(proxy, path) as stream:
        return str(await stream.recv())


async def get(proxy: str, path: str, **options: Any) -> httpx.Response:
    async with httpx.AsyncClient(timeout=60) as client:
        return await client.get(f"http://{proxy}{path}", **options)


def test_a_class_is_together_and_a_session_stays(proxy: str, ports: tuple[int, int]) -> None:
    async def main() -> None:
        async with both(ports):
            for room in ROOMS:
                ways = [
                    await server_of(proxy, f"/ws?room={room}"),
                    await server_of(proxy, f"/ws?session=other&room={room}"),
                    await server_of(proxy, f"/rooms/{room}/stream"),
                    (await get(proxy, f"/rooms/{room}/results.csv")).text,
                    await server_of(proxy, f"/ws?session={room}&iteration=7"),
                    (await get(proxy, f"/sessions/{room}/costs.csv")).text,
                    await server_of(proxy, f"/train/{room}/stream"),
                    (await get(proxy, f"/train/{room}")).text,
                ]
                assert len(set(ways)) == 1, (room, ways)
            # Where each goes hangs on the ports, which are others each time: six may go one way.
            found = {await server_of(proxy, f"/ws?room={number}") for number in range(24)}
            assert found == {"1", "2"}
            # Who has no name yet goes anywhere; what names nobody goes by address.
            assert {await server_of(proxy, "/ws") for _ in range(24)} == {"1", "2"}
            pages = [(await get(proxy, path)).text for path in ("/", "/rooms/join", "/share")]
            assert len(set(pages)) == 1
            forged = {"X-Forwarded-For": "10.9.9.9", "Shallows-Relay": "a ticket"}
            said = await get(proxy, "/", headers=forged)
            assert (said.headers["X-Said-For"], said.headers["X-Relayed"]) == ("127.0.0.1", "no")

    asyncio.run(main())


def test_a_server_that_is_away_silent_or_unsure_is_passed_by(
    proxy: str, ports: tuple[int, int]
) -> None:
    async def main() -> None:
        async with both(ports) as (first, second):
            by_name = {"1": first, "2": second}
            room = ROOMS[0]
            path = f"/ws?room={room}"
            there = by_name[await server_of(proxy, path)]
            other = second if there is first else first

            # It is busy for one who asked for too much: nobody else loses it for that.
            there.status = 503
            asks = f"/sessions/{room}/costs.csv"
            assert (await get(proxy, asks)).status_code == 503
            there.status = 200
            assert (await get(proxy, asks)).text == there.name

            # It freezes under a stream: that is cut, and the next one is at the other.
            async with stream_of(proxy, path) as stream:
                await stream.recv()
                began = time.monotonic()
                there.speaks.clear()
                with pytest.raises(ConnectionClosed):
                    await stream.recv()
                assert time.monotonic() - began > SILENT_SECONDS / 2
            assert await server_of(proxy, path) == other.name
            there.speaks.set()
            assert await server_of(proxy, path) == there.name

            # It says that it does not know what it has: the other is asked.
            there.status = 502
            assert await server_of(proxy, path) == other.name
            assert (await get(proxy, asks)).text == other.name
            there.status = 200

            # It is killed: at once, and until it is there again. Streams that stay do not count as
            # failures, nor does one that failed keep the others away.
            await there.end()
            assert (await get(proxy, asks)).text == other.name
            for _ in range(3):
                assert await server_of(proxy, path) == other.name
            await there.begin()
            async with AsyncExitStack() as streams:
                for _ in range(3):
                    stream = await streams.enter_async_context(stream_of(proxy, path))
                    assert await stream.recv() == there.name

    asyncio.run(main())


def test_it_takes_what_the_server_takes() -> None:
    text = (ROOT / "deploy" / "nginx-cluster.conf").read_text()
    documented = (ROOT / "docs" / "operating.md").read_text()
    pattern = r"client_max_body_size (\w+);"
    assert re.findall(pattern, text) == re.findall(pattern, documented)[:1]
