"""Two servers on one PostgreSQL: whatever is asked of either, and whatever happens to one."""

import asyncio
import contextlib
import json
import signal
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from typing import Any

import httpx2 as httpx
import msgpack
import pytest
import websockets
from websockets.asyncio.client import ClientConnection, connect

from tests.app.conftest import a_moment
from tests.app.postgresql import PostgreSQL
from tests.app.several import Json, Several, Student, playing, several

AGAIN_SECONDS = 10.0
"""In which they have to play again, on a machine that others use too; it takes half of that."""
WRITTEN_SECONDS = 1.0
"""After which all have been written, as these servers are set."""
MOVED = 1012
PLACES, REQUESTS = 14, 100
ELSEWHERE = {"X-Forwarded-For": "10.0.0.7"}
"""Somebody else's address, as a proxy says it."""


@pytest.fixture
def two(pair: Several) -> Several:
    """Both live and know of each other, whatever happened in the test before."""
    pair.mend()
    return pair


@pytest.fixture(scope="module")
def pair(postgresql: PostgreSQL) -> Iterator[Several]:
    with several(
        postgresql,
        SHALLOWS_BACKEND="inline",
        SHALLOWS_STORE_SECONDS="0.5",
        SHALLOWS_CHECKPOINT_SECONDS="0.2",
        SHALLOWS_MAX_SESSIONS_PER_CLIENT=str(PLACES),
        SHALLOWS_REQUESTS_BURST=str(REQUESTS),
        SHALLOWS_REQUESTS_PER_SECOND="5",
    ) as servers:
        yield servers


def post(two: Several, number: int, path: str, **options: Any) -> httpx.Response:
    return httpx.post(f"{two.servers[number].url}{path}", timeout=30, **options)


def get(two: Several, number: int, path: str, **options: Any) -> httpx.Response:
    return httpx.get(f"{two.servers[number].url}{path}", timeout=30, **options)


def students_of(two: Several, first: int, number: int = 2) -> list[Student]:
    return [Student(first + seed, two.urls("/ws")) for seed in range(number)]


async def played_again(students: list[Student]) -> None:
    """Until each has heard something new, if it had been silent or not."""
    since = time.monotonic()
    async with asyncio.timeout(AGAIN_SECONDS):
        for student in students:
            await student.heard_after(since + 0.5)


def all_well(students: list[Student]) -> None:
    for student in students:
        assert student.as_its_twin(), (student.whole, student.iterations, student.told)
    assert max(student.longest for student in students) < AGAIN_SECONDS


# -- both live ------------------------------------------------------------------------------


def test_a_session_is_played_on_at_the_other_server_and_everything_of_it_is_there(
    two: Several,
) -> None:
    async def main() -> None:
        student = Student(0, two.urls("/ws")[:1])
        async with playing([student]):
            pass
        student.urls, student.at = two.urls("/ws")[1:], 0
        async with playing([student]):
            assert two.metric(1, "shallows_relayed") == 1
            for number in (0, 1):
                path = f"/sessions/{student.session}"
                saved = await asyncio.to_thread(post, two, number, f"{path}/save")
                assert saved.status_code == 201, saved.text
                kept = await asyncio.to_thread(get, two, 1 - number, f"/train/{saved.json()['id']}")
                assert kept.json()["iteration"] > 0
                table = await asyncio.to_thread(get, two, number, f"{path}/costs.csv")
                assert table.status_code == 200
                assert len(table.text.splitlines()) > 50
        assert student.as_its_twin()
        assert not any(said.get("from_checkpoint") for said in student.told)

    asyncio.run(main())


