"""The comparison lab: networks in lockstep beside the learner's run, and many seeds at once."""

from __future__ import annotations

import base64
import re
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.cable import Cable
from tests.browser.conftest import Guard
from tests.browser.harness import Server, running_server
from tests.browser.playground import Playground, coloured, come_in, spread, until
from tests.browser.test_accessibility import violations
from tests.browser.test_connection import REFUSED
from tests.browser.test_refusals import holding_a_place

NAMES = ["sigmoid", "tanh", "ReLU", "leaky ReLU"]


class Lab:
    """The comparison's part of the panel."""

    def __init__(self, playground: Playground) -> None:
        self.playground = playground
        self.page = playground.page
        expect(self.page.locator("#compare-play")).to_be_enabled()

    @property
    def iteration(self) -> int:
        return int(self.page.locator("#compare-iteration").get_attribute("value") or 0)

    def train(self, least: int) -> None:
        """Play to at least that iteration, and pause."""
        self.page.locator("#compare-play").click()
        until(self.page, lambda: self.iteration >= least, f"the lab has not come to {least}")
        self.page.locator("#compare-play").click()
        expect(self.page.locator("#compare-play")).to_have_text("Play the comparison")

        self.playground.say_all()

        def settled() -> bool:
            talk = self.playground.wire.lab_talks[-1]
            return talk.is_answered and talk.iteration == self.iteration

        until(self.page, settled, "the lab does not show where it is")
        self.playground.say_all()

    def configured(self, **expected: Any) -> None:
        """Until the latest comparison is there, and is of this dataset, or has these rates."""

        def is_compared() -> bool:
            # What a connection has lost, the next one asks for again.
            talk = self.playground.wire.lab_talks[-1]
            sent = self.playground.wire.lab.of_type("configure", sent=True)
            if len(talk.of_type("configure", sent=True)) != len(talk.confirmed):
                return False
            found = {
                "dataset": sent[-1]["data"]["dataset"],
                "rates": [run["training"]["learning_rate"] for run in sent[-1]["runs"]],
            }
            return talk.is_shown and all(found[name] == value for name, value in expected.items())

        until(self.page, is_compared, f"{expected} is not compared")


def test_four_in_lockstep_are_the_single_runs_to_the_bit(page: Page) -> None:
    playground = Playground(page, "#rate=1.2&panel=compare")
    lab = Lab(playground)
    lab.train(300)
    wire = playground.wire.lab
    frame = wire.frames[-1]
    assert frame["iteration"] == lab.iteration
    first = wire.of_type("configured", sent=False)[-1]
    weights = [[layer["weights"] for layer in run["layers"]] for run in first["runs"]]
    assert all(other == weights[0] for other in weights)
    costs = [wire.costs_of(run) for run in range(4)]
    assert [len(curve) for curve in costs] == [lab.iteration] * 4

    # Shown is what was sent; and who reached which cost when.
    cards, rows = page.locator(".network"), page.locator("#compare-table tbody tr")
    for run, name in enumerate(NAMES):
        sent = frame["runs"][run]
        expect(cards.nth(run).locator("dd").nth(0)).to_have_text(f"{sent['train_cost']:.4f}")
        accuracy = f"{100 * sent['test_accuracy']:.1f}%"
        expect(cards.nth(run).locator("dd").nth(1)).to_have_text(accuracy)
        reached = []
        for threshold in (0.5, 0.3, 0.1, 0.03):
            there = np.flatnonzero(costs[run] <= np.float64(threshold))
            reached.append(f"{there[0]:,}" if there.size else "not yet")
        cells = rows.nth(run).locator("th, td").all_text_contents()
        assert cells[:5] == [name, *reached]
        assert cells[-1] == accuracy
    assert len(set(rows.all_text_contents())) == 4
    styles = page.locator("#compare-chart path.line").evaluate_all(
        "(paths) => paths.map((path) => getComputedStyle(path).strokeDasharray)"
    )
    assert len(set(styles)) == 3 + ("none" not in styles)
    # Each picture is its run's.
    for run in (0, 2):
        boundary = frame["runs"][run]["boundary"]
        grid = np.frombuffer(boundary["values"], np.uint8).reshape(boundary["height"], -1)
        pixels = playground.pixels(f".network:nth-child({run + 1}) canvas")[..., :3].astype(float)
        far = abs(pixels - coloured(spread(grid, pixels.shape[1], pixels.shape[0]))).max(axis=2)
        assert np.quantile(far, 0.8) < 6
    assert violations(page, "#panel-compare") == []

    # The learner's own run has not noticed; taken over, a network trains there the same way.
    assert playground.iteration == 0
    assert {message["type"] for message in playground.wire.main.sent} <= {
        "view",
        "configure",
        "ack",
    }
    page.get_by_role("button", name="Set up ReLU in the main experiment").click()
    expect(playground.radio("Activation", "ReLU")).to_be_checked()
    expect(page.locator(".network.now .select")).to_have_value("relu")
    playground.play()
    playground.wait_for_iteration(120)
    playground.pause()
    single = playground.wire.main.costs_of(0)
    length = min(len(single), len(costs[2]))
    assert length >= 100
    assert single[:length].tobytes() == costs[2][:length].tobytes()

    # Closed, it is over at the server too.
    session = first["session"]
    assert page.request.get(f"/sessions/{session}/costs.csv").ok
    page.locator("#drawer-toggle").click()
    until(
        page,
        lambda: page.request.get(f"/sessions/{session}/costs.csv").status == 404,
        "the session lives on",
    )


