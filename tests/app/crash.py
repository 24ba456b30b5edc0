"""`kill -9` while sessions are saved and while they play, and what is left after it."""

import asyncio
import json
import os
import random
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2 as httpx
import websockets

from app import wire
from tests.app.test_server import Server


@dataclass
class Round:
    """One crash: what the server had acknowledged, and what of it was there when it came back."""

    acknowledged: dict[str, int]
    found: dict[str, int]


async def save_until_killed(
    server: Server, savers: int, after: int, delay: float
) -> dict[str, int]:
    """Each saver plays a session and saves it over and over; id -> iteration of each answer.

    Args:
        after: So many saves are acknowledged before the server is killed,
        delay: and so many seconds later it is, in the middle of whatever it does then.
    """
    acknowledged: dict[str, int] = {}
    loop = asyncio.get_running_loop()

    async def saver(number: int) -> None:
        async with (
            websockets.connect(f"ws://localhost:{server.port}/ws") as socket,
            httpx.AsyncClient(timeout=60) as client,
        ):
            plan = {"data": {"seed": number}}
            await socket.send(json.dumps({"type": "configure", "playing": True, **plan}))
            session = json.loads(await socket.recv())["session"]
            while True:
                answer = await client.post(f"{server.url}/sessions/{session}/save")
                if answer.status_code == 201:
                    saved = answer.json()
                    acknowledged[saved["id"]] = saved["iteration"]
                if len(acknowledged) == after:
                    loop.call_later(delay, os.killpg, server.process.pid, signal.SIGKILL)

    tasks = [asyncio.create_task(saver(number)) for number in range(savers)]
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        assert isinstance(outcome, httpx.TransportError | websockets.ConnectionClosed), outcome
    return acknowledged


def crash(folder: Path, rounds: int, most: int, rng: random.Random) -> list[Round]:
    """Kill a server `rounds` times after up to `most` saves; look for all that was ever kept.

    A REST run that was said to have ended counts as acknowledged too.
    """
    acknowledged: dict[str, int] = {}
    done: list[Round] = []
    server = started(folder)
    try:
        for _ in range(rounds):
            run = httpx.post(f"{server.url}/train?wait=30", json={}, timeout=40)
            assert run.status_code == 200, run.text
            acknowledged[run.json()["id"]] = run.json()["iteration"]
            moment = rng.randint(1, most), rng.uniform(0, 0.02)
            acknowledged |= asyncio.run(save_until_killed(server, 4, *moment))
            end(server)
            server = started(folder)
            done.append(Round(dict(acknowledged), look(server, acknowledged)))
    finally:
        end(server)
    return done


def look(server: Server, names: Iterable[str]) -> dict[str, int]:
    """What of these there is: id -> iteration."""
    with httpx.Client(base_url=server.url, timeout=60) as client:
        answers = {name: client.get(f"/train/{name}") for name in names}
    assert {answer.status_code for answer in answers.values()} <= {200, 404}
    return {
        name: answer.json()["iteration"]
        for name, answer in answers.items()
        if answer.status_code == 200
    }


def started(folder: Path) -> Server:
    """A server on the store in a folder, ready; one address may ask for all of it."""
    server = Server(
        SHALLOWS_DATA_FOLDER=str(folder),
        SHALLOWS_WORKERS="2",
        SHALLOWS_REQUESTS_PER_SECOND="10000",
        SHALLOWS_REQUESTS_BURST="10000",
    )
    server.wait_ready()
    return server


def end(server: Server) -> None:
    """Kill it, if that has not happened yet, and wait for its end."""
    if server.process.poll() is None:
        os.killpg(server.process.pid, signal.SIGKILL)
    server.process.communicate()


@dataclass
class Resumption:
    """One crash under playing sessions: how they came back.

    Attributes:
        resumed: Whether each was taken up, playing, at what was kept.
        ages: Seconds by which each was older than the crash.
        whole: Whether every cost came back, and the same as before.
    """

    resumed: list[bool]
    ages: list[float]
    whole: bool


class Player:
    """A page that plays: what it saw of a session, and when."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.session = ""
        self.costs = b""
        self.seen: list[tuple[float, int]] = []
        self.latest: dict[str, Any] = {}
        self.whole = True

    async def play(self, port: int, begun: asyncio.Event) -> None:
        """Play on until the server is gone; costs are those since iteration 0."""
        # A session that was kept plays from then on, before the page hears of it.
        self.seen = [(time.monotonic(), -1)]
        query = f"?session={self.session}&iteration={len(self.costs) // 4}" if self.session else ""
        async with websockets.connect(f"ws://localhost:{port}/ws{query}") as socket:
            # What it looks like is nothing to it: its costs are.
            await socket.send(json.dumps({"type": "view", "resolution": 8}))
            if not self.session:
                training = {"training": {"iterations": 1_000_000}}
                plan = {"data": {"seed": self.number}, "runs": [training]}
                await socket.send(json.dumps({"type": "configure", "playing": True, **plan}))
            async for message in socket:
                if isinstance(message, str):
                    self.latest = json.loads(message)
                    if self.latest["type"] == "configured":
                        self.session = self.latest["session"]
                        self.seen.append((time.monotonic(), self.latest["iteration"]))
                    continue
                frame = wire.unpack(message)
                await socket.send(json.dumps({"type": "ack", "frame": frame["frame"]}))
                self._take(4 * frame["runs"][0]["first_iteration"], frame["runs"][0]["costs"])
                self.seen.append((time.monotonic(), frame["iteration"]))
                begun.set()

    def _take(self, first: int, costs: bytes) -> None:
        known = self.costs[first : first + len(costs)]
        self.whole &= first <= len(self.costs) and costs.startswith(known)
        self.costs = self.costs[:first] + costs


def resume_after_crashes(
    folder: Path, rounds: int, players: int, rng: random.Random
) -> list[Resumption]:
    """Kill a server `rounds` times at random moments while sessions play, and take them up."""
    pages = [Player(number) for number in range(players)]
    resumptions: list[Resumption] = []
    seen: list[list[tuple[float, int]]] = []
    killed = 0.0

    async def one(server: Server, delay: float) -> float:
        begun = [asyncio.Event() for _ in pages]
        tasks = [
            asyncio.create_task(page.play(server.port, event))
            for page, event in zip(pages, begun, strict=True)
        ]
        await asyncio.gather(*(event.wait() for event in begun))
        await asyncio.sleep(delay)
        os.killpg(server.process.pid, signal.SIGKILL)
        moment = time.monotonic()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            assert isinstance(outcome, websockets.ConnectionClosed), outcome
        return moment

    server = started(folder)
    try:
        for index in range(rounds + 1):
            # The last one only looks; the first is long enough for everyone to be kept.
            moment = asyncio.run(one(server, rng.uniform(0, 6) if index else rng.uniform(5, 8)))
            end(server)
            if index:
                resumptions.append(_resumption(pages, seen, killed))
            seen, killed = [page.seen for page in pages], moment
            if index < rounds:
                server = started(folder)
    finally:
        end(server)
    return resumptions


def _resumption(
    pages: list[Player], seen: list[list[tuple[float, int]]], killed: float
) -> Resumption:
    resumed, ages = [], []
    for page, before in zip(pages, seen, strict=True):
        latest, (_, at) = page.latest, page.seen[1]
        resumed.append(all(latest.get(key) for key in ("resumed", "playing", "from_checkpoint")))
        ages.append(killed - max(t for t, iteration in before if iteration <= at))
    return Resumption(resumed, ages, all(page.whole for page in pages))
