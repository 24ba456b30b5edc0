"""A class on one machine: students, in processes of their own, who play, toggle and reconnect.

python -m benchmarks.load_bench                          the lessons of `LESSONS`, one by one
python -m benchmarks.load_bench --students 300 --seconds 60 [--mute 200] [--greedy 10]
    [--unseen 50] [--event kill-worker|restart|crash] [--sample 60] [--url http://...]

What is done to the server is done after half of the time. Those who are to take only what is free
(at top speed, or unseen) rest and play in turns, so that a machine whose speed changes compares
like with like. `--sample` prints every so many seconds what the server's processes hold: an hour of
that is the soak. Without `--url` it starts a server of its own and tells its CPU and memory as
well. It ends with 1 if any student saw an error.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import re
import signal
import statistics
import sys
import time
import urllib.request
from bisect import bisect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from multiprocessing.pool import AsyncResult, Pool

import psutil

from benchmarks.students import Lesson, Seen, attend, never_reading
from tests.browser.harness import Server, running_server

CLIENT_PROCESSES = 2
MUTE_SECONDS = 40.0
"""Twice as long as it takes the server to close a connection that takes nothing."""
PART = 4.0
"""Seconds that the patient rest, and then play: other work on the machine changes slower."""
SETTLING = 0.5
"""Seconds of each part that do not count: what was under way belongs to the part before."""


@dataclass(frozen=True)
class Class:
    """Who takes part, and what happens to them."""

    students: int = 100
    seconds: float = 20.0
    mute: int = 0
    """Connections that never read, from half of the time on."""
    greedy: int = 0
    """Students more, at top speed, who play in every second part of `PART` seconds."""
    unseen: int = 0
    """Students more who acknowledge nothing, and play in every second part."""
    event: str | None = None
    sample: float = 0.0
    """Seconds between two lines about the server's processes; 0: none."""


LESSONS = (
    Class(students=100),
    Class(students=300),
    Class(students=100, seconds=120, greedy=20),
    Class(students=100, seconds=120, unseen=200),
    Class(students=100, seconds=40, event="kill-worker"),
    Class(students=100, seconds=2 * MUTE_SECONDS, mute=200),
    Class(students=300, seconds=40, event="restart"),
)


def kill_worker(server: Server) -> None:
    """Kill one of its workers at once."""
    workers = [p for p in family(server) if any("spawn_main" in word for word in p.cmdline())]
    os.kill(workers[0].pid, signal.SIGKILL)


def restart(server: Server) -> None:
    """End it as an operator does, and start it again."""
    began = time.monotonic()
    server.stop()
    print(f"(ended in {time.monotonic() - began:.1f} s)\n")
    server.start()


def crash(server: Server) -> None:
    """Kill it with its workers, and start it again."""
    server.kill()
    server.start()


EVENTS: dict[str, Callable[[Server], None]] = {
    "kill-worker": kill_worker,
    "restart": restart,
    "crash": crash,
}


# -- the server ---------------------------------------------------------------------------------


def family(server: Server) -> list[psutil.Process]:
    """Its process, and all that it has started."""
    process = psutil.Process(server.pid)
    return [process, *process.children(recursive=True)]


def summed(server: Server, measure: Callable[[psutil.Process], float]) -> float:
    """A measure of all its processes together."""
    total = 0.0
    for process in family(server):
        with contextlib.suppress(psutil.NoSuchProcess):
            total += measure(process)
    return total


def cpu(server: Server) -> float:
    """Seconds of all its processes so far."""
    return summed(server, lambda process: sum(process.cpu_times()[:2]))


def megabytes(server: Server) -> float:
    """Its memory, pages that processes share counted once."""
    return summed(server, lambda process: process.memory_full_info().pss / 1e6)


def held(server: Server) -> str:
    """What a leak would let grow."""
    with urllib.request.urlopen(f"{server.url}metrics", timeout=60) as answer:
        metrics = answer.read().decode()
    sessions, connections = (
        re.search(rf"^shallows_{name} (\S+)$", metrics, re.MULTILINE)
        for name in ("sessions", "connections")
    )
    assert sessions is not None
    assert connections is not None
    return (
        f"{megabytes(server):.0f} MB, {len(family(server))} processes, "
        f"{summed(server, psutil.Process.num_fds):.0f} descriptors, "
        f"{summed(server, psutil.Process.num_threads):.0f} threads, "
        f"{float(sessions[1]):.0f} sessions, {float(connections[1]):.0f} connections"
    )


