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
from tests.app.conftest import RAY, a_moment, metric, settings_for, wait_ready
from tests.app.processes import started
from tests.app.test_ray import all_go_on, as_undisturbed, playing

# Hosts of the cluster may be there already, and train for other servers too.


def of_the_pool(known: set[int]) -> list[psutil.Process]:
    """The processes that train for a server alone."""
    return [process for process in started("spawn_main") if process.pid not in known]


def of_the_cluster(known: set[int]) -> list[psutil.Process]:
    """The processes that train for the cluster's hosts, but for those of other servers."""
    hosts = {host.pid for host in actors()}
    return [process for process in of_the_pool(known) if process.ppid() in hosts]


def hosts_of_the_cluster(known: set[int]) -> list[psutil.Process]:
    """The actors of its processors."""
    return actors()


Find = Callable[[set[int]], list[psutil.Process]]
HANGS: dict[str, tuple[Find, ...]] = {
    "pool": (of_the_pool,),
    "ray": (of_the_cluster, hosts_of_the_cluster),
}
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
    known = {process.pid for process in started("spawn_main")}
    with ExitStack() as stack:
        settings = settings_for(backend, round_timeout_seconds=3, **more)
        client = stack.enter_context(TestClient(create_app(settings)))

        def all_there() -> bool:
            ready = metric(client, "shallows_hosts") == 2 and not metric(client, "shallows_alone")
            return ready and all(len(find(known)) >= 2 for find in HANGS[backend])

        while not all_there():
            a_moment()
        streams = stack.enter_context(playing(client, 4))
        for find in HANGS[backend]:
            process = find(known)[0]
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
