"""Lessons: each is taken to its end by what its own text says; and what holds of all of them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from app.content.lessons import LESSONS, lessons_of
from tests.browser.conftest import VIEWPORT, Elsewhere, Guard
from tests.browser.harness import Server
from tests.browser.playground import PATIENCE, Playground, without_plotly
from tests.browser.test_accessibility import AT_REST, violations, violations_in_all_looks

Action = Callable[[Playground], None]
Json = dict[str, Any]
BUILT_IN: dict[str, Json] = {
    name: json.loads(json.dumps(lesson.as_json())) for name, lesson in lessons_of(LESSONS).items()
}


# -- what the texts ask for -----------------------------------------------------------------------


def play(playground: Playground) -> None:
    """As fast as it goes: the texts name iterations and costs, not times."""
    playground.enter("Speed in iterations a second", "")
    playground.button("Play").click()


def play_slowly(playground: Playground) -> None:
    """As fast as the lesson has it, where what is asked for does not last."""
    playground.button("Play").click()


def step_once(playground: Playground) -> None:
    playground.button("Step").click()


def chooses(group: str, name: str) -> Action:
    return lambda playground: playground.choose(group, name)


def enters(name: str, value: str) -> Action:
    return lambda playground: playground.enter(name, value)


def has_layers(count: int) -> Action:
    """With the buttons beside Hidden layers."""

    def set_depth(playground: Playground) -> None:
        depth = playground.page.locator("#depth")
        while (now := int(depth.inner_text())) != count:
            playground.button("Add a layer" if now < count else "Remove a layer").click()
            expect(depth).not_to_have_text(str(now))

    return set_depth


def opens(panel: str) -> Action:
    def open_panel(playground: Playground) -> None:
        tab = playground.page.get_by_role("tab", name=panel, exact=True)
        if tab.get_attribute("aria-selected") != "true":
            tab.click()
        expect(playground.page.get_by_role("tabpanel", name=panel, exact=True)).to_be_visible()

    return open_panel


def clicks(button: str) -> Action:
    return lambda playground: playground.button(button).click()


def times(examples: int) -> Action:
    def time_it(playground: Playground) -> None:
        panel = playground.page.get_by_role("tabpanel", name="Vectorising")
        panel.get_by_role("spinbutton", name="Examples").fill(str(examples))
        panel.get_by_role("button", name="Time it").click()

    return time_it


def clicks_the_plane(across: float, up: float) -> Action:
    """At a share of the plane's width and height from its lower left corner."""

    def click(playground: Playground) -> None:
        plane = playground.page.locator("#boundary .plane")
        box = plane.bounding_box()
        assert box is not None
        playground.page.mouse.click(
            box["x"] + across * box["width"], box["y"] + (1 - up) * box["height"]
        )

    return click


START, SCALE, UNITS = "Initial weights", "Scale", "Hidden units in layer 1"


def clicks_an_example(playground: Playground) -> None:
    """In the plane, which goes from -6.6 to 6.6 both ways, once the microscope is there."""
    lesson = playground.page.get_by_role("complementary", name="Lesson")
    expect(lesson).to_contain_text("now the whole batch")
    points = playground.wire.of_type("configured", sent=False)[-1]["data"]["points"]
    clicks_the_plane(*((coordinate + 6.6) / 13.2 for coordinate in points[0]))(playground)


def fills_in(entries: dict[str, str]) -> Action:
    """The fields of Check my numbers."""

    def fill(playground: Playground) -> None:
        for name, value in entries.items():
            playground.page.get_by_role("textbox", name=name, exact=True).fill(value)

    return fill


MICROSCOPE = opens("Backprop microscope")
BATCH = chooses("Look at", "Batch")
BY_HAND = {
    "Z[1]": "0",
    "A[1]": "0.5",
    "dW[1] row 1 column 1": "-0.5",
    "dW[1] row 2 column 1": "-1",
    "db[1]": "-0.5",
}

