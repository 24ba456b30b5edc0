"""Heavy work in processes of its own: real ones, which are killed, stopped and kept waiting."""

import asyncio
import contextlib
import http.client
import json
import os
import resource
import signal
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import numpy as np
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from starlette.testclient import TestClient

from app.errors import Busy, Full, GoingAway, InvalidField
from app.exports.text import numbers
from app.fairness import Allowance, Turns
from app.heavy.pool import Outcome, Pool
from app.main import create_app
from app.schemas import VectorizingRequest
from tests.app.conftest import a_moment, metric, services_of, settings_for, wait_ready
from tests.browser.harness import running_server

SMALL = VectorizingRequest(examples=10)


async def small() -> Sequence[Any]:
    return (SMALL,)


async def answer_of(pool: Pool, client: str = "a") -> dict[str, Any]:
    answer = await pool.call(client, "vectorizing", small)
    try:
        timing: dict[str, Any] = json.loads(b"".join(answer.chunks()))
        return timing
    finally:
        answer.close()


@asynccontextmanager
async def a_pool(**changes: object) -> AsyncIterator[Pool]:
    pool = Pool(settings_for("inline", **{"heavy_processes": 1, **changes}))
    try:
        async with asyncio.timeout(300):
            yield pool
    finally:
        await pool.stop()
        assert pids_of(pool) == []


def pids_of(pool: Pool) -> list[int]:
    """Of the processes of all children there are."""
    there = [*pool._idle, *filter(None, pool._busy.values())]
    return [child._process.pid for child in there if child.alive]


async def until(true: Callable[[], object]) -> None:
    while not true():  # noqa: ASYNC110
        await asyncio.sleep(0.005)


class Held:
    """A call that has its turn, and keeps it until it is let go."""

    def __init__(self, pool: Pool, client: str) -> None:
        self.go = asyncio.Event()
        self.has_its_turn = asyncio.Event()

        async def prepare() -> Sequence[Any]:
            self.has_its_turn.set()
            await self.go.wait()
            return (SMALL,)

        self.task = asyncio.create_task(pool.call(client, "vectorizing", prepare))

    async def end(self) -> None:
        self.go.set()
        (await self.task).close()


# -- the children ---------------------------------------------------------------------------


def test_a_child_is_started_when_needed_and_kept() -> None:
    async def run() -> None:
        async with a_pool() as pool:
            assert pids_of(pool) == []
            assert (await answer_of(pool))["examples"] == 10
            (pid,) = pids_of(pool)
            await answer_of(pool, "b")
            assert pids_of(pool) == [pid]
            if hasattr(os, "getpriority"):
                assert os.getpriority(os.PRIO_PROCESS, pid) > os.getpriority(os.PRIO_PROCESS, 0)

    asyncio.run(run())


def test_a_child_that_was_killed_costs_nobody_a_call_and_one_under_a_call_only_that() -> None:
    async def run() -> None:
        async with a_pool() as pool:
            await answer_of(pool)
            (first,) = pids_of(pool)
            os.kill(first, signal.SIGKILL)
            await answer_of(pool)
            (second,) = pids_of(pool)
            assert second != first
            os.kill(second, signal.SIGSTOP)
            under_way = asyncio.create_task(answer_of(pool))
            killed: set[int] = set()
            while not under_way.done():  # whatever it is given to, as a poison would
                for pid in set(pids_of(pool)) - killed:
                    os.kill(pid, signal.SIGKILL)
                    killed.add(pid)
                await asyncio.sleep(0.001)
            with pytest.raises(Busy):
                await under_way
            assert len(killed) == 2
            await answer_of(pool)

    asyncio.run(run())


def test_a_child_that_was_stopped_is_replaced_and_costs_one_call() -> None:
    async def run() -> None:
        async with a_pool() as pool:
            await answer_of(pool)
            (stopped,) = pids_of(pool)
            os.kill(stopped, signal.SIGSTOP)
            # Only for the one that is to be late: another child may take long to come up.
            patient = pool._settings
            pool._settings = patient.model_copy(update={"heavy_seconds": 1.0})
            waiting = asyncio.create_task(answer_of(pool))
            await until(lambda: pool.running)
            pool._settings = patient
            behind = asyncio.create_task(answer_of(pool, "b"))
            with pytest.raises(Busy, match="longer than"):
                await waiting
            assert (await behind)["equal"]
            assert pool.killed == 1
            assert not psutil.pid_exists(stopped)

    asyncio.run(run())


