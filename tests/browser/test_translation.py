"""The page under a browser's translator, which wraps texts in <font>: it goes on as before."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.conftest import Guard
from tests.browser.playground import Playground, until

# As translators do: every text there is goes into <font><font>, moved there or as another text
# that takes its place.
WRAP = """(moved) => {
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  while (texts.nextNode()) {
    const { parentElement } = texts.currentNode;
    if (texts.currentNode.data !== '' && !parentElement.closest('script, style, font, textarea'))
      found.push(texts.currentNode);
  }
  for (const text of found) {
    const outer = document.createElement('font');
    const inner = document.createElement('font');
    outer.append(inner);
    text.replaceWith(outer);
    inner.append(moved ? text : `${text.data}`);
  }
  return found.length;
}"""
# What runs on while it trains.
MOVING = ["[data-testid=iteration]", "[data-testid=cost]", "#sentence .number"]


def texts(page: Page) -> list[str]:
    return [page.locator(selector).first.inner_text() for selector in MOVING]


def all_move(page: Page) -> None:
    before = texts(page)
    until(page, lambda: all(a != b for a, b in zip(texts(page), before, strict=True)), "it stands")


def test_every_panel_goes_on_translated(page: Page, guard: Guard) -> None:
    # Of Plotly's surface, which is drawn again and again here.
    guard.expect("willReadFrequently|GPU stall due to ReadPixels")
    # No faster than texts are looked at: it plays all the while.
    playground = Playground(page, "#speed=10")
    playground.play()
    for panel in page.locator("#tabs [role=tab]").all():
        panel.click()
        expect(panel).to_have_attribute("aria-selected", "true")
        name = panel.get_attribute("data-label")
        for moved in (True, False):
            assert page.evaluate(WRAP, moved) > 0, name
            all_move(page)
    # What has many forms takes them all.
    playground.choose("Problem", "Regression")
    playground.choose("Problem", "Classification")
    playground.button("Add a layer").click()
    page.evaluate(WRAP, True)
    playground.choose("Activation", "ReLU")
    playground.enter("Learning rate", "1000")
    expect(page.locator("#learning-rate-problem")).to_contain_text("at most 100")
    page.evaluate(WRAP, False)
    playground.enter("Learning rate", "0.1")
    all_move(page)
    expect(page.locator("#sentence")).not_to_contain_text("undefined")


def test_a_text_is_shown_once(page: Page) -> None:
    playground = Playground(page)

    def stepped() -> str:
        """All that is there once a step has been announced."""
        playground.step(1)
        expect(page.get_by_test_id("iteration")).to_have_text(str(playground.iteration))
        announced = f"Iteration {playground.iteration},"
        expect(page.locator("#announcer")).to_contain_text(announced)
        playground.wait_for_curve()
        return page.locator("body").inner_text()

    # The name of a curve comes with the chart, which takes its time.
    playground.step(2)
    expect(page.locator("#cost .names")).to_have_text("tanh")
    before = stepped()
    for moved in (True, False):
        page.evaluate(WRAP, moved)
        assert page.locator("body").inner_text() == before
        before = stepped()


def test_what_is_no_language_is_left_alone(page: Page) -> None:
    playground = Playground(page, "#panel=microscope")
    playground.step(1)
    expect(page.locator("#microscope-lines math").first).to_be_visible()
    untouched = page.evaluate(
        "() => [...document.querySelectorAll('math, code, pre, data, #activations .face')]"
        ".filter((part) => !part.closest('[translate=no]')).map((part) => part.outerHTML)"
    )
    assert untouched == []
