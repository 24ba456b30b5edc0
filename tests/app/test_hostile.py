"""The tool that measures hostile cases: its cases do what they say, and its table is made."""

import time
from collections import Counter
from collections.abc import Iterator

import pytest

from benchmarks.hostile import school
from benchmarks.hostile.aim import CASES, Aim
from benchmarks.hostile.bad_days import DAYS, Asked, saves
from benchmarks.hostile_bench import (
    HEAD,
    Options,
    Row,
    Watched,
    attack,
    compare,
    crowd,
    line,
    measure,
)
from benchmarks.students import Seen
from tests.browser.harness import Server, running_server


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running_server() as one:
        yield one


QUICK = Options(seconds=1, students=2, before=1, coming=4, recovery=1, pupils=2)


def test_a_case_is_measured_beside_students_and_a_class() -> None:
    with crowd() as people:
        row = measure(CASES["resets"], QUICK, people)
    assert row.errors == []
    assert row.before > 0
    assert row.ready.startswith("200")
    assert row.ended is not None
    assert row.got["messages"] > 0
    assert not set(row.got) - {"messages", "too_fast"}
    assert row.answers is not None
    assert row.answers.saved
    assert row.lost == 0
    assert len(row.cells()) == len(HEAD)


class Enough:
    """Ends a case as soon as the awaited answer has come."""

    def __init__(self, aim: Aim, answer: str) -> None:
        self.aim, self.answer = aim, answer

    def is_set(self) -> bool:
        return self.aim.got[self.answer] > 0


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("datasets", "200"),
        ("diverging-run-that-is-watched", "202"),
        ("empty-pongs", "bytes"),
        ("many-sockets", "open"),
        ("comings-and-goings", "configured"),
        ("wrong-codes", "404"),
    ],
)
def test_a_case_is_answered(server: Server, name: str, answer: str) -> None:
    aim = Aim(server.url, "127.0.0.1", time.time() + 60)
    aim.over = Enough(aim, answer)
    assert attack(name, aim, begin=0)[answer] > 0


def test_every_case_and_day_says_what_it_is() -> None:
    named = [(name, case.run.__doc__) for name, case in CASES.items()]
    assert all(text for _, text in [*named, *((name, day.__doc__) for name, day in DAYS.items())])
    assert {case.row for case in CASES.values()} == {0, 1, 3, 4, 5, 6, 7, 8, 11, 12}


def frames(*spans: tuple[float, float, float]) -> Seen:
    """A student who got so many frames a second from one time to another."""
    seen = Seen()
    for start, end, rate in spans:
        seen.frames.extend(start + k / rate for k in range(round((end - start) * rate)))
    return seen


def test_the_slowest_student_counts_and_has_to_come_back() -> None:
    row = Row("one")
    steady = frames((0, 30, 40))
    held_up = frames((0.005, 10, 60), (10.005, 20, 15), (25, 30, 60))
    compare(row, [steady, held_up], (0, 10), (10, 20), 30)
    assert (row.before, row.during, row.ratio) == pytest.approx((60, 15, 0.25))
    assert row.recovered is not None
    assert 4 < row.recovered <= 5
    compare(never := Row("two"), [steady, frames((0, 10, 60))], (0, 10), (10, 20), 30)
    assert never.ratio == 0
    assert never.recovered is None


def test_what_misses_is_told_and_bold() -> None:
    well = Row("well", ratio=0.9, memory=20, ended=1.0, recovered=0.0, ready="200, 0.0 s")
    assert well.misses == []
    assert "**" not in line(well.cells())
    answers = school.Answers(Counter({"200": 3, "429": 1}), [0.1, 11.0], ["name"])
    bad = Row("bad", ratio=0.4, memory=200, ready_is_true=False, errors=["lost"], lost=1)
    bad.answers = answers
    assert len(bad.misses) == 8
    assert line(bad.cells()).count("**") == 2 * 6


def test_an_answer_in_time_is_one_that_was_wanted() -> None:
    assert saves("saves", Asked(Counter({201: 2}), 0.2), {201}).well
    assert not saves("saves", Asked(Counter({201: 2, 503: 1}), 0.2), {201}).well
    assert not saves("saves", Asked(Counter({503: 1}), 9.0), {201, 503}).well


def test_what_was_watched_is_told_of_a_span() -> None:
    watched = Watched([(0, 100), (5, 300), (9, 120)], [(0, 200, 0.1), (5, 0, 4.0), (9, 503, 0.2)])
    assert watched.most((0, 6)) == 300
    assert watched.slowest((8, 10)) == 0.2
    assert watched.status() == 503
    assert Aim("", "", end=0).on is False
