"""The stream of a real server: are all costs there, how large is a frame, how soon it answers.

python -m benchmarks.stream_bench
"""

import asyncio
import json
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import websockets

from app import wire
from tests.browser.harness import running_server

TOP_SPEED_SECONDS = 10
SPIRAL_ITERATIONS = 6_000
TOGGLES = 50
LONG = {"iterations": 1_000_000}
SPIRALS = {
    "2-4-1 tanh, the default": [{"units": 4, "activation": "tanh"}],
    "2-8-1 tanh": [{"units": 8, "activation": "tanh"}],
    "2-8-8-1 ReLU, He": [{"units": 8, "activation": "relu"}] * 2,
}


class Reader:
    """One connection that acknowledges what it reads."""

    def __init__(self, socket: websockets.ClientConnection) -> None:
        self.socket = socket

    async def say(self, type: str, **fields: Any) -> None:
        """Send a message."""
        await self.socket.send(json.dumps({"type": type, **fields}))

    async def frame(self) -> tuple[int, dict[str, Any]]:
        """The next frame and its bytes on the wire."""
        while True:
            message = await self.socket.recv()
            if isinstance(message, bytes):
                frame = wire.unpack(message)
                await self.say("ack", frame=frame["frame"])
                return len(message), frame


@asynccontextmanager
async def reader(url: str) -> AsyncIterator[Reader]:
    """A connection to the stream."""
    address = url.replace("http", "ws") + "ws"
    async with websockets.connect(address, max_size=None, compression=None) as socket:
        yield Reader(socket)


async def top_speed(url: str) -> tuple[int, int, float, int]:
    """Play at the highest speed: iterations, costs missing or twice, frames a second, mismatches.

    The costs are also compared, bit for bit, with those of the same run over REST in one go.
    """
    async with reader(url) as stream:
        await stream.say("configure", runs=[{"training": LONG}])
        await stream.say("set", iterations_per_frame=1000)
        await stream.say("play")
        costs, wrong, frames, iteration = b"", 0, 0, 0
        end = time.perf_counter() + TOP_SPEED_SECONDS
        while time.perf_counter() < end:
            _, frame = await stream.frame()
            part = frame["runs"][0]
            iteration = frame["iteration"]
            wrong += abs(part["first_iteration"] - len(costs) // 4)
            costs += part["costs"]
            wrong += abs(iteration - len(costs) // 4)
            frames += 1
    expected = await asyncio.to_thread(rest_costs, url, iteration)
    mismatches = int((np.frombuffer(costs, "<f4") != expected).sum())
    return iteration, wrong, frames / TOP_SPEED_SECONDS, mismatches


def rest_costs(url: str, iterations: int) -> Any:
    """The costs of the default run over REST."""
    import httpx2 as httpx

    with httpx.Client(base_url=url, timeout=60) as client:
        run = client.post("/train", json={"training": {"iterations": iterations}}).json()["id"]
        while client.get(f"/train/{run}").json()["status"] in ("queued", "running"):
            time.sleep(0.2)
        return np.array(client.get(f"/train/{run}/costs").json()["costs"], "<f4")


async def frame_sizes(url: str, layers: list[dict[str, Any]], encoding: str) -> list[int]:
    """Bytes of each frame at 100×100 while the spiral is trained at 5 iterations a frame."""
    scheme = "he" if layers[0]["activation"] == "relu" else "small_random"
    network = {"layers": layers, "initialization": {"scheme": scheme}}
    sizes = []
    async with reader(url) as stream:
        await stream.say("view", resolution=100, encoding=encoding)
        await stream.say("configure", data={"dataset": "spiral"}, runs=[{"network": network}])
        await stream.frame()
        for _ in range(SPIRAL_ITERATIONS // 50):
            # 45 iterations unseen, then a frame that shows the next five, as playing would.
            await stream.say("step", iterations=45)
            await stream.frame()
            await stream.say("step", iterations=5)
            size, _ = await stream.frame()
            sizes.append(size)
    return sizes


async def toggles(url: str) -> list[float]:
    """Milliseconds from `configure`, while playing, to frame 0 of the new run."""
    latencies = []
    async with reader(url) as stream:
        for index in range(TOGGLES):
            activation = ("relu", "tanh")[index % 2]
            network = {"layers": [{"units": 4, "activation": activation}]}
            began = time.perf_counter()
            await stream.say("configure", playing=True, runs=[{"network": network}])
            while (await stream.frame())[1]["iteration"] > 0:
                pass
            latencies.append(1000 * (time.perf_counter() - began))
            for _ in range(10):
                await stream.frame()
    return latencies


async def measure(url: str) -> None:
    """Measure, and print a table."""
    iterations, wrong, rate, mismatches = await top_speed(url)
    print("| what | measured | at least |")
    print("|---|---|---|")
    print(
        f"| costs put end to end at the highest speed for {TOP_SPEED_SECONDS} s | {iterations:,} "
        f"iterations in {rate:.0f} frames a second: {wrong} missing or twice, "
        f"{mismatches} differ from the same run over REST | none missing, none twice |"
    )
    for name, layers in SPIRALS.items():
        for encoding in ("differences", "plain"):
            sizes = await frame_sizes(url, layers, encoding)
            bound = "≤ 4 KB" if encoding == "differences" else ""
            print(
                f"| a frame at 100×100, {encoding}, over {SPIRAL_ITERATIONS:,} iterations on the "
                f"spiral, {name} | median {statistics.median(sizes) / 1000:.2f} KB, "
                f"largest {max(sizes) / 1000:.2f} KB | {bound} |"
            )
    latencies = sorted(await toggles(url))
    p95 = latencies[-(-TOGGLES * 95 // 100) - 1]
    print(
        f"| from `configure` while playing to frame 0 of the new run, {TOGGLES} times | "
        f"p50 {statistics.median(latencies):.1f} ms, p95 {p95:.1f} ms | |"
    )


def main() -> None:
    """Start a server, measure, stop it."""
    with running_server() as server:
        asyncio.run(measure(server.url))


if __name__ == "__main__":
    main()
