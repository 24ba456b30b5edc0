"""The store itself, on SQLite and on PostgreSQL alike: tables, bits, retention."""

import asyncio
import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from safetensors import numpy as safetensors
from sqlalchemy import text
from sqlalchemy.engine import Connection

from app.errors import Full, NotFound
from app.schemas import Edit, Set
from app.store import Store, StoredRun, StoreUnusable
from app.store.database import config_for, url_of
from app.store.rows import row_of
from app.store.tables import Base
from app.training.session import Session
from tests.app.postgresql import PostgreSQL
from tests.app.storing import (
    database,
    names_there,
    opened,
    rows,
    run,
    session_of,
    settings,
    stored,
)

ROOT = Path(__file__).parents[2]
DAY = 86_400.0


# -- the tables -----------------------------------------------------------------------------


def test_migrations_make_what_the_models_say_and_keep_what_is_there(url: str) -> None:
    session = session_of({}, 3)
    with opened(url) as store:
        name = asyncio.run(store.save(stored(session), "me"))
    with database(url) as engine, engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []
        assert context.get_current_revision() == "0005"
    with opened(url) as store:
        assert asyncio.run(store.get(name)) is not None


def test_a_database_without_an_encoding_has_all_letters(postgresql: PostgreSQL) -> None:
    postgresql.run("postgres", "CREATE DATABASE plain TEMPLATE template0 ENCODING SQL_ASCII")
    letters = "Größe, θ₁, 🦊"
    said = text("SELECT CAST(:said AS text)")
    with opened(postgresql.url("plain")) as store:
        heard = asyncio.run(store.read(lambda c: c.scalar(said, {"said": letters})))
    assert heard == letters


def test_servers_that_start_together_take_turns(url: str) -> None:
    errors: list[BaseException] = []

    def start() -> None:
        try:
            with opened(url):
                pass
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=start) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_sqlite_writes_ahead_and_to_the_disk(tmp_path: Path) -> None:
    assert url_of("", tmp_path) == url_of(None, tmp_path)
    with database(f"sqlite:///{tmp_path}/new") as engine, engine.connect() as connection:
        assert connection.scalar(text("PRAGMA journal_mode")) == "wal"
        assert connection.scalar(text("PRAGMA synchronous")) == 2  # FULL


@pytest.mark.parametrize("bad", ["mysql://a:b@c/d", "sqlite://", "sqlite:///:memory:", "no url"])
def test_another_database_is_refused_without_a_word_of_its_password(bad: str) -> None:
    with pytest.raises(StoreUnusable, match="SHALLOWS_DATABASE_URL"):
        Store.open(settings(bad))
    hidden = settings("postgresql://me:very-secret@127.0.0.1:1/none")
    assert "very-secret" not in repr(hidden)
    with pytest.raises(StoreUnusable) as unusable:
        Store.open(hidden)
    assert "very-secret" not in str(unusable.value)
    assert "me:***@127.0.0.1:1/none" in str(unusable.value)


def test_a_server_without_a_store_says_why_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = subprocess.run(
        [sys.executable, "-m", "app"],
        cwd=ROOT,
        env={"PORT": "0", "SHALLOWS_DATA_FOLDER": str(tmp_path / "file" / "folder")},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("Shallows can't start: its store sqlite:///")
    assert "SHALLOWS_DATA_FOLDER" in done.stderr
    assert len(done.stderr.splitlines()) == 1


# -- to the bit -----------------------------------------------------------------------------

PLANS: dict[str, dict[str, Any]] = {
    "default": {},
    "adam in batches": {
        "runs": [{"training": {"optimizer": "adam", "batch_size": 7, "learning_rate": 0.01}}]
    },
    "two networks": {
        "data": {"dataset": "spiral", "features": ["x1", "x2", "sin_x1"]},
        "runs": [
            {
                "label": "µ \u0000",
                "network": {"layers": [{"units": 3, "activation": "leaky_relu"}]},
            },
            {"network": {"layers": []}, "training": {"optimizer": "rmsprop"}},
        ],
    },
    "own points, regression": {
        "data": {
            "points": [[0, 0], [1, 0.1], [2, -3]],
            "labels": [0, 1.5, 2],
            "task": "regression",
        },
        "runs": [{"training": {"optimizer": "momentum", "learning_rate": 0.001}}],
    },
    "diverged": {
        "data": {"dataset": "plane"},
        "runs": [{"training": {"learning_rate": 100}, "network": {"layers": []}}],
    },
}


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS.keys())
def test_a_session_comes_back_to_the_bit_and_goes_on_to_the_same(
    url: str, plan: dict[str, Any]
) -> None:
    session = session_of(plan, 40)
    session.set(Set.model_validate({"type": "set", "learning_rate": 0.07, "l2": 1e-3}))
    session.set(Set.model_validate({"type": "set", "stop": {"cost": 1e-9, "patience": 500}}))
    if not session.diverged:
        edit = {"type": "edit", "layer": 1, "unit": 0, "input": None, "value": 1 / 3}
        session.edit(Edit.model_validate({**edit, "frozen": True}))
    session.advance(23)
    with opened(url) as store:
        name = asyncio.run(store.save(stored(session, page="#dataset=xor"), "me"))
    with opened(url) as store:
        kept = asyncio.run(store.get(name))
    assert kept is not None
    assert (kept.page, kept.iterations, kept.progress.session) == ("#dataset=xor", 5000, name)
    checkpoint = kept.checkpoint
    assert checkpoint is not None
    again = Session.restore(checkpoint)
    for _ in range(2):
        assert again.plan == session.plan
        assert same(again.checkpoint(), session.checkpoint())
        session.advance(31)
        again.advance(31)
    # Back before the changes, which are made again on the way.
    again.rewind(10)
    again.advance(again.left and session.iteration - again.iteration)
    assert same(again.checkpoint(), session.checkpoint())


