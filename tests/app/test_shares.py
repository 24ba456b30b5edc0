"""What one address can fill, and whom it can't push out: rows, queues, places, turns."""

import asyncio
import contextlib
import random
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from app.errors import Full
from app.fairness import FairQueue, Places
from app.main import create_app
from app.store import Store
from app.store.rows import row_of
from app.store.sessions import SessionUpdate, StoredSessions
from app.store.tables import RunRow, SessionRow
from tests.app.conftest import metric, settings_for
from tests.app.storing import database, names_there, opened, session_of, settings
from tests.app.storing import stored as stored_of
from tests.app.stream import Stream

SAVE = stored_of(session_of({}, 3))
RUN = stored_of(session_of({}, 3), "run")
LARGE = stored_of(session_of({}, 2000))
SIZE, LARGE_SIZE = row_of(SAVE)["size"], row_of(LARGE)["size"]


def held(url: str) -> dict[str, int]:
    """How many rows each client has."""
    with database(url) as engine, engine.connect() as connection:
        return Counter(connection.scalars(select(RunRow.client)))


async def fill(store: Store, client: str, times: int) -> list[str]:
    return [await store.save(SAVE, client) for _ in range(times)]


def test_whoever_floods_pushes_out_their_own_and_whoever_comes_finds_room(url: str) -> None:
    async def work(store: Store) -> None:
        flood = await fill(store, "flood", 6)
        with pytest.raises(Full):
            await store.save(SAVE, "flood")
        assert await names_there(store, flood) == [True] * 6
        # Also within its safe days: it has more than its share.
        others = await fill(store, "other", 2)
        assert await names_there(store, flood) == [False] * 2 + [True] * 4
        with pytest.raises(Full):
            await store.save(SAVE, "flood")
        others += await fill(store, "other", 1)
        for client in ("flood", "other"):  # each has its share, and no more
            with pytest.raises(Full):
                await store.save(SAVE, client)
        third = await fill(store, "third", 2)
        assert await names_there(store, third) == [True, True]
        assert sorted(held(url).values()) == [2, 2, 2]

    with opened(url, max_saves=6) as store:
        asyncio.run(work(store))


def test_by_bytes_it_is_the_same(url: str) -> None:
    async def work(store: Store) -> None:
        large = [await store.save(LARGE, "flood") for _ in range(2)]
        small = await fill(store, "other", 8)
        assert await names_there(store, [*large, *small]) == [False, True, *[True] * 8]
        with pytest.raises(Full):
            await store.save(LARGE, "flood")

    with opened(url, max_saves_bytes=2 * LARGE_SIZE + SIZE) as store:
        asyncio.run(work(store))


def test_runs_push_out_those_of_their_own_address(url: str) -> None:
    async def work(store: Store) -> list[bool]:
        await store.add("mine", RUN, "me")
        for number in range(9):
            await store.add(f"flood{number}", RUN, "flood")
        return await names_there(store, ["mine", "flood4", "flood5", "flood8"])

    with opened(url, max_finished_runs=5) as store:
        assert asyncio.run(work(store)) == [True, False, True, True]


def test_what_is_not_safe_any_more_gives_way_to_whoever_comes(url: str) -> None:
    now = 0.0

    async def work(store: Store) -> None:
        nonlocal now
        (old,) = await fill(store, "a", 1)
        with pytest.raises(Full):  # of two that have one each, the first has its own
            await store.save(SAVE, "b")
        now += 8 * 86_400
        (new,) = await fill(store, "b", 1)
        assert await names_there(store, [old, new]) == [False, True]

    with opened(url, lambda: now, max_saves=1) as store:
        asyncio.run(work(store))


