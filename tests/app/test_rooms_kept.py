"""Rooms that outlive the server, and of which nothing is left when they end."""

import asyncio
import json
import logging
import os
import random
import signal
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
import websockets
from sqlalchemy import func, select
from starlette.testclient import TestClient
from websockets.exceptions import ConnectionClosed

from app.store import Store
from app.store.classes import Changes, StoredRooms
from app.store.tables import RoomRow
from tests.app.conftest import a_moment, services_of
from tests.app.crash import end
from tests.app.rooms import Class, Json
from tests.app.storing import database, run, service, settings
from tests.app.test_server import Server

QUESTION: Json = {"text": "Which Zwiebelkuchen?", "choices": ["Schmalzgebackenes", "Rhabarber"]}


def test_a_room_is_taken_up_where_it_was(url: str) -> None:
    with service(url) as client:
        room = Class(client)
        member, away = room.joins(), room.joins()
        with room.teacher() as teacher, room.enters(member["secret"]) as page:
            teacher.say("ask", **QUESTION)
            teacher.say("hold", held=True)
            page.until("room", lambda seen: seen["question"] and seen["held"])
            page.say("answer", question=1, choice=1)
            page.until("room", lambda seen: seen["question"]["answered"])
            claim = room.ask(name=away["name"]).json()["claim"]
    with service(url) as client:
        room.client = client
        seen = room.seen()
        assert (seen["held"], seen["question"], seen["questions"][0]["answered"]) == (True, 1, 1)
        assert [each["name"] for each in seen["claims"]] == [away["name"]]
        with room.teacher() as teacher, room.enters(member["secret"]) as page:
            assert page.until("room")["question"]["choice"] == 1
            teacher.say("admit", claim=claim)
            teacher.until("room", lambda seen: not seen["claims"])
        assert room.joins(claim=claim)["member"] == 2
        assert room.joins()["member"] == 3
        assert client.delete(f"/rooms/{room.id}", headers=room.key).status_code == 204
    with service(url) as client:
        assert client.get(f"/rooms/{room.id}", headers=room.key).status_code == 404


def test_what_another_version_wrote_is_left_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"sqlite:///{tmp_path}/store.sqlite3"
    with service(url) as client:
        room = Class(client)
    run(url, "UPDATE rooms SET value = '{\"name\": \"calm otter\"}' WHERE key = 'room'")
    with service(url) as client:
        assert client.get(f"/rooms/{room.id}", headers=room.key).status_code == 404
        assert Class(client).seen()["title"] == "Year 12"
    assert any("not taken up" in record.getMessage() for record in caplog.records)
    assert "calm otter" not in caplog.text
    assert rows_of(url)[room.id] == 1


def rows_of(url: str) -> dict[str, int]:
    """How many rows each room has."""
    count = select(RoomRow.room, func.count()).group_by(RoomRow.room)
    with database(url) as engine, engine.connect() as connection:
        return {row.room: row[1] for row in connection.execute(count)}


# -- the end ------------------------------------------------------------------------------------