def test_a_child_that_cannot_be_started_is_started_once_it_can() -> None:
    async def run() -> None:
        async with a_pool() as pool:
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            os.close(free := os.dup(0))  # of those below it none is free
            resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
            try:
                for _ in range(3):
                    with pytest.raises(Busy):
                        await answer_of(pool)
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            assert (await answer_of(pool))["equal"]

    asyncio.run(run())


def test_what_a_child_finds_wrong_is_told_as_if_it_were_found_here() -> None:
    async def run() -> None:
        async with a_pool() as pool:

            async def table() -> Sequence[Any]:
                return b"1,2\n3,4\n", (0, 1, 7), "classification", False

            with pytest.raises(InvalidField, match="label must be from 0 to 1") as refused:
                await pool.call("a", "table", table)
            assert refused.value.problem()["errors"][0]["field"] == "label"
            (pid,) = pids_of(pool)

            async def nonsense() -> Sequence[Any]:
                return ("nonsense",)

            with pytest.raises(RuntimeError, match="AttributeError"):
                await pool.call("a", "vectorizing", nonsense)
            await answer_of(pool)
            assert pids_of(pool) == [pid]

    asyncio.run(run())


def test_the_pool_ends_at_once_whatever_its_children_do() -> None:
    async def run() -> None:
        async with a_pool(heavy_processes=2) as pool:
            # A child may take longer to come up than a call may take to be fetched.
            await answer_of(pool, "b")
            held = Held(pool, "a")
            await held.has_its_turn.wait()
            stopped = psutil.Process(pids_of(pool)[0])
            stopped.suspend()
            under_way = asyncio.create_task(answer_of(pool, "b"))
            waiting = asyncio.create_task(answer_of(pool, "c"))
            await until(lambda: pool.queued)
            await pool.stop()
            with pytest.raises(GoingAway):
                await waiting
            with pytest.raises(GoingAway):
                await under_way
            with pytest.raises(GoingAway):
                await answer_of(pool)
            assert not stopped.is_running()
            held.task.cancel()
            await asyncio.wait([held.task])

    asyncio.run(run())


# -- who is served when ---------------------------------------------------------------------


def test_an_address_with_one_call_does_not_wait_behind_all_of_another() -> None:
    async def run() -> None:
        async with a_pool() as pool:
            order: list[str] = []

            async def one(client: str) -> None:
                async def prepare() -> Sequence[Any]:
                    order.append(client)
                    return (SMALL,)

                (await pool.call(client, "vectorizing", prepare)).close()

            held = Held(pool, "flood")
            await held.has_its_turn.wait()
            calls = [asyncio.create_task(one("flood")) for _ in range(30)]
            await until(lambda: pool.queued == 30)
            calls.append(asyncio.create_task(one("class")))
            await until(lambda: pool.queued == 31)
            await held.end()
            await asyncio.gather(*calls)
            assert order.index("class") == 0
            assert order.count("flood") == 30

    asyncio.run(run())


def test_turns_go_by_the_time_that_each_has_had() -> None:
    turns = Turns(0.02)
    served = []
    for _ in range(40):
        client = turns.order(["long", "short"])[0]
        turns.begins(client)
        turns.took(client, 1.0 if client == "long" else 0.1)
        served.append(client)
    assert 3 <= served.count("long") <= 5


def test_too_many_calls_of_one_address_are_refused_and_of_all_the_longest_queue_gives_way() -> None:
    async def run() -> None:
        async with a_pool(heavy_calls_per_client=3, heavy_calls=4) as pool:
            held = Held(pool, "a")
            await held.has_its_turn.wait()
            waiting = [asyncio.create_task(answer_of(pool, "a")) for _ in range(2)]
            await until(lambda: pool.queued == 2)
            with pytest.raises(Full) as refused:
                await answer_of(pool, "a")
            assert refused.value.status == 429
            assert refused.value.headers["Retry-After"] == "5"
            others = [asyncio.create_task(answer_of(pool, other)) for other in "bc"]
            await until(lambda: waiting[1].done())
            with pytest.raises(Full):
                await waiting[1]
            with pytest.raises(Full):
                await answer_of(pool, "d")  # nobody has more than one waiting
            await held.end()
            for call in [waiting[0], *others]:
                assert (await call)["equal"]

    asyncio.run(run())


