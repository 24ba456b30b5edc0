"""Origins, headers, bounds, and nothing said of the inside."""

from contextlib import ExitStack
from typing import Any

import pytest
from starlette.testclient import TestClient, WebSocketDenialResponse

from app.main import create_app
from app.settings import Settings
from app.web.security import headers_for
from tests.app.conftest import a_moment, metric, settings_for
from tests.app.stream import Stream

POLICY = headers_for(settings_for("inline"))["Content-Security-Policy"]
PATHS = ["/", "/docs", "/healthz", "/datasets", "/train/nobody", "/nowhere", "/metrics"]


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_carries_the_headers(inline: TestClient, path: str) -> None:
    headers = inline.get(path).headers
    assert headers["content-security-policy"] == POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "SAMEORIGIN"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert "server" not in headers


def test_the_policy_allows_no_eval_no_inline_script_and_no_other_host() -> None:
    rules = dict(rule.split(" ", 1) for rule in POLICY.split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == "'self'"
    assert rules["connect-src"] == "'self'"
    assert "unsafe-eval" not in POLICY
    assert "http" not in POLICY


class TestFraming:
    @pytest.mark.parametrize(
        ("setting", "rule", "options"),
        [
            ("'self'", "'self'", "SAMEORIGIN"),
            ("none", "'none'", "DENY"),
            (
                "'self', https://school.example,https://*.lms.example:8443",
                "'self' https://school.example https://*.lms.example:8443",
                None,
            ),
        ],
    )
    def test_the_setting_says_who_may_frame_the_page(
        self, setting: str, rule: str, options: str | None
    ) -> None:
        settings = settings_for("inline", frame_ancestors=setting)
        with TestClient(create_app(settings)) as client:
            headers = client.get("/").headers
        assert headers["content-security-policy"].endswith(f"; frame-ancestors {rule}")
        assert headers.get("x-frame-options") == options

    def test_by_default_only_its_own_pages_may(self) -> None:
        assert POLICY.endswith("; frame-ancestors 'self'")

    @pytest.mark.parametrize(
        "setting",
        ["", "all", "school.example", "https://a.example/page", "none self", "https://a;x"],
    )
    def test_anything_else_is_refused_at_the_start(self, setting: str) -> None:
        with pytest.raises(ValueError, match="frame_ancestors"):
            settings_for("inline", frame_ancestors=setting)


class TestOrigin:
    def test_the_servers_own_page_may_connect(self, inline: TestClient) -> None:
        headers = {"origin": "http://testserver"}
        with inline.websocket_connect("/ws", headers=headers) as socket:
            Stream(socket).configure()

    def test_a_script_without_an_origin_may_connect(self, inline: TestClient) -> None:
        with inline.websocket_connect("/ws") as socket:
            Stream(socket).configure()

    @pytest.mark.parametrize("path", ["/ws", "/train/any/stream"])
    @pytest.mark.parametrize(
        "origin",
        [
            "http://evil.example",
            "null",
            "http://testserver.evil.example",
            "http://testserver:81",
            "https://testserver",
            "ws://testserver",
            "http://user@testserver",
            "http://testserver/page",
            "http://[",
            "http://[::1",
            "http://testserver:port",
            "http://testserver:99999",
            "http://",
            "://",
            "testserver",
            "",
        ],
    )
    def test_a_foreign_page_is_refused_before_the_socket_opens(
        self, inline: TestClient, path: str, origin: str
    ) -> None:
        before = metric(inline, "shallows_refused_total", code="foreign_origin")
        with (
            pytest.raises(WebSocketDenialResponse) as refused,
            inline.websocket_connect(path, headers={"origin": origin}),
        ):
            pass
        assert refused.value.status_code == 403
        assert metric(inline, "shallows_refused_total", code="foreign_origin") == before + 1

    @pytest.mark.parametrize(
        ("origin", "host", "proxied"),
        [
            ("HTTP://TestServer", "testserver", None),
            ("http://testserver:80", "testserver", None),
            ("http://testserver", "TESTSERVER:80", None),
            ("http://[::1]:8000", "[::1]:8000", None),
            ("https://testserver", "testserver", "https"),
            ("https://testserver:443", "testserver", "http, wss"),
        ],
    )
    def test_the_same_origin_may_be_written_in_several_ways(
        self, inline: TestClient, origin: str, host: str, proxied: str | None
    ) -> None:
        headers = {"origin": origin, "host": host}
        if proxied:
            headers["x-forwarded-proto"] = proxied
        with inline.websocket_connect("/ws", headers=headers) as socket:
            Stream(socket).configure()
        assert inline.post("/version", headers=headers).status_code == 200

    def test_a_page_behind_tls_is_not_one_without(self, inline: TestClient) -> None:
        headers = {"origin": "http://testserver", "x-forwarded-proto": "https"}
        answer = inline.post("/version", headers=headers)
        assert answer.status_code == 403
        assert "SHALLOWS_ALLOWED_ORIGINS" in answer.json()["detail"]

    def test_a_page_that_may_connect_is_told_which_page_there_is(self, inline: TestClient) -> None:
        answer = inline.post("/version", headers={"origin": "http://testserver"})
        assert answer.headers["cache-control"] == "no-store"
        assert f"/static/{answer.json()['page']}/" in inline.get("/").text

    def test_an_origin_on_the_list_may_connect(self) -> None:
        settings = settings_for("inline", allowed_origins="https://school.example, http://b:1")
        with TestClient(create_app(settings)) as client:
            for origin in ("https://school.example", "http://b:1"):
                with client.websocket_connect("/ws", headers={"origin": origin}) as socket:
                    Stream(socket).configure()

    @pytest.mark.parametrize(
        "origin", ["school.example", "https://school.example/page", "http://[", "https://a:b"]
    )
    def test_a_list_of_something_else_is_refused_at_the_start(self, origin: str) -> None:
        with pytest.raises(ValueError, match="scheme://host"):
            settings_for("inline", allowed_origins=origin)

    def test_a_foreign_page_may_not_train(self, inline: TestClient) -> None:
        for method in ("POST", "DELETE", "PUT"):
            answer = inline.request(
                method, "/train", json={}, headers={"origin": "http://evil.example"}
            )
            assert answer.status_code == 403
            assert answer.headers["content-type"] == "application/problem+json"
            assert "x-content-type-options" in answer.headers


def test_an_unexpected_error_says_nothing_of_the_inside(
    inline: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("secret of the inside")

    monkeypatch.setattr("app.wire.rows", broken)
    answer = inline.get("/datasets/circle")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text


class TestFull:
    def test_a_full_queue_answers_429_and_says_when_to_come_again(self) -> None:
        settings = settings_for("inline", max_running_runs=1, max_queued_runs=2)
        with TestClient(create_app(settings)) as client:
            long = {"training": {"iterations": 1_000_000}}
            answers = [client.post("/train", json=long) for _ in range(4)]
            assert [a.status_code for a in answers] == [202, 202, 202, 429]
            assert answers[3].headers["retry-after"] == "10"
            statuses = [client.get(a.headers["Location"]).json()["status"] for a in answers[:3]]
            assert statuses == ["running", "queued", "queued"]
            waiting = answers[1].headers["Location"]
            assert client.get(f"{waiting}/costs").json()["costs"] == []
            assert client.get(f"{waiting}/network").status_code == 409
            client.post(f"{waiting}/cancel")
            assert client.get(waiting).json()["status"] == "cancelled"
            client.delete(answers[0].headers["Location"])
            third = answers[2].headers["Location"]
            assert client.get(third).json()["status"] == "running"

    def test_a_full_house_says_so_and_the_longest_absent_gives_way(self) -> None:
        settings = settings_for("inline", max_sessions=2)
        with TestClient(create_app(settings)) as client:
            with Stream.connect(client) as first:
                first.configure()
                with Stream.connect(client) as second:
                    gone = second.configure()["session"]
                    with Stream.connect(client) as third:
                        assert third.hear()["code"] == "too_many_sessions"
                        with pytest.raises(ConnectionError, match="1013"):
                            third.hear()
            with Stream.connect(client) as fourth:  # the second left first, and gives way
                fourth.configure()
            # It gave up its place, but not what it had trained.
            with Stream.connect(client, f"/ws?session={gone}") as back:
                assert back.hear()["resumed"] is True

    def test_a_reader_that_is_done_frees_its_place_at_once(self) -> None:
        settings = settings_for("inline", max_sessions=1)
        with TestClient(create_app(settings)) as client:
            with Stream.connect(client) as stream:
                session = stream.configure(playing=True)["session"]
                stream.socket.close(4002)
            while "shallows_sessions 0.0" not in client.get("/metrics").text:
                a_moment()
            with Stream.connect(client, f"/ws?session={session}") as stream:
                assert stream.hear()["code"] == "unknown_session"

    def test_a_session_gives_up_its_place_after_its_grace_and_comes_back(self) -> None:
        settings = settings_for("inline", session_grace_seconds=0)
        with TestClient(create_app(settings)) as client:
            with Stream.connect(client) as stream:
                session = stream.configure()["session"]
                stream.say("step", iterations=7)
                stream.until("state", iteration=7)
            while "shallows_sessions 0.0" not in client.get("/metrics").text:
                a_moment()
            with Stream.connect(client, f"/ws?session={session}") as stream:
                assert stream.hear()["iteration"] == 7

    def test_ended_runs_are_forgotten_oldest_first(self) -> None:
        settings = settings_for("inline", max_finished_runs=2)
        short = {"training": {"iterations": 1}}
        with TestClient(create_app(settings)) as client:
            runs = [
                client.post("/train", params={"wait": 30}, json=short).json()["id"]
                for _ in range(3)
            ]
            found = [client.get(f"/train/{run}").status_code for run in runs]
            assert found == [404, 200, 200]

    def test_a_reader_that_takes_no_answers_is_let_go_and_keeps_its_session(self) -> None:
        with TestClient(create_app(settings_for("inline"))) as client:
            from app.sessions.outbox import MOST_MESSAGES, TOO_SLOW, Outbox

            outbox = Outbox()
            for _ in range(MOST_MESSAGES):
                outbox.text({})
            assert outbox.close_code is None
            outbox.text({})
            assert outbox.close_code == TOO_SLOW
            assert client.get("/healthz").status_code == 200

    def test_watchers_of_a_run_are_bounded(self) -> None:
        settings = settings_for("inline", max_watchers=1)
        with TestClient(create_app(settings)) as client:
            long = {"training": {"iterations": 1_000_000}}
            where = client.post("/train", json=long).headers["Location"]
            with Stream.connect(client, f"{where}/stream") as first:
                first.until("configured")
                with Stream.connect(client, f"{where}/stream") as second:
                    assert second.hear()["code"] == "full"
                    with pytest.raises(ConnectionError, match="1013"):
                        second.hear()
            client.delete(where)

    def test_watchers_of_runs_that_have_ended_are_bounded_too(self) -> None:
        settings = settings_for("inline", max_watchers=2, max_watchers_in_all=3)
        short: dict[str, Any] = {"params": {"wait": 30}, "json": {"training": {"iterations": 1}}}
        with TestClient(create_app(settings)) as client, ExitStack() as stack:
            ended, another = (client.post("/train", **short).json()["id"] for _ in range(2))

            def watch(run: str) -> Stream:
                return stack.enter_context(Stream.connect(client, f"/train/{run}/stream"))

            first, second = watch(ended), watch(ended)
            for stream in (first, second):
                stream.until_iteration(1)
            assert "this run" in watch(ended).hear()["detail"]
            assert watch("nobody").hear()["code"] == "not_found"  # and keeps no place
            watch(another).until_iteration(1)
            refused = watch(another).hear()
            assert (refused["code"], refused["retry_after"]) == ("full", 30)
            assert "3 connections" in refused["detail"]
            first.socket.close()
            while "detail" in (message := watch(another).hear()):
                assert message["code"] == "full"
            assert message["type"] == "configured"


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "9000")
    monkeypatch.setenv("SHALLOWS_WORKERS", "3")
    monkeypatch.setenv("SHALLOWS_ALLOWED_ORIGINS", "https://a.example,https://b.example/")
    settings = Settings()
    assert (settings.port, settings.worker_count) == (9000, 3)
    assert settings.allowed_origins == ["https://a.example", "https://b.example"]


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/train/some", "DELETE, GET"),
        ("/datasets/table", "POST"),
        ("/train", "POST"),
        ("/version", "POST"),
        ("/ws", "POST"),
        ("/ws/up", "POST"),
        ("/rooms/some", "DELETE, GET"),
        ("/rooms/some/stream", "POST"),
        ("/rooms/some/screen", "GET"),
        ("/static/some/js/main.js", "GET"),
        ("/openapi.json", "GET"),
        ("/", "GET"),
    ],
)
def test_a_method_that_is_none_is_answered_with_those_that_are(
    inline: TestClient, path: str, allowed: str
) -> None:
    answer = inline.options(path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)


@pytest.mark.parametrize(
    "path", ["/", "/docs", "/healthz", "/readyz", "/metrics", "/datasets", "/openapi.json"]
)
def test_head_answers_as_get_without_a_body(inline: TestClient, path: str) -> None:
    head, answer = inline.head(path), inline.get(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == answer.headers["content-type"]
    if path != "/metrics":
        assert head.headers["content-length"] == str(len(answer.content))


def test_head_of_what_is_not_there_says_so(inline: TestClient) -> None:
    assert inline.head("/nowhere").status_code == 404
    assert inline.head("/train/nobody").status_code == 404
    assert inline.head("/train").status_code == 405
