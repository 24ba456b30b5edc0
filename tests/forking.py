"""Servers as `python -m app` starts them, but forked from a process that has imported the service.

Its imports are most of what a start costs, and a hundred tests start servers. What runs is the same
`app/__main__.py`, as `__main__`, with the environment, folder, pipes and session that it is given;
its workers are spawned as ever.

`python -m tests.forking DESCRIPTOR` is the process that forks. It has one thread, and ends with
whoever has the other end of the socket.
"""

import atexit
import ctypes
import json
import os
import runpy
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
COMMAND = (sys.executable, "-m", "app")
MOST_ASKED = 100_000
"""Bytes of a folder and an environment."""
SUBREAPER = 36
"""Of prctl.h: whoever below this process loses its parent becomes a child of it."""


def popen(command: Sequence[str], **how: Any) -> "subprocess.Popen[str]":
    """`Popen`, of text; by a fork, if it is a server of tests on Linux.

    What Python or a library reads in the environment as it is imported has to be as it is here.
    """
    if "PYTEST_VERSION" in os.environ and sys.platform == "linux":
        changed = {name for name, _ in how["env"].items() ^ os.environ.items()}
        read_late = all(
            name.startswith("SHALLOWS_") or name in {"HOST", "PORT"} for name in changed
        )
        if (*command, how["cwd"]) == (*COMMAND, ROOT) and read_late:
            return Forked(command, text=True, **how)
    return subprocess.Popen(command, text=True, **how)


class Forked(subprocess.Popen[str]):
    """A child of this process like any other; only its beginning is another."""

    lock = threading.Lock()

    def _execute_child(self, *given: Any) -> None:
        """Instead of that of the standard library, which has made the pipes before."""
        command, folder, environment, session = given[0], given[5], given[6], given[-2]
        reads, _, _, writes, _, complains = ends = given[10:16]
        sys.audit("subprocess.Popen", command[0], command, folder, environment)
        asked = json.dumps([str(folder), environment, session]).encode()
        theirs = [own if end < 0 else end for own, end in enumerate((reads, writes, complains))]
        prctl = ctypes.CDLL(None).prctl
        with self.lock:
            forker = forker_of_this_process()
            prctl(SUBREAPER, 1)
            try:
                socket.send_fds(forker, [asked], theirs)
                self.pid = int(forker.recv(20))
                forker.recv(1)  # now it is a child of this process
            finally:
                prctl(SUBREAPER, 0)
        self._child_created = True
        self._close_pipe_fds(*ends)  # type: ignore[attr-defined]


@cache
def forker_of_this_process() -> socket.socket:
    """A socket to the process that forks, which is started now."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.forking", str(theirs.fileno())],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )

    @atexit.register
    def end() -> None:
        ours.close()
        process.wait()

    return ours


def main() -> None:
    """Fork, as often as it is asked for; in each child, be a server."""
    asking = socket.socket(fileno=int(sys.argv.pop()))
    from app.memory import for_good

    with for_good():
        import app.main
        import app.web.connections  # noqa: F401

    while True:
        asked, theirs, _, _ = socket.recv_fds(asking, MOST_ASKED, 3)
        if not asked:
            return
        between = os.fork()
        if between == 0:
            if server := os.fork():
                asking.send(str(server).encode())
                os._exit(0)
            break
        for end in theirs:
            os.close(end)
        os.waitpid(between, 0)
        asking.send(b".")
    folder, environment, session = json.loads(asked)
    if session:
        os.setsid()
    for number, end in enumerate(theirs):
        os.dup2(end, number)
    os.closerange(3, max(theirs[-1], asking.detach()) + 1)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    runpy.run_module("app", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
