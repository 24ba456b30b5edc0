"""The doors of a room: REST and both streams, on a server in this process."""

import asyncio
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest
from starlette.testclient import TestClient, WebSocketDenialResponse

from app import wire
from app.classroom import room as rooms
from app.classroom.bounds import MOST_LABS
from app.classroom.codes import Mint
from app.classroom.errors import NoRoom, RoomFull
from app.classroom.events import Fresh
from app.classroom.events import Opened as OpenedPage
from app.classroom.messages import OF_MEMBERS, OF_TEACHERS, Lock
from app.classroom.room import Room
from app.classroom.rooms import NewRoom
from app.classroom.state import Now
from app.classroom.turn import Around
from app.errors import NotStored, TooFast
from app.main import create_app
from app.rooms import audience
from app.routes.interacting import _allowed
from app.schemas import Configure
from app.sessions.outbox import Outbox
from app.store.classes import StoredRooms
from app.web import tries
from tests.app.conftest import a_moment, metric, services_of, settings_for
from tests.app.rooms import Class, Json, Page

QUESTION: Json = {"text": "Which is better?", "choices": ["tanh", "ReLU"]}
PLAN: Json = {"data": {"dataset": "xor"}, "runs": [{}]}


# -- REST ---------------------------------------------------------------------------------------


def test_a_room_is_opened_looked_at_and_ended(room: Class) -> None:
    client = room.client
    assert room.room["join"] == f"/j/{room.room['code']}"
    assert room.room["teacher"] == f"/rooms/{room.id}"
    assert room.room["screen"] == f"/rooms/{room.id}/screen"
    assert room.seen()["title"] == "Year 12"
    assert room.seen()["role"] == "teacher"
    assert room.seen(room.room["screen_key"])["role"] == "screen"
    code = client.get(f"/rooms/{room.id}/code.svg")
    assert (code.status_code, code.headers["content-type"]) == (200, "image/svg+xml")
    screen = {"Shallows-Room-Key": room.room["screen_key"]}
    assert client.delete(f"/rooms/{room.id}", headers=screen).json()["code"] == "not_yours"
    assert client.delete(f"/rooms/{room.id}", headers=room.key).status_code == 204
    assert client.get(f"/rooms/{room.id}", headers=room.key).status_code == 404
    assert room.ask().status_code == 404


@pytest.mark.parametrize("host", ["a" * 3000, "evil.example/", "a b", ""])
def test_what_is_no_host_is_not_drawn(room: Class, host: str) -> None:
    answer = room.client.get(f"/rooms/{room.id}/code.svg", headers={"host": host})
    assert (answer.status_code, answer.json()["code"]) == (421, "unknown_host")


@pytest.mark.parametrize("host", ["school.example", "[fd00::1]:8000", "192.168.1.5:8000"])
def test_every_host_is_drawn(room: Class, host: str) -> None:
    assert room.client.get(f"/rooms/{room.id}/code.svg", headers={"host": host}).is_success


@pytest.mark.parametrize("path", ["", "/results.csv"])
@pytest.mark.parametrize("key", [None, "wrong", ""])
def test_without_its_key_a_room_shows_nothing(room: Class, path: str, key: str | None) -> None:
    headers = {} if key is None else {"Shallows-Room-Key": key}
    answer = room.client.get(f"/rooms/{room.id}{path}", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "wrong_key")
    nowhere = room.client.get(f"/rooms/nowhere{path}", headers=room.key)
    assert (nowhere.status_code, nowhere.json()["code"]) == (404, "not_found")
    assert room.client.delete(f"/rooms/{room.id}", headers=headers).status_code == 403


def test_a_browser_without_a_key_gets_the_page_of_the_teacher(room: Class) -> None:
    answer = room.client.get(f"/rooms/{room.id}", headers={"accept": "text/html,*/*"})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert room.room["code"] not in answer.text


