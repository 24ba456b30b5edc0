"""Below requests and messages: raw sockets at a real server, which everyone else goes on using."""

import asyncio
import base64
import contextlib
import json
import os
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2 as httpx
import psutil
import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.server import ServerProtocol

from app.errors import BrokenOff
from app.web.connections import (
    CONTROLS_BURST,
    MOST_FRAGMENTS,
    MOST_UNFINISHED,
    Bounded,
    Config,
    RequestProtocol,
    StreamProtocol,
)
from app.web.limits import Refusals
from tests.app.conftest import settings_for
from tests.app.test_server import Server

CONT, TEXT, BINARY, RESERVED, CLOSE, PING, PONG = 0, 1, 2, 3, 8, 9, 10
PATIENCE = 2.0


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    server = Server(
        SHALLOWS_SLOW_REQUEST_SECONDS=str(PATIENCE), SHALLOWS_MAX_CONNECTIONS_PER_CLIENT="300"
    )
    server.wait_ready()
    yield server
    assert httpx.get(f"{server.url}/readyz", timeout=60).status_code == 200
    _, errors = server.end(signal.SIGTERM)
    assert errors == ""  # whatever strangers send, it is counted and not logged


def tcp(server: Server, address: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection(
        ("127.0.0.1", server.port), timeout=60, source_address=(address, 0)
    )


def stream(server: Server, address: str = "127.0.0.1", *headers: str) -> socket.socket:
    connection = tcp(server, address)
    lines = [
        "GET /ws HTTP/1.1",
        f"Host: 127.0.0.1:{server.port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
        *headers,
    ]
    connection.sendall("\r\n".join([*lines, "", ""]).encode())
    return connection


def opened(server: Server, address: str = "127.0.0.1") -> socket.socket:
    connection = stream(server, address)
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += connection.recv(1)
    assert answer.startswith(b"HTTP/1.1 101")
    return connection


def frame(kind: int, data: bytes = b"", *, last: bool = True) -> bytes:
    """As a browser would mask it, if it drew a mask of zeros."""
    size = len(data)
    long = struct.pack("!BQ", 0x80 | 127, size) if size > 65535 else struct.pack("!BH", 0xFE, size)
    head = bytes([0x80 | size]) if size < 126 else long
    return bytes([(0x80 if last else 0) | kind]) + head + bytes(4) + data


def rest(connection: socket.socket) -> bytes:
    """All that comes until the server closes."""
    received = b""
    with connection, contextlib.suppress(ConnectionResetError):
        while part := connection.recv(65536):
            received += part
    return received


def hear(connection: socket.socket, text: bytes) -> None:
    """Until that has come."""
    received = b""
    while text not in received:
        part = connection.recv(65536)
        assert part, received
        received += part


def close_code(connection: socket.socket) -> int | None:
    """With which the server closes; what comes before is passed over."""
    received, at, code = rest(connection), 0, None
    while at + 2 <= len(received):
        size, at = received[at + 1], at + 2
        if size >= 126:
            wide = 2 if size == 126 else 8
            size, at = int.from_bytes(received[at : at + wide]), at + wide
        if received[at - 2] & 15 == CLOSE:
            code = int.from_bytes(received[at : at + 2])
        at += size
    return code


def say_all(connection: socket.socket, data: bytes) -> None:
    """Send, though the server may have closed meanwhile."""
    with contextlib.suppress(ConnectionResetError, BrokenPipeError):
        connection.sendall(data)


class TestFrames:
    def test_a_text_that_is_none_closes_and_is_not_logged(self, server: Server) -> None:
        connection = opened(server)
        connection.sendall(frame(TEXT, b"\xff\xfe"))
        assert close_code(connection) == 1007

    @pytest.mark.parametrize("kind", [PING, PONG])
    @pytest.mark.parametrize("data", [b"", b"x" * 125])
    def test_a_flood_of_control_frames_is_closed(
        self, server: Server, kind: int, data: bytes
    ) -> None:
        connection = opened(server)
        say_all(connection, frame(kind, data) * 3 * int(CONTROLS_BURST))
        assert close_code(connection) == 1008

    def test_so_are_pings_whose_answers_are_never_read(self, server: Server) -> None:
        connection = opened(server)
        sent = 0
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            while sent < 50_000_000:
                sent += connection.send(frame(PING, b"x" * 125) * 1000)
        assert sent < 50_000_000
        connection.close()

    def test_as_many_as_a_client_has_reason_for_are_answered(self, server: Server) -> None:
        connection = opened(server)
        connection.sendall(frame(PING, b"here") * 20 + frame(CLOSE, struct.pack("!H", 1000)))
        assert rest(connection).count(b"\x8a\x04here") == 20

    @pytest.mark.parametrize("data", [b"", b" "])
    def test_a_message_in_too_many_pieces_is_closed(self, server: Server, data: bytes) -> None:
        connection = opened(server)
        pieces = frame(CONT, data, last=False) * 2 * MOST_FRAGMENTS
        say_all(connection, frame(TEXT, b" ", last=False) + pieces)
        assert close_code(connection) == 1008

    def test_one_in_some_pieces_a_byte_at_a_time_is_understood(self, server: Server) -> None:
        connection = opened(server)
        pieces = [b'{"ty', b'pe":"', b"nonsen", b'se"}']
        sent = frame(TEXT, pieces[0], last=False)
        sent += b"".join(frame(CONT, piece, last=False) for piece in pieces[1:])
        for byte in sent + frame(CONT):
            connection.sendall(bytes([byte]))
        hear(connection, b"unknown_type")
        connection.close()

    def test_messages_that_never_end_are_closed(self, server: Server) -> None:
        connections = []
        for begun in (
            frame(TEXT, b"x" * 100)[:50],
            frame(TEXT, b"x")[:1],
            frame(TEXT, b"x", last=False),
            frame(TEXT, b" " * 900_000)[:-1],
        ):
            connections.append(opened(server))
            connections[-1].sendall(begun)
        assert [close_code(connection) for connection in connections] == [1008] * 4

    def test_and_so_is_one_that_trickles(self, server: Server) -> None:
        with opened(server) as connection:
            connection.settimeout(0.1)
            ended = False
            try:
                for byte in frame(TEXT, b" " * 600):
                    connection.sendall(bytes([byte]))
                    with contextlib.suppress(TimeoutError):
                        ended = ended or not connection.recv(100)
            except (ConnectionResetError, BrokenPipeError):  # it did not even read the last byte
                ended = True
        assert ended

    @pytest.mark.parametrize(
        "data", [frame(RESERVED), b"\x81\x01x", b"\xf1\x80" + bytes(4), os.urandom(65536)]
    )
    def test_what_is_no_frame_is_closed(self, server: Server, data: bytes) -> None:
        connection = opened(server)
        say_all(connection, data)
        rest(connection)

    def test_closing_twice_is_closed_once(self, server: Server) -> None:
        connection = opened(server)
        say_all(connection, frame(CLOSE, struct.pack("!H", 1000)) * 1000)
        assert rest(connection).count(b"\x88\x02\x03\xe8") == 1

    def test_others_are_answered_while_one_floods(self, server: Server) -> None:
        with contextlib.ExitStack() as stack:
            for kind in (TEXT, BINARY):
                flood = stack.enter_context(opened(server))
                flood.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    while True:
                        flood.send(frame(kind) * 10_000)
            for _ in range(20):
                assert httpx.get(f"{server.url}/healthz", timeout=60).status_code == 200


class TestHandshakes:
    def test_a_refused_one_is_answered_and_not_logged(self, server: Server) -> None:
        answer = rest(stream(server, "127.0.0.1", "Origin: http://evil.example"))
        assert answer.startswith(b"HTTP/1.1 403")
        assert b"foreign_origin" in answer

    @pytest.mark.parametrize(
        ("headers", "status"),
        [
            ([f"X-{index}: 1" for index in range(200)], b"431"),
            (["X-Long: " + "x" * 10_000], b"431"),
            (["Sec-WebSocket-Key: twice"], b"400"),
        ],
    )
    def test_one_that_is_not_right_is_told_and_closed(
        self, server: Server, headers: list[str], status: bytes
    ) -> None:
        assert rest(stream(server, "127.0.0.1", *headers)).startswith(b"HTTP/1.1 " + status)


class TestRequests:
    def test_what_never_ends_is_answered_408_and_silence_is_not(self, server: Server) -> None:
        length = "POST /check HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n1"
        chunked = "POST /check HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1"
        upload = "POST /datasets/table HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n1"
        refused = "POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n1"
        begun = ["GET /datasets HTTP/1.1\r\nHost: x\r\n", length, chunked, upload, refused, ""]
        connections = [tcp(server) for _ in begun]
        for connection, said in zip(connections, begun, strict=True):
            connection.sendall(said.encode())
        *late, refusal, silent = [rest(connection) for connection in connections]
        for answer in late:
            assert answer.startswith(b"HTTP/1.1 408"), answer
            assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == "too_slow"
        assert refusal.startswith(b"HTTP/1.1 404")
        assert silent == b""

    def test_a_second_request_has_its_own_time(self, server: Server) -> None:
        connection = tcp(server)
        for _ in range(2):
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            hear(connection, b"alive")
        connection.sendall(b"GET /healthz HT")
        assert rest(connection).startswith(b"HTTP/1.1 408")

    @pytest.mark.parametrize("garbage", [b"\x16\x03\x01\x02", b"nonsense\r\n\r\n", b"\0" * 70_000])
    def test_what_is_no_http_is_told_so(self, server: Server, garbage: bytes) -> None:
        connection = tcp(server)
        say_all(connection, garbage + b"\r\n\r\n")
        assert rest(connection).startswith(b"HTTP/1.1 400")

    def test_requests_in_a_row_are_all_answered(self, server: Server) -> None:
        connection = tcp(server)
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 100)
        answer = b""
        while answer.count(b"alive") < 100:
            part = connection.recv(65536)
            assert part
            answer += part
        connection.close()

    def test_a_body_in_pieces_of_a_byte_is_understood(self, server: Server) -> None:
        connection = tcp(server)
        head = b"POST /train HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        body = b"".join(b"1\r\n%c\r\n" % byte for byte in b'{"nothing": 1}')
        connection.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n" + body + b"0\r\n\r\n")
        hear(connection, b"nothing is not a field here")
        connection.close()


