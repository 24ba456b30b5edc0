"""One plain sentence for every control: on hover, on focus, by touch."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.playground import Playground


def test_every_setting_has_its_sentence_on_hover_on_focus_and_by_touch(page: Page) -> None:
    playground = Playground(page)
    about, sentence = page.locator("#noise-about"), page.locator("#noise-help")
    expect(sentence).to_be_hidden()
    about.hover()
    expect(sentence).to_be_visible()
    sentence.hover()  # It stays while it is read.
    page.wait_for_timeout(400)
    expect(sentence).to_be_visible()
    page.mouse.move(700, 30)
    expect(sentence).to_be_hidden()

    page.locator("#label-flips-about").focus()
    expect(page.locator("#label-flips-help")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#label-flips-help")).to_be_hidden()
    expect(page.locator("#label-flips-about")).to_be_focused()

    about.dispatch_event("click")
    expect(sentence).to_be_visible()
    page.locator("h1").click()
    expect(sentence).to_be_hidden()
    assert playground.iteration == 0
    # Every setting has its own.
    page.evaluate("location.hash = 'batch=8&activation=leaky_relu'")
    expect(playground.field("Slope below zero")).to_be_visible()
    page.locator("#training").evaluate("(details) => { details.open = true; }")
    missing = page.evaluate(
        """() => [...document.querySelectorAll(
            '.controls input:not([type=range]), .act input.value, .data input.value, .data select, '
            + '#microscope-of, #microscope-task, #microscope-motion, '
            + '.lab-head input.value, .lab-head select')]
          .filter((control) => !(control.getAttribute('aria-describedby') ?? '').split(' ')
            .filter((id) => id.endsWith('-help'))
            .some((id) => document.getElementById(id)?.textContent.trim().endsWith('.')))
          .map(({ id }) => id)"""
    )
    assert [name for name in missing if not name.startswith("own-")] == []
    small = page.locator(".help").evaluate_all(
        """(all) => all.filter((button) => button.offsetParent)
          .map((button) => button.getBoundingClientRect())
          .filter(({ width, height }) => width < 24 || height < 24).length"""
    )
    assert small == 0
    seen = page.locator(".help").evaluate_all("(all) => all.map(({ ariaLabel }) => ariaLabel)")
    assert len(seen) == len(set(seen)) >= 20
