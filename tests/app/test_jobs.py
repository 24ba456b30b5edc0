"""REST runs whose worker, store or keeper fails: nothing is lost unsaid, nobody else waits."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from starlette.testclient import TestClient

from app.main import create_app
from app.training.messages import Progress
from tests.app.conftest import a_moment, drain, metric, services_of, settings_for, wait_ready
from tests.app.processes import started
from tests.app.storing import rows, service
from tests.app.storing import run as run_statement
from tests.app.stream import Stream

LONG = {"training": {"iterations": 1_000_000}}
SHORT = {"training": {"iterations": 3}}


@contextmanager
def pool(folder: Path, workers: int) -> Iterator[tuple[TestClient, list[psutil.Process]]]:
    """The service on worker processes, and those in the order of their drivers."""
    known = {child.pid for child in psutil.Process().children(recursive=True)}
    given: dict[str, Any] = {"workers": workers, "round_timeout_seconds": 1000}
    with TestClient(create_app(settings_for("pool", data_folder=folder, **given))) as client:
        wait_ready(client)
        new = [c for c in psutil.Process().children(recursive=True) if c.pid not in known]
        try:
            yield client, [c for c in started("spawn_main") if c.pid not in known]
        finally:
            for child in new:
                if child.is_running():
                    os.kill(child.pid, signal.SIGCONT)


def iteration_kept(client: TestClient, run: str) -> int:
    latest = services_of(client).backend.latest(run)
    return latest.checkpoint.iteration if latest else 0


def start(client: TestClient) -> str:
    """A run that trains, and of which there is a checkpoint."""
    run: str = client.post("/train", json=LONG).json()["id"]
    while not iteration_kept(client, run):
        a_moment()
    return run


def test_a_worker_that_hangs_is_waited_for_and_its_run_kept_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.training.workers.driver.ANSWER_SECONDS", 1.0)
    with pool(tmp_path, 1) as (client, (worker,)):
        run = start(client)
        os.kill(worker.pid, signal.SIGSTOP)
        for _ in range(2):
            refused = client.post(f"/train/{run}/cancel")
            assert (refused.status_code, refused.json()["code"]) == (503, "not_ready")
        os.kill(worker.pid, signal.SIGCONT)
        while client.get(f"/train/{run}").json()["status"] != "cancelled":
            a_moment()
        while metric(client, "shallows_runs_running"):
            a_moment()
        status = client.get(f"/train/{run}").json()
        assert status["iteration"] == len(client.get(f"/train/{run}/costs").json()["costs"]) > 0
    assert rows(f"sqlite:///{tmp_path}/shallows.sqlite3") == [run]


def test_the_end_keeps_the_runs_of_all_workers_also_of_one_that_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.sessions.ending.LAST_SECONDS", 0.3)
    with pool(tmp_path, 2) as (client, workers):
        runs = [start(client) for _ in range(2)]
        kept = [iteration_kept(client, run) for run in runs]
        os.kill(workers[0].pid, signal.SIGSTOP)
        drain(client)
    with service(f"sqlite:///{tmp_path}/shallows.sqlite3") as client:
        for run, before in zip(runs, kept, strict=True):
            status = client.get(f"/train/{run}").json()
            assert status["status"] == "cancelled"
            assert len(client.get(f"/train/{run}/costs").json()["costs"]) >= before > 0


@pytest.mark.parametrize("asked", ["network", "formula"])
def test_a_run_that_is_stored_while_its_worker_is_asked_is_read_from_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    with service(f"sqlite:///{tmp_path}/runs.sqlite3") as client:
        jobs, backend = services_of(client).jobs, services_of(client).backend
        run = client.post("/train", json=LONG).json()["id"]
        while not iteration_kept(client, run):
            a_moment()
        ask = backend._ask

        async def end_first(session: str, what: type[Any], index: int = 0) -> Any:
            monkeypatch.setattr(backend, "_ask", ask)
            await jobs.cancel(run)
            return await ask(session, what, index)

        monkeypatch.setattr(backend, "_ask", end_first)
        assert client.get(f"/train/{run}/{asked}").status_code == 200
        assert run not in jobs.here


def test_whoever_looks_after_a_run_is_brought_back(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with service(url, max_running_runs=1) as client:
        jobs = services_of(client).jobs
        trains, waits = (client.post("/train", json=LONG).json()["id"] for _ in range(2))

        def cancel_all() -> None:
            for task in jobs._tasks:
                task.cancel()

        assert client.portal is not None
        for _ in range(5):
            client.portal.call(cancel_all)
        assert client.post(f"/train/{trains}/cancel").json()["status"] == "cancelled"
        while client.get(f"/train/{waits}").json()["status"] != "running":
            a_moment()
        assert client.post(f"/train/{waits}/cancel").json()["status"] == "cancelled"
    assert "is not looked after" in caplog.text
    assert sorted(rows(url)) == sorted([trains, waits])


def test_a_run_that_cant_be_kept_gives_its_place_to_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"sqlite:///{tmp_path}/store.sqlite3"
    with service(url, max_running_runs=1) as client:
        store = services_of(client).store
        add, poison = store.add, client.post("/train", json=LONG).json()["id"]

        async def refuse(run: str, *rest: Any) -> None:
            if run == poison:
                raise ValueError("no such row")
            await add(run, *rest)

        monkeypatch.setattr(store, "add", refuse)
        waits = client.post("/train", json=SHORT).json()["id"]
        client.post(f"/train/{poison}/cancel")
        while client.get(f"/train/{waits}").json()["status"] != "finished":
            a_moment()
        assert client.get(f"/train/{poison}").status_code == 404
    assert "is lost" in caplog.text
    assert rows(url) == [waits]


def test_whoever_waits_for_a_run_is_answered_as_the_server_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.services.DRAIN_SECONDS", 0.2)
    answers = []
    with service(f"sqlite:///{tmp_path}/store.sqlite3") as client:

        def wait() -> None:
            answers.append(client.post("/train?wait=30", json=LONG))

        waits = threading.Thread(target=wait)
        waits.start()
        while not metric(client, "shallows_runs_running"):
            a_moment()
        run_statement(f"sqlite:///{tmp_path}/store.sqlite3", "ALTER TABLE runs RENAME TO away")
        drain(client)
        waits.join()
    (answer,) = answers
    assert (answer.status_code, answer.json()["code"]) == (503, "going_away")


def test_what_is_told_twice_is_told_once(url: str) -> None:
    with service(url) as client:
        jobs = services_of(client).jobs
        run = client.post("/train", json=LONG).json()["id"]
        job = jobs.here[run]

        def say_twice() -> None:
            for _ in range(2):
                jobs._hear(job, Progress(run, "finished", 7))

        assert client.portal is not None
        client.portal.call(say_twice)
        while metric(client, "shallows_runs_running"):
            a_moment()
        client.portal.call(say_twice)
        assert client.get(f"/train/{run}").status_code == 200
    assert rows(url) == [run]


def test_a_run_is_watched_from_its_place_in_the_queue_on() -> None:
    with TestClient(create_app(settings_for("inline", max_running_runs=1))) as client:
        first, second = (client.post("/train", json=LONG).json()["id"] for _ in range(2))
        with Stream.connect(client, f"/train/{second}/stream") as stream:
            client.post(f"/train/{first}/cancel")
            stream.until_iteration(10)
