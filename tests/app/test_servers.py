"""Three servers on one PostgreSQL: whatever is asked of either, and whatever happens to one."""

import asyncio
import contextlib
import json
import re
import signal
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2 as httpx
import msgpack
import psycopg
import pytest
import websockets
from prometheus_client.parser import text_string_to_metric_families
from websockets.asyncio.client import ClientConnection, connect

from app.sessions.outbox import REPLACED
from app.sessions.owning import MOVED
from tests.app.conftest import a_moment
from tests.app.postgresql import PostgreSQL
from tests.app.several import Json, Several, Student, playing, several
from tests.app.test_server import ROOT

PATIENCE = 60.0
"""Seconds in which they have to play again, on a machine that others use too."""
PLACES, REQUESTS, ROOMS, RUNS = 14, 100, 6, 5
ELSEWHERE = {"X-Forwarded-For": "10.0.0.7"}
"""Somebody else's address, as a proxy says it."""


@pytest.fixture
def three(trio: Several) -> Several:
    """All live and know of each other, whatever happened in the test before."""
    trio.mend()
    return trio


@pytest.fixture(scope="module")
def trio(postgresql: PostgreSQL) -> Iterator[Several]:
    with several(
        postgresql,
        3,
        SHALLOWS_BACKEND="inline",
        SHALLOWS_STORE_SECONDS="0.5",
        SHALLOWS_CHECKPOINT_SECONDS="0.2",
        SHALLOWS_MAX_SESSIONS_PER_CLIENT=str(PLACES),
        SHALLOWS_MAX_ROOMS_PER_CLIENT=str(ROOMS),
        SHALLOWS_MAX_QUEUED_RUNS=str(RUNS),
        SHALLOWS_MAX_RUNNING_RUNS="1",
        SHALLOWS_REQUESTS_BURST=str(REQUESTS),
        SHALLOWS_REQUESTS_PER_SECOND="5",
    ) as servers:
        yield servers


def post(three: Several, number: int, path: str, **options: Any) -> httpx.Response:
    return httpx.post(f"{three.servers[number].url}{path}", timeout=60, **options)


def get(three: Several, number: int, path: str, **options: Any) -> httpx.Response:
    return httpx.get(f"{three.servers[number].url}{path}", timeout=60, **options)


async def played_again(students: list[Student]) -> None:
    """Until each has heard something new, if it had been silent or not."""
    since = time.monotonic()
    async with asyncio.timeout(PATIENCE):
        for student in students:
            await student.heard_after(since + 0.5)


def all_well(students: list[Student]) -> None:
    for student in students:
        assert student.as_its_twin(), (student.whole, student.iterations, student.told)


# -- both live ------------------------------------------------------------------------------


def test_a_session_is_played_on_at_the_other_server_and_everything_of_it_is_there(
    three: Several,
) -> None:
    async def main() -> None:
        student = Student(0, three.urls("/ws")[:1])
        async with playing([student]):
            pass
        student.urls, student.at = three.urls("/ws")[1:], 0
        async with playing([student]):
            assert three.metric(1, "shallows_relayed") == 1
            for number in (0, 1):
                path = f"/sessions/{student.session}"
                saved = await asyncio.to_thread(post, three, number, f"{path}/save")
                assert saved.status_code == 201, saved.text
                kept = await asyncio.to_thread(
                    get, three, 1 - number, f"/train/{saved.json()['id']}"
                )
                assert kept.json()["iteration"] > 0
                table = await asyncio.to_thread(get, three, number, f"{path}/costs.csv")
                assert table.status_code == 200
                assert len(table.text.splitlines()) > 50
        assert student.as_its_twin()
        assert not any(said.get("from_checkpoint") for said in student.told)

        # Another page takes it over: the first one is told so, and does not come again.
        url = three.urls(f"/ws?session={student.session}")[1]
        async with connect(url, proxy=None) as first:
            await until(first, "configured")
            async with connect(url, proxy=None) as second:
                await until(second, "configured")
                with contextlib.suppress(websockets.ConnectionClosed):
                    async for _ in first:
                        pass
        assert first.close_code == REPLACED

    asyncio.run(main())


