"""What outlives the server, on SQLite and on PostgreSQL alike."""

import asyncio
import json
import random
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from pydantic import ValidationError
from safetensors import numpy as safetensors
from sqlalchemy import Engine, select, text
from starlette.testclient import TestClient

from app.errors import Full, NotFound, NotStored
from app.main import create_app
from app.schemas import Edit, Plan, Set
from app.settings import Settings
from app.store import Store, Stored, StoreUnusable
from app.store.database import engine_of, url_of
from app.store.rows import row_of
from app.store.tables import Base, RunRow
from app.training.backend import HostedState, Progress, Saved
from app.training.session import Session
from tests.app.conftest import settings_for
from tests.app.crash import crash
from tests.app.postgresql import PostgreSQL, running_postgresql
from tests.app.stream import Stream

ROOT = Path(__file__).parents[2]
DAY = 86_400.0


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    with running_postgresql() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database; every test that takes it runs on both."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/store.sqlite3"
    server: PostgreSQL = request.getfixturevalue("postgresql")
    return server.database()


def settings(url: str, **changes: object) -> Settings:
    return settings_for("inline", database_url=url, **changes)


@contextmanager
def service(url: str, **changes: object) -> Iterator[TestClient]:
    """The service on a store; leaving the block is a restart."""
    with TestClient(create_app(settings(url, **changes))) as client:
        yield client


@contextmanager
def opened(url: str, clock: Callable[[], float] = time.time, **changes: object) -> Iterator[Store]:
    store = Store.open(settings(url, **changes), clock)
    try:
        yield store
    finally:
        asyncio.run(store.close())


@contextmanager
def database(url: str) -> Iterator[Engine]:
    engine = engine_of(url_of(url, Path()))
    try:
        yield engine
    finally:
        engine.dispose()


def run(url: str, statement: str) -> None:
    """Do something to the database behind the store's back."""
    with database(url) as engine, engine.execution_options(writes=True).begin() as connection:
        connection.exec_driver_sql(statement)


def session_of(plan: dict[str, Any], iterations: int) -> Session:
    session = Session(Plan.model_validate(plan))
    session.advance(iterations)
    return session


def stored(session: Session, kind: Any = "save", page: str | None = None) -> Stored:
    state = HostedState(session.checkpoint(), playing=False, stepping=0, iterations_per_frame=5)
    progress = Progress("session", "saved", session.iteration, cost=0.25)
    return Stored(kind, progress, 5000, Saved.whole(state), page)


# -- the tables -----------------------------------------------------------------------------


def test_migrations_make_what_the_models_say_and_keep_what_is_there(url: str) -> None:
    session = session_of({}, 3)
    with opened(url) as store:
        name = asyncio.run(store.save(stored(session)))
    with database(url) as engine, engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []
        assert context.get_current_revision() == "0001"
    with opened(url) as store:
        assert asyncio.run(store.get(name)) is not None


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
        timeout=60,
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
        name = asyncio.run(store.save(stored(session, page="#dataset=xor")))
    with opened(url) as store:
        kept = asyncio.run(store.get(name))
    assert kept is not None
    assert (kept.page, kept.iterations, kept.progress.session) == ("#dataset=xor", 5000, name)
    assert kept.saved is not None
    checkpoint = kept.saved.checkpoint
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
        return a.dtype == b.dtype and a.tobytes() == b.tobytes()
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
        name = asyncio.run(store.save(stored(session_of({}, 3))))
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


async def names_there(store: Store, names: list[str]) -> list[bool]:
    return [await store.get(name) is not None for name in names]


def test_the_oldest_run_gives_way_by_count_bytes_and_age(url: str) -> None:
    ended = stored(session_of({}, 3), "run")
    size = row_of(ended)["size"]

    async def keep(store: Store, names: str, ended: Stored = ended) -> list[bool]:
        for name in names:
            await store.add(name, ended)
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
        save = await store.save(stored(session))
        for number in range(4):
            await store.add(f"run{number}", stored(session, "run"))
        return await names_there(store, [save, "run2", "run3", "run1"])

    with opened(url, max_finished_runs=2, max_saves=1) as store:
        assert asyncio.run(fill(store)) == [True, True, True, False]


def test_a_save_is_safe_for_a_while_and_a_new_one_refused_instead(url: str) -> None:
    clock, save = Clock(), stored(session_of({}, 3))

    async def fill(store: Store) -> None:
        first = await store.save(save)
        clock.now += 2 * DAY
        second = await store.save(save)
        with pytest.raises(Full):
            await store.save(save)
        assert await names_there(store, [first, second]) == [True, True]
        clock.now += 1.5 * DAY
        third = await store.save(save)
        assert await names_there(store, [first, second, third]) == [False, True, True]

    with opened(url, clock, max_saves=2, saves_safe_days=3) as store:
        asyncio.run(fill(store))
    # A smaller bound takes nothing away that is safe.
    with opened(url, clock, max_saves=1, saves_safe_days=3):
        assert len(rows(url)) == 2


