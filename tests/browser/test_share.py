"""Share: whose address a link names, its QR code, a reduced page. Help, and wrong addresses."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from app.links import lan_address
from tests.browser.conftest import Guard
from tests.browser.playground import Playground
from tests.browser.test_accessibility import violations


def test_a_link_from_localhost_names_the_machine_by_its_address_in_the_network(page: Page) -> None:
    page.route("**/address", lambda route: route.fulfill(json={"lan": "192.168.1.20"}))
    playground = Playground(page, "#dataset=xor")
    playground.button("Share").click()
    dialog = page.get_by_role("dialog", name="Share")
    link = dialog.get_by_role("textbox", name="Link")
    reached = page.url.replace("127.0.0.1", "192.168.1.20")
    expect(link).to_have_value(reached)
    expect(dialog.locator("#share-where")).to_contain_text("by its address in the network")
    code = dialog.get_by_role("img", name="QR code of the link")
    expect(code).to_be_visible()
    assert page.evaluate("image => image.decode().then(() => true)", code.element_handle())
    assert violations(page, "#share-dialog") == []
    small = code.bounding_box()
    dialog.get_by_role("button", name="QR code of the link").click()
    large = code.bounding_box()
    assert small is not None
    assert large is not None
    assert large["width"] > 2 * small["width"]

    dialog.get_by_text("Make a reduced page").click()
    dialog.get_by_role("button", name="Only to watch").click()
    expect(dialog.get_by_role("radio", name="Activation hidden")).to_be_checked()
    # What scrolls is what is in it, and no more.
    for width, height in ((390, 844), (1366, 768)):
        page.set_viewport_size({"width": width, "height": height})
        beyond = dialog.evaluate(
            """(dialog) => {
              const body = dialog.querySelector('.body');
              const end = body.lastElementChild.getBoundingClientRect().bottom;
              const top = body.getBoundingClientRect().top - body.scrollTop;
              const below = top + body.scrollHeight - end;
              return [dialog.scrollHeight - dialog.clientHeight, below];
            }"""
        )
        assert beyond[0] == 0
        assert beyond[1] < 24  # its padding
    reduced = link.input_value().replace("192.168.1.20", "127.0.0.1")
    page.keyboard.press("Escape")
    watching = Playground(page.context.new_page(), reduced[reduced.index("#") :])
    expect(watching.button("Play")).to_be_visible()
    expect(watching.page.get_by_role("button", name="Share", exact=True)).to_be_hidden()
    expect(watching.page.get_by_role("radio", name="ReLU", exact=True)).to_be_hidden()
    watching.page.close()
    # A link too long for a camera says what to do.
    playground.button("Edit these").click()
    playground.button("Share").click()
    expect(dialog.locator("#share-code")).to_contain_text("too long for a QR code")


def test_where_the_address_is_not_known_it_says_so_and_draws_no_dead_code(page: Page) -> None:
    assert lan_address("127.0.0.1") is None
    playground = Playground(page)
    playground.button("Share").click()
    dialog = page.get_by_role("dialog", name="Share")
    expect(dialog.locator("#share-where")).to_contain_text("It opens on this computer only")
    expect(dialog.locator("#share-where")).to_contain_text("HOST=0.0.0.0")
    expect(dialog.get_by_role("img")).to_have_count(0)


def test_help_lists_the_keys_and_leads_to_the_documentation(page: Page, guard: Guard) -> None:
    guard.expect("404")
    playground = Playground(page)
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Help and keys")
    expect(dialog.get_by_role("row")).to_have_count(9)
    expect(dialog.get_by_role("row", name="Space")).to_contain_text("Play, or pause")
    assert violations(page, "#keys-dialog") == []
    with page.context.expect_page() as opened:
        dialog.get_by_role("link", name="How to use the page").click()
    documentation = opened.value
    expect(documentation.get_by_role("heading", level=1)).to_have_text("How to use the page")
    documentation.close()
    page.bring_to_front()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(playground.button("Help and keys")).to_be_visible()
    page.goto(page.url.split("#")[0] + "nowhere")
    expect(page.get_by_role("heading", level=1)).to_have_text("Not found")
    page.get_by_role("link", name="Open the playground").click()
    expect(playground.button("Play")).to_be_visible()
