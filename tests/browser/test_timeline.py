"""The timeline: any iteration of a run again, exactly as it was, and on from there the same way."""

from __future__ import annotations

import re

import numpy as np
from playwright.sync_api import Locator, Page, expect

from tests.browser.playground import Playground, until


def at_iteration(playground: Playground, iteration: int) -> None:
    expect(playground.readout("iteration")).to_have_attribute("value", str(iteration))


def slider(page: Page) -> Locator:
    return page.get_by_role("slider", name="Timeline", exact=True)


def wait_for_costs(playground: Playground, length: int) -> None:
    playground.wait_for_iteration(length)
    playground.pause()
    assert len(playground.wire.costs) >= length


def test_an_iteration_is_seen_again_exactly_and_goes_on_the_same_way(page: Page) -> None:
    playground = Playground(page, "#panel=timeline&rate=1.2&speed=600")
    playground.wait_for_plots()
    playground.play()
    playground.wait_for_iteration(600)
    playground.pause()
    frames = list(playground.wire.frames)
    then = next(frame for frame in frames if frame["iteration"] > 200)
    k, furthest = then["iteration"], playground.iteration
    costs = playground.wire.costs
    assert len(costs) == furthest
    expect(slider(page)).to_have_attribute("max", str(furthest))

    playground.enter("Iteration", str(k))
    at_iteration(playground, k)
    playground.settle()
    again = playground.wire.frames[-1]
    assert again["iteration"] == k
    run, before = again["runs"][0], then["runs"][0]
    assert run["layers"] == before["layers"]
    assert run["boundary"] == before["boundary"]
    assert playground.cost == run["train_cost"] == before["train_cost"]
    accuracy = playground.readout("train-accuracy").get_attribute("value")
    assert float(accuracy or 0) == before["train_accuracy"]
    marker = page.locator("#cost .live .here")
    expect(marker).to_have_attribute("d", re.compile("^M"))
    expect(slider(page)).to_have_value(str(k))
    assert f"Iteration {k:,} of" in (slider(page).get_attribute("aria-valuetext") or "")

    playground.play()
    wait_for_costs(playground, furthest + 50)
    assert playground.wire.costs[:furthest].tobytes() == costs.tobytes()
    expect(marker).to_have_attribute("d", "")
    assert len(playground.wire.of_type("configure", sent=True)) == 1


def test_buttons_keys_a_wrong_number_and_scrubbing_of_which_the_latest_wins(page: Page) -> None:
    playground = Playground(page, "#panel=timeline&speed=600")
    playground.play()
    playground.wait_for_iteration(100)
    playground.pause()
    furthest = playground.iteration
    tenth = int(furthest / 10 + 0.5)  # As Math.round: half of one is one.
    for name, expected in (
        ("First iteration", 0),
        ("Forward by one iteration", 1),
        ("Forward by a tenth", 1 + tenth),
        ("Back by one iteration", tenth),
        ("Back by a tenth", 0),
        ("Last iteration", furthest),
    ):
        playground.button(name).click()
        at_iteration(playground, expected)
    slider(page).focus()
    for key, expected in (
        ("ArrowLeft", furthest - 1),
        ("PageDown", furthest - 1 - tenth),
        ("PageUp", furthest - 1),
        ("Home", 0),
        ("ArrowRight", 1),
        ("End", furthest),
    ):
        page.keyboard.press(key)
        at_iteration(playground, expected)
    playground.enter("Iteration", str(furthest + 1))
    expect(page.locator("#timeline-iteration-problem")).to_contain_text("from 0 to")
    at_iteration(playground, furthest)
    # Scrubbing sends one seek at a time, and the latest wins.
    playground.enter("Speed in iterations a second", "6000")
    playground.play()
    playground.wait_for_iteration(1000)
    playground.pause()
    furthest = playground.iteration
    wire = playground.wire
    asked = len(wire.of_type("seek", sent=True))
    answered = len(wire.of_type("state", sent=False))
    # As fast as a hand never is: fifty places in one go.
    page.evaluate(
        """(furthest) => {
          const slider = document.getElementById('timeline-slider');
          for (let step = 0; step < 50; step++) {
            slider.value = String(furthest - 10 * (step + 1));
            slider.dispatchEvent(new Event('input', { bubbles: true }));
          }
        }""",
        furthest,
    )
    last = furthest - 500
    at_iteration(playground, last)
    playground.settle()
    seeks = wire.of_type("seek", sent=True)[asked:]
    states = wire.of_type("state", sent=False)[answered:]
    assert seeks[-1] == {"type": "seek", "iteration": last}
    assert len(seeks) <= 3
    assert [seek["iteration"] for seek in seeks] == [state["iteration"] for state in states]

    # What comes after a scrub begins where the scrub ended.
    page.evaluate(
        """() => {
          const slider = document.getElementById('timeline-slider');
          for (const place of [30, 20, 10]) {
            slider.value = String(place);
            slider.dispatchEvent(new Event('input', { bubbles: true }));
          }
          document.getElementById('step').click();
        }"""
    )
    at_iteration(playground, 11)


def test_the_cost_chart_is_a_timeline_too(page: Page) -> None:
    playground = Playground(page, "#speed=600")
    playground.wait_for_plots()
    playground.play()
    playground.wait_for_iteration(400)
    playground.pause()
    playground.wait_for_curve()
    end = page.evaluate("document.querySelector('#cost .plotly').layout.xaxis.range[1]")
    box = page.locator("#cost").bounding_box()
    assert box is not None
    furthest = playground.iteration

    def place(iteration: float) -> tuple[float, float]:
        return box["x"] + 31 + iteration / end * (box["width"] - 43), box["y"] + 60

    page.mouse.click(*place(200))
    expect(page.locator("#cost .live .here")).not_to_have_attribute("d", "")
    playground._wait_for("iteration", "value <= 205")
    assert abs(playground.iteration - 200) <= 2
    page.mouse.move(*place(200))
    page.mouse.down()
    page.mouse.move(*place(120), steps=4)
    page.mouse.move(*place(50), steps=4)
    page.mouse.up()
    playground._wait_for("iteration", "value <= 55")
    assert abs(playground.iteration - 50) <= 2
    page.mouse.click(*place(end))
    at_iteration(playground, furthest)
    page.mouse.click(*place(60))
    playground._wait_for("iteration", "value <= 65")
    playground.play()
    playground.wait_for_iteration(furthest)


def test_pictures_on_the_way_lead_back_and_another_way_forgets_them(page: Page) -> None:
    playground = Playground(page, "#panel=timeline&rate=1.2&speed=300")
    playground.play()
    shots = page.locator("#timeline-film button")
    # However few frames a busy machine shows, each brings the next picture nearer.
    expect(shots.nth(7)).to_be_attached()
    playground.pause()
    assert 5 <= shots.count() <= 16
    shots.nth(3).click()
    iteration = int(shots.nth(3).locator("b").inner_text().replace(",", ""))
    at_iteration(playground, iteration)
    expect(shots.nth(3)).to_have_attribute("aria-current", "step")
    pixels = playground.pixels("#timeline-film li:nth-child(4) canvas")
    assert len(np.unique(pixels[..., :3].reshape(-1, 3), axis=0)) > 20
    playground.enter("Learning rate", "0.05")
    playground.step(2)
    at_iteration(playground, iteration + 2)
    expect(slider(page)).to_have_attribute("max", str(iteration + 2))
    until(page, lambda: shots.count() <= 6, "pictures are left that are of another way")