def test_who_joins_gets_a_name_a_secret_and_a_session(room: Class) -> None:
    spaced = f" {room.room['code'][:3].lower()}-{room.room['code'][3:].lower()} "
    first, second = room.joins(), room.joins(code=spaced)
    assert first["room"] == second["room"] == room.id
    assert first["title"] == "Year 12"
    assert len({first["name"], second["name"]}) == 2
    again = room.joins(secret=second["secret"])
    assert (again["member"], again["session"]) == (second["member"], second["session"])
    assert [member["name"] for member in room.seen()["members"]] == [first["name"], second["name"]]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"code": "ZZZZZZ"}, 404, "not_found"),
        ({"code": ""}, 404, "not_found"),
        ({"name": "nobody here"}, 404, "unknown_name"),
        ({"claim": "none"}, 404, "not_let_in"),
        ({"secret": "x" * 101}, 422, "invalid_field"),
        ({"code": 5}, 422, "invalid_field"),
        ({"more": 5}, 422, "invalid_field"),
    ],
)
def test_who_can_not_join_hears_why(room: Class, body: Json, status: int, code: str) -> None:
    answer = room.ask(**body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_name_is_claimed_and_the_teacher_lets_in(room: Class) -> None:
    member = room.joins()
    with room.teacher() as teacher:
        teacher.until("room")
        claimed = room.ask(name=member["name"].upper())
        assert claimed.status_code == 202
        claim = claimed.json()["claim"]
        assert room.ask(claim=claim).status_code == 202
        assert room.ask(name=member["name"]).json()["code"] == "claimed"
        (waits,) = teacher.until("room", lambda seen: seen["claims"])["claims"]
        assert (waits["member"], waits["name"]) == (1, member["name"])
        teacher.say("admit", claim=waits["claim"])
        teacher.room(claims=[])
    back = room.joins(claim=claim)
    assert (back["member"], back["session"]) == (member["member"], member["session"])
    with room.enters(member["secret"]) as page:
        assert (page.error(), page.end()) == ("stranger", 1008)
    with room.enters(back["secret"]) as page:
        assert page.room()["name"] == member["name"]


def test_the_door_is_locked_and_the_code_renewed(room: Class) -> None:
    member = room.joins()
    with room.teacher() as teacher:
        teacher.say("lock", locked=True)
        teacher.room(locked=True)
        assert (room.ask().status_code, room.ask().json()["code"]) == (409, "locked")
        assert room.joins(secret=member["secret"])["member"] == 1
        teacher.say("new_code")
        new = teacher.until("room", lambda seen: seen["code"] != room.room["code"])["code"]
        assert room.ask(secret=member["secret"]).status_code == 404
        assert room.joins(code=new, secret=member["secret"])["member"] == 1


def test_another_device_gets_a_key_of_its_own_once(room: Class) -> None:
    with room.teacher() as teacher:
        teacher.say("pair")
        code = teacher.until("pairing")["code"]
        body = {"code": room.room["code"], "pairing": code.lower()}
        made = room.client.post("/rooms/teacher", json=body)
        assert made.status_code == 201
        assert room.client.post("/rooms/teacher", json=body).json()["code"] == "wrong_key"
        with room.teacher(made.json()["key"]) as other:
            other.until("room")
            other.say("new_key")
            key = other.until("key")["key"]
            assert (teacher.error(), teacher.end()) == ("wrong_key", 1008)
    with room.teacher() as old:
        assert (old.error(), old.end()) == ("wrong_key", 1008)
    assert room.seen(key)["role"] == "teacher"


def test_results_have_answers_once_they_are_shown(room: Class) -> None:
    member = room.joins()
    with room.teacher() as teacher, room.enters(member["secret"]) as page:
        teacher.say("ask", **QUESTION, right=1)
        number = page.until("room", lambda seen: seen["question"])["question"]["id"]
        page.say("answer", question=number, choice=1)
        teacher.until("member", lambda seen: seen["answered"])
        assert "ReLU" not in results(room)
        assert all("counts" not in question for question in room.seen()["questions"])
        teacher.say("reveal", question=number)
        page.until("room", lambda seen: seen["question"].get("counts") == [0, 1])
    table = results(room).splitlines()
    assert table[0].startswith("member,name,kind,what,answer,solved,at,")
    assert table[1].startswith(f"1,{member['name']},question,Which is better?,ReLU,yes,")


def results(room: Class) -> str:
    answer = room.client.get(f"/rooms/{room.id}/results.csv", headers=room.key)
    assert answer.status_code == 200
    return answer.text


def test_every_network_is_a_link_until_the_room_ends(room: Class) -> None:
    members = [room.joins() for _ in range(3)]
    with room.enters(members[0]["secret"]) as first, room.enters(members[1]["secret"]) as second:
        for page in (first, second):
            page.say("configure", runs=[{}])
            page.until("configured")
        old, removed, none = links_of(room)
        assert none is None  # who has trained nothing
        new = links_of(room)[0]
        with room.teacher() as teacher:
            teacher.say("remove", member=2)
            teacher.until("member", lambda seen: seen.get("gone"))
        assert [room.client.get(link).status_code for link in (old, new, removed)] == [
            *(404, 200, 404)
        ]
        assert [seen["link"] for seen in room.seen()["members"]] == [new, None]
        with room.teacher() as teacher:
            teacher.say("task", **EVERY["task"])
            teacher.until("room", lambda seen: seen["task"])
        assert results(room).splitlines()[1].endswith(f",{new}")
    wrong = room.client.post(f"/rooms/{room.id}/links")
    assert (wrong.status_code, wrong.json()["code"]) == (403, "wrong_key")
    room.client.delete(f"/rooms/{room.id}", headers=room.key)
    assert room.client.get(new).status_code == 404


def links_of(room: Class) -> list[Any]:
    answer = room.client.post(f"/rooms/{room.id}/links", headers=room.key)
    assert answer.status_code == 200
    return [each["link"] for each in answer.json()["links"]]


# -- who may open rooms, and how many there are -------------------------------------------------


def test_with_a_teachers_code_only_who_has_it_opens_a_room() -> None:
    settings = settings_for("inline", teacher_code="größe 7")
    with TestClient(create_app(settings)) as client:
        for wrong in ({}, {"Shallows-Teacher-Code": "no"}):
            answer = client.post("/rooms", json={}, headers=wrong)
            assert (answer.status_code, answer.json()["code"]) == (403, "teacher_code")
        right = {b"shallows-teacher-code": "größe 7".encode()}
        opened = client.post("/rooms", json={}, headers=right)
        assert opened.status_code == 201
        joined = client.post("/rooms/join", json={"code": opened.json()["code"]})
        assert joined.status_code == 201


def test_when_all_rooms_are_taken_an_empty_one_gives_way() -> None:
    settings = settings_for("inline", max_rooms=2)
    with TestClient(create_app(settings)) as client, ExitStack() as stack:
        empty, used = Class(client), Class(client)
        used.joins()
        third = Class(client)
        assert client.get(f"/rooms/{empty.id}", headers=empty.key).status_code == 404
        stack.enter_context(third.teacher()).until("room")
        refused = client.post("/rooms", json={})
        assert (refused.status_code, refused.json()["code"]) == (409, "full")
        assert used.seen()["id"] == used.id


def opened_at_once(client: TestClient, rooms: int) -> list[object]:
    """What comes of so many rooms that are opened in one moment: the error, or the room's id."""
    live = services_of(client).rooms

    async def open_all() -> list[object]:
        opened = (live.open("", "somebody") for _ in range(rooms))
        return await asyncio.gather(*opened, return_exceptions=True)

    assert client.portal is not None
    results = client.portal.call(open_all)
    return [new.room.state.door.id if isinstance(new, NewRoom) else new for new in results]


def test_rooms_that_are_opened_at_once_are_counted_and_stay() -> None:
    with TestClient(create_app(settings_for("inline", max_rooms_per_client=3))) as client:
        opened = opened_at_once(client, 9)
        assert [type(each) for each in opened] == [str] * 3 + [RoomFull] * 6
    with TestClient(create_app(settings_for("inline", max_rooms=2))) as client:
        opened = opened_at_once(client, 9)
        assert [type(each) for each in opened] == [str] * 2 + [RoomFull] * 7
        assert {services_of(client).rooms.has(str(id)) for id in opened[:2]} == {True}
        Class(client)  # another moment: the one that was opened first gives way
        assert len(services_of(client).rooms) == 2


# -- codes that are guessed ---------------------------------------------------------------------


def test_whoever_guesses_is_answered_slowly_and_nobody_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = settings_for("inline", wrong_codes_burst=3, wrong_codes_per_second=1e-6)
    waits: list[float] = []
    real = asyncio.sleep

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        await real(0)

    with TestClient(create_app(settings)) as client:
        monkeypatch.setattr(asyncio, "sleep", sleep)
        room = Class(client)
        there = room.joins()
        for code in ("22ZZZZ", "33ZZZZ", "33zzzz", "33ZZZZ", "33 zzzz", "44ZZZZ"):
            assert room.ask(code=code).status_code == 404
        assert tries.SLOW_SECONDS not in waits
        assert room.ask(code="55ZZZZ").status_code == 404
        assert room.ask().status_code == 201
        assert room.ask(name=there["name"]).status_code == 202
        assert waits.count(tries.SLOW_SECONDS) == 3  # the right one waits too
        # What is known to be wrong tells nobody anything; who is in, or waits, guesses nothing.
        assert room.ask(code="33ZZZZ").status_code == 404
        assert room.joins(secret=there["secret"])["member"] == 1
        claim = room.ask(name=there["name"]).json()
        assert waits.count(tries.SLOW_SECONDS) == 4
        assert claim["code"] == "claimed"
        with room.teacher() as teacher:
            teacher.say("remove", member=1)
            teacher.until("member", lambda seen: seen.get("gone"))
        assert room.ask(secret=there["secret"]).status_code == 201
        assert waits.count(tries.SLOW_SECONDS) == 5  # who was removed is somebody new


def test_a_class_passes_whoever_guesses_at_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn is a code's, by turns that most wait with and that has waited longest."""
    monkeypatch.setattr(tries, "SLOW_SECONDS", 0.0)
    monkeypatch.setattr(tries, "MOST_WAITING", 39)
    guesses = tries.Tries(settings_for("inline", wrong_codes_burst=1))
    order: list[str] = []
    turns = 0

    async def here() -> bool:
        nonlocal turns
        turns += 1
        return False

    async def gone() -> bool:
        return True

    async def one(code: str, client: str = "school", is_gone: tries.Gone = here) -> str:
        try:
            async with guesses.one(client, code, is_gone):
                order.append(code)
                if code != "right":
                    raise NoRoom
        except NoRoom:
            return "wrong"
        except TooFast:
            return "refused"
        return "right"

    async def all_of_them() -> None:
        assert await one("first") == "wrong"
        order.clear()
        those_gone = [one(f"gone {number}", is_gone=gone) for number in range(3)]
        guessed = [one(f"guess {number}") for number in range(6)]
        class_ = [one("right") for _ in range(30)]
        answers = await asyncio.gather(
            *those_gone, *guessed, *class_, one("late"), one("elsewhere", "home")
        )
        assert answers == [*["wrong"] * 9, *["right"] * 30, "refused", "wrong"]

    asyncio.run(all_of_them())
    assert order[0] == "elsewhere"
    assert order[1:31] == ["right"] * 30
    assert order[31:] == [
        "gone 0",
        *["guess 5", "gone 1", "guess 4", "gone 2", "guess 3"],
        *["guess 0", "guess 2", "guess 1"],
    ]
    assert turns == 7  # nobody's turn begins before, and who has gone takes none
    assert not guesses._lines
    assert not guesses._under_way


def test_whoever_waits_when_the_server_ends_waits_no_longer() -> None:
    async def here() -> bool:
        return False

    async def ends() -> None:
        guesses = tries.Tries(settings_for("inline", wrong_codes_burst=1))
        guesses._wrong.take("school")
        entering = asyncio.create_task(guesses.one("school", "code", here).__aenter__())
        await asyncio.sleep(0)
        for task in guesses._serving:
            task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await entering

    asyncio.run(ends())


# -- an access code -----------------------------------------------------------------------------


def test_with_an_access_code_a_students_one_code_is_the_rooms() -> None:
    with TestClient(create_app(settings_for("inline", access_code="secret"))) as client:
        assert client.post("/rooms", json={}).status_code == 401
        bearer = {"Authorization": "Bearer secret"}
        opened = client.post("/rooms", json={}, headers=bearer).json()
        assert client.get("/datasets").status_code == 401
        for path in ("/ws", "/ws?room=", "/train/any/stream"):
            with pytest.raises(WebSocketDenialResponse), client.websocket_connect(path):
                pass
        form = {"accept": "text/html", "origin": "http://testserver"}
        typed = client.post("/", data={"code": opened["code"].lower()}, headers=form)
        assert typed.request.url.path == f"/j/{opened['code']}"  # where the form has led
        assert client.post("/", data={"code": "ZZZZZZ"}, headers=form).status_code == 401
        joined = client.post("/rooms/join", json={"code": opened["code"]})
        assert joined.status_code == 201
        cookie = joined.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert client.get("/datasets").status_code == 200
        client.cookies.clear()  # a script has none
        enter = {"type": "enter", "room": opened["id"], "secret": joined.json()["secret"]}
        with Page.at(client, f"/ws?room={opened['id']}", **enter) as page:
            assert page.room()["member"] == 1
        key = {"Shallows-Room-Key": opened["key"]}
        wrong = {"Shallows-Room-Key": "wrong"}
        assert client.get(f"/rooms/{opened['id']}", headers=wrong).status_code == 403
        assert client.get("/datasets").status_code == 401
        assert client.get(f"/rooms/{opened['id']}", headers=key).status_code == 200
        assert client.get("/datasets").status_code == 200
        client.delete(f"/rooms/{opened['id']}", headers=key)
        assert client.get("/datasets").status_code == 401  # the pass ends with the room
        client.cookies.clear()
        another = client.post("/rooms", json={}, headers=bearer).json()["id"]
        for proof in ("", "0" * 64):
            forged = {"cookie": f"shallows_room={another}.{proof}"}
            assert client.get("/datasets", headers=forged).status_code == 401
        assert client.get("/j/ABCDEF", headers={"accept": "text/html"}).status_code == 200


def test_without_an_access_code_no_cookie_is_set(room: Class) -> None:
    assert "set-cookie" not in room.ask().headers


# -- a student's stream -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "code"),
    [
        ({"type": "enter", "secret": "wrong"}, "stranger"),
        ({"type": "enter", "room": "another", "secret": "wrong"}, "invalid_field"),
        ({"type": "configure", "runs": [{}]}, "unknown_type"),
        ({"type": "answer", "question": 1, "choice": 0}, "unknown_type"),
        ({"type": "open", "key": "wrong"}, "unknown_type"),
        ({"type": "enter", "secret": "x" * 3000}, "invalid_json"),
    ],
)
def test_a_stream_of_a_room_begins_with_who_it_is(room: Class, first: Json, code: str) -> None:
    said = {"room": room.id, **first} if first["type"] == "enter" else first
    with Page.at(room.client, f"/ws?room={room.id}", **said) as page:
        assert (page.error(), page.end()) == (code, 1008)
    with Page.at(room.client, "/ws?room=gone", type="enter", room="gone", secret="x") as page:
        assert (page.error(), page.end()) == ("not_found", 1008)


