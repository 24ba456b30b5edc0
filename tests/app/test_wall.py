"""A class on a server: held sessions, tiles, opened networks and conditions, on every backend."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from starlette.testclient import TestClient, WebSocketTestSession

from app import wire
from app.schemas import MESSAGES, Plan, View
from app.sessions.outbox import Outbox
from app.sessions.wall import BYTES_PER_SECOND, TICK, Pace, Page, Seat, Tile, Wall
from app.sessions.wall import Class as ClassOnWall
from app.store.classes import StoredRooms
from app.training.messages import LOOKING
from app.training.session import Session
from app.training.workers.inline import inline_backend
from tests.app.conftest import services_of, settings_for
from tests.app.rooms import Class
from tests.app.storing import service
from tests.app.stream import Json, Stream
from tests.app.test_pool import kill_the_worker, others, pool

__all__ = ["others", "pool"]

CIRCLE: Json = {"data": {"examples": 40}, "runs": [{"training": {"iterations": 1_000_000}}]}


class Teacher:
    """A teacher's page: what it hears, by kind."""

    def __init__(self, socket: WebSocketTestSession) -> None:
        self.socket = socket
        self.tiles: dict[int, Json] = {}
        self.watched: list[Json] = []
        self.members: dict[int, Json] = {}

    def say(self, type: str, **fields: object) -> None:
        self.socket.send_text(json.dumps({"type": type, **fields}))

    def hear(self) -> Json:
        """The next message, with a type that tells what it is."""
        received = self.socket.receive()
        assert received["type"] == "websocket.send", received
        if (data := received.get("bytes")) is not None:
            message: Json = wire.unpack(data)
            for tile in message.get("tiles", []):
                self.tiles[tile["member"]] = self.tiles.get(tile["member"], {}) | tile
            if "watched" in message:
                frame = {"type": "frame", **wire.unpack(message["frame"])}
                self.watched.append(frame)
                return {"type": "watched", "member": message["watched"], "message": frame}
            return {"type": "tiles", **message}
        message = json.loads(received["text"])
        if message["type"] == "room":
            self.members |= {each["member"]: each for each in message.get("members", [])}
        if message["type"] == "member":
            self.members[message["member"]] = message
        assert message["type"] != "error", message
        return message

    def of(self, member: int, key: str) -> Any:
        """What is known of a member."""
        return self.members.get(member, {}).get(key)

    def until(self, what: Any) -> None:
        """Hear until something is so."""
        while not what():
            self.hear()


class Member(Stream):
    """A student's page: what the room says may come at any time."""

    def had(self, type: str) -> Json:
        """A message that may have come already."""
        return next((text for text in self.texts if text["type"] == type), None) or self.until(type)

    def until(self, type: str, **fields: object) -> Json:
        while True:
            message = self.hear()
            assert message["type"] != "error" or type == "error", message
            if message["type"] == type and all(message.get(k) == v for k, v in fields.items()):
                return message


class Classroom(Class):
    """A room on a server, and its teacher."""

    def __init__(self, client: TestClient, ends: ExitStack) -> None:
        super().__init__(client)
        self.ends = ends
        self.secrets: dict[int, str] = {}
        self.page = self.opens("key")

    def opens(self, key: str, resolution: int = 40) -> Teacher:
        """A page with a wall."""
        socket = self.client.websocket_connect(f"/rooms/{self.id}/stream")
        teacher = Teacher(self.ends.enter_context(socket))
        teacher.say("open", key=self.room[key], wall={"resolution": resolution})
        assert teacher.hear()["type"] == "room"
        return teacher

    def comes(self) -> Member:
        """Somebody new is in."""
        joined = self.joins()
        self.secrets[joined["member"]] = joined["secret"]
        return self.back(joined["member"])

    def back(self, member: int, session: str = "", **fields: object) -> Member:
        """The page of a member, or their lab."""
        path = f"/ws?room={self.id}&session={session}"
        stream = self.ends.enter_context(Member.connect(self.client, path))
        stream.say("enter", room=self.id, secret=self.secrets[member], **fields)
        if not fields:
            stream.until("room")
        return stream


