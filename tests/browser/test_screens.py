"""What a lesson's step speaks of is on the screen with its text, and panels open into view."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, CDPSession, Page, expect

from app.content.lessons import LESSONS, lessons_of, parts_of_the_page
from tests.browser.conftest import VIEWPORT, Elsewhere, Guard
from tests.browser.harness import Server
from tests.browser.playground import PATIENCE, Playground, without_plotly
from tests.browser.test_surface import SLOW_GRAPHICS

SIZES = [(390, 844), (844, 390), (820, 1180), (1024, 768), (1280, 720), (1366, 768)]
BARS = [0, 57, 113]  # what a bar takes from the top
FONTS = [16, 32]  # the browser's font size
LEAST = 120  # of a picture's or a panel's height in pixels
STEPS = {
    f"{name}-{number}": (name, number, step)
    for name, lesson in lessons_of(LESSONS).items()
    for number, step in enumerate(lesson.steps, start=1)
}
PANELS = sorted(name for name, within in parts_of_the_page().items() if within == "drawer")
PICTURES = {"network", "output", "cost"}

# Looks at the page below bars of several heights, and says what of each element is seen: the share
# of probes on it that meet it, and how many pixels of its height these are.
LOOK = """([selectors, bars]) => {
  let bar = document.querySelector('#test-bar');
  if (!bar) {
    bar = document.createElement('div');
    bar.id = 'test-bar';
    bar.style.cssText = 'position: sticky; top: 0; z-index: 90; flex: none; background: gray';
    document.body.prepend(bar);
  }
  const seen = (element) => {
    if (!element) return { share: 0, height: 0, of: 0 };
    const { left, top, width, height } = element.getBoundingClientRect();
    const [across, down] = [4, 8];
    let hits = 0;
    let rows = 0;
    for (let row = 0; row < down; row++) {
      let met = 0;
      for (let column = 0; column < across; column++) {
        const x = left + ((column + 0.5) / across) * width;
        const y = top + ((row + 0.5) / down) * height;
        const hit = document.elementFromPoint(x, y);
        if (hit && (element.contains(hit) || hit.closest('label') === element)) met++;
      }
      hits += met;
      if (met > 0.4 * across) rows++;
    }
    return { share: hits / (across * down), height: (rows / down) * height, of: height };
  };
  return bars.map((height) => {
    bar.style.height = `${height}px`;
    const { scrollWidth } = document.documentElement;
    return {
      wide: scrollWidth > innerWidth,
      seen: Object.fromEntries(
        selectors.map(([name, selector]) => [name, seen(document.querySelector(selector))]),
      ),
    };
  });
}"""


class Screen:
    """A page whose size and font size are set without waiting."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.session: CDPSession = page.context.new_cdp_session(page)

    def is_of(self, width: int, height: int) -> None:
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.session.send("Emulation.setDeviceMetricsOverride", metrics)

    def has_font_size(self, pixels: int) -> None:
        sizes = {"fontSizes": {"standard": pixels, "fixed": 13}}
        self.session.send("Page.setFontSizes", sizes)


@pytest.fixture(scope="module")
def screen(browser: Browser, server: Server, elsewhere: Elsewhere) -> Iterator[Screen]:
    """One page for all steps."""
    context = browser.new_context(base_url=server.url, viewport=VIEWPORT)
    context.set_default_timeout(PATIENCE)
    without_plotly(context)
    guard = Guard(elsewhere)
    guard.expect(SLOW_GRAPHICS)
    with guard.watching(context):
        page = context.new_page()
        Playground(page)
        yield Screen(page)
    context.close()
    assert guard.problems == []


@pytest.fixture(scope="module")
def places(screen: Screen) -> dict[str, str]:
    """Where each part of the page is, by its own table."""
    main = screen.page.evaluate("document.querySelector('script[type=module]').src")
    module = str(main).replace("main.js", "experiment/parts.js")
    parts: list[dict[str, Any]] = screen.page.evaluate(
        "async (module) => (await import(module)).PARTS", module
    )
    return {part["name"]: part.get("mark", part["roots"]) for part in parts}


@pytest.mark.parametrize("step", STEPS)
def test_a_steps_subject_is_seen_with_its_text(
    screen: Screen, places: dict[str, str], step: str
) -> None:
    name, number, told = STEPS[step]
    page = screen.page
    screen.has_font_size(16)
    screen.is_of(1440, 900)
    page.evaluate(f"location.hash = 'lesson={name}&step={number}'")
    expect(page.locator("#lesson h3")).to_have_text(told.title)
    panels = [part for part in told.shows if part in PANELS]
    for panel in panels:
        if page.locator(f"#panel-{panel}").is_hidden():
            page.locator(f"#tab-{panel}").click()
        expect(page.locator(f"#panel-{panel}")).to_be_visible()
    selectors = {part: places[part] for part in told.shows}
    selectors |= {panel: f"#panel-{panel}" for panel in panels}
    selectors |= {"title": "#lesson h3", "text": "#lesson h3 + *", "go on": "#lesson footer"}
    expect_seen(screen, selectors, {*PICTURES, *panels}, list(STEPS).index(step))


