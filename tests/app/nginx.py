"""nginx as docs/operating.md has it, or deploy/nginx-cluster.conf, before servers of a test's."""

import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.app.conftest import a_moment
from tests.app.test_server import ROOT
from tests.browser.harness import free_port

NAME = "shallows.school.example"


@dataclass
class Nginx:
    """One that listens on 127.0.0.1 for `NAME`, whose certificate `tls` trusts."""

    port: int
    tls: ssl.SSLContext


@contextmanager
def running_nginx(
    folder: Path, behind: int, changes: dict[str, str] | None = None
) -> Iterator[Nginx]:
    """The documented one, before the port `behind`.

    Args:
        folder: For its files.
        changes: What stands there, to what this test has in its place.
    """
    certificate, port = _certificate(folder), free_port()
    with _running(folder, port, _documented(folder, port, behind, changes or {})):
        yield Nginx(port, ssl.create_default_context(cafile=str(certificate)))


@contextmanager
def running_cluster_nginx(folder: Path, *behind: int) -> Iterator[int]:
    """The one for several servers, before one or two; its port.

    Args:
        folder: For its files.
        behind: The ports of the servers.
    """
    port = free_port()
    text = (ROOT / "deploy" / "nginx-cluster.conf").read_text()
    here = {
        "listen 8080": f"listen 127.0.0.1:{port}",
        "web1:8000": f"127.0.0.1:{behind[0]}",
        "web2:8000": f"127.0.0.1:{behind[-1]}",
        "/tmp/": f"{folder}/",
        "worker_processes auto": "worker_processes 1",
    }
    with _running(folder, port, _changed(text, here)):
        yield port


@contextmanager
def _running(folder: Path, port: int, text: str) -> Iterator[None]:
    configuration = folder / "nginx.conf"
    configuration.write_text(text)
    nginx = shutil.which("nginx") or "/usr/sbin/nginx"
    options = ("-p", folder, "-c", configuration, "-g", "daemon off;")
    process = subprocess.Popen([nginx, *options])
    try:
        _wait_for(port, process)
        yield
    finally:
        process.terminate()
        process.wait(60)


def _changed(text: str, changes: dict[str, str]) -> str:
    for written, here in changes.items():
        assert written in text, written
        text = text.replace(written, here)
    return text


def _certificate(folder: Path) -> Path:
    certificate, key = folder / "shallows.pem", folder / "shallows.key"
    kind = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
    whose = ("-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}")
    subprocess.run(
        ["openssl", "req", "-x509", *kind, *whose, "-out", certificate, "-keyout", key],
        check=True,
        capture_output=True,
    )
    return certificate


def _documented(folder: Path, port: int, behind: int, changes: dict[str, str]) -> str:
    """The example, with this test's ports and files, in what every nginx has around it."""
    text = (ROOT / "docs" / "operating.md").read_text()
    (example,) = re.findall(r"nginx:\n\n```\n(.*?)```", text, re.DOTALL)
    here = {
        "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
        "/etc/ssl/": f"{folder}/",
        **changes,
        "http://127.0.0.1:8000": f"http://127.0.0.1:{behind}",
    }
    example = _changed(example, here)
    return f"""
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


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    while True:
        assert process.poll() is None, "nginx does not take its file"
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            a_moment()
        else:
            return
