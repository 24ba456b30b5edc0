"""What is done to a server from outside: ended in order, killed with all that it has started."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Sequence

import psutil

from benchmarks.load_bench import family
from tests.browser.harness import Server


def end(server: Server) -> float | None:
    """End it as an operator does: seconds, or none if it had to be killed."""
    processes = family(server)
    began = time.monotonic()
    try:
        server.stop()
        return time.monotonic() - began
    except subprocess.TimeoutExpired:
        server.kill()
        return None
    finally:
        kill(processes)


def kill_everything(server: Server) -> None:
    """`kill -9`, also of workers that stand still and do not notice that the server has ended."""
    processes = family(server)
    server.kill()
    kill(processes)


def kill(processes: Sequence[psutil.Process]) -> None:
    """Let nothing of it stay behind."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def workers(server: Server) -> list[psutil.Process]:
    """The processes that train: those that have worked most come first."""
    spawned = [p for p in family(server) if any("spawn_main" in word for word in p.cmdline())]
    return sorted(spawned, key=lambda process: -sum(process.cpu_times()[:2]))
