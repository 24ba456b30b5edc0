"""`make check` runs the tests that need no server, database or browser, whichever these are."""

import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from app.store import Store
from tests.needs import STARTERS, words_of

COMMAND = [sys.executable, "-m", "app"]


class Helper:
    def __init__(self) -> None:
        self.open = Store.open


def through_a_class() -> None:
    Helper()


def through_a_helper() -> None:
    through_a_class()


def through_a_lambda() -> None:
    (lambda: through_a_class())()


def as_a_program() -> None:
    subprocess.run([sys.executable, "-m", "app"], check=True)


def another_program() -> None:
    subprocess.run([sys.executable, "-m", "pip"], check=True)


@pytest.mark.parametrize(
    ("function", "found"),
    [
        (through_a_class, True),
        (through_a_helper, True),
        (through_a_lambda, True),
        (as_a_program, True),
        (another_program, False),
    ],
)
def test_what_starts_something_is_found_through_helpers(
    function: Callable[[], None], found: bool
) -> None:
    assert any(words <= words_of(function) for words in STARTERS) == found


def test_what_a_fixture_starts_counts(request: pytest.FixtureRequest, served: TestClient) -> None:
    assert request.node.get_closest_marker("service")


@pytest.fixture
def served() -> TestClient:
    return TestClient(None)  # type: ignore[arg-type]


def test_what_was_not_found_fails_and_says_what_to_do(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    assert not request.node.get_closest_marker("service")
    expected = pytest.raises(RuntimeError, match=r"needs a server or a database.*tests/needs.py")
    with socket.socket() as listening, expected:
        listening.bind(("127.0.0.1", 0))
    with pytest.raises(RuntimeError, match="STARTERS"):
        sqlite3.connect(tmp_path / "file")
    with pytest.raises(RuntimeError, match="STARTERS"):
        subprocess.Popen(COMMAND)
