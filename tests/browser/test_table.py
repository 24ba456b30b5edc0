"""Points from a table: pasted, chosen or dropped; bad rows listed, good ones kept; as a file."""

from __future__ import annotations

import csv
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.conftest import Guard
from tests.browser.playground import Playground

TABLE = """person;height;weight;likes it
a;1.70;60;no
b;1.80;80;yes
c;tall;70;no
d;1.65;55;no
e;1.90;95;yes
f;1.75;;yes
"""


def test_a_pasted_table_becomes_points(page: Page, tmp_path: Path) -> None:
    playground = Playground(page)
    playground.button("From a table").click()
    dialog = page.get_by_role("dialog", name="Points from a table")
    text = dialog.get_by_role("textbox", name="Paste a table")
    use = dialog.get_by_role("button", name="Use these points")
    text.fill("hello")
    expect(dialog.get_by_role("alert")).to_contain_text("needs 3 columns")
    expect(use).to_be_disabled()

    text.fill(TABLE)
    expect(dialog.get_by_role("combobox", name="Label")).to_have_value("3")
    expect(dialog.get_by_role("status")).to_have_text("4 points; “no” is y = 0, “yes” is y = 1.")
    bad = dialog.locator("#table-bad")
    expect(bad.locator("summary")).to_have_text("2 rows are left out")
    bad.locator("summary").click()
    expect(bad.locator("li").first).to_contain_text("Line 4: height is 'tall', not a number")
    expect(dialog.get_by_role("checkbox")).to_be_checked()
    expect(dialog).to_contain_text("x₁ becomes (x₁ − 1.775) · 40")
    use.click()
    expect(dialog).to_be_hidden()
    data = playground.last_configure()["data"]
    assert data["labels"] == [0, 1, 0, 1]
    assert max(abs(value) for point in data["points"] for value in point) == 5
    expect(page.locator("#own-count")).to_have_text("4 points: 2 of y = 1, 2 of y = 0.")

    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    target = tmp_path / "data.csv"
    download.value.save_as(target)
    with target.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4
    assert {row["split"] for row in rows} == {"train", "test"}

    playground.button("Undo").click()
    expect(playground.radio("Dataset", "circle")).to_be_checked()


def test_a_file_other_columns_and_a_regression(page: Page, guard: Guard) -> None:
    guard.expect("422")  # Forty labels are no two classes: the browser notes the answer.
    playground = Playground(page)
    playground.button("From a table").click()
    dialog = page.get_by_role("dialog", name="Points from a table")
    table = "\n".join(f"{i / 10},{(i * 7) % 11 / 3 - 2:.2f},{i * 0.25}" for i in range(40))
    dialog.locator("#table-file").set_input_files(
        {"name": "points.csv", "mimeType": "text/csv", "buffer": table.encode()}
    )
    expect(dialog.locator("#table-name")).to_have_text("points.csv")
    expect(dialog.get_by_role("alert")).not_to_be_empty()
    dialog.get_by_role("combobox", name="Problem").select_option("regression")
    expect(dialog.get_by_role("status")).to_have_text("40 points.")
    dialog.get_by_role("combobox", name="x₁").select_option("1")
    dialog.get_by_role("combobox", name="x₂").select_option("0")
    expect(dialog.locator("th.chosen")).to_have_count(3)
    expect(dialog.get_by_role("checkbox")).not_to_be_checked()
    dialog.get_by_role("button", name="Use these points").click()
    data = playground.last_configure()["data"]
    assert data["task"] == "regression"
    assert data["points"][1] == [0.33, 0.1]
    assert data["labels"][:3] == [0, 0.25, 0.5]


def test_a_dropped_file_opens_the_dialog(page: Page) -> None:
    Playground(page)
    page.evaluate(
        """() => {
          const files = new DataTransfer();
          files.items.add(new File(['1,2,0\\n3,4,1\\n5,1,0\\n'], 'dropped.csv'));
          const how = { dataTransfer: files, bubbles: true, cancelable: true };
          const drop = new DragEvent('drop', how);
          document.querySelector('.data').dispatchEvent(drop);
        }"""
    )
    dialog = page.get_by_role("dialog", name="Points from a table")
    expect(dialog.get_by_role("status")).to_contain_text("3 points")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
