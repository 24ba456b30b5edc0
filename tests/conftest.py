"""What holds for all tests."""

import atexit
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import HealthCheck, settings

from app.memory import for_good
from tests.needs import Quiet, needs_a_service

BROWSER = Path(__file__).parent / "browser"

# No server that a test starts stores anything among the developer's own runs.
os.environ["SHALLOWS_DATA_FOLDER"] = tempfile.mkdtemp(prefix="shallows-")
atexit.register(shutil.rmtree, os.environ["SHALLOWS_DATA_FOLDER"])

# Nor does it start more workers than a test asks for: each takes as long as a page to load.
os.environ.setdefault("SHALLOWS_WORKERS", "1")

# Heavy work gives way to all else, and on a busy machine its process takes long to come up.
os.environ.setdefault("SHALLOWS_HEAVY_SECONDS", "120")

# What has been compiled is kept, also where the environment would not have it: a hundred processes
# import the service.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# A test asserts no time: what is slow on a busy machine has not failed. And it looks at the same
# examples each time: one that is rare fails whoever changes something else. Others are looked for
# by `--hypothesis-profile=searching`.
UNTIMED: dict[str, Any] = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.too_slow],
    "print_blob": True,
}
settings.register_profile("searching", **UNTIMED)
settings.register_profile("same", derandomize=True, **UNTIMED)
settings.load_profile("same")


quiet = Quiet()


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """One process more than there are cores: in many tests of a service one waits, for its start,
    its end or a bound, and another computes meanwhile."""
    cores = psutil.cpu_count() or 1
    return cores if config.option.markexpr == "not service" else cores + 1


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Every process collects all tests, and imports what each needs."""
    with for_good():
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """Mark what needs a server, a database or a browser; the cluster first, the browser last.

    Playwright keeps an event loop open. Side by side (`make test`) each process takes its tests in
    this order too, the first of them many at once: so one process alone has the cluster. It is
    sorted last: pytest brings together tests that share a fixture, wherever they were.
    """
    for item in items:
        if needs_a_service(item):
            item.add_marker("service")
    yield
    items.sort(key=turn_of)


def turn_of(item: pytest.Item) -> int:
    """When a test comes."""
    if item.get_closest_marker("ray"):
        return 1 if item.get_closest_marker("ends_the_cluster") else 0
    return 3 if item.path.is_relative_to(BROWSER) else 2


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Hold a test that needs none of these to it."""
    if item.get_closest_marker("service"):
        return (yield)
    with quiet.during(item.nodeid):
        return (yield)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Let a report leave its process whatever a program has printed.

    A lone surrogate can't be sent, and would end all tests without a word of which it was.
    """
    report.sections = [(name, sendable(text)) for name, text in report.sections]
    if report.longrepr is not None and sendable(said := str(report.longrepr)) != said:
        report.longrepr = sendable(said)


def sendable(text: str) -> str:
    """The text, with what UTF-8 has no bytes for written out."""
    return text.encode(errors="backslashreplace").decode()
