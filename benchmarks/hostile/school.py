"""A real class behind one address: pupils who play, press buttons and save, and must be answered.

Thirty of them press Vectorising, then each asks for a report and sends a table of 200 KB, all
within five seconds; meanwhile, and until the lesson ends, five saves a second are made.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import httpx2 as httpx

from benchmarks.hostile.aim import Aim, Stream, browser, stream
from benchmarks.hostile.streams import PAGE_VIEW, START

PUPILS = 30
PRESSING_SECONDS = 5.0
SAVES_PER_SECOND = 5.0
LONGEST = 10.0
"""Seconds in which each is to be answered."""
TABLE = b"x1,x2,label\n" + b"".join(
    b"%.4f,%.4f,%d\n" % (random.Random(k).uniform(-5, 5), k / 2000 - 5, k % 2)
    for k in range(12_000)
)
VECTORIZING = json.dumps({"examples": 1_000, "inputs": 2, "units": 4}).encode()
"""As the page has them at first."""


@dataclass
class Answers:
    """What a class was answered."""

    statuses: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    saved: list[str] = field(default_factory=list)

    @property
    def refused(self) -> int:
        """How many were not answered as they should be."""
        return sum(n for status, n in self.statuses.items() if status not in ("200", "201"))

    @property
    def longest(self) -> float:
        """Seconds that one waited."""
        return max(self.seconds, default=0.0)

    async def ask(
        self,
        client: httpx.AsyncClient,
        method: str,
        path: str,
        body: bytes | None = None,
        of: str = "application/json",
    ) -> httpx.Response | None:
        """Ask once, and note what came of it."""
        began = time.monotonic()
        answer = None
        try:
            answer = await client.request(
                method, path, content=body, headers={"Content-Type": of} if body else {}
            )
            self.statuses[str(answer.status_code)] += 1
        except httpx.HTTPError as error:
            self.statuses[type(error).__name__] += 1
        self.seconds.append(time.monotonic() - began)
        return answer

    async def save(self, client: httpx.AsyncClient, session: str) -> None:
        """Save a session."""
        answer = await self.ask(client, "POST", f"sessions/{session}/save", b"{}")
        if answer is not None and answer.status_code == 201:
            self.saved.append(answer.json()["id"])


async def press(answers: Answers, client: httpx.AsyncClient, session: str) -> None:
    """What one pupil does within five seconds."""
    await asyncio.sleep(random.uniform(0, PRESSING_SECONDS / 2))
    await answers.ask(client, "POST", "vectorizing", VECTORIZING)
    await answers.ask(client, "GET", f"sessions/{session}/report")
    await answers.ask(client, "POST", "datasets/table", TABLE, "text/csv")


async def _attend(url: str, source: str, seconds: float, pupils: int) -> Answers:
    answers = Answers()
    aim = Aim(url, source, time.time() + seconds + 4 * LONGEST)
    async with contextlib.AsyncExitStack() as open_ones:
        client = await open_ones.enter_async_context(browser(aim.url, aim.source, LONGEST))
        sessions: list[str] = []
        hearing: list[asyncio.Task[None]] = []

        async def enter() -> None:
            try:
                line: Stream = await open_ones.enter_async_context(stream(aim))
                await line.say(PAGE_VIEW, START)
                configured = await line.until("configured", seconds=LONGEST)
            except Exception as error:
                answers.statuses[f"no stream: {type(error).__name__}"] += 1
                return
            if configured is None:
                answers.statuses["no session"] += 1
                return
            sessions.append(configured["session"])
            hearing.append(asyncio.create_task(line.hear_on()))

        await asyncio.gather(*(enter() for _ in range(pupils)))
        asked = [asyncio.create_task(press(answers, client, session)) for session in sessions]
        began, number = time.monotonic(), 0
        while sessions and time.monotonic() < began + seconds:
            session = sessions[number % len(sessions)]
            asked.append(asyncio.create_task(answers.save(client, session)))
            number += 1
            late = time.monotonic() - began - number / SAVES_PER_SECOND
            await asyncio.sleep(max(0.0, -late))
        await asyncio.gather(*asked)
        for task in hearing:
            task.cancel()
        await asyncio.gather(*hearing, return_exceptions=True)
    return answers


def attend(url: str, source: str, seconds: float, pupils: int = PUPILS) -> Answers:
    """A class in this process that saves for so long, and waits for its last answers."""
    return asyncio.run(_attend(url, source, seconds, pupils))


async def _kept(url: str, source: str, names: Sequence[str]) -> int:
    answers = Answers()
    async with browser(url, source, LONGEST) as client:
        for name in names:
            await answers.ask(client, "GET", f"train/{name}")
    return answers.statuses["200"]


def kept(url: str, source: str, names: Sequence[str]) -> int:
    """How many of these saves a server has."""
    return asyncio.run(_kept(url, source, names))