def rows(url: str) -> list[str]:
    with database(url) as engine, engine.connect() as connection:
        return list(connection.scalars(select(RunRow.id)))


# -- what if it is full, or away ------------------------------------------------------------


def test_saves_wait_for_their_turn_and_one_more_than_may_is_refused(url: str) -> None:
    save = stored(session_of({}, 3))

    async def one(store: Store) -> str:
        async with store.turn():
            return await store.save(save)

    async def burst(store: Store) -> list[str | BaseException]:
        return await asyncio.gather(*(one(store) for _ in range(9)), return_exceptions=True)

    with opened(url, max_waiting_saves=7) as store:
        outcomes = asyncio.run(burst(store))
        assert [type(outcome) for outcome in outcomes] == [str] * 7 + [Full] * 2
        assert sorted(rows(url)) == sorted(map(str, outcomes[:7]))
        assert len(set(outcomes[:7])) == 7
        assert all(len(str(name)) >= 8 for name in outcomes[:7])


def test_the_event_loop_goes_on_while_the_store_waits(url: str) -> None:
    with database(url) as engine, service(url) as client, Stream.connect(client) as stream:
        session = stream.configure()["session"]
        answers: list[int] = []

        def save() -> None:
            answers.append(client.post(f"/sessions/{session}/save").status_code)

        saving = threading.Thread(target=save)
        with engine.execution_options(writes=True).begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("LOCK TABLE runs IN ACCESS EXCLUSIVE MODE"))
            saving.start()
            stream.say("step", iterations=3)
            stream.until_iteration(3)
            assert client.get("/healthz").status_code == 200
            assert answers == []
        saving.join()
        assert answers == [201]


