"""A calculation by hand against ours: where is its first error, and what may be the reason?"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .activations import FloatArray
from .inspection import Inspection

Array = NDArray[np.float64]
Quantity = Literal["Z", "A", "J", "dW", "db"]
NAMES = {"Z": "Z[{}]", "A": "A[{}]", "J": "J", "dW": "dW[{}]", "db": "db[{}]"}


@dataclass(frozen=True, eq=False)
class Claims:
    """What somebody has computed, in the lecture's shapes. NaN and None stand for no claim.

    Attributes:
        Z: Per layer n[l] × m, or None.
        A: Per layer n[l] × m (A[1] to A[L]), or None.
        J: The cost.
        dW: Per layer n[l-1] × n[l], or None.
        db: Per layer n[l] × 1, or None.
    """

    Z: Sequence[ArrayLike | None] = ()
    A: Sequence[ArrayLike | None] = ()
    J: float | None = None
    dW: Sequence[ArrayLike | None] = ()
    db: Sequence[ArrayLike | None] = ()


@dataclass(frozen=True)
class Mismatch:
    """One number that is not ours.

    Attributes:
        quantity: Which kind of matrix it is in.
        layer: From 1; None for J.
        row: Its row in the lecture's matrix, from 0.
        column: Its column there, from 0.
        claimed: Theirs.
        ours: Ours.
        hint: What may be the reason, in a sentence; None if no known slip gives that number.
    """

    quantity: Quantity
    layer: int | None
    row: int
    column: int
    claimed: float
    ours: float
    hint: str | None


@dataclass(frozen=True)
class Verdict:
    """The result of a comparison.

    Attributes:
        compared: How many numbers were claimed.
        differing: How many of them are not ours.
        first: The first of these in the lecture's order; None if all agree.
    """

    compared: int
    differing: int
    first: Mismatch | None


def compare(claims: Claims, inspection: Inspection, *, tolerance: float = 1e-3) -> Verdict:
    """Compare in the lecture's order: Z and A of layer 1 to L, J, then dW and db of L to 1.

    Args:
        claims: What to compare.
        inspection: Ours, of the same network and examples, with labels.
        tolerance: The largest difference of two numbers that agree; relative to ours if ours is
            above 1 in size.

    Raises:
        ValueError: If a matrix has another shape than ours, naming it.
    """
    compared = differing = 0
    first = None
    m = inspection.forward_pass.A[0].shape[1]
    for quantity, layer, given, ours in _in_order(claims, inspection):
        theirs = _matrix(NAMES[quantity].format(layer), given, ours.shape)
        claimed = ~np.isnan(theirs)
        apart = np.abs(theirs - ours) > tolerance * np.maximum(1, np.abs(ours))
        compared += int(claimed.sum())
        wrong = np.argwhere(claimed & apart)
        differing += len(wrong)
        if first is None and len(wrong):
            # Example by example of Z and A, unit by unit of dW: column by column, all of them.
            row, column = min(map(tuple, wrong.tolist()), key=lambda place: place[::-1])
            first = Mismatch(
                quantity,
                layer,
                row,
                column,
                float(theirs[row, column]),
                float(ours[row, column]),
                _hint(quantity, theirs, np.asarray(ours, np.float64), (row, column), m, tolerance),
            )
    return Verdict(compared, differing, first)


def _in_order(
    claims: Claims, inspection: Inspection
) -> Iterator[tuple[Quantity, int | None, ArrayLike, FloatArray]]:
    """What was claimed of each matrix, and the matrix itself."""
    passed, gradients = inspection.forward_pass, inspection.gradients
    assert gradients is not None
    assert inspection.cost is not None
    rows: list[tuple[Quantity, int | None, ArrayLike | None, FloatArray]] = []
    L = len(passed.Z)
    for layer in range(1, L + 1):
        rows.append(("Z", layer, _of(claims.Z, layer), passed.Z[layer - 1]))
        rows.append(("A", layer, _of(claims.A, layer), passed.A[layer]))
    J = None if claims.J is None else [[claims.J]]
    rows.append(("J", None, J, np.array([[inspection.cost]])))
    for layer in range(L, 0, -1):
        rows.append(("dW", layer, _of(claims.dW, layer), gradients.dW[layer - 1]))
        rows.append(("db", layer, _of(claims.db, layer), gradients.db[layer - 1]))
    for quantity, number, given, ours in rows:
        if given is not None:
            yield quantity, number, given, ours


def _of(matrices: Sequence[ArrayLike | None], layer: int) -> ArrayLike | None:
    return matrices[layer - 1] if layer <= len(matrices) else None


def _matrix(name: str, given: ArrayLike, shape: tuple[int, ...]) -> Array:
    matrix = np.asarray(given, np.float64)
    if matrix.shape != shape:
        raise ValueError(f"{name} is {shape[0]} × {shape[1]}, not {matrix.shape}")
    return matrix


def _hint(
    quantity: Quantity,
    theirs: Array,
    ours: Array,
    place: tuple[int, int],
    m: int,
    tolerance: float,
) -> str | None:
    """The first slip in a table that would give exactly the claimed number, and not ours."""
    mean = "dW and db are means over the examples, so divide by m"
    gradient = quantity in ("dW", "db")
    slips = [
        (gradient, m, f"Yours is m = {m} times ours: {mean}."),
        (quantity == "J", m, f"Yours is m = {m} times ours: J is the mean of the losses."),
        (gradient, -1, "Yours has the other sign: dZ[L] is A[L] − Y, not Y − A[L]."),
        (quantity == "J", -1, "Yours has the other sign: J starts with a minus."),
        (gradient, -m, f"Yours has the other sign, and is m times too large: {mean}."),
    ]
    claimed, right = theirs[place], ours[place]
    for applies, factor, says in slips:
        if applies and factor != 1 and _close(claimed, factor * right, tolerance):
            return says
    square = ours.shape[0] == ours.shape[1] > 1 and not np.isnan(theirs).any()
    if quantity == "dW" and square and _close(theirs, ours.T, tolerance):
        return "Yours is the transpose of ours: dW[l] has a row for each input, a column per unit."
    return None


def _close(claimed: ArrayLike, ours: ArrayLike, tolerance: float) -> bool:
    return bool(np.allclose(claimed, ours, rtol=tolerance, atol=tolerance / 100))
