"""The service on a store: full, away, started anew, killed; on SQLite and PostgreSQL alike."""

import asyncio
import json
import random
import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import make_url, text
from starlette.testclient import TestClient

from app.errors import Full, NotStored
from app.store import Store
from tests.app.conftest import a_moment, settings_for
from tests.app.crash import crash
from tests.app.postgresql import PostgreSQL
from tests.app.storing import (
    database,
    names_there,
    opened,
    rows,
    run,
    service,
    session_of,
    stored,
)
from tests.app.stream import Json, Stream

# -- what if it is full, or away ------------------------------------------------------------


def test_saves_wait_for_their_turn_and_one_more_than_may_is_refused(url: str) -> None:
    save = stored(session_of({}, 3))

    async def one(store: Store) -> str:
        async with store.turn("me"):
            return await store.save(save, "me")

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
    url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("app.sessions.ending.STORE_AGAIN_SECONDS", 0.02)
    with service(url) as client:
        run(url, "ALTER TABLE runs RENAME TO away")
        with Stream.connect(client) as stream:
            session = stream.configure()["session"]
            refused = client.post(f"/sessions/{session}/save")
            assert (refused.status_code, refused.json()["code"]) == (503, NotStored.code)
            assert "Retry-After" in refused.headers
        where = client.post("/train", json={"training": {"iterations": 9}}).headers["Location"]
        while (status := client.get(where).json())["status"] != "finished":
            a_moment()
        assert status["iteration"] == 9
        assert len(client.get(f"{where}/costs").json()["costs"]) == 9
        # What the database was asked to write is in no log: names of sessions are among it.
        assert "the store failed" in caplog.text
        assert where.removeprefix("/train/") not in caplog.text
        run(url, "ALTER TABLE away RENAME TO runs")
        while not rows(url):
            a_moment()
    with service(url) as client:
        assert client.get(where).json() == status


def test_runs_are_cancelled_and_forgotten_at_once_also_while_the_store_is_away(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.sessions.ending.STORE_AGAIN_SECONDS", 0.02)
    monkeypatch.setattr("app.sessions.ending.STORE_TRIES", 1_000_000)
    long = {"training": {"iterations": 1_000_000}}
    with service(url, max_running_runs=1) as client:
        runs = [client.post("/train", json=long).headers["Location"] for _ in range(4)]
        trains, waits, wanted, gone = runs
        while not client.get(trains).json()["iteration"]:
            a_moment()
        run(url, "ALTER TABLE runs RENAME TO away")
        for where in (waits, wanted, trains):
            assert client.post(f"{where}/cancel").json()["status"] == "cancelled"
            assert client.get(where).json()["status"] == "cancelled"
        for where in (gone, waits, trains):
            assert client.delete(where).status_code == 204
            assert client.get(where).status_code == 503  # the store alone could know it
        run(url, "ALTER TABLE away RENAME TO runs")
        while not rows(url):
            a_moment()
        assert [client.get(where).status_code for where in (gone, waits, trains)] == [404] * 3
        assert client.get(wanted).json()["status"] == "cancelled"
    assert rows(url) == [wanted.removeprefix("/train/")]


def test_a_connection_that_the_database_has_cut_is_replaced(postgresql: PostgreSQL) -> None:
    url = postgresql.database()
    with opened(url) as store:
        save = stored(session_of({}, 3))
        names = [asyncio.run(store.save(save, "me"))]
        cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        postgresql.run("postgres", f"{cut} AND datname = '{make_url(url).database}'")
        names.append(asyncio.run(store.save(save, "me")))
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
            assert client.post(f"{where}/cancel").status_code == 200
    with service(url) as client:
        assert [client.get(w).json()["status"] for w in (first, second)] == ["cancelled"] * 2
        assert client.get(f"{second}/network").status_code == 409
        assert client.get(f"{first}/network").status_code == 200


def test_a_save_opens_as_it_was_and_goes_on(url: str) -> None:
    with service(url) as client, Stream.connect(client) as stream:
        plan: Json = {"data": RUN["data"], "runs": [{k: RUN[k] for k in ("network", "training")}]}
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
        shown = json.loads(page.text.split('id="saved">')[1].split("</script>")[0])
        assert (shown["id"], shown["page"]) == (saved["id"], "#dataset=xor&test=no")
        assert shown["run"]["training"]["learning_rate"] == 0.5
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
    for each in crash(tmp_path, rounds=2, most=40, rng=random.Random(6)):
        assert each.found == each.acknowledged
    database = sqlite3.connect(tmp_path / "shallows.sqlite3")
    assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()