def test_an_address_within_its_share_loses_nothing_to_others(tmp_path: Path) -> None:
    url, rng = f"sqlite:///{tmp_path}/store", random.Random(11)
    clients = ["a", "b", "c", "d"]
    kept: dict[str, deque[str]] = {client: deque() for client in clients}

    async def work(store: Store) -> None:
        for _ in range(120):
            (client,) = rng.choices(clients, [20, 5, 2, 1])
            try:
                kept[client].append(await store.save(SAVE, client))
            except Full:
                assert len(kept[client]) >= 12 // len(clients)
            for others in kept.values():
                there = await names_there(store, list(others))
                assert there == sorted(there)  # the oldest of its own went
                gone = there.count(False)
                assert len(others) - gone >= min(len(others), 12 // len(clients))
                for _ in range(gone):
                    others.popleft()
            assert sum(map(len, kept.values())) <= 12

    with opened(url, max_saves=12) as store:
        asyncio.run(work(store))
    assert all(len(theirs) >= 1 for theirs in kept.values())


def test_a_class_saves_beside_a_flood(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store"

    async def one(store: Store, client: str) -> str:
        async with store.turn(client):
            return await store.save(SAVE, client)

    async def flood(store: Store) -> None:
        while True:
            with contextlib.suppress(Full):
                await one(store, "flood")

    async def work(store: Store) -> None:
        await fill(store, "flood", 100)
        floods = [asyncio.create_task(flood(store)) for _ in range(8)]
        names = await asyncio.gather(*(one(store, "class") for _ in range(75)))
        for task in floods:
            task.cancel()
        await asyncio.gather(*floods, return_exceptions=True)
        assert all(await names_there(store, names))

    with opened(url, max_saves=160) as store:
        asyncio.run(work(store))


def test_saves_that_wait_are_counted_for_each_address(url: str) -> None:
    async def one(store: Store, client: str) -> str:
        async with store.turn(client):
            return await store.save(SAVE, client)

    async def burst(store: Store) -> list[str | BaseException]:
        flood = [one(store, "flood") for _ in range(12)]
        return await asyncio.gather(*flood, one(store, "other"), return_exceptions=True)

    with opened(url, max_waiting_saves=7) as store:
        outcomes = asyncio.run(burst(store))
    assert [type(outcome) for outcome in outcomes] == [str] * 7 + [Full] * 5 + [str]


def test_sessions_push_out_those_of_their_own_address(url: str) -> None:
    def part(name: str, client: str) -> SessionUpdate:
        checkpoint = SAVE.checkpoint
        assert checkpoint is not None
        costs = [run.tobytes() for run in checkpoint.costs]
        return SessionUpdate(name, client, checkpoint, None, costs, len(costs[0]), settled=False)

    async def work(store: Store) -> None:
        sessions = StoredSessions(store, settings(url, max_stored_sessions=4))
        await sessions.keep([part("mine", "me")], ())
        for number in range(9):
            await sessions.keep([part(f"flood{number}", "flood")], ())
        there = [await sessions.get(name) for name in ("mine", "flood5", "flood6", "flood8")]
        assert [one is not None for one in there] == [True, False, True, True]

    with opened(url) as store:
        asyncio.run(work(store))
    with database(url) as engine, engine.connect() as connection:
        assert len(set(connection.scalars(select(SessionRow.client)))) == 2


def test_no_address_is_kept_nor_what_tells_it(url: str, tmp_path: Path) -> None:
    address = "192.0.2.77"
    with opened(url) as store:
        asyncio.run(fill(store, address, 2))
    with opened(url) as store:
        asyncio.run(fill(store, address, 1))
    with database(url) as engine, engine.connect() as connection:
        names = set(connection.scalars(select(RunRow.client)))
        assert len(names) == 1  # the same after a restart
    (name,) = names
    assert len(name) == 5  # of 2^32 addresses, 4,096 have the same
    with opened(f"sqlite:///{tmp_path}/another") as store:
        others = {store.notes.client(address), *(store.notes.client(str(n)) for n in range(50))}
        assert name not in others
        assert len(others) > 45


# -- queues and places ----------------------------------------------------------------------


def test_addresses_take_turns_in_a_queue() -> None:
    queue: FairQueue[str] = FairQueue()
    for item in ("a1", "a2", "a3", "b1", "c1", "b2"):
        queue.put(item[0], item)
    queue.remove("c", "c1")
    queue.remove("c", "none")
    assert (len(queue), queue.of("a"), queue.of("c")) == (5, 3, 0)
    assert queue.take(lambda client: client != "a") == "b1"
    assert [queue.take() for _ in range(5)] == ["a1", "b2", "a2", "a3", None]


def test_turns_are_passed_on_also_by_those_who_leave() -> None:
    async def work() -> None:
        turns, let_in = Places(1), []

        async def one(name: str) -> None:
            async with turns.turn(name[0]):
                let_in.append(name)
                await asyncio.sleep(0)

        tasks = {name: asyncio.create_task(one(name)) for name in ("a1", "a2", "a3", "b1", "b2")}
        await asyncio.sleep(0)
        tasks["a2"].cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)
        assert let_in == ["a1", "a3", "b1", "b2"] or let_in == ["a1", "b1", "a3", "b2"]
        await turns.quiet()
        # One that is let in just as it goes away passes its turn on.
        async with turns.turn("a"):
            tasks = {name: asyncio.create_task(one(name)) for name in ("a4", "b4")}
            await asyncio.sleep(0)
        tasks["a4"].cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)
        assert let_in[4:] == ["b4"]
        async with turns.turn("a"):
            refused = asyncio.create_task(one("b5"))
            await asyncio.sleep(0)
            turns.refuse(Full("no", 1))
            with pytest.raises(Full):
                await refused
        await turns.quiet()

    asyncio.run(work())


