"""Several machines in one: web servers, PostgreSQL and nginx, loaded, and broken one by one.

python -m benchmarks.cluster_bench [--backend pool|ray] [--only WHAT ...] [--students 60]
    [--times 10] [--cores 0.4] [--turns 3] [--json FILE]

Machines are network namespaces whose processors are capped (`machines.py`), and what runs on them
is in `clusters.py`. First (`compare`) one node and two nodes in turns, under the same load:
what they train in all, and how much of the real machine was idle meanwhile, so that nothing else
was the limit. Then what may happen to a cluster (`EVENTS`), each so many times, while students
play: how long each was without a frame, how many have lost a cost or had one twice, and whether a
server said that it had sessions which the database gives to another. At the end each student's
costs are compared with those of a run that nobody disturbed, to the bit.

It needs root and Linux, PostgreSQL and nginx. All of the load stays between these namespaces, and
nothing is left of them, unless this is ended by SIGKILL: then the next one takes them away.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import math
import multiprocessing
import os
import shutil
import signal
import statistics
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from operator import methodcaller
from pathlib import Path
from typing import Any

import psutil

from benchmarks.clusters import BACKENDS, OVER, Cluster
from benchmarks.load_bench import CLIENT_PROCESSES, send_in
from benchmarks.machines import ENDING, Busy, network, why_not
from benchmarks.students import Lesson
from tests.app.several import PAGES_PATIENCE, Student, playing

CORES = 0.35
"""Of each node where two are compared with one: that leaves enough for all else on two cores."""
CORES_AGAIN = 0.4
"""Of each where something happens: three, and one that starts, leave enough for all else, too."""
COMPARED = {"pool": 24, "ray": 60}
"""Students for whom one such node is just enough. With many more it has nothing left for frames,
and two are more than twice as good."""
LEAST_RATIO, LEAST_IDLE, MOST_SECONDS, MOST_CALM_SECONDS = 1.8, 0.15, 5.0, 1.0
SETTLE_SECONDS, LESSON_SECONDS = 6.0, 15.0
AFTER_SECONDS = 3.0
"""Whoever has heard something that long after an event plays again."""
REST_SECONDS = 1.0
"""After that, so that what comes late is seen."""
AGAIN_SECONDS = 30.0
LOOK_SECONDS = 0.5
LATE = "{what}, time {time}: {seconds:.2f} s without a frame, until {until:.1f} s after it began"
TWO_SECONDS = 3.0
"""After which a server has heard with a beat what is another's, or is fenced."""


# -- one node and two ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Arm:
    """What so many nodes did."""

    nodes: int
    iterations: float
    frames: float
    idle: float
    used: Mapping[str, float]
    """Cores of the nodes, by what for."""
    errors: int


def used(cluster: Cluster) -> Counter[str]:
    """Seconds that the nodes' processes have had: workers, hosts that are actors, all else."""
    total: Counter[str] = Counter()
    for node in cluster.nodes:
        for pid in node.cap.processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process = psutil.Process(pid)
                actor = process.name().startswith("ray::Hosting")
                worker = any("spawn_main" in word for word in process.cmdline())
                kind = "actors" if actor else "workers" if worker else "else"
                total[kind] += sum(process.cpu_times()[:2])
    return total


def measure(cluster: Cluster, nodes: int, students: int, pool: Any) -> Arm:
    """The load tool against so many nodes."""
    cluster.have(nodes)
    begin = time.time() + SETTLE_SECONDS
    lesson = Lesson(cluster.url, begin, LESSON_SECONDS)
    parts = send_in(pool, lesson, range(students))
    time.sleep(begin - time.time())
    busy, spent = Busy.now(), used(cluster)
    time.sleep(LESSON_SECONDS)
    idle, after = Busy.now().idle_since(busy), used(cluster)
    seen = [one for part in parts for one in part.get(timeout=120)]
    errors = [error for one in seen for error in one.errors]
    for error in errors[:3]:
        print(f"- {error}")
    return Arm(
        nodes,
        sum(one.iterations for one in seen) / LESSON_SECONDS,
        sum(len(one.frames) for one in seen) / LESSON_SECONDS,
        idle,
        {kind: (after[kind] - spent[kind]) / LESSON_SECONDS for kind in after},
        len(errors),
    )


