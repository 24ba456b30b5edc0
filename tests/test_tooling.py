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
from packaging.version import Version

from app import __version__

ROOT = Path(__file__).parent.parent
LOCKS = ["requirements.lock", "requirements-dev.lock"]
IMAGES = ["requirements-servers.lock", "requirements-cluster.lock"]
"""Of the images for several servers, without Ray and with it."""
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
RUNTIME: list[str] = PYPROJECT["project"]["dependencies"]
DEV: list[str] = PYPROJECT["dependency-groups"]["dev"]
NEED_EXTRAS = [
    "nncore/estimator.py",
    "app/web/upstream.py",
    "app/training/workers/cluster/bridge.py",
    "app/training/workers/cluster/draining.py",
]
EXTRAS: dict[str, list[str]] = PYPROJECT["project"]["optional-dependencies"]


def locked(name: str) -> list[tuple[Requirement, list[str]]]:
    """The requirements of a lock, each with its hashes."""
    logical_lines = (ROOT / name).read_text().replace("\\\n", "").splitlines()
    return [
        (Requirement(line.split("--hash")[0]), re.findall(r"--hash=sha256:([0-9a-f]{64})\b", line))
        for line in logical_lines
    ]


@pytest.mark.parametrize("name", LOCKS + IMAGES)
def test_a_lock_has_exact_versions_and_hashes_and_no_address(name: str) -> None:
    for requirement, hashes in locked(name):
        assert [specifier.operator for specifier in requirement.specifier] == ["=="], requirement
        assert hashes, requirement
    assert "://" not in (ROOT / name).read_text()


@pytest.mark.parametrize("name", LOCKS + IMAGES)
def test_every_python_gets_the_same_versions(name: str) -> None:
    names = [requirement.name for requirement, _ in locked(name)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        (LOCKS[0], RUNTIME),
        (LOCKS[1], RUNTIME + DEV),
        (IMAGES[0], RUNTIME + EXTRAS["servers"]),
        (IMAGES[1], RUNTIME + EXTRAS["servers"] + EXTRAS["cluster"]),
    ],
)
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


@pytest.mark.parametrize("name", IMAGES)
def test_an_image_adds_to_the_usual_one_and_changes_nothing_of_it(name: str) -> None:
    usual = {str(requirement) for requirement, _ in locked(LOCKS[0])}
    assert usual < {str(requirement) for requirement, _ in locked(name)}
    # Nor has `make run`, or the usual image, anything of what only extras bring.
    extra = {Requirement(text).name for texts in EXTRAS.values() for text in texts}
    assert not extra & {requirement.name for requirement, _ in locked(LOCKS[0])}


def test_the_runtime_lock_holds_all_that_the_code_imports() -> None:
    """All but what extras bring, which few modules need that nothing imports without them."""
    folders = ("app", "nncore", "shallows")
    sources = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    for name in NEED_EXTRAS:
        sources.remove(ROOT / name)
    imported = {
        name.partition(".")[0]
        for source in sources
        for node in ast.walk(ast.parse(source.read_text()))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom) and node.level == 0
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


def test_views_are_mounted_with_their_arguments_in_one_order() -> None:
    order = ["store", "find", "catalogue", "fields", "defaults"]
    mounted = [
        (path.name, name, [argument.split("=")[0].strip() for argument in given.split(",")])
        for path in (ROOT / "static/js").rglob("*.js")
        for name, given in re.findall(r"function (mount\w*)\(([^)]*)\)", path.read_text("utf-8"))
    ]
    for file, name, given in mounted:
        known = [argument for argument in given if argument in order]
        assert known == sorted(known, key=order.index), (file, name)
        assert "store" not in given[1:], (file, name)
        # An element can stand where `find` would.
        last = max((given.index(argument) for argument in known), default=0)
        assert last <= len(known), (file, name)
    assert len(mounted) > 40


def test_ci_runs_make_test() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert "exec make test" in script.read_text().splitlines()


def test_githubs_ci_runs_make_test_on_the_oldest_and_the_newest_python() -> None:
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text()
    assert 'python: ["3.11", "3.14"]' in workflow
    assert re.search(r"^ +- run: make test$", workflow, re.MULTILINE)


