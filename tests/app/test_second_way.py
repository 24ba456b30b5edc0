"""Where WebSockets are blocked: the same conversations over POST and a streamed answer."""

import asyncio
import json
from base64 import b64decode
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2 as httpx
import numpy as np
import pytest
from starlette.testclient import TestClient

from app import wire
from app.errors import Full, NotFound, TooFast
from app.main import create_app
from app.web.ways import MOST_EARLY, MOST_WAITING, POSTS_BURST, Way
from tests.app.conftest import settings_for
from tests.app.test_server import Server

Json = dict[str, Any]
TRAINING = {"runs": [{"training": {"iterations": 300}}]}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """An address may ask for little over REST."""
    server = Server(
        SHALLOWS_BACKEND="inline",
        SHALLOWS_HEARTBEAT_SECONDS="0.2",
        SHALLOWS_REQUESTS_PER_SECOND="0.001",
        SHALLOWS_REQUESTS_BURST="40",
    )
    try:
        server.wait_ready()
        yield server
    finally:
        server.end(15)


class Guest:
    """A page that has no WebSocket."""

    def __init__(self, client: httpx.AsyncClient, lines: AsyncIterator[str]) -> None:
        self.client, self._lines = client, lines
        self.number, self.token = 1, ""
        self.costs = b""

    @classmethod
    @asynccontextmanager
    async def at(cls, server: Server, path: str, **headers: str) -> AsyncIterator["Guest"]:
        async with (
            httpx.AsyncClient(base_url=server.url, timeout=60) as client,
            client.stream("POST", path, headers=headers) as answer,
        ):
            assert answer.status_code == 200
            assert answer.headers["content-type"] == "text/event-stream"
            assert answer.headers["x-accel-buffering"] == "no"
            guest = cls(client, answer.aiter_lines())
            kind, opened = await guest.event()
            assert kind == "open"
            guest.token = opened["token"]
            yield guest

    async def event(self) -> tuple[str, Any]:
        """The next event; a frame is unpacked."""
        kind = "message"
        async for line in self._lines:
            if line.startswith("event: "):
                kind = line.removeprefix("event: ")
            elif line.startswith("data: "):
                data = line.removeprefix("data: ")
                return kind, wire.unpack(b64decode(data)) if kind == "frame" else json.loads(data)
        return "end", None

    async def heartbeat(self) -> None:
        """Nothing else comes, and then one."""
        async for line in self._lines:
            if line:
                assert line.startswith(":")
                return

    async def say(self, *messages: Json) -> int:
        """A POST with some messages; its status."""
        body = "\n".join(map(json.dumps, messages))
        headers = {"Shallows-Stream": self.token, "Shallows-Number": str(self.number)}
        answer = await self.client.post("/ws/up", content=body, headers=headers)
        self.number += answer.status_code == 204
        return answer.status_code

    async def until(self, type: str, **fields: Any) -> Json:
        """Hear until a message of this type; frames are acknowledged, and their costs kept."""
        while True:
            kind, heard = await self.event()
            if kind == "frame":
                assert heard["runs"][0]["first_iteration"] == len(self.costs) // 4
                self.costs += heard["runs"][0]["costs"]
                assert await self.say({"type": "ack", "frame": heard["frame"]}) == 204
                continue
            if kind == "close":
                raise ConnectionError(heard["code"])
            assert kind == "message"
            if heard["type"] == type and heard.items() >= fields.items():
                message: Json = heard
                return message
            assert heard["type"] != "error", heard


def test_a_session_is_the_same_and_its_costs_are_complete(server: Server) -> None:
    async def train() -> bytes:
        async with Guest.at(server, "/ws") as guest:
            assert await guest.say({"type": "configure", **TRAINING}, {"type": "play"}) == 204
            session = (await guest.until("configured"))["session"]
            await guest.until("ended", iteration=300)
            costs = guest.costs
        async with Guest.at(server, f"/ws?session={session}") as guest:
            assert (await guest.until("configured"))["resumed"]
            while len(guest.costs) < len(costs):
                kind, frame = await guest.event()
                guest.costs += frame["runs"][0]["costs"] if kind == "frame" else b""
            assert guest.costs == costs
            async with Guest.at(server, f"/ws?session={session}") as another:
                await another.until("configured")
                with pytest.raises(ConnectionError, match="4001"):
                    await guest.until("none")
                assert await guest.event() == ("end", None)
                assert await guest.say({"type": "play"}) == 404
        return costs

    costs = asyncio.run(train())
    assert len(costs) == 4 * 300
    with TestClient(create_app(settings_for("inline"))) as client:
        whole = client.post("/train?wait=30", json=TRAINING["runs"][0]).json()["id"]
        there = client.get(f"/train/{whole}/costs").json()["costs"]
    assert np.frombuffer(costs, "<f4").tolist() == np.float32(there).tolist()