ACTIONS: dict[str, dict[str, list[Action]]] = {
    "one-unit": {
        "Let it learn": [play],
        "Try the ring": [chooses("Dataset", "circle"), play],
    },
    "a-hidden-layer": {
        "One unit on the ring": [play],
        "Add the layer": [has_layers(1), play],
        "The same network, another problem": [chooses("Dataset", "xor"), play],
    },
    "one-column-per-example": {
        "Time it": [opens("Vectorising"), times(1000)],
        "More points": [times(10_000)],
        "See the matrices": [MICROSCOPE, BATCH],
    },
    "which-activation": {
        "The first choice: sigmoid": [play],
        "tanh": [chooses("Activation", "tanh"), play],
        "ReLU": [chooses("Activation", "ReLU"), play],
        "Count them": [opens("Activations"), play],
        "All four at once": [opens("Compare"), clicks("Play the comparison")],
    },
    "why-not-linear": {
        "Watch it": [play],
        "Three linear layers": [has_layers(3), play],
        "One bend is enough": [has_layers(1), chooses("Activation", "tanh"), play],
    },
    "slopes": {
        "Saturation": [opens("Activations"), play],
        "Saturated from the start": [enters(SCALE, "3")],
        "Killing ReLUs": [play_slowly],
        "The leak": [chooses("Activation", "leaky ReLU"), play],
    },
    "breaking-symmetry": {
        "Try zero": [play],
        "Random × 0.01": [chooses(START, "random ×"), play],
        "Random × 5": [enters(SCALE, "5"), play],
        "Luck, counted": [
            opens("Compare"),
            chooses("What to compare", "Many seeds"),
            enters("Seeds", "16"),
            enters("Iterations each", "200"),
            clicks("Start the sweep"),
        ],
    },
    "forwards": {
        "One point": [MICROSCOPE, clicks_an_example],
        "Down": [play],
        "Anywhere in the plane": [clicks_the_plane(0.98, 0.98)],
    },
    "backwards": {
        "Lay it open": [MICROSCOPE, BATCH],
        "By hand": [chooses("Microscope", "Check my numbers"), fills_in(BY_HAND), clicks("Check")],
        "Take it": [step_once],
    },
    "how-many-units": {
        "A single hidden unit": [play],
        "Find out": [enters(UNITS, "4"), play],
        "Overfitting": [play],
        "Fewer units": [has_layers(1), enters(UNITS, "4"), play_slowly],
    },
    "layer-l": {
        "Two layers on a spiral": [has_layers(2), play],
        "Four layers of sigmoids": [opens("Activations"), play],
        "The same with tanh": [chooses("Activation", "tanh"), play],
    },
}


class Lesson:
    """The lesson beside the playground, as its reader knows it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.panel = page.get_by_role("complementary", name="Lesson")
        self.heading = self.panel.get_by_role("heading", level=3)
        self.state = self.panel.locator("footer .state")
        self.conditions = self.panel.get_by_role("list", name="What is asked").get_by_role(
            "listitem"
        )

    def button(self, name: str) -> Locator:
        return self.panel.get_by_role("button", name=name, exact=True)

    def next(self) -> None:
        self.panel.locator("footer button").last.click()


def module_of(page: Page, name: str) -> str:
    """The address of one of the lessons' modules."""
    main = page.evaluate("document.querySelector('script[type=module]').src")
    return str(main).replace("main.js", f"lessons/{name}.js")


def begin(page: Page, title: str) -> Lesson:
    page.get_by_role("button", name="Lessons", exact=True).click()
    dialog = page.get_by_role("dialog", name="Lessons")
    dialog.locator(".row").filter(has=page.get_by_text(title, exact=True)).click()
    expect(dialog).to_be_hidden()
    return Lesson(page)


