"""The page as its reader knows it: by names and roles; and what goes over its wire."""

from __future__ import annotations

import base64
import json
import os
import time
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from typing import Any, Literal
from weakref import WeakKeyDictionary

import msgpack
import numpy as np
from playwright.sync_api import BrowserContext, Error, Locator, Page, WebSocket, expect

# Milliseconds that a shared machine may take over what a quiet one does at once; no test asserts a
# time. Whoever works on a test may want to hear sooner.
PATIENCE = 1000 * int(os.environ.get("SHALLOWS_TEST_PATIENCE", "60"))

Theme = Literal["light", "dark"]

# Done once a thread has come to what was waiting when it was asked, and to what that had put off.
AFTER_OTHER_TASKS = "() => new Promise((done) => setTimeout(() => setTimeout(done)))"
# The same, and to the screen's turn after that: what it has drawn by then, the page has.
AFTER_DRAWING = """() => new Promise((done) =>
  setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(done))))"""

# What the server answers with one `state`; it says another as a `step` has come to its end.
COMMANDS = {"play", "pause", "reset", "step", "set", "edit", "seek"}


def plain(frame: dict[str, Any]) -> dict[str, Any]:
    """A frame with its pictures as values instead of differences."""
    for run in frame["runs"]:
        for picture in (*filter(None, [run.get("boundary")]), *run.get("neurons", [])):
            if picture["encoding"] == "differences":
                shape = (-1, picture["height"], picture["width"])
                differences = np.frombuffer(picture["values"], np.uint8).reshape(shape)
                rows = np.cumsum(differences, axis=2, dtype=np.uint8)
                picture["values"] = np.cumsum(rows, axis=1, dtype=np.uint8).tobytes()
    return frame


def try_now(page: Page, waiting: str = "#waiting") -> None:
    """Press the button, unless the page has tried by itself meanwhile and it is gone."""
    page.evaluate("(place) => document.querySelector(`${place} button`)?.click()", waiting)


def come_in(page: Page, waiting: str = "#waiting") -> None:
    """Press it until there is nothing to wait for any more.

    A try may be under way that was begun too early; and a server frees a place only as it hears
    that somebody has left it.
    """

    def is_in() -> bool:
        try_now(page, waiting)
        return page.locator(waiting).inner_text() == ""

    until(page, is_in, "it does not come in")


def until(page: Page, condition: Callable[[], Any], what: str = "it did not come") -> None:
    """Wait for what no locator tells: something on the wire, or drawn by Plotly.

    A condition may look at the newest of what has come: while nothing has, it is not met yet.
    """
    deadline = time.monotonic() + PATIENCE / 1000
    while not _is_met(condition):
        assert time.monotonic() < deadline, what
        page.wait_for_timeout(20)


def _is_met(condition: Callable[[], Any]) -> bool:
    try:
        return bool(condition())
    except IndexError:
        return False


RAMP = ((248, 203, 156), (253, 252, 250), (166, 203, 242))  # --heat-0, --heat-m, --heat-1


def spread(grid: np.ndarray, width: int, height: int) -> np.ndarray:
    """A grid's values at the centres of pixels, row 0 at the top; its border is the picture's."""
    rows, columns = grid.shape
    y = (1 - (np.arange(height) + 0.5) / height) * (rows - 1)
    x = (np.arange(width) + 0.5) / width * (columns - 1)
    across = np.array([np.interp(x, np.arange(columns), row) for row in grid])
    return np.array([np.interp(y, np.arange(rows), column) for column in across.T]).T


def coloured(values: np.ndarray) -> np.ndarray:
    """Values of 0 to 255 in the colours of the light theme."""
    t = values[..., None] / 127.5 - 1
    low, middle, high = (np.array(colour) for colour in RAMP)
    return np.asarray(middle + (np.where(t < 0, low, high) - middle) * abs(t))


# For a page in which Plotly never comes. A route would do too, but nothing is cached beside one.
NO_PLOTLY = """{
  const { append } = Element.prototype;
  const isPlotly = (node) => node.src?.includes('/plotly-basic');
  Element.prototype.append = function (...nodes) {
    if (!nodes.some(isPlotly)) append.apply(this, nodes);
  };
}"""


def without_plotly(where: Page | BrowserContext) -> None:
    """For good: of what a page loads it takes longest, and a test may look at nothing of it."""
    where.add_init_script(NO_PLOTLY)