def test_a_second_tab_takes_over_and_the_session_goes_on(room: Class) -> None:
    member = room.joins()
    with room.enters(member["secret"]) as first:
        first.say("configure", runs=[{}])
        assert first.until("configured")["session"] == member["session"]
        with room.enters(member["secret"]) as second:
            configured = second.until("configured")
            assert (configured["session"], configured["resumed"]) == (member["session"], True)
            assert first.end() == 4001
            second.say("hand", up=True)
            second.room(hand=True)
    assert [seen["here"] for seen in room.seen()["members"]] in ([True], [False])


def test_a_lab_is_a_second_session_of_the_same_member(room: Class) -> None:
    member = room.joins()
    with room.enters(member["secret"]) as page, room.enters(member["secret"], lab=True) as lab:
        page.say("configure", runs=[{}])
        lab.say("configure", runs=[{}, {}])
        mine, other = page.until("configured"), lab.until("configured")
        assert mine["session"] == member["session"] != other["session"]
        lab.say("hand", up=True)
        page.room(hand=True)
    path = f"/ws?room={room.id}&session={other['session']}"
    enter = {"type": "enter", "room": room.id, "secret": member["secret"], "lab": True}
    with Page.at(room.client, path, **enter) as lab:
        assert lab.until("configured")["session"] == other["session"]


