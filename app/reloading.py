"""For work on Shallows: the server begins again when its Python, templates or lessons change.

This process listens and watches; the server is a child of it, which gets the socket. While one
child ends and the next begins, whoever asks waits. What fails to start is tried again when
something changes. The page's own files need none of this: `assets.finder` reads them again.
"""

import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import uvicorn
from uvicorn.supervisors.statreload import StatReload

from app.content.assets import ROOT

WATCHED = ("app", "nncore", "templates", "lessons")
SUFFIXES = (".py", ".html", ".jinja", ".md", ".toml")


class Reload(StatReload):
    """uvicorn's own, which otherwise looks at Python alone."""

    def startup(self) -> None:
        """Heed a terminal that goes, as `python -m app` does."""
        super().startup()
        if (hang_up := getattr(signal, "SIGHUP", None)) is not None:
            signal.signal(hang_up, self.signal_handler)

    def iter_py_files(self) -> Iterator[Path]:
        """All that the server reads when it begins."""
        for folder in WATCHED:
            for path in (ROOT / folder).rglob("*"):
                if path.suffix in SUFFIXES:
                    yield path


def run(listening: socket.socket, begin: Callable[[list[socket.socket] | None], None]) -> None:
    """Serve, again and again, until asked to end.

    Args:
        listening: To serve on.
        begin: What each child does with it.
    """
    config = uvicorn.Config("app.main:create_app", log_config=None)
    Reload(config, begin, [listening]).run()