def compare(cluster: Cluster, students: int, turns: int) -> dict[str, Any]:
    """One node and two, in turns."""
    print(f"\n## One node and two, {students} students, {CORES} of a core each\n")
    print(
        "| nodes | iterations a second | frames a second | nodes' cores: workers | actors | ",
        end="",
    )
    print("else | idle | errors |")
    print("|---|---|---|---|---|---|---|---|")
    arms = []
    with multiprocessing.get_context("spawn").Pool(CLIENT_PROCESSES) as pool:
        for _ in range(turns):
            for nodes in (1, 2):
                arm = measure(cluster, nodes, students, pool)
                arms.append(arm)
                spent = " | ".join(
                    f"{arm.used.get(k, 0):.2f}" for k in ("workers", "actors", "else")
                )
                print(
                    f"| {arm.nodes} | {arm.iterations:.0f} | {arm.frames:.0f} | {spent} | "
                    f"{arm.idle:.0%} | {arm.errors} |",
                    flush=True,
                )
    one, two = ([arm for arm in arms if arm.nodes == nodes] for nodes in (1, 2))
    ratios = {
        what: statistics.mean(
            getattr(b, what) / getattr(a, what) for a, b in zip(one, two, strict=True)
        )
        for what in ("iterations", "frames")
    }
    idle = min(arm.idle for arm in arms)
    print(f"\nTwice as many nodes: {ratios['iterations']:.2f} × the iterations, ", end="")
    print(f"{ratios['frames']:.2f} × the frames (≥ {LEAST_RATIO}); least idle {idle:.0%}")
    well = min(ratios.values()) >= LEAST_RATIO and idle >= LEAST_IDLE
    return {"arms": [vars(arm) for arm in arms], "ratios": ratios, "idle": idle, "well": well}


