"""The simulated students of the load tool: what they check of a server does hold of a real one."""

import time
from array import array

import pytest

from benchmarks.load_bench import PART, alone_and_beside, compared, family, held, jain, percentile
from benchmarks.students import Lesson, Seen, attend, never_reading
from tests.browser.harness import running_server


def test_students_miss_nothing_beside_some_who_never_read_and_take_turns() -> None:
    with running_server() as server:
        lesson = Lesson(server.url, begin=time.time() + 1, seconds=3, toggle_seconds=1)
        with never_reading(lesson, 3):
            seen = attend(lesson, list(range(4)))
        deadline = time.monotonic() + 60
        # Students end theirs; of those who only went away a session is kept.
        while ", 3 sessions, 0 connections" not in held(server):
            assert time.monotonic() < deadline, held(server)
        assert [error for one in seen for error in one.errors] == []
        # Nobody who has no cluster pays for Ray.
        loaded = [each.path for process in family(server) for each in process.memory_maps()]
        assert any("numpy" in path for path in loaded)
        assert not [path for path in loaded if "/ray/" in path]
        for one in seen:
            assert len(one.frames) > 3
            assert one.iterations > 0
            assert one.toggles

        # Those who play in turns leave the others alone between.
        begin = time.time() + 1
        lesson = Lesson(server.url, begin, 4, "max", toggle_seconds=1, in_turns=True)
        (seen_in_turns,) = attend(lesson, [1])
        assert seen_in_turns.errors == []
        assert seen_in_turns.iterations > 0
        parts = [int(at - begin) for at in seen_in_turns.frames]
        # Some of the first part come in the next one, as many as a busy machine is late.
        assert min(parts.count(1), parts.count(3)) > parts.count(2)


def test_a_lesson_in_turns_compares_each_part_with_its_neighbours() -> None:
    alone, beside = alone_and_beside(100.0, 6 * PART)
    assert len(alone) == len(beside) + 1 == 3
    # From 240 frames a second to 80, and half of what is between whenever others play.
    times: list[float] = []
    for index, rate in enumerate((240, 100, 160, 60, 80)):
        start = 100.0 + index * PART
        times += [start + k / rate for k in range(round(rate * PART))]
    seen = Seen(frames=array("d", times))
    share, _, error = compared([seen], alone, beside).split(",")[0].split()
    assert float(share) == pytest.approx(0.5, abs=0.005)
    assert float(error) < 0.005


def test_what_the_figures_mean() -> None:
    assert jain([3.0, 3.0, 3.0]) == 1
    assert jain([4.0, 0.0, 0.0, 0.0]) == 0.25
    assert percentile([5.0, 1.0, 3.0, 2.0, 4.0], 50) == 3
    assert percentile([5.0, 1.0, 3.0, 2.0, 4.0], 99) == 5
    assert percentile([], 99) == 0
