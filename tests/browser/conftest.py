"""One server and one browser for all browser tests; a page that does not forgive."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    expect,
    sync_playwright,
)

from tests.browser.harness import Server, launch_chromium, running_server
from tests.browser.playground import PATIENCE

expect.set_options(timeout=PATIENCE)

VIEWPORT = {"width": 1440, "height": 900}


class Guard:
    """What a page must not do: complain in the console, throw, or ask anyone but its server."""

    def __init__(self, context: BrowserContext, server: Server) -> None:
        self._host = urlsplit(server.url).hostname
        self._expected: list[str] = []
        self.problems: list[str] = []
        context.on("console", self._console)
        context.on("weberror", lambda error: self.problems.append(f"thrown: {error.error}"))
        context.on("request", self._request)

    def expect(self, pattern: str) -> None:
        """Let a message of the console pass that a test brings about."""
        self._expected.append(pattern)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not any(
            re.search(pattern, message.text) for pattern in self._expected
        ):
            self.problems.append(f"console {message.type}: {message.text}")

    def _request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in {"data", "blob"} and parts.hostname != self._host:
            self.problems.append(f"a request to {request.url}")


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with running_server() as server:
        yield server


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = launch_chromium(playwright)
        yield browser
        browser.close()


@pytest.fixture
def context_options() -> dict[str, object]:
    """What a test's browser is like; override it by parametrizing."""
    return {}


@pytest.fixture
def context(
    browser: Browser, server: Server, context_options: dict[str, object]
) -> Iterator[BrowserContext]:
    context = browser.new_context(base_url=server.url, **{"viewport": VIEWPORT, **context_options})
    context.set_default_timeout(PATIENCE)
    yield context
    context.close()


@pytest.fixture
def guard(context: BrowserContext, server: Server) -> Iterator[Guard]:
    guard = Guard(context, server)
    yield guard
    assert guard.problems == []


@pytest.fixture
def page(context: BrowserContext, guard: Guard) -> Page:
    return context.new_page()