def test_whoever_waits_too_long_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.heavy.pool.WAITING_SECONDS", 0.05)

    async def run() -> None:
        async with a_pool() as pool:
            held = Held(pool, "a")
            await held.has_its_turn.wait()
            with pytest.raises(Busy, match="no turn"):
                await answer_of(pool, "b")
            assert pool.queued == 0
            await held.end()

    asyncio.run(run())


def test_what_a_call_is_about_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.heavy.pool.FETCHING_SECONDS", 0.05)

    async def run() -> None:
        async with a_pool() as pool:
            held = Held(pool, "a")
            with pytest.raises(Busy, match="longer than"):
                await held.task
            assert (await answer_of(pool))["equal"]

    asyncio.run(run())


@pytest.mark.parametrize("when", ["waiting", "running"])
def test_a_call_that_is_given_up_leaves_its_place(when: str) -> None:
    async def run() -> None:
        async with a_pool(heavy_calls_per_client=1) as pool:
            await answer_of(pool)
            held = Held(pool, "other") if when == "waiting" else None
            if held is not None:
                await held.has_its_turn.wait()
            else:
                os.kill(pids_of(pool)[0], signal.SIGSTOP)
            call = asyncio.create_task(answer_of(pool))
            await until(lambda: pool.queued if held else pool.running)
            call.cancel()
            await asyncio.wait([call])
            if held is not None:
                await held.end()
            assert (pool.queued, pool.running) == (0, 0)
            assert pool.killed == (when == "running")
            assert (await answer_of(pool))["equal"]

    asyncio.run(run())


# -- answers --------------------------------------------------------------------------------


@given(arrays(np.float64, st.integers(0, 30)))
@settings(max_examples=100, deadline=None)
def test_numbers_read_back_to_the_same(values: Any) -> None:
    parsed = json.loads("".join(str(part) for part in numbers(values)))
    expected = [value if np.isfinite(value) else None for value in values.tolist()]
    assert parsed == expected
    assert [str(value) for value in parsed] == [str(value) for value in expected]  # -0.0 as well


def test_a_long_answer_is_kept_elsewhere_and_bounded_for_each_address() -> None:
    async def run() -> None:
        async with a_pool() as pool:
            pool.room = Allowance(4_000_000, 8_000_000)
            costs = np.random.default_rng(0).normal(size=100_000)

            async def prepare() -> Sequence[Any]:
                return (costs,)

            answer: Outcome = await pool.call("a", "costs", prepare)
            assert json.loads(b"".join(answer.chunks()))["costs"] == costs.tolist()
            assert max(map(len, answer.chunks())) <= 65_536
            with pytest.raises(Full, match="long answers"):
                await pool.call("a", "costs", prepare)
            (await pool.call("b", "costs", prepare)).close()
            answer.close()
            (await pool.call("a", "costs", prepare)).close()

    asyncio.run(run())


# -- over the wire --------------------------------------------------------------------------


@contextmanager
def serving(**changes: object) -> Iterator[TestClient]:
    app = create_app(settings_for("inline", heavy_processes=1, **changes))
    with TestClient(app, raise_server_exceptions=False) as client:
        wait_ready(client)
        yield client


def pids(client: TestClient) -> list[int]:
    return pids_of(services_of(client).heavy)


def test_beyond_the_bound_of_an_address_there_is_429_with_retry_after() -> None:
    with serving(heavy_calls_per_client=1) as client:
        assert client.post("/vectorizing", json={}).status_code == 200
        (pid,) = pids(client)
        os.kill(pid, signal.SIGSTOP)
        answers = []
        first = threading.Thread(
            target=lambda: answers.append(client.post("/vectorizing", json={}))
        )
        first.start()
        while not metric(client, "shallows_heavy_running"):
            a_moment()
        refused = client.get("/datasets/circle", params={"examples": 5000})
        assert refused.status_code == 429
        assert refused.json()["code"] == "full"
        assert int(refused.headers["retry-after"]) >= 1
        assert metric(client, "shallows_refused_total", code="full") == 1
        assert client.get("/readyz").status_code == 200
        assert client.get("/datasets/circle").status_code == 200  # which is small
        os.kill(pid, signal.SIGCONT)
        first.join()
        assert answers[0].status_code == 200


