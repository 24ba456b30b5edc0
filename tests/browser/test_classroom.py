"""A class in a room: a teacher, a projector, students, in every state; and bad days."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.cable import Cable
from tests.browser.conftest import VIEWPORT, Guard
from tests.browser.ends import Member, Teacher, post
from tests.browser.harness import Server
from tests.browser.playground import Theme, without_plotly
from tests.browser.test_accessibility import violations


def button(page: Page, name: str) -> Any:
    """A button by its whole name."""
    return page.get_by_role("button", name=name, exact=True)


def choose(page: Page, name: str) -> None:
    """Something in the menu of the room."""
    page.locator("#room-menu").click()
    page.get_by_role("menuitem", name=name).click()


def joined(page: Page, server: Server, code: str) -> str:
    """A student who has typed the code and pressed Start; returns the given name."""
    page.goto(f"{server.url}j/{code.lower()}")
    button(page, "Join").click()
    name = page.locator("h1.name").inner_text()
    button(page, "Start").click()
    expect(page.locator(".room-me b")).to_have_text(name)
    return name


def at_rest(page: Page) -> Page:
    """One where nothing is on its way."""
    page.emulate_media(reduced_motion="reduce")
    return page


# Without what the page draws with Plotly, which has nothing to do with a class.
PLAIN = pytest.mark.parametrize("context_options", [{"reduced_motion": "reduce", "own_tab": True}])
THEMES: list[Theme] = ["light", "dark"]


class Looked:
    """What axe finds on the pages of a class; nothing moves meanwhile."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def at(self, state: str, *places: tuple[Page, str], themes: Iterable[Theme] = THEMES) -> None:
        """Each page, or the part of it that is new."""
        for page, within in places:
            for theme in themes:
                page.emulate_media(color_scheme=theme)
                # What is painted follows with the next frame.
                page.evaluate("() => new Promise((resolve) => requestAnimationFrame(resolve))")
                found = violations(page, within, theme)
                self.found += [f"{state}, {theme}: {each}" for each in found]

    def at_bar(self, state: str, page: Page) -> None:
        """A student's bar, whose dark colours are looked at where it has all of them."""
        self.at(state, (page, ".roombox"), themes=["light"])


@PLAIN
def test_a_lesson(context: BrowserContext, page: Page, server: Server) -> None:
    with ExitStack() as stack:
        teacher = Teacher(server, "Year 12")
        stack.callback(teacher.close)
        others = [Member(server, teacher.room["code"]) for _ in range(4)]
        for other in others:
            stack.callback(other.close)
        lesson(server, context, page, teacher, others)


