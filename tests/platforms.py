"""What Python has on Linux and not on Windows or macOS, as the typeshed says that mypy brings."""

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import mypy

TYPESHED = Path(mypy.__file__).parent / "typeshed" / "stdlib"
ELSEWHERE = ("win32", "darwin")


@cache
def names(module: str, platform: str) -> frozenset[str]:
    """The public names that a module of the standard library has on a platform."""
    base = TYPESHED.joinpath(*module.split("."))
    file = next(path for path in (base.with_suffix(".pyi"), base / "__init__.pyi") if path.exists())
    world: dict[str, object] = {
        "sys": SimpleNamespace(platform=platform, version_info=sys.version_info)
    }
    return frozenset(_names(ast.parse(file.read_text("utf-8")).body, world))


def _names(body: list[ast.stmt], world: dict[str, object]) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.If):
            test = ast.Expression(node.test)
            yield from _names(
                node.body if eval(compile(test, "", "eval"), world) else node.orelse, world
            )
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.ImportFrom):  # `X as X` is how a stub exports
            yield from (alias.name for alias in node.names if alias.name == alias.asname)


@cache
def absent(module: str) -> frozenset[str]:
    """The names that are here and not everywhere."""
    here = names(module, sys.platform)
    return here - frozenset.intersection(*(names(module, platform) for platform in ELSEWHERE))


@cache
def is_absent(module: str) -> bool:
    """Whether a module is there on Linux, and has nothing in it elsewhere."""
    try:
        return bool(names(module, "linux")) and not all(names(module, one) for one in ELSEWHERE)
    except StopIteration:
        return False
