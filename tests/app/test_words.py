"""What a browser shows when an address leads nowhere, and what a program gets."""

import re

import pytest
from fastapi.testclient import TestClient

from app.main import create_app
from tests.app.conftest import settings_for

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
NOWHERE = [("/nothing", 404), ("/train/none", 404), ("/datasets/none", 404), ("/predict", 405)]


@pytest.mark.parametrize(("path", "status"), NOWHERE)
def test_a_browser_reads_words_and_a_program_json(
    inline: TestClient, path: str, status: int
) -> None:
    page, problem = inline.get(path, headers=BROWSER), inline.get(path)
    assert page.status_code == problem.status_code == status
    assert problem.headers["content-type"] == "application/problem+json"
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["content-security-policy"] == problem.headers["content-security-policy"]
    title, detail = problem.json()["title"], problem.json()["detail"]
    assert f"{title}</h1>" in page.text
    assert detail[1:30] in page.text.replace("&#39;", "'")
    assert 'href="/"' in page.text
    for address in re.findall(r'(?:href|src)="(/static[^"]+)"', page.text):
        assert inline.get(address).status_code == 200


def test_nothing_that_was_asked_for_is_taken_for_html(inline: TestClient) -> None:
    page = inline.get("/datasets/<script>alert(1)<", headers=BROWSER)
    assert page.status_code == 404
    assert "<script>alert" not in page.text
    assert "&lt;script&gt;alert" in page.text


def test_a_refusal_before_any_route_is_said_in_words_too() -> None:
    with TestClient(create_app(settings_for("inline", allowed_hosts="class.example"))) as client:
        page = client.get("/", headers=BROWSER)
        assert (page.status_code, page.headers["content-type"][:9]) == (421, "text/html")
        assert "does not answer to that name" in page.text


def test_files_and_pages_are_passed_on_as_they_are(inline: TestClient) -> None:
    for path in ("/", "/datasets/xor", "/docs", "/healthz"):
        assert inline.get(path, headers=BROWSER).content == inline.get(path).content
