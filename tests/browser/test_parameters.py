"""Every weight and bias in the reader's hand: changed and frozen, by keyboard and by pointer."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Guard
from tests.browser.playground import Playground, until
from tests.browser.test_accessibility import violations

FEATURES = "features=x1,x2,x1_squared,x2_squared,x1_x2,sin_x1,sin_x2"


def layers(playground: Playground) -> list[dict[str, Any]]:
    """The parameters of the latest frame."""
    found: list[dict[str, Any]] = playground.wire.frames[-1]["runs"][0]["layers"]
    return found


def frozen(playground: Playground) -> list[dict[str, Any]]:
    """What the server last said is frozen."""
    states = playground.wire.of_type("state", sent=False)
    return states[-1]["runs"][0]["frozen"] if states else []


def editor(page: Page) -> Locator:
    return page.locator("#parameter")


def test_a_weight_is_changed_and_frozen_by_keyboard_while_it_trains(page: Page) -> None:
    playground = Playground(page)
    playground.play()
    playground.wait_for_iteration(60)
    number = page.locator("#sentence .number").nth(1)
    number.focus()
    # The number runs on under the focus, in one and the same button.
    text = number.inner_text()
    expect(number).not_to_have_text(text)
    expect(number).to_be_focused()
    page.keyboard.press("Enter")
    expect(editor(page)).to_be_visible()
    expect(page.get_by_role("dialog", name="Weight from x₂ to unit 1")).to_be_visible()
    expect(page.locator("#parameter-value")).to_be_focused()
    before = page.locator("#parameter-now").inner_text()
    expect(page.locator("#parameter-now")).not_to_have_text(before)
    # Freeze it, then set it: training leaves it as it is, to the bit.
    page.locator("#parameter-frozen").focus()
    page.keyboard.press("Space")
    until(page, lambda: frozen(playground) == [{"layer": 1, "unit": 0, "input": 1}])
    page.locator("#parameter-value").fill("-2.5")
    page.keyboard.press("Enter")
    until(page, lambda: layers(playground)[0]["weights"][1][0] == -2.5)
    then = playground.iteration
    playground.wait_for_iteration(then + 100)
    assert layers(playground)[0]["weights"][1][0] == -2.5
    page.keyboard.press("Escape")
    expect(editor(page)).to_be_hidden()
    expect(number).to_be_focused()
    expect(number).to_contain_text("frozen")
    expect(number.locator(".lock")).to_be_visible()
    expect(page.locator("#graph .edge-value.frozen")).to_have_text("−2.50")
    playground.pause()
    # Reset undoes both.
    page.keyboard.press("r")
    until(page, lambda: frozen(playground) == [])
    expect(page.locator(".lock")).to_have_count(0)
    until(page, lambda: playground.wire.frames[-1]["iteration"] == 0)
    (configured,) = playground.wire.confirmed
    initial = configured["runs"][0]["layers"][0]["weights"]
    np.testing.assert_array_equal(layers(playground)[0]["weights"], initial)


def test_steps_slider_undo_and_what_is_no_value(page: Page) -> None:
    playground = Playground(page, "#init=zeros")
    page.locator("#sentence .number").last.click()
    expect(page.get_by_role("dialog", name="Bias of unit 1")).to_be_visible()
    assert violations(page, "#parameter") == []
    field = page.locator("#parameter-value")

    def bias() -> float:
        return float(layers(playground)[0]["biases"][0])

    page.keyboard.press("ArrowUp")
    until(page, lambda: bias() == 0.01)
    page.keyboard.press("Shift+ArrowUp")
    until(page, lambda: bias() == 0.11)
    editor(page).get_by_role("button", name="Less").click()
    until(page, lambda: bias() == 0.1)
    page.locator("#parameter-slider").fill("0.5")
    until(page, lambda: bias() == 0.5)
    field.fill("1e7")
    field.press("Enter")
    problem = page.locator("#parameter-problem")
    expect(problem).to_have_text("The value must be a number from -1,000,000 to 1,000,000.")
    expect(field).to_have_attribute("aria-invalid", "true")
    assert bias() == 0.5
    editor(page).get_by_role("button", name="Undo").click()
    until(page, lambda: bias() == 0)
    expect(problem).to_be_empty()
    # A network without that unit closes it.
    playground.page.evaluate("location.hash = '#init=zeros&layers=none'")
    expect(editor(page)).to_be_hidden()


def point(page: Page, sizes: list[int], edge: int, along: float) -> tuple[float, float]:
    """Where on the screen an edge lies, by the layout's own numbers."""
    base = page.evaluate(
        "document.querySelector('script[type=module]').src.replace(/main\\.js$/, '')"
    )
    x, y = page.evaluate(
        """async ([base, sizes, edge, t]) => {
          const { along, layoutNetwork } = await import(`${base}painting/network-layout.js`);
          const graph = document.querySelector('#graph');
          const { clientWidth, clientHeight } = graph;
          const { edges } = layoutNetwork(sizes, clientWidth, clientHeight, ['x1', 'x2']);
          const { left, top } = graph.getBoundingClientRect();
          const [x, y] = along(edges[edge], t);
          return [left + x, top + y];
        }""",
        [base, sizes, edge, along],
    )
    return float(x), float(y)