def test_a_release_tries_the_wheel_before_it_publishes_and_has_an_image_with_its_sbom() -> None:
    workflow = (ROOT / ".github" / "workflows" / "release.yml").read_text()
    jobs = re.split(r"^  (\w+):$", workflow.partition("\njobs:\n")[2], flags=re.MULTILINE)[1:]
    build, package, image = jobs[1::2]
    assert jobs[::2] == ["build", "package", "image"]
    assert "run: make wheel wheel-test" in build
    assert 'test "v$version" = "$GITHUB_REF_NAME"' in build
    for published in (package, image):
        assert "needs: build" in published
        assert "environment: release" in published
    assert "id-token: write" in package
    assert "password" not in package
    for words in ("linux/amd64,linux/arm64", "sbom: true", "provenance: mode=max", "REVISION="):
        assert words in image


@pytest.mark.parametrize("name", ["ci", "release"])
def test_every_action_is_pinned(name: str) -> None:
    workflow = (ROOT / ".github" / "workflows" / f"{name}.yml").read_text()
    actions = re.findall(r"uses: (\S+)", workflow)
    assert actions
    for action in actions:
        assert re.fullmatch(r"[\w./-]+@v\d+\.\d+\.\d+", action), f"{action} is not pinned"


def test_nncore_works_under_the_name_that_it_has_in_a_wheel() -> None:
    """So its modules name each other by where they are, and nothing above them."""
    for path in (ROOT / "nncore").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom) and node.level == 0
                else []
            )
            assert not {"nncore", "app"} & {name.partition(".")[0] for name in names}, path


def test_a_commit_is_checked_by_the_projects_own_tools() -> None:
    hooks = (ROOT / ".pre-commit-config.yaml").read_text()
    assert set(re.findall(r"repo: (\S+)", hooks)) == {"local"}
    tools = {entry.split()[0] for entry in re.findall(r"entry: (.+)", hooks)}
    assert tools == {".venv/bin/ruff", ".venv/bin/mypy", "node_modules/.bin/biome"}


def test_the_newest_released_section_of_the_changelog_is_the_version() -> None:
    sections = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    unreleased, *released = sections
    assert unreleased == "[Unreleased]"
    dated = [re.fullmatch(r"\[(\d+\.\d+\.\d+)\] - (\d{4}-\d\d-\d\d)", text) for text in released]
    assert all(dated), released
    versions = [Version(match[1]) for match in dated if match]
    assert versions == sorted(set(versions), reverse=True)
    assert versions[0] == Version(__version__)
    # pyproject.toml reads it too, without another copy.
    assert PYPROJECT["project"]["dynamic"] == ["version"]
    assert PYPROJECT["tool"]["hatch"]["version"] == {"path": "app/__init__.py"}
    # A build of the image by hand has nobody to tell it.
    assert f"\nARG VERSION={__version__}\n" in (ROOT / "Dockerfile").read_text()


