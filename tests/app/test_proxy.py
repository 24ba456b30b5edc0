"""The nginx example of docs/operating.md, as it stands there, in front of a real server."""

import json
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx2 as httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from app import wire
from tests.app.nginx import NAME, running_nginx
from tests.app.test_server import Server

CODE = "in a shallow pool"


@dataclass
class Proxied:
    """A server, and the way to it through nginx."""

    port: int
    tls: ssl.SSLContext

    @property
    def origin(self) -> str:
        """As a browser would call it."""
        return f"https://{NAME}:{self.port}"

    def ask(self, method: str, headers: dict[str, str], **body: Any) -> httpx.Response:
        """What a browser would get for the page that finds the name at 127.0.0.1."""
        with httpx.Client(verify=self.tls, timeout=60) as client:
            return client.request(
                method,
                f"https://127.0.0.1:{self.port}/",
                headers={"Host": f"{NAME}:{self.port}", **headers},
                extensions={"sni_hostname": NAME},
                **body,
            )

    def stream(self, address: str, origin: str) -> ClientConnection:
        """A stream from one of this machine's addresses."""
        return connect(
            f"wss://{NAME}:{self.port}/ws",
            sock=socket.create_connection(
                ("127.0.0.1", self.port), source_address=(address, 0), timeout=60
            ),
            ssl=self.tls,
            origin=Origin(origin),
            additional_headers={"Authorization": f"Bearer {CODE}"},
        )


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    folder = tmp_path_factory.mktemp("nginx")
    server = Server(
        SHALLOWS_ACCESS_CODE=CODE,
        SHALLOWS_ALLOWED_HOSTS=NAME,
        SHALLOWS_MAX_SESSIONS_PER_CLIENT="1",
        SHALLOWS_DATA_FOLDER=str(folder),
        SHALLOWS_TRUSTED_PROXIES="127.0.0.1",
    )
    try:
        with running_nginx(folder, server.port) as nginx:
            server.wait_ready()
            yield Proxied(nginx.port, nginx.tls)
    finally:
        server.end(15)


def test_the_page_comes_over_tls_and_the_cookie_is_for_tls_alone(proxied: Proxied) -> None:
    page = proxied.ask("GET", {"Authorization": f"Bearer {CODE}"})
    assert page.status_code == 200
    assert "Shallows" in page.text
    answer = proxied.ask("POST", {"Origin": proxied.origin}, data={"code": CODE})
    assert answer.status_code == 303, answer.text
    assert "Secure" in answer.headers["set-cookie"]


def test_streams_pass_and_each_address_is_a_client_of_its_own(proxied: Proxied) -> None:
    with proxied.stream("127.0.0.1", proxied.origin) as one:
        frames = 0
        one.send(json.dumps({"type": "configure", "playing": True}))
        while frames < 5:
            message = one.recv(timeout=60)
            if isinstance(message, bytes):
                frames += 1
                one.send(json.dumps({"type": "ack", "frame": wire.unpack(message)["frame"]}))
        with proxied.stream("127.0.0.1", proxied.origin) as same:
            assert json.loads(same.recv(timeout=60))["code"] == "too_many_sessions"
        with proxied.stream("127.0.0.2", proxied.origin) as other:
            other.send(json.dumps({"type": "configure"}))
            assert json.loads(other.recv(timeout=60))["type"] == "configured"


def test_another_pages_stream_is_refused(proxied: Proxied) -> None:
    with pytest.raises(InvalidStatus), proxied.stream("127.0.0.3", "https://other.example"):
        pass
