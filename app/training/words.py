"""What a run shows over the plane, in words and in a small table, for eyes that can't see it.

The boundary is read off a lattice of the output: into which pieces it parts the plane, and which of
them reach its edge.

What if it is too large: the lattice of a large network is coarser, as its pictures are; at most
`MOST_EXAMPLES` examples are listed, and the answer says how many are wrong. How often one may ask
is the host's to say.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from app import wire
from app.schemas import Describe, View
from app.training.run import Confusion, Model, Run
from app.training.session import Session

LATTICE = 97
"""Samples across, of which the pieces are read off."""
TABLE = 9
"""Numbers across, of the table."""
MOST_EXAMPLES = 20
SPECK = 1 / 2000
"""Of the plane: a smaller piece is none."""
STRAIGHT = 0.03
"""Of the plane's width: a line that is nowhere farther from its chord is straight."""
MOST = 2 / 3
"""Of the wrong examples: where so many lie, they mostly lie."""
MOST_NAMED = 3
"""Pieces of a class whose places are named."""

Flags = NDArray[np.bool_]
Kind = Literal["none", "line", "closed", "pieces"]

FIELDS = (
    *("lower left", "bottom", "lower right"),
    *("left", "centre", "right"),
    *("upper left", "top", "upper right"),
)
"""The plane in nine, row by row from below."""
PREPOSITIONS = {"centre": "in", "left": "on", "right": "on"}
SIDES = {
    "in the lower part": (0, 1, 2),
    "in the upper part": (6, 7, 8),
    "on the left side": (0, 3, 6),
    "on the right side": (2, 5, 8),
}
"""Three fields that have one name."""
BESIDE = (
    *("to the right of", "above and to the right of", "above", "above and to the left of"),
    *("to the left of", "below and to the left of", "below", "below and to the right of"),
)
"""Directions, by eighths of a turn from that of x1."""


def described(session: Session, message: Describe, view: View) -> dict[str, Any]:
    """The `described` message of the iteration that the session is at."""
    run = session.runs[message.run]
    examples, model, score = session.examples, run.model, run.score
    reading = None
    told = [_how_it_is(run)]
    if examples.features is None:
        told.append(f"The points have {len(examples.points)} numbers each: there is no plane.")
    elif examples.task == "classification":
        reading = read(_above(model, view))
        told.append(f"{reading.text}.")
    else:
        told.append(_range(model, view, run))
    right = None
    if score.train_confusion is not None:
        right = {"train": _right(score.train_confusion), "test": _right(score.test_confusion)}
        told.append(_tally(right, _wrong_places(session, run, view)))
    else:
        told.append(_costs(score.train_cost, score.test_cost))
    return {
        "type": "described",
        "run": message.run,
        "iteration": run.trainer.iteration,
        "cost": wire.finite(score.train_cost),
        "text": " ".join(filter(None, told)),
        "boundary": reading and reading.told(),
        "right": right,
        "lattice": None if examples.features is None else _table(model, view),
        "wrong": None if score.misclassified is None else int(score.misclassified.sum()),
        "examples": _listed(session, run),
    }


def _how_it_is(run: Run) -> str:
    """What has to be known of a run before anything else; mostly nothing."""
    if run.trainer.diverged is not None:
        at = f"{run.trainer.diverged.iteration:,}"
        return f"The run diverged at iteration {at}; this is how it was before."
    return "" if run.trainer.iteration else "Not trained yet."


# -- the boundary -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Reading:
    """What a boundary is like.

    Attributes:
        kind: `none`, one class all over the plane; `line`, from edge to edge; `closed`, around one
            class, in one place or more; `pieces`, anything else.
        label: The class that is all over the plane, or that the boundary closes around.
        pieces: How many of class 0 and of class 1 the plane is parted into.
        ends: The fields in which a line ends.
        text: All of it in words, without a full stop.
    """

    kind: Kind
    label: int | None
    pieces: tuple[int, int]
    ends: tuple[str, str] | None
    text: str

    def told(self) -> dict[str, Any]:
        """As the message has it."""
        return {
            "kind": self.kind,
            "label": self.label,
            "pieces": list(self.pieces),
            "ends": self.ends and list(self.ends),
        }


