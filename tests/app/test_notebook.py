"""The notebook trains the run again: to the same costs, to the bit, and says what it does."""

import json
import re
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import plotly.graph_objects as go
import pytest
from nbclient import NotebookClient

import nncore
from app.content.presets import PRESETS
from app.exports.notebook import STARTS, UPDATES, notebook
from app.training.checkpoints import Record
from app.training.session import Session
from tests.app.test_exports import CENTIMETRES, RECORDS, layers, record_of, whole

ITERATIONS = 150
SPIRAL = {"training": {"optimizer": "adam", "learning_rate": 0.02, "batch_size": 16, "seed": 5}}


def of_preset(name: str) -> Record:
    """A run of a preset; one that diverges is as it is then."""
    (preset,) = [preset for preset in PRESETS if preset.name == name]
    session = Session(preset.run.plan())
    session.advance(ITERATIONS)
    return session.record(0)


def book_of(record: Record) -> Any:
    """The notebook of a run, as Jupyter reads it."""
    text = whole(notebook(record)).decode()
    book = nbformat.reads(text, as_version=4)  # type: ignore[no-untyped-call]
    nbformat.validate(book)
    return book


def stopping(**conditions: float) -> dict[str, Any]:
    return {"network": layers("tanh"), "training": {"stop": conditions, "learning_rate": 1}}


OTHERS = {
    "own points in centimetres": lambda: record_of({"network": layers("tanh")}, CENTIMETRES),
    "own points, features, a regression": lambda: record_of(
        {"network": layers("relu")},
        {
            "points": np.random.default_rng(0).normal(0, 3, (40, 2)).tolist(),
            "labels": np.random.default_rng(1).normal(0, 1, 40).tolist(),
            "task": "regression",
            "features": ["sin_x1", "x2_squared", "x1"],
            "seed": 3,
        },
    ),
    "labels that are wrong": lambda: record_of(
        {"network": layers("sigmoid")}, {"label_flips": 0.2, "noise": 0.3, "seed": 7}
    ),
    "batches, adam": lambda: record_of(
        {**SPIRAL, "network": layers("tanh", "tanh")}, {"dataset": "spiral"}
    ),
    "batches that stop": lambda: record_of(
        {"network": layers("tanh"), "training": {"batch_size": 7, "stop": {"accuracy": 0.9}}},
        {"dataset": "gauss"},
        iterations=2_000,
    ),
    "a cost that is low enough": lambda: record_of(stopping(cost=0.4), iterations=1_000),
    "an accuracy that is high enough": lambda: record_of(stopping(accuracy=0.9), iterations=1_000),
    "no progress": lambda: record_of(
        {"network": {"initialization": {"scheme": "zeros"}}, "training": {"stop": {"patience": 9}}}
    ),
    "many changes, one at the stop": lambda: record_of(
        stopping(cost=0.5),
        iterations=400,
        changes={
            **{at: f'{{"type": "set", "learning_rate": {at}}}' for at in range(1, 25)},
            399: '{"type": "set", "stop": {}}',
        },
    ),
}
KINDS = [
    *(pytest.param(of_preset, preset.name, id=preset.name) for preset in PRESETS),
    *(pytest.param(RECORDS.__getitem__, name, id=name) for name in RECORDS),
    *(pytest.param(lambda name: OTHERS[name](), name, id=name) for name in OTHERS),
]


