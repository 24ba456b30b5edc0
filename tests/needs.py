"""Which tests need a server, a database or a browser: found in what a test and its fixtures use.

So a new test is in the right set by itself: `make check` leaves out those that are marked
`service`. While one of the others runs, this process may not listen, open a database file or start
a server: whatever is not found here is found then, and the error says what to do.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from types import CodeType, FunctionType
from typing import Any

import pytest

STARTERS: list[set[str]] = [
    {"TestClient"},
    {"create_app"},
    {"listen"},
    {"Pool"},
    {"pool_backend"},
    {"WorkerLine"},
    {"Server"},
    {"running_server"},
    {"running_postgresql"},
    {"Store"},
    {"database"},
    {"sync_playwright"},
    {"NotebookClient"},
    {"-m", "app"},
    {"-m", "tests.elsewhere"},
    {"machine", "check"},
    {"Installed"},
]
"""Names, or words, which together start a server or its processes, a database or a browser."""
OURS = ("tests.", "benchmarks.")


def needs_a_service(item: pytest.Item) -> bool:
    """Whether a test, a fixture of it, or a helper of theirs uses one of `STARTERS`."""
    if not isinstance(item, pytest.Function):
        return False
    fixtures = item._fixtureinfo.name2fixturedefs.values()
    functions = [item.function, *(definition.func for each in fixtures for definition in each)]
    return any(words <= words_of(function) for function in functions for words in STARTERS)


@cache
def words_of(function: Any) -> set[str]:
    """Names and texts in the code of a function, and of all of our own that is named there."""
    words: set[str] = set()
    waiting, seen = [function], set()
    while waiting:
        one = inspect.unwrap(waiting.pop())
        if id(one) in seen:
            continue
        seen.add(id(one))
        if inspect.isclass(one):
            waiting += vars(one).values()
        elif isinstance(one, FunctionType):
            found = set(_words_in(one.__code__))
            words |= found
            named = (one.__globals__.get(name) for name in found)
            waiting += [other for other in named if _is_ours(other)]
    return words


def _is_ours(what: object) -> bool:
    return (getattr(what, "__module__", None) or "").startswith(OURS)


def _words_in(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _words_in(constant)
        elif isinstance(constant, str):
            yield constant


class Quiet:
    """Refuses all that while a test runs which is said not to need it. A hook can't be removed."""

    def __init__(self) -> None:
        self._running: str | None = None
        sys.addaudithook(self._hear)

    @contextmanager
    def during(self, test: str) -> Iterator[None]:
        """Refuse it meanwhile."""
        self._running = test
        try:
            yield
        finally:
            self._running = None

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._running is None:
            return
        if event in {"socket.bind", "sqlite3.connect"} or (
            event == "subprocess.Popen" and list(arguments[1][1:3]) == ["-m", "app"]
        ):
            raise RuntimeError(
                f"{self._running} needs a server or a database ({event}), which was not found in "
                "its code: name what starts it in STARTERS of tests/needs.py"
            )
