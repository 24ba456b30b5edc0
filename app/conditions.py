"""Conditions of lessons and tasks: what they can look at, and whether they hold. One definition.

The page checks the same conditions (`static/js/lessons/quantities.js`); tests/js/conditions.test.js
holds the two together, quantity by quantity. Nothing here knows a session; it is given facts.

All values that a quantity has must meet a condition; a quantity that has none meets none.
"""

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated, Any, Literal

import nncore
from app.errors import InvalidField
from app.schemas import Range, Schema

Value = float | str | bool
OWN = "own"
"""The dataset that is the reader's own points."""
ENDINGS = ("iterations", "cost", "accuracy", "no_progress", "diverged")


@dataclass(frozen=True)
class LayerFacts:
    """What the activation lab shows of a layer, as frames have it; None is no finite number."""

    saturated: float | None
    dead: int
    nonpositive: float | None
    mean: float | None
    gradient_norm: float | None


@dataclass(frozen=True)
class Facts:
    """What a condition is checked against: the first run of a session, as its frames tell it.

    Attributes:
        ended: Why it is over; None while it is not.
        layers: Units and activation of each hidden layer.
        diagnostics: Of each layer, the output layer last; empty if nobody looked.
        done: What its reader has done. Only the page knows.
        points: The name of its points: the same for all sessions on the same ones.
        given: Whether it began with parameters that were given to it.
        edited: Whether parameters were edited by hand since iteration 0.
    """

    iteration: int
    train_cost: float | None
    test_cost: float | None
    train_accuracy: float | None
    test_accuracy: float | None
    ended: str | None
    dataset: str
    layers: tuple[tuple[int, str], ...]
    scheme: str
    scale: float
    learning_rate: float
    optimizer: str
    diagnostics: tuple[LayerFacts, ...] = ()
    done: Mapping[str, Value] = field(default_factory=dict)
    points: str = ""
    given: bool = False
    edited: bool = False


Read = Callable[[Facts, int | None], Iterable[Value | None]]


@dataclass(frozen=True)
class Quantity:
    """Something that a condition can look at.

    Attributes:
        of: Where it is found: in a frame of the run, in its diagnostics, in what is set up, or in
            what the reader has done since the step began.
        part: Of the page, where it is seen.
        read: The values that it has; a layer, if one is named, counts from 1.
        values: The names it can be; (True, False) of a yes or no; empty for numbers.
        layer: Whether a condition on it must, can or can't name a layer.
    """

    of: Literal["frame", "diagnostics", "setup", "done"]
    part: str
    read: Read
    values: tuple[str | bool, ...] = ()
    layer: Literal["must", "can", "no"] = "no"


def _plain(name: str) -> Read:
    return lambda facts, layer: [getattr(facts, name)]


def _frame(name: str, part: str, values: tuple[str, ...] = ()) -> Quantity:
    return Quantity("frame", part, _plain(name), values)


def _diagnosed(name: str) -> Quantity:
    def read(facts: Facts, layer: int | None) -> Iterable[Value | None]:
        here = 1 if layer is None else layer
        return [getattr(each, name) for each in facts.diagnostics[here - 1 : here]]

    return Quantity("diagnostics", "activations", read, layer="must")


def _of_layers(part: str, index: int, values: tuple[str, ...] = ()) -> Quantity:
    def read(facts: Facts, layer: int | None) -> Iterable[Value | None]:
        chosen = facts.layers if layer is None else facts.layers[layer - 1 : layer]
        return [each[index] for each in chosen]

    return Quantity("setup", part, read, values, "can")


def _setup(name: str, part: str, values: tuple[str, ...] = ()) -> Quantity:
    return Quantity("setup", part, _plain(name), values)


def _done(name: str, part: str, values: tuple[str | bool, ...] = ()) -> Quantity:
    return Quantity("done", part, lambda facts, layer: [facts.done.get(name)], values)


