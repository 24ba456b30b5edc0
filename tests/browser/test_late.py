"""Answers that come late: each is of what was asked, and of two the later question counts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import APIResponse, FilePayload, Locator, Page, Route, expect

from tests.browser.conftest import Guard
from tests.browser.playground import AFTER_OTHER_TASKS, Playground, until


class Held:
    """Answers of the server's to a page, which has each when its test says so."""

    def __init__(self, page: Page, url: str, times: int = 1) -> None:
        self._page = page
        self._kept: list[tuple[Route, APIResponse]] = []
        self._times = times
        self.url = url
        page.route(url, self._keep)

    def _keep(self, route: Route) -> None:
        if self._times == 0:
            route.fallback()
            return
        self._times -= 1
        self._kept.append((route, route.fetch()))

    def wait(self, count: int = 1) -> None:
        """Until so many are there."""
        until(self._page, lambda: len(self._kept) >= count, f"{self.url} is not asked for")

    def give(self, index: int = 0) -> None:
        """Let the page have one, and do with it what it does."""
        route, answer = self._kept[index]
        with self._page.expect_event("requestfinished", lambda request: request == route.request):
            route.fulfill(response=answer)
        self._after()

    def lose(self, index: int = 0) -> None:
        """Let the page hear that there is no answer."""
        route, _ = self._kept[index]
        with self._page.expect_event("requestfailed", lambda request: request == route.request):
            route.abort()
        self._after()

    def _after(self) -> None:
        # What is asked for after it has been heard after it.
        self._page.evaluate("() => fetch('/healthz').then((answer) => answer.text())")
        self._page.evaluate(AFTER_OTHER_TASKS)


def file(name: str, content: str) -> FilePayload:
    return {"name": name, "mimeType": "text/csv", "buffer": content.encode()}


def table(name: str, rows: int) -> FilePayload:
    return file(name, "a,b,c\n" + "".join(f"{i},{-i},{i % 2}\n" for i in range(rows)))


def model(weight: float) -> str:
    layers = [
        {"weights": [[weight] * 3] * 2, "biases": [0] * 3, "activation": "tanh"},
        {"weights": [[weight]] * 3, "biases": [0], "activation": "sigmoid"},
    ]
    return str({"layers": layers}).replace("'", '"')


def test_a_table_is_the_last_that_was_asked_for(page: Page) -> None:
    playground = Playground(page)
    playground.button("From a table").click()
    dialog = page.get_by_role("dialog", name="Points from a table")
    use = dialog.get_by_role("button", name="Use these points")
    status, name = dialog.get_by_role("status"), dialog.locator("#table-name")
    chosen = dialog.locator("#table-file")
    chosen.set_input_files(table("six.csv", 6))
    expect(status).to_have_text(re.compile("^6 points"))

    # The second file is there before the first, of which nothing can be used meanwhile.
    held = Held(page, "**/datasets/table?")
    chosen.set_input_files(table("eight.csv", 8))
    held.wait()
    expect(use).to_be_disabled()
    expect(name).to_have_text("Reading eight.csv")
    chosen.set_input_files(table("ten.csv", 10))
    expect(status).to_have_text(re.compile("^10 points"))
    held.give()
    expect(name).to_have_text("ten.csv")
    expect(status).to_have_text(re.compile("^10 points"))
    expect(use).to_be_enabled()

    # Of two choices of columns the first is answered last.
    held = Held(page, "**/datasets/table?x1=*")
    dialog.get_by_role("combobox", name="x₁").select_option("1")
    held.wait()
    dialog.get_by_role("combobox", name="x₂").select_option("0")
    expect(use).to_be_enabled()
    held.give()

    # What was typed just before a file is not read after it: its timer is over before this one.
    page.evaluate(
        """() => {
          const [text, file] = ['text', 'file'].map((id) => document.getElementById(`table-${id}`));
          text.value = 'x,y,z';
          text.dispatchEvent(new Event('input'));
          const chosen = new DataTransfer();
          chosen.items.add(new File(['a,b,c\\n1,2,0\\n2,1,1\\n3,4,0\\n'], 'three.csv'));
          file.files = chosen.files;
          file.dispatchEvent(new Event('change'));
          return new Promise((done) => setTimeout(done, 600));
        }"""
    )
    expect(name).to_have_text("three.csv")
    expect(status).to_have_text(re.compile("^3 points"))
    use.click()
    assert len(playground.last_configure()["data"]["points"]) == 3


