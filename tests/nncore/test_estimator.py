import ast
import pickle
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd  # type: ignore[import-untyped]
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone, is_classifier
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes, load_iris, make_moons
from sklearn.ensemble import AdaBoostClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.inspection import DecisionBoundaryDisplay
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import check_estimator

from nncore import OPTIMIZERS, Stop, Trainer, predict
from nncore.estimator import NetworkClassifier, NetworkRegressor

Estimator = NetworkClassifier | NetworkRegressor

BOTH = [NetworkClassifier, NetworkRegressor]
# The checks hold weights equal to repetition: their 40 examples are one batch, 200 are several.
DEEP = {
    "hidden_layer_sizes": (4, 4), "activation": "relu", "optimizer": "adam",
    "learning_rate": 0.01, "batch_size": 64,
}  # fmt: skip


@pytest.mark.parametrize("parameters", [{}, DEEP], ids=["shallow", "deep"])
@pytest.mark.parametrize("kind", BOTH)
def test_scikit_learn_s_own_checks(kind: type[Estimator], parameters: dict[str, Any]) -> None:
    estimator = kind(**parameters, iterations=300)
    checks = check_estimator(estimator, on_skip=None, on_fail=None)
    failed = [check for check in checks if check["status"] != "passed"]
    assert not failed, failed
    assert len(checks) > 55


def test_no_tag_excuses_them_from_a_check() -> None:
    class Classifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
        """As scikit-learn has it."""

    class Regressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]
        """As scikit-learn has it."""

    assert get_tags(NetworkClassifier()) == get_tags(Classifier())
    assert get_tags(NetworkRegressor()) == get_tags(Regressor())


# -- what they learn -------------------------------------------------------------------------------


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
        ({"learning_rate": "constant"}, "learning_rate must be .* not 'constant'"),
        ({"learning_rate": None}, "learning_rate must be"),
        ({"l1": "1"}, "l1 must be .* not '1'"),
        ({"l2": None}, "l2 must be"),
        ({"iterations": 0}, "iterations: n must be at least 1"),
        ({"iterations": 10.5}, "iterations must be a whole number; got 10.5"),
        ({"iterations": np.inf}, "iterations must be a whole number"),
        ({"iterations": "1000"}, "iterations must be a whole number; got '1000'"),
        ({"batch_size": 2.5}, "batch_size must be a whole number"),
        ({"hidden_layer_sizes": (0,)}, "hidden_layer_sizes: n must be at least 1"),
        ({"hidden_layer_sizes": (8, 2.5)}, "hidden_layer_sizes must be a whole number"),
        ({"hidden_layer_sizes": "88"}, "hidden_layer_sizes must be a whole number; got '88'"),
        ({"hidden_layer_sizes": b"88"}, "hidden_layer_sizes must be a whole number; got b'88'"),
        ({"activation": ["tanh", "relu"]}, r"unknown activation \['tanh', 'relu'\]; known: "),
        ({"optimizer": ["adam"]}, r"unknown optimizer \['adam'\]; known: "),
        ({"initialization": {"he": 1}}, r"unknown scheme \{'he': 1\}; known: "),
        ({"learning_rate": True}, "learning_rate must be .* not True"),
        ({"l2": np.True_}, "l2 must be .* not np.True_"),
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


# -- partial_fit -----------------------------------------------------------------------------------


def sine() -> tuple[np.ndarray, np.ndarray]:
    X = np.linspace(-2, 2, 60)[:, np.newaxis]
    return X, np.sin(2 * X[:, 0])


DATA = {NetworkClassifier: moons, NetworkRegressor: sine}


