"""`python -m tests.elsewhere BACKEND`: serves and uses Shallows in a world like Windows'.

Every module of it is imported and run where the standard library has nothing that Windows or macOS
lacks, and says that it is Windows. Other libraries, and Python itself, keep what they have: they
would find their own way there.
"""

import importlib
import json
import pkgutil
import re
import sys
import threading
import urllib.request
from contextlib import redirect_stdout
from io import StringIO
from types import ModuleType
from typing import Any

from tests.platforms import absent, is_absent

OURS = ("app", "nncore", "shallows")
SAYS: dict[str, dict[str, Any]] = {"sys": {"platform": "win32"}, "os": {"name": "nt"}}
LEFT = ("app.store.migrations.env", "nncore.estimator")
"""Alembic runs the one by itself; the other needs what is not installed with Shallows."""
LATE = (
    "uvicorn.loops.asyncio",
    "multiprocessing.popen_spawn_posix",
    "multiprocessing.sharedctypes",
)
"""Imported only when something runs; they would take our word for the platform."""
PATIENCE = 60.0


class Poorer(ModuleType):
    """A module without what is not everywhere."""

    def __init__(self, real: ModuleType) -> None:
        super().__init__(real.__name__)
        self.__dict__["_real"], self.__dict__["_absent"] = real, absent(real.__name__)
        self.__dict__.update(SAYS.get(real.__name__, {}))

    def __getattr__(self, name: str) -> Any:
        if name in self._absent:
            raise AttributeError(f"{self.__name__}.{name} is not everywhere")
        return getattr(self._real, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._real, name, value)


def import_all() -> None:
    """Every module of ours, but those of `LEFT`."""
    for name in OURS:
        package = importlib.import_module(name)
        for module in pkgutil.walk_packages(package.__path__[:1], f"{name}."):
            if module.name not in LEFT:
                importlib.import_module(module.name)


def leave() -> None:
    """Forget our modules, and make the world poorer for those that come."""
    for name in [name for name in sys.modules if name.partition(".")[0] in OURS]:
        del sys.modules[name]
    for name in sys.stdlib_module_names:
        if not name.startswith("_") and is_absent(name):
            sys.modules[name] = None  # type: ignore[assignment]
    for name in ("os", "signal", "socket", "sys", "time", "select"):
        sys.modules[name] = Poorer(importlib.import_module(name))


def use(said: StringIO) -> None:
    """What a user does, and at last Ctrl-C."""
    import signal
    import time

    try:
        end = time.monotonic() + PATIENCE
        while not (found := re.search(r"http://localhost:\d+", said.getvalue())):
            assert time.monotonic() < end
            time.sleep(0.02)
        page = urllib.request.urlopen(found[0], timeout=PATIENCE).read()
        assert b"<!doctype html>" in page.lower()
        body = json.dumps({"training": {"iterations": 300}}).encode()
        asked = urllib.request.Request(
            f"{found[0]}/train?wait=30", body, {"Content-Type": "application/json"}
        )
        run = json.load(urllib.request.urlopen(asked, timeout=PATIENCE))
        assert run["status"] == "finished", run
        # By a process of heavy work.
        taken = urllib.request.urlopen(f"{found[0]}/train/{run['id']}/parameters.json")
        assert len(json.load(taken)) > 0
        said.write("used\n")
    finally:
        signal.raise_signal(signal.SIGINT)


def main() -> None:
    """Import everything twice, so that other libraries find the world as it is, and serve."""
    import_all()
    for name in LATE:
        importlib.import_module(name)
    leave()
    import_all()
    serve(sys.argv[1])


def serve(backend: str) -> None:
    """From the command to its end, once: a process that is asked to end has 4.5 s left to live."""
    import os

    assert not hasattr(os, "fork")
    os.environ["SHALLOWS_BACKEND"] = backend
    sys.argv = ["shallows", "--port", "0"]
    said = StringIO()
    user = threading.Thread(target=use, args=(said,))
    user.start()
    begin = importlib.import_module("shallows.__main__").main
    with redirect_stdout(said):
        begin()
    user.join()
    assert said.getvalue().endswith("used\n"), said.getvalue()


if __name__ == "__main__":
    main()
