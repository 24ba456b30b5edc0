"""The backprop microscope: every number it shows is computed here once more, from scratch."""

from __future__ import annotations

import itertools
import re
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.playground import PATIENCE, Playground, until
from tests.browser.test_accessibility import AT_REST, looks, violations, violations_in_all_looks

Matrices = dict[str, np.ndarray]

READ = """(lines) => lines.flatMap((line) => {
  const read = (matrix) => ({
    line: line.dataset.line,
    term: matrix.closest('.term')?.dataset.term ?? 'differences',
    shape: matrix.closest('.term')?.querySelector('small').textContent ?? '',
    power: Number(matrix.dataset.power),
    rows: [...matrix.querySelectorAll('mtr')].map((row) =>
      [...row.children].map((cell) => cell.textContent)),
  });
  return [...line.querySelectorAll('.matrix')].map(read);
})"""

# name: (g, g′), as a formula of z.
ACTIVATIONS: dict[str, Any] = {
    "sigmoid": (lambda z: 1 / (1 + np.exp(-z)), lambda z: np.exp(-z) / (1 + np.exp(-z)) ** 2),
    "tanh": (np.tanh, lambda z: 1 / np.cosh(z) ** 2),
    "relu": (lambda z: np.maximum(0, z), lambda z: (z >= 0) * 1.0),
    "leaky_relu": (lambda z: np.maximum(0.01 * z, z), lambda z: np.where(z >= 0, 1.0, 0.01)),
    "linear": (lambda z: z, np.ones_like),
}