@pytest.mark.parametrize(("make", "name"), KINDS)
def test_the_notebook_trains_to_the_same_costs_to_the_bit(
    make: Any, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    record = make(name)
    book = book_of(record)
    left: dict[str, Any] = {}
    figures = 0
    for cell in book.cells:
        assert cell.source == cell.source.strip()
        if cell.cell_type == "code":
            exec(compile(cell.source, "cell", "exec"), left)
            figures += cell.source.endswith("\nfigure")
            if not cell.metadata.get("jupyter"):
                assert max(map(len, cell.source.splitlines())) <= 110
                assert len(cell.source.splitlines()) <= 24
    assert left["costs"] == record.costs.tolist()
    for mine, theirs in zip(left["trainer"].network.layers, record.network.layers, strict=True):
        assert mine.W.tobytes() == theirs.W.tobytes()
        assert mine.b.tobytes() == theirs.b.tobytes()
    assert figures == bool(record.iteration) + (record.examples.features is not None)
    if figures:
        assert isinstance(left["figure"], go.Figure)
    # What is done by hand is what nncore does.
    assert left["db"][-1] == pytest.approx(left["gradients"].db[-1])
    assert all(map(np.allclose, left["dW"], left["gradients"].dW))
    said = capsys.readouterr().out
    assert f"train: cost {record.score.train_cost:.6g}" in said
    assert said.count("\n") == 1 + (record.score.test_cost is not None)
    # Every formula is written out, and nothing of the template is left.
    text = "\n".join(cell.source for cell in book.cells if cell.cell_type == "markdown")
    for formula in (r"Z^{[l]} = W^{[l]T} A^{[l-1]} + b^{[l]}", r"dW^{[l]} = \frac{1}{m}", "$m$"):
        assert formula in text
    assert text.count("$$") % 2 == 0
    assert not re.search(r"\{\{|\{%|None\b|\bnan\b", text)


def test_a_kernel_of_jupyter_runs_it(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path))
    record = of_preset("spiral")
    book = book_of(record)
    last = "import json; print(json.dumps(costs))"
    book.cells.append(nbformat.v4.new_code_cell(last))  # type: ignore[no-untyped-call]
    client = NotebookClient(book, timeout=300, resources={"metadata": {"path": str(root)}})
    client.execute()
    assert json.loads(book.cells[-1].outputs[0].text) == record.costs.tolist()
    shown = [output.get("data", {}) for cell in book.cells for output in cell.get("outputs", ())]
    figures = [data for data in shown if "application/vnd.plotly.v1+json" in data]
    assert len(figures) == 2
    assert {"text/plain": "True"} in shown  # the last cost, as the page had it


def test_names_that_somebody_wrote_are_only_data() -> None:
    data = {
        **CENTIMETRES,
        "origin": {
            "axes": [{"name": "a\n%% code\nimport os"}, {"name": "$x$ <b>'\"\\"}],
            "classes": ["{{ 1 }}", "</script>"],
            "label": "`c`",
        },
    }
    book = book_of(record_of({}, data, iterations=3))
    assert not any("<b>" in cell.source for cell in book.cells if cell.cell_type == "markdown")
    assert not any(cell.source.startswith("import os\n") for cell in book.cells[2:])
    names: dict[str, Any] = {}
    for cell in book.cells:
        if cell.cell_type == "code":
            exec(cell.source, names)
    assert names["NAMES"] == [axis["name"] for axis in data["origin"]["axes"]]  # type: ignore[index]
    assert names["figure"].layout.yaxis.title.text == "$x$ &lt;b&gt;&#x27;&quot;\\"


def test_a_formula_says_what_stands_in_it() -> None:
    training = {"optimizer": "adam", "learning_rate": 1e-05, "l2": 2.5e-06}
    cells = book_of(record_of({"training": training}, iterations=2)).cells
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    # A TeX reader takes 1e-05 for 1e − 05; and g is the activation, not a gradient.
    assert r"\alpha = 1 \cdot 10^{-5}$" in text
    assert r"\lambda_2 = 2.5 \cdot 10^{-6}$" in text
    assert r"v := 0.9 v + 0.1 \, d\theta" in text
    assert "Each $v$ and $s$ starts at 0, and $t$ counts the updates from 1." in text


def test_every_start_and_every_optimizer_has_its_formula() -> None:
    assert set(STARTS) == set(nncore.INITIALIZERS)
    assert set(UPDATES) == set(nncore.OPTIMIZERS)
