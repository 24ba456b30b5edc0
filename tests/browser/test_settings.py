"""Everything that can be set: named, checked, kept when a typed value is wrong, sent as it is."""

from __future__ import annotations

from functools import partial
from typing import Literal

from playwright.sync_api import Page, expect

from tests.browser.playground import Playground, until

NAMES: dict[Literal["button", "spinbutton", "slider"], list[str]] = {
    "button": [
        "Play",
        "Step",
        "Reset",
        "Share",
        "New points",
        "New initial weights",
        "Add a layer",
    ],
    "spinbutton": [
        "Learning rate",
        "Noise",
        "Examples",
        "Train share",
        "Seed",
        "Weight seed",
        "Hidden units in layer 1",
    ],
    "slider": ["Learning rate slider", "Noise slider", "Examples slider", "Train share slider"],
}
GROUPS = {
    "Activation": ["sigmoid", "tanh", "ReLU", "leaky ReLU", "linear"],
    "Dataset": ["circle", "xor", "gauss", "spiral", "moons", "flower"],
    "Initial weights": ["random ×", "zeros", "Xavier", "He"],
    "Cost axis": ["linear", "log"],
}


def test_everything_has_its_name(page: Page) -> None:
    playground = Playground(page)
    for role, names in NAMES.items():
        for name in names:
            expect(page.get_by_role(role, name=name, exact=True)).to_have_count(1)
    for group, options in GROUPS.items():
        for option in options:
            expect(playground.radio(group, option)).to_have_count(1)
    for test_id in (
        "iteration",
        "cost",
        "train-accuracy",
        "test-accuracy",
        "boundary",
        "cost-chart",
    ):
        expect(page.get_by_test_id(test_id)).to_be_visible()


# A field, what is typed, what is said of it, and what stays.
WRONG = [
    (
        "Learning rate",
        "0",
        "Learning rate must be a number greater than 0 and at most 100.",
        "0.3",
    ),
    ("Learning rate", "101", "greater than 0 and at most 100", "0.3"),
    ("Learning rate", "", "Learning rate must be", "0.3"),
    ("Noise", "3", "Noise must be a number from 0 to 1.", "0.1"),
    ("Noise", "-0.1", "from 0 to 1", "0.1"),
    ("Examples", "9", "Examples must be a whole number from 10 to 5,000.", "200"),
    ("Examples", "12.5", "whole number", "200"),
    ("Train share", "5", "Train share must be a number from 10 to 100 %.", "75"),
    ("Seed", "-1", "Seed must be a whole number from 0 to 4,294,967,295.", "0"),
    ("Weight seed", "4294967296", "from 0 to 4,294,967,295", "0"),
    (
        "Hidden units in layer 1",
        "17",
        "Hidden units in layer 1 must be a whole number from 1 to 16.",
        "4",
    ),
    ("Speed in iterations a second", "0", "Speed must be a number from", "300"),
    ("accuracy at least", "101", "It stays at never.", ""),
]


def test_a_wrong_value_is_explained_and_the_old_one_kept(page: Page) -> None:
    playground = Playground(page)
    page.locator("#training summary").click()
    for name, wrong, says, kept in WRONG:
        playground.enter(name, wrong)
        field = playground.field(name)
        expect(field).to_have_attribute("aria-invalid", "true")
        problem = page.locator(".problem:not(:empty)")
        expect(problem).to_contain_text(says)
        expect(problem).to_contain_text("It stays at")
        name_of_problem = problem.get_attribute("id")
        assert name_of_problem is not None
        assert name_of_problem in (field.get_attribute("aria-describedby") or "")
        near, far = field.bounding_box(), problem.bounding_box()
        assert near is not None
        assert far is not None
        assert abs(far["y"] - near["y"]) < 60
        field.blur()
        expect(field).to_have_value(kept)
        # Nothing more is said once it is right.
        playground.enter(name, kept)
        expect(problem).to_have_count(0)
    assert len(playground.wire.of_type("configure", sent=True)) == 1
    assert playground.wire.of_type("set", sent=True) == []
    # What is pressed meanwhile stays where it is until it is released.
    playground.field("Noise").fill("3")
    playground.button("New points").click()
    expect(playground.field("Seed")).not_to_have_value("0")
    expect(page.locator("#noise-problem")).to_contain_text("from 0 to 1")


