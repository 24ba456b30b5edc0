"""Tables as text: CSV that is written, and tables of any make that are read.

What is written holds numbers and names of our own; a text that a spreadsheet would take for a
formula is written with an apostrophe before it, as spreadsheets themselves do.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

import numpy as np

from app.errors import InvalidField
from app.exports.text import Text
from app.schemas import Task
from app.training.session import Record

MOST_COLUMNS = 100
MOST_POINTS = 10_000
MOST_LISTED = 20
ROWS_AT_ONCE = 1_000
SAMPLE = 10
LARGEST = 1e6
PLANE = 5.0
"""Points are fitted into [-PLANE, PLANE], well inside the page's plane."""


# -- written --------------------------------------------------------------------------------


def write(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Text:
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


def data_csv(record: Record) -> Text:
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


def costs_csv(record: Record) -> Text:
    """The cost J of each iteration, computed before its update."""
    # The costs themselves, or a million of Python's numbers would take four times as much.
    return write(["iteration", "cost"], enumerate(map(float, record.costs)))


# -- read -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """A row and the line of the text on which it ends, counted from 1."""

    line: int
    cells: list[str]


@dataclass(frozen=True)
class Table:
    """A text in rows and columns.

    Attributes:
        rows: Without those that are empty.
        delimiter: What separates its cells.
    """

    rows: list[Row]
    delimiter: str

    def number(self, cell: str) -> float:
        """The number of a cell. Where commas don't separate cells, they may separate decimals.

        Raises:
            ValueError: It is no finite number.
        """
        text = cell.strip()
        if self.delimiter != "," and "," in text and "." not in text:
            text = text.replace(",", ".")
        value = float(text)
        if not np.isfinite(value) or "_" in text:
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


def parse(text: str) -> Table:
    """The rows of a text, separated by whatever separates most of its lines alike.

    Raises:
        ValueError: It has no rows, or too many columns.
    """
    candidates = [_parse(text, delimiter) for delimiter in ",;\t"]
    table = max(candidates, key=_evenness)
    if not table.rows:
        raise ValueError("it has no rows")
    if max(len(row.cells) for row in table.rows) > MOST_COLUMNS:
        raise ValueError(f"it has more than {MOST_COLUMNS} columns")
    return table


def _parse(text: str, delimiter: str) -> Table:
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        rows = [Row(reader.line_num, cells) for cells in reader if any(map(str.strip, cells))]
    except csv.Error as error:
        raise ValueError(str(error)) from None
    return Table(rows, delimiter)


def _evenness(table: Table) -> tuple[float, float, int]:
    """How many of the first rows have as many cells as most, and how many cells are numbers."""
    rows = table.rows[:100]
    widths = [len(row.cells) for row in rows]
    usual = max(set(widths), key=widths.count, default=0)
    if usual < 2:
        return 0.0, 0.0, usual
    numbers = sum(table.is_number(cell) for row in rows for cell in row.cells)
    return widths.count(usual) / len(widths), numbers / sum(widths), usual


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


def _split(table: Table) -> tuple[list[str], list[Row], int]:
    """The names of the columns, the rows below them, and how many columns most rows have."""
    widths = [len(row.cells) for row in table.rows]
    width = max(set(widths), key=widths.count)
    first, rest = table.rows[0], table.rows[1:]
    if _is_header(table, first, rest):
        names = [cell.strip()[:80] for cell in first.cells[:width]]
        names += [""] * (width - len(names))
        return [name or f"column {i + 1}" for i, name in enumerate(names)], rest, width
    return [f"column {i + 1}" for i in range(width)], table.rows, width


def _is_header(table: Table, first: Row, rest: Sequence[Row]) -> bool:
    """Whether the first row has words where most of the others have numbers."""
    for column, cell in enumerate(first.cells):
        below = [row.cells[column] for row in rest[:100] if column < len(row.cells)]
        numbers = sum(map(table.is_number, below))
        if cell.strip() and not table.is_number(cell) and numbers > len(below) / 2:
            return True
    return False


def preview(table: Table) -> Preview:
    """The columns, which of them would do, and the rows of another length."""
    names, rows, width = _split(table)
    good = [row for row in rows if len(row.cells) == width]
    bad = [Bad(row.line, _cells(row, width)) for row in rows if len(row.cells) != width]
    numeric = [
        sum(table.is_number(row.cells[column]) for row in good) / max(1, len(good))
        for column in range(width)
    ]
    values = [len({row.cells[column].strip() for row in good}) for column in range(width)]
    two = [column for column in range(width) if values[column] == 2]
    named = [c for c in two if names[c].lower() in ("label", "class", "y", "target", "klasse")]
    label = [*named, *reversed(two), None][0]
    numbers = [c for c in range(width) if numeric[c] > 0.5 and c != label]
    x1, x2 = [*numbers, None, None][:2]
    return Preview(
        [{"name": name, "numeric": share} for name, share in zip(names, numeric, strict=True)],
        len(rows) < len(table.rows),
        table.delimiter,
        len(rows),
        {"x1": x1, "x2": x2, "label": label},
        bad[:MOST_LISTED],
        len(bad),
        [row.cells for row in rows[:SAMPLE]],
    )


def points(table: Table, x1: int, x2: int, label: int, task: Task, fit: bool) -> Points:
    """The points and labels of three columns; rows that don't have them are listed as bad.

    Raises:
        InvalidField: There is no such column, or too few or too many rows are good, or the labels
            are not of two classes.
    """
    names, rows, width = _split(table)
    for field, column in (("x1", x1), ("x2", x2), ("label", label)):
        if column >= width:
            raise InvalidField(f"{field} must be from 0 to {width - 1}; got {column}", field)
    good: list[tuple[float, float, str]] = []
    bad: list[Bad] = []
    for row in rows:
        reason = (
            _cells(row, width)
            if len(row.cells) != width
            else _number(table, names[x1], row.cells[x1])
            or _number(table, names[x2], row.cells[x2])
            or _label(table, names[label], row.cells[label], task)
        )
        if reason:
            bad.append(Bad(row.line, reason))
        else:
            cells = row.cells
            good.append((table.number(cells[x1]), table.number(cells[x2]), cells[label].strip()))
    if not 2 <= len(good) <= MOST_POINTS:
        raise InvalidField(
            f"the table has {len(good):,} rows that can be used; it takes from 2 to "
            f"{MOST_POINTS:,}" + (f" (line {bad[0].line}: {bad[0].reason})" if bad else ""),
            "rows",
        )
    labels, classes = _labels(table, [text for _, _, text in good], task)
    told = np.array([point[:2] for point in good])
    low, high = told.min(axis=0), told.max(axis=0)
    center = (low + high) / 2
    span = high - low
    # What is nearer to itself than that is one place: to stretch it would take infinity.
    scale = 2 * PLANE / np.where(span > 1e-300, span, 2 * PLANE)
    return Points(
        told.tolist(),
        labels,
        task,
        classes,
        len(good),
        bad[:MOST_LISTED],
        len(bad),
        {"center": center.tolist(), "scale": scale.tolist()},
        ((told - center) * scale).tolist() if fit else None,
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


def _cells(row: Row, width: int) -> str:
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