def test_a_run_is_asked_about_watched_and_cancelled_at_the_other_server(three: Several) -> None:
    long = {"training": {"iterations": 500_000}}
    run = post(three, 0, "/train", json=long).json()["id"]
    while get(three, 1, f"/train/{run}").json()["status"] != "running":
        a_moment()
    for points in (1, 900):  # more are read elsewhere than on the event loop
        predicted = post(three, 1, "/predict", json={"model": run, "points": [[0.5, 0.5]] * points})
        assert len(predicted.json()["labels"]) == points

    async def watch() -> None:
        async with connect(three.urls(f"/train/{run}/stream")[1], proxy=None) as socket:
            await socket.send(json.dumps({"type": "view", "resolution": 8}))
            while isinstance(await socket.recv(), str):
                pass

    asyncio.run(watch())
    assert post(three, 1, f"/train/{run}/cancel").json()["status"] == "cancelled"
    assert get(three, 0, f"/train/{run}").json()["status"] == "cancelled"
    assert get(three, 1, "/train/nobody").status_code == 404
    assert httpx.delete(f"{three.servers[1].url}/train/{run}", timeout=60).status_code == 204


async def until(socket: ClientConnection, type: str, **fields: Any) -> Json:
    """The next message of a type with these fields."""
    async with asyncio.timeout(PATIENCE):
        async for text in socket:
            said: Json = json.loads(text) if isinstance(text, str) else {"type": "frame"}
            if said["type"] == type and fields.items() <= said.items():
                return said
    raise AssertionError(f"closed before a {type}")


async def tiles(socket: ClientConnection) -> set[int]:
    """The members of whom a tile comes next."""
    async with asyncio.timeout(PATIENCE):
        async for data in socket:
            if isinstance(data, bytes):
                return {tile["member"] for tile in msgpack.unpackb(zlib.decompress(data))["tiles"]}
    raise AssertionError("closed before a tile")


