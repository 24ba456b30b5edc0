"""A connection that drops is said, comes back by itself, and nothing is lost meanwhile."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from websockets.sync.client import connect

from tests.browser.cable import Cable
from tests.browser.conftest import Guard
from tests.browser.harness import ROOT, Server, running_server
from tests.browser.playground import Playground, until
from tests.browser.test_accessibility import violations
from tests.browser.test_own_points import Hand

NEWER = "The server has a newer version of this page."
REFUSED = "WebSocket connection to .* failed|Failed to load resource: net::ERR_"


@pytest.fixture
def cable(server: Server, guard: Guard) -> Iterator[Cable]:
    guard.expect(REFUSED)
    cable = Cable(server.port)
    yield cable
    cable.close()


def state(page: Page, text: str) -> None:
    expect(page.locator("#connection")).to_have_text(text)


def test_training_goes_on_every_cost_arrives_and_what_was_asked_meanwhile_is_sent(
    page: Page, cable: Cable
) -> None:
    playground = Playground(page, cable.url)
    state(page, "Live")
    playground.play()
    playground.wait_for_iteration(60)
    cable.pull()
    state(page, "Reconnecting")
    known = len(playground.wire.costs)
    expect(playground.button("Pause")).to_be_enabled()
    page.wait_for_timeout(700)
    cable.plug_in()
    state(page, "Live")
    playground.wait_for_iteration(known + 100)
    playground.pause()

    query = parse_qs(urlsplit(playground.wire.urls[-1]).query)
    configured = playground.wire.of_type("configured", sent=False)
    assert configured[-1]["resumed"] is True
    assert query["session"] == [configured[0]["session"]]
    assert int(query["iteration"][0]) <= known
    assert len(playground.wire.of_type("configure", sent=True)) == 1
    assert len(playground.wire.costs) == playground.iteration  # `costs` fails at a gap.
    # What was changed meanwhile is sent.
    playground.play()
    cable.pull()
    state(page, "Reconnecting")
    playground.choose("Activation", "ReLU")
    # What is read of it waits for no picture.
    expect(page.locator("#formula .lines math").first).to_contain_text("max")
    expect(page.locator(".layer-activation")).to_have_value("relu")
    playground.enter("Learning rate", "0.07")
    cable.plug_in()
    state(page, "Live")
    playground.last_configure()
    playground.wait_for_iteration(20)
    run = playground.wire.of_type("configured", sent=False)[-1]["runs"][0]
    assert run["layers"][0]["activation"] == "relu"
    assert run["training"]["learning_rate"] == 0.07
    expect(playground.button("Pause")).to_be_visible()
    # So are pauses and steps.
    playground.pause()
    playground.button("Reset").click()
    expect(playground.readout("iteration")).to_have_attribute("value", "0")
    playground.step(3)
    cable.pull()
    state(page, "Reconnecting")
    for _ in range(4):
        playground.button("Step").click()
    cable.plug_in()
    state(page, "Live")
    expect(playground.readout("iteration")).to_have_attribute("value", "7")
    cable.pull()
    state(page, "Reconnecting")
    playground.button("Reset").click()
    playground.button("Step").click()
    cable.plug_in()
    state(page, "Live")
    expect(playground.readout("iteration")).to_have_attribute("value", "1")
    cable.pull()
    state(page, "Reconnecting")
    playground.button("Play").click()
    cable.plug_in()
    playground.wait_for_iteration(20)


def is_over(server: Server, session: str) -> bool:
    """Whether a session has nothing left to train, as somebody else hears who comes to it."""
    with connect(f"ws://127.0.0.1:{server.port}/ws?session={session}") as other:
        # What the session has just said to all may come before the answer.
        texts = (json.loads(said) for said in other if isinstance(said, str))
        told = next(text for text in texts if text["type"] == "configured")
    return told["runs"][0]["state"]["ended"] is not None


def test_a_divergence_meanwhile_is_told_when_the_connection_is_back(
    page: Page, cable: Cable, server: Server
) -> None:
    playground = Playground(
        page, f"{cable.url}#activation=leaky_relu&init=he&layers=8,8,4&rate=100"
    )
    playground.enter("Speed in iterations a second", "0.6")
    playground.play()
    until(page, lambda: playground.wire.of_type("state", sent=False)[-1]["playing"])
    cable.pull()
    state(page, "Reconnecting")
    # It takes five iterations, each longer than a second.
    session = playground.wire.of_type("configured", sent=False)[0]["session"]
    until(page, lambda: is_over(server, session), "it does not diverge")
    cable.plug_in()
    expect(playground.notice).to_contain_text("Diverged at iteration")
    expect(playground.button("Play")).to_be_visible()
    assert playground.wire.of_type("diverged", sent=False) == []


def test_points_set_meanwhile_are_trained_on_from_the_weights_there_were(
    page: Page, cable: Cable
) -> None:
    playground = Playground(page, f"{cable.url}#dataset=own&points=1,1,1;2,2,0;-1,2,1")
    playground.step(3)
    playground.settle()
    (run,) = playground.wire.frames[-1]["runs"]
    cable.pull()
    state(page, "Reconnecting")
    hand = Hand(playground)
    hand.tool("y = 1").click()
    hand.click(4, -4)
    cable.plug_in()
    state(page, "Live")
    hand.at(4, -4)
    begun = playground.wire.of_type("configured", sent=False)[-1]["runs"][0]["layers"]
    assert [layer["weights"] for layer in begun] == [layer["weights"] for layer in run["layers"]]
    cable.pull()
    state(page, "Reconnecting")
    playground.button("Reset").click()
    hand.click(-4, -4)
    cable.plug_in()
    state(page, "Live")
    hand.at(-4, -4)
    assert "parameters" not in playground.last_configure()["runs"][0]["network"]


def test_the_browser_going_offline_is_noticed_at_once(
    page: Page, context: BrowserContext, guard: Guard
) -> None:
    guard.expect(REFUSED)
    guard.expect("ERR_INTERNET_DISCONNECTED")
    playground = Playground(page)
    playground.wait_for_plots()
    context.set_offline(True)
    # The page hears of it before its painter's thread is cut off, too, and may come back meanwhile.
    page.evaluate("dispatchEvent(new Event('offline'))")
    state(page, "Reconnecting")
    context.set_offline(False)
    state(page, "Live")
    playground.step(1)


@pytest.fixture
def newer_project(tmp_path: Path) -> Path:
    """This project with another page: one more comment in one of its files."""
    for name in ("nncore", "templates", "lessons", "docs"):
        (tmp_path / name).symlink_to(ROOT / name)
    for name in ("app", "static"):  # what lies beside `app` is found from where it really is
        shutil.copytree(ROOT / name, tmp_path / name)
    with (tmp_path / "static" / "css" / "base.css").open("a") as style:
        style.write("/* newer */\n")
    return tmp_path


def test_a_session_outlives_its_server_and_a_new_server_gets_the_same_experiment(
    page: Page, guard: Guard, newer_project: Path
) -> None:
    guard.expect(REFUSED)
    guard.expect("Failed to load resource")
    guard.expect("Refused to execute script")
    with running_server() as own:
        playground = Playground(page, f"{own.url}#activation=relu")
        playground.play()
        playground.wait_for_iteration(60)
        # A note goes by itself, perhaps before a busy machine looks: all that is said is kept.
        page.evaluate(
            """() => {
              const notice = document.querySelector('#notice');
              new MutationObserver(() => { window.said += notice.textContent; })
                .observe(notice, { childList: true, subtree: true, characterData: true });
              window.said = '';
            }"""
        )

        def configured() -> dict[str, Any]:
            newest: dict[str, Any] = playground.wire.of_type("configured", sent=False)[-1]
            return newest

        session = configured()["session"]
        # In order: it goes on from where it was, and there is nothing to say.
        own.stop()
        state(page, "Reconnecting")
        expect(page.locator("#waiting")).to_contain_text("The server is restarting. Your run goes")
        own.start()
        state(page, "Live")
        expect(page.locator("#waiting")).to_be_empty()
        playground.say_all()
        assert (configured()["session"], configured()["from_checkpoint"]) == (session, False)
        assert configured()["iteration"] >= 60
        playground.wait_for_iteration(configured()["iteration"] + 20)
        assert page.evaluate("window.said") == ""
        # All of a sudden: it goes on from what was kept, and says so.
        own.kill()
        state(page, "Reconnecting")
        own.start()
        state(page, "Live")
        playground.say_all()
        kept = configured()["iteration"]
        assert (configured()["session"], configured()["from_checkpoint"]) == (session, True)
        playground.wait_for_iteration(kept + 20)
        assert "goes on from iteration" in page.evaluate("window.said")
        assert len(playground.wire.of_type("configure", sent=True)) == 1
        expect(page.locator("#newer")).to_be_empty()
        # With nothing left of it: the same experiment begins again.
        own.forget()
        own.project = newer_project
        state(page, "Reconnecting")
        own.start()
        state(page, "Live")
        playground.wait_for_iteration(20)
        playground.say_all()
        run = configured()["runs"][0]
        assert run["layers"][0]["activation"] == "relu"
        assert "started again" in page.evaluate("window.said")
        expect(playground.button("Pause")).to_be_visible()
        # The page is older than this server: that is said, and which part of it has not come.
        newer = page.locator("#newer")
        expect(newer).to_contain_text(NEWER)
        expect(newer).to_have_attribute("role", "status")
        assert violations(page, "#newer") == []
        page.get_by_role("button", name="Later").click()
        expect(newer).to_be_empty()
        page.get_by_role("tab", name="Activations").click()
        expect(newer).to_contain_text(NEWER)
        expect(page.locator("#panel-activations")).to_have_attribute("data-missing", "")
        page.get_by_role("tab", name="Surface").click()
        expect(newer).to_contain_text(NEWER)
        page.get_by_role("tab", name="Activations").click()
        playground.wait_for_iteration(playground.iteration + 20)
        # Of changes that come fast the address has the last one only a moment later.
        expect(page).to_have_url(re.compile("panel=activations"))
        page.get_by_role("button", name="Reload").click()
        expect(newer).to_be_empty()
        state(page, "Live")
        assert "activation=relu" in page.url
        expect(page.locator("#panel-activations svg").first).to_be_visible()
        # The socket is closed before its server goes.
        page.goto("about:blank")
