"""The locks say all that is installed and nothing of where from; CI runs what a developer runs."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
LOCKS = ["requirements.lock", "requirements-dev.lock"]
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
RUNTIME: list[str] = PYPROJECT["project"]["dependencies"]
DEV: list[str] = PYPROJECT["dependency-groups"]["dev"]


def locked(name: str) -> list[tuple[Requirement, list[str]]]:
    """The requirements of a lock, each with its hashes."""
    logical_lines = (ROOT / name).read_text().replace("\\\n", "").splitlines()
    return [
        (Requirement(line.split("--hash")[0]), re.findall(r"--hash=sha256:([0-9a-f]{64})\b", line))
        for line in logical_lines
    ]


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_has_exact_versions_and_hashes_and_no_address(name: str) -> None:
    for requirement, hashes in locked(name):
        assert [specifier.operator for specifier in requirement.specifier] == ["=="], requirement
        assert hashes, requirement
    assert "://" not in (ROOT / name).read_text()


@pytest.mark.parametrize("name", LOCKS)
def test_every_python_gets_the_same_versions(name: str) -> None:
    names = [requirement.name for requirement, _ in locked(name)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(("name", "wanted"), [(LOCKS[0], RUNTIME), (LOCKS[1], RUNTIME + DEV)])
def test_a_lock_satisfies_pyproject(name: str, wanted: list[str]) -> None:
    for text in wanted:
        want = Requirement(text)
        versions = [
            specifier.version
            for requirement, _ in locked(name)
            if canonicalize_name(requirement.name) == canonicalize_name(want.name)
            for specifier in requirement.specifier
        ]
        assert versions, f"{want} is not in {name}: make lock"
        assert all(want.specifier.contains(version) for version in versions), f"{want}: make lock"


def test_the_runtime_lock_holds_all_that_the_code_imports() -> None:
    """All but what the extra `sklearn` brings, which one module needs that nothing imports."""
    sources = [path for folder in ("app", "nncore") for path in (ROOT / folder).rglob("*.py")]
    sources.remove(ROOT / "nncore" / "estimator.py")
    imported = {
        name.partition(".")[0]
        for source in sources
        for node in ast.walk(ast.parse(source.read_text()))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    distributions = packages_distributions()
    needed = {
        canonicalize_name(distributions[name][0])
        for name in imported - set(sys.stdlib_module_names) - {"app", "nncore"}
    }
    assert "numpy" in needed
    assert needed <= {canonicalize_name(requirement.name) for requirement, _ in locked(LOCKS[0])}


def test_what_is_tested_is_what_runs() -> None:
    # On which platforms may differ: what checks may need more.
    runs, checks = ({(r.name, str(r.specifier)) for r, _ in locked(name)} for name in LOCKS)
    assert runs <= checks


def test_the_npm_lock_has_hashes_and_no_address() -> None:
    text = (ROOT / "package-lock.json").read_text()
    packages = json.loads(text)["packages"]
    wanted = json.loads((ROOT / "package.json").read_text())["devDependencies"]
    assert packages[""]["devDependencies"] == wanted
    assert [name for name, entry in packages.items() if name and "integrity" not in entry] == []
    assert "://" not in text


def test_no_file_names_a_registry_or_a_cdn() -> None:
    hosts = r"pypi\.org|pythonhosted\.org|npmjs\.(org|com)|(deb|security)\.debian\.org|" + (
        r"unpkg\.com|jsdelivr\.net|cdnjs\.|googleapis\.com"
    )
    pathspec = [".", ":!static/vendor", ":!tests/test_tooling.py"]
    found = subprocess.run(
        ["git", "grep", "-nIE", hosts, "--", *pathspec], cwd=ROOT, capture_output=True, text=True
    )
    assert found.stderr == ""
    assert found.stdout == ""


def test_ci_runs_make_test() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert "exec make test" in script.read_text().splitlines()


def test_make_test_runs_every_check() -> None:
    # -W: as if nothing had been installed, so that the plan shows that too.
    locks = [argument for lock in [*LOCKS, "package-lock.json"] for argument in ("-W", lock)]
    plan = subprocess.run(
        ["make", "-n", *locks, "test"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    for step in [
        "scripts/install_python.sh requirements-dev.lock",
        "npm ci",
        "scripts/install_test_tools.sh chromium",
        "ruff check",
        "ruff format --check",
        "mypy",
        "lint-imports",
        "tsc",
        "-m pytest",
    ]:
        assert step in plan, step


def test_make_help_lists_every_command() -> None:
    makefile = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    assert phony
    listed = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in set(phony[1].split()) - {"tools"}:
        assert re.search(rf"^  make {target} +\S", listed, re.MULTILINE), target


@pytest.mark.parametrize(
    ("path", "line", "contract"),
    [
        ("app/classroom/__init__.py", "", "The rooms of the service"),
        ("app/training/tally.py", "", "The rooms of the training"),
        ("app/content/presets.py", "import app.exports.files", "The rooms of the service"),
        ("app/web/limits.py", "import app.web.security", "No circles"),
        ("app/training/host/host.py", "import sqlalchemy", "Workers have neither web nor SQL"),
        ("app/sessions/jobs.py", "import sqlalchemy", "SQL stays in the store"),
        ("app/content/lessons.py", "import starlette", "The web stays"),
    ],
)
def test_the_import_contracts_bite(path: str, line: str, contract: str, tmp_path: Path) -> None:
    for package in ("app", "nncore"):
        shutil.copytree(ROOT / package, tmp_path / package)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / path).parent.mkdir(exist_ok=True)
    with (tmp_path / path).open("a") as file:
        file.write(f"{line}\n")
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter, "--no-cache"], cwd=tmp_path, capture_output=True, text=True)
    broken = re.findall(r"^(.+) BROKEN", done.stdout, re.MULTILINE)
    assert any(name.startswith(contract) for name in broken), done.stdout + done.stderr
    assert done.returncode == 1
