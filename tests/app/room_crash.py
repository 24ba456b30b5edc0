"""`kill -9` while a class joins, answers and solves a task, and what of it is left."""

import asyncio
import json
import os
import random
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import httpx2 as httpx
import websockets
from websockets.exceptions import WebSocketException

from tests.app.crash import end
from tests.app.rooms import Json
from tests.app.test_server import Server

ASK = {"type": "ask", "text": "Which?", "choices": ["a", "b", "c"]}
TASK = {"type": "task", "title": "Begin", "until": [{"quantity": "iteration", "at_least": 1}]}


@dataclass
class Back:
    """How one crash ended.

    Attributes:
        students: Who had a place, as they knew.
        answered: How many of them knew that they had answered,
        solved: and how many that they had solved the task.
        lost: What somebody knew and was not there any more.
        seconds: From the moment the server was up again until all were back.
    """

    students: int
    answered: int
    solved: int
    lost: list[str]
    seconds: float


class Student:
    """Joins, then answers on and on; knows what was acknowledged."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self.secret = ""
        self.choice: int | None = None
        self.solved = False
        self.said: list[int] = []

    async def attend(self, server: Server, room: Json, begun: asyncio.Event) -> None:
        """Until the server is gone."""
        if not self.secret:
            async with httpx.AsyncClient(timeout=60) as client:
                body = {"code": room["code"]}
                joined = await client.post(f"{server.url}/rooms/join", json=body)
            self.secret = joined.json()["secret"]
        async with websockets.connect(stream_of(server, room)) as socket:
            await socket.send(enter(room, self.secret))
            await socket.send(json.dumps({"type": "configure", "runs": [{}], "playing": True}))
            async for text in socket:
                if isinstance(text, bytes) or (seen := json.loads(text))["type"] != "room":
                    continue
                # Until this came, it may be what was said last or the one before.
                self.choice, self.said = seen["question"]["choice"], self.said[-1:]
                self.solved = self.solved or seen["task"]["solved"]
                if self.choice is not None:
                    begun.set()
                others = [choice for choice in range(3) if choice != self.choice]
                self.said.append(self._rng.choice(others))
                answer = {"type": "answer", "question": 1, "choice": self.said[-1]}
                await socket.send(json.dumps(answer))

    async def look(self, server: Server, room: Json) -> list[str]:
        """Come back; what is not there any more."""
        async with websockets.connect(stream_of(server, room)) as socket:
            await socket.send(enter(room, self.secret))
            async for text in socket:
                if isinstance(text, bytes) or (seen := json.loads(text))["type"] == "configured":
                    continue
                if seen["type"] != "room":
                    return [f"a place: {seen}"]
                lost = []
                if seen["question"]["choice"] not in [self.choice, *self.said]:
                    lost.append("an answer")
                if self.solved and not seen["task"]["solved"]:
                    lost.append("a solved task")
                return lost
        return ["a place"]


def stream_of(server: Server, room: Json) -> str:
    """Of a student."""
    return f"ws://localhost:{server.port}/ws?room={room['id']}"


def enter(room: Json, secret: str) -> str:
    """A student's first message."""
    return json.dumps({"type": "enter", "room": room["id"], "secret": secret})


async def teach(server: Server, room: Json, *messages: Json) -> Json:
    """Say something as the teacher; what the room is then."""
    async with websockets.connect(f"ws://localhost:{server.port}/rooms/{room['id']}/stream") as it:
        await it.send(json.dumps({"type": "open", "key": room["key"]}))
        seen: Json = json.loads(await it.recv())
        for message in messages:
            await it.send(json.dumps(message))
            while (heard := json.loads(await it.recv()))["type"] != "room":
                pass
            seen |= heard
    return seen


def started(folder: Path, backend: str) -> Server:
    """A server on the store in a folder, ready."""
    server = Server(SHALLOWS_DATA_FOLDER=str(folder), SHALLOWS_BACKEND=backend)
    server.wait_ready()
    return server


async def lesson(server: Server, room: Json, students: list[Student], rng: random.Random) -> None:
    """Kill the server once most of them have begun; the last ones may just be joining."""
    begun = [asyncio.Event() for _ in students]
    pages = [
        asyncio.create_task(student.attend(server, room, event))
        for student, event in zip(students, begun, strict=True)
    ]
    most = 2 * len(students) // 3
    await asyncio.gather(*(event.wait() for event in begun[:most]))
    await asyncio.sleep(rng.uniform(0, 0.3))
    os.killpg(server.process.pid, signal.SIGKILL)
    for outcome in await asyncio.gather(*pages, return_exceptions=True):
        # Closed, or cut off while it was being opened.
        assert isinstance(outcome, WebSocketException | httpx.TransportError | OSError), outcome


async def back(server: Server, room: Json, students: list[Student]) -> Back:
    """Have all come back, and look for all that they know of."""
    began, there = time.monotonic(), [student for student in students if student.secret]
    lost = await asyncio.gather(*(student.look(server, room) for student in there))
    seconds = time.monotonic() - began
    answered = sum(student.choice is not None for student in there)
    solved = sum(student.solved for student in there)
    seen = await teach(server, room)
    all_lost = [each for some in lost for each in some]
    if seen["questions"][0]["answered"] < answered or seen["tasks"][0]["solved"] < solved:
        all_lost.append("the count of answers or tasks")
    return Back(len(there), answered, solved, all_lost, seconds)


def crash_rooms(
    folder: Path, rounds: int, students: int, rng: random.Random, backend: str = "inline"
) -> list[Back]:
    """Kill a server so many times while that many students of a room do what they do."""
    done = []
    server = started(folder, backend)
    try:
        room: Json = httpx.post(f"{server.url}/rooms", json={}, timeout=60).json()
        asyncio.run(teach(server, room, ASK, TASK))
        class_of = [Student(rng) for _ in range(students)]
        for _ in range(rounds):
            class_of += [Student(rng) for _ in range(3)]
            asyncio.run(lesson(server, room, class_of, rng))
            end(server)
            server = started(folder, backend)
            done.append(asyncio.run(back(server, room, class_of)))
    finally:
        end(server)
    return done