def expect_seen(screen: Screen, selectors: dict[str, str], pictures: set[str], turn: int) -> None:
    """At every size below every bar; large text takes two of the sizes in turn."""
    wrong: list[str] = []
    for font in FONTS:
        screen.has_font_size(font)
        for size in SIZES if font == FONTS[0] else (SIZES * 2)[turn % 6 :: 3][:2]:
            screen.is_of(*size)
            looks = screen.page.evaluate(LOOK, [list(selectors.items()), BARS])
            for bar, look in zip(BARS, looks, strict=True):
                where = f"{size[0]}x{size[1]}, {font} px, bar {bar}"
                if look["wide"]:
                    wrong.append(f"{where}: wider than the window")
                for part, seen in look["seen"].items():
                    least = LEAST if part in pictures else 0.6 * seen["of"]
                    if part in {"text", "title"}:
                        least = min(1.2 * font, 0.5 * seen["of"])
                    if seen["height"] < least or not seen["of"]:
                        wrong.append(f"{where}: {part} {json.dumps(seen)}")
    assert wrong == []


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_opens_into_view(screen: Screen, panel: str) -> None:
    page = screen.page
    page.evaluate(f"location.hash = 'panel={panel}'")
    expect(page.locator("#lesson")).to_be_hidden()
    expect(page.locator(f"#panel-{panel}")).to_be_visible()
    selectors = {"panel": f"#panel-{panel}", "tabs": "#tabs"}
    expect_seen(screen, selectors, set(), PANELS.index(panel))


@pytest.mark.parametrize("font", [16, 18])
def test_a_phone_on_its_side_shows_the_whole_plane_and_play(screen: Screen, font: int) -> None:
    page = screen.page
    page.evaluate("location.hash = ''")
    expect(page.locator("#lesson")).to_be_hidden()
    page.evaluate("document.querySelector('#test-bar')?.remove()")
    screen.has_font_size(font)
    for size in ((667, 375), (740, 360), (844, 390), (932, 430), (1024, 460)):
        if size[0] < 40 * font:
            continue
        screen.is_of(*size)
        page.evaluate("scrollTo(0, 0)")
        for part in (".plane", "#play", '[data-testid="cost"]'):
            expect(page.locator(part)).to_be_in_viewport(ratio=1)
        plane, bar = (page.locator(part).bounding_box() for part in (".plane", "#play"))
        assert plane is not None
        assert bar is not None
        assert plane["width"] > 120, size
        assert plane["y"] + plane["height"] <= bar["y"] or bar["y"] < plane["y"], size
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), size


# Overlaps of what is wrong with a field with what can be used, and with each other; what scrolls
# under a bar, or out of its box, is not beside it.
COVERED = """() => {
  const bars = ['.controls', '.drawer'].filter((bar) =>
    ['fixed', 'sticky'].includes(getComputedStyle(document.querySelector(bar)).position));
  const barOf = (element) => bars.find((bar) => element.closest(bar));
  const box = (element) => {
    let { left, top, right, bottom } = element.getBoundingClientRect();
    for (let at = element.parentElement; at; at = at.parentElement) {
      if (getComputedStyle(at).overflowY === 'visible') continue;
      const room = at.getBoundingClientRect();
      [left, right] = [Math.max(left, room.left), Math.min(right, room.right)];
      [top, bottom] = [Math.max(top, room.top), Math.min(bottom, room.bottom)];
    }
    return { left, top, right, bottom };
  };
  const meet = (a, b) =>
    Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 &&
    Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1;
  const all = [...document.querySelectorAll('button, input, select, summary, label, .problem')]
    .filter((one) => one.checkVisibility() && !one.classList.contains('vh'));
  const wrong = all.filter((one) => one.className === 'problem');
  return [wrong.length, wrong.flatMap((one) => all
    .filter((other) => other !== one && barOf(other) === barOf(one) && meet(box(one), box(other)))
    .map((other) => `${one.id}: ${other.id || other.textContent.trim()}`))];
}"""


