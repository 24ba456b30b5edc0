"""A server below a path of a proxy's: what it answers, what it gives out, and which path may be."""

import re
from collections.abc import Iterator

import pytest
from pydantic import SecretStr
from starlette.testclient import TestClient

from app.__main__ import Shutdown, serve
from app.links import server_path
from app.main import create_app
from app.settings import Settings, SettingsError, read_settings
from tests.app.conftest import settings_for, wait_ready
from tests.app.rooms import Class
from tests.app.stream import Stream

ROOT = "/user/j%C3%B6rg@school.example/shallows"
"""As JupyterHub has it for a user of that name."""
CODE = "in a shallow pool"


@pytest.fixture(scope="module")
def below() -> Iterator[TestClient]:
    settings = settings_for("inline", root_path=ROOT, access_code=SecretStr(CODE))
    with TestClient(create_app(settings)) as client:
        wait_ready(client)
        yield client


@pytest.fixture
def known(below: TestClient) -> Iterator[TestClient]:
    """Somebody who has the access code."""
    below.headers["Authorization"] = f"Bearer {CODE}"
    yield below
    del below.headers["Authorization"]
    below.cookies.clear()


@pytest.mark.parametrize("path", ["", "/r/none", "/j", "/help/security", "/docs", "/none"])
def test_pages_are_the_same_with_the_path_and_without_and_lead_nowhere_else(
    known: TestClient, path: str
) -> None:
    # What others say of where it is says nothing.
    said = dict.fromkeys(("X-Forwarded-Prefix", "X-ProxyContextPath", "X-Script-Name"), "/other")
    headers = {"Accept": "text/html", **said}
    kept, cut = (known.get(f"{before}{path}", headers=headers) for before in (ROOT, ""))
    assert kept.text == cut.text
    assert kept.status_code == cut.status_code
    given = re.findall(r'(?:href|src|data-[a-z-]+)="(/[^"]*)"', kept.text)
    assert given
    for address in given:
        assert address.startswith(f"{ROOT}/"), address
    files = [address for address in given if "/static/" in address]
    for address in (files[0], files[-1]):
        assert known.get(address).status_code == 200


def test_what_it_gives_out_begins_with_the_path(known: TestClient) -> None:
    for before in (ROOT, ""):
        run = known.post(f"{before}/train", json={})
        assert run.headers["location"] == f"{ROOT}/train/{run.json()['id']}"
        room = known.post(f"{before}/rooms", json={}).json()
        assert room["join"] == f"{ROOT}/j/{room['code']}"
        assert room["teacher"] == f"{ROOT}/rooms/{room['id']}"
        assert room["screen"] == f"{ROOT}/rooms/{room['id']}/screen"
        described = known.get(f"{before}/openapi.json").json()
        assert described["servers"] == [{"url": ROOT}]
        wrong = known.get(f"{before}/train")
        assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")
        form = known.post(f"{before}/datasets/table", files={"a": b""})
        assert "/user/jörg@school.example/shallows/datasets/table'" in form.json()["detail"]
    # Nor has it anything to do with another server of this process.
    assert server_path("/help") == "/help"


def test_what_is_kept_of_a_stream_has_a_link_below_the_path(known: TestClient) -> None:
    for before in (ROOT, ""):
        with Stream.connect(known, f"{before}/ws") as stream:
            session = stream.configure()["session"]
            saved = known.post(f"{before}/sessions/{session}/save")
        assert saved.json()["link"] == saved.headers["location"]
        assert saved.headers["location"].startswith(f"{ROOT}/r/")
        assert known.get(saved.headers["location"]).status_code == 200


def test_links_of_a_class_wherever_they_are_made(known: TestClient) -> None:
    room = Class(known)
    member = room.joins()
    with room.enters(member["secret"]) as page, room.teacher() as teacher:
        teacher.say("ask", text="Why?", choices=["a", "b"])
        page.say("configure", runs=[{}])
        page.until("configured")
        kept = known.post(f"/rooms/{room.id}/links", headers=room.key).json()["links"][0]["link"]
        assert kept.startswith(f"{ROOT}/r/")
        # By what runs beside the requests, in a request, and in a process of the pool.
        teacher.until("member", lambda seen: seen.get("link") == kept)
    assert room.seen()["members"][0]["link"] == kept
    table = known.get(f"/rooms/{room.id}/results.csv", headers=room.key).text
    assert table.splitlines()[1].endswith(f",{kept}")


