"""Nonsense on the stream: random, truncated, misshapen and oversized messages, by the 100,000.

python -m benchmarks.fuzz_stream [--messages 100000] [--seed 0]

It starts a server of its own, whose rates let everything through (what they refuse is never read).
Beside the nonsense one learner plays on; another steps and must come to exactly its iterations.
Prints close codes and errors, and ends with 1 if anything broke.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx2 as httpx
import websockets
from websockets.exceptions import ConnectionClosed

from app import wire
from tests.app.test_server import Server

SENDERS = 8
LAST = "that was all"
MOST_BYTES = 100_000  # of the server that is tried, so that oversized ones are quick to make
UNLIMITED = {
    "SHALLOWS_MESSAGES_PER_SECOND": "1000000",
    "SHALLOWS_MESSAGES_BURST": "1000000",
    "SHALLOWS_BYTES_PER_SECOND": "1000000000",
    "SHALLOWS_BYTES_BURST": "1000000000",
    "SHALLOWS_REQUESTS_PER_SECOND": "1000000",
    "SHALLOWS_REQUESTS_BURST": "1000000",
    "SHALLOWS_MAX_MESSAGE_BYTES": str(MOST_BYTES),
    "SHALLOWS_SESSION_GRACE_SECONDS": "1",
}
GOOD: list[dict[str, Any]] = [
    {"type": "configure", "data": {"examples": 20}, "runs": [{"training": {"iterations": 500}}]},
    {"type": "play"},
    {"type": "pause"},
    {"type": "reset"},
    {"type": "step", "iterations": 3},
    {"type": "set", "learning_rate": 0.1, "iterations_per_frame": "max", "run": 0},
    {"type": "edit", "layer": 1, "unit": 0, "input": 0, "value": 0.5, "frozen": True},
    {"type": "seek", "iteration": 10},
    {"type": "view", "resolution": 20, "x": [-1, 1], "y": [-1, 1], "neurons": True},
    {"type": "inspect", "point": [0.5, 0.5], "label": 1},
    {"type": "describe", "run": 0},
    {"type": "check", "layers": [{"weights": [[1], [2]], "biases": [0]}], "points": [[1, 2]]},
    {"type": "sweep", "seeds": 2, "iterations": 5},
    {"type": "cancel"},
    {"type": "ack", "frame": 0},
]
ODD: list[Any] = [
    None, True, -1, 0, 10**400, 1e308, float("nan"), float("inf"), "", "\x00", "ß" * 300, "\ud800",
    [], [[]], [None] * 50, {}, {"type": {}}, 2**63, -(2**63), 0.1, "max", {"0": [{}]},
]  # fmt: skip


@dataclass
class Seen:
    """What came of it."""

    sent: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)


def nonsense(rng: random.Random) -> str | bytes:
    """A message that is hardly ever right."""
    message = json.dumps(_misshapen(rng, rng.choice(GOOD)))
    match rng.randrange(10):
        case 0:
            return rng.randbytes(rng.randrange(200))
        case 1:
            return message[: rng.randrange(len(message))]
        case 2:
            at = rng.randrange(len(message))
            return message[:at] + rng.choice('{}[]",:\\\x00e9-') + message[at + 1 :]
        case 3:
            return message.encode()
        case 4:
            return "[" * rng.randrange(5000)
        case 5 if rng.random() < 0.005:
            return message[:-1] + " " * MOST_BYTES + "}"
    return message


def _misshapen(rng: random.Random, value: Any) -> Any:
    if rng.random() < 0.1:
        return rng.choice(ODD)
    if isinstance(value, dict):
        return {
            (rng.choice(["type", "run", "x" * 99]) if rng.random() < 0.03 else key): (
                item if key == "type" and rng.random() < 0.9 else _misshapen(rng, item)
            )
            for key, item in value.items()
            if rng.random() < 0.97
        }
    return [_misshapen(rng, item) for item in value] if isinstance(value, list) else value


async def disturb(address: str, seed: int, messages: int, seen: Seen) -> None:
    """Send nonsense, over a new connection whenever the server has closed the last."""
    rng = random.Random(seed)
    left = messages
    while left > 0:
        async with websockets.connect(address, compression=None, max_size=None) as socket:
            heard, oversized = asyncio.Event(), asyncio.Event()
            hearing = asyncio.create_task(_hear(socket, seen, heard, oversized))
            with contextlib.suppress(ConnectionClosed):
                await socket.send(json.dumps(GOOD[0]))
                for _ in range(min(left, rng.randrange(1, 2000))):
                    left -= 1
                    seen.sent += 1
                    message = nonsense(rng)
                    if len(message) > MOST_BYTES:
                        oversized.set()
                    await socket.send(message)
                # All of it has been read when this is answered.
                await socket.send(json.dumps({"type": LAST}))
                await asyncio.wait(
                    [hearing, asyncio.create_task(heard.wait())],
                    return_when=asyncio.FIRST_COMPLETED,
                )
                await socket.close(4002)
            heard.set()
            await hearing


async def _hear(
    socket: websockets.ClientConnection,
    seen: Seen,
    heard: asyncio.Event,
    oversized: asyncio.Event,
) -> None:
    try:
        while True:
            message = await socket.recv()
            if isinstance(message, bytes):
                if heard.is_set():
                    continue  # on our way out; the library would wait with this for the end
                # The latest acknowledgement stands for all before it.
                await socket.send(
                    json.dumps({"type": "ack", "frame": wire.unpack(message)["frame"]})
                )
            elif (parsed := json.loads(message))["type"] == "error":
                seen.errors[parsed["code"]] += 1
                if LAST in parsed["detail"]:
                    heard.set()
                if parsed["code"] in ("lost", "internal_error"):
                    seen.broken.append(f"a session was lost: {parsed['detail']}")
    except ConnectionClosed as closed:
        code = closed.rcvd.code if closed.rcvd else 1006
        seen.codes[str(code)] += 1
        # 1006 after 1009: more was on its way when the server closed; TCP takes back its goodbye.
        if code == 1011 or (code == 1006 and not oversized.is_set()):
            seen.broken.append(f"a connection ended with {code}")


async def learn(address: str, over: asyncio.Event, seen: Seen) -> int:
    """A learner beside it all: steps of 10, each of which has to end exactly where it should."""
    iteration = known = 0
    async with websockets.connect(address, compression=None, max_size=None) as socket:
        await socket.send(json.dumps({"type": "configure", "runs": [LONG]}))
        while not over.is_set():
            iteration += 10
            await socket.send(json.dumps({"type": "step", "iterations": 10}))
            while known < iteration:
                message = await socket.recv()
                if isinstance(message, str):
                    if (parsed := json.loads(message))["type"] == "error":
                        seen.broken.append(f"another session got {parsed}")
                    continue
                frame = wire.unpack(message)
                (run,) = frame["runs"]
                if run["first_iteration"] != known:
                    seen.broken.append(f"another session missed costs at {known}")
                known = frame["iteration"]
                await socket.send(json.dumps({"type": "ack", "frame": frame["frame"]}))
            if known != iteration:
                seen.broken.append(f"another session came to {known}, not to {iteration}")
    return known


LONG = {"training": {"iterations": 1_000_000}}


async def fuzz(port: int, messages: int, seed: int) -> tuple[Seen, int]:
    """All of it against a server on this machine."""
    address, seen, over = f"ws://127.0.0.1:{port}/ws", Seen(), asyncio.Event()
    learner = asyncio.create_task(learn(address, over, seen))
    share = -(-messages // SENDERS)
    await asyncio.gather(*(disturb(address, seed + i, share, seen) for i in range(SENDERS)))
    over.set()
    return seen, await learner


def attack(messages: int, seed: int) -> tuple[Seen, int]:
    """All of it against a server of its own, and what that said when it ended."""
    server = Server(**UNLIMITED)
    try:
        server.wait_ready()
        seen, learned = asyncio.run(fuzz(server.port, messages, seed))
        metrics = httpx.get(f"{server.url}/metrics").text
        if "shallows_worker_restarts_total 0.0" not in metrics:
            seen.broken.append("a worker was lost")
    finally:
        _, errors = server.end(15)
    if errors:
        seen.broken.append(f"the server said: {errors[-2000:]}")
    return seen, learned


def main() -> None:
    """Print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    start = time.perf_counter()
    seen, learned = attack(options.messages, options.seed)
    print(f"{seen.sent:,} messages in {time.perf_counter() - start:.0f} s")
    print(f"close codes: {dict(seen.codes)}")
    print(f"errors: {dict(seen.errors)}")
    print(f"the learner beside them came to iteration {learned:,}, none missing")
    for what, count in Counter(seen.broken).items():
        print(f"BROKEN ({count}): {what}")
    sys.exit(1 if seen.broken else 0)


if __name__ == "__main__":
    main()
