import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_moons
from sklearn.exceptions import ConvergenceWarning
from sklearn.inspection import DecisionBoundaryDisplay
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from nncore import predict
from nncore.estimator import NetworkClassifier

with_checks: Callable[[Callable[..., None]], Callable[..., None]] = parametrize_with_checks(
    [
        NetworkClassifier(iterations=500),
        NetworkClassifier((), iterations=500),
        NetworkClassifier((4, 4), activation="relu", optimizer="adam", batch_size=16,
                          learning_rate=0.01, iterations=500),
    ]
)  # fmt: skip


@with_checks
def test_scikit_learn_s_own_checks(
    estimator: NetworkClassifier, check: Callable[[NetworkClassifier], None]
) -> None:
    check(estimator)


def moons() -> tuple[np.ndarray, np.ndarray]:
    X, y = make_moons(200, noise=0.1, random_state=0)
    return X, np.array(["left", "right"])[y]


def test_in_a_pipeline_with_a_picture_of_its_boundary() -> None:
    X, y = moons()
    model = make_pipeline(StandardScaler(), NetworkClassifier(random_state=0)).fit(X, y)
    assert model.score(X, y) > 0.95
    assert list(model.classes_) == ["left", "right"]
    display = DecisionBoundaryDisplay.from_estimator(
        model, X, response_method="predict_proba", grid_resolution=20
    )
    assert display.response.shape == (20, 20)
    assert display.response.min() < 0.1
    assert display.response.max() > 0.9


def test_what_it_learned_is_open_to_inspection() -> None:
    X, y = moons()
    model = NetworkClassifier((5,), iterations=300, random_state=1).fit(X, y)
    assert model.network_.layer_sizes == (2, 5, 1)
    assert len(model.loss_curve_) == model.n_iter_ == 300
    assert model.loss_curve_[-1] < model.loss_curve_[0]
    np.testing.assert_array_equal(model.predict_proba(X)[:, 1], predict(model.network_, X.T)[0])
    np.testing.assert_array_equal(model.predict(X) == "right", model.predict_proba(X)[:, 1] >= 0.5)


@pytest.mark.parametrize("batch_size", [None, 32])
def test_the_random_state_determines_everything(batch_size: int | None) -> None:
    X, y = moons()
    model = NetworkClassifier(iterations=50, batch_size=batch_size, random_state=3)
    again, other = clone(model), clone(model).set_params(random_state=4)
    curves = [m.fit(X, y).loss_curve_ for m in (model, again, other)]
    assert curves[0] == curves[1] != curves[2]


def test_divergence_is_a_warning_and_leaves_a_finite_network() -> None:
    X, y = moons()
    model = NetworkClassifier((8, 8), activation="linear", learning_rate=1e6, random_state=0)
    with pytest.warns(ConvergenceWarning, match="Training diverged at iteration"):
        model.fit(X, y)
    assert np.isfinite(model.predict_proba(X)).all()
    assert model.n_iter_ < 2000


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"activation": "swish"}, "unknown activation"),
        ({"learning_rate": 0}, "learning_rate must be"),
        ({"iterations": 0}, "iterations: n must be at least 1"),
        ({"iterations": 10.5}, "iterations must be a whole number; got 10.5"),
        ({"iterations": np.inf}, "iterations must be a whole number"),
        ({"iterations": "1000"}, "iterations must be a whole number; got '1000'"),
        ({"batch_size": 2.5}, "batch_size must be a whole number"),
        ({"hidden_layer_sizes": (0,)}, "hidden_layer_sizes: n must be at least 1"),
        ({"hidden_layer_sizes": (8, 2.5)}, "hidden_layer_sizes must be a whole number"),
        ({"hidden_layer_sizes": "88"}, "hidden_layer_sizes must be a whole number; got '88'"),
        ({"hidden_layer_sizes": True}, "hidden_layer_sizes must be a whole number"),
        ({"hidden_layer_sizes": None}, "hidden_layer_sizes must be a whole number; got None"),
    ],
)
def test_bad_parameters_are_named_when_fitting(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        NetworkClassifier(**parameters).fit(*moons())


@pytest.mark.parametrize("sizes", [8, 8.0, np.int64(8), [8], np.array([8]), np.array(8)])
def test_sizes_and_iterations_mean_what_anyone_would_mean(sizes: Any) -> None:
    X, y = moons()
    plain = NetworkClassifier((8,), iterations=20, batch_size=50, random_state=0).fit(X, y)
    model = NetworkClassifier(sizes, iterations=2e1, batch_size=5e1, random_state=0).fit(X, y)  # type: ignore[arg-type]
    assert model.network_.layer_sizes == (2, 8, 1)
    assert model.loss_curve_ == plain.loss_curve_
    assert len(model.loss_curve_) == 20


def test_nothing_else_in_nncore_needs_scikit_learn() -> None:
    code = "import sys, nncore; sys.exit('sklearn' in sys.modules or 'scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