def test_a_way_on_stays_below_the_path_and_speaks_as_the_browser_does(known: TestClient) -> None:
    for path, on in ((ROOT, "/"), (f"{ROOT}/help/", "/help"), ("/help/", "/help")):
        answer = known.get(path, headers={"X-Forwarded-Proto": "https"}, follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (
            307,
            f"https://testserver{ROOT}{on}",
        )


def test_cookies_go_nowhere_else_on_the_host(below: TestClient) -> None:
    for asked in (f"{ROOT}/help?a=1", "/help?a=1"):
        form = {"Content-Type": "application/x-www-form-urlencoded", "Origin": "http://testserver"}
        answer = below.post(asked, content=f"code={CODE}", headers=form, follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (303, f"{ROOT}/help?a=1")
        cookie = answer.headers["set-cookie"]
        assert f"Path={ROOT};" in cookie
        # That of a server further up comes too, and is another one.
        both = {"Cookie": f"{cookie.partition(';')[0]}; shallows_access=of-another"}
        below.cookies.clear()
        assert below.get(f"{ROOT}/lessons", headers=both).status_code == 200


def test_a_student_needs_no_more_than_the_rooms_code(below: TestClient) -> None:
    known = {"Authorization": f"Bearer {CODE}"}
    room = below.post("/rooms", json={}, headers=known).json()
    assert below.get(f"{ROOT}/lessons").status_code == 401
    assert below.get(f"{ROOT}/j/{room['code']}").status_code == 200
    joined = below.post(f"{ROOT}/rooms/join", json={"code": room["code"]})
    assert joined.status_code == 201
    assert f"Path={ROOT};" in joined.headers["set-cookie"]
    cookie = joined.headers["set-cookie"].partition(";")[0]
    assert below.get(f"{ROOT}/lessons", headers={"Cookie": cookie}).status_code == 200
    below.cookies.clear()


@pytest.mark.parametrize("path", ["/healthz", "/readyz", f"{ROOT}/healthz", f"{ROOT}/readyz"])
def test_whoever_watches_over_it_asks_as_ever(below: TestClient, path: str) -> None:
    assert below.get(path).status_code == 200


@pytest.mark.parametrize("path", [f"{ROOT}x/healthz", f"/x{ROOT}/healthz", "/user/healthz"])
def test_a_path_that_only_looks_like_it_is_none(known: TestClient, path: str) -> None:
    assert known.get(path).status_code == 404


@pytest.mark.parametrize("root", ["", "/shallows", "/a/b", ROOT, "/~ann/x-1_2.3"])
def test_paths_that_may_be(root: str) -> None:
    assert Settings(root_path=root).root_path == root


@pytest.mark.parametrize(
    "root",
    [
        *(
            "shallows",
            "/",
            "//",
            "/shallows/",
            "//a",
            "/a//b",
            "https://a.example/b",
            "/a b",
            "/a\n",
        ),
        *(
            "/.",
            "/..",
            "/a/../b",
            "/a/./b",
            "/%2e%2e/b",
            "/a%2Fb",
            "/a%5cb",
            "/a\\b",
            "/a%",
            "/a%zz",
        ),
        *(
            "/a?b",
            "/a%3Fb",
            "/a#b",
            "/a;b",
            "/a,b",
            "/schön",
            "/a%ff",
            "/a%00",
            "/a%0a",
            "/" + "a" * 300,
        ),
    ],
)
def test_a_path_that_cant_be_is_refused(monkeypatch: pytest.MonkeyPatch, root: str) -> None:
    monkeypatch.setenv("SHALLOWS_ROOT_PATH", root)
    with pytest.raises(SettingsError, match=r"^SHALLOWS_ROOT_PATH") as refused:
        read_settings()
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "root", ["/help", "/static/x", "/rooms/a", "/j", "/r/b", "/ws", "/healthz"]
)
def test_a_path_that_begins_like_the_servers_own_is_refused(root: str) -> None:
    with pytest.raises(SettingsError, match=f"^SHALLOWS_ROOT_PATH={root} "):
        create_app(settings_for("inline", root_path=root))


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("SHALLOWS_ROOT_PATH", "shallows", "SHALLOWS_ROOT_PATH: 'shallows' is not a path"),
        ("SHALLOWS_WORKERS", "many", "SHALLOWS_WORKERS must be a whole number"),
        ("PORT", "99999", "PORT must be at most 65535"),
        ("SHALLOWS_PORT", "99999", "SHALLOWS_PORT must be at most 65535"),
    ],
)
def test_a_wrong_setting_ends_the_server_at_its_start_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, why: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        serve(Shutdown(), None)
    assert str(ended.value.code).startswith(f"Shallows can't start: {why}")
