"""Questions of somebody who has only the lecture, answered by the page alone.

How many clicks each takes stands in docs/playground.md.
"""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from tests.browser.playground import Playground

PLAYGROUND = Path(__file__).parents[2] / "docs" / "playground.md"


class Newcomer:
    """Clicks, and counts."""

    def __init__(self, page: Page, address: str = "") -> None:
        self.playground = Playground(page, address)
        self.page = page
        self.clicks = 0

    def click(self, target: Locator) -> None:
        target.click()
        self.clicks += 1

    def tab(self, name: str) -> Locator:
        self.click(self.page.get_by_role("tab", name=name))
        return self.page.get_by_role("tabpanel", name=name)


def documented(question: str) -> int:
    """The clicks that the document says it takes."""
    (clicks,) = re.findall(
        rf"^\| {re.escape(question)} \| (\d+) \|", PLAYGROUND.read_text(encoding="utf-8"), re.M
    )
    return int(clicks)


def squeezed(place: Locator) -> str:
    return "".join(place.inner_text().split())


def test_what_are_the_shapes_here_and_is_my_gradient_right(page: Page) -> None:
    newcomer = Newcomer(page)
    assert "W[1]2×4" in squeezed(page.locator("#shapes"))
    assert newcomer.clicks == documented("What is the shape of W[1]?")
    panel = newcomer.tab("Backprop microscope")
    expect(panel).to_contain_text("agrees")
    assert "dW[1]2×4" in squeezed(panel)
    assert newcomer.clicks == documented("What is the shape of dW[1]?")
    expect(page.locator("#microscope-verdict")).to_have_text(
        re.compile("All 4 gradients agree with finite differences")
    )
    assert newcomer.clicks == documented("Are the gradients of this network right?")
    newcomer.click(panel.get_by_text("Check my numbers", exact=True))
    # One unit and one point are there to begin with.
    for name, value in (("dW[1] row 1 column 1", "-0.5"), ("dW[1] row 2 column 1", "1")):
        panel.get_by_role("textbox", name=name).fill(value)
    newcomer.click(panel.get_by_role("button", name="Check", exact=True))
    expect(panel.get_by_role("status")).to_contain_text(["The first is dW[1] of input 2"])
    assert newcomer.clicks == documented("Is the gradient that I computed right?")


def test_why_is_the_sigmoid_run_slower(page: Page) -> None:
    newcomer = Newcomer(page)
    playground = newcomer.playground
    newcomer.click(playground.radio("Activation", "sigmoid").locator("xpath=ancestor::label"))
    panel = newcomer.tab("Activations")
    expect(panel).to_contain_text("Its slope is never above 0.25")
    expect(panel).to_contain_text("it learns slowly")
    assert newcomer.clicks == documented("Why is the sigmoid run slower?")

    newcomer.clicks = 0
    panel = newcomer.tab("Compare")
    newcomer.click(panel.get_by_role("button", name="Play the comparison"))
    # A row for each network, with the first iteration at which it cost that little.
    for name, first in (("ReLU", re.compile(r"[\d,]+")), ("sigmoid", "not yet")):
        row = panel.get_by_role("row").filter(has=page.get_by_role("rowheader", name=name))
        expect(row.first.get_by_role("cell").nth(1)).to_have_text(first)
    assert newcomer.clicks == documented("How much slower is it?")
