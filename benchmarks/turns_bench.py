"""Another version of Shallows and this one, under the same class, in turns.

    git worktree add --detach ../before COMMIT && ln -s $PWD/.venv ../before/
    python -m benchmarks.turns_bench ../before [--students 30 100] [--turns 6] [--seconds 10]

Both servers run all the time, and one at a time has a class: what the machine does meanwhile
happens to both. A ratio is this version's to the other's in the same turn; of them the mean and its
standard error. It ends with 1 if any student saw an error.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.pool import Pool
from pathlib import Path

from benchmarks.load_bench import CLIENT_PROCESSES, cpu, percentile, send_in
from benchmarks.students import Lesson
from tests.browser.harness import Server

GRACE_SECONDS = "2"
"""What one class has left has gone before the next one begins."""


class Briefly(Server):
    """A server that forgets soon who has gone."""

    def environment(self) -> dict[str, str]:
        """What it is told."""
        return {**super().environment(), "SHALLOWS_SESSION_GRACE_SECONDS": GRACE_SECONDS}


@dataclass(frozen=True)
class Figures:
    """What a class saw of a server."""

    frames: float
    iterations: float
    toggle_p95: float
    gap_p95: float
    cores: float
    errors: list[str]


ROWS: dict[str, Callable[[Figures], float]] = {
    "frames a second, all": lambda figures: figures.frames,
    "iterations a second, all": lambda figures: figures.iterations,
    "a toggle's first frame, p95, ms": lambda figures: 1000 * figures.toggle_p95,
    "between frames, p95, ms": lambda figures: 1000 * figures.gap_p95,
    "cores of the server": lambda figures: figures.cores,
}


def attend(server: Server, students: int, seconds: float, pool: Pool) -> Figures:
    """One class."""
    begin = time.time() + 4 + students / 50
    lesson = Lesson(server.url, begin, seconds)
    parts = send_in(pool, lesson, range(students))
    time.sleep(max(0.0, begin - time.time()))
    used = cpu(server)
    time.sleep(max(0.0, begin + seconds - 0.2 - time.time()))
    cores = (cpu(server) - used) / (seconds - 0.2)
    seen = [one for part in parts for one in part.get(timeout=120)]
    return Figures(
        frames=sum(len(one.frames) for one in seen) / seconds,
        iterations=sum(one.iterations for one in seen) / seconds,
        toggle_p95=percentile([each for one in seen for each in one.toggles], 95),
        gap_p95=percentile([each for one in seen for each in one.pauses], 95),
        cores=cores,
        errors=[error for one in seen for error in one.errors],
    )


def compared(before: Sequence[Figures], after: Sequence[Figures]) -> list[str]:
    """A row for each figure: both means, and the ratio."""
    rows = []
    for name, of in ROWS.items():
        ratios = [of(b) / of(a) for a, b in zip(before, after, strict=True) if of(a)]
        error = statistics.stdev(ratios) / len(ratios) ** 0.5 if len(ratios) > 1 else 0.0
        means = (f"{statistics.mean(map(of, each)):.2f}" for each in (before, after))
        rows.append(
            f"| {name} | {' | '.join(means)} | {statistics.mean(ratios):.3f} ± {error:.3f} |"
        )
    return rows


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser(description="Another version and this one, in turns.")
    parser.add_argument("before", type=Path, help="a folder with the other version")
    parser.add_argument("--students", type=int, nargs="+", default=[30, 100])
    parser.add_argument("--turns", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=10.0)
    chosen = parser.parse_args()
    # A class makes no connection from an address that many have been made from: it is all of them.
    os.environ["SHALLOWS_REQUESTS_BURST"] = "1000000"
    servers = Briefly(chosen.before.resolve()), Briefly()
    errors: list[str] = []
    with multiprocessing.get_context("spawn").Pool(CLIENT_PROCESSES) as pool:
        try:
            for server in servers:
                server.start()
            for students in chosen.students:
                figures: tuple[list[Figures], list[Figures]] = ([], [])
                for turn in range(chosen.turns):
                    for which in (0, 1) if turn % 2 else (1, 0):
                        figures[which].append(
                            attend(servers[which], students, chosen.seconds, pool)
                        )
                print(f"\n## {students} students, {chosen.turns} turns of {chosen.seconds:g} s\n")
                print("| | before | now | ratio |\n|---|---|---|---|")
                print("\n".join(compared(*figures)), flush=True)
                errors += [error for each in (*figures[0], *figures[1]) for error in each.errors]
        finally:
            for server in servers:
                server.forget()
    print(f"\n{len(errors)} errors", *errors[:5], sep="\n- " if errors else "")
    sys.exit(bool(errors))


if __name__ == "__main__":
    main()