def test_a_file_of_parameters_is_the_last_that_was_chosen(page: Page, guard: Guard) -> None:
    guard.expect("ERR_FAILED")
    playground = Playground(page, "#layers=3&panel=code")
    playground.keep_notes()
    chosen, said = page.locator("#parameters-file"), page.locator("#loaded")

    def first_weight() -> object:
        network = playground.last_configure()["runs"][0]["network"]
        return network.get("parameters", [{"weights": [[None]]}])[0]["weights"][0][0]

    held = Held(page, "**/parameters?*", times=2)
    chosen.set_input_files(file("first.json", model(1)))
    held.wait()
    expect(said).to_have_text("Reading first.json")
    chosen.set_input_files(file("second.json", model(2)))
    held.wait(2)
    held.give(1)
    expect(playground.notice).to_contain_text("parameters in second.json")
    held.lose(0)
    expect(said.locator(".wrong")).to_have_count(0)
    assert first_weight() == 2

    # Nobody has asked to replace what has been set up since, nor to bring back what there was.
    held = Held(page, "**/parameters?*")
    chosen.set_input_files(file("third.json", model(3)))
    held.wait()
    page.evaluate("location.hash = '#dataset=xor&layers=4&panel=code'")
    expect(playground.field("Hidden units in layer 1")).to_have_value("4")
    held.give()
    expect(said).to_contain_text("The network in third.json has 2-3-1 units, yours 2-4-1")
    assert first_weight() is None
    page.evaluate("location.hash = '#dataset=xor&layers=3&panel=code'")
    expect(said).to_contain_text("The network in third.json fits what is set up now.")
    assert first_weight() is None
    playground.button("Take its parameters").click()
    expect(playground.notice).to_contain_text("parameters in third.json")
    assert first_weight() == 3
    assert playground.last_configure()["data"]["dataset"] == "xor"


def test_a_program_is_of_what_is_chosen(page: Page, guard: Guard) -> None:
    guard.expect("ERR_FAILED")
    held = Held(page, "**/code/numpy")
    playground = Playground(page, "#layers=2&panel=code")
    held.wait()
    program = page.locator("#program")
    playground.choose("Language", "Formula")
    expect(program).to_have_text(re.compile("tanh"))
    formula = program.inner_text()
    held.lose()
    assert program.inner_text() == formula
    expect(program).not_to_have_class(re.compile("failed"))
    # While it trains another network begins.
    playground.play()
    page.evaluate("location.hash = '#layers=3&panel=code'")
    expect(program).to_contain_text("a1_3")


