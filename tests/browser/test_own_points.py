"""Points of one's own: by mouse, touch and keys, while training; undone; what is missing."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.playground import PATIENCE, Playground, until

PLANE = (-6.6, 6.6)


class Hand:
    """A reader's hand on the plane."""

    def __init__(self, playground: Playground) -> None:
        self.playground = playground
        self.page = playground.page
        self.layer = self.page.locator("#points-layer")

    def tool(self, name: str) -> Locator:
        return self.page.locator("#own-tools").get_by_role("button", name=name)

    def place(self, x1: float, x2: float) -> tuple[float, float]:
        """Where a place of the plane is in the layer."""
        box = self.layer.bounding_box()
        assert box is not None
        low, high = PLANE
        return (
            (x1 - low) / (high - low) * box["width"],
            (high - x2) / (high - low) * box["height"],
        )

    def click(self, x1: float, x2: float, **options: Any) -> None:
        x, y = self.place(x1, x2)
        self.layer.click(position={"x": x, "y": y}, **options)

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        box = self.layer.bounding_box()
        assert box is not None
        for index, spot in enumerate((start, end)):
            x, y = self.place(*spot)
            self.page.mouse.move(box["x"] + x, box["y"] + y, steps=1 + 8 * index)
            (self.page.mouse.up if index else self.page.mouse.down)()

    @property
    def sent(self) -> dict[str, Any]:
        """The data that the server was last told to train on."""
        data = self.playground.last_configure()["data"]
        assert isinstance(data, dict)
        return data

    def trains_on(self, condition: Callable[[dict[str, Any]], bool]) -> None:
        """Wait until the server trains on such data."""
        deadline = time.monotonic() + PATIENCE / 1000
        while not condition(self.sent):
            assert time.monotonic() < deadline, f"the server was last told {self.sent}"
            self.page.wait_for_timeout(20)

    def at(self, x1: float, x2: float) -> None:
        """Wait for a point there, to a pixel's width."""
        self.trains_on(lambda data: len(labels_at(data, x1, x2)) > 0)

    def labelled(self, x1: float, x2: float, label: float) -> None:
        """Wait for a point there of that label."""
        self.trains_on(lambda data: label in labels_at(data, x1, x2))


def labels_at(data: dict[str, Any], x1: float, x2: float) -> list[float]:
    """The labels of the points at a place, to a pixel's width."""
    return [
        label
        for (a, b), label in zip(data.get("points", []), data.get("labels", []), strict=True)
        if max(abs(a - x1), abs(b - x2)) < 0.05
    ]


def test_points_are_added_moved_relabelled_erased_and_undone_while_training(page: Page) -> None:
    playground = Playground(page)
    hand = Hand(playground)
    playground.play()
    playground.wait_for_cost_below(0.3)
    hand.tool("y = 1").click()
    hand.click(4, -4)
    # The dataset's points are a start, the network goes on from its weights, playing.
    hand.trains_on(lambda data: len(data.get("points", [])) == 201)
    hand.labelled(4, -4, 1)
    expect(playground.radio("Dataset", "your own points")).to_be_checked()
    carried = playground.wire.of_type("configure", sent=True)[-1]
    assert carried["playing"] is True
    assert np.abs(carried["runs"][0]["network"]["parameters"][0]["weights"]).max() > 0.1
    first = playground.wire.of_type("configured", sent=False)[-1]["runs"][0]["layers"]
    assert first[0]["weights"] == carried["runs"][0]["network"]["parameters"][0]["weights"]
    expect(playground.button("Pause")).to_be_visible()

    hand.click(-5, 5, modifiers=["Shift"])
    hand.labelled(-5, 5, 0)
    hand.drag((4, -4), (5, -2))
    hand.labelled(5, -2, 1)
    hand.trains_on(lambda data: len(data.get("points", [])) == 202)
    # A click on a point changes nothing, and says what would.
    hand.click(5, -2)
    expect(hand.layer.locator(".said")).to_contain_text("double-click it for the other class")
    x, y = hand.place(5, -2)
    hand.layer.dblclick(position={"x": x, "y": y})
    hand.labelled(5, -2, 0)
    hand.tool("erase").click()
    hand.click(5, -2)
    hand.trains_on(lambda data: len(data.get("points", [])) == 201)

    for _ in range(2):
        playground.button("Undo").click()
    hand.labelled(5, -2, 1)
    page.keyboard.press("Control+z")
    hand.at(4, -4)
    page.keyboard.press("Control+Shift+z")
    hand.at(5, -2)
    # What is frozen goes along too.
    playground.button("Pause").click()
    playground.begun()
    number = page.locator("#sentence .number").nth(1)
    number.click()
    page.locator("#parameter-frozen").check()
    page.keyboard.press("Escape")
    expect(number).to_contain_text("frozen")
    hand.tool("y = 1").click()
    hand.click(-5, -5)
    hand.labelled(-5, -5, 1)
    assert "parameters" in playground.last_configure()["runs"][0]["network"]
    expect(number).to_contain_text("frozen")
    # Reset means the seed's weights, and those free: not what was carried along.
    playground.button("Reset").click()
    network = playground.last_configure()["runs"][0]["network"]
    assert "parameters" not in network
    expect(number).not_to_contain_text("frozen")
    assert page.url.count("parameters") == 0
    expect(playground.readout("iteration")).to_have_attribute("value", "0")


