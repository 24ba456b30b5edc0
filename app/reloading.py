"""For work on Shallows: the server begins again when what it reads at its start changes.

This process listens and watches; the server is a child of it, which gets the socket. While one
child ends and the next begins, whoever asks waits. What fails to start is tried again when
something changes. Most of the page's files need none of this: `assets.finder` reads them again.
"""

import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import uvicorn
from uvicorn.supervisors.statreload import StatReload

from app.places import ROOT

WATCHED = ("app", "nncore", "templates", "lessons", "docs")
SUFFIXES = (".py", ".html", ".jinja", ".md", ".toml")
READ_ONCE = ("static/js/experiment/parts.js", "static/css/tokens.css")
"""Files of the page that the server itself keeps."""


class Reload(StatReload):
    """uvicorn's own, which otherwise looks at Python alone."""

    lessons: Path | None = None
    """A teacher's."""

    def startup(self) -> None:
        """Heed a terminal that goes, as `python -m app` does."""
        super().startup()
        if (hang_up := getattr(signal, "SIGHUP", None)) is not None:
            signal.signal(hang_up, self.signal_handler)

    def iter_py_files(self) -> Iterator[Path]:
        """All that the server reads when it begins."""
        yield from (ROOT / name for name in READ_ONCE)
        for folder in (*(ROOT / name for name in WATCHED), *filter(None, [self.lessons])):
            yield from (path for path in folder.rglob("*") if path.suffix in SUFFIXES)


def run(
    listening: socket.socket,
    begin: Callable[[list[socket.socket] | None], None],
    lessons: Path | None,
) -> None:
    """Serve, again and again, until asked to end.

    Args:
        listening: To serve on.
        begin: What each child does with it.
        lessons: A teacher's folder of them.
    """
    config = uvicorn.Config("app.main:create_app", log_config=None)
    reload = Reload(config, begin, [listening])
    reload.lessons = lessons
    reload.run()
