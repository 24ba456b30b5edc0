"""Own points: lists where they are sent and stored, one block of memory in between."""

import pickle

import pytest
from pydantic import ValidationError

from app.errors import InvalidField
from app.schemas import OwnData, Plan, PredictRequest

ROWS = [[0.25 * column + row for column in range(31)] for row in range(2_000)]
PLAN = Plan.model_validate({"data": {"points": ROWS, "labels": [0, 1] * 1_000}})


def test_it_comes_back_from_json_and_from_another_process_as_it_was() -> None:
    for same in (Plan.model_validate_json(PLAN.written), pickle.loads(pickle.dumps(PLAN))):
        assert same == PLAN
        assert same.data.model_dump()["points"] == ROWS


def test_another_number_makes_it_another() -> None:
    rows = [*ROWS[:-1], [*ROWS[-1][:-1], 0.0]]
    other = Plan.model_validate({"data": {"points": rows, "labels": [0, 1] * 1_000}})
    assert other != PLAN


def test_a_number_takes_the_bytes_of_one_float() -> None:
    assert isinstance(PLAN.data, OwnData)
    assert PLAN.data.points.rows.nbytes == 8 * 31 * 2_000
    assert len(pickle.dumps(PLAN.data.points)) < 9 * 31 * 2_000


def test_nobody_changes_it_for_the_others() -> None:
    assert isinstance(PLAN.data, OwnData)
    with pytest.raises(ValueError, match="read-only"):
        PLAN.data.points.rows[0, 0] = 1


@pytest.mark.parametrize(
    ("points", "field", "says"),
    [
        ([[1, 2], [3, 4], [5]], "points.2", "has 1 numbers, the first has 2"),
        ([[1], [2, 3], ["x"]], "points.2.0", "must be a number"),
        ([[1] * 33], "points.0", "at most 32"),
        ([], "points", "at least 1"),
    ],
)
def test_the_first_that_is_wrong_is_named(points: object, field: str, says: str) -> None:
    with pytest.raises(ValidationError) as failed:
        PredictRequest.model_validate({"model": "m", "points": points})
    error = InvalidField.from_pydantic(failed.value.errors())
    assert error.field == field
    assert says in str(error)
