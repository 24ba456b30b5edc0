"""Lessons: one Markdown file each, read and checked when the server starts.

docs/lessons.md says how to write one. A file has a front matter of TOML between lines of `+++`,
an introduction, and steps: a heading of the second level each, right below it a code block `toml`
of what the step is, then its text. What is wrong with a file is said with its name and the step
and field, and keeps the server from starting.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, TypeVar

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode
from pydantic import Field, ValidationError

import nncore
from app.content.assets import ROOT, STATIC
from app.errors import InvalidField
from app.schemas import (
    Iterations,
    IterationsPerFrame,
    Range,
    Schema,
    Training,
    TrainRequest,
    check_plan,
)

LESSONS = ROOT / "lessons"
MOST_LESSONS = 200
MOST_STEPS = 99
MOST_BYTES = 100_000

Json = dict[str, Any]
T = TypeVar("T", bound=Schema)


class LessonError(Exception):
    """A lesson's file is not right; the message names the file, and the step and field."""


# -- what a lesson may say ----------------------------------------------------------------------

COMPARISONS = ("below", "at_most", "above", "at_least", "equals")
ENDINGS = ("iterations", "cost", "accuracy", "no_progress", "diverged")


@dataclass(frozen=True)
class Quantity:
    """Something that a condition can look at.

    Attributes:
        of: Where the page finds it: in a frame of the run, in its diagnostics, in what is set up,
            or in what the reader has done since the step began.
        values: The names it can be; (True, False) of a yes or no; empty for numbers.
        layer: Whether a condition on it must, can or can't name a layer.
    """

    of: Literal["frame", "diagnostics", "setup", "done"]
    values: tuple[str | bool, ...] = ()
    layer: Literal["must", "can", "no"] = "no"