def test_edges_biases_and_values_answer_the_pointer(page: Page) -> None:
    playground = Playground(page)
    # Edges are in the order of their beginnings: the seventh goes from x₂ to unit 3.
    x, y = point(page, [2, 4, 1], 6, 0.4)
    page.mouse.move(x, y)
    weight = layers(playground)[0]["weights"][1][2]
    plate = page.locator("#graph .edge-value").last
    expect(plate).to_contain_text(f"{abs(weight):.3f}")
    page.mouse.click(x, y)
    expect(page.get_by_role("dialog", name="Weight from x₂ to unit 3")).to_be_visible()
    expect(playground.button("Unit 3 of hidden layer 1")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Escape")
    # Focus goes to the same number in the sentence.
    expect(page.locator("#sentence .number").nth(1)).to_be_focused()
    # A bias lies on its unit's corner: a click on it does not choose the unit away.
    box = playground.button("Output unit").bounding_box()
    assert box is not None
    page.mouse.click(box["x"], box["y"] + box["height"])
    expect(page.get_by_role("dialog", name="Bias of the output")).to_be_visible()
    page.locator("#parameter-frozen").check()
    until(page, lambda: frozen(playground) == [{"layer": 2, "unit": 0, "input": None}])
    page.keyboard.press("Escape")
    # A value on an edge.
    page.locator("#graph .edge-value").first.click()
    expect(page.get_by_role("dialog", name="Weight from unit 1 to the output")).to_be_visible()
    page.locator("#parameter-frozen").check()
    page.mouse.click(5, 500)
    expect(editor(page)).to_be_hidden()
    # What is frozen is dashed: along the edge there are gaps, and a square for the bias.
    page.mouse.move(5, 500)
    graph = page.locator("#graph").bounding_box()
    assert graph is not None

    def gaps(edge: int) -> int:
        alpha = playground.pixels("#graph canvas")[..., 3]
        places = [point(page, [2, 4, 1], edge, t) for t in np.linspace(0.3, 0.7, 30)]
        return sum(alpha[round(y - graph["y"]), round(x - graph["x"])] < 20 for x, y in places)

    until(page, lambda: gaps(8) > 5)
    assert gaps(9) == 0


@pytest.mark.parametrize(
    "context_options", [{"viewport": {"width": 390, "height": 844}, "has_touch": True}]
)
def test_a_finger_takes_a_weight_on_a_phone(page: Page) -> None:
    Playground(page, f"#{FEATURES}&layers=4,3")
    names = page.locator("#graph .node-label").all_inner_texts()
    assert "".join(names[5].split()) == "sinx1"
    # Nothing lies over another: maps and their names, in turn.
    maps = "#graph .node:not(.unit)"
    boxes = page.locator(f"{maps}, {maps} + .node-label").evaluate_all(
        "all => all.map((one) => one.getBoundingClientRect()).map((box) => [box.top, box.bottom])"
    )
    assert len(boxes) == 14
    assert all(upper[1] <= lower[0] + 1 for upper, lower in itertools.pairwise(boxes))
    page.locator("#sentence .number").nth(5).tap()
    expect(
        page.get_by_role("dialog", name="Weight from sin x₁ to unit 1 of layer 1")
    ).to_be_visible()
    box = editor(page).bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    page.locator("#parameter-close").tap()
    expect(editor(page)).to_be_hidden()


def test_an_edit_made_while_the_connection_is_down_is_sent_when_it_is_back(
    page: Page, guard: Guard
) -> None:
    guard.expect("ERR_INTERNET_DISCONNECTED")
    playground = Playground(page)
    page.locator("#sentence .number").first.click()
    page.context.set_offline(True)
    page.evaluate("dispatchEvent(new Event('offline'))")
    expect(page.locator("#connection")).to_have_attribute("data-state", "reconnecting")
    expect(page.locator("#achieved")).to_be_hidden()
    page.locator("#parameter-value").fill("1.25")
    page.keyboard.press("Enter")
    page.context.set_offline(False)
    page.evaluate("dispatchEvent(new Event('online'))")
    until(page, lambda: layers(playground)[0]["weights"][0][0] == 1.25)