class TestPlaces:
    def test_one_address_has_so_many_connections_and_leaves_others_theirs(
        self, server: Server
    ) -> None:
        with contextlib.ExitStack() as stack:
            silent = [stack.enter_context(tcp(server, "127.0.0.9")) for _ in range(300)]
            assert rest(tcp(server, "127.0.0.9")) == b""
            with tcp(server, "127.0.0.8") as other:
                other.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
                hear(other, b"alive")
            for connection in silent:  # each after its time
                assert rest(connection) == b""
        with tcp(server, "127.0.0.9") as again:
            again.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            hear(again, b"alive")

    def test_what_is_half_sent_is_bounded_for_one_address(self, server: Server) -> None:
        process = psutil.Process(server.process.pid)
        before = process.memory_info().rss
        with contextlib.ExitStack() as stack:
            half = frame(TEXT, b" " * 999_000)[:-1]
            for _ in range(3 * MOST_UNFINISHED // 1_000_000):
                say_all(stack.enter_context(opened(server, "127.0.0.7")), half)
            assert process.memory_info().rss - before < 3 * MOST_UNFINISHED


def test_what_was_half_sent_does_not_count_once_its_connection_is_lost() -> None:
    came, gone, over = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await receive()
        came.set()
        await gone.wait()
        with contextlib.suppress(OSError):  # that nobody takes it says that the connection is lost
            while True:
                await send({"type": "websocket.send", "text": "nobody takes this"})
                await asyncio.sleep(0)
        while (await receive())["type"] != "websocket.disconnect":
            pass
        over.set()

    async def run() -> None:
        config = Config(app, settings_for("inline"), Refusals(), lifespan="off", log_config=None)
        server = uvicorn.Server(config)
        with socket.create_server(("127.0.0.1", 0)) as listening:
            serving = asyncio.create_task(server.serve(sockets=[listening]))
            reader, writer = await asyncio.open_connection(*listening.getsockname())
            writer.write(
                b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
            )
            await reader.readuntil(b"\r\n\r\n")
            # Two messages, of which one waits, so that no more is read, and half of a third.
            half = frame(TEXT, b"x" * 900)[:-1]
            writer.write(frame(TEXT, b"one") + frame(TEXT, b"two") + half)
            await came.wait()
            peer = config.peer("127.0.0.1")
            assert peer.held > 800
            writer.transport.abort()
            gone.set()
            await over.wait()
            await asyncio.sleep(0.01)  # or it would count anew a moment later
            assert peer.held == 0
            server.should_exit = True
            await serving

    asyncio.run(run())


@pytest.mark.parametrize("says_its_length", [True, False])
def test_an_answer_that_breaks_off_ends_its_connection_without_its_end(
    says_its_length: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """So its reader knows, and the log has a line of it."""
    headers = [(b"content-length", b"100")] if says_its_length else []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"begun", "more_body": True})
        raise BrokenOff("its server has gone")

    async def run() -> bytes:
        options = {"lifespan": "off", "log_config": None, "access_log": False}
        server = uvicorn.Server(Config(app, settings_for("inline"), Refusals(), **options))
        with socket.create_server(("127.0.0.1", 0)) as listening:
            serving = asyncio.create_task(server.serve(sockets=[listening]))
            reader, writer = await asyncio.open_connection(*listening.getsockname())
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            async with asyncio.timeout(60):
                answer = await reader.read()
            writer.close()
            server.should_exit = True
            await serving
        return answer

    with caplog.at_level("WARNING"):
        answer = asyncio.run(run())
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert body == (b"begun" if says_its_length else b"5\r\nbegun\r\n")
    (record,) = caplog.records
    assert (record.levelname, record.getMessage()) == ("WARNING", "its server has gone")
    assert record.exc_info is None


