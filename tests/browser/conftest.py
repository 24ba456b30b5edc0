"""One server and one browser for all browser tests; a page that does not forgive."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread
from typing import Any

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Playwright,
    ViewportSize,
    WebError,
    expect,
    sync_playwright,
)

from tests.browser.harness import Server, chromium_profile, running_server
from tests.browser.playground import NO_PLOTLY, PATIENCE

expect.set_options(timeout=PATIENCE)

# A page of the server's that holds nothing.
NOTHING = "healthz"
MEDIA = ("media", "color_scheme", "reduced_motion", "forced_colors")
OWN_LESSONS = Path(__file__).with_name("own_lessons")
# Files whose tests look at nothing that Plotly draws, which takes longest of all that a page loads.
WITHOUT_PLOTLY = {
    "test_address",
    "test_divergence",
    "test_help",
    "test_keyboard",
    "test_late",
    "test_lessons",
    "test_microscope",
    "test_model",
    "test_numbers",
    "test_parameters",
    "test_presets",
    "test_questions",
    "test_reduced",
    "test_refusals",
    "test_share",
    "test_take_away",
}
VIEWPORT: ViewportSize = {"width": 1440, "height": 900}


class Elsewhere(ThreadingTCPServer):
    """The proxy of the browser for every host but 127.0.0.1: notes what is asked, answers nothing.

    Whatever leaves the page comes by here, also by a WebSocket. To be told of every request by
    Playwright takes a quarter of a second of a processor for each page that is loaded.
    """

    daemon_threads = True

    def __init__(self) -> None:
        self.asked: list[str] = []
        super().__init__(("127.0.0.1", 0), Asked)
        Thread(target=self.serve_forever, daemon=True).start()

    @property
    def arguments(self) -> list[str]:
        """That Chromium asks it."""
        proxy = f"--proxy-server=http://127.0.0.1:{self.server_address[1]}"
        return [proxy, "--proxy-bypass-list=<-loopback>;127.0.0.1"]


class Asked(BaseRequestHandler):
    """A connection to `Elsewhere`."""

    def handle(self) -> None:
        assert isinstance(self.server, Elsewhere)
        line = b"nothing is said"
        with suppress(OSError):
            line = self.request.recv(1000).partition(b"\r\n")[0]
        self.server.asked.append(line.decode("latin-1"))


class Guard:
    """What a page must not do: complain in the console, throw, or ask anyone but its server."""

    def __init__(self, elsewhere: Elsewhere) -> None:
        self._elsewhere = elsewhere
        self._expected: list[str] = []
        self.problems: list[str] = []

    @contextmanager
    def watching(self, context: BrowserContext) -> Iterator[None]:
        """Watch whatever its pages do meanwhile."""
        listeners = {"console": self._console, "weberror": self._thrown}
        for event, listener in listeners.items():
            context.on(event, listener)  # type: ignore[call-overload]
        yield
        for event, listener in listeners.items():
            context.remove_listener(event, listener)
        while self._elsewhere.asked:
            self.problems.append(f"a request elsewhere: {self._elsewhere.asked.pop(0)}")

    def expect(self, pattern: str) -> None:
        """Let a message of the console pass that a test brings about."""
        self._expected.append(pattern)

    def _thrown(self, error: WebError) -> None:
        self.problems.append(f"thrown: {error.error}")

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not any(
            re.search(pattern, message.text) for pattern in self._expected
        ):
            self.problems.append(f"console {message.type}: {message.text}")


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with ExitStack() as stack:
        with pytest.MonkeyPatch.context() as environment:
            # What a test leaves playing takes the time of the tests after it no longer than that.
            environment.setenv("SHALLOWS_SESSION_GRACE_SECONDS", "10")
            # A teacher's, after those that come with it.
            environment.setenv("SHALLOWS_LESSONS_FOLDER", str(OWN_LESSONS))
            server = stack.enter_context(running_server())
        yield server


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def elsewhere() -> Iterator[Elsewhere]:
    with Elsewhere() as elsewhere:
        yield elsewhere
        elsewhere.shutdown()


@pytest.fixture(scope="session")
def profile(
    playwright: Playwright, server: Server, elsewhere: Elsewhere
) -> Iterator[BrowserContext]:
    """One context for all tests but a few; viewport and media are a page's.

    With a context for each test, the browser spends most of the tests' time on compiling Plotly.
    """
    options: dict[str, Any] = {"base_url": server.url, "viewport": VIEWPORT}
    with chromium_profile(playwright, elsewhere.arguments, **options) as profile:
        profile.set_default_timeout(PATIENCE)
        yield profile


@pytest.fixture(scope="session")
def browser(profile: BrowserContext) -> Browser:
    """The same browser, for a context of its own: another browser takes seconds to start."""
    assert profile.browser is not None
    return profile.browser


@pytest.fixture(scope="session")
def touched(browser: Browser, server: Server) -> Iterator[BrowserContext]:
    """One for those with a finger."""
    with browser.new_context(base_url=server.url, viewport=VIEWPORT, has_touch=True) as context:
        context.set_default_timeout(PATIENCE)
        context.new_page()
        yield context


@pytest.fixture
def context_options() -> dict[str, Any]:
    """What a test's browser is like; override it by parametrizing."""
    return {}


@pytest.fixture
def context(
    request: pytest.FixtureRequest, context_options: dict[str, Any], server: Server
) -> Iterator[BrowserContext]:
    name = "touched" if context_options.get("has_touch") else "profile"
    context: BrowserContext = request.getfixturevalue(name)
    yield context
    # The next test finds nothing but what is cached. A page may keep something as it closes.
    context.set_offline(False)
    tab, *others = context.pages
    for page in others:
        page.close()
    tab.bring_to_front()
    tab.unroute_all()
    tab.goto(NOTHING)
    tab.evaluate("sessionStorage.clear()")
    tab.mouse.move(0, 0)
    session = context.new_cdp_session(tab)
    stored = {"origin": server.url.rstrip("/"), "storageTypes": "all"}
    session.send("Storage.clearDataForOrigin", stored)
    session.detach()
    context.clear_permissions()


@pytest.fixture
def guard(context: BrowserContext, elsewhere: Elsewhere) -> Iterator[Guard]:
    guard = Guard(elsewhere)
    with guard.watching(context):
        yield guard
    assert guard.problems == []


@pytest.fixture
def page(
    request: pytest.FixtureRequest,
    context: BrowserContext,
    context_options: dict[str, Any],
    guard: Guard,
) -> Iterator[Page]:
    """The tab that all tests have in turn: a page loads there in half of the time.

    A test that closes it, counts its history, which is full after fifty pages, or leaves with it
    what no page clears, such as a script for the next ones, has `own_tab` among its options.
    """
    page = context.new_page() if context_options.get("own_tab") else context.pages[0]
    page.set_viewport_size(context_options.get("viewport", VIEWPORT))
    # What is not named is as for everyone.
    page.emulate_media(**{name: context_options.get(name, "null") for name in MEDIA})
    if request.path.stem not in WITHOUT_PLOTLY:
        yield page
        return
    session = context.new_cdp_session(page)
    session.send("Page.enable")
    added = session.send("Page.addScriptToEvaluateOnNewDocument", {"source": NO_PLOTLY})
    yield page
    if not page.is_closed():
        session.send("Page.removeScriptToEvaluateOnNewDocument", added)
        session.detach()
