"""The state lives in the address: a link opens the same experiment, bit for bit."""

from __future__ import annotations

import re

import numpy as np
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.playground import Playground


def test_a_link_restores_the_experiment_bit_for_bit(context: BrowserContext, page: Page) -> None:
    first = Playground(page)
    first.choose("Dataset", "spiral")
    first.enter("Examples", "120")
    first.enter("Noise", "0.137")
    first.enter("Train share", "62.5")
    first.button("New points").click()
    first.button("Add a layer").click()
    first.enter("Hidden units in layer 2", "3")
    first.choose("Activation", "leaky ReLU")
    first.enter("Slope below zero", "0.07")
    first.choose("Initial weights", "He")
    first.button("New initial weights").click()
    first.enter("Learning rate", "0.0123456789")
    first.enter("Speed in iterations a second", "420")
    first.step(12)
    expect(page).to_have_url(re.compile("speed=7"))

    second = Playground(context.new_page(), f"#{page.url.partition('#')[2]}")
    assert second.page.url == page.url
    second.step(12)
    second.settle()
    assert len(first.wire.costs) == 12
    np.testing.assert_array_equal(second.wire.costs, first.wire.costs)
    for page_of in (first, second):
        assert page_of.cost == page_of.wire.frames[-1]["runs"][0]["train_cost"]
    assert second.cost == first.cost
    configures = [
        playground.wire.of_type("configure", sent=True)[-1] for playground in (first, second)
    ]
    assert configures[0]["data"] == configures[1]["data"]
    assert configures[0]["runs"][0]["network"] == configures[1]["runs"][0]["network"]
    assert (
        first.wire.of_type("configured", sent=False)[-1]["runs"][0]["layers"]
        == second.wire.of_type("configured", sent=False)[-1]["runs"][0]["layers"]
    )


def test_only_what_differs_is_in_the_address_and_an_edited_one_applies(page: Page) -> None:
    playground = Playground(page)
    playground.choose("Dataset", "moons")
    expect(page).to_have_url("/#dataset=moons")
    playground.choose("Dataset", "circle")
    expect(page).to_have_url("/")
    # One that is edited by hand applies.
    page.evaluate("location.hash = 'layers=3,2&rate=0.5'")
    expect(playground.field("Hidden units in layer 2")).to_have_value("2")
    expect(playground.field("Learning rate")).to_have_value("0.5")
    playground.last_configure()
    state = playground.wire.of_type("configured", sent=False)[-1]["runs"][0]
    assert state["layer_sizes"] == [2, 3, 2, 1]
    assert state["training"]["learning_rate"] == 0.5


def test_what_a_link_says_wrongly_is_left_out_and_said_and_going_back_goes_back(page: Page) -> None:
    playground = Playground(page, "#dataset=xor&rate=fast&layers=99&colour=red&noise=")
    expect(playground.radio("Dataset", "xor")).to_be_checked()
    expect(playground.field("Learning rate")).to_have_value("0.3")
    expect(playground.field("Hidden units in layer 1")).to_have_value("4")
    for text in ("Learning rate must be", "Hidden units must be", "Noise must be", "“colour”"):
        expect(playground.notice).to_contain_text(text)
    expect(page).to_have_url("/#dataset=xor")
    # Going back goes back.
    page.wait_for_timeout(1100)  # What follows within a second is the same step of the history.
    # While it trains the picture comes first and the address a moment after, a step all the same.
    playground.play()
    page.evaluate(
        "for (const name of ['sigmoid', 'relu'])"
        " document.querySelector(`input[name=activation][value=${name}]`).click()"
    )
    expect(page).to_have_url("/#dataset=xor&activation=relu")
    page.go_back()
    # Nothing is wrong with this address.
    expect(playground.notice).not_to_contain_text("Part of this link")
    expect(playground.radio("Activation", "tanh")).to_be_checked()
    expect(playground.radio("Dataset", "xor")).to_be_checked()
    last = playground.last_configure()
    assert last["data"]["dataset"] == "xor"
    assert last["runs"][0]["network"]["layers"][0]["activation"] == "tanh"
