"""What can be taken away is what was trained: files are read back, programs are run."""

import ast
import csv
import importlib.util
import io
import json
import math
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from safetensors.numpy import load as load_safetensors
from starlette.testclient import TestClient

import nncore
from app.content import marks
from app.content.assets import plotly_script
from app.errors import InvalidField
from app.exports import dialects, text_tables
from app.exports.code import LANGUAGES
from app.exports.files import FILES
from app.exports.formula import formula
from app.exports.origins import identifiers
from app.exports.parameters import FORMATS, read
from app.exports.report import report
from app.schemas import Axis, Plan, View, check_plan
from app.training.checkpoints import Record
from app.training.session import Session
from app.wire import pictures
from tests.app.stream import Stream
from tests.app.test_session import act


def record_of(
    run: dict[str, Any],
    data: dict[str, Any] | None = None,
    *,
    iterations: int = 120,
    changes: dict[int, str] | None = None,
) -> Record:
    """A run as it is after some iterations, with the changes made on the way."""
    session = Session(Plan.model_validate({"data": data or {"examples": 60}, "runs": [run]}))
    for at, message in sorted((changes or {}).items()):
        session.advance(at - session.iteration)
        act(session, message)
    if iterations > session.iteration:
        session.advance(iterations - session.iteration)
    return session.record(0)


def layers(*activations: str, units: int = 3) -> dict[str, Any]:
    return {
        "layers": [{"units": units, "activation": name} for name in activations],
        "initialization": {"scheme": "xavier"},
    }


LEAKY = {"layers": [{"units": 4, "activation": "leaky_relu", "slope": 0.2}, {"units": 2}]}
OWN = {
    "points": [[i % 2, i % 3, i % 5 / 2, 1.5] for i in range(30)],
    "labels": [i % 2 for i in range(30)],
}
RECORDS: dict[str, Record] = {
    "as it is": record_of({}),
    "no hidden layer": record_of({"network": {"layers": []}}),
    "relu, adam, batches": record_of(
        {
            "network": layers("relu", "relu"),
            "training": {"optimizer": "adam", "batch_size": 8, "learning_rate": 0.01, "seed": 3},
        }
    ),
    "sigmoid, momentum, penalties": record_of(
        {
            "network": layers("sigmoid"),
            "training": {"optimizer": "momentum", "l1": 0.001, "l2": 0.01, "learning_rate": 0.05},
        }
    ),
    "leaky and tanh, rmsprop": record_of(
        {"network": LEAKY, "training": {"optimizer": "rmsprop", "learning_rate": 0.01}}
    ),
    "all features": record_of(
        {"network": layers("linear"), "training": {"learning_rate": 0.001}},
        {"examples": 60, "features": list(nncore.FEATURES), "train_fraction": 1},
    ),
    "regression": record_of(
        {"network": layers("tanh", "relu"), "training": {"learning_rate": 0.05}},
        {"dataset": "bumps", "examples": 60},
    ),
    "regression, no hidden layer": record_of(
        {"network": {"layers": []}, "training": {"learning_rate": 0.05}},
        {"dataset": "plane", "examples": 60},
    ),
    "own data of four features": record_of({"network": layers("tanh")}, OWN),
    "given parameters": record_of(
        {
            "network": {
                "layers": [],
                "parameters": [{"weights": [[0.5], [-0.25]], "biases": [0.125]}],
            }
        },
        iterations=0,
    ),
    "changed on the way": record_of(
        {"network": layers("tanh"), "training": {"learning_rate": 0.1}},
        changes={
            10: '{"type": "set", "learning_rate": 0.5, "l2": 0.01}',
            30: '{"type": "edit", "layer": 1, "unit": 2, "input": 1, "value": 1.5, "frozen": true}',
            40: '{"type": "edit", "layer": 2, "unit": 0, "input": null, "frozen": true}',
            50: '{"type": "set", "stop": {"cost": 0.0001}}',
            60: '{"type": "edit", "layer": 1, "unit": 2, "input": 1, "frozen": false}',
            120: '{"type": "edit", "layer": 1, "unit": 0, "input": null, "value": -0.75}',
        },
    ),
}
EACH = pytest.mark.parametrize("name", RECORDS)


def whole(parts: Iterable[str | bytes]) -> bytes:
    """A file of its parts."""
    return b"".join(part.encode() if isinstance(part, str) else part for part in parts)