LONG = {"training": {"iterations": 1_000_000}}


@contextmanager
def two_addresses(**changes: object) -> Iterator[tuple[TestClient, TestClient]]:
    """The service, and a client of it at each of two addresses."""
    app = create_app(settings_for("inline", **changes))
    with TestClient(app) as here:
        there = TestClient(app, client=("10.0.0.9", 1))
        there.portal = here.portal
        yield here, there


def test_a_flood_of_runs_leaves_places_to_wait_and_to_train_for_others() -> None:
    with two_addresses(max_running_runs=2, max_queued_runs=1) as (flood, other):
        answers = [flood.post("/train", json=LONG) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [202, 202, 429]
        assert metric(flood, "shallows_runs_running") == 1
        status = other.post("/train?wait=30", json={"training": {"iterations": 3}}).json()
        assert status["status"] == "finished"
        for _ in range(2):
            assert other.post("/train", json=LONG).status_code == 202
        assert other.post("/train", json=LONG).status_code == 429
        assert metric(flood, "shallows_runs_running") == 2


def test_runs_are_counted_in_bytes_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.sessions.jobs.MOST_RUN_BYTES", 600_000)
    points = [[k / 100, k / 200] for k in range(200)]
    large = {**LONG, "data": {"points": points, "labels": [0, 1] * 100}}
    with two_addresses(max_running_runs=1) as (flood, other):
        flood.post("/train", json=LONG)
        answers = [flood.post("/train", json=large).status_code for _ in range(6)]
        assert answers == sorted(answers)
        assert 1 <= answers.count(202) <= 4
        assert answers[-1] == 429
        assert other.post("/train", json=large).status_code == 202


@pytest.mark.parametrize("bound", ["places", "bytes"])
def test_watchers_of_a_flood_give_way_to_whoever_comes(
    bound: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if bound == "bytes":
        monkeypatch.setattr("app.sessions.watching.MOST_WATCHED_BYTES", 3 * 3 * 8)
    with two_addresses(max_watchers_in_all=3 if bound == "places" else 100) as (flood, other):
        run = flood.post("/train?wait=30", json={"training": {"iterations": 3}}).json()["id"]
        path = f"/train/{run}/stream"
        with (
            Stream.connect(flood, path) as first,
            Stream.connect(flood, path) as second,
            Stream.connect(flood, path) as third,
        ):
            for stream in (first, second, third):
                stream.until_iteration(3)
            with Stream.connect(other, path) as newcomer:
                newcomer.until_iteration(3)
                with pytest.raises(ConnectionError, match="1013"):
                    third.until("never")
                with Stream.connect(other, path) as one_more:  # it would have as many
                    assert one_more.hear()["code"] == "full"
                first.say("view", resolution=8)
                first.until("frame")
