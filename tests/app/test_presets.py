"""Every preset does what its sentence says."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

import nncore
from app.content.catalogue import catalogue
from app.content.lessons import LESSONS, LessonError
from app.content.presets import PRESETS, presets_of
from app.places import ROOT
from app.training.run import Run
from app.training.session import Session

BY_NAME = {preset.name: preset for preset in PRESETS}


def trained(name: str, iterations: int) -> Run:
    session = Session(BY_NAME[name].run.plan())
    session.advance(iterations)
    return session.runs[0]


def cost_of_test_points(run: Run) -> float:
    assert run.score.test_cost is not None
    return run.score.test_cost


def learns(iterations: int, accuracy: float = 0.97) -> Callable[[str], None]:
    def check(name: str) -> None:
        score = trained(name, iterations).score
        assert score.train_accuracy is not None
        assert score.test_accuracy is not None
        assert score.train_accuracy >= accuracy
        assert score.test_accuracy >= 0.9

    return check


def starts_slowly(name: str) -> None:
    learns(3000)(name)
    assert trained(name, 100).score.train_cost > 0.68


def nearly_straight_then_bent(name: str) -> None:
    learns(2500)(name)
    early = trained(name, 100).score.train_accuracy
    assert early is not None
    assert 0.85 < early < 0.95


def fits(iterations: int, cost: float) -> Callable[[str], None]:
    def check(name: str) -> None:
        run = trained(name, iterations)
        assert run.score.train_cost < cost
        assert run.score.train_cost < run.costs.since(0)[0] / 20

    return check


def flickers_and_falls(name: str) -> None:
    learns(2000, 0.95)(name)
    costs = trained(name, 2000).costs.since(0)
    assert (np.diff(costs) > 0).mean() > 0.3
    assert costs[-200:].mean() < costs[:200].mean() / 2


def overfits(name: str) -> None:
    run, later = trained(name, 150), trained(name, 3000)
    assert run.score.train_accuracy == later.score.train_accuracy == 1
    assert cost_of_test_points(later) > 1.5 * cost_of_test_points(run)


def is_smoothed(name: str) -> None:
    run, without = trained(name, 3000), trained("overfitting", 3000)
    assert cost_of_test_points(run) < cost_of_test_points(without) / 2
    weights = [
        sum(float((layer.W**2).sum()) for layer in some.trainer.network.layers)
        for some in (run, without)
    ]
    assert weights[0] < weights[1] / 5
    a, b = (BY_NAME[other].run for other in (name, "overfitting"))
    assert a.data == b.data
    assert a.network == b.network


def stays_alike(name: str) -> None:
    run = trained(name, 3000)
    hidden = run.trainer.network.layers[0]
    assert (hidden.W[:, :1] == hidden.W).all()
    assert run.score.train_cost == pytest.approx(np.log(2), abs=0.002)


def jumps(name: str) -> None:
    costs = trained(name, 300).costs.since(0)
    assert (np.diff(costs) > 0).mean() > 0.1
    gentle = BY_NAME[name].run.model_copy(
        update={"training": BY_NAME[name].run.training.model_copy(update={"learning_rate": 0.3})}
    )
    session = Session(gentle.plan())
    session.advance(300)
    assert (np.diff(session.runs[0].costs.since(0)) <= 0).all()


def explodes(name: str) -> None:
    diverged = trained(name, 1000).trainer.diverged
    assert diverged is not None
    assert 0 < diverged.iteration < 20


def is_dead(name: str) -> None:
    run = trained(name, 1000)
    start, now = run.initial.layers[0], run.trainer.network.layers[0]
    assert (start.W == now.W).all()
    A = nncore.forward(run.trainer.network, run.examples.X).A[1]
    assert (A == 0).all()
    assert run.score.train_cost == pytest.approx(np.log(2), abs=0.002)


def stays_below(accuracy: float) -> Callable[[str], None]:
    def check(name: str) -> None:
        score = trained(name, 5000).score
        assert score.train_accuracy is not None
        assert score.train_accuracy < accuracy

    return check


def hardly_moves_its_first_layer(name: str) -> None:
    run = trained(name, 3000)
    start, now = run.initial.layers[0], run.trainer.network.layers[0]
    assert np.abs(now.W - start.W).max() < 0.001
    assert run.score.train_cost > 0.69


PROMISES: Mapping[str, Callable[[str], None]] = {
    "logistic-regression": learns(200),
    "circle": starts_slowly,
    "xor": learns(1000),
    "moons": nearly_straight_then_bent,
    "spiral": learns(1000),
    "flower": learns(1000),
    "product": learns(100),
    "plane": fits(200, 0.005),
    "bumps": fits(2000, 0.005),
    "batches": flickers_and_falls,
    "weight-decay": is_smoothed,
    "overfitting": overfits,
    "zero-initialization": stays_alike,
    "learning-rate-oscillates": jumps,
    "learning-rate-diverges": explodes,
    "dead-relu": is_dead,
    "one-unit": stays_below(0.85),
    "linear-activations": stays_below(0.7),
    "small-sigmoids": hardly_moves_its_first_layer,
}


@pytest.mark.parametrize("name", BY_NAME)
def test_it_does_what_its_sentence_says(name: str) -> None:
    PROMISES[name](name)


def test_the_catalogue_has_each_with_a_title_and_a_sentence_of_its_own() -> None:
    presets = catalogue()["presets"]
    for field in ("name", "title", "look_for"):
        assert len({preset[field] for preset in presets}) == len(PRESETS)
    assert all(preset["look_for"].endswith(".") for preset in presets)
    assert {preset["works"] for preset in presets} == {True, False}
    assert set(presets[0]) == {
        "data",
        "network",
        "name",
        "title",
        "look_for",
        "works",
        "iterations_per_frame",
    }


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("works = true", 'works = "yes"', "works"),
        ("iterations_per_frame = 1", "iterations_per_frame = 0", "iterations_per_frame"),
        ("iterations_per_frame = 1", "iterations_per_frame = true", "iterations_per_frame"),
        ('dataset = "gauss"', 'dataset = "gaus"', "dataset"),
        ('dataset = "gauss"', 'dataset = "gauss", train_fraction = 0.0001', "run"),
        ('title = "Logistic regression"', "", "title"),
        ('title = "Logistic regression"', 'title = "Logistic regression"\ntile = ""', "tile"),
        ("[[preset]]", "[[preset", "this is no TOML"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(old: str, new: str, words: str) -> None:
    text = (LESSONS / "presets.toml").read_text()
    assert presets_of(text) == PRESETS
    with pytest.raises(LessonError, match=rf"^presets\.toml: .*{words}"):
        presets_of(text.replace(old, new, 1))


def test_a_server_with_a_wrong_preset_says_so_in_one_line(tmp_path: Path) -> None:
    for folder in ("app", "nncore", "templates", "lessons", "static"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=ignored)
    presets = tmp_path / "lessons" / "presets.toml"
    presets.write_text(presets.read_text().replace("works = true", 'works = "yes"', 1))
    run = subprocess.run(
        [sys.executable, "-m", "app"],
        cwd=tmp_path,
        env={**os.environ, "PORT": "0"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 1
    assert run.stderr.startswith("Shallows can't start: presets.toml: preset.0.works")
    assert run.stderr.count("\n") == 1
