"""Switching the activation: same data, same initial weights, and the run before stays a ghost."""

from __future__ import annotations

from functools import partial

from playwright.sync_api import Page, expect

from tests.browser.playground import Playground, until

FORMULAS = {
    "sigmoid": "1+e−z",
    "tanh": "tanhz",
    "ReLU": "max(0,z)",
    "leaky ReLU": "max(0.01z,z)",
    "linear": "g(z)=z",
}

# What is written into the data's settings and the dials from now on.
WATCH_SETTINGS = """
() => {
  window.written = [];
  const observer = new MutationObserver((records) => {
    for (const { target, attributeName } of records)
      window.written.push(`${target.id || target.parentElement.id} ${attributeName}`);
  });
  const all = { subtree: true, childList: true, characterData: true, attributes: true };
  for (const one of document.querySelectorAll('#settings, #controls input'))
    observer.observe(one, all);
}
"""


def test_a_switch_restarts_from_the_same_weights_keeps_playing_and_leaves_a_ghost(
    page: Page,
) -> None:
    playground = Playground(page)
    playground.play()
    playground.wait_for_iteration(100)
    page.evaluate(WATCH_SETTINGS)
    playground.choose("Activation", "ReLU")
    expect(playground.ghosts).to_have_text(["tanh"])
    expect(page.locator("#cost .curve-name.now")).to_have_text("ReLU")
    expect(page.locator(".layer-activation")).to_have_value("relu")
    expect(playground.button("Pause")).to_be_visible()
    playground.begun()
    playground.wait_for_iteration(30)
    # What stays as it was is not written again: the page would be laid out for it.
    assert page.evaluate("window.written") == []

    first, second = playground.wire.of_type("configure", sent=True)
    assert second["playing"] is True
    assert second["data"] == first["data"]
    assert second["runs"][0]["network"]["initialization"] == {
        "scheme": "small_random",
        "scale": 0.01,
        "seed": 0,
    }
    before, after = playground.wire.confirmed
    for old, new in zip(before["runs"][0]["layers"], after["runs"][0]["layers"], strict=True):
        assert new["weights"] == old["weights"]
        assert new["biases"] == old["biases"]
    assert after["runs"][0]["layers"][0]["activation"] == "relu"
    assert after["data"] == before["data"]
    assert not playground.wire.of_type("play", sent=True)[1:]
    # A ghost for each activation, and only on the same data.
    for name in ("tanh", "ReLU"):
        playground.begun()
        playground.wait_for_iteration(60)
        playground.choose("Activation", name)
        expect(page.locator("#cost .curve-name.now")).to_have_text(name)
    expect(playground.ghosts).to_have_text(["tanh"])
    playground.begun()
    playground.wait_for_iteration(60)
    playground.choose("Activation", "sigmoid")
    expect(playground.ghosts).to_have_count(2)
    assert sorted(playground.ghosts.all_inner_texts()) == ["ReLU", "tanh"]
    playground.begun()
    playground.wait_for_iteration(60)
    playground.button("New points").click()
    expect(playground.ghosts).to_have_count(0)
    expect(playground.button("Pause")).to_be_visible()
    # It says what else was different.
    playground.begun()
    playground.wait_for_iteration(60)
    playground.button("Add a unit to layer 1").click()
    expect(playground.ghosts).to_have_text(["sigmoid, 2-4-1"])
    playground.button("Clear earlier runs").click()
    expect(playground.ghosts).to_have_count(0)
    expect(playground.button("Clear earlier runs")).to_be_hidden()


def test_a_paused_page_stays_paused_and_each_activation_has_its_formula_and_its_curves(
    page: Page,
) -> None:
    playground = Playground(page)
    playground.choose("Activation", "sigmoid")
    expect(page).to_have_url("/#activation=sigmoid")
    expect(playground.readout("iteration")).to_have_attribute("value", "0")
    expect(playground.button("Play")).to_be_visible()
    assert playground.wire.of_type("configure", sent=True)[-1]["playing"] is False
    # Each has its formula and its curves.
    formula = page.locator("#formula .lines math").first

    def shown(text: str) -> bool:
        return text in "".join((formula.text_content() or "").split())

    for name, text in FORMULAS.items():
        playground.choose("Activation", name)
        until(page, partial(shown, text))
        expect(formula).to_be_visible()
        face = page.locator(
            "#activations label", has=page.get_by_role("radio", name=name, exact=True)
        )
        for curve in (".g", ".d"):
            assert len(face.locator(curve).get_attribute("d") or "") > 100
        expect(playground.field("Slope below zero")).to_be_visible(visible=name == "leaky ReLU")
    # The slope of leaky ReLU restarts with it.
    playground.choose("Activation", "leaky ReLU")
    playground.enter("Slope below zero", "0.2")
    expect(page.locator("#formula .lines math").first).to_contain_text("0.2")
    layers = playground.last_configure()["runs"][0]["network"]["layers"]
    assert layers == [{"units": 4, "activation": "leaky_relu", "slope": 0.2}]