def lesson(
    server: Server, context: BrowserContext, one: Page, desk: Teacher, others: list[Member]
) -> None:
    """All that a class can be in, on its pages."""
    looked, room = Looked(), desk.room
    without_plotly(one)
    teacher, screen = (at_rest(context.new_page()) for _ in range(2))
    teacher.goto(f"{server.url}rooms/{room['id']}#key={room['key']}")
    screen.goto(f"{server.url}rooms/{room['id']}/screen#key={room['screen_key']}")
    expect(screen.locator(".in b")).to_have_text("4")
    # Keys leave the addresses at once.
    assert "#" not in teacher.url
    assert "#" not in screen.url
    # An address that leads nobody here is not handed out without a word.
    expect(screen.locator("main")).to_contain_text("on this computer only")
    expect(screen.locator(".qr")).to_have_count(0)
    expect(teacher.locator("section.room")).to_contain_text("on this computer only")
    otter = joined(one, server, room["code"])
    looked.at("come in", (screen, "html"))

    # What is sent arrives, with a seed of their own, and the own work comes back by a press.
    one.get_by_role("radio", name="xor").check(force=True)
    tile = teacher.locator("[data-tile]", has_text=otter)
    expect(tile.locator(".diff")).to_have_text("xor")
    layers = [{"units": 5, "activation": "tanh"}]
    plan = {"data": {"dataset": "circle"}, "runs": [{"network": {"layers": layers}}]}
    desk.say("push", page="#layers=5", plan=plan, seeds="own", playing=False)
    expect(one.locator("#graph .unit")).to_have_count(6)
    expect(one.locator("#weight-seed")).to_have_value("5")
    expect(tile.locator(".diff")).to_have_text("as sent")
    button(one, "Back to mine").click()
    expect(tile.locator(".diff")).to_contain_text("xor")
    button(one, "To the class’s").click()
    expect(tile.locator(".diff")).to_have_text("as sent")

    # A hand, somebody away who asks to be let in, a task that one has solved.
    button(one, "Hand up").click()
    others[0].close()
    condition = {"quantity": "iteration", "at_least": 20}
    desk.say("task", title="Twenty", until=[condition], any_data=True)
    others[1].say("step", iterations=20)
    expect(teacher.get_by_role("button", name="1 of 5 solved")).to_be_visible()
    expect(teacher.locator("[data-tile].away")).to_have_count(1)
    post(server, "rooms/join", {"code": room["code"], "name": others[0].name})
    expect(button(teacher, "Let in")).to_be_visible()
    expect(screen.locator(".of")).to_have_text("of 5 have solved it")
    button(teacher, "New").nth(1).click()
    looked.at("task", (teacher, "html"), (screen, "html"))
    looked.at_bar("task", one)
    forced_colours_keep_the_marks(teacher, otter)
    button(teacher, "Cancel").click()

    # A question, while all are held.
    desk.say("ask", text="Which will be lower?", choices=["1", "2"], right=1)
    desk.say("hold", held=True)
    expect(one.locator(".roombar.frozen")).to_be_visible()
    one.locator(".room-q").get_by_text("2", exact=True).click()
    expect(teacher.locator(".count")).to_have_text("1of 5 have answered")
    expect(screen.locator(".choices")).to_contain_text("1")
    assert screen.locator(".hist").count() == 0
    looked.at("asked, held", (teacher, ".do"), (one, "html"), (screen, "html"))
    one.emulate_media(forced_colors="active")
    faces = one.locator(".room-q .face")
    painted = "(face) => [getComputedStyle(face).backgroundColor, getComputedStyle(face).outline]"
    assert faces.nth(0).evaluate(painted) != faces.nth(1).evaluate(painted)
    border = one.locator(".frozen").evaluate("(bar) => getComputedStyle(bar).borderBottomWidth")
    assert border == "3px"
    one.emulate_media(forced_colors="none")
    desk.say("hold", held=False)
    desk.say("reveal", question=1)
    expect(one.locator(".room-choice")).to_contain_text("You said 2. So did 1 of 1.")
    expect(screen.locator(".hist .right .n")).to_have_text("1")
    looked.at("shown", (teacher, ".do"), (one, ".roombox"), (screen, "html"))
    for page in (teacher, one, screen):
        page.emulate_media(forced_colors="active")
        bar = page.locator(".right .b i")
        fill = bar.evaluate("(bar) => getComputedStyle(bar).backgroundColor")
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        wrong = page.locator("li:not(.right) .b i").first
        assert fill not in {ground, "rgba(0, 0, 0, 0)"}
        assert wrong.evaluate("(bar) => getComputedStyle(bar).backgroundColor") != fill
        # Nothing of it is on its way.
        assert bar.evaluate("(bar) => bar.getAnimations().length") == 0
        page.emulate_media(forced_colors="none")
    desk.say("close", question=1)

    # Less on the page, a lesson, four networks opened and on the screen without names.
    desk.say("reduce", hide=["drawer"], lock=["activation"])
    desk.say("lesson", name="one-unit")
    desk.say("task", task=None)
    desk.say("spotlight", members=[2, 3, 4, 5])
    expect(one.locator(".drawer")).to_be_hidden()
    expect(one.locator("#lesson")).to_be_visible()
    expect(screen.locator("figure")).to_have_count(4)
    assert not any(name in screen.locator("body").inner_text() for name in (otter, others[1].name))
    button(teacher, "Open").click()
    expect(teacher.locator(".net-opened")).to_have_count(4)
    expect(teacher.locator(".curve .run").first).to_be_attached()
    expect(teacher.locator(".big svg text").first).to_be_visible()
    looked.at("lesson", (teacher, "html"), (screen, "html"))
    desk.say("lesson", name=None)
    desk.say("reduce", hide=[], lock=[])
    # Whether the server is still there is asked while frames come, and no error is shown.
    teacher.evaluate("dispatchEvent(new Event('pageshow'))")
    teacher.keyboard.press("Escape")
    # A wall that is drawn anew at another size has the keyboard where it was.
    place = teacher.locator("[data-tile]:focus")
    expect(place).to_have_count(1)
    teacher.set_viewport_size({"width": 800, "height": 200})
    expect(teacher.locator(".tiles.everybody")).to_be_visible()
    expect(place).to_have_count(1)
    looked.at("everybody", (teacher, "main.wall:not(.opened)"))
    teacher.set_viewport_size(VIEWPORT)
    expect(teacher.locator(".toast [role=alert]")).to_have_count(0)

    # What opens above the page.
    for name, inside in {
        "Names 5": ".people",
        "Open on another device": ".once",
        "Every network as a link": ".people a",
        "Check this network": ".checks",
    }.items():
        choose(teacher, name)
        dialog = teacher.get_by_role("dialog")
        expect(dialog.locator(inside).first).to_be_visible()
        looked.at(name, (teacher, "dialog"))
        teacher.keyboard.press("Escape")
    desk.say("lock", locked=True)
    teacher.locator("#room-menu").click()
    looked.at("menu", (teacher, "header"))
    teacher.keyboard.press("Escape")

    # A reload, and a second tab, lose nobody, and nothing that was trained.
    button(one, "Step").click()
    iteration = one.get_by_test_id("iteration")
    expect(iteration).not_to_have_attribute("value", "0")
    there = iteration.get_attribute("value") or ""
    one.reload()
    expect(one.locator(".room-me b")).to_have_text(otter)
    expect(iteration).to_have_attribute("value", there)
    expect(one.locator("#graph .unit")).to_have_count(6)
    other = context.new_page()
    without_plotly(other)
    other.goto(server.url)
    expect(other.locator(".room-me b")).to_have_text(otter)
    expect(other.get_by_test_id("iteration")).to_have_attribute("value", there)
    expect(one.get_by_text("This class goes on in another tab")).to_be_visible()
    looked.at_bar("elsewhere", one)
    button(one, "Go on here").click()
    expect(one.locator("#room-hand")).to_be_visible()
    other.close()

    # A connection that was lost leaves the network as it was trained.
    # It is back within a moment, and perhaps before anyone looks.
    dropped = one.evaluate(
        """() => {
          dispatchEvent(new Event('offline'));
          return document.querySelector('#connection').innerText;
        }"""
    )
    assert dropped == "Reconnecting"
    one.evaluate("dispatchEvent(new Event('online'))")
    expect(one.locator("#connection")).to_have_text("Live")
    button(one, "Step").click()
    expect(iteration).to_have_attribute("value", str(int(there) + 1))

    # Who is removed is told; the end leaves a sentence everywhere.
    desk.say("remove", member=5)
    expect(one.get_by_text("Your teacher has taken you out")).to_be_visible()
    looked.at_bar("removed", one)
    choose(teacher, "End the room")
    looked.at("end", (teacher, "dialog"))
    button(teacher, "End and delete").click()
    for page in (teacher, screen):
        expect(page.get_by_role("heading", name="The room is over")).to_be_visible()
        looked.at("over", (page, "html"))
    assert looked.found == []


