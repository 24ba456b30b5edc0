"""The page's modules that need no browser, tested in Node.js: each file of tests/js is a test."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("tests/js/**/*.test.js"))


@pytest.mark.parametrize("file", FILES)
def test_in_node(file: str) -> None:
    done = subprocess.run(
        ["node", file],  # with `--test`, a process of Node.js would start another
        cwd=ROOT,
        env={**os.environ, "PYTHON": sys.executable},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
