"""The activation lab: picture and numbers are those of weights and points, computed here."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.playground import Playground, until
from tests.browser.test_accessibility import violations

SLOPE = 0.2
G: dict[str, tuple[Callable[[np.ndarray], np.ndarray], ...]] = {
    "sigmoid": (lambda z: 1 / (1 + np.exp(-z)), lambda z: np.exp(-z) / (1 + np.exp(-z)) ** 2),
    "relu": (lambda z: np.maximum(z, 0), lambda z: (z >= 0) * 1.0),
    "leaky_relu": (
        lambda z: np.where(z >= 0, z, SLOPE * z),
        lambda z: np.where(z >= 0, 1.0, SLOPE),
    ),
}


def layers_of(playground: Playground, activations: list[str]) -> list[dict[str, Any]]:
    """Z, A, g′ and the norm of dW of each layer, from the latest frame's weights."""
    data = playground.wire.of_type("configured", sent=False)[-1]["data"]
    train = data["split"]["train"]
    A = np.array(data["points"], np.float64)[train].T
    Y = np.array(data["labels"], np.float64)[train]
    (run,) = playground.wire.frames[-1]["runs"]
    passed: list[dict[str, Any]] = []
    for layer, name in zip(run["layers"], activations, strict=True):
        g, g_prime = G[name]
        W = np.array(layer["weights"])
        Z = W.T @ A + np.array(layer["biases"])[:, None]
        passed.append({"W": W, "inputs": A, "Z": Z, "A": g(Z), "g_prime": g_prime(Z)})
        A = g(Z)
    dZ = passed[-1]["A"] - Y
    for index in range(len(passed) - 1, -1, -1):
        layer = passed[index]
        layer["norm"] = np.linalg.norm(layer["inputs"] @ dZ.T / Y.size)
        if index > 0:
            dZ = (layer["W"] @ dZ) * passed[index - 1]["g_prime"]
    return passed


def number(page: Page, fact: str) -> Locator:
    return page.locator(f"#acts-{fact} .number")


def bars(page: Page) -> np.ndarray:
    """Place, width and height of each bar, in pixels."""
    path = page.locator("#acts-plot .bars").get_attribute("d") or ""
    found = re.findall(r"M([\d.-]+) [\d.]+v-([\d.]+)h([\d.]+)", path)
    return np.array(found, float)[:, [0, 2, 1]]


def past(page: Page) -> int:
    """How many iterations the curve of the gradients has."""
    curve = page.locator("#acts-norms path.line.now").get_attribute("d") or ""
    return curve.count("L") + 1


def shows(page: Page, layer: dict[str, Any], reach: float) -> None:
    """The picture and the numbers are that layer's."""
    Z, A = layer["Z"], layer["A"]
    expect(number(page, "saturated")).to_have_text(f"{100 * np.mean(layer['g_prime'] < 0.01):.1f}%")
    expect(number(page, "nonpositive")).to_have_text(f"{100 * np.mean(Z <= 0):.1f}%")
    expect(number(page, "mean")).to_have_text(f"{A.mean():.2f}".replace("-", "−"))
    dead = np.flatnonzero((layer["g_prime"] == 0).all(axis=1))
    words = f"{len(dead)} of {len(Z)}: " + ", ".join(str(unit + 1) for unit in dead)
    expect(number(page, "dead")).to_have_text(words if len(dead) else "none")
    counts, edges = np.histogram(Z, 30)
    x, _, heights = bars(page).T
    np.testing.assert_allclose(
        heights / heights.max(), counts[counts > 0] / counts.max(), atol=0.01
    )
    width = page.locator("#acts-plot").evaluate("(plot) => plot.clientWidth") - 34
    expected = (edges[:-1][counts > 0] + reach) / (2 * reach) * width
    np.testing.assert_allclose(x, expected, atol=0.02 * width)