def go_on(model: Any, X: np.ndarray, y: np.ndarray) -> Any:
    """A call of `partial_fit`, with all that a first one needs."""
    return model.partial_fit(X, y, **{"classes": np.unique(y)} if is_classifier(model) else {})


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize(("batch_size", "updates"), [(None, 1), (16, 0)])
@pytest.mark.parametrize("kind", BOTH)
def test_fit_in_slices_changes_no_bit(
    kind: type[Estimator], batch_size: int | None, updates: int, optimizer: str
) -> None:
    X, y = DATA[kind]()
    updates = updates or -(-len(y) // 16)
    model = kind(
        4, optimizer=optimizer, batch_size=batch_size, learning_rate=0.03, random_state=0,
        iterations=5 * updates,
    )  # fmt: skip
    straight, sliced, both = clone(model).fit(X, y), clone(model), clone(model)
    both.set_params(iterations=2 * updates).fit(X, y)
    for _ in range(5):
        go_on(sliced, X, y)
    for _ in range(3):
        go_on(both, X, y)
    for other in (sliced, pickle.loads(pickle.dumps(both))):
        assert other.loss_curve_ == straight.loss_curve_
        assert other.n_iter_ == straight.n_iter_ == 5 * updates
        np.testing.assert_array_equal(other.predict(X), straight.predict(X))
        for layer, expected in zip(other.network_.layers, straight.network_.layers, strict=True):
            np.testing.assert_array_equal(layer.W, expected.W)


def test_chunk_after_chunk_is_an_epoch() -> None:
    X, y = make_moons(1000, noise=0.1, random_state=0)
    model = NetworkClassifier(
        8, optimizer="adam", learning_rate=0.05, batch_size=32, random_state=0
    )
    for _ in range(15):
        for start in (0, 300, 600, 900):  # the last one has a third of the others
            model.partial_fit(X[start : start + 300], y[start : start + 300], classes=[0, 1])
    assert model.n_iter_ == len(model.loss_curve_) == 15 * (10 + 10 + 10 + 4)
    assert model.score(X, y) > 0.97


def test_a_first_chunk_may_lack_a_class() -> None:
    X, y = load_iris(return_X_y=True)
    X = scale(X)
    model = NetworkClassifier((), learning_rate=1.0, random_state=0)
    for _ in range(50):
        for start in (0, 50, 100):  # a class each
            model.partial_fit(X[start : start + 50], y[start : start + 50], classes=np.arange(3))
    assert model.predict_proba(X).shape == (150, 3)
    assert set(model.predict(X)) == {0, 1, 2}


def test_what_partial_fit_refuses() -> None:
    X, y = moons()
    model = NetworkClassifier(4, random_state=0)
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        model.partial_fit(X, y)
    with pytest.raises(ValueError, match="only one class"):
        model.partial_fit(X, y, classes=["left"])
    for odd in (["left", 1], {"left", "right"}, [None, "left"]):
        with pytest.raises(ValueError, match=r"label|array-like"):
            model.partial_fit(X, y, classes=odd)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"y must have the classes .*, not \['right'\]"):
        model.partial_fit(X, y, classes=["left", "middle"])
    go_on(model, X, y)
    for change in ({"hidden_layer_sizes": 5}, {"activation": "relu"}, {"optimizer": "adam"}):
        with pytest.raises(ValueError, match="fit begins anew"):
            clone(model).fit(X, y).set_params(**change).partial_fit(X, y)
    with pytest.raises(ValueError, match="classes must stay"):
        model.partial_fit(X, y, classes=["left", "up"])
    with pytest.raises(ValueError, match="features"):
        model.partial_fit(X[:, :1], y)
    assert model.n_iter_ == 1


def test_a_divergence_is_counted_from_the_first_update() -> None:
    X, y = sine()
    model = NetworkRegressor(4, batch_size=16, iterations=6, random_state=0).fit(X, y)
    model.set_params(batch_size=None, learning_rate=1e300)
    with pytest.warns(ConvergenceWarning, match="diverged at iteration 7"):
        model.partial_fit(X, y)
    assert model.n_iter_ == 6


def test_after_a_divergence_it_goes_on_at_another_rate() -> None:
    X, y = sine()
    model = NetworkRegressor((8, 8), activation="linear", learning_rate=5.0, random_state=0)
    with pytest.warns(ConvergenceWarning, match="Training diverged"):
        model.fit(X, y)
    stuck = model.n_iter_
    model.set_params(learning_rate=1e-3).partial_fit(X, y)
    assert model.n_iter_ == stuck + 1
    assert np.isfinite(model.loss_curve_).all()


# -- weights of the examples, more than two classes: against other solvers of the same minimum -----