def test_in_a_room_it_is_a_member_and_its_posts_count_for_itself(server: Server) -> None:
    async def attend() -> None:
        async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
            room = (await client.post("/rooms", json={})).json()
            joined = await client.post("/rooms/join", json={"code": room["code"]})
        enter = {"type": "enter", "room": room["id"], "secret": joined.json()["secret"]}
        opens = {"type": "open", "key": room["key"]}
        async with (
            Guest.at(server, f"/rooms/{room['id']}/stream") as teacher,
            Guest.at(server, f"/ws?room={room['id']}") as guest,
        ):
            assert await teacher.say(opens) == 204
            assert await guest.say(enter) == 204
            await guest.until("room", held=False)
            for _ in range(50):  # more than the address may ask for
                assert await guest.say() == 204
            assert await teacher.say({"type": "hold", "held": True}) == 204
            await guest.until("room", held=True)
            assert await guest.say({"type": "hand", "up": True}) == 204
            await guest.until("room", hand=True)
            await teacher.until("member", member=1)
            await guest.heartbeat()
            assert await guest.say({"type": "hand", "up": False}) == 204
            await guest.until("room", hand=False)
        async with Guest.at(server, f"/ws?room={room['id']}") as stranger:
            assert await stranger.say({**enter, "secret": "wrong"}) == 204
            assert (await stranger.event())[1]["code"] == "stranger"
            assert await stranger.event() == ("close", {"code": 1008})

    asyncio.run(attend())


def test_a_foreign_page_has_no_way_in() -> None:
    with TestClient(create_app(settings_for("inline", access_code="secret"))) as client:
        foreign = {"origin": "https://evil.example", "authorization": "Bearer secret"}
        assert client.post("/ws", headers=foreign).json()["code"] == "foreign_origin"
        assert client.post("/ws").json()["code"] == "unauthorized"
        headers = {"Shallows-Stream": "none", "Shallows-Number": "1"}
        assert client.post("/ws/up", headers=headers).status_code == 401
        known = {**headers, "authorization": "Bearer secret"}
        assert client.post("/ws/up", headers=known).json()["code"] == "not_found"
        assert client.post("/ws/up", headers={**known, "Shallows-Number": "0"}).status_code == 422


def test_what_comes_up_is_in_order_once_and_bounded() -> None:
    clock = [0.0]
    way = Way("me", 1_000, lambda: clock[0])

    async def hear(count: int) -> list[bytes | None]:
        return [await way.hear() for _ in range(count)]

    way.take(1, b"a\n\nb\n")
    way.take(1, b"a\nb")  # its answer was lost
    with pytest.raises(NotFound, match="number 2"):
        way.take(3 + MOST_EARLY, b"z")
    with pytest.raises(Full):
        way.take(2, b"c" * 999)
    with pytest.raises(Full):
        way.take(2, b"c\n" * (MOST_WAITING + 1))
    assert asyncio.run(hear(2)) == [b"a", b"b"]
    way.take(2, b"c" * 2_000)  # one may be as large as it is: the route bounds it
    assert asyncio.run(hear(1)) == [b"c" * 2_000]
    # What comes before its turn is heard in its turn, and leaves its place to whatever has it.
    for early in (5, 4, 5):
        way.take(early, b"%d" % early + b" " * 400)
    with pytest.raises(Full):
        way.take(6, b"6" * 400)
    way.take(3, b"3" * 400)
    assert [(said or b"")[:1] for said in asyncio.run(hear(3))] == [b"3", b"4", b"5"]
    for number in range(6, 6 + int(POSTS_BURST) - 11):
        way.take(number, b"")
    with pytest.raises(TooFast):
        way.take(number + 1, b"")
    clock[0] += 1
    way.take(number + 1, b"last")
    way.close()
    assert asyncio.run(hear(2)) == [b"last", None]
    with pytest.raises(NotFound):
        way.take(number + 2, b"")
