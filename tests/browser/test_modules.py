"""The page's pure functions, in the browser, from the files that it is served."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from playwright.sync_api import BrowserContext, Page

from tests.browser.conftest import Guard
from tests.browser.harness import Server
from tests.browser.playground import Playground

Run = Callable[..., Any]


@pytest.fixture(scope="module")
def run(contexts: Callable[[bool], BrowserContext], server: Server) -> Iterator[Run]:
    """Evaluate an expression of a module's names, with arguments `a`, `b`, …

    On one page: none of these functions keeps anything.
    """
    guard = Guard(server)
    context = contexts(False)
    with guard.watching(context):
        page = context.new_page()
        yield on(page)
        page.close()
    assert guard.problems == []


def on(page: Page) -> Run:
    Playground(page)
    base = page.evaluate(
        "document.querySelector('script[type=module]').src.replace(/main\\.js$/, '')"
    )

    def evaluate(module: str, expression: str, **arguments: Any) -> Any:
        names = ", ".join(arguments)
        return page.evaluate(
            f"""async (arguments_) => {{
              const module = await import({json.dumps(f"{base}{module}.js")});
              return ((module, {{ {names} }}) => {expression})(module, arguments_);
            }}""",
            arguments,
        )

    return evaluate


def test_numbers_as_text(run: Run) -> None:
    fixed = "values.map((value) => module.fixed(value))"
    assert run("format", fixed, values=[-1.234, 0, -0.001, 12]) == [
        "−1.23",
        "0.00",
        "0.00",
        "12.00",
    ]
    costs = [0.6931, 0.00001234, 0, 1234567, 999.99999, float("inf")]
    assert run("format", "values.map(module.cost)", values=costs) == [
        "0.6931",
        "1.2e−5",
        "0.0000",
        "1.2e6",
        "1000.0000",
        "∞",
    ]
    assert run("format", "values.map(module.parameter)", values=[0.004, -1.5, -2.8e28, 0]) == [
        "0.004",
        "−1.50",
        "−2.8e28",
        "0.00",
    ]
    assert run("format", "[module.percent(0.9867), module.percent(null)]") == ["98.7%", "–"]


def test_the_ramp_has_its_ends_and_its_middle(run: Run) -> None:
    words = run(
        "painting/ramp",
        "[...new Uint8Array(module.ramp([[250, 0, 10], [128, 128, 128], [0, 200, 40]]).buffer)]",
    )
    colours = np.array(words).reshape(256, 4)
    assert colours[0].tolist() == [250, 0, 10, 255]
    assert colours[255].tolist() == [0, 200, 40, 255]
    np.testing.assert_allclose(colours[127:129, :3], 128, atol=1)
    assert (np.diff(colours[:, 1].astype(int)) >= 0).all()


def _points(path: str) -> list[np.ndarray]:
    """The lines of a path of M, L and Z."""
    return [
        np.array([[float(n) for n in point.split()] for point in line.rstrip("Z").split("L")])
        for line in path.split("M")[1:]
    ]


def test_the_contour_of_a_cone_is_a_circle_in_one_stroke(run: Run) -> None:
    axis = np.linspace(-1, 1, 61)
    radius = np.hypot(*np.meshgrid(axis, axis))
    values = np.clip(255 * (1 - radius), 0, 255).round().astype(int).ravel().tolist()
    path = run("painting/contour", "module.contour(values, 61, 61, 127.5)", values=values)
    assert path.endswith("Z")
    (circle,) = _points(path)
    radii = np.hypot(circle[:, 0] - 50, circle[:, 1] - 50) / 50
    np.testing.assert_allclose(radii, 0.5, atol=0.01)
    assert len(circle) > 60


@pytest.mark.parametrize("up", [True, False])
def test_the_contour_of_a_slope_goes_from_border_to_border(run: Run, up: bool) -> None:
    values = np.tile(np.linspace(0, 255, 9).round().astype(int), (5, 1))
    if up:
        values = np.tile(np.linspace(0, 255, 5).round().astype(int)[:, None], (1, 9))
    path = run(
        "painting/contour", "module.contour(values, 9, 5, 64.5)", values=values.ravel().tolist()
    )
    (line,) = _points(path)
    across, along = (1, 0) if up else (0, 1)
    assert sorted(line[[0, -1], along]) == [0, 100]
    wanted = 100 - 64.5 / 2.55 if up else 64.5 / 2.55
    np.testing.assert_allclose(line[:, across], wanted, atol=0.3)


def test_a_flat_picture_has_no_contour_and_a_saddle_two(run: Run) -> None:
    contour = "module.contour(values, 2, 2, 127.5)"
    assert run("painting/contour", contour, values=[128] * 4) == ""
    assert len(_points(run("painting/contour", contour, values=[255, 0, 0, 255]))) == 2


def test_steps_too_few_for_a_line_are_smoothed(run: Run) -> None:
    x, y = np.meshgrid(np.linspace(-1, 1, 100), np.linspace(-1, 1, 100))
    values = (127.5 + 0.4 * (x + 0.3 * y)).round().astype(int).ravel().tolist()
    path = run(
        "painting/contour",
        "module.boundaryLine({ values: Uint8Array.from(values), width: 100, height: 100 })",
        values=values,
    )
    (line,) = _points(path)
    x1, y1 = line[:, 0] / 50 - 1, 1 - line[:, 1] / 50
    assert np.abs(x1 + 0.3 * y1).max() < 0.03


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    costs=st.lists(st.floats(0, 10, width=32), min_size=1, max_size=300),
    columns=st.integers(1, 50),
)
def test_thinning_keeps_ends_and_extremes_of_every_column(
    run: Run, costs: list[float], columns: int
) -> None:
    thinned = run(
        "store/history",
        "module.thin(Float32Array.from(costs), columns)",
        costs=costs,
        columns=columns,
    )
    x, y = thinned["x"], thinned["y"]
    assert x == sorted(set(x))
    assert [costs[k] for k in x] == y
    assert len(x) <= 2 * (columns + 1)
    assert max(y) == max(costs)
    assert min(y) == min(costs)


def test_a_history_keeps_what_lies_beyond_until_a_cost_is_another_and_has_no_gap(run: Run) -> None:
    script = """(() => {
      const history = new module.History();
      const out = [];
      const write = (first, costs) => {
        history.write(first, Float32Array.from(costs));
        out.push([...history.costs]);
      };
      write(0, [1, 2, 3]);
      history.writeTest(0, 9); history.writeTest(3, 8);
      write(3, [4]);
      write(1, [2]);
      write(1, []);
      write(2, [5, 6, 7]);
      out.push(history.tests.map(({ iteration }) => iteration));
      let refused = false;
      try { history.write(9, new Float32Array(1)); } catch { refused = true; }
      history.clear();
      write(0, []);
      history.write(0, new Float32Array(5000).fill(1));
      return [...out, refused, history.length];
    })()"""
    assert run("store/history", script) == [
        [1, 2, 3],
        [1, 2, 3, 4],
        [1, 2, 3, 4],
        [1, 2, 3, 4],
        [1, 2, 5, 6, 7],
        [0],
        [],
        True,
        5000,
    ]


def test_differences_sum_up_to_the_picture(run: Run) -> None:
    values = np.random.default_rng(0).integers(0, 256, (5, 7)).astype(np.uint8)
    differences = np.diff(np.diff(values, axis=0, prepend=0), axis=1, prepend=0).astype(np.uint8)
    summed = run(
        "painting/pictures",
        """(() => {
          const bytes = Uint8Array.from(values);
          module.sumUp(bytes, 7);
          return [...bytes];
        })()""",
        values=differences.ravel().tolist(),
    )
    assert summed == values.ravel().tolist()


def test_axes_end_at_round_numbers(run: Run) -> None:
    tops = run("views/cost-scale", "[0, 201, 1001, 1501, 999999].map(module.xTop)")
    assert tops == [200, 300, 1500, 2000, 1000000]
    assert run("views/cost-scale", "module.xTicks(1500)") == [0, 500, 1000, 1500]
    assert run("views/cost-scale", "module.yRange([[0.69, 0.1]], false)") == [0, 0.72]
    exploding = run("views/cost-scale", "module.yRange([[0.7, 1e30], [0.69, 0.2]], false)")
    assert exploding[1] == pytest.approx(5 * 0.7 * 1.06)


def test_names_of_curves_do_not_overlap(run: Run) -> None:
    labels = run(
        "views/cost-scale",
        """module.place(
          ['tanh', 'ReLU', 'sigmoid'].map((text, k) => ({
            text, bold: k === 0,
            curve: {
              x: [...Array(100).keys()],
              y: [...Array(100).keys()].map((i) => 0.7 / (1 + i / (5 + k))),
            },
          })),
          [],
          { x: (i) => 4 * i, y: (v) => 150 * (1 - v / 0.72), width: 400, height: 150 },
          12,
        )""",
    )
    assert [label["text"] for label in labels] == ["tanh", "ReLU", "sigmoid"]
    for index, one in enumerate(labels):
        for other in labels[:index]:
            apart = abs(one["y"] - other["y"]) >= 12 or abs(one["x"] - other["x"]) >= 25
            assert apart


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rate=st.floats(0, 100, exclude_min=True),
    noise=st.floats(0, 1),
    seed=st.integers(0, 2**32 - 1),
    units=st.lists(st.integers(1, 16), max_size=6),
)
def test_an_address_keeps_every_digit(
    run: Run, rate: float, noise: float, seed: int, units: list[int]
) -> None:
    script = """(async () => {
      const { defaultsOf, fieldsOf } = await import(base + 'experiment/experiment.js');
      const catalogue = JSON.parse(document.getElementById('catalogue').textContent);
      const [fields, defaults] = [fieldsOf(catalogue), defaultsOf(catalogue)];
      const layers = units.map((count) => ({ ...defaults.layers[0], units: count }));
      const experiment = { ...defaults, learningRate: rate, noise, dataSeed: seed, layers };
      const { experiment: read, problems } =
        module.fromHash(module.toHash(experiment, defaults, fields), defaults, fields);
      const sizes = read.layers.map(({ units }) => units);
      return [read.learningRate, read.noise, read.dataSeed, sizes, problems];
    })()"""
    script = script.replace(
        "base +", "document.querySelector('script[type=module]').src.replace(/main\\.js$/, '') +"
    )
    assert run("experiment/address", script, rate=rate, noise=noise, seed=seed, units=units) == [
        rate,
        noise,
        seed,
        units,
        [],
    ]


def test_a_layout_keeps_units_apart_and_inside(run: Run) -> None:
    for sizes, width, height in (
        ([2, 4, 1], 664, 470),
        ([2, 1], 664, 470),
        ([2, *[16] * 6, 1], 664, 430),
        ([2, 16, 1], 340, 420),
    ):
        layout = run(
            "painting/network-layout", "module.layoutNetwork(a, b, c)", a=sizes, b=width, c=height
        )
        assert len(layout["nodes"]) == sum(sizes)
        assert len(layout["edges"]) == sum(a * b for a, b in itertools.pairwise(sizes))
        for node in layout["nodes"]:
            half = node["size"] / 2
            assert half <= node["x"] <= width - half
            assert half - 1 <= node["y"] <= height - half + 1
        for one, other in zip(layout["nodes"], layout["nodes"][1:], strict=False):
            if one["layer"] == other["layer"]:
                assert other["y"] - one["y"] >= one["size"]


def test_a_matrix_is_written_with_one_power_of_a_thousand(run: Run) -> None:
    power = "module.powerOf(rows)"
    for largest, expected in ((0, 0), (0.1, 0), (999.9, 0), (0.0999, -3), (-2e-6, -6), (4e5, 3)):
        assert run("labs/microscope/matrix", power, rows=[[0, largest], [0, 0]]) == expected
    texts = "module.textsOf(rows, module.powerOf(rows))"
    for rows, written in (
        ([[0.00123, -0.04], [0, None]], [["1.230", "−40.000"], ["0.000", None]]),
        ([[0, 1, 1]], [["0", "1", "1"]]),
        ([[0.03351]], [["0.0335"]]),
        ([[0.00001]], [["10.000"]]),
    ):
        assert run("labs/microscope/matrix", texts, rows=rows) == written


def test_what_is_pointed_at_is_spoken_of_by_what_belongs_to_it(run: Run) -> None:
    def spoken(pointed: tuple[Any, ...], *parts: tuple[Any, ...]) -> list[bool]:
        names = ("what", "layer", "unit", "input")
        found = run(
            "labs/microscope/iteration",
            "parts.map((part) => module.speaksOf(part, pointed))",
            pointed=dict(zip(names, pointed, strict=True)),
            parts=[dict(zip(names, part, strict=True)) for part in parts],
        )
        assert isinstance(found, list)
        return found

    every = (
        ("weights", 1, None, None),
        ("weights", 1, 2, 0),
        ("weights", 1, 2, 1),
        ("weights", 2, 2, 0),
        ("biases", 1, None, None),
        ("biases", 1, 1, None),
        ("units", 1, 2, None),
    )
    weight = [True, True, False, False, False, False, False]
    assert spoken(("weights", 1, 2, 0), *every) == weight
    assert spoken(("biases", 1, 1, None), *every) == [False] * 4 + [True, True, False]
    unit = [True, True, True, False, True, False, True]
    assert spoken(("units", 1, 2, None), *every) == unit


def test_a_verdict_says_differs_and_kinks_in_words(run: Run) -> None:
    on = "module.verdictOn({ agree, numeric: [] })"
    assert run("labs/microscope/lines", on, agree=[[True, True]]) == {
        "agrees": True,
        "text": "agrees",
    }
    differs = run("labs/microscope/lines", on, agree=[[True, False], [None, True]])
    assert differs["agrees"] is False
    assert differs["text"].startswith("differs at row 1, column 2; one entry is at a kink")
    kinks = run("labs/microscope/lines", on, agree=[[None], [None]])
    assert kinks["agrees"] is None
    assert kinks["text"].startswith("2 entries are at a kink")

    of = "module.verdictOf({ layers, check })"
    layers = [{"agree": {"weights": [[True, False]], "biases": [True]}}] * 2
    check = {"agree": False, "compared": 6, "kinks": 0, "worst": None, "detail": None}
    found = run("labs/microscope/lines", of, layers=layers, check=check)
    assert found == {"agrees": False, "text": "2 of 4 gradients differ from finite differences"}
    found = run("labs/microscope/lines", of, layers=layers, check=None)
    assert found["agrees"] is None


DIALOGUE = """
  const sent = [];
  const terms = {
    configure: (setup, weights) => ({ data: setup.data, runs: [{ weights }] }),
    settings: ({ iterations_per_frame }) => ({ iterations_per_frame }),
  };
  const dialogue = new module.Dialogue((message) => sent.push(message), terms);
  const setup = { data: 1, iterations_per_frame: 5 };
  const training = { learning_rate: 0.1, l1: 0, l2: 0 };
  const configured = {
    session: 'a', playing: false, iteration: 0, iterations_per_frame: 5, data: {},
    runs: [{ training }], resumed: false, from_checkpoint: false,
  };
