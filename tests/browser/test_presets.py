"""Presets: experiments worth seeing, with what to look for beside them."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from app.content.presets import PRESETS
from tests.browser.playground import Playground
from tests.browser.test_accessibility import violations

BUSY = """() => void setTimeout(() => {
  const began = performance.now();
  while (performance.now() - began < 400);
})"""


@pytest.mark.parametrize("context_options", [{"own_tab": True}])
def test_a_preset_is_chosen_by_keyboard_and_back_returns(page: Page) -> None:
    playground = Playground(page, "#noise=0.3")
    entries = page.evaluate("history.length")
    opener = playground.button("Presets")
    opener.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Presets")
    expect(dialog).to_be_visible()
    groups = dialog.get_by_role("region")
    expect(groups).to_have_count(2)
    for group, works in zip(groups.all(), (True, False), strict=True):
        titles = [preset.title for preset in PRESETS if preset.works is works]
        assert group.locator("b").all_inner_texts() == titles
    assert len(PRESETS) >= 12
    assert violations(page, "#presets-dialog") == []

    # Keys of the page mean nothing here.
    page.keyboard.press("r")
    page.keyboard.press("ArrowRight")
    assert not playground.wire.of_type("reset", sent=True)
    assert not playground.wire.of_type("step", sent=True)
    page.keyboard.press("End")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    preset = PRESETS[1]
    expect(dialog.locator("button:focus b")).to_have_text(preset.title)
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(opener).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    preset = PRESETS[2]
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    expect(opener).to_be_focused()
    note = page.get_by_role("note", name="What to look for")
    expect(note).to_contain_text(preset.look_for)

    asked = playground.last_configure()
    request = preset.run.model_dump()
    assert asked["data"]["dataset"] == request["data"]["dataset"]
    assert asked["data"]["noise"] == request["data"]["noise"]
    units = [layer["units"] for layer in request["network"]["layers"]]
    assert [layer["units"] for layer in asked["runs"][0]["network"]["layers"]] == units
    assert asked["runs"][0]["training"]["learning_rate"] == request["training"]["learning_rate"]
    assert page.evaluate("history.length") == entries + 1
    assert violations(page, ".net") == []

    page.go_back()
    expect(note).to_be_hidden()
    expect(playground.field("Noise")).to_have_value("0.3")


def test_every_preset_can_be_trained_and_its_note_put_away(page: Page) -> None:
    playground = Playground(page)
    note = page.get_by_role("note", name="What to look for")
    for number, preset in enumerate(PRESETS):
        if number < 3:  # A busy painter, which has the socket, says later what is asked now.
            page.workers[0].evaluate(BUSY)
        playground.button("Presets").click()
        page.locator("#presets-lists button").filter(
            has=page.get_by_text(preset.title, exact=True)
        ).click()
        expect(note).to_contain_text(preset.look_for)
        asked = playground.last_configure()
        expected = preset.run.model_dump()
        for key, value in preset.run.data.model_dump(exclude_unset=True).items():
            assert asked["data"][key] == value, (preset.name, key)
        assert len(asked["runs"][0]["network"]["layers"]) == len(expected["network"]["layers"])
    assert playground.wire.of_type("error", sent=False) == []
    note.get_by_role("button", name="Dismiss the note").click()
    expect(note).to_be_hidden()
    expect(playground.button("Presets")).to_be_focused()
