"""Rooms that outlive the server, and of which nothing is left when they end."""

import asyncio
import logging
import random
from pathlib import Path

import pytest
from sqlalchemy import func, select
from starlette.testclient import TestClient

from app.store import Store
from app.store.classes import Changes, StoredRooms
from app.store.tables import RoomRow
from tests.app.conftest import a_moment, services_of
from tests.app.room_crash import crash_rooms
from tests.app.rooms import Class, Json
from tests.app.storing import database, run, service, settings

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


def test_one_address_opens_as_many_rooms_as_it_may_before_a_restart_or_after(url: str) -> None:
    with service(url, max_rooms_per_client=1) as client:
        first = Class(client)
        assert client.post("/rooms", json={}).json()["code"] == "full"
    with service(url, max_rooms_per_client=1) as client:
        assert client.post("/rooms", json={}).json()["code"] == "full"
        assert client.delete(f"/rooms/{first.id}", headers=first.key).status_code == 204
        Class(client)


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
        stay = [other.joins()]
        texts = ["Pumpernickel", *QUESTION["choices"], "Zwiebelkuchen", "Kaiserschmarrn"]
        members = []
        with room.teacher() as teacher:
            teacher.say("ask", **QUESTION)
            teacher.say("pair")
            texts.append(teacher.until("pairing")["code"])
            for _ in range(12):
                members.append(room.joins())
                stay.append(other.joins())  # their rows lie beside each other
                with room.enters(members[-1]["secret"]) as page:
                    page.until("room", lambda seen: seen["question"])
                    page.say("answer", question=1, choice=0)
                    page.until("room", lambda seen: seen["question"]["answered"])
            teacher.say("rename", member=2, name="Kaiserschmarrn")
            teacher.until("member", lambda seen: seen["name"] == "Kaiserschmarrn")
            texts.append(room.ask(name=members[3]["name"]).json()["claim"])
        texts += [room.room[name] for name in ("key", "screen_key")]
        texts += [member[name] for member in members for name in ("name", "secret")]
        texts = [text for text in texts if text not in {each["name"] for each in stay}]
        digests = all_digests(client, room)
        there = content(tmp_path)
        assert members[0]["name"].encode() in there  # so it would be found
        assert digests[0].encode() in there
        assert not any(text.encode() in there for text in texts if len(text) == 32)
        assert client.delete(f"/rooms/{room.id}", headers=room.key).status_code == 204
        left = content(tmp_path)
        assert [text for text in [*texts, *digests] if text.encode() in left] == []
        assert stay[0]["name"].encode() in left
        logged = [r.getMessage() for r in caplog.records if not r.name.startswith("httpx")]
        said = client.get("/metrics").text + "".join([*logged, *capfd.readouterr()])
        assert [text for text in texts if text in said] == []
        assert room.id not in said
        assert other.joins(secret=stay[0]["secret"])["name"] == stay[0]["name"]


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


def test_whatever_was_acknowledged_is_there_after_kill_9(tmp_path: Path) -> None:
    """While joins, answers and solved tasks come in; `room_crash.py` says what is meant by it."""
    (after,) = crash_rooms(tmp_path, 1, 6, random.Random(7))
    assert after.students >= 6
    assert after.answered
    assert after.lost == []
