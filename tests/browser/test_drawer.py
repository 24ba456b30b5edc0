"""The drawer of panels, and what its Results say."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Guard
from tests.browser.playground import Playground
from tests.browser.test_accessibility import (
    AT_REST,
    looks,
    violations,
    violations_in_all_looks,
)
from tests.browser.test_surface import SLOW_GRAPHICS


def test_tabs_open_close_and_follow_the_keys(page: Page) -> None:
    playground = Playground(page)
    tabs = page.get_by_role("tablist", name="Panels")
    timeline, results = (tabs.get_by_role("tab", name=name) for name in ("Timeline", "Results"))
    expect(page.get_by_role("tabpanel")).to_have_count(0)
    plane = page.locator("#boundary .plane")
    wide = plane.bounding_box()
    assert wide is not None

    timeline.focus()
    page.keyboard.press("ArrowRight")
    expect(tabs.get_by_role("tab", name="Runs")).to_be_focused()
    expect(page.get_by_role("tabpanel")).to_have_count(0)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(results).to_have_attribute("aria-selected", "true")
    expect(page.get_by_role("tabpanel", name="Results")).to_be_visible()
    expect(page).to_have_url("/#panel=results")
    assert page.locator("#tabs [tabindex='0']").count() == 1

    # Opening compresses the bench: nothing of it is covered, the page does not scroll.
    bench, drawer = (page.locator(selector).bounding_box() for selector in (".bench", ".drawer"))
    assert bench is not None
    assert drawer is not None
    assert bench["y"] + bench["height"] <= drawer["y"] + 0.5
    assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")
    narrow = plane.bounding_box()
    assert narrow is not None
    assert narrow["y"] + narrow["height"] < drawer["y"]
    assert abs(narrow["width"] - narrow["height"]) < 1.5
    assert 200 <= narrow["width"] < wide["width"]

    page.keyboard.press("Home")
    expect(page.get_by_role("tabpanel", name="Backprop microscope")).to_be_visible()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tabpanel", name="Activations")).to_be_visible()
    assert playground.wire.of_type("step", sent=True) == []
    page.locator("#drawer-toggle").click()
    expect(page.get_by_role("tabpanel")).to_have_count(0)
    expect(page).to_have_url("/")
    playground.button("Open the panel").click()
    expect(page.get_by_role("tabpanel", name="Activations")).to_be_visible()
    assert len(playground.wire.of_type("configure", sent=True)) == 1


def test_results_tell_who_was_taken_for_whom(page: Page) -> None:
    playground = Playground(page, "#panel=results&dataset=xor&init=xavier")
    playground.play()
    playground.wait_for_iteration(40)
    playground.pause()
    (run,) = playground.wire.frames[-1]["runs"]
    panel = page.get_by_role("tabpanel", name="Results")
    for index, side in enumerate(("train", "test")):
        table = panel.get_by_role("table").nth(index)
        cells = [int(text) for text in table.locator("td b").all_text_contents()]
        assert [cells[:2], cells[2:]] == run[f"{side}_confusion"]
        right = (cells[0] + cells[3]) / sum(cells)
        assert right == pytest.approx(run[f"{side}_accuracy"])
    expect(panel).to_contain_text(f"{100 * run['train_accuracy']:.1f}%")
    playground.enter("Train share", "100")
    expect(panel).to_contain_text("None are held out")
    expect(panel.get_by_role("table")).to_have_count(1)
    playground.choose("Problem", "Regression")
    expect(panel.get_by_role("table")).to_have_count(0)
    expect(panel).to_contain_text("half the mean squared distance")


@AT_REST
def test_axe_finds_nothing_in_any_panel_nor_in_the_settings(page: Page, guard: Guard) -> None:
    guard.expect(SLOW_GRAPHICS)
    Playground(page, "#batch=10&layers=4,3&activation=tanh,relu")
    page.locator("#training").evaluate("(details) => { details.open = true; }")
    page.locator("#noise-about").click()
    assert violations_in_all_looks(page) == []
    page.keyboard.press("Escape")
    for look in looks(page):
        for tab in page.get_by_role("tab").all():
            tab.click()
            expect(tab).to_have_attribute("aria-selected", "true")
            # The rest of the page has just been looked at.
            assert violations(page, ".drawer", look) == []