def test_a_run_is_asked_about_watched_and_cancelled_at_the_other_server(two: Several) -> None:
    long = {"training": {"iterations": 500_000}}
    run = post(two, 0, "/train", json=long).json()["id"]
    while get(two, 1, f"/train/{run}").json()["status"] != "running":
        a_moment()
    predicted = post(two, 1, "/predict", json={"model": run, "points": [[0, 0]]})
    assert len(predicted.json()["labels"]) == 1

    async def watch() -> None:
        async with connect(two.urls(f"/train/{run}/stream")[1], proxy=None) as socket:
            await socket.send(json.dumps({"type": "view", "resolution": 8}))
            while isinstance(await socket.recv(), str):
                pass

    asyncio.run(watch())
    assert post(two, 1, f"/train/{run}/cancel").json()["status"] == "cancelled"
    assert get(two, 0, f"/train/{run}").json()["status"] == "cancelled"
    assert get(two, 1, "/train/nobody").status_code == 404
    assert httpx.delete(f"{two.servers[1].url}/train/{run}").status_code == 204


async def until(socket: ClientConnection, type: str, **fields: Any) -> Json:
    """The next message of a type with these fields."""
    async with asyncio.timeout(AGAIN_SECONDS):
        async for text in socket:
            said: Json = json.loads(text) if isinstance(text, str) else {"type": "frame"}
            if said["type"] == type and fields.items() <= said.items():
                return said
    raise AssertionError(f"closed before a {type}")


async def tiles(socket: ClientConnection) -> set[int]:
    """The members of whom a tile comes next."""
    async with asyncio.timeout(AGAIN_SECONDS):
        async for data in socket:
            if isinstance(data, bytes):
                return {tile["member"] for tile in msgpack.unpackb(zlib.decompress(data))["tiles"]}
    raise AssertionError("closed before a tile")


def test_a_room_is_one_whichever_server_its_members_come_to(two: Several) -> None:
    room = post(two, 0, "/rooms", json={"title": "Year 12"}).json()
    key = {"Shallows-Room-Key": room["key"]}
    joined = [post(two, n, "/rooms/join", json={"code": room["code"].lower()}) for n in (0, 1)]
    members = [answer.json() for answer in joined]
    assert [member["room"] for member in members] == [room["id"]] * 2
    wrong = {"code": room["code"], "name": "Nobody of that name", "secret": "x"}
    assert post(two, 1, "/rooms/join", json=wrong).status_code in (403, 404)
    assert post(two, 1, "/rooms/join", json={"code": "222222"}).status_code == 404

    async def main() -> None:
        async with contextlib.AsyncExitStack() as stack:

            async def page(number: int, path: str, **first: Any) -> ClientConnection:
                socket = await stack.enter_async_context(
                    connect(two.urls(path)[number], proxy=None)
                )
                await socket.send(json.dumps(first))
                return socket

            open = {"type": "open", "key": room["key"], "wall": {"resolution": 16}}
            teacher = await page(1, f"/rooms/{room['id']}/stream", **open)
            pages = []
            for number, member in enumerate(members):
                enter = {"type": "enter", "room": room["id"], "secret": member["secret"]}
                pages.append(await page(number, f"/ws?room={room['id']}", **enter))
                begin = {"type": "configure", "runs": [{}], "playing": True}
                await pages[-1].send(json.dumps(begin))
            seen: set[int] = set()
            while seen != {member["member"] for member in members}:
                seen |= await tiles(teacher)
            await teacher.send(json.dumps({"type": "hold", "held": True}))
            await teacher.send(json.dumps({"type": "ask", "text": "Which?", "choices": ["a", "b"]}))
            for socket in pages:
                await until(socket, "room", held=True)
                await socket.send(json.dumps({"type": "answer", "question": 1, "choice": 0}))
            answered = 0
            while answered < len(members):
                seen_there = await until(teacher, "room")
                answered = sum(question["answered"] for question in seen_there["questions"])

    asyncio.run(main())
    results = [get(two, n, f"/rooms/{room['id']}/results.csv", headers=key).text for n in (0, 1)]
    assert results[0] == results[1]
    assert len(results[0].splitlines()) > 2
    assert httpx.delete(f"{two.servers[1].url}/rooms/{room['id']}", headers=key).status_code == 204
    assert get(two, 0, f"/rooms/{room['id']}", headers=key).status_code == 404


