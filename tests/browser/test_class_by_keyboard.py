"""A whole lesson by the keyboard alone: a teacher's, and a student's."""

from __future__ import annotations

from contextlib import ExitStack

from playwright.sync_api import Page, expect

from tests.browser.ends import Member, Teacher, post
from tests.browser.harness import Server
from tests.browser.keys import Keys
from tests.browser.playground import Wire, until, without_plotly
from tests.browser.test_classroom import PLAIN, at_rest, button


@PLAIN
def test_a_teachers_lesson_by_the_keyboard_alone(page: Page, server: Server) -> None:
    with ExitStack() as members:
        teach(page, server, members)


def teach(main: Page, server: Server, members: ExitStack) -> None:
    """From opening the room to its end."""
    without_plotly(main)
    main.goto(f"{server.url}#layers=5")
    keys = Keys(main)
    keys.use(main.locator("#class"))
    first = main.get_by_role("menuitem", name="Join a class")
    keys.at(first)
    # What is beside a word is not under it.
    expect(first.locator(".i")).to_be_visible()
    keys.press("ArrowDown", "Enter")
    keys.at(main.get_by_label("Title"))
    keys.press("Escape")
    keys.at(main.locator("#class"))
    keys.press("Enter", "ArrowDown", "Enter")
    main.keyboard.type("Year 12")
    with main.expect_popup() as opening:
        keys.use(button(main, "Open the room"))
    keys.at(main.locator("#class"))

    teacher = at_rest(opening.value)
    keys = Keys(teacher)
    room, eyes = teacher.locator("#room-menu"), teacher.locator("#eyes")
    expect(eyes).to_be_visible()
    code = (teacher.locator(".room .qr").get_attribute("src") or "").partition("?")[2]
    keys.press("Tab")
    keys.at(teacher.get_by_role("link", name="To Eyes here"))
    keys.press("Enter")
    keys.at(eyes)
    with teacher.expect_popup() as showing:
        keys.use(button(teacher, "Projector"), back=True)
    screen = showing.value
    expect(screen.locator(".code")).to_have_text(code)
    teacher.bring_to_front()

    # The menu: an item gives the keyboard back and is heard; Escape gives it back too.
    keys.use(room)
    keys.at(teacher.get_by_role("menuitem", name="Lock the door"))
    keys.press("Escape")
    keys.at(room)
    keys.press("Enter", "Enter")
    keys.hears("The door is locked")
    keys.at(room)
    keys.press("Enter", "Enter")
    keys.hears("The door is open")

    # Four come in; all wait for the teacher, and go on.
    otter, heron, lynx, crane, toad = (Member(server, code) for _ in range(5))
    for each in (otter, heron, lynx, crane, toad):
        members.callback(each.close)
    wall = teacher.locator("[data-tile]")
    expect(wall).to_have_count(5)
    expect(screen.locator(".in b")).to_have_text("5")
    keys.use(eyes)
    keys.hears("Eyes here")
    otter.hears(lambda heard: heard["held"])
    keys.at(eyes)
    expect(eyes).to_have_text("Let go")
    keys.press("Enter")
    keys.hears("Let go")
    otter.hears(lambda heard: not heard["held"])
    keys.use(button(teacher, "Send to 5"))
    keys.hears("Experiment 1 is sent to 5")
    otter.hears(lambda heard: heard["experiment"])
    keys.at(button(teacher, "Send to 5"))

    # A question: a form that is closed gives the keyboard back, and so does one that is sent.
    new = button(teacher, "New").first
    keys.use(new)
    keys.at(teacher.get_by_label("Question"))
    keys.press("Escape")
    keys.at(new)
    keys.press("Enter")
    teacher.keyboard.type("Which will be lower?")
    for letter, text in (("A", "1"), ("B", "2")):
        keys.to(teacher.get_by_label(f"Choice {letter}", exact=True))
        teacher.keyboard.type(text)
    keys.use(button(teacher, "B is right"), key="Space")
    keys.use(button(teacher, "Another choice"))
    keys.at(teacher.get_by_label("Choice C", exact=True))
    keys.use(button(teacher, "Without choice C"))
    keys.use(button(teacher, "Ask"))
    keys.hears("Question asked")
    keys.at(teacher.locator("section:has(.count)"))
    asked = otter.hears(lambda heard: heard["question"])["question"]["id"]
    otter.say("answer", question=asked, choice=1)
    expect(teacher.locator(".count")).to_have_text("1of 5 have answered")
    keys.use(button(teacher, "Show the answers"))
    keys.hears("A, 1: 0. B, 2, right: 1.")
    expect(screen.locator(".hist .right .n")).to_have_text("1")
    keys.at(teacher.locator("section:has(.hist)"))
    keys.use(button(teacher, "Run it on every page"))
    keys.hears("Experiment 2 is sent")
    otter.hears(lambda heard: heard["experiment"]["playing"])
    keys.use(button(teacher, "Close"))
    keys.hears("The question is closed")
    keys.at(new)

    # A task, a lesson with dots, less on the page.
    new = button(teacher, "New").nth(1)
    keys.use(new)
    keys.at(teacher.get_by_label("What"))
    keys.use(button(teacher, "Set the task"))
    keys.hears("Task 1: Test accuracy of 95%")
    otter.hears(lambda heard: heard["task"])
    keys.at(new)
    keys.use(button(teacher, "Start"))
    keys.at(teacher.locator(".lessons button").first)
    keys.press("Enter")
    keys.hears("Lesson: One unit.")
    lesson = otter.hears(lambda heard: heard["lesson"])["lesson"]["name"]
    keys.at(button(teacher, "End"))
    otter.say("report", lesson=lesson, step=1, done=True)
    expect(teacher.locator(".steps .n").first).to_have_text("Step 1, done by 1")
    keys.press("Enter")
    keys.hears("The lesson is over")
    keys.at(button(teacher, "Start"))
    keys.use(button(teacher, "Choose"))
    keys.use(button(teacher, "Without the panels"))
    keys.use(button(teacher, "Set it on every page"))
    keys.hears("Hide and lock on every page: ")
    keys.at(button(teacher, "Choose"))

    # The wall: one stop, arrows, a letter; the spotlight has room for four.
    otter.say("hand", up=True)
    expect(teacher.locator("[data-tile].hand")).to_have_count(1)
    keys.to(wall.first, back=True)
    keys.press("Space")
    keys.hears("1 in the spotlight")
    keys.press("ArrowRight", "Space")
    expect(screen.locator("figure")).to_have_count(2)
    for _ in range(2):
        keys.press("ArrowRight", "Space")
    expect(screen.locator("figure")).to_have_count(4)
    keys.hears("4 in the spotlight")
    keys.press("End", "Space")
    keys.hears("The spotlight has room for 4.")
    keys.at(wall.last)
    keys.press("Home")
    keys.at(wall.first)

    # Opened beside another one, and back.
    keys.press("Enter")
    keys.at(button(teacher, "The wall"))
    keys.hears("One network")
    strip = teacher.locator(".strip button")
    keys.use(strip.nth(1))
    expect(teacher.locator(".net-opened")).to_have_count(2)
    keys.at(strip.nth(1))
    put = teacher.get_by_role("button", name="Put", exact=False).last
    keys.use(put, back=True)
    expect(teacher.locator(".net-opened")).to_have_count(1)
    keys.press("Escape")
    keys.at(wall.first)
    keys.use(button(teacher, "On screen"))
    keys.hears("The spotlight is off")
    keys.at(button(teacher, "On screen"))

    # Who is renamed, removed, let in again.
    keys.use(room, back=True)
    keys.press("ArrowDown", "Enter")
    name = teacher.get_by_role("textbox", name="Name of").first
    keys.at(name)
    removed = name.input_value()
    left, stays, *_ = (each for each in (heron, lynx, crane) if each.name != removed)
    keys.press("Control+a")
    teacher.keyboard.type("zebra")
    keys.press("Enter")
    dialog = teacher.get_by_role("dialog", name="Names")
    expect(dialog.get_by_role("status")).to_have_text("Now called zebra.")
    keys.at(dialog.get_by_role("textbox", name="Name of zebra"))
    keys.use(dialog.get_by_role("button", name="Remove zebra"))
    expect(dialog.get_by_role("status")).to_have_text("zebra is removed.")
    expect(dialog.get_by_role("textbox")).to_have_count(4)
    assert dialog.evaluate("(dialog) => dialog.contains(document.activeElement)")
    keys.press("Escape")
    keys.at(room)
    left.close()
    expect(teacher.locator("[data-tile].away")).to_have_count(1)
    post(server, "rooms/join", {"code": code, "name": left.name})
    keys.use(button(teacher, "Let in"))
    expect(button(teacher, "Let in")).to_have_count(0)
    assert teacher.evaluate("document.activeElement !== document.body")

    # Another device, the table, the end.
    keys.use(room, back=True)
    keys.press(*["ArrowDown"] * 5, "Enter")
    keys.at(button(teacher, "Done"))
    expect(teacher.locator(".once")).to_be_visible()
    keys.press("Enter")
    keys.at(room)
    with teacher.expect_download() as table:
        keys.press("Enter", *["ArrowDown"] * 7, "Enter")
    assert table.value.suggested_filename == "shallows-room.csv"
    keys.at(room)
    for sure in (False, True):
        keys.press("Enter", "End")
        keys.at(teacher.get_by_role("menuitem", name="End the room"))
        keys.press("Enter")
        keys.at(button(teacher, "Cancel"))
        if not sure:
            keys.press("Enter")
            keys.at(room)
    keys.use(button(teacher, "End and delete"), back=True)
    keys.at(teacher.get_by_role("heading", name="The room is over"))
    expect(screen.get_by_role("heading", name="The room is over")).to_be_visible()
    stays.hears(lambda heard: heard["detail"], "over")