def execute(text: str) -> dict[str, Any]:
    """The names a program leaves behind."""
    namespace: dict[str, Any] = {}
    exec(compile(text, "exported.py", "exec"), namespace)
    return namespace


# -- programs -------------------------------------------------------------------------------


CENTIMETRES = {
    "points": [[-5, 0], [5, 5], [0, -5], [2.5, 1]],
    "labels": [0, 1, 0, 1],
    "features": ["x1", "x2"],
    "origin": {
        "axes": [
            {"name": "height (cm)", "center": 175, "scale": 0.4},
            {"name": "weight\n</td>; print(1)", "center": -3, "scale": 2},
        ],
        "label": "sex",
        "classes": ["f", "m"],
    },
}


@pytest.mark.parametrize("name", ["class", "tanh", "exp", "x2", "a1_1", "1st", "#"])
def test_what_a_formula_cannot_call_an_axis_has_another_name(name: str) -> None:
    axes = [Axis(name=called, center=0, scale=1) for called in (name, "height (cm)")]
    assert identifiers(axes) == ["value_1", "height_cm"]


def test_no_two_axes_have_one_name_in_formulas() -> None:
    for names in (("value 2", "class"), ("a b", "a_b"), ("exp", "value_1")):
        axes = [Axis(name=name, center=0, scale=1) for name in names]
        assert len(set(identifiers(axes))) == 2


def test_who_enters_centimetres_gets_centimetres() -> None:
    record = record_of({"network": layers("tanh")}, CENTIMETRES)
    rows = list(csv.reader(io.StringIO(whole(text_tables.data_csv(record)).decode(), newline="")))
    weight = "weight\n</td>; print(1)"
    assert rows[0] == ["height (cm)", weight, "x1", "x2", "label", "sex", "split"]
    assert [[*map(float, row[:2]), row[5]] for row in rows[1:]] == [
        [162.5, -3, "f"],
        [187.5, -0.5, "m"],
        [175, -5.5, "f"],
        [181.25, -2.5, "m"],
    ]
    # Read again, it is the table that it was.
    table = dialects.parse(whole(text_tables.data_csv(record)).decode())
    assert text_tables.preview(table).suggested == {"x1": 0, "x2": 1, "label": 4}

    y_hat = nncore.predict(record.network, record.examples.X).ravel()
    lines = "".join(formula(record, 17))
    assert "# height_cm: height (cm)\n" in lines
    names = {"exp": math.exp, "height_cm": 187.5}
    names["weight_td_print_1"] = -0.5
    names["tanh"], names["sigmoid"] = math.tanh, lambda z: 1 / (1 + math.exp(-z))
    for line in lines.splitlines():
        exec(line, names)
    assert names["ŷ"] == pytest.approx(y_hat[1])

    for language in LANGUAGES.values():
        text = whole(language(record)).decode()
        assert "NAMES = ['height (cm)', " in text
        assert "CLASSES = ['f', 'm']" in text
        ast.parse(text)
    program = whole(LANGUAGES["numpy"](record)).decode()
    known: dict[str, Any] = {}
    exec(program, known)
    assert known["moved"]([[187.5, -0.5]]).tolist() == [[5, 5]]

    page = whole(report(record)).decode()
    assert "x1 = (height (cm) − 175) · 0.4" in page
    assert "f is y = 0, m is y = 1" in page
    assert "</td>; print(1)" not in page.replace("&lt;/td&gt;", "")
    figures = json.loads(re.findall(r'id="boundary-figure">(.*?)</script>', page, re.DOTALL)[0])
    axis = figures["layout"]["xaxis"]
    assert axis["title"]["text"] == "x1: height (cm)"
    assert axis["ticktext"] == ["160", "165", "170", "175", "180", "185", "190"]
    np.testing.assert_allclose(axis["tickvals"], [-6, -4, -2, 0, 2, 4, 6])
    assert {"train, y = 1 (m)", "train, y = 0 (f)"} & {t.get("name") for t in figures["data"]}


@pytest.mark.parametrize("axes", [1, 3])
def test_an_origin_has_an_axis_for_each_number(axes: int) -> None:
    data = {**CENTIMETRES, "origin": {"axes": [{"name": "a"}] * axes}}
    with pytest.raises(InvalidField, match=r"data\.origin\.axes must have 2 entries"):
        check_plan(Plan.model_validate({"data": data}))