def test_a_store_that_is_away_loses_no_run_and_says_that_it_saves_none(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.training.jobs.STORE_AGAIN_SECONDS", 0.02)
    with service(url) as client:
        run(url, "ALTER TABLE runs RENAME TO away")
        with Stream.connect(client) as stream:
            session = stream.configure()["session"]
            refused = client.post(f"/sessions/{session}/save")
            assert (refused.status_code, refused.json()["code"]) == (503, NotStored.code)
            assert "Retry-After" in refused.headers
        where = client.post("/train", json={"training": {"iterations": 9}}).headers["Location"]
        while (told := client.get(where).json())["status"] != "finished":
            pass
        assert told["iteration"] == 9
        assert len(client.get(f"{where}/costs").json()["costs"]) == 9
        run(url, "ALTER TABLE away RENAME TO runs")
        while not rows(url):
            pass
    with service(url) as client:
        assert client.get(where).json() == told


def test_a_connection_that_the_database_has_cut_is_replaced(postgresql: PostgreSQL) -> None:
    url = postgresql.database()
    with opened(url) as store:
        save = stored(session_of({}, 3))
        names = [asyncio.run(store.save(save))]
        cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        postgresql.run("postgres", f"{cut} AND datname = '{url.split('/')[-1].split('?')[0]}'")
        names.append(asyncio.run(store.save(save)))
        assert asyncio.run(names_there(store, names)) == [True, True]


# -- the service ----------------------------------------------------------------------------

RUN = {
    "data": {"dataset": "xor", "examples": 60},
    "network": {"layers": [{"units": 3, "activation": "relu"}]},
    "training": {"iterations": 200, "optimizer": "adam", "learning_rate": 0.02},
}
EXPORTS = ["parameters.safetensors", "data.csv", "costs.csv", "code/numpy", "formula"]


def all_there_is(client: TestClient, run: str) -> list[Any]:
    """Every answer about a run."""
    answers = [client.get(f"/train/{run}{path}") for path in ("", "/costs", "/network")]
    answers += [client.get(f"/train/{run}/{path}") for path in EXPORTS]
    points = {"model": run, "points": [[0, 0], [1, -2]]}
    answers.append(client.post("/predict", json=points))
    assert [answer.status_code for answer in answers] == [200] * len(answers)
    with Stream.connect(client, f"/train/{run}/stream") as stream:
        configured, frame = stream.until("configured"), stream.until("frame")
        del configured["session"]
    return [*(answer.content for answer in answers), configured, frame]


def test_an_ended_run_answers_as_before_after_a_restart(url: str) -> None:
    with service(url) as client:
        run = client.post("/train", params={"wait": 30}, json=RUN).json()
        assert run["status"] == "finished"
        before = all_there_is(client, run["id"])
    with service(url) as client:
        assert client.get(f"/train/{run['id']}").json() == run
        assert all_there_is(client, run["id"]) == before
        assert client.delete(f"/train/{run['id']}").status_code == 204
        assert client.get(f"/train/{run['id']}").status_code == 404
        assert client.delete(f"/train/{run['id']}").status_code == 404


def test_a_run_that_was_cancelled_in_the_queue_is_remembered_as_that(url: str) -> None:
    with service(url, max_running_runs=1) as client:
        long = {"training": {"iterations": 1_000_000}}
        first, second = (client.post("/train", json=long).headers["Location"] for _ in range(2))
        for where in (second, first):
            assert client.delete(where).status_code == 204
    with service(url) as client:
        assert [client.get(w).json()["status"] for w in (first, second)] == ["cancelled"] * 2
        assert client.get(f"{second}/network").status_code == 409
        assert client.get(f"{first}/network").status_code == 200


def test_a_save_opens_as_it_was_and_goes_on(url: str) -> None:
    with service(url) as client, Stream.connect(client) as stream:
        plan = {"data": RUN["data"], "runs": [{k: RUN[k] for k in ("network", "training")}]}
        session = stream.configure(**plan)["session"]
        stream.say("step", iterations=50)
        stream.until_iteration(50)
        stream.say("set", learning_rate=0.5)
        stream.until("state")
        answer = client.post(f"/sessions/{session}/save", json={"page": "#dataset=xor&test=no"})
        saved = answer.json()
        assert answer.status_code == 201
        assert saved == {"id": saved["id"], "link": f"/r/{saved['id']}", "iteration": 50}
        assert answer.headers["Location"] == saved["link"]
        stream.say("step", iterations=70)
        stream.until_iteration(120)
        costs, last = stream.costs(), stream.frames[-1]["runs"][0]["layers"]
    with service(url) as client:
        with Stream.connect(client, f"/ws?saved={saved['id']}") as stream:
            configured = stream.until("configured")
            assert (configured["resumed"], configured["playing"]) == (True, False)
            assert configured["iteration"] == 50
            assert configured["session"] != session
            assert configured["runs"][0]["state"]["learning_rate"] == 0.5
            assert stream.until("frame")["iteration"] == 50
            stream.say("step", iterations=70)
            stream.until_iteration(120)
            assert stream.costs() == costs
            assert stream.frames[-1]["runs"][0]["layers"] == last
        # It answers to what an ended run does, and is nobody's to delete.
        assert client.get(f"/train/{saved['id']}").json()["status"] == "saved"
        all_there_is(client, saved["id"])
        refused = client.delete(f"/train/{saved['id']}")
        assert (refused.status_code, refused.json()["code"]) == (403, "refused")
        page = client.get(saved["link"])
        assert page.status_code == 200
        told = json.loads(page.text.split('id="saved">')[1].split("</script>")[0])
        assert (told["id"], told["page"]) == (saved["id"], "#dataset=xor&test=no")
        assert told["run"]["training"]["learning_rate"] == 0.5
        assert client.get("/r/nothing").status_code == 404
        with Stream.connect(client, "/ws?saved=nothing") as stream:
            assert stream.hear()["code"] == "not_found"
            stream.configure()


def test_no_name_is_too_strange_to_be_asked_for(url: str) -> None:
    with service(url) as client:
        for name in ("%00", "%F0%9F%92%A9", "a" * 65, "'", "%25", "%ED%A0%80"):
            assert client.get(f"/train/{name}").status_code == 404
            assert client.get(f"/train/{name}/report").status_code == 404
            assert client.delete(f"/train/{name}").status_code == 404
            assert client.get(f"/r/{name}").status_code == 404


def test_what_can_not_be_saved_is_said(inline: TestClient) -> None:
    assert inline.post("/sessions/nobody/save").status_code == 404
    with Stream.connect(inline) as stream:
        session = stream.configure()["session"]
        for page in ("no hash", "#<script>", "#" + "a" * 20_000, "#\n", 7):
            assert inline.post(f"/sessions/{session}/save", json={"page": page}).status_code == 422
        foreign = {"Origin": "http://evil.example"}
        assert inline.post(f"/sessions/{session}/save", headers=foreign).status_code == 403
        assert inline.get(f"/sessions/{session}/save").status_code == 405
        assert inline.post(f"/sessions/{session}/save").status_code == 201


def test_bounds_of_the_store_are_checked() -> None:
    for name in ("max_saves", "max_saves_bytes", "max_saves_days", "max_waiting_saves"):
        with pytest.raises(ValidationError):
            settings_for("inline", **{name: 0})


# -- kill -9 --------------------------------------------------------------------------------


def test_kill_9_in_a_burst_of_saves_takes_no_run_and_no_acknowledged_save(tmp_path: Path) -> None:
    for told in crash(tmp_path, rounds=2, most=40, rng=random.Random(6)):
        assert told.found == told.acknowledged
    database = sqlite3.connect(tmp_path / "shallows.sqlite3")
    assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()
