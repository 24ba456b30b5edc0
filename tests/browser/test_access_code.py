"""The access code: asked once, by keyboard alone; the way on leads where one wanted to go."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import VIEWPORT, Guard
from tests.browser.harness import running_server
from tests.browser.playground import Playground
from tests.browser.test_accessibility import violations
from tests.browser.test_connection import REFUSED
from tests.browser.test_save import save

CODE = "größe 7"


def type_code(page: Page, code: str) -> None:
    """And see what the server answers: its address is that of the form, so it tells nothing."""
    expect(page.get_by_label("Access code")).to_be_focused()
    page.keyboard.type(code)
    with page.expect_navigation(wait_until="commit"):
        page.keyboard.press("Enter")


def looks_well(page: Page) -> None:
    """For everyone, on every screen: what is typed and pressed is large, and nothing sticks out."""
    for scheme in ("light", "dark"):
        # At once: colours on their way from one theme to the other have no contrast to speak of.
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        for width in (1440, 390):
            page.set_viewport_size({"width": width, "height": 844})
            assert page.evaluate("document.documentElement.scrollWidth") == width
            for part in (page.get_by_label("Access code"), page.get_by_role("button")):
                box = part.bounding_box()
                assert box is not None
                assert box["height"] >= 44
        assert violations(page, look=scheme) == []
    page.emulate_media(color_scheme="light", reduced_motion="no-preference")
    page.set_viewport_size(VIEWPORT)


def test_the_code_is_asked_for_and_leads_where_the_reader_wanted_to_go(
    context: BrowserContext, page: Page, guard: Guard, monkeypatch: pytest.MonkeyPatch
) -> None:
    guard.expect("status of 401")
    guard.expect(REFUSED)
    monkeypatch.setenv("SHALLOWS_ACCESS_CODE", CODE)
    with running_server() as closed:
        address = f"{closed.url}#dataset=xor&activation=relu"
        playground = Playground(page, address, refused=True)
        looks_well(page)
        field = page.get_by_label("Access code")
        type_code(page, "größe 8")
        expect(page.get_by_role("alert")).to_have_text(
            "That is not the access code of this server."
        )
        expect(field).to_have_attribute("aria-invalid", "true")
        expect(field).to_have_accessible_description("That is not the access code of this server.")
        expect(page).to_have_title("Not the access code – Shallows")
        looks_well(page)
        type_code(page, CODE)
        expect(page).to_have_url(address)
        # Known from now on: the page, its stream, and what is saved.
        expect(playground.readout("cost")).not_to_have_text("–")
        page.goto(f"{address}&layers=3")
        expect(playground.field("Hidden units in layer 1")).to_have_value("3")
        assert playground.last_configure()["data"]["dataset"] == "xor"
        playground.step(3)
        link = save(playground)

        # Whoever follows a link to a run is asked too, and then sees that run.
        context.clear_cookies()
        page.goto(f"{link}#panel=results")
        type_code(page, CODE)
        expect(page).to_have_url(f"{link}#panel=results")
        expect(page.get_by_test_id("iteration")).to_have_attribute("value", "3")
        expect(page.get_by_role("tab", name="Results")).to_have_attribute("aria-selected", "true")
        expect(page.locator("#connection")).to_have_text("Live")

        # Another code is asked for while a page is open.
        playground.choose("Activation", "tanh")
        expect(page).to_have_url(re.compile(r"/#dataset=xor&layers=3&panel=results$"))
        closed.stop()
        monkeypatch.setenv("SHALLOWS_ACCESS_CODE", "another")
        closed.start()
        said = page.get_by_role("region", name="Waiting for the server")
        expect(said).to_contain_text("This server asks for another access code now.")
        expect(page.locator("#connection")).to_have_text("Waiting")
        said.get_by_role("button", name="Give the code").click()
        type_code(page, "another")
        expect(page.locator("#connection")).to_have_text("Live")
        expect(page).to_have_url(re.compile(r"/#dataset=xor&layers=3&panel=results$"))
        page.goto("about:blank")
        context.clear_cookies()
