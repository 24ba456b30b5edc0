import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nncore import DATASETS, Dataset, Trainer, accuracy, initialize

CLASSIFICATION = [d for d in DATASETS.values() if d.task == "classification"]
NAMED = pytest.mark.parametrize("dataset", DATASETS.values(), ids=lambda dataset: dataset.name)
CLASSES = pytest.mark.parametrize("dataset", CLASSIFICATION, ids=lambda dataset: dataset.name)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_the_table() -> None:
    assert list(DATASETS) == [
        *("circle", "xor", "gauss", "spiral", "moons", "flower"),
        *("plane", "bumps"),
    ]
    for name, dataset in DATASETS.items():
        assert dataset.name == name
        assert "\n" not in dataset.description
        assert dataset.description.endswith(".")
        assert dataset.task == ("regression" if name in ("plane", "bumps") else "classification")


@given(
    st.sampled_from(list(DATASETS.values())),
    st.integers(2, 300),
    st.floats(0, 1),
    st.integers(0, 2**32 - 1),
)
def test_whatever_is_asked_for(dataset: Dataset, m: int, noise: float, seed: int) -> None:
    X, Y = dataset(m, noise, rng(seed))
    assert X.shape == (2, m)
    assert Y.shape == (1, m)
    assert X.dtype == Y.dtype == np.float64
    assert np.abs(X).max() <= 6
    again_X, again_Y = dataset(m, noise, rng(seed))
    np.testing.assert_array_equal(X, again_X)
    np.testing.assert_array_equal(Y, again_Y)
    if dataset.task == "classification":
        assert set(np.unique(Y)) == {0, 1}
        for prefix in range(1, m + 1):
            ones = Y[0, :prefix].sum()
            assert abs(ones - (prefix - ones)) <= 1


@CLASSES
def test_noise_does_not_pile_points_up_at_the_border(dataset: Dataset) -> None:
    X, _ = dataset(4000, 1.0, rng())
    at_the_border = np.mean(np.abs(X) > 5.99)
    near_it = np.mean(np.abs(X) > 5.7)
    assert at_the_border < 0.005
    assert near_it < 0.1


@CLASSES
def test_without_noise_the_nearest_neighbour_is_of_the_same_class(dataset: Dataset) -> None:
    X, Y = dataset(1000, 0.0, rng())
    distance = np.hypot(*(X[:, :, np.newaxis] - X[:, np.newaxis]))
    np.fill_diagonal(distance, np.inf)
    same = Y[0] == Y[0, distance.argmin(axis=1)]
    assert same.mean() > 0.995


@NAMED
def test_noise_matters(dataset: Dataset) -> None:
    clean = dataset(100, 0.0, rng())
    noisy = dataset(100, 0.5, rng())
    assert any((a != b).any() for a, b in zip(clean, noisy, strict=True))


def test_plane_and_bumps_are_functions_of_the_point() -> None:
    X, Y = DATASETS["plane"](50, 0.0, rng())
    np.testing.assert_allclose(Y[0], (X[0] + X[1]) / 12)
    X, Y = DATASETS["bumps"](2000, 0.0, rng())
    assert Y.max() == pytest.approx(1, abs=0.1)
    assert Y.min() == pytest.approx(-1, abs=0.1)
    hill, hollow = np.array([[4.0], [0.0]]), np.array([[2.0], [np.sqrt(12)]])
    assert Y[0, np.hypot(*(X - hill)).argmin()] > 0.9
    assert Y[0, np.hypot(*(X - hollow)).argmin()] < -0.9


@pytest.mark.parametrize(
    ("examples", "noise", "message"),
    [(1, 0.1, "examples"), (0, 0.1, "examples"), (10, -0.1, "noise"), (10, 1.1, "noise"),
     (10, np.nan, "noise")],
)  # fmt: skip
def test_bad_input_is_named(examples: int, noise: float, message: str) -> None:
    with pytest.raises(ValueError, match=f"{message} must be"):
        DATASETS["circle"](examples, noise, rng())


@pytest.mark.parametrize(
    ("activation", "soonest", "latest"),
    [("relu", 60, 500), ("tanh", 300, 1500), ("sigmoid", 1000, 6000)],
)
def test_a_class_sees_the_lecture_s_point_within_seconds(
    activation: str, soonest: int, latest: int
) -> None:
    """The default experiment: ReLU learns the circle first, then tanh, then sigmoid."""
    for seed in range(3):
        X, Y = DATASETS["circle"](200, 0.1, rng(seed))
        network = initialize([2, 4, 1], [activation, "sigmoid"], rng=rng(seed))
        trainer = Trainer(network, X[:, :150], Y[:, :150], learning_rate=0.3)
        costs = trainer.step(latest)
        assert soonest < np.argmax(costs < 0.15) < latest
        assert accuracy(trainer.network, X[:, 150:], Y[:, 150:]) > 0.9
