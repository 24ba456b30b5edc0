"""Protocol Buffers, as far as a file of ONNX needs them: messages written, and read with bounds.

A field is its number and its kind, then a whole number, four or eight bytes, or a length and so
many bytes (https://protobuf.dev/programming-guides/encoding/). What is nested is read when it is
asked for. What if a file is full: its messages have `MOST_FIELDS` fields together, and one that has
more is refused before the others are read. 2 MB of empty messages make a million objects in the
library.
"""

from collections.abc import Iterator
from typing import TypeVar

T = TypeVar("T")

NUMBER, EIGHT_BYTES, BYTES, FOUR_BYTES = 0, 1, 2, 5
MOST_FIELDS = 5_000
"""Our largest network has 300."""
LONGEST = 10
"""Bytes of a whole number."""
UNREADABLE = "it can't be read: it is not built as it says"


def written(*fields: tuple[int, int | str | bytes]) -> bytes:
    """A message of these fields: a number from 0 on, a text, or bytes (a message, too)."""
    message = bytearray()
    for number, value in fields:
        if isinstance(value, int):
            message += _number(number << 3 | NUMBER) + _number(value)
        else:
            content = value.encode() if isinstance(value, str) else value
            message += _number(number << 3 | BYTES) + _number(len(content)) + content
    return bytes(message)


def _number(value: int) -> bytes:
    """Seven bits a byte, the lowest first; the eighth says that more come."""
    digits = bytearray()
    while value > 0x7F:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    digits.append(value)
    return bytes(digits)


class Message:
    """A message that was read: its fields by their numbers.

    Args:
        data: All of it.
        left: How many more fields may be read of the file, one each; shared with those within.

    Raises:
        ValueError: it is not one, or there are too many fields.
    """

    def __init__(self, data: bytes | memoryview, left: Iterator[int] | None = None) -> None:
        self._left = iter(range(MOST_FIELDS)) if left is None else left
        self._fields: dict[int, list[int | memoryview]] = {}
        for number, value in _fields(memoryview(data)):
            self._count()
            self._fields.setdefault(number, []).append(value)

    def _count(self) -> None:
        if next(self._left, None) is None:
            raise ValueError(f"it has more than {MOST_FIELDS:,} entries")

    def numbers(self, field: int) -> list[int]:
        """Whole numbers, one by one or packed."""
        found: list[int] = []
        for value in self._fields.get(field, ()):
            if isinstance(value, int):
                found.append(value)
                continue
            at = 0
            while at < len(value):
                self._count()
                number, at = _read_number(value, at)
                found.append(number)
        return [value - (1 << 64) if value >> 63 else value for value in found]

    def number(self, field: int, default: int = 0) -> int:
        """A whole number."""
        return _single(self.numbers(field), default)

    def contents(self, field: int) -> list[memoryview]:
        """The bytes of each entry."""
        values = self._fields.get(field, [])
        found = [value for value in values if isinstance(value, memoryview)]
        if len(found) < len(values):
            raise ValueError(UNREADABLE)
        return found

    def content(self, field: int) -> memoryview | None:
        """Bytes, if there are any."""
        contents = self.contents(field)
        return _single(contents, contents[0]) if contents else None

    def texts(self, field: int) -> list[str]:
        """Texts."""
        return [str(content, "utf-8") for content in self.contents(field)]

    def text(self, field: int) -> str:
        """A text; an empty one if there is none."""
        return _single(self.texts(field), "")

    def messages(self, field: int) -> "Iterator[Message]":
        """The messages of a field, one after the other."""
        return (Message(content, self._left) for content in self.contents(field))

    def message(self, field: int) -> "Message":
        """A message; an empty one if there is none."""
        return Message(self.content(field) or b"", self._left)


def _single(values: list[T], default: T) -> T:
    if len(values) > 1:
        raise ValueError("it can't be read: it says twice what can be said once")
    return values[0] if values else default


def _fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    at = 0
    while at < len(data):
        head, at = _read_number(data, at)
        number, kind = head >> 3, head & 7
        if kind == NUMBER:
            value, at = _read_number(data, at)
            yield number, value
            continue
        if kind == BYTES:
            size, at = _read_number(data, at)
        elif kind in (EIGHT_BYTES, FOUR_BYTES):
            size = 8 if kind == EIGHT_BYTES else 4
        else:
            raise ValueError(UNREADABLE)
        if size > len(data) - at:
            raise ValueError(UNREADABLE)
        yield number, data[at : at + size]
        at += size


def _read_number(data: memoryview, at: int) -> tuple[int, int]:
    """A whole number that begins there, and where the next thing begins."""
    value = 0
    for index, byte in enumerate(data[at : at + LONGEST]):
        value |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            if value >> 64:
                break
            return value, at + index + 1
    raise ValueError(UNREADABLE)