def test_make_test_runs_every_check() -> None:
    plan = subprocess.run(
        ["make", "-n", "test"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    for step in [
        "lint-types tests",
        "scripts/install_test_tools.sh --debian chromium",
        "scripts/install_test_tools.sh chromium",
        "ruff check",
        "ruff format --check",
        "mypy",
        "lint-imports",
        "tsc",
        "biome ci --error-on-warnings",
        "scripts/page_layers.py",
        "-m pytest",
    ]:
        assert step in plan, step
    # -W: as if nothing had been installed. It does not reach what make starts by itself.
    locks = [argument for lock in [*LOCKS, "package-lock.json"] for argument in ("-W", lock)]
    linting = subprocess.run(
        ["make", "-n", *locks, "lint-types", "lint-rest"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert linting.count("scripts/install_python.sh requirements-dev.lock") == 1
    assert linting.count("npm ci") == 1


def test_make_check_is_lint_and_the_tests_that_need_nothing_else() -> None:
    plan = subprocess.run(
        ["make", "-n", "check"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    for step in ["ruff check", "ruff format --check", "mypy", "lint-imports", "tsc"]:
        assert step in plan, step
    assert '-m "not service"' in plan
    assert "chromium" not in plan


def test_make_fix_mends_with_every_tool_that_can() -> None:
    plan = subprocess.run(
        ["make", "-n", "fix"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    for step in [
        "bin/ruff check --fix",
        "bin/ruff format",
        "node_modules/.bin/biome check --write",
    ]:
        assert step in plan, step


def test_make_help_lists_every_command() -> None:
    makefile = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    assert phony
    listed = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in set(phony[1].split()) - {"tools"}:
        assert re.search(rf"^  make {target} +\S", listed, re.MULTILINE), target


def layers_of(files: dict[str, str], folder: Path) -> list[str]:
    """What scripts/page_layers.py finds wrong with such files."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    found = subprocess.run(
        [sys.executable, ROOT / "scripts" / "page_layers.py", folder],
        capture_output=True,
        text=True,
    )
    assert found.returncode == (1 if found.stderr else 0)
    assert found.stdout == ""
    return found.stderr.splitlines()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("store/state.js", "import { a } from '../views/a.js';"),
        ("store/state.js", "import\n  '../views/a.js';"),
        ("store/state.js", 'export * from "../views/a.js";'),
        ("store/state.js", "const a = await import( '../views/a.js');"),
        ("store/state.js", "const a = new Worker(new URL('../views/a.js', import.meta.url));"),
        ("store/state.js", "/** @typedef {import('../views/a.js').A} A */"),
        ("painting/painter.js", "import { a } from '../experiment/a.js';"),
        ("labs/microscope/panel.js", "import { a } from '../../lessons/a.js';"),
        ("views/a.js", "import { a } from '../main.js';"),
        ("format.js", "import { a } from './store/a.js';"),
        ("types/painting.d.ts", "import type { A } from '../format.js';"),
        ("views/a.js", "import { a } from '../new-folder/a.js';"),
        ("views/a.js", "import { a } from '../../../app/a.js';"),
        ("new-folder/a.js", "export const a = 1;"),
    ],
)
def test_an_arrow_of_the_page_that_does_not_run_down_is_found(
    name: str, text: str, tmp_path: Path
) -> None:
    (wrong,) = layers_of({name: text}, tmp_path)
    assert wrong.startswith(f"{name}: ")


def test_two_modules_of_the_page_of_one_name_are_found(tmp_path: Path) -> None:
    (wrong,) = layers_of({"store/runs.js": "", "views/runs.js": "", "views/run.js": ""}, tmp_path)
    assert wrong == "views/runs.js: store/runs.js has that name already"


def test_arrows_of_the_page_that_run_down_or_stay_are_let_be(tmp_path: Path) -> None:
    files = {
        "main.js": "import './labs/a.js'; import('./views/a.js'); import './format.js';",
        "labs/microscope/b.js": "import '../../store/a.js'; import '../b.js'; import './c.js';",
        "views/c.js": "import { html } from '../../vendor/lit-html/lit-html.js';",
        "stream/d.js": "/** @typedef {import('../types/protocol').A} A */ from './b.js'",
    }
    assert layers_of(files, tmp_path) == []


@pytest.mark.parametrize(
    ("path", "line", "contract"),
    [
        ("app/attic/__init__.py", "", "The rooms of the service"),
        ("app/training/tally.py", "", "The rooms of the training"),
        ("app/content/presets.py", "import app.exports.files", "The rooms of the service"),
        ("app/web/limits.py", "import app.web.security", "No circles"),
        ("app/training/host/host.py", "import sqlalchemy", "Workers have neither web nor SQL"),
        ("app/sessions/jobs.py", "import sqlalchemy", "SQL stays in the store"),
        ("app/content/lessons.py", "import starlette", "The web stays"),
    ],
)
def test_the_import_contracts_bite(path: str, line: str, contract: str, tmp_path: Path) -> None:
    for package in ("app", "nncore", "shallows"):
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


def test_every_address_of_the_server_is_made_in_one_place() -> None:
    """So that a sub-path is one setting: no page asks for, and no route tells, a path by itself."""
    page = re.compile(r"(?:fetch\(|new URL\(|href = |src = |location = )[`'\"]/(?!\.)")
    service = re.compile(r"""(?:Location"\] = |RedirectResponse\(|link = )f?["']/""")
    template = re.compile(r"""(?:href|src|action)=["']/""")
    for folder, pattern, suffix in (
        ("static/js", page, ".js"),
        ("app", service, ".py"),
        ("templates", template, ".html"),
    ):
        paths = list((ROOT / folder).rglob(f"*{suffix}"))
        assert paths
        for path in paths:
            assert not pattern.search(path.read_text()), path