def same(a: Any, b: Any) -> bool:
    """Whether two checkpoints are, to the bit."""
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        return bool(a.dtype == b.dtype and a.tobytes() == b.tobytes())
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if hasattr(a, "__dataclass_fields__"):
        return all(same(getattr(a, name), getattr(b, name)) for name in a.__dataclass_fields__)
    return bool(a == b)


def test_what_is_stored_is_json_and_safetensors(url: str) -> None:
    session = session_of(PLANS["adam in batches"], 12)
    row = row_of(stored(session))
    arrays = safetensors.load(row["arrays"])
    assert sorted(arrays) == ["0.costs", "0.memory.0", "0.memory.1", "0.parameters"]
    assert arrays["0.costs"].tolist() == session.runs[0].costs.since(0).tolist()
    assert json.loads(row["plan"])["runs"][0]["training"]["optimizer"] == "adam"
    assert json.loads(row["state"])["iteration"] == 12
    assert row["size"] >= len(row["arrays"]) + len(row["plan"]) + len(row["state"])


def test_what_another_version_stored_is_said_to_be_so(url: str) -> None:
    with opened(url) as store:
        name = asyncio.run(store.save(stored(session_of({}, 3)), "me"))
        run(url, """UPDATE runs SET state = replace(state, '"format":1', '"format":9')""")
        with pytest.raises(NotFound, match="another version"):
            asyncio.run(store.get(name))


# -- retention ------------------------------------------------------------------------------


class Clock:
    """A time that a test sets."""

    def __init__(self) -> None:
        self.now = 1e9

    def __call__(self) -> float:
        return self.now


def test_the_oldest_run_gives_way_by_count_bytes_and_age(url: str) -> None:
    ended = stored(session_of({}, 3), "run")
    size = row_of(ended)["size"]

    async def keep(store: Store, names: str, ended: StoredRun = ended) -> list[bool]:
        for name in names:
            await store.add(name, ended, "me")
        return await names_there(store, list("abcdef"))

    clock = Clock()
    with opened(url, clock, max_finished_runs=3) as store:
        assert asyncio.run(keep(store, "abcd")) == [False, True, True, True, False, False]
    # A smaller bound holds from the next start on.
    with opened(url, clock, max_finished_bytes=int(2.5 * size)) as store:
        assert asyncio.run(keep(store, "")) == [False, False, True, True, False, False]
        assert asyncio.run(keep(store, "e")) == [False, False, False, True, True, False]
    # One alone may be larger.
    with opened(url, clock, max_finished_bytes=1) as store:
        assert asyncio.run(keep(store, "f")) == [False] * 5 + [True]
    with opened(url, clock, max_finished_days=2) as store:
        clock.now += 2 * DAY - 1
        assert asyncio.run(keep(store, ""))[5]
        clock.now += 1
        assert not asyncio.run(keep(store, ""))[5]
        assert asyncio.run(store.progress("f")) is None
    with opened(url, clock, max_finished_days=2):
        assert rows(url) == []


def test_runs_and_saves_do_not_push_each_other_out(url: str) -> None:
    async def fill(store: Store) -> list[bool]:
        session = session_of({}, 3)
        save = await store.save(stored(session), "me")
        for number in range(4):
            await store.add(f"run{number}", stored(session, "run"), "me")
        return await names_there(store, [save, "run2", "run3", "run1"])

    with opened(url, max_finished_runs=2, max_saves=1) as store:
        assert asyncio.run(fill(store)) == [True, True, True, False]


def test_a_save_is_safe_for_a_while_and_a_new_one_refused_instead(url: str) -> None:
    clock, save = Clock(), stored(session_of({}, 3))

    async def fill(store: Store) -> None:
        first = await store.save(save, "me")
        clock.now += 2 * DAY
        second = await store.save(save, "me")
        with pytest.raises(Full):
            await store.save(save, "me")
        assert await names_there(store, [first, second]) == [True, True]
        clock.now += 1.5 * DAY
        third = await store.save(save, "me")
        assert await names_there(store, [first, second, third]) == [False, True, True]

    with opened(url, clock, max_saves=2, saves_safe_days=3) as store:
        asyncio.run(fill(store))
    # A smaller bound takes nothing away that is safe.
    with opened(url, clock, max_saves=1, saves_safe_days=3):
        assert len(rows(url)) == 2


