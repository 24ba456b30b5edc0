"""The page in a real Chromium: how soon it answers, how fast and at what price it draws.

python -m benchmarks.page_bench
python -m benchmarks.page_bench --against PATH    in turns with another checkout, and the ratios
python -m benchmarks.page_bench --heap 10    plays for so many minutes and watches the memory
"""

from __future__ import annotations

import argparse
import os
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil
from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

from tests.browser.harness import launch_chromium, running_server

TOGGLES = 50
PLAY_SECONDS = 10
COLD_LOADS = 10
SLOW = 4
"""A slow computer's page: so many times slower is its own thread."""
ROUNDS = 3
ROUND_TOGGLES = 17
ROUND_SECONDS = 4
"""Of a comparison: in each round each checkout has two turns of so many toggles and seconds."""
ACTIVATIONS = ("relu", "tanh")
# What is played, and how many frames a second it must be at least.
PLAYED = {
    "default experiment": ("", 30),
    "8 hidden units": ("#layers=8", 50),
    "spiral, 8-8-8 units": ("#dataset=spiral&layers=8,8,8&init=xavier", 40),
    "the microscope open": ("#panel=microscope", 30),
    "the activation lab open": ("#panel=activations", 30),
    "the comparison lab open, four networks": ("#panel=compare", 30),
}
# Beside these a panel's work is its own: no bound is set to it but the frames.
UNBOUND = {name for name, (address, _) in PLAYED.items() if "panel" in address}

# The page marks what it has drawn: the last picture, and how many since the mark before; an older
# page marks each. Within a run iterations only rise, so the first mark that falls back is the first
# picture of the next run. It counts when the screen asks for the one after it: by then it has been
# painted.
WATCH = """
window.frames_ = { drawn: 0, first: null, last: -1, restarted: null };
new PerformanceObserver((list) => {
  for (const { name, startTime, detail } of list.getEntries()) {
    if (name !== 'frame-drawn') continue;
    const seen = window.frames_;
    seen.drawn += detail.pictures ?? 1;
    seen.first ??= startTime;
    if (detail.iteration < seen.last) {
      requestAnimationFrame(() => seen.restarted?.(performance.now()));
    }
    seen.last = detail.iteration;
  }
}).observe({ type: 'mark' });
"""
FIRST_FRAME = """
() => new Promise((resolve) => {
  const poll = () => (window.frames_.first === null ? setTimeout(poll, 5) : resolve());
  poll();
})
"""
TOGGLE = """
(activation) => new Promise((resolve, reject) => {
  setTimeout(() => reject(new Error('no new run')), 10000);
  const toggle = () => {
    if (window.frames_.last < 20) {
      setTimeout(toggle, 5);
      return;
    }
    const began = performance.now();
    window.frames_.restarted = (now) => resolve(now - began);
    document.querySelector(`input[name="activation"][value="${activation}"]`).click();
  };
  toggle();
})
"""


@contextmanager
def opened(browser: Browser, url: str) -> Iterator[Page]:
    """The page in a context of its own, so that nothing is cached, with its first frame drawn.

    It leaves nothing behind that trains on beside the next.
    """
    with browser.new_context(viewport={"width": 1440, "height": 900}) as context:
        page = context.new_page()
        page.add_init_script(WATCH)
        page.goto(url, wait_until="commit")
        page.evaluate(FIRST_FRAME)
        yield page
        for name in ("Pause", "Pause the comparison"):
            if (pause := page.get_by_role("button", name=name, exact=True)).is_visible():
                pause.click()


def play(page: Page) -> None:
    """Start training, with Plotly there and the first second over."""
    page.wait_for_selector("#cost .main-svg")
    page.get_by_role("button", name="Play", exact=True).click()
    if (compare := page.get_by_role("button", name="Play the comparison", exact=True)).is_visible():
        compare.click()
    page.wait_for_timeout(1000)


def cold_loads(browser: Browser, url: str) -> tuple[list[float], list[float]]:
    """Milliseconds from the navigation's start to the first frame, and to Plotly's axes."""
    first_frames, axes = [], []
    for _ in range(COLD_LOADS):
        with opened(browser, url) as page:
            first_frames.append(float(page.evaluate("window.frames_.first")))
            page.wait_for_selector("#boundary .main-svg")
            axes.append(float(page.evaluate("performance.now()")))
    return first_frames, axes


