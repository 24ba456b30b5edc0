"""Nobody stops the class: each hostile case beside ten students, and some bad days.

python -m benchmarks.hostile_bench [--list] [--only NAME ...] [--seconds 10] [--tree PATH]
    [--same-address] [--without-class] [--slow] [--long 60]

Each case has a server of its own, with default settings, and comes from processes of its own and
from another address. Five seconds without it, then the case; then, once the students have
recovered, the case again beside a class of thirty who press buttons and save, and SIGTERM in the
midst of that. `--tree` measures the server of another checkout. It ends with 1 if a floor is
missed.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import multiprocessing
import os
import signal
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from multiprocessing.pool import Pool
from multiprocessing.synchronize import Event
from pathlib import Path

import psutil

from benchmarks.hostile import bad_days, requests, rooms, school, sockets, streams
from benchmarks.hostile.aim import CASES, Aim, Case, case
from benchmarks.hostile.servers import end
from benchmarks.load_bench import Span, megabytes, rate
from benchmarks.students import Lesson, Seen, attend
from tests.browser.harness import ROOT, Server, running_server

__all__ = ["requests", "rooms", "sockets", "streams"]  # which enter their cases in the table

STUDENTS = 10
BEFORE_SECONDS = 5.0
COMING_SECONDS = 4.0
"""Until everyone has begun to play."""
RECOVERY_SECONDS = 8.0
RECOVERED, WINDOW = 0.8, 2.0
"""A student has recovered with this share of the frames of before, over so many seconds."""
LEAST_RATIO, MOST_MEGABYTES, MOST_ENDING_SECONDS = 0.5, 150.0, 5.0
READY_SECONDS = 5.0
HOME_ADDRESS, OTHER_ADDRESS = "127.0.0.1", "127.0.0.2"
NICE = 5
"""Of attackers: theirs would be machines of their own."""


@case(row=0)
async def nothing(aim: Aim) -> None:
    """Nobody is hostile: what the other rows compare with."""
    await aim.ended()


@dataclass(frozen=True)
class Options:
    """How the cases are measured."""

    seconds: float = 10.0
    tree: Path = ROOT
    source: str = OTHER_ADDRESS
    with_class: bool = True
    students: int = STUDENTS
    pupils: int = school.PUPILS
    coming: float = COMING_SECONDS
    before: float = BEFORE_SECONDS
    recovery: float = RECOVERY_SECONDS


# -- in other processes -------------------------------------------------------------------------

_over: Event | None = None


def ready_to_attack(over: Event) -> None:
    """Prepare a process of attackers."""
    global _over
    _over = over
    if hasattr(os, "nice"):
        os.nice(NICE)


async def _attack(case: Case, aim: Aim, begin: float) -> None:
    await asyncio.sleep(max(0.0, begin - time.time()))
    running = asyncio.ensure_future(case.run(aim))
    while aim.on and not running.done():
        await asyncio.wait([running], timeout=0.1)
    if not running.done():
        await asyncio.wait([running], timeout=0.5)
    running.cancel()
    for error in await asyncio.gather(running, return_exceptions=True):
        if isinstance(error, Exception):
            aim.got[f"{type(error).__name__}: {error}"] += 1


def attack(name: str, aim: Aim, begin: float) -> Counter[str]:
    """Carry out a case in this process, and tell what came back."""
    aim.over = aim.over or _over
    asyncio.run(_attack(CASES[name], aim, begin))
    return aim.got


@dataclass
class Crowd:
    """The processes of students and of attackers."""

    students: Pool
    attackers: Pool
    over: Event


@contextlib.contextmanager
def crowd() -> Iterator[Crowd]:
    """Processes for as long as the block runs."""
    spawn = multiprocessing.get_context("spawn")
    over = spawn.Event()
    with spawn.Pool(1) as students, spawn.Pool(1, ready_to_attack, (over,)) as attackers:
        yield Crowd(students, attackers, over)


# -- the server meanwhile -----------------------------------------------------------------------


@dataclass
class Watched:
    """What was seen of the server from outside."""

    memory: list[tuple[float, float]] = field(default_factory=list)
    """When, and megabytes of all its processes."""
    ready: list[tuple[float, int, float]] = field(default_factory=list)
    """When `/readyz` was asked, its status (0: no answer), and the seconds it took."""

    def most(self, span: Span) -> float:
        """The most memory in a span of time."""
        return max((mb for at, mb in self.memory if span[0] <= at <= span[1]), default=0.0)

    def slowest(self, span: Span) -> float:
        """The longest that `/readyz` took in a span of time."""
        return max((took for at, _, took in self.ready if span[0] <= at <= span[1]), default=0.0)

    def status(self) -> int:
        """What it said last."""
        return self.ready[-1][1] if self.ready else 0


def readyz(url: str) -> int:
    """The status of `/readyz`; 0 if there was no answer."""
    try:
        with urllib.request.urlopen(f"{url}readyz", timeout=READY_SECONDS) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except (OSError, ValueError):
        return 0


def watch(server: Server, until: float) -> Watched:
    """Look at the server from outside until a time."""
    watched = Watched()

    def weigh() -> None:
        while time.time() < until:
            with contextlib.suppress(psutil.Error):
                watched.memory.append((time.time(), megabytes(server)))
            time.sleep(0.25)

    def ask() -> None:
        while time.time() < until:
            began = time.time()
            status = readyz(server.url)
            watched.ready.append((began, status, time.time() - began))
            time.sleep(0.5)

    with ThreadPoolExecutor(2) as threads:
        for call in (threads.submit(weigh), threads.submit(ask)):
            call.result()
    return watched


# -- one case -----------------------------------------------------------------------------------


@dataclass
class Row:
    """What was measured of a case."""

    name: str
    before: float = 0.0
    during: float = 0.0
    ratio: float = 0.0
    memory: float = 0.0
    recovered: float | None = None
    ready: str = ""
    ready_is_true: bool = True
    ended: float | None = None
    errors: list[str] = field(default_factory=list)
    answers: school.Answers | None = None
    lost: int = 0
    got: Counter[str] = field(default_factory=Counter)

    @property
    def misses(self) -> list[str]:
        """The floors and ceilings that were missed."""
        answers = self.answers
        tried = {
            "frames": self.ratio < LEAST_RATIO,
            "memory": self.memory > MOST_MEGABYTES,
            "readyz": not self.ready_is_true,
            "SIGTERM": self.ended is None or self.ended > MOST_ENDING_SECONDS,
            "errors": bool(self.errors),
            "class refused": answers is not None and (answers.refused > 0 or not answers.saved),
            "class waited": answers is not None and answers.longest > school.LONGEST,
            "saves lost": self.lost > 0,
        }
        return [name for name, missed in tried.items() if missed]

    def cells(self) -> list[str]:
        """As the table has them; what misses is bold."""
        misses = self.misses

        def cell(text: str, *names: str) -> str:
            return f"**{text}**" if any(name in misses for name in names) else text

        ended = "never" if self.ended is None else f"{self.ended:.1f}"
        answers = self.answers
        answered = "–"
        if answers:
            asked = sum(answers.statuses.values())
            answered = f"{answers.refused} of {asked}, {answers.longest:.1f} s, {self.lost}"
        return [
            self.name,
            f"{self.before:.1f} → {self.during:.1f}",
            cell(f"{self.ratio:.2f}", "frames"),
            cell(f"{self.memory:+.0f}", "memory"),
            "never" if self.recovered is None else f"{self.recovered:.1f}",
            cell(self.ready, "readyz"),
            cell(answered, "class refused", "class waited", "saves lost"),
            cell(ended, "SIGTERM"),
            cell(f"{len(self.errors)}", "errors"),
            counted(self.got),
        ]


HEAD = (
    "case",
    "slowest: frames a second before → during",
    f"ratio (≥ {LEAST_RATIO})",
    f"memory, MB (≤ +{MOST_MEGABYTES:.0f})",
    "recovered after, s",
    "`/readyz`: at the end, slowest",
    "class: refused (0), longest (≤ 10 s), saves lost (0)",
    f"SIGTERM, s (≤ {MOST_ENDING_SECONDS:.0f})",
    "errors",
    "what the case was answered",
)


def counted(got: Counter[str]) -> str:
    """Answers and how many there were of each, in a cell."""
    words = [f"{what} × {times:,}" for what, times in got.most_common(5)]
    return ", ".join(words).replace("|", "/").replace("\n", " ")[:160]


def line(cells: Sequence[str]) -> str:
    """A row of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def compare(row: Row, seen: Sequence[Seen], before: Span, during: Span, last: float) -> None:
    """The slowest student's frames, and how long until they were back."""
    usual = [rate(one, [before]) for one in seen]
    meanwhile = [rate(one, [during]) for one in seen]
    shares = [b / a if a else 0.0 for a, b in zip(usual, meanwhile, strict=True)]
    slowest = min(range(len(seen)), key=shares.__getitem__)
    row.before, row.during, row.ratio = usual[slowest], meanwhile[slowest], shares[slowest]
    window = min(WINDOW, (last - during[1]) / 2)
    at = during[1]
    while at + window <= last:
        spans = [(at, at + window)]
        if all(rate(s, spans) >= RECOVERED * a > 0 for s, a in zip(seen, usual, strict=True)):
            row.recovered = at - during[1]
            return
        at += 0.25


