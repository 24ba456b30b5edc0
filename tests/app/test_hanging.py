"""What trains and hangs is ended and replaced, on every backend, and whoever plays goes on.

In this process (`inline`) nothing trains that could hang without the server.
"""

import contextlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import psutil
import pytest
from starlette.testclient import TestClient

from app.main import create_app
from tests.app.clusters import actors
from tests.app.conftest import RAY, a_moment, metric, services_of, settings_for, wait_ready
from tests.app.processes import started
from tests.app.test_ray import all_go_on, as_undisturbed, backend_of, playing

Find = Callable[[TestClient, set[int]], psutil.Process]


def trainers() -> set[int]:
    """Processes that were started to train, or to speak to those that do."""
    return {process.pid for process in started("spawn_main")}


def bridge(client: TestClient, before: set[int]) -> psutil.Process:
    """The process that speaks to the cluster."""
    connection = backend_of(client)._connection
    assert connection is not None
    pid = connection._process.pid
    assert pid is not None
    return psutil.Process(pid)


def worker(client: TestClient, before: set[int]) -> psutil.Process:
    """A process that trains for this server, wherever it is."""
    left = {bridge(client, before).pid} if services_of(client).settings.backend == "ray" else set()
    return psutil.Process(min(trainers() - before - left))


def host(client: TestClient, before: set[int]) -> psutil.Process:
    """The actor of a processor."""
    return actors()[0]


HANGS: dict[str, tuple[Find, ...]] = {"pool": (worker,), "ray": (worker, host)}
"""All that trains, of each backend; a bridge that hangs is among the benchmark's events."""


def has_ended(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    return True


@contextmanager
def hanging(process: psutil.Process) -> Iterator[None]:
    """It stands still; nothing of it is left if nobody has ended it."""
    process.suspend()
    try:
        yield
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


@pytest.mark.parametrize("backend", ["pool", RAY])
def test_whatever_hangs_is_replaced_and_whoever_plays_goes_on(
    backend: str, inline: TestClient, request: pytest.FixtureRequest
) -> None:
    more = request.getfixturevalue("cluster").settings if backend == "ray" else {}
    before = trainers()
    with ExitStack() as stack:
        settings = settings_for(backend, round_timeout_seconds=3, **more)
        client = stack.enter_context(TestClient(create_app(settings)))

        def all_there() -> bool:
            ready = metric(client, "shallows_hosts") == 2 and not metric(client, "shallows_alone")
            return ready and len(trainers()) == len(before) + there

        there = 3 if backend == "ray" else 2
        while not all_there():
            a_moment()
        streams = stack.enter_context(playing(client, 4))
        for find in HANGS[backend]:
            process = find(client, before)
            with hanging(process):
                while not has_ended(process):
                    a_moment()
            while not all_there():
                a_moment()
            wait_ready(client)
            all_go_on(streams)
        as_undisturbed(inline, streams)
        hung = metric(client, "shallows_hosts_hung_total")
        assert (hung >= 1) == (backend == "ray")
        assert metric(client, "shallows_worker_restarts_total") >= 1
    while len(trainers()) > len(before):
        a_moment()
