"""Numbers as people type, paste and export them: one reader for all that the server is sent.

Which readings a text has is told by tests/number_cases.json, which the page's reader keeps to as
well. Where the sign of decimals is known, as in a column of a table, there is at most one.
"""

import math
import re
import unicodedata
from typing import Literal

Decimal = Literal[".", ","]

LONGEST = 100
"""Characters of a number."""

_MINUS = (
    "\N{MINUS SIGN}\N{FIGURE DASH}\N{EN DASH}\N{HYPHEN}\N{NON-BREAKING HYPHEN}"
    "\N{SMALL HYPHEN-MINUS}"
)
_APOSTROPHES = "\N{RIGHT SINGLE QUOTATION MARK}\N{ARABIC THOUSANDS SEPARATOR}"
_TIMES = "\N{MIDDLE DOT}\N{DOT OPERATOR}\N{MULTIPLICATION SIGN}"
_SLASHES = "\N{FRACTION SLASH}\N{DIVISION SLASH}"
_FULL_WIDTH = range(0xFF01, 0xFF5F)
_PLAINLY = str.maketrans(
    {code: chr(code - 0xFEE0) for code in _FULL_WIDTH}
    | dict.fromkeys(map(ord, _MINUS), "-")
    | dict.fromkeys(map(ord, _APOSTROPHES), "'")
    | dict.fromkeys(map(ord, _TIMES), "*")
    | dict.fromkeys(map(ord, _SLASHES), "/")
    | {ord("\N{ARABIC DECIMAL SEPARATOR}"): "."}
)
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻", "0123456789+-")
_POWER = re.compile(r"[⁺⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+")

ORDINARY = re.compile(r"[+-]?[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?")
"""What nearly every number looks like: `float` reads it, if a point is the sign of decimals."""


def _number(decimal: str, groups: str) -> re.Pattern[str]:
    whole = rf"[1-9][0-9]{{0,2}}(?P<group>[{groups} '_])[0-9]{{3}}(?:(?P=group)[0-9]{{3}})*|[0-9]*"
    power = r"[eE](?P<e>[+-]?[0-9]+)| ?[*x] ?10\^ ?(?P<ten>[+-]?[0-9]+)"
    return re.compile(
        rf"(?P<sign>[+-]?) ?(?P<whole>{whole})(?:[{decimal}](?P<decimals>[0-9]*))?(?:{power})?"
    )


_NUMBERS: dict[Decimal, re.Pattern[str]] = {".": _number(".", ","), ",": _number(",", ".")}
_POWER_ALONE = re.compile(r"([+-]?) ?10\^ ?([+-]?[0-9]+)")


class NotANumber(ValueError):
    """A text that is no finite number."""


class TwoNumbers(ValueError):
    """A text that is a number in two ways.

    Attributes:
        readings: Both, that with a decimal comma first.
    """

    def __init__(self, text: str, readings: tuple[float, ...]) -> None:
        super().__init__(f"{text} can be {' or '.join(f'{value:.15g}' for value in readings)}")
        self.readings = readings


def read_number(text: str, decimal: Decimal | None = None, by_hand: bool = False) -> float:
    """The number that a text is.

    Args:
        text: As somebody wrote it.
        decimal: The sign of decimals, where it is known; the other one then parts thousands.
        by_hand: Whether it may be a fraction, 1/2.

    Raises:
        NotANumber: It is none.
        TwoNumbers: It can be read in two ways.
    """
    if decimal is not None and (value := _under(text, decimal, by_hand)) is not None:
        return value
    found = () if decimal else readings(text, by_hand)
    if len(found) > 1:
        raise TwoNumbers(text.strip(), found)
    if not found:
        raise NotANumber(text.strip()[:LONGEST])
    return found[0]


def readings(text: str, by_hand: bool = False) -> tuple[float, ...]:
    """The numbers that a text can be: none, one, or two. A lone point is a decimal one."""
    point = _under(text, ".", by_hand)
    if point is not None and not _has_only_commas(text):
        return (point,)
    comma = _under(text, ",", by_hand)
    return tuple(dict.fromkeys(value for value in (comma, point) if value is not None))


def _has_only_commas(text: str) -> bool:
    if not text.isascii():
        text = plain(text)
    return "," in text and "." not in text


def _under(text: str, decimal: Decimal, by_hand: bool = False) -> float | None:
    """The number that a text is if that is the sign of decimals."""
    if len(text) > LONGEST:
        return None
    if decimal == "." and ORDINARY.fullmatch(text):
        return _finite(float(text))
    text = plain(text)
    if not by_hand or "/" not in text:
        return _one(text, decimal)
    upper, _, lower = text.partition("/")
    above, below = _one(upper.strip(), decimal), _one(lower.strip(), decimal)
    return _finite(above / below) if above is not None and below else None


def plain(text: str) -> str:
    """A text with the signs of a keyboard in the place of the printed ones that mean the same."""
    text = text.strip()
    if not text.isascii():
        text = _POWER.sub(lambda power: "^" + power[0].translate(_RAISED), text)
        text = "".join(map(_plain, text.translate(_PLAINLY)))
    return text.strip()


def _plain(sign: str) -> str:
    match unicodedata.category(sign):
        case "Cf":  # takes no room
            return ""
        case "Zs":
            return " "
        case "Nd":
            return str(unicodedata.decimal(sign))
        case _:
            return sign


def _one(text: str, decimal: Decimal) -> float | None:
    if power := _POWER_ALONE.fullmatch(text):
        return _finite(float(f"{power[1]}1e{power[2]}"))
    found = _NUMBERS[decimal].fullmatch(text)
    if found is None:
        return None
    sign, whole, group, decimals, e, ten = found.group(
        "sign", "whole", "group", "decimals", "e", "ten"
    )
    digits = whole.replace(group, "") if group else whole
    if not digits and not decimals:
        return None
    return _finite(float(f"{sign}{digits or 0}.{decimals or 0}e{e or ten or 0}"))


def _finite(value: float) -> float | None:
    """It, if it is finite; -0 is 0."""
    return value + 0.0 if math.isfinite(value) else None
