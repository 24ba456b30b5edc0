"""What one of several servers passes on to another, which is played here."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
from starlette.types import Message, Scope
from uvicorn.protocols.utils import ClientDisconnected
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from app.sessions.owning import MOVED
from app.sessions.servers import Servers
from app.store.owned import Owner
from app.web import carrying
from app.web.tickets import Tickets
from app.web.upstream import Ahead, Upstream
from tests.browser.harness import free_port

Talk = Callable[[ServerConnection], Awaitable[None]]


def way_to_others() -> Upstream:
    servers = SimpleNamespace(id="here", database_now=0.0)
    return Upstream(Tickets(b"key", cast(Servers, servers)))


class Reader:
    """Somebody at the server that passes on."""

    def __init__(self) -> None:
        self.heard: list[Message] = []
        self.takes = asyncio.Event()
        self.takes.set()
        self.says: asyncio.Queue[Message] = asyncio.Queue()

    async def send(self, message: Message) -> None:
        await self.takes.wait()
        self.heard.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            self.says.put_nowait({"type": "http.disconnect"})  # as uvicorn has it

    def said(self, kind: str) -> list[Any]:
        return [each.get("text") for each in self.heard if each["type"] == f"websocket.{kind}"]


@asynccontextmanager
async def an_owner(talk: Talk) -> AsyncIterator[Owner]:
    """A server that talks so on a stream, and says of a request what was asked."""

    def answer(connection: ServerConnection, request: Request) -> Response | None:
        if request.headers.get("Upgrade"):
            return None
        return connection.respond(200, request.path)

    port = free_port()
    async with serve(talk, "127.0.0.1", port, process_request=answer, close_timeout=0.1):
        yield Owner("owner", f"http://127.0.0.1:{port}", 1, True)


def scope_of(kind: str) -> Scope:
    return {
        "type": kind,
        "method": "GET",
        "scheme": "http",
        "path": "/ws",
        "query_string": b"session=s",
        "headers": [(b"host", b"shallows")],
        "client": ("10.0.0.1", 1),
    }


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carrying, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(carrying, "SILENT_SECONDS", 0.1)


async def until(what: Callable[[], object]) -> None:
    while not what():  # noqa: ASYNC110
        await asyncio.sleep(0.01)


def streaming(talk: Talk, test: Callable[[Upstream, Reader, "asyncio.Task[None]"], Any]) -> None:
    """A stream that is passed on to an owner who talks so."""

    async def run() -> None:
        way, reader = way_to_others(), Reader()
        reader.says.put_nowait({"type": "websocket.connect"})
        async with an_owner(talk) as owner, asyncio.timeout(10):
            stream = asyncio.create_task(
                way.send_on(owner, scope_of("websocket"), reader.says.get, reader.send)
            )
            await test(way, reader, stream)
            await stream
        assert way.now == 0

    asyncio.run(run())


def test_a_reader_who_takes_nothing_for_a_while_keeps_the_stream() -> None:
    """That the owner lives is behind all that it has said, and is not missed."""
    texts = [f"{number}" + "x" * 100_000 for number in range(60)]
    heard = asyncio.Event()

    async def talk(socket: ServerConnection) -> None:
        for text in texts:
            await socket.send(text)
        while not heard.is_set():  # it lives, however long the test takes to see all of that
            await socket.ping()
            await asyncio.sleep(0.02)
        await socket.close(4001)

    async def test(way: Upstream, reader: Reader, stream: "asyncio.Task[None]") -> None:
        await until(lambda: reader.said("send"))
        reader.takes.clear()
        await asyncio.sleep(0.4)
        reader.takes.set()
        await until(lambda: stream.done() or len(reader.said("send")) == len(texts))
        heard.set()
        await stream
        assert reader.said("send") == texts
        assert reader.heard[-1] == {"type": "websocket.close", "code": 4001}

    streaming(talk, test)


def test_an_owner_that_hears_nothing_for_a_while_and_lives_keeps_the_stream() -> None:
    """Who says more than it may has to wait, as at the owner itself."""

    async def talk(socket: ServerConnection) -> None:
        socket.transport.pause_reading()
        for _ in range(15):
            await socket.pong()
            await asyncio.sleep(0.02)
        socket.transport.resume_reading()
        await socket.send("still")
        await socket.close(4001)

    async def test(way: Upstream, reader: Reader, stream: "asyncio.Task[None]") -> None:
        await stream
        assert reader.said("send") == ["still"]
        assert reader.heard[-1] == {"type": "websocket.close", "code": 4001}

    streaming(talk, test)


def test_an_owner_that_is_silent_is_left() -> None:
    over = asyncio.Event()

    async def talk(socket: ServerConnection) -> None:
        await socket.send("once")
        await over.wait()

    async def test(way: Upstream, reader: Reader, stream: "asyncio.Task[None]") -> None:
        await stream
        over.set()
        assert reader.heard[-1] == {"type": "websocket.close", "code": MOVED}

    streaming(talk, test)


def test_all_that_the_owner_said_before_it_closed_is_passed_on_and_its_code() -> None:
    """Also to somebody who is slow to hear it, and goes on talking."""
    closed = asyncio.Event()

    async def talk(socket: ServerConnection) -> None:
        await socket.recv()
        for text in ("1", "2", "3"):
            await socket.send(text)
        await socket.close(4001)
        closed.set()

    async def test(way: Upstream, reader: Reader, stream: "asyncio.Task[None]") -> None:
        async def chatter() -> None:
            while True:
                reader.says.put_nowait({"type": "websocket.receive", "text": "more"})
                await asyncio.sleep(0.001)

        await until(lambda: reader.heard)
        reader.takes.clear()
        talking = asyncio.create_task(chatter())
        await closed.wait()
        await asyncio.sleep(0.05)
        reader.takes.set()
        await stream
        talking.cancel()
        with suppress(asyncio.CancelledError):
            await talking
        assert reader.said("send") == ["1", "2", "3"]
        assert reader.heard[-1] == {"type": "websocket.close", "code": 4001}

    streaming(talk, test)


def test_a_stream_to_a_server_that_has_died_ends_once() -> None:
    """However often it is found dead until its reader has heard of it."""

    async def talk(socket: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            while True:
                await socket.send("x" * 100_000)

    async def test(way: Upstream, reader: Reader, stream: "asyncio.Task[None]") -> None:
        await until(lambda: reader.said("send"))
        reader.takes.clear()
        for _ in range(3):
            way.end_links(())
            await asyncio.sleep(0.01)
        reader.takes.set()
        await stream
        assert reader.heard[-1] == {"type": "websocket.close", "code": MOVED}

    streaming(talk, test)


def test_what_fails_as_a_stream_is_passed_on_is_logged_unless_its_reader_has_gone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The page comes again, whoever is to blame."""

    async def talk(socket: ServerConnection) -> None:
        await socket.wait_closed()

    async def test(way: Upstream, reader: Reader, stream: "asyncio.Task[None]") -> None:
        reader.says.put_nowait({"type": "websocket.receive"})  # of which there is none
        await stream
        assert reader.heard[-1] == {"type": "websocket.close", "code": MOVED}

    streaming(talk, test)
    (record,) = caplog.records
    assert record.exc_info
    assert record.exc_info[0] is KeyError


