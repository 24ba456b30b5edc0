"""The cost: every iteration is kept, read exactly, and drawn on a linear or logarithmic axis."""

from __future__ import annotations

import re

import numpy as np
from playwright.sync_api import Page, expect

from tests.browser.playground import Playground, until


def test_the_pointer_reads_the_exact_iteration_and_cost(page: Page) -> None:
    playground = Playground(page)
    playground.wait_for_plots()
    playground.play()
    playground.wait_for_iteration(300)
    playground.pause()
    box = page.locator("#cost").bounding_box()
    assert box is not None
    tip = page.locator("#cost .tip")
    for share in (0.2, 0.4, 0.6):
        page.mouse.move(box["x"] + 31 + share * (box["width"] - 43), box["y"] + box["height"] / 2)
        expect(tip).to_be_visible()
        text = tip.inner_text().replace(",", "")
        found = re.search(r"Iteration (\d+)\s+tanh (\d\.\d+)", text)
        assert found, text
        assert f"{playground.wire.costs[int(found[1])]:.4f}" == found[2]


def test_no_extreme_is_lost_in_the_drawing(page: Page) -> None:
    playground = Playground(page, "#activation=relu&rate=2.5&speed=20")
    playground.wait_for_plots()
    playground.play()
    playground.wait_for_iteration(3000)
    playground.pause()
    playground.wait_for_curve()
    costs = playground.wire.costs
    curve = playground.trace("cost", -1)
    x, y = np.array(curve["x"]), np.array(curve["y"])
    assert len(costs) >= 3000
    assert len(x) < 1000
    np.testing.assert_array_equal(costs[x], y.astype(np.float32))
    drawn = costs[: x[-1] + 1]
    assert y.max() == drawn.max()
    assert y.min() == drawn.min()


def test_linear_or_logarithmic(page: Page) -> None:
    playground = Playground(page)
    playground.wait_for_plots()
    playground.play()
    playground.wait_for_cost_below(0.3)
    axis = "document.querySelector('#cost .plotly').layout.yaxis.type"
    assert page.evaluate(axis) == "linear"
    playground.choose("Cost axis", "log")
    expect(page.locator("#cost .plotly .ytick").first).to_be_attached()
    until(page, lambda: page.evaluate(axis) == "log")


def test_test_costs_are_dashed_and_end_where_the_run_is(page: Page) -> None:
    playground = Playground(page)
    playground.wait_for_plots()
    playground.play()
    playground.wait_for_iteration(200)
    playground.pause()
    # Plotly draws a few times a second at most.
    until(page, lambda: playground.trace("cost", -2)["x"][-1:] == [playground.iteration])
    trace = playground.trace("cost", -2)
    assert "px" in trace["line"]["dash"]
    costs = {frame["iteration"]: frame["runs"][0]["test_cost"] for frame in playground.wire.frames}
    assert all(costs[x] == y for x, y in zip(trace["x"], trace["y"], strict=True))
