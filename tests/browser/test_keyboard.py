"""A whole experiment without a mouse; and keys that mean something else keep their meaning."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.playground import Playground


def test_a_whole_experiment_by_keyboard(page: Page) -> None:
    playground = Playground(page)
    # Focus is seen.
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="To the plot")).to_be_focused()
    outline = page.evaluate("getComputedStyle(document.activeElement).outline")
    assert "2px" in outline
    assert "solid" in outline

    def tab_to(name: str) -> None:
        for _ in range(60):
            page.keyboard.press("Tab")
            focused = page.evaluate(
                """() => {
                  const { activeElement: at } = document;
                  const own = at.getAttribute('aria-label') ?? at.labels?.[0]?.innerText;
                  return (own || at.innerText || '').trim();
                }"""
            )
            if focused.startswith(name):
                return
        raise AssertionError(f"Tab does not lead to {name}")

    tab_to("Learning rate")
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("0.5")
    page.keyboard.press("Enter")
    tab_to("tanh")
    page.keyboard.press("ArrowRight")
    expect(playground.radio("Activation", "ReLU")).to_be_checked()
    tab_to("circle")
    page.keyboard.press("ArrowRight")
    expect(playground.radio("Dataset", "xor")).to_be_checked()
    tab_to("Add a unit to layer 1")
    page.keyboard.press("Enter")
    expect(page).to_have_url("/#dataset=xor&layers=5&activation=relu&rate=0.5")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Space")
    expect(playground.button("Pause")).to_be_visible()
    playground.wait_for_iteration(50)
    page.keyboard.press("Space")
    expect(playground.button("Play")).to_be_visible()
    playground.settle()
    paused = playground.iteration
    page.keyboard.press("ArrowRight")
    expect(playground.readout("iteration")).to_have_attribute("value", str(paused + 1))
    page.keyboard.press("r")
    expect(playground.readout("iteration")).to_have_attribute("value", "0")
    # Space plays from where one has just chosen.
    playground.choose("Activation", "tanh")
    page.keyboard.press("Space")
    expect(playground.button("Pause")).to_be_visible()


def test_keys_that_mean_something_else_keep_their_meaning_and_space_on_a_button_is_that_button(
    page: Page,
) -> None:
    playground = Playground(page)
    # Typed into a field they are text.
    playground.step(1)
    playground.field("Seed").focus()
    for key in ("Space", "ArrowRight", "r"):
        page.keyboard.press(key)
    playground.step(1)
    playground.settle()
    expect(playground.button("Play")).to_be_visible()
    assert playground.iteration == 2
    assert playground.wire.of_type("play", sent=True) == []
    # Shortcuts of the browser stay the browser's.
    page.evaluate(
        """() => document.body.dispatchEvent(
          new KeyboardEvent('keydown', { key: 'r', ctrlKey: true, bubbles: true }))"""
    )
    playground.step(1)
    playground.settle()
    assert playground.iteration == 3
    # Arrows on a choice and a slider do not step.
    steps = playground.wire.of_type("step", sent=True)
    playground.radio("Activation", "tanh").focus()
    page.keyboard.press("ArrowRight")
    page.get_by_role("slider", name="Noise slider").press("ArrowRight")
    playground.last_configure()
    assert playground.wire.of_type("step", sent=True) == steps
    # Space on a button is that button, once.
    playground.button("Reset").click()
    expect(playground.readout("iteration")).to_have_attribute("value", "0")
    playground.button("Step").focus()
    page.keyboard.press("Space")
    expect(playground.readout("iteration")).to_have_attribute("value", "1")
    expect(playground.button("Play")).to_be_visible()
    playground.button("Play").focus()
    page.keyboard.press("Space")
    expect(playground.button("Pause")).to_be_visible()
    playground.wait_for_iteration(playground.iteration + 60)
    expect(playground.button("Pause")).to_be_visible()
    assert len(playground.wire.of_type("play", sent=True)) == 1
    assert playground.wire.of_type("pause", sent=True) == []