def as_lab(room: Class, member: Json, session: str | None = None) -> Any:
    """The second session of a member's page, perhaps one that there was."""
    path = f"/ws?room={room.id}" + (f"&session={session}" if session else "")
    enter = {"type": "enter", "room": room.id, "secret": member["secret"], "lab": True}
    return Page.at(room.client, path, **enter)


def test_a_members_session_is_nobodys_lab_and_no_way_around_a_hold(room: Class) -> None:
    one, two, other = room.joins(), room.joins(), Class(room.client)
    elsewhere = other.joins()
    with room.teacher() as teacher, room.enters(one["secret"]) as page, as_lab(room, one) as lab:
        page.say("configure", runs=[{}])
        mine = [page.until("configured")["session"]]
        lab.say("configure", runs=[{}])
        mine.append(lab.until("configured")["session"])
        teacher.say("hold", held=True)
        page.room(held=True)
        for session in mine:
            with as_lab(other, elsewhere, session) as taken:
                assert taken.error() == "unknown_session"
                taken.say("configure", runs=[{}])
                assert taken.until("configured")["session"] not in mine
            for _ in range(2):  # the next one lets the one before go
                with as_lab(room, two, session) as taken:
                    assert taken.error() == "unknown_session"
                    taken.say("configure", runs=[{}])
                    assert taken.error() == "held"
            with Page.at(room.client, f"/ws?session={session}", type="play") as again:
                assert again.error() == "held"


