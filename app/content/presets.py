"""Experiments worth seeing: those that work, and those that fail for an instructive reason.

Each is a run in the words of `POST /train` (what is left out has its default) and a sentence that
says what to look for. A test trains every one and checks its sentence.
"""

from dataclasses import asdict, dataclass
from typing import Any

from app.schemas import TrainRequest, check_plan


@dataclass(frozen=True)
class Preset:
    """One experiment.

    Attributes:
        name: Short and stable, for addresses.
        title: A few words.
        look_for: One plain sentence.
        works: Whether it learns what it should.
        run: A part of a `POST /train` body.
        iterations_per_frame: How fast it is best seen.

    Raises:
        ValueError: such a run can't be started.
    """

    name: str
    title: str
    look_for: str
    works: bool
    run: dict[str, Any]
    iterations_per_frame: float = 5

    def __post_init__(self) -> None:
        check_plan(self.request.plan(), one_run=True)

    @property
    def request(self) -> TrainRequest:
        """The run, with everything that is left out."""
        return TrainRequest.model_validate(self.run)

    def words(self) -> dict[str, Any]:
        """For the catalogue: the run's own words beside the name, the title and the sentence."""
        words = asdict(self)
        return {**words.pop("run"), **words}


def _layers(*units: int, activation: str = "tanh") -> list[dict[str, Any]]:
    return [{"units": n, "activation": activation} for n in units]


XAVIER = {"scheme": "xavier"}
HE = {"scheme": "he"}
NOISY_MOONS = {"dataset": "moons", "examples": 60, "noise": 0.6, "train_fraction": 0.5, "seed": 1}
LARGE_AND_FAST: dict[str, Any] = {
    "network": {"layers": _layers(16, 8), "initialization": XAVIER},
    "training": {"optimizer": "adam", "learning_rate": 0.02},
}

