"""The lessons: each is true to its own text, and a file that is not right says where."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.conditions import COMPARISONS, QUANTITIES, Condition, holds, needs_diagnostics
from app.content.lessons import (
    LESSONS,
    MOST_IN_PICTURE,
    LessonError,
    LessonRun,
    lessons_of,
    parse,
    parts_of_the_page,
)
from app.main import create_app
from app.schemas import TrainRequest
from app.training.facts import facts_of
from app.training.session import Session
from tests.app.conftest import settings_for

BUILT_IN = lessons_of(LESSONS)
NAMES = [
    "one-unit",
    "a-hidden-layer",
    "one-column-per-example",
    "which-activation",
    "why-not-linear",
    "slopes",
    "breaking-symmetry",
    "forwards",
    "backwards",
    "how-many-units",
    "layer-l",
]
Json = dict[str, Any]


class Reader:
    """Somebody who does what the conditions of a step ask for, in a session as the page has it."""

    def __init__(self, run: Json) -> None:
        self.done: Json = {}
        self.set_up(run)

    def set_up(self, run: Json) -> None:
        self.run = json.loads(json.dumps(run))
        words = {k: v for k, v in self.run.items() if k != "iterations_per_frame"}
        self.session = Session(TrainRequest.model_validate(words).plan())

    def holds(self, condition: Json) -> bool:
        asked = Condition.model_validate(condition)
        facts = facts_of(self.session, diagnosed=needs_diagnostics([asked]))
        return holds(asked, replace(facts, done=self.done))

    def carry_out(self, until: list[Json]) -> None:
        """Use the controls as asked, then train until all conditions hold."""
        run = json.loads(json.dumps(self.run))
        network, training = run["network"], run["training"]
        for condition in until:
            quantity = condition["quantity"]
            (name,) = set(condition) & set(COMPARISONS)
            value = condition[name]
            if QUANTITIES[quantity].of == "done":
                self.done[quantity] = value
            if QUANTITIES[quantity].of != "setup" or self.holds(condition):
                continue
            if quantity == "hidden_layers":
                # As the page does: a further layer is like the last, the first is 4 tanh units.
                like = (network["layers"] or [{"units": 4, "activation": "tanh"}])[-1]
                network["layers"] = (network["layers"] + [like] * int(value))[: int(value)]
            elif quantity in ("units", "activation"):
                number = 3 if quantity == "units" else value
                for layer in network["layers"]:
                    layer[quantity] = number
                    layer["slope"] = None
            elif quantity in ("scheme", "scale"):
                network["initialization"][quantity] = value
            elif quantity == "dataset":
                run["data"]["dataset"] = value
            else:
                training[quantity] = value
        if run != self.run:
            self.set_up(run)
        while not all(map(self.holds, until)):
            assert self.session.iteration < 4000, "it does not come"
            assert self.session.left, "it has ended"
            self.session.advance(10 if self.session.iteration else 1)


def test_there_are_eleven_in_the_order_of_the_lecture(inline: TestClient) -> None:
    listed = inline.get("/lessons").json()["lessons"]
    assert [lesson["name"] for lesson in listed] == NAMES
    for lesson in listed:
        assert 5 <= lesson["minutes"] <= 10
        whole = inline.get(f"/lessons/{lesson['name']}").json()
        assert {key: whole[key] for key in ("name", "title", "part", "minutes")} == {
            key: lesson[key] for key in ("name", "title", "part", "minutes")
        }
        kinds = [step["kind"] for step in whole["steps"]]
        assert len(kinds) == lesson["steps"]
        assert set(kinds) == {"predict", "run", "explain"}
        begins = LessonRun.model_validate(whole["steps"][0]["run"] or whole["run"])
        start = TrainRequest.model_validate(lesson["start"])
        assert start.network.layers == begins.network.layers
        assert start.data.features == begins.data.features
        assert getattr(start.data, "dataset", None) == getattr(begins.data, "dataset", None)
    assert inline.get("/lessons/nothing").status_code == 404


@pytest.mark.parametrize("name", NAMES)
def test_conditions_are_false_before_and_true_after(name: str) -> None:
    lesson = json.loads(json.dumps(BUILT_IN[name].as_json()))
    reader = Reader(lesson["run"])
    for step in lesson["steps"]:
        # As on the page: what was done counts from where the step begins.
        reader.done.clear()
        if step["run"]:
            reader.set_up(step["run"])
        if step["kind"] == "run":
            assert not all(map(reader.holds, step["until"])), step["title"]
            try:
                reader.carry_out(step["until"])
            except AssertionError as error:
                facts = facts_of(reader.session)
                raise AssertionError(f"{step['title']}: {error}; {facts}") from None


def test_what_the_texts_say_of_numbers_is_so() -> None:
    """The figures that the explanations name, computed."""

    def after(run: Json, iterations: int) -> Any:
        session = Session(TrainRequest.model_validate(run).plan())
        session.advance(iterations)
        return session.runs[0]

    def one_layer(units: int, activation: str) -> list[Json]:
        return [{"units": units, "activation": activation}]

    line = after({"network": {"layers": []}}, 500).score.train_cost
    assert round(line, 2) == 0.69
    linear = {"layers": one_layer(4, "linear"), "initialization": {"scheme": "xavier"}}
    assert after({"network": linear}, 500).score.train_cost == pytest.approx(line, abs=1e-4)
    # Which activation: ReLU leaves 0.69 first, then tanh, then sigmoid.
    first = {}
    for activation in ("sigmoid", "tanh", "relu"):
        costs = after({"network": {"layers": one_layer(4, activation)}}, 2500).costs.since(0)
        first[activation] = int((costs < 0.6).argmax())
    assert 0 < first["relu"] < first["tanh"] < first["sigmoid"]
    # Breaking symmetry: large weights learn worse.
    large = {"layers": one_layer(4, "tanh"), "initialization": {"scale": 5}}
    small = {"layers": one_layer(4, "tanh")}
    assert after({"network": large}, 1000).score.train_cost > 2 * (
        after({"network": small}, 1000).score.train_cost
    )
    # How many units: the test cost rises while the training cost falls.
    overfitting = BUILT_IN["how-many-units"].steps[5].words.run
    assert overfitting is not None
    words = overfitting.model_dump(warnings=False)
    del words["iterations_per_frame"]
    tests = [after(words, iterations).score.test_cost for iterations in (50, 300, 1000)]
    assert tests[0] < tests[1] < tests[2]


def test_the_numbers_by_hand_of_the_lesson_on_the_way_back(inline: TestClient) -> None:
    question = {
        "layers": [{"weights": [[0.5], [-0.25]], "biases": [0]}],
        "points": [[1, 2]],
        "labels": [1],
        "claimed": {
            "z": [[[0]]],
            "a": [[[0.5]]],
            "gradients": [{"weights": [[-0.5], [-1]], "biases": [-0.5]}],
        },
    }
    checked = inline.post("/check", json=question).json()
    assert (checked["agree"], checked["compared"]) == (True, 5)


# -- files that are not right -------------------------------------------------------------------

GOOD = """+++
title = "Mine"
part = "My part"
minutes = 5
+++
Hello.

