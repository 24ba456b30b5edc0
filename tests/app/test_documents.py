"""The documentation on the server itself: every page, every link, nothing from elsewhere."""

import re

from fastapi.testclient import TestClient

from app.content.documents import DOCUMENTS, documents

WRITTEN = sorted(path.stem for path in DOCUMENTS.glob("*.md"))


def test_every_page_is_there_with_its_tables_and_leads_to_all_others(inline: TestClient) -> None:
    for name in WRITTEN:
        page = inline.get(f"/help/{name}")
        assert page.status_code == 200
        for other in WRITTEN:
            assert f'href="/help/{other}"' in page.text
        assert page.text.count("<table tabindex") == len(
            re.findall(r"(?m)^\|[-|: ]+\|$", (DOCUMENTS / f"{name}.md").read_text("utf-8"))
        )
    assert inline.get("/help").text == inline.get("/help/using").text
    assert inline.get("/help/none").status_code == 404


def test_every_link_within_leads_somewhere(inline: TestClient) -> None:
    for name, document in documents().items():
        for to in re.findall(r'href="([^"]*)"', document.html):
            path, _, place = to.partition("#")
            if re.match(r"https?:", path):
                continue
            page = inline.get(path or f"/help/{name}")
            assert page.status_code == 200, (name, to)
            assert not place or f'id="{place}"' in page.text, (name, to)


def test_what_a_document_says_is_no_html(inline: TestClient) -> None:
    for document in documents().values():
        assert "<script" not in document.html
        assert "<img" not in document.html