def test_values_are_edited_by_keyboard_and_live_in_the_address(page: Page) -> None:
    playground = Playground(page, "#panel=compare")
    lab = Lab(playground)
    by = page.get_by_role("combobox", name="Differ in")
    by.focus()
    by.press("l")  # the only one that begins so
    expect(by).to_have_value("rate")
    value = page.get_by_role("spinbutton", name="The learning rate of network 2")
    # What is being typed stays while it trains.
    page.locator("#compare-play").click()
    value.fill("0.5")
    until(page, lambda: lab.iteration >= 100, "it does not train")
    value.press("Enter")
    page.locator("#compare-play").click()
    lab.configured(rates=[0.03, 0.5, 0.3, 1])
    for text, words in (("0", "greater than 0"), ("1", "is compared already")):
        value.fill(text)
        value.press("Enter")
        expect(page.locator("#compare-problem")).to_contain_text(words)
        expect(value).to_have_value("0.5")
    page.get_by_role("button", name="Add a network").press("Enter")
    lab.configured(rates=[0.03, 0.5, 0.3, 1, 2])
    expect(page.locator("#compare-problem")).to_be_empty()
    for left in (4, 3, 2):
        page.locator(".network .remove").first.press("Enter")
        expect(page.locator(".network")).to_have_count(left)
        next_one = ".network .remove" if left > 2 else "#compare-add"
        expect(page.locator(next_one).first).to_be_focused()
    expect(page.locator(".network .remove").first).to_be_disabled()
    expect(page).to_have_url(re.compile("compare=rate,1,2$"))

    # It follows the experiment, and a link has it again.
    playground.choose("Dataset", "xor")
    lab.configured(dataset="xor", rates=[1, 2])
    lab.train(20)
    # Space, → and R are whose Play is on the screen, and its title says so.
    both = page.locator("#compare-play"), page.locator("#play")
    steps = page.locator("#compare-step"), page.locator("#step")
    page.evaluate("document.activeElement.blur()")
    expect(both[0]).to_have_attribute("title", "Train all of them (Space)")
    expect(both[1]).to_have_attribute("title", "Train")
    expect(steps[0]).to_have_attribute("aria-keyshortcuts", "ArrowRight")
    expect(steps[1]).not_to_have_attribute("aria-keyshortcuts", re.compile(""))
    page.keyboard.press("Space")
    expect(both[0]).to_have_text("Pause the comparison")
    page.keyboard.press("Space")
    expect(both[0]).to_have_text("Play the comparison")
    assert playground.iteration == 0
    page.locator("#drawer-toggle").click()
    page.evaluate("document.activeElement.blur()")
    expect(both[1]).to_have_attribute("title", "Train (Space)")
    page.keyboard.press("ArrowRight")
    expect(playground.readout("iteration")).to_have_attribute("value", "1")
    page.locator("#drawer-toggle").click()
    page.reload()
    expect(page.locator(".network")).to_have_count(2)
    expect(page.get_by_role("spinbutton", name="The learning rate of network 1")).to_have_value("1")
    page.evaluate("location.hash = 'panel=compare&compare=units,3'")
    expect(playground.notice).to_contain_text("From 2 to 8 networks")
    page.evaluate("location.hash = 'panel=compare&layers=none'")
    expect(page.locator("#compare-problem")).to_contain_text("Without a hidden layer")
    expect(page.locator("#compare-play")).to_be_disabled()
    page.evaluate("location.hash = 'panel=compare&lock=activation'")
    expect(page.get_by_role("button", name="Set up ReLU in the main experiment")).to_be_disabled()


