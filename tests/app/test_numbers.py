"""Numbers as people type them: every case that the page's reader keeps to, too."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.numbers import NotANumber, TwoNumbers, read_number, readings

CASES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "number_cases.json").read_text(encoding="utf-8")
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: ascii(case["text"]))
def test_a_text_is_these_numbers(case: dict[str, Any]) -> None:
    text, expected, by_hand = case["text"], case["readings"], case.get("by_hand", False)
    assert list(readings(text, by_hand)) == expected
    if by_hand:
        assert readings(text) == ()
    if len(expected) == 1:
        assert read_number(text, by_hand=by_hand) == expected[0]
        return
    with pytest.raises(TwoNumbers if expected else NotANumber):
        read_number(text, by_hand=by_hand)


@pytest.mark.parametrize(
    ("text", "decimal", "number"),
    [
        ("1,250", ".", 1250),
        ("1,250", ",", 1.25),
        ("1.250", ".", 1.25),
        ("1.250", ",", 1250),
        ("12.400,00", ",", 12400),
        ("1 250,5", ",", 1250.5),
        ("1e-3", ",", 0.001),
        ("1,5e3", ",", 1500),
        ("0,5", ".", None),
        ("1.5", ",", None),
        ("-1.234.567", ",", -1234567),
        ("1" * 101, ".", None),
    ],
)
def test_where_the_sign_of_decimals_is_known_there_is_one(
    text: str, decimal: Any, number: float | None
) -> None:
    if number is None:
        with pytest.raises(NotANumber):
            read_number(text, decimal)
    else:
        assert read_number(text, decimal) == number


def test_both_readings_are_told() -> None:
    with pytest.raises(TwoNumbers, match=r"1,250 can be 1\.25 or 1250"):
        read_number(" 1,250 ")
