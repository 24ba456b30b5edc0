"""The network's numbers are the server's, its shapes the lecture's; it holds whatever is built."""

from __future__ import annotations

import itertools

import numpy as np
from playwright.sync_api import Page, expect

from tests.browser.playground import Playground, coloured, spread, until


def shapes(page: Page) -> list[str]:
    return ["".join(text.split()) for text in page.locator("#shapes dd").all_text_contents()]


def test_units_and_layers_come_and_go_in_the_lectures_shapes(page: Page) -> None:
    playground = Playground(page)
    assert shapes(page) == ["2×m", "2×4", "4×1", "4×m", "4×1", "1×1", "1×m"]
    playground.button("Add a layer").click()
    playground.enter("Hidden units in layer 2", "3")
    expect(playground.field("Hidden units in layer 2")).to_have_value("3")
    assert shapes(page)[1:] == ["2×4", "4×1", "4×m", "4×3", "3×1", "3×m", "3×1", "1×1", "1×m"]
    playground.button("Remove a layer").click()
    # The shapes are the sizes that the server has.
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
    # New layers are like the one that went.
    expect(units).to_have_count(31)
    playground.last_configure()
    sizes = playground.wire.of_type("configured", sent=False)[-1]["runs"][0]["layer_sizes"]
    assert sizes == [2, 5, 5, 5, 5, 5, 5, 1]
    # Focus stays on the stepper.
    page.evaluate("location.hash = 'layers=4'")
    expect(units).to_have_count(5)
    more = playground.button("Add a unit to layer 1")
    more.focus()
    for count in ("5", "6", "7"):
        page.keyboard.press("Enter")
        expect(playground.field("Hidden units in layer 1")).to_have_value(count)
        expect(more).to_be_focused()


def expect_map(playground: Playground, grid: np.ndarray, canvas: str, *place: slice) -> None:
    """Until a part of a canvas, or all of it, has the colours of the grid's values.

    The painter's thread draws the last frame when it comes to it.
    """
    beyond, share, within = (40, 0.9, 6) if place else (60, 0.99, 3)

    def is_drawn() -> bool:
        drawn = playground.pixels(canvas)[place][..., :3].astype(float)
        values = spread(grid, drawn.shape[1], drawn.shape[0])
        far = abs(values - 127.5) > beyond
        assert far.mean() > (0.3 if place else 0)
        return bool(np.quantile(abs(drawn - coloured(values))[far], share) <= within)

    until(playground.page, is_drawn, f"{canvas} shows something else")


def test_edges_their_weights_the_sentence_and_each_units_map_are_the_servers(page: Page) -> None:
    playground = Playground(page)
    playground.play()
    playground.wait_for_cost_below(0.4)
    playground.pause()
    playground.button("Unit 3 of hidden layer 1").click()
    expect(playground.button("Unit 3 of hidden layer 1")).to_have_attribute("aria-pressed", "true")
    first, second = playground.wire.frames[-1]["runs"][0]["layers"]
    expected = [row[2] for row in first["weights"]] + second["weights"][2]
    shown = page.locator("#graph .edge-value").all_text_contents()
    np.testing.assert_allclose(
        sorted(float(text.replace("−", "-")) for text in shown), sorted(expected), atol=0.005
    )
    sentence = page.locator("#sentence .sum")
    numbers = [float(text) for text in sentence.locator("mn.p, mn.n").all_text_contents()]
    values = [*expected[:2], first["biases"][2]]
    np.testing.assert_allclose(numbers, np.abs(values), atol=0.005)
    signs = sentence.locator("mn.p, mn.n").evaluate_all("all => all.map((mn) => mn.className)")
    assert signs == ["n" if value < 0 else "p" for value in values]

    # Each edge is as thick as its weight. Chosen again, the unit is not: no edge is dim.
    playground.button("Unit 3 of hidden layer 1").click()
    expect(playground.button("Unit 3 of hidden layer 1")).to_have_attribute("aria-pressed", "false")
    layers = [first, second]
    base = page.evaluate(
        "document.querySelector('script[type=module]').src.replace(/main\\.js$/, '')"
    )
    points, widths = page.evaluate(
        """async ([base, layers]) => {
          const { along, layoutNetwork } = await import(`${base}painting/network-layout.js`);
          const { edgeStyles } = await import(`${base}painting/network-picture.js`);
          const graph = document.querySelector('#graph');
          const { clientWidth, clientHeight } = graph;
          const { edges } = layoutNetwork([2, 4, 1], clientWidth, clientHeight, ['x1', 'x2']);
          return [edges.map((edge) => along(edge, 0.5)), edgeStyles(edges, layers)];
        }""",
        [base, layers],
    )
    weights = [weight for layer in layers for row in layer["weights"] for weight in row]
    largest = max(map(abs, weights))
    for weight, style in zip(weights, widths, strict=True):
        assert abs(style["width"] - (0.8 + 6.2 * abs(weight) / largest)) < 1e-9
        assert style["negative"] == (weight < 0)

    def are_drawn() -> bool:
        """Those to the output do not cross: each has its sign's colour where it is said to be."""
        pixels = playground.pixels("#graph canvas").astype(int)
        found = [pixels[round(y), round(x)] for x, y in points[-4:]]
        return all(
            alpha > 100 and (red > blue) == (weight < 0)
            for (red, _, blue, alpha), weight in zip(found, weights[-4:], strict=True)
        )

    until(page, are_drawn, "the edges are drawn otherwise")
    # A unit's map, too.
    maps = playground.wire.frames[-1]["runs"][0]["neurons"][0]
    grids = np.frombuffer(maps["values"], np.uint8).reshape(-1, maps["height"], maps["width"])
    graph = page.locator("#graph").bounding_box()
    assert graph is not None
    for unit, grid in enumerate(grids):
        button = playground.button(f"Unit {unit + 1} of hidden layer 1")
        box = button.bounding_box()
        assert box is not None
        left, top = round(box["x"] - graph["x"]), round(box["y"] - graph["y"])
        width, height = round(box["width"]), round(box["height"])
        place = slice(top, top + height), slice(left, left + width)
        expect_map(playground, grid, "#graph canvas", *place)
    # Looked at, a unit's map fills the plane.
    button = playground.button("Unit 2 of hidden layer 1")
    button.hover()
    expect_map(playground, grids[1], "#boundary canvas")
    page.mouse.move(5, 5)
    boundary = playground.wire.frames[-1]["runs"][0]["boundary"]
    whole = np.frombuffer(boundary["values"], np.uint8).reshape(
        boundary["height"], boundary["width"]
    )
    expect_map(playground, whole, "#boundary canvas")


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
    alpha = playground.pixels("#graph canvas")[..., 3]
    graph = page.locator("#graph").bounding_box()
    assert graph is not None
    for x, y, width, height in boxes:
        assert alpha[round(y - graph["y"] + height / 2), round(x - graph["x"] + width / 2)] == 255