def test_a_lab_that_another_takes_the_place_of_stays_held(room: Class) -> None:
    member = room.joins()
    with room.teacher() as teacher, as_lab(room, member) as lab:
        lab.say("configure", runs=[{}])
        session = lab.until("configured")["session"]
        teacher.say("hold", held=True)
        teacher.room(held=True)
        for _ in range(MOST_LABS - 1):
            with as_lab(room, member) as other:
                other.say("play")
                assert other.error() in {"held", "not_configured"}
        with as_lab(room, member) as one_more:
            assert (one_more.error(), one_more.end()) == ("held", 1008)
        with Page.at(room.client, f"/ws?session={session}", type="play") as again:
            assert again.error() == "held"
            teacher.say("hold", held=False)
            teacher.room(held=False)
            again.say("play")
            assert again.until("state", lambda seen: seen["playing"])
        with as_lab(room, member) as other:
            other.say("configure", runs=[{}])
            other.until("configured")


def test_who_is_removed_is_told_and_may_come_as_somebody_new(room: Class) -> None:
    member = room.joins()
    with room.teacher() as teacher, room.enters(member["secret"]) as page:
        page.say("configure", runs=[{}])
        page.until("configured")
        teacher.say("remove", member=1)
        assert (page.error(), page.end()) == ("removed", 1008)
        teacher.until("member", lambda seen: seen.get("gone"))
        with room.enters(member["secret"]) as back:
            assert (back.error(), back.end()) == ("removed", 1008)
        new = room.joins(secret=member["secret"])
        assert new["member"] == 2
    # What they have trained is theirs.
    with Page.at(room.client, f"/ws?session={member['session']}", type="pause") as page:
        assert page.until("configured")["resumed"] is True


def test_what_only_looks_needs_no_leave_of_a_room_that_is_over() -> None:
    """It is over before that is written, and only then told: what is said meanwhile is no error."""
    with TestClient(create_app(settings_for("inline"))) as client:
        room, live = Class(client), services_of(client).rooms
        member = room.joins()
        store, written = services_of(client).store, threading.Event()
        store._writer._seconds = 60.0  # however long the test takes meanwhile

        def stands_still(connection: object) -> None:
            written.wait(60)

        with room.enters(member["secret"]) as page, ThreadPoolExecutor() as pool:
            page.say("configure", runs=[{}])
            while not isinstance(frame := page.socket.receive().get("bytes"), bytes):
                pass
            assert client.portal is not None
            writing = client.portal.start_task_soon(store.write, stands_still)
            ending = pool.submit(client.delete, f"/rooms/{room.id}", headers=room.key)
            while live.has(room.id):
                a_moment()
            page.say("ack", frame=wire.unpack(frame)["frame"])
            page.say("inspect")
            assert page.hear() is not None
            assert page.heard[-1]["type"] == "inspection", page.heard[-1]
            written.set()
            writing.result()
            page.until("over")
            assert page.end() == 1000
            assert ending.result().status_code == 204


