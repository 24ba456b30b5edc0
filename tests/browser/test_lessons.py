"""Lessons: each is taken to its end by what its own text says; and what holds of all of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from app.lessons import COMPARISONS, LESSONS, QUANTITIES, lessons_of
from tests.browser.conftest import Guard
from tests.browser.harness import running_server
from tests.browser.playground import Playground
from tests.browser.test_accessibility import LOOKS, violations

Action = Callable[[Playground], None]
Json = dict[str, Any]


# -- what the texts ask for -----------------------------------------------------------------------


def play(playground: Playground) -> None:
    """As fast as it goes: the texts name iterations and costs, not times."""
    playground.enter("Speed in iterations a second", "")
    playground.button("Play").click()


def play_slowly(playground: Playground) -> None:
    """As fast as the lesson has it, where what is asked for does not last."""
    playground.button("Play").click()


def step_once(playground: Playground) -> None:
    playground.button("Step").click()


def chooses(group: str, name: str) -> Action:
    return lambda playground: playground.choose(group, name)


def enters(name: str, value: str) -> Action:
    return lambda playground: playground.enter(name, value)


def has_layers(count: int) -> Action:
    """With the buttons beside Hidden layers."""

    def set_depth(playground: Playground) -> None:
        depth = playground.page.locator("#depth")
        while (now := int(depth.inner_text())) != count:
            playground.button("Add a layer" if now < count else "Remove a layer").click()
            expect(depth).not_to_have_text(str(now))

    return set_depth


def opens(panel: str) -> Action:
    def open_panel(playground: Playground) -> None:
        tab = playground.page.get_by_role("tab", name=panel, exact=True)
        if tab.get_attribute("aria-selected") != "true":
            tab.click()
        expect(playground.page.get_by_role("tabpanel", name=panel, exact=True)).to_be_visible()

    return open_panel


def clicks(button: str) -> Action:
    return lambda playground: playground.button(button).click()


def clicks_the_plane(across: float, up: float) -> Action:
    """At a share of the plane's width and height from its lower left corner."""

    def click(playground: Playground) -> None:
        plane = playground.page.locator("#boundary .plane")
        box = plane.bounding_box()
        assert box is not None
        playground.page.mouse.click(
            box["x"] + across * box["width"], box["y"] + (1 - up) * box["height"]
        )

    return click


START, SCALE, UNITS = "Initial weights", "Scale", "Hidden units in layer 1"

ACTIONS: dict[tuple[str, str], list[Action]] = {
    ("one-unit", "Let it learn"): [play],
    ("one-unit", "Try the ring"): [chooses("Dataset", "circle"), play],
    ("a-hidden-layer", "One unit on the ring"): [play],
    ("a-hidden-layer", "Add the layer"): [has_layers(1), play],
    ("a-hidden-layer", "The same network, another problem"): [chooses("Dataset", "xor"), play],
    ("why-not-linear", "Watch it"): [play],
    ("why-not-linear", "Three linear layers"): [has_layers(3), play],
    ("why-not-linear", "One bend is enough"): [
        has_layers(1),
        chooses("Activation", "tanh"),
        play,
    ],
    ("how-many-units", "A single hidden unit"): [play],
    ("how-many-units", "Find out"): [enters(UNITS, "4"), play],
    ("how-many-units", "Overfitting"): [play],
    ("how-many-units", "Fewer units"): [has_layers(1), enters(UNITS, "4"), play_slowly],
    ("one-column-per-example", "Time it"): [opens("Vectorising"), clicks("Time it")],
    ("one-column-per-example", "More points"): [enters("Examples m", "10000"), clicks("Time it")],
}
# Those whose steps this page has the panels for.
READY = ["one-unit", "a-hidden-layer", "why-not-linear", "how-many-units"]


class Lesson:
    """The lesson beside the playground, as its reader knows it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.panel = page.get_by_role("complementary", name="Lesson")
        self.heading = self.panel.get_by_role("heading", level=3)
        self.state = self.panel.locator("footer .state")
        self.conditions = self.panel.get_by_role("list", name="What is asked").get_by_role(
            "listitem"
        )

    def button(self, name: str) -> Locator:
        return self.panel.get_by_role("button", name=name, exact=True)

    def next(self) -> None:
        self.panel.locator("footer button").last.click()


def begin(page: Page, title: str) -> Lesson:
    page.get_by_role("button", name="Lessons", exact=True).click()
    dialog = page.get_by_role("dialog", name="Lessons")
    dialog.locator(".row").filter(has=page.get_by_text(title, exact=True)).click()
    expect(dialog).to_be_hidden()
    return Lesson(page)


@pytest.mark.parametrize("name", READY)
def test_a_lesson_is_taken_to_its_end_by_its_own_text(page: Page, name: str) -> None:
    told = json.loads(json.dumps(lessons_of(LESSONS)[name].told()))
    playground = Playground(page)
    lesson = begin(page, told["title"])
    for number, step in enumerate(told["steps"], start=1):
        expect(lesson.heading).to_have_text(step["title"])
        expect(lesson.heading).to_be_focused()
        expect(lesson.panel).to_contain_text(f"Step {number} of {len(told['steps'])}")
        if step["kind"] == "predict":
            right = next(index for index, choice in enumerate(step["choices"]) if choice["right"])
            lesson.panel.get_by_role("radio").nth(right).check()
            expect(lesson.panel.locator(".because")).to_contain_text("As you predicted.")
        if step["kind"] == "run":
            expect(lesson.conditions).to_have_count(len(step["until"]))
            expect(lesson.panel.locator('[data-holds="false"]')).not_to_have_count(0)
            expect(lesson.state).to_have_attribute("data-done", "false")
            for act in ACTIONS[name, step["title"]]:
                act(playground)
            expect(lesson.state).to_have_text("Done")
            if playground.button("Pause").is_visible():
                playground.button("Pause").click()
        lesson.next()
    expect(lesson.heading).to_have_text("Lesson finished")
    assert playground.wire.of_type("error", sent=False) == []
