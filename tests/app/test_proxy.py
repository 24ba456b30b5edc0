"""The nginx example of docs/operating.md, as it stands there, in front of a real server."""

import json
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from app import wire
from tests.app.conftest import a_moment
from tests.app.test_server import ROOT, Server
from tests.browser.harness import free_port

NAME = "shallows.school.example"
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
        with httpx.Client(verify=self.tls) as client:
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
                ("127.0.0.1", self.port), source_address=(address, 0), timeout=30
            ),
            ssl=self.tls,
            origin=Origin(origin),
            additional_headers={"Authorization": f"Bearer {CODE}"},
        )


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    folder = tmp_path_factory.mktemp("nginx")
    certificate, key = folder / "shallows.pem", folder / "shallows.key"
    subprocess.run(
        [
            *(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
            ),
            *("-nodes", "-days", "2", "-subj", f"/CN={NAME}"),
            *("-addext", f"subjectAltName=DNS:{NAME}", "-out", certificate, "-keyout", key),
        ],
        check=True,
        capture_output=True,
    )
    server = Server(
        SHALLOWS_ACCESS_CODE=CODE,
        SHALLOWS_ALLOWED_HOSTS=NAME,
        SHALLOWS_MAX_SESSIONS_PER_CLIENT="1",
        SHALLOWS_DATA_FOLDER=str(folder),
        SHALLOWS_TRUSTED_PROXIES="127.0.0.1",
    )
    port = free_port()
    configuration = folder / "nginx.conf"
    configuration.write_text(as_documented(folder, port, server.port))
    nginx = shutil.which("nginx") or "/usr/sbin/nginx"
    process = subprocess.Popen([nginx, "-p", folder, "-c", configuration])
    try:
        server.wait_ready()
        wait_for(port, process)
        yield Proxied(port, ssl.create_default_context(cafile=str(certificate)))
    finally:
        process.terminate()
        process.wait(10)
        server.end(15)


def as_documented(folder: Path, port: int, behind: int) -> str:
    """The example, with this test's ports and files, in what every nginx has around it."""
    text = (ROOT / "docs" / "operating.md").read_text()
    (example,) = re.findall(r"nginx:\n\n```\n(.*?)```", text, re.DOTALL)
    for written, here in {
        "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
        "/etc/ssl/": f"{folder}/",
        "http://127.0.0.1:8000": f"http://127.0.0.1:{behind}",
    }.items():
        assert written in example
        example = example.replace(written, here)
    return f"""
daemon off;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
{example}}}
"""


def wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    while True:
        assert process.poll() is None, "nginx does not take the example"
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            a_moment()
        else:
            return


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
            message = one.recv(timeout=30)
            if isinstance(message, bytes):
                frames += 1
                one.send(json.dumps({"type": "ack", "frame": wire.unpack(message)["frame"]}))
        with proxied.stream("127.0.0.1", proxied.origin) as same:
            assert json.loads(same.recv(timeout=30))["code"] == "too_many_sessions"
        with proxied.stream("127.0.0.2", proxied.origin) as other:
            other.send(json.dumps({"type": "configure"}))
            assert json.loads(other.recv(timeout=30))["type"] == "configured"


def test_another_pages_stream_is_refused(proxied: Proxied) -> None:
    with pytest.raises(InvalidStatus), proxied.stream("127.0.0.3", "https://other.example"):
        pass
