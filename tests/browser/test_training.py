"""The experiment that everyone sees first: it learns, and what is drawn is what the server sent."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from playwright.sync_api import Page, expect

from tests.browser.playground import Playground, coloured, spread, until


def test_the_default_experiment_is_there_ready_to_play_and_reset_goes_back_to_its_start(
    page: Page,
) -> None:
    playground = Playground(page)
    assert playground.iteration == 0
    assert 0.68 < playground.cost < 0.70
    expect(playground.radio("Activation", "tanh")).to_be_checked()
    expect(playground.radio("Dataset", "circle")).to_be_checked()
    for name, value in {
        "Learning rate": "0.3",
        "Examples": "200",
        "Noise": "0.1",
        "Train share": "75",
        "Hidden units in layer 1": "4",
        "Speed in iterations a second": "300",
    }.items():
        expect(playground.field(name)).to_have_value(value)
    (configure,) = playground.wire.of_type("configure", sent=True)
    assert configure["data"] == {
        "dataset": "circle",
        "examples": 200,
        "noise": 0.1,
        "label_flips": 0,
        "seed": 0,
        "train_fraction": 0.75,
        "features": ["x1", "x2"],
    }
    assert configure["runs"][0]["network"] == {
        "layers": [{"units": 4, "activation": "tanh"}],
        "initialization": {"scheme": "small_random", "scale": 0.01, "seed": 0},
    }
    assert configure["playing"] is False
    assert page.url.endswith("/")

    # Points are told apart by shape, and the held out by being hollow.
    playground.wait_for_plots()
    data = playground.wire.of_type("configured", sent=False)[0]["data"]
    counts = [
        sum(data["labels"][index] == label for index in data["split"][part])
        for part in ("train", "test")
        for label in (0, 1)
    ]

    def traces() -> list[dict[str, Any]]:
        return [playground.trace("boundary", index) for index in range(4)]

    until(page, lambda: [len(trace["x"]) for trace in traces()] == counts, "points are missing")
    markers = [trace["marker"] for trace in traces()]
    assert [marker["symbol"] for marker in markers] == ["diamond", "circle", "diamond", "circle"]
    assert markers[0]["color"] == markers[2]["line"]["color"] != markers[2]["color"]
    # Reset goes back to the same start.
    start = playground.cost
    playground.step(3)
    costs = playground.wire.costs
    playground.button("Reset").click()
    expect(playground.readout("iteration")).to_have_attribute("value", "0")
    assert playground.cost == start
    playground.step(3)
    np.testing.assert_array_equal(playground.wire.costs, costs)


def test_it_plays_and_learns_pauses_and_steps_and_the_pointer_reads_the_plane(page: Page) -> None:
    playground = Playground(page)
    playground.play()
    playground.wait_for_cost_below(0.2)
    playground.pause()
    assert float(playground.readout("train-accuracy").get_attribute("value") or 0) > 0.9
    last = playground.wire.frames[-1]
    assert playground.iteration == last["iteration"]
    assert playground.cost == last["runs"][0]["train_cost"]
    assert len(playground.wire.costs) == last["iteration"]
    # Step goes on by one.
    paused = playground.iteration
    playground.step(2)
    assert playground.iteration == paused + 2
    # The pointer reads the plane.
    plane = page.locator("#boundary .plane")
    box = plane.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] * 0.4)
    tip = page.locator("#boundary .tip")
    expect(tip).to_be_visible()
    playground.settle()
    boundary = playground.wire.frames[-1]["runs"][0]["boundary"]
    values = np.frombuffer(boundary["values"], np.uint8).reshape(
        boundary["height"], boundary["width"]
    )
    text = tip.inner_text().replace("−", "-")
    x1, x2, probability = (float(part) for part in _numbers(text)[:3])
    low, high = boundary["x"]
    column = round((x1 - low) / (high - low) * (boundary["width"] - 1))
    row = round((x2 - low) / (high - low) * (boundary["height"] - 1))
    near = values[row - 1 : row + 2, column - 1 : column + 2] / 255
    assert abs(x1) < 0.4
    assert 0.6 < x2 < 2
    assert near.min() - 0.011 <= probability <= near.max() + 0.011
    page.mouse.move(5, 5)
    expect(tip).to_be_hidden()


def test_learning_rate_and_speed_change_without_a_restart(page: Page) -> None:
    playground = Playground(page)
    playground.play()
    playground.wait_for_iteration(50)
    playground.enter("Learning rate", "0.05")
    playground.enter("Speed in iterations a second", "1200")
    expect(playground.button("Pause")).to_be_visible()
    playground.wait_for_iteration(400)
    playground.say_all()
    assert len(playground.wire.of_type("configure", sent=True)) == 1
    assert playground.wire.of_type("set", sent=True) == [
        {"type": "set", "learning_rate": 0.05},
        {"type": "set", "iterations_per_frame": 20},
    ]
    expect(page).to_have_url("/#rate=0.05&speed=20")


def test_the_plane_is_the_servers_with_a_line_at_one_half(page: Page) -> None:
    playground = Playground(page, "#activation=relu")
    playground.play()
    playground.wait_for_cost_below(0.1)
    playground.pause()
    boundary = playground.wire.frames[-1]["runs"][0]["boundary"]
    grid = np.frombuffer(boundary["values"], np.uint8).reshape(
        boundary["height"], boundary["width"]
    )
    pixels = playground.pixels("#boundary canvas")[..., :3].astype(float)
    height, width, _ = pixels.shape
    values = spread(grid, width, height)
    assert len(np.unique(grid)) > 50
    line = pixels.sum(axis=2) < 200
    assert line.sum() > 300
    far = abs(values - 127.5) > 60
    assert far.mean() > 0.5
    assert np.quantile(abs(pixels - coloured(values))[far], 0.99) <= 3
    # Each way over the line goes from one class to the other.
    for row, column in np.argwhere(line):
        around = values[max(0, row - 3) : row + 4, max(0, column - 3) : column + 4]
        assert around.min() < 127.5 < around.max()
    sides = values > 127.5
    crossed = sides[:, 1:] != sides[:, :-1]
    # The values that are sent have 256 steps; the line, of finer ones, is a pixel beside at most.
    around = np.lib.stride_tricks.sliding_window_view(np.pad(line, 1), (3, 4))
    assert around[crossed].any(axis=(1, 2)).all()


def _numbers(text: str) -> list[str]:
    return re.findall(r"-?\d+\.\d+", text)
