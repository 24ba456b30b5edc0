"""Lessons: one Markdown file each, read and checked when the server starts.

docs/lessons.md says how to write one. A file has a front matter of TOML between lines of `+++`,
an introduction, and steps: a heading of the second level each, right below it a code block `toml`
of what the step is, then its text. What is wrong with a file is said with its name and the step
and field, in the log and where lessons are listed; the others are there all the same.
"""

import os
import re
import stat
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from types import MappingProxyType
from typing import Annotated, Any, Literal, TypeVar

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode
from pydantic import Field, ValidationError

from app.conditions import QUANTITIES, Condition, check_condition
from app.content.assets import STATIC
from app.errors import InvalidField
from app.places import ROOT
from app.schemas import (
    Iterations,
    IterationsPerFrame,
    OwnData,
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
MOST_FILES = 2_000
"""In a folder of lessons and those within it; what is beyond is not looked at, and that is said."""
MOST_UNREAD = 100
"""Files whose mistakes are told."""
MOST_SHOWN = 4  # more than fit on a small screen beside the text
MOST_IN_PICTURE = 80
"""Own points of a lesson that its small picture in the list has."""

Json = dict[str, Any]
T = TypeVar("T", bound=Schema)


class LessonError(Exception):
    """A lesson's file is not right; the message names the file, and the step and field."""


# -- what a lesson may say ----------------------------------------------------------------------


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
    shows: Annotated[list[str], Field(max_length=MOST_SHOWN)] = Field([])
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
    """A heading, what it asks for, and its text as nodes.

    Attributes:
        shows: Parts of the page that are seen together with the text.
    """

    title: str
    words: StepWords
    shows: tuple[str, ...]
    text: list[Json]

    def as_json(self) -> Json:
        """As JSON."""
        words = self.words
        return {
            **_dumped(words),
            "title": self.title,
            "text": self.text,
            "shows": list(self.shows),
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
        return {**self._named(), "steps": len(self.steps), "start": self._start()}

    def _named(self) -> Json:
        front = self.front.model_dump(include={"title", "part", "minutes"})
        return {"name": self.name, **front}

    def _start(self) -> Json:
        """What a small picture shows of the run it begins with: data and layers, and no more."""
        run = self.steps[0].words.run or self.front.run
        data, count = run.data, MOST_IN_PICTURE
        if isinstance(data, OwnData):
            # Drawn by lot: a part of them may be of one class.
            every = range(len(data.points))
            some = sorted(Random(0).sample(every, min(count, len(every))))
            seen: Json = {
                "points": data.points.rows[some, :2].tolist(),
                "labels": [data.labels[index] for index in some],
                "task": data.task,
            }
        else:
            seen = {"dataset": data.dataset}
        if data.features:
            seen["features"] = data.features
        layers = [_dumped(layer) for layer in run.network.layers]
        return {"data": seen, "network": {"layers": layers}}

    def as_json(self) -> Json:
        """All of it as JSON."""
        return {
            **_dumped(self.front),
            **self._named(),
            "about": self.about,
            "steps": [step.as_json() for step in self.steps],
        }


@dataclass(frozen=True)
class Unread:
    """A file that is no lesson, and why."""

    file: str
    detail: str


class Lessons(dict[str, Lesson]):
    """Lessons by their names, and what beside them can't be read."""

    def __init__(self) -> None:
        super().__init__()
        self.unread: list[Unread] = []

    def leave_out(self, file: str, detail: str) -> None:
        """A file is no lesson: that is told, of so many."""
        if len(self.unread) < MOST_UNREAD:
            self.unread.append(Unread(file, detail))


def lessons_of(*folders: Path) -> Lessons:
    """The lessons of some folders, in the order of their files; a later one replaces an earlier.

    A file that is wrong is told in `unread`, and the others are lessons all the same.

    Raises:
        LessonError: there is no such folder.
    """
    lessons = Lessons()
    for folder in folders:
        if not folder.is_dir():
            raise LessonError(f"there is no folder of lessons at {folder}")
        here: dict[str, str] = {}
        for path in _files(folder, lessons):
            name = path.relative_to(folder).as_posix()
            try:
                lesson = read(path)
                if lesson.name in here:
                    raise LessonError(f"the lesson {here[lesson.name]} has this name")
                if len(lessons) >= MOST_LESSONS and lesson.name not in lessons:
                    raise LessonError(f"there are {MOST_LESSONS} lessons, and no more are kept")
            except LessonError as error:
                lessons.leave_out(name, str(error))
                continue
            here[lesson.name] = name
            lessons[lesson.name] = lesson
    return lessons


def _files(folder: Path, lessons: Lessons) -> list[Path]:
    """What may be lessons in a folder and those within it, in order; what is hidden is not."""
    found: list[Path] = []
    looked_at = 0

    def say(path: Path, detail: str) -> None:
        lessons.leave_out(path.relative_to(folder).as_posix(), detail)

    def unreadable(error: OSError) -> None:
        say(Path(error.filename), f"it can't be read: {error.strerror}")

    for here, folders, files in os.walk(folder, onerror=unreadable):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for link in (Path(here, name) for name in folders):
            if link.is_symlink():
                say(link, "it is a link to a folder, and what is in it is not looked at")
        looked_at += len(files) + len(folders)
        found += [Path(here, name) for name in files if LIKE_A_LESSON.search(name)]
        if looked_at > MOST_FILES:
            # In any case: nobody would know of the others.
            lessons.unread.append(
                Unread(".", f"it has more than {MOST_FILES:,} files; the others are not looked at")
            )
            break
    return sorted(found, key=lambda path: path.relative_to(folder).as_posix().lower())


FILE = re.compile(r"(?:\d+-)?([a-z][a-z0-9-]{0,79})\.(?i:md)")
LIKE_A_LESSON = re.compile(r"\.(md|markdown|md\.txt)$", re.IGNORECASE)


def read(path: Path) -> Lesson:
    """A lesson from its file.

    Raises:
        LessonError: something in it is not right.
    """
    if path.name.startswith("."):
        raise LessonError("this is a system's own note beside a file, and no lesson")
    match = FILE.fullmatch(path.name)
    if match is None:
        raise LessonError("a file's name is small letters, digits and hyphens: 03-my-lesson.md")
    try:
        # Of a pipe or a device there would be no end.
        if not stat.S_ISREG(path.stat().st_mode):
            raise LessonError("it is no file")
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise LessonError(f"a lesson may have at most {MOST_BYTES:,} bytes")
        text = data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
        return parse(match[1], text)
    except UnicodeDecodeError as error:
        raise LessonError(f"it is not saved as UTF-8: {error}") from None
    except OSError as error:
        # Its own words have the folder, which is nobody's business.
        raise LessonError(f"it can't be read: {error.strerror}") from None


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
    steps = tuple(_step(number, section, front) for number, section in enumerate(sections, start=1))
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


def _step(number: int, section: Sequence[SyntaxTreeNode], front: FrontMatter) -> LessonStep:
    heading, *rest = section
    where = f"step {number}"
    title = heading.children[0].content
    if not rest or rest[0].type != "fence" or rest[0].info.strip() != "toml":
        raise LessonError(f"{where}: below its heading must be a code block toml with its kind")
    words = words_of(StepWords, rest[0].content, where)
    if words.run is not None:
        check_run(words.run, f"{where}: run")
    for field in ("highlight", "shows"):
        _check_parts(getattr(words, field), f"{where}: {field}")
    _check_kind(words, where)
    for index, condition in enumerate(words.until, start=1):
        _check_condition(condition, f"{where}: until {index}")
    _check_shown(words.shows, front.hide, f"{where}: shows")
    text = [_node(node, where) for node in rest[1:]]
    return LessonStep(title, words, _shown(words, front), text)


def _shown(words: StepWords, front: FrontMatter) -> tuple[str, ...]:
    """What a step shows: as it says, else what it points out, asks for, or what the output is."""
    if words.shows:
        return tuple(dict.fromkeys(words.shows))
    asked = [QUANTITIES[condition.quantity].part for condition in words.until]
    names = words.highlight or asked or front.highlight or ["output"]
    panels = [name for name in names if parts_of_the_page()[name] == "drawer"]
    fit = [n for n in names if not _is_hidden(n, front.hide) and n not in panels[1:]]
    return tuple(dict.fromkeys(fit))[:MOST_SHOWN]


def _is_hidden(name: str, hidden: Sequence[str]) -> bool:
    return name in hidden or parts_of_the_page()[name] in hidden


def _check_shown(names: Sequence[str], hidden: Sequence[str], where: str) -> None:
    """What is to be shown is there, and all of it at once."""
    for name in names:
        if _is_hidden(name, hidden):
            raise LessonError(f"{where}: {name} is a part that the lesson hides")
    panels = [name for name in names if parts_of_the_page()[name] == "drawer"]
    if len(panels) > 1:
        raise LessonError(f"{where}: one panel at a time; {' and '.join(panels)} are two")


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
    try:
        check_condition(condition)
    except InvalidField as error:
        raise LessonError(f"{where}: {error.detail}") from None


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
def parts_of_the_page() -> Mapping[str, str | None]:
    """The names that the page's own table has, and the section that each belongs to."""
    table = (STATIC / "js" / "experiment" / "parts.js").read_text("utf-8")
    rows = re.findall(r"\{\s*name: '([a-z0-9-]+)'([^}]*)\}", table)
    within = {name: re.search(r"within: '([a-z0-9-]+)'", rest) for name, rest in rows}
    return MappingProxyType({name: found and found[1] for name, found in within.items()})


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