# -- the lesson ---------------------------------------------------------------------------------


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least so many percent do not exceed; 0 of none."""
    ordered = sorted(values)
    return ordered[max(0, -int(-len(ordered) * percent // 100) - 1)] if ordered else 0.0


def jain(values: Sequence[float]) -> float:
    """Jain's fairness index: 1 when all have the same, 1/n when one has all."""
    squares = len(values) * sum(value * value for value in values)
    return sum(values) ** 2 / squares if squares else 0.0


Span = tuple[float, float]


def rate(one: Seen, spans: Sequence[Span]) -> float:
    """The frames a second of one student in some spans of time."""
    frames = sum(bisect(one.frames, end) - bisect(one.frames, start) for start, end in spans)
    return frames / sum(end - start for start, end in spans)


def rates(seen: Sequence[Seen], *spans: Span) -> str:
    """Frames a second of each."""
    each = [rate(one, spans) for one in seen]
    return (
        f"slowest {min(each):.1f}, median {statistics.median(each):.1f}, "
        f"fastest {max(each):.1f}; Jain's index {jain(each):.4f}"
    )


def alone_and_beside(
    begin: float, seconds: float, length: float = PART
) -> tuple[list[Span], list[Span]]:
    """The parts of a lesson in which the patient rest, and those in which they play.

    Each of the second is between two of the first.
    """
    parts = [
        (begin + part * length + SETTLING, begin + (part + 1) * length)
        for part in range(int(seconds / length / 2) * 2 - 1)
    ]
    return parts[::2], parts[1::2]


def compared(seen: Sequence[Seen], alone: Sequence[Span], beside: Sequence[Span]) -> str:
    """All students' rate in each part against the mean of the parts before and after it."""
    before = [sum(rate(one, [span]) for one in seen) for span in alone]
    ratios = [
        2 * sum(rate(one, [span]) for one in seen) / (a + b)
        for span, a, b in zip(beside, before, before[1:], strict=False)
    ]
    error = statistics.stdev(ratios) / len(ratios) ** 0.5
    return f"{statistics.mean(ratios):.3f} ± {error:.3f}, of {len(ratios)} comparisons"


def milliseconds(seconds: Sequence[float]) -> str:
    """How long something took, of all who waited for it."""
    p50, p95, p99 = (1000 * percentile(seconds, percent) for percent in (50, 95, 99))
    return f"p50 {p50:.0f}, p95 {p95:.0f}, p99 {p99:.0f}, longest {1000 * max(seconds):.0f} ms"


def send_in(pool: Pool, lesson: Lesson, seeds: range) -> list[AsyncResult[list[Seen]]]:
    """Send students in, as many to each process."""
    parts = [list(seeds[k::CLIENT_PROCESSES]) for k in range(CLIENT_PROCESSES)]
    return [pool.apply_async(attend, (lesson, part)) for part in parts if part]


def wait_until(moment: float, server: Server | None, sample: float) -> None:
    """Wait, and tell meanwhile what the server's processes hold."""
    while (left := moment - time.time()) > 0:
        if server and sample:
            print(f"- {time.strftime('%H:%M:%S')}: {held(server)}", flush=True)
        time.sleep(min(left, sample or left))