def test_it_goes_on_after_a_dropped_connection_and_what_has_run_is_told_for_the_lessons(
    page: Page, server: Server, guard: Guard
) -> None:
    guard.expect(REFUSED)
    cable = Cable(server.port)
    playground = Playground(page, f"{cable.url}#panel=compare")
    lab = Lab(playground)
    page.locator("#compare-play").click()
    until(page, lambda: lab.iteration >= 60, "it does not train")
    cable.pull()
    expect(page.locator("#compare-said")).to_contain_text("Reconnecting")
    wire = playground.wire
    known = len(wire.lab.costs_of(3))
    cable.plug_in()

    # What it had heard before may be drawn as late as this.
    def is_back() -> bool:
        return wire.lab.of_type("configured", sent=False)[-1]["resumed"] is True

    until(page, is_back, "it does not come back")
    until(page, lambda: lab.iteration >= known + 60, "it does not go on")
    page.locator("#compare-play").click()
    assert len(wire.lab.of_type("configure", sent=True)) == 1
    # `costs_of` fails at a gap.
    until(page, lambda: len(wire.lab.costs_of(3)) >= known + 60, "costs are missing")
    # That a comparison has run is told, for the lessons.
    heard = page.evaluate(
        """() => new Promise((resolve) => {
          const base = document.querySelector('script[type=module]').src.replace(/main\\.js$/, '');
          import(`${base}labs/session.js`)
            .then(({ LabSession }) => {
              const heard = [];
              const session = new LabSession();
              const told = (runs) => {
                heard.push(runs);
                if (heard.length === 1) return session.step(told);
                session.close();
                return resolve(heard);
              };
              session.open();
              session.configure({ data: {}, runs: [{}, {}, {}], key: 'three' }, told);
              const wait = () =>
                session.running.value ? session.step(told) : setTimeout(wait, 20);
              wait();
            });
        })"""
    )
    assert heard == [3, 3]
    cable.close()


