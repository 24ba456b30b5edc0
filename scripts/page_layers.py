"""Sees to it that arrows between the folders of static/js run down only: `make lint` runs it.

No two modules have one name, either. Types count as arrows: who reads one has to know the folder
that it is from. They are why this is no rule of Biome's, which does not look into comments. Circles
within a folder are Biome's to find.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

TOP = "(on top)"
# A folder may use those in the rows below its own. One that is in no row may use none, nor be used.
LAYERS = (
    ("main.js",),
    ("classroom",),
    ("labs", "lessons"),
    ("views",),
    ("store",),
    ("stream",),
    ("painting", "experiment"),
    (TOP,),
    ("types",),
)
LAYER = {folder: layer for layer, row in enumerate(LAYERS) for folder in row}
ARROW = re.compile(r"(?:\bfrom|\bimport|\bimport\s*\(|\bURL\s*\()\s*(['\"`])(\.[^'\"`]*)\1")


def folder_of(path: PurePosixPath) -> str:
    """The row that a file of static/js belongs to, by its path within."""
    if len(path.parts) > 1:
        return path.parts[0]
    return "main.js" if path.name == "main.js" else TOP


def resolved(path: PurePosixPath, target: str) -> PurePosixPath:
    """Where a relative address leads; with leading .. if that is outside static/js."""
    parts = list(path.parent.parts)
    for part in PurePosixPath(target).parts:
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        else:
            parts.append(part)
    return PurePosixPath(*parts)


def faults(root: Path) -> Iterator[str]:
    """One sentence for each arrow that does not run down, and each name that there is already."""
    names: dict[str, PurePosixPath] = {}
    for file in sorted(file for file in root.rglob("*") if file.suffix in {".js", ".ts"}):
        path = PurePosixPath(file.relative_to(root).as_posix())
        if (first := names.setdefault(path.name, path)) != path:
            yield f"{path}: {first} has that name already"
        source = folder_of(path)
        if source not in LAYER:
            yield f"{path}: {source} is in no row of the table"
            continue
        for found in ARROW.finditer(file.read_text("utf-8")):
            target = resolved(path, found[2])
            if target.parts[:2] == ("..", "vendor"):
                continue
            goal = folder_of(target)
            if goal != source and (goal not in LAYER or LAYER[goal] <= LAYER[source]):
                yield f"{path}: {found[2]} does not lie below {source}"


def main() -> int:
    """Say what is wrong with static/js, or another folder that is named."""
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1] / "static" / "js"
    wrong = list(faults(root))
    for sentence in wrong:
        print(sentence, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