def give(group: Class, url: str, server: Server | None, pool: Pool) -> bool:
    """Give a lesson, and print what its students saw; whether nobody saw an error."""
    patient = group.greedy + group.unseen
    begin = time.time() + 5 + (group.students + patient) / 50
    half, end = begin + group.seconds / 2, begin + group.seconds
    lesson = Lesson(url, begin, group.seconds, restarts=group.event in ("restart", "crash"))
    greedy = Lesson(url, begin, group.seconds, "max", toggle_seconds=PART, in_turns=True)
    unseen = replace(greedy, iterations_per_frame=5, acknowledges=False)
    print(f"\n## {group.students} students for {group.seconds:.0f} s", end="")
    print(f", {group.greedy} more at top speed" if group.greedy else "", end="")
    print(f", {group.unseen} more unseen" if group.unseen else "", end="")
    print(f", {group.mute} connections that never read" if group.mute else "", end="")
    print(f", and a {group.event}" if group.event else "", end="\n\n", flush=True)

    parts = send_in(pool, lesson, range(group.students))
    greedy_parts = send_in(pool, greedy, range(1000, 1000 + group.greedy))
    unseen_parts = send_in(pool, unseen, range(2000, 2000 + group.unseen))
    wait_until(begin, None, 0)
    used = cpu(server) if server else 0.0
    wait_until(half, server, group.sample)
    cores = (cpu(server) - used) / (group.seconds / 2) if server else 0.0
    memory = [megabytes(server)] if server else []
    with never_reading(lesson, group.mute):
        happened = time.time()
        if group.event and server:
            EVENTS[group.event](server)
        while group.mute and server and time.time() < min(end, half + MUTE_SECONDS):
            memory.append(megabytes(server))
            time.sleep(1)
    wait_until(end - 1, server, group.sample)
    memory += [megabytes(server)] if server else []
    seen = [one for part in parts for one in part.get(timeout=120)]
    greedy_seen = [one for part in greedy_parts for one in part.get(timeout=120)]
    unseen_seen = [one for part in unseen_parts for one in part.get(timeout=120)]

    pauses = [pause for one in seen for pause in one.pauses]
    toggles = [seconds for one in seen for seconds in one.toggles]
    lost = [seconds for one in seen for seconds in one.reconnections]
    errors = [error for one in (*seen, *greedy_seen, *unseen_seen) for error in one.errors]
    trained = [one.iterations / group.seconds for one in seen]
    print("| what | measured |")
    print("|---|---|")
    alone, beside = alone_and_beside(begin, group.seconds)
    if group.mute or group.event:
        print(f"| frames a second, before | {rates(seen, (begin, half))} |")
        print(f"| frames a second, after | {rates(seen, (half, end))} |")
    elif patient:
        print(f"| frames a second, alone | {rates(seen, *alone)} |")
        print(f"| frames a second, beside the others | {rates(seen, *beside)} |")
        print(f"| … as a share of those alone | {compared(seen, alone, beside)} |")
    else:
        print(f"| frames a second, each student | {rates(seen, (begin, end))} |")
    print(f"| iterations a second | slowest {min(trained):.0f}, fastest {max(trained):.0f} |")
    print(f"| between frames | {milliseconds(pauses)} |")
    print(f"| a toggle's first frame, {len(toggles)} toggles | {milliseconds(toggles)} |")
    if lost:
        print(f"| without a connection, {len(lost)} times | {milliseconds(lost)} |")
    if group.event:
        on = [next((at for at in one.frames if at > happened), end) - happened for one in seen]
        print(f"| from the {group.event} to the next frame | {milliseconds(on)} |")
    if greedy_seen:
        fast = [2 * one.iterations / group.seconds for one in greedy_seen]
        print(f"| frames a second at top speed | {rates(greedy_seen, *beside)} |")
        print(f"| iterations a second at top speed | from {min(fast):.0f} to {max(fast):.0f} |")
    if memory:
        print(f"| the server's CPU, first half | {cores:.2f} cores |")
        print(f"| the server's memory | at half time {memory[0]:.0f}, most {max(memory):.0f} MB |")
    print(f"| errors | {len(errors)} |", flush=True)
    for error in errors[:10]:
        print(f"\n- {error}")
    return not errors


@contextlib.contextmanager
def served(url: str | None) -> Iterator[tuple[str, Server | None]]:
    """The server to load: the one at `url`, or one of our own."""
    if url is not None:
        yield url, None
        return
    with running_server() as server:
        yield server.url, server


def main() -> None:
    """Load a server, and print what its students saw."""
    parser = argparse.ArgumentParser(description="A class of students on one server.")
    parser.add_argument("--students", type=int)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--mute", type=int, default=0)
    parser.add_argument("--greedy", type=int, default=0)
    parser.add_argument("--unseen", type=int, default=0)
    parser.add_argument("--event", choices=EVENTS)
    parser.add_argument("--sample", type=float, default=0.0)
    parser.add_argument("--url", help="a server that runs already")
    chosen = vars(parser.parse_args())
    if (chosen["greedy"] or chosen["unseen"]) and chosen["seconds"] < 6 * PART:
        parser.error(f"--seconds must be at least {6 * PART:.0f} to compare")
    url = chosen.pop("url")
    lessons = [Class(**chosen)] if chosen["students"] else LESSONS
    well = True
    with multiprocessing.get_context("spawn").Pool(3 * CLIENT_PROCESSES) as pool:
        for lesson in lessons:
            with served(url) as (address, server):
                well &= give(lesson, address, server, pool)
    sys.exit(not well)


if __name__ == "__main__":
    main()
