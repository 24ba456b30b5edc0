"""Sessions that outlive their connection, and the server: on each backend, to the bit."""

import asyncio
import json
import os
import random
import signal
from pathlib import Path
from typing import Any

import pytest
import websockets
from sqlalchemy import Engine, event
from starlette.testclient import TestClient

from app.errors import NotStored
from app.main import create_app
from app.schemas import Configure
from app.sessions import keeping
from app.sessions.outbox import REPLACED, Outbox
from app.store import Store
from app.store.sessions import StoredSessions
from tests.app.conftest import BACKENDS, a_moment, drain, services_of, settings_for, wait_ready
from tests.app.crash import end, resume_after_crashes, started
from tests.app.storing import opened, part, run, settings
from tests.app.stream import Stream

EDIT = {"layer": 1, "unit": 0, "input": 1, "value": 0.75, "frozen": True}
PLAN: dict[str, Any] = {
    "data": {"seed": 3},
    "runs": [{"training": {"optimizer": "adam", "batch_size": 16}}, {}],
}


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def service(backend: str, folder: Path, **changes: object) -> TestClient:
    """The service on a store; leaving its context is the orderly end of the server.

    One worker does: which of several a session is in is all the same to the store.
    """
    given = settings_for(backend, data_folder=folder, workers=1, **changes)
    return TestClient(create_app(given))


def undisturbed(
    client: TestClient, steps: list[int], commands: list[dict[str, Any]]
) -> list[bytes]:
    """The costs of each run, of steps with a command after each but the last."""
    with Stream.connect(client) as stream:
        stream.configure(**PLAN)
        take(stream, steps, commands)
        return [stream.costs(0), stream.costs(1)]


def take(stream: Stream, steps: list[int], commands: list[dict[str, Any]]) -> None:
    for index, iterations in enumerate(steps):
        stream.say("step", iterations=iterations)
        stream.until("state", playing=False, iteration=sum(steps[: index + 1]))
        stream.until_iteration(sum(steps[: index + 1]))
        if index < len(commands):
            stream.say(**commands[index])
            stream.until("state")


def metric(client: TestClient, name: str) -> float:
    lines = client.get("/metrics").text.splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith(f"{name} ")))


def wait_for(client: TestClient, name: str, value: float) -> None:
    while metric(client, name) != value:
        a_moment()


COMMANDS: list[dict[str, Any]] = [
    {"type": "edit", **EDIT},
    {"type": "set", "learning_rate": 0.02, "run": 0},
]


class TestARestart:
    def test_a_playing_session_goes_on_with_all_its_costs_and_changes(
        self, backend: str, folder: Path
    ) -> None:
        with service(backend, folder) as client:
            expected = undisturbed(client, [40, 60, 600], COMMANDS)
            with Stream.connect(client) as stream:
                session = stream.configure(**PLAN)["session"]
                assert len(session) >= 22  # 128 bits and more, of letters that tell nothing
                take(stream, [40, 60], COMMANDS)
                stream.say("play")
                seen = stream.until_iteration(130)["iteration"]
        with service(backend, folder) as client:
            with Stream.connect(client, f"/ws?session={session}&iteration={seen}") as stream:
                configured = stream.until("configured")
                assert (configured["session"], configured["resumed"]) == (session, True)
                assert (configured["playing"], configured["from_checkpoint"]) == (True, False)
                assert configured["iteration"] >= seen
                assert configured["runs"][0]["state"]["learning_rate"] == 0.02
                assert configured["runs"][0]["state"]["frozen"] == [
                    {"layer": 1, "unit": 0, "input": 1}
                ]
                stream.until_iteration(seen + 100)
                # The log of changes came along: going back makes them again.
                stream.say("seek", iteration=20)
                stream.until("state", iteration=20)
                stream.say("seek", iteration=600)
                stream.until("state", iteration=600)
            with Stream.connect(client, f"/ws?session={session}") as stream:
                stream.until_iteration(600)
                costs = [stream.costs(0), stream.costs(1)]
        assert costs == [part[: 4 * 600] for part in expected]

    def test_a_session_that_is_done_with_is_not_there_any_more(
        self, backend: str, folder: Path
    ) -> None:
        quick = {"store_seconds": 0.05, "session_grace_seconds": 0}
        with service(backend, folder, **quick) as client:
            with Stream.connect(client) as stream:
                kept = stream.configure()["session"]
            with Stream.connect(client) as stream:
                gone = stream.configure()["session"]
                stream.say("step", iterations=5)
                stream.until("state", iteration=5)
                stream.socket.close(4002)
            wait_for(client, "shallows_sessions", 0)
            with Stream.connect(client, f"/ws?session={kept}") as stream:
                assert stream.hear()["resumed"] is True
            wait_for(client, "shallows_sessions", 0)
        with service(backend, folder) as client:
            with Stream.connect(client, f"/ws?session={gone}") as stream:
                assert stream.hear()["code"] == "unknown_session"
            with Stream.connect(client, f"/ws?session={kept}") as stream:
                assert stream.hear()["resumed"] is True

    def test_a_store_that_is_away_is_made_up_for(self, tmp_path: Path) -> None:
        url = f"sqlite:///{tmp_path}/shallows.sqlite3"
        with (
            service("inline", tmp_path, store_seconds=0.05) as client,
            Stream.connect(client) as stream,
        ):
            session = stream.configure()["session"]
            run(url, "ALTER TABLE session_costs RENAME TO away")
            stream.say("step", iterations=700)
            stream.until("state", iteration=700)
            run(url, "ALTER TABLE away RENAME TO session_costs")
        with (
            service("inline", tmp_path) as client,
            Stream.connect(client, f"/ws?session={session}") as stream,
        ):
            assert stream.until("configured")["iteration"] == 700
            stream.until_iteration(700)
            assert len(stream.costs()) == 4 * 700


