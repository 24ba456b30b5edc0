"""`RELOAD=1`: what is edited is served at once."""

import json
import re
import shutil
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvicorn

from app.content import assets
from app.places import ROOT
from app.reloading import Reload
from tests.browser.harness import Server, running_server

PATIENCE = 120
FOLDERS = ("app", "nncore", "templates", "lessons", "static")


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Server]:
    """A server of a copy of the project, to edit."""
    for folder in FOLDERS:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=ignored)
    monkeypatch.setenv("RELOAD", "1")
    monkeypatch.setenv("SHALLOWS_WORKERS", "1")
    monkeypatch.setenv("SHALLOWS_LESSONS_FOLDER", str(tmp_path / "mine"))
    (tmp_path / "mine").mkdir()
    with running_server(tmp_path) as server:
        yield server


def edit(server: Server, name: str, old: str, new: str) -> None:
    path = server.project / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def get(server: Server, path: str = "", patience: float = PATIENCE) -> str:
    """What it answers; nothing, while none is there to answer."""
    request = urllib.request.Request(server.url + path, data=b"" if path == "version" else None)
    try:
        with urllib.request.urlopen(request, timeout=patience) as answer:
            return str(answer.read().decode())
    except OSError:
        return ""


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_an_edit_is_served_at_once(served: Server) -> None:
    def module() -> str:
        (path,) = re.findall(r'src="/(static/\w+/js/main\.js)"', get(served))
        return str(path)

    # The page's files: at an address that no browser has kept, without a restart.
    before = module()
    main = served.project / "static" / "js" / "main.js"
    main.write_text("// edited\n" + main.read_text())
    (main.parent / "new.js").write_text("export const added = 1;\n")
    after = module()
    assert after != before
    assert get(served, after).startswith("// edited\n")
    assert "js/new.js" in get(served)
    assert json.loads(get(served, "version"))["page"] in after

    # What the server reads when it begins: it begins again, at the same address. What can't begin
    # is tried again when it is mended.
    edit(served, "templates/index.html", "<title>", "<title>Edited ")
    edit(served, "nncore/__init__.py", "from .activations", "frim .activations")
    until(lambda: get(served, patience=1) == "")
    edit(served, "nncore/__init__.py", "frim .activations", "from .activations")
    lesson = (served.project / "lessons" / "01-one-unit.md").read_text()
    (served.project / "mine" / "mine.md").write_text(lesson)
    until(lambda: '"name":"mine"' in get(served, "lessons", patience=1))
    edit(served, "app/__init__.py", '__version__ = "', '__version__ = "9')
    until(lambda: '"version":"9' in get(served, "version", patience=1))
    assert "<title>Edited " in get(served)


def test_all_is_watched_that_the_server_reads_when_it_begins(tmp_path: Path) -> None:
    config = uvicorn.Config("app.main:create_app", log_config=None)
    reload = Reload(config, lambda sockets: None, [])
    reload.lessons = tmp_path
    (tmp_path / "mine.md").write_text("")
    watched = set(reload.iter_py_files())
    assert tmp_path / "mine.md" in watched
    for name in (
        "app/main.py",
        "nncore/network.py",
        "templates/index.html",
        "lessons/01-one-unit.md",
        "static/js/experiment/parts.js",
        "static/css/tokens.css",
    ):
        assert ROOT / name in watched


def test_without_it_nothing_is_read_twice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "static" / "js", tmp_path / "js")
    monkeypatch.setattr(assets, "STATIC", tmp_path)
    kept, read = assets.finder(False), assets.finder(True)
    first = kept()
    assert read().digest == first.digest
    (tmp_path / "js" / "format.js").write_text("// edited\n")
    assert kept() is first
    assert read().digest != first.digest
    assert read().files["js/format.js"].content == b"// edited\n"
    assert read() is read()
