"""Points from a table: pasted, chosen or dropped; bad rows listed, good ones kept; as a file."""

from __future__ import annotations

import csv
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import VIEWPORT, Guard
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
    expect(dialog.locator("#table-said")).to_contain_text("Left out for a missing value: 1.")
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
    # With one column of numbers alone the other axis is another one, and that it is none is said.
    dialog.locator("#table-text").fill("name,mass,kind\nu,1,a\nv,2,b\nw,3,a\n")
    expect(dialog.get_by_role("alert")).to_contain_text("name is 'u', not a number")
    expect(dialog.get_by_role("combobox", name="x₁")).to_have_value("1")
    expect(dialog.get_by_role("combobox", name="x₂")).to_have_value("0")
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


def choose(dialog: Locator, name: str, content: bytes) -> None:
    """A file, as its bytes are."""
    dialog.locator("#table-file").set_input_files(
        {"name": name, "mimeType": "text/csv", "buffer": content}
    )


def test_what_was_understood_is_said_changed_and_kept(
    page: Page, guard: Guard, tmp_path: Path
) -> None:
    guard.expect("422")  # A table with a header alone.
    playground = Playground(page)
    playground.button("From a table").click()
    dialog = page.get_by_role("dialog", name="Points from a table")
    status, alert, said = (
        dialog.get_by_role("status"),
        dialog.get_by_role("alert"),
        dialog.locator("#table-said"),
    )
    # In UTF-16, as Excel's "Unicode text", and without a mark in windows-1252.
    table = "größe (cm)\tbreite\ttier\n1,250\t2.5\tBär\n950\t1.5\tMöwe\n1,100\t2.0\tLuchs\n"
    choose(dialog, "tiere.txt", table.encode("utf-16"))
    expect(dialog.get_by_role("combobox", name="x₁")).to_contain_text("größe (cm)")
    expect(status).to_have_text("3 points; “not Bär” is y = 0, “Bär” is y = 1.")
    expect(said).to_contain_text("größe (cm): “1,250” is read as 1250; it could be 1.25, too")
    expect(said).to_contain_text("Separated by tabs, written in utf-16.")
    # On a phone on its side it is seen at once, however long the text above it is.
    page.set_viewport_size({"width": 844, "height": 390})
    choose(dialog, "tiere.txt", table.encode("utf-16"))
    expect(status).to_be_in_viewport(ratio=1)
    page.set_viewport_size(VIEWPORT)

    # What is new and wrong stands alone: no summary of what was before.
    choose(dialog, "empty.csv", b"")
    expect(alert).to_have_text("empty.csv is empty.")
    expect(status).to_be_hidden()
    choose(dialog, "tiere.csv", table.replace("\t", ";").encode("cp1252"))
    expect(status).to_contain_text("Bär")
    choose(dialog, "header.csv", b"x1,x2,label\n")
    expect(alert).to_contain_text("header")
    expect(status).to_be_hidden()

    choose(dialog, "tiere.csv", table.replace("\t", ";").encode("cp1252"))
    header = dialog.get_by_role("switch", name="First row is a header")
    expect(header).to_be_checked()
    header.uncheck()
    expect(dialog.locator("#table-bad summary")).to_have_text("1 row is left out")
    header.check()
    expect(dialog.locator("#table-bad")).to_be_hidden()
    dialog.get_by_role("combobox", name="Decimals").select_option(",")
    # 2.5 is no number where a comma is the sign of decimals.
    expect(alert).to_contain_text("breite is '2.5', not a number")
    expect(status).to_be_empty()
    dialog.get_by_role("combobox", name="Decimals").select_option(".")
    expect(status).to_have_text("3 points; “not Bär” is y = 0, “Bär” is y = 1.")
    expect(said).not_to_contain_text("could be")
    dialog.locator("#table-zero").select_option("Möwe")
    dialog.locator("#table-one").select_option("Luchs")
    expect(status).to_have_text("2 points; “Möwe” is y = 0, “Luchs” is y = 1.")
    expect(said).to_contain_text("Left out for another class: 1.")
    dialog.get_by_role("button", name="Use these points").click()

    origin = {
        "axes": [
            {"name": "größe (cm)", "center": 1025, "scale": 10 / 150},
            {"name": "breite", "center": 1.75, "scale": 20},
        ],
        "label": "tier",
        "classes": ["Möwe", "Luchs"],
    }
    assert playground.last_configure()["data"]["origin"] == origin
    ticks = page.locator("#boundary .xtick text")
    expect(ticks.first).to_have_text("950")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    target = tmp_path / "data.csv"
    download.value.save_as(target)
    with target.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["größe (cm)"] for row in rows] == ["950.0", "1100.0"]
    assert [row["tier"] for row in rows] == ["Möwe", "Luchs"]
    page.reload()
    expect(ticks.first).to_have_text("950")
    assert playground.last_configure()["data"]["origin"] == origin


def test_a_dropped_file_opens_the_dialog(page: Page) -> None:
    Playground(page)
    for place in (".data", "#boundary"):
        page.evaluate(
            """(place) => {
              const files = new DataTransfer();
              files.items.add(new File(['1,2,0\\n3,4,1\\n5,1,0\\n'], 'dropped.csv'));
              const how = { dataTransfer: files, bubbles: true, cancelable: true };
              const drop = new DragEvent('drop', how);
              document.querySelector(place).dispatchEvent(drop);
            }""",
            place,
        )
        dialog = page.get_by_role("dialog", name="Points from a table")
        expect(dialog.get_by_role("status")).to_contain_text("3 points")
        page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()
