"""The documentation on the server itself: every page, every link, nothing from elsewhere."""

import re
from functools import cache
from pathlib import Path

from fastapi.testclient import TestClient

from app.content.documents import DOCUMENTS, documents, sections

WRITTEN = sorted(path.stem for path in DOCUMENTS.glob("*.md"))
DECISIONS = sorted(path.stem for path in (DOCUMENTS / "decisions").glob("0*.md"))


def test_every_page_is_there_with_its_tables_and_leads_to_all_others(inline: TestClient) -> None:
    for name in WRITTEN:
        page = inline.get(f"/help/{name}")
        assert page.status_code == 200
        for other in [*WRITTEN, "decisions"]:
            assert f'href="/help/{other}"' in page.text
        assert page.text.count("<table>") == len(
            re.findall(r"(?m)^\|[-|: ]+\|$", (DOCUMENTS / f"{name}.md").read_text("utf-8"))
        )
    for begin in ("/help", "/help/", "/help/using/"):
        assert inline.get(begin).text == inline.get("/help/using").text
    for name in ("none", "README", "using.md", "decisions/none", "decisions/README", "../app"):
        assert inline.get(f"/help/{name}").status_code == 404
    missing = inline.get("/help/none", headers={"accept": "text/html"})
    assert "the documentation has no page" in missing.text.lower()


def test_decisions_are_listed_for_those_who_read_one_of_them(inline: TestClient) -> None:
    contents = inline.get("/help/decisions").text
    one = inline.get(f"/help/decisions/{DECISIONS[0]}").text
    for name in DECISIONS:
        listed = f'<li class="within"><a href="/help/decisions/{name}"'
        assert listed in contents
        assert listed in one
        assert listed not in inline.get("/help/using").text


def test_every_link_within_leads_somewhere(inline: TestClient) -> None:
    @cache
    def text_of(path: str) -> str:
        page = inline.get(path)
        assert page.status_code == 200, path
        return page.text

    for name in documents():
        page = text_of(f"/help/{name}")
        assert f'href="/help/{name}" aria-current="page"' in page
        for to in re.findall(r'href="([^"]*)"', page):
            path, _, place = to.partition("#")
            if re.match(r"https?:", path):
                continue
            there = text_of(path) if path else page
            assert not place or there.count(f' id="{place}"') == 1, (name, to)


def test_headings_can_be_looked_for(inline: TestClient) -> None:
    listed = inline.get("/help/headings.json").json()
    assert [page["title"] for page in listed] == [page.title for page in documents().values()]
    for page in listed:
        text = inline.get(page["address"]).text
        for words, anchor in page["headings"]:
            assert text.count(f' id="{anchor}"') == 1, (page["address"], words)


def test_what_a_document_says_is_no_html_and_leads_to_nothing_that_is_not_here(
    tmp_path: Path,
) -> None:
    (tmp_path / "decisions").mkdir()
    (tmp_path / "one.md").write_text(
        "# One\n\n## Twice `x`\n\n## Twice x\n\n<script>alert(1)</script>\n\n"
        "[up](../README.md) [out](https://a.example/b.md) [bad](javascript:alert(1)) "
        "[api](/docs) [in](decisions/0001-two.md#a-b) [all](decisions/README.md) "
        "[code](decisions/x.py) [**bold**](../app/main.py) [here](#twice-x)\n\n"
        "```\n<b>\n```\n\n| a |\n|---|\n| <i> |\n"
    )
    (tmp_path / "decisions" / "README.md").write_text("# All\n\n[two](0001-two.md)\n")
    (tmp_path / "decisions" / "0001-two.md").write_text(
        "# Two\n\n[one](../one.md) ![picture](../images/a.png)\n"
    )
    made = documents(tmp_path)
    assert list(made) == ["decisions", "decisions/0001-two", "one"]
    one, two = made["one"], made["decisions/0001-two"]
    assert [(part.text, part.anchor) for part in one.parts] == [
        ("Twice x", "twice-x"),
        ("Twice x", "twice-x-1"),
    ]
    for raw in ("<script", "<b>", "<i>", 'javascript:"'):
        assert raw not in one.html
    assert re.findall(r'href="([^"]*)"', one.html) == [
        *("https://a.example/b.md", "/docs", "/help/decisions/0001-two#a-b", "/help/decisions"),
        "#twice-x",
    ]
    assert "up <a" in one.html
    assert "code <strong>bold</strong> <a" in one.html
    assert 'href="/help/one"' in two.html
    assert 'src="/help/images/a.png"' in two.html
    assert [page.name for page in sections(one, made)["How it is made"]] == ["decisions", "one"]


def test_pictures_are_the_servers_own(inline: TestClient) -> None:
    shown = [
        source
        for document in documents().values()
        for source in re.findall(r'<img src="([^"]*)"', document.html)
    ]
    assert shown
    for source in shown:
        answer = inline.get(source)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png"), source
    assert inline.get("/help/images/../classroom.md").status_code == 404
    assert inline.get("/help/images/none.png").status_code == 404
