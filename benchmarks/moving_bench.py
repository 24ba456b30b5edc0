"""Who waits while a node of a Ray cluster comes, and while one is drained: the longest gap.

python -m benchmarks.moving_bench [--students 60] [--times 3]

All of it is on this machine: a cluster of two nodes of a processor each, a server, and students who
play. A third node comes, and `shallows drain` lets one go; before each there is as long a time in
which nothing happens, to compare with. It ends with 1 if anyone saw an error, or waited longer than
`MOST_SECONDS` while a node came or went.
"""

from __future__ import annotations

import argparse
import multiprocessing
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from multiprocessing.pool import Pool

from benchmarks.load_bench import CLIENT_PROCESSES, percentile, send_in
from benchmarks.students import Lesson, Seen
from tests.app.clusters import Nodes, running_cluster
from tests.browser.harness import Server

MOST_SECONDS = 1.0
PART = 15.0
"""Seconds of each part: after that all that was to move has moved."""
SETTLE_SECONDS = 10.0


class OnCluster(Server):
    """A server whose sessions train in a cluster."""

    def __init__(self, cluster: Nodes) -> None:
        super().__init__()
        self._cluster = cluster

    def environment(self) -> dict[str, str]:
        """What it is told."""
        settings = {name.upper(): str(value) for name, value in self._cluster.settings.items()}
        ours = {f"SHALLOWS_{name}": value for name, value in settings.items()}
        return {**super().environment(), **ours, "SHALLOWS_BACKEND": "ray"}


def longest(seen: Sequence[Seen], begin: float, end: float) -> list[float]:
    """The longest time without a frame of each student, of those that end in this time."""
    return [
        max((b - a for a, b in pairwise([*one.frames, end]) if begin <= b <= end), default=0.0)
        for one in seen
        if not one.reconnections  # whose connection was dropped to try that, too
    ]


def drain(server: OnCluster, node: str) -> None:
    """As an operator does."""
    command = (sys.executable, "-m", "app", "drain", node[:12])
    subprocess.run(command, env=server.environment(), cwd=server.project, check=True)


def once(cluster: Nodes, server: OnCluster, students: int, pool: Pool) -> bool:
    """A lesson: nothing, a node more, nothing, a node less."""
    begin = time.time() + 5 + students / 50
    # Nobody toggles: whoever asks for something else waits for that.
    lesson = Lesson(server.url, begin, 2 * SETTLE_SECONDS + 4 * PART, toggle_seconds=1e6)
    attending = send_in(pool, lesson, range(students))
    parts: list[tuple[str, float, float]] = []

    def part(name: str, happens: Callable[[], object] = lambda: None) -> None:
        at = time.time()
        happens()
        time.sleep(max(0.0, at + PART - time.time()))
        parts.append((name, at, time.time()))

    time.sleep(begin + SETTLE_SECONDS - time.time())
    part("nothing")
    part("a node comes", cluster.add)
    part("nothing")
    node = cluster.oldest()
    part("a node is drained", lambda: drain(server, node.node_id))
    seen = [one for each in attending for one in each.get(timeout=120)]
    cluster.kill(node)

    errors = [error for one in seen for error in one.errors]
    print(f"\n## {students} students\n\n| | longest gap: median, p95, of all |\n|---|---|")
    worst = {}
    for name, start, end in parts:
        gaps = longest(seen, start, end)
        worst[name] = max(gaps)
        p50, p95 = percentile(gaps, 50), percentile(gaps, 95)
        print(f"| {name}, {end - start:.0f} s | {p50:.2f}, {p95:.2f}, {max(gaps):.2f} s |")
    print(f"| errors | {len(errors)} {errors[:3] or ''} |", flush=True)
    return not errors and max(worst[parts[1][0]], worst[parts[3][0]]) <= MOST_SECONDS


def main() -> None:
    """Measure, and end with 1 if anyone waited."""
    parser = argparse.ArgumentParser(description="Nodes that come and go while students play.")
    parser.add_argument("--students", type=int, default=60)
    parser.add_argument("--times", type=int, default=3)
    chosen = parser.parse_args()
    well = True
    context = multiprocessing.get_context("spawn")
    # The end of the cluster is that of all that has been started since its beginning.
    with context.Pool(CLIENT_PROCESSES) as pool, running_cluster() as cluster:
        server = OnCluster(cluster)
        server.start()
        try:
            for _ in range(chosen.times):
                well &= once(cluster, server, chosen.students, pool)
        finally:
            server.forget()
    sys.exit(not well)


if __name__ == "__main__":
    main()
