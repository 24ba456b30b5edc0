"""The real server as a process: what it prints, what it bounds, how it ends."""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2 as httpx
import psutil
import pytest
import websockets
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin

from app import machine, wire
from app.links import addresses
from app.listening import listen
from tests import forking
from tests.app.conftest import a_moment

ROOT = Path(__file__).parents[2]


class Server:
    """`python -m app` on a free port, in a process group of its own."""

    def __init__(self, **environment: str) -> None:
        self.process = forking.popen(
            [sys.executable, "-m", "app"],
            cwd=ROOT,
            env={
                **os.environ,
                "PORT": "0",
                "HOST": "0.0.0.0",
                **environment,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        self.printed = ""
        while not (found := re.search(r"http://localhost:(\d+)", self.printed)):
            line = self.process.stdout.readline()
            assert line, self.printed
            self.printed += line
        self.port = int(found[1])
        self.url = f"http://localhost:{self.port}"

    def wait_ready(self) -> None:
        with httpx.Client() as client:
            while True:
                try:
                    if client.get(f"{self.url}/readyz").status_code == 200:
                        return
                except httpx.TransportError:
                    assert self.process.poll() is None
                a_moment()

    def end(self, number: int) -> tuple[int, str]:
        """Signal the whole group, as a terminal does; returns the exit code and stderr."""
        children = psutil.Process(self.process.pid).children(recursive=True)
        os.killpg(self.process.pid, number)
        _, errors = self.process.communicate(timeout=60)
        _, alive = psutil.wait_procs(children, timeout=60)
        assert alive == []
        return self.process.returncode, errors


@contextmanager
def running() -> Iterator[Server]:
    server = Server(SHALLOWS_WORKERS="2")
    try:
        server.wait_ready()
        yield server
    finally:
        if server.process.poll() is None:
            os.killpg(server.process.pid, signal.SIGKILL)
            server.process.communicate()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """One for all tests that leave it as it was."""
    with running() as server:
        yield server


@pytest.fixture
def own() -> Iterator[Server]:
    """One to be ended."""
    with running() as server:
        yield server


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_cleanly_with_a_session_playing(own: Server, number: int) -> None:
    async def play_until_closed() -> tuple[int | None, tuple[int, str]]:
        async with websockets.connect(f"ws://localhost:{own.port}/ws") as socket:
            await socket.send(json.dumps({"type": "configure", "playing": True}))
            await socket.recv()
            ended = asyncio.create_task(asyncio.to_thread(own.end, number))
            try:
                while True:
                    await socket.recv()
            except ConnectionClosed as closed:
                return closed.rcvd.code if closed.rcvd else None, await ended

    close_code, (_, errors) = asyncio.run(play_until_closed())
    assert errors == ""
    assert close_code == 1001


@pytest.mark.parametrize("later", [0, 0.05, 0.1, 0.2])
def test_it_ends_cleanly_before_its_workers_are_up(later: float) -> None:
    """Nor does a worker hear of it, which would end with a traceback of its own."""
    server = Server()
    time.sleep(later)
    _, errors = server.end(signal.SIGINT)
    assert errors == ""


def test_accepted_sockets_send_small_frames_at_once() -> None:
    with (
        listen("127.0.0.1", 0, patience=20) as listening,
        socket.create_connection(listening.getsockname()),
    ):
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


HOSTS = ["127.0.0.1", "0.0.0.0", *(["::"] if socket.has_dualstack_ipv6() else [])]


@pytest.mark.parametrize("host", HOSTS)
def test_the_addresses_printed_are_reachable(host: str) -> None:
    with listen(host, 0, patience=20) as listening:
        for address in addresses(host):
            socket.create_connection((address, listening.getsockname()[1])).close()


def test_a_port_in_use_is_said_in_one_line(server: Server) -> None:
    second = subprocess.run(
        [sys.executable, "-m", "app"],
        cwd=ROOT,
        env={**os.environ, "PORT": str(server.port)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert second.returncode == 1
    assert "PORT=" in second.stderr
    assert "--port" in second.stderr
    assert "Traceback" not in second.stderr


def test_a_check_finds_the_server_that_has_the_port(server: Server) -> None:
    said = subprocess.run(
        [sys.executable, "-m", "app", "check", "--port", str(server.port)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (said.returncode, said.stderr) == (0, "")
    assert f"Shallows runs already on port {server.port}" in said.stdout
    for address in machine.own_addresses("0.0.0.0"):
        assert re.search(rf"^ok .*http://{address}:{server.port}", said.stdout, re.M)


def test_a_message_of_10_megabytes_closes_the_connection_and_keeps_the_session(
    server: Server,
) -> None:
    async def converse() -> tuple[int | None, int]:
        address = f"ws://localhost:{server.port}/ws"
        async with websockets.connect(address) as socket:
            await socket.send(json.dumps({"type": "configure"}))
            session = json.loads(await socket.recv())["session"]
            await socket.send(json.dumps({"type": "step", "iterations": 20}))
            iteration = 0
            while iteration < 20:
                message = await socket.recv()
                if isinstance(message, bytes):
                    iteration = wire.unpack(message)["iteration"]
            with pytest.raises(ConnectionClosed) as closed:
                await send_and_hear_on(socket, "x" * 10_000_000)
        async with websockets.connect(f"{address}?session={session}") as socket:
            configured = json.loads(await socket.recv())
        return closed.value.rcvd.code if closed.value.rcvd else None, configured["iteration"]

    assert asyncio.run(converse()) == (1009, 20)


async def send_and_hear_on(socket: websockets.ClientConnection, message: str) -> None:
    await socket.send(message)
    while True:
        await socket.recv()


def test_a_foreign_origin_is_refused_with_403(server: Server) -> None:
    async def connect() -> None:
        await websockets.connect(
            f"ws://localhost:{server.port}/ws", origin=Origin("http://evil.example")
        )

    with pytest.raises(InvalidStatus) as refused:
        asyncio.run(connect())
    assert refused.value.response.status_code == 403


def test_frames_are_not_compressed_a_second_time(server: Server) -> None:
    async def connect() -> list[object]:
        async with websockets.connect(f"ws://localhost:{server.port}/ws") as socket:
            return list(socket.protocol.extensions)

    assert asyncio.run(connect()) == []


def test_a_reader_that_never_reads_does_not_hold_up_the_others(server: Server) -> None:
    async def converse() -> int:
        address = f"ws://localhost:{server.port}/ws"
        async with websockets.connect(address) as deaf, websockets.connect(address) as quick:
            await deaf.send(json.dumps({"type": "configure", "playing": True}))
            await quick.send(json.dumps({"type": "configure", "playing": True}))
            iteration = 0
            while iteration < 300:
                message = await quick.recv()
                if isinstance(message, bytes):
                    frame = wire.unpack(message)
                    iteration = frame["iteration"]
                    await quick.send(json.dumps({"type": "ack", "frame": frame["frame"]}))
            return iteration

    assert asyncio.run(converse()) >= 300
