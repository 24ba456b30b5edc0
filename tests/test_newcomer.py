"""CONTRIBUTING's newcomer does what is written there, to a copy of the project, and it works."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
COPIED = (
    "app",
    "benchmarks",
    "docs",
    "lessons",
    "nncore",
    "scripts",
    "shallows",
    "static",
    "templates",
    "tests",
)
FILES = ("biome.jsonc", "pyproject.toml", "tsconfig.json", "package.json")
LINKED = (".venv", "node_modules")
SECTIONS = ("An activation", "A dataset", "A panel", "A message", "A lesson")
FENCED = re.compile(r"^(````?)\w.*?^\1\n", re.M | re.S)
BLOCK = re.compile(
    r"^(?P<fence>````?)(?P<kind>\w+) (?P<file>\S+)\n(?P<text>.*?)^(?P=fence)\n", re.M | re.S
)


def section(title: str) -> str:
    """The text under a heading. What looks like a heading within a block is none."""
    without_blocks = FENCED.sub(lambda block: " " * len(block[0]), CONTRIBUTING)
    (found,) = re.finditer(rf"^### {title}\n.*?(?=^##)", without_blocks, re.M | re.S)
    return CONTRIBUTING[slice(*found.span())]


def steps(title: str) -> list[tuple[str, str, str]]:
    """The blocks of a section that name a file: what kind each is of, the file, and the text."""
    blocks = BLOCK.finditer(section(title))
    found = [(block["kind"], block["file"], block["text"]) for block in blocks]
    assert found, title
    return found


def follow(project: Path, kind: str, file: str, text: str) -> None:
    """Do one step."""
    path = project / file
    if kind != "diff":
        assert not path.exists(), file
        path.write_text(text)
        return
    for hunk in re.split(r"^@@\n", text, flags=re.M):
        lines = hunk.splitlines()
        old = "".join(f"{line[1:]}\n" for line in lines if not line.startswith("+"))
        new = "".join(f"{line[1:]}\n" for line in lines if not line.startswith("-"))
        whole = path.read_text()
        # A line is what it is whole, so that none is found within another.
        assert f"\n{whole}".count(f"\n{old}") == 1, f"{file} has not, or not once:\n{old}"
        path.write_text(f"\n{whole}".replace(f"\n{old}", f"\n{new}")[1:])


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy in which all of it is done, one thing after the other."""
    folder = tmp_path_factory.mktemp("newcomer")
    for name in COPIED:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy(ROOT / name, folder)
    for name in LINKED:
        (folder / name).symlink_to((ROOT / name).resolve())
    for title in SECTIONS:
        for step in steps(title):
            follow(folder, *step)
    return folder


def run(project: Path, *command: str) -> str:
    done = subprocess.run(
        command, cwd=project, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


FACTS = """
import json
from starlette.testclient import TestClient
from app.main import create_app
from app.settings import Settings

with TestClient(create_app(Settings(backend="inline"))) as client:
    while client.get("/readyz").status_code != 200:
        pass
    run = {"data": {"dataset": "stripes", "examples": 50},
           "network": {"layers": [{"units": 3, "activation": "softplus"}]},
           "training": {"iterations": 5}}
    trained = client.post("/train", params={"wait": 30}, json=run).json()
    taken = ("formula", "code/numpy", "code/scikit-learn", "code/pytorch")
    with client.websocket_connect("/ws") as socket:
        socket.send_json({"type": "configure", **{"data": run["data"], "runs": [{}]}})
        socket.send_json({"type": "weigh"})
        answers = []
        while not answers or answers[-1]["type"] not in ("weighed", "error"):
            message = socket.receive()
            if "text" in message:
                answers.append(json.loads(message["text"]))
    print(json.dumps({
        "curve": client.get("/activations/softplus").json(),
        "status": trained["status"],
        "taken": {each: client.get(f"/train/{trained['id']}/{each}").text for each in taken},
        "html": client.get("/").text,
        "datasets": client.get("/datasets").json(),
        "lessons": client.get("/lessons").json(),
        "answer": answers[-1],
    }))
"""


def test_what_was_written_passes_the_linters_and_its_own_tests(project: Path) -> None:
    run(project, "node_modules/.bin/tsc")
    run(project, "node_modules/.bin/biome", "ci", "--error-on-warnings")
    run(project, sys.executable, "scripts/page_layers.py")
    run(project, ".venv/bin/lint-imports")
    run(project, ".venv/bin/ruff", "check", "app", "nncore", "tests")
    run(project, ".venv/bin/ruff", "format", "--check", "app", "nncore", "tests")
    printed = run(
        project,
        *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
        *("tests/nncore/test_activations.py", "tests/nncore/test_network.py"),
        *("tests/nncore/test_datasets.py", "tests/nncore/test_docs.py", "tests/app/test_host.py"),
        *("-k", "softplus or by_hand or order or stripes or table or weighed or nncore.md"),
    )
    assert int(re.findall(r"(\d+) passed", printed)[0]) > 20


@pytest.mark.service
def test_its_server_has_all_of_it(project: Path) -> None:
    facts: Any = json.loads(run(project, sys.executable, "-c", FACTS))
    # The activation: drawn, chosen, trained with and taken away.
    assert facts["curve"]["name"] == "softplus"
    assert 'value="softplus"' in facts["html"]
    assert facts["status"] == "finished"
    assert "softplus(z) = log(1 + exp(z))" in facts["taken"]["formula"]
    assert "np.logaddexp(0, Z)" in facts["taken"]["code/numpy"]
    assert "np.logaddexp(0, Z)" in facts["taken"]["code/scikit-learn"]
    assert "nn.Softplus()" in facts["taken"]["code/pytorch"]
    # The dataset, the panel, the message and the lesson.
    assert "stripes" in json.dumps(facts["datasets"])
    assert 'value="stripes"' in facts["html"]
    assert 'id="tab-size"' in facts["html"]
    assert "js/views/size.js" in facts["html"]
    assert facts["answer"] == {"type": "weighed", "numbers": 17}
    assert "a-straight-line" in json.dumps(facts["lessons"])


def test_the_map_of_what_trains_names_every_file() -> None:
    text = section("A map of what trains")
    folders = ("training/", "training/host/", "training/workers/", "training/workers/cluster/")
    for folder in (*folders, "sessions/"):
        (rows,) = re.findall(rf"^\| \*\*`{folder}`\*\*.*\n((?:\| `.*\n)+)", text, re.M)
        there = [path.name for path in (ROOT / "app" / folder).glob("[!_]*.py")]
        assert sorted(re.findall(r"`(\w+\.py)`", rows)) == sorted(there)