QUANTITIES: Mapping[str, Quantity] = MappingProxyType(
    {
        "iteration": Quantity("frame"),
        "train_cost": Quantity("frame"),
        "test_cost": Quantity("frame"),
        "train_accuracy": Quantity("frame"),
        "test_accuracy": Quantity("frame"),
        "ended": Quantity("frame", ENDINGS),
        "saturated": Quantity("diagnostics", layer="must"),
        "dead": Quantity("diagnostics", layer="must"),
        "nonpositive": Quantity("diagnostics", layer="must"),
        "mean": Quantity("diagnostics", layer="must"),
        "gradient_norm": Quantity("diagnostics", layer="must"),
        "dataset": Quantity("setup", tuple(nncore.DATASETS)),
        "hidden_layers": Quantity("setup"),
        "activation": Quantity("setup", tuple(nncore.ACTIVATIONS), "can"),
        "units": Quantity("setup", layer="can"),
        "scheme": Quantity("setup", tuple(nncore.INITIALIZERS)),
        "scale": Quantity("setup"),
        "learning_rate": Quantity("setup"),
        "optimizer": Quantity("setup", tuple(nncore.OPTIMIZERS)),
        "inspected": Quantity("done", ("example", "point", "batch")),
        "checked": Quantity("done", (True, False)),
        "timed": Quantity("done"),
        "swept": Quantity("done"),
        "compared": Quantity("done"),
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


class Choice(Schema):
    """One possible prediction. Its texts are Markdown."""

    text: Annotated[str, Field(min_length=1)]
    right: bool = False
    because: str = ""


class LessonTraining(Training):
    """Like `Training`, but with a million iterations: only the reader ends it."""

    iterations: Iterations = 1_000_000


class LessonRun(TrainRequest):
    """What is set up, and how fast it plays."""

    training: LessonTraining = LessonTraining()
    iterations_per_frame: IterationsPerFrame = 5


class StepWords(Schema):
    """The `toml` block of a step."""

    kind: Literal["predict", "run", "explain"]
    run: LessonRun | None = None
    highlight: list[str] = Field([])
    choices: Annotated[list[Choice], Field(max_length=6)] = Field([])
    until: Annotated[list[Condition], Field(max_length=6)] = Field([])
    hint: str = ""


class FrontMatter(Schema):
    """The front matter of a lesson."""

    title: Annotated[str, Field(min_length=1, max_length=80)]
    part: Annotated[str, Field(min_length=1, max_length=80)]
    minutes: Annotated[int, Range(1, 60)]
    run: LessonRun = LessonRun()
    lock: list[str] = Field([])
    hide: list[str] = Field([])
    highlight: list[str] = Field([])


def _dumped(words: Schema) -> Json:
    # Pydantic can't know that a whole number is a number that the validator lets through.
    return words.model_dump(warnings=False)


# -- a lesson -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class LessonStep:
    """A heading, what it asks for, and its text as nodes."""

    title: str
    words: StepWords
    text: list[Json]

    def as_json(self) -> Json:
        """As JSON."""
        words = self.words
        return {
            **_dumped(words),
            "title": self.title,
            "text": self.text,
            "choices": [
                {"text": line(c.text), "right": c.right, "because": line(c.because)}
                for c in words.choices
            ],
            "until": [condition.model_dump(exclude_none=True) for condition in words.until],
            "hint": line(words.hint),
        }


@dataclass(frozen=True)
class Lesson:
    """One lesson.

    Attributes:
        name: For its address: that of the file, without the number it begins with.
        front: What its front matter says.
        about: The introduction, as nodes.
        steps: In their order.
    """

    name: str
    front: FrontMatter
    about: list[Json]
    steps: tuple[LessonStep, ...]

    def summary(self) -> Json:
        """For the list of lessons."""
        front = self.front.model_dump(include={"title", "part", "minutes"})
        return {"name": self.name, **front, "steps": len(self.steps)}

    def as_json(self) -> Json:
        """All of it as JSON."""
        return {
            **_dumped(self.front),
            **self.summary(),
            "about": self.about,
            "steps": [step.as_json() for step in self.steps],
        }


def lessons_of(*folders: Path) -> dict[str, Lesson]:
    """The lessons of some folders, in the order of their files; a later one replaces an earlier.

    Raises:
        LessonError: something in them is not right.
    """
    lessons: dict[str, Lesson] = {}
    for folder in folders:
        if not folder.is_dir():
            raise LessonError(f"there is no folder of lessons at {folder}")
        here: dict[str, Path] = {}
        for path in sorted(folder.glob("*.md")):
            lesson = read(path)
            if lesson.name in here:
                raise LessonError(f"{path.name}: the lesson {here[lesson.name].name} has this name")
            here[lesson.name] = path
            lessons[lesson.name] = lesson
    if len(lessons) > MOST_LESSONS:
        raise LessonError(f"there are {len(lessons)} lessons; at most {MOST_LESSONS} are kept")
    return lessons


FILE = re.compile(r"(?:\d+-)?([a-z][a-z0-9-]{0,79})\.md")


def read(path: Path) -> Lesson:
    """A lesson from its file.

    Raises:
        LessonError: something in it is not right.
    """
    try:
        match = FILE.fullmatch(path.name)
        if match is None:
            raise LessonError("a file's name is small letters, digits and hyphens: 03-my-lesson.md")
        if path.stat().st_size > MOST_BYTES:
            raise LessonError(f"a lesson may have at most {MOST_BYTES:,} bytes")
        return parse(match[1], path.read_text("utf-8"))
    except LessonError as error:
        raise LessonError(f"{path.name}: {error}") from None
    except (UnicodeDecodeError, OSError) as error:
        raise LessonError(f"{path.name}: {error}") from None


def parse(name: str, source: str) -> Lesson:
    """A lesson from its text.

    Raises:
        LessonError: something in it is not right.
    """
    parts = re.split(r"^\+\+\+[ \t]*\r?$", source, maxsplit=2, flags=re.MULTILINE)
    if len(parts) != 3 or parts[0].strip():
        raise LessonError("it must begin with a front matter of TOML between two lines of +++")
    front = words_of(FrontMatter, parts[1], "front matter")
    check_run(front.run, "front matter: run")
    for field in ("lock", "hide", "highlight"):
        _check_parts(getattr(front, field), f"front matter: {field}")
    about, *sections = _sections(_markdown().parse(parts[2]))
    steps = tuple(_step(number, section) for number, section in enumerate(sections, start=1))
    if not steps:
        raise LessonError("it has no steps: a step is a heading of the second level, ## like this")
    if len(steps) > MOST_STEPS:
        raise LessonError(f"it has {len(steps)} steps; at most {MOST_STEPS} can be shown")
    return Lesson(name, front, [_node(node, "introduction") for node in about], steps)


def _sections(tokens: Sequence[Any]) -> Iterator[list[SyntaxTreeNode]]:
    """The nodes before the first second-level heading, then those from each such heading on."""
    section: list[SyntaxTreeNode] = []
    for node in SyntaxTreeNode(tokens).children:
        if node.type == "heading" and node.tag == "h2":
            yield section
            section = []
        section.append(node)
    yield section


def _step(number: int, section: Sequence[SyntaxTreeNode]) -> LessonStep:
    heading, *rest = section
    where = f"step {number}"
    title = heading.children[0].content
    if not rest or rest[0].type != "fence" or rest[0].info.strip() != "toml":
        raise LessonError(f"{where}: below its heading must be a code block toml with its kind")
    words = words_of(StepWords, rest[0].content, where)
    if words.run is not None:
        check_run(words.run, f"{where}: run")
    _check_parts(words.highlight, f"{where}: highlight")
    _check_kind(words, where)
    for index, condition in enumerate(words.until, start=1):
        _check_condition(condition, f"{where}: until {index}")
    return LessonStep(title, words, [_node(node, where) for node in rest[1:]])


def _check_kind(words: StepWords, where: str) -> None:
    """What belongs to one kind of step belongs to no other."""
    needs = {"predict": "choices", "run": "until"}
    for kind, field in needs.items():
        given = bool(getattr(words, field))
        if given != (words.kind == kind):
            raise LessonError(
                f"{where}: {field} {'belong' if given else 'are missing; they belong'} "
                f"to a step of the kind {kind}"
            )
    if words.kind == "predict":
        if len(words.choices) < 2:
            raise LessonError(f"{where}: choices must be at least two")
        if not any(choice.right for choice in words.choices):
            raise LessonError(f"{where}: one of the choices must be right")


def _check_condition(condition: Condition, where: str) -> None:
    quantity = QUANTITIES.get(condition.quantity)
    if quantity is None:
        raise LessonError(
            f"{where}: quantity must be one of {', '.join(QUANTITIES)}; got {condition.quantity!r}"
        )
    given = [name for name in COMPARISONS if getattr(condition, name) is not None]
    if len(given) != 1:
        raise LessonError(f"{where}: exactly one of {', '.join(COMPARISONS)} must be given")
    if quantity.layer == ("must" if condition.layer is None else "no"):
        needs = "needs a layer" if quantity.layer == "must" else "is of no layer"
        raise LessonError(f"{where}: {condition.quantity} {needs}")
    value = getattr(condition, given[0])
    if quantity.values:
        # To Python, True is 1; to the page it is not.
        if given != ["equals"] or isinstance(value, float) or value not in quantity.values:
            known = ", ".join(map(str, quantity.values)).lower()
            raise LessonError(f"{where}: {condition.quantity} equals one of {known}")
    elif isinstance(value, str | bool):
        raise LessonError(f"{where}: {given[0]} must be a number; {condition.quantity} is one")


def check_run(run: TrainRequest, where: str) -> None:
    """Refuse a run that can't be started.

    Raises:
        LessonError: it can't.
    """
    try:
        check_plan(run.plan(), one_run=True)
    except InvalidField as error:
        raise LessonError(f"{where}.{error.detail}") from None


def _check_parts(names: Iterable[str], where: str) -> None:
    for name in names:
        if name not in parts_of_the_page():
            raise LessonError(
                f"{where}: {name!r} is no part of the page; "
                f"there are {', '.join(sorted(parts_of_the_page()))}"
            )


@cache
def parts_of_the_page() -> frozenset[str]:
    """The names that the page's own table has."""
    table = (STATIC / "js" / "experiment" / "parts.js").read_text("utf-8")
    return frozenset(re.findall(r"\bname: '([a-z0-9-]+)'", table))


def words_of(schema: type[T], toml: str, where: str) -> T:
    """What a piece of TOML says.

    Raises:
        LessonError: it does not fit the schema.
    """
    try:
        return schema.model_validate(tomllib.loads(toml))
    except tomllib.TOMLDecodeError as error:
        raise LessonError(f"{where}: this is no TOML: {error}") from None
    except ValidationError as error:
        found = InvalidField.from_pydantic(error.errors(include_url=False))
        raise LessonError("; ".join(f"{where}: {detail}" for _, detail in found.all)) from None


# -- Markdown as data ---------------------------------------------------------------------------


@cache
def _markdown() -> MarkdownIt:
    # No HTML: a page that draws these nodes can draw nothing else.
    return MarkdownIt("commonmark", {"html": False})


NODES = {
    "paragraph": "paragraph",
    "bullet_list": "list",
    "ordered_list": "list",
    "list_item": "item",
    "strong": "strong",
    "em": "em",
    "link": "link",
}


def line(source: str) -> list[Json]:
    """A line of Markdown as nodes."""
    (inline,) = SyntaxTreeNode(_markdown().parseInline(source)).children
    return [_node(node, "text") for node in inline.children]


def _node(node: SyntaxTreeNode, where: str) -> Json:
    match node.type:
        case "text":
            return {"type": "text", "text": node.content}
        case "code_inline":
            return {"type": "code", "text": node.content}
        case "fence" | "code_block":
            return {"type": "block", "text": node.content}
        case "softbreak":
            return {"type": "text", "text": " "}
        case "hardbreak":
            return {"type": "break"}
    if node.type not in NODES:
        raise LessonError(
            f"{where}: a {node.type.replace('_', ' ')} can't be shown; there are paragraphs, "
            "lists, bold, italics, code and links"
        )
    element: Json = {"type": NODES[node.type]}
    if element["type"] == "list":
        element["ordered"] = node.type == "ordered_list"
    if node.type == "link":
        element["href"] = str(node.attrs["href"])
    # What stands in a line lies one level deeper, in a node that means nothing by itself.
    within = [
        child
        for given in node.children
        for child in (given.children if given.type == "inline" else [given])
    ]
    return {**element, "children": [_node(child, where) for child in within]}