@PLAIN
def test_a_students_lesson_by_the_keyboard_alone(page: Page, server: Server) -> None:
    teacher = Teacher(server, "Year 11")
    learn(page, server, teacher)
    teacher.close()


def learn(page: Page, server: Server, teacher: Teacher) -> None:
    """From the code to leaving."""
    without_plotly(page)
    keys, wire = Keys(page), Wire(page)
    page.goto(f"{server.url}j")
    keys.at(page.get_by_label("Code"))
    page.keyboard.type("222")
    keys.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("A code has 6 letters and digits.")
    keys.at(page.get_by_label("Code"))
    keys.press("Control+a")
    page.keyboard.type(teacher.room["code"].lower())
    keys.press("Enter")
    keys.at(button(page, "Start"))
    name = page.locator("h1.name").inner_text()
    keys.press("Enter")
    expect(page.locator(".room-me b")).to_have_text(name)

    # The bar is first. A hand is heard, and the keyboard stays with it.
    hand = page.locator("#room-hand")
    keys.use(hand)
    keys.hears("Your hand is up.")
    keys.at(hand)
    teacher.hears(lambda heard: heard.get("hand"), "member")
    keys.press("Enter")
    keys.hears("Your hand is down.")

    # Something of one's own; what is sent leaves the keyboard where it is.
    own = page.get_by_role("radio", name="circle")
    keys.to(own)
    keys.press("ArrowRight")
    keys.at(page.get_by_role("radio", name="xor"))
    data = {"dataset": "circle"}
    plan = {"data": data, "runs": [{"network": {"layers": [{"units": 5, "activation": "tanh"}]}}]}
    teacher.say("push", page="#layers=5", plan=plan, seeds="own", playing=False)
    keys.hears("Experiment 1, from your teacher.")
    expect(page.locator("#graph .unit")).to_have_count(6)
    assert page.evaluate("document.activeElement.name") == "dataset"
    back = button(page, "Back to mine")
    keys.use(back, back=True)
    keys.hears("Your own experiment is back")
    keys.at(button(page, "To the class’s"))
    keys.press("Enter")
    keys.at(back)

    # Eyes here: the keyboard is on the banner, then where it was. A hand can be put up meanwhile.
    play = button(page, "Play")
    keys.to(play)
    teacher.say("hold", held=True)
    keys.at(page.locator(".roombar.frozen"))
    expect(page.get_by_role("alert").filter(has_text="Eyes here")).to_be_visible()
    keys.press("Space", "Tab")
    keys.at(hand)
    keys.press("Tab", "Shift+Tab")
    teacher.say("hold", held=False)
    keys.hears("Your teacher has let go.")
    keys.at(hand)
    keys.to(play)
    teacher.say("hold", held=True)
    keys.at(page.locator(".roombar.frozen"))
    teacher.say("hold", held=False)
    keys.at(play)

    # A question leaves the keyboard where it is, is answered by arrows, and shown.
    teacher.say("ask", text="Which will be lower?", choices=["1", "2"], right=1)
    keys.hears("Question: Which will be lower?")
    keys.at(play)
    expect(page.locator(".room-q input")).to_have_count(2)
    first, second = page.locator(".room-q input").all()
    keys.use(second, back=True, key="Space")
    expect(second).to_be_checked()
    asked = teacher.hears(lambda heard: heard["question"])["question"]
    teacher.say("hold", held=True)
    keys.at(second)
    keys.press("ArrowLeft")
    expect(first).to_be_checked()
    # Of another answer only who has given it hears.
    until(page, lambda: wire.of_type("room", sent=False)[-1]["question"]["choice"] == 0)
    teacher.say("hold", held=False)
    keys.at(first)
    teacher.say("reveal", question=asked)
    keys.hears("You said 1. So did 1 of 1.")
    keys.at(page.locator(".room-q"))
    teacher.say("close", question=asked)
    keys.hears("The question is closed.")

    # A task, by the keyboard's own Play; a part that is taken away takes nothing with it.
    teacher.say("task", title="Ten iterations", until=[{"quantity": "iteration", "at_least": 10}])
    keys.hears("Task 1: Ten iterations.")
    keys.use(play)
    keys.hears("Solved: Ten iterations.")
    keys.at(button(page, "Pause"))
    keys.press("Enter")
    keys.to(button(page, "Step"))
    teacher.say("reduce", hide=["step"], lock=[])
    # What is said of the pause comes when it comes, and takes nothing away.
    keys.hears("Paused at iteration")
    keys.hears("Your teacher has changed which parts of the page there are.")
    keys.seen()
    teacher.say("reduce", hide=[], lock=[])

    # A lesson is opened, and over.
    teacher.say("lesson", name="one-unit")
    keys.hears("Lesson: One unit.")
    expect(page.locator("#lesson")).to_be_visible()
    teacher.say("lesson", name=None)
    keys.hears("The lesson is over.")
    expect(page.locator("#lesson")).to_be_hidden()
    keys.seen()

    # Leaving gives the keyboard to where one comes in.
    keys.to(button(page, "Leave"), back=True)
    keys.press("Enter")
    expect(page.locator(".roombar")).to_have_count(0)
    keys.at(page.locator("#class"))
    keys.press("Enter", "Enter")
    keys.at(page.locator("#join-code"))
    keys.press("Escape")
    keys.at(page.locator("#class"))
