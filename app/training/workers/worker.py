"""What a worker process runs. It imports what trains, and nothing of what drives it."""

import signal
import time
from typing import TYPE_CHECKING, Any

from app import logs
from app.memory import for_good

if TYPE_CHECKING:
    import sys

    if sys.platform == "win32":
        from multiprocessing.connection import PipeConnection as Connection
    else:
        from multiprocessing.connection import Connection

NAME_BYTES = 64
ENDING = {
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
}
"""Signals that end a server; Windows has no SIGHUP."""


def ignore_ending() -> None:
    """Signals may reach the whole process group; the server decides when its processes end."""
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)


def work(
    pipe: "Connection",
    serving: Any,
    logging: logs.Manner,
    checkpoint_seconds: float,
    shared: bool,
) -> None:
    """The life of a worker: rounds until the pipe closes.

    Args:
        serving: Memory that the server sees, too: which session is being served.
        logging: How it logs.
        checkpoint_seconds: Between two checkpoints of a session.
        shared: Whether other workers have the same processor.
    """
    ignore_ending()
    logs.configure(logging)
    with for_good():
        from app.training.host.host import Host

    def note(session: str) -> None:
        serving.value = session.encode()[:NAME_BYTES]

    host = Host(
        time.perf_counter,
        time.thread_time,
        checkpoint_seconds=checkpoint_seconds,
        shared=shared,
        serving=note,
    )
    try:
        pipe.send(([], None))
        while True:
            pipe.send(host.serve(pipe.recv()))
    except (EOFError, OSError):
        return