def read(above: Flags) -> Reading:
    """What the boundary between samples of class 1 (`above`) and of class 0 is like.

    Args:
        above: Height × width samples of the plane, row 0 at the bottom.
    """
    above = _without_specks(above)
    number = _numbered(above)
    names, first = np.unique(number, return_index=True)
    labels = above.ravel()[first].astype(int)
    edge = np.unique(number[_edge(above.shape)])
    pieces = int(np.sum(labels == 0)), int(np.sum(labels == 1))
    if len(names) == 1:
        label = int(labels[0])
        text = f"No boundary: class {label} all over the plane"
        return Reading("none", label, pieces, None, text)
    if pieces == (1, 1) and len(edge) == 2:
        return _line(above)
    places = [
        [_field_of(*_centre(number == name)) for name in names[labels == label]] for label in (0, 1)
    ]
    for label in (0, 1):
        inside = not np.isin(names[labels == label], edge).any()
        if inside and pieces[1 - label] == 1:
            number_of = f" in {pieces[label]} places" if pieces[label] > 1 else ""
            where = _named(places[label])
            text = f"The boundary closes around class {label}{number_of}{where and ', ' + where}"
            return Reading("closed", label, pieces, None, text)
    counts = [_count_of(pieces[label], label, places[label]) for label in (1, 0)]
    text = f"The boundary parts the plane into {sum(pieces)} pieces: {counts[0]}, and {counts[1]}"
    return Reading("pieces", None, pieces, None, text)


def _count_of(pieces: int, label: int, places: Sequence[str]) -> str:
    # The middle of a piece that winds around others says nothing.
    where = _named(places) if pieces > 1 else ""
    return f"{pieces} of class {label}{where and ' ' + where}"


def _line(above: Flags) -> Reading:
    """A boundary that goes from edge to edge."""
    around = _edge(above.shape)
    seen = above[around]
    (turns,) = np.nonzero(seen != np.roll(seen, -1))
    size = np.array(above.shape) - 1
    p, q = (np.stack([index[turns] for index in around]).T / size)[:2]
    rows, columns = (above[1:] != above[:-1]), (above[:, 1:] != above[:, :-1])
    crossed = np.concatenate([np.argwhere(rows), np.argwhere(columns)]) / size - p
    chord = q - p
    length = max(float(np.hypot(*chord)), 1e-9)
    away = np.abs(crossed[:, 0] * chord[1] - crossed[:, 1] * chord[0]).max() / length
    ends = sorted((_field_of(*p), _field_of(*q)), key=_reading_order)
    bent = "" if away <= STRAIGHT else " bent"
    (up, right) = _centre(above) - _centre(~above)
    eighth = round(math.atan2(up, right) / (math.pi / 4)) % 8
    where = (
        f"from the {ends[0]} to the {ends[1]}"
        if ends[0] != ends[1]
        else f"with both ends {_at(ends[0])}"
    )
    text = f"The boundary is one{bent} line {where}, class 1 {BESIDE[eighth]} it"
    return Reading("line", None, (1, 1), (ends[0], ends[1]), text)


def _reading_order(field: str) -> tuple[int, int]:
    """From left to right, and of what is above each other from below."""
    row, column = divmod(FIELDS.index(field), 3)
    return column, row


def _without_specks(above: Flags) -> Flags:
    """The same, what is smaller than a speck being of the class around it."""
    number = _numbered(above)
    sizes = np.bincount(number.ravel())
    small = sizes[number] < max(2, SPECK * above.size)
    return above ^ small


