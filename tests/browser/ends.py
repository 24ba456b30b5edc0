"""The other end of a class: a member, or a teacher, without a page."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from websockets.sync.client import connect

from tests.browser.harness import Server
from tests.browser.playground import PATIENCE


def post(server: Server, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """The answer to a request."""
    request = urllib.request.Request(
        f"{server.url}{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


class End:
    """A connection of somebody in a room."""

    def __init__(self, server: Server, path: str) -> None:
        self._open = ExitStack()
        address = server.url.replace("http", "ws") + path
        # What nobody reads waits: a member takes two frames at most.
        connecting = connect(
            address,
            max_size=None,
            max_queue=None,
            ping_interval=None,
            open_timeout=PATIENCE / 1000,
        )
        self._socket = self._open.enter_context(connecting)

    def say(self, type: str, **fields: Any) -> None:
        """Send a message."""
        self._socket.send(json.dumps({"type": type, **fields}))

    def hears(self, holds: Callable[[dict[str, Any]], Any], type: str = "room") -> dict[str, Any]:
        """The next message of a kind that is so."""
        while True:
            data = self._socket.recv(PATIENCE / 1000)
            if isinstance(data, bytes):
                continue
            message: dict[str, Any] = json.loads(data)
            if message["type"] == type and holds(message):
                return message

    def close(self) -> None:
        """It goes away."""
        self._open.close()


class Member(End):
    """A student who has come in and trains the default network."""

    def __init__(self, server: Server, code: str) -> None:
        joined = post(server, "rooms/join", {"code": code})
        self.name: str = joined["name"]
        self.number: int = joined["member"]
        super().__init__(server, f"ws?room={joined['room']}")
        self.say("enter", room=joined["room"], secret=joined["secret"])
        self.say("configure", runs=[{}])


class Teacher(End):
    """A teacher's page without a page."""

    def __init__(self, server: Server, title: str) -> None:
        self.room = post(server, "rooms", {"title": title})
        super().__init__(server, f"rooms/{self.room['id']}/stream")
        self.say("open", key=self.room["key"])
