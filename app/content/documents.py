"""The documentation as pages, for a class without the internet: docs/*.md as HTML."""

import re
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from app.links import server_path
from app.places import ROOT

DOCUMENTS = ROOT / "docs"
FIRST = "using"
"""The one that is shown when nobody asks for another."""
ELSEWHERE = re.compile(r"[a-z]+:|#|/")


@dataclass(frozen=True)
class Document:
    """A page of the documentation."""

    path: Path

    @cached_property
    def title(self) -> str:
        """Its first heading."""
        return self._source.partition("\n")[0].removeprefix("# ")

    @cached_property
    def html(self) -> str:
        """Its text; nothing in it is HTML of its own."""
        markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
        tokens = markdown.parse(self._source)
        for before, after in pairwise(tokens):
            if before.type == "table_open":
                before.attrSet("tabindex", "0")  # It scrolls where it is too wide.
            if before.type == "heading_open":
                before.attrSet("id", anchor(after.content))
            for token in after.children or ():
                _redirect(token)
        return str(markdown.renderer.render(tokens, markdown.options, {}))

    @property
    def _source(self) -> str:
        return self.path.read_text("utf-8")


def documents(folder: Path = DOCUMENTS) -> dict[str, Document]:
    """All of them, by their names in addresses; the one to begin with comes first."""
    paths = sorted(folder.glob("*.md"), key=lambda path: (path.stem != FIRST, path.stem))
    return {path.stem: Document(path) for path in paths}


def picture(name: str, folder: Path = DOCUMENTS) -> Path | None:
    """The file of a picture that documents show; None if there is none of that name."""
    found = {path.name: path for path in (folder / "images").glob("*.png")}
    return found.get(name)


def anchor(heading: str) -> str:
    """The name that a heading has in a link: the one that code hosts give it, too."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def _redirect(token: Token) -> None:
    """A link to another of these pages leads there; one to a file that is not here is none."""
    if token.type == "image":
        token.attrSet("src", server_path(f"/help/{token.attrs['src']}"))
    if token.type != "link_open":
        return
    to = str(token.attrs["href"])
    if ELSEWHERE.match(to):
        return
    name, mark, place = to.partition("#")
    if "/" not in name and name.endswith(".md"):
        token.attrSet("href", server_path(f"/help/{name.removesuffix('.md')}{mark}{place}"))
    else:
        del token.attrs["href"]
