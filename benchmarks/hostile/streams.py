"""Hostile cases over the stream: what diverges, what is large, and what is said too often."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.hostile.aim import (
    REFUSED_SECONDS,
    Aim,
    Message,
    Stream,
    browser,
    case,
    storm,
    stream,
)
from benchmarks.students import ITERATIONS, VIEW

PAGE_VIEW = {"type": "view", **VIEW}
LARGEST_VIEW = {
    "type": "view",
    "resolution": 200,
    "neurons": True,
    "neuron_resolution": 64,
    "lines": True,
    "line_of": {"layer": 1, "unit": 0},
    "misclassified": True,
    "diagnostics": True,
}


def configure(data: Message, *runs: Message, playing: bool = True) -> Message:
    """A message that starts a session."""
    return {"type": "configure", "data": data, "runs": list(runs), "playing": playing}


def network(layers: int, units: int, iterations: int = 100_000, **training: Any) -> Message:
    """A run of a network of equal layers."""
    return {
        "network": {"layers": [{"units": units}] * layers},
        "training": {"optimizer": "adam", "iterations": iterations, **training},
    }


DEFAULT: Message = {"training": {"iterations": ITERATIONS}}
WILD: Message = {"training": {"learning_rate": 10, "batch_size": 1}}
WILDEST: Message = {"training": {"learning_rate": 100, "batch_size": 1}}
START = configure({}, DEFAULT)

# -- row 1: numbers that are not finite ---------------------------------------------------------


async def hear_once(aim: Aim, answers: tuple[str, ...], *messages: Message) -> None:
    """Say all this, wait for an answer, leave, and come again: the next is on another worker."""
    while aim.on:
        with aim.noting():
            async with stream(aim) as line:
                await line.say(PAGE_VIEW, *messages)
                heard = await line.until(*answers)
                aim.got[heard["type"] if heard else "no answer"] += 1
        await asyncio.sleep(REFUSED_SECONDS)


@case(row=1)
async def diverging_sweep(aim: Aim) -> None:
    """A seed sweep of runs that diverge, as the page's own controls make it."""
    plan = configure({"dataset": "plane"}, WILD, playing=False)
    await hear_once(aim, ("swept",), plan, {"type": "sweep", "seeds": 64, "iterations": 100})


@case(row=1)
async def diverging_sweep_for_a_cost(aim: Aim) -> None:
    """The same, where a cost is what solves the problem."""
    plan = configure({"dataset": "plane"}, WILD, playing=False)
    sweep = {"type": "sweep", "seeds": 64, "iterations": 100, "cost": 0.01}
    await hear_once(aim, ("swept",), plan, sweep)


@case(row=1)
async def diverging_regression(aim: Aim) -> None:
    """A regression whose costs leave the finite while it plays."""
    await hear_once(aim, ("ended", "diverged"), configure({"dataset": "plane"}, WILD))


@case(row=1)
async def eight_diverging_runs(aim: Aim) -> None:
    """Eight runs of one session that diverge, with every diagnosis in their frames."""
    plan = configure({"dataset": "bumps"}, *[WILDEST] * 8)
    await hear_once(aim, ("ended",), {**LARGEST_VIEW, "resolution": 40}, plan)


@case(row=1)
async def inspecting_what_diverges(aim: Aim) -> None:
    """A look into each iteration of a run on its way beyond the largest float."""
    plan = configure({"dataset": "plane"}, WILD, playing=False)
    looks: list[Message] = [{"type": "step", "iterations": 90}]
    for _ in range(15):
        looks += [{"type": "inspect"}, {"type": "inspect", "point": [1e6, -1e6]}, {"type": "step"}]
    await hear_once(aim, ("ended", "diverged"), plan, *looks)


@case(row=1)
async def diverging_run_that_is_watched(aim: Aim) -> None:
    """A REST run that diverges, watched, and then asked for all that can be had of it."""
    plan = json.dumps({"data": {"dataset": "plane"}, **WILD}).encode()
    async with browser(aim.url, aim.source, seconds=5) as client:
        while aim.on:
            with aim.noting():
                headers = {"Content-Type": "application/json"}
                made = await client.post("train", content=plan, headers=headers)
                aim.got[str(made.status_code)] += 1
                if made.status_code != 202:
                    continue
                run = made.json()["id"]
                async with stream(aim, f"train/{run}/stream") as line:
                    await line.say(PAGE_VIEW)
                    await line.until("ended", "diverged")
                for what in ("", "/costs", "/network", "/costs.csv", "/report"):
                    answer = await client.get(f"train/{run}{what}")
                    aim.got[str(answer.status_code)] += 1
            await asyncio.sleep(REFUSED_SECONDS)