@pytest.mark.parametrize(
    ("address", "least"),
    [
        ("layers=4,4,4,4,4,4&activation=leaky_relu&panel=timing", 14),
        ("dataset=own&problem=regression&panel=compare&sweep=yes", 8),
    ],
)
def test_what_is_wrong_with_a_field_covers_nothing(
    screen: Screen, address: str, least: int
) -> None:
    page = screen.page
    screen.has_font_size(16)
    screen.is_of(1440, 900)
    page.evaluate("(address) => { location.hash = address }", address)
    expect(page.locator("#lesson")).to_be_hidden()
    expect(page.locator(f"#panel-{address.partition('panel=')[2].split('&')[0]}")).to_be_visible()
    covered: list[str] = []
    for font in FONTS:
        screen.has_font_size(font)
        for size in SIZES:
            screen.is_of(*size)
            page.evaluate(
                """() => {
                  document.querySelector('#training').open = true;
                  for (const field of document.querySelectorAll('input.value:enabled')) {
                    if (!field.checkVisibility()) continue;
                    field.value = 'twelve and a half dozen, or so';
                    field.dispatchEvent(new Event('change'));
                  }
                  scrollTo(0, 0);
                }"""
            )
            said, found = page.evaluate(COVERED)
            assert said >= least, size
            covered += [f"{size}, {font} px: {one}" for one in found]
            if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                covered.append(f"{size}, {font} px: wider than the window")
    assert covered == []


# Scrolls to each part in turn and says how many pixels of its height are seen; then what of a group
# lies over what of it.
REACHED = """([parts, groups]) => {
  const seen = (part) => {
    const element = document.querySelector(part);
    element.scrollIntoView({ block: 'center' });
    const { left, top, width, height } = element.getBoundingClientRect();
    const rows = Array.from({ length: 16 }, (_, row) => top + ((row + 0.5) / 16) * height);
    const met = rows.filter((y) =>
      element.contains(document.elementFromPoint(left + width / 2, y)));
    return (met.length / 16) * height;
  };
  const meet = (a, b) =>
    Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 &&
    Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1;
  const over = groups.flatMap((group) => {
    const all = [...document.querySelectorAll(group)]
      .filter((one) => one.checkVisibility() && !one.classList.contains('vh'));
    return all.flatMap((one, index) => all.slice(0, index)
      .filter((other) => !other.contains(one) &&
        meet(one.getBoundingClientRect(), other.getBoundingClientRect()))
      .map((other) => `${one.id || one.textContent} on ${other.id || other.textContent}`));
  });
  return [parts.map(seen), over, document.documentElement.scrollWidth > innerWidth];
}"""
GROUPS = [
    ".brand h1, .brand .btn, .side > *",
    ".controls .btn, .controls label, .controls .value",
    ".stat",
    ".act label, .formula",
]


@pytest.mark.parametrize("panel", ["", "microscope"])
def test_the_whole_page_beside_a_lesson_can_be_reached(screen: Screen, panel: str) -> None:
    page = screen.page
    page.evaluate("document.querySelector('#test-bar')?.remove()")
    screen.has_font_size(16)
    screen.is_of(1024, 768)
    page.evaluate("location.hash = 'lesson=a-hidden-layer'")
    whole = page.get_by_role("button", name="Whole page")
    whole.click()
    wrong: list[str] = []
    try:
        if panel:
            if page.locator(f"#panel-{panel}").is_hidden():
                page.locator(f"#tab-{panel}").click()
            expect(page.locator(f"#panel-{panel}")).to_be_visible()
        expect(page.locator("body[data-stage]")).to_have_count(0)
        for font in FONTS:
            screen.has_font_size(font)
            for size in SIZES:
                screen.is_of(*size)
                (plane, play), over, wide = page.evaluate(REACHED, [["#boundary", "#play"], GROUPS])
                where = f"{size[0]}x{size[1]}, {font} px"
                if plane < LEAST or play < 20:
                    wrong.append(f"{where}: {plane} px of the plane, {play} px of Play")
                wrong += [f"{where}: {one}" for one in over]
                if wide:
                    wrong.append(f"{where}: wider than the window")
    finally:
        screen.has_font_size(16)
        screen.is_of(1024, 768)
        whole.click()
    assert wrong == []


def test_of_large_letters_the_first_screen_has_a_useful_part_of_the_plane(screen: Screen) -> None:
    page = Playground(screen.page).page  # anew: nothing that is wrong stands above the plane
    screen.has_font_size(32)
    screen.is_of(390, 844)
    page.evaluate("scrollTo(0, 0)")
    [look] = page.evaluate(LOOK, [[["plane", "#boundary"]], [0]])
    assert look["seen"]["plane"]["height"] >= LEAST
    assert page.evaluate("document.querySelector('.dial .help svg').clientWidth") > 20