class TestWithoutAConnection:
    def test_it_waits_in_its_worker_and_then_in_the_store_and_comes_back_to_the_bit(
        self, backend: str, folder: Path
    ) -> None:
        with service(backend, folder, store_seconds=0.05, session_grace_seconds=0) as client:
            expected = undisturbed(client, [40, 60, 50], COMMANDS)
            with Stream.connect(client) as stream:
                session = stream.configure(**PLAN)["session"]
                take(stream, [40, 60], COMMANDS)
            wait_for(client, "shallows_sessions", 0)
            with Stream.connect(client, f"/ws?session={session}") as stream:
                assert stream.until("configured")["iteration"] == 100
                stream.say("step", iterations=50)
                stream.until("state", playing=False, iteration=150)
                stream.until_iteration(150)
                assert [stream.costs(0), stream.costs(1)] == expected

    def test_one_that_plays_trains_on(self, backend: str, folder: Path) -> None:
        with service(backend, folder) as client:
            with Stream.connect(client) as stream:
                playing = stream.configure(playing=True)["session"]
            with Stream.connect(client, f"/ws?session={playing}") as stream:
                configured = stream.until("configured")
                assert configured["playing"] is True
                stream.until_iteration(configured["iteration"] + 10)


class TestTheEnd:
    def test_what_is_new_is_refused_and_said_when_to_come_again(
        self, backend: str, folder: Path
    ) -> None:
        with service(backend, folder, max_running_runs=1) as client:
            wait_ready(client)
            long = {"training": {"iterations": 1_000_000}}
            runs = [client.post("/train", json=long).headers["Location"] for _ in range(3)]
            while client.get(runs[0]).json()["iteration"] == 0:
                a_moment()
            with Stream.connect(client) as stream:
                session = stream.configure(playing=True)["session"]
                drain(client)
                with pytest.raises(ConnectionError, match="1001"):
                    stream.until("never")
            for path in ("/ws", f"/ws?session={session}"):
                with Stream.connect(client, path) as stream:
                    refusal = stream.hear()
                    assert (refusal["type"], refusal["code"]) == ("error", "going_away")
                    assert "5 seconds" in refusal["detail"]
                    assert refusal["retry_after"] == 5
                    with pytest.raises(ConnectionError, match="1013"):
                        stream.hear()
            for answer in (client.post("/train", json={}), client.get("/readyz")):
                assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
                assert answer.json()["code"] == "going_away"
        with service(backend, folder) as client:
            for where in runs:
                status = client.get(where).json()
                assert status["status"] == "cancelled"
                assert "stopped" in status["detail"]
            first = client.get(runs[0]).json()
            costs = client.get(f"{runs[0]}/costs").json()["costs"]
            assert first["iteration"] == len(costs) > 0

    def test_readers_of_runs_are_told_that_the_server_goes_away(
        self, backend: str, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("app.services.DRAIN_SECONDS", 0.01)
        with service(backend, folder) as client:
            wait_ready(client)
            ended = client.post("/train?wait=30", json={"training": {"iterations": 1}}).json()["id"]
            long = {"training": {"iterations": 1_000_000}}
            trains = client.post("/train", json=long).json()["id"]
            with (
                Stream.connect(client, f"/train/{ended}/stream") as first,
                Stream.connect(client, f"/train/{trains}/stream") as second,
            ):
                first.until_iteration(1)
                second.until_iteration(1)
                # There is no time left to keep them, and no store either.
                run(f"sqlite:///{folder}/shallows.sqlite3", "ALTER TABLE runs RENAME TO away")
                drain(client)
                for stream in (first, second):
                    with pytest.raises(ConnectionError, match="1001"):
                        stream.until("never")
            with Stream.connect(client, f"/train/{ended}/stream") as late:
                assert late.hear()["code"] == "going_away"
                with pytest.raises(ConnectionError, match="1013"):
                    late.hear()

    def test_sigterm_keeps_sessions_and_closes_with_1001_within_5_seconds(
        self, folder: Path
    ) -> None:
        server = started(folder)
        try:
            turns = 0

            async def count() -> None:
                """Hundredths of a second; on a busy machine one that came late counts once."""
                nonlocal turns
                while True:
                    await asyncio.sleep(0.01)
                    turns += 1

            async def play_until_closed() -> tuple[str, int | None]:
                async with websockets.connect(f"ws://localhost:{server.port}/ws") as socket:
                    await socket.send(json.dumps({"type": "configure", "playing": True}))
                    session = json.loads(await socket.recv())["session"]
                    await asyncio.sleep(1)
                    counting = asyncio.create_task(count())
                    os.killpg(server.process.pid, signal.SIGTERM)
                    async for _ in socket:
                        pass
                await asyncio.to_thread(server.process.wait)
                counting.cancel()
                return session, socket.close_code

            session, code = asyncio.run(play_until_closed())
            _, errors = server.process.communicate()
            assert (code, errors) == (1001, "")
            assert turns < 500  # the promise itself
            server = started(folder)

            async def look() -> dict[str, Any]:
                address = f"ws://localhost:{server.port}/ws?session={session}"
                async with websockets.connect(address) as socket:
                    first: dict[str, Any] = json.loads(await socket.recv())
                    return first

            configured = asyncio.run(look())
            assert (configured["resumed"], configured["from_checkpoint"]) == (True, False)
            assert configured["playing"] is True
            assert configured["iteration"] > 0
        finally:
            end(server)


def test_kill_9_loses_five_seconds_at_most_and_no_cost_before(folder: Path) -> None:
    for crash in resume_after_crashes(folder, 2, 3, random.Random(7)):
        assert all(crash.resumed), crash
        assert all(age <= 5 for age in crash.ages), crash
        assert crash.whole, crash


def test_a_page_that_comes_twice_has_its_session_fetched_once_and_learns_what_the_first_did_not(
    folder: Path,
) -> None:
    with opened(f"sqlite:///{folder}/shallows.sqlite3") as store:
        asyncio.run(StoredSessions(store, settings("")).keep([part("a", 30)], ()))
    asked = []

    def note(*what: Any) -> None:
        asked.append(what[2])

    with service("inline", folder) as client:
        sessions = services_of(client).sessions

        async def come_twice() -> None:
            comes = [sessions.resume("testclient", "a", Outbox(), 30) for _ in range(2)]
            first, second = await asyncio.gather(*comes)
            assert first is second

        event.listen(Engine, "before_cursor_execute", note)
        try:
            assert client.portal is not None
            client.portal.call(come_twice)
        finally:
            event.remove(Engine, "before_cursor_execute", note)
        assert len([text for text in asked if "session_costs" in text]) == 1
        # Whoever came first is gone before it has heard anything, so the next one is told, too.
        for hears, learns in ((False, True), (True, True), (False, False)):
            with Stream.connect(client, "/ws?session=a&iteration=30") as stream:
                stream.acks = hears
                assert stream.until("configured")["from_checkpoint"] == learns
                stream.until("frame")
                if hears:
                    stream.say("step", iterations=1)  # it is answered after what was said before
                    stream.until("state", iteration=31)


def test_who_takes_over_a_session_that_was_never_set_up_can_set_it_up(folder: Path) -> None:
    """A member's second tab, say, in a room that was held when the first one came."""
    with service("inline", folder) as client:
        sessions = services_of(client).sessions

        async def take_over() -> list[str | bytes]:
            first, second = Outbox(), Outbox()
            for outbox in (first, second):
                session = await sessions.enter("testclient", "a", outbox, 0, "room")
            assert first.close_code == REPLACED
            sessions.leave(session, first)
            configure = Configure.model_validate({"type": "configure"})
            await sessions.tell(session, second, configure)
            async with asyncio.timeout(60):
                return await second.take()

        assert client.portal is not None
        said = client.portal.call(take_over)
        assert json.loads(said[0])["type"] == "configured"


def test_what_is_remembered_of_sessions_that_are_over_is_bounded(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many come and go while the store does not answer."""
    monkeypatch.setattr(keeping, "MOST_GONE", 2)
    with service("inline", folder) as client:
        sessions = services_of(client).sessions

        async def come_and_go() -> int:
            for _ in range(5):
                outbox = Outbox()
                sessions.leave(await sessions.join("testclient", outbox), outbox)
            return len(sessions._finished)

        assert client.portal is not None
        assert client.portal.call(come_and_go) == 2


# -- the store ------------------------------------------------------------------------------


def test_costs_are_added_to_only_by_who_knows_what_is_there(url: str) -> None:
    async def work(sessions: StoredSessions) -> None:
        whole = part("a", 30)
        marks = await sessions.keep([whole], ())
        later = part("a", 50)
        more = [later.costs[0][8 * 30 :]]
        follows = part("a", 50, after=marks["a"], costs=more, settled=True)
        assert await sessions.keep([part("a", 50, after="another", costs=more)], ()) == {}
        marks = await sessions.keep([follows], ())
        stored = await sessions.get("a")
        assert stored is not None
        assert (stored.mark, stored.settled) == (marks["a"], True)
        assert [run.tobytes() for run in stored.checkpoint.costs] == later.costs
        # The same again would repeat costs; it is not taken.
        assert await sessions.keep([follows], ()) == {}
        await sessions.keep([], ["a"])
        assert await sessions.get("a") is None
        assert await sessions.keep([follows], ()) == {}

    with opened(url) as store:
        asyncio.run(work(StoredSessions(store, settings(url))))


@pytest.mark.parametrize(
    "bound", [{"max_stored_sessions": 2}, {"max_stored_sessions_bytes": 3_000}]
)
def test_the_oldest_gives_way(url: str, bound: dict[str, Any]) -> None:
    async def work(sessions: StoredSessions) -> list[bool]:
        for name in "abcd":
            await sessions.keep([part(name, 30)], ())
        return [await sessions.get(name) is not None for name in "abcd"]

    with opened(url) as store:
        a, b, _, d = asyncio.run(work(StoredSessions(store, settings(url, **bound))))
    assert (a, b, d) == (False, False, True)


def test_many_are_written_a_few_at_a_time_and_what_was_written_is_known(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.store.sessions.MOST_AT_A_TIME", 2)
    monkeypatch.setattr("app.store.sessions.BYTES_AT_A_TIME", 3 * 10_000 + 5)
    large = part("large", 3, costs=[bytes(8 * 5000)])
    parts = [part("a", 3), part("b", 3), part("c", 3), large, part("d", 3)]

    async def work(store: Store) -> None:
        sessions, writes = StoredSessions(store, settings(url)), 0
        write = store.write

        async def count(work: Any) -> Any:
            nonlocal writes
            writes += 1
            if writes == 4:
                raise NotStored("away")
            return await write(work)

        monkeypatch.setattr(store, "write", count)
        marks = await sessions.keep(parts, ())
        assert list(marks) == ["a", "b", "c", "large"]
        assert writes == 4
        assert [await sessions.get(p.name) is not None for p in parts] == [True] * 4 + [False]
        writes = 3
        with pytest.raises(NotStored):
            await sessions.keep(parts, ())

    with opened(url) as store:
        asyncio.run(work(store))


def test_one_that_cant_be_written_takes_no_other_along(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    bad = part("bad", 3)
    bad.checkpoint.trainers[0]["parameters"] = None

    async def work(sessions: StoredSessions) -> None:
        marks = await sessions.keep([part("a", 3), bad, part("b", 3)], ())
        assert marks.keys() == {"a", "b"}

    with opened(url) as store:
        asyncio.run(work(StoredSessions(store, settings(url))))
    assert "can't be stored" in caplog.text


def test_too_old_a_session_is_let_go(url: str) -> None:
    now = 1e9

    async def work(sessions: StoredSessions) -> list[bool]:
        nonlocal now
        await sessions.keep([part("a", 3)], ())
        now += 3601
        await sessions.keep([part("b", 3)], ())
        return [await sessions.get(name) is not None for name in "ab"]

    with opened(url, clock=lambda: now) as store:
        sessions = StoredSessions(store, settings(url, max_stored_sessions_hours=1))
        assert asyncio.run(work(sessions)) == [False, True]