def toggles(page: Page, count: int = TOGGLES) -> list[float]:
    """Milliseconds from choosing an activation, while playing, to the new run on the screen."""
    latencies = []
    for index in range(count):
        latencies.append(float(page.evaluate(TOGGLE, ACTIVATIONS[index % len(ACTIVATIONS)])))
        page.wait_for_timeout(200)
    return latencies


class Work(NamedTuple):
    """Drawing while playing."""

    seconds: float
    busy: float  # seconds of the main thread from tasks' begins to their ends, waits for a core too
    computing: float  # seconds that these tasks computed
    frames: float

    @property
    def frames_per_second(self) -> float:
        """How many it drew."""
        return self.frames / self.seconds

    @property
    def main_thread_ms(self) -> float:
        """Milliseconds of the main thread per frame."""
        return 1000 * self.busy / self.frames

    @property
    def cpu_ms(self) -> float:
        """Milliseconds per frame that the main thread computed."""
        return 1000 * self.computing / self.frames


def main_thread(page: Page, seconds: float = PLAY_SECONDS) -> Work:
    """Watch the page play for a while."""
    session: CDPSession = page.context.new_cdp_session(page)
    session.send("Performance.enable")

    def reading() -> list[float]:
        metrics = {
            metric["name"]: metric["value"]
            for metric in session.send("Performance.getMetrics")["metrics"]
        }
        drawn = page.evaluate("window.frames_.drawn")
        return [*(metrics[name] for name in ("Timestamp", "TaskDuration", "ThreadTime")), drawn]

    before = reading()
    page.wait_for_timeout(1000 * seconds)
    work = Work(*(now - then for now, then in zip(reading(), before, strict=True)))
    session.detach()
    return work


def slow_down(page: Page) -> None:
    """Make the page's own thread as slow as a small computer's; its workers stay as they are."""
    session: CDPSession = page.context.new_cdp_session(page)
    session.send("Emulation.setCPUThrottlingRate", {"rate": SLOW})


class Memory(NamedTuple):
    """What a page holds, after the garbage has been collected, in megabytes."""

    heap: float  # of the page's own thread
    process: float  # of its whole process, the painter's thread included, that is not shared


def memory(page: Page) -> Memory:
    """Look at it now."""
    session: CDPSession = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    used = session.send("Runtime.getHeapUsage")["usedSize"]
    session.detach()
    renderers = [
        process
        for process in psutil.Process().children(recursive=True)
        if "--type=renderer" in process.cmdline()
    ]
    return Memory(used / 1e6, max(one.memory_full_info().uss for one in renderers) / 1e6)


def watch_heap(minutes: int) -> None:
    """Play for so many minutes, and print what the page holds after each."""
    with running_server() as server, sync_playwright() as playwright:
        browser = launch_chromium(playwright)
        with opened(browser, f"{server.url}#layers=8") as page:
            play(page)
            print(f"## The page's memory over {minutes} minutes of playing\n")
            print("| after | frames drawn | heap of the page's thread | its process |")
            print("|---|---|---|---|")
            for minute in range(minutes + 1):
                if minute:
                    page.wait_for_timeout(60_000)
                held = memory(page)
                drawn = page.evaluate("window.frames_.drawn")
                print(
                    f"| {minute} min | {drawn:,} | {held.heap:.1f} MB | {held.process:.0f} MB |",
                    flush=True,
                )
        browser.close()


def percentile(values: list[float], percent: int) -> float:
    """The smallest value that at least so many percent do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


class Turns(NamedTuple):
    """What one checkout's page did in all of its turns."""

    latencies: list[float]
    works: list[Work]

    @property
    def toggle_ms(self) -> float:
        """The toggles' 95th percentile."""
        return percentile(self.latencies, 95)

    @property
    def work(self) -> Work:
        """Of all turns together."""
        return Work(*map(sum, zip(*self.works, strict=True)))

    def take(self, browser: Browser, url: str) -> None:
        """One turn more."""
        with opened(browser, url) as page:
            play(page)
            self.latencies.extend(toggles(page, ROUND_TOGGLES))
            self.works.append(main_thread(page, ROUND_SECONDS))

    def row(self, name: str) -> str:
        """Of the table."""
        return (
            f"| {name} | {statistics.median(self.latencies):.0f} ms, {self.toggle_ms:.0f} ms | "
            f"{self.work.main_thread_ms:.2f} ms, {self.work.cpu_ms:.2f} ms | "
            f"{self.work.frames_per_second:.1f} |"
        )


