"""A client of the stream for tests: says, hears, and keeps what it heard."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

from starlette.testclient import TestClient, WebSocketTestSession

from app import wire

# What may come while something else is waited for; an error never may.
EXPECTED = ("configured", "state", "frame", "diverged", "ended")
Json = dict[str, Any]


class Stream:
    """One connection. Frames are acknowledged as they are heard unless `acks` is off."""

    def __init__(self, socket: WebSocketTestSession) -> None:
        self.socket = socket
        self.acks = True
        self.frames: list[Json] = []
        self.texts: list[Json] = []

    @classmethod
    @contextmanager
    def connect(cls, client: TestClient, path: str = "/ws") -> Iterator[Self]:
        with client.websocket_connect(path) as socket:
            yield cls(socket)

    def say(self, type: str, **fields: object) -> None:
        self.socket.send_text(json.dumps({"type": type, **fields}))

    def hear(self) -> Json:
        """The next message; a frame gets the type `frame`."""
        received = self.socket.receive()
        if received["type"] == "websocket.close":
            raise ConnectionError(received.get("code"))
        if received.get("bytes") is not None:
            frame: Json = {"type": "frame", **wire.unpack(received["bytes"])}
            self.frames.append(frame)
            if self.acks:
                self.say("ack", frame=frame["frame"])
            return frame
        message: Json = json.loads(received["text"])
        self.texts.append(message)
        return message

    def until(self, type: str, **fields: object) -> Json:
        """Hear until a message of this type with these fields."""
        while True:
            message = self.hear()
            assert message["type"] in (type, *EXPECTED), message
            if message["type"] == type and all(message.get(k) == v for k, v in fields.items()):
                return message

    def until_iteration(self, iteration: int) -> Json:
        """Hear until a frame shows at least this iteration."""
        while True:
            message = self.hear()
            if message["type"] == "frame" and message["iteration"] >= iteration:
                return message

    def configure(self, *, playing: bool = False, **plan: object) -> Json:
        """Configure, and hear the answer and frame 0 of it."""
        self.say("configure", playing=playing, **plan)
        configured = self.until("configured")
        frame = self.until("frame")
        assert frame["iteration"] == 0
        self.frames = [frame]
        return configured

    def costs(self, run: int = 0) -> bytes:
        """The costs of all frames since `configure`, put end to end; none missing, none twice."""
        joined = b""
        for frame in self.frames:
            part = frame["runs"][run]
            assert part["first_iteration"] == len(joined) // 4
            joined += part["costs"]
        return joined
