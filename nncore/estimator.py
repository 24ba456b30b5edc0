"""The network as scikit-learn estimators. Needs the extra: ``pip install shallows[sklearn]``."""

import math
import numbers
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import log_expit, softmax
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, is_regressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.multiclass import check_classification_targets, unique_labels
from sklearn.utils.validation import (
    _check_sample_weight,
    check_is_fitted,
    check_random_state,
    validate_data,
)

from .fast.trainer import Trainer
from .initializers import initialize
from .network import ForwardPass, Network, forward
from .optimizers import Memory
from .stopping import Stop


@dataclass(frozen=True)
class _Past:
    """What `partial_fit` goes on with, beside the network.

    Attributes:
        kind: The sizes, the activation and the optimizer of the first call.
        batch_seed: As of `Trainer`.
        memory: What the optimizer remembers.
        epochs: How many times the network has gone through its examples, the last one included.
    """

    kind: tuple[list[int], str, str]
    batch_seed: int
    memory: Memory
    epochs: int


class _NetworkEstimator(BaseEstimator):  # type: ignore[misc]
    """What the classifier and the regressor share: the parameters, and how they train."""

    _output: ClassVar[str]
    network_: Network
    loss_curve_: list[float]
    n_iter_: int
    _past: _Past

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (8,),
        *,
        activation: str = "tanh",
        learning_rate: float = 0.3,
        iterations: int = 2000,
        optimizer: str = "gradient_descent",
        batch_size: int | None = None,
        l1: float = 0.0,
        l2: float = 0.0,
        initialization: str = "xavier",
        stop: Stop | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.learning_rate = learning_rate
        self.iterations = iterations
        self.optimizer = optimizer
        self.batch_size = batch_size
        self.l1 = l1
        self.l2 = l2
        self.initialization = initialization
        self.stop = stop
        self.random_state = random_state

    @property
    def _begun(self) -> bool:
        """Whether there is a network for `partial_fit` to go on with."""
        return hasattr(self, "network_")

    def _examples(
        self, X: ArrayLike, y: ArrayLike, *, goes_on: bool
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """X and y as arrays. To go on, X must have the columns of the first call."""
        rows, targets = validate_data(self, X, y, y_numeric=is_regressor(self), reset=not goes_on)
        return rows, targets

    def _train(
        self,
        X: NDArray[Any],
        Y: NDArray[Any],
        sample_weight: ArrayLike | None,
        *,
        goes_on: bool,
        once: bool,
    ) -> Self:
        """Train a network.

        Args:
            X: m × n_features.
            Y: Units of the output layer × m.
            sample_weight: m numbers, one number, or None.
            goes_on: Whether that is the present one; or else a new one.
            once: Whether to go through the examples once, or else as `iterations` and `stop` say.
        """
        iterations = _whole("iterations", self.iterations)
        batch_size = None if self.batch_size is None else _whole("batch_size", self.batch_size)
        if not isinstance(self.stop, Stop | None):
            raise ValueError(f"stop must be a nncore.Stop or None; got {self.stop!r}")
        if self.stop and self.stop.accuracy is not None and len(Y) > 1:
            raise ValueError("stop: accuracy is for two classes; got more")
        if sample_weight is not None:
            weights = _check_sample_weight(sample_weight, X)
            there = weights != 0
            X, Y, sample_weight = X[there], Y[:, there], weights[there]
        kind = (self._sizes(), self.activation, self.optimizer)
        if goes_on and kind != self._past.kind:
            raise ValueError(
                "partial_fit goes on with the hidden_layer_sizes, activation and optimizer of "
                f"the first call, {self._past.kind}; got {kind}. fit begins anew."
            )
        network, batch_seed = (
            (self.network_, self._past.batch_seed) if goes_on else self._drawn(X.shape[1], len(Y))
        )
        trainer = Trainer(
            network,
            X.T,
            Y,
            learning_rate=self.learning_rate,
            optimizer=self.optimizer,
            batch_size=batch_size,
            batch_seed=batch_seed,
            l1=self.l1,
            l2=self.l2,
            stop=None if once else self.stop,
            sample_weight=sample_weight,
        )
        if goes_on:
            trainer.carry_on(self._past.memory, self.n_iter_, self._past.epochs)
        else:
            self.loss_curve_, self.n_iter_ = [], 0
        earlier = self.n_iter_ - trainer.iteration
        self.loss_curve_ += trainer.step(trainer.updates_per_epoch if once else iterations).tolist()
        self.n_iter_ = earlier + trainer.iteration
        self.network_ = trainer.network
        epochs = math.ceil(trainer.iteration / trainer.updates_per_epoch)
        self._past = _Past(kind, batch_seed, trainer.state()["memory"], epochs)
        if trainer.diverged:
            warnings.warn(
                f"Training diverged at iteration {earlier + trainer.diverged.iteration}. "
                f"{trainer.diverged.reason}",
                ConvergenceWarning,
                stacklevel=3,
            )
        return self

    def _drawn(self, inputs: int, outputs: int) -> tuple[Network, int]:
        """A new network, and the seed of its mini-batches."""
        seeds = check_random_state(self.random_state).randint(2**31 - 1, size=2)
        sizes = self._sizes()
        network = initialize(
            [inputs, *sizes, outputs],
            [self.activation] * len(sizes) + [self._output],
            scheme=self.initialization,
            rng=np.random.default_rng(int(seeds[0])),
        )
        return network, int(seeds[1])

    def _sizes(self) -> list[int]:
        given: Any = self.hidden_layer_sizes
        several = isinstance(given, Sequence) and not isinstance(given, str | bytes | bytearray)
        sizes = given if several else np.atleast_1d(given).tolist()
        return [_whole("hidden_layer_sizes", size) for size in sizes]

    def _forward(self, X: ArrayLike) -> ForwardPass:
        check_is_fitted(self, "network_")
        return forward(self.network_, validate_data(self, X, reset=False).T)


class NetworkClassifier(ClassifierMixin, _NetworkEstimator):  # type: ignore[misc]
    """A classifier with the lecture's network and gradient descent.

    Scale the inputs first, for instance with `StandardScaler` in a pipeline. The learning rate is
    meant for inputs of about that size.

    Two classes have one sigmoid unit at the output, as in the lecture. More have a unit for each,
    which learns to tell its class from all others; the probabilities are the ŷ divided by their
    sum. (The lecture has no softmax.)

    Args:
        hidden_layer_sizes: Units of each hidden layer; ``()`` is logistic regression, and a number
            alone is one layer.
        activation: Of the hidden layers: a name in `ACTIVATIONS`.
        learning_rate: α, a finite number > 0.
        iterations: How many updates `fit` makes, at least 1.
        optimizer: A name in `OPTIMIZERS`.
        batch_size: Examples per update; None for all of them.
        l1: See `Trainer`.
        l2: See `Trainer`.
        initialization: A name in `INITIALIZERS`.
        stop: Conditions under which `fit` ends before its last iteration; see `Stop`.
        random_state: Determines the initial weights and the order of the mini-batches.

    Attributes:
        classes_: The labels, sorted.
        network_: The trained `Network`.
        loss_curve_: J of every iteration, before its update.
        n_iter_: How many updates were made.
        n_features_in_: How many columns X had.
        feature_names_in_: Their names, if X had any.

    >>> from sklearn.datasets import make_moons
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> X, y = make_moons(200, noise=0.1, random_state=0)
    >>> model = make_pipeline(StandardScaler(), NetworkClassifier((8,), random_state=0)).fit(X, y)
    >>> model.score(X, y) > 0.95
    True
    """

    _output = "sigmoid"

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train a new network.

        Args:
            X: m × n_features, one **row** per example, as scikit-learn has it.
            y: m labels, of at least two classes.
            sample_weight: How often each example counts, m numbers of at least 0; see `Trainer`.

        Raises:
            ValueError: For labels of one class alone, or a parameter out of its range.

        Warns:
            ConvergenceWarning: If training diverged; the last finite network is kept.
        """
        rows, labels = self._examples(X, y, goes_on=False)
        check_classification_targets(labels)
        self.classes_ = _classes(labels)
        return self._train(rows, self._targets(labels), sample_weight, goes_on=False, once=False)

    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Go through these examples once, with the network as it is, or with a new one at first.

        That is one update, or with mini-batches an epoch. `stop` and `iterations` are for `fit`.

        Args:
            X: m × n_features.
            y: m labels of `classes`.
            classes: All labels that there will be; the first call needs them.
            sample_weight: As for `fit`.

        Raises:
            ValueError: For a label that is not in `classes`, other `classes` than before, or a
                parameter out of its range.

        Warns:
            ConvergenceWarning: If training diverged; the last finite network is kept.
        """
        begun = self._begun
        rows, labels = self._examples(X, y, goes_on=begun)
        check_classification_targets(labels)
        if not begun:
            if classes is None:
                raise ValueError("classes must be passed on the first call to partial_fit")
            self.classes_ = _classes(unique_labels(classes))
        elif classes is not None and not np.array_equal(_classes(classes), self.classes_):
            raise ValueError(f"classes must stay {self.classes_.tolist()}, not {classes!r}")
        return self._train(rows, self._targets(labels), sample_weight, goes_on=begun, once=True)

    def _targets(self, labels: NDArray[Any]) -> NDArray[np.bool_]:
        """Y: a row for each class, or one alone, for the second of two."""
        Y: NDArray[np.bool_] = self.classes_[:, np.newaxis] == labels
        if not Y.any(axis=0).all():
            unknown = np.setdiff1d(labels, self.classes_).tolist()
            raise ValueError(f"y must have the classes {self.classes_.tolist()}, not {unknown}")
        return Y[1:] if len(Y) == 2 else Y

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """The probability of each class, m × number of classes, in the order of `classes_`."""
        passed = self._forward(X)
        if len(self.classes_) == 2:
            (ones,) = passed.A[-1]
            return np.stack([1 - ones, ones], axis=1)
        # ŷ / Σ ŷ, from the logits: far from all classes every ŷ can be too small for a float.
        return np.asarray(softmax(log_expit(passed.Z[-1]), axis=0).T)

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """The most probable label of each example, m of them."""
        probabilities = self.predict_proba(X)
        # Of two, the second when ŷ ≥ 0.5, as everywhere in nncore.
        best = probabilities.shape[1] - 1 - probabilities[:, ::-1].argmax(axis=1)
        labels: NDArray[Any] = self.classes_[best]
        return labels


class NetworkRegressor(RegressorMixin, _NetworkEstimator):  # type: ignore[misc]
    """A regressor with the lecture's network, a linear output and half the squared error.

    Scale the inputs and y first, for instance with `StandardScaler` in a pipeline and
    `TransformedTargetRegressor`. The learning rate is meant for numbers of about that size.
    y is one number an example; for several, there is `MultiOutputRegressor`.

    Args:
        hidden_layer_sizes: As for `NetworkClassifier`, like all others; ``()`` is linear
            regression.

    Attributes:
        network_: The trained `Network`.
        loss_curve_: J of every iteration, before its update: the mean of ½ (ŷ − y)².
        n_iter_: How many updates were made.
        n_features_in_: How many columns X had.
        feature_names_in_: Their names, if X had any.

    >>> X = np.linspace(-2, 2, 50)[:, np.newaxis]
    >>> model = NetworkRegressor(8, random_state=0).fit(X, np.sin(X[:, 0]))
    >>> model.score(X, np.sin(X[:, 0])) > 0.99
    True
    """

    _output = "linear"

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train a new network.

        Args:
            X: m × n_features, one **row** per example, as scikit-learn has it.
            y: m numbers.
            sample_weight: How often each example counts, m numbers of at least 0; see `Trainer`.

        Raises:
            ValueError: For a y of several columns, or a parameter out of its range.

        Warns:
            ConvergenceWarning: If training diverged; the last finite network is kept.
        """
        rows, values = self._examples(X, y, goes_on=False)
        return self._train(rows, values[np.newaxis], sample_weight, goes_on=False, once=False)

    def partial_fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Go through these examples once, with the network as it is, or with a new one at first.

        That is one update, or with mini-batches an epoch. `stop` and `iterations` are for `fit`.

        Args:
            X: m × n_features.
            y: m numbers.
            sample_weight: As for `fit`.

        Raises:
            ValueError: For a y of several columns, or a parameter out of its range.

        Warns:
            ConvergenceWarning: If training diverged; the last finite network is kept.
        """
        begun = self._begun
        rows, values = self._examples(X, y, goes_on=begun)
        return self._train(rows, values[np.newaxis], sample_weight, goes_on=begun, once=True)

    def predict(self, X: ArrayLike) -> NDArray[np.float64]:
        """ŷ of each example, m numbers."""
        (values,) = self._forward(X).A[-1]
        return np.asarray(values)


def _classes(labels: ArrayLike) -> NDArray[Any]:
    """The labels, sorted, each once; at least two."""
    classes: NDArray[Any] = np.unique(labels)
    if len(classes) < 2:
        raise ValueError(
            "Classifier can't train when only one class is present: "
            f"there is the class {classes.tolist()} alone."
        )
    return classes


def _whole(name: str, value: Any) -> int:
    """The whole number at least 1 that is meant: 1e3 is one as well as 1000."""
    number = isinstance(value, numbers.Real) and not isinstance(value, bool | np.bool_)
    if not number or not math.isfinite(value) or value != int(value):
        raise ValueError(f"{name} must be a whole number; got {value!r}")
    if value < 1:
        raise ValueError(f"{name}: n must be at least 1; got {value!r}")
    return int(value)
