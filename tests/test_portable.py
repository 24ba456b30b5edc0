"""What can be shown here of Windows and macOS; CONTRIBUTING says what has not been tried there."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.platforms import absent, is_absent, names

ROOT = Path(__file__).parent.parent
SHIPPED = ("app", "nncore", "shallows")
MODULES = ("os", "signal", "socket", "sys", "time", "select")
GUARDS = {"hasattr", "getattr"}
NOT_FOR_WINDOWS = re.compile(
    r"^(con|prn|aux|nul|com\d|lpt\d)(\.|$)|[<>:\"|?*\\]|[. ]$", re.IGNORECASE
)


def sources() -> Iterator[tuple[str, ast.Module]]:
    for folder in SHIPPED:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield str(path.relative_to(ROOT)), ast.parse(path.read_text("utf-8"))


def unguarded(tree: ast.Module) -> Iterator[str]:
    """What is not everywhere, used by a function (or beside all) that nowhere looks for it."""
    for scope in ast.walk(tree):
        if not isinstance(scope, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        inside = list(_within(scope))
        if not any(map(_guards, inside)):
            yield from filter(None, map(_not_everywhere, inside))


def _within(scope: ast.AST) -> Iterator[ast.AST]:
    """A function's own nodes; not those of functions in it."""
    for child in ast.iter_child_nodes(scope):
        yield child
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _within(child)


def _guards(node: ast.AST) -> bool:
    match node:
        case ast.Call(ast.Name(called), [ast.Name(module), *_]):
            return called in GUARDS and module in MODULES
        case ast.Compare(ast.Attribute(ast.Name(module), name)):
            return (module, name) in {("sys", "platform"), ("os", "name")}
        case ast.ExceptHandler(ast.Name("ImportError")):
            return True
    return False


def _not_everywhere(node: ast.AST) -> str | None:
    match node:
        case ast.Attribute(ast.Name(module), name) if module in MODULES and name in absent(module):
            return f"{module}.{name}"
        case ast.ImportFrom(str(module), imported) if module in MODULES:
            found = (one.name for one in imported if one.name in absent(module))
            return next((f"{module}.{name}" for name in found), None)
        case ast.ImportFrom(str(module)) if is_absent(module):
            return module
        case ast.Import(imported):
            return next((one.name for one in imported if is_absent(one.name)), None)
    return None


def test_what_is_not_everywhere_is_looked_for_where_it_is_used() -> None:
    assert {"fork", "register_at_fork", "getuid", "sched_getaffinity", "getloadavg"} <= absent("os")
    assert {"SIGHUP", "pthread_sigmask"} <= absent("signal")
    assert {"AF_UNIX", "TCP_USER_TIMEOUT"} <= absent("socket")
    assert all(map(is_absent, ("resource", "fcntl", "pwd", "grp")))
    assert "SIGINT" in names("signal", "win32") - absent("signal")
    found = {file: wrong for file, tree in sources() if (wrong := sorted(unguarded(tree)))}
    assert found == {}


@pytest.mark.parametrize(
    ("source", "wrong"),
    [
        ("import os\ndef f(): os.fork()", ["os.fork"]),
        ("from signal import SIGHUP", ["signal.SIGHUP"]),
        ("import fcntl", ["fcntl"]),
        ("def f():\n  def g():\n    import resource", ["resource"]),
        ("def f():\n  if hasattr(os, 'nice'): pass\n  def g(): os.getloadavg()", ["os.getloadavg"]),
        ("def f():\n  if hasattr(os, 'nice'): os.nice(1)", []),
        ("def f():\n  if sys.platform == 'linux': os.sysconf('SC_PAGE_SIZE')", []),
        ("def f():\n  try:\n    import resource\n  except ImportError: pass", []),
        ("def f(): os.getpid(); signal.signal(signal.SIGTERM, g); socket.AF_INET6", []),
    ],
)
def test_a_use_that_is_not_guarded_is_found(source: str, wrong: list[str]) -> None:
    assert list(unguarded(ast.parse(source))) == wrong


def test_processes_are_spawned_and_never_forked() -> None:
    """In one way alone; what is run as a command of its own is spawned everywhere."""
    begun = []
    for file, tree in sources():
        for node in ast.walk(tree):
            match node:
                case ast.Attribute(ast.Name("multiprocessing"), name):
                    begun.append((file, name))
                case ast.ImportFrom(module, imported) if (module or "") in {
                    "multiprocessing",
                    "concurrent.futures",
                }:
                    begun += [(file, one.name) for one in imported]
                case ast.Call(ast.Attribute(ast.Name("multiprocessing"), "get_context"), given):
                    assert [ast.literal_eval(one) for one in given] == ["spawn"], file
                case ast.keyword("shell" | "preexec_fn") | ast.Attribute(_, "preexec_fn"):
                    pytest.fail(f"{file} asks for a shell, or to run something in a fork")
    harmless = {"active_children", "resource_tracker", "ThreadPoolExecutor", "Future"}
    assert {(file, name) for file, name in begun if name not in harmless} == {
        ("app/training/workers/processes.py", "get_context"),
        ("app/training/workers/cluster/connection.py", "get_context"),
    }


def test_text_in_files_has_an_encoding() -> None:
    """Windows would take its own. `open` in binary has none."""
    wrong = []
    for file, tree in sources():
        for node in ast.walk(tree):
            match node:
                case ast.Call(keywords=given) if any(one.arg == "encoding" for one in given):
                    pass
                case ast.Call(ast.Attribute(_, "read_text"), []):
                    wrong.append(f"{file}:{node.lineno}")
                case ast.Call(ast.Attribute(_, "write_text"), [_]):
                    wrong.append(f"{file}:{node.lineno}")
                case ast.Call(ast.Name("open"), [_, ast.Constant(str(mode)), *_]) if "b" in mode:
                    pass
                case ast.Call(ast.Name("open")):
                    wrong.append(f"{file}:{node.lineno}")
    assert wrong == []


def test_every_file_can_have_its_name_on_windows() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
    ).stdout.split("\0")
    files = [name for name in listed if name]
    assert [name for name in files if any(map(NOT_FOR_WINDOWS.search, name.split("/")))] == []
    assert len({name.lower() for name in files}) == len(files)


@pytest.mark.parametrize("backend", ["inline", "pool"])
def test_the_whole_service_runs_where_nothing_is_that_windows_lacks(backend: str) -> None:
    """Its own modules; Python and the libraries are those of here."""
    python = (sys.executable, "-W", "error", "-X", "warn_default_encoding")
    done = subprocess.run(
        [*python, "-m", "tests.elsewhere", backend],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (done.returncode, done.stderr) == (0, "")