# -- row 4: what is large -----------------------------------------------------------------------

FEW = {"examples": 13}


@case(row=4)
async def eight_large_networks(aim: Aim) -> None:
    """Eight runs of 8 layers of 256 units with adam on 13 examples, playing."""
    await storm(aim, [PAGE_VIEW, configure(FEW, *[network(8, 256)] * 8)])


@case(row=4)
async def one_large_network(aim: Aim) -> None:
    """One such run."""
    await storm(aim, [PAGE_VIEW, configure(FEW, network(8, 256))])


async def play_largest(line: Stream, runs: int, data: Message) -> None:
    """Play the largest session that the server takes, found by halving the units."""
    await line.say(LARGEST_VIEW)
    units = 256
    while units:
        await line.say(configure(data, *[network(8, units)] * runs))
        heard = await line.until("configured", "error", seconds=10)
        if heard is None or heard["type"] == "configured":
            line.aim.got[f"{runs} × 8 × {units} units"] += 1
            break
        units //= 2
    await line.hear_on()


@case(row=4)
async def largest_that_is_taken(aim: Aim) -> None:
    """The largest session of eight runs that the server takes, with the largest pictures."""
    with aim.noting():
        async with stream(aim) as line:
            await play_largest(line, 8, FEW)


@case(row=4)
async def four_of_the_largest(aim: Aim) -> None:
    """Four sessions like that, of one run each."""

    async def one() -> None:
        with aim.noting():
            async with stream(aim) as line:
                await play_largest(line, 1, FEW)

    await asyncio.gather(*(one() for _ in range(4)))


def ten_thousand_points() -> Message:
    """10,000 points of 32 numbers."""
    data = {"points": [[i % 2] * 32 for i in range(10_000)], "labels": [0, 1] * 5_000}
    return configure(data, {"network": {"layers": [{"units": 1}]}})


@case(row=4)
async def ten_thousand_points_again_and_again(aim: Aim) -> None:
    """A session of 10,000 points of 32 numbers, configured anew as often as bytes allow."""
    await storm(aim, [PAGE_VIEW], [ten_thousand_points()], per_second=6)


@case(row=4)
async def ten_thousand_points_reconnected(aim: Aim) -> None:
    """The same one left and taken up again: all of its points come each time."""
    await reconnected(aim, ten_thousand_points())


@case(row=4)
async def large_network_reconnected(aim: Aim) -> None:
    """A large network left and taken up again: all of its parameters come each time."""
    await reconnected(aim, configure(FEW, network(3, 128)))


async def reconnected(aim: Aim, plan: Message) -> None:
    """Begin a session, and take it up again as often as can be."""
    path = "ws"
    while aim.on:
        with aim.noting():
            async with stream(aim, path, leaves_nothing=False) as line:
                if path == "ws":
                    await line.say(PAGE_VIEW, plan)
                if heard := await line.until("configured", "error"):
                    aim.got[heard["type"]] += 1
                    path = f"ws?session={heard['session']}" if "session" in heard else "ws"
        await asyncio.sleep(REFUSED_SECONDS)


@case(row=4)
async def largest_on_many_examples(aim: Aim) -> None:
    """The largest of eight runs on 5,000 examples."""
    with aim.noting():
        async with stream(aim) as line:
            await play_largest(line, 8, {"examples": 5_000})


# -- row 6: what is said too often --------------------------------------------------------------


def large_check(units: int = 80) -> Message:
    """A calculation of 200 examples through four layers, nearly the largest: 120 KB."""
    sizes = [32, units, units, units, units, 1]
    layers = [
        {"weights": [[0.1] * here] * above, "biases": [0] * here} for above, here in pairwise(sizes)
    ]
    claimed = {"cost": 1}
    points = [[0.5] * 32] * 200
    return {"layers": layers, "points": points, "labels": [0, 1] * 100, "claimed": claimed}


@case(row=6)
async def checks(aim: Aim) -> None:
    """26 calculations a second to check, on one stream."""
    await storm(aim, [START], [{"type": "check", **large_check()}], per_second=26)


@case(row=6)
async def configures(aim: Aim) -> None:
    """200 new sessions a second, on one stream."""
    await storm(aim, [PAGE_VIEW], [START], per_second=200)


@case(row=6)
async def configures_of_5000_examples(aim: Aim) -> None:
    """The same of 5,000 spirals each."""
    plan = configure({"dataset": "spiral", "examples": 5_000}, DEFAULT)
    await storm(aim, [PAGE_VIEW], [plan], per_second=200)


