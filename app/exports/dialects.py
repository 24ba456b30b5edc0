"""Text in rows and columns, as spreadsheets, statistics packages, databases and people write it.

`parse` finds out how a text is made, and the `Table` it gives tells its rows one after the other:
they are read anew each time, and never all there. What is bounded: lines, their length, columns and
rows; what is beyond is refused in words. What is said of a text is a list as well as a count.
"""

import contextlib
import csv
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, islice, takewhile
from typing import NamedTuple

from app.numbers import LONGEST, ORDINARY, Decimal, NotANumber, plain, read_number, readings

MOST_COLUMNS = 100
MOST_ROWS = 50_000
MOST_LINES = 200_000
LONGEST_LINE = 400_000
LONGEST_CELL = 10_000
"""Characters of a cell in quotes that goes on over lines; a quote that is open longer is a slip."""
LONGEST_NAME = 80
LONGEST_UNIT = 20
FIRST = 100
"""Rows that are looked at to find out how the table is made."""
MOST_OPENED = 10
"""Cells over lines in one row."""

DELIMITERS = ",;\t| "
"""In this order, if several would do. A space stands for any run of them."""

MISSING = frozenset(
    [
        *("na", "n/a", "n.a.", "#n/a", "<na>", "nan", "-nan", "null", "(null)", "nil", "none"),
        *("missing", "?", "-", "--", "–", "—", "\N{MINUS SIGN}", ".", "..", "\\n"),
        *("#value!", "#div/0!", "#ref!", "#num!", "#name?", "#null!"),
    ]
)
"""What stands for a value that is not there, beside nothing at all; in small letters."""


def is_missing(cell: str) -> bool:
    """Whether there is no value in a cell."""
    return not (text := cell.strip()) or text.casefold() in MISSING


# -- bytes ----------------------------------------------------------------------------------

_MARKS = {
    b"\xff\xfe\0\0": "utf-32",
    b"\0\0\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
    b"\xef\xbb\xbf": "utf-8",
}
_LOOKED_AT = 2_000
"""Bytes that tell UTF-16 without a mark."""


