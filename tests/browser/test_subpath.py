"""Below a path of a proxy's: all of it works there, and nothing is asked for outside of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.app.nginx import running_nginx
from tests.browser.conftest import VIEWPORT, Elsewhere, Guard
from tests.browser.harness import Server, running_server
from tests.browser.playground import Playground, without_plotly
from tests.browser.test_access_code import type_code
from tests.browser.test_save import save

CODE = "in a shallow pool"
KEPT = {"location / {": "location /shallows/ {"}


@pytest.fixture
def below(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server that is set to lie below /shallows."""
    monkeypatch.setenv("SHALLOWS_ROOT_PATH", "/shallows")
    monkeypatch.setenv("SHALLOWS_ACCESS_CODE", CODE)
    monkeypatch.setenv("SHALLOWS_TRUSTED_PROXIES", "127.0.0.1")
    with running_server() as server:
        yield server


def test_all_of_it_works_below_a_path(
    browser: Browser, below: Server, elsewhere: Elsewhere, tmp_path: Path
) -> None:
    guard = Guard(elsewhere)
    guard.expect("status of 401")  # where the code is asked for
    asked: list[str] = []
    with (
        running_nginx(tmp_path, below.port, KEPT) as nginx,
        browser.new_context(ignore_https_errors=True, viewport=VIEWPORT) as context,
        guard.watching(context),
    ):
        context.on("request", lambda request: asked.append(request.url))
        origin = f"https://127.0.0.1:{nginx.port}"
        visit(context.new_page(), f"{origin}/shallows")
        cookies = context.cookies()
        assert {each.get("name") for each in cookies} == {
            f"shallows_{kind}_shallows" for kind in ("access", "room")
        }
        assert {(each.get("path"), each.get("secure")) for each in cookies} == {("/shallows", True)}
    assert guard.problems == []
    outside = [url for url in asked if not urlsplit(url).path.startswith("/shallows")]
    assert [url for url in outside if not url.startswith(("data:", "blob:"))] == []


def visit(page: Page, base: str) -> None:
    """What a class does, at `base`."""
    playground = Playground(page, f"{base}#dataset=xor", refused=True)
    type_code(page, CODE)
    expect(playground.readout("cost")).not_to_have_text("–")
    playground.play()
    playground.wait_for_iteration(20)
    playground.pause()
    assert [urlsplit(url).path for url in playground.wire.urls] == ["/shallows/ws"]

    # A link to the experiment, and a run that is kept.
    link = save(playground)
    assert re.fullmatch(re.escape(base) + r"/r/[A-Za-z0-9_-]{8,}", link)
    dialog = page.get_by_role("dialog", name="Share")
    link_here = dialog.get_by_role("textbox", name="Link", exact=True)
    expect(link_here).to_have_value(f"{base}/#dataset=xor")
    without_plotly(page)  # it has come once
    at = playground.iteration
    kept = Playground(page, link)
    expect(kept.readout("iteration")).to_have_attribute("value", str(at))

    # A room: opened here, joined by its code.
    page.locator("#class").click()
    page.get_by_role("menuitem", name="Open a room").click()
    with page.expect_popup() as opening:
        page.get_by_role("button", name="Open the room").click()
    teacher = opening.value
    picture = teacher.locator(".room .qr")
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth > 0)")
    expect(teacher.locator(".room")).to_contain_text(f"{urlsplit(base).netloc}/shallows/j")
    code = (picture.get_attribute("src") or "").partition("?")[2]
    with teacher.expect_popup() as showing:
        teacher.get_by_role("button", name="Projector").click()
    expect(showing.value.locator(".code")).to_have_text(code)
    for each in (teacher, showing.value):
        assert urlsplit(each.url).path.startswith("/shallows/rooms/")
    page.goto(f"{base}/j/{code.lower()}")
    page.get_by_role("button", name="Join", exact=True).click()
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.locator(".room-me b")).to_be_visible()
    assert urlsplit(page.url).path == "/shallows/"
    expect(teacher.locator("[data-tile]")).to_have_count(1)

    # What the page fetches when it is asked for: a panel, a program to take away, a lesson.
    page.get_by_role("tab", name="Formula & code").click()
    expect(page.locator("#program")).to_contain_text("import numpy")
    assert (page.locator("#program-download").get_attribute("href") or "").startswith("/shallows/")
    kept.button("Lessons").click()
    page.get_by_role("dialog", name="Lessons").locator(".row").first.click()
    expect(page.locator("#lesson")).to_contain_text("One unit")
