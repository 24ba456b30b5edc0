"""The simulated students of the load tool: what they check of a server does hold of a real one."""

import time

from benchmarks.load_bench import held, jain, percentile
from benchmarks.students import Lesson, attend, never_reading
from tests.browser.harness import running_server


def test_students_play_toggle_and_miss_nothing_beside_some_who_never_read() -> None:
    with running_server() as server:
        lesson = Lesson(server.url, begin=time.time() + 1, seconds=3, toggle_seconds=1)
        with never_reading(lesson, 3):
            seen = attend(lesson, list(range(4)))
        deadline = time.monotonic() + 30
        while ", 7 sessions, 0 connections" not in held(server):
            assert time.monotonic() < deadline, held(server)
    assert [error for one in seen for error in one.errors] == []
    for one in seen:
        assert len(one.frames) > 3
        assert one.iterations > 0
        assert one.toggles


def test_what_the_figures_mean() -> None:
    assert jain([3.0, 3.0, 3.0]) == 1
    assert jain([4.0, 0.0, 0.0, 0.0]) == 0.25
    assert percentile([5.0, 1.0, 3.0, 2.0, 4.0], 50) == 3
    assert percentile([5.0, 1.0, 3.0, 2.0, 4.0], 99) == 5
    assert percentile([], 99) == 0