@pytest.fixture(scope="module")
def desk(browser: Browser, server: Server, elsewhere: Elsewhere) -> Iterator[Playground]:
    """A page on which one lesson follows the other, as for somebody who takes them all."""
    context = browser.new_context(base_url=server.url, viewport=VIEWPORT)
    context.set_default_timeout(PATIENCE)
    without_plotly(context)
    guard = Guard(elsewhere)
    with guard.watching(context):
        yield Playground(context.new_page())
    context.close()
    assert guard.problems == []


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_lesson_is_taken_to_its_end_by_its_own_text(desk: Playground, name: str) -> None:
    content = BUILT_IN[name]
    if (toggle := desk.button("Close the panel")).is_visible():
        toggle.click()
    lesson = begin(desk.page, content["title"])
    for number, step in enumerate(content["steps"], start=1):
        expect(lesson.heading).to_have_text(step["title"])
        expect(lesson.heading).to_be_focused()
        expect(lesson.panel).to_contain_text(f"Step {number} of {len(content['steps'])}")
        if step["kind"] == "predict":
            right = next(index for index, choice in enumerate(step["choices"]) if choice["right"])
            lesson.panel.get_by_role("radio").nth(right).check()
            expect(lesson.panel.locator(".because")).to_contain_text("As you predicted.")
        if step["kind"] == "run":
            expect(lesson.conditions).to_have_count(len(step["until"]))
            expect(lesson.panel.locator('[data-holds="false"]')).not_to_have_count(0)
            expect(lesson.state).to_have_attribute("data-done", "false")
            for act in ACTIONS[name][step["title"]]:
                act(desk)
            expect(lesson.state).to_have_text("Done")
            if desk.button("Pause").is_visible():
                desk.button("Pause").click()
        lesson.next()
    expect(lesson.heading).to_have_text("Lesson finished")
    assert desk.wire.of_type("error", sent=False) == []


# -- predictions, conditions, progress ------------------------------------------------------------


def test_a_wrong_prediction_teaches_and_is_kept(page: Page) -> None:
    Playground(page, "#lesson=one-unit&step=2")
    lesson = Lesson(page)
    right = re.compile(r"The answer\. .* is the equation of a straight line\.")
    predicted = re.compile(r"As you predicted\. .* is the equation of a straight line\.")
    wrong = re.compile(r"Not so\. A circle would need .* multiples of")
    third = re.compile(r"Not so\. With three numbers there is not much to choose")
    expect(lesson.heading).to_have_text("What will it draw?")
    reasons = lesson.panel.locator(".because")
    expect(reasons).to_have_count(0)
    lesson.panel.get_by_role("radio", name="A circle around one of the classes").check()
    expect(reasons).to_have_text([right, wrong])
    expect(lesson.panel.get_by_role("status")).to_have_text(
        "Something else happens; the answer is shown."
    )
    expect(lesson.state).to_have_text("Done")
    # It can be changed, with the keys too.
    page.keyboard.press("ArrowDown")
    expect(reasons).to_have_text([right, third])
    page.keyboard.press("ArrowDown")
    expect(reasons).to_have_text([predicted])
    page.reload()
    expect(lesson.panel.get_by_role("radio", name="A straight line")).to_be_checked()
    expect(reasons).to_have_count(1)
    assert violations(page, "#lesson") == []
    # In them the lecture's notation is set, and a program is not.
    texts = ["dW[1] = (1/m) X dZ[1]ᵀ", "g′(z) = 1 − g(z)²", "wⱼᵀx(i)", "W.T @ X + b", "print(x)"]
    drawn: list[list[str] | None] = page.evaluate(
        """async ([module, texts]) => {
          const { formula } = await import(module);
          const lit = module.replace(/js\\/lessons.*/, 'vendor/lit-html/lit-html.js');
          const { render } = await import(lit);
          return texts.map((text) => {
            const drawn = formula(text);
            if (!drawn) return null;
            const place = document.createElement('div');
            render(drawn, place);
            const scripts = [...place.querySelectorAll('msup, msub, msubsup')];
            return [place.textContent, ...scripts.map((script) => script.textContent)];
          });
        }""",
        [module_of(page, "formula"), texts],
    )
    assert drawn == [
        ["dW[1]=(1/m)XdZ[1]T", "dW[1]", "dZ[1]T"],
        ["g′(z)=1−g(z)2", ")2"],
        ["wjTx(i)", "wjT"],
        None,
        None,
    ]


