"""Text, some at a time: a million numbers are never in memory as a whole.

Each number has as many digits as it takes to read the same one back. Generators yield texts
and bytes, which belong one after the other.
"""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template, select_autoescape
from numpy.typing import NDArray
from pydantic_core import to_json

from app import wire
from app.content.assets import TEMPLATES

Parts = Iterator[str | bytes]

MOST_AT_ONCE = 4_096


def numbers(values: NDArray[Any]) -> Parts:
    """A list of numbers as JSON; null for what is not finite."""
    yield "["
    for start in range(0, len(values), MOST_AT_ONCE):
        part = values[start : start + MOST_AT_ONCE]
        chunk = part.tolist()
        text = json.dumps(chunk if np.isfinite(part).all() else list(map(wire.finite, chunk)))
        yield ("" if start == 0 else ", ") + text[1:-1]
    yield "]"


def rows(table: NDArray[Any]) -> Parts:
    """A matrix as JSON, row by row."""
    step = max(1, MOST_AT_ONCE // max(1, table.shape[1]))
    yield "["
    for start in range(0, len(table), step):
        yield ("" if start == 0 else ", ") + json.dumps(table[start : start + step].tolist())[1:-1]
    yield "]"


def an_object(**parts: object) -> Parts:
    """An object of JSON; its values are plain data, or such texts of JSON."""
    for index, (name, value) in enumerate(parts.items()):
        yield f"{'{' if index == 0 else ', '}{json.dumps(name)}: "
        if isinstance(value, Iterator):
            yield from value
        else:
            yield to_json(value, inf_nan_mode="null")
    yield "}"


def counted(many: int, one: str) -> str:
    """How many there are of something: "1 iteration", "1,200 iterations"."""
    return f"{many:,} {one}{'' if many == 1 else 's'}"


@cache
def template(name: str) -> Template:
    """One of `templates/`; of HTML, what is put in is escaped."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["counted"] = counted
    return environment.get_template(name)