@contextmanager
def classroom(client: TestClient) -> Iterator[Classroom]:
    """A room that is over when the test is."""
    with ExitStack() as ends:
        room = Classroom(client, ends)
        yield room
        assert client.delete(f"/rooms/{room.id}", headers=room.key).status_code == 204


def tile(teacher: Teacher, member: int, **fields: Any) -> Json:
    """A tile of a member, once it is as asked."""
    teacher.until(lambda: (fields.items() <= teacher.tiles.get(member, {}).items()) and fields)
    return teacher.tiles[member]


def picture(plan: Json, iteration: int, resolution: int) -> Json:
    """What a tile shows of a plan's first run after so many iterations."""
    session = Session(Plan.model_validate(plan))
    session.advance(iteration)
    view = View(resolution=resolution, encoding="differences")
    boundary: Json = session.frame(0, iteration, view)["runs"][0]["boundary"]
    return boundary


def test_two_threads_do_not_draw_over_each_other() -> None:
    plans: list[Json] = [{"data": {"dataset": "moons"}}, CIRCLE]
    sessions = [Session(Plan.model_validate(plan)) for plan in plans]
    sessions[0].advance(300)
    view = View(resolution=100)

    def drawn(session: Session) -> set[bytes]:
        frames = (session.frame(0, 0, view)["runs"][0]["boundary"] for _ in range(150))
        return {frame["values"] for frame in frames}

    with ThreadPoolExecutor(2) as threads:
        assert [len(each) for each in threads.map(drawn, sessions)] == [1, 1]


