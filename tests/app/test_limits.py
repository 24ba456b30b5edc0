"""Rates and places: what one client, and one stream, may ask for."""

import json
import math
from collections.abc import AsyncIterator
from types import SimpleNamespace

import httpx2
import limits.storage.memory
import limits.strategies
import pytest
from starlette.testclient import TestClient, WebSocketDenialResponse

import app.web.limits
from app.errors import Full
from app.main import create_app
from app.schemas import Plan
from app.sessions.outbox import MOST_BYTES, TOO_SLOW, Outbox
from app.web.limits import (
    CLIENT_BURST,
    MOST_COUNTS,
    MOST_EARNED,
    STREAM_BURST,
    STREAM_SHARE,
    Bodies,
    Bucket,
    Clients,
    LoopTimes,
    Throttle,
    client_of,
)
from tests.app.conftest import a_moment, metric, services_of, settings_for
from tests.app.stream import Json, Stream


class Clock:
    """Time that passes only when told."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of `limits`, which takes none; it counts in windows of the time since 1970."""
    clock = Clock()
    clock.now = 30 * 50_000_000.0
    for module in (limits.storage.memory, limits.strategies, app.web.limits):
        monkeypatch.setattr(module, "time", SimpleNamespace(time=clock, monotonic=clock))
    return clock


class TestClients:
    def test_a_burst_then_the_rate_from_the_next_window_on(self, clock: Clock) -> None:
        clients = Clients(rate=100, burst=3000)
        clock.now += 10
        for _ in range(3000):
            assert clients.wait("school") == 0
            clients.take("school")
        assert clients.wait("school") == pytest.approx(20)
        assert clients.wait("other") == 0
        taken = 0
        for _ in range(3000):  # asks for 200 a second, for five minutes
            clock.now += 0.1
            for _ in range(20):
                if not clients.wait("school"):
                    clients.take("school")
                    taken += 1
        assert 100 * 270 <= taken <= 100 * 300

    def test_whoever_waits_as_long_as_told_may_ask(self, clock: Clock) -> None:
        clients = Clients(rate=2, burst=7)
        refused = 0
        for step in range(500):
            clock.now += step % 5 / 10
            if wait := clients.wait("me"):
                refused += 1
                clients.take("me")  # which does not count
                clock.now += math.ceil(wait * 10) / 10  # rounded up, as `too_fast` does it
                assert clients.wait("me") == 0
            clients.take("me")
        assert refused > 50

    @pytest.mark.parametrize(
        ("rate", "burst", "limit"),
        [
            (100, 3000, "3000 per 30 second"),
            (0.2, 50, "50 per 250 second"),
            (0.01, 5, "5 per 500 second"),
            (3, 5, "6 per 2 second"),
            (1e6, 10, "1000000 per 1 second"),
            (0.3, 1, "1 per 4 second"),
        ],
    )
    def test_a_window_is_as_long_as_a_burst_takes(
        self, rate: float, burst: float, limit: str
    ) -> None:
        assert repr(Clients(rate, burst)._limit) == limit

    def test_all_start_anew_when_there_are_too_many(self, clock: Clock) -> None:
        clients = Clients(1, 1)
        for index in range(MOST_COUNTS):
            clients.take(f"client {index}")
        assert clients.wait("client 0") > 0
        assert len(clients._counts.storage) == MOST_COUNTS
        clients.take("one more")
        assert clients.wait("client 0") == 0
        assert clients.wait("one more") > 0