def encoding_of(data: bytes) -> str:
    """How a file's text is written: by its mark, else its zeros, else UTF-8, or as older Excel."""
    for mark, encoding in _MARKS.items():
        if data.startswith(mark):
            return encoding
    # Of two bytes of UTF-16 one is nearly always 0 in a table; of UTF-8 none ever is.
    begin = data[:_LOOKED_AT]
    zeros = [begin[parity::2].count(0) / max(1, len(begin) // 2) for parity in (0, 1)]
    if max(zeros) > 0.5 and min(zeros) < 0.1:
        return "utf-16-le" if zeros[1] > zeros[0] else "utf-16-be"
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return "windows-1252"
    return "utf-8"


_KINDS = {
    b"PK\3\4": "an archive, as workbooks of Excel and LibreOffice are: save the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "a workbook of older Excel: save the sheet as CSV",
    b"%PDF": "a PDF document",
    b"PAR1": "a Parquet file: write it as CSV",
    b"\x1f\x8b": "compressed: unpack it first",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"SQLite": "a database: write the table as CSV",
}
"""What files begin with that are no text, and what these are."""
_NO_TEXT = re.compile("[\0-\x08\x0e-\x19]")


def decode(data: bytes) -> str:
    """The text of a file in whatever encoding it is.

    Raises:
        ValueError: It is no text, but a workbook or a picture, say.
    """
    for begin, kind in _KINDS.items():
        if data.startswith(begin):
            raise ValueError(f"it is {kind}")
    text = data.decode(encoding_of(data), errors="replace").lstrip("\ufeff")
    if _NO_TEXT.search(text):
        raise ValueError("it is no text: it has signs that no text has")
    return text


# -- rows -----------------------------------------------------------------------------------


class TableRow(NamedTuple):
    """A row and the line of the text on which it ends, counted from 1.

    Attributes:
        line: That line.
        cells: Its cells.
        aside: Why it is no row of the table, if it is none.
        problem: Why its cells can't be told, if they can't.
    """

    line: int
    cells: list[str]
    aside: str | None = None
    problem: str | None = None


_ARFF = re.compile(r"(?:\s*+%[^\r\n]*+[\r\n]++)*+\s*+@relation\b", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"@attribute\s+(?:'([^']*)'|\"([^\"]*)\"|(\S+))", re.IGNORECASE)
_LISTS = re.compile(r"\s*+(?:\w+\s*+=\s*+)?(?:\w+\.)?(?:\w+\()?\[\s*+[\[(]")
_NEXT_LIST = re.compile(r"[\])]\s*+,?\s*+[\[(]")
_LISTS_END = re.compile(r"[\])]\s*+,?\s*+\]")
_PRINTED_QUOTES = dict.fromkeys(map(ord, "“”„‟"), '"')
_AS_FORMULA = re.compile(r'(?<![^,;\t|\r\n])="')
_OTHERS = {
    re.compile(r"\s*+(?:\[\s*+)?\{\s*+[\"']"): "JSON: a table has a line for each point",
    re.compile(r"\s*+<(?:!doctype|html|table|\?xml)\b", re.IGNORECASE): (
        "a web page: copy the table's cells, or save it as CSV"
    ),
}
"""How texts begin that are no tables, and what these are."""
_UNIT = re.compile(
    r"\s*([€$£¥₹]?)\s*([+\-\N{MINUS SIGN}]?\s?\.?\d[\d.,'’\s]*?)[^\S\t\r\n]*"
    r"([%‰€$£¥₹]|°?[^\W\d_]{1,3}[²³]?(?:/[^\W\d_]{1,3}[²³]?)?)?\s*"
)
"""A number with what it is measured in, behind it or, as money, before it."""
_LINE = re.compile(r"[^\r\n]*(?:\r\n?|\n)|[^\r\n]+")
"""As in a file that is opened for `csv`: \\r and \\n end a line, and nothing else does."""
_SEPARATOR = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
_RULE = re.compile(r"[\s|+:=-]*(?:---|===|:-|-:)[\s|+:=-]*")
_TO_CLOSE = re.compile(r'[^"]*+(?:""[^"]*+)*+"')
_WORD = re.compile(r'"((?:[^"]|"")*)"(?=\s|$)|([^ \t\r\n]+)')
"""Spaces that break no line stand within numbers, and part none."""


_HEAD = "belongs to the head of an ARFF file"


def _lines(text: str) -> Iterator[tuple[int, int, int]]:
    """The number of each line, and where it begins and ends."""
    for number, found in enumerate(_LINE.finditer(text), start=1):
        if number > MOST_LINES:
            raise ValueError(f"it has more than {MOST_LINES:,} lines")
        if found.end() - found.start() > LONGEST_LINE:
            raise ValueError(f"line {number} has more than {LONGEST_LINE:,} characters")
        yield number, found.start(), found.end()


def _rows(text: str, delimiter: str) -> Iterator[TableRow]:
    """Its rows, without those that are empty.

    Raises:
        ValueError: a cell, a line or the number of lines is beyond all measure.
    """
    until = 0
    is_arff = bool(_ARFF.match(text))
    for number, begin, end in _lines(text):
        if end <= until:
            continue
        line = text[begin:end]
        if is_arff and (sign := line.lstrip()[:1]) in ("%", "@"):
            if sign == "@":
                yield TableRow(number, [line.strip()], aside=_HEAD)
            continue
        if number == 1 and _SEPARATOR.fullmatch(line):
            yield TableRow(1, [line.strip()], aside="names the separator")
        elif line[0] in "-=+|: " and _RULE.fullmatch(line):
            yield TableRow(number, [line.strip()], aside="is a rule")
        elif delimiter == " ":
            words = islice(_WORD.finditer(line), MOST_COLUMNS + 1)
            if cells := [(word[2] or word[1]).replace('""', '"') for word in words]:
                yield TableRow(number, cells)
        elif '"' not in line:
            if cells := _plain_cells(line, delimiter, number):
                yield TableRow(number, cells)
        elif (closed := _closed(text, begin, end, delimiter)) is None:
            yield TableRow(number, [line.strip()], problem="a quote opens here and none closes it")
        else:
            until = closed
            cells = _cells(text[begin:closed], delimiter, number)
            if any(map(str.strip, cells)):
                yield TableRow(number + len(_LINE.findall(text, end, closed)), cells)


def _plain_cells(line: str, delimiter: str, number: int) -> list[str]:
    """The cells of a line without quotes, as `csv` reads them but for spaces; none if empty."""
    if len(line) > csv.field_size_limit():
        cells = _cells(line, delimiter, number)
    else:
        cells = line.rstrip("\r\n").split(delimiter)
    return cells if any(map(str.strip, cells)) else []


_reader = partial(csv.reader, skipinitialspace=True)
"""Where a space follows a separator, as people write it, a quote opens all the same."""


def _cells(line: str, delimiter: str, number: int) -> list[str]:
    try:
        return next(_reader((line,), delimiter=delimiter), [])
    except csv.Error as error:
        raise ValueError(f"line {number} can't be read: {error}") from None


def _is_open(line: str, delimiter: str) -> bool:
    """Whether a cell in quotes goes on after a line: the reader then asks for the next one."""
    reader = _reader((line, ""), delimiter=delimiter)
    with contextlib.suppress(csv.Error):
        next(reader, None)
    return reader.line_num > 1


def _closed(text: str, begin: int, end: int, delimiter: str) -> int | None:
    """Where the row ends whose first line that is: where its quotes are closed; None if nowhere."""
    if not _is_open(text[begin:end], delimiter):
        return end
    for _ in range(MOST_OPENED):
        close = _TO_CLOSE.match(text, end, end + LONGEST_CELL)
        if close is None or text[close.end() : close.end() + 1] not in (delimiter, "\r", "\n", ""):
            return None
        rest = _LINE.match(text, close.end())
        end = rest.end() if rest else close.end()
        if end - begin > LONGEST_LINE:
            return None
        try:
            next(_reader((text[begin:end],), delimiter=delimiter, strict=True), None)
        except csv.Error as error:
            if "unexpected end" not in str(error):
                return None
        else:
            return end
    raise ValueError(f"a row of it has more than {MOST_OPENED} cells that go over lines")


# -- a table --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ambiguous:
    """A column whose numbers can be read in two ways.

    Attributes:
        text: The first of them.
        taken: What it is taken for.
        other: What it could be, too.
    """

    column: int
    text: str
    taken: float
    other: float


@dataclass
class _Signs:
    """What the numbers of a column say about the sign of its decimals."""

    point: int = 0
    comma: int = 0
    either: str = ""
    hundreds: int = 0
    others: int = 0

    def look(self, cell: str) -> None:
        """Count what a cell says."""
        if "." in cell and ORDINARY.fullmatch(cell) and not _GROUP.fullmatch(cell):
            self.point += 1
            return
        if "," not in cell and "." not in cell:
            if cell.strip().isdecimal():
                within = 100 <= int(cell.strip()[:9]) <= 999
                self.hundreds, self.others = self.hundreds + within, self.others + (not within)
            return
        if len(found := _both(plain(cell))) == 2:
            self.either = self.either or cell.strip()
        elif found:
            self.point += "." in found
            self.comma += "," in found


_GROUP = re.compile(r"\s*[+-]?[1-9][0-9]{0,2}[.,][0-9]{3}\s*")


def _unit_of(cell: str) -> str:
    """What the number of a cell is measured in; "" if there is none, or if it is no number."""
    if len(cell) > LONGEST or (found := _UNIT.fullmatch(cell)) is None:
        return ""
    before, number, behind = found.groups(default="")
    return (before or behind) if not (before and behind) and readings(number) else ""


def _units(rows: Sequence[Sequence[str]]) -> dict[int, str]:
    """The units of the columns each of whose numbers has one, and all the same."""
    units: dict[int, str] = {}
    for column in range(min(MOST_COLUMNS, max(map(len, rows), default=0))):
        cells = [row[column] for row in rows if len(row) > column]
        found = {_unit_of(cell) for cell in cells if any(map(str.isdigit, cell))}
        if (
            len(found) == 1
            and (unit := found.pop())
            and 2 * sum(unit in c for c in cells) >= len(cells)
        ):
            units[column] = unit
    return units


def _bare(cell: str, unit: str | None) -> str:
    """A cell without its unit."""
    return cell.strip().removeprefix(unit).removesuffix(unit).strip() if unit else cell


def _both(cell: str) -> dict[Decimal, float]:
    """What a cell is, by the sign of decimals; the same number is there but once."""
    if "," not in cell and not _GROUP.fullmatch(cell):
        # Nearly always a point, and nothing else.
        found = readings(cell)
        return {"," if cell.count(".") > 1 else ".": found[0]} if found else {}
    both: dict[Decimal, float] = {}
    for decimal in _DECIMALS:
        try:
            both[decimal] = read_number(cell, decimal)
        except NotANumber:
            continue
    return both if len(set(both.values())) == len(both) else dict([both.popitem()])


_DECIMALS: tuple[Decimal, Decimal] = (".", ",")


@dataclass(frozen=True)
class Table:
    """A text in rows and columns. The rows are read anew each time, and never all there.

    Attributes:
        text: All of it.
        delimiter: What separates its cells; a space stands for any run of them.
        count: How many rows it has, without those that are empty.
        width: How many cells most of them have.
        names: Of the columns; "" of one without a name.
        header: The line that tells the names; None if there is none.
        aside: Lines that are passed over, with why.
        signs: Of decimals, by column.
        given: The sign of decimals, if it was told and not found out.
        ambiguous: Columns that can be read in two ways.
        units: What the numbers of a column are measured in, if it is written beside each.
    """

    text: str
    delimiter: str
    count: int = 0
    width: int = 0
    names: tuple[str, ...] = ()
    header: int | None = None
    aside: dict[int, str] = field(default_factory=dict)
    signs: tuple[Decimal | None, ...] = ()
    given: Decimal | None = None
    ambiguous: tuple[Ambiguous, ...] = ()
    units: Mapping[int, str] = field(default_factory=dict)

    def rows(self) -> Iterator[TableRow]:
        """Its rows, that of the names first; also those that are none, if they say why.

        Raises:
            ValueError: a cell, a line or the number of lines is beyond all measure.
        """
        for row in _rows(self.text, self.delimiter):
            if reason := self.aside.get(row.line):
                yield TableRow(row.line, row.cells, aside=reason)
            elif self._is_comment(row):
                yield TableRow(row.line, row.cells, aside="is a comment")
            else:
                yield row if len(row.cells) == self.width else _cut(row, self.width)

    def body(self) -> Iterator[TableRow]:
        """The same without that of the names."""
        return (row for row in self.rows() if row.line != self.header)

    def _is_comment(self, row: TableRow) -> bool:
        begin = row.cells[0].lstrip()
        if not begin.startswith(("#", "//")):
            return False
        return row.line != self.header and (
            begin.startswith(("# ", "//"))
            or (begin.startswith("#") and len(_cut(row, self.width).cells) != self.width)
        )

    def number(self, cell: str, column: int | None = None) -> float:
        """The number of a cell of a column; what can be read in one way alone is read so.

        Raises:
            ValueError: It is no finite number.
        """
        sign = self.given or (None if column is None else self.signs[column])
        if sign != "," and len(cell) <= LONGEST and ORDINARY.fullmatch(cell):
            value = float(cell)
            if not math.isfinite(value):
                raise NotANumber(cell)
            return value + 0.0  # -0 is 0
        if column is not None:
            cell = _bare(cell, self.units.get(column))
        try:
            return read_number(cell, sign)
        except NotANumber:
            if self.given or sign is None:
                raise
            return read_number(cell, "," if sign == "." else ".")

    def is_number(self, cell: str, column: int | None = None) -> bool:
        """Whether a cell is a finite number."""
        try:
            self.number(cell, column)
        except ValueError:
            return False
        return True


def _cut(row: TableRow, width: int) -> TableRow:
    """A row without the empty cells that a separator at its end makes."""
    cells = row.cells
    if len(cells) > width and not any(map(str.strip, cells[width:])):
        return row._replace(cells=cells[:width])
    return row


def parse(
    text: str,
    most_rows: int = MOST_ROWS,
    header: bool | None = None,
    decimal: Decimal | None = None,
) -> Table:
    """A text as a table, separated by whatever separates most of its first lines alike.

    Args:
        text: All of it.
        most_rows: More are refused.
        header: Whether its first row tells the names of the columns; None finds out.
        decimal: The sign of decimals; None finds out.

    Raises:
        ValueError: It has no rows, too many of them, or too many columns.
    """
    for begin, kind in _OTHERS.items():
        if begin.match(text):
            raise ValueError(f"it is {kind}")
    text = _quoted(_unbracketed(text))
    head = _head(text)
    table = Table(text, _told(head) or _likeliest(head))
    rows = [row.cells for row in _rows(head, table.delimiter) if not row.aside]
    table = replace(table, units=_units(rows))
    widths: Counter[int] = Counter()
    filled: Counter[int] = Counter()
    signs = [_Signs() for _ in range(MOST_COLUMNS)]
    only: list[str] = []
    for row in _rows(text, table.delimiter):
        if row.aside:
            continue
        only, size = row.cells, len(row.cells)
        widths[size] += 1
        if size > MOST_COLUMNS:
            raise ValueError(f"it has more than {MOST_COLUMNS} columns")
        if widths.total() > most_rows:
            raise ValueError(f"it has more than {most_rows:,} rows")
        if filled[size] < size:
            filled[size] = max(filled[size], len(row.cells) - _empty_at_end(row.cells))
        for column, (sign, cell) in enumerate(zip(signs, row.cells, strict=False)):
            if cell:
                sign.look(_bare(cell, table.units.get(column)) if table.units else cell)
    if not widths or not text.strip("".join(DELIMITERS) + "\r\n"):
        raise ValueError("it is empty: it has no rows")
    width = filled[_usual(widths)]
    if widths.total() == 1 and width > 1 and not any(map(readings, only)):
        raise ValueError("it has one row and no numbers: a header, and nothing below it")
    table = replace(table, count=widths.total(), width=width, given=decimal)
    return _with_signs(_with_names(table, header), signs[:width])


def _likeliest(head: str) -> str:
    """The separator with which most is even, and numbers."""
    evenness = {sign: _evenness(head, sign) for sign in DELIMITERS}
    if evenness["\t"][1] > 0.5:
        # Where tabs part most rows, spaces stand within cells.
        del evenness[" "]
    alike = {sign: of for sign, of in evenness.items() if of[0] > 0 and of[1] == 1 and of[2] > 2}
    return max(alike or evenness, key=lambda sign: evenness[sign])


def _told(head: str) -> str | None:
    """The separator that the first line names; one that separates nothing is named wrongly."""
    found = _SEPARATOR.match(head)
    if found is None or found[0].strip('\r\n "').lower() != f"sep={found[1]}":
        return None
    return found[1] if _evenness(head, found[1])[2] > 1 else None


def _quoted(text: str) -> str:
    """With a keyboard's quotes for those of word processors, and for Excel's ="1.5"."""
    if '"' not in text:
        text = text.translate(_PRINTED_QUOTES)
    return _AS_FORMULA.sub('"', text) if '="' in text else text


def _unbracketed(text: str) -> str:
    """Lists in a list, as Python and NumPy write them, as a line each."""
    if (begin := _LISTS.match(text)) is None:
        return text
    rows = text[begin.end() :]
    if end := _LISTS_END.search(rows):
        rows = rows[: end.start()]
    return _NEXT_LIST.sub("\n", rows)


def _empty_at_end(cells: Sequence[str]) -> int:
    return sum(1 for _ in takewhile(lambda cell: not cell.strip(), reversed(cells)))


def _usual(widths: Counter[int]) -> int:
    return max(widths, key=lambda width: (widths[width], width))


def _head(text: str) -> str:
    """Its first lines."""
    lines = 0
    arff = _ARFF.match(text)
    start = arff.end() if arff else 0
    for _, begin, end in _lines(text):
        lines += end >= start and not text[begin:end].isspace()
        if lines >= FIRST:
            return text[:end]
    return text


def _evenness(text: str, delimiter: str) -> tuple[float, float, int]:
    """How many of the first rows are of one width and how much of them is numbers."""
    rows = [row.cells for row in _rows(text, delimiter) if not row.aside]
    widths = Counter(map(len, rows))
    if not widths or (usual := _usual(widths)) < 2:
        return 0.0, 0.0, 0
    even = widths[usual] / widths.total()
    units = _units(rows)
    cells = chain.from_iterable(enumerate(cells[:MOST_COLUMNS]) for cells in rows)
    numbers = sum(bool(readings(_bare(cell, units.get(column)))) for column, cell in cells)
    return even * numbers / sum(map(len, rows)), even, usual


# -- what stands above the rows -------------------------------------------------------------


def _with_names(table: Table, header: bool | None) -> Table:
    """It with the names of its columns, and which lines stand above its rows."""
    width, aside = table.width, {}
    declared: list[str] = []
    first: list[TableRow] = []
    for row in islice(_rows(table.text, table.delimiter), 1 + FIRST):
        if row.aside:
            aside[row.line] = row.aside
            if name := _ATTRIBUTE.match(row.cells[0]):
                declared.append(next(filter(None, name.groups()), ""))
        elif not row.problem:
            marked = row.cells[0] == "#" and len(row.cells) == width + 1
            first.append(row._replace(cells=row.cells[1:]) if marked else _cut(row, width))
    bare = [
        [_bare(cell, table.units.get(column)) for column, cell in enumerate(row.cells)]
        for row in first
    ]
    numeric = _numeric([cells for cells in bare if len(cells) == width], width)

    def is_data(row: TableRow) -> bool:
        cells = row.cells
        if len(cells) != width:
            return any(map(readings, cells))
        return not numeric or any(
            cells[c].strip()
            and (is_missing(cells[c]) or readings(_bare(cells[c], table.units.get(c))))
            for c in numeric
        )

    above = list(takewhile(lambda row: not is_data(row), first))
    below = first[len(above) :]
    named = _header(above, width) if numeric else None
    if header is None and table.delimiter == ",":
        _check_commas(above, below, named, width)
    if named is None and below and (header or (header is None and _tells_names(below, width))):
        named = below[0]
    if header is False and named is not None:
        above = [row for row in above if row.line < named.line]
    for row in above:
        if row is not named:
            under = named is not None and row.line > named.line
            aside[row.line] = (
                "stands between the names and the rows" if under else "stands above the table"
            )
    named = named if header is not False else None
    if named is None and len(declared) != width:
        return replace(table, aside=aside, names=_with_units([""] * width, table.units))
    cells = declared if named is None else [" ".join(cell.split()) for cell in named.cells[:width]]
    cells = [cell[:LONGEST_NAME] for cell in cells]
    if cells[0].startswith("#") and not (cells[0] == "#" and len(cells) == width):
        cells[0] = cells[0].lstrip("# ")
    names = [""] * (width - len(cells)) + cells
    for row in above if named else ():
        if named and row.line > named.line and len(row.cells) == width:
            units = [cell.strip(" ()[]") for cell in row.cells]
            if all(len(unit) <= LONGEST_UNIT for unit in units):
                names = [
                    f"{name} ({unit})" if unit and column in numeric else name
                    for column, (name, unit) in enumerate(zip(names, units, strict=True))
                ]
    line = named.line if named else max(aside)
    return replace(table, aside=aside, header=line, names=_with_units(names, table.units))


def _with_units(names: Sequence[str], units: Mapping[int, str]) -> tuple[str, ...]:
    """Names that tell the units of their columns, too."""
    return tuple(
        f"{name or f'column {column + 1}'} ({units[column]})"
        if column in units and f"{units[column]}" not in name
        else name
        for column, name in enumerate(names)
    )


def _check_commas(
    above: Sequence[TableRow], below: Sequence[TableRow], named: TableRow | None, width: int
) -> None:
    """Refuse a table whose commas separate cells, and are the sign of decimals as well.

    Raises:
        ValueError: It is such a one: its names are fewer than its cells, and no names of rows.
    """
    row = named or (above[-1] if above else None)
    if row is None or not all(cell.strip() for cell in row.cells):
        return
    names = len(row.cells)
    begins = [row.cells[0].strip() for row in below if len(row.cells) == width]
    repeated = any(map(readings, begins)) and len(set(begins)) < len(begins)
    if (3 <= names < width - 1 and width <= 2 * names) or (names == width - 1 and repeated):
        raise ValueError(
            f"line {row.line} names {names} columns, and most rows have {width} cells: if commas "
            "stand in its numbers too, separate its cells by semicolons"
        )


def _numeric(rows: Sequence[Sequence[str]], width: int) -> list[int]:
    """The columns that have numbers below their first row."""
    found = []
    for column in range(width):
        cells = [row[column] for row in rows]
        numbers = sum(bool(readings(cell)) for cell in cells)
        if 2 * numbers > len(cells) - sum(map(is_missing, cells)) - 1 and numbers:
            found.append(column)
    return found


def _header(above: Sequence[TableRow], width: int) -> TableRow | None:
    """The row with the names: the first that has most of them, or all but that of the rows."""

    def names(row: TableRow) -> int:
        return sum(bool(cell.strip()) for cell in row.cells)

    full = [row for row in above if len(row.cells) == width and names(row) > width / 2]
    plain = [row for row in full if not row.cells[0].startswith("#")]
    short = [row for row in above if len(row.cells) == names(row) == width - 1 > 0]
    return [*plain, *full, *short[-1:], None][0]


def _tells_names(rows: Sequence[TableRow], width: int) -> bool:
    """Whether the first of these tells names although it has numbers where the others have some."""
    first, *below = (row.cells for row in rows if len(row.cells) == width)
    if first is not rows[0].cells or not below:
        return False
    counted = first[1:] if first and not first[0].strip() else first
    texts = [cell.strip() for cell in counted]
    for start in (0, 1):
        if len(texts) > 1 and texts == [str(start + i) for i in range(len(texts))]:
            return any("." in cell or "," in cell for cells in below for cell in cells)
    # A word over a column of two other values, beside numbers that count nothing twice, as years.
    numbers = [text for text in texts if readings(text)]
    if len(set(numbers)) < len(numbers) or not all(map(str.isdecimal, numbers)):
        return False
    for column, cell in enumerate(first):
        values = [cells[column].strip() for cells in below if not is_missing(cells[column])]
        if is_missing(cell) or readings(cell) or len(values) < 4:
            continue
        if len(set(values)) == 2 and cell.strip() not in values:
            return True
    return False


# -- the sign of decimals -------------------------------------------------------------------


def _with_signs(table: Table, columns: Sequence[_Signs]) -> Table:
    """It with the sign of decimals of each column: as the column, else the table, else likely."""
    point, comma = (sum(getattr(column, name) for column in columns) for name in ("point", "comma"))
    signs: list[Decimal | None] = []
    ambiguous: list[Ambiguous] = []
    for index, column in enumerate(columns):
        if column.point or column.comma:
            signs.append("." if column.point >= column.comma else ",")
        elif not column.either:
            signs.append(None)
        else:
            sign = _likely(column, point, comma, table.delimiter)
            signs.append(sign)
            both = _both(plain(column.either))
            other: Decimal = "," if sign == "." else "."
            if table.given is None:
                ambiguous.append(Ambiguous(index, column.either, both[sign], both[other]))
    return replace(table, signs=tuple(signs), ambiguous=tuple(ambiguous))


def _likely(column: _Signs, point: int, comma: int, delimiter: str) -> Decimal:
    """The likelier sign in a column each of whose numbers can be read in two ways."""
    if point != comma:
        return "." if point > comma else ","
    in_groups: Decimal = "." if "," in column.either else ","
    decimals: Decimal = "," if "," in column.either else "."
    # Only of thousands some are written without a sign, namely the hundreds.
    if column.hundreds and not column.others:
        return in_groups
    return in_groups if "," in column.either and delimiter != ";" else decimals