def _numbered(above: Flags) -> NDArray[np.intp]:
    """A number for each sample, the same for neighbours of the same class."""
    starts = np.ones_like(above)
    starts[:, 1:] = above[:, 1:] != above[:, :-1]
    run = (np.cumsum(starts.ravel()) - 1).reshape(above.shape)
    same = above[1:] == above[:-1]
    root = list(range(int(run[-1, -1]) + 1))

    def find(name: int) -> int:
        while root[name] != name:
            root[name] = name = root[root[name]]
        return name

    for below, here in zip(run[:-1][same].tolist(), run[1:][same].tolist(), strict=True):
        root[find(below)] = find(here)
    numbers: NDArray[np.intp] = np.array([find(name) for name in range(len(root))])[run]
    return numbers


def _edge(shape: tuple[int, ...]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of the samples around the plane, in the order of a walk."""
    height, width = shape
    across, up = np.arange(width), np.arange(1, height - 1)
    rows = [np.zeros(width, int), up, np.full(width, height - 1), up[::-1]]
    columns = [across, np.full(len(up), width - 1), across[::-1], np.zeros(len(up), int)]
    return np.concatenate(rows), np.concatenate(columns)


def _centre(cells: Flags) -> NDArray[np.float64]:
    """The mean place of samples, up and across, as shares of the plane."""
    return np.asarray((np.argwhere(cells) / (np.array(cells.shape) - 1)).mean(axis=0))


# -- places -----------------------------------------------------------------------------------


def _field_of(up: float, across: float) -> str:
    row, column = (min(2, max(0, int(3 * share))) for share in (up, across))
    return FIELDS[3 * row + column]


def _at(field: str) -> str:
    return f"{PREPOSITIONS.get(field, 'at')} the {field}"


def _named(places: Sequence[str]) -> str:
    """Where pieces are; nothing if that would be a long list."""
    different = list(dict.fromkeys(places))
    return _listing([_at(field) for field in different]) if len(different) <= MOST_NAMED else ""


def _listing(words: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def where(fields: Sequence[str]) -> str:
    """Where most of some things lie, if so many are near each other."""
    counts = np.array([fields.count(field) for field in FIELDS])
    most = np.argsort(-counts, kind="stable")
    one, two = ({_listing([_at(FIELDS[f]) for f in most[:n]]): most[:n]} for n in (1, 2))
    for groups, least in ((one, MOST), (two | SIDES, 1), (two | SIDES, MOST)):
        for words, group in groups.items():
            share = counts[list(group)].sum() / len(fields)
            if share >= least:
                return words if share == 1 else f"mostly {words}"
    return "all over the plane"


# -- what is right ----------------------------------------------------------------------------


def _right(confusion: Confusion | None) -> list[int] | None:
    """How many, of how many."""
    if confusion is None:
        return None
    return [confusion[0][0] + confusion[1][1], sum(map(sum, confusion))]


def _tally(right: dict[str, list[int] | None], fields: list[str | None]) -> str:
    """How many are right, and where the wrong ones lie, if there is a plane."""
    told = {name: right[split] for name, split in (("training", "train"), ("test", "test"))}
    parts = {name: _share(name, *counts) for name, counts in told.items() if counts and counts[1]}
    only = len(parts) == 1 and "only" in next(iter(parts.values()))
    said = f"{_listing([*parts.values()])} {'is' if only else 'are'} right".capitalize()
    if fields:
        lies = "ones lie" if len(fields) > 1 else "one lies"
        seen = [field for field in fields if field is not None]
        places = [where(seen)] if seen else []
        if beyond := len(fields) - len(seen):
            places.append(f"{f'{beyond:,} ' if seen else ''}beyond what is shown")
        said += f"; the wrong {lies} {', and '.join(places)}"
    return f"{said}."


def _share(name: str, count: int, of: int) -> str:
    if count == of == 1:
        return f"the only {name} point"
    return f"{f'all {of:,}' if count == of else f'{count:,} of {of:,}'} {name} points"


def _wrong_places(session: Session, run: Run, view: View) -> list[str | None]:
    """The field of each wrong example; None of one beyond the plane, none if there is no plane."""
    wrong = run.score.misclassified
    if wrong is None or session.examples.features is None:
        return []
    x1, x2 = session.examples.points[:, wrong]
    across, up = ((x - low) / (high - low) for x, (low, high) in ((x1, view.x), (x2, view.y)))
    return [
        _field_of(*place) if all(0 <= share <= 1 for share in place) else None
        for place in zip(up.tolist(), across.tolist(), strict=True)
    ]


def _listed(session: Session, run: Run) -> list[dict[str, Any]]:
    """The examples that are most wrong; of a regression, those farthest from their targets."""
    examples, wrong = session.examples, run.score.misclassified
    indices = np.arange(examples.Y.size) if wrong is None else np.flatnonzero(wrong)
    if not indices.size:
        return []
    predicted = run.model.predict(examples.points[:, indices])[0]
    error = np.abs(predicted - examples.Y[0, indices])
    worst = np.argsort(-np.nan_to_num(error, nan=np.inf), kind="stable")[:MOST_EXAMPLES]
    test = set(examples.test.tolist())
    return [
        {
            "example": index,
            "split": "test" if index in test else "train",
            "point": examples.points[:, index].tolist(),
            "label": wire.labels(examples.Y[:, index : index + 1], examples.task)[0],
            "prediction": wire.finite(float(predicted[at])),
        }
        for at, index in zip(worst.tolist(), indices[worst].tolist(), strict=True)
    ]


# -- the plane --------------------------------------------------------------------------------


def _evaluated(model: Model, view: View) -> tuple[NDArray[Any], NDArray[Any]]:
    """ŷ and its z over the plane, as finely as the size of the network allows."""
    network = model.network
    evaluator = wire.evaluator(network, view, model.features or (), LATTICE)
    A, Z = evaluator.pictures(network, [(len(network.layers), 0)])
    return A[-1][0], Z[0]


def _above(model: Model, view: View) -> Flags:
    """Where the network says 1."""
    with np.errstate(invalid="ignore"):
        above: Flags = _evaluated(model, view)[1] >= 0
    return above


def _table(model: Model, view: View) -> dict[str, Any]:
    """ŷ at a few places, row 0 at y = low."""
    x, y = (np.linspace(low, high, TABLE) for low, high in (view.x, view.y))
    x1, x2 = np.meshgrid(x, y)
    y_hat = model.predict(np.stack([x1.ravel(), x2.ravel()])).reshape(TABLE, TABLE)
    values = [[wire.finite(float(f"{value:.4g}")) for value in row] for row in y_hat.tolist()]
    return {"x": x.tolist(), "y": y.tolist(), "values": values}


# -- a regression -----------------------------------------------------------------------------


def _range(model: Model, view: View, run: Run) -> str:
    """From where to where the output goes, and the targets."""
    y_hat = _evaluated(model, view)[0]
    targets = run.examples.Y
    lowest, highest = (
        _field_of(*(np.array(np.unravel_index(at, y_hat.shape)) / (np.array(y_hat.shape) - 1)))
        for at in (int(y_hat.argmin()), int(y_hat.argmax()))
    )
    low, high = _number(float(y_hat.min())), _number(float(y_hat.max()))
    goes = (
        f"ŷ is {low} all over the plane"
        if low == high
        else f"ŷ goes from {low} {_at(lowest)} to {high} {_at(highest)}"
    )
    least, most = _number(targets.min()), _number(targets.max())
    wanted = (
        f"all targets are {least}" if least == most else f"the targets go from {least} to {most}"
    )
    return f"{goes}; {wanted}."


def _costs(train: float, test: float | None) -> str:
    held_out = "" if test is None else f", on the test points {_number(test)}"
    return f"The cost on the training points is {_number(train)}{held_out}."


def _number(value: float) -> str:
    if not math.isfinite(value):
        return "∞"
    large = 1000 <= abs(value) < 1e7
    # 0 has no sign.
    return f"{value + 0.0:{',.0f' if large else '.3g'}}".replace("-", "−")