def forced_colours_keep_the_marks(teacher: Page, otter: str) -> None:
    """Every state of the wall is told apart where fills and shadows are gone."""
    teacher.emulate_media(forced_colors="active")

    def style(selector: str, name: str) -> str:
        found: str = teacher.locator(selector).first.evaluate(
            "(element, name) => getComputedStyle(element)[name]", name
        )
        return found

    ground = style("body", "backgroundColor")
    assert style(".tile.away .pic", "outlineStyle") == "dashed"
    assert style(".tile:not(.away) .pic", "outlineStyle") == "solid"
    for mark in (".state .hand", ".dots .on"):
        assert style(mark, "backgroundColor") not in {ground, "rgba(0, 0, 0, 0)"}
    assert style(".dots i:not(.on)", "borderTopWidth") == "1px"
    assert style(".dots i:not(.on)", "backgroundColor") != style(".dots .on", "backgroundColor")
    expect(teacher.locator("[data-tile]", has_text=otter).locator(".hand svg")).to_be_visible()
    teacher.emulate_media(forced_colors="none")


def the_second_way(browser: Browser, guard: Guard, server: Server, code: str) -> None:
    """A phone on its side, behind a proxy that answers 400 to every WebSocket."""
    guard.expect(r"WebSocket connection to .* failed|status of 400|ERR_")
    cable = Cable(server.port, {"Sec-WebSocket-Key:": "X-Key:"})
    context = browser.new_context(viewport={"width": 844, "height": 390}, has_touch=True)
    without_plotly(context)
    page = context.new_page()
    page.goto(f"{cable.url}j/{code}")
    button(page, "Join").click()
    button(page, "Start").click()
    expect(page.locator("#connection")).to_have_text("Live, the second way")
    # The bar leaves the plane beside Play.
    expect(page.locator(".room-me b")).to_be_visible()
    iteration = page.get_by_test_id("iteration")
    expect(iteration).to_have_attribute("value", "0")
    lowest = "() => document.querySelector('#boundary').getBoundingClientRect().bottom"
    assert page.evaluate(lowest) <= 390
    # What trains is the same, before a drop and after it.
    button(page, "Play").click()
    expect(button(page, "Pause")).to_be_visible()
    expect(iteration).not_to_have_attribute("value", "0")
    cable.pull()
    expect(page.locator("#connection")).to_have_text("Reconnecting")
    there = int(iteration.get_attribute("value") or 0)
    cable.plug_in()
    expect(page.locator("#connection")).to_have_text("Live, the second way")
    expect(button(page, "Pause")).to_be_visible()
    expect(iteration).not_to_have_attribute("value", str(there))
    button(page, "Hand up").click()
    expect(button(page, "Hand down")).to_be_visible()
    context.close()
    cable.close()


