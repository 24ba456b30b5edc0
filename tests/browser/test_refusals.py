"""A server without a free place, or with too much to do: the page waits, and nothing is lost."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from websockets.sync.client import connect

from tests.browser.conftest import VIEWPORT, Elsewhere, Guard
from tests.browser.harness import Server, running_server
from tests.browser.playground import PATIENCE, Playground, come_in, until
from tests.browser.test_accessibility import violations

TAKEN = "All places on this server are taken. What you have set up stays."


@contextmanager
def holding_a_place(server: Server) -> Iterator[None]:
    """Another learner, for as long as the block runs, whose place is free after it."""
    with connect(f"ws://127.0.0.1:{server.port}/ws") as holder:
        holder.send(json.dumps({"type": "configure", "data": {}, "runs": [{}], "playing": False}))
        holder.recv()
        yield
        before = sessions(server)
        holder.close(4002)
    deadline = time.monotonic() + PATIENCE / 1000
    while sessions(server) == before:
        assert time.monotonic() < deadline, "its place is not free"
        time.sleep(0.02)


def sessions(server: Server) -> int:
    """How many places are taken."""
    with urlopen(f"{server.url}metrics") as answer:
        (found,) = re.findall(rb"^shallows_sessions (\d+)", answer.read(), re.MULTILINE)
    return int(found)


def seconds(page: Page) -> int:
    """In how many the page says that it tries again."""
    timer = page.locator("#waiting [role=timer]")
    expect(timer).to_have_text(re.compile(r"Next try in \d+ s\."))
    return int(re.findall(r"\d+", timer.inner_text())[0])


@pytest.fixture
def timed(browser: Browser, server: Server, elsewhere: Elsewhere) -> Iterator[BrowserContext]:
    """With a clock to turn: it is that of a whole context, which no other test may get."""
    context = browser.new_context(base_url=server.url, viewport=VIEWPORT)
    context.set_default_timeout(PATIENCE)
    context.clock.install()
    guard = Guard(elsewhere)
    with guard.watching(context):
        yield context
    context.close()
    assert guard.problems == []


def test_a_full_server_is_waited_for_and_what_was_set_up_meanwhile_is_trained(
    timed: BrowserContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHALLOWS_MAX_SESSIONS", "1")
    with running_server() as full:
        page = timed.new_page()
        with holding_a_place(full):
            playground = Playground(page, f"{full.url}#dataset=xor", refused=True)
            waiting, announced = page.locator("#waiting"), page.locator("#announcer p").last
            expect(waiting).to_contain_text(TAKEN)
            # As long as the server wants, and up to a quarter more; counted without a word.
            first = seconds(page)
            assert 50 < first <= 75
            expect(announced).to_have_text(f"{TAKEN} This page tries again by itself.")
            expect(page.locator("#connection")).to_have_text("Waiting")
            expect(playground.notice).to_be_empty()
            page.clock.run_for(5000)
            assert seconds(page) <= first - 5
            expect(announced).to_have_text(f"{TAKEN} This page tries again by itself.")
            page.clock.fast_forward(15_000)
            assert len(playground.wire.urls) == 1
            page.clock.fast_forward(60_000)
            until(page, lambda: len(playground.wire.urls) == 2, "it does not ask again")
            until(page, lambda: seconds(page) > 50, "it does not wait again")
            assert violations(page) == []
            for width in (390, 1024):
                page.set_viewport_size({"width": width, "height": 844})
                share, word = page.locator("#share"), page.locator("#connection .lbl")
                boxes = [element.bounding_box() for element in (share, word)]
                assert boxes[0] is not None
                assert boxes[1] is not None
                assert boxes[0]["x"] + boxes[0]["width"] < boxes[1]["x"]
                assert word.inner_text() == "Waiting"
            page.set_viewport_size(VIEWPORT)
            playground.choose("Activation", "ReLU")
            for _ in range(2):
                playground.button("Step").click()
            # The reader's own try is refused too, and the answer is heard once more.
            tried = len(playground.wire.urls)
            waiting.get_by_role("button", name="Try now").press("Enter")
            until(page, lambda: len(playground.wire.urls) == tried + 1, "it does not ask at once")
            until(page, lambda: seconds(page) > 50, "it does not wait again")
            expect(announced).to_have_text(f"{TAKEN} This page tries again by itself.")
        page.clock.fast_forward(80_000)
        expect(waiting).to_be_empty()
        expect(page.locator("#connection")).to_have_text("Live")
        expect(playground.readout("iteration")).to_have_attribute("value", "2")
        plan = playground.last_configure()
        assert plan["data"]["dataset"] == "xor"
        assert plan["runs"][0]["network"]["layers"][0]["activation"] == "relu"
        expect(playground.notice).to_be_empty()

        # The next one comes in by its button, in the place of whoever leaves.
        other = timed.new_page()
        second = Playground(other, full.url, refused=True)
        button = other.get_by_role("button", name="Try now")
        expect(button).to_be_visible()
        page.close()
        button.focus()
        come_in(other)
        expect(second.button("Play")).to_be_focused()
        expect(other.locator("#announcer p").last).to_have_text("Connected")
        other.close()


def test_what_comes_too_fast_is_said_again_and_only_the_newest(
    context: BrowserContext, guard: Guard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHALLOWS_MESSAGES_PER_SECOND", "8")
    monkeypatch.setenv("SHALLOWS_MESSAGES_BURST", "6")
    with running_server() as slow:
        page = context.new_page()
        playground = Playground(page, slow.url)
        wire = playground.wire

        def drag(name: str) -> None:
            """Over twelve stops, faster than any machine is busy."""
            page.get_by_role("slider", name=f"{name} slider").evaluate(
                """(slider) => {
                  for (let stop = 0; stop < 12; stop++) {
                    slider.stepUp();
                    slider.dispatchEvent(new Event('input', { bubbles: true }));
                  }
                }"""
            )

        drag("Learning rate")
        shown = float(playground.field("Learning rate").input_value())

        def state() -> dict[str, Any]:
            """The newest; before there is one, `until` goes on waiting."""
            return wire.of_type("state", sent=False)[-1]

        until(page, lambda: state()["runs"][0]["learning_rate"] == shown, "the rate is not taken")
        refused = wire.of_type("error", sent=False)
        assert {error["code"] for error in refused} == {"too_fast"}
        # Restarts, and what follows them: played on, with the noise and the rate set last.
        drag("Noise")
        playground.button("Play").click()
        drag("Learning rate")
        shown = float(playground.field("Learning rate").input_value())
        level = float(playground.field("Noise").input_value())
        until(
            page,
            lambda: state()["playing"] and state()["runs"][0]["learning_rate"] == shown,
            "it does not play at the rate set last",
        )
        playground.wait_for_iteration(30)
        assert playground.button("Pause").is_visible()
        assert len(wire.of_type("error", sent=False)) > len(refused)
        answers = wire.confirmed
        plans = wire.of_type("configure", sent=True)
        assert plans[-1]["data"]["noise"] == level
        assert len(answers) < len(plans)
        expect(playground.notice).to_be_empty()
        expect(page.locator("#connection")).to_have_text("Live")
        assert len(wire.urls) == 1
        page.close()
