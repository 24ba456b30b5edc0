"""Formula, programs and files to take away, and parameters to bring back, are the session's own."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import APIResponse, Page, Route, expect

from tests.browser.conftest import Guard
from tests.browser.playground import Playground, until
from tests.browser.test_parameters import layers


def download(page: Page, name: str, folder: Path) -> Path:
    """Press a link of the panel, and keep what comes."""
    with page.expect_download() as coming:
        page.get_by_role("link", name=name, exact=True).click()
    path = folder / coming.value.suggested_filename
    coming.value.save_as(path)
    return path


def dropped(page: Page, path: Path) -> None:
    """Drop a file on the files of the panel."""
    page.locator(".files").evaluate(
        """(place, [name, bytes]) => {
          const files = new DataTransfer();
          files.items.add(new File([new Uint8Array(bytes)], name));
          const how = { bubbles: true, cancelable: true, dataTransfer: files };
          place.dispatchEvent(new DragEvent('dragover', how));
          place.dispatchEvent(new DragEvent('drop', how));
        }""",
        [path.name, list(path.read_bytes())],
    )


def test_the_formula_and_the_programs(page: Page, tmp_path: Path) -> None:
    playground = Playground(page, "#layers=2&panel=code")
    playground.play()
    playground.wait_for_iteration(100)
    playground.pause()
    lines = page.locator("#formulas .sum")
    expect(lines).to_have_count(3)
    first, second = layers(playground)
    numbers = [
        float(text) for text in page.locator("#formulas mn.p, #formulas mn.n").all_text_contents()
    ]
    expected = [
        value
        for layer in (first, second)
        for unit, bias in enumerate(layer["biases"])
        for value in (*(row[unit] for row in layer["weights"]), bias)
    ]
    np.testing.assert_allclose(numbers, np.abs(expected), atol=0.005)

    # NumPy's program, as shown, is as of this iteration and ends at its cost.
    expect(page.locator("#program-about")).to_have_text(f"as of iteration {playground.iteration:,}")
    expect(page.locator("#program")).to_contain_text("import numpy")
    program = tmp_path / "program.py"
    program.write_text(page.locator("#program").inner_text(), encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, program], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert ran.returncode == 0, ran.stderr
    (said,) = re.findall(r"train: cost (\S+)", ran.stdout)
    assert float(said) == pytest.approx(playground.cost, abs=1e-5)
    with page.expect_download() as coming:
        page.locator("#program-download").click()
    assert (
        coming.value.path().read_text(encoding="utf-8").split()
        == program.read_text(encoding="utf-8").split()
    )
    for language, word in (("scikit-learn", "sklearn"), ("PyTorch", "torch"), ("Formula", "tanh")):
        playground.choose("Language", language)
        expect(page.locator("#program")).to_contain_text(word)
    # What is shown follows an edit: a number of the formula is in the reader's hand, too.
    page.locator("#formulas .number").first.click()
    page.locator("#parameter-value").fill("0.12345")
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    expect(page.locator("#program")).to_contain_text("0.12345")
    playground.keep_notes()
    page.get_by_role("button", name="Copy").click()
    expect(playground.notice).to_contain_text("opied")


def test_a_program_that_comes_late_says_of_which_iteration_it_is(page: Page) -> None:
    held: list[tuple[Route, APIResponse]] = []

    def hold(route: Route) -> None:
        held.append((route, route.fetch()))

    playground = Playground(page, "#layers=2")
    page.route("**/code/numpy", hold, times=1)
    page.get_by_role("tab", name="Formula & code").click()
    until(page, lambda: held, "the program is not asked for")
    playground.play()
    playground.wait_for_iteration(100)
    [(route, answer)] = held
    route.fulfill(response=answer)
    about, program = page.locator("#program-about"), page.locator("#program")
    expect(program).to_contain_text("ITERATIONS = 0\n")
    expect(about).to_have_text("as of iteration 0")
    # Asked for anew while it trains, it is of that moment.
    page.locator("#program-update").click()
    expect(program).not_to_contain_text("ITERATIONS = 0\n")
    (said,) = re.findall(r"ITERATIONS = (\d+)\n", program.inner_text())
    expect(about).to_have_text(f"as of iteration {int(said):,}")
    playground.pause()
    expect(about).to_have_text(f"as of iteration {playground.iteration:,}")
    expect(program).to_contain_text(f"ITERATIONS = {playground.iteration}\n")


def test_parameters_go_out_and_come_back(page: Page, guard: Guard, tmp_path: Path) -> None:
    guard.expect(r"status of 422")
    playground = Playground(page, "#layers=3&panel=code")
    playground.keep_notes()
    playground.play()
    playground.wait_for_iteration(50)
    playground.pause()
    trained = layers(playground)
    files = {
        kind: download(page, f"Parameters as {kind}", tmp_path)
        for kind in ("JSON", "CSV", "npz", "safetensors", "ONNX")
    }
    for name in (
        "Data and split as CSV",
        "Costs as CSV",
        "Report as HTML",
        "Notebook as Jupyter",
    ):
        assert download(page, name, tmp_path).stat().st_size > 100

    # Each loads again, to the bit, as the start of another run.
    chooser = page.locator("#parameters-file")
    for kind, path in files.items():
        page.evaluate("location.hash = '#layers=3&panel=code'")
        until(page, lambda: "parameters" not in playground.last_configure()["runs"][0]["network"])
        if kind == "ONNX":
            dropped(page, path)
        else:
            chooser.set_input_files(path)
        expect(playground.notice).to_contain_text("Training starts from the parameters in")
        until(page, lambda: "parameters" in playground.last_configure()["runs"][0]["network"])
        answer = playground.wire.of_type("configured", sent=False)[-1]["runs"][0]["layers"]
        for layer, was in zip(answer, trained, strict=True):
            assert layer["weights"] == was["weights"], kind
            assert layer["biases"] == was["biases"], kind
        expect(page.locator("#loaded")).to_contain_text("Reset goes back to loaded parameters")
        # Until then the next address would be the one there is, and no change.
        expect(page).to_have_url(re.compile("parameters="))

    # Another network is offered to change; what cannot fit says why; nothing is lost meanwhile.
    page.evaluate("location.hash = '#layers=5,2&activation=relu&panel=code'")
    until(page, lambda: len(playground.last_configure()["runs"][0]["network"]["layers"]) == 2)
    before = playground.last_configure()
    chooser.set_input_files(files["JSON"])
    expect(page.locator("#loaded")).to_contain_text("has 2-3-1 units, yours 2-5-2-1")
    assert playground.last_configure() == before
    page.get_by_role("button", name="Change the network to the file's").click()
    expect(playground.field("Hidden units in layer 1")).to_have_value("3")
    network = playground.last_configure()["runs"][0]["network"]
    assert network["layers"] == [{"units": 3, "activation": "tanh"}]
    page.get_by_role("button", name="Draw them instead").click()
    until(page, lambda: "parameters" not in playground.last_configure()["runs"][0]["network"])

    page.evaluate("location.hash = '#layers=3&features=x1&panel=code'")
    until(page, lambda: playground.last_configure()["data"]["features"] == ["x1"])
    chooser.set_input_files(files["npz"])
    expect(page.locator("#loaded")).to_contain_text("takes 2 inputs, yours 1")
    steep = tmp_path / "steep.json"
    steep.write_text(
        json.dumps(
            {
                "layers": [
                    {"weights": [[1, 2, 3]], "biases": [0, 0, 0], "activation": "tanh"},
                    {"weights": [[1], [2], [3]], "biases": [0], "activation": "tanh"},
                ]
            }
        )
    )
    chooser.set_input_files(steep)
    expect(playground.notice).to_contain_text("Its output is tanh; here it is sigmoid.")
    bad = tmp_path / "bad.json"
    bad.write_text(json.dumps({"layers": [{"weights": [[1, 2], [3]], "biases": [0]}]}))
    chooser.set_input_files(bad)
    expect(page.locator("#loaded .wrong")).to_contain_text("bad.json could not be read:")
    other = tmp_path / "points.txt"
    other.write_text("1,2,3")
    chooser.set_input_files(other)
    expect(page.locator("#loaded .wrong")).to_contain_text("none of the files that can be loaded")