def compare(before: Path) -> None:
    """This checkout's page and another's, in turns: first one, then the other begins."""
    now, then = Turns([], []), Turns([], [])
    with (
        running_server() as ours,
        running_server(before) as theirs,
        sync_playwright() as playwright,
    ):
        browser = launch_chromium(playwright)
        both = [(now, ours.url), (then, theirs.url)]
        for _ in range(ROUNDS):
            for turns, url in (*both, *reversed(both)):
                turns.take(browser, url)
        browser.close()

    print(f"## The page, and that of {before.name}, in {4 * ROUNDS} turns\n")
    print("| | toggle, p50 and p95 | main thread a frame, and computing | frames a second |")
    print("|---|---|---|---|")
    print(then.row("before"))
    print(now.row("now"))
    print(
        f"| now ÷ before | {now.toggle_ms / then.toggle_ms:.2f} (p95 ≤ 0.7) | "
        f"{now.work.main_thread_ms / then.work.main_thread_ms:.2f} (≤ 0.85) | |\n"
    )
    for name, turns in (("before", then), ("now", now)):
        each = (f"{work.main_thread_ms:.2f}" for work in turns.works)
        print(f"Main thread a frame in each turn, {name}: {', '.join(each)} ms.")


def main() -> None:
    """Measure what the arguments ask for."""
    parser = argparse.ArgumentParser(description="The page in a real Chromium.")
    parser.add_argument("--heap", type=int, metavar="MINUTES", help="watch the memory instead")
    parser.add_argument(
        "--against", type=Path, metavar="PATH", help="compare with the checkout there instead"
    )
    options = parser.parse_args()
    if options.heap:
        watch_heap(options.heap)
    elif options.against:
        compare(options.against.resolve())
    else:
        measure()


def measure() -> None:
    """How soon it answers and what it draws, as a table."""
    with running_server() as server, sync_playwright() as playwright:
        browser = launch_chromium(playwright)
        loads, axes = cold_loads(browser, server.url)
        with opened(browser, server.url) as page:
            play(page)
            latencies = toggles(page)
        rows = []
        for name, (experiment, least) in PLAYED.items():
            with opened(browser, f"{server.url}{experiment}") as page:
                play(page)
                rows.append((name, least, main_thread(page)))
        with opened(browser, server.url) as page:
            play(page)
            slow_down(page)
            slow_latencies = toggles(page)
            slow_work = main_thread(page)
        version = browser.version
        browser.close()

    print(f"## The page (Chromium {version}, headless, loopback)\n")
    print(f"The load average of this machine was {os.getloadavg()[0]:.1f} in the last minute.\n")
    print("| what | measured | at least |")
    print("|---|---|---|")
    toggle = f"toggle → first frame of the new run, {TOGGLES} toggles while playing"
    print(f"| {toggle} | {spread(latencies)} | p95 ≤ 100 ms |")
    for name, least, work in rows:
        print(f"| frames drawn a second, {name} | {work.frames_per_second:.1f} | ≥ {least} |")
        print(
            f"| main-thread work a frame, {name} | {work.main_thread_ms:.2f} ms, "
            f"{work.cpu_ms:.2f} ms of it computing | {'' if name in UNBOUND else '≤ 8 ms'} |"
        )
    slow = f"main thread {SLOW} times slower"
    print(f"| {toggle}, {slow} | {spread(slow_latencies)} | p95 ≤ 200 ms |")
    print(
        f"| frames drawn a second, default experiment, {slow} | "
        f"{slow_work.frames_per_second:.1f} | ≥ 30 |"
    )
    print(
        f"| cold cache: navigation → first frame, controls working, {COLD_LOADS} loads | "
        f"median {statistics.median(loads):.0f} ms, slowest {max(loads):.0f} ms | ≤ 1,500 ms |"
    )
    print(
        f"| cold cache: navigation → Plotly's axes and points | "
        f"median {statistics.median(axes):.0f} ms, slowest {max(axes):.0f} ms | |"
    )


def spread(latencies: list[float]) -> str:
    """Median and 95th percentile."""
    median, p95 = statistics.median(latencies), percentile(latencies, 95)
    return f"p50 {median:.0f} ms, p95 {p95:.0f} ms"


if __name__ == "__main__":
    main()
