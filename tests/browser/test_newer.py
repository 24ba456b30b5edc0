"""What keeps a page from its server, or from a part of itself, is said, with what can be done."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.cable import Cable
from tests.browser.conftest import Guard
from tests.browser.harness import ROOT, Server, running_server
from tests.browser.playground import Playground, try_now
from tests.browser.test_accessibility import violations
from tests.browser.test_connection import REFUSED, state

NEWER = "The server has a newer version of this page."
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


@pytest.fixture
def newer_project(tmp_path: Path) -> Path:
    """This project with another page: one more comment in one of its files."""
    for name in ("app", "nncore", "templates", "lessons"):
        (tmp_path / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "static", tmp_path / "static")
    with (tmp_path / "static" / "css" / "base.css").open("a") as style:
        style.write("/* newer */\n")
    return tmp_path


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
    try_now(page)
    expect(waiting).to_be_empty()
    state(page, "Live")


def test_websockets_that_do_not_pass_are_said(page: Page, proxy: Callable[..., Cable]) -> None:
    cable = proxy(Upgrade="un")
    page.goto(cable.url)
    waiting = page.locator("#waiting")
    expect(waiting).to_contain_text("does not let WebSockets pass", timeout=15_000)
    cable.rewritten = {}
    try_now(page)
    expect(waiting).to_be_empty()
    state(page, "Live")


def test_a_page_that_is_older_than_its_server_says_so_and_goes_on(
    page: Page, guard: Guard, newer_project: Path
) -> None:
    guard.expect(REFUSED)
    guard.expect("Failed to load resource")
    guard.expect("Refused to execute script")
    with running_server() as own:
        playground = Playground(page, f"{own.url}#activation=relu")
        playground.play()
        playground.wait_for_iteration(60)
        own.stop()
        own.project = newer_project
        own.start()
        state(page, "Live")
        notice = page.locator("#newer")
        expect(notice).to_contain_text(NEWER)
        expect(notice).to_have_attribute("role", "status")
        assert violations(page) == []
        # The same run goes on; a part that the page has not got is said to be missing.
        playground.wait_for_iteration(playground.iteration + 20)
        page.get_by_role("button", name="Later").click()
        expect(notice).to_be_empty()
        page.get_by_role("tab", name="Activations").click()
        expect(notice).to_contain_text(NEWER)
        expect(page.locator("#panel-activations")).to_have_attribute("data-missing", "")
        page.get_by_role("tab", name="Surface").click()
        expect(notice).to_contain_text(NEWER)
        page.get_by_role("tab", name="Activations").click()
        playground.wait_for_iteration(playground.iteration + 20)
        # Of changes that come fast the address has the last one only a moment later.
        expect(page).to_have_url(re.compile("panel=activations"))
        page.get_by_role("button", name="Reload").click()
        expect(page.locator("#newer")).to_be_empty()
        state(page, "Live")
        assert "activation=relu" in page.url
        expect(page.locator("#panel-activations svg").first).to_be_visible()


@pytest.mark.parametrize(
    ("tab", "inside"),
    [("Activations", "#panel-activations svg"), ("Vectorising", "#timing-go")],
)
def test_a_part_that_does_not_come_can_be_asked_for_again(
    page: Page, proxy: Callable[..., Cable], tab: str, inside: str
) -> None:
    cable = proxy()
    playground = Playground(page, f"{cable.url}#examples=50")
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
