"""The second way: students at one address without WebSockets, on a real server.

python -m benchmarks.second_way_bench [STUDENTS] [SECONDS]

Each joins a room and plays; what it acknowledges goes up in batches, four a second, as the page
does. Says the frames a second of each, the refusals, and whether every cost came. Fails if one is
missing, if one was refused, or if somebody had fewer than five frames a second.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from base64 import b64decode
from dataclasses import dataclass, field

import httpx2 as httpx

from app import wire
from tests.browser.harness import running_server

STUDENTS, SECONDS = 30, 15.0
BATCH_SECONDS = 0.25
FEWEST = 5.0


@dataclass
class Guest:
    """A student's page, and what came to it."""

    frames: int = 0
    began: float = 0.0
    """When the first came."""
    ended: float = 0.0
    refused: int = 0
    whole: bool = True
    costs: int = 0
    number: int = 1
    token: str = ""
    up: list[dict[str, object]] = field(default_factory=list)

    async def attend(self, client: httpx.AsyncClient, room: dict[str, str], until: float) -> None:
        """Join, play, and hear frames until the time is over."""
        joined = await client.post("/rooms/join", json={"code": room["code"]})
        secret = joined.json()["secret"]
        self.up = [
            {"type": "enter", "room": room["id"], "secret": secret},
            {"type": "view", "encoding": "differences"},
            {"type": "configure", "runs": [{"training": {"iterations": 100_000}}], "playing": True},
        ]
        async with client.stream("POST", f"/ws?room={room['id']}") as answer:
            sending = asyncio.create_task(self._send(client))
            kind = ""
            async for line in answer.aiter_lines():
                name, _, data = line.partition(": ")
                if name == "event":
                    kind = data
                elif name == "data":
                    self._hear(kind, data)
                    kind = ""
                if time.monotonic() > until:
                    break
            self.ended = time.monotonic()
            sending.cancel()

    def _hear(self, kind: str, data: str) -> None:
        if kind == "open":
            self.token = json.loads(data)["token"]
        elif kind == "frame":
            frame = wire.unpack(b64decode(data))
            run = frame["runs"][0]
            self.whole &= run["first_iteration"] == self.costs
            self.costs = run["first_iteration"] + len(run["costs"]) // 4
            self.frames += 1
            self.began = self.began or time.monotonic()
            self.up.append({"type": "ack", "frame": frame["frame"]})

    async def _send(self, client: httpx.AsyncClient) -> None:
        due = time.monotonic()
        while True:
            due = max(due + BATCH_SECONDS, time.monotonic())
            await asyncio.sleep(due - time.monotonic())
            if not self.token or not self.up:
                continue
            some, self.up = self.up, []
            headers = {"Shallows-Stream": self.token, "Shallows-Number": str(self.number)}
            body = "\n".join(map(json.dumps, some))
            answer = await client.post("/ws/up", content=body, headers=headers)
            if answer.status_code == 204:
                self.number += 1
            else:
                self.refused += 1
                self.up = some + self.up


async def measure(url: str, students: int, seconds: float) -> list[Guest]:
    """A class of guests."""
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=url, limits=limits, timeout=60) as client:
        room = (await client.post("/rooms", json={})).json()
        guests = [Guest() for _ in range(students)]
        until = time.monotonic() + seconds
        await asyncio.gather(*(guest.attend(client, room, until) for guest in guests))
    return guests


def main() -> None:
    """Measure, and say what came of it."""
    students = int(sys.argv[1]) if len(sys.argv) > 1 else STUDENTS
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else SECONDS
    with running_server() as server:
        guests = asyncio.run(measure(server.url, students, seconds))
    rates = sorted(guest.frames / (guest.ended - guest.began) for guest in guests)
    refused = sum(guest.refused for guest in guests)
    whole = all(guest.whole for guest in guests)
    print(f"{students} students without WebSockets at one address, {seconds:g} s")
    print(f"frames a second each: median {statistics.median(rates):.1f}, least {rates[0]:.1f}")
    print(f"refused: {refused}; every cost came, once: {whole}")
    if refused or not whole or rates[0] < FEWEST:
        raise SystemExit("the second way has lost or refused something, or is too slow")


if __name__ == "__main__":
    main()
