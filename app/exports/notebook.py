"""A run as a notebook that trains it again, and explains each step as the lecture does.

It is JSON (https://nbformat.readthedocs.io/en/latest/format_description.html), made line by line of
a template; docs/decisions/0024-onnx.md says why without a library. Nothing that anybody wrote
is text in it, only data in code: names are Python's literals.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import nncore
from app.content import marks
from app.exports.code import program
from app.exports.report import reach_of
from app.exports.text import Parts
from app.training.checkpoints import Record
from app.training.run import Change, Edited

IMPORT = "from shallows import nncore"
"""How `nncore` is had where Shallows was installed, and in the repository as well."""

MARK = "%% "
"""Begins a cell, and says of which kind: a key of `CELLS`."""
CELLS: Mapping[str, Mapping[str, Any]] = {
    "markdown": {"cell_type": "markdown", "metadata": {}},
    "code": {"cell_type": "code", "metadata": {}, "execution_count": None, "outputs": []},
    "hidden": {
        "cell_type": "code",
        "metadata": {"jupyter": {"source_hidden": True}},
        "execution_count": None,
        "outputs": [],
    },
}
ABOUT = {
    "metadata": {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    },
    "nbformat": 4,
    "nbformat_minor": 5,
}

STARTS = {
    "small_random": "Weights are normal random numbers times ${scale}$; $g$ is steep at small $Z$.",
    "zeros": "All weights are zero, so all units of a layer stay alike for ever.",
    "xavier": "Weights are normal random numbers of variance $2/(n^{{[l-1]}} + n^{{[l]}})$.",
    "he": "Weights are normal random numbers of variance $2/n^{{[l-1]}}$.",
}
UPDATES = {
    "gradient_descent": (r"\theta := \theta - \alpha \, d\theta", ""),
    "momentum": (
        r"v := 0.9 v + d\theta, \qquad \theta := \theta - \alpha v",
        "Each $v$ starts at 0.",
    ),
    "rmsprop": (
        r"s := 0.9 s + 0.1 (d\theta)^2, \qquad "
        r"\theta := \theta - \alpha \frac{d\theta}{\sqrt{s} + 10^{-8}}",
        "Each $s$ starts at 0.",
    ),
    "adam": (
        r"v := 0.9 v + 0.1 \, d\theta, \qquad s := 0.999 s + 0.001 (d\theta)^2, \qquad "
        r"\theta := \theta - \alpha \frac{v / (1 - 0.9^t)}{\sqrt{s / (1 - 0.999^t)} + 10^{-8}}",
        "Each $v$ and $s$ starts at 0, and $t$ counts the updates from 1.",
    ),
}
"""How each optimizer changes θ, and what its formula does not say."""


def notebook(record: Record) -> Parts:
    """The notebook, in pieces."""
    plan = record.run_plan
    start = plan.network.initialization
    batch_size = plan.training.batch_size
    update, memory = UPDATES[plan.training.optimizer]
    parts = program(
        "notebook",
        record,
        record.initial,
        nncore=IMPORT,
        plan=record.plan,
        run=plan,
        training=plan.training,
        activations=[_activation(g) for g in record.network.activations],
        start=STARTS[start.scheme].format(scale=_tex(start.scale)),
        update=update,
        memory=memory,
        tex=_tex,
        batches=batch_size is not None and batch_size < record.examples.train.size,
        stop_of=_stop,
        statement=_statement,
        reach=reach_of(record),
        ramp=marks.scale(marks.RAMP),
        targets=marks.scale(marks.TARGETS),
        classes=[(label, mark.symbol, mark.colour) for label, mark in enumerate(marks.MARKS)],
    )
    yield '{"cells": ['
    yield from _cells(_lines(parts))
    yield f"], {json.dumps(ABOUT)[1:]}\n"


def _lines(parts: Parts) -> Iterator[str]:
    rest = ""
    for part in parts:
        *whole, rest = f"{rest}{part!s}".split("\n")
        yield from whole
    yield rest


def _cells(lines: Iterable[str]) -> Parts:
    """Cells of lines; those that are empty count only between others."""
    number, before = 0, ""
    for line in lines:
        if line.startswith(MARK):
            yield "]}, " if number else ""
            number, before = number + 1, ""
            words = {"id": f"cell-{number}", **CELLS[line.removeprefix(MARK)]}
            yield f'{json.dumps(words)[:-1]}, "source": ['
        elif line:
            yield (", " if before else "") + json.dumps(before + line)
            before = "\n"
        elif before:
            before += "\n"
    yield "]}"


def _tex(value: float) -> str:
    """A number in a formula, where 1e-05 would be read as 1e − 05."""
    digits, _, power = repr(value).partition("e")
    return f"{digits} \\cdot 10^{{{int(power)}}}" if power else digits


def _activation(g: nncore.Activation) -> str:
    """An activation, in Python."""
    return repr(g.name) if g.slope is None else f"nncore.leaky_relu({g.slope!r})"


def _stop(stop: nncore.Stop) -> str:
    """Conditions to stop, in Python."""
    return f"nncore.{stop!r}"


def _statement(change: Change) -> str:
    """A change, in Python."""
    if isinstance(change.value, Edited):
        layer, unit, input, value, frozen = change.value
        return f"trainer.edit({layer}, {unit}, {input}, {value=!r}, {frozen=!r})"
    given = _stop(change.value) if isinstance(change.value, nncore.Stop) else repr(change.value)
    return f"trainer.{change.name} = {given}"