def test_saves_of_two_servers_in_one_moment_are_counted_one_after_the_other(
    postgresql: PostgreSQL,
) -> None:
    """What one has not committed yet is there for the other, which waits for that."""
    url, save = postgresql.database(), stored(session_of({}, 3))
    inside, commits = threading.Event(), threading.Event()

    async def fill(one: Store, two: Store) -> None:
        def slow(connection: Connection) -> None:
            one._insert(connection, "first", save, "me")
            inside.set()
            commits.wait(60)

        first = asyncio.create_task(one.write(slow))
        await asyncio.to_thread(inside.wait)
        second = asyncio.create_task(two.save(save, "me"))
        waits = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        while not (second.done() or await one.read(lambda c: c.scalar(waits))):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        commits.set()
        await first
        with pytest.raises(Full):
            await second

    with (
        opened(url, max_saves=1, saves_safe_days=3) as one,
        opened(url, max_saves=1, saves_safe_days=3) as two,
    ):
        asyncio.run(fill(one, two))
    assert rows(url) == ["first"]


# -- its own time ---------------------------------------------------------------------------


@pytest.mark.parametrize("days", [-730, 400])
def test_a_wall_clock_that_is_wrong_and_then_set_ages_nothing(
    url: str, days: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    wall = time.time
    names: list[str] = []
    for wrong in (days, 0, days, 0):
        monkeypatch.setattr(time, "time", lambda wrong=wrong: wall() + wrong * DAY)
        with opened(url) as store:
            names.append(asyncio.run(store.save(stored(session_of({}, 3)), "me")))
            monkeypatch.setattr(time, "time", wall)
            names.append(asyncio.run(store.save(stored(session_of({}, 3)), "me")))
            assert asyncio.run(names_there(store, names)) == [True] * len(names)


def test_age_is_the_time_that_servers_ran_also_over_restarts(url: str) -> None:
    clock = Clock()
    with opened(url, clock, max_finished_days=30) as store:
        asyncio.run(store.add("run", stored(session_of({}, 3), "run"), "me"))
        clock.now += 20 * DAY
    # Off for a year, and a machine whose clock begins at 0 as it starts.
    clock.now = 5
    with opened(url, clock, max_finished_days=30) as store:
        clock.now += 10 * DAY - 1
        assert asyncio.run(names_there(store, ["run"])) == [True]
        clock.now += 1
        assert asyncio.run(names_there(store, ["run"])) == [False]
    with opened(url, clock, max_finished_days=30):
        assert rows(url) == []


def test_servers_on_one_database_do_not_add_their_times(url: str) -> None:
    clock, ended = Clock(), stored(session_of({}, 3), "run")
    with opened(url, clock, max_finished_days=30) as one:
        asyncio.run(one.add("first", ended, "me"))
        clock.now += 10 * DAY
        asyncio.run(one.add("second", ended, "me"))
        with opened(url, clock, max_finished_days=30) as other:
            for _ in range(19):
                clock.now += DAY
                asyncio.run(one.add(f"{clock.now}", ended, "me"))
                asyncio.run(other.add(f"{clock.now} too", ended, "me"))
            assert asyncio.run(names_there(other, ["first", "second"])) == [True, True]
            clock.now += DAY
            assert asyncio.run(names_there(one, ["first", "second"])) == [False, True]
            assert asyncio.run(names_there(other, ["first", "second"])) == [False, True]


def test_one_that_was_killed_has_told_its_time_every_now_and_then(url: str) -> None:
    clock, ended = Clock(), stored(session_of({}, 3), "run")
    killed = Store.open(settings(url, max_finished_days=30), clock)
    asyncio.run(killed.add("first", ended, "me"))
    clock.now += 29 * DAY
    asyncio.run(killed.add("second", ended, "me"))
    killed.give_up()  # so it has no last word
    asyncio.run(killed.close())
    with opened(url, clock, max_finished_days=30) as store:
        clock.now += DAY
        assert asyncio.run(names_there(store, ["first", "second"])) == [False, True]


def test_what_an_earlier_version_stored_is_kept_and_as_old_as_the_new_time(url: str) -> None:
    clock = Clock()
    with database(url) as engine, engine.execution_options(writes=True).begin() as connection:
        command.upgrade(config_for(connection), "0002")
        ended = row_of(stored(session_of({}, 3), "run"))
        for number, days in enumerate([0, -900, 400]):
            row = {"id": f"run{number}", "stored_at": 1.7e9 + days * DAY, **ended}
            names = ", ".join(row)
            values = ", ".join(f":{name}" for name in row)
            connection.execute(text(f"INSERT INTO runs ({names}) VALUES ({values})"), row)
    with opened(url, clock, max_finished_days=30) as store:
        assert asyncio.run(names_there(store, ["run0", "run1", "run2"])) == [True] * 3
        clock.now += 30 * DAY
        assert asyncio.run(names_there(store, ["run0", "run1", "run2"])) == [False] * 3