class Frames(Sequence[dict[str, Any]]):
    """Frames as they came; one is unpacked when somebody looks at it, which few tests do."""

    def __init__(self) -> None:
        self._kept: list[Callable[[], dict[str, Any]]] = []

    def add(self, frame: Callable[[], dict[str, Any]]) -> None:
        """One more, which unpacks itself when it is called."""
        self._kept.append(frame)

    def extend(self, others: Frames) -> None:
        """Those of another too."""
        self._kept += others._kept

    def __len__(self) -> int:
        return len(self._kept)

    def __getitem__(self, at: Any) -> Any:
        if isinstance(at, slice):
            return [unpacked() for unpacked in self._kept[at]]
        return self._kept[at]()


class Talk:
    """What was sent and received, in order."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.received: list[dict[str, Any]] = []
        self.frames = Frames()
        self.began = 0
        """Frames before the run that there is."""

    def of_type(self, kind: str, *, sent: bool) -> list[dict[str, Any]]:
        """The messages of one type."""
        return [
            message for message in (self.sent if sent else self.received) if message["type"] == kind
        ]

    @property
    def confirmed(self) -> list[dict[str, Any]]:
        """The answers to what was asked for.

        A connection that a busy machine has dropped hears once more of the run, as it is.
        """
        answers = self.of_type("configured", sent=False)
        return [answer for answer in answers if not answer["resumed"]]

    @property
    def is_shown(self) -> bool:
        """Whether the page has said that it has drawn a frame of the run that there is."""
        first = self.frames[self.began]["frame"]
        return any(ack["frame"] >= first for ack in self.of_type("ack", sent=True))

    @property
    def is_answered(self) -> bool:
        """Whether every command of this connection has its answer, and every step its end."""
        asked = [message for message in self.sent if message["type"] in COMMANDS]
        steps = [message for message in asked if message["type"] == "step"]
        states = self.of_type("state", sent=False)
        answers = len(states) + len(self.of_type("error", sent=False))
        # A run that is over takes no step.
        over = bool(states) and all(run["ended"] for run in states[-1]["runs"])
        return answers >= len(asked) + (0 if over else len(steps))

    @property
    def iteration(self) -> int:
        """At which the server last said it was."""
        said = [message for message in self.received if message["type"] in {"state", "configured"}]
        return int(said[-1]["iteration"])

    def costs_of(self, index: int) -> np.ndarray:
        """The costs of one of the latest frame's runs, from iteration 0, put end to end."""
        costs = np.zeros(0, np.float32)
        for frame in self.frames:
            run = frame["runs"][index]
            new = np.frombuffer(run["costs"], "<f4")
            if len(new) or frame["iteration"] == 0:
                assert run["first_iteration"] <= len(costs), "costs are missing"
                costs = np.concatenate([costs[: run["first_iteration"]], new])
        return costs


def joined(talks: list[Talk]) -> Talk:
    """All of them as one."""
    whole = Talk()
    for talk in talks:
        whole.sent += talk.sent
        whole.received += talk.received
        whole.frames.extend(talk.frames)
    return whole


LISTENING: WeakKeyDictionary[Page, Callable[[WebSocket], None]] = WeakKeyDictionary()