"""


def in_dialogue(run: Run, steps: str) -> Any:
    return run("stream/dialogue", f"(() => {{ {DIALOGUE} {steps} }})()")


def test_a_dialogue_asks_in_the_terms_it_is_given_and_returns_what_is_to_be_done(run: Run) -> None:
    sent, first, settled = in_dialogue(
        run,
        """
          dialogue.step(3);
          const first = dialogue.begin();
          dialogue.configure(setup, null);
          dialogue.stepFirst(first);
          dialogue.configured(configured, setup);
          return [sent, first, dialogue.settled];
        """,
    )
    assert first == 3
    assert settled
    assert sent == [
        {"type": "configure", "data": 1, "runs": [{"weights": None}], "playing": False},
        {"type": "step", "iterations": 3},
    ]


def test_a_setup_that_is_lost_with_its_connection_is_to_be_configured_anew(run: Run) -> None:
    script = """
      dialogue.begin();
      dialogue.configure(setup, null);
      dialogue.configured(configured, setup);
      dialogue.configure({ ...setup, data: 2 }, lost ? [] : null);
      if (!lost) dialogue.configured(configured, setup);
      dialogue.closed('weights');
      return [dialogue.query(9), dialogue.resumed(configured, setup), sent.length];
    """
    query, anew, sent = in_dialogue(run, "const lost = true;" + script)
    assert (query, anew, sent) == ("session=a&iteration=0", {"weights": "weights"}, 2)
    query, anew, sent = in_dialogue(run, "const lost = false;" + script)
    assert (query, anew, sent) == ("session=a&iteration=0", None, 2)


def test_a_session_without_a_run_says_how_it_is_too(run: Run) -> None:
    script = """
      dialogue.begin();
      dialogue.play();
      const paused = dialogue.state({ ...configured, runs: [] }, undefined);
      return [paused, dialogue.playing.value];
    """
    assert in_dialogue(run, script) == [True, False]