def test_without_a_place_it_waits_for_one_and_the_run_goes_on(
    context: BrowserContext, guard: Guard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHALLOWS_MAX_SESSIONS", "2")
    with running_server() as full:
        with holding_a_place(full):
            page = context.new_page()
            playground = Playground(page, f"{full.url}#panel=compare")
            waiting = page.locator("#compare-waiting")
            expect(waiting).to_contain_text("All places are taken, and a comparison needs one")
            expect(waiting).to_contain_text("Next try in")
            assert violations(page, "#panel-compare") == []
            playground.play()
            playground.wait_for_iteration(30)
            expect(page.locator("#connection")).to_have_text("Live")
            expect(page.locator("#compare-play")).to_be_disabled()
            page.get_by_role("combobox", name="Differ in").select_option("rate")
            playground.pause()  # else what it comes to is told, too
        come_in(page, "#compare-waiting")

        def rates() -> list[float]:
            answers = playground.wire.lab.of_type("configured", sent=False)
            runs = answers[-1]["runs"] if answers else []
            return [run["training"]["learning_rate"] for run in runs]

        until(page, lambda: rates() == [0.03, 0.1, 0.3, 1], "it compares something else")
        expect(page.locator("#announcer p").last).to_have_text("Connected")
        page.close()


def test_many_seeds_are_counted_drawn_and_set_up(page: Page) -> None:
    playground = Playground(page, "#panel=compare&sweep=yes&dataset=xor&layers=3&rate=1&init=he")
    playground.wait_for_plots()
    playground.enter("Seeds", "12")
    playground.enter("Iterations each", "400")
    expect(page).to_have_url(re.compile("sweep-seeds=12&sweep-iterations=400"))
    page.get_by_role("button", name="Start the sweep").click()
    seeds = page.get_by_role("radiogroup", name="Seed", exact=True).get_by_role("radio")
    expect(seeds).to_have_count(12)
    playground.say_all()
    (answer,) = playground.wire.of_type("swept", sent=False)
    asked = {"type": "sweep", "seeds": 12, "iterations": 400}
    assert playground.wire.of_type("sweep", sent=True) == [asked]
    solved = sum(seed["train_accuracy"] >= 0.95 for seed in answer["seeds"])
    verdict = page.locator("#sweep-result .verdict")
    expect(verdict).to_contain_text(f"{solved} of 12 seeds solved it ({100 * solved / 12:.1f}%)")
    assert 0 < solved < 12
    assert page.locator(".seeds .face.solved").count() == solved
    assert page.locator("#sweep-chart path.fan").count() == 12
    boundary = answer["boundary"]
    values = np.frombuffer(base64.b64decode(boundary["values"]), np.uint8)
    grid = values.reshape(boundary["height"], boundary["width"])
    pixels = playground.pixels("#sweep-mean canvas")[..., :3].astype(float)
    far = abs(pixels - coloured(spread(grid, pixels.shape[1], pixels.shape[0]))).max(axis=2)
    assert np.quantile(far, 0.8) < 6

    # The median and the bands are the answer's: lower costs are lower on the picture.
    lines = {
        name: page.locator(f"#sweep-chart path.{name}").first.get_attribute("d") or ""
        for name in ("median", "now")
    }
    ends = {name: float(path.split("L")[-1].split()[1]) for name, path in lines.items()}
    last = {"median": answer["quantiles"]["costs"][2][-1], "now": answer["seeds"][0]["cost"]}
    assert (ends["median"] > ends["now"]) == (last["median"] < last["now"])

    seeds.first.focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".picked")).to_contain_text(
        f"Seed 1: {'solved' if answer['seeds'][1]['solved'] else 'not solved'}, "
        f"cost {answer['seeds'][1]['cost']:.4f}"
    )
    # The pointer takes the curve beneath it.
    path = page.locator("#sweep-chart path.fan").nth(5)
    x, y = (float(part) for part in (path.get_attribute("d") or "").split("L")[40].split())
    page.locator("#sweep-chart").click(position={"x": x + 38, "y": y + 8})
    expect(page.locator("#sweep-chart path.now")).to_have_count(1)
    assert violations(page, "#panel-compare") == []
    picked = int(page.locator(".picked").inner_text().split(":")[0].removeprefix("Seed "))
    page.get_by_role("button", name=f"Set up seed {picked}").click()
    expect(playground.field("Weight seed")).to_have_count(0)  # the open drawer has its room
    initialization = playground.last_configure()["runs"][0]["network"]["initialization"]
    assert initialization["seed"] == picked

    # What takes long can be cancelled, and another experiment ends it.
    playground.begun()
    playground.enter("Seeds", "64")
    playground.enter("Iterations each", "20000")
    page.get_by_role("button", name="Start the sweep").click()
    expect(page.get_by_role("progressbar", name="Iterations of the sweep")).to_be_visible()
    page.get_by_role("button", name="Cancel the sweep").click()
    expect(page.locator("#sweep-said")).to_have_text("Cancelled.")
    page.get_by_role("button", name="Start the sweep").click()
    playground.choose("Dataset", "moons")
    expect(page.locator("#sweep-said")).to_contain_text("The experiment changed")
    expect(verdict).to_contain_text("before the experiment changed")
    playground.enter("Examples", "5000")
    playground.begun()
    page.get_by_role("button", name="Start the sweep").click()
    expect(page.locator("#sweep-said")).to_contain_text("hold up the class")
    assert len(playground.wire.of_type("swept", sent=False)) == 1
