"""The network as a scikit-learn estimator. Needs the extra: ``pip install shallows[sklearn]``."""

import math
import numbers
import warnings
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_is_fitted, check_random_state, validate_data

from .fast.trainer import Trainer
from .initializers import initialize
from .network import predict


class NetworkClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A binary classifier with the lecture's network and gradient descent.

    Scale the inputs first, for instance with `StandardScaler` in a pipeline. The learning rate is
    meant for inputs of about that size.

    Args:
        hidden_layer_sizes: Units of each hidden layer; ``()`` is logistic regression, and a number
            alone is one layer.
        activation: Of the hidden layers: a name in `ACTIVATIONS`.
        learning_rate: α, a finite number > 0.
        iterations: How many updates, at least 1.
        optimizer: A name in `OPTIMIZERS`.
        batch_size: Examples per update; None for all of them.
        l1: See `Trainer`.
        l2: See `Trainer`.
        initialization: A name in `INITIALIZERS`.
        random_state: Determines the initial weights and the order of the mini-batches.

    Attributes:
        classes_: The two labels.
        network_: The trained `Network`.
        loss_curve_: J of every iteration, before its update.
        n_iter_: How many updates were made: fewer than `iterations` if training diverged.

    >>> from sklearn.datasets import make_moons
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> X, y = make_moons(200, noise=0.1, random_state=0)
    >>> model = make_pipeline(StandardScaler(), NetworkClassifier((8,), random_state=0)).fit(X, y)
    >>> model.score(X, y) > 0.95
    True
    """

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
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Train a new network.

        Args:
            X: m × n_features, one **row** per example, as scikit-learn has it.
            y: m labels of two kinds.

        Raises:
            ValueError: For labels of more or fewer than two kinds, or a parameter out of its range.

        Warns:
            ConvergenceWarning: If training diverged; the last finite network is kept.
        """
        rows, y = validate_data(self, X, y)
        check_classification_targets(y)
        kind = type_of_target(y, input_name="y", raise_unknown=True)
        self.classes_, labels = np.unique(y, return_inverse=True)
        if kind != "binary":
            raise ValueError(
                f"Only binary classification is supported. The type of the target is {kind}."
            )
        if len(self.classes_) < 2:
            raise ValueError(
                "Classifier can't train when only one class is present: "
                f"y has the class {self.classes_[0]!r} alone."
            )
        sizes = self._sizes()
        iterations = _whole("iterations", self.iterations)
        batch_size = None if self.batch_size is None else _whole("batch_size", self.batch_size)
        seeds = check_random_state(self.random_state).randint(2**31 - 1, size=2)
        network = initialize(
            [rows.shape[1], *sizes, 1],
            [self.activation] * len(sizes) + ["sigmoid"],
            scheme=self.initialization,
            rng=np.random.default_rng(int(seeds[0])),
        )
        trainer = Trainer(
            network,
            rows.T,
            labels[np.newaxis],
            learning_rate=self.learning_rate,
            optimizer=self.optimizer,
            batch_size=batch_size,
            batch_seed=int(seeds[1]),
            l1=self.l1,
            l2=self.l2,
        )
        self.loss_curve_ = trainer.step(iterations).tolist()
        self.network_ = trainer.network
        self.n_iter_ = trainer.iteration
        if trainer.diverged:
            warnings.warn(
                f"Training diverged at iteration {trainer.diverged.iteration}. "
                f"{trainer.diverged.reason}",
                ConvergenceWarning,
                stacklevel=2,
            )
        return self

    def _sizes(self) -> list[int]:
        given: Any = self.hidden_layer_sizes
        several = isinstance(given, Sequence) and not isinstance(given, str)
        sizes = given if several else np.atleast_1d(given).tolist()
        return [_whole("hidden_layer_sizes", size) for size in sizes]

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """The probabilities of both classes, m × 2, in the order of `classes_`."""
        check_is_fitted(self)
        rows = validate_data(self, X, reset=False)
        ones = predict(self.network_, rows.T)[0]
        return np.stack([1 - ones, ones], axis=1)

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """The more probable label of each example, m of them."""
        ones = self.predict_proba(X)[:, 1] >= 0.5
        labels: NDArray[Any] = self.classes_[ones.astype(int)]
        return labels

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags


def _whole(name: str, value: Any) -> int:
    """The whole number at least 1 that is meant: 1e3 is one as well as 1000."""
    number = isinstance(value, numbers.Real) and not isinstance(value, bool | np.bool_)
    if not number or not math.isfinite(value) or value != int(value):
        raise ValueError(f"{name} must be a whole number; got {value!r}")
    if value < 1:
        raise ValueError(f"{name}: n must be at least 1; got {value!r}")
    return int(value)