@EACH
def test_the_numpy_program_trains_to_the_same_costs_and_parameters(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    record = RECORDS[name]
    left = execute(whole(LANGUAGES["numpy"](record)).decode())
    np.testing.assert_allclose(left["costs"], record.costs, rtol=1e-8)
    for W, b, layer in zip(left["W"], left["b"], record.network.layers, strict=True):
        np.testing.assert_allclose(W, layer.W, rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(b, layer.b, rtol=1e-6, atol=1e-9)
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith(f"train: cost {record.score.train_cost:.4g}"[:-1])
    assert len(printed) == 1 + (record.score.test_cost is not None)


@EACH
def test_the_scikit_learn_program_predicts_the_same(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    record = RECORDS[name]
    left = execute(whole(LANGUAGES["scikit-learn"](record)).decode())
    expected = nncore.predict(record.network, record.examples.X).ravel()
    np.testing.assert_allclose(left["y_hat"], expected, rtol=1e-9, atol=1e-12)
    if record.score.train_accuracy is not None:
        printed = capsys.readouterr().out.splitlines()[0]
        assert printed == f"train: accuracy {record.score.train_accuracy:.4f}"


@EACH
def test_the_pytorch_program_predicts_the_same(name: str) -> None:
    """Where PyTorch is at hand it is run; everywhere it is a program with these parameters."""
    record = RECORDS[name]
    text = whole(LANGUAGES["pytorch"](record)).decode()
    assigned = {
        target.id: node.value
        for node in ast.parse(text).body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    W = assigned["W"]
    assert isinstance(W, ast.List)
    arrays = [ast.literal_eval(array.args[0]) for array in W.elts if isinstance(array, ast.Call)]
    assert arrays == [layer.W.tolist() for layer in record.network.layers]
    assert text.count("nn.Linear(") == len(record.network.layers)
    if importlib.util.find_spec("torch") is not None:
        more = "\nimport json; print(json.dumps(y_hat.ravel().tolist()))\n"
        ran = subprocess.run(
            [sys.executable, "-c", text + more], capture_output=True, text=True, check=True
        )
        expected = nncore.predict(record.network, record.examples.X).ravel()
        np.testing.assert_allclose(
            json.loads(ran.stdout.splitlines()[-1]), expected, rtol=1e-9, atol=1e-12
        )


def test_a_program_runs_by_itself() -> None:
    text = whole(LANGUAGES["numpy"](RECORDS["as it is"])).decode()
    ran = subprocess.run([sys.executable, "-I", "-c", text], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("train: cost ")


@pytest.mark.parametrize("language", LANGUAGES)
@EACH
def test_programs_are_readable(language: str, name: str) -> None:
    text = whole(LANGUAGES[language](RECORDS[name])).decode()
    assert max(map(len, text.splitlines())) <= 180
    assert "\n\n\n\n" not in text
    assert not re.search(r"\b(nan|inf)\b", text)


# -- the formula ----------------------------------------------------------------------------


@EACH
@pytest.mark.parametrize(("digits", "tolerance"), [(17, 1e-12), (5, 0.05)])
def test_the_formula_gives_the_networks_output(name: str, digits: int, tolerance: float) -> None:
    record = RECORDS[name]
    functions = {
        "sigmoid": lambda z: 1 / (1 + math.exp(-z)),
        "tanh": math.tanh,
        "relu": lambda z: max(0.0, z),
        "leaky_relu": lambda z, s: z if z >= 0 else s * z,
        "sin": math.sin,
    }
    text = whole(formula(record, digits)).decode()
    for column in range(0, 30, 7):
        point = record.examples.points[:, column].tolist()
        names = {f"x{i + 1}": x for i, x in enumerate(point)}
        exec(text, functions, names)
        expected = nncore.predict(record.network, record.examples.X[:, [column]])[0, 0]
        assert names["ŷ"] == pytest.approx(expected, abs=tolerance)


def test_a_formula_by_hand() -> None:
    text = whole(formula(RECORDS["given parameters"])).decode()
    assert text.splitlines()[-1] == "ŷ = sigmoid(0.5*x1 - 0.25*x2 + 0.125)"
    assert "# sigmoid(z) = 1/(1 + exp(-z))" in text


# -- parameters -----------------------------------------------------------------------------


@EACH
@pytest.mark.parametrize("form", FORMATS)
def test_parameters_come_back_to_the_bit(name: str, form: str) -> None:
    network = RECORDS[name].network
    parameters = read(whole(FORMATS[form].write(network)), form)
    for back, layer in zip(parameters.layers, network.layers, strict=True):
        assert np.array(back.weights).tobytes() == layer.W.tobytes()
        assert np.array(back.biases).tobytes() == layer.b.tobytes()
        assert (back.activation, back.slope) == (layer.activation.name, layer.activation.slope)


def test_arrays_have_the_lectures_names_and_shapes() -> None:
    network = RECORDS["as it is"].network
    with np.load(io.BytesIO(whole(FORMATS["npz"].write(network))), allow_pickle=False) as npz:
        np.testing.assert_array_equal(npz["W1"], network.layers[0].W)
        np.testing.assert_array_equal(npz["b2"], network.layers[1].b.ravel())
        assert npz["activations"].tolist() == ["tanh", "sigmoid"]
    tensors = load_safetensors(whole(FORMATS["safetensors"].write(network)))
    assert {name: array.shape for name, array in tensors.items()} == {
        "W1": (2, 4),
        "b1": (4,),
        "W2": (4, 1),
        "b2": (1,),
    }


# -- tables ---------------------------------------------------------------------------------


@EACH
def test_the_points_and_the_split_are_those_of_the_run(name: str) -> None:
    record = RECORDS[name]
    examples = record.examples
    header, *rows = csv.reader(io.StringIO(whole(text_tables.data_csv(record)).decode()))
    assert header[0] == "x1"
    columns = dict(zip(header, zip(*rows, strict=True), strict=True))
    given = [np.array(columns[name], float) for name in examples.features or header[:-2]]
    np.testing.assert_array_equal(np.stack(given), examples.X)
    label = "target" if examples.task == "regression" else "label"
    np.testing.assert_array_equal(np.array(columns[label], float), examples.Y[0])
    split = np.array(columns["split"])
    np.testing.assert_array_equal(np.flatnonzero(split == "test"), examples.test)
    costs = list(csv.reader(io.StringIO(whole(text_tables.costs_csv(record)).decode())))
    assert costs[0] == ["iteration", "cost"]
    assert [float(cost) for _, cost in costs[1:]] == record.costs.tolist()


def test_a_cell_is_no_formula() -> None:
    rows = [["=1+1", "+A1", "-A1", "@SUM(A1)", "\t=1", -1.5, "plain"]]
    written = whole(text_tables.write(["=cmd|' /C calc'!A0"], rows)).decode()
    header, cells = csv.reader(io.StringIO(written))
    assert header == ["'=cmd|' /C calc'!A0"]
    assert cells == ["'=1+1", "'+A1", "'-A1", "'@SUM(A1)", "'\t=1", "-1.5", "plain"]


# -- the report -----------------------------------------------------------------------------


@EACH
def test_the_report_holds_all_there_is_to_say(name: str) -> None:
    record = RECORDS[name]
    page = whole(report(record)).decode()
    figures = {
        found[1]: json.loads(found[2])
        for found in re.finditer(
            r'<script type="application/json" id="(\w+)-figure">(.*?)</script>', page
        )
    }
    assert set(figures) == {"cost"} | ({"boundary"} if record.examples.features else set())
    every, *means = figures["cost"]["data"]
    assert every["y"] == record.costs.tolist()
    batch = record.run_plan.training.batch_size
    assert len(means) == (batch is not None)
    if batch is not None:
        epoch = math.ceil(record.examples.train.size / batch)
        assert f"({epoch} batches)" in means[0]["name"]
        plain = [record.costs[max(0, k + 1 - epoch) : k + 1].mean() for k in means[0]["x"]]
        assert means[0]["y"] == pytest.approx(plain)
    if record.examples.features:
        contour, *others = figures["boundary"]["data"]
        points = [trace for trace in others if trace["type"] == "scatter"]
        assert np.shape(contour["z"]) == (100, 100)
        assert sum(len(trace["x"]) for trace in points) == record.examples.X.shape[1]
    for figure in figures.values():
        go.Figure(figure["data"], figure["layout"])  # Plotly knows every word of it
    assert f"{record.score.train_cost:.4g}" in page
    if record.run_plan.network.parameters is None:
        start = record.run_plan.network.initialization
        assert (f"small random × {start.scale}, seed" in page) == (start.scheme == "small_random")
    for layer in record.network.layers:
        assert f"{layer.W[0, 0]:.5g}" in page
    assert not re.search(r"(src|href)=", page.split("<script>")[0])


def test_of_one_thing_there_is_one() -> None:
    network = {"layers": [{"units": 1, "activation": "tanh"}]}
    rate = '{"type": "set", "learning_rate": 0.5}'
    record = record_of({"network": network}, iterations=1, changes={1: rate})
    for write in (report, LANGUAGES["numpy"], formula):
        assert re.search(r"\b1 iteration\b", whole(write(record)).decode())
    assert "; 1 change on the way" in whole(report(record)).decode()


def drawn(record: Record) -> tuple[dict[str, Any], list[dict[str, Any]], list[float]]:
    """The contour, the points, and the range of both axes, of a report's plane."""
    page = whole(report(record)).decode()
    (text,) = re.findall(r'id="boundary-figure">(.*?)</script>', page)
    figure = json.loads(text)
    contour, *others = figure["data"]
    points = [trace for trace in others if trace["type"] == "scatter"]
    assert figure["layout"]["xaxis"]["range"] == figure["layout"]["yaxis"]["range"]
    return contour, points, figure["layout"]["xaxis"]["range"]


def test_a_report_shows_classes_as_the_page_does(root: Path) -> None:
    css = (root / "static" / "css" / "tokens.css").read_text()

    def light(token: str) -> str:
        found: list[str] = re.findall(rf"--{token}: light-dark\((#\w+),", css)
        return found[0]

    contour, points, reach = drawn(record_of({}, iterations=3))
    assert [tuple(stop) for stop in contour["colorscale"]] == [
        (0, light("heat-0")),
        (0.5, light("heat-m")),
        (1, light("heat-1")),
    ]
    looks = {
        trace["name"]: (
            trace["marker"]["symbol"],
            trace["marker"]["color"],
            trace["marker"]["line"]["color"],
        )
        for trace in points
    }
    zero, one = light("zero-mark"), light("one-mark")
    assert looks == {
        "train, y = 0": ("diamond", zero, "white"),
        "train, y = 1": ("circle", one, "white"),
        "test, y = 0": ("diamond", "white", zero),
        "test, y = 1": ("circle", "white", one),
    }
    assert reach == [-6.6, 6.6]


@pytest.mark.parametrize("dataset", ["circle", "plane"])
def test_a_report_shows_the_plane_that_the_page_shows(dataset: str) -> None:
    """The same values, from and to, in the same colours; a saved image is made of the page's."""
    record = record_of({}, {"dataset": dataset, "examples": 60}, iterations=60)
    contour, _, reach = drawn(record)
    assert reach == list(marks.PLANE)
    view = View(resolution=100, x=reach, y=reach)
    features = record.examples.features
    assert features is not None
    seen = pictures(record.network, view, features, record.examples.scale)["boundary"]
    assert (contour["zmin"], contour["zmax"]) == (seen["low"], seen["high"])
    assert contour["contours"]["coloring"] == "heatmap"
    values = np.frombuffer(seen["values"], np.uint8).reshape(100, 100) / 255
    shown = seen["low"] + values * (seen["high"] - seen["low"])
    expected = np.clip(contour["z"], seen["low"], seen["high"])
    assert np.abs(shown - expected).max() <= 0.51 / 255 * (seen["high"] - seen["low"])


@pytest.mark.parametrize(("dataset", "lines"), [("circle", 1), ("plane", 0)])
def test_a_report_has_the_line_of_one_half_where_z_is_zero(dataset: str, lines: int) -> None:
    record = record_of({}, {"dataset": dataset, "examples": 60}, iterations=60)
    page = whole(report(record)).decode()
    (text,) = re.findall(r'id="boundary-figure">(.*?)</script>', page)
    contour, *others = json.loads(text)["data"]
    drawn = [trace for trace in others if trace["type"] == "contour"]
    assert len(drawn) == lines
    for line in drawn:
        assert line["contours"]["start"] == line["contours"]["end"] == 0
        assert line["line"] == {"width": 2, "color": marks.colour("contour")}
        z, values = np.array(line["z"]), np.array(contour["z"])
        clear = np.abs(values - 0.5) > 1e-6
        assert ((z > 0) == (values > 0.5))[clear].all()


@pytest.mark.parametrize("farthest", [6.0, 6.6, 250.0])
def test_a_report_cuts_no_point_off(farthest: float) -> None:
    points = [[0, 0], [1, 1], [-1, 1], [farthest, -farthest]]
    record = record_of({}, {"points": points, "labels": [0, 1, 0, 1]}, iterations=3)
    contour, traces, (low, high) = drawn(record)
    assert -low == high >= farthest
    assert farthest == 6.6 or high > farthest
    assert (contour["x"][0], contour["x"][-1]) == pytest.approx((low, high))
    assert sum(len(trace["x"]) for trace in traces) == 4
    assert not any(trace["cliponaxis"] for trace in traces)


def test_a_name_in_a_report_is_text() -> None:
    record = record_of({"label": "<script>alert(1)</script> (plotly.min.js)"}, iterations=3)
    page = whole(report(record)).decode()
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert page.count(plotly_script().read_text()) == 1
    assert page.endswith("</html>")


# -- over the wire --------------------------------------------------------------------------

PATHS = [
    *(f"parameters.{form}" for form in FORMATS),
    "data.csv",
    "costs.csv",
    *(f"code/{language}" for language in LANGUAGES),
    "notebook.ipynb",
    "formula",
    "report",
]


def test_a_rest_run_and_a_session_give_the_very_same(client: TestClient) -> None:
    body = {"data": {"dataset": "xor"}, "training": {"iterations": 50}}
    name = client.post("/train", params={"wait": 30}, json=body).json()["id"]
    with Stream.connect(client) as stream:
        session = stream.configure(
            data=body["data"], runs=[{"network": {"layers": []}}, {"training": body["training"]}]
        )["session"]
        stream.say("step", iterations=50)
        stream.until_iteration(50)
        for path in PATHS:
            ours = client.get(f"/train/{name}/{path}")
            theirs = client.get(f"/sessions/{session}/{path}", params={"run": 1})
            assert ours.status_code == theirs.status_code == 200, path
            if not path.endswith("npz"):  # an archive has the time in it
                assert ours.content == theirs.content, path
            assert ours.headers["content-type"] == theirs.headers["content-type"]
            disposition = ours.headers["content-disposition"]
            assert disposition == theirs.headers["content-disposition"]
            assert re.search(r'filename="xor-50-[a-z_.]+"$', disposition)
            assert ours.headers["shallows-iteration"] == "50"
            assert theirs.headers["shallows-iteration"] == "50"
        other = client.get(f"/sessions/{session}/formula").text
        assert "tanh" not in other
        assert "tanh" in client.get(f"/sessions/{session}/formula", params={"run": 1}).text
        answer = client.get(f"/sessions/{session}/formula", params={"run": 2})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == "run"


def test_it_is_that_of_now_with_what_was_changed(client: TestClient) -> None:
    with Stream.connect(client) as stream:
        session = stream.configure()["session"]
        stream.say("edit", layer=2, unit=0, input=None, value=0.375, frozen=True)
        stream.say("step", iterations=20)
        stream.until_iteration(20)
        parameters = client.get(f"/sessions/{session}/parameters.json").json()
        assert parameters["layers"][1]["biases"] == [0.375]
        program = client.get(f"/sessions/{session}/code/numpy").text
        costs = execute(program)["costs"]
        np.testing.assert_allclose(costs, np.frombuffer(stream.costs(), "<f4"), rtol=1e-6)


def test_what_is_not_there(client: TestClient) -> None:
    assert client.get("/train/nobody/report").status_code == 404
    assert client.get("/sessions/nobody/report").status_code == 404
    with Stream.connect(client) as stream:
        session = stream.configure()["session"]
    assert client.get(f"/sessions/{session}/code/cobol").status_code == 404
    answer = client.get(f"/sessions/{session}/formula", params={"digits": 18})
    assert answer.status_code == 422
    name = client.post("/train", params={"wait": 30}, json={"training": {"iterations": 1}})
    answer = client.get(f"/train/{name.json()['id']}/report", params={"run": 1})
    assert answer.status_code == 422


def test_the_report_has_a_policy_of_its_own(inline: TestClient) -> None:
    body = {"training": {"iterations": 5}}
    name = inline.post("/train", params={"wait": 30}, json=body).json()["id"]
    answer = inline.get(f"/train/{name}/report")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "sandbox allow-scripts" in policy
    assert "allow-same-origin" not in policy
    assert re.search(r"script-src 'sha256-[^']+' 'sha256-[^']+';", policy)
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_files_of_this_make_are_where_the_docs_say(root: Path) -> None:
    assert set(PATHS) == set(FILES)
    protocol = (root / "docs" / "protocol.md").read_text()
    for path in PATHS:
        assert path in protocol