def test_a_condition_is_of_the_run_that_is_there(page: Page) -> None:
    playground = Playground(page, "#lesson=a-hidden-layer")
    lesson = Lesson(page)
    expect(lesson.heading).to_have_text("One unit on the ring")
    assert playground.last_configure()["runs"][0]["network"]["layers"] == []
    expect(lesson.conditions).to_contain_text(["Iteration at least 300"])
    expect(lesson.conditions).to_contain_text(["now 0"])
    play(playground)
    expect(lesson.state).to_have_text("Done")
    playground.pause()
    # Once done it stays done; set up again it begins anew, though nothing of the run has changed.
    lesson.button("Set up again").click()
    expect(playground.readout("iteration")).to_have_attribute("value", "0")
    expect(lesson.conditions).to_contain_text(["now 0"])
    expect(lesson.state).to_have_text("Done before")
    expect(lesson.state).to_have_attribute("data-done", "false")
    play(playground)
    expect(lesson.state).to_have_text("Done")
    # A run that gives way does not count for the next one.
    playground.pause()
    lesson.next()
    lesson.next()
    playground.button("Add a layer").click()
    expect(lesson.conditions.first).to_have_attribute("data-holds", "true")
    expect(lesson.conditions.last).to_contain_text("now 5")
    expect(lesson.state).to_have_attribute("data-done", "false")
    # One click away: the hint.
    hint = lesson.panel.get_by_text("Raise Hidden layers to 1 and press Play.", exact=False)
    expect(hint).to_be_hidden()
    lesson.panel.get_by_text("Hint", exact=True).click()
    expect(hint).to_be_visible()
    # Diagnostics come only while a step needs them.
    page.evaluate("location.hash = 'lesson=slopes&step=2'")
    expect(lesson.heading).to_have_text("The steepest place")
    assert not any("diagnostics" in view for view in playground.wire.of_type("view", sent=True))
    lesson.next()
    expect(lesson.conditions.last).to_contain_text("Saturated slopes in layer 1 at least 30%")
    expect(lesson.conditions.last).to_contain_text("now 0.0%")
    assert playground.wire.of_type("view", sent=True)[-1]["diagnostics"] is True
    lesson.button("Back").click()
    expect(lesson.heading).to_be_focused()
    playground.say_all()
    assert "diagnostics" not in playground.wire.of_type("view", sent=True)[-1]