class Wire(Talk):
    """Everything on a page's WebSockets: of all of them together, and of each apart."""

    def __init__(self, page: Page) -> None:
        super().__init__()
        self.urls: list[str] = []
        self.talks: list[Talk] = []
        # A tab has many pages in turn; the newest is listened to.
        if page in LISTENING:
            page.remove_listener("websocket", LISTENING[page])
        LISTENING[page] = self._opened
        page.on("websocket", self._opened)

    @property
    def costs(self) -> np.ndarray:
        """The costs of the only run there is."""
        assert all(len(frame["runs"]) == 1 for frame in self.frames)
        return self.costs_of(0)

    @property
    def main(self) -> Talk:
        """The learner's own session, over all its connections."""
        return joined(self.main_talks)

    @property
    def main_talks(self) -> list[Talk]:
        """Each of its connections."""
        return self._talks(labs=False)

    @property
    def lab(self) -> Talk:
        """The comparison lab's: it asks for smaller pictures."""
        return joined(self.lab_talks)

    @property
    def lab_talks(self) -> list[Talk]:
        """Each of its connections."""
        return self._talks(labs=True)

    def _talks(self, *, labs: bool) -> list[Talk]:
        return [talk for talk in self.talks if talk.sent and ("resolution" in talk.sent[0]) == labs]

    def _opened(self, socket: WebSocket) -> None:
        talk = Talk()
        self.urls.append(socket.url)
        self.talks.append(talk)

        def say(text: str | bytes) -> None:
            for listener in (self, talk):
                listener.sent.append(json.loads(text))

        def hear(payload: str | bytes) -> None:
            if isinstance(payload, str):
                for listener in (self, talk):
                    listener.received.append(json.loads(payload))
                if talk.received[-1]["type"] == "configured":
                    talk.began = len(talk.frames)
                return
            unpacked = cache(lambda: plain(msgpack.unpackb(zlib.decompress(payload))))
            for listener in (self, talk):
                listener.frames.add(unpacked)

        socket.on("framesent", say)
        socket.on("framereceived", hear)