@case(row=6)
async def steps(aim: Aim) -> None:
    """Steps of 100,000 iterations, 300 times a second."""
    await storm(aim, [PAGE_VIEW, START], [{"type": "step", "iterations": 100_000}], 300)


@case(row=6)
async def seeks(aim: Aim) -> None:
    """To the end of a long run and back, 300 times a second."""
    there = {"type": "seek", "iteration": 900_000}
    await storm(aim, [PAGE_VIEW, START], [there, {"type": "seek", "iteration": 0}], 300)


@case(row=6)
async def resets(aim: Aim) -> None:
    """Back to the beginning, 300 times a second."""
    await storm(aim, [PAGE_VIEW, START], [{"type": "reset"}], 300)


@case(row=6)
async def edits(aim: Aim) -> None:
    """A parameter of a network of 8 layers of 64 units changed, 300 times a second."""
    edit = {"type": "edit", "layer": 1, "unit": 0, "input": 0, "value": 0.5}
    await storm(aim, [LARGEST_VIEW, configure({}, network(8, 64))], [edit], 300)


@case(row=6)
async def inspections(aim: Aim) -> None:
    """A look at the batch of a network of nearly 2,000 parameters, 300 times a second."""
    plan = configure({"examples": 5_000}, network(3, 28))
    await storm(aim, [PAGE_VIEW, plan], [{"type": "inspect"}], 300)


@case(row=6)
async def questions(aim: Aim) -> None:
    """The plane in words and the gradients' past of a large network, 300 times a second."""
    plan = configure({}, network(8, 64))
    run = [PAGE_VIEW, plan, {"type": "play"}]
    await storm(aim, run, [{"type": "describe"}, {"type": "recall"}], 300)


@case(row=6)
async def views(aim: Aim) -> None:
    """Another view of eight paused networks with the largest pictures, 300 times a second."""
    moved = [{**LARGEST_VIEW, "x": [-6, 6 + k]} for k in range(2)]
    await storm(aim, [configure({}, *[network(3, 32)] * 8, playing=False)], moved, 300)


@case(row=6)
async def sweeps(aim: Aim) -> None:
    """A new seed sweep of the largest size, 100 times a second, in four streams."""
    sweep = {"type": "sweep", "seeds": 64, "iterations": 4_000}
    await storm(aim, [PAGE_VIEW, START], [sweep], 100, streams=4)


@case(row=6)
async def small_messages(aim: Aim) -> None:
    """400 messages a second on each of eight streams, of no use at all."""
    await storm(aim, [START], [{"type": "nonsense"}], 400, streams=8)


@case(row=6)
async def comings_and_goings(aim: Aim) -> None:
    """Eight at once who connect, begin a session, leave it behind and come again."""

    async def one() -> None:
        while aim.on:
            with aim.noting():
                async with stream(aim, leaves_nothing=False) as line:
                    await line.say(PAGE_VIEW, START)
                    heard = await line.until("configured", "error")
                    aim.got[heard["type"] if heard else "no answer"] += 1
            await asyncio.sleep(0.01)

    await asyncio.gather(*(one() for _ in range(8)))


# -- row 11: what cannot be restored ------------------------------------------------------------


def database_in(folder: str) -> Path:
    """The file of SQLite."""
    (file,) = Path(folder).glob("*.sqlite3")
    return file


async def poison(aim: Aim) -> list[str]:
    """Sessions saved, and then changed in the database so that they cannot be restored."""
    names = []
    async with browser(aim.url, aim.source) as client, stream(aim) as line:
        await line.say(START)
        heard = await line.until("configured")
        assert heard is not None
        for _ in range(3):
            answer = await client.post(f"sessions/{heard['session']}/save")
            names.append(answer.json()["id"])
    database = sqlite3.connect(database_in(aim.folder), timeout=10)
    changes = (
        "plan = replace(plan, '\"units\":4', '\"units\":5')",
        "arrays = zeroblob(100)",
        "state = '{}'",
    )
    with database:
        for name, change in zip(names, changes, strict=True):
            database.execute(f"UPDATE runs SET {change} WHERE id = ?", (name,))
    database.close()
    return names


@case(row=11, prepare=poison)
async def poisoned_saves(aim: Aim) -> None:
    """Saved sessions that cannot be restored, opened by their links."""
    while aim.on:
        for name in aim.prepared:
            with aim.noting():
                async with stream(aim, f"ws?saved={name}") as line:
                    began = time.monotonic()
                    heard = await line.until("configured", "error")
                    aim.got[heard["type"] if heard else "no answer"] += 1
                    await asyncio.sleep(max(0.0, 0.2 - (time.monotonic() - began)))