def test_what_a_large_body_says_is_what_a_small_one_says() -> None:
    with serving() as client:
        data = {"points": [[i / 7, -i / 3] for i in range(2000)], "labels": [0, 1] * 1000}
        body = {"data": data, "training": {"iterations": 3}}
        answer = client.post("/train", params={"wait": 30}, json=body)
        assert answer.json()["status"] == "finished"
        lines = client.get(f"/train/{answer.json()['id']}/data.csv").text.splitlines()
        assert lines[3].startswith(f"{2 / 7},{-2 / 3},0,")
        for spoilt, words in (
            ({**body, "data": {**data, "labels": [0, 1]}}, "data.labels has 2 entries"),
            ({**body, "colour": "x" * 9000}, "colour is not a field"),
            ({**body, "data": {**data, "points": [["x"]] * 9990}}, "data.points.0.0 must be a num"),
            ({f"field{i}": i for i in range(5000)}, "5000 fields"),
        ):
            refused = client.post("/train", json=spoilt)
            assert refused.status_code == 422
            assert words in refused.json()["detail"]
            assert len(refused.content) < 20_000
        for nonsense in (b"[" * 100_000, b'{"a": ' * 3000, b"1" * 1_900_000, b'"' * 90_001):
            headers = {"content-type": "application/json"}
            refused = client.post("/train", content=nonsense, headers=headers)
            assert refused.status_code == 400
            assert refused.json()["code"] == "invalid_json"
        odd = {"content-type": "application/problem+json"}
        assert client.post("/train", content=json.dumps(body), headers=odd).status_code == 415
        points = [[i / 9, i] for i in range(3000)]
        known = {"model": answer.json()["id"], "points": points}
        predicted = client.post("/predict", json=known).json()
        few = client.post("/predict", json={**known, "points": points[:3]}).json()
        assert predicted["probabilities"][:3] == few["probabilities"]
        assert predicted["labels"] == [int(p >= 0.5) for p in predicted["probabilities"]]


def test_costs_are_told_to_the_bit_however_many() -> None:
    with serving() as client:
        body = {"training": {"iterations": 3000}}
        name = client.post("/train", params={"wait": 30}, json=body).json()["id"]
        costs = client.get(f"/train/{name}/costs").json()
        assert costs["first_iteration"] == 0
        assert len(costs["costs"]) == 3000
        lines = client.get(f"/train/{name}/costs.csv").text.splitlines()
        assert [float(line.split(",")[1]) for line in lines[1:]] == costs["costs"]


def test_a_client_that_has_gone_is_worked_for_no_more_and_nothing_outlives_the_server() -> None:
    with running_server() as server:

        def ask(path: str = "/vectorizing") -> int:
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=300)
            headers = {"Content-Type": "application/json"}
            with contextlib.closing(connection):
                connection.request("POST", path, "{}", headers)
                return connection.getresponse().status

        def children() -> list[psutil.Process]:
            all_of_them = psutil.Process(server.pid).children(recursive=True)
            return [child for child in all_of_them if "app.heavy.child" in child.cmdline()]

        def running() -> float:
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=300)
            with contextlib.closing(connection):
                connection.request("GET", "/metrics")
                text = connection.getresponse().read().decode()
            (line,) = [x for x in text.splitlines() if x.startswith("shallows_heavy_running ")]
            return float(line.split()[1])

        def leave_waiting() -> socket.socket:
            gone = socket.create_connection(("127.0.0.1", server.port))
            gone.sendall(
                b"POST /vectorizing HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                b"Content-Length: 2\r\n\r\n{}"
            )
            while not running():
                a_moment()
            return gone

        assert ask() == 200
        (child,) = children()
        child.suspend()
        leave_waiting().close()
        while running():
            a_moment()
        child.wait(30)
        assert ask() == 200
        # SIGTERM, with a call in a child that is stopped: `stop` waits for a bounded time.
        (child,) = children()
        child.suspend()
        with leave_waiting():
            server.stop()
        child.wait(30)
        server.start()
        # And a server that is killed, whose children work, rest or are stopped.
        assert ask() == 200
        (child,) = children()
        child.suspend()
        with leave_waiting():
            server.kill()
        child.wait(30)
