"""A run that leaves the finite says when and why, and Play starts it again."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.playground import Playground


def test_divergence_says_when_why_and_what_to_do(page: Page) -> None:
    address = "#activation=leaky_relu&init=he&layers=8,8,4&rate=100&colour=red"
    playground = Playground(page, address)
    # A notice can be dismissed, and what had the keyboard before has it again.
    expect(playground.notice).to_contain_text("colour")
    page.locator("#step").focus()
    playground.button("Dismiss").press("Enter")
    expect(playground.notice).to_be_empty()
    expect(page.locator("#step")).to_be_focused()

    playground.button("Play").click()
    expect(playground.notice).to_contain_text("Diverged at iteration")
    playground.say_all()
    (diverged,) = playground.wire.of_type("diverged", sent=False)
    expect(playground.notice).to_contain_text(f"iteration {diverged['iteration']:,}.")
    expect(playground.notice).to_contain_text(diverged["reason"])
    expect(playground.notice).to_contain_text("Play starts again")
    expect(playground.button("Play")).to_be_visible()
    expect(playground.readout("cost")).to_have_text(re.compile(r"^[\d.e−]+$"))

    playground.enter("Learning rate", "0.05")
    playground.button("Play").click()
    expect(playground.notice).to_be_empty()
    playground.wait_for_cost_below(0.2)
    assert len(playground.wire.of_type("diverged", sent=False)) == 1
