"""What keeps a page from its server, or from a part of itself, is said, with what can be done."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.cable import Cable
from tests.browser.conftest import Guard
from tests.browser.harness import Server
from tests.browser.playground import Playground, come_in
from tests.browser.test_accessibility import violations
from tests.browser.test_connection import REFUSED, state

SIZES = ((1440, 900), (1024, 768), (390, 844))


@pytest.fixture
def proxy(server: Server, guard: Guard) -> Iterator[Callable[..., Cable]]:
    """A way to the server that writes something else for some of what the browser sends."""
    guard.expect(REFUSED)
    guard.expect("Failed to load resource")
    made: list[Cable] = []

    def through(**rewritten: str) -> Cable:
        made.append(Cable(server.port))
        made[-1].rewritten = {f"{name}: ": f"{name}: {said}" for name, said in rewritten.items()}
        return made[-1]

    yield through
    for cable in made:
        cable.close()


def looks_well(page: Page, place: str) -> None:
    """On every screen, in both themes: nothing sticks out, and everyone can read it."""
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        for width, height in SIZES:
            page.set_viewport_size({"width": width, "height": height})
            box = page.locator(place).bounding_box()
            assert box is not None
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= width
            assert box["y"] + box["height"] <= height
            assert page.evaluate("document.documentElement.scrollWidth") == width
            if shots := os.environ.get("SHOTS"):
                page.screenshot(path=f"{shots}/{place[1:]}-{scheme}-{width}.png")
        assert violations(page, place, scheme) == []


@pytest.mark.parametrize("tls", [False, True])
def test_a_proxy_that_loses_the_host_or_the_scheme_is_said_and_how_to_mend_it(
    page: Page, proxy: Callable[..., Cable], tls: bool
) -> None:
    cable = proxy(**({"Origin": "https://not"} if tls else {"Host": "inner."}))
    page.goto(cable.url)
    origin = cable.url.rstrip("/")
    waiting = page.locator("#waiting")
    expect(waiting).to_contain_text(f"This server refuses pages of {origin}.")
    expect(waiting).to_contain_text(f"SHALLOWS_ALLOWED_ORIGINS={origin}")
    expect(page.locator("#announcer")).to_contain_text("This page tries again by itself.")
    if not tls:
        looks_well(page, "#waiting")
    # It stays while the page tries again, and goes once it is mended.
    cable.rewritten = {}
    come_in(page)
    state(page, "Live")


def test_where_websockets_do_not_pass_the_second_way_is_taken(
    page: Page, proxy: Callable[..., Cable]
) -> None:
    page.goto(proxy(Upgrade="un").url)
    state(page, "Live, the second way")
    expect(page.locator("#waiting")).to_be_empty()
    page.get_by_role("button", name="Step", exact=True).click()
    expect(page.get_by_test_id("iteration")).to_have_attribute("value", "1")


def test_a_part_that_does_not_come_can_be_asked_for_again(
    page: Page, proxy: Callable[..., Cable]
) -> None:
    cable = proxy()
    playground = Playground(page, f"{cable.url}#examples=50")
    for tab, inside in (("Activations", "#panel-activations svg"), ("Vectorising", "#timing-go")):
        cable.pull()
        state(page, "Reconnecting")
        page.evaluate("performance.clearResourceTimings()")
        page.get_by_role("tab", name=tab).click()
        expect(playground.notice).to_contain_text(f"The panel “{tab}” could not be fetched.")
        cable.plug_in()
        state(page, "Live")
        page.get_by_role("button", name="Try again").click()
        expect(page.locator(inside).first).to_be_visible()
        expect(page.locator("[data-missing]")).to_have_count(0)
        expect(page.locator("#newer")).to_be_empty()
