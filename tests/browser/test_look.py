"""It fits every screen, and follows the system's theme or the reader's."""

from __future__ import annotations

import itertools
from functools import partial

import numpy as np
from playwright.sync_api import Page, expect

from tests.browser.cable import Cable
from tests.browser.conftest import Guard
from tests.browser.harness import Server
from tests.browser.playground import Playground, Theme, until
from tests.browser.test_connection import REFUSED

SIZES = [(390, 844), (600, 900), (820, 1100), (1024, 1100), (1280, 800), (1440, 900), (1920, 1080)]
# The usual one, the largest and the smallest: with how many units.
NETWORKS = {"": 5, "#layers=16,16,16,16,16,16&activation=leaky_relu": 97, "#layers=none": 1}
GROUNDS: dict[Theme, str] = {"light": "rgb(255, 255, 255)", "dark": "rgb(17, 20, 22)"}


def test_it_fits(page: Page) -> None:
    playground = Playground(page)
    for address, units in NETWORKS.items():
        page.evaluate("(address) => { location.hash = address; }", address)
        expect(page.locator("#graph .unit")).to_have_count(units)
        fits(playground)


def fits(playground: Playground) -> None:
    """At every size: nothing is cut off, what trains is in view, and the plane is a square."""
    page = playground.page
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        size = page.evaluate(
            """() => {
              const { scrollWidth: width, scrollHeight: height } = document.documentElement;
              return { width, height };
            }"""
        )
        assert size["width"] <= width
        if width >= 1200:
            assert size["height"] <= height
        for name in ("Play", "Step", "Reset"):
            expect(playground.button(name)).to_be_in_viewport(ratio=1)
        plane = page.locator("#boundary .plane").bounding_box()
        assert plane is not None
        assert abs(plane["width"] - plane["height"]) < 1.5
        assert plane["width"] >= 238


# What scrolls sideways without a sign of it, or without a way to it by keys. Matrices have brackets
# there, and say how many columns are more; the network has its scrollbar.
UNSAID = """() => [...document.querySelectorAll('*')].filter((one) => {
  const { overflowX, backgroundAttachment } = getComputedStyle(one);
  return ['auto', 'scroll'].includes(overflowX) && one.scrollWidth > one.clientWidth + 1 &&
    one.checkVisibility() && !one.matches('.entries, .scroller') &&
    !(backgroundAttachment.includes('local') &&
      (one.tabIndex >= 0 || one.querySelector('button, input, a[href], [tabindex="0"]')));
}).map((one) => one.id || one.className)"""


def test_it_fits_with_a_panel_open(page: Page) -> None:
    playground = Playground(page, "#layers=4,4&activation=relu,tanh&panel=timeline&rate=1")
    playground.play()
    expect(page.locator(".shot").nth(6)).to_be_attached()
    playground.pause()
    page.set_viewport_size({"width": 390, "height": 844})
    playground.button("In words").click()
    table = page.locator("#words-tables .scroll").first
    expect(table).to_be_visible()
    assert table.evaluate("(one) => one.scrollWidth > one.clientWidth + 1")
    assert page.evaluate(UNSAID) == []
    page.keyboard.press("Escape")
    for name in page.locator("#tabs .tab").all():
        name.click()
        assert page.evaluate(UNSAID) == [], name.get_attribute("id")
    # What has the keyboard and scrolls sideways is scrolled by →, which is Step elsewhere.
    text, before = page.locator("#program"), playground.iteration
    until(page, lambda: text.evaluate("(one) => one.scrollWidth > one.clientWidth + 1"))
    text.press("ArrowRight")
    until(page, lambda: text.evaluate("(one) => one.scrollLeft > 0"), "→ does not scroll it")
    assert playground.iteration == before
    page.get_by_role("tab", name="Timeline").click()
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        ends = page.evaluate(
            """() => {
              const boxes = (selector) =>
                [...document.querySelectorAll(selector)].map((one) => one.getBoundingClientRect());
              return {
                lines: Math.max(...boxes('#formula math').map(({ right }) => right)),
                formula: boxes('#formula')[0].right,
                output: boxes('.output-head .btn')[0].right,
                cost: boxes('.cost-head')[0].left,
              };
            }"""
        )
        assert ends["lines"] <= ends["formula"]
        if width >= 1200:  # the cost stands beside the output
            assert ends["output"] + 12 < ends["cost"]


