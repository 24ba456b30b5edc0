"""That a page would not get away with asking anyone but its server."""

from __future__ import annotations

from playwright.sync_api import Browser, BrowserContext

from tests.browser.conftest import Elsewhere, Guard

ASKED = {
    "void fetch('http://fetched.example/x')": "GET http://fetched.example/x HTTP/1.1",
    "void fetch('https://safe.example/')": "CONNECT safe.example:443 HTTP/1.1",
    "void fetch('http://10.0.0.9/')": "GET http://10.0.0.9/ HTTP/1.1",
    "void new WebSocket('ws://socket.example/')": "CONNECT socket.example:80 HTTP/1.1",
    "void navigator.sendBeacon('http://sent.example/')": "POST http://sent.example/ HTTP/1.1",
    "void open('http://gone.example/')": "GET http://gone.example/ HTTP/1.1",
}


def test_a_request_to_anyone_else_is_a_problem(
    context: BrowserContext, browser: Browser, elsewhere: Elsewhere
) -> None:
    """In the context of all tests and in one of a test's own; no page's policy is in the way."""
    with browser.new_context() as own:
        for one in (context, own):
            guard = Guard(elsewhere)
            guard.expect("")  # each of them is an error in the console too
            page = one.new_page()
            with guard.watching(one):
                for script in ASKED:
                    page.evaluate(script)
                while not set(ASKED.values()) <= set(elsewhere.asked):
                    page.wait_for_timeout(30)
            heard = {f"a request elsewhere: {line}" for line in ASKED.values()}
            assert heard <= set(guard.problems)