def test_a_terminal_that_is_closed_ends_it_in_order(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # The tests may run under nohup.
    try:
        own = Server(SHALLOWS_DATA_FOLDER=str(tmp_path))
    finally:
        signal.signal(signal.SIGHUP, before)
    own.wait_ready()
    code, errors = own.end(signal.SIGHUP)
    assert (code, errors) == (0, "")


@pytest.mark.parametrize(
    ("name", "ignored"),
    [
        pytest.param("SIGHUP", True, id="with nohup it goes on"),
        pytest.param("SIGINT", False, id="what a script's & has started ends on Ctrl-C"),
    ],
)
def test_what_the_shell_lets_it_ignore(name: str, ignored: bool) -> None:
    program = (
        "import signal, app.__main__ as main\n"
        f"signal.signal(signal.{name}, signal.SIG_IGN)\n"
        f"main.serve = lambda *_: print(signal.getsignal(signal.{name}) is signal.SIG_IGN)\n"
        "main.main()"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ran.stdout == f"{ignored}\n"


def test_what_is_relied_on_of_uvicorn_and_websockets_is_there() -> None:
    for kind, names in {
        H11Protocol: ["data_received", "on_response_complete", "send_400_response"],
        WebSocketsSansIOProtocol: [
            "data_received",
            "handle_ping",
            "handle_parser_exception",
            "send_receive_event_to_app",
        ],
        ServerProtocol: ["recv_frame", "fail"],
    }.items():
        assert all(name in vars(kind) or hasattr(kind, name) for name in names)
    assert issubclass(RequestProtocol, Bounded)
    assert issubclass(StreamProtocol, Bounded)
