"""Saves as fast as they are taken, `kill -9` in the middle of them, and what is there then."""

import asyncio
import json
import os
import random
import signal
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import httpx2 as httpx
import websockets

from tests.app.test_server import Server


@dataclass
class Round:
    """One crash: what the server had acknowledged, and what of it was there when it came back."""

    acknowledged: dict[str, int]
    found: dict[str, int]


async def save_until_killed(
    server: Server, savers: int, after: int, delay: float
) -> dict[str, int]:
    """Each saver plays a session and saves it over and over; id -> iteration of what was answered.

    Args:
        after: So many saves are acknowledged before the server is killed,
        delay: and so many seconds later it is, in the middle of whatever it does then.
    """
    acknowledged: dict[str, int] = {}
    loop = asyncio.get_running_loop()

    async def saver(number: int) -> None:
        async with (
            websockets.connect(f"ws://localhost:{server.port}/ws") as socket,
            httpx.AsyncClient() as client,
        ):
            plan = {"data": {"seed": number}}
            await socket.send(json.dumps({"type": "configure", "playing": True, **plan}))
            session = json.loads(await socket.recv())["session"]
            while True:
                answer = await client.post(f"{server.url}/sessions/{session}/save")
                if answer.status_code == 201:
                    told = answer.json()
                    acknowledged[told["id"]] = told["iteration"]
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
    told: list[Round] = []
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
            told.append(Round(dict(acknowledged), look(server, acknowledged)))
    finally:
        end(server)
    return told


def look(server: Server, names: Iterable[str]) -> dict[str, int]:
    """What of these there is: id -> iteration."""
    with httpx.Client(base_url=server.url) as client:
        answers = {name: client.get(f"/train/{name}") for name in names}
    return {
        name: answer.json()["iteration"]
        for name, answer in answers.items()
        if answer.status_code == 200
    }


def started(folder: Path) -> Server:
    """A server on the store in a folder, ready."""
    server = Server(SHALLOWS_DATA_FOLDER=str(folder))
    server.wait_ready()
    return server


def end(server: Server) -> None:
    """Kill it, if that has not happened yet, and wait for its end."""
    if server.process.poll() is None:
        os.killpg(server.process.pid, signal.SIGKILL)
    server.process.communicate()
