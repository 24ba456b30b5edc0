"""A page with less on it: what is hidden is gone for everybody, what is locked stays."""

from __future__ import annotations

import re

from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.harness import ROOT
from tests.browser.playground import Playground, until

CONTROLS = "button, input, select, textarea, summary, a[href]"
# What belongs to no part: it explains, or dismisses, or is there only while something else is.
SPARED = ".help, dialog *, [popover] *, #notice *, #open-full, .skips *, .preset-note *"


def parts(page: Page) -> list[dict[str, str]]:
    """The table, as the page has it."""
    found = page.evaluate(
        """async () => {
          const main = document.querySelector('script[type=module]').src;
          return (await import(main.replace(/main\\.js$/, 'experiment/parts.js'))).PARTS;
        }"""
    )
    assert isinstance(found, list)
    return found


def test_the_table_the_page_and_the_documentation_agree(page: Page) -> None:
    Playground(page)
    table = parts(page)
    names = [part["name"] for part in table]
    assert len(set(names)) == len(names)
    for part in table:
        assert page.locator(part["roots"]).count() > 0, part["name"]
        assert part.get("within", names[0]) in names
    strangers = page.evaluate(
        """([controls, spared, roots]) => [...document.querySelectorAll(controls)]
          .filter((control) => !control.closest(roots) && !control.matches(spared))
          .map((control) => control.outerHTML.slice(0, 120))""",
        [CONTROLS, SPARED, ", ".join(part["roots"] for part in table)],
    )
    assert strangers == []
    document = (ROOT / "docs" / "embedding.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| (?:– )?`([a-z0-9]+)` \| (.+?) \|", document, re.MULTILINE)
    assert listed == [(part["name"], part["title"]) for part in table]


def test_what_is_hidden_is_gone_for_eyes_keys_and_screen_readers(page: Page) -> None:
    playground = Playground(page, "#hide=data,presets,play,timeline,image&panel=timeline")
    for locator in (
        playground.field("Noise"),
        playground.radio("Dataset", "xor"),
        playground.button("Presets"),
        playground.button("Play"),
        page.get_by_role("tab", name="Timeline"),
        page.get_by_role("button", name="Save image"),
    ):
        expect(locator).to_have_count(0)
    expect(page.locator("#panel-timeline")).to_be_hidden()
    expect(playground.button("Step")).to_be_visible()
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    expect(playground.readout("iteration")).to_have_attribute("value", "1")
    assert playground.wire.of_type("play", sent=True) == []
    page.locator("#cost").click(position={"x": 60, "y": 60})
    page.keyboard.press("ArrowRight")
    expect(playground.readout("iteration")).to_have_attribute("value", "2")
    assert playground.wire.of_type("seek", sent=True) == []
    # What a view shows again is still hidden.
    page.evaluate("location.hash = 'hide=noise&dataset=own&points=1,1,1;2,2,0'")
    expect(playground.radio("Dataset", "your own points")).to_be_checked()
    playground.choose("Dataset", "xor")
    expect(playground.field("Examples")).to_be_visible()
    expect(playground.field("Noise")).to_have_count(0)
    # An edited link brings everything back.
    page.evaluate("location.hash = 'noise=0.2'")
    expect(playground.field("Noise")).to_have_value("0.2")
    expect(playground.button("Presets")).to_be_visible()


