"""What a hostile student tries at a room, and its bad days."""

import sqlite3
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event
from starlette.testclient import TestClient, WebSocketDenialResponse

from app.classroom.commands import End
from app.classroom.messages import OF_TEACHERS
from app.main import create_app
from app.sessions.interactive import InteractiveSession, InteractiveSessions
from tests.app.conftest import services_of, settings_for
from tests.app.rooms import Class, Json, Page
from tests.app.storing import service
from tests.app.test_doors import EVERY, QUESTION

# -- keys and secrets ---------------------------------------------------------------------------


def test_nothing_but_its_key_opens_a_teachers_page(room: Class) -> None:
    """Neither another secret of the room, nor a message that is said before the key."""
    member, other = room.joins(), Class(room.client)
    before = room.seen()
    path = f"/rooms/{room.id}/stream"
    for key in ("wrong", member["secret"], member["session"], other.room["key"], room.room["code"]):
        with Page.at(room.client, path, type="open", key=key) as page:
            for type, fields in EVERY.items():
                page.say(type, **fields)
            assert (page.error(), page.end()) == ("wrong_key", 1008)
    for type in OF_TEACHERS:
        with Page.at(room.client, path, type=type, **EVERY[type]) as page:
            assert (page.error(), page.end()) == ("unknown_type", 1008), type
    for key in (room.room["key"], room.room["screen_key"]):
        with room.enters(key) as page:
            assert (page.error(), page.end()) == ("stranger", 1008)
    for key in (member["secret"], other.room["key"]):
        wrong = {"Shallows-Room-Key": key}
        for method, rest in (
            ("GET", ""),
            ("DELETE", ""),
            ("GET", "/results.csv"),
            ("POST", "/links"),
        ):
            answer = room.client.request(method, f"/rooms/{room.id}{rest}", headers=wrong)
            assert answer.json()["code"] == "wrong_key", (method, rest)
    assert room.seen() == before


def test_who_was_removed_has_no_way_in(room: Class) -> None:
    """Not by the secret, a lab, a name, a claim, the session, or with a message under way."""
    member, stays = room.joins(), room.joins()
    with ExitStack() as ends:
        teacher, page = (
            ends.enter_context(room.teacher()),
            ends.enter_context(room.enters(member["secret"])),
        )
        lab = ends.enter_context(room.enters(member["secret"], lab=True))
        for each in (page, lab):
            each.say("configure", runs=[{}])
        first, second = (each.until("configured")["session"] for each in (page, lab))
        teacher.say("ask", **QUESTION)
        page.until("room", lambda seen: seen["question"])
        teacher.say("remove", member=1)
        assert (page.error(), page.end(), lab.error(), lab.end()) == (
            "removed",
            1008,
            "removed",
            1008,
        )
        for fields in ({}, {"lab": True}):
            with room.enters(member["secret"], **fields) as back:
                back.say("answer", question=1, choice=0)
                assert (back.error(), back.end()) == ("removed", 1008)
        assert room.ask(name=member["name"]).json()["code"] == "unknown_name"
        assert (
            room.ask(name=member["name"], secret=member["secret"]).json()["code"] == "unknown_name"
        )
        teacher.say("hold", held=True)
        teacher.room(held=True)
        for session in (first, second):  # theirs, and in no room
            with Page.at(room.client, f"/ws?session={session}", type="play") as mine:
                assert mine.until("configured")["held"] is False
                mine.until("state", lambda seen: seen["playing"])
                said: dict[str, Json] = {
                    "answer": {"question": 1, "choice": 0},
                    "hand": {"up": True},
                }
                for type, words in said.items():
                    mine.say(type, **words)
                    assert mine.error() == "unknown_type"
                mine.say("configure", runs=[{}], experiment=1)
                assert mine.error() == "invalid_field"
        seen = room.seen()
        assert [each["member"] for each in seen["members"]] == [stays["member"]]
        assert seen["questions"][0]["answered"] == 0
        assert member["name"] not in str(seen)


# -- an access code and a room's ----------------------------------------------------------------


UNNAMED = (
    "",
    "?room=",
    "?room=&room=",
    "?ROOM=x",
    "?room%00=x",
    "?session=x",
    "?session=?room=x",
    "?a=1;room=x",
    "?iteration=1&room",
)


def test_an_access_code_is_asked_for_unless_the_address_names_a_room() -> None:
    with TestClient(create_app(settings_for("inline", access_code="secret"))) as client:
        for query in UNNAMED:
            refused = pytest.raises(WebSocketDenialResponse)
            with refused, client.websocket_connect(f"/ws{query}"):
                pass