## Look
```toml
kind = "run"
until = [{ quantity = "iteration", at_least = 10 }]
```
Some **bold**, *italic* and `code`; a [link](https://example.org).

- one
- two
"""


def test_markdown_becomes_data() -> None:
    lesson = parse("mine", GOOD)
    assert lesson.about == [{"type": "paragraph", "children": [{"type": "text", "text": "Hello."}]}]
    paragraph, items = lesson.steps[0].text
    assert [node["type"] for node in paragraph["children"]] == [
        "text",
        "strong",
        "text",
        "em",
        "text",
        "code",
        "text",
        "link",
        "text",
    ]
    assert paragraph["children"][7]["href"] == "https://example.org"
    assert items["type"] == "list"
    assert items["ordered"] is False
    assert [item["type"] for item in items["children"]] == ["item", "item"]


PREDICT = GOOD.replace(
    'kind = "run"\nuntil = [{ quantity = "iteration", at_least = 10 }]', 'kind = "predict"\n{}'
)


def until(condition: str) -> str:
    return GOOD.replace('{ quantity = "iteration", at_least = 10 }', condition)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("# Hello", "must begin with a front matter"),
        (GOOD.replace('title = "Mine"', "title = Mine"), "front matter: this is no TOML"),
        (GOOD.replace('title = "Mine"\n', ""), "front matter: title is required"),
        (GOOD.replace("minutes = 5", "minutes = 500"), "minutes must be from 1 to 60; got 500"),
        (GOOD.replace("minutes = 5", "minuets = 5"), "minuets is not a field"),
        (
            GOOD.replace("minutes = 5", 'minutes = 5\nrun = { data = { dataset = "ring" } }'),
            "run.data.dataset must be one of",
        ),
        (
            GOOD.replace(
                "minutes = 5",
                'minutes = 5\nrun = { data = { dataset = "plane", label_flips = 0.1 } }',
            ),
            "front matter: run.data.label_flips must be 0",
        ),
        (
            GOOD.replace("minutes = 5", 'minutes = 5\nlock = ["everything"]'),
            "front matter: lock: 'everything' is no part of the page",
        ),
        (GOOD.partition("## Look")[0], "no steps"),
        (GOOD.replace("```toml", "```"), "step 1: below its heading must be a code block toml"),
        (GOOD.replace('"run"', '"walk"'), "step 1: kind must be one of"),
        (GOOD.replace('"run"', '"explain"'), "step 1: until belong to a step of the kind run"),
        (until(""), "step 1: until are missing"),
        (until('{ quantity = "joy", above = 1 }'), "until 1: quantity must be one of iteration"),
        (until('{ quantity = "iteration" }'), "until 1: exactly one of below"),
        (until('{ quantity = "iteration", above = 1, below = 3 }'), "exactly one of"),
        (until('{ quantity = "iteration", equals = "ten" }'), "equals must be a number"),
        (until('{ quantity = "activation", equals = "cosine" }'), "activation equals one of"),
        (until('{ quantity = "activation", above = 1 }'), "activation equals one of"),
        (until('{ quantity = "checked", equals = 1 }'), "checked equals one of true, false"),
        (until('{ quantity = "checked", equals = 0.0 }'), "checked equals one of true, false"),
        (until('{ quantity = "checked", equals = "true" }'), "checked equals one of true, false"),
        (until('{ quantity = "iteration", equals = true }'), "equals must be a number"),
        (until('{ quantity = "units", above = 1, layer = 0 }'), "layer must be from 1 to 9"),
        (until('{ quantity = "saturated", above = 0.5 }'), "saturated needs a layer"),
        (until('{ quantity = "iteration", above = 1, layer = 1 }'), "iteration is of no layer"),
        (PREDICT.format('choices = [{ text = "a", right = true }]'), "at least two"),
        (PREDICT.format('choices = [{ text = "a" }, { text = "b" }]'), "must be right"),
        (GOOD + "\n<script>alert(1)</script>\n", None),
        (GOOD + "\n![picture](x.png)\n", "step 1: a image can't be shown"),
        (GOOD + "\n# Title\n", "step 1: a heading can't be shown"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(source: str, words: str | None) -> None:
    if words is None:
        # HTML is text like any other.
        sent = json.dumps(parse("mine", source).as_json())
        assert '"text": "<script>alert(1)</script>"' in sent
        return
    with pytest.raises(LessonError) as error:
        parse("mine", source)
    assert words in str(error.value)


def test_a_teachers_folder_adds_and_replaces(tmp_path: Path) -> None:
    (tmp_path / "20-mine.md").write_text(GOOD)
    (tmp_path / "one-unit.md").write_text(GOOD.replace("Mine", "My one unit"))
    with TestClient(create_app(settings_for("inline", lessons_folder=tmp_path))) as client:
        told = client.get("/lessons").json()
        assert [lesson["name"] for lesson in told["lessons"]] == [*NAMES, "mine"]
        assert told["lessons"][0]["title"] == "My one unit"
        assert told["unread"] == []
    with pytest.raises(LessonError, match="no folder of lessons"):
        lessons_of(tmp_path / "nowhere")


def test_the_picture_of_own_points_has_some_of_all() -> None:
    points = [[index / 250, -index / 250] for index in range(1000)]
    run = f"[run]\ndata = {{ points = {points}, labels = {[0, 1] * 500} }}\n+++\nHello."
    start = parse("own", GOOD.replace("+++\nHello.", run)).summary()["start"]
    shown = start["data"]["points"]
    assert len(shown) == len(start["data"]["labels"]) == MOST_IN_PICTURE
    assert all(point in points for point in shown)
    assert shown[0][0] < 0.4
    assert shown[-1][0] > 3.6
    assert set(start["data"]["labels"]) == {0, 1}


def test_lessons_as_systems_and_editors_leave_them_are_read(tmp_path: Path) -> None:
    (tmp_path / "01-one.md").write_text(GOOD, "utf-8-sig")
    (tmp_path / "02-two.MD").write_bytes(GOOD.replace("\n", "\r\n").encode())
    (tmp_path / "week-2" / "more").mkdir(parents=True)
    (tmp_path / "week-2" / "03-three.md").write_text(GOOD)
    (tmp_path / "week-2" / "more" / "04-four.Md").write_text(GOOD)
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "05-five.md").write_text(GOOD)
    (tmp_path / "notes.txt").write_text("not meant")
    found = lessons_of(tmp_path)
    assert list(found) == ["one", "two", "three", "four"]
    assert found.unread == []


WRONG: dict[str, tuple[bytes, str]] = {
    "._20-mine.md": (b"\0\5\x16\7", "no lesson"),
    "30 Mine.md": (GOOD.encode(), "a file's name is small letters"),
    "31-mine.md.txt": (GOOD.encode(), "a file's name is small letters"),
    "32-mine.markdown": (GOOD.encode(), "a file's name is small letters"),
    "33-mine.md": (GOOD.encode(), "the lesson 20-mine.md has this name"),
    "34-bytes.md": (b"\xff", "'utf-8' codec"),
    "35-wide.md": (GOOD.encode("utf-16"), "not saved as UTF-8"),
    "36-minutes.md": (GOOD.replace("minutes = 5", "minutes = 0").encode(), "front matter: minutes"),
    "37-empty.md": (b"", "it must begin with a front matter"),
    "38-long.md": (b"x" * 100_001, "at most 100,000 bytes"),
}


def test_what_has_no_end_is_no_lesson(tmp_path: Path) -> None:
    (tmp_path / "01-one.md").write_text(GOOD)
    os.mkfifo(tmp_path / "02-pipe.md")
    (tmp_path / "03-zero.md").symlink_to("/dev/zero")
    (tmp_path / "04-loop.md").symlink_to(tmp_path / "04-loop.md")
    (tmp_path / "loop").symlink_to(tmp_path)
    found = lessons_of(tmp_path)
    assert list(found) == ["one"]
    said = {unread.file: unread.detail for unread in found.unread}
    assert said.keys() == {"02-pipe.md", "03-zero.md", "04-loop.md", "loop"}
    assert said["loop"] == "it is a link to a folder, and what is in it is not looked at"
    assert said["02-pipe.md"] == said["03-zero.md"] == "it is no file"
    assert str(tmp_path) not in said["04-loop.md"]


def test_a_wrong_file_is_listed_and_the_others_work(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "20-mine.md").write_text(GOOD)
    (tmp_path / "39-folder.md").mkdir()
    for name, (content, _) in WRONG.items():
        (tmp_path / name).write_bytes(content)
    with TestClient(create_app(settings_for("inline", lessons_folder=tmp_path))) as client:
        told = client.get("/lessons").json()
        assert [lesson["name"] for lesson in told["lessons"]] == [*NAMES, "mine"]
        assert client.get("/lessons/mine").json()["title"] == "Mine"
    unread = {file["file"]: file["detail"] for file in told["unread"]}
    assert set(unread) == set(WRONG)
    for name, (_, words) in WRONG.items():
        assert words in unread[name]
        assert f"the lesson {name} is left out: {unread[name]}" in caplog.text


def test_the_parts_are_those_of_the_pages_table() -> None:
    source = (Path(__file__).parents[2] / "static/js/experiment/parts.js").read_text()
    assert len(parts_of_the_page()) == source.count(" name: '") > 40
    assert {"play", "dataset", "drawer"} <= set(parts_of_the_page())
    assert parts_of_the_page()["dataset"] == "data"
    assert parts_of_the_page()["output"] is None


@pytest.mark.parametrize(
    ("front", "words", "shows"),
    [
        ("", 'kind = "explain"', ["output"]),
        ('highlight = ["network"]', 'kind = "explain"', ["network"]),
        ('highlight = ["network"]', 'kind = "explain"\nhighlight = ["cost"]', ["cost"]),
        ("", 'kind = "explain"\nhighlight = ["cost"]\nshows = ["output"]', ["output"]),
        ("", 'kind = "run"\nuntil = [{quantity = "units", above = 1}]', ["layers"]),
        # What can't be seen at once is left out of what is only taken for granted.
        ("", 'kind = "explain"\nhighlight = ["compare", "runs", "cost"]', ["compare", "cost"]),
        ('hide = ["data"]', 'kind = "explain"\nhighlight = ["dataset", "cost"]', ["cost"]),
    ],
)
def test_a_step_shows_what_it_says_or_points_out_or_asks_for(
    front: str, words: str, shows: list[str]
) -> None:
    lesson = parse("mine", _source(front, words))
    assert lesson.as_json()["steps"][0]["shows"] == shows


@pytest.mark.parametrize(
    ("front", "shows", "message"),
    [
        ("", ["plane"], "step 1: shows: 'plane' is no part of the page"),
        ("", ["compare", "runs"], "step 1: shows: one panel at a time; compare and runs are two"),
        ('hide = ["data"]', ["dataset"], "step 1: shows: dataset is a part that the lesson hides"),
        ("", ["play", "cost", "data", "network", "output"], "step 1: shows"),
    ],
)
def test_what_a_step_cannot_show_is_said(front: str, shows: list[str], message: str) -> None:
    words = f'kind = "explain"\nshows = {json.dumps(shows)}'
    with pytest.raises(LessonError, match=message):
        parse("mine", _source(front, words))


def _source(front: str, words: str) -> str:
    return f"""+++
title = "Mine"
part = "Ours"
minutes = 5
{front}
+++
About.

## Look
```toml
{words}
```
Text.
"""