def test_what_is_locked_is_seen_and_stays(page: Page) -> None:
    playground = Playground(page, "#lock=activation,noise,network,own,rate,reset&layers=4")
    for locator in (
        playground.radio("Activation", "ReLU"),
        playground.field("Noise"),
        page.get_by_role("slider", name="Noise slider"),
        playground.button("Add a layer"),
        playground.button("Add a unit to layer 1"),
        playground.field("Learning rate"),
        playground.button("From a table"),
    ):
        expect(locator).to_be_visible()
        expect(locator).to_be_disabled()
        described = locator.get_attribute("aria-describedby") or ""
        assert "locked-note" in described.split()
    expect(page.locator("#locked-note")).to_have_text("Locked on this page.")
    expect(playground.field("Examples")).to_be_enabled()
    expect(playground.button("Unit 2 of hidden layer 1")).to_be_enabled()
    # What is made anew while it is locked is locked too.
    page.evaluate("location.hash = 'lock=network,reset&layers=4,3'")
    expect(playground.button("Add a unit to layer 2")).to_be_disabled()
    expect(playground.field("Noise")).to_be_enabled()
    expect(playground.field("Noise")).to_have_attribute(
        "aria-describedby", re.compile("^(?!.*locked)")
    )
    playground.step(1)
    page.keyboard.press("r")
    page.locator("#sentence button").first.dispatch_event("click")
    expect(page.locator("#parameter")).to_be_hidden()
    assert playground.iteration == 1
    page.evaluate("location.hash = 'layers=6'")
    expect(playground.button("Add a layer")).to_be_enabled()
    expect(playground.button("Undo")).to_be_disabled()
    # A name that is none is said, and hides nothing.
    page.evaluate("location.hash = 'hide=data,doors&lock=readouts'")
    expect(playground.notice).to_contain_text("What to hide: there is no “doors”")
    expect(playground.notice).to_contain_text("What to lock: there is no “readouts”")
    expect(playground.field("Noise")).to_be_visible()


def test_what_is_left_has_the_room(page: Page) -> None:
    Playground(page, "#hide=data,features,training,activation,drawer")
    expect(page.locator(".bench > .data")).to_be_hidden()
    for width in (1440, 1024, 390):
        page.set_viewport_size({"width": width, "height": 900})
        sizes = page.evaluate(
            "() => [document.documentElement.scrollWidth, innerWidth,"
            " document.querySelector('.net').getBoundingClientRect().left]"
        )
        assert sizes[0] <= sizes[1], width
        assert sizes[2] < 5, width


def test_share_makes_a_link_a_reduced_page_and_a_frame(context: BrowserContext, page: Page) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    playground = Playground(page, "#dataset=xor")
    playground.button("Share").click()
    dialog = page.get_by_role("dialog", name="Share")
    copy = dialog.get_by_role("button", name="Copy link")
    expect(copy).to_be_focused()
    page.keyboard.press("Enter")
    expect(dialog.locator("#share-told")).to_have_text("Link copied.")
    assert page.evaluate("navigator.clipboard.readText()") == page.url

    dialog.get_by_text("Make a reduced page").click()
    dialog.get_by_role("radio", name="Data hidden").check()
    expect(dialog.get_by_role("radio", name="Noise locked")).to_be_disabled()
    dialog.get_by_role("radio", name="Activation locked").check()
    copy.click()

    def copied() -> str:
        return str(page.evaluate("navigator.clipboard.readText()"))

    ending = "#dataset=xor&hide=data&lock=activation"
    until(page, lambda: copied().endswith(ending), "the link is not copied")
    reduced = copied()
    dialog.get_by_text("Embed it in another page").click()
    dialog.get_by_role("button", name="Copy code").click()
    until(page, lambda: copied().startswith("<iframe"), "the code is not copied")
    code = copied()
    page.keyboard.press("Escape")
    expect(playground.button("Share")).to_be_focused()
    expect(playground.field("Noise")).to_be_visible()  # this page stays as it is

    # In a frame of the server's own page, as its headers allow.
    source = code.split('src="')[1].split('"')[0].replace("&amp;", "&")
    assert source == f"{reduced}&embed=1"
    other = context.new_page()
    other.route("**/lesson", lambda route: route.fulfill(body=code, content_type="text/html"))
    other.goto("/lesson")
    frame = other.frame_locator("iframe")
    expect(frame.get_by_role("button", name="Play")).to_be_visible()
    expect(frame.get_by_role("button", name="Share")).to_have_count(0)
    expect(frame.get_by_role("radio", name="ReLU", exact=True)).to_be_disabled()
    expect(frame.get_by_role("link", name="Open in Shallows")).to_have_attribute(
        "href", "/#dataset=xor&hide=data&lock=activation"
    )
    frame.get_by_role("button", name="Play").click()
    expect(frame.get_by_role("button", name="Pause")).to_be_visible()
