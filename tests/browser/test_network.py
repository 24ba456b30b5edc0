"""The network's numbers are the server's, its shapes the lecture's; it holds whatever is built."""

from __future__ import annotations

import itertools

import numpy as np
from playwright.sync_api import Page, expect

from tests.browser.playground import Playground


def shapes(page: Page) -> list[str]:
    return ["".join(text.split()) for text in page.locator("#shapes dd").all_text_contents()]


def test_the_lectures_shapes(page: Page) -> None:
    playground = Playground(page)
    assert shapes(page) == ["2×m", "2×4", "4×1", "4×m", "4×1", "1×1", "1×m"]
    playground.button("Add a layer").click()
    playground.enter("Hidden units in layer 2", "3")
    expect(playground.field("Hidden units in layer 2")).to_have_value("3")
    assert shapes(page)[1:] == ["2×4", "4×1", "4×m", "4×3", "3×1", "3×m", "3×1", "1×1", "1×m"]


def test_units_and_layers_come_and_go(page: Page) -> None:
    playground = Playground(page)
    units = page.locator("#graph .unit")
    expect(units).to_have_count(5)
    playground.button("Add a unit to layer 1").click()
    expect(units).to_have_count(6)
    playground.button("Remove a layer").click()
    expect(units).to_have_count(1)
    expect(playground.button("Remove a layer")).to_be_disabled()
    playground.last_configure()
    assert playground.wire.of_type("configured", sent=False)[-1]["runs"][0]["layer_sizes"] == [2, 1]
    for _ in range(6):
        playground.button("Add a layer").click()
    expect(playground.button("Add a layer")).to_be_disabled()
    expect(units).to_have_count(25)
    playground.last_configure()
    sizes = playground.wire.of_type("configured", sent=False)[-1]["runs"][0]["layer_sizes"]
    assert sizes == [2, 4, 4, 4, 4, 4, 4, 1]


def test_focus_stays_on_the_stepper(page: Page) -> None:
    playground = Playground(page)
    more = playground.button("Add a unit to layer 1")
    more.focus()
    for count in ("5", "6", "7"):
        page.keyboard.press("Enter")
        expect(playground.field("Hidden units in layer 1")).to_have_value(count)
        expect(more).to_be_focused()


def test_weights_on_the_edges_and_in_the_sentence_are_the_servers(page: Page) -> None:
    playground = Playground(page)
    playground.play()
    playground.wait_for_cost_below(0.4)
    playground.pause()
    playground.button("Unit 3 of hidden layer 1").click()
    expect(playground.button("Unit 3 of hidden layer 1")).to_have_attribute("aria-pressed", "true")
    first, second = playground.wire.frames[-1]["runs"][0]["layers"]
    expected = [row[2] for row in first["weights"]] + second["weights"][2]
    shown = page.locator("#graph .edge-value text").all_text_contents()
    np.testing.assert_allclose(
        sorted(float(text.replace("−", "-")) for text in shown), sorted(expected), atol=0.005
    )
    sentence = page.locator("#sentence .sum")
    numbers = [float(text) for text in sentence.locator("mn.p, mn.n").all_text_contents()]
    values = [*expected[:2], first["biases"][2]]
    np.testing.assert_allclose(numbers, np.abs(values), atol=0.005)
    signs = sentence.locator("mn.p, mn.n").evaluate_all("all => all.map((mn) => mn.className)")
    assert signs == ["n" if value < 0 else "p" for value in values]


def test_edges_are_as_thick_as_their_weights(page: Page) -> None:
    playground = Playground(page)
    playground.play()
    playground.wait_for_cost_below(0.4)
    playground.pause()
    layers = playground.wire.frames[-1]["runs"][0]["layers"]
    weights = [weight for layer in layers for row in layer["weights"] for weight in row]
    edges = page.locator("#graph .edge").evaluate_all(
        """all => all.map(({ style, classList }) =>
          [parseFloat(style.strokeWidth), classList.contains('negative')])"""
    )
    largest = max(map(abs, weights))
    for weight, (width, negative) in zip(weights, edges, strict=True):
        assert abs(width - (0.8 + 6.2 * abs(weight) / largest)) < 0.06
        assert negative == (weight < 0)


def test_a_units_map_is_the_servers(page: Page) -> None:
    playground = Playground(page)
    playground.play()
    playground.wait_for_cost_below(0.4)
    playground.pause()
    maps = playground.wire.frames[-1]["runs"][0]["neurons"][0]
    side = maps["width"]
    for unit in range(maps["units"]):
        values = maps["values"][unit * side * side : (unit + 1) * side * side]
        reds = (
            page.locator("#graph .unit canvas")
            .nth(unit)
            .evaluate(
                """(canvas) => {
              const { width, height } = canvas;
              const { data } = canvas.getContext('2d').getImageData(0, 0, width, height);
              return Array.from({ length: width }, (_, column) => data[4 * column]);
            }"""
            )
        )
        top = values[(side - 1) * side :]
        for value, red in zip(top, reds, strict=True):
            t = value / 127.5 - 1
            assert abs(red - (253 + ((248 if t < 0 else 166) - 253) * abs(t))) <= 1


def test_logistic_regression(page: Page) -> None:
    playground = Playground(page, "#layers=none&dataset=gauss")
    assert shapes(page) == ["2×m", "2×1", "1×1", "1×m"]
    playground.play()
    playground.wait_for_cost_below(0.1)
    expect(page.locator("#sentence")).to_contain_text("What the output computes")
    expect(page.locator("#activation-about")).to_contain_text("Without a hidden layer")


def test_six_layers_of_sixteen_units(page: Page) -> None:
    playground = Playground(page, "#layers=16,16,16,16,16,16&init=xavier")
    playground.play()
    playground.wait_for_iteration(50)
    expect(page.locator("#graph .unit")).to_have_count(97)
    boxes = page.locator("#graph .unit").evaluate_all(
        """all => all.map((unit) => unit.getBoundingClientRect())
          .map(({ x, y, width, height }) => [x, y, width, height])"""
    )
    assert min(box[2] for box in boxes) >= 20
    column = [box[1] for box in boxes[:16]]
    assert min(b - a for a, b in itertools.pairwise(column)) >= 24
    painted = page.locator("#graph .unit canvas").evaluate_all(
        "all => all.map(({ width }) => width)"
    )
    assert painted == [32] * 96 + [100]