def test_who_leaves_comes_back_with_everything(room: Class) -> None:
    member = room.joins()
    with room.teacher() as teacher, room.enters(member["secret"]) as page:
        teacher.say("ask", **QUESTION)
        page.until("room", lambda seen: seen["question"])
        page.say("answer", question=1, choice=1)
        page.until("room", lambda seen: seen["question"]["answered"])
        page.say("leave")
        assert page.end() == 1000
        teacher.until("member", lambda seen: seen.get("gone"))
        with room.enters(member["secret"]) as back:
            assert back.room()["question"]["choice"] == 1


def test_what_was_sent_is_set_up_whatever_a_page_says(room: Class) -> None:
    member = room.joins()
    with room.teacher() as teacher, room.enters(member["secret"]) as page:
        page.say("configure", runs=[{}], experiment=1)
        assert page.error() == "not_found"
        teacher.say("push", page="#dataset=xor", plan=PLAN, seeds="own")
        sent = page.until("room", lambda seen: seen["experiment"])["experiment"]
        assert sent == {"number": 1, "page": "#dataset=xor", "seed": 1, "playing": False}
        page.say("configure", data={"dataset": "circle"}, runs=[{}], experiment=1)
        configured = page.until("configured")
        assert configured["runs"][0]["layers"] != PLAN
        with Page.at(room.client, "/ws", type="configure", **seeded(1)) as own:
            assert own.until("configured")["runs"][0]["layers"] == configured["runs"][0]["layers"]
        page.say("configure", runs=[{}], experiment=2)
        assert page.error() == "not_found"
    with Page.at(room.client, "/ws", type="configure", experiment=1, **PLAN) as nobody:
        assert nobody.error() == "invalid_field"


def test_what_was_sent_costs_by_its_size_however_short_the_message_is(room: Class) -> None:
    """A real server charges it to the stream, which then waits."""
    room.joins()
    live, mine = services_of(room.client).rooms, Configure(type="configure", experiment=1)
    points = [[x / 100, -x / 100, 1.0] for x in range(-400, 400)]
    own = {"points": points, "labels": [0, 1] * 400}
    costs = []
    with room.teacher() as teacher:
        for number, data in enumerate(({"dataset": "xor"}, own), start=1):
            teacher.say("push", page="#", plan={"data": data, "runs": [{}]}, seeds="same")
            while (teacher.until("room")["experiment"] or {}).get("number") != number:
                pass
            said = mine.model_copy(update={"experiment": number})
            costs.append(_allowed(live.room(room.id), 1, said).seconds)
    assert costs[1] > 2 * costs[0] > 0
    assert _allowed(live.room(room.id), 1, Configure(type="configure")).seconds == 0


def seeded(seed: int) -> Json:
    return {**PLAN, "runs": [{"network": {"initialization": {"seed": seed}}}]}


EVERY: dict[str, Json] = {
    "push": {"page": "#dataset=xor", "plan": PLAN},
    "hold": {"held": True},
    "admit": {"claim": "some"},
    "refuse": {"claim": "some"},
    "reduce": {"hide": ["cost"], "lock": []},
    "ask": QUESTION,
    "reveal": {"question": 1},
    "close": {"question": 1},
    "task": {"title": "T", "until": [{"quantity": "iteration", "at_least": 1}]},
    "lesson": {"name": "one-unit"},
    "spotlight": {"members": [1]},
    "watch": {"members": [1]},
    "lock": {"locked": True},
    "rename": {"member": 1, "name": "me"},
    "remove": {"member": 1},
    "new_code": {},
    "new_key": {},
    "pair": {},
    "names": {"shown": True},
}


def test_no_message_of_a_teacher_is_a_members_or_a_projectors(room: Class) -> None:
    assert EVERY.keys() == OF_TEACHERS.keys()
    member = room.joins()
    with room.teacher() as teacher:
        teacher.say("ask", **QUESTION)
        teacher.until("room", lambda seen: seen["question"])
    before = room.seen()
    with room.enters(member["secret"]) as page, room.screen() as screen:
        page.until("room")
        screen.until("room")
        for type, fields in EVERY.items():
            page.say(type, **fields)
            assert page.error() == "unknown_type", type
            screen.say(type, **fields)
            assert screen.error() == "not_yours", type
    with room.enters(member["secret"], lab=True) as lab:
        for type, fields in EVERY.items():
            lab.say(type, **fields)
            assert lab.error() == "unknown_type", type
    with Page.at(room.client, "/ws", type="pause") as nobody:
        assert nobody.error() == "not_configured"
        for type in (*EVERY, *OF_MEMBERS):
            nobody.say(type)
            assert nobody.error() == "unknown_type", type
    after = room.seen()
    for seen in (before, after):
        for each in seen["members"]:
            for own in ("here", "away_since", "progress_at"):
                del each[own]
    assert after == before


