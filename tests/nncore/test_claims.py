"""Numbers by hand against ours: the first that differs, and what may have happened."""

import numpy as np
import pytest

from nncore import Claims, Inspection, compare, inspect
from tests.nncore.test_network import BY_HAND, X_BY_HAND, Y_BY_HAND, examples, random_network


@pytest.fixture
def ours() -> Inspection:
    return inspect(BY_HAND, X_BY_HAND, Y_BY_HAND, numeric=False)


def right(ours: Inspection) -> Claims:
    assert ours.gradients is not None
    return Claims(
        ours.forward_pass.Z,
        ours.forward_pass.A[1:],
        ours.cost,
        ours.gradients.dW,
        ours.gradients.db,
    )


def test_what_is_right_agrees(ours: Inspection) -> None:
    verdict = compare(right(ours), ours, tolerance=1e-12)
    assert verdict.first is None
    assert verdict.differing == 0
    assert verdict.compared == 4 + 4 + 2 + 2 + 1 + 6 + 3


def test_rounded_by_hand_is_right_too(ours: Inspection) -> None:
    # −¾ and 0: by hand in test_network.
    assert compare(Claims(dW=[None, [[-0.7504], [0.0]]]), ours).first is None
    assert compare(Claims(dW=[None, [[-0.752], [0.0]]]), ours).first is not None


def test_the_first_is_the_first_of_the_lecture(ours: Inspection) -> None:
    claims = right(ours)
    Z = [np.array(matrix) for matrix in claims.Z]
    dW = [np.array(matrix) for matrix in claims.dW]
    dW[0][1, 0] += 1
    wrong = Claims(claims.Z, claims.A, claims.J, dW, claims.db)
    first = compare(wrong, ours).first
    assert first is not None
    assert (first.quantity, first.layer, first.row, first.column) == ("dW", 1, 1, 0)
    assert first.claimed == first.ours + 1
    dW[1][0, 0] += 1
    first = compare(Claims(claims.Z, claims.A, claims.J, dW, claims.db), ours).first
    assert first is not None
    assert (first.quantity, first.layer) == ("dW", 2)
    Z[0][1, 0] += 1
    Z[0][0, 1] += 1
    verdict = compare(Claims(Z, claims.A, 99, dW, claims.db), ours)
    assert verdict.first is not None
    assert (verdict.first.quantity, verdict.first.row, verdict.first.column) == ("Z", 1, 0)
    assert verdict.differing == 5


def test_what_is_not_claimed_is_not_compared(ours: Inspection) -> None:
    verdict = compare(Claims(Z=[[[3, np.nan], [np.nan, np.nan]]], dW=[None, None]), ours)
    assert (verdict.compared, verdict.first) == (1, None)


@pytest.mark.parametrize(
    ("factor", "hint"),
    [(6, "divide by m"), (-1, "other sign"), (-6, "m times too large"), (1.5, None)],
)
def test_the_usual_slips_are_known(factor: float, hint: str | None) -> None:
    network, (X, Y) = random_network([2, 3, 1], "tanh"), examples(2, 6)
    ours = inspect(network, X, Y)
    assert ours.gradients is not None
    for claims in (
        Claims(dW=[factor * dW for dW in ours.gradients.dW]),
        Claims(db=[factor * db for db in ours.gradients.db]),
    ):
        first = compare(claims, ours).first
        assert first is not None
        assert (hint is None and first.hint is None) or (hint or "") in (first.hint or "")
    first = compare(Claims(J=6 * (ours.cost or 0)), ours).first
    assert first is not None
    assert "mean of the losses" in (first.hint or "")


def test_a_transpose_is_known() -> None:
    network, (X, Y) = random_network([2, 2, 1], "tanh"), examples(2, 6)
    ours = inspect(network, X, Y)
    assert ours.gradients is not None
    first = compare(Claims(dW=[ours.gradients.dW[0].T]), ours).first
    assert first is not None
    assert "transpose" in (first.hint or "")


def test_another_shape_is_named(ours: Inspection) -> None:
    with pytest.raises(ValueError, match=r"dW\[2\] is 2 × 1, not \(1, 2\)"):
        compare(Claims(dW=[None, [[1, 2]]]), ours)
