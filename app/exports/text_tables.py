"""Tables as text: CSV that is written, and tables of any make that are read.

What is written holds numbers and names of our own; a text that a spreadsheet would take for a
formula is written with an apostrophe before it, as spreadsheets themselves do.
"""

import csv
import io
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Any, Literal

import numpy as np

from app.errors import InvalidField
from app.exports.text import Parts
from app.schemas import Task
from app.training.checkpoints import Record

MOST_COLUMNS = 100
MOST_POINTS = 10_000
MOST_LISTED = 20
ROWS_AT_ONCE = 1_000
SAMPLE = 10
FIRST = 100
"""Rows that are looked at to find out how the table is made."""
MOST_ROWS = 50_000
MOST_LINES = 200_000
LONGEST_LINE = 400_000
LONGEST_SHOWN = 200
LONGEST_NUMBER = 100
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
    """Every point, what the network is given of it, its label, and which part it belongs to."""
    examples = record.examples
    names = [f"x{index}" for index in range(1, len(examples.points) + 1)]
    derived = [i for i, name in enumerate(examples.features or ()) if name not in names]
    header = [*names, *((examples.features or ())[i] for i in derived)]
    label = "target" if examples.task == "regression" else "label"
    columns = np.vstack([examples.points, examples.X[derived]]).T
    held_out = set(examples.test.tolist())
    targets = examples.Y[0].tolist()
    return write(
        [*header, label, "split"],
        (
            (
                *values.tolist(),
                target if examples.task == "regression" else int(target),
                "test" if index in held_out else "train",
            )
            for index, (values, target) in enumerate(zip(columns, targets, strict=True))
        ),
    )


def costs_csv(record: Record) -> Parts:
    """The cost J of each iteration, computed before its update."""
    # The costs themselves, or a million of Python's numbers would take four times as much.
    return write(["iteration", "cost"], enumerate(map(float, record.costs)))


# -- read -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class TableRow:
    """A row and the line of the text on which it ends, counted from 1."""

    line: int
    cells: list[str]


@dataclass(frozen=True)
class Table:
    """A text in rows and columns. The rows are read anew each time, and never all there.

    Attributes:
        text: All of it.
        delimiter: What separates its cells.
        count: How many rows it has, without those that are empty.
        width: How many cells most of them have.
    """

    text: str
    delimiter: str
    count: int = 0
    width: int = 0

    def rows(self) -> Iterator[TableRow]:
        """Its rows, without those that are empty.

        Raises:
            ValueError: a cell, a line or the number of lines is beyond all measure.
        """
        reader = csv.reader(_lines(self.text), delimiter=self.delimiter)
        try:
            for cells in reader:
                if any(map(str.strip, cells)):
                    yield TableRow(reader.line_num, cells)
        except csv.Error as error:
            raise ValueError(str(error)) from None

    def number(self, cell: str) -> float:
        """The number of a cell. Where commas don't separate cells, they may separate decimals.

        Raises:
            ValueError: It is no finite number.
        """
        text = cell.strip()
        if len(text) > LONGEST_NUMBER:
            raise ValueError(text[:LONGEST_NUMBER])
        if self.delimiter != "," and "," in text and "." not in text:
            text = text.replace(",", ".")
        value = float(text)
        if not math.isfinite(value) or "_" in text:
            raise ValueError(cell)
        return value

    def is_number(self, cell: str) -> bool:
        """Whether a cell is a finite number."""
        try:
            self.number(cell)
        except ValueError:
            return False
        return True


