"""The cost: every iteration is kept, read exactly, and drawn on a linear or logarithmic axis."""

from __future__ import annotations

import re

import numpy as np
from playwright.sync_api import Page, expect

from tests.browser.playground import Playground, until


def test_the_pointer_reads_the_exact_cost_and_test_costs_are_dashed_and_end_where_the_run_is(
    page: Page,
) -> None:
    playground = Playground(page)
    playground.wait_for_plots()
    playground.play()
    playground.wait_for_iteration(300)
    playground.pause()
    playground.wait_for_curve()
    box = page.locator("#cost").bounding_box()
    assert box is not None
    tip = page.locator("#cost .tip")
    # The axis may go on far behind the run.
    end = page.evaluate("document.querySelector('#cost .plotly').layout.xaxis.range[1]")
    for share in (0.2, 0.4, 0.6):
        along = share * playground.iteration / end
        page.mouse.move(box["x"] + 31 + along * (box["width"] - 43), box["y"] + box["height"] / 2)
        expect(tip).to_be_visible()
        text = tip.inner_text().replace(",", "")
        found = re.search(r"Iteration (\d+)\s+tanh (\d\.\d+)", text)
        assert found, text
        assert f"{playground.wire.costs[int(found[1])]:.4f}" == found[2]
        pixel = end / (box["width"] - 43)
        assert abs(int(found[1]) - share * playground.iteration) <= 2 * pixel + 1
    # Test costs are dashed, and end where the run is.
    # Plotly draws a few times a second at most.
    until(page, lambda: playground.trace("cost", -2)["x"][-1:] == [playground.iteration])
    trace = playground.trace("cost", -2)
    assert "px" in trace["line"]["dash"]
    costs = {frame["iteration"]: frame["runs"][0]["test_cost"] for frame in playground.wire.frames}
    assert all(costs[x] == y for x, y in zip(trace["x"], trace["y"], strict=True))


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


def test_batches_are_drawn_faintly_under_their_mean(page: Page) -> None:
    playground = Playground(page, "#batch=10&rate=0.3")
    playground.wait_for_plots()
    playground.play()
    playground.wait_for_iteration(1500)
    playground.pause()
    playground.wait_for_curve()
    keys = page.locator("#cost-keys")
    expect(keys).to_have_text("train, mean of an epocheach batchtest")
    expect(keys.locator(".b")).to_be_visible()
    costs = playground.wire.costs
    every, mean = playground.trace("cost", 0), playground.trace("cost", -1)
    np.testing.assert_array_equal(costs[every["x"]], np.array(every["y"], np.float32))
    # 150 training examples are 15 batches.
    plain = [costs[max(0, k - 14) : k + 1].mean(dtype=float) for k in mean["x"]]
    np.testing.assert_allclose(mean["y"], plain, rtol=1e-5)
    assert mean["line"]["width"] > every["line"]["width"]
    box = page.locator("#cost").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(page.locator("#cost .tip")).to_contain_text("batch 0.")

    axis = "document.querySelector('#cost .plotly').layout.yaxis.type"
    assert page.evaluate(axis) == "linear"
    playground.choose("Cost axis", "log")
    until(page, lambda: page.evaluate(axis) == "log")
    playground.button("Save image").click()
    with page.expect_download() as download:
        playground.button("Cost as SVG").click()
    picture = download.value.path().read_text(encoding="utf-8")
    assert "mean of an epoch (15 batches)" in picture
    assert "each batch" in picture