def test_a_room_is_one_whichever_server_its_members_come_to(three: Several) -> None:
    room = post(three, 0, "/rooms", json={"title": "Year 12"}).json()
    key = {"Shallows-Room-Key": room["key"]}
    joined = [post(three, n, "/rooms/join", json={"code": room["code"].lower()}) for n in (0, 1)]
    members = [answer.json() for answer in joined]
    assert [member["room"] for member in members] == [room["id"]] * 2
    wrong = {"code": room["code"], "name": "Nobody of that name", "secret": "x"}
    assert post(three, 1, "/rooms/join", json=wrong).status_code in (403, 404)
    assert post(three, 1, "/rooms/join", json={"code": "222222"}).status_code == 404

    async def main() -> None:
        async with contextlib.AsyncExitStack() as stack:

            async def page(number: int, path: str, **first: Any) -> ClientConnection:
                socket = await stack.enter_async_context(
                    connect(three.urls(path)[number], proxy=None)
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
    results = [get(three, n, f"/rooms/{room['id']}/results.csv", headers=key).text for n in (0, 1)]
    assert results[0] == results[1]
    assert len(results[0].splitlines()) > 2
    assert (
        httpx.delete(
            f"{three.servers[1].url}/rooms/{room['id']}", headers=key, timeout=60
        ).status_code
        == 204
    )
    assert get(three, 0, f"/rooms/{room['id']}", headers=key).status_code == 404


def test_each_metric_is_documented_and_each_that_is_named_is_there(three: Several) -> None:
    there = set()
    for family in text_string_to_metric_families(get(three, 0, "/metrics").text):
        counts = family.type == "counter"
        there.add(f"{family.name}_total" if counts else family.name)
    named = set()
    for page in (ROOT / "docs").rglob("*.md"):
        text = page.read_text("utf-8")
        named |= set(re.findall(r"\bshallows_[a-z_]+[a-z]\b(?!\.)", text))
        # In their list `_connections` is short for `shallows_connections`.
        (begin,) = re.findall(r"^- `/metrics`.*?(?=\n(?!  ))", text, re.M | re.S) or [""]
        named |= {f"shallows{name}" for name in re.findall(r"`(_[a-z_]+)[`{]", begin)}
    assert named == there


def test_the_second_way_leads_to_the_server_that_has_the_session(three: Several) -> None:
    async def main() -> None:
        student = Student(1, three.urls("/ws")[:1])
        async with playing([student]):
            pass
        path = f"/ws?session={student.session}"
        async with (
            httpx.AsyncClient(base_url=three.servers[1].url, timeout=60) as client,
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
                url = f"{three.servers[number].url}/ws/up"
                headers["Shallows-Number"] = str(1 + number)
                said = await client.post(url, headers=headers, content=json.dumps({"type": type}))
                assert said.status_code == 204, said.text
            async for line in lines:
                said = json.loads(line[6:]) if line.startswith("data: {") else {}
                if said.get("type") == "state" and said["iteration"] == 0:
                    return
            raise AssertionError("nothing was done of what went up")

    asyncio.run(main())


def test_a_session_that_can_not_be_read_takes_no_place(three: Several) -> None:
    """As after an upgrade: whoever comes back for one begins another."""
    name = "of-another-version"
    row = {"id": name, "mark": "", "client": "c", "stored_at": 0, "size": 1, "settled": True}
    row |= {"playing": False, "stepping": 0, "plan": "{}", "state": "{}", "arrays": b""}

    async def comes_back() -> None:
        async with connect(three.urls(f"/ws?session={name}")[0], proxy=None) as socket:
            await until(socket, "error", code="unknown_session")

    with psycopg.connect(three.url, autocommit=True) as connection:
        values = ", ".join(f"%({column})s" for column in row)
        connection.execute(f"INSERT INTO sessions ({', '.join(row)}) VALUES ({values})", row)
        asyncio.run(comes_back())
        owned = "SELECT count(*) FROM owned WHERE name = %s"
        deadline = time.monotonic() + PATIENCE
        while connection.execute(owned, [name]).fetchone() != (0,):
            assert time.monotonic() < deadline, "it is noted as somebody's"
            a_moment()


def test_what_is_said_to_be_measured_is(three: Several) -> None:
    page = (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(shallows_\w+)", page.partition("## Watching over it")[2]))
    text = get(three, 0, "/metrics").text
    assert len(named) > 8
    assert {name for name in named if f"\n{name}" not in text} == set()


def test_places_and_rates_of_an_address_count_at_all_servers(three: Several) -> None:
    stack = contextlib.AsyncExitStack()

    async def opened(number: int, most: int) -> list[str]:
        answers = []
        for _ in range(most):
            socket = await stack.enter_async_context(
                connect(three.urls("/ws")[number], proxy=None, additional_headers=ELSEWHERE)
            )
            with contextlib.suppress(websockets.ConnectionClosed):  # refused already
                await socket.send(json.dumps({"type": "configure"}))
            answers.append(json.loads(await socket.recv())["type"])
        return answers

    def spent() -> None:
        """What was spent at one server is heard by the other, and all that was before it, too."""
        with httpx.Client(headers={"X-Forwarded-For": "10.0.0.8"}, timeout=60) as client:
            while client.get(f"{three.servers[0].url}/datasets").status_code == 200:
                pass
            for _ in range(REQUESTS // 2):
                if client.get(f"{three.servers[1].url}/datasets").status_code == 429:
                    return
                time.sleep(0.2)
            raise AssertionError("another server has not heard of it")

    async def main() -> None:
        async with stack:
            assert await opened(0, PLACES - 3) == ["configured"] * (PLACES - 3)
            await asyncio.to_thread(spent)
            assert await opened(1, 5) == ["configured"] * 3 + ["error"] * 2

    asyncio.run(main())


def opened_at_once(
    three: Several, path: str, body: Json, client: str, times: int
) -> list[httpx.Response]:
    """What comes of it that an address opens so many at each server, all of them at once."""

    def answered(number: int) -> httpx.Response:
        """A server that has not heard of the database for a moment begins nothing in it."""
        while True:
            answer = http.post(f"{three.servers[number].url}{path}", json=body)
            if answer.status_code != 503:
                return answer
            a_moment()

    headers = {"X-Forwarded-For": client}
    with httpx.Client(headers=headers, timeout=60) as http, ThreadPoolExecutor(3 * times) as pool:
        asked = [pool.submit(answered, number) for _ in range(times) for number in range(3)]
        return [answer.result() for answer in asked]


def test_rooms_that_an_address_opens_at_all_servers_at_once_are_its_share(three: Several) -> None:
    answers = opened_at_once(three, "/rooms", {"title": "Year 12"}, "10.0.1.1", ROOMS + 2)
    opened = [answer.json() for answer in answers if answer.status_code == 201]
    refused = {(a.status_code, a.json()["code"]) for a in answers if a.status_code != 201}
    assert (len(opened), refused) == (ROOMS, {(409, "full")})
    # One that has ended makes room for one, at whichever server; another address has its own.
    key = {"Shallows-Room-Key": opened[0]["key"]}
    ended = httpx.delete(f"{three.servers[1].url}/rooms/{opened[0]['id']}", headers=key, timeout=60)
    assert ended.status_code == 204
    for client, number in (("10.0.1.1", 1), ("10.0.1.2", ROOMS)):
        answers = opened_at_once(three, "/rooms", {"title": "Year 12"}, client, ROOMS)
        assert sum(answer.status_code == 201 for answer in answers) == number


def test_runs_that_an_address_starts_at_all_servers_at_once_are_its_share(three: Several) -> None:
    """As many as may wait, and the one that trains at the server that is asked."""
    long = {"training": {"iterations": 500_000}}
    answers = opened_at_once(three, "/train", long, "10.0.1.3", RUNS)
    runs = [answer.json()["id"] for answer in answers if answer.status_code == 202]
    refused = {(a.status_code, a.json()["code"]) for a in answers if a.status_code != 202}
    try:
        assert (len(runs), refused) == (RUNS + 1, {(429, "full")})
    finally:
        for run in runs:
            httpx.delete(f"{three.servers[0].url}/train/{run}", timeout=60)


def test_sessions_that_an_address_opens_at_all_servers_at_once_are_its_share(
    three: Several,
) -> None:
    """Nobody is let in who has to go again."""
    client = {"X-Forwarded-For": "10.0.1.4"}

    async def main() -> None:
        async with contextlib.AsyncExitStack() as stack:

            async def opened(url: str) -> tuple[str, str]:
                socket = await stack.enter_async_context(
                    connect(url, proxy=None, additional_headers=client)
                )
                with contextlib.suppress(websockets.ConnectionClosed):  # refused already
                    await socket.send(json.dumps({"type": "configure"}))
                said = json.loads(await socket.recv())
                return said["type"], said.get("code", "")

            urls = three.urls("/ws") * (PLACES // 2)
            answers = await asyncio.gather(*map(opened, urls))
            assert answers.count(("configured", "")) == PLACES, answers
            assert set(answers) == {("configured", ""), ("error", "too_many_sessions")}

    asyncio.run(main())


def test_a_ticket_that_nobody_has_signed_opens_no_door(three: Several) -> None:
    """Nor is it answered with 502, for which a proxy would leave this server."""
    headers = {"Shallows-Relay": "W10=.00", "X-Forwarded-For": "10.0.0.9"}
    assert get(three, 0, "/datasets", headers=headers).status_code == 200
    foreign = {**headers, "Origin": "http://elsewhere.example"}
    refused = post(three, 0, "/rooms/join", json={"code": "222222"}, headers=foreign)
    assert (refused.status_code, refused.json()["code"]) == (403, "foreign_origin")


# -- one does not ---------------------------------------------------------------------------


def class_of(three: Several, number: int, seeds: Sequence[int], *after: int) -> list[Student]:
    """Students in a room of a server's, who go to others when that is lost."""
    room = post(three, number, "/rooms", json={"title": "Year 12"}).json()
    urls = [three.urls(f"/ws?room={room['id']}")[n] for n in (number, *after)]
    students = []
    for seed in seeds:
        member = post(three, number, "/rooms/join", json={"code": room["code"]}).json()
        enter = {"type": "enter", "room": room["id"], "secret": member["secret"]}
        students.append(Student(seed, urls, enter))
    return students


def kept(three: Several, *students: Student) -> None:
    three.kept([student.session for student in students])


def test_a_frozen_server_and_one_without_its_database_are_replaced_and_say_nothing(
    three: Several,
) -> None:
    urls = three.urls("/ws")
    fences = [three.metric(number, "shallows_fences_total") for number in (1, 2)]
    frozen = [Student(10, [urls[1], urls[0]]), *class_of(three, 1, [12, 14], 0)]
    cut = [Student(16, [urls[2], urls[0]]), Student(18, urls[:1])]
    long = {"training": {"iterations": 500_000}}
    run = post(three, 1, "/train", json=long).json()["id"]

    async def main() -> None:
        students = [*frozen, *cut]
        async with playing(students), connect(urls[1], proxy=None, ping_interval=None) as stale:
            await stale.send(json.dumps({"type": "configure", "playing": True}))
            await asyncio.to_thread(kept, three, *students)
            three.signal(1, signal.SIGSTOP)
            three.databases[2].shut()
            try:
                with contextlib.suppress(TimeoutError):
                    while True:
                        await asyncio.wait_for(stale.recv(), 0.5)  # what was under way
                await asyncio.to_thread(three.wait_until_fenced, 2)
                assert (await asyncio.to_thread(get, three, 2, "/datasets")).status_code == 502
                await played_again(students)
                lost = (await asyncio.to_thread(get, three, 0, f"/train/{run}")).json()
                assert (lost["status"], lost["iterations"]) == ("failed", 500_000)
                assert "lost" in lost["detail"]
            finally:
                three.signal(1, signal.SIGCONT)
                three.databases[2].open()
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await stale.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == MOVED
            for number in (1, 2):
                await asyncio.to_thread(three.servers[number].wait_ready)
        all_well(students)

    asyncio.run(main())
    assert get(three, 1, f"/train/{run}").json()["status"] == "failed"
    for number, before in zip((1, 2), fences, strict=True):
        assert three.metric(number, "shallows_fences_total") == before + 1


def test_a_killed_server_and_one_that_can_not_be_reached_lose_nobody(three: Several) -> None:
    urls, fences = three.urls("/ws"), three.metric(2, "shallows_fences_total")
    students = [Student(30, [urls[1], urls[0]]), *class_of(three, 1, [32, 34], 0)]
    lone = Student(36, urls[2:])

    async def main() -> None:
        async with playing(students):
            async with playing([lone]):
                await asyncio.to_thread(kept, three, *students, lone)
            lone.urls = urls[:1]
            three.doors[2].shut()
            try:
                three.signal(1, signal.SIGKILL)
                async with playing([lone]):
                    await played_again(students)
            finally:
                three.doors[2].open()
        all_well([*students, lone])

    asyncio.run(main())
    assert three.metric(2, "shallows_fences_total") == fences


def test_a_server_that_ends_in_order_hands_over_all_it_has(trio: Several) -> None:
    """The last test: so the first server and the third are enough, whatever was before."""
    urls = trio.urls("/ws")
    students = [Student(60, [urls[2], urls[0]]), *class_of(trio, 2, [62], 0)]

    async def main() -> None:
        async with playing(students):
            trio.signal(2, signal.SIGTERM)
            ended = await asyncio.to_thread(trio.servers[2].process.communicate, timeout=60)
            assert trio.servers[2].process.returncode == 0, ended
            await played_again(students)
        all_well(students)
        for student in students:
            assert not any(said.get("from_checkpoint") for said in student.told)

    asyncio.run(main())


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
several = (
    "httpcore2", "ray", "app.web.relay", "app.sessions.servers", "app.training.workers.cluster"
)
print([name for name in several if name in sys.modules])
print([text for text in asked if "owned" in text or "servers" in text])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "[]\n[]\n", done.stderr
