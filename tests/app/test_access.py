"""The access code, and the names under which the server answers."""

import logging
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient, WebSocketDenialResponse
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from app.main import create_app
from app.settings import Settings
from app.web.access import COOKIE
from tests.app.conftest import metric, services_of, settings_for
from tests.app.stream import Stream

CODE = "größe 7"
BEARER = {b"authorization": "Bearer größe 7".encode()}
PAGE = {"accept": "text/html,application/xhtml+xml"}


@pytest.fixture
def closed() -> Iterator[TestClient]:
    settings = settings_for("inline", access_code=CODE, wrong_codes_per_second=1e-6)
    with TestClient(create_app(settings), follow_redirects=False) as client:
        yield client


def enter(client: TestClient, code: str, path: str = "/") -> int:
    answer = client.post(path, data={"code": code}, headers={**PAGE, "origin": "http://testserver"})
    return answer.status_code


class TestAccess:
    @pytest.mark.parametrize(
        "path", ["/", "/r/some", "/docs", "/openapi.json", "/datasets", "/train/x", "/metrics"]
    )
    def test_without_the_code_nothing_is_answered(self, closed: TestClient, path: str) -> None:
        answer = closed.get(path)
        assert answer.status_code == 401
        assert answer.json()["code"] == "unauthorized"
        assert answer.headers["www-authenticate"] == "Bearer"
        assert closed.post("/train", json={}).status_code == 401

    @pytest.mark.parametrize("path", ["/ws", "/train/any/stream"])
    def test_without_the_code_no_stream_opens(self, closed: TestClient, path: str) -> None:
        with pytest.raises(WebSocketDenialResponse) as denied, closed.websocket_connect(path):
            pass
        assert denied.value.status_code == 401

    @pytest.mark.parametrize("path", ["/healthz", "/readyz"])
    def test_health_stays_open(self, closed: TestClient, path: str) -> None:
        assert closed.get(path).status_code == 200

    def test_a_script_sends_it_in_a_header(self, closed: TestClient) -> None:
        assert closed.get("/datasets", headers=BEARER).status_code == 200
        assert closed.get("/metrics", headers=BEARER).status_code == 200
        with closed.websocket_connect("/ws", headers=BEARER) as socket:
            Stream(socket).configure()
        assert not closed.cookies

    def test_a_browser_gets_a_form_and_a_strict_cookie(self, closed: TestClient) -> None:
        form = closed.get("/r/some", headers=PAGE)
        assert form.status_code == 401
        assert 'type="password"' in form.text
        assert form.headers["cache-control"] == "no-store"
        assert "form-action 'self'" in form.headers["content-security-policy"]
        answer = closed.post("/r/some?x=1", data={"code": f" {CODE} "}, headers=PAGE)
        assert (answer.status_code, answer.headers["location"]) == (303, "/r/some?x=1")
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert "größe" not in cookie
        assert closed.get("/", headers=PAGE).status_code == 200
        with Stream.connect(closed) as stream:
            stream.configure()

    def test_over_tls_the_cookie_is_for_tls_alone(self) -> None:
        app = create_app(settings_for("inline", access_code=CODE))
        with TestClient(app, "https://testserver", follow_redirects=False) as client:
            assert "secure" in client.post("/", data={"code": CODE}).headers["set-cookie"].lower()

    def test_a_wrong_code_gets_the_form_again_and_no_cookie(self, closed: TestClient) -> None:
        answer = closed.post("/", data={"code": "wrong"}, headers=PAGE)
        assert answer.status_code == 401
        assert "That is not the access code" in answer.text
        assert "set-cookie" not in answer.headers
        assert closed.get("/", headers={"authorization": "Bearer wrong"}).status_code == 401
        closed.cookies.set(COOKIE, "0" * 128)
        assert closed.get("/").status_code == 401

    def test_guessing_is_slow_and_a_class_that_has_entered_does_not_notice(
        self, closed: TestClient
    ) -> None:
        assert enter(closed, CODE) == 303
        cookie = closed.cookies[COOKIE]
        closed.cookies.clear()
        assert [enter(closed, f"guess {index}") for index in range(51)] == [401] * 50 + [429]
        assert closed.get("/", headers=BEARER).status_code == 429
        assert enter(closed, CODE) == 429
        closed.cookies.set(COOKIE, cookie)
        assert closed.get("/").status_code == 200
        assert metric(closed, "shallows_refused_total", code="unauthorized") == 50

    def test_no_one_guesses_from_an_address_of_its_own_choice(self) -> None:
        app = create_app(settings_for("inline", access_code=CODE, wrong_codes_per_second=1e-6))
        trusted = ProxyHeadersMiddleware(app, Settings().trusted_proxies)  # type: ignore[arg-type]
        with TestClient(trusted, client=("127.0.0.1", 5)) as client:  # type: ignore[arg-type]
            statuses = [
                client.get(
                    "/datasets",
                    headers={
                        "authorization": f"Bearer {guess}",
                        "x-forwarded-for": f"10.0.0.{guess}",
                    },
                ).status_code
                for guess in range(60)
            ]
        assert statuses == [401] * 50 + [429] * 10

    def test_a_proxy_that_is_not_named_is_said_once(self, caplog: pytest.LogCaptureFixture) -> None:
        with TestClient(create_app(settings_for("inline")), client=("10.0.0.2", 5)) as client:
            for address in ("192.0.2.1", "192.0.2.2"):
                client.get("/datasets", headers={"x-forwarded-for": address})
        (line,) = [one for one in caplog.messages if "SHALLOWS_TRUSTED_PROXIES" in one]
        assert line.endswith("SHALLOWS_TRUSTED_PROXIES=10.0.0.2")
        assert "192.0.2" not in line

    @pytest.mark.parametrize("proxies", ["*", "proxy.example", "10.0.0.1/8", "127.0.0.1, *"])
    def test_whoever_is_trusted_is_an_address_or_a_network(self, proxies: str) -> None:
        with pytest.raises(ValueError, match="trusted_proxies"):
            settings_for("inline", trusted_proxies=proxies)

    def test_the_way_on_leads_to_no_other_host(self, closed: TestClient) -> None:
        answer = closed.post("http://testserver//evil.example/", data={"code": CODE}, headers=PAGE)
        assert answer.headers["location"] == "/evil.example/"

    def test_a_foreign_page_may_not_try_codes(self, closed: TestClient) -> None:
        headers = {**PAGE, "origin": "http://evil.example"}
        assert closed.post("/", data={"code": CODE}, headers=headers).status_code == 403

    def test_the_code_is_in_no_log(
        self, closed: TestClient, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        enter(closed, CODE)
        enter(closed, "another")
        closed.get("/", headers=BEARER)
        assert CODE not in caplog.text
        assert "another" not in caplog.text
        assert CODE not in repr(services_of(closed).settings)

    @pytest.mark.parametrize("code", [None, ""])
    def test_without_a_code_set_there_is_no_question_and_no_cookie(self, code: str | None) -> None:
        with TestClient(create_app(settings_for("inline", access_code=code))) as client:
            assert client.get("/", headers=PAGE).status_code == 200
            with Stream.connect(client) as stream:
                stream.configure()
            assert not client.cookies


class TestHosts:
    def test_by_default_any_name_will_do(self, inline: TestClient) -> None:
        assert inline.get("/datasets", headers={"host": "192.168.1.7:8000"}).status_code == 200

    def test_a_setting_narrows_it(self) -> None:
        hosts = "shallows.example, *.school.example [::1]"
        with TestClient(create_app(settings_for("inline", allowed_hosts=hosts))) as client:

            def status(host: str, path: str = "/datasets") -> int:
                return client.get(path, headers={"host": host}).status_code

            for host in (
                "shallows.example",
                "SHALLOWS.example:8000",
                "a.school.example",
                "[::1]:1",
            ):
                assert status(host) == 200, host
            for host in ("evil.example", "school.example", "evilschool.example", "10.0.0.1", ""):
                assert status(host) == 421, host
            assert status("127.0.0.1:8000", "/healthz") == 200
            with pytest.raises(WebSocketDenialResponse), client.websocket_connect("/ws"):
                pass

    @pytest.mark.parametrize("host", ["https://a.example", "a.example:80", "a.*.example"])
    def test_anything_else_is_refused_at_the_start(self, host: str) -> None:
        with pytest.raises(ValueError, match="allowed_hosts"):
            settings_for("inline", allowed_hosts=host)
