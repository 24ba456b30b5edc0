"""`make wheel-test`: the wheel is whole, and runs where there is nothing but it."""

import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import tarfile
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect, sync_playwright

from app import __version__
from tests.browser.harness import ROOT, launch_chromium
from tests.browser.playground import PATIENCE, Playground
from tests.browser.test_save import save
from tests.wheel import STRANGER, STRANGERS, Installed, build

MOST_BYTES = 6_000_000
MAPPED = ("app", "nncore", "static", "templates", "lessons", "docs")
NEWEST = 14
"""The minor version of the newest Python that the lock holds for."""


@cache
def pythons() -> list[str]:
    """This one, and the newest that this machine has, if that is another."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for minor in range(NEWEST, sys.version_info.minor, -1):
        there = [shutil.which(f"python3.{minor}"), *map(str, pyenv.glob(f"3.{minor}.*/bin/python"))]
        for python in filter(None, there):
            says = f"import sys, venv; sys.exit(sys.version_info[:2] != (3, {minor}))"
            if subprocess.run([python, "-c", says], capture_output=True).returncode == 0:
                return [sys.executable, python]
    return [sys.executable]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return build(ROOT, tmp_path_factory.mktemp("built"))


def wait_for(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def contents(wheel: Path) -> dict[str, str]:
    """A digest of each file in it."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: hashlib.sha256(archive.read(name)).hexdigest() for name in archive.namelist()}


def test_the_wheel_has_all_that_the_repository_has_and_writes_beside_nothing(
    built: dict[str, Path],
) -> None:
    wheel = built[".whl"]
    assert wheel.name == f"shallows-{__version__}-py3-none-any.whl"
    assert wheel.stat().st_size <= MOST_BYTES
    tracked = subprocess.run(
        ["git", "ls-files", *MAPPED, "shallows"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    wanted = {
        name if name.startswith("shallows/") else f"shallows/{name}"
        for name in tracked
        if not name.endswith(".d.ts")
    }
    metadata = f"shallows-{__version__}.dist-info/"
    found = {name for name in contents(wheel) if not name.startswith(metadata)}
    assert found == wanted


def test_the_sdist_builds_the_same_wheel(built: dict[str, Path], tmp_path: Path) -> None:
    with tarfile.open(built[".gz"]) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    again = build(source, tmp_path / "built", "wheel")
    assert contents(again[".whl"]) == contents(built[".whl"])


@pytest.fixture(scope="module", params=pythons(), ids=lambda python: Path(python).parts[-3])
def installed(
    request: pytest.FixtureRequest,
    built: dict[str, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Installed]:
    server = Installed(built[".whl"], request.param, tmp_path_factory.mktemp("wheel"))
    try:
        yield server
    finally:
        server.forget()


def get(server: Installed, path: str, body: object = None) -> Any:
    """What it answers, of JSON the value."""
    data = None if body is None else json.dumps(body).encode()
    asked = urllib.request.Request(server.url + path, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(asked, timeout=300) as answer:
        content = answer.read()
        return json.loads(content) if "json" in answer.headers["Content-Type"] else content.decode()


def test_it_trains_shows_teaches_and_keeps_beside_strangers(
    installed: Installed, tmp_path: Path
) -> None:
    said = installed.run("python", "-m", "shallows", "check", "--port", "0")
    assert said.startswith(f"Shallows {__version__} on ")
    assert "FAIL" not in said
    assert not list(installed.home.iterdir())  # it makes nothing

    asked = tmp_path / "asked"
    program = f"import sys, pathlib; pathlib.Path({str(asked)!r}).write_text(sys.argv[1])"
    installed.more = {"BROWSER": shlex.join([sys.executable, "-c", program, "%s"])}
    installed.arguments += ["--open"]
    installed.start()
    assert installed.url.rstrip("/") in installed.printed()
    wait_for(lambda: asked.exists() and asked.read_text() == installed.url)
    installed.arguments.remove("--open")

    run = get(installed, "train?wait=30", {"training": {"iterations": 300}})
    assert run["status"] == "finished"
    assert get(installed, f"train/{run['id']}/parameters.json")  # by a process of heavy work
    assert "SHALLOWS_ACCESS_CODE" in get(installed, "help/operating")
    if installed.python == sys.executable:  # the page is the same with every Python
        look_at_the_page(installed)
    assert get(installed, f"train/{run['id']}") == run
    installed.stop()

    (kept,) = installed.home.rglob("shallows.sqlite3")
    assert kept.stat().st_size > 0
    assert {path.name for path in installed.project.iterdir()} == {*STRANGERS}


def look_at_the_page(installed: Installed) -> None:
    """Read a lesson, save, and open the save once the server is another one."""
    with sync_playwright() as playwright, launch_chromium(playwright) as browser:
        context = browser.new_context(base_url=installed.url)
        context.set_default_timeout(PATIENCE)
        faults: list[str] = []
        context.on("weberror", lambda error: faults.append(str(error.error)))
        context.on("console", lambda said: faults.extend([said.text] * (said.type == "error")))
        page = context.new_page()
        lesson = Playground(page, "#lesson=one-unit")
        expect(page.get_by_role("heading", name="One unit")).to_be_visible()
        lesson.button("Step").click()
        lesson.settle()
        link, cost = save(lesson), lesson.cost
        page.goto("about:blank")
        installed.stop()
        installed.start()
        opened = Playground(page, link)
        expect(opened.readout("iteration")).to_have_attribute("value", "1")
        assert opened.cost == cost
        assert faults == []


def test_the_mathematics_is_imported_under_the_packages_name(installed: Installed) -> None:
    program = (
        "import shallows.nncore as n, sys; print(n.DATASETS['xor'].name, 'nncore' in sys.modules)"
    )
    assert installed.run("python", "-c", program) == "xor False\n"


@pytest.mark.parametrize("name", STRANGERS)
def test_a_stranger_that_was_there_first_is_named(installed: Installed, name: str) -> None:
    startup = installed.packages / "stranger.pth"
    startup.write_text(f"import sys, types; sys.modules[{name!r}] = types.ModuleType({name!r})\n")
    try:
        said = installed.run("shallows", "--port", "0", code=1)
    finally:
        startup.unlink()
    assert f"another package is in the place of its own {name!r}" in said
    assert "uvx shallows" in said
    assert "Traceback" not in said


def test_it_leaves_nothing_and_takes_nothing_with_it(installed: Installed) -> None:
    installed.remove()
    assert not (installed.packages / "shallows" / "app").exists()
    for name in STRANGERS:
        assert (installed.packages / name / "__init__.py").read_text() == STRANGER