def test_without_a_hidden_layer_it_is_weighted_logistic_regression() -> None:
    X, y = load_iris(return_X_y=True)
    X, weights, l2 = scale(X), np.random.default_rng(0).uniform(0, 3, len(y)), 0.05
    model = NetworkClassifier((), learning_rate=1.0, l2=l2).fit(X, y, sample_weight=weights)
    for k, probability in enumerate(predict(model.network_, X.T)):
        peer = LogisticRegression(C=1 / (l2 * weights.sum()), tol=1e-10)
        peer.fit(X, y == k, sample_weight=weights)
        np.testing.assert_allclose(probability, peer.predict_proba(X)[:, 1], atol=1e-5)
    peer = OneVsRestClassifier(LogisticRegression(C=1 / (l2 * len(y)), tol=1e-10)).fit(X, y)
    model.fit(X, y)
    np.testing.assert_allclose(model.predict_proba(X), peer.predict_proba(X), atol=1e-5)
    np.testing.assert_array_equal(model.predict(X), peer.predict(X))


def test_without_a_hidden_layer_it_is_weighted_ridge_regression() -> None:
    X, y = load_diabetes(return_X_y=True)
    X, y, l2 = scale(X), scale(y), 0.1
    weights = np.random.default_rng(0).uniform(0, 3, len(y))
    model = NetworkRegressor((), iterations=1500).fit(X, y, sample_weight=weights)
    ridge = Ridge(alpha=l2 * weights.sum())
    model.set_params(l2=l2).fit(X, y, sample_weight=weights)
    np.testing.assert_allclose(model.predict(X), ridge.fit(X, y, weights).predict(X), atol=1e-6)


@pytest.mark.parametrize("labels", [2, 0])
def test_a_weighted_update_is_that_of_scikit_learn_s_network(labels: int) -> None:
    X, y = moons() if labels else sine()
    ours: dict[str, Any] = {"hidden_layer_sizes": (4, 3), "learning_rate": 0.5, "random_state": 0}
    theirs = {
        "hidden_layer_sizes": (4, 3), "learning_rate_init": 0.5, "activation": "tanh", "alpha": 0,
        "solver": "sgd", "momentum": 0, "batch_size": len(y), "shuffle": False,
    }  # fmt: skip
    model = go_on((NetworkClassifier if labels else NetworkRegressor)(**ours), X, y)
    peer = go_on((MLPClassifier if labels else MLPRegressor)(**theirs), X, y)
    for layer, W, b in zip(model.network_.layers, peer.coefs_, peer.intercepts_, strict=True):
        W[...], b[...] = layer.W, layer.b[:, 0]
    weights = np.random.default_rng(0).uniform(0, 4, len(y))
    model.partial_fit(X, y, sample_weight=weights)
    peer.partial_fit(X, y, sample_weight=weights)
    for layer, W, b in zip(model.network_.layers, peer.coefs_, peer.intercepts_, strict=True):
        np.testing.assert_allclose(layer.W, W, rtol=1e-12)
        np.testing.assert_allclose(layer.b[:, 0], b, rtol=1e-12, atol=1e-15)
    assert model.loss_curve_[-1] == pytest.approx(peer.loss_, rel=1e-12)


def test_probabilities_far_from_all_classes() -> None:
    X, y = load_iris(return_X_y=True)
    model = NetworkClassifier((), iterations=200, random_state=0).fit(scale(X), y)
    far = np.array([[1, 1, 1, 1], [-1, 1, -1, 1], [-1, -1, -1, -1]]) * 1e4
    probabilities = model.predict_proba(far)
    assert np.isfinite(probabilities).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)


@pytest.mark.parametrize("batch_size", [None, 16])
def test_a_weight_of_zero_leaves_an_example_out(batch_size: int | None) -> None:
    X, y = sine()
    model = NetworkRegressor(4, iterations=20, batch_size=batch_size, random_state=0)
    without = clone(model).fit(X[5:], y[5:])
    X[:5] = 1e200  # its loss is infinite
    model.fit(X, y, sample_weight=np.arange(60) >= 5)
    assert model.loss_curve_ == without.loss_curve_


def test_of_two_equal_classes_it_says_the_second_as_nncore_does() -> None:
    X, y = moons()
    model = NetworkClassifier(4, initialization="zeros", iterations=5).fit(X, y)
    assert (model.predict_proba(X) == 0.5).all()
    assert set(model.predict(X)) == {"right"}