def test_the_list_tells_how_far_one_is_and_a_teachers_lesson_follows_the_built_in_ones(
    page: Page,
) -> None:
    playground = Playground(page, "#noise=0.3")
    opener = playground.button("Lessons")
    opener.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Lessons")
    rows = dialog.locator(".row")
    titles = [content["title"] for content in BUILT_IN.values()]
    expect(rows.locator("b")).to_have_text([*titles, "Too fast"])
    expect(rows.first).to_contain_text("Logistic regression")
    expect(rows.first).to_contain_text("6 min")
    expect(rows.first).to_contain_text("7 steps")
    # Each has the picture of what it begins with: the points of its dataset and its network.
    pictures = rows.locator(".miniature .pic")
    expect(pictures).to_have_count(2 * (len(BUILT_IN) + 1))
    for index, content in enumerate(BUILT_IN.values()):
        run = content["steps"][0]["run"] or content["run"]
        marks = pictures.nth(2 * index).locator("path")
        assert marks.count() == 2, content["title"]
        sizes = [2, *(layer["units"] for layer in run["network"]["layers"]), 1]
        assert pictures.nth(2 * index + 1).locator("circle").count() == sum(sizes)
        assert pictures.nth(2 * index + 1).locator(".g").count() == (len(sizes) > 2)
    assert violations(page, "#lessons-dialog") == []
    page.keyboard.press("Escape")
    expect(opener).to_be_focused()

    lesson = begin(page, "One unit")
    lesson.next()
    lesson.panel.get_by_role("radio").first.check()
    lesson.next()
    expect(lesson.heading).to_have_text("Let it learn")
    expect(page).to_have_url(re.compile("lesson=one-unit&step=3$"))
    page.reload()
    playground.button("Lessons").click()
    expect(rows.first).to_contain_text("2 of 7 done")
    expect(rows.first).to_have_attribute("aria-current", "true")
    dialog.get_by_role("button", name="Clear progress").click()
    expect(rows.first).to_contain_text("7 steps")
    dialog.get_by_role("button", name="Put it back").click()
    rows.first.click()
    expect(lesson.heading).to_have_text("Let it learn")
    playground.button("Lessons").click()
    dialog.get_by_role("button", name="Start One unit over").click()
    expect(lesson.heading).to_have_text("The smallest network")
    expect(lesson.heading).to_be_focused()

    # A teacher's own.
    lesson = begin(page, "Too fast")
    expect(lesson.panel).to_contain_text("Why <b>α</b> matters")
    link = lesson.panel.get_by_role("link", name="the notes")
    expect(link).to_have_attribute("href", "https://example.org/notes")
    expect(link).to_have_attribute("rel", "noopener noreferrer")
    expect(lesson.panel.locator(".say ol li")).to_have_text(["First", "Then"])
    expect(lesson.conditions).to_contain_text(["The run is over: it diverged"])
    playground.button("Play").click()
    expect(lesson.state).to_have_text("Done")
    lesson.next()
    expect(lesson.heading).to_have_text("Lesson finished")


def test_progress_survives_a_full_storage(page: Page) -> None:
    playground = Playground(page)
    page.evaluate(
        """() => {
          localStorage.removeItem('lessons');
          for (let size = 4_000_000; size > 0; size = Math.floor(size / 2)) {
            try { for (let n = 0; ; n++) localStorage[`full-${size}-${n}`] = 'x'.repeat(size); }
            catch { /* smaller */ }
          }
        }"""
    )
    lesson = begin(page, "One unit")
    lesson.next()
    expect(lesson.panel).to_contain_text("Step 2 of 7")
    playground.button("Lessons").click()
    expect(page.locator("#lessons-list .row").first).to_contain_text("1 of 7 done")
    expect(page.locator("#lessons-list")).to_contain_text("lasts as long as this page")


# -- the page around a lesson ---------------------------------------------------------------------


def test_parts_are_locked_and_pointed_out_until_it_is_left(page: Page) -> None:
    playground = Playground(page, "#noise=0.3&dataset=moons&layers=3,3&lock=noise&hide=features")
    lesson = begin(page, "One unit")
    # What the lesson locks, and what the address does.
    for locked in (playground.button("Add a layer"), playground.field("Noise")):
        expect(locked).to_be_disabled()
    expect(page.locator("#features-title")).to_be_hidden()
    expect(page.locator("[data-pointed]")).to_have_id("graph")
    expect(playground.radio("Dataset", "gauss")).to_be_checked()
    lesson.next()
    expect(page.locator("[data-pointed]")).to_have_count(0)
    lesson.next()
    expect(page.locator("[data-pointed]")).to_have_count(3)
    expect(page.locator("#play")).to_have_attribute("data-pointed", "")
    play(playground)
    expect(lesson.state).to_have_text("Done")
    page.reload()  # What was there before is known all the same.
    expect(lesson.panel).to_contain_text("Step 3 of")
    lesson.button("Leave the lesson").click()
    expect(lesson.panel).to_be_hidden()
    expect(playground.button("Lessons")).to_be_focused()
    expect(page.locator("[data-pointed]")).to_have_count(0)
    expect(playground.button("Add a layer")).to_be_enabled()
    expect(playground.field("Noise")).to_be_disabled()
    expect(playground.radio("Dataset", "gauss")).to_be_checked()
    expect(playground.notice).to_contain_text("What the lesson has set up stays as it is.")
    playground.notice.get_by_role("button", name="Back to mine").click()
    expect(playground.radio("Dataset", "moons")).to_be_checked()
    expect(playground.field("Hidden units in layer 2")).to_have_value("3")
    expect(page).to_have_url("/#dataset=moons&noise=0.3&layers=3,3&hide=features&lock=noise")
    # Neither is lost.
    playground.notice.get_by_role("button", name="Back to the lesson’s").click()
    expect(playground.radio("Dataset", "gauss")).to_be_checked()
    playground.notice.get_by_role("button", name="Back to mine").click()
    expect(playground.radio("Dataset", "moons")).to_be_checked()