def decode(data: bytes) -> str:
    """The text of a file as spreadsheets write them: UTF-8 or UTF-16 with a mark, else Latin-1."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


# As in a file that is opened for `csv`: \r and \n end a line, and nothing else does.
_LINE = re.compile(r"[^\r\n]*(?:\r\n?|\n)|[^\r\n]+")


def _lines(text: str) -> Iterator[str]:
    for number, found in enumerate(_LINE.finditer(text)):
        if number >= MOST_LINES:
            raise ValueError(f"it has more than {MOST_LINES:,} lines")
        if found.end() - found.start() > LONGEST_LINE:
            raise ValueError(f"line {number + 1} has more than {LONGEST_LINE:,} characters")
        yield found[0]


def parse(text: str, most_rows: int = MOST_ROWS) -> Table:
    """A text as a table, separated by whatever separates most of its first lines alike.

    Raises:
        ValueError: It has no rows, too many of them, or too many columns.
    """
    table = max((Table(text, delimiter) for delimiter in ",;\t"), key=_evenness)
    widths: Counter[int] = Counter()
    for row in table.rows():
        widths[len(row.cells)] += 1
        if len(row.cells) > MOST_COLUMNS:
            raise ValueError(f"it has more than {MOST_COLUMNS} columns")
        if widths.total() > most_rows:
            raise ValueError(f"it has more than {most_rows:,} rows")
    if not widths:
        raise ValueError("it has no rows")
    return replace(table, count=widths.total(), width=_usual(widths))


def _usual(widths: Counter[int]) -> int:
    return widths.most_common(1)[0][0]


def _evenness(table: Table) -> tuple[float, float, int]:
    """How many of the first rows have as many cells as most, and how many cells are numbers."""
    rows = [row.cells for row in islice(table.rows(), FIRST)]
    widths = Counter(map(len, rows))
    if not widths or (usual := _usual(widths)) < 2:
        return 0.0, 0.0, 0
    numbers = sum(map(table.is_number, chain.from_iterable(cells[:MOST_COLUMNS] for cells in rows)))
    return widths[usual] / widths.total(), numbers / sum(map(len, rows)), usual


@dataclass(frozen=True)
class Bad:
    """A row that can't be used."""

    line: int
    reason: str


@dataclass(frozen=True)
class Preview:
    """What is in a table, before its columns are chosen."""

    columns: list[dict[str, Any]]
    header: bool
    delimiter: str
    rows: int
    suggested: dict[str, int | None]
    bad: list[Bad]
    bad_rows: int
    sample: list[list[str]]


@dataclass(frozen=True)
class Points:
    """What comes of three columns of a table, in words as a plan's data."""

    points: list[list[float]]
    labels: list[int] | list[float]
    task: Task
    classes: list[str] | None
    rows: int
    bad: list[Bad]
    bad_rows: int
    fit: dict[Literal["center", "scale"], list[float]]
    scaled: list[list[float]] | None


def _split(table: Table) -> tuple[list[str], Iterator[TableRow], bool]:
    """The names of the columns, the rows below them, and whether the names are in the table."""
    first, *rest = islice(table.rows(), 1 + FIRST)
    numbered = [f"column {i + 1}" for i in range(table.width)]
    if not _is_header(table, first, rest):
        return numbered, table.rows(), False
    names = [cell.strip()[:80] for cell in first.cells[: table.width]]
    names += [""] * (table.width - len(names))
    header = [name or number for name, number in zip(names, numbered, strict=True)]
    return header, islice(table.rows(), 1, None), True


def _is_header(table: Table, first: TableRow, rest: Sequence[TableRow]) -> bool:
    """Whether the first row has words where most of the others have numbers."""
    for column, cell in enumerate(first.cells):
        below = [row.cells[column] for row in rest if column < len(row.cells)]
        numbers = sum(map(table.is_number, below))
        if cell.strip() and not table.is_number(cell) and numbers > len(below) / 2:
            return True
    return False


class _BadRows:
    """Those that can't be used: all are counted, and the first are listed."""

    def __init__(self) -> None:
        self.count = 0
        self.listed: list[Bad] = []

    def add(self, line: int, reason: str) -> None:
        self.count += 1
        if len(self.listed) < MOST_LISTED:
            self.listed.append(Bad(line, reason))


def preview(table: Table) -> Preview:
    """The columns, which of them would do, and the rows of another length."""
    names, rows, header = _split(table)
    width, bad = table.width, _BadRows()
    sample: list[list[str]] = []
    numeric, good = [0] * width, 0
    values: list[set[str]] = [set() for _ in range(width)]
    for row in rows:
        if len(sample) < SAMPLE:
            sample.append([cell[:LONGEST_SHOWN] for cell in row.cells])
        if len(row.cells) != width:
            bad.add(row.line, _cells(row, width))
            continue
        good += 1
        for column, cell in enumerate(row.cells):
            numeric[column] += table.is_number(cell)
            if len(values[column]) < 3:
                values[column].add(cell.strip())
    shares = [count / max(1, good) for count in numeric]
    two = [column for column in range(width) if len(values[column]) == 2]
    named = [c for c in two if names[c].lower() in ("label", "class", "y", "target", "klasse")]
    label = [*named, *reversed(two), None][0]
    numbers = [c for c in range(width) if shares[c] > 0.5 and c != label]
    x1, x2 = [*numbers, None, None][:2]
    return Preview(
        [{"name": name, "numeric": share} for name, share in zip(names, shares, strict=True)],
        header,
        table.delimiter,
        table.count - header,
        {"x1": x1, "x2": x2, "label": label},
        bad.listed,
        bad.count,
        sample,
    )


