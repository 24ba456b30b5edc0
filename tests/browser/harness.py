"""A real server in its own process, and a real Chromium: for browser tests and benchmark."""

from __future__ import annotations

import atexit
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from playwright.sync_api import Browser, BrowserContext, Playwright

from tests import forking

ROOT = Path(__file__).parents[2]
START_SECONDS = 60
STOP_SECONDS = 60
PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser")

# Of several such lists Chromium heeds the last, so this one repeats what Playwright's has for a
# browser without an account; and no window draws two pages for suggestions below its address bar
# that no test types into: they take as long as the page itself.
DISABLED_FEATURES = [
    "AimEnabled",
    "AvoidCorsURLLoaderRestartOnRedirect",
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsFirstBalancedModeAutoEnable",
    "HttpsUpgrades",
    "LensOverlay",
    "MediaRouter",
    "NetworkTimeServiceQuerying",
    "OptimizationHints",
    "PaintHolding",
    "PreconnectToSearch",
    "ThirdPartyStoragePartitioning",
    "WebUIOmniboxAimPopup",
    "WebUIOmniboxFullPopup",
    "WebUIOmniboxPopup",
]
# No traffic of the browser's own: an error in the console shall be the page's.
CHROMIUM_ARGUMENTS = [
    "--disable-background-networking",
    "--disable-component-update",
    f"--disable-features={','.join(DISABLED_FEATURES)}",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
]


HELD: list[socket.socket] = []
"""One for each port that was given away; a process of tests gives away a hundred at most."""


@atexit.register
def let_go() -> None:
    """Close them; Python complains of what nobody has closed."""
    for held in HELD:
        held.close()


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on, and that is given to nobody else.

    A server takes seconds to listen on it, and leaves it while it is started again: meanwhile a
    connection of any other process could get it. On Linux a port stays with whoever has it bound,
    and may be listened on beside them.
    """
    probe = socket.socket()
    HELD.append(probe)
    if sys.platform == "linux":
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    probe.bind(("127.0.0.1", 0))
    port = int(probe.getsockname()[1])
    if sys.platform != "linux":
        HELD.pop().close()
    return port


class Server:
    """`python -m app` of a checkout on a port of 127.0.0.1; it can be stopped and started again."""

    command: Sequence[str] = (sys.executable, "-m", "app")

    def __init__(self, project: Path = ROOT) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        self.folder = tempfile.mkdtemp(prefix="shallows-")
        self.project = project
        self._process: subprocess.Popen[str] | None = None
        # A pipe that nobody reads would be full one day, and the server would wait for it.
        self._output = self._new_output()

    @property
    def pid(self) -> int:
        """Of its process, while it runs."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it, and wait until it can train.

        Raises:
            RuntimeError: If it ends or is not ready in time; with what it printed.
        """
        if self._output.closed:  # it was forgotten, and begins anew
            self._output = self._new_output()
        self._process = forking.popen(
            self.command,
            cwd=self.project,
            env=self.environment(),
            stdout=self._output,
            stderr=subprocess.STDOUT,
        )
        deadline = time.monotonic() + START_SECONDS
        while not self._ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                self._output.seek(0)
                raise RuntimeError(f"the server did not start:\n{self._output.read()}")
            time.sleep(0.05)

    def environment(self) -> dict[str, str]:
        """What it is told."""
        return {
            **os.environ,
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "SHALLOWS_DATA_FOLDER": self.folder,
        }

    def printed(self) -> str:
        """What it has printed since it was made."""
        self._output.flush()
        position = self._output.tell()
        self._output.seek(0)
        text = self._output.read()
        self._output.seek(position)
        return text

    @staticmethod
    def _new_output() -> IO[str]:
        """What it prints goes to a file: a pipe that nobody reads would in time hold it up."""
        return tempfile.TemporaryFile("w+", prefix="shallows-")

    def stop(self) -> None:
        """Stop it as an operator would."""
        if self._process is None:
            return
        self._process.terminate()
        self._process.wait(timeout=STOP_SECONDS)
        self._process = None

    def kill(self) -> None:
        """End it as a failure would: at once, and with nothing put in order."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(timeout=STOP_SECONDS)
        self._process = None

    def forget(self) -> None:
        """Stop it, or kill it if it does not end, and remove what it has stored."""
        try:
            self.stop()
        finally:
            if self._process is not None:
                self.kill()
            self._output.close()
            shutil.rmtree(self.folder, ignore_errors=True)

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}readyz", timeout=1) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False


@contextmanager
def running_server(project: Path = ROOT) -> Iterator[Server]:
    """A server for as long as the block runs."""
    server = Server(project)
    server.start()
    try:
        yield server
    finally:
        server.forget()


def launch_chromium(playwright: Playwright) -> Browser:
    """The Chromium of `SHALLOWS_CHROMIUM`, else the system's, else Playwright's own.

    Without a window if there is one (Playwright's own is): what it draws of a window that nobody
    sees takes a fifth of the tests' time.
    """
    return playwright.chromium.launch(**_chromium())


@contextmanager
def chromium_profile(
    playwright: Playwright, arguments: Sequence[str] = (), **options: Any
) -> Iterator[BrowserContext]:
    """The same one with a profile on disk, as its user has it: what has been compiled is kept.

    A context of `launch_chromium` is as private as an incognito window, which compiles Plotly
    each time.
    """
    folder = tempfile.mkdtemp(prefix="shallows-chromium-")
    try:
        launched = _chromium(arguments)
        context = playwright.chromium.launch_persistent_context(folder, **launched, **options)
        yield context
        context.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _chromium(more: Sequence[str] = ()) -> dict[str, Any]:
    system = next(filter(None, map(shutil.which, PROGRAMS)), None)
    arguments = [*CHROMIUM_ARGUMENTS, *more]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        arguments.append("--no-sandbox")  # Chromium refuses root its sandbox.
    return {"executable_path": os.environ.get("SHALLOWS_CHROMIUM") or system, "args": arguments}
