"""Save: a short link that opens the run with its weights and costs, at its iteration."""

from __future__ import annotations

import re

import numpy as np
import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.browser.conftest import Guard
from tests.browser.harness import Server
from tests.browser.playground import Playground
from tests.browser.test_accessibility import violations


def save(playground: Playground) -> str:
    """By keyboard: Share, and from there to Save; the short link."""
    dialog = open_dialog(playground)
    button = dialog.get_by_role("button", name="Save run")
    button.focus()
    playground.page.keyboard.press("Enter")
    link = dialog.get_by_role("textbox", name="Short link to the saved run")
    expect(link).to_be_visible()
    expect(dialog.get_by_role("button", name="Copy short link")).to_be_focused()
    return link.input_value()


def open_dialog(playground: Playground) -> Locator:
    playground.button("Share").click()
    return playground.page.get_by_role("dialog", name="Share")


def parameters(playground: Playground) -> list[object]:
    """Of the last frame."""
    found = playground.wire.frames[-1]["runs"][0]["layers"]
    assert isinstance(found, list)
    return found


@pytest.mark.parametrize("context_options", [{"own_tab": True}])
def test_a_saved_run_opens_as_it_was_and_goes_on_to_the_same_bits(
    context: BrowserContext, page: Page, server: Server
) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    first = Playground(page, "#dataset=xor&optimizer=adam&batch=20&layers=3&discrete=yes")
    first.play()
    first.wait_for_iteration(60)
    first.pause()
    # What was changed on the way belongs to the run: a rate, a weight, what is frozen.
    first.enter("Learning rate", "0.011")
    first.page.evaluate("document.querySelector('#step').click()")
    first.settle()
    at, cost, address = first.iteration, first.cost, page.url
    link = save(first)
    assert re.fullmatch(re.escape(server.url) + r"r/[A-Za-z0-9_-]{8,}", link)
    dialog = page.get_by_role("dialog", name="Share")
    expect(dialog.locator("#save-told")).to_have_text(f"Saved at iteration {at:,}.")
    assert violations(page, "#share-dialog") == []
    page.keyboard.press("Enter")
    expect(dialog.locator("#save-told")).to_have_text("Short link copied.")
    assert page.evaluate("navigator.clipboard.readText()") == link
    page.keyboard.press("Escape")
    assert page.url == address

    # The server may be another one by now.
    page.close()
    server.stop()
    server.start()
    second = Playground(context.new_page(), link)
    expect(second.readout("iteration")).to_have_attribute("value", str(at))
    assert second.cost == cost
    assert second.page.url == link
    assert second.wire.of_type("configure", sent=True) == []
    expect(second.field("Learning rate")).to_have_value("0.011")
    expect(second.radio("Dataset", "xor")).to_be_checked()
    expect(second.page.get_by_role("switch", name="Discretise")).to_be_checked()
    np.testing.assert_array_equal(second.wire.costs, first.wire.costs)
    assert parameters(second) == parameters(first)
    second.wait_for_plots()
    expect(second.button("Play")).to_be_visible()
    second.step(8)
    costs, layers = second.wire.costs, parameters(second)

    third = Playground(context.new_page(), link)
    third.step(8)
    np.testing.assert_array_equal(third.wire.costs, costs)
    assert parameters(third) == layers

    # Back to it from an address that has no hash either.
    third.page.evaluate(
        "history.pushState(null, '', '/'); dispatchEvent(new PopStateEvent('popstate'))"
    )
    expect(third.radio("Dataset", "circle")).to_be_checked()
    third.page.go_back()
    expect(third.radio("Dataset", "xor")).to_be_checked()
    expect(third.page).to_have_url(link)

    # As long as it is that run it has that address.
    third.enter("Learning rate", "0.5")
    expect(third.page).to_have_url(f"{link}#rate=0.5")
    third.choose("Activation", "ReLU")
    expect(third.page).to_have_url(re.compile(re.escape(server.url) + "#dataset=xor.*rate=0.5"))
    assert third.last_configure()["runs"][0]["training"]["learning_rate"] == 0.5


def test_what_can_not_be_saved_or_opened_is_said(page: Page, guard: Guard) -> None:
    guard.expect("404")
    guard.expect("Failed to load resource|ERR_FAILED")
    playground = Playground(page, "/r/nothingthere")
    expect(playground.notice).to_contain_text("Nothing is saved under this link")
    expect(page).to_have_url("/")
    playground.step(1)

    page.route("**/sessions/**", lambda route: route.abort())
    dialog = open_dialog(playground)
    dialog.get_by_role("button", name="Save run").click()
    outcome = dialog.locator("#save-told")
    expect(outcome).to_have_text("Not saved: the server did not answer.")
    page.unroute("**/sessions/**")
    problem = {"detail": "32 runs are being saved already; save again in a moment"}
    page.route("**/sessions/**", lambda route: route.fulfill(status=429, json=problem))
    dialog.get_by_role("button", name="Save run").click()
    expect(outcome).to_have_text(f"Not saved: {problem['detail']}.")
    assert violations(page, "#share-dialog") == []
    page.keyboard.press("Escape")
    page.evaluate("location.hash = 'dataset=own'")
    expect(playground.radio("Dataset", "your own points")).to_be_checked()
    dialog = open_dialog(playground)
    dialog.get_by_role("button", name="Save run").click()
    expect(outcome).to_contain_text("There is nothing to save yet. Add at least two points")