PRESETS = (
    # -- they work --------------------------------------------------------------------------
    Preset(
        "logistic-regression",
        "Logistic regression",
        "No hidden layer, and so a straight line: it turns until it lies between the two clouds.",
        True,
        {"data": {"dataset": "gauss"}, "network": {"layers": []}},
        1,
    ),
    Preset(
        "circle",
        "Four units around a circle",
        "Nothing seems to happen at first; then each tanh unit takes a side, and together they "
        "close the ring.",
        True,
        {"data": {"dataset": "circle"}, "network": {"layers": _layers(4)}},
    ),
    Preset(
        "xor",
        "XOR with four ReLU units",
        "Each unit folds the plane along one line; four folds are enough for the four corners.",
        True,
        {
            "data": {"dataset": "xor"},
            "network": {
                "layers": _layers(4, activation="relu"),
                "initialization": {"scheme": "he", "seed": 1},
            },
        },
    ),
    Preset(
        "moons",
        "Two moons",
        "A nearly straight line comes first, and bends into an S only when that no longer helps.",
        True,
        {
            "data": {"dataset": "moons"},
            "network": {"layers": _layers(6), "initialization": XAVIER},
        },
    ),
    Preset(
        "spiral",
        "The spiral, with a second layer",
        "Units of the second layer put the lines of the first together into curves that wind.",
        True,
        {
            "data": {"dataset": "spiral", "examples": 400, "noise": 0.05},
            "network": {"layers": _layers(8, 8), "initialization": XAVIER},
            "training": {"optimizer": "adam", "learning_rate": 0.01},
        },
        2,
    ),
    Preset(
        "flower",
        "A flower with sixteen units",
        "One wide layer is enough: sixteen curves, and no second layer, part all six petals.",
        True,
        {
            "data": {"dataset": "flower", "examples": 400},
            "network": {"layers": _layers(16), "initialization": XAVIER},
            "training": {"optimizer": "adam", "learning_rate": 0.03},
        },
        2,
    ),
    Preset(
        "product",
        "XOR without a hidden layer",
        "Given the product x1·x2 as its input, a single unit solves XOR: a good feature can do "
        "what takes a hidden layer otherwise.",
        True,
        {"data": {"dataset": "xor", "features": ["x1_x2"]}, "network": {"layers": []}},
        0.25,
    ),
    Preset(
        "plane",
        "Regression: a slope",
        "A linear unit learns a slope in a few iterations, and what remains of the cost is noise.",
        True,
        {
            "data": {"dataset": "plane"},
            "network": {"layers": []},
            "training": {"learning_rate": 0.05},
        },
        0.25,
    ),
    Preset(
        "bumps",
        "Regression: hills and hollows",
        "The same network as for classes, with a linear output: the hills rise one after another.",
        True,
        {
            "data": {"dataset": "bumps", "examples": 400},
            "network": {"layers": _layers(8, 8), "initialization": XAVIER},
            "training": {"optimizer": "adam", "learning_rate": 0.01},
        },
        2,
    ),
    Preset(
        "batches",
        "Small batches",
        "The cost flickers, as each update looks at ten points only; it falls all the same.",
        True,
        {
            "data": {"dataset": "moons"},
            "network": {"layers": _layers(6), "initialization": XAVIER},
            "training": {"batch_size": 10, "learning_rate": 0.1},
        },
    ),
    Preset(
        "weight-decay",
        "L2 against overfitting",
        "The data and the network of “Too few points”: L2 keeps the weights small, the boundary "
        "smooth, and the test cost low.",
        True,
        {
            "data": NOISY_MOONS,
            "network": LARGE_AND_FAST["network"],
            "training": {**LARGE_AND_FAST["training"], "l2": 0.03},
        },
        2,
    ),
    # -- they fail --------------------------------------------------------------------------
    Preset(
        "overfitting",
        "Too few points",
        "All thirty training points are right soon, and the test cost begins to rise: the network "
        "learns the noise.",
        False,
        {"data": NOISY_MOONS, **LARGE_AND_FAST},
        2,
    ),
    Preset(
        "zero-initialization",
        "All weights zero",
        "All units are alike and get the same gradient, so they stay alike for ever, and the cost "
        "stays at log 2.",
        False,
        {"network": {"initialization": {"scheme": "zeros"}}},
    ),
    Preset(
        "learning-rate-oscillates",
        "Learning rate too high: it jumps",
        "Each step overshoots the valley, so the cost goes up again and again, where 0.3 would "
        "let it fall smoothly.",
        False,
        {
            "network": {"layers": _layers(4), "initialization": XAVIER},
            "training": {"learning_rate": 10},
        },
        0.5,
    ),
    Preset(
        "learning-rate-diverges",
        "Learning rate too high: it explodes",
        "Every update overshoots further than the last, and within a few iterations the numbers "
        "are too large for the computer.",
        False,
        {
            "data": {"dataset": "bumps"},
            "network": {"layers": _layers(8, activation="relu"), "initialization": HE},
            "training": {"learning_rate": 1},
        },
        1 / 60,
    ),
    Preset(
        "dead-relu",
        "Dead ReLUs",
        "The biases start so low that every unit is 0 at every point: no gradient comes through, "
        "and the hidden layer never moves.",
        False,
        {
            "network": {
                "layers": _layers(4, activation="relu"),
                "parameters": [
                    {
                        "weights": [[0.1, -0.2, 0.05, 0.1], [0.1, 0.1, -0.1, 0.2]],
                        "biases": [-3, -3, -3, -3],
                    },
                    {"weights": [[0.5], [-0.5], [0.5], [-0.5]], "biases": [0]},
                ],
            }
        },
    ),
    Preset(
        "one-unit",
        "XOR with one hidden unit",
        "One unit draws one line, and one line cannot part XOR's corners, however long it trains.",
        False,
        {
            "data": {"dataset": "xor"},
            "network": {"layers": _layers(1), "initialization": XAVIER},
        },
    ),
    Preset(
        "linear-activations",
        "Linear units around a circle",
        "Two layers of eight linear units are one straight line in the end: without a nonlinear "
        "activation, depth is for nothing.",
        False,
        {
            "data": {"dataset": "circle"},
            "network": {"layers": _layers(8, 8, activation="linear"), "initialization": XAVIER},
            "training": {"learning_rate": 0.05},
        },
    ),
    Preset(
        "small-sigmoids",
        "Three layers of sigmoids, small weights",
        "Each layer multiplies the gradient by small weights and by at most a quarter, so next to "
        "nothing reaches the first one.",
        False,
        {"network": {"layers": _layers(4, 4, 4, activation="sigmoid")}},
    ),
)
