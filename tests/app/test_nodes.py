"""What several machines need, and what goes from one to another. None of them is there for that."""

import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from app import __version__
from app.main import create_app
from app.settings import SettingsError
from app.training.workers.cluster.actor import SETTINGS
from app.training.workers.cluster.bridge import class_for_nodes
from tests.app.clusters import ROOT
from tests.app.conftest import settings_for

KNOWN = {"checkpoint_seconds": 1.0, "round_timeout_seconds": 30.0}


def test_no_secret_of_a_server_goes_to_a_host(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("sesame-token")
    secrets = {name: f"sesame-{name}" for name in ("access_code", "teacher_code")}
    secrets["database_url"] = "postgresql://shallows:sesame-password@10.0.0.9/shallows"
    known = settings_for(
        "ray", ray_address="10.0.0.2:6379", ray_token_file=tmp_path / "token", **secrets
    )
    sent = pickle.dumps(known.model_dump(include=SETTINGS))  # as RayLine.connect does
    assert b"round_timeout_seconds" in sent
    assert b"sesame" not in sent
    assert str(tmp_path).encode() not in sent


def test_a_node_finds_the_code_where_it_was_installed(tmp_path: Path) -> None:
    """There `app` is within the package `shallows`, on nobody's path."""
    from ray import cloudpickle

    package = tmp_path / "shallows"
    package.mkdir()
    shutil.copy(ROOT / "shallows" / "__init__.py", package)
    for name in ("app", "nncore"):
        (package / name).symlink_to(ROOT / name)
    sent: bytes = cloudpickle.dumps(class_for_nodes())  # type: ignore[no-untyped-call]
    (tmp_path / "class").write_bytes(sent)
    program = f"""
import sys
sys.path += {[str(tmp_path), *(path for path in sys.path if path.endswith("-packages"))]}
import asyncio, importlib.util
from pathlib import Path
from ray import cloudpickle
assert importlib.util.find_spec("app") is None
actor = cloudpickle.loads(Path({str(tmp_path / "class")!r}).read_bytes())()
print(asyncio.run(actor.begin("server", 1, {__version__!r}, {KNOWN})) or "it trains")
asyncio.run(actor.end("server", 1))
"""
    # -S: what is installed to be edited is not on the path, -I: nor is this folder.
    command = [sys.executable, "-S", "-I", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=120)
    assert done.stdout == "it trains\n", done.stderr


def test_where_the_library_is_missing_it_says_how_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "httpcore2", None)
    with pytest.raises(SettingsError, match=r"shallows\[servers\]"):
        create_app(settings_for("inline", server_address="http://10.0.0.2:8000"))