def passed(
    X: np.ndarray, W: list[np.ndarray], b: list[np.ndarray], g: list[str]
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    Z, A = [], [X]
    for weights, biases, name in zip(W, b, g, strict=True):
        Z.append(weights.T @ A[-1] + biases)
        A.append(ACTIVATIONS[name][0](Z[-1]))
    return Z, A


def loss(A: np.ndarray, Y: np.ndarray, output: str) -> np.ndarray:
    if output == "linear":
        return np.asarray((A - Y) ** 2 / 2)
    return np.asarray(-Y * np.log(A) - (1 - Y) * np.log(1 - A))


def computed(
    X: np.ndarray, Y: np.ndarray, W: list[np.ndarray], b: list[np.ndarray], g: list[str]
) -> tuple[Matrices, dict[str, np.ndarray]]:
    """Every term of an iteration, by the names of the page, and the central differences by line."""
    Z, A = passed(X, W, b, g)
    m, last = X.shape[1], len(W)
    losses = loss(A[-1], Y, g[-1])
    found: Matrices = {"X": X, "Y": Y, "The losses": losses, "J": np.array([[losses.mean()]])}
    dZ = A[-1] - Y
    for layer in range(last, 0, -1):
        if layer < last:
            slope = ACTIVATIONS[g[layer - 1]][1](Z[layer - 1])
            found[f"the slope of g at Z[{layer}]"] = slope
            dZ = (W[layer] @ dZ) * slope
        found |= {
            f"W[{layer}]": W[layer - 1],
            f"b[{layer}]": b[layer - 1],
            f"Z[{layer}]": Z[layer - 1],
            f"A[{layer}]": A[layer],
            f"dZ[{layer}]": dZ,
            f"dW[{layer}]": A[layer - 1] @ dZ.T / m,
            f"db[{layer}]": dZ.mean(axis=1, keepdims=True),
        }
    found |= {f"{name} transposed": matrix.T for name, matrix in found.items()}

    differences = {}
    for layer, (name, parameters) in itertools.product(range(last), (("dW", W), ("db", b))):
        slopes = np.empty_like(parameters[layer])
        for place in np.ndindex(slopes.shape):
            J = {}
            for step in (2e-5, 1e-5, -1e-5, -2e-5):
                moved = [array.copy() for array in parameters]
                moved[layer][place] += step
                _, A_moved = passed(X, moved, b, g) if name == "dW" else passed(X, W, moved, g)
                J[step] = loss(A_moved[-1], Y, g[-1]).mean()
            # Five points: with two the third derivative, of moons some hundreds, would be seen.
            rise = 8 * (J[1e-5] - J[-1e-5]) - (J[2e-5] - J[-2e-5])
            slopes[place] = rise / 12e-5
        differences[f"{name}{layer + 1}"] = slopes
    return found, differences


def inspected(playground: Playground) -> Locator:
    """The lines, once they are of the iteration that the page shows."""
    facts = playground.page.locator("#aim-facts")
    expect(facts.locator("dd").first).to_have_text(f"{playground.iteration:,}")
    return playground.page.locator("#microscope-lines .line")


def opened(playground: Playground) -> list[dict[str, Any]]:
    """Every matrix there is, after all terms are opened."""
    lines = inspected(playground)
    closed = playground.page.locator("#microscope-lines .term .face[aria-expanded=false]")
    if closed.count():
        closed.first.click()
    # The other dozens at once.
    closed.evaluate_all("(faces) => faces.forEach((face) => face.click())")
    expect(closed).to_have_count(0)
    found = lines.evaluate_all(READ)
    assert isinstance(found, list)
    return found


def same(shown: dict[str, Any], expected: np.ndarray, noise: float = 1e-12) -> None:
    """A matrix on the page has these numbers, to half a unit of its last digit."""
    if shown["shape"]:
        assert shown["shape"].replace("×", " ").split() == [str(n) for n in expected.shape]
    rows = [[text.replace("−", "-") for text in row] for row in shown["rows"]]
    height, width = (8 if n > 16 else n for n in expected.shape)
    assert [len(row) for row in rows] == [width] * height, shown
    decimals = len(rows[0][0].partition(".")[2])
    np.testing.assert_allclose(
        np.array(rows, float) * 10.0 ** shown["power"],
        expected[:height, :width],
        rtol=1e-9,
        atol=0.501 * 10.0 ** (shown["power"] - decimals) + noise,
        err_msg=f"{shown['line']}: {shown['term']}",
    )


NETWORKS = {
    "one hidden layer": "rate=1.2&l1=0.001&l2=0.01",
    "logistic regression": "layers=none&dataset=gauss&rate=0.05",
    "deeper": "layers=3,2&activation=leaky_relu,tanh&dataset=moons&init=xavier",
    "a regression": "dataset=bumps&layers=3&activation=sigmoid&init=xavier&examples=20",
}


@pytest.mark.parametrize("network", NETWORKS)
def test_every_number_is_that_of_an_independent_computation(page: Page, network: str) -> None:
    # The same iteration every time: differences that straddle a kink would be no derivative.
    address = f"#panel=microscope&speed=600&iterations=80&{NETWORKS[network]}"
    playground = Playground(page, address)
    playground.button("Play").click()
    playground.wait_for_iteration(80)
    playground.settle()
    (latest,) = playground.wire.frames[-1]["runs"]
    configured = playground.wire.of_type("configured", sent=False)[0]
    data, (run,) = configured["data"], configured["runs"]
    W = [np.array(layer["weights"]) for layer in latest["layers"]]
    b = [np.array(layer["biases"])[:, np.newaxis] for layer in latest["layers"]]
    g = [layer["activation"] for layer in run["layers"]]
    points, labels = np.array(data["points"]).T, np.array([data["labels"]], float)

    chosen = data["split"]["train"]
    batch, differences = computed(points[:, chosen], labels[:, chosen], W, b, g)
    training = playground.last_configure()["runs"][0]["training"]
    alpha, l1, l2 = (training.get(name, 0) for name in ("learning_rate", "l1", "l2"))
    updates: Matrices = {}
    for layer, weights in enumerate(W, 1):
        updates |= {
            f"What L1 adds to dW[{layer}]": l1 * np.sign(weights),
            f"What L2 adds to dW[{layer}]": l2 * weights,
        }
        penalised = batch[f"dW[{layer}]"] + l1 * np.sign(weights) + l2 * weights
        updates[f"The change of W[{layer}]"] = -alpha * penalised
        updates[f"The change of b[{layer}]"] = -alpha * batch[f"db[{layer}]"]

    verdict = page.locator("#microscope-verdict")
    for example in (None, chosen[3]):
        terms = batch
        if example is not None:
            playground.choose("Look at", "Example")
            playground.enter("Example number", str(example + 1))
            expect(page.locator("#aim-title")).to_have_text(f"Example {example + 1}")
            x1 = f"{points[0, example]:.3f}".replace("-", "−")
            expect(page.locator("#aim-facts dd").nth(1)).to_have_text(x1)
            terms, differences = computed(points[:, [example]], labels[:, [example]], W, b, g)
        shown = opened(playground)
        for matrix in shown:
            if matrix["term"] == "differences":
                same(matrix, differences[matrix["line"]], noise=1e-9)
            else:
                same(matrix, (terms | updates)[matrix["term"]])
        names = {matrix["term"] for matrix in shown}
        unused = {f"What L{n} adds to dW[{layer + 1}]" for n in "12" for layer in range(len(W))}
        assert set(updates) - names == (set() if l1 else unused)
        # Whatever the lecture's list has, in its order.
        depth = range(1, len(W) + 1)
        assert list(dict.fromkeys(matrix["line"] for matrix in shown)) == [
            "X",
            *(f"{letter}{layer}" for layer in depth for letter in "ZA"),
            "L",
            "J",
            *(f"{name}{layer}" for layer in reversed(depth) for name in ("dZ", "dW", "db")),
            *(f"{letter}{layer}" for layer in depth for letter in "Wb"),
        ]
        said = playground.wire.of_type("inspection", sent=False)[-1]["check"]
        assert said["agree"]
        expect(verdict).to_have_attribute("data-agrees", "true")
        expect(page.locator(".agrees")).to_contain_text("by less than a millionth of the larger")
        count = "Both" if len(W) == 1 else f"All {2 * len(W)}"
        expect(verdict).to_have_text(f"{count} gradients agree with finite differences")
        assert page.locator("#microscope-lines .differences .verdict svg").count() == 2 * len(W)


def test_it_asks_while_it_is_open_and_no_more_than_a_few_times_a_second(page: Page) -> None:
    playground = Playground(page, "#speed=600")
    wire = playground.wire
    playground.play()
    playground.wait_for_iteration(100)
    assert wire.of_type("inspect", sent=True) == []
    page.get_by_role("tab", name="Backprop microscope").click()
    first = page.locator("#aim-facts dd").first
    expect(first).not_to_have_text("0")
    playground.say_all()
    began = page.evaluate("performance.now()")
    asked = len(wire.of_type("inspect", sent=True))
    for _ in range(4):
        expect(first).not_to_have_text(first.inner_text())
    passed_seconds = (page.evaluate("performance.now()") - began) / 1000
    sent = len(wire.of_type("inspect", sent=True)) - asked
    assert 4 <= sent + 1 <= 2 + passed_seconds / 0.29
    page.get_by_role("tab", name="Results").click()
    expect(page.locator("#microscope-verdict")).to_be_hidden()
    playground.say_all()
    asked = len(wire.of_type("inspect", sent=True))
    playground.wait_for_iteration(playground.iteration + 300)
    assert len(wire.of_type("inspect", sent=True)) == asked
    playground.pause()


def middle(page: Page, layer: int, source: int, target: int) -> tuple[float, float]:
    """The middle of an edge, in the graph."""
    x, y = page.evaluate(
        """async ([layer, from, to]) => {
          const main = document.querySelector('script[type=module]').src;
          const module = await import(main.replace(/main\\.js$/, 'painting/network-layout.js'));
          const graph = document.querySelector('#graph');
          const { edges } =
            module.layoutNetwork([2, 4, 1], graph.clientWidth, graph.clientHeight, ['x1', 'x2']);
          const found = edges.find((edge) =>
            edge.layer === layer && edge.from === from && edge.to === to);
          return module.along(found, 0.3);
        }""",
        [layer, source, target],
    )
    return x, y


FORWARD, BACKWARD = (11, 107, 96), (138, 47, 143)  # --accent, --backward


def is_lit(
    playground: Playground, place: tuple[float, float], colour: tuple[int, int, int]
) -> bool:
    """Whether the network is of that colour there, but for the blending at a line's edge."""
    x, y = place
    pixel = playground.pixels("#graph canvas")[round(y), round(x), :3].astype(int)
    return bool(np.abs(pixel - colour).max() < 24)


def expect_lit(
    playground: Playground,
    *places: tuple[float, float],
    colour: tuple[int, int, int],
    lit: bool = True,
) -> None:
    """Until the network is of that colour at all these places, or at none."""
    until(
        playground.page,
        lambda: all(is_lit(playground, place, colour) == lit for place in places),
        f"{places} are not as they should be",
    )


def test_terms_light_the_network_and_the_network_lights_terms(page: Page) -> None:
    playground = Playground(page, "#panel=microscope&rate=1.2")
    playground.play()
    playground.wait_for_iteration(200)
    playground.pause()
    playground.choose("Look at", "Example")
    inspected(playground)
    lines = page.locator("#microscope-lines")
    expect(lines.locator("[data-line=dW1] mtd").first).to_be_visible()

    # One entry of dW[1]: the very edge, and no other.
    place, other = middle(page, 1, 1, 2), middle(page, 1, 0, 0)
    assert not is_lit(playground, place, BACKWARD)
    lines.locator("[data-line=dW1] .term").first.locator(
        "mtr:nth-child(2) mtd:nth-child(3)"
    ).hover()
    expect_lit(playground, place, colour=BACKWARD)
    assert not is_lit(playground, other, BACKWARD)
    # The same by keyboard, for all of W[1], on the way forwards.
    face = lines.locator("[data-line=Z1] .term[data-term='W[1] transposed'] .face")
    page.mouse.move(5, 5)
    face.focus()
    expect_lit(playground, place, other, colour=FORWARD)
    face.blur()
    expect_lit(playground, place, other, colour=FORWARD, lit=False)

    # The other way round: an edge lights its entries of W and dW, and a unit whatever is its own.
    lit = lines.locator("[data-lit]")
    expect(lit).to_have_count(0)
    graph = page.locator("#graph").bounding_box()
    assert graph is not None
    page.mouse.move(graph["x"] + place[0], graph["y"] + place[1])
    expect(lines.locator(".term[data-lit]").first).to_be_attached()
    terms = set(
        lines.locator(".term[data-lit]").evaluate_all("all => all.map(t => t.dataset.term)")
    )
    assert terms == {"W[1] transposed", "dW[1]", "The change of W[1]"}
    row = lines.locator("[data-line=dW1] .term").first.locator("mtr").nth(1)
    expect(row.locator("mtd[data-lit]")).to_have_count(1)
    expect(row.locator("mtd").nth(2)).to_have_attribute("data-lit", "")
    page.mouse.move(5, 5)
    expect(lit).to_have_count(0)
    playground.button("Unit 2 of hidden layer 1").focus()
    expect(lines.locator("[data-line=Z1] .term").first).to_have_attribute("data-lit", "")
    cells = lines.locator("[data-line=Z1] .term").first.locator("mtd")
    assert cells.evaluate_all("all => all.map((cell) => 'lit' in cell.dataset)") == [
        False,
        True,
        False,
        False,
    ]
    expect(lines.locator("[data-line=dZ2] [data-lit]")).to_have_count(0)


def test_slow_motion_goes_forwards_then_backwards_by_keyboard(page: Page) -> None:
    playground = Playground(page, "#panel=microscope&layers=2,2")
    playground.play()
    playground.wait_for_iteration(50)
    caption = page.locator("#motion-caption")
    current = page.locator("#microscope-lines [aria-current=step]")
    following = playground.button("Next line")
    expect(page.locator("#microscope-lines .line").first).to_be_visible()
    following.focus()
    page.keyboard.press("Enter")
    # Its numbers are those of one iteration: training pauses.
    expect(playground.button("Play")).to_be_visible()
    playground.settle()
    inspected(playground)
    ids, ways = [], []
    total = page.locator("#microscope-lines .line").count()
    for number in range(1, total + 1):
        expect(caption).to_contain_text(f", {number} of {total}: ")
        ids.append(current.get_attribute("data-line"))
        ways.append(current.get_attribute("data-way"))
        expect(current).to_be_in_viewport()
        page.keyboard.press("Enter")
    assert ids[:3] == ["X", "Z1", "A1"]
    assert ids[8:12] == ["J", "dZ3", "dW3", "db3"]
    assert [way for way, _ in itertools.groupby(ways)] == ["forward", "backward", "update"]
    expect(following).to_be_focused()
    expect(caption).to_contain_text(f"{total} of {total}")
    playground.button("Line before").focus()
    page.keyboard.press("Enter")
    expect(caption).to_contain_text(f"Update, {total - 1} of {total}")
    # On the way back the edges are lit in its colour.
    page.get_by_role("button", name="End", exact=True).click()
    expect(current).to_have_count(0)
    expect(caption).to_have_text("")

    page.evaluate(
        """() => {
          const caption = document.getElementById('motion-caption');
          window.captions = new Set();
          new MutationObserver(() => window.captions.add(caption.textContent.split(' of')[0]))
            .observe(caption, { childList: true, characterData: true, subtree: true });
        }"""
    )
    playground.button("Play in slow motion").press("Enter")
    until(page, lambda: page.evaluate("window.captions.size") >= 2, "it does not go on")
    assert page.evaluate("[...window.captions].slice(0, 2)") == ["Forward, 1", "Forward, 2"]
    playground.button("Pause slow motion").press("Enter")
    now = caption.inner_text()
    expect(playground.button("Play in slow motion")).to_be_focused()
    page.wait_for_timeout(3200)  # Longer than a line takes.
    assert caption.inner_text() == now


@pytest.mark.parametrize("context_options", [{"reduced_motion": "reduce"}])
def test_with_reduced_motion_nothing_plays_by_itself(page: Page) -> None:
    playground = Playground(page, "#panel=microscope")
    expect(page.locator("#microscope-lines .line").first).to_be_visible()
    expect(page.locator("#motion-play")).to_be_hidden()
    expect(page.locator("#motion-caption")).to_have_text("Line by line, at your own pace.")
    playground.button("Next line").click()
    playground.button("Next line").click()
    expect(page.locator("#motion-caption")).to_contain_text("Forward, 2 of")
    playground.button("Line before").click()
    expect(page.locator("#motion-caption")).to_contain_text("Forward, 1 of")


def test_an_example_a_point_and_a_label_of_ones_own(page: Page) -> None:
    playground = Playground(page, "#panel=microscope")
    configured = playground.wire.of_type("configured", sent=False)[0]
    points = configured["data"]["points"]
    title, note = page.locator("#aim-title"), page.locator("#microscope-note")
    expect(title).to_have_text("Whole batch")
    lines = inspected(playground)
    plane = page.locator("#boundary .plane").bounding_box()
    assert plane is not None

    def click(x: float, y: float) -> None:
        page.mouse.click(
            plane["x"] + (x + 6.6) / 13.2 * plane["width"],
            plane["y"] + (6.6 - y) / 13.2 * plane["height"],
        )

    click(*points[7])
    # Of points so near to one another that a click may mean either, it means the nearest.
    expect(title).to_have_text(re.compile(r"^Example "))
    number = int(title.inner_text().split()[1])
    assert np.hypot(*(np.array(points[number - 1]) - points[7])) < 0.2
    expect(page.locator("#aimed span")).to_be_visible()
    playground.button("Next example").click()
    expect(title).to_have_text(f"Example {number % len(points) + 1}")
    playground.enter("Example number", "999")
    expect(page.locator("#aim-number-problem")).to_contain_text("from 1 to 200")

    click(6.3, 6.3)
    expect(title).to_have_text("A point of the plane")
    expect(note).to_contain_text("Without a label there is no loss")
    expect(lines.last).to_have_attribute("data-line", "A2")
    playground.enter("Label y", "1")
    expect(lines.last).to_have_attribute("data-line", "b2")
    expect(note).to_have_text("")
    question = playground.wire.of_type("inspect", sent=True)[-1]
    np.testing.assert_allclose(question["point"], [6.3, 6.3], atol=0.05)
    assert question["label"] == 1
    playground.enter("Label y", "0.5")
    expect(page.locator("#aim-label-problem")).to_contain_text("0 or 1")

    # A column of a strip is an example too.
    playground.choose("Look at", "Batch")
    strip = page.locator("[data-line=X] .strip")
    box = strip.bounding_box()
    assert box is not None
    examples = playground.wire.of_type("inspection", sent=False)[-1]["examples"]
    page.mouse.click(box["x"] + box["width"] * 10.5 / 150, box["y"] + 4)
    expect(title).to_have_text(f"Example {configured['data']['split']['train'][10] + 1}")
    assert examples is None or examples[10] == configured["data"]["split"]["train"][10]

    # What is no more cannot be looked at.
    playground.enter("Example number", "200")
    playground.enter("Examples", "50")
    expect(title).to_have_text("Whole batch")
    expect(playground.notice).not_to_contain_text("example")


def test_what_it_cannot_show_it_says(page: Page) -> None:
    playground = Playground(page, "#panel=microscope&layers=16,16,16,16,16,16&init=xavier")
    verdict, note = page.locator("#microscope-verdict"), page.locator("#microscope-note")
    expect(verdict).to_have_text("Gradients not compared")
    expect(note).to_contain_text("choose one example")
    playground.choose("Look at", "Example")
    expect(verdict).to_have_text("All 14 gradients agree with finite differences")
    # A matrix too large to be read at once is opened on demand, and elided.
    page.goto("#panel=microscope&dataset=plane&rate=100&layers=4&activation=relu&init=he")
    playground.choose("Look at", "Batch")
    playground.button("Play").click()
    expect(playground.notice).to_contain_text("Diverged")
    expect(note).to_contain_text("This run has diverged")
    expect(page.locator("[data-way=update]")).to_have_count(0)
    page.goto("#panel=microscope&dataset=own")
    expect(note).to_contain_text("points")


def cell(page: Page, name: str) -> Locator:
    return page.get_by_role("textbox", name=name, exact=True)


def test_check_my_numbers_right_and_wrong(page: Page) -> None:
    playground = Playground(page, "#panel=microscope&layers=2&init=xavier&dataset=xor")
    inspected(playground)
    playground.choose("Microscope", "Check my numbers")
    said, check = page.locator("#by-hand-verdict"), playground.button("Check")
    form = page.locator("#microscope-check")
    expect(page.locator("#microscope-lines")).to_be_hidden()
    check.click()
    expect(said).to_contain_text("Nothing to compare yet")

    # w = (0.5, −0.25), b = 0, x = (1, 2), y = 1: z = 0, a = 1/2, dz = −1/2, dw = x dz, db = dz.
    cell(page, "dW[1] row 1 column 1").fill("−0.5")
    cell(page, "dW[1] row 2 column 1").fill("1")
    cell(page, "db[1]").fill("-0.5")
    cell(page, "J").fill("0.693")
    check.click()
    expect(said).to_contain_text("1 of 4 numbers differs. The first is dW[1] of input 2")
    expect(said).to_contain_text("yours is 1, ours is -1")
    wrong = cell(page, "dW[1] row 2 column 1")
    expect(wrong).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#microscope-check [aria-invalid]")).to_have_count(1)
    wrong.fill("-1")
    wrong.press("Enter")
    expect(said).to_have_text("All 4 numbers are right.")
    expect(page.locator("#microscope-check [aria-invalid]")).to_have_count(0)
    cell(page, "b[1]").fill("")
    check.click()
    expect(said).to_contain_text("b[1] is empty")
    cell(page, "b[1]").fill("nought")
    check.click()
    expect(said).to_contain_text("b[1] must be a number")
    expect(cell(page, "b[1]")).to_have_attribute("aria-invalid", "true")

    # The network as it is, with what stands in its fields.
    playground.button("The network as it is").click()
    expect(form.get_by_label("Examples")).to_have_value("3")

    def given(name: str, rows: int, columns: int) -> np.ndarray:
        """What the fields of a matrix hold."""
        fields = page.get_by_role("group", name=name, exact=True).get_by_role("textbox")
        values = fields.evaluate_all("all => all.map(({ value }) => Number(value))")
        return np.array(values).reshape(rows, columns)

    W = [given("W[1]", 2, 2), given("W[2]", 2, 1)]
    b = [given("b[1]", 2, 1), given("b[2]", 1, 1)]
    terms, _ = computed(given("X", 2, 3), given("Y", 1, 3), W, b, ["tanh", "sigmoid"])
    for i, j in np.ndindex(2, 2):
        cell(page, f"dW[1] row {i + 1} column {j + 1}").fill(f"{terms['dW[1]'][i, j]:.5f}")
    cell(page, "J").fill(f"{terms['J'][0, 0]:.5f}")
    for i, j in np.ndindex(2, 3):
        cell(page, f"A[1] row {i + 1} column {j + 1}").fill(f"{terms['A[1]'][i, j]:.5f}")
    check.click()
    expect(said).to_have_text("All 11 numbers are right.")
    cell(page, "A[1] row 2 column 3").fill("7")
    cell(page, "J").fill("7")
    check.click()
    expect(said).to_contain_text(
        "2 of 11 numbers differ. The first is A[1] of unit 2 and example 3"
    )
    form.get_by_label("Activation").select_option("relu")
    expect(said).to_have_text("")
    form.get_by_label("Hidden units").select_option("none")
    expect(page.get_by_role("group", name="W[2]", exact=True)).to_have_count(0)


@AT_REST
def test_axe_finds_nothing_in_the_microscope(page: Page) -> None:
    playground = Playground(page, "#panel=microscope&l1=0.01&layers=3")
    inspected(playground)
    playground.choose("Look at", "Example")
    expect(page.locator("[data-line=Z1] mtd").first).to_be_visible()
    for button in page.locator("#microscope-lines .why").all():
        button.click()
    playground.button("Next line").click()
    for look in looks(page):
        assert violations(page, ".drawer", look) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        small = page.locator("#microscope button").evaluate_all(
            """(all) => all.filter((button) => button.offsetParent)
              .map((button) => button.getBoundingClientRect())
              .filter(({ width, height }) => width < 24 || height < 24).length"""
        )
        assert small == 0
    playground.choose("Microscope", "Check my numbers")
    cell(page, "J").fill("1")
    playground.button("Check").click()
    expect(page.locator("#by-hand-verdict")).to_contain_text("differs", timeout=PATIENCE)
    assert violations_in_all_looks(page, ".drawer") == []