# -- what may happen ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """Something that happens to a cluster while students play.

    Attributes:
        what: For the reader.
        do: It.
        most: Seconds for which nobody may be without a frame.
        newcomer: Whether somebody begins just then, and plays as soon.
    """

    what: str
    do: Callable[[Any], None]
    most: float = MOST_SECONDS
    newcomer: bool = False


EVENTS = {
    "nothing": (Step("nothing", lambda cluster: None, MOST_CALM_SECONDS),),
    "kill-server": (
        Step("a web server is killed", methodcaller("kill_server")),
        Step("… and starts again", methodcaller("have", 2)),
    ),
    "kill-host": (
        Step("a host is killed", methodcaller("kill_host")),
        Step("… and is back", methodcaller("have", 2)),
    ),
    "kill-node": (
        Step("a node is killed, all at once", methodcaller("kill_node")),
        Step("… and another comes", methodcaller("have", 2)),
    ),
    "cut-node": (
        Step("a node's link is down", methodcaller("cut")),
        Step("… and up again", methodcaller("mend")),
    ),
    "database": (Step("PostgreSQL is restarted", methodcaller("restart_database")),),
    "add-and-drain": (
        Step("a node is added", methodcaller("have", 3), MOST_CALM_SECONDS),
        Step("a node is drained", methodcaller("drain"), MOST_CALM_SECONDS),
    ),
    "kill-head": (
        Step("the head is killed", methodcaller("kill_head"), newcomer=True),
        Step("… its nodes end, too", methodcaller("until_alone"), newcomer=True),
        Step("… and a new cluster comes", methodcaller("have", 2), newcomer=True),
    ),
    "freeze-host": (
        Step("a host stands still for a moment", methodcaller("thaw_host")),
        Step("… it hangs", methodcaller("freeze_host")),
        Step("… and is replaced", methodcaller("have", 2)),
    ),
    "freeze-bridge": (
        Step("a server's bridge is killed", methodcaller("kill_bridge")),
        Step("… and another comes", methodcaller("have", 2)),
        Step("… which stands still for a moment", methodcaller("thaw_bridge")),
        Step("… hangs", methodcaller("freeze_bridge")),
        Step("… and is replaced", methodcaller("have", 2)),
    ),
    "freeze-ray": (
        Step("a node's raylet stands still for a moment", methodcaller("thaw_node")),
        Step("… all is well", methodcaller("have", 2)),
        Step("the head stands still for a while", methodcaller("thaw_head"), newcomer=True),
        Step("… all is well", methodcaller("have", 2)),
        Step("Ray is killed beside a server", methodcaller("kill_leg"), newcomer=True),
        Step("… and is back", methodcaller("have", 2)),
    ),
}
"""What may happen to two nodes; two are there afterwards."""
OF_RAY = {"kill-head", "freeze-host", "freeze-bridge", "freeze-ray"}
"""What can happen only there."""


class Witness:
    """Looks again and again whether a server says that it has what the database gives to another.

    One that has lost something hears of it with its next beat, or is fenced; and whoever took it
    says nothing before that.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.twice = 0
        """Times that a server believed so for longer than that."""
        self.looks = 0

    async def look(self) -> None:
        """Forever."""
        since: dict[str, float] = {}
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            before = await asyncio.to_thread(self._cluster.allowed)
            owned = await asyncio.to_thread(self._cluster.owned)
            after = await asyncio.to_thread(self._cluster.allowed)
            now = time.monotonic()
            self.looks += bool(before and owned and after)
            for at in {*since, *owned}:
                most = max(before.get(at, math.inf), after.get(at, math.inf))
                if owned.get(at, 0.0) <= most:
                    since.pop(at, None)
                elif now - since.setdefault(at, now) > TWO_SECONDS:
                    self.twice += 1
                    del since[at]


def never(cluster: Cluster, students: Sequence[Student], since: float) -> str:
    """Who does not play again, what they were told last, and what the servers said."""
    silent = [each for each in students if each.heard_at <= since + AFTER_SECONDS]
    told = "\n".join(f"{each.session}: {each.told[-1:]}" for each in silent[:5])
    return f"{len(silent)} of {len(students)} do not play again\n{told}\n{cluster.said()}"