def test_after_the_end_nothing_of_a_room_is_left(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    with service(f"sqlite:///{tmp_path}/store.sqlite3") as client:
        other, room = Class(client), Class(client, "Klasse Pumpernickel")
        kept = other.joins()
        texts = ["Pumpernickel", *QUESTION["choices"], "Zwiebelkuchen", "Kaiserschmarrn"]
        members = []
        with room.teacher() as teacher:
            teacher.say("ask", **QUESTION)
            teacher.say("pair")
            texts.append(teacher.until("pairing")["code"])
            for _ in range(12):
                members.append(room.joins())
                other.joins()  # their rows lie beside each other
                with room.enters(members[-1]["secret"]) as page:
                    page.until("room", lambda seen: seen["question"])
                    page.say("answer", question=1, choice=0)
                    page.until("room", lambda seen: seen["question"]["answered"])
            teacher.say("rename", member=2, name="Kaiserschmarrn")
            teacher.until("member", lambda seen: seen["name"] == "Kaiserschmarrn")
            texts.append(room.ask(name=members[3]["name"]).json()["claim"])
        texts += [room.room[name] for name in ("key", "screen_key")]
        texts += [member[name] for member in members for name in ("name", "secret")]
        digests = all_digests(client, room)
        there = content(tmp_path)
        assert members[0]["name"].encode() in there  # so it would be found
        assert digests[0].encode() in there
        assert not any(text.encode() in there for text in texts if len(text) == 32)
        assert client.delete(f"/rooms/{room.id}", headers=room.key).status_code == 204
        left = content(tmp_path)
        assert [text for text in [*texts, *digests] if text.encode() in left] == []
        assert kept["name"].encode() in left
        logged = [r.getMessage() for r in caplog.records if not r.name.startswith("httpx")]
        said = client.get("/metrics").text + "".join([*logged, *capfd.readouterr()])
        assert [text for text in texts if text in said] == []
        assert room.id not in said
        assert other.joins(secret=kept["secret"])["name"] == kept["name"]


def all_digests(client: TestClient, room: Class) -> list[str]:
    """What is kept of the secrets of a room."""
    state = services_of(client).rooms.room(room.id).state
    secrets = [member.secret for member in state.members.values() if member.secret]
    return [*secrets, *state.door.keys, state.door.screen_key]


def content(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(folder.iterdir()))


def test_rooms_that_end_leave_nothing_among_many_that_stay(tmp_path: Path) -> None:
    """Rows of all sizes, written again and again: pages split, and are used again."""
    rng = random.Random(3)
    names = [f"room{number}" for number in range(6)]

    async def live() -> None:
        store = Store.open(settings(f"sqlite:///{tmp_path}/store.sqlite3"))
        rooms = StoredRooms(store)
        for _ in range(150):
            new: dict[str, Changes] = {name: Changes() for name in rng.sample(names, 2)}
            for name, changes in new.items():
                for _ in range(3):
                    key = f"member/{rng.randint(1, 60)}"
                    text = f"secret of {name} " + "x" * rng.randint(1, 900)
                    changes.add({key: text}, frozenset())
            await rooms.write(new)
        await rooms.write({name: Changes(over=True) for name in names[:3]})
        assert await rooms.cut()
        left = content(tmp_path)
        found = [name for name in names if f"secret of {name} ".encode() in left]
        assert found == names[3:]
        assert sorted(await rooms.all()) == names[3:]
        await store.close()

    asyncio.run(live())


def test_a_room_ends_by_itself_and_a_hold_lets_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, later = f"sqlite:///{tmp_path}/store.sqlite3", 0.0
    clock = StoredRooms.clock
    monkeypatch.setattr(StoredRooms, "clock", lambda self: clock(self) + later)
    with service(url) as client:
        room, member = Class(client), {}
        with room.teacher() as teacher:
            member = room.joins()
            teacher.say("hold", held=True)
            teacher.room(held=True)
        with room.enters(member["secret"]) as page:
            page.room(held=True)
            later = 130.0
            page.say("hand", up=True)  # whatever comes, time has passed
            page.room(held=False)
            later = 12.1 * 3600
            page.say("hand", up=False)
            assert page.until("over")["reason"] == "alone"
            assert page.end() == 1000
        while rows_of(url):
            a_moment()


# -- kill -9 ------------------------------------------------------------------------------------


class Student:
    """Joins, then answers on and on; knows what was acknowledged."""

    def __init__(self) -> None:
        self.secret = ""
        self.choice: int | None = None
        self.said: list[int] = []

    async def attend(self, server: Server, room: Json, begun: asyncio.Event) -> None:
        async with httpx.AsyncClient() as client:
            body = {"code": room["code"]}
            joined = (await client.post(f"{server.url}/rooms/join", json=body)).json()
        self.secret = joined["secret"]
        async with websockets.connect(stream_of(server, room)) as socket:
            await socket.send(enter(room, self.secret))
            async for text in socket:
                seen = json.loads(text)
                if seen["type"] != "room":
                    continue
                assert seen["question"] is not None
                self.choice = seen["question"]["choice"]
                self.said = self.said[-1:]
                begun.set()
                self.said.append(random.choice([c for c in range(3) if c != self.choice]))
                answer = {"type": "answer", "question": 1, "choice": self.said[-1]}
                await socket.send(json.dumps(answer))


def stream_of(server: Server, room: Json) -> str:
    return f"ws://localhost:{server.port}/ws?room={room['id']}"


def enter(room: Json, secret: str) -> str:
    return json.dumps({"type": "enter", "room": room["id"], "secret": secret})


async def teach(server: Server, room: Json, *messages: Json) -> Json:
    """Say something as the teacher; what the room is then."""
    async with websockets.connect(f"ws://localhost:{server.port}/rooms/{room['id']}/stream") as it:
        await it.send(json.dumps({"type": "open", "key": room["key"]}))
        seen: Json = json.loads(await it.recv())
        for message in messages:
            await it.send(json.dumps(message))
            while True:
                heard = json.loads(await it.recv())
                if heard["type"] == "room":
                    seen |= heard
                    break
    return seen


def started(folder: Path) -> Server:
    """A server on the store in a folder, ready."""
    server = Server(SHALLOWS_DATA_FOLDER=str(folder), SHALLOWS_BACKEND="inline")
    server.wait_ready()
    return server


def test_whatever_was_acknowledged_is_there_after_kill_9(tmp_path: Path) -> None:
    """While answers and joins come in. The names in `Student` say what an acknowledgement is."""
    server = started(tmp_path)
    try:
        room = httpx.post(f"{server.url}/rooms", json={}).json()
        ask = {"type": "ask", "text": "Which?", "choices": ["a", "b", "c"]}
        assert asyncio.run(teach(server, room, ask))["questions"]
        students = [Student() for _ in range(8)]

        async def lesson() -> None:
            begun = [asyncio.Event() for _ in students]
            pages = [
                asyncio.create_task(student.attend(server, room, event))
                for student, event in zip(students, begun, strict=True)
            ]
            await asyncio.gather(*(event.wait() for event in begun[:5]))
            await asyncio.sleep(random.uniform(0, 0.1))
            os.killpg(server.process.pid, signal.SIGKILL)
            for outcome in await asyncio.gather(*pages, return_exceptions=True):
                assert isinstance(outcome, ConnectionClosed | httpx.TransportError), outcome

        asyncio.run(lesson())
        end(server)
        server = started(tmp_path)

        async def look(student: Student) -> None:
            async with websockets.connect(stream_of(server, room)) as socket:
                await socket.send(enter(room, student.secret))
                seen: dict[str, Any] = {}
                while seen.get("type") != "room":
                    seen = json.loads(await socket.recv())
                assert seen["question"]["choice"] in [student.choice, *student.said]

        async def look_at_all() -> None:
            there = [student for student in students if student.secret]
            assert len(there) >= 5
            await asyncio.gather(*(look(student) for student in there))
            seen = await teach(server, room)
            answered = sum(student.choice is not None for student in there)
            assert seen["questions"][0]["answered"] >= answered

        asyncio.run(look_at_all())
    finally:
        end(server)