def test_the_owner_hears_that_whoever_a_stream_was_for_had_gone_before_it_was_accepted() -> None:
    left = asyncio.Event()

    async def talk(socket: ServerConnection) -> None:
        await socket.wait_closed()
        left.set()

    async def gone(message: Message) -> None:
        raise ClientDisconnected

    async def run() -> None:
        way, reader = way_to_others(), Reader()
        reader.says.put_nowait({"type": "websocket.connect"})
        async with an_owner(talk) as owner, asyncio.timeout(10):
            with pytest.raises(ClientDisconnected):
                await way.send_on(owner, scope_of("websocket"), reader.says.get, gone)
            await left.wait()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("kind", "begins"), [("websocket", "websocket.connect"), ("http", "http.request")]
)
@pytest.mark.parametrize("silent", [False, True])
def test_a_server_is_called_at_each_address_of_its_name(
    monkeypatch: pytest.MonkeyPatch, kind: str, begins: str, silent: bool
) -> None:
    """The first one refuses calls, or does not even answer them: as many wait there as may."""

    async def talk(stream: ServerConnection) -> None:
        await stream.close(4000)

    async def run() -> None:
        way, reader = way_to_others(), Reader()
        reader.says.put_nowait({"type": begins})
        loop = asyncio.get_running_loop()
        with socket.socket() as first, ExitStack() as waiting:
            async with an_owner(talk) as owner, asyncio.timeout(10):
                port = int(owner.address.rpartition(":")[2])
                first.bind(("127.0.0.2", port))
                if silent:
                    first.listen(0)
                    for _ in range(4):
                        one = waiting.enter_context(socket.socket())
                        one.setblocking(False)
                        one.connect_ex(("127.0.0.2", port))
                found = [
                    (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
                    for address in ("127.0.0.2", "127.0.0.1")
                ]

                async def addresses(*_: Any, **__: Any) -> list[Any]:
                    return found

                monkeypatch.setattr(loop, "getaddrinfo", addresses)
                named = replace(owner, address=f"http://a-name:{port}")
                receive = reader.says.get if kind == "websocket" else Ahead(reader.says.get)
                await way.send_on(named, scope_of(kind), receive, reader.send)
        last = reader.heard[-1]
        assert last.get("code", 4000) == 4000
        assert last["type"] in ("websocket.close", "http.response.body")

    asyncio.run(run())


def test_a_request_that_was_answered_leaves_no_connection() -> None:
    async def nothing(socket: ServerConnection) -> None:
        raise AssertionError("a request is no stream")

    async def run() -> None:
        way = way_to_others()
        async with an_owner(nothing) as owner, asyncio.timeout(10):
            for _ in range(5):
                reader = Reader()
                reader.says.put_nowait({"type": "http.request", "body": b""})
                await way.send_on(owner, scope_of("http"), Ahead(reader.says.get), reader.send)
                assert reader.heard[0]["status"] == 200
                assert b"".join(m.get("body", b"") for m in reader.heard) == b"/ws?session=s"
                task = asyncio.current_task()
                assert task is not None
                assert not task.cancelling()
        assert way._pool._requests == []
        assert way._pool.connections == []

    asyncio.run(run())
