"""A class in a room: a teacher, a projector, two students, a whole lesson; and bad days."""

from __future__ import annotations

import json
import urllib.request
from contextlib import ExitStack
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.cable import Cable
from tests.browser.conftest import VIEWPORT, Guard
from tests.browser.harness import Server
from tests.browser.test_accessibility import violations


def opened(server: Server, title: str) -> dict[str, Any]:
    """A room, as a script opens it."""
    request = urllib.request.Request(
        f"{server.url}rooms",
        json.dumps({"title": title}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        room: dict[str, Any] = json.load(answer)
    return room


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


def test_a_lesson(browser: Browser, server: Server) -> None:
    guard = Guard(server)
    with ExitStack() as stack:
        teachers, first, second = (
            stack.enter_context(browser.new_context(viewport=VIEWPORT, reduced_motion="reduce"))
            for _ in range(3)
        )
        for context in (teachers, first, second):
            stack.enter_context(guard.watching(context))
        lesson(teachers, first, second, server)
    assert guard.problems == []


def lesson(
    teachers: BrowserContext, first: BrowserContext, second: BrowserContext, server: Server
) -> None:
    """From opening the room to its end."""
    # The teacher opens it from the main page, and what is set up there can be sent.
    main = teachers.new_page()
    main.goto(f"{server.url}#layers=5")
    main.locator("#class").click()
    main.get_by_role("menuitem", name="Open a room").click()
    main.get_by_label("Title").fill("Year 12")
    with main.expect_popup() as opening:
        button(main, "Open the room").click()
    teacher = opening.value
    expect(teacher.locator(".room .code")).to_be_visible()
    code = (teacher.locator(".room .qr").get_attribute("src") or "").partition("?")[2]
    with teacher.expect_popup() as showing:
        button(teacher, "Projector").click()
    screen = showing.value
    expect(screen.locator(".code")).to_have_text(code)
    # Keys leave the addresses at once.
    assert "#" not in teacher.url
    assert "#" not in screen.url
    expect(teacher.get_by_text("Nobody is in yet.")).to_be_visible()

    # Two come in; one has something of their own.
    one, two = first.new_page(), second.new_page()
    otter = joined(one, server, code)
    one.get_by_role("radio", name="xor").check(force=True)
    heron = joined(two, server, code)
    expect(screen.locator(".in b")).to_have_text("2")
    wall = teacher.locator("[data-tile]")
    expect(wall).to_have_count(2)
    tile = teacher.locator("[data-tile]", has_text=otter)
    expect(tile.locator(".diff")).to_have_text("xor")

    # What is sent arrives, with a seed of their own, and the own work comes back by a press.
    expect(teacher.locator(".exp b")).to_have_text("circle, tanh, 5 units")
    button(teacher, "Send to 2").click()
    for page, seed in ((one, "1"), (two, "2")):
        expect(page.locator("#graph .unit")).to_have_count(6)
        expect(page.locator("#weight-seed")).to_have_value(seed)
    expect(tile.locator(".diff")).to_have_text("as sent")
    button(one, "Back to mine").click()
    expect(tile.locator(".diff")).to_contain_text("xor")
    button(one, "To the class’s").click()
    expect(tile.locator(".diff")).to_have_text("as sent")

    # A hand, by the student; the spotlight, by the keyboard.
    button(two, "Hand up").click()
    expect(teacher.locator("[data-tile].hand")).to_have_count(1)
    wall.first.focus()
    for key in ("Space", "ArrowRight", "Space"):
        teacher.keyboard.press(key)
    expect(screen.locator("figure")).to_have_count(2)
    for name in (otter, heron):
        expect(screen.get_by_text(name)).to_have_count(0)

    # Predict, commit, see.
    button(teacher, "New").first.click()
    expect(teacher.get_by_label("Question")).to_be_focused()
    teacher.keyboard.press("Escape")
    expect(button(teacher, "New").first).to_be_focused()
    teacher.keyboard.press("Enter")
    teacher.get_by_label("Question").fill("Which will be lower?")
    teacher.get_by_label("Choice A", exact=True).fill("1")
    teacher.get_by_label("Choice B", exact=True).fill("2")
    button(teacher, "B is right").click()
    button(teacher, "Ask").click()
    one.locator(".room-q").get_by_text("2", exact=True).click()
    expect(teacher.locator(".count")).to_have_text("1of 2 have answered")
    expect(screen.locator(".choices")).to_contain_text("1")
    assert screen.locator(".hist").count() == 0
    button(teacher, "Eyes here").click()
    expect(two.locator(".roombar.frozen")).to_be_visible()
    assert two.evaluate("document.querySelector('.shell').inert")
    # A held page answers, and nothing else.
    two.keyboard.press("Space")
    two.locator(".room-q").get_by_text("1", exact=True).click()
    expect(teacher.locator(".count")).to_have_text("2of 2 have answered")
    found = violations(teacher) + violations(one)
    button(teacher, "Show the answers").click()
    expect(one.locator(".room-choice")).to_contain_text("You said 2. So did 1 of 2.")
    expect(screen.locator(".hist .right .n")).to_have_text("1")
    assert found + violations(screen) == []
    button(teacher, "Run it on every page").click()
    expect(two.locator(".roombar.frozen")).to_have_count(0)
    expect(button(two, "Pause")).to_be_visible()
    button(teacher, "Close").click()

    # A task that checks itself.
    button(teacher, "New").nth(1).click()
    teacher.get_by_label("What").select_option("iteration")
    teacher.get_by_label("Value").fill("30")
    button(teacher, "Set the task").click()
    expect(one.locator(".room-ring.on")).to_be_visible()
    expect(teacher.get_by_role("button", name="2 of 2 solved")).to_be_visible()
    button(teacher, "On screen").click()
    expect(screen.locator(".of")).to_have_text("of 2 have solved it")

    # Less on the page; a lesson for all.
    button(teacher, "Choose").click()
    button(teacher, "Without the panels").click()
    button(teacher, "Set it on every page").click()
    expect(one.locator(".drawer")).to_be_hidden()
    button(teacher, "Start").click()
    teacher.locator(".lessons button").first.click()
    expect(one.locator("#lesson")).to_be_visible()
    button(teacher, "End").click()
    expect(one.locator("#lesson")).to_be_hidden()

    # Opened, live and read-only.
    wall.first.click()
    expect(teacher.locator(".net-opened")).to_have_count(1)
    expect(teacher.locator(".curve .run")).to_be_attached()
    expect(teacher.locator(".weights table").first).to_be_visible()
    assert violations(teacher) == []
    # Whether the server is still there is asked while frames come, and no error is shown.
    teacher.evaluate("dispatchEvent(new Event('pageshow'))")
    teacher.keyboard.press("Escape")
    expect(wall.first).to_be_focused()
    teacher.set_viewport_size({"width": 800, "height": 200})
    expect(teacher.locator(".tiles.everybody")).to_be_visible()
    expect(wall.first).to_be_focused()
    teacher.set_viewport_size(VIEWPORT)
    expect(teacher.locator(".toast [role=alert]")).to_have_count(0)

    # A reload, and a second tab, lose nobody.
    one.reload()
    expect(one.locator(".room-me b")).to_have_text(otter)
    expect(one.locator(".room-ring.on")).to_be_visible()
    other = first.new_page()
    other.goto(server.url)
    expect(other.locator(".room-me b")).to_have_text(otter)
    expect(one.get_by_text("This class goes on in another tab")).to_be_visible()
    button(one, "Go on here").click()
    expect(one.locator(".room-ring.on")).to_be_visible()
    other.close()

    # Who is removed is told; who leaves is gone.
    choose(teacher, "Names 2")
    button(teacher, f"Remove {heron}").click()
    expect(two.get_by_text("Your teacher has taken you out")).to_be_visible()
    teacher.keyboard.press("Escape")
    expect(wall).to_have_count(1)

    # The end leaves a sentence everywhere.
    choose(teacher, "End the room")
    button(teacher, "End and delete").click()
    expect(teacher.get_by_role("heading", name="The room is over")).to_be_visible()
    expect(screen.get_by_role("heading", name="The room is over")).to_be_visible()
    expect(one.locator(".room-job")).to_contain_text("has ended this room")


def the_second_way(browser: Browser, guard: Guard, server: Server, code: str) -> None:
    """A phone on its side, behind a proxy that answers 400 to every WebSocket."""
    guard.expect(r"WebSocket connection to .* failed|status of 400|ERR_")
    cable = Cable(server.port, {"Sec-WebSocket-Key:": "X-Key:"})
    context = browser.new_context(viewport={"width": 844, "height": 390}, has_touch=True)
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


def test_bad_days(browser: Browser, server: Server) -> None:
    guard = Guard(server)
    guard.expect(r"status of (404|409|403)")
    room = opened(server, "Year 11")
    context = browser.new_context(viewport={"width": 390, "height": 844})
    with guard.watching(context):
        page = context.new_page()
        page.goto(f"{server.url}j")
        page.get_by_label("Code").fill("k7")
        button(page, "Join").click()
        expect(page.get_by_role("alert")).to_have_text("A code has 6 letters and digits.")
        page.get_by_label("Code").fill("222222")
        button(page, "Join").click()
        expect(page.get_by_role("alert")).to_contain_text("No room has this code.")
        assert violations(page) == []
        # Without its key the teacher's page says where it is.
        stranger = context.new_page()
        stranger.goto(f"{server.url}rooms/{room['id']}")
        expect(stranger.get_by_role("heading")).to_have_text("This page needs the room’s key.")
        teacher = context.new_page()
        teacher.goto(f"{server.url}rooms/{room['id']}#key={room['key']}")
        choose(teacher, "Lock the door")
        page.get_by_label("Code").fill(room["code"])
        button(page, "Join").click()
        expect(page.get_by_role("alert")).to_have_text("The door is locked. Ask your teacher.")
        choose(teacher, "Open the door")
        button(page, "Join").click()
        name = page.locator("h1.name").inner_text()
        # Another device takes the place again, if the teacher lets it.
        lost = browser.new_context()
        claiming = lost.new_page()
        claiming.goto(f"{server.url}j/{room['code']}")
        button(claiming, "Join").click()
        claiming.get_by_label("The name that you had").fill(name)
        button(claiming, "Ask").click()
        button(teacher, "Let in").click()
        expect(claiming.locator(".room-me b")).to_have_text(name)
        lost.close()
        the_second_way(browser, guard, server, room["code"])
        # A server that is killed: everybody is back by themselves.
        guard.expect(r"WebSocket|ERR_CONNECTION|Failed to load")
        server.kill()
        expect(teacher.locator(".conn")).to_have_text("Reconnecting")
        server.start()
        expect(teacher.locator(".conn")).to_have_text("Live")
    context.close()
    assert guard.problems == []