class TestBuckets:
    def test_a_bucket_gives_its_burst_then_its_rate(self) -> None:
        bucket = Bucket(rate=2, burst=3, now=0)
        for _ in range(3):
            assert bucket.wait(0) == 0
            bucket.take()
        assert bucket.wait(0) == 0.5
        assert bucket.wait(0.25) == 0.25
        assert bucket.wait(0.5) == 0
        assert bucket.wait(1000, 3) == 0
        assert bucket.wait(1000, 4) == 0  # more than ever fit

    def test_a_stream_is_paced_in_messages_and_in_bytes(self) -> None:
        clock = Clock()
        limits = {"messages_per_second": 10, "messages_burst": 3}
        limits |= {"bytes_per_second": 100, "bytes_burst": 1000}
        pace = Throttle(settings_for("inline", **limits), clock)
        assert [pace.take(1) for _ in range(4)] == [0, 0, 0, pytest.approx(0.1)]
        clock.now = 60
        assert pace.take(950) == 0
        assert pace.take(100) == pytest.approx(0.5)
        clock.now += 0.5
        assert pace.take(100) == 0

    @pytest.mark.parametrize(
        ("host", "client"),
        [
            ("10.0.0.7", "10.0.0.7"),
            ("::ffff:10.0.0.7", "10.0.0.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("testclient", "testclient"),
        ],
    )
    def test_a_client_is_an_address_or_a_network_of_64_bits(self, host: str, client: str) -> None:
        assert client_of({"client": (host, 1)}) == client


class TestLoopTime:
    def test_a_stream_pays_for_its_own_messages_and_a_client_for_all_of_them(self) -> None:
        clock = Clock()
        times = LoopTimes(clock)
        own, beside, other = (times.open(name) for name in ("school", "school", "other"))
        own.charge(STREAM_BURST)
        assert own.wait() == 0
        own.charge(0.2)
        assert own.wait() == pytest.approx(0.2 / STREAM_SHARE)
        assert beside.wait() == 0
        beside.charge(CLIENT_BURST)
        assert beside.wait() > 0
        assert other.wait() == 0
        assert times.open("school").wait() > 0  # another stream is no other account
        clock.now += 60
        assert own.wait() == 0

    def test_an_acknowledgement_is_free_if_a_frame_has_earned_it(self) -> None:
        time = LoopTimes(Clock()).open("school")
        assert not time.spend_earned()
        for _ in range(2 * MOST_EARNED):
            time.earn()
        assert [time.spend_earned() for _ in range(MOST_EARNED + 1)] == [
            *[True] * MOST_EARNED,
            False,
        ]

    def test_who_has_no_debt_is_forgotten_when_there_are_many(self) -> None:
        times = LoopTimes(Clock())
        times.open("debtor").charge(100)
        for number in range(MOST_COUNTS + 5):
            times.open(f"client {number}")
        assert times.open("debtor").wait() > 0
        assert len(times._clients) < 10


class TestRequests:
    def test_one_too_many_gets_429_and_says_when_to_come_again(self) -> None:
        settings = settings_for("inline", requests_per_second=1e-6, requests_burst=5)
        with TestClient(create_app(settings)) as client:
            answers = [client.get("/datasets") for _ in range(6)]
            assert [answer.status_code for answer in answers] == [200] * 5 + [429]
            refusal = answers[5]
            assert refusal.headers["content-type"] == "application/problem+json"
            assert refusal.json()["code"] == "too_fast"
            assert 0 < int(refusal.headers["retry-after"]) <= 5_000_000
            assert "x-content-type-options" in refusal.headers
            with pytest.raises(WebSocketDenialResponse) as denied, client.websocket_connect("/ws"):
                pass
            assert denied.value.status_code == 429
            assert "retry-after" in denied.value.headers
            # What watches over the server, and a page's files, are not counted.
            script = services_of(client).assets.url("js/main.js")
            for path in ("/healthz", "/readyz", "/metrics", script):
                assert client.get(path).status_code == 200
            assert metric(client, "shallows_refused_total", code="too_fast") == 2

    def test_a_class_of_300_behind_one_address_opens_the_page_at_once(self) -> None:
        with TestClient(create_app(settings_for("inline"))) as client:
            for _ in range(300):
                for path in ("/datasets", "/lessons", "/healthz"):
                    assert client.get(path).status_code == 200
            assert not services_of(client).refusals


class TestBodies:
    def test_bytes_of_bodies_count_and_what_is_too_much_is_not_even_read(self) -> None:
        settings = settings_for("inline", body_bytes_per_second=1, body_bytes_burst=5000)
        with TestClient(create_app(settings)) as client:
            padding = {"padding": "x" * 2400}
            for _ in range(2):
                assert client.post("/train", json=padding).status_code == 422
            refused = client.post("/train", json=padding)
            assert (refused.status_code, refused.json()["code"]) == (429, "too_fast")
            assert 0 < int(refused.headers["retry-after"]) <= 10_000
            assert refused.headers["connection"] == "close"
            assert client.get("/datasets").status_code == 200  # which has none
            assert metric(client, "shallows_refused_total", code="too_fast") == 1

    @pytest.mark.parametrize("path", ["/datasets/table", "/train"])
    def test_a_body_that_does_not_say_its_length_is_counted_as_it_comes(self, path: str) -> None:
        settings = settings_for("inline", body_bytes_per_second=1, body_bytes_burst=5000)
        sent = 0

        async def pieces() -> AsyncIterator[bytes]:
            nonlocal sent
            for _ in range(100):
                sent += 1000
                yield b" " * 1000

        async def post() -> httpx2.Response:
            # Unlike the test client, it hands on each piece by itself, as a network does.
            transport = httpx2.ASGITransport(client.app, client=("testclient", 1))
            async with httpx2.AsyncClient(transport=transport, base_url="http://test") as http:
                headers = {"content-type": "application/json"}
                return await http.post(path, content=pieces(), headers=headers)

        with TestClient(create_app(settings)) as client:
            assert client.portal is not None
            refused = client.portal.call(post)
            assert (refused.status_code, refused.json()["code"]) == (429, "too_fast")
            assert sent == 6000  # the piece that is too much, and none after it

    def test_bodies_that_are_here_are_bounded_for_one_and_for_all(self) -> None:
        bodies = Bodies(settings_for("inline", body_bytes_burst=90_000_000))
        bodies.take("a", 16_000_000)
        with pytest.raises(Full):
            bodies.take("a", 1)
        bodies.take("b", 16_000_000)
        bodies.take("c", 15_000_000)
        with pytest.raises(Full):
            bodies.take("d", 2_000_000)
        bodies.here.give("a", 16_000_000)
        bodies.take("d", 2_000_000)
        bodies.take("a", 1)


def test_an_address_and_headers_are_bounded_before_they_are_looked_at() -> None:
    with TestClient(create_app(settings_for("inline"))) as client:
        for path in ("/datasets?" + "a=1&" * 1000, "/train/" + "x" * 4000, "/?" + "%41" * 1400):
            refused = client.get(path)
            assert (refused.status_code, refused.json()["code"]) == (414, "address_too_long")
        many = [(f"x-{i}", "1") for i in range(101)]
        for headers in (many, [("cookie", "x" * 16_000)], [("x" * 16_000, "1")]):
            refused = client.get("/datasets", headers=headers)
            assert (refused.status_code, refused.json()["code"]) == (431, "headers_too_large")
            assert "x-content-type-options" in refused.headers
        with (
            pytest.raises(WebSocketDenialResponse) as denied,
            client.websocket_connect("/ws?session=" + "x" * 4000),
        ):
            pass
        assert denied.value.status_code == 414


class TestMessages:
    def test_one_too_many_is_refused_with_how_long_to_wait_and_the_session_unharmed(self) -> None:
        settings = settings_for("inline", messages_per_second=1, messages_burst=4)
        with TestClient(create_app(settings)) as client, Stream.connect(client) as stream:
            stream.acks = False
            stream.configure()
            for _ in range(10):
                stream.say("step")
            error = stream.until("error")
            assert error["code"] == "too_fast"
            assert 0 < error["retry_after"] <= 1
            assert error["message"] == 5  # after configure and as many steps as may come at once
            assert f"{error['retry_after']:g}" in error["detail"]
            message = error
            while message["type"] != "state" or message["iterations_per_frame"] != 7:
                if message["type"] == "error":  # as whoever tries again, without waiting even
                    stream.say("set", iterations_per_frame=7)
                message = stream.hear()
            assert metric(client, "shallows_refused_total", code="too_fast") >= 5

    def test_acknowledgements_wait_for_their_turn_instead(self) -> None:
        settings = settings_for("inline", messages_per_second=20, messages_burst=2)
        with TestClient(create_app(settings)) as client, Stream.connect(client) as stream:
            stream.configure(playing=True)
            stream.until_iteration(100)
            assert not [text for text in stream.texts if text["type"] == "error"]

    def test_bytes_count_too_and_what_is_too_much_is_not_even_read(self) -> None:
        settings = settings_for("inline", bytes_per_second=1000, bytes_burst=2000)
        with TestClient(create_app(settings)) as client, Stream.connect(client) as stream:
            stream.socket.send_text(json.dumps({"type": "pause", "padding": "x" * 1900}))
            assert stream.hear()["code"] == "invalid_field"
            stream.socket.send_text(json.dumps({"type": "pause", "padding": "x" * 1900}))
            assert stream.hear()["code"] == "too_fast"

    def test_a_hundred_bad_messages_at_once_do_not_cost_the_connection(self) -> None:
        settings = settings_for("inline")
        with TestClient(create_app(settings)) as client, Stream.connect(client) as stream:
            for _ in range(100):
                stream.socket.send_text("nonsense")
            codes = [stream.hear()["code"] for _ in range(100)]
            assert codes == ["invalid_json"] * 100


class TestPlaces:
    def test_one_client_has_a_share_of_the_memory(self) -> None:
        points = [[x / 500, 0] for x in range(-1000, 1000)]
        large: Json = {"data": {"points": points, "labels": [0, 1] * 1000}}
        size = Plan.model_validate(large).size
        settings = settings_for("inline", max_session_bytes_per_client=int(1.5 * size))
        app = create_app(settings)
        with TestClient(app) as client:
            elsewhere = TestClient(app, client=("10.0.0.9", 1))
            elsewhere.portal = client.portal
            with Stream.connect(client) as first, Stream.connect(client) as second:
                first.configure(**large)
                second.configure()
                second.say("configure", **large)
                error = second.until("error")
                assert (error["code"], error["retry_after"]) == ("full", 60)
                second.say("step", iterations=3)  # it stays as it was
                second.until_iteration(3)
                with Stream.connect(elsewhere) as other:
                    other.configure(**large)
                first.configure()
                second.configure(**large)

    def test_one_client_leaves_places_for_the_others(self) -> None:
        settings = settings_for("inline", max_sessions_per_client=2)
        app = create_app(settings)
        with TestClient(app) as client:
            elsewhere = TestClient(app, client=("10.0.0.9", 1))
            elsewhere.portal = client.portal
            with Stream.connect(client) as first, Stream.connect(client) as second:
                first.configure()
                gone = second.configure()["session"]
                with Stream.connect(client) as third:
                    error = third.hear()
                    assert error["code"] == "too_many_sessions"
                    assert error["retry_after"] == 60
                with Stream.connect(elsewhere) as fourth:
                    fourth.configure()
                second.socket.close()
                while metric(client, "shallows_connections") > 1:
                    a_moment()
                with Stream.connect(client) as fifth:  # the second left, and gives way
                    fifth.configure()
                # It is kept all the same, and takes the place of whoever has left now.
                with Stream.connect(client, f"/ws?session={gone}") as back:
                    assert back.hear()["resumed"] is True


class TestOutbox:
    @pytest.mark.parametrize(("messages", "size"), [(64, 10), (9, 1_000_000)])
    def test_a_reader_that_takes_nothing_is_closed_when_it_is_full(
        self, messages: int, size: int
    ) -> None:
        outbox = Outbox()
        for _ in range(messages - (size > 10)):
            outbox.put(bytes(size))
        assert outbox.close_code is None
        outbox.put(bytes(size))
        assert outbox.close_code == TOO_SLOW

    def test_one_message_may_be_as_large_as_it_is(self) -> None:
        outbox = Outbox()
        outbox.put(bytes(MOST_BYTES + 1))
        assert outbox.close_code is None
