"""The documentation, read on the server itself: on every screen, by keyboard, on paper."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.test_accessibility import AT_REST, violations_in_all_looks

PHONE = {"width": 390, "height": 844}


@AT_REST
def test_the_documentation_is_read_on_every_screen_by_keyboard_and_on_paper(page: Page) -> None:
    page.goto("/help/lecture")
    title = page.get_by_role("heading", level=1)
    menu, contents = page.get_by_role("navigation"), page.get_by_role("button", name="Contents")
    # Formulas are set as in a lesson.
    expect(page.get_by_role("cell").locator("math").first).to_be_visible()
    assert violations_in_all_looks(page) == []
    expect(contents).to_be_hidden()
    expect(menu).to_be_visible()
    a_line = page.locator("main > p").first.evaluate(
        """(paragraph) => {
          const pen = new OffscreenCanvas(1, 1).getContext('2d');
          const { fontSize, fontFamily } = getComputedStyle(paragraph);
          pen.font = `${fontSize} ${fontFamily}`;
          const text = paragraph.textContent;
          return paragraph.clientWidth / (pen.measureText(text).width / text.length);
        }"""
    )
    assert 55 < a_line <= 75
    for width in (1920, 1024, 390):
        page.set_viewport_size({"width": width, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth") == width

    # On a phone the list is a menu.
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="To the text")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
    expect(menu).to_be_hidden()
    contents.press("Enter")
    expect(menu).to_be_visible()
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    expect(contents).to_be_focused()
    contents.click()
    menu.get_by_role("link", name="Operating").click()
    expect(title).to_have_text("Operating")

    # A heading is found among those of all pages.
    contents.click()
    sought = page.get_by_role("searchbox", name="Find a heading")
    sought.fill("no such heading")
    expect(menu.get_by_role("paragraph").last).to_have_text("No heading has these words.")
    sought.fill("class BAD")
    expect(menu.get_by_role("link")).to_have_text(["Bad days A class in a room"])
    sought.press("Enter")
    expect(title).to_have_text("A class in a room")
    expect(page.get_by_role("heading", name="Bad days")).to_be_in_viewport()

    page.emulate_media(media="print")
    expect(contents).to_be_hidden()
    expect(title).to_be_visible()