def test_a_value_is_sent_as_typed_or_chosen_in_usual_steps_and_so_is_the_way_weights_start(
    page: Page,
) -> None:
    # Typing counts without Enter.
    playground = Playground(page)
    playground.field("Examples").fill("50")
    expect(page).to_have_url("/#examples=50")
    # A slider and the arrow keys go by usual steps.
    page.get_by_role("slider", name="Learning rate slider").press("ArrowRight")
    expect(playground.field("Learning rate")).to_have_value("0.5")
    playground.field("Learning rate").press("ArrowDown")
    playground.field("Learning rate").press("ArrowDown")
    expect(playground.field("Learning rate")).to_have_value("0.2")
    page.get_by_role("slider", name="Noise slider").press("End")
    expect(playground.field("Noise")).to_have_value("1")
    assert playground.last_configure()["data"]["noise"] == 1
    # A value of the data is sent as typed.
    for name, typed, path, value in (
        ("Examples", "321", "examples", 321),
        ("Noise", "0.37", "noise", 0.37),
        ("Train share", "57", "train_fraction", 0.57),
        ("Seed", "4294967295", "seed", 4294967295),
    ):
        playground.enter(name, typed)
        assert playground.last_configure()["data"][path] == value
        expect(playground.field(name)).to_have_value(typed)
    # The way weights start.
    playground.enter("Scale", "2")
    scaled = playground.last_configure()["runs"][0]["network"]["initialization"]
    assert (scaled["scheme"], scaled["scale"]) == ("small_random", 2)
    playground.choose("Initial weights", "zeros")
    expect(playground.field("Scale")).to_be_disabled()

    def all_zero() -> bool:
        run = playground.wire.of_type("configured", sent=False)[-1]["runs"][0]
        weights = [layer["weights"] for layer in run["layers"]]
        return all(weight == 0 for rows in weights for row in rows for weight in row)

    until(page, all_zero)
    playground.choose("Initial weights", "Xavier")
    before = playground.last_configure()["runs"][0]["network"]["initialization"]
    playground.button("New initial weights").click()
    after = playground.last_configure()["runs"][0]["network"]["initialization"]
    assert before["scheme"] == after["scheme"] == "xavier"
    assert before["seed"] != after["seed"]


def drawn(playground: Playground) -> list[list[float]]:
    """The points that are drawn in the plane."""
    traces = [playground.trace("boundary", index) for index in range(4)]
    return sorted([x, y] for trace in traces for x, y in zip(trace["x"], trace["y"], strict=True))


def test_every_dataset_shows_its_points(page: Page) -> None:
    playground = Playground(page)
    playground.wait_for_plots()

    def shown(points: list[list[float]]) -> bool:
        return drawn(playground) == sorted(points)

    for dataset in GROUPS["Dataset"]:
        playground.choose("Dataset", dataset)
        assert playground.last_configure()["data"]["dataset"] == dataset
        expect(page.locator("#dataset-about")).not_to_be_empty()
        points = playground.wire.of_type("configured", sent=False)[-1]["data"]["points"]
        until(page, partial(shown, points), dataset)


def test_playing_goes_on_with_other_data(page: Page) -> None:
    playground = Playground(page)
    playground.play()
    playground.wait_for_iteration(30)
    playground.choose("Dataset", "gauss")
    expect(playground.button("Pause")).to_be_visible()
    assert playground.last_configure()["playing"] is True
    playground.wait_for_cost_below(0.1)
