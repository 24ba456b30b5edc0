import numpy as np
import pytest

from nncore import FEATURES, featurize


def test_each_by_hand() -> None:
    x1, x2 = 2.0, -3.0
    expected = [2, -3, 4, 9, -6, np.sin(2), np.sin(-3)]
    assert list(FEATURES) == [
        "x1", "x2", "x1_squared", "x2_squared", "x1_x2", "sin_x1", "sin_x2",
    ]  # fmt: skip
    np.testing.assert_allclose(featurize([[x1], [x2]], list(FEATURES))[:, 0], expected)


def test_rows_come_in_the_order_of_the_names() -> None:
    X = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(featurize(X), X)
    np.testing.assert_array_equal(featurize(X, ["x2", "x1"]), X[::-1])


@pytest.mark.parametrize(
    ("features", "message"),
    [(["x3"], "unknown features"), ([], "one or more"), (["x1", "x1"], "different names")],
)
def test_bad_names_are_named(features: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        featurize(np.zeros((2, 1)), features)


def test_points_lie_in_the_plane() -> None:
    with pytest.raises(ValueError, match="X must be 2 × m"):
        featurize(np.zeros((3, 1)))