def test_the_address_holds_lesson_and_step(context: BrowserContext, page: Page) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    playground = Playground(page, "#noise=0.3")
    lesson = begin(page, "A hidden layer")
    lesson.next()
    lesson.next()
    expect(lesson.heading).to_have_text("Add the layer")
    expect(page).to_have_url("/#layers=none&lesson=a-hidden-layer&step=3")
    playground.button("Add a layer").click()
    expect(page).to_have_url("/#lesson=a-hidden-layer&step=3")
    # The browser goes from step to step, and out of the lesson as it came.
    page.go_back()
    expect(lesson.heading).to_have_text("What would four units do?")
    page.go_back()
    expect(lesson.heading).to_have_text("One unit on the ring")
    page.go_back()
    expect(lesson.panel).to_be_hidden()
    expect(playground.field("Noise")).to_have_value("0.3")
    page.go_forward()
    page.go_forward()
    expect(lesson.heading).to_have_text("What would four units do?")
    playground.button("Share").click()
    page.get_by_role("button", name="Copy link").click()
    expect(page.locator("#share-told")).to_have_text("Link copied.")
    link = page.evaluate("navigator.clipboard.readText()")
    page.keyboard.press("Escape")

    # A colleague's browser: the same step of the same lesson.
    other = context.new_page()
    Playground(other, link)
    expect(Lesson(other).heading).to_have_text("What would four units do?")
    # A link by hand, which says no more: what the steps before have asked for is there.
    other.goto("about:blank")
    hand = Playground(other, "#lesson=a-hidden-layer&step=7&lock=play&embed=1")
    expect(Lesson(other).heading).to_have_text("What the hidden layer is for")
    expect(hand.radio("Dataset", "xor")).to_be_checked()
    expect(hand.field("Hidden units in layer 1")).to_have_value("4")
    expect(hand.button("Play")).to_be_disabled()
    # Beyond the last step is the last.
    other.evaluate("location.hash = 'lesson=a-hidden-layer&step=50'")
    expect(Lesson(other).heading).to_have_text("What the hidden layer is for")
    other.close()