def test_an_empty_plane_and_one_class_say_what_is_missing_and_lose_nothing(page: Page) -> None:
    playground = Playground(page)
    hand = Hand(playground)
    playground.choose("Dataset", "your own points")
    count = page.locator("#own-count")
    expect(count).to_have_text("200 points: 100 of y = 1, 100 of y = 0.")
    playground.button("Clear all").click()
    expect(hand.layer).to_contain_text("No points yet")
    expect(count).to_have_text("Add at least two points of your own to train on.")
    playground.button("Play").click()
    expect(playground.notice).to_contain_text("at least two points")
    expect(playground.button("Play")).to_be_visible()
    hand.click(1, 1)
    hand.click(2, 1)
    expect(count).to_contain_text("All your points are y = 1. Add one of y = 0")
    hand.click(-1, -1, modifiers=["Shift"])
    expect(count).to_have_text("3 points: 2 of y = 1, 1 of y = 0.")
    hand.trains_on(lambda data: data.get("labels") == [1, 1, 0])
    page.get_by_role("tab", name="Results").click()
    results = page.get_by_role("tabpanel", name="Results")
    playground.step(3)
    shown, told = readouts(page), results.inner_text()
    page.get_by_role("tab", name="Activations").click()
    activations = page.get_by_role("tabpanel", name="Activations")
    drawn = activations.locator("svg.lines .bars, #acts-facts dd.number, #acts-norms-now b")
    expect(drawn).not_to_have_count(0)
    facts = page.locator("#acts-facts").inner_text()
    playground.button("Clear all").click()
    expect(count).to_contain_text("at least two")
    # Nothing is left of what was trained on them; and with them all of it is there again.
    assert readouts(page) == ["–"] * 4
    needs = "Add at least two points of your own to train on."
    for place in (page.locator("#cost"), activations):
        expect(place).to_contain_text(needs)
    expect(drawn).to_have_count(0)
    expect(page.locator("#cost .live circle")).to_be_hidden()
    # What opens meanwhile says the same, and nothing else.
    page.get_by_role("tab", name="Compare").click()
    expect(page.locator("#compare-problem")).to_contain_text("Add at least two points")
    until(page, lambda: playground.wire.lab_talks)
    page.get_by_role("tab", name="Results").click()
    expect(results).to_contain_text(needs)
    page.get_by_role("tab", name="Activations").click()
    expect(activations).to_contain_text(needs)
    assert playground.wire.lab.of_type("pause", sent=True) == []
    configured = len(playground.wire.of_type("configure", sent=True))
    playground.button("Undo").click()
    expect(count).to_have_text("3 points: 2 of y = 1, 1 of y = 0.")
    expect(page.locator("#acts-facts")).to_have_text(facts, use_inner_text=True)
    page.get_by_role("tab", name="Results").click()
    expect(results).to_have_text(told, use_inner_text=True)
    assert readouts(page) == shown
    assert shown[0] == "3"
    expect(page.locator("#cost .empty")).to_be_hidden()
    assert len(playground.wire.of_type("configure", sent=True)) == configured

    # A link holds them; so does the address that this page has now.
    expect(page).to_have_url(re.compile("points=[^;&]+;[^;&]+;[^;&]+(&|$)"))
    again = Playground(page.context.new_page(), page.url)
    assert again.last_configure()["data"]["labels"] == [1, 1, 0]
    page.evaluate("location.hash = '#dataset=own'")
    expect(count).to_contain_text("at least two")


def readouts(page: Page) -> list[str]:
    """What is read at the top: iteration, cost and accuracies."""
    return page.locator(".readouts .stat:not([hidden]) data").all_inner_texts()


def test_points_by_keyboard_alone(page: Page) -> None:
    playground = Playground(page, "#dataset=own&points=-2,0,0;2,0,1")
    hand = Hand(playground)
    said = page.locator("#announcer p").last
    hand.tool("y = 0").focus()
    page.keyboard.press("Enter")
    expect(hand.layer).to_be_focused()
    for key in ("Shift+ArrowRight", "ArrowRight", "Shift+ArrowUp"):
        page.keyboard.press(key)
    expect(said).to_have_text("1.10, 1.00")
    page.keyboard.press("Enter")
    hand.trains_on(lambda data: data["points"][-1] == [1.1, 1])
    hand.trains_on(lambda data: data.get("labels") == [0, 1, 0])
    expect(said).to_contain_text("Added y = 0 at 1.10, 1.00, 3 points")
    page.keyboard.press("l")
    hand.trains_on(lambda data: data.get("labels") == [0, 1, 1])
    page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("Shift+Enter")
    hand.trains_on(lambda data: data.get("labels") == [0, 1, 1, 1])
    page.keyboard.press("Delete")
    hand.trains_on(lambda data: len(data.get("points", [])) == 3)
    page.keyboard.press("Escape")
    expect(hand.tool("y = 0")).to_be_focused()
    expect(hand.layer).to_be_hidden()

    hand.tool("move").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Shift+ArrowRight")
    expect(said).to_contain_text("on a point of y = 1")
    page.keyboard.press("Enter")
    expect(said).to_contain_text("Picked up y = 1")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    hand.trains_on(lambda data: data["points"][-1] == [1.1, 1.1])
    assert playground.iteration == 0  # no arrow key stepped
    # Of all that was said the latest can be read again.
    expect(page.locator("#announcer p")).to_have_count(5)