@dataclass
class Suffered:
    """What came of one step, all times together.

    Attributes:
        waits: Of each time and student, the seconds without a frame, and how many seconds after
            it happened these were over.
        begun: Of each newcomer, the seconds until it played.
        torn: Students who from then on miss a cost, or had one twice.
        took: Seconds until it was done.
    """

    waits: list[tuple[float, float]] = field(default_factory=list)
    begun: list[float] = field(default_factory=list)
    torn: int = 0
    took: list[float] = field(default_factory=list)

    def summary(self, most: float) -> dict[str, Any]:
        """In figures."""
        waits = sorted(seconds for seconds, _ in self.waits)
        slowest = max(waits[-1], *self.begun, 0.0)
        students = len(waits) // len(self.took)
        late = [
            {"time": 1 + index // students, "seconds": seconds, "until": until}
            for index, (seconds, until) in enumerate(self.waits)
            if seconds > most
        ]
        return {
            "p50": statistics.median(waits),
            "p95": waits[int(0.95 * len(waits))],
            "most": waits[-1],
            "late": late,
            "newcomers": max(self.begun) if self.begun else None,
            "torn": self.torn,
            "took": statistics.median(self.took),
            "times": len(self.took),
            "well": slowest <= most and not self.torn,
        }


async def newcomer(cluster: Cluster) -> float:
    """Seconds until a new session plays: until it has trained, and that is seen."""
    student, began = Student(0, [cluster.stream], patience=PAGES_PATIENCE), time.monotonic()
    playing = asyncio.create_task(student.play())
    try:
        async with asyncio.timeout(AGAIN_SECONDS):
            await student.heard_after(0.0)
        return time.monotonic() - began
    finally:
        playing.cancel()
        await asyncio.gather(playing, return_exceptions=True)


async def suffer(
    cluster: Cluster, step: Step, students: Sequence[Student], found: Suffered
) -> None:
    """Let it happen, and see how long everybody is without a frame."""
    whole = sum(student.whole for student in students)
    for student in students:
        student.longest = 0.0, 0.0
    began = time.monotonic()
    coming = asyncio.create_task(newcomer(cluster)) if step.newcomer else None
    try:
        await asyncio.to_thread(step.do, cluster)
        found.took.append(time.monotonic() - began)
        moment = max(began + AFTER_SECONDS, time.monotonic())
        async with asyncio.timeout(AGAIN_SECONDS):
            await asyncio.gather(*(student.heard_after(moment) for student in students))
            if coming is not None:
                found.begun.append(await coming)
        await asyncio.sleep(REST_SECONDS)
    except TimeoutError as error:
        raise TimeoutError(f"{error}\n{never(cluster, students, began)}") from None
    finally:
        if coming is not None:
            coming.cancel()
    now = time.monotonic()
    waits = [max(student.longest, (now - student.heard_at, now)) for student in students]
    found.waits += [(seconds, end - began) for seconds, end in waits]
    found.torn += whole - sum(student.whole for student in students)


@asynccontextmanager
async def watched(witness: Witness) -> AsyncIterator[None]:
    """While a witness looks."""
    looking = asyncio.create_task(witness.look())
    try:
        yield
        if looking.done():
            looking.result()
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)


def row(step: Step, told: Mapping[str, Any], twice: int) -> str:
    """One line of the table."""
    waits = " | ".join(f"{told[name]:.2f}" for name in ("p50", "p95", "most"))
    begun = "" if told["newcomers"] is None else f"{told['newcomers']:.2f}"
    later = len(told["late"])
    return (
        f"| {step.what} | {told['times']} | {waits} | {step.most:g} | {later} | {begun} | "
        f"{told['torn']} | {twice} | {told['took']:.1f} |"
    )


async def go_through(
    cluster: Cluster, names: Sequence[str], students: Sequence[Student], times: int
) -> dict[str, Any]:
    """All that was asked for, with the same students."""
    found: dict[str, Any] = {}
    witness = Witness(cluster)
    async with playing(students), watched(witness):
        await asyncio.sleep(REST_SECONDS)
        for name in names:
            steps = {step: Suffered() for step in EVENTS[name]}
            twice = witness.twice
            for _ in range(times):
                for step, suffered in steps.items():
                    await suffer(cluster, step, students, suffered)
            twice = witness.twice - twice
            told = {step.what: suffered.summary(step.most) for step, suffered in steps.items()}
            well = not twice and all(each["well"] for each in told.values())
            found[name] = {"steps": told, "twice": twice, "well": well}
            for step in steps:
                print(row(step, told[step.what], twice), flush=True)
            for step in steps:
                for late in told[step.what]["late"]:
                    print(LATE.format(what=step.what, **late), file=sys.stderr)
    return {"events": found, "twice": witness.twice, "looks": witness.looks}


