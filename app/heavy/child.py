"""`python -m app.heavy.child ROOT`: a process of the pool, for as long as somebody listens.

ROOT is the path below which the server lies, as in `app/links.py`; it may be empty.

What goes through its pipes is in parts: a byte that says of which kind, four with a length
(big-endian), and that many bytes. A call is one part; its answer is any number of `CHUNK` and then
one other.
"""

import contextlib
import os
import pickle
import queue
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from app.links import begin_at
from app.memory import for_good, give_back

CALL, CHUNK, VALUE, ERROR = b"c", b"k", b"v", b"e"
HEAD = 5
MOST_CHUNK = 65_536
MOST_PART = 64_000_000
"""Bytes of a call, or of a value."""
MOST_RESIDENT = 85_000_000
"""Bytes; a child that has grown beyond is replaced. One that has done little has 50 million."""
NICENESS = 10
"""How much lower its priority is than that of the students' workers."""


class TooLong(Exception):
    """A part that is longer than one may be."""


def head(kind: bytes, size: int) -> bytes:
    """What comes before a part.

    Raises:
        TooLong: the part is.
    """
    if size > MOST_PART:
        raise TooLong(f"{size:,} bytes")
    return kind + size.to_bytes(4, "big")


def pieces(parts: Iterator[bytes | str]) -> Iterator[bytes]:
    """The same bytes in pieces of one size, the last one apart."""
    gathered = bytearray()
    for part in parts:
        gathered += part.encode() if isinstance(part, str) else part
        while len(gathered) >= MOST_CHUNK:
            yield bytes(gathered[:MOST_CHUNK])
            del gathered[:MOST_CHUNK]
    if gathered:
        yield bytes(gathered)


def main() -> None:
    """Work until nobody listens any more."""
    # Signals may reach the whole process group; the server decides when this ends.
    for name in ("SIGINT", "SIGTERM"):
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    if hasattr(os, "nice"):
        with contextlib.suppress(OSError):
            os.nice(NICENESS)
    # Whatever is printed by accident goes elsewhere, and not between the parts of an answer.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    give_back()
    begin_at(sys.argv[1])
    calls: queue.Queue[bytes] = queue.Queue()
    threading.Thread(target=_listen, args=(sys.stdin.buffer, calls), daemon=True).start()
    with for_good():
        from app.heavy.work import WORK

    while True:
        try:
            _answer(answers, WORK, calls.get())
        except (OSError, MemoryError):
            return


def _listen(pipe: BinaryIO, calls: "queue.Queue[bytes]") -> None:
    """Take calls; when the server is gone, end at once, whatever is under way."""
    while len(begin := pipe.read(HEAD)) == HEAD:
        calls.put(pipe.read(int.from_bytes(begin[1:], "big")))
    os._exit(0)


def _answer(pipe: BinaryIO, table: Any, call: bytes) -> None:
    from app.errors import ShallowsError

    try:
        name, arguments = pickle.loads(call)
        del call  # it may be as large as what it says
        work: Callable[..., Any] = table[name]
        value = work(*arguments)
        if isinstance(value, Iterator):
            for piece in pieces(value):
                _write(pipe, CHUNK, piece)
            value = None
        _send(pipe, VALUE, value)
    except ShallowsError as error:
        _send(pipe, ERROR, error)
    except (OSError, MemoryError):
        raise
    except Exception as error:
        _send(pipe, ERROR, RuntimeError(f"{type(error).__name__}: {error!s:.300}"))


def _send(pipe: BinaryIO, kind: bytes, value: object) -> None:
    """The end of an answer, and whether this process may have another call."""
    _write(pipe, kind, pickle.dumps((value, _resident() < MOST_RESIDENT), pickle.HIGHEST_PROTOCOL))


def _resident() -> int:
    """Bytes of memory that this process has; 0 where nobody says."""
    if sys.platform != "linux":
        return 0
    try:
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    except OSError:
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def _write(pipe: BinaryIO, kind: bytes, content: bytes) -> None:
    view = memoryview(head(kind, len(content)) + content)
    while view:
        view = view[pipe.write(view) :]


if __name__ == "__main__":
    main()
