"""A class on a server: held sessions, tiles, opened networks and conditions, on every backend."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from starlette.testclient import TestClient, WebSocketTestSession

from app import wire
from app.schemas import MESSAGES, Plan, View
from app.training.messages import LOOKING
from app.training.session import Session
from tests.app.stream import Json, Stream

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


class Classroom:
    """A room on a server, and its teacher."""

    def __init__(self, client: TestClient, ends: ExitStack) -> None:
        self.client, self.ends = client, ends
        self.opened = client.post("/rooms", json={}).json()
        self.id = self.opened["id"]
        self.secrets: dict[int, str] = {}
        self.teacher = self.page(self.opened["key"])

    def page(self, key: str, resolution: int = 40) -> Teacher:
        socket = self.ends.enter_context(self.client.websocket_connect(f"/rooms/{self.id}/stream"))
        teacher = Teacher(socket)
        teacher.say("open", key=key, wall={"resolution": resolution})
        assert teacher.hear()["type"] == "room"
        return teacher

    def joins(self) -> "Member":
        """Somebody new is in; `room` is heard."""
        answer = self.client.post("/rooms/join", json={"code": self.opened["code"]})
        assert answer.status_code == 201, answer.text
        joined = answer.json()
        self.secrets[joined["member"]] = joined["secret"]
        return self.enters(joined["member"])

    def enters(self, member: int, **fields: object) -> "Member":
        stream = self.ends.enter_context(Member.connect(self.client, f"/ws?room={self.id}"))
        stream.say("enter", room=self.id, secret=self.secrets[member], **fields)
        if not fields:
            stream.until("room")
        return stream


@contextmanager
def classroom(client: TestClient) -> Iterator[Classroom]:
    with ExitStack() as ends:
        room = Classroom(client, ends)
        try:
            yield room
        finally:
            key = {"Shallows-Room-Key": room.opened["key"]}
            assert client.delete(f"/rooms/{room.id}", headers=key).status_code == 204


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


def test_a_wall_shows_each_network_as_it_is(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.sessions.wall.EVERY", 0.2)
    with classroom(client) as room:
        teacher = room.teacher
        a, b = room.joins(), room.joins()
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
        screen = room.page(room.opened["screen_key"], resolution=60)
        screen.until(lambda: screen.tiles.keys() == {1, 2})
        assert "setup" in screen.tiles[1]
        screen.until(lambda: screen.tiles[2]["boundary"]["width"] == 60)


def test_eyes_here_holds_every_session_of_every_member(client: TestClient) -> None:
    with classroom(client) as room:
        teacher = room.teacher
        a = room.joins()
        a.configure(playing=True, **CIRCLE)
        a.until_iteration(20)
        lab = room.enters(1, lab=True)
        lab.configure(playing=True, **CIRCLE)
        lab.until_iteration(20)
        idle = room.joins()
        idle.configure(**CIRCLE)
        teacher.say("hold", held=True)
        for stream in (a, lab, idle):
            assert stream.until("state", held=True)["playing"] is False
        at = {stream: refused(stream) for stream in (a, lab, idle)}
        # A reload, a late joiner, a lab that comes now: held, and held as it was.
        a.socket.close()
        a = room.enters(1)
        configured = a.had("configured")
        assert (configured["held"], configured["playing"]) == (True, False)
        assert configured["setup"]["data"]["examples"] == 40
        late, late_lab = room.joins(), room.enters(1, lab=True)
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


SAID: dict[str, Json] = {
    "configure": {"runs": [{}]},
    "edit": {"layer": 1, "unit": 0, "input": None, "value": 1},
    "seek": {"iteration": 0},
    "set": {"learning_rate": 1},
}


def test_a_task_is_solved_where_it_trains(client: TestClient) -> None:
    with classroom(client) as room:
        teacher, a = room.teacher, room.joins()
        a.configure(playing=True, **CIRCLE)
        until = [
            {"quantity": "iteration", "equals": 50},
            {"quantity": "gradient_norm", "layer": 1, "above": 0},
        ]
        once = [{"quantity": "iteration", "equals": 50}]
        teacher.say("task", title="Fifty", until=once, any_data=True)
        teacher.say("task", title="Fifty, and steep", until=until, any_data=True)
        a.until("room")
        a.say("reset")
        teacher.until(lambda: teacher.of(1, "solved") == [1])
        a.say("pause")
        a.say("seek", iteration=50)
        teacher.until(lambda: teacher.of(1, "solved") == [1, 2])


def test_an_opened_network_is_seen_as_its_student_sees_it(client: TestClient) -> None:
    with classroom(client) as room:
        teacher, a = room.teacher, room.joins()
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
        screen = room.page(room.opened["screen_key"])
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
        a, b = room.joins(), room.joins()
        for seeds, number in (("same", 1), ("own", 2)):
            room.teacher.say("push", page="#", plan=CIRCLE, seeds=seeds)
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