def measure(case: Case, options: Options, crowd: Crowd) -> Row:
    """One case beside ten students, from the start of a server to its end."""
    row = Row(case.name)
    with running_server(options.tree) as server:
        aim = Aim(server.url, options.source, time.time() + 300, server.folder)
        if case.prepare:
            aim.prepared = asyncio.run(case.prepare(aim))  # type: ignore[arg-type]
        began = time.time() + options.coming
        start = began + options.before
        aim.end = start + max(options.seconds, case.slow)
        last = aim.end + options.recovery
        crowd.over.clear()
        lesson = Lesson(server.url, began, last - began)
        students = crowd.students.apply_async(attend, (lesson, list(range(options.students))))
        attackers = crowd.attackers.apply_async(attack, (case.name, aim, start))
        watched = watch(server, last)
        row.got += attackers.get(timeout=60)
        seen = students.get(timeout=90)
        during = (start, aim.end)
        compare(row, seen, (began, start), during, last)
        row.errors = [error for one in seen for error in one.errors]
        row.memory = watched.most((start, last)) - watched.most((began, start))
        all_play = all(rate(one, [(last - WINDOW, last)]) > 0 for one in seen)
        row.ready = f"{watched.status()}, {watched.slowest(during):.1f} s"
        row.ready_is_true = (watched.status() == 200) == all_play
        end_amid(case, options, crowd, server, aim, row)
    return row


