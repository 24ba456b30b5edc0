"""The documentation as pages, for a class without the internet: docs/ as HTML.

All of it is made when somebody first asks for a page, which takes a tenth of a second, and kept.
Who asks meanwhile waits for that, in a thread of its own.
"""

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from threading import Lock

from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.token import Token

from app.links import server_path
from app.places import ROOT

DOCUMENTS = ROOT / "docs"
FIRST = "using"
"""The one that is shown when nobody asks for another."""
SECTIONS = {
    "Use it": (FIRST, "classroom", "lessons", "embedding"),
    "The mathematics": ("lecture", "nncore"),
    "Run a server": ("operating", "security", "performance"),
    "How it is made": ("protocol", "playground", "releasing"),
}
"""Who reads what, in this order. What is named nowhere comes last."""
FORMULAS = ("lecture",)
"""Where code is the lecture's notation, to be set as in a lesson."""
CONTENTS = "README.md"
"""The page that a folder of them begins with, and that has the folder's name."""
ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:|//", re.IGNORECASE)
_ONE = Lock()


@dataclass(frozen=True)
class Heading:
    """Of a part of a page; `anchor` is its name in a link."""

    level: int
    text: str
    anchor: str


@dataclass(frozen=True)
class Document:
    """A page of the documentation.

    Attributes:
        name: In its address.
        html: Its text; nothing in it is HTML of its own.
        headings: Those below the title.
    """

    name: str
    title: str
    html: str
    headings: Sequence[Heading]

    @property
    def address(self) -> str:
        """Where it is."""
        return server_path(f"/help/{self.name}")

    @property
    def parts(self) -> Sequence[Heading]:
        """The headings that the list beside the page has."""
        return [heading for heading in self.headings if heading.level == 2]

    @property
    def folder(self) -> str:
        """The folder that it lies in; empty for most."""
        return self.name.rpartition("/")[0]


def documents(folder: Path = DOCUMENTS) -> Mapping[str, Document]:
    """All of them by their names, as their sections and then the alphabet have them."""
    with _ONE:
        return _made(folder, server_path("/help"))


def sections(shown: Document, every: Mapping[str, Document]) -> Mapping[str, Sequence[Document]]:
    """What the list beside a page has. A folder is shut, except for those who read in it."""
    places = {name: title for title, names in SECTIONS.items() for name in names}
    last = list(SECTIONS)[-1]
    listed: dict[str, list[Document]] = {title: [] for title in SECTIONS}
    for name, document in every.items():
        if document.folder in {"", shown.name, shown.folder}:
            listed[places.get(name, last)].append(document)
    return listed


def picture(name: str, folder: Path = DOCUMENTS) -> Path | None:
    """The file of a picture that documents show; None if there is none of that name."""
    found = {path.name: path for path in (folder / "images").glob("*.png")}
    return found.get(name)


def anchor(heading: str) -> str:
    """The name that a heading has in a link: the one that code hosts give it, too."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


@cache
def _made(folder: Path, base: str) -> Mapping[str, Document]:
    """The pages; `base` is where they are, and the place of each server is kept apart."""
    found = {_name(path.relative_to(folder).as_posix()): path for path in folder.rglob("*.md")}
    placed = [name for names in SECTIONS.values() for name in names if name in found]
    order = [*placed, *sorted(found.keys() - set(placed))]
    return {name: _document(name, found[name], folder, found.keys()) for name in order}


def _name(path: str) -> str:
    return path.removesuffix(f"/{CONTENTS}").removesuffix(".md")


def _document(name: str, path: Path, folder: Path, names: Iterable[str]) -> Document:
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    for kind, rule in WIDE.items():
        markdown.add_render_rule(kind, rule)
    tokens = markdown.parse(path.read_text("utf-8"))
    title, *headings = _headings(tokens)
    here = path.parent.relative_to(folder).as_posix()
    for token in tokens:
        token.children = list(_led(token.children or (), here, names))
    html = str(markdown.renderer.render(tokens, markdown.options, {}))
    return Document(name, title.text, html, headings)


def _headings(tokens: Sequence[Token]) -> Iterator[Heading]:
    """All of them, each of which gets its name; of two that would have the same, a number too."""
    given: set[str] = set()
    for opening, content in pairwise(tokens):
        if opening.type != "heading_open":
            continue
        first = name = anchor(content.content)
        number = 0
        while name in given:
            number += 1
            name = f"{first}-{number}"
        given.add(name)
        opening.attrSet("id", name)
        text = "".join(child.content for child in content.children or ())
        yield Heading(int(opening.tag[1:]), text, name)


def _led(tokens: Sequence[Token], here: str, names: Iterable[str]) -> Iterator[Token]:
    """A line whose links lead to pages and pictures here; one to any other file is but its text.

    Args:
        here: The folder of its page.
        names: Of all pages.
    """
    dropped = False
    for token in tokens:
        if token.type == "image":
            file = posixpath.normpath(f"{here}/{token.attrs['src']}")
            token.attrSet("src", server_path(f"/help/{file}"))
        elif token.type == "link_open":
            to = _target(str(token.attrs["href"]), here, names)
            dropped = to is None
            if to is None:
                continue
            token.attrSet("href", to)
        elif token.type == "link_close" and dropped:
            continue
        yield token


def _target(to: str, here: str, names: Iterable[str]) -> str | None:
    """Where a link leads; None if that is not here."""
    if to.startswith("#") or ELSEWHERE.match(to):
        return to
    if to.startswith("/"):
        return server_path(to)
    path, mark, place = to.partition("#")
    name = _name(posixpath.normpath(f"{here}/{path}"))
    return server_path(f"/help/{name}{mark}{place}") if name in names else None


def _open_table(*_: object) -> str:
    return '<div class="wide" tabindex="0" role="group" aria-label="Table"><table>\n'


def _close_table(*_: object) -> str:
    return "</table></div>\n"


def _block(_: object, tokens: Sequence[Token], index: int, *others: object) -> str:
    text = escapeHtml(tokens[index].content)
    return f'<pre tabindex="0" role="group" aria-label="Code"><code>{text}</code></pre>\n'


WIDE: Mapping[str, Callable[..., str]] = {
    "table_open": _open_table,
    "table_close": _close_table,
    "fence": _block,
}
"""What may be too wide scrolls in a box of its own, which the keyboard reaches."""