def test_behind_an_access_code_a_room_in_the_address_opens_that_room_alone() -> None:
    """Whatever else the address says: the room that counts is that which asks for the secret."""
    with TestClient(create_app(settings_for("inline", access_code="secret"))) as client:
        bearer = {"Authorization": "Bearer secret"}
        one, two = (client.post("/rooms", json={}, headers=bearer).json() for _ in range(2))
        member = client.post("/rooms/join", json={"code": one["code"]}).json()
        client.cookies.clear()
        enter = {"type": "enter", "room": one["id"], "secret": member["secret"]}
        play = {"type": "configure", "runs": [{}]}
        for query, first, code in (
            ("room=x", play, "unknown_type"),
            ("room=x", {**enter, "room": "x"}, "not_found"),
            ("room=x&room=", play, "unknown_type"),
            ("room=&room=x", play, "unknown_type"),
            (f"room=x&room={one['id']}", {**enter, "secret": "wrong"}, "stranger"),
            (f"room={two['id']}&room={two['id']}", {**enter, "room": two["id"]}, "stranger"),
            (f"room={two['id']}", enter, "invalid_field"),
            (f"%72oom={one['id']}", {**enter, "secret": "x"}, "stranger"),
        ):
            with Page.at(client, f"/ws?{query}", **first) as page:
                said = page.until_error()["code"]
                assert (said, page.end()) == (code, 1008), query
        for method, path in (
            ("POST", "/rooms"),
            ("POST", "/rooms/"),
            ("POST", "//rooms"),
            ("GET", "/rooms/../datasets"),
            ("GET", "/rooms/%2e%2e/datasets"),
            ("GET", "/j/../datasets"),
            ("GET", "/j//datasets"),
            ("GET", "/rooms/x/../../datasets"),
            ("POST", "/ws"),
            ("POST", "/ws/up"),
            ("GET", f"/datasets?room={one['id']}"),
            ("POST", f"/train?room={one['id']}"),
        ):
            answer = client.request(method, path, json={} if method == "POST" else None)
            assert answer.status_code in (401, 404, 405, 403), (method, path, answer.status_code)
            assert "circle" not in answer.text


# -- bad days -----------------------------------------------------------------------------------


def test_a_room_that_ends_while_somebody_comes_lets_them_go(
    room: Class, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A claim that waits, and a page that has said who it is and has no session yet."""
    member, away = room.joins(), room.joins()
    claim = room.ask(name=away["name"]).json()["claim"]
    with room.teacher() as teacher, room.enters(member["secret"]) as page:
        page.say("configure", runs=[{}], playing=True)
        page.until("configured")
        teacher.say("hold", held=True)
        page.room(held=True)
    enter = InteractiveSessions.enter

    async def late(self: InteractiveSessions, *args: Any) -> InteractiveSession:
        await services_of(room.client).rooms.do(room.id, End())
        return await enter(self, *args)

    monkeypatch.setattr(InteractiveSessions, "enter", late)
    with room.enters(member["secret"]) as page:
        assert page.until("over")["reason"] == "ended"
        assert page.end() == 1000
    assert room.ask(claim=claim).json()["code"] == "not_found"
    with Page.at(room.client, f"/ws?session={member['session']}", type="pause") as mine:
        assert mine.until("configured")["held"] is False


def larger_than(tasks: int) -> Callable[[Json], bool]:
    return lambda seen: len(seen["tasks"]) > tasks


def test_when_the_disk_is_full_a_room_stays_as_it_was_and_can_be_ended(tmp_path: Path) -> None:
    def small(connection: sqlite3.Connection, record: object) -> None:
        connection.execute("PRAGMA max_page_count = 60")

    event.listen(Engine, "connect", small)
    try:
        with service(f"sqlite:///{tmp_path}/store.sqlite3") as client:
            room = Class(client)
            member, big = room.joins(), "#" + "x" * 15_000
            with room.teacher() as teacher, room.enters(member["secret"]) as page:
                page.say("configure", runs=[{}])
                page.until("configured")
                heard = teacher.until("room")
                while heard["type"] == "room":
                    sent = len(heard["tasks"])
                    teacher.say("task", **EVERY["task"], page=big)
                    heard = teacher.until_error_or("room", larger_than(sent))
                assert heard["code"] == "not_stored"
                while room.ask().status_code == 201:
                    pass
                assert room.ask().json()["code"] == "not_stored"
                page.say("step", iterations=10)
                page.until("state")
                assert len(room.seen()["tasks"]) == sent
                with room.enters(member["secret"]) as again, room.teacher() as another:
                    assert again.room()["name"] == member["name"]
                    assert len(another.until("room")["tasks"]) == sent
                assert client.delete(f"/rooms/{room.id}", headers=room.key).status_code == 204
                assert teacher.until("over")["reason"] == "ended"
            assert Class(client).joins()["member"] == 1
    finally:
        event.remove(Engine, "connect", small)
