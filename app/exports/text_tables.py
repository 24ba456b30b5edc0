"""Tables as text: CSV that is written, and tables of any make that are read.

What is written holds numbers and names of our own; a text that a spreadsheet would take for a
formula is written with an apostrophe before it, as spreadsheets themselves do.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal
from unicodedata import normalize

import numpy as np

from app.errors import InvalidField
from app.exports.dialects import Ambiguous, Table, TableRow, is_missing
from app.exports.origins import entered, origin_of
from app.exports.text import Parts
from app.numbers import Decimal
from app.schemas import Task
from app.training.checkpoints import Record

MOST_POINTS = 10_000
MOST_LISTED = 20
MOST_CLASSES = 10
"""Values that are told of a column; of more, it is hardly one of classes."""
MOST_VALUES = 1_000
"""Values of a label that are looked through for the classes that were chosen."""
MOST_ABSENT = 5
"""Ways beside in which a column may write that there is no value."""
ROWS_AT_ONCE = 1_000
SAMPLE = 10
LONGEST_SHOWN = 200
"""Characters."""
LARGEST = 1e6
PLANE = 5.0
"""Points are fitted into [-PLANE, PLANE], well inside the page's plane."""


# -- written --------------------------------------------------------------------------------


def write(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Parts:
    """A CSV file (RFC 4180); floats have as many digits as it takes to read the same one back."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([_harmless(name) for name in header])
    rows = iter(rows)
    while part := list(islice(rows, ROWS_AT_ONCE)):
        writer.writerows([_harmless(cell) for cell in row] for row in part)
        yield text.getvalue()
        text.seek(0)
        text.truncate()
    yield text.getvalue()


def _harmless(cell: Any) -> Any:
    """https://owasp.org/www-community/attacks/CSV_Injection; numbers are no texts."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(tuple("=+-@\t\r")) else cell


def data_csv(record: Record) -> Parts:
    """Every point, what the network is given of it, its label, and which part it belongs to.

    Numbers that were moved into the plane stand before that as they were, with their names.
    """
    examples = record.examples
    names = [f"x{index}" for index in range(1, len(examples.points) + 1)]
    derived = [i for i, name in enumerate(examples.features or ()) if name not in names]
    header = [*names, *((examples.features or ())[i] for i in derived)]
    label = "target" if examples.task == "regression" else "label"
    columns = np.vstack([examples.points, examples.X[derived]])
    classes: list[str] | None = None
    if (origin := origin_of(record)) is not None:
        taken = {*header, label, "split"}
        told = [axis.name for axis in origin.axes]
        header = [*(f"{name} (entered)" if name in taken else name for name in told), *header]
        columns = np.vstack([entered(origin.axes, examples.points), columns])
        classes = origin.classes if examples.task == "classification" else None
    held_out = set(examples.test.tolist())
    targets = examples.Y[0].tolist()
    of_class = origin.label if origin and origin.label not in (None, label) else "class"
    return write(
        [*header, label, *([of_class] if classes else ()), "split"],
        (
            (
                *values.tolist(),
                target if examples.task == "regression" else int(target),
                *([classes[int(target)]] if classes else ()),
                "test" if index in held_out else "train",
            )
            for index, (values, target) in enumerate(zip(columns.T, targets, strict=True))
        ),
    )


def costs_csv(record: Record) -> Parts:
    """The cost J of each iteration, computed before its update."""
    # The costs themselves, or a million of Python's numbers would take four times as much.
    return write(["iteration", "cost"], enumerate(map(float, record.costs)))


# -- read -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """A line that can't be used, or is none of the table, and why."""

    line: int
    reason: str


@dataclass(frozen=True)
class ClassCount:
    """A value of a column, and how many rows have it."""

    value: str
    rows: int


@dataclass(frozen=True)
class Understood:
    """How a table was read: what every answer says of it.

    Attributes:
        header: Whether a row tells the names of the columns.
        delimiter: What separates cells; a space stands for any run of them.
        passed_over: Lines that are none of the table.
        passed_over_lines: How many they are; the first are listed.
        ambiguous: Columns whose numbers can be read in two ways.
    """

    header: bool
    delimiter: str
    passed_over: list[Line]
    passed_over_lines: int
    ambiguous: list[Ambiguous]


@dataclass(frozen=True)
class Preview(Understood):
    """What is in a table, before its columns are chosen.

    Attributes:
        decimals: The sign of decimals of each column; null if its numbers have none.
        classes: The values of each column, if they are few.
    """

    columns: list[dict[str, Any]]
    rows: int
    suggested: dict[str, int | None]
    bad: list[Line]
    bad_rows: int
    sample: list[list[str]]
    decimals: list[Decimal | None]
    classes: list[list[ClassCount] | None]
    encoding: str


@dataclass(frozen=True)
class Points(Understood):
    """What comes of three columns of a table, in words as a plan's data.

    Attributes:
        names: Of the three columns.
        missing_rows: How many of the bad rows lack a value.
        other_rows: How many have a class that was not chosen.
    """

    points: list[list[float]]
    labels: list[int] | list[float]
    task: Task
    classes: list[str] | None
    names: list[str]
    rows: int
    bad: list[Line]
    bad_rows: int
    missing_rows: int
    other_rows: int
    fit: dict[Literal["center", "scale"], list[float]]
    scaled: list[list[float]] | None


class _Lines:
    """Lines of which all are counted, and the first are listed."""

    def __init__(self) -> None:
        self.count = 0
        self.listed: list[Line] = []

    def add(self, line: int, reason: str) -> None:
        self.count += 1
        if len(self.listed) < MOST_LISTED:
            self.listed.append(Line(line, reason))


class _Reading:
    """The good rows of a table, one after the other; what the others are is noted."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.bad, self.aside = _Lines(), _Lines()
        self.names = [name or f"column {i + 1}" for i, name in enumerate(table.names)]

    def rows(self) -> Iterator[TableRow]:
        """Those that have as many cells as most."""
        width = self.table.width
        for row in self.table.body():
            if row.aside:
                self.aside.add(row.line, row.aside)
            elif row.problem:
                self.bad.add(row.line, row.problem)
            elif len(row.cells) != width:
                size = len(row.cells)
                cells = "cell" if size == 1 else "cells"
                self.bad.add(row.line, f"has {size} {cells}, most rows have {width}")
            else:
                yield row

    def rest(self) -> None:
        """Note what the rows are that nobody has looked at."""
        for _ in self.rows():
            pass

    def understood(self) -> dict[str, Any]:
        """What every answer says; complete when all rows have been."""
        table = self.table
        return {
            "header": table.header is not None,
            "delimiter": table.delimiter,
            "passed_over": self.aside.listed,
            "passed_over_lines": self.aside.count,
            "ambiguous": list(table.ambiguous),
        }


class _Column:
    """What is in a column, as far as it tells features from labels."""

    def __init__(self, table: Table, index: int) -> None:
        self._table, self._index = table, index
        self.numbers = 0
        self.missing = 0
        self.classes: dict[str, list[Any]] | None = {}
        """Shown as it stood first, and how often, by what makes it the same."""
        self.counts_up = True
        self._last: float | None = None

    def look(self, cell: str) -> None:
        """Count what a cell says."""
        text = cell.strip()
        number = _number_or_none(self._table, text, self._index)
        self.numbers += number is not None
        if self.counts_up:
            follows = number in (0, 1) if self._last is None else number == self._last + 1
            self.counts_up, self._last = follows, number
        if is_missing(text):
            self.missing += 1
        if self.classes is None:
            return
        key = _key_of(text, number)
        self.classes.setdefault(key, [text[:LONGEST_SHOWN], 0])[1] += 1
        if len(self.classes) > MOST_CLASSES + MOST_ABSENT:
            self.classes = None

    @property
    def values(self) -> list[ClassCount] | None:
        """Its values but those that are missing, if they are few."""
        if self.classes is None:
            return None
        here = _not_missing(self.classes)
        if len(here) > MOST_CLASSES:
            return None
        return [ClassCount(*self.classes[key]) for key in _sorted(here)]


_LABELS = (
    *("label", "class", "y", "target", "klasse", "kind", "type", "category", "species"),
    *("group", "outcome", "result", "survived", "diagnosis", "passed", "admitted", "purchased"),
)
_INDEXES = (
    *("#", "id", "index", "idx", "row", "rownames", "nr", "nr.", "no", "no.", "number", "obs"),
    *("unnamed: 0", "...1"),
)
_NUMBERED = ("id", "nr", "no", "number", "index", "#")
"""What the name of a column that counts up ends with, if it numbers the rows."""
_NEGATIVE = frozenset(
    ["-", "no", "n", "nein", "non", "nej", "false", "falsch", "faux", "neg", "negative", "off"]
)
"""Of two values that one which is y = 0, whatever the other is."""
_DASHES = frozenset("-–—\N{MINUS SIGN}")


def _not_missing(keys: Iterable[str]) -> list[str]:
    """Those that stand for a value; a dash does, too, if + is the only other."""
    keys = list(keys)
    kept = [key for key in keys if not is_missing(key)]
    return [*kept, *(key for key in keys if key in _DASHES)] if kept == ["+"] else kept


def _sorted(keys: Sequence[str]) -> list[str]:
    """Numbers by their size, else as texts; a no stands before a yes in any language."""
    numbers = [_float_or_none(key) for key in keys]
    if None not in numbers:
        return sorted(keys, key=float)
    return sorted(keys, key=lambda key: (key not in _NEGATIVE and key not in _DASHES, key))


def _float_or_none(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _number_or_none(table: Table, cell: str, column: int) -> float | None:
    try:
        return table.number(cell, column)
    except ValueError:
        return None


def _key(table: Table, text: str, column: int) -> str:
    """What makes a class the same: 1 and 1.0 are, and so are Yes and yes."""
    return _key_of(text, _number_or_none(table, text, column))


def _key_of(text: str, number: float | None) -> str:
    # An ä is one sign, or an a with two points: what macOS writes.
    return normalize("NFC", text).casefold() if number is None else repr(number)


def preview(table: Table, encoding: str = "utf-8") -> Preview:
    """The columns, which of them would do, and the rows of another length."""
    reading = _Reading(table)
    columns = [_Column(table, index) for index in range(table.width)]
    sample: list[list[str]] = []
    good = 0
    for row in reading.rows():
        good += 1
        if len(sample) < SAMPLE:
            sample.append([cell[:LONGEST_SHOWN] for cell in row.cells])
        for column, cell in zip(columns, row.cells, strict=True):
            column.look(cell)
    shares = [column.numbers / max(1, good) for column in columns]
    classes = [column.values for column in columns]
    return Preview(
        **reading.understood(),
        columns=[
            {"name": name, "numeric": share}
            for name, share in zip(reading.names, shares, strict=True)
        ],
        rows=good + reading.bad.count,
        suggested=_suggested(table, columns, classes, good),
        bad=reading.bad.listed,
        bad_rows=reading.bad.count,
        sample=sample,
        decimals=list(table.signs),
        classes=classes,
        encoding=encoding,
    )


def _suggested(
    table: Table,
    columns: Sequence[_Column],
    classes: Sequence[list[ClassCount] | None],
    rows: int,
) -> dict[str, int | None]:
    """The columns that are likely meant: a label of few classes, and two of numbers."""
    names = [name.casefold() for name in table.names]
    counts = [len(values) if values else 0 for values in classes]
    numeric = [c for c, column in enumerate(columns) if 2 * column.numbers > rows - column.missing]
    numeric = [c for c in numeric if columns[c].numbers]
    two = [c for c, count in enumerate(counts) if count == 2]
    # A column of words of more classes can be reduced to two.
    more = [c for c, count in enumerate(counts) if count > 2 and c not in numeric]
    named = [c for c, count in enumerate(counts) if names[c] in _LABELS and count > 1]
    label = [*(c for c in named if c in two), *named, *reversed(two), *reversed(more), None][0]
    words = [c for c, column in enumerate(columns) if c not in numeric and column.classes]
    if label in numeric and len(numeric) < 3 and words:
        label = words[-1]
    numbers = [c for c in numeric if c != label]
    # A column that numbers the rows is none of what was measured: surely if it has no name.
    counting = [c for c in numbers if _is_index(table, columns[c], names[c], c)]
    usable = [c for c in numbers if c not in counting or names[c] or table.header is None]
    better = [c for c in usable if c not in counting]
    x1, x2 = [*(better if len(better) > 1 else usable), None, None][:2]
    return {"x1": x1, "x2": x2, "label": label}


def _is_index(table: Table, column: _Column, name: str, index: int) -> bool:
    if table.header is None:
        return column.counts_up and index == 0
    if not name:
        return column.counts_up or index == 0
    return index == 0 and (name in _INDEXES or (column.counts_up and name.endswith(_NUMBERED)))


def points(
    table: Table,
    x1: int,
    x2: int,
    label: int,
    task: Task,
    fit: bool,
    zero: str | None = None,
    one: str | None = None,
) -> Points:
    """The points and labels of three columns; rows that don't have them are listed as bad.

    Args:
        table: It.
        x1: The column of x1, counted from 0.
        x2: That of x2.
        label: That of the label.
        task: What is to be learnt.
        fit: Whether the points are told as moved into the plane, too.
        zero: The class that is y = 0; if only one is told, all others are the other one.
        one: The class that is y = 1.

    Raises:
        InvalidField: There is no such column or class, or too few or too many rows are good, or the
            labels are not of two classes.
    """
    reading = _Reading(table)
    names, bad = reading.names, reading.bad
    for field, column in (("x1", x1), ("x2", x2), ("label", label)):
        if column >= table.width:
            raise InvalidField(f"{field} must be from 0 to {table.width - 1}; got {column}", field)
    chosen = [None if text is None else _key(table, text.strip(), label) for text in (zero, one)]
    good: list[tuple[float, float, str, str, int]] = []
    values: dict[str, str] = {}
    missing = others = 0
    for row in reading.rows():
        cells = row.cells
        text = cells[label].strip()
        key = "" if task == "regression" else _key(table, text, label)
        if len(values) < MOST_VALUES:
            values.setdefault(key, text)
        why = (
            _no_number(table, names[x1], cells[x1], x1)
            or _no_number(table, names[x2], cells[x2], x2)
            or (
                _no_number(table, names[label], text, label)
                if task == "regression"
                else _no_class(names[label], text, key, chosen)
            )
        )
        if why:
            bad.add(row.line, why)
            missing += any(is_missing(cells[c]) for c in (x1, x2, label))
        elif None not in chosen and key not in chosen:
            others += 1
        else:
            x, y = table.number(cells[x1], x1), table.number(cells[x2], x2)
            good.append((x, y, text, key, row.line))
            if len(good) > MOST_POINTS:
                break
    for field, picked, given in (("zero", chosen[0], zero), ("one", chosen[1], one)):
        if picked is not None and (
            picked not in values or (field == "one" and picked == chosen[0])
        ):
            there = {kept: values[kept] for kept in _not_missing(values)}
            raise InvalidField(
                f"{field} must be one of the values of label, {_some(there)}, "
                f"and not the other class; got {given!r:.60}",
                field,
            )
    if task == "classification" and not any(chosen):
        good, dashes = _without_dashes(good)
        missing += len(dashes)
        for line in dashes:
            bad.count += 1
            bad.listed.append(Line(line, f"{names[label]} is '-', which stands for no value"))
        bad.listed = sorted(bad.listed, key=lambda bad: bad.line)[:MOST_LISTED]
    if not 2 <= len(good) <= MOST_POINTS:
        first = bad.listed[0] if bad.listed else None
        raise InvalidField(
            f"the table has {len(good):,}{' or more' if len(good) > MOST_POINTS else ''} "
            f"{'row' if len(good) == 1 else 'rows'} that can be used; it takes from 2 to "
            f"{MOST_POINTS:,}" + (f" (line {first.line}: {first.reason})" if first else ""),
            "rows",
        )
    labels: list[int] | list[float]
    classes: list[str] | None = None
    if task == "regression":
        labels = [table.number(text, label) for _, _, text, _, _ in good]
    else:
        keys = [key for *_, key, _ in good]
        shown: dict[str, str] = {}
        for _, _, text, key, _ in good:
            shown.setdefault(key, text)
        labels, classes = _labels(keys, {**values, **shown} if any(chosen) else shown, *chosen)
    xy = np.array([point[:2] for point in good])
    low, high = xy.min(axis=0), xy.max(axis=0)
    center = (low + high) / 2
    span = high - low
    # What is nearer to itself than that is one place: to stretch it would take infinity.
    scale = 2 * PLANE / np.where(span > 1e-300, span, 2 * PLANE)
    understood = reading.understood()
    understood["ambiguous"] = [
        column
        for column in table.ambiguous
        if column.column in (x1, x2, *((label,) if task == "regression" else ()))
    ]
    return Points(
        **understood,
        points=xy.tolist(),
        labels=labels,
        task=task,
        classes=classes,
        names=[names[column] for column in (x1, x2, label)],
        rows=len(good),
        bad=bad.listed,
        bad_rows=bad.count,
        missing_rows=missing,
        other_rows=others,
        fit={"center": center.tolist(), "scale": scale.tolist()},
        scaled=((xy - center) * scale).tolist() if fit else None,
    )


def _labels(
    keys: Sequence[str],
    shown: Mapping[str, str],
    zero: str | None,
    one: str | None,
) -> tuple[list[int], list[str]]:
    """0 or 1 for each row, and the names of these classes."""
    if zero is None and one is None:
        if len(shown) != 2:
            raise InvalidField(
                f"label has {len(shown):,} different {'value' if len(shown) == 1 else 'values'} "
                f"({_some(shown)}); it takes exactly two"
                + (
                    ": say which is y = 1 with one=, and which is y = 0 with zero="
                    if len(shown) > 2
                    else ""
                ),
                "label",
            )
        zero, one = _sorted(list(shown))
    elif len(set(keys)) < 2:
        raise InvalidField(
            f"all rows that can be used are of one class ({shown[keys[0]]:.60}); it takes two",
            "label",
        )
    if one is None:
        assert zero is not None
        return [int(key != zero) for key in keys], [shown[zero], f"not {shown[zero]}"]
    names = [f"not {shown[one]}" if zero is None else shown[zero], shown[one]]
    return [int(key == one) for key in keys], names


def _some(shown: Mapping[str, str]) -> str:
    return f"{', '.join(list(shown.values())[:5]) + (', …' if len(shown) > 5 else ''):.200}"


Good = tuple[float, float, str, str, int]


def _without_dashes(rows: list[Good]) -> tuple[list[Good], list[int]]:
    """Rows without those whose label is a dash, which is none, and the lines of these."""
    kept = set(_not_missing(dict.fromkeys(row[3] for row in rows)))
    return [row for row in rows if row[3] in kept], [row[4] for row in rows if row[3] not in kept]


def _no_number(table: Table, name: str, cell: str, column: int) -> str | None:
    """Why a cell is no number of a point, if it is none."""
    number = _number_or_none(table, cell, column)
    if number is None:
        text = cell.strip()
        return f"{name} is {text!r:.40}, not a number" if text else f"{name} is empty"
    if abs(number) > LARGEST:
        return f"{name} is {cell.strip():.40}, beyond ±{LARGEST:,.0f}"
    return None


def _no_class(name: str, text: str, key: str, chosen: Sequence[str | None]) -> str | None:
    """Why a label is none, if it is none."""
    if not text:
        return f"{name} is empty"
    if is_missing(text) and key not in chosen and text not in _DASHES:
        return f"{name} is {text!r:.40}, which stands for no value"
    return None