def test_no_unit_is_cut_off(screen: Screen) -> None:
    page = screen.page
    screen.has_font_size(16)
    screen.is_of(1440, 900)
    cut: list[str] = []
    for layers in ("8,8,8", "16", "16,16,16,16,16,16"):
        page.evaluate("(layers) => { location.hash = `layers=${layers}` }", layers)
        expect(page.locator(".node.unit")).to_have_count(sum(map(int, layers.split(","))) + 1)
        for font in FONTS:
            screen.has_font_size(font)
            for size in SIZES:
                screen.is_of(*size)
                # The view follows what the browser tells it of the size.
                page.evaluate(
                    "new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)))"
                )
                found = page.evaluate(
                    """() => {
                      const scroller = document.querySelector('.scroller');
                      const { scrollWidth, scrollHeight, clientHeight, scrollLeft } = scroller;
                      const { left, top } = scroller.getBoundingClientRect();
                      const low = scrollHeight > clientHeight + 1 ? ['what is below'] : [];
                      const parts = '.node, .node-label, .cap > div, .shapes > dl';
                      return low.concat([...scroller.querySelectorAll(parts)].flatMap((part) => {
                        const box = part.getBoundingClientRect();
                        const [from, to] = [box.left, box.right].map((x) => x - left + scrollLeft);
                        const above = box.top < top - 1 || box.bottom > top + clientHeight + 1;
                        const out = above || from < -1 || to > scrollWidth + 1;
                        const name = part.title || part.textContent.trim();
                        return part.checkVisibility() && out ? [name] : [];
                      }));
                    }"""
                )
                cut += [f"{layers}, {size}, {font} px: {one}" for one in found]
    assert cut == []


def test_the_bar_with_the_controls_covers_nothing_at_the_end(screen: Screen) -> None:
    page = screen.page
    page.evaluate("location.hash = ''")
    expect(page.locator("#drawer-toggle")).to_have_attribute("aria-expanded", "false")
    covered: list[str] = []
    for font in FONTS:
        screen.has_font_size(font)
        for size in SIZES:
            screen.is_of(*size)
            # The lower edge of the last thing on the page, once all is scrolled.
            met = page.evaluate(
                """() => {
                  scrollTo(0, document.documentElement.scrollHeight);
                  const { left, width, bottom } = document.querySelector('#tabs')
                    .getBoundingClientRect();
                  const hit = document.elementFromPoint(left + width / 2, bottom - 3);
                  return hit?.closest('#tabs') ? '' : (hit?.id || hit?.className || 'nothing');
                }"""
            )
            covered += [f"{size}, {font} px: {met}"] if met else []
    assert covered == []


# -- what is done is seen -------------------------------------------------------------------------


def test_a_step_is_done_when_its_subject_is_seen(page: Page) -> None:
    playground = Playground(page, "#lesson=backwards&step=7")
    state = page.locator("#lesson footer .state")
    expect(page.locator("#lesson h3")).to_have_text("Take it")
    playground.button("Step").click()
    expect(state).to_have_text("Done once it is in view")
    expect(state).to_have_attribute("data-done", "false")
    # Where the lesson is a strip, the sentence leaves its buttons their room.
    size = page.viewport_size
    assert size is not None
    page.set_viewport_size({"width": 1366, "height": 768})
    ends = page.evaluate(
        """() => ['footer .btn:last-child', '.scroll'].map((part) =>
          document.querySelector(`#lesson ${part}`).getBoundingClientRect())"""
    )
    assert ends[0]["right"] <= ends[1]["left"]
    page.set_viewport_size(size)
    page.get_by_role("complementary", name="Lesson").get_by_role(
        "button", name="Open Backprop microscope"
    ).click()
    expect(page.get_by_role("tabpanel", name="Backprop microscope")).to_be_visible()
    expect(state).to_have_text("Done")


@pytest.mark.parametrize("context_options", [{"viewport": {"width": 390, "height": 844}}])
def test_the_whole_page_is_a_press_away_and_what_is_scrolled_off_is_not_done(page: Page) -> None:
    playground = Playground(page, "#lesson=a-hidden-layer")
    lesson = page.get_by_role("complementary", name="Lesson")
    state = page.locator("#lesson footer .state")
    network = page.get_by_role("heading", name="Network", exact=True)
    expect(lesson.get_by_role("heading", level=3)).to_have_text("One unit on the ring")
    expect(network).to_be_hidden()
    whole = lesson.get_by_role("button", name="Whole page")
    whole.click()
    expect(whole).to_have_attribute("aria-pressed", "true")
    expect(network).to_be_visible()
    page.locator("#training").scroll_into_view_if_needed()
    expect(page.locator("#cost")).not_to_be_in_viewport()
    playground.button("Play").click()
    expect(lesson.get_by_text("Iteration at least 300, holds")).to_be_visible()
    expect(state).to_have_text("Done once it is in view")
    whole.click()
    expect(page.locator("#cost")).to_be_in_viewport()
    expect(state).to_have_text("Done")
    assert playground.wire.of_type("error", sent=False) == []