def points(table: Table, x1: int, x2: int, label: int, task: Task, fit: bool) -> Points:
    """The points and labels of three columns; rows that don't have them are listed as bad.

    Raises:
        InvalidField: There is no such column, or too few or too many rows are good, or the labels
            are not of two classes.
    """
    names, rows, _ = _split(table)
    width, bad = table.width, _BadRows()
    for field, column in (("x1", x1), ("x2", x2), ("label", label)):
        if column >= width:
            raise InvalidField(f"{field} must be from 0 to {width - 1}; got {column}", field)
    good: list[tuple[float, float, str]] = []
    for row in rows:
        cells = row.cells
        point = _point(table, cells, x1, x2, label, task) if len(cells) == width else None
        if point is None:
            reason = (
                _cells(row, width)
                if len(cells) != width
                else _number(table, names[x1], cells[x1])
                or _number(table, names[x2], cells[x2])
                or _label(table, names[label], cells[label], task)
            )
            bad.add(row.line, reason or "")
            continue
        good.append(point)
        if len(good) > MOST_POINTS:
            break
    if not 2 <= len(good) <= MOST_POINTS:
        first = bad.listed[0] if bad.listed else None
        raise InvalidField(
            f"the table has {len(good):,}{' or more' if len(good) > MOST_POINTS else ''} rows that "
            f"can be used; it takes from 2 to {MOST_POINTS:,}"
            + (f" (line {first.line}: {first.reason})" if first else ""),
            "rows",
        )
    labels, classes = _labels(table, [text for _, _, text in good], task)
    xy = np.array([point[:2] for point in good])
    low, high = xy.min(axis=0), xy.max(axis=0)
    center = (low + high) / 2
    span = high - low
    # What is nearer to itself than that is one place: to stretch it would take infinity.
    scale = 2 * PLANE / np.where(span > 1e-300, span, 2 * PLANE)
    return Points(
        xy.tolist(),
        labels,
        task,
        classes,
        len(good),
        bad.listed,
        bad.count,
        {"center": center.tolist(), "scale": scale.tolist()},
        ((xy - center) * scale).tolist() if fit else None,
    )


def _labels(
    table: Table, texts: list[str], task: Task
) -> tuple[list[int] | list[float], list[str] | None]:
    if task == "regression":
        return [table.number(text) for text in texts], None
    # 1 and 1.0 are the same class, and so are Yes and yes.
    keys = [repr(table.number(t)) if table.is_number(t) else t.casefold() for t in texts]
    shown: dict[str, str] = {}
    for key, text in zip(keys, texts, strict=True):
        shown.setdefault(key, text)
    if len(shown) != 2:
        some = ", ".join(list(shown.values())[:5]) + (", …" if len(shown) > 5 else "")
        raise InvalidField(
            f"label has {len(shown):,} different values ({some:.200}); it takes exactly two",
            "label",
        )
    numbers = all(map(table.is_number, shown))
    zero, one = sorted(shown, key=table.number if numbers else None)
    return [int(key == one) for key in keys], [shown[zero], shown[one]]


def _point(
    table: Table, cells: Sequence[str], x1: int, x2: int, label: int, task: Task
) -> tuple[float, float, str] | None:
    """x1, x2 and the label of a row; None if there is something wrong with it."""
    label_text = cells[label].strip()
    try:
        numbers = [table.number(cells[x1]), table.number(cells[x2])]
        if task == "regression":
            numbers.append(table.number(label_text))
    except ValueError:
        return None
    within = all(-LARGEST <= number <= LARGEST for number in numbers)
    return (numbers[0], numbers[1], label_text) if within and label_text else None


def _cells(row: TableRow, width: int) -> str:
    return f"has {len(row.cells)} cells, most rows have {width}"


def _number(table: Table, name: str, cell: str) -> str | None:
    if not table.is_number(cell):
        return (
            f"{name} is {cell.strip()!r:.40}, not a number" if cell.strip() else f"{name} is empty"
        )
    if abs(table.number(cell)) > LARGEST:
        return f"{name} is {cell.strip():.40}, beyond ±{LARGEST:,.0f}"
    return None


def _label(table: Table, name: str, cell: str, task: Task) -> str | None:
    if task == "regression":
        return _number(table, name, cell)
    return None if cell.strip() else f"{name} is empty"
