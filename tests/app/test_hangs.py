"""A database that hangs, is locked, or is none: everybody is answered, and it comes back."""

import asyncio
import contextlib
import gc
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import httpx2 as httpx
import psycopg
import pytest
from sqlalchemy import Engine, event, insert, make_url, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import OperationalError

from app.errors import NotStored
from app.store import Store, StoreUnusable
from app.store.database import engine_of
from app.store.store import TURNS
from app.store.tables import NoteRow
from app.store.threads import Threads, TooLate
from tests.app.conftest import a_moment
from tests.app.postgresql import PostgreSQL
from tests.app.storing import database, names_there, opened, rows, run, service, session_of
from tests.app.storing import settings as settings_of
from tests.app.storing import stored as stored_of
from tests.app.stream import Stream
from tests.app.test_server import Server

ROOT = Path(__file__).parents[2]
SAVE = stored_of(session_of({}, 3))
T = TypeVar("T")


@contextmanager
def locked(url: str, how: str = "IMMEDIATE") -> Iterator[None]:
    """Another program holds the lock of SQLite's file."""
    with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as other:
        other.isolation_level = None
        other.execute(f"BEGIN {how}")
        yield
        other.execute("ROLLBACK")


@contextmanager
def table_locked(url: str) -> Iterator[None]:
    """Another connection of PostgreSQL's holds the table."""
    with psycopg.connect(url) as other:
        other.execute("LOCK TABLE runs IN ACCESS EXCLUSIVE MODE")
        yield
        other.rollback()


@contextmanager
def backends_stopped(server: PostgreSQL) -> Iterator[None]:
    """Those that serve connections stand still; the server takes new ones."""
    with psycopg.connect(server.url("postgres")) as connection:
        query = "SELECT pid FROM pg_stat_activity WHERE datname <> 'postgres'"
        pids = [pid for (pid,) in connection.execute(query)]
    try:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


KINDS = ["sqlite locked", "sqlite exclusive", "stopped", "backends stopped", "table locked"]


@pytest.fixture(params=KINDS)
def hang(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Callable[[], object]]:
    """A database, and what makes it hang."""
    kind = str(request.param)
    if kind.startswith("sqlite"):
        url = f"sqlite:///{tmp_path}/store.sqlite3"
        return url, lambda: locked(url, "EXCLUSIVE" if "exclusive" in kind else "IMMEDIATE")
    server: PostgreSQL = request.getfixturevalue("postgresql")
    url = server.database()
    ways: dict[str, Callable[[], object]] = {
        "stopped": server.stopped,
        "backends stopped": lambda: backends_stopped(server),
        "table locked": lambda: table_locked(url),
    }
    return url, ways[kind]


async def in_time(ask: Callable[[], Awaitable[T]]) -> T:
    """The answer, asked for until it comes within the short time that a test leaves the store.

    A database that answers is late now and then, on a busy machine; one that hangs always is.
    """
    while True:
        with contextlib.suppress(NotStored):
            return await ask()
        await asyncio.sleep(0.05)


def threads_of_the_store() -> int:
    return sum(thread.name.startswith("store-") for thread in threading.enumerate())


