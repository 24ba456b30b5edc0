"""A class on a server, for tests: rooms over REST, and pages on their streams."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx2 as httpx
from starlette.testclient import TestClient, WebSocketTestSession

Json = dict[str, Any]


class Page:
    """A student's, teacher's or projector's stream. Frames are acknowledged and passed over.

    Attributes:
        heard: Every text message, the latest last.
        closed: The code with which the server has closed it.
    """

    def __init__(self, socket: WebSocketTestSession) -> None:
        self.socket = socket
        self.heard: list[Json] = []
        self.closed: int | None = None

    @classmethod
    @contextmanager
    def at(cls, client: TestClient, path: str, **first: Any) -> Iterator["Page"]:
        """A page whose first message is that."""
        with client.websocket_connect(path) as socket:
            page = cls(socket)
            page.say(**first)
            yield page

    def say(self, type: str, **fields: Any) -> None:
        self.socket.send_text(json.dumps({"type": type, **fields}))

    def hear(self) -> Json | None:
        """The next text message; None once the stream is closed."""
        while True:
            received = self.socket.receive()
            if received["type"] == "websocket.close":
                self.closed = received["code"]
                return None
            if (text := received.get("text")) is not None:
                message: Json = json.loads(text)
                self.heard.append(message)
                return message

    def until(self, type: str, fits: Callable[[Json], bool] = lambda message: True) -> Json:
        """Hear until a message of this type that fits; an error is never passed over."""
        while (message := self.hear()) is not None:
            if message["type"] == type and fits(message):
                return message
            assert message["type"] != "error", message
        raise AssertionError(f"closed with {self.closed} before a {type} that fits")

    def room(self, **fields: Any) -> Json:
        """Hear until a `room` with these fields."""
        return self.until("room", lambda room: all(room.get(k) == v for k, v in fields.items()))

    def error(self) -> str:
        """The code of the next error."""
        code: str = self.until_error()["code"]
        return code

    def until_error(self) -> Json:
        while (message := self.hear()) is not None:
            if message["type"] == "error":
                return message
        raise AssertionError(f"closed with {self.closed} before an error")

    def until_error_or(
        self, type: str, fits: Callable[[Json], bool] = lambda message: True
    ) -> Json:
        """Hear until there is an error, or a message of this type that fits."""
        while (message := self.hear()) is not None:
            if message["type"] == "error" or (message["type"] == type and fits(message)):
                return message
        raise AssertionError(f"closed with {self.closed} before a {type} that fits")

    def end(self) -> int | None:
        """Hear until it is closed; the code."""
        while self.hear() is not None:
            pass
        return self.closed


class Class:
    """A room on a server, and who is in it."""

    def __init__(self, client: TestClient, title: str = "Year 12") -> None:
        self.client = client
        opened = client.post("/rooms", json={"title": title})
        assert opened.status_code == 201, opened.text
        self.room: Json = opened.json()
        self.id: str = self.room["id"]
        self.key: dict[str, str] = {"Shallows-Room-Key": self.room["key"]}

    def ask(self, **body: Any) -> httpx.Response:
        """`POST /rooms/join` with the room's code, unless another is given."""
        return self.client.post("/rooms/join", json={"code": self.room["code"], **body})

    def joins(self, **body: Any) -> Json:
        joined = self.ask(**body)
        assert joined.status_code == 201, joined.text
        answer: Json = joined.json()
        return answer

    def enters(self, secret: str, **fields: Any) -> Any:
        """The page of somebody who has joined."""
        path = f"/ws?room={self.id}"
        return Page.at(self.client, path, type="enter", room=self.id, secret=secret, **fields)

    def teacher(self, key: str | None = None, **fields: Any) -> Any:
        """A teacher's page."""
        path = f"/rooms/{self.id}/stream"
        return Page.at(self.client, path, type="open", key=key or self.room["key"], **fields)

    def screen(self) -> Any:
        """A projector's page."""
        return self.teacher(self.room["screen_key"])

    def seen(self, key: str | None = None) -> Json:
        """What `GET /rooms/{id}` says."""
        headers = self.key if key is None else {"Shallows-Room-Key": key}
        answer = self.client.get(f"/rooms/{self.id}", headers=headers)
        assert answer.status_code == 200, answer.text
        seen: Json = answer.json()
        return seen