def test_the_second_way_leads_to_the_server_that_has_the_session(two: Several) -> None:
    async def main() -> None:
        student = Student(1, two.urls("/ws")[:1])
        async with playing([student]):
            pass
        path = f"/ws?session={student.session}"
        async with (
            httpx.AsyncClient(base_url=two.servers[1].url, timeout=20) as client,
            client.stream("POST", path) as answer,
        ):
            lines = answer.aiter_lines()
            token = ""
            async for line in lines:
                if line.startswith("data: ") and "token" in line:
                    token = json.loads(line[6:])["token"]
                    break
            headers = {"Shallows-Stream": token, "Shallows-Number": "1"}
            for number, type in enumerate(("pause", "reset")):  # to whichever server a POST comes
                url = f"{two.servers[number].url}/ws/up"
                headers["Shallows-Number"] = str(1 + number)
                said = await client.post(url, headers=headers, content=json.dumps({"type": type}))
                assert said.status_code == 204, said.text
            async for line in lines:
                said = json.loads(line[6:]) if line.startswith("data: {") else {}
                if said.get("type") == "state" and said["iteration"] == 0:
                    return
            raise AssertionError("nothing was done of what went up")

    asyncio.run(main())


def test_places_and_rates_of_an_address_count_at_all_servers(two: Several) -> None:
    stack = contextlib.AsyncExitStack()

    async def opened(number: int, most: int) -> list[str]:
        answers = []
        for _ in range(most):
            socket = await stack.enter_async_context(
                connect(two.urls("/ws")[number], proxy=None, additional_headers=ELSEWHERE)
            )
            with contextlib.suppress(websockets.ConnectionClosed):  # refused already
                await socket.send(json.dumps({"type": "configure"}))
            answers.append(json.loads(await socket.recv())["type"])
        return answers

    async def main() -> None:
        async with stack:
            assert await opened(0, PLACES - 3) == ["configured"] * (PLACES - 3)
            await asyncio.sleep(1.2)  # two beats
            assert await opened(1, 5) == ["configured"] * 3 + ["error"] * 2

    asyncio.run(main())
    with httpx.Client(headers={"X-Forwarded-For": "10.0.0.8"}) as client:
        for _ in range(REQUESTS - 20):
            assert client.get(f"{two.servers[0].url}/datasets").status_code == 200
        time.sleep(1.2)
        answers = [client.get(f"{two.servers[1].url}/datasets").status_code for _ in range(40)]
    assert 15 <= answers.count(200) <= 30
    assert answers[-1] == 429