def test_a_lesson_is_the_last_that_was_chosen(page: Page, guard: Guard) -> None:
    guard.expect("ERR_FAILED")
    playground = Playground(page, "#layers=3")
    lists = Held(page, "**/lessons")
    playground.button("Lessons").click()
    dialog = page.get_by_role("dialog", name="Lessons")
    rows = dialog.locator("button.row")
    lists.wait()
    page.keyboard.press("Escape")
    playground.button("Lessons").click()
    expect(rows.first).to_be_visible()
    lists.lose()
    expect(dialog.get_by_role("alert")).to_have_count(0)

    # Who closes the list wants none of it any more.
    first = Held(page, "**/lessons/*")
    rows.nth(0).click()
    first.wait()
    page.keyboard.press("Escape")
    first.give()
    assert "lesson=" not in page.url
    expect(page.locator("#lesson")).to_be_hidden()

    # Of two that were pressed the second one begins, whenever the first one comes.
    playground.button("Lessons").click()
    first = Held(page, "**/lessons/*")
    rows.nth(0).click()
    first.wait()
    rows.nth(1).click()
    title = page.locator("#lesson-title")
    expect(title).to_be_visible()
    begun = title.inner_text()
    first.give()
    expect(title).to_have_text(begun)

    # A link to a step, and to another step before the lesson has come: it begins once.
    name = re.search(r"lesson=([^&]+)", page.url)
    assert name
    playground.button("Leave the lesson").click()
    first = Held(page, "**/lessons/*")
    page.evaluate(f"location.hash = '#lesson={name[1]}'")
    first.wait()
    page.evaluate(f"location.hash = '#lesson={name[1]}&step=2'")
    expect(title).to_have_text(begun)
    first.lose()
    expect(title).to_have_text(begun)

    # What is begun in one step, and ends in the next, is none of what the next one asks for.
    page.evaluate("location.hash = '#lesson=one-column-per-example&step=2&panel=timing'")
    timing = page.get_by_role("tabpanel", name="Vectorising")
    timing.get_by_role("spinbutton", name="Examples").fill("10000")
    time_it = Held(page, "**/vectorizing")
    timing.get_by_role("button", name="Time it").click()
    time_it.wait()
    page.locator("#lesson footer button").last.click()
    asked = page.get_by_role("list", name="What is asked")
    expect(asked).to_contain_text("10,000")
    time_it.give()
    expect(timing.locator("dd b")).to_have_count(2)
    expect(asked).to_contain_text("not yet")
    timing.get_by_role("button", name="Time it").click()
    expect(page.locator("#lesson footer .state")).to_have_text("Done")


def test_a_verdict_is_of_the_numbers_that_are_there(page: Page) -> None:
    playground = Playground(page, "#panel=microscope")
    playground.choose("Microscope", "Check my numbers")
    said, check = page.locator("#by-hand-verdict"), playground.button("Check")
    cost = page.get_by_role("textbox", name="J", exact=True)
    cost.fill("0.693147")
    held = Held(page, "**/check")
    check.click()
    held.wait()
    cost.fill("5")
    held.give()
    expect(said).to_be_empty()
    check.click()
    expect(said).to_contain_text("It differs.")
    cost.fill("0.693147")
    check.click()
    expect(said).to_contain_text("Your number is right.")
    cost.fill("5")
    expect(said).to_be_empty()


def test_a_short_link_is_of_the_dialog_that_asked_for_it(page: Page) -> None:
    playground = Playground(page)
    playground.step(1)
    held = Held(page, "**/save")
    playground.button("Share").click()
    playground.button("Save run").click()
    held.wait()
    page.keyboard.press("Escape")
    playground.step(1)
    playground.button("Share").click()
    link = page.locator("#share-link")
    link.focus()
    held.give()
    expect(page.locator("#save-link")).to_be_hidden()
    expect(page.locator("#save-told")).to_be_empty()
    expect(link).to_be_focused()
    playground.button("Save run").click()
    expect(page.locator("#save-told")).to_have_text("Saved at iteration 2.")
    # The other link is to what is set up, also if that changes while it is seen.
    page.evaluate("location.hash = '#dataset=xor'")
    expect(link).to_have_value(re.compile("dataset=xor"))


HOLD_SNAPSHOTS = """() => {
  const { postMessage } = Worker.prototype;
  Worker.prototype.postMessage = function (message, ...more) {
    if (message.type !== 'snapshot') return postMessage.call(this, message, ...more);
    window.asked = (window.asked ?? 0) + 1;
    window.release = () => postMessage.call(this, message, ...more);
  };
}"""


def test_a_picture_of_the_network_is_of_one_run(page: Page, tmp_path: Path) -> None:
    playground = Playground(page, "#layers=2")
    page.evaluate(HOLD_SNAPSHOTS)
    playground.button("Save image").click()
    page.get_by_role("button", name="Network as SVG").click()
    assert page.evaluate("window.asked") == 1
    page.evaluate("location.hash = '#layers=5&activation=relu&dataset=xor'")
    playground.begun()
    page.evaluate("window.release()")
    until(page, lambda: page.evaluate("window.asked") == 2, "it is not drawn again")
    with page.expect_download() as download:
        page.evaluate("window.release()")
    target = tmp_path / "network.svg"
    download.value.save_as(target)
    drawn = target.read_text("utf-8")
    assert "xor" in drawn
    assert "ReLU" in drawn
    assert drawn.count("<image") == 2 + 5 + 1
    assert drawn.count("<path") == 2 * 5 + 5


