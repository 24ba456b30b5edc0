"""What a run is, set up on the page and sent to the server as it is."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.playground import Playground


def spec(playground: Playground) -> dict[str, Any]:
    """The data and the run that the server was last told to train."""
    asked = playground.last_configure()
    (run,) = asked["runs"]
    return {"data": asked["data"], **run}


def test_classification_and_regression(page: Page) -> None:
    playground = Playground(page)
    playground.choose("Dataset", "moons")
    playground.enter("Label flips", "10")
    assert spec(playground)["data"]["label_flips"] == 0.1
    playground.choose("Problem", "Regression")
    expect(playground.radio("Dataset", "plane")).to_be_checked()
    expect(playground.radio("Dataset", "moons")).to_be_hidden()
    expect(playground.field("Label flips")).to_be_hidden()
    expect(page.locator("#dataset-about")).to_contain_text("slope")
    assert spec(playground)["data"]["dataset"] == "plane"
    assert spec(playground)["data"]["label_flips"] == 0
    # None is right or wrong: what there is of the test points is their cost.
    for name in ("train-accuracy", "test-accuracy"):
        expect(playground.readout(name)).to_be_hidden()
    expect(playground.readout("test-cost")).to_be_visible()
    playground.choose("Dataset", "bumps")
    expect(page).to_have_url("/#dataset=bumps&flips=0.1")
    playground.play()
    playground.wait_for_iteration(30)
    playground.pause()
    run = playground.wire.frames[-1]["runs"][0]
    expect(playground.readout("test-cost")).to_have_attribute("value", str(run["test_cost"]))
    playground.choose("Problem", "Classification")
    expect(playground.radio("Dataset", "moons")).to_be_checked()
    assert spec(playground)["data"]["label_flips"] == 0.1
    expect(playground.readout("test-accuracy")).to_be_visible()
    expect(playground.readout("test-cost")).to_be_hidden()
    playground.choose("Problem", "Regression")
    expect(playground.radio("Dataset", "bumps")).to_be_checked()
    page.get_by_role("tab", name="Runs").click()
    expect(page.locator('#runs td[data-label="Test"]').first).to_contain_text("J")
    page.get_by_role("tab", name="Compare").click()
    expect(page.locator("article.network").first).to_contain_text("Test cost")


def test_features_are_inputs_at_least_one_stays_and_each_layer_has_an_activation(
    page: Page,
) -> None:
    playground = Playground(page, "#layers=none")
    tiles = page.get_by_role("group", name="Features")
    for name in ("x₁", "x₂", "x₁²", "x₂²", "x₁x₂", "sin x₁", "sin x₂"):
        expect(tiles.get_by_role("checkbox", name=name, exact=True)).to_have_count(1)

    def toggle(name: str) -> None:
        tiles.get_by_role("checkbox", name=name, exact=True).press("Space")

    toggle("x₁x₂")
    expect(page).to_have_url("/#features=x1,x2,x1_x2&layers=none")
    toggle("x₁")
    toggle("x₂")
    expect(page).to_have_url("/#features=x1_x2&layers=none")
    assert spec(playground)["data"]["features"] == ["x1_x2"]
    assert playground.wire.of_type("configured", sent=False)[-1]["runs"][0]["layer_sizes"] == [1, 1]
    toggle("x₁x₂")
    expect(tiles.get_by_role("checkbox", name="x₁x₂", exact=True)).to_be_checked()
    expect(page.locator("#features-problem")).to_have_text("A network needs at least one input.")
    # The maps are nncore's numbers: x1·x2 is positive where the signs agree.
    shades = page.locator("#features input[value=x1_x2] ~ .pic img").evaluate(
        """async (image) => {
          await image.decode();
          const copy = new OffscreenCanvas(image.naturalWidth, image.naturalHeight);
          const context = copy.getContext('2d', { willReadFrequently: true });
          context.drawImage(image, 0, 0);
          const { data } = context.getImageData(0, 0, copy.width, copy.height);
          const blueness = (x, y) => {
            const at = 4 * (Math.round(y * (copy.height - 1)) * copy.width
              + Math.round(x * (copy.width - 1)));
            return data[at + 2] - data[at];
          };
          const corners = [[0.95, 0.05], [0.05, 0.95], [0.05, 0.05], [0.95, 0.95]];
          return corners.map(([x, y]) => blueness(x, y));
        }"""
    )
    assert [shade > 0 for shade in shades] == [True, True, False, False]
    # Each layer has an activation, and the switch sets all.
    page.evaluate("location.hash = 'layers=4,3&activation=tanh,leaky_relu&slope=0.2'")
    expect(playground.field("Hidden units in layer 2")).to_have_value("3")
    layers = spec(playground)["network"]["layers"]
    assert layers == [
        {"units": 4, "activation": "tanh"},
        {"units": 3, "activation": "leaky_relu", "slope": 0.2},
    ]
    for name in ("sigmoid", "tanh", "ReLU", "leaky ReLU", "linear"):
        expect(playground.radio("Activation", name)).not_to_be_checked()
    expect(page.locator("#activation-about")).to_contain_text("Mixed")
    expect(page).to_have_url("/#layers=4,3&activation=tanh,leaky_relu&slope=0.2")
    playground.choose("Activation", "ReLU")
    assert {layer["activation"] for layer in spec(playground)["network"]["layers"]} == {"relu"}
    expect(page).to_have_url("/#layers=4,3&activation=relu")
    playground.button("Remove a layer").click()
    playground.button("Remove a layer").click()
    expect(playground.radio("Activation", "ReLU")).to_be_disabled()
    playground.button("Add a layer").click()
    assert spec(playground)["network"]["layers"] == [{"units": 4, "activation": "relu"}]


def test_training_settings(context: BrowserContext, page: Page) -> None:
    playground = Playground(page)
    summary = page.locator("#training summary")
    expect(summary).to_contain_text("gradient descent, full batch")
    expect(playground.button("Epoch")).to_be_hidden()
    summary.click()
    page.get_by_role("combobox", name="Optimiser").select_option("adam")
    expect(playground.field("Batch seed")).to_be_hidden()
    playground.enter("Batch size", "32")
    playground.enter("Batch seed", "7")
    playground.enter("iteration", "500")
    training = spec(playground)["training"]
    assert training == {
        "learning_rate": 0.3,
        "l1": 0,
        "l2": 0,
        "optimizer": "adam",
        "batch_size": 32,
        "seed": 7,
        "iterations": 500,
    }
    expect(page).to_have_url("/#optimizer=adam&batch=32&order=7&iterations=500")
    # 150 training points in batches of 32 are five iterations.
    playground.button("Epoch").click()
    expect(playground.readout("iteration")).to_have_attribute("value", "5")

    # What follows changes the run there is.
    restarts = len(playground.wire.of_type("configure", sent=True))
    page.get_by_role("slider", name="L1 rate slider").press("ArrowRight")
    expect(playground.field("L1 rate")).to_have_value("0.001")
    playground.enter("L2 rate", "0.02")
    playground.enter("no progress for", "40")
    playground.enter("cost at most", "0.4")
    playground.enter("accuracy at least", "99")
    playground.enter("cost at most", "")
    expect(playground.field("cost at most")).to_have_value("")
    playground.settle()
    assert playground.wire.of_type("set", sent=True) == [
        {"type": "set", "l1": 0.001},
        {"type": "set", "l2": 0.02},
        {"type": "set", "stop": {"patience": 40}},
        {"type": "set", "stop": {"cost": 0.4, "patience": 40}},
        {"type": "set", "stop": {"cost": 0.4, "accuracy": 0.99, "patience": 40}},
        {"type": "set", "stop": {"accuracy": 0.99, "patience": 40}},
    ]
    assert len(playground.wire.of_type("configure", sent=True)) == restarts
    assert playground.iteration == 5

    # Closed, the section says it all; the next page remembers that it was open.
    expect(page).to_have_url(
        "/#optimizer=adam&batch=32&l1=0.001&l2=0.02&order=7"
        "&stop-accuracy=0.99&patience=40&iterations=500"
    )
    other = Playground(context.new_page(), f"#{page.url.partition('#')[2]}")
    expect(other.page.locator("#training")).to_have_attribute("open", "")
    other.page.locator("#training summary").click()
    expect(other.page.locator("#training-sum")).to_have_text(
        "Adam, batches of 32, L1 0.001, L2 0.02, stops"
    )
    again = spec(other)["training"]
    assert again == {
        **training,
        "l1": 0.001,
        "l2": 0.02,
        "stop": {"accuracy": 0.99, "patience": 40},
    }


def test_a_run_stops_at_a_condition_and_goes_on_without_it(page: Page) -> None:
    playground = Playground(page, "#stop-cost=0.5&init=xavier")
    playground.keep_notes()
    # It may be over before anyone sees it play.
    playground.button("Play").click()
    expect(playground.notice).to_contain_text("cost")
    expect(playground.button("Play")).to_be_visible()
    playground.settle()
    stopped = playground.iteration
    assert 0 < playground.cost <= 0.5
    page.locator("#training").evaluate("(details) => { details.open = true; }")
    playground.enter("cost at most", "0.3")
    playground.button("Play").click()
    playground.wait_for_cost_below(0.3)
    expect(playground.button("Play")).to_be_visible()
    playground.settle()
    assert playground.iteration > stopped
    assert playground.cost <= 0.3
    assert playground.wire.of_type("reset", sent=True) == []
    assert len(playground.wire.of_type("configure", sent=True)) == 1


def test_speed_from_one_a_second_to_as_fast_as_it_goes(page: Page) -> None:
    playground = Playground(page)
    slider = page.get_by_role("slider", name="Speed slider")
    slider.press("Home")
    expect(playground.field("Speed in iterations a second")).to_have_value("1")
    slider.press("End")
    expect(playground.field("Speed in iterations a second")).to_have_value("")
    expect(slider).to_have_attribute("aria-valuetext", "max")
    expect(page).to_have_url("/#speed=max")
    playground.play()
    expect(page.locator("#achieved")).to_contain_text("/ s")
    playground.pause()
    expect(page.locator("#achieved")).to_be_empty()
    speeds = [
        message["iterations_per_frame"] for message in playground.wire.of_type("set", sent=True)
    ]
    assert speeds[-1] == "max"
    assert abs(speeds[0] - 1 / 60) < 1e-12


def test_own_points_start_from_those_there_are(context: BrowserContext, page: Page) -> None:
    playground = Playground(page, "#examples=20")
    before = playground.wire.of_type("configured", sent=False)[-1]["data"]
    playground.choose("Dataset", "your own points")
    data = spec(playground)["data"]
    assert data["labels"] == before["labels"]
    assert data["points"] == [[round(x, 2), round(y, 2)] for x, y in before["points"]]
    assert data["task"] == "classification"
    for name in ("Examples", "Noise", "Label flips"):
        expect(playground.field(name)).to_be_hidden()
    expect(page).to_have_url(re.compile("points="))
    other = Playground(context.new_page(), f"#{page.url.partition('#')[2]}")
    assert spec(other)["data"] == data
    # They are still there after another dataset.
    playground.choose("Dataset", "gauss")
    playground.choose("Dataset", "your own points")
    assert spec(playground)["data"] == data
