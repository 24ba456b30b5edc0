"""README's examples work as they stand."""

import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
CURL = re.compile(
    r"^curl -s '?http://localhost:8000(?P<path>[^\s']+)'?(?: --json '(?P<body>[^']+)')?", re.M
)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Shallows on a free port, as `make run` starts it."""
    environment = {**os.environ, "HOST": "127.0.0.1", "PORT": "0"}
    command = [sys.executable, "-m", "app"]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        address = next(line.strip() for line in process.stdout if "http://" in line)
        yield address
        process.terminate()


def call(url: str, body: str | None) -> Any:
    request = urllib.request.Request(
        url, body.encode() if body else None, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.load(answer)


def test_the_rest_example(server: str) -> None:
    (train, *rest) = CURL.finditer(README)
    run = call(server + train["path"], train["body"])
    assert run["status"] == "finished"
    assert run["cost"] < 0.15
    answers = [
        call(server + path.replace("ID", run["id"]), body and body.replace("ID", run["id"]))
        for path, body in (example.group("path", "body") for example in rest)
    ]
    prediction, costs, network = answers
    assert prediction["labels"] == [1, 0]
    assert len(costs["costs"]) == 2000
    assert [len(layer["biases"]) for layer in network["layers"]] == [4, 1]


def test_the_python_example() -> None:
    example = re.search(r"^```python\n(.+?)^```", README, re.M | re.S)
    assert example
    done = subprocess.run(
        [sys.executable, "-c", example[1]], cwd=ROOT, capture_output=True, text=True, check=True
    )
    first, last = (float(number) for number in done.stdout.split()[:2])
    assert first == pytest.approx(0.693, abs=0.01)
    assert last < 0.15


def test_the_playgrounds_table_names_tests_that_exist() -> None:
    table = (ROOT / "docs" / "playground.md").read_text()
    named = re.findall(r"`((?:browser|app|nncore)/[\w./]+)::(\w+)`", table)
    assert len(named) > 40
    for file, test in named:
        assert f"def {test}(" in (ROOT / "tests" / file).read_text(), f"{file}::{test}"
    for file in re.findall(r"`(js/[\w./]+)`", table):
        assert (ROOT / "tests" / file).is_file(), file
