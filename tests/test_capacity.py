"""The plan for a university in docs/cluster.md, and what it is made from."""

import json

import pytest

from app.training.workers.cluster import actor
from scripts.capacity import (
    MEASURED,
    MOST_SERVERS,
    PAGE,
    Cost,
    Model,
    fitted,
    most,
    tables,
    tile_costs,
    tiles_of,
    written,
)


def point(students: int, frames: float) -> dict[str, float]:
    return {
        "students": students,
        "frames": frames,
        "cores": 0.01 + 0.002 * students + 1e-4 * frames,
    }


POINTS = [point(10, 600), point(30, 900), point(100, 1500), point(300, 1200)]


def measured() -> Model:
    found = json.loads(MEASURED.read_text(encoding="utf-8"))
    return Model(found["points"], found["beat_ms"], tiles_of(found))


def test_the_page_has_what_was_measured() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert written(page, tables(json.loads(MEASURED.read_text(encoding="utf-8")))) == page


def test_costs_are_found_again() -> None:
    assert vars(fitted(POINTS, "cores", "bsf")) == pytest.approx(
        vars(Cost(base=0.01, student=0.002, frame=1e-4))
    )


def test_no_cost_is_negative() -> None:
    falling = [{**each, "cores": 1.0 - each["students"] / 1000} for each in POINTS]
    found = fitted(falling, "cores", "bsf")
    assert min(vars(found).values()) >= 0
    assert found.base == pytest.approx(0.9, abs=0.15)


def test_twice_the_students_need_twice_the_hosts_and_no_less_of_the_rest() -> None:
    model = measured()
    few, many = 2_000, 4_000
    assert model.cores("hosts", many) == pytest.approx(2 * model.cores("hosts", few))
    assert model.web_servers(many) >= 2 * model.web_servers(few) - 1
    assert model.database(many) > model.database(few)


def test_each_web_server_has_a_process_at_each_processor_of_a_node() -> None:
    model = measured()
    assert model.nodes_gb(4_000) > 3 * model.nodes_gb(2_000)
    assert MOST_SERVERS == actor.MOST_SERVERS


def test_a_tile_costs_what_rooms_took_more_and_never_less_than_nothing() -> None:
    """By hand: 30 and 90 tiles took 0 and 0.012 of a core, and 240 kB; nginx had less to do."""
    rooms = [
        {"tiles": 30, "web": 0.0, "proxy": -0.01, "sent": 6e4},
        {"tiles": 90, "web": 0.012, "proxy": 0.0, "sent": 18e4},
    ]
    assert tile_costs(rooms) == pytest.approx({"web": 0.0001, "nginx": 0.0, "bytes": 2000})
    # On a machine that is half as fast: the processors' are halved, the bytes are as many.
    costs = tiles_of({"rooms": rooms, "tile_seconds": 0.001, "pace": 2.0})
    assert costs == pytest.approx(
        {"hosts": 0.0005, "web": 0.00005, "nginx": 0.0, "bytes": 2000, "PostgreSQL": 0.0}
    )
    found = json.loads(MEASURED.read_text(encoding="utf-8"))
    alone = Model(found["points"], found["beat_ms"], dict.fromkeys(costs, 0.0))
    looked_at = Model(found["points"], found["beat_ms"], costs)
    # Each of 200 students has a tile a second.
    assert looked_at.cores("hosts", 200) - alone.cores("hosts", 200) == pytest.approx(0.1)
    assert looked_at.cores("bytes", 200) - alone.cores("bytes", 200) == pytest.approx(400_000)


def test_the_most_that_fit() -> None:
    assert most(lambda students: students <= 2_345) == 2_300
    assert most(lambda students: False) == 0