def test_a_student_sees_nothing_of_others(room: Class) -> None:
    first, second = room.joins(), room.joins()
    with (
        room.teacher() as teacher,
        room.enters(first["secret"]) as page,
        room.enters(second["secret"]) as other,
        room.screen() as screen,
    ):
        teacher.say("ask", **QUESTION, right=0)
        page.until("room", lambda seen: seen["question"])
        page.say("answer", question=1, choice=1)
        page.until("room", lambda seen: seen["question"]["answered"])
        other.until("room", lambda seen: seen["question"])
        other.say("answer", question=1, choice=0)
        other.until("room", lambda seen: seen["question"]["answered"])
        screen.until("room", lambda seen: seen["question"] and seen["question"]["answered"] == 2)
        for listener in (page, screen, teacher):
            said = json.dumps([m for m in listener.heard if m["type"] != "key"])
            for secret in (first["secret"], second["secret"], room.room["key"]):
                assert secret not in said
            assert "counts" not in said
        for listener in (page, screen):
            assert second["name"] not in json.dumps(listener.heard)
            assert '"right"' not in json.dumps(listener.heard)


# -- a teacher's stream -------------------------------------------------------------------------


@pytest.mark.parametrize("first", [{"type": "open", "key": "wrong"}, {"type": "open", "key": ""}])
def test_a_wrong_key_opens_nothing(room: Class, first: Json) -> None:
    with Page.at(room.client, f"/rooms/{room.id}/stream", **first) as page:
        assert (page.error(), page.end()) == ("wrong_key", 1008)
    with Page.at(room.client, "/rooms/nowhere/stream", **first) as page:
        assert (page.error(), page.end()) == ("not_found", 1008)


def test_an_error_leaves_the_room_as_it_was(room: Class) -> None:
    with room.teacher() as teacher:
        before = teacher.room(question=None)
        wrong: list[tuple[str, Json, str | None]] = [
            ("ask", {"text": "?", "choices": ["a", "a"]}, "invalid_field"),
            ("reveal", {"question": 9}, "not_found"),
            ("remove", {"member": 9}, "unknown_member"),
            ("lesson", {"name": "none"}, "not_found"),
            ("push", {"page": "#a", "plan": {"runs": [{}], "data": {"dataset": "?"}}}, None),
            ("open", {"key": room.room["key"]}, "unknown_type"),
            ("answer", {"question": 1, "choice": 0}, "unknown_type"),
        ]
        for type, fields, code in wrong:
            teacher.say(type, **fields)
            assert teacher.error() == (code or "invalid_field"), type
        teacher.say("names", shown=True)
        after = teacher.room(names=True)
    assert {**after, "names": False} == {**before, "names": False}


def test_a_teacher_who_reloads_sees_all_of_it_again(room: Class) -> None:
    member = room.joins()
    with room.teacher() as teacher, room.enters(member["secret"]) as page:
        teacher.say("ask", **QUESTION)
        page.until("room", lambda seen: seen["question"])
    with room.teacher() as teacher, room.teacher() as second:
        for each in (teacher, second):
            seen = each.until("room")
            assert seen["questions"][0]["text"] == QUESTION["text"]
            assert seen["members"][0]["name"] == member["name"]


def test_a_projector_hears_names_once_they_are_shown(room: Class) -> None:
    member = room.joins()
    with room.teacher() as teacher, room.screen() as screen:
        assert "name" not in screen.until("room")["members"][0]
        teacher.say("names", shown=True)
        shown = screen.until("room", lambda seen: seen["names"])
        assert shown["members"][0]["name"] == member["name"]


def test_when_a_room_ends_everybody_is_told_and_keeps_what_is_theirs(room: Class) -> None:
    member = room.joins()
    with room.teacher() as teacher, room.enters(member["secret"]) as page, room.screen() as screen:
        page.say("configure", runs=[{}])
        page.until("configured")
        screen.until("room")
        assert room.client.delete(f"/rooms/{room.id}", headers=room.key).status_code == 204
        for each in (teacher, page, screen):
            assert each.until("over")["reason"] == "ended"
            assert each.end() == 1000
    with room.enters(member["secret"]) as page:
        assert (page.error(), page.end()) == ("not_found", 1008)
    with Page.at(room.client, f"/ws?session={member['session']}", type="pause") as page:
        assert page.until("configured")["resumed"] is True


# -- many ---------------------------------------------------------------------------------------


