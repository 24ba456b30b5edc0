"""Everyone can use it: axe, announcements that do not chatter, reduced motion, forced colours."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.harness import ROOT
from tests.browser.playground import Playground, Theme

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

# The themes differ in nothing but colours: the second is asked for these alone.
RULES: dict[Theme, dict[str, Any]] = {
    "light": {"type": "tag", "values": STANDARDS},
    "dark": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]},
}

# At rest: colours on their way from one theme to the other have no contrast to speak of.
LOOKS = [
    pytest.param({"viewport": size, "reduced_motion": "reduce"}, id=str(size["width"]))
    for size in ({"width": 1440, "height": 900}, {"width": 390, "height": 844})
]


def violations(page: Page, within: str = "html", theme: Theme = "light") -> list[str]:
    """What axe finds in a part of the page, in words; the page is in that theme already."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    found: dict[str, Any] = page.evaluate(
        """([rules, within]) => axe.run(within, {
          runOnly: rules,
          resultTypes: ['violations'],
        })""",
        [RULES[theme], within],
    )
    return [
        f"{violation['id']}: {node['html'][:120]} {node['failureSummary']}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]


def show_in(page: Page, theme: Theme) -> None:
    """Show it in a theme, whole: what the page colours by itself follows with the next frame."""
    page.emulate_media(color_scheme=theme)
    page.evaluate("() => new Promise((resolve) => requestAnimationFrame(resolve))")


def violations_in_both_themes(page: Page, within: str = "html") -> list[str]:
    """The same in each, one after the other."""
    found = []
    for theme in RULES:
        show_in(page, theme)
        found += violations(page, within, theme)
    return found


@pytest.mark.parametrize("context_options", LOOKS)
def test_axe_finds_nothing(page: Page) -> None:
    playground = Playground(page)
    playground.wait_for_plots()
    assert violations_in_both_themes(page) == []
    playground.play()
    playground.wait_for_iteration(60)
    playground.choose("Activation", "leaky ReLU")
    expect(playground.ghosts).to_have_count(1)
    playground.enter("Noise", "7")
    playground.pause()
    assert violations_in_both_themes(page) == []


@pytest.mark.parametrize("context_options", LOOKS)
def test_axe_finds_nothing_in_the_smallest_and_the_largest_network(page: Page) -> None:
    Playground(page, "#layers=none&colour=red")
    assert violations_in_both_themes(page) == []
    page.evaluate("location.hash = '#layers=16,16,16,16,16,16&colour=blue'")
    expect(page.locator("#graph .unit")).to_have_count(97)
    assert violations_in_both_themes(page) == []


@pytest.mark.parametrize("context_options", LOOKS)
def test_axe_finds_nothing_in_dialogs_and_tools(page: Page) -> None:
    playground = Playground(page, "#dataset=own&points=1,1,1;2,2,0&lock=activation,network")
    page.locator("#own-tools").get_by_role("button", name="y = 0").click()
    page.get_by_role("button", name="Save image").click()
    assert violations_in_both_themes(page) == []
    page.keyboard.press("Escape")
    playground.button("Share").click()
    page.get_by_text("Make a reduced page").click()
    page.get_by_text("Embed it in another page").click()
    assert violations_in_both_themes(page) == []
    page.keyboard.press("Escape")
    playground.button("From a table").click()
    page.get_by_role("textbox", name="Paste a table").fill("1,2,a\n3,x,b\n5,4,b\n2,2,a")
    expect(page.locator("#table-bad")).to_be_visible()
    assert violations_in_both_themes(page) == []
    page.keyboard.press("Escape")
    page.get_by_role("tab", name="Timeline").click()
    playground.button("Save as video").click()
    expect(playground.button("Record")).to_be_visible()
    assert violations_in_both_themes(page) == []


def test_the_title_and_the_language_are_said_and_announcements_do_not_chatter(page: Page) -> None:
    playground = Playground(page)
    expect(page).to_have_title("Shallows: train a small network and watch it learn")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.get_by_role("heading", level=1)).to_have_text("Shallows")
    page.evaluate(
        """() => {
          const said = (window.said_ = []);
          const live = '[aria-live], [role="status"], [role="alert"], output';
          for (const region of document.querySelectorAll(live)) {
            new MutationObserver(() => said.push(region.textContent))
              .observe(region, { childList: true, characterData: true, subtree: true });
          }
        }"""
    )
    playground.play()
    playground.wait_for_iteration(400)
    playground.pause()
    said = page.evaluate("window.said_.filter((text) => text)")
    assert said[0] == "Training"
    assert said[-1].startswith("Paused at iteration")
    assert len(said) <= 4


@pytest.mark.parametrize("context_options", [{"reduced_motion": "reduce"}])
def test_reduced_motion_draws_at_most_twice_a_second(page: Page) -> None:
    playground = Playground(page)
    playground.play()
    drawn = page.evaluate(
        """() => new Promise((resolve) => {
          const marks = [];
          const note = (list) => marks.push(...list.getEntries().map((mark) => mark.startTime));
          new PerformanceObserver(note).observe({ type: 'mark' });
          setTimeout(() => resolve(marks), 4000);
        })"""
    )
    assert 3 <= len(drawn) <= 9
    assert min(later - earlier for earlier, later in itertools.pairwise(drawn)) > 450
    playground.wait_for_iteration(200)
    playground.pause()
    playground.step(3)


@pytest.mark.parametrize("context_options", [{"forced_colors": "active"}])
def test_forced_colours_keep_the_choice_visible(page: Page) -> None:
    Playground(page)
    face = page.locator("#activations input:checked + .face")
    assert "solid" in face.evaluate("(element) => getComputedStyle(element).outline")
