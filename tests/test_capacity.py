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
    written,
)


def point(students: int, frames: float) -> dict[str, float]:
    return {
        "students": students,
        "frames": frames,
        "cores": 0.01 + 0.002 * students + 1e-4 * frames,
    }


POINTS = [point(10, 600), point(30, 900), point(100, 1500), point(300, 1200)]


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
    measured = json.loads(MEASURED.read_text(encoding="utf-8"))
    model = Model(measured["points"], measured["beat_ms"])
    few, many = 2_000, 4_000
    assert model.cores("hosts", many) == pytest.approx(2 * model.cores("hosts", few))
    assert model.web_servers(many) >= 2 * model.web_servers(few) - 1
    assert model.database(many) > model.database(few)


def test_each_web_server_has_a_process_at_each_processor_of_a_node() -> None:
    measured = json.loads(MEASURED.read_text(encoding="utf-8"))
    model = Model(measured["points"], measured["beat_ms"])
    assert model.nodes_gb(4_000) > 3 * model.nodes_gb(2_000)
    assert MOST_SERVERS == actor.MOST_SERVERS


def test_the_most_that_fit() -> None:
    assert most(lambda students: students <= 2_345) == 2_300
    assert most(lambda students: False) == 0