def test_thirty_join_at_once_from_one_address(room: Class) -> None:
    answers: list[int] = []

    def join() -> None:
        answers.append(room.ask().status_code)

    with room.teacher() as teacher:
        teacher.until("room")
        threads = [threading.Thread(target=join) for _ in range(30)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert answers == [201] * 30
        names: dict[int, str] = {}
        while len(names) < 30:
            heard = teacher.hear()
            assert heard is not None
            for seen in heard.get("members", [heard] if heard["type"] == "member" else []):
                names[seen["member"]] = seen["name"]
        assert len(set(names.values())) == 30


def test_members_sessions_count_for_the_room_and_not_for_their_address() -> None:
    settings = settings_for(
        "inline", max_sessions=1, max_sessions_per_client=1, max_sessions_per_room=2
    )
    with TestClient(create_app(settings)) as client, ExitStack() as stack:
        room = Class(client)
        mine = stack.enter_context(Page.at(client, "/ws", type="configure", runs=[{}]))
        mine.until("configured")
        for _ in range(2):
            page = stack.enter_context(room.enters(room.joins()["secret"]))
            page.say("configure", runs=[{}])
            page.until("configured")
        with room.enters(room.joins()["secret"]) as third:
            assert (third.error(), third.end()) == ("too_many_sessions", 1013)
        assert metric(client, "shallows_rooms") == 1
        assert metric(client, "shallows_room_connections") == 2


def test_many_changes_of_members_are_one_message(room: Class) -> None:
    with ExitStack() as stack:
        for _ in range(35):
            room.joins()
        teacher = stack.enter_context(room.teacher())
        assert len(teacher.until("room")["members"]) == 35
        teacher.heard.clear()
        teacher.say("ask", **QUESTION)  # whether each has answered is said anew
        teacher.until("room", lambda seen: len(seen.get("members", [])) == 35)
        assert [heard["type"] for heard in teacher.heard] == ["room"]


@pytest.mark.parametrize("others", [0, 3])
def test_a_room_that_is_large_and_changes_fast_is_told_more_seldom(
    others: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audience, "BYTES_PER_SECOND", 100.0)
    room, _, _ = Room.opened("id", "Year 12", Around(Mint(b"key"), {}), Now(0.0, 0.0))
    class_, pages = audience.Audience(lambda: None), [Outbox() for _ in range(1 + others)]
    for page in pages:
        class_.add(page)
        class_.note([OpenedPage(page.name, "teacher")])
    assert list(class_.send(room.state, 0.0)) == [None] * len(pages)
    (told,) = asyncio.run(pages[0].take())
    class_.note([Fresh("teachers")])
    due = len(told) * len(pages) / 100.0
    assert list(class_.send(room.state, due - 0.1)) == [pytest.approx(due)] * len(pages)
    assert list(class_.send(room.state, due + 0.1)) == [None] * len(pages)


# -- a store that fails -------------------------------------------------------------------------


def test_what_can_not_be_written_has_not_happened(
    room: Class, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = room.joins()
    with room.teacher() as teacher, room.enters(member["secret"]) as page:
        teacher.say("ask", **QUESTION)
        page.until("room", lambda seen: seen["question"])
        write = StoredRooms.write
        fails = True

        async def sometimes(self: StoredRooms, changes: Any) -> None:
            if fails:
                raise NotStored("for a test")
            await write(self, changes)

        monkeypatch.setattr(StoredRooms, "write", sometimes)
        page.say("answer", question=1, choice=0)
        assert page.error() == "not_stored"
        assert room.ask().status_code == 503
        teacher.say("lock", locked=True)
        assert teacher.error() == "not_stored"
        fails = False
        seen = room.seen()
        assert (seen["locked"], seen["questions"][0]["answered"]) == (False, 0)
        assert len(seen["members"]) == 1
        assert seen["members"][0]["here"]
        page.say("answer", question=1, choice=0)
        page.until("room", lambda seen: seen["question"]["answered"])
        assert room.joins()["member"] == 2


def test_a_command_that_fails_undoes_itself_alone(
    room: Class, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def breaks(turn: Any, connection: str, message: Lock) -> None:
        turn.state.door.locked = True
        raise RuntimeError("for a test")

    with room.teacher() as teacher:
        teacher.until("room")
        broken: dict[Any, Any] = {**rooms.TEACHERS, Lock: breaks}
        monkeypatch.setattr(rooms, "TEACHERS", broken)
        teacher.say("lock", locked=True)
        assert teacher.error() == "internal_error"
        assert room.ask().status_code == 201
        assert room.seen()["locked"] is False
    assert any("for a test" in str(record.exc_info) for record in caplog.records)


def test_a_members_page_that_had_a_session_hears_whether_it_is_there(room: Class) -> None:
    """So it sets nothing up that goes on: only where there is nothing any more."""
    mine = room.joins()
    first = {"type": "enter", "room": room.id, "secret": mine["secret"]}
    with Page.at(room.client, f"/ws?room={room.id}&session=another", **first) as page:
        assert page.error() == "unknown_session"
        page.say("configure", **PLAN)
        session = page.until("configured")["session"]
        page.say("step", iterations=3)
        page.until("state", lambda said: said["iteration"] == 3)
    with Page.at(room.client, f"/ws?room={room.id}&session={session}", **first) as page:
        again = page.until("configured")
        assert (again["resumed"], again["iteration"]) == (True, 3)