def test_the_weights_reach_it_through_others() -> None:
    X, y = moons()
    boosted = AdaBoostClassifier(NetworkClassifier(2, iterations=100), n_estimators=3)
    assert boosted.fit(X, y).score(X, y) > 0.8
    model = NetworkClassifier(4, iterations=50, random_state=0)
    twice = clone(model).fit(np.vstack([X, X[:40]]), np.hstack([y, y[:40]]))
    model.fit(X, y, sample_weight=pd.Series(np.where(np.arange(200) < 40, 2, 1)))
    np.testing.assert_allclose(model.loss_curve_, twice.loss_curve_)


# -- among scikit-learn's tools --------------------------------------------------------------------


def test_a_search_over_a_pipeline_on_a_frame() -> None:
    X, y = load_iris(return_X_y=True, as_frame=True)
    model = make_pipeline(StandardScaler().set_output(transform="pandas"), NetworkClassifier())
    grid = {
        "networkclassifier__hidden_layer_sizes": [(), 4],
        "networkclassifier__stop": [None, Stop(cost=0.2)],
        "networkclassifier__iterations": [300],
    }
    search = GridSearchCV(model, grid, cv=3).fit(X, y)
    assert search.best_score_ > 0.9
    best = pickle.loads(pickle.dumps(search.best_estimator_))
    assert list(best[-1].feature_names_in_) == list(X.columns)
    assert best[-1].n_features_in_ == 4
    np.testing.assert_array_equal(best.predict(X), search.predict(X))
    with pytest.raises(ValueError, match="feature names should match"):
        best[-1].predict(X.rename(columns={X.columns[0]: "width"}))


def test_targets_of_any_size_and_number() -> None:
    X, y = load_diabetes(return_X_y=True)
    model = NetworkRegressor(4, iterations=300, random_state=0)
    scaled = TransformedTargetRegressor(model, transformer=StandardScaler())
    assert make_pipeline(StandardScaler(), scaled).fit(X, y).score(X, y) > 0.5
    two = np.stack([scale(y), -scale(y)], axis=1)
    with pytest.raises(ValueError, match="1d array"):
        model.fit(X, two)
    assert MultiOutputRegressor(model).fit(scale(X), two).predict(X).shape == two.shape


def test_stop_is_that_of_the_trainer() -> None:
    X, y = sine()
    model = NetworkRegressor(8, random_state=0, stop=Stop(cost=0.05)).fit(X, y)
    assert model.loss_curve_[-1] > 0.05
    assert len(model.loss_curve_) == model.n_iter_ < 2000
    trainer = Trainer(model.network_, X.T, y[np.newaxis], learning_rate=1)
    assert trainer.cost() <= 0.05
    stopped = model.n_iter_
    assert model.partial_fit(X, y).n_iter_ == stopped + 1  # is a call for more
    iris = load_iris(return_X_y=True)
    for kind, data, stop, message in [
        (NetworkClassifier, iris, Stop(accuracy=0.9), "accuracy is for two classes"),
        (NetworkRegressor, sine(), Stop(accuracy=0.9), "accuracy is for classification"),
        (NetworkRegressor, sine(), 0.1, "stop must be a nncore.Stop"),
    ]:
        with pytest.raises(ValueError, match=message):
            kind(stop=stop).fit(*data)  # type: ignore[arg-type]


def test_the_documentation_compares_every_parameter() -> None:
    page = (Path(__file__).parents[2] / "docs/nncore.md").read_text(encoding="utf-8")
    table = page.split("### Beside `MLP")[1].split("|---|---|---|\n")[1].split("\n\n")[0]
    columns = zip(*(row.split(" | ")[:2] for row in table.splitlines()), strict=True)
    ours, theirs = (dict(re.findall(r"`(\w+)(?:=([^`]+))?`", "".join(rows))) for rows in columns)
    for named, kinds in [
        (ours, (NetworkClassifier, NetworkRegressor)),
        (theirs, (MLPClassifier, MLPRegressor)),
    ]:
        defaults = {name: value for kind in kinds for name, value in kind().get_params().items()}
        assert set(named) == set(defaults)
        for name, value in named.items():
            assert not value or ast.literal_eval(value) == defaults[name]


def test_nothing_else_in_nncore_needs_scikit_learn() -> None:
    code = "import sys, nncore; sys.exit('sklearn' in sys.modules or 'scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
