"""A run's report draws its figures under its own policy, in reach of nothing else."""

from __future__ import annotations

import json
from urllib.request import Request, urlopen

from playwright.sync_api import Page, expect

from tests.browser.harness import Server


def test_the_report_draws_itself_and_reaches_nothing(page: Page, server: Server) -> None:
    request = Request(
        f"{server.url}train?wait=30",
        json.dumps({"training": {"iterations": 200}}).encode(),
        {"Content-Type": "application/json"},
    )
    with urlopen(request) as answer:
        run = json.load(answer)["id"]
    page.goto(f"/train/{run}/report")
    expect(page.locator("#cost .scatterlayer .js-line")).to_have_count(1)
    expect(page.locator("#boundary .contourlayer path").first).to_be_attached()
    # Of lines only that of one half, as on the page.
    widths = page.locator("#boundary .contourlines path").evaluate_all(
        "(paths) => paths.map((path) => getComputedStyle(path).strokeWidth)"
    )
    assert set(widths) - {"0px"} == {"2px"}
    expect(page.locator("#boundary .scatterlayer .trace")).to_have_count(4)
    expect(page.get_by_role("heading", level=1)).to_have_text("circle")
    # Sandboxed, it is a stranger to the page that it was made for.
    assert page.evaluate("self.origin") == "null"
