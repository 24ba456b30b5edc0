"""The output as a surface in space: there only while its panel is open, and in words beside it."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Guard
from tests.browser.playground import PATIENCE, Playground, until
from tests.browser.test_accessibility import violations

# What Chromium says of drawing in space without a graphics card, and Plotly's texts there.
SLOW_GRAPHICS = r"GL Driver Message|willReadFrequently|software WebGL"


def drawn(page: Page, expression: str) -> Any:
    return page.evaluate(f"((scene) => {expression})(document.getElementById('surface-scene'))")


def test_the_surface_is_the_output_and_keeps_where_one_looks_from(page: Page, guard: Guard) -> None:
    guard.expect(SLOW_GRAPHICS)
    playground = Playground(page, "#rate=1.2&speed=600")
    playground.wait_for_plots()
    scene = page.locator("#surface-scene")
    assert scene.locator("canvas").count() == 0
    # Whoever waits is told, from the press until it is there.
    pressed = "document.getElementById('tab-{}').click(), document.getElementById('{}').textContent"
    assert "Drawing" in page.evaluate(pressed.format("surface", "surface-pending"))
    expect(scene.locator("canvas").first).to_be_attached(timeout=PATIENCE)
    expect(page.locator("#surface-pending")).to_be_empty(timeout=PATIENCE)
    assert "Fetching" in page.evaluate(pressed.format("code", "program"))
    expect(page.locator("#program")).to_contain_text("import numpy")
    page.get_by_role("tab", name="Surface").click()
    expect(scene.locator("canvas").first).to_be_attached(timeout=PATIENCE)
    expect(page.locator("#surface-pending")).to_be_empty(timeout=PATIENCE)
    before = drawn(page, "scene._fullLayout.scene.camera.eye")
    # One line, at 0.5: with no end beyond its start, Plotly draws one at every tick instead.
    line = drawn(page, "scene.data[0].contours.z")
    assert line["start"] == 0.5
    assert 0.5 < line["end"] <= 0.5 + line["size"]
    # Nothing lies on the ends of the axes, where it is cut.
    for axis, (low, high) in {"x": (-6.6, 6.6), "y": (-6.6, 6.6), "z": (0, 1)}.items():
        ends = drawn(page, f"scene._fullLayout.scene.{axis}axis.range")
        assert low - 0.2 < ends[0] < low
        assert high < ends[1] < high + 0.2
    # What nobody has turned fits into whatever place there is.
    size = page.viewport_size
    assert size is not None
    eye = "Math.hypot(...Object.values(scene._fullLayout.scene.camera.eye))"
    near = drawn(page, eye)
    page.set_viewport_size({**size, "width": 390})
    until(page, lambda: bool(drawn(page, eye) > 1.1 * near), "some of it is out of view")
    page.set_viewport_size(size)
    until(page, lambda: bool(drawn(page, eye) < 1.01 * near), "it stays far away")
    playground.button("Turn left").click()
    turned = drawn(page, "scene._fullLayout.scene.camera.eye")
    assert turned != before
    playground.play()
    playground.wait_for_iteration(500)
    playground.pause()

    boundary = playground.wire.frames[-1]["runs"][0]["boundary"]
    values = np.frombuffer(boundary["values"], np.uint8).reshape(boundary["height"], -1) / 255
    assert values.max() - values.min() > 0.5
    # It is drawn a few times a second at most.
    until(
        page,
        lambda: np.allclose(drawn(page, "scene.data[0].z"), values, rtol=1e-7, atol=1e-9),
        "the surface is another",
    )
    points = drawn(page, "scene.data.slice(1).map(({ z }) => z.length)")
    data = playground.wire.of_type("configured", sent=False)[0]["data"]
    assert sum(points) == len(data["points"])
    # A mark of class 0 lies on the floor, not half in it.
    assert all(
        0 < min(heights, default=1) < 0.1
        for heights in drawn(page, "[1, 3].map((at) => scene.data[at].z)")
    )
    assert drawn(page, "scene._fullLayout.scene.camera.eye") == turned

    page.get_by_text("The same as a table").click()
    cells = page.locator("#surface-table td")
    expect(cells).to_have_count(49)
    shown = [float(text) for text in cells.all_inner_texts()]
    assert abs(shown[0] - values[-1, 0]) < 0.006
    assert abs(shown[-1] - values[0, -1]) < 0.006
    assert violations(page, "#panel-surface") == []

    page.get_by_role("tab", name="Runs").click()
    expect(scene.locator("canvas")).to_have_count(0)


@pytest.mark.parametrize(
    "context_options", [{"viewport": {"width": 390, "height": 844}, "own_tab": True}]
)
def test_without_webgl_it_says_so_and_has_the_table(page: Page) -> None:
    page.add_init_script(
        """const original = HTMLCanvasElement.prototype.getContext;
        HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
          return kind.startsWith('webgl') ? null : original.call(this, kind, ...rest);
        };"""
    )
    axis = {"name": "height (cm)", "center": 175, "scale": 0.4}
    origin = {"axes": [axis, {**axis, "name": "age", "center": 0}], "label": None, "classes": None}
    points = "points=2,2,0;-2,-2,1;2,-2,0"
    address = f"#panel=surface&dataset=own&{points}&origin={quote(json.dumps(origin))}"
    playground = Playground(page, address)
    playground.wait_for_plots()
    expect(page.get_by_text("This browser cannot draw in space")).to_be_visible()
    expect(page.locator("#surface-table td").first).to_be_visible()
    # As the plane has them.
    heads = page.locator("#surface-table th")
    expect(heads.first).to_have_text("age \\ height (cm)")
    expect(heads.nth(1)).to_have_text("158.5")
    expect(heads.last).to_have_text("−16.5")
    expect(page.locator("#surface-scene")).to_be_hidden()