@PLAIN
def test_bad_days(browser: Browser, page: Page, guard: Guard, server: Server) -> None:
    guard.expect(r"status of (404|409|403)")
    room, cable, claiming = post(server, "rooms", {"title": "Year 11"}), Cable(server.port), page
    with (
        browser.new_context(viewport={"width": 390, "height": 844}) as context,
        guard.watching(context),
    ):
        page = context.new_page()
        page.goto(f"{server.url}j")
        # Whoever is no teacher finds the way back.
        button(page, "Teacher on a second device?").click()
        button(page, "Not a teacher? Back to the class").click()
        page.get_by_label("Code").fill("k7")
        button(page, "Join").click()
        expect(page.get_by_role("alert")).to_have_text("A code has 6 letters and digits.")
        page.get_by_label("Code").fill("222222")
        button(page, "Join").click()
        expect(page.get_by_role("alert")).to_contain_text("No room has this code.")
        assert violations(page) == []
        # Without its key the teacher's page says where it is.
        teacher = context.new_page()
        teacher.goto(f"{server.url}rooms/{room['id']}")
        expect(teacher.get_by_role("heading")).to_have_text("This page needs the room’s key.")
        teacher.goto(f"{cable.url}rooms/{room['id']}#key={room['key']}")
        choose(teacher, "Lock the door")
        expect(teacher.locator("#announcer p").last).to_have_text("The door is locked.")
        page.get_by_label("Code").fill(room["code"])
        button(page, "Join").click()
        expect(page.get_by_role("alert")).to_have_text("The door is locked. Ask your teacher.")
        choose(teacher, "Open the door")
        expect(teacher.locator("#announcer p").last).to_have_text("The door is open.")
        button(page, "Join").click()
        name = page.locator("h1.name").inner_text()
        # Another device takes the place again, if the teacher lets it.
        without_plotly(claiming)
        claiming.goto(f"{server.url}j/{room['code']}")
        button(claiming, "Join").click()
        claiming.get_by_label("The name that you had").fill(name)
        button(claiming, "Ask").click()
        button(teacher, "Let in").click()
        expect(claiming.locator(".room-me b")).to_have_text(name)
        claiming.close()
        the_second_way(browser, guard, server, room["code"])
        # A server that is out of reach: the teacher is back by themselves, as a student is.
        guard.expect(r"WebSocket|ERR_CONNECTION|Failed to load")
        cable.pull()
        expect(teacher.locator(".conn")).to_have_text("Reconnecting")
        cable.plug_in()
        expect(teacher.locator(".conn")).to_have_text("Live")
        teacher.close()
    cable.close()
