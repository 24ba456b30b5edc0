"""Own points that no address can hold: found again by a reload, by Back, and in another tab."""

from __future__ import annotations

import re

import numpy as np
import pytest
from playwright.sync_api import BrowserContext, Dialog, Page, expect

from tests.browser.playground import Playground, until

KEPT = re.compile(r"[#&]kept=\w{14}")
# What a link has no room for, and what it would round.
MANY, FINE = 3000, 3


def address_of(count: int) -> tuple[str, list[list[float]]]:
    points = np.random.default_rng(count).uniform(-6, 6, (count, 2)).tolist()
    rows = ";".join(f"{x1},{x2},{index % 2}" for index, (x1, x2) in enumerate(points))
    return f"/#dataset=own&points={rows}", points


def trains_on(playground: Playground) -> list[list[float]]:
    points: list[list[float]] = playground.last_configure()["data"].get("points")
    return points


def reload(playground: Playground) -> None:
    """Reload, until the server is told anew what to train."""
    sent = playground.wire.sent
    before = len(sent)
    playground.page.reload()
    until(playground.page, lambda: "configure" in [said["type"] for said in sent[before:]])


@pytest.mark.parametrize("context_options", [{"own_tab": True}])
def test_points_survive_a_reload_back_and_a_closed_tab(context: BrowserContext, page: Page) -> None:
    for count in (FINE, MANY):
        address, points = address_of(count)
        playground = Playground(page, address)
        expect(page).to_have_url(KEPT)
        # A link holds what it can, for other browsers.
        assert ("points=" in page.url) == (count == FINE)
        assert len(page.url) < 8_100
        reload(playground)
        assert trains_on(playground) == points
    kept = page.url
    page.wait_for_timeout(1100)  # What follows within a second is the same step of the history.
    playground.choose("Dataset", "xor")
    expect(page).to_have_url("/#dataset=xor")
    page.reload()
    expect(page.locator("#connection")).to_contain_text("live", ignore_case=True)
    page.go_back()
    expect(page).to_have_url(kept)
    until(page, lambda: trains_on(playground) == points)
    page.close()

    again = Playground(context.new_page(), kept)
    assert trains_on(again) == points
    # Who comes by another address is offered them.
    third = Playground(context.new_page())
    third.choose("Dataset", "your own points")
    expect(third.notice).to_contain_text("This browser keeps points of your own of")
    third.button("Bring them back").click()
    until(third.page, lambda: trains_on(third) == points)
    expect(third.page).to_have_url(KEPT)


@pytest.mark.parametrize("context_options", [{"own_tab": True}])
def test_where_they_cannot_be_kept_who_leaves_is_asked(page: Page) -> None:
    page.add_init_script(
        "Storage.prototype.setItem = () => { throw new DOMException('', 'QuotaExceededError'); };"
    )
    asked: list[str] = []

    def answer(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    page.on("dialog", answer)
    playground = Playground(page, "/#dataset=own&points=1,2,0;3,4,1")
    playground.step(1)
    page.reload()  # nothing is lost, nothing is asked
    expect(playground.notice).to_be_empty()
    assert asked == []
    address, _ = address_of(MANY + 1)  # which no other page here keeps
    playground = Playground(page, address)
    expect(playground.notice).to_contain_text("download them before you leave")
    playground.step(1)
    page.reload()
    until(page, lambda: asked == ["beforeunload"])
    expect(playground.notice).to_contain_text("kept in another browser, or no longer")