def test_by_hand_there_is_a_bound_and_a_message_and_a_regression_takes_values(page: Page) -> None:
    playground = Playground(page, "#examples=500")
    hand = Hand(playground)
    hand.tool("y = 1").click()
    hand.click(0, 6)
    expect(playground.notice).to_contain_text("500 points are as many as can be set by hand")
    assert hand.sent["dataset"] == "circle"
    # A regression takes values.
    page.evaluate("location.hash = 'dataset=plane&examples=20'")
    expect(playground.radio("Dataset", "plane")).to_be_checked()
    playground.begun()  # A point comes to those that are trained on.
    page.get_by_role("spinbutton", name="Value of a new point").fill("-2.5")
    page.get_by_role("spinbutton", name="Value of a new point").press("Enter")
    expect(hand.tool("add")).to_have_attribute("aria-pressed", "true")  # as it was
    hand.click(3, 3)
    assert hand.sent["task"] == "regression"
    hand.labelled(3, 3, -2.5)


@pytest.mark.parametrize(
    "context_options", [{"has_touch": True, "viewport": {"width": 390, "height": 844}}]
)
def test_points_by_touch(page: Page) -> None:
    playground = Playground(page, "#dataset=own&points=-2,0,0;2,0,1")
    hand = Hand(playground)
    hand.tool("y = 0").tap()
    expect(hand.layer).to_be_in_viewport(ratio=0.9, timeout=PATIENCE)
    x, y = hand.place(0, 3)
    hand.layer.tap(position={"x": x, "y": y})
    hand.labelled(0, 3, 0)


def counting(points: int) -> Callable[[dict[str, Any]], bool]:
    """Whether data have so many points."""
    return lambda data: len(data.get("points", [])) == points


def swipe(page: Page, start: tuple[float, float], up: float) -> None:
    """A finger from a place on the screen upwards."""
    session = page.context.new_cdp_session(page)
    x, y = start
    for kind, points in (
        ("touchStart", [{"x": x, "y": y}]),
        *(("touchMove", [{"x": x, "y": y - up * part / 10}]) for part in range(1, 11)),
        ("touchEnd", []),
    ):
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    session.detach()


@pytest.mark.parametrize(
    "context_options", [{"has_touch": True, "viewport": {"width": 390, "height": 844}}]
)
def test_a_tap_always_does_something_and_a_swipe_scrolls(page: Page) -> None:
    playground = Playground(page, "#dataset=circle&examples=200")
    hand = Hand(playground)
    here = page.get_by_role("group", name="Tool in hand")
    expect(here).to_be_hidden()
    playground.button("Edit these").tap()
    # What is in hand is said at the plot, where the tools are, too.
    expect(here.get_by_role("button", name="y = 1")).to_have_attribute("aria-pressed", "true")
    hand.trains_on(counting(200))
    points = hand.sent["points"]
    labels = hand.sent["labels"]
    # The plane has come to whoever took the tool far below it.
    expect(hand.layer).to_be_in_viewport(ratio=0.99)
    for number, (x1, x2) in enumerate(points[:4], start=1):
        # Near a point, nearer than a finger can tell, and not on it.
        x, y = hand.place(x1, x2)
        hand.layer.tap(position={"x": x + 8, "y": y + 8})
        hand.trains_on(counting(200 + number))
    # On a point of the other class: that point changes.
    other = labels.index(0)
    x1, x2 = points[other]
    x, y = hand.place(x1, x2)
    hand.layer.tap(position={"x": x, "y": y})
    hand.labelled(x1, x2, 1)

    box = hand.layer.bounding_box()
    assert box is not None
    before = page.evaluate("scrollY")
    swipe(page, (box["x"] + box["width"] / 2, box["y"] + box["height"] * 0.7), 150)
    until(page, lambda: page.evaluate("scrollY") > before + 60, "the page did not scroll")
    assert len(hand.sent["points"]) == 204

    here.get_by_role("button", name="erase").tap()
    playground.button("Clear all").tap()
    here.get_by_role("button", name="move").tap()
    hand.layer.tap(position={"x": 30, "y": 30})
    expect(hand.layer).to_contain_text("No point here to move")
    here.get_by_role("button", name="erase").tap()
    hand.layer.tap(position={"x": 30, "y": 30})
    expect(hand.layer).to_contain_text("No point here to erase")
    here.get_by_role("button", name="Done").tap()
    expect(here).to_be_hidden()