@AT_REST
def test_everyone_can_use_it_and_it_leaves_the_playground_usable(page: Page, guard: Guard) -> None:
    playground = Playground(page, "#lesson=a-hidden-layer&step=3")
    lesson = Lesson(page)
    expect(lesson.heading).to_have_text("Add the layer")
    for width, height in ((1440, 900), (1280, 800), (1024, 768), (390, 844)):
        page.set_viewport_size({"width": width, "height": height})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), width
        expect(playground.button("Play")).to_be_in_viewport(ratio=1)
        expect(lesson.button("Next")).to_be_in_viewport(ratio=1)
        box, app = (page.locator(name).bounding_box() for name in ("#lesson", ".transport"))
        assert box is not None
        assert app is not None
        assert box["x"] + box["width"] <= app["x"] + 1 or box["y"] >= app["y"] + app["height"] - 1
        if width < 1400:
            fold = lesson.button("The step’s text")
            fold.click()
            expect(fold).to_have_attribute("aria-expanded", "false")
            expect(lesson.heading).to_be_hidden()
            folded = page.locator("#lesson").bounding_box()
            assert folded is not None
            assert folded["height"] < 0.75 * box["height"]
            # What has the focus is not under it, unfolded or not.
            fold.click()
            playground.button("New initial weights").focus()
            expect(playground.button("New initial weights")).to_be_in_viewport(ratio=1)
            target = playground.button("New initial weights").bounding_box()
            assert target is not None
            assert target["y"] + target["height"] <= box["y"] + 1
    lesson.panel.get_by_text("Hint", exact=True).click()
    assert violations_in_all_looks(page, "#lesson") == []
    lesson.next()
    expect(lesson.heading).to_be_focused()
    assert violations_in_all_looks(page, "#lesson") == []
    # The same where there is no such lesson; and it can be left.
    guard.expect("404")
    page.evaluate("location.hash = 'dataset=xor&lesson=no-such&step=2'")
    expect(lesson.panel.get_by_role("alert")).to_contain_text("There is no such lesson")
    expect(playground.radio("Dataset", "xor")).to_be_checked()
    assert violations(page, "#lesson") == []
    page.set_viewport_size({"width": 1280, "height": 720})
    told = lesson.panel.get_by_role("alert").evaluate(
        "(one) => [one.getBoundingClientRect().x, getComputedStyle(one).paddingLeft]"
    )
    assert told[0] + float(told[1].removesuffix("px")) >= 8
    lesson.button("Close").click()
    expect(lesson.panel).to_be_hidden()
    expect(page).to_have_url("/#dataset=xor")
    page.evaluate("location.hash = 'lesson=No/Such&step=0'")
    for words in ("Lesson must be a name", "Step must be a whole number"):
        expect(playground.notice).to_contain_text(words)


# -- timing ---------------------------------------------------------------------------------------


def test_a_layer_is_timed_two_ways_outside_a_lesson_too(page: Page, guard: Guard) -> None:
    playground = Playground(page, "#panel=timing")
    panel = page.get_by_role("tabpanel", name="Vectorising")
    status = panel.get_by_role("status")
    go = panel.get_by_role("button", name="Time it")
    expect(status).to_have_text("Nothing is timed yet.")
    with page.expect_response("**/vectorizing") as answer:
        go.click()
    timing = answer.value.json()
    expect(status).to_contain_text("both gave the same numbers.")
    assert (timing["examples"], timing["equal"]) == (1000, True)
    expect(status.locator("dd b")).to_have_text(
        [duration(timing["loop_seconds"]), duration(timing["product_seconds"])]
    )
    assert timing["ratio"] == pytest.approx(timing["loop_seconds"] / timing["product_seconds"])
    # Enter takes what has just been typed.
    examples = panel.get_by_role("spinbutton", name="Examples")
    examples.fill("2000")
    with page.expect_response("**/vectorizing") as answer:
        examples.press("Enter")
    assert answer.value.request.post_data_json == {"examples": 2000, "inputs": 2, "units": 4}
    expect(status.get_by_role("row")).to_have_count(3)
    # What cannot be is said, and nothing is asked.
    examples.fill("20000")
    go.click()
    expect(panel.get_by_role("alert").first).to_contain_text(
        "Examples must be a whole number from 1 to 10,000."
    )
    guard.expect("422|400|413")
    for name, most in (("Examples", "10000"), ("Inputs", "32"), ("Units", "64")):
        panel.get_by_role("spinbutton", name=name).fill(most)
        panel.get_by_role("spinbutton", name=name).blur()
    go.click()
    expect(status).to_contain_text("may be at most 1,000,000")
    assert playground.wire.of_type("error", sent=False) == []


def duration(seconds: float) -> str:
    """To three digits, in the unit that suits."""
    unit, factor = ("s", 1.0) if seconds >= 1 else ("ms", 1e3) if seconds >= 1e-3 else ("µs", 1e6)
    return f"{float(f'{seconds * factor:.3g}'):g} {unit}"