def happen(cluster: Cluster, names: Sequence[str], number: int, times: int) -> dict[str, Any]:
    """What may happen, and what it did."""
    print(f"\n## While {number} students play on two nodes of {cluster.cores} of a core each\n")
    print(
        "Seconds without a frame. Later: how many of all waits. New: until a newcomer plays, most."
    )
    print("Torn: students who miss a cost or had one twice. Took: until it was done, median.\n")
    print("| what | times | p50 | p95 | most | at most | later | new | torn | two owners | took |")
    print("|---|---|---|---|---|---|---|---|---|---|---|", flush=True)
    students = [Student(seed, [cluster.stream], patience=PAGES_PATIENCE) for seed in range(number)]
    load, busy = os.getloadavg()[0], Busy.now()
    cluster.have(2)
    found = asyncio.run(go_through(cluster, names, students, times))
    found |= {"load": [load, os.getloadavg()[1]], "idle": Busy.now().idle_since(busy)}
    with multiprocessing.get_context("spawn").Pool(CLIENT_PROCESSES) as pool:
        costs = [(each.seed, each.costs, each.whole) for each in students]
        whole = sum(pool.starmap(is_its_twin, costs, chunksize=1))
    iterations = sum(student.iterations for student in students)
    print(f"\n{whole} of {number} have every cost of their twins, to the bit, ", end="")
    print(
        f"{iterations:,} in all; a server had what was another's {found['twice']} times, ", end=""
    )
    print(f"in {found['looks']:,} looks. Idle {found['idle']:.0%}, ", end="")
    print("load before {:.1f}, at the end {:.1f}.".format(*found["load"]), flush=True)
    well = whole == number and not found["twice"]
    well &= all(each["well"] for each in found["events"].values())
    return {**found, "whole": whole, "of": number, "iterations": iterations, "well": well}


def is_its_twin(seed: int, costs: bytes, whole: bool) -> bool:
    """Whether a student's costs are those of a run that nobody disturbed."""
    student = Student(seed, [""])
    student.costs, student.whole = costs, whole
    return student.as_its_twin()


@contextmanager
def running(backend: str, cores: float, logs: Path | None) -> Iterator[Cluster]:
    """A cluster for as long as the block runs."""
    with network() as machines:
        try:
            yield BACKENDS[backend](machines, cores)
        finally:
            if logs is not None:
                logs.mkdir(parents=True, exist_ok=True)
                for log in machines.folder.glob("*.log"):
                    shutil.copy(log, logs)


def end(*_: object) -> None:
    """A signal says so: what was started ends, too."""
    OVER.set()
    sys.exit(1)


def main() -> int:
    """Run all of it."""
    parser = argparse.ArgumentParser(description="A cluster of machines in namespaces.")
    parser.add_argument("--only", nargs="+", choices=["compare", *EVENTS])
    parser.add_argument("--backend", choices=BACKENDS, default="pool")
    parser.add_argument("--students", type=int, default=60, help="where something happens")
    parser.add_argument(
        "--compared", type=int, help="students where two nodes are compared with one"
    )
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--cores", type=float, default=CORES_AGAIN, help="of each node there")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--logs", type=Path, help="what all programs say is kept in this folder")
    parser.add_argument("--json", type=Path, help="adds what was measured to this file")
    chosen = parser.parse_args()
    if (reason := why_not()) is not None:
        print(f"cluster_bench: {reason}", file=sys.stderr)
        return 2
    for ending in ENDING:
        signal.signal(ending, end)
    events = [name for name in EVENTS if name not in OF_RAY or chosen.backend == "ray"]
    only = chosen.only or ["compare", *events]
    results: dict[str, Any] = {}
    if "compare" in only:
        with running(chosen.backend, CORES, chosen.logs) as cluster:
            results["compare"] = compare(
                cluster, chosen.compared or COMPARED[chosen.backend], chosen.turns
            )
    if names := [name for name in events if name in only]:
        with running(chosen.backend, chosen.cores, chosen.logs) as cluster:
            results["happened"] = happen(cluster, names, chosen.students, chosen.times)
    if chosen.json is not None:
        before = json.loads(chosen.json.read_text()) if chosen.json.exists() else {}
        before[chosen.backend] = {**before.get(chosen.backend, {}), **results}
        chosen.json.write_text(json.dumps(before, indent=1) + "\n")
    return 0 if all(part["well"] for part in results.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