def test_all_are_answered_nothing_given_up_is_kept_and_it_comes_back(
    hang: tuple[str, Callable[[], contextlib.AbstractContextManager[None]]],
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    monkeypatch.setattr("app.store.store.ANSWER_SECONDS", 0.7)
    url, hanging = hang
    takes_new = request.node.callspec.params["hang"] == "backends stopped"

    async def work(store: Store) -> None:
        kept = [await in_time(lambda: store.save(SAVE, "me"))]
        # There is a connection that reads, too.
        assert await in_time(lambda: names_there(store, kept)) == [True]
        with hanging():
            for _ in range(2):
                saves = await asyncio.gather(
                    *(store.save(SAVE, "me") for _ in range(9)), return_exceptions=True
                )
                there = [save for save in saves if isinstance(save, str)]
                # Only where a new connection works may one be kept.
                assert takes_new or not there
                assert {type(save) for save in saves if save not in there} <= {NotStored}
                kept += there
                assert threads_of_the_store() <= before + 5
            if url.startswith("sqlite"):
                await asyncio.gather(*(in_time(lambda: store.get(kept[0])) for _ in range(9)))
            else:
                await asyncio.gather(
                    *(store.get(kept[0]) for _ in range(9)), return_exceptions=True
                )
        kept.append(await in_time(lambda: store.save(SAVE, "me")))
        assert await in_time(lambda: names_there(store, kept)) == [True] * len(kept)
        assert sorted(rows(url)) == sorted(kept)

    before = threads_of_the_store()
    with opened(url) as store:
        asyncio.run(work(store))


class TestThreads:
    def test_those_that_hang_are_left_behind_and_the_others_refused_until_one_is_back(self) -> None:
        async def work() -> None:
            threads, released = Threads("try", 2, 0.05), threading.Event()
            done: list[int] = []
            for _ in range(2):
                with pytest.raises(TooLate):
                    await threads.run(released.wait)
            for number in range(2000):  # at once, or this would take minutes
                with pytest.raises(TooLate):
                    await threads.run(partial(done.append, number))
            assert [t.name for t in threading.enumerate() if t.name.startswith("try-")] == [
                "try-1",
                "try-2",
            ]
            released.set()
            while True:
                with contextlib.suppress(TooLate):
                    assert await threads.run(lambda: 7) == 7
                    break
                await asyncio.sleep(0.01)
            assert done == []
            threads.close()
            with pytest.raises(TooLate):
                await threads.run(lambda: 7)

        asyncio.run(work())

    def test_one_that_hangs_for_ever_leaves_the_other_threads_to_the_others(self) -> None:
        async def work() -> None:
            threads, released = Threads("odd", 2, 0.05), threading.Event()
            with pytest.raises(TooLate):
                await threads.run(released.wait)
            threads._seconds = 60  # On a busy machine the other thread comes late.
            results = await asyncio.gather(*(threads.run(lambda: 7) for _ in range(20)))
            assert results == [7] * 20
            released.set()
            threads.close()

        asyncio.run(work())

    def test_a_thread_that_cannot_be_had_is_asked_for_again(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(thread: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        async def work() -> None:
            threads = Threads("none", 1, 5)
            with monkeypatch.context() as without:
                without.setattr(threading.Thread, "start", refuse)
                with pytest.raises(TooLate):
                    await threads.run(lambda: 7)
            assert await threads.run(lambda: 7) == 7
            threads.close()

        asyncio.run(work())

    def test_what_fails_after_long_is_not_waited_for_by_all(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("app.store.threads.LONG", 0.2)
        monkeypatch.setattr("app.store.threads.PATIENCE", 0.01)
        asked, released = 0, threading.Event()

        def fail() -> None:
            nonlocal asked
            asked += 1
            if asked > 1:
                released.wait()
            time.sleep(0.3)
            raise OSError("locked")

        async def work() -> None:
            threads = Threads("long", 1, 600, (OSError,))
            first = [asyncio.create_task(threads.run(fail)) for _ in range(2)]
            await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
            with pytest.raises(TooLate):  # while the second tries
                await threads.run(fail)
            released.set()
            outcomes = await asyncio.gather(*first, return_exceptions=True)
            assert [type(outcome) for outcome in outcomes] == [OSError] * 2
            assert await threads.run(lambda: 7) == 7
            assert asked == 2
            threads.close()

        asyncio.run(work())

    def test_whoever_waits_is_told_when_it_closes(self) -> None:
        async def work() -> None:
            threads, released = Threads("end", 1, 600), threading.Event()
            calls = [asyncio.create_task(threads.run(released.wait)) for _ in range(3)]
            await asyncio.sleep(0)
            threads.close()
            outcomes = await asyncio.gather(*calls, return_exceptions=True)
            assert {type(outcome) for outcome in outcomes} == {TooLate}
            released.set()

        asyncio.run(work())


def test_what_was_given_up_is_not_committed_later(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.store.store.ANSWER_SECONDS", 0.3)
    released = threading.Event()

    def slow(connection: Connection) -> None:
        connection.execute(insert(NoteRow).values(name="late", value=""))
        released.wait()

    async def work(store: Store) -> None:
        with pytest.raises(NotStored):
            await store.write(slow)
        released.set()
        await in_time(lambda: store.save(SAVE, "me"))

    with opened(url) as store:
        asyncio.run(work(store))
    with database(url) as engine, engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM notes WHERE name = 'late'")) == 0


def test_a_class_that_saves_is_told_at_once_and_not_four_by_four(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.store.store.ANSWER_SECONDS", 0.3)
    begun: list[int] = []

    async def work(store: Store) -> None:
        released = threading.Event()

        async def save(number: int) -> None:
            async with store.turn("school"):
                begun.append(number)
                await store.write(lambda connection: released.wait())

        try:
            outcomes = await asyncio.gather(*map(save, range(30)), return_exceptions=True)
        finally:
            released.set()
        assert {type(outcome) for outcome in outcomes} == {NotStored}
        assert len(begun) == TURNS

    before = threads_of_the_store()
    with opened(url) as store:
        asyncio.run(work(store))
    while threads_of_the_store() > before:
        a_moment()
    gc.collect()  # a connection that was left open makes a warning


def test_a_run_that_was_kept_although_it_was_said_not_to_be_is_kept_once(url: str) -> None:
    async def work(store: Store) -> None:
        for _ in range(2):
            await store.add("run", stored_of(session_of({}, 3), "run"), "me")

    with opened(url) as store:
        asyncio.run(work(store))
    assert rows(url) == ["run"]


def test_a_connection_that_is_cut_as_it_is_set_up_is_closed_at_once(
    postgresql: PostgreSQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgresql.database()
    engine = engine_of(make_url(url).set(drivername="postgresql+psycopg"))
    execute = psycopg.Connection.execute

    def cut(self: psycopg.Connection, query: Any, *args: Any, **options: Any) -> Any:
        if "idle_in_transaction_session_timeout" in str(query):
            raise psycopg.OperationalError("it is cut")
        return execute(self, query, *args, **options)

    with monkeypatch.context() as cutting:
        cutting.setattr(psycopg.Connection, "execute", cut)
        with pytest.raises(OperationalError) as failed:
            engine.connect()
    # What has failed is kept, and so is all that it knows: nothing is closed by chance.
    count = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s"
    with psycopg.connect(postgresql.url("postgres"), autocommit=True) as connection:
        while connection.execute(count, [make_url(url).database]).fetchone() != (0,):
            a_moment()
    assert "it is cut" in str(failed.value)
    with engine.connect():
        pass
    engine.dispose()


def test_a_full_disk_is_said_and_nothing_else_is_lost(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.sqlite3"

    def small(connection: sqlite3.Connection, record: object) -> None:
        connection.execute("PRAGMA max_page_count = 40")

    with opened(url) as store:
        name = asyncio.run(store.save(SAVE, "me"))
    event.listen(Engine, "connect", small)
    try:
        with service(url) as client, Stream.connect(client) as stream:
            session = stream.configure()["session"]
            stream.say("step", iterations=2_000)
            stream.until_iteration(2_000)
            while (refused := client.post(f"/sessions/{session}/save")).status_code == 201:
                pass
            assert (refused.status_code, refused.json()["code"]) == (503, "not_stored")
            assert client.get(f"/train/{name}").status_code == 200
    finally:
        event.remove(Engine, "connect", small)


# -- at the start ---------------------------------------------------------------------------


def why_not(url: str) -> str:
    """Why a server can't start on that."""
    with pytest.raises(StoreUnusable) as unusable:
        Store.open(settings_of(url))
    words = str(unusable.value)
    assert words.startswith("its store ")
    assert "SHALLOWS_DATABASE_URL" in words
    assert "\n" not in words
    return words


def test_a_database_that_does_not_answer_at_the_start(
    hang_at_the_end: tuple[str, Callable[[], contextlib.AbstractContextManager[None]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url, hanging = hang_at_the_end
    with opened(url):
        pass
    with hanging(), monkeypatch.context() as impatient:
        impatient.setattr("app.store.store.OPEN_SECONDS", 0.5)
        assert "does not answer" in why_not(url)
    with opened(url):
        pass


def test_one_of_a_newer_version(url: str) -> None:
    with opened(url):
        pass
    run(url, "UPDATE alembic_version SET version_num = '9999'")
    assert "newer version" in why_not(url)


def test_one_that_is_broken(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"this is no database" * 1000)
    assert "not a database" in why_not(f"sqlite:///{file}")
    assert why_not(f"sqlite:///{tmp_path}")
    with opened(f"sqlite:///{tmp_path}/good"):
        pass
    run(f"sqlite:///{tmp_path}/good", "DROP TABLE runs")
    assert "runs" in why_not(f"sqlite:///{tmp_path}/good")


def test_one_that_may_only_be_read(postgresql: PostgreSQL) -> None:
    url = postgresql.database()
    with opened(url):
        pass
    name = make_url(url).database
    postgresql.run("postgres", f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    assert "read-only" in why_not(url)


# -- at the end -----------------------------------------------------------------------------


@pytest.mark.service
def test_a_process_that_ends_waits_for_no_thread_that_hangs(tmp_path: Path) -> None:
    program = """
import asyncio, time
from app.errors import NotStored
from app.settings import Settings
from app.store import Store, store
store.ANSWER_SECONDS = store.CLOSE_SECONDS = 0.1
opened = Store.open(Settings())
async def work():
    try:
        await opened.write(lambda connection: time.sleep(10_000))
    except NotStored:
        print("given up")
    await opened.close()
asyncio.run(work())
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, "SHALLOWS_DATA_FOLDER": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "given up\n"), done.stderr


@pytest.fixture(params=["sqlite locked", "stopped"])
def hang_at_the_end(
    request: pytest.FixtureRequest, tmp_path: Path
) -> tuple[str, Callable[[], contextlib.AbstractContextManager[None]]]:
    if request.param == "stopped":
        postgresql: PostgreSQL = request.getfixturevalue("postgresql")
        return postgresql.database(), postgresql.stopped
    url = f"sqlite:///{tmp_path}/store.sqlite3"
    return url, lambda: locked(url)


def test_sigterm_ends_it_and_saves_under_way_are_answered(
    hang_at_the_end: tuple[str, Callable[[], contextlib.AbstractContextManager[None]]],
) -> None:
    url, hanging = hang_at_the_end
    server = Server(SHALLOWS_DATABASE_URL=url)
    answers: list[int] = []
    try:
        server.wait_ready()

        async def saves() -> None:
            import websockets

            address = f"ws://localhost:{server.port}/ws"
            async with (
                websockets.connect(address) as socket,
                httpx.AsyncClient(timeout=60) as client,
            ):
                await socket.send('{"type": "configure", "playing": true}')
                session = httpx.Response(200, content=await socket.recv()).json()["session"]

                sent = asyncio.Semaphore(0)

                async def trace(event: str, info: object) -> None:
                    if event == "http11.send_request_body.complete":
                        sent.release()

                async def save() -> None:
                    where = f"{server.url}/sessions/{session}/save"
                    tracing = {"trace": trace}
                    answer = await client.post(where, extensions=tracing)
                    answers.append(answer.status_code)

                with hanging():
                    tasks = [asyncio.create_task(save()) for _ in range(8)]
                    for _ in range(8):
                        await sent.acquire()
                    for _ in range(2):  # By then the server has read what came before.
                        await client.get(f"{server.url}/healthz")
                    server.process.send_signal(signal.SIGTERM)
                    await asyncio.gather(*tasks)
                    await asyncio.to_thread(server.process.wait, 60)

        asyncio.run(saves())
        assert answers == [503] * 8
    finally:
        if server.process.poll() is None:
            os.killpg(server.process.pid, signal.SIGKILL)
        _, errors = server.process.communicate()
    assert "Traceback" not in errors


def test_others_are_answered_meanwhile(
    hang_at_the_end: tuple[str, Callable[[], contextlib.AbstractContextManager[None]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("app.store.store.ANSWER_SECONDS", 0.7)
    url, hanging = hang_at_the_end
    with service(url) as client, Stream.connect(client) as stream:
        session = stream.configure()["session"]
        with hanging():
            refused = client.post(f"/sessions/{session}/save")
            assert (refused.status_code, refused.json()["code"]) == (503, "not_stored")
            assert int(refused.headers["Retry-After"]) > 0
            assert client.get("/healthz").status_code == 200
            stream.say("step", iterations=5)
            stream.until_iteration(5)
            run = client.post("/train", json={"training": {"iterations": 3}}).json()["id"]
            while client.get(f"/train/{run}").json()["status"] != "finished":
                a_moment()
        while client.post(f"/sessions/{session}/save").status_code != 201:
            a_moment()