HOLD_SWEEPS = """{
  const { addEventListener } = Worker.prototype;
  const held = (window.swept = []);
  Worker.prototype.addEventListener = function (type, act, ...more) {
    addEventListener.call(this, type, (event) => {
      if (event.data?.message?.type === 'swept') held.push(() => act.call(this, event));
      else act.call(this, event);
    }, ...more);
  };
}"""


@pytest.mark.parametrize("context_options", [{"own_tab": True}])
def test_a_sweep_that_was_cancelled_is_not_taken_for_the_next_one(page: Page) -> None:
    page.add_init_script(HOLD_SWEEPS)
    playground = Playground(page, "#panel=compare&sweep=yes&sweep-seeds=2&sweep-iterations=100")

    def is_held(count: int) -> bool:
        return bool(page.evaluate("window.swept.length") == count)

    playground.button("Start the sweep").click()
    until(page, lambda: is_held(1), "it is not swept")
    playground.button("Cancel the sweep").click()
    playground.enter("Seeds", "3")
    playground.button("Start the sweep").click()
    until(page, lambda: is_held(2), "it is not swept again")
    page.evaluate("window.swept[0]()")
    expect(playground.button("Cancel the sweep")).to_be_visible()
    expect(page.locator("#sweep-result .verdict")).to_have_count(0)
    page.evaluate("window.swept[1]()")
    expect(page.locator("#sweep-result .verdict")).to_contain_text("of 3 seeds solved it")
    page.close()


def test_a_film_leaves_another_run_alone(page: Page) -> None:
    playground = Playground(page, "#panel=timeline&iterations=300")
    # It may be over before anyone sees it play.
    playground.button("Play").click()
    playground.wait_for_iteration(300)
    expect(playground.button("Play")).to_be_visible()
    playground.button("Save as video").click()
    dialog = page.get_by_role("dialog", name="Save as video")
    playground.enter("Seconds", "60")
    dialog.get_by_role("button", name="Record").click()
    expect(dialog.locator("#animation-told")).to_have_text("Fetching the pictures")
    page.evaluate("location.hash = '#panel=timeline&dataset=xor'")
    expect(dialog.locator("#animation-problem")).to_contain_text("Another run has begun")
    expect(dialog.get_by_role("progressbar")).to_be_hidden()
    playground.begun()
    playground.say_all()
    kinds = [message["type"] for message in playground.wire.main.sent]
    assert "seek" not in kinds[len(kinds) - kinds[::-1].index("configure") :]


def test_a_sentence_is_asked_for_again_of_another_run(page: Page) -> None:
    playground = Playground(page)
    page.locator("#words-open").click()
    words = page.locator("#words-text")
    expect(words).to_contain_text("At iteration 0:")
    page.evaluate("location.hash = '#dataset=xor'")
    playground.begun()
    expect(words).to_contain_text("At iteration 0:")


def menu_item(page: Page, name: str) -> Locator:
    page.get_by_role("button", name="Class", exact=True).click()
    return page.get_by_role("menuitem", name=name)


def test_a_room_that_opens_late_stays_in_the_menu(page: Page) -> None:
    Playground(page)
    menu_item(page, "Open a room").click()
    held = Held(page, "**/rooms")
    page.get_by_role("button", name="Open the room").click()
    held.wait()
    page.get_by_role("button", name="Cancel").click()
    held.give()
    assert len(page.context.pages) == 1
    expect(menu_item(page, "Back to your room")).to_be_visible()


def test_a_network_is_checked_no_longer_than_somebody_looks(page: Page) -> None:
    playground = Playground(page)
    held = Held(page, "**/healthz")
    menu_item(page, "Check this network").click()
    held.wait()
    sockets = len(playground.wire.urls)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    with page.expect_event("requestfailed", lambda request: request.url.endswith("/healthz")):
        page.keyboard.press("Escape")
    page.evaluate(AFTER_OTHER_TASKS)
    assert len(playground.wire.urls) == sockets
    assert not asked
