"""The history of runs: what each was and became, kept in the browser."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from tests.browser.playground import Playground
from tests.browser.test_accessibility import violations


def rows(page: Page) -> Locator:
    return page.locator("#runs tbody tr")


def train(playground: Playground, least: int = 60) -> None:
    playground.play()
    playground.wait_for_iteration(least)
    playground.pause()


def test_runs_are_kept_named_compared_restored_and_deleted(page: Page, tmp_path: Path) -> None:
    playground = Playground(page, "#panel=runs")
    playground.wait_for_plots()
    expect(page.get_by_text("No runs yet.")).to_be_visible()
    assert violations(page, "#panel-runs") == []
    train(playground)
    cost, iterations = playground.cost, playground.iteration
    playground.choose("Activation", "ReLU")
    expect(rows(page)).to_have_count(1)
    row = rows(page).first
    expect(row).to_contain_text("circle, tanh 2-4-1, α 0.3")
    expect(row.locator('[data-label="Cost"]')).to_have_text(f"{cost:.4f}")
    expect(row.locator('[data-label="Iterations"]')).to_have_text(f"{iterations:,}")
    pixels = playground.pixels("#runs canvas")
    assert pixels.std() > 0
    playground.begun()

    train(playground)
    playground.choose("Dataset", "xor")
    expect(rows(page)).to_have_count(2)
    expect(rows(page).first).to_contain_text("circle, ReLU")
    # A few iterations are a mere try.
    playground.begun()
    playground.step(2)
    playground.choose("Dataset", "circle")
    expect(rows(page)).to_have_count(2)

    name = rows(page).nth(1).locator(".name")
    name.fill('=the "good" one')
    name.press("Enter")
    page.get_by_role("checkbox", name='Compare =the "good" one').check()
    expect(playground.ghosts.filter(has_text="good")).to_have_count(1)
    # One rule below each row: its cells end where it does.
    ends = rows(page).evaluate_all(
        """all => all.map((row) =>
          [...row.children].map((cell) => cell.getBoundingClientRect().bottom))"""
    )
    assert all(max(row) - min(row) < 0.5 for row in ends)
    playground.button("Clear earlier runs").click()
    expect(playground.ghosts).to_have_count(0)
    expect(page.get_by_role("checkbox", name='Compare =the "good" one')).not_to_be_checked()
    assert violations(page, "#panel-runs") == []

    with page.expect_download() as download:
        playground.button("Export all as CSV").click()
    path = tmp_path / "runs.csv"
    download.value.save_as(path)
    assert download.value.suggested_filename == "shallows-runs.csv"
    table = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
    assert [record["name"] for record in table] == ["", '\'=the "good" one']
    assert float(table[1]["cost"]) == cost
    assert int(table[1]["iterations"]) == iterations

    rows(page).nth(1).get_by_role("button", name="Delete").click()
    expect(rows(page)).to_have_count(1)
    expect(playground.button("Undo the deletion")).to_be_focused()
    page.keyboard.press("Enter")
    expect(rows(page)).to_have_count(2)
    expect(rows(page).nth(1).locator(".name")).to_have_value('=the "good" one')

    rows(page).nth(1).get_by_role("button", name="Restore").click()
    expect(playground.radio("Activation", "tanh")).to_be_checked()
    asked = playground.last_configure()
    assert asked["runs"] == playground.wire.of_type("configure", sent=True)[0]["runs"]
    assert asked["data"] == playground.wire.of_type("configure", sent=True)[0]["data"]

    # The same run as before, as far as it goes, is the same one.
    train(playground, iterations + 40)
    further = playground.iteration
    page.reload()
    expect(rows(page)).to_have_count(2)
    expect(rows(page).first.locator(".name")).to_have_value('=the "good" one')
    expect(rows(page).first.locator('[data-label="Iterations"]')).to_have_text(f"{further:,}")


def test_an_end_and_another_learning_rate_are_told(page: Page) -> None:
    playground = Playground(page, "#panel=runs&iterations=40")
    train_to_end = playground.button("Play")
    train_to_end.click()
    expect(rows(page).first).to_contain_text("came to its end")
    expect(rows(page).first.locator('[data-label="Iterations"]')).to_have_text("40")
    # Both before the server can have answered: the rate is that of the run to come.
    page.evaluate(
        """() => {
          document.querySelector('#reset').click();
          const rate = document.querySelector('#learning-rate');
          rate.value = '0.7';
          rate.dispatchEvent(new Event('change', { bubbles: true }));
        }"""
    )
    expect(playground.readout("iteration")).to_have_attribute("value", "0")
    expect(rows(page)).to_have_count(1)
    train_to_end.click()
    expect(rows(page)).to_have_count(2)
    expect(rows(page).first).to_contain_text("α 0.7")


def test_the_oldest_goes_and_what_is_no_run_is_left_out(page: Page) -> None:
    playground = Playground(page, "#panel=runs")
    train(playground)
    playground.choose("Activation", "ReLU")
    expect(rows(page)).to_have_count(1)
    # It is stored at the latest as the page is left.
    page.reload()
    expect(rows(page)).to_have_count(1)
    page.evaluate(
        """() => {
          const [run] = JSON.parse(localStorage.getItem('runs'));
          const old = (_, n) => ({ ...run, id: String(n), name: `old ${n}` });
          const many = Array.from({ length: 49 }, old);
          const rows = [...many, { id: 'x' }, null, { ...run, name: 'oldest' }];
          localStorage.setItem('runs', JSON.stringify(rows));
        }"""
    )
    page.reload()
    expect(rows(page)).to_have_count(50)
    playground.wait_for_plots()
    playground.choose("Activation", "sigmoid")
    train(playground)
    playground.choose("Activation", "tanh")
    expect(rows(page).first).to_contain_text("circle, sigmoid")
    expect(rows(page)).to_have_count(50)
    expect(rows(page).last.locator(".name")).to_have_value("old 48")
