"""What the plane shows: test points, two colours or many, mistakes, a regression, one unit."""

from __future__ import annotations

import numpy as np
from playwright.sync_api import Page, expect

from tests.browser.playground import RAMP, Playground, until


def test_a_regression_on_the_plane(page: Page) -> None:
    playground = Playground(page, "#dataset=plane&layers=none&rate=0.05&mistakes=yes")
    playground.wait_for_plots()
    expect(page.locator("#output-shows")).to_contain_text("estimates")
    expect(page.get_by_role("switch", name="Mark mistakes")).to_be_hidden()
    expect(page.locator("#output-legend")).not_to_contain_text("0.5")
    playground.play()
    playground.wait_for_iteration(200)
    playground.pause()
    data = playground.wire.of_type("configured", sent=False)[-1]["data"]
    train = playground.trace("boundary", 0)
    np.testing.assert_allclose(
        train["marker"]["color"], [data["labels"][index] for index in data["split"]["train"]]
    )
    boundary = playground.wire.frames[-1]["runs"][0]["boundary"]
    ends = page.locator("#output-legend .end").all_text_contents()
    assert [float(end.replace("−", "-")) for end in ends] == [
        round(boundary["low"], 2),
        round(boundary["high"], 2),
    ]
    # No line: the plane has the colours of the ramp and no others.
    pixels = playground.pixels("#boundary canvas")[..., :3].astype(int)
    assert pixels.min() > 100
    # The tip speaks in targets.
    box = page.locator("#boundary .plane").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 4, box["y"] + 4)
    tip = page.locator("#boundary .tip")
    expect(tip).to_contain_text("=")
    value = float(tip.locator("div").last.inner_text().split("=")[1].split()[0].replace("−", "-"))
    values = np.frombuffer(boundary["values"], np.uint8).reshape(boundary["height"], -1)
    corner = boundary["low"] + values[-1, 0] / 255 * (boundary["high"] - boundary["low"])
    assert abs(value - corner) < 0.1


def test_the_legend_speaks_of_the_unit_that_is_looked_at_and_switches_of_the_plane(
    page: Page,
) -> None:
    playground = Playground(page)
    playground.step(1)
    playground.button("Unit 2 of hidden layer 1").focus()
    expect(page.locator("#output-shows")).to_contain_text("over the plane")
    maps = playground.wire.frames[-1]["runs"][0]["neurons"][0]
    ends = page.locator("#output-legend .end").all_text_contents()
    assert [float(end.replace("−", "-")) for end in ends] == [
        round(maps["low"][1], 2),
        round(maps["high"][1], 2),
    ]
    expect(page.locator("#boundary > .plotly")).to_have_attribute(
        "aria-label",
        "Activation of unit 2 of hidden layer 1 over the plane, with the examples "
        "and the line where its z is zero",
    )
    playground.button("Play").focus()
    expect(page.locator("#output-shows")).not_to_contain_text("over the plane")
    # Test points, mistakes, and two colours.
    page.evaluate("location.hash = 'noise=0.5&flips=0.1'")
    expect(playground.field("Label flips")).to_have_value("10")
    playground.begun()
    playground.wait_for_plots()
    data = playground.wire.of_type("configured", sent=False)[-1]["data"]
    held = len(data["split"]["test"])
    assert held > 0

    def held_out() -> int:
        """How many of these are drawn."""
        return sum(len(playground.trace("boundary", index)["x"]) for index in (2, 3))

    until(page, lambda: held_out() == held, "not all that are held out are drawn")
    page.get_by_role("switch", name="Test data").uncheck()
    expect(page.locator("#output-legend .held")).to_have_count(0)
    until(page, lambda: held_out() == 0, "some that are held out are drawn")

    playground.step(1)
    plain = playground.pixels("#boundary canvas")
    page.get_by_role("switch", name="Mark mistakes").check()
    expect(page.locator("#output-legend .wrong")).to_be_visible()
    until(
        page,
        lambda: not np.array_equal(playground.pixels("#boundary canvas"), plain),
        "no mistake is marked",
    )
    run = playground.wire.frames[-1]["runs"][0]
    wrong = np.unpackbits(np.frombuffer(run["misclassified"], np.uint8))[: len(data["points"])]
    assert wrong.any()
    assert not wrong.all()
    pixels = playground.pixels("#boundary canvas")
    changed = (abs(pixels.astype(int) - plain) > 8).any(axis=2)
    height, width = changed.shape
    hidden = set(data["split"]["test"])
    points = np.array(data["points"])
    columns = (points[:, 0] + 6.6) / 13.2 * width
    rows = (6.6 - points[:, 1]) / 13.2 * height
    for index in range(len(points)):
        if min(rows[index], columns[index]) < 10 or max(rows[index], columns[index]) > width - 10:
            continue
        row, column = round(rows[index]), round(columns[index])
        ring = [changed[row + dy, column + dx] for dy, dx in ((8, 0), (-8, 0), (0, 8), (0, -8))]
        if wrong[index] and index not in hidden:
            assert all(ring)
        near = np.hypot(rows - rows[index], columns - columns[index]) < 24
        if not wrong[near].any():
            assert not any(ring)

    page.get_by_role("switch", name="Mark mistakes").uncheck()
    page.get_by_role("switch", name="Discretise").check()
    expect(page).to_have_url(page.url.split("#")[0] + "#noise=0.5&flips=0.1&test=no&discrete=yes")
    low, _, high = (np.array(colour) for colour in RAMP)

    def has_two_colours() -> bool:
        pixels = playground.pixels("#boundary canvas")[..., :3].astype(int)
        of_a_class = (abs(pixels - low).max(axis=2) <= 2) | (abs(pixels - high).max(axis=2) <= 2)
        return bool(of_a_class.mean() > 0.9)

    until(page, has_two_colours, "the plane has more colours than two")