def dials_touching(page: Page) -> list[str]:
    """Of the speed and the learning rate: words that lie on a number, and numbers cut off."""
    found: list[str] = page.evaluate(
        """() => [['speed', '60000'], ['learning-rate', '0.0003']].flatMap(([id, text]) => {
          const field = document.getElementById(id);
          field.value = text;
          const [one, other] = [document.querySelector(`label[for="${id}"]`), field].map(
            (each) => each.getBoundingClientRect(),
          );
          const beside = document.querySelector('.readouts').getBoundingClientRect();
          const apart = one.right <= other.left || one.bottom <= other.top;
          return [
            ...(apart && other.right < beside.left ? [] : [`${id} touches`]),
            ...(field.scrollWidth <= field.clientWidth ? [] : [`${id} is cut off`]),
          ];
        })"""
    )
    return found


def test_the_charts_head_holds_all_its_controls_and_no_readout_touches_the_next_nor_moves(
    page: Page,
) -> None:
    playground = Playground(page)
    playground.step(3)
    playground.choose("Activation", "ReLU")
    for width in (390, 600, 820, 1024, 1280, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        expect(playground.button("Clear earlier runs")).to_be_visible()
        section, log = (
            page.locator(place).bounding_box() for place in (".out", "#scale label:last-child")
        )
        assert section is not None
        assert log is not None
        assert log["x"] + log["width"] <= section["x"] + section["width"], width

    # No readout touches the next, nor moves.
    def lefts(texts: dict[str, str]) -> list[float]:
        """Where each begins, once none touches the next, or what is beside them."""
        page.evaluate(
            """(texts) => {
              for (const [name, text] of Object.entries(texts))
                document.querySelector(`[data-testid="${name}"]`).textContent = text;
              document.getElementById('achieved').textContent = '60,000 /\u00a0s';
            }""",
            texts,
        )
        boxes = page.locator(".readouts data, .side > *:not([hidden])").evaluate_all(
            "all => all.map((one) => one.getBoundingClientRect()).filter(({ width }) => width > 0)"
        )
        for one, other in itertools.combinations(boxes, 2):
            apart = one["right"] < other["left"] or other["right"] < one["left"]
            assert apart or one["bottom"] <= other["top"] or other["bottom"] <= one["top"]
        return [box["left"] for box in boxes[:4]]

    sure = {"train-accuracy": "100.0%", "test-accuracy": "100.0%"}
    for width in (360, 390, 600, 820, 960, 1024, 1200, 1366, 1440, 1920):
        page.set_viewport_size({"width": width, "height": 900})
        places = [
            lefts({"iteration": "7", "cost": "0.6931", **dict.fromkeys(sure, "9.3%")}),
            *(
                lefts({"iteration": "1,000,000", "cost": cost, **sure})
                for cost in ("208.30", "12345", "1.2e−10")
            ),
        ]
        assert all(place == places[0] for place in places), width
        if width >= 960:
            assert dials_touching(page) == [], width


# Fields that cut off the longest of what they may hold: their limits, and a rate as it is typed.
CUT_OFF = """() => {
  document.querySelector('#training').open = true;
  const all = [...document.querySelectorAll('input.value')];
  const fields = all.filter((one) => one.checkVisibility());
  return [fields.length, fields.flatMap((field) => {
    const { value } = field;
    const texts = [field.ariaValueMin, field.ariaValueMax].filter((text) => text !== null);
    if (field.inputMode === 'decimal' && !field.closest('.percent')) texts.push('0.0003');
    const cut = texts.filter((text) => {
      field.value = text;
      return field.scrollWidth > field.clientWidth;
    });
    field.value = value;
    return cut.map((text) => `${field.id || field.ariaLabel}: ${text}`);
  })];
}"""


def test_every_number_is_whole_in_its_field(page: Page, server: Server, guard: Guard) -> None:
    guard.expect(REFUSED)
    cable = Cable(server.port)
    Playground(page, cable.url)
    for address, least in (
        ("#batch=10&layers=4,4&activation=leaky_relu&panel=timing", 20),
        ("#batch=10&layers=16,16,16,16,16,16&panel=compare&sweep=yes", 20),
        ("#dataset=own&problem=regression&points=1,1,1;2,2,3&panel=timeline", 12),
    ):
        page.evaluate("(address) => { location.hash = address; }", address)
        expect(
            page.locator(f"#panel-{address.partition('panel=')[2].split('&')[0]}")
        ).to_be_visible()
        for width in (390, 600, 760, 960, 1024, 1200, 1366, 1440):
            page.set_viewport_size({"width": width, "height": 900})
            found, cut = page.evaluate(CUT_OFF)
            assert found >= least, (address, width)
            assert cut == [], (address, width)
    # So they are beside the word that the connection is gone, which takes room.
    page.evaluate("location.hash = 'batch=10'")
    cable.pull()
    expect(page.locator("#connection")).to_have_text("Reconnecting")
    expect(page.locator("#step-epoch")).to_be_visible()
    for width in (390, 600, 760, 960, 980, 1000, 1024, 1099, 1100, 1200, 1366, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate(CUT_OFF)[1] == [], width
        if width >= 960:
            assert dials_touching(page) == [], width
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_chart_has_its_room_while_a_run_stands_still(page: Page) -> None:
    playground = Playground(page, "#dataset=spiral&layers=8,8,8&activation=relu&rate=0.03&speed=20")
    playground.wait_for_plots()
    playground.play()
    expect(page.locator(".standstill")).to_be_visible()
    playground.pause()
    expect(page.locator(".standstill")).to_be_visible()
    for panel in (False, True):
        if panel:
            page.get_by_role("tab", name="Timeline").click()
        for width, height in ((1440, 900), (1366, 768), (1280, 720)):
            page.set_viewport_size({"width": width, "height": height})
            chart, said, out = (
                page.locator(place).bounding_box() for place in ("#cost", ".standstill", ".out")
            )
            assert chart is not None
            assert said is not None
            assert out is not None
            assert chart["height"] >= 90
            assert chart["y"] + chart["height"] <= out["y"] + out["height"]
            assert said["y"] + said["height"] <= chart["y"]


def is_other(playground: Playground, before: np.ndarray) -> bool:
    """Whether the corner of the plane has another colour."""
    return bool((playground.pixels("#boundary canvas")[0, 0] != before).any())


def is_of(playground: Playground, theme: Theme) -> bool:
    """Whether the plane is as light as the theme."""
    return bool((playground.pixels("#boundary canvas")[0, 0, :3].min() > 128) == (theme == "light"))


def test_the_theme_is_the_systems_until_one_is_chosen(page: Page) -> None:
    playground = Playground(page)
    body = page.locator("body")
    theme = page.locator("#theme")
    for scheme, other in zip(GROUNDS, reversed(GROUNDS), strict=True):
        page.emulate_media(color_scheme=scheme)
        expect(body).to_have_css("background-color", GROUNDS[scheme])
        until(page, partial(is_of, playground, scheme), "the plane has another theme")
        before = playground.pixels("#boundary canvas")[0, 0]
        theme.click()
        expect(body).to_have_css("background-color", GROUNDS[other])
        expect(theme).to_have_attribute("aria-label", f"Theme: {other}")
        until(
            page,
            partial(is_other, playground, before),
            "the plane is painted as before",
        )
        page.reload()
        expect(body).to_have_css("background-color", GROUNDS[other])
        theme.click()
        expect(body).to_have_css("background-color", GROUNDS[scheme])
        theme.click()
        expect(theme).to_have_attribute("aria-label", f"Theme: as the system's, {scheme}")
        page.emulate_media(color_scheme=other)
        expect(body).to_have_css("background-color", GROUNDS[other])
        expect(playground.button("Play")).to_be_visible()


def test_the_controls_are_there_before_plotly(page: Page) -> None:
    page.route("**/plotly-basic.min.js", lambda route: None)  # It never comes.
    playground = Playground(page)
    playground.play()
    playground.wait_for_cost_below(0.3)
    playground.pause()