QUANTITIES: Mapping[str, Quantity] = MappingProxyType(
    {
        "iteration": _frame("iteration", "readouts"),
        "train_cost": _frame("train_cost", "cost"),
        "test_cost": _frame("test_cost", "cost"),
        "train_accuracy": _frame("train_accuracy", "output"),
        "test_accuracy": _frame("test_accuracy", "output"),
        "ended": _frame("ended", "cost", ENDINGS),
        "saturated": _diagnosed("saturated"),
        "dead": _diagnosed("dead"),
        "nonpositive": _diagnosed("nonpositive"),
        "mean": _diagnosed("mean"),
        "gradient_norm": _diagnosed("gradient_norm"),
        "dataset": _setup("dataset", "dataset", tuple(nncore.DATASETS)),
        "hidden_layers": Quantity("setup", "depth", lambda facts, layer: [len(facts.layers)]),
        "activation": _of_layers("activation", 1, tuple(nncore.ACTIVATIONS)),
        "units": _of_layers("layers", 0),
        "scheme": _setup("scheme", "init", tuple(nncore.INITIALIZERS)),
        "scale": _setup("scale", "init"),
        "learning_rate": _setup("learning_rate", "rate"),
        "optimizer": _setup("optimizer", "optimizer", tuple(nncore.OPTIMIZERS)),
        "inspected": _done("inspected", "microscope", ("example", "point", "batch")),
        "checked": _done("checked", "microscope", (True, False)),
        "timed": _done("timed", "timing"),
        "swept": _done("swept", "compare"),
        "compared": _done("compared", "compare"),
    }
)


def _same(fact: Any, value: Any) -> bool:
    # To Python, True is 1; to the page it is not.
    return isinstance(fact, bool) == isinstance(value, bool) and bool(fact == value)


COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = MappingProxyType(
    {
        "below": operator.lt,
        "at_most": operator.le,
        "above": operator.gt,
        "at_least": operator.ge,
        "equals": _same,
    }
)


class Condition(Schema):
    """A quantity and exactly one comparison, checked against the live run."""

    quantity: str
    layer: Annotated[int, Range(1, 9)] | None = None
    below: float | None = None
    at_most: float | None = None
    above: float | None = None
    at_least: float | None = None
    equals: float | str | bool | None = None

    @property
    def asked(self) -> tuple[str, Value]:
        """The comparison, and with what."""
        return next(
            (name, value) for name in COMPARISONS if (value := getattr(self, name)) is not None
        )

    @property
    def of(self) -> Literal["frame", "diagnostics", "setup", "done"]:
        """Where its quantity is found."""
        return QUANTITIES[self.quantity].of

    @property
    def is_the_pages(self) -> bool:
        """Whether only the page can know."""
        return self.of == "done"


def check_condition(condition: Condition) -> None:
    """Refuse what no run could be asked.

    Raises:
        InvalidField: The first thing that is not right.
    """
    quantity = QUANTITIES.get(condition.quantity)
    if quantity is None:
        known = ", ".join(QUANTITIES)
        raise InvalidField(
            f"quantity must be one of {known}; got {condition.quantity!r}", "quantity"
        )
    given = [name for name in COMPARISONS if getattr(condition, name) is not None]
    if len(given) != 1:
        raise InvalidField(f"exactly one of {', '.join(COMPARISONS)} must be given", "quantity")
    if quantity.layer == ("must" if condition.layer is None else "no"):
        needs = "needs a layer" if quantity.layer == "must" else "is of no layer"
        raise InvalidField(f"{condition.quantity} {needs}", "layer")
    value = getattr(condition, given[0])
    if quantity.values:
        if given != ["equals"] or not any(_same(value, name) for name in quantity.values):
            known = ", ".join(map(str, quantity.values)).lower()
            raise InvalidField(f"{condition.quantity} equals one of {known}", given[0])
    elif isinstance(value, str | bool):
        raise InvalidField(f"{given[0]} must be a number; {condition.quantity} is one", given[0])


def holds(condition: Condition, facts: Facts) -> bool:
    """Whether all values that its quantity has meet a condition, and there is one."""
    comparison, value = condition.asked
    read = QUANTITIES[condition.quantity].read(facts, condition.layer)
    values = [fact for fact in read if fact is not None]
    return bool(values) and all(COMPARISONS[comparison](fact, value) for fact in values)


def met(until: Sequence[Condition], facts: Facts) -> bool:
    """Whether all that the server can see of some conditions holds at once."""
    return all(condition.is_the_pages or holds(condition, facts) for condition in until)


def needs_diagnostics(until: Iterable[Condition]) -> bool:
    """Whether facts must carry diagnostics for them."""
    return any(condition.of == "diagnostics" for condition in until)