def test_a_ticket_is_good_for_once_and_nobody_else_makes_one(two: Several) -> None:
    headers = {"Shallows-Relay": "W10=.00", "X-Forwarded-For": "10.0.0.9"}
    refused = get(two, 0, "/datasets", headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (502, "elsewhere")


# -- one does not ---------------------------------------------------------------------------


def test_a_frozen_server_is_replaced_and_notices_before_it_says_anything(two: Several) -> None:
    before = two.metric(1, "shallows_fences_total")

    async def main() -> None:
        students = students_of(two, 10)
        async with (
            playing(students),
            connect(two.urls("/ws")[1], proxy=None, ping_interval=None) as stale,
        ):
            await stale.send(json.dumps({"type": "configure", "playing": True}))
            await asyncio.sleep(WRITTEN_SECONDS)
            two.signal(1, signal.SIGSTOP)
            try:
                with contextlib.suppress(TimeoutError):
                    while True:
                        await asyncio.wait_for(stale.recv(), 0.5)  # what was under way
                await played_again(students)
            finally:
                two.signal(1, signal.SIGCONT)
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await stale.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == MOVED
        all_well(students)

    asyncio.run(main())
    assert two.metric(1, "shallows_fences_total") == before + 1


def test_a_server_without_its_database_is_silent_and_the_other_goes_on(two: Several) -> None:
    async def main() -> None:
        students = students_of(two, 20)
        async with playing(students):
            await asyncio.sleep(WRITTEN_SECONDS)
            two.databases[1].shut()
            try:
                await asyncio.to_thread(two.wait_until_fenced, 1)
                await played_again(students)
                assert (await asyncio.to_thread(get, two, 1, "/datasets")).status_code == 502
            finally:
                two.databases[1].open()
            await asyncio.to_thread(two.servers[1].wait_ready)
        all_well(students)

    asyncio.run(main())


def test_what_a_server_has_that_can_not_be_reached_is_taken_from_it(two: Several) -> None:
    async def main() -> None:
        student = Student(30, two.urls("/ws")[1:])
        async with playing([student]):
            await asyncio.sleep(WRITTEN_SECONDS)
        two.doors[1].shut()
        try:
            student.urls, student.at = two.urls("/ws")[:1], 0
            async with playing([student]):
                pass
        finally:
            two.doors[1].open()
        all_well([student])

    before = two.metric(1, "shallows_fences_total")
    asyncio.run(main())
    assert two.metric(1, "shallows_fences_total") == before


def test_a_server_that_is_killed_loses_nobody(two: Several) -> None:
    room = post(two, 1, "/rooms", json={"title": "Year 12"}).json()
    enters = []
    for _ in range(3):
        member = post(two, 1, "/rooms/join", json={"code": room["code"]}).json()
        enters.append({"type": "enter", "room": room["id"], "secret": member["secret"]})
    run = post(two, 1, "/train", json={"training": {"iterations": 500_000}}).json()["id"]

    async def main() -> None:
        students = students_of(two, 40)
        urls = two.urls(f"/ws?room={room['id']}")
        students += [Student(50 + seed, urls, enter) for seed, enter in enumerate(enters)]
        async with playing(students):
            await asyncio.sleep(WRITTEN_SECONDS)
            two.signal(1, signal.SIGKILL)
            await played_again(students)
        all_well(students)

    asyncio.run(main())
    answer = get(two, 0, f"/train/{run}")
    assert answer.status_code == 200, answer.text
    lost = answer.json()
    assert (lost["status"], lost["iterations"]) == ("failed", 500_000)
    assert "lost" in lost["detail"]
    joined = post(two, 0, "/rooms/join", json={"code": room["code"]})
    assert joined.json()["room"] == room["id"]


def test_a_server_that_ends_in_order_hands_over_all_it_has(two: Several) -> None:
    async def main() -> None:
        student = Student(61, two.urls("/ws"))  # at the second one
        async with playing([student]):
            two.signal(1, signal.SIGTERM)
            await played_again([student])
        all_well([student])
        assert student.told[-1]["type"] != "error"
        assert not any(said.get("from_checkpoint") for said in student.told)

    asyncio.run(main())
    assert two.servers[1].process.wait(10) == 0


def test_one_server_alone_pays_for_nothing_of_it() -> None:
    """Nothing is imported for it, and no table is asked."""
    program = """
import asyncio, sys
from sqlalchemy import Engine, event
from app.main import create_app
from app.schemas import TrainRequest
from app.settings import Settings
asked = []
app = create_app(Settings(backend="inline"))  # it makes all tables, whoever needs them
event.listen(Engine, "before_cursor_execute", lambda *what: asked.append(what[2]))
async def main():
    async with app.router.lifespan_context(app):
        job = await app.state.services.jobs.submit(TrainRequest().plan(), "somebody")
        await job.ended.wait()
asyncio.run(main())
several = ("httpcore2", "app.web.relay", "app.sessions.servers")
print([name for name in several if name in sys.modules])
print([text for text in asked if "owned" in text or "servers" in text])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "[]\n[]\n", done.stderr
