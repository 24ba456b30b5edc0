"""Workers that are killed: replaced, and their sessions taken up where they were."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest
from starlette.testclient import TestClient

from app.main import create_app
from tests.app.conftest import a_moment, metric, settings_for, wait_ready
from tests.app.processes import started
from tests.app.stream import Stream


@pytest.fixture
def others() -> set[int]:
    """The workers of other tests, which are to live."""
    return worker_pids()


@pytest.fixture
def pool(others: set[int]) -> Iterator[TestClient]:
    """A pool of one worker, so that a test knows whom to kill."""
    with TestClient(create_app(settings_for("pool", workers=1, checkpoint_seconds=0.2))) as client:
        wait_ready(client)
        yield client


def kill_the_worker(others: set[int], how: int = signal.SIGKILL) -> int:
    """Kill the one worker as the system would; its process id."""
    (worker,) = worker_pids() - others
    os.kill(worker, how)
    return worker


def test_a_playing_session_goes_on_with_every_cost(pool: TestClient, others: set[int]) -> None:
    with Stream.connect(pool) as stream:
        stream.configure(playing=True)
        stream.until_iteration(150)
        stream.say("set", learning_rate=0.9)
        stream.until("state")
        changed_after = stream.frames[-1]["iteration"]
        stream.until_iteration(250)
        kill_the_worker(others)
        last = stream.until_iteration(stream.frames[-1]["iteration"] + 200)["iteration"]
        costs = np.frombuffer(stream.costs(), "<f4")
    assert len(costs) == last
    assert [frame["frame"] for frame in stream.frames] == list(range(len(stream.frames)))
    # The same as without a death: continuous, and the same bits up to the change of rate.
    with Stream.connect(pool) as other:
        other.configure()
        other.say("step", iterations=changed_after)
        other.until_iteration(changed_after)
        undisturbed = np.frombuffer(other.costs(), "<f4")
    assert costs[:changed_after].tobytes() == undisturbed.tobytes()
    assert np.abs(np.diff(costs[changed_after + 5 :])).max() < 0.05


def test_a_paused_session_is_where_it_was(pool: TestClient, others: set[int]) -> None:
    with Stream.connect(pool) as stream:
        stream.configure()
        stream.say("step", iterations=123)
        stream.until("state", playing=False, iteration=123)
        stream.until_iteration(123)
        kill_the_worker(others)
        stream.say("step")
        frame = stream.until_iteration(124)
        assert frame["iteration"] == 124
        assert len(stream.costs()) == 4 * 124


def test_a_rest_run_ends_as_if_nothing_had_happened(pool: TestClient, others: set[int]) -> None:
    body = {"training": {"iterations": 60_000}}
    undisturbed = pool.post("/train", params={"wait": 30}, json=body).json()
    name = pool.post("/train", json=body).json()["id"]
    while pool.get(f"/train/{name}").json()["iteration"] < 10_000:
        a_moment()
    kill_the_worker(others)
    with Stream.connect(pool, f"/train/{name}/stream") as stream:
        stream.until("ended")
    status = pool.get(f"/train/{name}").json()
    assert {**status, "id": ""} == {**undisturbed, "id": ""}
    costs = [pool.get(f"/train/{run}/costs").json() for run in (name, undisturbed["id"])]
    assert costs[0] == costs[1]


def test_the_replacement_is_another_process_and_is_counted(
    pool: TestClient, others: set[int]
) -> None:
    dead = kill_the_worker(others)
    assert trained(pool, {}) == "finished"
    (worker,) = worker_pids() - others
    assert worker != dead
    assert "shallows_worker_restarts_total 1.0" in pool.get("/metrics").text


def test_workers_that_are_killed_again_and_again_lose_no_session(
    pool: TestClient, others: set[int]
) -> None:
    with Stream.connect(pool) as stream:
        stream.configure(playing=True)
        stream.until_iteration(20)
        killed = set(others)
        for _ in range(4):
            kill_the_next_worker(killed)
        last = stream.until_iteration(stream.frames[-1]["iteration"] + 100)["iteration"]
        assert len(stream.costs()) == 4 * last


def kill_the_next_worker(killed: set[int]) -> None:
    """Kill the next worker that appears, before it can train."""
    while True:
        for pid in worker_pids() - killed:
            os.kill(pid, signal.SIGKILL)
            killed.add(pid)
            return
        a_moment()


def worker_pids() -> set[int]:
    """The worker processes of this process that live."""
    return {worker.pid for worker in started("spawn_main", recursive=False)}


def trained(client: TestClient, plan: dict[str, object]) -> str:
    """How a run ends.

    On a busy machine another worker may be slow as well, and replaced in its turn; meanwhile nobody
    knows how far the run is (503).
    """
    run = client.post("/train", json=plan).json()["id"]
    while (status := client.get(f"/train/{run}").json()["status"]) in {"queued", "running", 503}:
        a_moment()
    return str(status)


def test_a_silent_worker_is_replaced(others: set[int]) -> None:
    settings = settings_for("pool", workers=1, round_timeout_seconds=0.5)
    with TestClient(create_app(settings)) as client:
        wait_ready(client)
        kill_the_worker(others, signal.SIGSTOP)
        assert trained(client, {}) == "finished"
        assert metric(client, "shallows_worker_restarts_total") >= 1


def test_a_worker_that_takes_no_commands_is_replaced(others: set[int]) -> None:
    settings = settings_for("pool", workers=1, round_timeout_seconds=0.5)
    points = [[index % 7, index % 5, index % 3, 1] for index in range(10_000)]
    own = {"points": points, "labels": [index % 2 for index in range(10_000)]}
    plan = {"data": own, "training": {"iterations": 1}}  # more than the pipe holds
    with TestClient(create_app(settings)) as client:
        wait_ready(client)
        kill_the_worker(others, signal.SIGSTOP)
        assert trained(client, plan) == "finished"
        assert metric(client, "shallows_worker_restarts_total") >= 1


def test_nothing_is_left_when_the_service_ends() -> None:
    before = worker_pids()
    with TestClient(create_app(settings_for("pool", workers=3))) as client:
        wait_ready(client)  # one is up, the others may still be on their way
        assert len(worker_pids() - before) == 3
    assert worker_pids() <= before


def test_a_worker_imports_nothing_of_what_drives_it() -> None:
    """A third of its start, on each processor."""
    program = """
import sys, app.training.workers.worker, app.training.host.host
not_its = ("app.settings", "pydantic_settings", "app.training.workers.driver", "multiprocessing")
print([name for name in not_its if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr
