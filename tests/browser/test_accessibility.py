"""Everyone can use it: axe, announcements that do not chatter, reduced motion, forced colours."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
import pytest
from playwright.sync_api import Page, ViewportSize, expect

from tests.browser.conftest import VIEWPORT
from tests.browser.harness import ROOT
from tests.browser.playground import PATIENCE, Playground, Theme

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

Look = Literal["light", "dark", "narrow"]

COLOURS = ["color-contrast", "link-in-text-block"]
# The themes differ in nothing but colours, and a colour is the same at every size.
ASKED: dict[Look, dict[str, Any]] = {
    "light": {"runOnly": STANDARDS},
    "dark": {"runOnly": {"type": "rule", "values": COLOURS}},
    "narrow": {"runOnly": STANDARDS, "rules": {key: {"enabled": False} for key in COLOURS}},
}
LOOKS: dict[Look, tuple[Theme, ViewportSize]] = {
    "light": ("light", VIEWPORT),
    "dark": ("dark", VIEWPORT),
    "narrow": ("light", {"width": 390, "height": 844}),
}
# Colours on their way from one theme to the other have no contrast to speak of.
AT_REST = pytest.mark.parametrize("context_options", [{"reduced_motion": "reduce"}])


def violations(page: Page, within: str = "html", look: Look = "light") -> list[str]:
    """What axe finds in a part of the page, in words; the page has that look already."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    found: dict[str, Any] = page.evaluate(
        """([asked, within]) => axe.run(within, {
          ...asked,
          resultTypes: ['violations'],
          selectors: false, // They are half of the work, and the element is quoted.
        })""",
        [ASKED[look], within],
    )
    return [
        f"{violation['id']}: {node['html'][:120]} {node['failureSummary']}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]


def looks(page: Page) -> Iterator[Look]:
    """The page in each look, whole; after them it is wide and light."""

    def show(theme: Theme, size: ViewportSize) -> None:
        page.set_viewport_size(size)
        page.emulate_media(color_scheme=theme)
        # What the page colours by itself follows with the next frame.
        page.evaluate("() => new Promise((resolve) => requestAnimationFrame(resolve))")

    for look, how in LOOKS.items():
        show(*how)
        yield look
    show(*LOOKS["light"])


def violations_in_all_looks(page: Page, within: str = "html") -> list[str]:
    """The same in each look, one after the other."""
    return [
        f"{look}: {violation}"
        for look in looks(page)
        for violation in violations(page, within, look)
    ]


@AT_REST
def test_axe_finds_nothing(page: Page) -> None:
    playground = Playground(page)
    playground.wait_for_plots()
    assert violations_in_all_looks(page) == []
    playground.play()
    playground.wait_for_iteration(60)
    playground.choose("Activation", "leaky ReLU")
    expect(playground.ghosts).to_have_count(1)
    playground.enter("Noise", "7")
    playground.pause()
    assert violations_in_all_looks(page) == []
    # The smallest network, and the largest.
    page.evaluate("location.hash = '#layers=none&colour=red'")
    expect(page.locator("#graph .unit")).to_have_count(1)
    assert violations_in_all_looks(page) == []
    page.evaluate("location.hash = '#layers=16,16,16,16,16,16&colour=blue'")
    expect(page.locator("#graph .unit")).to_have_count(97)
    assert violations_in_all_looks(page) == []


@AT_REST
def test_axe_finds_nothing_in_dialogs_and_tools(page: Page) -> None:
    playground = Playground(page, "#dataset=own&points=1,1,1;2,2,0&lock=activation,network")
    page.locator("#own-tools").get_by_role("button", name="y = 0").click()
    page.get_by_role("button", name="Save image").click()
    assert violations_in_all_looks(page) == []
    page.keyboard.press("Escape")
    playground.button("Share").click()
    page.get_by_text("Make a reduced page").click()
    page.get_by_text("Embed it in another page").click()
    # The rest of the page has just been looked at.
    assert violations_in_all_looks(page, "#share-dialog") == []
    page.keyboard.press("Escape")
    playground.button("From a table").click()
    page.get_by_role("textbox", name="Paste a table").fill("1,2,a\n3,x,b\n5,4,b\n2,2,a")
    expect(page.locator("#table-bad")).to_be_visible()
    assert violations_in_all_looks(page, "#table-dialog") == []
    page.keyboard.press("Escape")
    page.get_by_role("tab", name="Timeline").click()
    playground.button("Save as video").click()
    expect(playground.button("Record")).to_be_visible()
    assert violations_in_all_looks(page, "#animation-dialog") == []


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
            new MutationObserver((changes) => {
              if (!region.matches('[role="log"]')) said.push(region.textContent);
              else for (const { addedNodes } of changes)
                for (const line of addedNodes) said.push(line.textContent);
            }).observe(region, { childList: true, characterData: true, subtree: true });
          }
        }"""
    )
    playground.wait_for_sentences()
    playground.play()
    playground.wait_for_iteration(400)
    playground.pause()
    # A milestone's sentence may have been said just before it.
    latest = page.locator("#announcer p").last
    expect(latest).to_have_text(re.compile("^Paused at .* points are right"))
    playground.say_all()
    said = page.evaluate("window.said_.filter((text) => text)")
    assert said[0] == "Training"
    (told,) = playground.wire.main.of_type("described", sent=False)[-1:]
    assert (
        said[-1]
        == f"Paused at iteration {told['iteration']}, cost {told['cost']:.4f}. " + (told["text"])
    )
    assert len(said) <= 4
    described = page.get_by_role("img", name="Predicted probability")
    expect(described).to_have_accessible_description(
        f"At iteration {told['iteration']}: {told['text']}"
    )
    playground.step(2)
    expect(latest).to_have_text(f"Iteration {told['iteration'] + 2}, cost {playground.cost:.4f}")


def test_the_first_stops_skip_and_a_dialog_has_the_plane_and_the_cost_as_tables(
    page: Page,
) -> None:
    playground = Playground(page, "#hide=data&lock=output&layers=2")
    stops = []
    for _ in range(2):
        page.keyboard.press("Tab")
        stops.append(page.locator(":focus").inner_text())
        expect(page.locator(":focus")).to_be_in_viewport(ratio=1)
    # What is hidden is not skipped to.
    assert stops == ["To the plot", "To the training"]
    page.keyboard.press("Enter")
    expect(page.get_by_role("group", name="Training", exact=True)).to_be_focused()
    expect(page).to_have_url(re.compile("#.*hide=data"))
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(playground.readout("iteration")).to_have_attribute("value", "2")
    playground.wait_for_sentences()
    page.keyboard.press("d")
    expect(page.locator("#announcer")).to_contain_text("Iteration 2. ")
    playground.button("In words").focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="In words")
    playground.say_all()
    told = playground.wire.main.of_type("described", sent=False)[-1]
    expect(dialog.get_by_role("status")).to_have_text(f"At iteration 2: {told['text']}")
    plane, wrong, cost = dialog.get_by_role("table").all()
    corner = plane.get_by_role("row").nth(1).get_by_role("cell").first
    expect(corner).to_have_text(f"{told['lattice']['values'][-1][0]:.2f}")
    expect(plane.get_by_role("rowheader").first).to_have_text("6.60")
    expect(plane.get_by_role("columnheader")).to_have_count(9)
    expect(wrong).to_contain_text(f"wrong: {told['wrong']}")
    expect(wrong.get_by_role("row")).to_have_count(1 + len(told["examples"]))
    costs = [f"{value:.4f}" for value in (*playground.wire.costs, playground.cost)]
    expect(cost.get_by_role("row").locator("td:nth-of-type(1)")).to_have_text(costs)
    assert violations_in_all_looks(page, "#words-dialog") == []
    page.keyboard.press("Escape")
    expect(playground.button("In words")).to_be_focused()


@pytest.mark.parametrize("context_options", [{"reduced_motion": "reduce"}])
def test_reduced_motion_draws_at_most_twice_a_second(page: Page) -> None:
    playground = Playground(page)
    playground.play()
    drawn = page.evaluate(
        """(most) => new Promise((resolve, reject) => {
          const marks = [];
          new PerformanceObserver((list) => {
            marks.push(...list.getEntries().map((mark) => mark.startTime));
            if (marks.length >= 6) resolve(marks);
          }).observe({ type: 'mark' });
          setTimeout(() => reject(new Error(`drawn ${marks.length} times`)), most);
        })""",
        PATIENCE,
    )
    assert min(later - earlier for earlier, later in itertools.pairwise(drawn)) > 450
    playground.wait_for_iteration(200)
    playground.pause()
    playground.step(3)


@pytest.mark.parametrize("context_options", [{"forced_colors": "active", "color_scheme": "dark"}])
def test_forced_colours_keep_choices_and_pictures_and_paper_has_the_run_on_one_page(
    page: Page,
) -> None:
    playground = Playground(page, "#mistakes=yes&layers=1")
    for chosen in ("#activations input:checked + .face", "#datasets input:checked ~ .pic"):
        outline = page.locator(chosen).evaluate("(element) => getComputedStyle(element).outline")
        assert "solid" in outline
    playground.play()
    playground.wait_for_iteration(300)
    playground.pause()
    assert len(np.unique(playground.pixels("#boundary canvas").reshape(-1, 4), axis=0)) > 50
    page.emulate_media(media="print", forced_colors="none")
    paper = page.locator("#printed")
    expect(paper).to_contain_text("circle, 200 examples, noise 0.1")
    expect(paper).to_contain_text("points are right")
    marks = paper.locator("figure").first
    expect(marks.locator(".map circle, .map path[stroke-width='0.2']").first).to_be_visible()
    expect(paper.locator("polyline.train").first).to_be_visible()
    # A straight line has many points wrong: each has its ring on paper too.
    bits = playground.wire.frames[-1]["runs"][0]["misclassified"]
    wrong = int(np.unpackbits(np.frombuffer(bits, np.uint8)).sum())
    assert wrong > 20
    expect(paper.locator("circle.ring")).to_have_count(wrong)
    expect(playground.button("Reset")).to_be_hidden()
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    # Drawn anew for a printer, which asks by another way.
    page.emulate_media(media="null", forced_colors="none")
    expect(paper.locator("figure")).to_have_count(0)
    pages = re.findall(rb"/Type\s*/Page\b", page.pdf(format="A4"))
    assert len(pages) == 1
