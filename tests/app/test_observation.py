"""What an operator sees: logs without secrets, metrics, readiness; and peers that are gone."""

import asyncio
import base64
import contextlib
import json
import logging
import os
import signal
import socket
import sys

import httpx2 as httpx
import pytest
from starlette.testclient import TestClient

from app.logs import Lines, secrets_of
from app.main import create_app
from app.settings import Settings
from app.training.host.host import Host
from app.training.workers.backend import Backend
from app.training.workers.inline import InlineLine
from tests.app.conftest import a_moment, metric, settings_for
from tests.app.stream import Stream
from tests.app.test_server import Server

SECRETS = {
    "access_code": "open-sesame",
    "teacher_code": "chalk-and-talk",
    "database_url": "postgresql://user:pa55@nowhere.example/x",
}


def line(form: str, text: str, *, error: bool = False) -> str:
    record = logging.LogRecord("app.x", logging.ERROR, "", 1, text, (), None)
    if error:
        try:
            raise RuntimeError(text)
        except RuntimeError:
            record.exc_info = sys.exc_info()
    return Lines(form, secrets_of(settings_for("inline", **SECRETS))).format(record)


class TestLogs:
    @pytest.mark.parametrize("form", ["plain", "json"])
    def test_no_line_has_a_secret_in_it_not_even_in_a_traceback(self, form: str) -> None:
        fields = Settings.model_fields.items()
        assert {name for name, field in fields if "Secret" in str(field.annotation)} == {*SECRETS}
        text = f"could not reach {SECRETS['database_url']} with pa55, open-sesame, chalk-and-talk"
        for error in (False, True):
            written = line(form, text, error=error)
            assert "pa55" not in written
            assert "open-sesame" not in written
            assert "chalk-and-talk" not in written
            assert "could not reach ***" in written

    def test_a_secret_that_another_one_begins_with_leaves_nothing_of_that(self) -> None:
        there = settings_for("inline", access_code="sesame", teacher_code="sesame-and-chalk")
        record = logging.LogRecord("app.x", logging.ERROR, "", 1, "sesame-and-chalk", (), None)
        assert Lines("plain", secrets_of(there)).format(record) == "ERROR app.x: ***"

    def test_json_is_an_object_a_line(self) -> None:
        written = line("json", "two\nlines", error=True)
        assert "\n" not in written
        read = json.loads(written)
        assert read["level"] == "error"
        assert read["logger"] == "app.x"
        assert read["message"] == "two\nlines"
        assert "RuntimeError" in read["traceback"]
        assert read["time"].endswith("+00:00")

    def test_the_server_logs_as_set_and_says_nothing_of_sessions(self) -> None:
        server = Server(
            SHALLOWS_LOG_FORMAT="json", SHALLOWS_LOG_LEVEL="info", SHALLOWS_ACCESS_CODE="sesame"
        )
        server.wait_ready()
        httpx.get(
            f"{server.url}/datasets?session=hidden",
            headers={"authorization": "Bearer no"},
            timeout=60,
        )
        _, errors = server.end(signal.SIGTERM)
        lines = [json.loads(line) for line in errors.splitlines()]
        assert "a training host is up" in {line["message"] for line in lines}
        assert "refused: unauthorized" in {line["message"] for line in lines}
        for secret in ("sesame", "hidden"):
            assert secret not in errors


def test_metrics_tell_what_was_done(client: TestClient) -> None:
    before = {name: metric(client, f"shallows_{name}_total") for name in ("frames", "iterations")}
    rounds = metric(client, "shallows_round_seconds_count")
    with Stream.connect(client) as stream:
        stream.configure()
        stream.say("step", iterations=40)
        stream.until_iteration(40)
        assert metric(client, "shallows_sessions") >= 1
    assert metric(client, "shallows_iterations_total") >= before["iterations"] + 40
    assert metric(client, "shallows_frames_total") >= before["frames"] + 2
    assert metric(client, "shallows_round_seconds_count") > rounds
    assert metric(client, "shallows_round_seconds_bucket", le="+Inf") > rounds
    assert metric(client, "shallows_round_seconds_sum") > 0
    assert "shallows_commands_pending" in client.get("/metrics").text


def test_ready_is_said_when_every_worker_has_come_up() -> None:
    async def watch() -> list[bool]:
        doors = [asyncio.Event(), asyncio.Event()]

        async def connect(door: asyncio.Event) -> InlineLine:
            await door.wait()
            return InlineLine(Host(lambda: 0.0, lambda: 0.0, checkpoint_seconds=1.0))

        drivers = Backend([lambda: connect(doors[0]), lambda: connect(doors[1])])
        await drivers.start()
        seen = []
        for door in doors:
            seen.append(drivers.ready)
            door.set()
            for _ in range(5):
                await asyncio.sleep(0)
        seen.append(drivers.ready)
        await drivers.stop()
        return [*seen, drivers.ready]

    assert asyncio.run(watch()) == [False, False, True, False]


def test_readyz_is_503_before() -> None:
    app = create_app(settings_for("pool"))
    # Without its lifespan nothing was started.
    answer = TestClient(app).get("/readyz")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"


class Peer:
    """A WebSocket client by hand, which answers no ping, and reads only when told."""

    def __init__(self, port: int) -> None:
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.connect(("localhost", port))
        key = base64.b64encode(os.urandom(16)).decode()
        asked = (
            f"GET /ws HTTP/1.1\r\nHost: localhost:{port}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        self.socket.sendall(asked.encode())
        assert b" 101 " in self.socket.recv(200)

    def say(self, message: dict[str, object]) -> None:
        data = json.dumps(message).encode()
        assert len(data) < 126
        self.socket.sendall(bytes([0x81, 0x80 | len(data), 0, 0, 0, 0]) + data)


def connections(server: Server) -> int:
    for line in httpx.get(f"{server.url}/metrics", timeout=60).text.splitlines():
        if line.startswith("shallows_connections "):
            return int(float(line.split()[1]))
    raise AssertionError


class TestPeers:
    def test_one_that_answers_no_ping_is_taken_for_dead(self) -> None:
        server = Server(SHALLOWS_HEARTBEAT_SECONDS="0.3")
        try:
            server.wait_ready()
            peer = Peer(server.port)
            assert connections(server) == 1
            while peer.socket.recv(4096):
                pass
            while connections(server):
                a_moment()
            peer.socket.close()
        finally:
            _, errors = server.end(signal.SIGTERM)
        assert errors == ""

    def test_one_that_never_reads_is_let_go_after_a_bound(self) -> None:
        server = Server(SHALLOWS_SLOW_READER_SECONDS="0.5", SHALLOWS_HEARTBEAT_SECONDS="1000")
        try:
            server.wait_ready()
            peer = Peer(server.port)
            peer.say({"type": "configure"})
            # Each answer tells 10 kB; not one of them is read.
            peer.socket.settimeout(0.1)
            while connections(server):
                with contextlib.suppress(TimeoutError, ConnectionError):
                    peer.say({"type": "inspect", "point": [0, 0]})
            peer.socket.close()
        finally:
            _, errors = server.end(signal.SIGTERM)
        assert errors == ""
