"""The wheel, built here and installed where nothing else of Shallows is; for its test and bench."""

import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

from tests.browser.harness import ROOT, Server

OURS = re.compile(r"SHALLOWS_|PYTHON|VIRTUAL_ENV|XDG_|(HOST|PORT|RELOAD|BROWSER)$")
SCRIPTS = "Scripts" if os.name == "nt" else "bin"
UV = Path(sysconfig.get_path("scripts")) / "uv"
STRANGER = "raise RuntimeError('this is a stranger of the same name')\n"
STRANGERS = ("app", "nncore")
"""Packages of these names that have nothing to do with Shallows."""


def build(source: Path, folder: Path, *kinds: str) -> dict[str, Path]:
    """What is built of a source tree: a wheel, an sdist, or (by default) both, by their endings."""
    command = [sys.executable, "-m", "hatchling", "build", "--directory", str(folder)]
    asked = [word for kind in kinds for word in ("--target", kind)]
    subprocess.run([*command, *asked], cwd=source, check=True, capture_output=True)
    return {path.suffix: path for path in folder.iterdir()}


def environment(home: Path) -> dict[str, str]:
    """That of somebody who has never heard of Shallows, with a home of their own."""
    kept = {name: value for name, value in os.environ.items() if not OURS.match(name)}
    return {**kept, "HOME": str(home), "USERPROFILE": str(home)}


class Installed(Server):
    """The wheel in an environment of its own, served from an empty folder.

    Beside it are installed, and lie in that folder, strangers of the names `app` and `nncore`.
    """

    def __init__(self, wheel: Path, python: str, folder: Path) -> None:
        super().__init__(folder / "empty")
        self.python = python
        self.home = folder / "home"
        self.more: dict[str, str] = {}
        self.programs = folder / "env" / SCRIPTS
        for made in (self.home, self.project):
            made.mkdir()
        self._uv("venv", "--python", python, str(folder / "env"))
        # What a wheel says that it needs, in the versions of the lock where that names them.
        lock = ("--constraints", str(ROOT / "requirements.lock"))
        self._uv("pip", "install", *lock, "--python", str(self.programs / "python"), str(wheel))
        found = self.run("python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))")
        self.packages = Path(found.strip())
        for parent in (self.packages, self.project):
            for name in STRANGERS:
                (parent / name).mkdir()
                (parent / name / "__init__.py").write_text(STRANGER, "utf-8")
        self.arguments = ["--host", "127.0.0.1", "--port", str(self.port), "--workers", "1"]

    @property
    def command(self) -> list[str]:  # type: ignore[override]
        """The installed one."""
        return [str(self.programs / "shallows"), *self.arguments]

    def environment(self) -> dict[str, str]:
        """A stranger's."""
        return environment(self.home) | self.more

    def run(self, program: str, *arguments: str, code: int = 0) -> str:
        """What a program of the environment prints, on both streams."""
        done = subprocess.run(
            [self.programs / program, *arguments],
            cwd=self.project,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=300,
        )
        assert done.returncode == code, done.stdout
        return done.stdout

    def remove(self) -> None:
        """Uninstall it."""
        self._uv("pip", "uninstall", "--python", str(self.programs / "python"), "shallows")

    def _uv(self, *arguments: str) -> None:
        done = subprocess.run([UV, *arguments], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
