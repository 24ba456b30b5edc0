"""Gradient descent on preallocated buffers: what `Trainer` and `StackedTrainer` share.

The equations of `network.py`, arranged so that an update is a few NumPy calls which allocate
nothing. All arrays may have a leading axis: the same lines train a single network (stack ``()``)
and a `stack` of E networks of one shape, since `matmul` and the ufuncs broadcast.

- Biases are a last column of the weights, and activations carry a last row of ones:
  Z[l] = V[l] A[l-1] with V[l] = [W[l].T b[l]], of shape n[l] × (n[l-1] + 1). One product then
  gives Z with its biases, and one gives dW with db.
- All V lie in one flat array and their gradients in another, so an optimizer needs only a few
  calls, whatever the depth.
- The examples are split into tiles that are small enough for the processor's cache.
- A ledger keeps the logits of many iterations; their costs are then computed together.
- With a single output unit and one hidden layer, dZ[1] is never formed; see `_backward`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from ..activations import FloatArray
from ..costs import loss_for
from ..network import Layer, Network, columns
from ..optimizers import Memory, optimizer_named
from .batches import Batch, Batches, Tile
from .kernels import OUTPUTS, Output, kernel_of, weighted

LEDGER = 2**16
"""The most bytes of logits in a ledger; one iteration always fits."""


class _Ledger:
    """The logits of some iterations, a row each, until their costs are computed.

    Attributes:
        Z: rows × stack × n[L] × width of a batch.
    """

    def __init__(self, rows: int, shape: tuple[int, ...], width: int, dtype: DTypeLike) -> None:
        self.Z = np.empty((rows, *shape, width), dtype)
        self._rows = list(self.Z)

    def parts(self, row: int, batch: Batch) -> list[FloatArray]:
        """Where the logits of a batch go, tile by tile."""
        Z = self._rows[row]
        if len(batch) == 1 and batch[0].T.shape[-1] == Z.shape[-1]:
            return [Z]
        return [Z[..., tile.columns] for tile in batch]

    def right(self, output: Output, T: FloatArray, count: int) -> NDArray[np.float64]:
        """The share of examples in the right class in each of the first rows, count × stack."""
        right = output.right(self.Z[:count, ..., : T.shape[-1]], T)
        return np.asarray(right.reshape(*right.shape[:-2], -1).mean(axis=-1))

    def costs(self, output: Output, T: FloatArray, count: int) -> NDArray[np.float64]:
        """J of the first rows, count × stack. It overwrites them.

        T has the targets of all rows, stack × n[L] × width, or one more axis for the rows.
        """
        width = T.shape[-1]
        Z = self.Z[:count, ..., :width]
        output.losses(Z, T, np.empty_like(Z))
        losses = Z.reshape(*Z.shape[:-2], -1)
        J: NDArray[np.float64] = np.add.reduce(losses, axis=-1).astype(np.float64)
        J /= width
        return J


@dataclass(frozen=True, eq=False)
class EngineState:
    """All that an update changes."""

    iteration: int
    parameters: FloatArray
    memory: Memory


class Engine:
    """Trains one network (stack ``()``) or E of one shape in lockstep (stack ``(E,)``).

    The networks share their activations. `advance` does not care whether numbers are finite. Its
    callers (`Trainer`, `StackedTrainer`) do; they also set the rate, `l1`, `l2` and `frozen`.

    Attributes:
        iteration: The updates made so far, or taken as made by `carry_on`.
        ahead: By how many the optimizer counts more updates.
        layer_sizes: n[0], …, n[L].
        task: "classification" or "regression".
        parameters: All V in one flat array, layer after layer.
        l1: The weight of Σ|w|.
        l2: The weight of ½ Σw².
        frozen: Which parameters no update changes, one flag each as in `parameters`; or None.
        shuffled: Whether the batches are smaller than the data.
        updates_per_epoch: How many batches go through the data once.
    """

    def __init__(
        self,
        networks: Sequence[Network],
        stack: tuple[int, ...],
        X: ArrayLike,
        Y: ArrayLike,
        *,
        optimizer: str,
        batch_size: int | None,
        batch_seed: int,
        dtype: DTypeLike,
        sample_weight: ArrayLike | None = None,
    ) -> None:
        first = networks[0]
        X, Y = _examples(first, X, Y)
        dtype = np.dtype(dtype)
        if dtype not in (np.float32, np.float64):
            raise ValueError(f"dtype must be float32 or float64, not {dtype}")
        if batch_size is not None and batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, or None, not {batch_size}")
        if batch_seed < 0:
            raise ValueError(f"batch_seed must be at least 0, not {batch_seed}")
        self.layer_sizes = first.layer_sizes
        self.task = loss_for(first.activations[-1]).task
        self._stack, self._dtype = stack, dtype
        self._activations = first.activations
        self._kernels = [kernel_of(activation, dtype) for activation in self._activations[:-1]]
        self._output = OUTPUTS[self._activations[-1].name]
        if sample_weight is not None:
            self._output = weighted(self._output, _weights(sample_weight, X.shape[1]))

        parameters = sum(n_out * (n_in + 1) for n_in, n_out in pairwise(self.layer_sizes))
        flat = np.zeros((4, math.prod(stack) * parameters), dtype)
        self.parameters, self._gradient, self._part, self._is_weight = flat
        self._V, self._dV, self._dV_part, is_weight = (self._views(array) for array in flat)
        self._W = [V[..., :-1].swapaxes(-1, -2) for V in self._V]
        for V in is_weight:
            V[..., :-1] = 1
        for e, network in enumerate(networks):
            for layer, V in zip(network.layers, self._V, strict=True):
                own = V[e] if stack else V
                own[:, :-1], own[:, -1:] = layer.W.T, layer.b
        self._optimizer = optimizer_named(optimizer)
        self._memory = self._optimizer.init(self.parameters)
        self.set_rate(0.0)
        self.l1 = self.l2 = 0.0
        self.frozen: NDArray[np.bool_] | None = None
        self.iteration = self.ahead = 0

        ones = np.ones((1, X.shape[1]))
        # Each network has its copy of the targets: equal shapes are faster than broadcasting.
        T = self._output.targets(Y).astype(dtype)
        self._batches = Batches(
            np.vstack([X, ones]).astype(dtype),
            np.broadcast_to(T, (*stack, *T.shape)).copy(),
            self.layer_sizes,
            batch_size=batch_size,
            seed=batch_seed,
        )
        self.shuffled = self._batches.shuffled
        self.updates_per_epoch = self._batches.count
        # As arrays, since NumPy would convert a Python number each time.
        self._factors = {
            width: np.asarray(self._output.scale / width, dtype) for width in self._batches.widths
        }
        logits = (*stack, self.layer_sizes[-1])
        bytes_each = math.prod(logits) * self._batches.width * dtype.itemsize
        rows = min(max(1, LEDGER // bytes_each), 256)
        self._ledger = _Ledger(rows, logits, self._batches.width, dtype)
        self._whole_ledger = (
            _Ledger(1, logits, X.shape[1], dtype) if self.shuffled else self._ledger
        )
        # `dot` has half of `matmul`'s overhead, but knows no stacks and no rows apart.
        self._product = np.matmul if stack or self.layer_sizes[-1] > 1 else np.dot

    # -- training -----------------------------------------------------------------------------

    def advance(
        self, updates: int, right: NDArray[np.float64] | None = None
    ) -> NDArray[np.float64]:
        """Make some updates; returns J before each of them, updates × stack.

        With mini-batches that is J on the batch of the update. `right`, of the same shape, gets
        the share of the examples that were in the right class.
        """
        costs = np.empty((updates, *self._stack))
        done = 0
        while done < updates:
            most = min(updates - done, len(self._ledger.Z))
            batches, T = self._batches.upcoming(self.iteration, most)
            for row, batch in enumerate(batches):
                self._update(batch, self._ledger.parts(row, batch))
            rows = slice(done, done + len(batches))
            if right is not None:
                right[rows] = self._ledger.right(self._output, T, len(batches))
            costs[rows] = self._ledger.costs(self._output, T, len(batches))
            done += len(batches)
        return costs

    def batch(self) -> NDArray[np.intp]:
        """Which of the m examples the next update is made from."""
        return self._batches.columns(self.iteration)

    def next_cost(self) -> NDArray[np.float64]:
        """J before the next update, as `advance` would return it, of the shape of the stack."""
        (batch,), T = self._batches.upcoming(self.iteration, 1)
        return self._cost_of(batch, T, self._ledger)

    def cost(self) -> NDArray[np.float64]:
        """J on all m examples, of the shape of the stack."""
        return self._cost_of(self._batches.whole, self._batches.T, self._whole_ledger)

    def right(self) -> NDArray[np.float64]:
        """The share of all m examples that are in the right class, of the shape of the stack."""
        self._fill(self._whole_ledger, self._batches.whole)
        right = self._whole_ledger.right(self._output, self._batches.T, 1)
        return right.reshape(self._stack)

    def _cost_of(self, batch: Batch, T: FloatArray, ledger: _Ledger) -> NDArray[np.float64]:
        self._fill(ledger, batch)
        return ledger.costs(self._output, T, 1).reshape(self._stack)

    def _fill(self, ledger: _Ledger, batch: Batch) -> None:
        for tile, Z in zip(batch, ledger.parts(0, batch), strict=True):
            self._forward(tile, Z)

    def penalty(self) -> NDArray[np.float64]:
        """What L1 and L2 add to J: l1 Σ|w| + ½ l2 Σw², of the shape of the stack.

        It is infinite if it is beyond the largest float, even where J is not.
        """
        penalty = np.zeros(self._stack)
        with np.errstate(over="ignore"):
            for W in self._W:
                if self.l1:
                    penalty += self.l1 * np.sum(np.abs(W), axis=(-2, -1), dtype=np.float64)
                if self.l2:
                    penalty += self.l2 / 2 * np.sum(np.square(W, dtype=np.float64), axis=(-2, -1))
        return penalty

    def sound(self, costs: NDArray[np.float64], here: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether the costs so far, J here and the parameters are finite.

        Args:
            costs: Any number of rows, rows × stack.
            here: Of the shape of the stack.

        Returns:
            An answer for each network, of the shape of the stack.
        """
        finite = np.isfinite(costs).all(axis=0) & np.isfinite(here)
        for V in self._V:
            finite = finite & np.isfinite(V).all(axis=(-2, -1))
        return np.asarray(finite)

    def _update(self, batch: Batch, logits: list[FloatArray]) -> None:
        gradient = self._gradient
        for tile, Z in zip(batch, logits, strict=True):
            self._forward(tile, Z)
            if tile is batch[0]:
                self._backward(tile, Z, self._dV)
            else:
                self._backward(tile, Z, self._dV_part)
                np.add(gradient, self._part, gradient)
        np.multiply(gradient, self._factors[batch[-1].columns.stop], gradient)
        if self.l1:
            self._add_to_gradient(self.l1, np.sign(self.parameters, self._part))
        if self.l2:
            self._add_to_gradient(self.l2, self.parameters)
        if self.frozen is not None:
            # The optimizer's memory of it fades, so that it does not leap when it is freed.
            gradient[self.frozen] = 0
        updates = self.iteration + self.ahead
        self._optimizer.update(gradient, self._memory, self._rate, updates, self._part)
        if self.frozen is not None:
            gradient[self.frozen] = 0
        np.subtract(self.parameters, gradient, self.parameters)
        self.iteration += 1

    def _add_to_gradient(self, weight: float, term: FloatArray) -> None:
        np.multiply(term, self._is_weight, self._part)
        np.multiply(self._part, weight, self._part)
        np.add(self._gradient, self._part, self._gradient)

    def _forward(self, tile: Tile, logits: FloatArray) -> None:
        """Z[l] = V[l] A[l-1], A[l] = g[l](Z[l]); writes the logits Z[L] into `logits`."""
        product, buffers = self._product, tile.buffers
        for V, A, Z, S, kernel in zip(
            self._V, tile.A_in, buffers.Z, buffers.S, self._kernels, strict=False
        ):
            product(V, A, Z)
            if kernel is not None:
                kernel(Z, S)
        product(self._V[-1], tile.A_in[-1], logits)

    def _backward(self, tile: Tile, logits: FloatArray, dV: list[FloatArray]) -> None:
        """dZ[L] = A[L] − Y, dZ[l] = (W[l+1] dZ[l+1]) * g[l]′(Z[l]), dV[l] = dZ[l] A[l-1].T.

        All without the factor `scale`/m; the finished gradient is multiplied by it.

        A shallow network with one output unit has dZ[1] = (w dz) * S, with a column w = W[2], a
        row dz = dZ[2] and S = g′(Z[1]). Then dZ[1] X.T = w * (S (X * dz).T). Here dz multiplies
        the few rows of X instead of the many rows of S, so there are fewer passes over the memory.
        """
        product, buffers = self._product, tile.buffers
        dZ = buffers.dZ[-1]
        self._output.error(logits, tile.T, dZ)
        last = len(dV) - 1
        product(dZ, tile.A_in_T[last], dV[last])
        if last == 1 and self.layer_sizes[-1] == 1:
            np.multiply(tile.X, dZ, buffers.X_dZ)
            product(buffers.S[0], buffers.X_dZ_T, dV[0])
            np.multiply(dV[0], self._W[1], dV[0])
            return
        for layer in range(last - 1, -1, -1):
            dZ_before = buffers.dZ[layer]
            # If W has one column, a multiplication is a faster product.
            spread = np.multiply if self.layer_sizes[layer + 2] == 1 else np.matmul
            spread(self._W[layer + 1], dZ, dZ_before)
            if self._kernels[layer] is not None:
                np.multiply(dZ_before, buffers.S[layer], dZ_before)
            dZ = dZ_before
            product(dZ, tile.A_in_T[layer], dV[layer])

    # -- what is kept -------------------------------------------------------------------------

    def network(self, e: int = 0, parameters: FloatArray | None = None) -> Network:
        """A copy of the network, or of number e of the stack; with the parameters of a state."""
        every = self._V if parameters is None else self._views(parameters)
        blocks = [V[e] for V in every] if self._stack else every
        return Network(
            Layer(V[:, :-1].T, V[:, -1:], activation)
            for V, activation in zip(blocks, self._activations, strict=True)
        )

    def state(self) -> EngineState:
        """A copy of all that an update changes."""
        memory = tuple(array.copy() for array in self._memory)
        return EngineState(self.iteration, self.parameters.copy(), memory)

    def restore(self, state: EngineState) -> None:
        """Return to an earlier state.

        Raises:
            ValueError: If it is that of another kind of engine; nothing changes then.
        """
        own, kept = self._changing(), (state.parameters, *state.memory)
        if state.iteration < 0 or [a.shape for a in own] != [np.shape(a) for a in kept]:
            raise ValueError("the state is that of another network or optimizer")
        self.iteration = state.iteration
        for array, before in zip(own, kept, strict=True):
            array[...] = before

    def carry_on(self, memory: Memory, updates: int, epochs: int) -> None:
        """Go on after these updates on other examples; so many epochs are taken as made.

        Raises:
            ValueError: If the memory is that of another kind of engine; nothing changes then.
        """
        start = epochs * self.updates_per_epoch
        self.restore(EngineState(start, self.parameters, memory))
        self.ahead = updates - start

    def restore_some(self, state: EngineState, which: NDArray[np.bool_]) -> None:
        """Return some networks of the stack to an earlier state; the count of iterations stays."""
        kept = (state.parameters, *state.memory)
        for array, before in zip(self._changing(), kept, strict=True):
            for V, V_before in zip(self._views(array), self._views(before), strict=True):
                V[which] = V_before[which]

    def place(self, layer: int, unit: int, column: int) -> int:
        """Where V[layer][unit, column] of a single network lies in `parameters`.

        Layers count from 1; the last column, −1, is the bias.
        """
        width = self.layer_sizes[layer - 1] + 1
        before = sum(V.size for V in self._V[: layer - 1])
        return before + unit * width + column % width

    def freeze(self, place: int, frozen: bool) -> None:
        """Freeze or free the parameter at a place."""
        if self.frozen is None:
            self.frozen = np.zeros(self.parameters.shape, np.bool_)
        self.frozen[place] = frozen
        if not self.frozen.any():
            self.frozen = None

    def where(self, place: int) -> tuple[int, int, int]:
        """The layer, the unit and the column at a place in `parameters`; the inverse of `place`."""
        for layer, V in enumerate(self._V, start=1):
            if place < V.size:
                return layer, *divmod(place, V.shape[-1])
            place -= V.size
        raise IndexError(place)

    def set_rate(self, rate: float | Sequence[float]) -> None:
        """One learning rate, or one for each network of the stack."""
        self._rate = np.asarray(rate, self.parameters.dtype)
        if self._rate.ndim:
            each = np.empty_like(self.parameters)
            for V in self._views(each):
                V[...] = self._rate[:, np.newaxis, np.newaxis]
            self._rate = each

    def _changing(self) -> tuple[FloatArray, ...]:
        return (self.parameters, *self._memory)

    def _views(self, flat: FloatArray) -> list[FloatArray]:
        """The layers' parts of a flat array: each stack × n[l] × (n[l-1] + 1)."""
        views, start = [], 0
        for n_in, n_out in pairwise(self.layer_sizes):
            shape = (*self._stack, n_out, n_in + 1)
            stop = start + math.prod(shape)
            views.append(flat[start:stop].reshape(shape))
            start = stop
        return views


def _examples(network: Network, X: ArrayLike, Y: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """X and Y, if this network can be trained on them."""
    X = columns("X", X, rows=network.layer_sizes[0])
    Y = columns("Y", Y, rows=network.layer_sizes[-1], columns=X.shape[1])
    if not (np.isfinite(X).all() and np.isfinite(Y).all()):
        raise ValueError("X and Y must be finite numbers")
    task = loss_for(network.layers[-1].activation).task
    if task == "classification" and not np.isin(Y, (0, 1)).all():
        raise ValueError("Y must be 0 or 1 throughout when the output is a sigmoid")
    return X, Y


def _weights(sample_weight: ArrayLike, m: int) -> NDArray[np.float64]:
    """How often each example counts, 1 × m, with a mean of 1."""
    weights: NDArray[np.float64] = np.asarray(sample_weight, np.float64)
    if weights.shape != (m,):
        raise ValueError(f"sample_weight must be {m} numbers, not {weights.shape}")
    if not (np.isfinite(weights).all() and (weights >= 0).all() and weights.any()):
        raise ValueError("sample_weight must be finite numbers of at least 0, and not all zero")
    weights = weights / weights.max()  # so that their sum is finite
    weights /= weights.mean()
    return weights[np.newaxis]
