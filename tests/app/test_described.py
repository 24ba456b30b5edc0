"""What is told of the plane: each boundary is made by hand, so that its words are known."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from app.schemas import Describe, Plan, View
from app.training.session import Session
from app.training.words import FIELDS, MOST_EXAMPLES, described, read, where
from tests.app.test_host import Desk

Json = dict[str, Any]
POINTS: list[list[float]] = [
    [0, 0],
    [1, 1],
    [-5, -5],
    [-5, 5],
    [5, -5],
    [5, 5],
    [-5, -4.5],
    [-4.5, -5],
]
LABELS = [1, 1, 0, 0, 0, 0, 0, 0]


def told(
    features: list[str],
    weights: list[float],
    bias: float,
    labels: Sequence[float] = LABELS,
    iterations: int = 0,
    **data: Any,
) -> Json:
    """Of one unit with these weights, on points that are all trained on."""
    own = {
        "points": POINTS,
        "labels": list(labels),
        "features": features,
        "train_fraction": 1.0,
        **data,
    }
    parameters = [{"weights": [[w] for w in weights], "biases": [bias]}]
    network = {"layers": [], "parameters": parameters}
    training = {"learning_rate": 1e-12}
    plan = {"data": own, "runs": [{"network": network, "training": training}]}
    session = Session(Plan.model_validate(plan))
    session.advance(iterations)
    return described(session, Describe(type="describe"), View())


PLAIN, SQUARES = ["x1", "x2"], ["x1_squared", "x2_squared"]
AROUND = [*SQUARES, *PLAIN]


@pytest.mark.parametrize(
    ("features", "weights", "bias", "kind", "words"),
    [
        (SQUARES, [-1, -1], 9, "closed", "closes around class 1, in the centre."),
        (SQUARES, [1, 1], -9, "closed", "closes around class 0, in the centre."),
        (AROUND, [-1, -1, 7, -7], -20, "closed", "closes around class 1, at the lower right."),
        (SQUARES, [-1, 0], 0.25, "pieces", "1 of class 1, and 2 of class 0 on the left and"),
        (PLAIN, [0, 1], 0, "line", "is one line from the left to the right, class 1 above it."),
        (PLAIN, [0, -1], 0, "line", "is one line from the left to the right, class 1 below it."),
        (PLAIN, [1, 0], -4, "line", "from the lower right to the upper right, class 1 to the ri"),
        (PLAIN, [-1, 1], 0, "line", "from the lower left to the upper right, class 1 above and t"),
        (PLAIN, [1, 1], 0, "line", "from the upper left to the lower right, class 1 above and t"),
        (PLAIN, [1, 1], -11.5, "line", "with both ends at the upper right"),
        (["x1_squared", "x2"], [-0.2, 1], 2, "line", "one bent line from the upper left to the u"),
        (["x1_x2"], [1], -1, "pieces", "3 pieces: 2 of class 1 at the lower left and at the upper"),
        (["sin_x1"], [1], 0, "pieces", "2 of class 1"),
        (PLAIN, [0, 0], 1, "none", "No boundary: class 1 all over the plane."),
        (PLAIN, [0, 0], -1, "none", "No boundary: class 0 all over the plane."),
        (PLAIN, [0, 0], 0, "none", "No boundary: class 1 all over the plane."),
        # However near to one half ŷ is, its boundary is where it is.
        (PLAIN, [1e-9, 0], 0, "line", "from the bottom to the top, class 1 to the right of it."),
    ],
)
def test_a_boundary_in_words(
    features: list[str], weights: list[float], bias: float, kind: str, words: str
) -> None:
    found = told(features, weights, bias)
    assert found["boundary"]["kind"] == kind
    assert words in found["text"]
    assert found["text"].startswith("Not trained yet. ")


def test_pieces_are_counted_and_specks_are_none() -> None:
    plane = np.zeros((97, 97), bool)
    plane[10:20, 10:20] = plane[75:90, 75:90] = plane[50, 50] = True
    islands = read(plane)
    assert (islands.kind, islands.label, islands.pieces) == ("closed", 1, (1, 2))
    assert islands.text.endswith(
        "closes around class 1 in 2 places, at the lower left and at the upper right"
    )
    row, column = np.indices(plane.shape) - 48
    ring = read(abs(row**2 + column**2 - 900) < 300)
    assert (ring.kind, ring.pieces) == ("pieces", (2, 1))
    many = read((row % 20 < 10) ^ (column % 20 < 10))
    assert many.pieces[0] + many.pieces[1] == 100
    assert len(many.text) < 100


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (["lower left"] * 4, "at the lower left"),
        (["centre"] * 4 + ["top"], "mostly in the centre"),
        (["left", "right"], "on the left and on the right"),
        (["left"] * 3 + ["right"] * 3 + ["top"], "mostly on the left and on the right"),
        (["lower left", "left", "upper left"] * 2, "on the left side"),
        (
            ["top", "upper right", "upper left"] * 4 + ["left"] * 3 + ["right"] * 3,
            "mostly in the upper part",
        ),
        (list(FIELDS), "all over the plane"),
        (list(FIELDS) * 5, "all over the plane"),
    ],
)
def test_where_the_wrong_ones_lie(fields: list[str], words: str) -> None:
    assert where(fields) == words


def test_how_many_are_right_and_which_are_not() -> None:
    assert "All 8 training points are right." in told(SQUARES, [-1, -1], 9)["text"]
    wrong = told(SQUARES, [-1, -1], 9, labels=[1, 1, 1, 0, 0, 0, 1, 1], iterations=1)
    assert wrong["text"] == (
        "The boundary closes around class 1, in the centre. "
        "5 of 8 training points are right; the wrong ones lie at the lower left."
    )
    assert (wrong["iteration"], wrong["wrong"]) == (1, 3)
    assert wrong["right"] == {"train": [5, 8], "test": None}
    assert [(one["example"], one["label"]) for one in wrong["examples"]] == [(2, 1), (6, 1), (7, 1)]
    assert all(one["prediction"] < 1e-9 for one in wrong["examples"])
    # The most wrong comes first.
    assert "the wrong one lies in the centre" in told(SQUARES, [-1, -1], 1.5)["text"]
    lattice = wrong["lattice"]
    assert (lattice["x"], lattice["y"]) == (two := list(np.linspace(-6, 6, 9)), two)
    np.testing.assert_allclose(lattice["values"][4][4], 1 / (1 + np.exp(-9)), atol=1e-3)
    assert lattice["values"][0][0] < 1e-9 < lattice["values"][4][2]


def test_what_lies_beyond_the_plane_is_in_none_of_its_fields() -> None:
    own = {"points": POINTS, "labels": [0] * 8, "train_fraction": 1.0}
    parameters = [{"weights": [[0.0], [0.0]], "biases": [1.0]}]
    session = session_of(own, network={"layers": [], "parameters": parameters})

    def wrong(low: float, high: float) -> str:
        view = View(x=[low, high], y=[low, high])
        said = described(session, Describe(type="describe"), view)["text"]
        return str(said.partition("right; ")[2])

    assert wrong(50, 60) == "the wrong ones lie beyond what is shown."
    assert (
        wrong(-1, 2)
        == "the wrong ones lie in the centre and at the upper right, and 6 beyond what is shown."
    )
    assert wrong(-6, 6) == "the wrong ones lie all over the plane."


def test_of_one_point_and_of_one_target_it_speaks_of_one() -> None:
    two = {"points": [[0, 0], [1, 1]], "labels": [0, 1], "train_fraction": 0.5}
    parameters = [{"weights": [[1.0], [0.0]], "biases": [-0.5]}]
    session = session_of(two, network={"layers": [], "parameters": parameters})
    text = described(session, Describe(type="describe"), View())["text"]
    assert text.endswith("The only training point and the only test point are right.")
    alike = told(PLAIN, [0, 0], 2, labels=[3.0] * 8, task="regression")["text"]
    assert "ŷ is 2 all over the plane; all targets are 3." in alike


def session_of(body: Json, **run: Any) -> Session:
    return Session(Plan.model_validate({"data": body, "runs": [run]}))


def test_what_is_no_boundary_is_told_too() -> None:
    targets = [float(x) for x, _ in POINTS]
    data = {"points": POINTS, "labels": targets, "task": "regression"}
    flat = told(PLAIN, [0, 0], 2, labels=targets, task="regression")
    assert flat["boundary"] is flat["right"] is flat["wrong"] is None
    assert "ŷ is 2 all over the plane; the targets go from −5 to 5." in flat["text"]
    slope = told(PLAIN, [1, 0], 0, labels=targets, task="regression", iterations=1)
    assert slope["text"].startswith("ŷ goes from −6 at the lower left to 6 at the lower right;")
    assert slope["text"].endswith("The cost on the training points is 0.")
    assert "diverged" not in slope["text"]
    diverges = session_of(data, training={"learning_rate": 100})
    diverges.advance(2000)
    text = described(diverges, Describe(type="describe"), View())["text"]
    assert text.startswith("The run diverged at iteration ")
    space = session_of({"points": [[1, 2, 3], [3, 2, 1]], "labels": [0, 1]})
    no_plane = described(space, Describe(type="describe"), View())
    assert no_plane["boundary"] is no_plane["lattice"] is None
    assert "3 numbers each: there is no plane." in no_plane["text"]


def test_the_list_of_wrong_ones_is_bounded_and_its_numbers_are_the_networks() -> None:
    session = session_of({"dataset": "gauss", "examples": 5000, "label_flips": 0.5})
    session.advance(20)
    found = described(session, Describe(type="describe"), View())
    assert found["wrong"] > 1000
    assert len(found["examples"]) == MOST_EXAMPLES
    off = [abs(one["prediction"] - one["label"]) for one in found["examples"]]
    assert off == sorted(off, reverse=True)
    one = found["examples"][0]
    assert (one["example"] in session.examples.test) == (one["split"] == "test")
    predicted = session.runs[0].model.predict(np.array([one["point"]]).T)
    assert one["prediction"] == pytest.approx(float(predicted[0, 0]))


def test_a_host_answers_once_beside_an_inspection_and_not_what_is_no_more() -> None:
    desk = Desk()
    desk.open("a", playing=False)
    desk.texts.clear()
    for _ in range(5):
        desk.say("a", "describe")
    desk.say("a", "inspect", example=3)
    desk.pass_time(0.2)
    assert [text["type"] for text in desk.texts] == ["described", "inspection"]
    desk.say("a", "describe", run=1)
    assert (desk.texts[-1]["code"], desk.texts[-1]["field"]) == ("invalid_field", "run")
    desk.texts.clear()
    desk.say("a", "describe")
    desk.say("a", "configure")
    desk.pass_time(0.2)
    assert "described" not in {text["type"] for text in desk.texts}
