"""Why a run stands still at a start that was dead, and what would help.

Looked for only where the cost has stayed as it is for `LONG` iterations and is no better than what
one knows without looking at the points: a run that has converged is none of it. Then the next
update is: what changes no layer by a thousandth is not about to begin. With mini-batches that is
asked of the hidden layers alone: what one batch happens to have more of moves the output layer, and
the next batch moves it back. Looking costs as much as an iteration and is done once in `AGAIN` of
them, so that no session pays for it.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

import nncore

LONG = 200
"""Iterations for which the cost has not moved."""
AGAIN = 100
"""Iterations between two looks."""
STILL = 1e-3
"""The cost has not moved if the means of both halves differ by less, of themselves."""
NOISE = 3
"""Standard errors of the costs of batches by which halves may differ, where it is not the rate."""
NO_BETTER = 0.9
"""Of the cost of the best constant answer: a run below that has learned something."""
NO_UPDATE = 1e-3
"""Of the norm of a layer's weights: an update below that leaves them as they are."""
NO_UPDATE_OF_BATCHES = 5e-5
"""The same of a rate too small, where batches hide how slowly the cost falls."""
NO_GRADIENT = 1e-3
"""‖dW‖ of every layer below that is why; above, the rate is so small."""
SATURATED = 0.9
"""A layer of which more is saturated lets nothing back."""
HIGHEST_RATE = 100.0

Cause = Literal["zeros", "dead", "saturated", "small", "rate"]


@dataclass(frozen=True)
class Standstill:
    """What stands still, why, and what would help.

    Attributes:
        cause: `zeros`, all weights of a layer are 0 or all its units the same; `dead`, all units of
            a ReLU layer are off at every point; `saturated`, a layer is flat at nearly all points;
            `small`, so many layers of small weights or slopes multiply to nearly nothing; `rate`,
            there is a gradient, but the rate makes nothing of it.
        layer: The first for which that holds; of `small`, how many there are.
        gradient_norm: The largest ‖dW‖ of any layer.
        weight: The root of the mean square of all weights.
        scheme: The initialization that would help; None where it would not.
        learning_rate: The rate that would help; None where none would.
    """

    cause: Cause
    layer: int
    gradient_norm: float
    weight: float
    scheme: str | None
    learning_rate: float | None

    def told(self) -> dict[str, Any]:
        """As frames have it."""
        return dict(vars(self))


def best_constant(Y: NDArray[np.float64], *, regression: bool) -> float:
    """The cost of the best answer that is the same at every point."""
    if regression:
        return float(np.var(Y)) / 2
    share = float(np.mean(Y))
    return -sum(p * float(np.log(p)) for p in (share, 1 - share) if p > 0)


def has_not_moved(costs: NDArray[np.float64], best: float, noise: float = 0.0) -> bool:
    """Whether the last costs are all the same, and no better than that of the best constant.

    Halves are compared, since the costs of batches differ among themselves: by `noise` standard
    errors their means may differ, too.
    """
    if len(costs) < LONG:
        return False
    last = costs[-LONG:]
    # What is about to diverge has costs whose squares are beyond all numbers.
    with np.errstate(over="ignore", invalid="ignore"):
        if not (after := last[LONG // 2 :].mean()) >= NO_BETTER * best:
            return False  # as of most runs, most of the time
        before, spread = last[: LONG // 2].mean(), last.std()
    if not np.isfinite([before, after, spread]).all():
        return False
    still = max(STILL * after, noise * spread / np.sqrt(LONG / 2))
    return bool(abs(after - before) < still)


def standstill(trainer: nncore.Trainer) -> Standstill | None:
    """Why the next update of a trainer changes nothing; None if it does.

    Freezing is a wish: with a frozen parameter nothing is said. Nor of a network without a bend,
    for which the best constant may be the best that it can do.
    """
    layers = trainer.network.layers
    if trainer.frozen or all(y.activation.name == "linear" for y in layers[:-1]):
        return None
    looks = trainer.diagnose()
    if any(look.gradient_norm is None for look in looks):
        return None
    batches = trainer.updates_per_epoch > 1
    moving = looks[:-1] if batches else looks
    moved = [look.update_ratio for look in moving if look.update_ratio is not None]
    if any(ratio >= NO_UPDATE for ratio in moved):
        return None
    gradient = max(look.gradient_norm or 0.0 for look in looks)
    squares = np.concatenate([layer.W.ravel() ** 2 for layer in layers])
    cause, at = _cause(layers, looks, gradient)
    if cause == "rate" and batches and any(ratio >= NO_UPDATE_OF_BATCHES for ratio in moved):
        return None
    relu = any("relu" in layer.activation.name for layer in layers)
    weight = float(np.sqrt(squares.mean()))
    rates: dict[Cause, float] = {
        "rate": min(HIGHEST_RATE, 10 * trainer.learning_rate),
        "small": min(HIGHEST_RATE, 10 * trainer.learning_rate),
    }
    if weight > 1:  # It went too far.
        rates |= dict.fromkeys(("dead", "saturated"), trainer.learning_rate / 10)
    scheme = None if cause == "rate" else "he" if relu else "xavier"
    return Standstill(cause, at, gradient, weight, scheme, rates.get(cause))


def _cause(
    layers: tuple[nncore.Layer, ...], looks: tuple[nncore.LayerDiagnostics, ...], gradient: float
) -> tuple[Cause, int]:
    for index, (layer, look) in enumerate(zip(layers, looks, strict=True), 1):
        alike = layer.W.shape[1] > 1 and bool((layer.W[:, :1] == layer.W).all())
        if alike or not layer.W.any():
            return "zeros", index
        if len(look.dead) == layer.W.shape[1]:
            return "dead", index
        if look.saturated > SATURATED:
            return "saturated", index
    return ("small", len(layers)) if gradient < NO_GRADIENT else ("rate", 1)