def test_a_wall_shows_each_network_as_it_is(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.sessions.wall.EVERY", 0.2)
    with classroom(client) as room:
        teacher = room.page
        a, b = room.comes(), room.comes()
        a.configure(playing=True, **CIRCLE)
        b.configure(data={"dataset": "moons"}, runs=[{}])
        paused = tile(teacher, 2, iteration=0)
        assert paused["boundary"] == picture({"data": {"dataset": "moons"}}, 0, 40)
        assert paused["setup"]["data"]["dataset"] == "moons"
        assert (paused["playing"], paused["ended"]) == (False, None)
        first = tile(teacher, 1, playing=True)
        assert first["boundary"] == picture(CIRCLE, first["iteration"], 40)
        # The same is not sent again: only who plays, and how that is set up only once.
        del paused["iteration"], first["setup"]
        before = teacher.tiles[1]["iteration"]
        teacher.until(lambda: teacher.tiles[1]["iteration"] > before)
        assert "iteration" not in teacher.tiles[2]
        assert "setup" not in teacher.tiles[1]
        b.say("set", learning_rate=0.7)
        teacher.until(lambda: "iteration" in teacher.tiles[2])
        assert teacher.tiles[2]["setup"]["training"]["learning_rate"] == 0.7
        # Who opens another wall has all of it at once; a finer one is finer for all.
        screen = room.opens("screen_key", resolution=60)
        screen.until(lambda: screen.tiles.keys() == {1, 2})
        assert "setup" in screen.tiles[1]
        screen.until(lambda: screen.tiles[2]["boundary"]["width"] == 60)


def test_eyes_here_holds_every_session_of_every_member(client: TestClient) -> None:
    with classroom(client) as room:
        teacher = room.page
        a = room.comes()
        a.configure(playing=True, **CIRCLE)
        a.until_iteration(20)
        lab = room.back(1, lab=True)
        lab.configure(playing=True, **CIRCLE)
        lab.until_iteration(20)
        idle = room.comes()
        idle.configure(**CIRCLE)
        teacher.say("hold", held=True)
        for stream in (a, lab, idle):
            assert stream.until("state", held=True)["playing"] is False
        at = {stream: refused(stream) for stream in (a, lab, idle)}
        # A reload, a late joiner, a lab that comes now: held, and held as it was.
        a.socket.close()
        a = room.back(1)
        configured = a.had("configured")
        assert (configured["held"], configured["playing"]) == (True, False)
        assert configured["setup"]["data"]["examples"] == 40
        late, late_lab = room.comes(), room.back(1, lab=True)
        for stream in (late, late_lab):
            stream.say("configure", **CIRCLE)
            assert stream.until("error")["code"] == "held"
        # What the teacher sends is set up, and held; nothing else is.
        teacher.say("push", page="#", plan=CIRCLE, seeds="own", playing=True)
        late.until("room", experiment={"number": 1, "page": "#", "seed": 3, "playing": True})
        late.say("configure", playing=True, experiment=1, **CIRCLE)
        configured = late.until("configured")
        assert (configured["held"], configured["playing"]) == (True, False)
        own = {"runs": [{"network": {"initialization": {"seed": 3}}}], "data": CIRCLE["data"]}
        session = Session(Plan.model_validate(own))
        assert configured["runs"][0]["layers"] == session.description()["runs"][0]["layers"]
        teacher.until(lambda: teacher.of(3, "experiment") == 1)
        teacher.say("hold", held=False)
        for stream, playing in ((a, True), (idle, False), (late, True)):
            assert stream.until("state", held=False)["playing"] is playing
        assert refused(idle, during=False) == at[idle] == 0
        assert a.until("frame")["iteration"] >= at_least(at)
        late.until_iteration(10)
        # Who leaves is nobody's any more, held or not.
        teacher.say("hold", held=True)
        a.until("state", held=True)
        a.say("leave")
        with pytest.raises(ConnectionError):
            a.until("never")
        with Member.connect(client, f"/ws?session={a.had('configured')['session']}") as mine:
            configured = mine.until("configured")
            assert (configured["held"], configured["playing"]) == (False, True)


def at_least(at: dict[Member, int]) -> int:
    return max(at.values())


def refused(stream: Member, *, during: bool = True) -> int:
    """Say all that there is to say to a held session; the iteration that it stays at."""
    stream.say("view", resolution=20)
    iteration: int = stream.until("frame")["iteration"]
    for type in MESSAGES if during else ():
        if MESSAGES[type] in LOOKING:
            continue
        stream.say(type, **SAID.get(type, {}))
        assert stream.until("error")["code"] == "held", type
    stream.say("view", resolution=10)
    assert stream.until("frame")["iteration"] == iteration
    return iteration


def test_when_a_held_room_is_over_everybody_goes_on(inline: TestClient) -> None:
    with classroom(inline) as room:
        streams = [room.comes(), room.back(1, lab=True)]
        for stream in streams:
            stream.configure(playing=True, **CIRCLE)
        room.page.say("hold", held=True)
        for stream in streams:
            stream.until("state", held=True)
    for stream in streams:
        path = f"/ws?session={stream.had('configured')['session']}"
        with Stream.connect(inline, path) as mine:
            configured = mine.until("configured")
            assert (configured["held"], configured["playing"]) == (False, True)
            mine.until_iteration(configured["iteration"] + 10)


SAID: dict[str, Json] = {
    "configure": {"runs": [{}]},
    "edit": {"layer": 1, "unit": 0, "input": None, "value": 1},
    "seek": {"iteration": 0},
    "set": {"learning_rate": 1},
}


def test_a_task_is_solved_where_it_trains(client: TestClient) -> None:
    with classroom(client) as room:
        teacher, a = room.page, room.comes()
        a.configure(playing=True, **CIRCLE)
        # So slow that what is owed is never more than one iteration: none is left out.
        a.say("set", iterations_per_frame=0.25)
        until = [
            {"quantity": "iteration", "equals": 8},
            {"quantity": "gradient_norm", "layer": 1, "above": 0},
        ]
        once = [{"quantity": "iteration", "equals": 8}]
        teacher.say("task", title="Eight", until=once, any_data=True)
        teacher.say("task", title="Eight, and steep", until=until, any_data=True)
        # It may have heard before that there is none, or one.
        while (a.until("room")["task"] or {}).get("title") != "Eight, and steep":
            pass
        a.say("reset")
        # Both, if it was at 8 when it was asked how steep it is.
        teacher.until(lambda: 1 in (teacher.of(1, "solved") or ()))
        a.say("pause")
        a.say("seek", iteration=8)
        teacher.until(lambda: teacher.of(1, "solved") == [1, 2])


def test_an_opened_network_is_seen_as_its_student_sees_it(client: TestClient) -> None:
    with classroom(client) as room:
        teacher, a = room.page, room.comes()
        a.configure(playing=True, **CIRCLE)
        a.until_iteration(60)
        teacher.say("watch", members=[1])
        heard: list[Json] = []

        def watched(type: str) -> Json:
            while True:
                message = teacher.hear()
                if message["type"] == "watched" and message["message"]["type"] == type:
                    assert message["member"] == 1
                    heard.append(message["message"])
                    return heard[-1]

        configured = watched("configured")
        assert configured["resumed"] is True
        assert len(configured["data"]["points"]) == 40
        costs = b""
        for _ in range(4):
            frame = watched("frame")
            run = frame["runs"][0]
            assert run["first_iteration"] == len(costs) // 4
            costs += run["costs"]
            assert run["boundary"]["width"] == 100
            assert "lines" in run
        session = Session(Plan.model_validate(CIRCLE))
        session.advance(frame["iteration"])
        assert costs == wire.float32(session.runs[0].costs.since(0))
        assert frame["iteration"] > 60
        # Begun anew, it is told from the beginning; looked at no more, nothing comes.
        a.say("configure", data={"dataset": "moons"}, runs=[{}])
        assert watched("configured")["resumed"] is False
        frame = watched("frame")
        assert (frame["iteration"], frame["runs"][0]["first_iteration"]) == (0, 0)
        # In the spotlight it is on the projector too.
        screen = room.opens("screen_key")
        teacher.say("watch", members=[])
        teacher.say("spotlight", members=[1])
        screen.until(lambda: screen.watched)
        a.say("play")
        count = len(teacher.watched)
        before = len(screen.watched)
        screen.until(lambda: len(screen.watched) > before + 5)
        assert len(teacher.watched) == count


def test_the_same_seed_is_the_same_network_to_the_bit(client: TestClient) -> None:
    with classroom(client) as room:
        a, b = room.comes(), room.comes()
        for seeds, number in (("same", 1), ("own", 2)):
            room.page.say("push", page="#", plan=CIRCLE, seeds=seeds)
            costs, points = [], []
            for stream in (a, b):
                while (stream.until("room")["experiment"] or {}).get("number") != number:
                    pass
                stream.say("configure", experiment=number, **CIRCLE)
                configured = stream.until("configured")
                points.append(configured["data"])
                stream.frames = [stream.until("frame")]
                stream.say("step", iterations=30)
                stream.until_iteration(30)
                costs.append(stream.costs())
            assert points[0] == points[1]
            assert (costs[0] == costs[1]) == (seeds == "same")


def test_what_was_held_is_held_when_the_server_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever takes it up, by whatever address, and before the rooms are read."""
    url = f"sqlite:///{tmp_path}/store.sqlite3"
    with service(url) as client, ExitStack() as ends:
        room = Classroom(client, ends)
        room.page.say("push", page="#", plan=CIRCLE)
        streams = [room.comes(), room.back(1, lab=True)]
        streams[0].say("configure", playing=True, experiment=1, **CIRCLE)
        streams[1].configure(playing=True, **CIRCLE)
        for stream in streams:
            stream.until_iteration(20)
        room.page.say("hold", held=True)
        at = []
        for stream in streams:
            stream.until("state", held=True)
            at.append(refused(stream))
        sessions = [stream.had("configured")["session"] for stream in streams]
    every = StoredRooms.all

    async def late(self: StoredRooms) -> Any:
        await asyncio.sleep(0.3)
        return await every(self)

    monkeypatch.setattr(StoredRooms, "all", late)
    with service(url) as client, ExitStack() as ends:
        for session, iteration in zip(sessions, at, strict=True):
            with Member.connect(client, f"/ws?session={session}") as plain:
                assert plain.until("configured")["held"]
                assert refused(plain) == iteration
    with service(url) as client, ExitStack() as ends:
        room.client, room.ends = client, ends
        streams = [room.back(1), room.back(1, sessions[1], lab=True)]
        for stream, iteration in zip(streams, at, strict=True):
            configured = stream.had("configured")
            assert (configured["held"], configured["playing"]) == (True, False)
            assert refused(stream) == iteration
        teacher = room.opens("key")
        teacher.until(lambda: teacher.of(1, "experiment") == 1)
        teacher.say("hold", held=False)
        for stream, iteration in zip(streams, at, strict=True):
            assert stream.until("state", held=False)["playing"] is True
            stream.until_iteration(iteration + 10)


def test_a_worker_that_dies_leaves_a_class_as_it_was(pool: TestClient, others: set[int]) -> None:
    with classroom(pool) as room:
        a, teacher = room.comes(), room.page
        a.configure(playing=True, **CIRCLE)
        a.until_iteration(20)
        teacher.say("hold", held=True)
        a.until("state", held=True)
        iteration = refused(a)
        kill_the_worker(others)
        assert refused(a) == iteration
        teacher.say("task", title="Further", any_data=True, until=[FURTHER])
        teacher.until(lambda: teacher.tiles.get(1, {}).get("playing") is False)
        kill_the_worker(others)
        teacher.say("hold", held=False)
        assert a.until("state", held=False)["playing"] is True
        teacher.until(lambda: teacher.of(1, "solved") == [1])
        teacher.until(lambda: teacher.tiles[1]["playing"])


FURTHER: Json = {"quantity": "iteration", "at_least": 100}


def test_who_takes_nothing_has_one_message_waiting_and_the_newest_when_it_does(
    inline: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.sessions.wall.EVERY", 0.1)
    assert inline.portal is not None
    wall, slow = services_of(inline).wall, Outbox()
    with classroom(inline) as room:
        a, teacher = room.comes(), room.page
        a.configure(playing=True, **CIRCLE)
        teacher.until(lambda: teacher.tiles)
        inline.portal.call(wall.open, room.id, "slow", slow, 64)
        for _ in range(3):
            before = teacher.tiles[1]["iteration"]
            teacher.until(lambda before=before: teacher.tiles[1]["iteration"] > before)
        assert slow.waiting == 1
        (first,) = inline.portal.call(slow.take)
        (later,) = inline.portal.call(slow.take)
        assert isinstance(first, bytes)
        assert isinstance(later, bytes)
        tiles = [wire.unpack(message)["tiles"] for message in (first, later)]
        assert [[each["member"] for each in one] for one in tiles] == [[1], [1]]
        assert tiles[1][0]["iteration"] >= before
        inline.portal.call(wall.close, "slow")


def test_a_page_gets_no_more_bytes_than_its_share_and_every_member_in_turn() -> None:
    """Tiles that do not deflate, of more members than a second has room for."""
    wall = Wall(inline_backend(settings_for("inline")), cast("Any", Nobody()))
    outbox, noise = Outbox(), np.random.default_rng(1)
    page = Page("page", outbox, 40)
    there = ClassOnWall(cast("Any", None))
    members = range(1, 301)
    for member in members:
        there.seats[member] = Seat(member, str(member))
    sent: Counter[int] = Counter()
    size = 0
    for tick in range(50):
        page.credit = min(BYTES_PER_SECOND, page.credit + BYTES_PER_SECOND * TICK)
        # Every second each has a new one.
        for member in members[tick % 10 :: 10]:
            words = {"member": member, "boundary": noise.bytes(1600)}
            there.seats[member].tile = Tile(1000 * tick + member, words, None)
        if page.credit > 0:
            page.credit -= wall._send(there, page)
        for message in outbox._waiting:
            assert isinstance(message, bytes)
            size += len(message)
            sent.update(tile["member"] for tile in wire.unpack(message)["tiles"])
        outbox._waiting.clear()
    assert size <= BYTES_PER_SECOND * 6.5
    assert max(sent.values()) - min(sent[member] for member in members) <= 1


class Nobody:
    """Sessions of nobody."""


@pytest.mark.parametrize(
    ("busy", "frames", "wanted", "looks"),
    [
        (0.0, 0, 300, 300),
        (0.5, 50, 300, 300),
        (0.95, 300, 300, 150),
        (1.0, 0, 300, 100),
        (1.0, 0, 80, 50),
    ],
)
def test_looks_are_a_twentieth_of_the_frames_while_the_server_is_busy(
    busy: float, frames: int, wanted: float, looks: int
) -> None:
    pace, taken = Pace(), 0
    for tick in range(300):
        pace.passed(TICK, frames, busy, wanted)
        while pace.take():
            taken += tick >= 200
    assert taken == pytest.approx(looks * 100 * TICK, rel=0.05)