class Playground:
    """The page, opened at an experiment."""

    def __init__(self, page: Page, address: str = "", *, refused: bool = False) -> None:
        self.page = page
        self.wire = Wire(page)
        page.goto(address or "/", wait_until="commit")
        if refused:  # and there is nothing to see yet
            return
        expect(self.readout("cost")).not_to_have_text("–", timeout=PATIENCE)

    # -- what it has ------------------------------------------------------------------------

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def field(self, name: str) -> Locator:
        return self.page.get_by_role("spinbutton", name=name, exact=True)

    def radio(self, group: str, name: str) -> Locator:
        return self.page.get_by_role("radiogroup", name=group, exact=True).get_by_role(
            "radio", name=name, exact=True
        )

    def readout(self, name: str) -> Locator:
        return self.page.get_by_test_id(name)

    @property
    def ghosts(self) -> Locator:
        """The names of earlier runs in the cost chart."""
        return self.page.locator("#cost .curve-name:not(.now)")

    @property
    def notice(self) -> Locator:
        return self.page.locator("#notice")

    # -- what it shows ----------------------------------------------------------------------

    @property
    def iteration(self) -> int:
        return int(self.readout("iteration").get_attribute("value") or 0)

    @property
    def cost(self) -> float:
        return float(self.readout("cost").get_attribute("value") or "nan")

    def pixels(self, canvas: str) -> np.ndarray:
        """What a canvas shows, height x width x RGBA, row 0 at the top."""
        # The painter's thread draws; the page sees what it has drawn when it draws itself.
        self._in_workers(AFTER_DRAWING)
        width, height, data = self.page.evaluate(
            """async (selector) => {
              const canvas = document.querySelector(selector);
              for (let frame = 0; frame < 3; frame++) {
                await new Promise((resolve) => requestAnimationFrame(resolve));
              }
              const copy = new OffscreenCanvas(canvas.width, canvas.height);
              const context = copy.getContext('2d', { willReadFrequently: true });
              context.drawImage(canvas, 0, 0);
              const { data } = context.getImageData(0, 0, copy.width, copy.height);
              return [copy.width, copy.height, new Uint8Array(data.buffer).toBase64()];
            }""",
            canvas,
        )
        return np.frombuffer(base64.b64decode(data), np.uint8).reshape(height, width, 4)

    def wait_for_plots(self) -> None:
        """Until Plotly has come and drawn."""
        for plot in ("#boundary", "#cost"):
            expect(self.page.locator(f"{plot} .main-svg").first).to_be_attached(timeout=PATIENCE)

    def wait_for_iteration(self, least: int) -> None:
        """Until at least so many iterations are shown."""
        self._wait_for("iteration", f"value >= {least}")

    def wait_for_cost_below(self, cost: float) -> None:
        self._wait_for("cost", f"value < {cost}")

    def _wait_for(self, readout: str, condition: str) -> None:
        # Not wait_for_function: it evaluates text in the page, which the page's policy forbids.
        self.page.evaluate(
            f"""() => new Promise((resolve, reject) => {{
              const began = performance.now();
              const look = () => {{
                const text = document.querySelector('[data-testid="{readout}"]').value;
                const value = text === '' ? NaN : Number(text);
                if ({condition}) resolve();
                else if (performance.now() - began < {PATIENCE}) setTimeout(look, 10);
                else reject(new Error('{readout} is ' + text));
              }};
              look();
            }})"""
        )

    def wait_for_curve(self) -> None:
        """Until Plotly, which draws a few times a second at most, has drawn all costs there are."""
        until(
            self.page,
            lambda: self.trace("cost", -1)["x"][-1] == len(self.wire.costs) - 1,
            "the curve does not reach the last cost",
        )

    def trace(self, plot: str, index: int) -> dict[str, Any]:
        """A trace that Plotly draws in `boundary` or `cost`; below 0, counted from the end."""
        found: dict[str, Any] = self.page.evaluate(
            """([plot, index]) => {
              const { data } = document.querySelector(`#${plot} .plotly`);
              const { x, y, line, marker } = data.at(index);
              return { x: [...x], y: [...y], line, marker };
            }""",
            [plot, index],
        )
        return found

    # -- what one does ----------------------------------------------------------------------

    def play(self) -> None:
        self.button("Play").click()
        expect(self.button("Pause")).to_be_visible()

    def pause(self) -> None:
        """Pause, and wait until the last iteration is on the page."""
        self.button("Pause").click()
        expect(self.button("Play")).to_be_visible()
        self.settle()

    def last_configure(self) -> dict[str, Any]:
        """What the server was last told to train, once it does."""
        self.say_all()
        deadline = time.monotonic() + PATIENCE / 1000
        while True:
            # What a connection has lost, the next one asks for again.
            talk = self.wire.main_talks[-1]
            asked = talk.of_type("configure", sent=True)
            answers = talk.of_type("configured", sent=False)
            if answers and len(asked) == len(talk.confirmed):
                return self.wire.main.of_type("configure", sent=True)[-1]
            assert time.monotonic() < deadline, "a configure was not answered"
            self.page.wait_for_timeout(20)

    def begun(self) -> None:
        """Until the page shows the run that it was told to train last, and no other."""
        self.last_configure()
        until(
            self.page,
            lambda: self.wire.main_talks[-1].is_shown,
            "the page does not show the run",
        )

    def wait_for_sentences(self) -> None:
        """From now on who listens hears the server's sentence, however late: no pause without."""
        self._lengthen(1000)

    def keep_notes(self) -> None:
        """From now on a note that goes by itself stays, however late one looks."""
        self._lengthen(6000)

    def _lengthen(self, milliseconds: int) -> None:
        """Of the page's waits those that take as long."""
        self.page.evaluate(
            """([which, longer]) => {
              const { setTimeout: usual } = window;
              window.setTimeout = (act, after, ...more) =>
                usual(act, after === which ? longer : after, ...more);
            }""",
            [milliseconds, PATIENCE],
        )

    def say_all(self) -> None:
        """Until whatever the page has to say by now is on the wire, which only then tells of it.

        A connection that is gone says nothing, so it has to be live. The socket is the painter's,
        in its worker: what the page gives it to say waits there for its turn.
        """
        expect(self.page.locator("#connection")).to_have_text("Live")
        self.page.evaluate(AFTER_OTHER_TASKS)
        self._in_workers(AFTER_OTHER_TASKS)

    def _in_workers(self, expression: str) -> None:
        for worker in self.page.workers:
            with suppress(Error):  # It has ended meanwhile.
                worker.evaluate(expression)

    def settle(self) -> None:
        """Until the server has done all that it was told, and the page shows where that led."""
        self.say_all()

        def is_settled() -> bool:
            talk = self.wire.main_talks[-1]
            return talk.is_answered and talk.iteration == self.iteration

        until(self.page, is_settled, "the page does not show what the server last said")
        self._in_workers(AFTER_OTHER_TASKS)  # What is shown has come; now it is heard here, too.

    def choose(self, group: str, name: str) -> None:
        """Choose as with a mouse: on the label, whose radio button itself is not seen."""
        self.radio(group, name).locator("xpath=ancestor::label").click()

    def enter(self, name: str, value: str) -> None:
        self.field(name).fill(value)
        self.field(name).press("Enter")

    def step(self, times: int) -> None:
        """Step by step, each shown."""
        for _ in range(times):
            before = self.iteration
            self.button("Step").click()
            expect(self.readout("iteration")).to_have_attribute("value", str(before + 1))