def end_amid(
    case: Case, options: Options, crowd: Crowd, server: Server, aim: Aim, row: Row
) -> None:
    """The case again beside a real class, and SIGTERM in the midst of it."""
    now = time.time()
    seconds = options.seconds if options.with_class else 2.0
    aim = Aim(aim.url, aim.source, now + seconds + 60, aim.folder, aim.prepared)
    attackers = crowd.attackers.apply_async(attack, (case.name, aim, now))
    time.sleep(1)
    if options.with_class:
        lesson = (server.url, HOME_ADDRESS, seconds, options.pupils)
        row.answers = crowd.students.apply_async(school.attend, lesson).get(timeout=seconds + 90)
    else:
        time.sleep(seconds - 1)
    row.ended = end(server)
    crowd.over.set()
    attackers.get(timeout=30)
    if row.answers and row.answers.saved:
        server.start()
        saved = row.answers.saved
        row.lost = len(saved) - school.kept(server.url, HOME_ADDRESS, saved)


# -- all of them --------------------------------------------------------------------------------


def parsed() -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(description="Nobody stops the class.")
    parser.add_argument("--list", action="store_true", help="the cases there are")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these alone")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each case")
    parser.add_argument("--tree", type=Path, default=ROOT, help="whose server is measured")
    parser.add_argument("--same-address", action="store_true", help="hostile from within")
    parser.add_argument("--without-class", action="store_true", help="no class of thirty")
    parser.add_argument("--slow", action="store_true", help="with the slow cases")
    parser.add_argument("--long", type=float, default=10.0, help="seconds no worker can start")
    chosen = parser.parse_args()
    known = [*CASES, *bad_days.DAYS]
    for name in chosen.only or ():
        if name not in known:
            parser.error(f"there is no case {name}; --list tells which there are")
    return chosen


def main() -> None:
    """Measure the cases, and print a table of each kind."""
    chosen = parsed()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # no server is left behind
    cases = [CASES[name] for name in chosen.only or () if name in CASES] or [
        case for case in CASES.values() if not chosen.only and (chosen.slow or not case.slow)
    ]
    cases.sort(key=lambda case: case.row)
    days = [name for name in bad_days.DAYS if not chosen.only or name in chosen.only]
    if chosen.list:
        for case in cases:
            print(f"{case.name} (row {case.row}): {(case.run.__doc__ or '').strip()}")
        for name in days:
            print(
                f"{name} (a bad day): {(bad_days.DAYS[name].__doc__ or '').partition(chr(10))[0]}"
            )
        return
    options = Options(
        seconds=chosen.seconds,
        tree=chosen.tree.resolve(),
        source=HOME_ADDRESS if chosen.same_address else OTHER_ADDRESS,
        with_class=not chosen.without_class,
    )
    missed: list[str] = []
    with crowd() as people:
        if cases:
            print(f"\n{line(HEAD)}\n{line(['---'] * len(HEAD))}", flush=True)
        for case in cases:
            try:
                row = measure(case, options, people)
            except Exception as failed:  # the other cases are to be measured all the same
                missed.append(f"{case.name}: not measured: {type(failed).__name__}: {failed}")
                continue
            print(line(row.cells()), flush=True)
            missed += [f"{case.name}: {', '.join(row.misses)}"] if row.misses else []
            for error in row.errors[:3]:
                missed.append(f"{case.name}: {error}")
        if days:
            print(f"\n{line(bad_days.HEAD)}\n{line(['---'] * len(bad_days.HEAD))}", flush=True)
        for name in days:
            try:
                findings = bad_days.measure(name, options.tree, people.students, chosen.long)
            except Exception as failed:
                missed.append(f"{name}: not measured: {type(failed).__name__}: {failed}")
                continue
            for finding in findings:
                print(line(finding.cells(name)), flush=True)
                missed += [] if finding.well else [f"{name}: {finding.what}"]
    if missed:
        print("\nMissed:\n\n" + "\n".join(f"- {what}" for what in missed))
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
