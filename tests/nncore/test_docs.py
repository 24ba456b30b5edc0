"""What is written about nncore: the examples run, and the formulas' code and tests exist."""

import ast
import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import nncore

ROOT = Path(__file__).parents[2]
LECTURE = (ROOT / "docs/lecture.md").read_text(encoding="utf-8")
REFERENCE = re.compile(r"`([\w/]+\.py)(?:::(\w+))?`")
MODULES = [
    "nncore",
    *(module.name for module in pkgutil.walk_packages(nncore.__path__, "nncore.")),
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_docstrings(name: str) -> None:
    module = importlib.import_module(name)
    namespace = {"np": importlib.import_module("numpy")}
    failed, _ = doctest.testmod(module, extraglobs=namespace)
    assert failed == 0


def test_docstrings_have_examples() -> None:
    finder = doctest.DocTestFinder(exclude_empty=True)
    examples = [
        test.name
        for name in MODULES
        for test in finder.find(importlib.import_module(name))
        if test.examples
    ]
    assert len(examples) >= 10


def test_the_examples_on_the_page() -> None:
    failed, tried = doctest.testfile(str(ROOT / "docs/nncore.md"), module_relative=False)
    assert failed == 0
    assert tried > 20


def test_both_lists_of_files_have_every_file_in_one_order() -> None:
    page = (ROOT / "docs/nncore.md").read_text(encoding="utf-8")
    table = page.split("| files | what they are about |")[1].split("\n\n")[0]
    assert nncore.__doc__
    named = re.compile(r"`([\w/]+)\.py`")
    order = named.findall(table)
    assert order[0] == "network"
    assert named.findall(nncore.__doc__) == order
    modules = {module.removeprefix("nncore.").replace(".", "/") for module in MODULES}
    assert set(order) == modules - {"nncore", "fast"}


def defined_in(path: str) -> set[str]:
    """The names at the top of a Python file."""
    names = set()
    for node in ast.parse((ROOT / path).read_text(encoding="utf-8")).body:
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.AnnAssign(target=ast.Name(id=name)):
                names.add(name)
            case ast.Assign(targets=targets):
                names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return names


@pytest.mark.parametrize("reference", sorted(set(REFERENCE.findall(LECTURE))), ids="::".join)
def test_what_the_lecture_page_names_exists(reference: tuple[str, str]) -> None:
    path, name = reference
    assert (ROOT / path).is_file()
    if name:
        assert name in defined_in(path)


def test_every_formula_has_its_code_and_its_test() -> None:
    header = "| formula | code | test |\n|---|---|---|\n"
    tables = [part.split("\n\n")[0] for part in LECTURE.split(header)[1:]]
    rows = [row for table in tables for row in table.strip().splitlines()]
    assert len(rows) >= 25
    for row in rows:
        formula, code, test = re.split(r" (?<!\\)\| ", row.strip("| "))
        assert formula
        assert all(path.startswith("nncore/") for path, _ in REFERENCE.findall(code))
        assert all(path.startswith("tests/nncore/") for path, _ in REFERENCE.findall(test))
        assert REFERENCE.search(code)
        assert all(name.startswith("test_") for _, name in REFERENCE.findall(test))
        assert REFERENCE.search(test)
