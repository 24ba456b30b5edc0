"""Training many networks of one shape at once: comparisons, seed sweeps."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from ..activations import Activation
from ..network import Network
from .batches import TILE
from .engine import Engine
from .trainer import Divergence, checked_penalty, checked_rate, divergence


class StackedTrainer:
    """Trains E networks of one shape on the same examples in lockstep.

    The networks may differ in their initial weights, the activations of their hidden layers and
    their learning rates. The results are those of as many `Trainer`s, to rounding. For small
    networks this is many times faster, since one NumPy call serves all of them.

    >>> from nncore import DATASETS, initialize
    >>> X, Y = DATASETS["xor"](200, 0.1, np.random.default_rng(0))
    >>> networks = [
    ...     initialize([2, 4, 1], ["tanh", "sigmoid"], rng=np.random.default_rng(seed))
    ...     for seed in range(10)
    ... ]
    >>> trainer = StackedTrainer(networks, X, Y, learning_rate=0.3)
    >>> trainer.step(100).shape
    (100, 10)

    Args:
        networks: At least one; all with the same layer sizes and output activation.
        X: n[0] × m, one column per example.
        Y: n[L] × m.
        learning_rate: α of all networks, or one for each.
        optimizer: A name in `OPTIMIZERS`.
        batch_size: As for `Trainer`; the networks see the same batches.
        batch_seed: As for `Trainer`.
        l1: As for `Trainer`.
        l2: As for `Trainer`.
        dtype: As for `Trainer`.

    Raises:
        ValueError: For networks that do not match, or an argument out of its range, naming it.
    """

    def __init__(
        self,
        networks: Sequence[Network],
        X: ArrayLike,
        Y: ArrayLike,
        *,
        learning_rate: float | Sequence[float],
        optimizer: str = "gradient_descent",
        batch_size: int | None = None,
        batch_seed: int = 0,
        l1: float = 0.0,
        l2: float = 0.0,
        dtype: DTypeLike = np.float64,
    ) -> None:
        networks = list(networks)
        if not networks:
            raise ValueError("networks must be at least one")
        first = networks[0]
        for network in networks:
            if network.layer_sizes != first.layer_sizes:
                raise ValueError(
                    f"networks must have the same layer sizes, not both {first.layer_sizes} "
                    f"and {network.layer_sizes}"
                )
            if network.activations[-1] != first.activations[-1]:
                raise ValueError("networks must have the same output activation")
        E = len(networks)
        if np.shape(learning_rate) not in ((), (E,)):
            raise ValueError(
                f"learning_rate must be one number or {E} of them, not {learning_rate}"
            )
        self._rates = [checked_rate(rate) for rate in np.broadcast_to(learning_rate, E)]
        self._diverged: list[Divergence | None] = [None] * E
        # A stack has networks of the same activations, as many as fit into a tile.
        examples = min(batch_size or np.shape(X)[-1], np.shape(X)[-1])
        height = max(1, TILE // (max(first.layer_sizes) * examples * np.dtype(dtype).itemsize))
        members: dict[tuple[Activation, ...], list[int]] = {}
        for e, network in enumerate(networks):
            members.setdefault(network.activations, []).append(e)
        self._stacks = [
            (
                part,
                Engine(
                    [networks[e] for e in part],
                    (len(part),),
                    X,
                    Y,
                    optimizer=optimizer,
                    batch_size=batch_size,
                    batch_seed=batch_seed,
                    dtype=dtype,
                ),
            )
            for group in members.values()
            for start in range(0, len(group), height)
            for part in [np.array(group[start : start + height])]
        ]
        for part, engine in self._stacks:
            engine.l1, engine.l2 = checked_penalty("l1", l1), checked_penalty("l2", l2)
            engine.set_rate([self._rates[e] for e in part])

    @property
    def networks(self) -> list[Network]:
        """The networks as trained so far: copies, which later steps leave alone."""
        places = {e: (engine, k) for part, engine in self._stacks for k, e in enumerate(part)}
        return [engine.network(k) for _, (engine, k) in sorted(places.items())]

    @property
    def iteration(self) -> int:
        """How many updates have been made (by the networks that have not diverged)."""
        return self._stacks[0][1].iteration

    @property
    def diverged(self) -> tuple[Divergence | None, ...]:
        """Per network why it stopped, or None. Its network is the last whose cost was finite."""
        return tuple(self._diverged)

    def cost(self) -> NDArray[np.float64]:
        """J of each network on all examples with the current parameters, of shape E."""
        costs = np.empty(len(self._diverged))
        with np.errstate(all="ignore"):
            for part, engine in self._stacks:
                costs[part] = engine.cost()
        return costs

    def step(self, n: int = 1) -> NDArray[np.float64]:
        """Make n updates of each network.

        If an update leads to a cost or a parameter that is not finite, that network goes back to
        before the update and stays there (`diverged` says so). The others go on.

        Returns:
            The costs, n × E: J of each iteration **before** its update, and NaN from the
            iteration on at which a network diverged.

        Raises:
            ValueError: If n is below 1.
        """
        if n < 1:
            raise ValueError(f"n must be at least 1, not {n}")
        costs = np.empty((n, len(self._diverged)))
        # Overflow is expected here; `sound` finds it.
        with np.errstate(all="ignore"):
            for part, engine in self._stacks:
                costs[:, part] = self._step(part, engine, n)
        return costs

    def _step(self, part: NDArray[np.intp], engine: Engine, n: int) -> NDArray[np.float64]:
        """Make n updates of one stack."""
        if self._running(part).all():
            start = engine.state()
            costs = engine.advance(n)
            if engine.sound(costs, engine.next_cost()).all():
                return costs
            engine.restore(start)
        # One update at a time, undone for the networks that it makes diverge.
        costs = np.full((n, len(part)), np.nan)
        for k in range(n):
            before = engine.state()
            J = engine.next_cost()
            self._stop(part[~np.isfinite(J)], before.iteration)
            running = self._running(part)
            costs[k, running] = J[running]
            engine.advance(1)
            self._stop(part[~engine.sound(J[np.newaxis], engine.next_cost())], before.iteration + 1)
            engine.restore_some(before, ~self._running(part))
        return costs

    def _running(self, part: NDArray[np.intp]) -> NDArray[np.bool_]:
        return np.array([self._diverged[e] is None for e in part])

    def _stop(self, networks: NDArray[np.intp], iteration: int) -> None:
        for e in networks:
            if self._diverged[e] is None:
                self._diverged[e] = divergence(iteration, self._rates[e])