def test_a_layer_in_picture_and_numbers_is_what_the_weights_make_of_the_points(page: Page) -> None:
    address = f"#layers=6,3&activation=relu,leaky_relu&slope={SLOPE}&init=he&rate=0.5"
    playground = Playground(page, address)
    activations = ["relu", "leaky_relu", "sigmoid"]
    playground.play()
    playground.wait_for_iteration(150)
    playground.pause()
    layers = layers_of(playground, activations)
    # What has been trained before it is opened is in it, from the beginning.
    page.get_by_role("tab", name="Activations").click()
    expect(page.locator("#acts-norms path.line.now")).to_have_attribute("d", re.compile("^M0.0 "))
    until(page, lambda: past(page) >= 15)
    group = page.get_by_role("radiogroup", name="Layer", exact=True)
    expect(group.get_by_role("radio", name="Layer 1")).to_be_checked()

    def reach() -> float:
        expect(page.locator("#acts-plot text.x")).not_to_have_count(0)
        ends = page.locator("#acts-plot text.x").all_text_contents()
        assert float(ends[0].replace("−", "-")) == -float(ends[-1])
        return float(ends[-1])

    assert reach() >= np.abs(layers[0]["Z"]).max()
    shows(page, layers[0], reach())
    # Its curves are nncore's, over the same axis.
    width = page.locator("#acts-plot").evaluate("(plot) => plot.clientWidth") - 34
    path = page.locator("#acts-plot .g").get_attribute("d") or ""
    points = np.array(re.findall(r"[ML]([\d.-]+) ([\d.-]+)", path), float)
    z = points[:, 0] / width * 2 * reach() - reach()
    floor, one = points[z < -0.5, 1], np.interp(1, z, points[:, 1])
    assert np.ptp(floor) == 0
    assert np.interp(0.5, z, points[:, 1]) == pytest.approx((floor[0] + one) / 2, abs=1.5)

    # By keyboard to the others; and by selecting a unit.
    group.get_by_role("radio", name="Layer 1").focus()
    page.keyboard.press("ArrowRight")
    shows(page, layers[1], reach())
    page.keyboard.press("ArrowRight")
    expect(group.get_by_role("radio", name="Output")).to_be_checked()
    shows(page, layers[2], reach())
    expect(page.locator("#acts-facts")).to_contain_text("saturation does no harm here")
    playground.button("Unit 2 of hidden layer 2").click()
    expect(group.get_by_role("radio", name="Layer 2")).to_be_checked()
    norms = page.locator("#acts-norms-now b").all_text_contents()
    for text, layer in zip(norms, layers, strict=True):
        assert float(text.replace("−", "-")) == pytest.approx(layer["norm"], rel=0.006)
    assert page.locator("#acts-norms path.line").count() == 3
    assert violations(page, "#panel-activations") == []

    # The slope of this layer alone.
    page.locator("#layer-slope").fill("0.5")
    page.locator("#layer-slope").press("Enter")
    trained = playground.last_configure()["runs"][0]["network"]["layers"]
    assert trained[1] == {"units": 3, "activation": "leaky_relu", "slope": 0.5}
    expect(page).to_have_url(re.compile("slope=0.5"))

    # A closed panel asks for nothing.
    page.locator("#drawer-toggle").click()
    expect(page.locator("#acts-plot svg")).to_have_count(0)
    playground.say_all()
    views = playground.wire.of_type("view", sent=True)
    assert "diagnostics" not in views[-1]
    assert views[-2]["diagnostics"] is True


def test_dead_units_are_named(page: Page) -> None:
    Playground(page, "#activation=relu&init=he")
    page.locator("#sentence button").last.click()
    page.locator("#parameter-value").fill("-1000")
    page.locator("#parameter-value").press("Enter")
    expect(page.locator("#parameter-now")).to_contain_text("1000")
    page.keyboard.press("Escape")
    page.get_by_role("tab", name="Activations").click()
    expect(number(page, "dead")).to_have_text("1 of 4: 1")
    expect(page.locator("#acts-dead")).to_contain_text("no gradient any more")
