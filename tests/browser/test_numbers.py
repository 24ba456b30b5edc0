"""Numbers as people type and paste them, into whatever on the page takes one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.browser.playground import Playground, until

MINUS = "\N{MINUS SIGN}"
NARROW = "\N{NARROW NO-BREAK SPACE}"
RATE = "Learning rate must be a number greater than 0 and at most 100."
DOUBT = "can be 1.25 or 1250: write one of these."
# A field, what is typed, and what holds.
READ = [
    ("Learning rate", "0,05", "0.05"),
    ("Learning rate", "5·10⁻²", "0.05"),
    ("Learning rate", f"{NARROW}1e{MINUS}3 ", "0.001"),
    ("Noise", "1/4", "0.25"),
    ("Train share", "62,5 %", "62.5"),
    ("Examples", f"1{NARROW}250", "1250"),
    ("Seed", "12\N{NO-BREAK SPACE}345\n", "12345"),
    ("Hidden units in layer 1", "+3", "3"),
    ("Speed in iterations a second", "30 iterations a second", "30"),
]


def wait_for(playground: Playground, type: str, told: Callable[[Any], float], value: float) -> None:
    """Until the last message of a type tells a value."""
    until(
        playground.page, lambda: told(playground.wire.of_type(type, sent=True)[-1]) == value, type
    )


def test_a_field_reads_what_is_meant_and_asks_about_what_can_be_read_in_two_ways(
    page: Page,
) -> None:
    playground = Playground(page)
    for name, says in (
        ("Learning rate", RATE),
        ("Examples", "from 10 to 5,000."),
        ("Train share", "100 %."),
    ):
        playground.enter(name, "1,250")
        problem = page.locator(".problem", has_text=says)
        expect(problem).to_contain_text(f"{says} “1,250” {DOUBT}")
        playground.field(name).blur()
    expect(playground.field("Learning rate")).to_have_value("0.3")
    expect(playground.field("Examples")).to_have_value("200")
    # Who rests while typing goes on where it was.
    noise = playground.field("Noise")
    noise.fill("")
    for more, counts in (("0,", 0), ("0", 0), ("5", 0.05)):
        noise.press_sequentially(more)
        wait_for(playground, "configure", lambda said: said["data"]["noise"], counts)
    expect(noise).to_have_value("0,05")
    noise.blur()
    expect(noise).to_have_value("0.05")
    # A weight is pasted as the page writes it.
    playground.begun()
    page.locator("#sentence .number").first.click()
    value = page.locator("#parameter-value")
    for typed, weight in (
        (f"{MINUS} 0.53", -0.53),
        (f"{MINUS}1/3", -1 / 3),
        (f"{MINUS}1.2e{MINUS}5", -1.2e-5),
    ):
        value.fill(typed)
        value.press("Enter")
        wait_for(playground, "edit", lambda said: said["value"], weight)
    value.fill("1,250")
    value.press("Enter")
    expect(page.locator("#parameter-problem")).to_contain_text(DOUBT)
    page.keyboard.press("Escape")
    # What is meant is read.
    for name, typed, shown in READ:
        playground.enter(name, typed)
        field = playground.field(name)
        expect(field).to_have_value(shown)
        expect(field).to_have_attribute("aria-valuenow", shown)
    assert playground.last_configure()["data"]["train_fraction"] == 0.625


def test_fields_without_usual_steps_go_by_one_and_numbers_by_hand_are_read_alike(
    page: Page,
) -> None:
    playground = Playground(page, "#panel=microscope")
    seed = playground.field("Seed")
    seed.press("ArrowDown")  # there is none below
    expect(seed).to_have_value("0")
    for key, shown in (("ArrowUp", "1"), ("ArrowUp", "2"), ("ArrowDown", "1")):
        seed.press(key)
        expect(seed).to_have_value(shown)
    seed.fill("41")
    seed.press("ArrowUp")
    expect(seed).to_have_value("42")
    expect(seed).to_have_attribute("aria-valuemin", "0")
    playground.choose("Look at", "Point")
    at = page.locator("#aim-x1")
    at.fill(f"{MINUS}0.53")
    at.press("Enter")
    at.press("ArrowDown")
    expect(at).to_have_value("-1.53")
    # Numbers by hand.
    playground.choose("Microscope", "Check my numbers")
    check, said = playground.button("Check"), page.locator("#by-hand-verdict")

    def cell(name: str) -> Locator:
        return page.get_by_role("textbox", name=name, exact=True)

    # The unit is at 0: so is z, and a is one half.
    cell("W[1] row 2 column 1").fill(f"{MINUS}1/4")
    cell("Z[1]").fill(f"{MINUS}0,0")
    cell("A[1]").fill("1/2")
    check.click()
    expect(said).to_contain_text("Both numbers are right.")
    cell("A[1]").fill("1,250")
    check.click()
    expect(said).to_contain_text(f"A[1] must be a number, such as -0.25. “1,250” {DOUBT}")
