"""Gradient descent on preallocated buffers: what `Trainer` and `StackedTrainer` share.

The equations of `network.py`, arranged so that an update is a handful of NumPy calls which
allocate nothing. All arrays may carry a leading axis: a `stack` of E networks of one shape is
trained by the very same lines as a single one (stack ``()``), as `matmul` and the ufuncs broadcast.

- Biases are a last column of the weights, and activations carry a last row of ones:
  Z[l] = V[l] A[l-1] with V[l] = [W[l].T b[l]], of shape n[l] × (n[l-1] + 1). One product then
  gives Z with its biases, and one gives dW with db.
- All V lie in one flat array, and their gradients in another: an optimizer takes a few calls,
  whatever the depth.
- The examples are worked through in tiles small enough for the processor's cache.
- The logits of many iterations are kept in a ledger, and their costs computed together.
- With a single output unit and one hidden layer, dZ[1] is never formed; see `_backward`.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from nncore.activations import FloatArray
from nncore.costs import loss_for
from nncore.kernels import kernel_of
from nncore.network import Layer, Network, columns
from nncore.optimizers import Memory, optimizer_named

TILE = 2**18
"""Bytes of a tile's largest array, at most: a few of them fit a processor's second-level cache."""

LEDGER = 2**18
"""Bytes of logits kept until their costs are computed (but at least one iteration's)."""


@dataclass(frozen=True)
class _Output:
    """An output activation and its loss, in place.

    Attributes:
        targets: Y -> T, computed once.
        error: (Z, T, out) writes (A − Y) / scale.
        scale: What that lacks.
        losses: (Z, T, scratch) writes the loss of each unit and example over Z.
    """

    targets: Callable[[FloatArray], FloatArray]
    error: Callable[[FloatArray, FloatArray, FloatArray], None]
    scale: float
    losses: Callable[[FloatArray, FloatArray, FloatArray], None]


def _sigmoid_error(Z: FloatArray, T: FloatArray, out: FloatArray) -> None:
    # A − Y = σ(z) − y = ½ (tanh(z/2) + 1 − 2y), and T = 1 − 2y.
    np.multiply(Z, 0.5, out)
    np.tanh(out, out)
    np.add(out, T, out)


def _cross_entropy(Z: FloatArray, T: FloatArray, scratch: FloatArray) -> None:
    # With t = (1 − 2y) z the loss is log(1 + e^t). From t = 80 on that is t to the last digit,
    # and e^80 does not overflow: log(1 + e^t) = max(t, log(1 + e^min(t, 80))).
    np.multiply(Z, T, Z)
    np.minimum(Z, 80, out=scratch)
    np.exp(scratch, scratch)
    np.log1p(scratch, scratch)
    np.maximum(Z, scratch, out=Z)


def _linear_error(Z: FloatArray, T: FloatArray, out: FloatArray) -> None:
    np.add(Z, T, out)


def _half_squared_error(Z: FloatArray, T: FloatArray, scratch: FloatArray) -> None:
    np.add(Z, T, Z)
    np.multiply(Z, Z, Z)
    np.multiply(Z, 0.5, Z)


_OUTPUTS = {
    "sigmoid": _Output(lambda Y: 1 - 2 * Y, _sigmoid_error, 0.5, _cross_entropy),
    "linear": _Output(lambda Y: -Y, _linear_error, 1.0, _half_squared_error),
}


class _Buffers:
    """What t examples leave behind on their way through the network and back.

    All are of shape stack × rows × t, but lie in memory as rows × stack × t: some rows of all
    networks are then one piece, on which a ufunc runs in one go.

    Attributes:
        A: A[l] of the hidden layers, with the row of ones below.
        Z: The same without that row: Z[l], which turns into A[l] in place.
        S: g′(Z[l]).
        dZ: dZ[l] of all layers, but for a factor.
        X_dZ: X * dZ[L], for a single output unit.
        X_dZ_T: The same with a last row, where X has its ones, and that is dZ[L]; transposed.
    """

    def __init__(
        self, sizes: Sequence[int], stack: tuple[int, ...], t: int, dtype: DTypeLike
    ) -> None:

        def ones(rows: int) -> FloatArray:
            return np.moveaxis(np.ones((rows, *stack, t), dtype), 0, -2)

        hidden, n_L = sizes[1:-1], sizes[-1]
        self.A = [ones(n + 1) for n in hidden]
        self.Z = [A[..., :-1, :] for A in self.A]
        self.S = [ones(n) for n in hidden]
        X_dZ = ones(sizes[0] + n_L)
        self.X_dZ, self.X_dZ_T = X_dZ[..., :-n_L, :], X_dZ.swapaxes(-1, -2)
        self.dZ = [*(ones(n) for n in hidden), X_dZ[..., -n_L:, :]]


class _Tile:
    """Some columns of a batch.

    Attributes:
        columns: Which ones, counted within the batch.
        X: Their inputs, without the row of ones.
        T: Their targets, stack × n[L] × t.
        A_in: What goes into each layer, with the row of ones: X, A[1], …, A[L-1].
        A_in_T: The same, transposed.
        buffers: Where to work; tiles of the same width share them.
    """

    def __init__(self, columns: slice, X: FloatArray, T: FloatArray, buffers: _Buffers) -> None:
        self.columns, self.X, self.T, self.buffers = columns, X[:-1], T, buffers
        self.A_in = [X, *buffers.A]
        self.A_in_T = [A.swapaxes(-1, -2) for A in self.A_in]


class _Ledger:
    """Logits of as many iterations as there are rows, until their costs are computed.

    Attributes:
        Z: rows × stack × n[L] × width of a batch.
    """

    def __init__(
        self, rows: int, stack: tuple[int, ...], tiles: list[_Tile], dtype: DTypeLike
    ) -> None:
        n_L, width = tiles[0].T.shape[-2], tiles[-1].columns.stop
        self.Z = np.empty((rows, *stack, n_L, width), dtype)
        self.scratch = np.empty_like(self.Z)
        self._parts = [[row[..., tile.columns] for tile in tiles] for row in self.Z]
        self._width = width

    def parts(self, row: int, tiles: list[_Tile]) -> list[FloatArray]:
        """Where the logits of a batch in these tiles go."""
        if tiles[-1].columns.stop == self._width:
            return self._parts[row]
        return [self.Z[row][..., tile.columns] for tile in tiles]

    def costs(self, output: _Output, T: FloatArray, count: int) -> NDArray[np.float64]:
        """J of the first rows, count × stack. Consumes them.

        T is the targets of all of them, stack × n[L] × width, or has such a row for each.
        """
        width = T.shape[-1]
        Z, scratch = self.Z[:count, ..., :width], self.scratch[:count, ..., :width]
        output.losses(Z, T, scratch)
        losses = Z.reshape(*Z.shape[:-2], -1)
        J: NDArray[np.float64] = np.add.reduce(losses, axis=-1).astype(np.float64)
        J /= width
        return J


@dataclass(frozen=True, eq=False)
class Snapshot:
    """All that training changes."""

    iteration: int
    parameters: FloatArray
    memory: Memory


class Engine:
    """Trains one network (stack ``()``) or E of one shape in lockstep (stack ``(E,)``).

    The networks share their activations. `advance` never looks at finiteness: that is its
    callers' (`Trainer`, `StackedTrainer`), who set the rate, `l1` and `l2` as well.

    Attributes:
        iteration: The updates made so far.
        parameters: All V in one flat array, layer after layer.
        l1: The weight of Σ|w|.
        l2: The weight of ½ Σw².
        shuffled: Whether the batches are smaller than the data.
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
        self._sizes, self._stack, self._dtype = first.layer_sizes, stack, dtype
        self._activations = first.activations
        self._kernels = [kernel_of(activation, dtype) for activation in self._activations[:-1]]
        self._output = _OUTPUTS[self._activations[-1].name]

        parameters = sum(n_out * (n_in + 1) for n_in, n_out in pairwise(self._sizes))
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
        self.iteration = 0

        self._m = X.shape[1]
        self._X = np.vstack([X, np.ones((1, self._m))]).astype(dtype)
        # The targets are repeated for each network: equal shapes are faster than broadcasting.
        T = self._output.targets(Y).astype(dtype)
        self._T = np.broadcast_to(T, (*stack, *T.shape)).copy()
        self._buffers: dict[int, _Buffers] = {}
        self._whole = self._tiles(self._X, self._T, 0, self._m)
        self._batch_size = self._m if batch_size is None else min(int(batch_size), self._m)
        self._batch_seed = batch_seed
        self.shuffled = self._batch_size < self._m
        self._epoch = -1
        self._epoch_X, self._epoch_T, self._batches = self._X, self._T, [self._whole]
        if self.shuffled:
            self._epoch_X, self._epoch_T = self._X.copy(), self._T.copy()
            self._batches = [
                self._tiles(
                    self._epoch_X, self._epoch_T, start, min(start + self._batch_size, self._m)
                )
                for start in range(0, self._m, self._batch_size)
            ]
        # As arrays, since NumPy would convert a Python number each time.
        self._factors = {
            width: np.asarray(self._output.scale / width, dtype)
            for width in {batch[-1].columns.stop for batch in self._batches}
        }
        bytes_each = math.prod(stack) * self._sizes[-1] * self._batch_size * dtype.itemsize
        self._rows = min(max(1, LEDGER // bytes_each), 256)
        self._ledger = _Ledger(self._rows, stack, self._batches[0], dtype)
        self._whole_ledger = (
            _Ledger(1, stack, self._whole, dtype) if self.shuffled else self._ledger
        )
        # `dot` has half of `matmul`'s overhead, but knows no stacks and no rows apart.
        self._product = np.matmul if stack or self._sizes[-1] > 1 else np.dot

    # -- training -----------------------------------------------------------------------------

    def advance(self, updates: int) -> NDArray[np.float64]:
        """Make some updates; returns J before each of them, updates × stack.

        With mini-batches that is J on the batch which the update is made from.
        """
        costs = np.empty((updates, *self._stack))
        done = 0
        while done < updates:
            position = self._turn_to_epoch()
            count = min(updates - done, self._rows)
            if self.shuffled:  # as far as the epoch's batches are of one width
                count = min(count, max(1, self._m // self._batch_size - position))
                batches = self._batches[position : position + count]
            else:
                batches = self._batches * count
            for row, batch in enumerate(batches):
                self._update(batch, self._ledger.parts(row, batch))
            costs[done : done + count] = self._costs(position, count)
            done += count
        return costs

    def look(self) -> NDArray[np.float64]:
        """J before the next update, as `advance` would return it, of the shape of the stack."""
        position = self._turn_to_epoch()
        batch = self._batches[position]
        for tile, Z in zip(batch, self._ledger.parts(0, batch), strict=True):
            self._forward(tile, Z)
        return self._costs(position, 1).reshape(self._stack)

    def cost(self) -> NDArray[np.float64]:
        """J on all m examples, of the shape of the stack."""
        for tile, Z in zip(self._whole, self._whole_ledger.parts(0, self._whole), strict=True):
            self._forward(tile, Z)
        return self._whole_ledger.costs(self._output, self._T, 1).reshape(self._stack)

    def penalty(self) -> NDArray[np.float64]:
        """What L1 and L2 add to J: l1 Σ|w| + ½ l2 Σw², of the shape of the stack."""
        penalty = np.zeros(self._stack)
        for W in self._W:
            penalty += self.l1 * np.sum(np.abs(W), axis=(-2, -1), dtype=np.float64)
            penalty += self.l2 / 2 * np.sum(np.square(W, dtype=np.float64), axis=(-2, -1))
        return penalty

    def sound(self, *costs: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether these costs (each of the shape of the stack) and the parameters are finite."""
        finite = np.isfinite(costs).all(axis=0)
        for V in self._V:
            finite = finite & np.isfinite(V).all(axis=(-2, -1))
        return np.asarray(finite)

    def _update(self, batch: list[_Tile], logits: list[FloatArray]) -> None:
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
        self._optimizer.update(gradient, self._memory, self._rate, self.iteration, self._part)
        np.subtract(self.parameters, gradient, self.parameters)
        self.iteration += 1

    def _add_to_gradient(self, weight: float, term: FloatArray) -> None:
        np.multiply(term, self._is_weight, self._part)
        np.multiply(self._part, weight, self._part)
        np.add(self._gradient, self._part, self._gradient)

    def _forward(self, tile: _Tile, logits: FloatArray) -> None:
        """Z[l] = V[l] A[l-1], A[l] = g[l](Z[l]); the logits Z[L] go where they are wanted."""
        product, buffers = self._product, tile.buffers
        for V, A, Z, S, kernel in zip(
            self._V, tile.A_in, buffers.Z, buffers.S, self._kernels, strict=False
        ):
            product(V, A, Z)
            if kernel is not None:
                kernel(Z, S)
        product(self._V[-1], tile.A_in[-1], logits)

    def _backward(self, tile: _Tile, logits: FloatArray, dV: list[FloatArray]) -> None:
        """dZ[L] = A[L] − Y, dZ[l] = (W[l+1] dZ[l+1]) * g[l]′(Z[l]), dV[l] = dZ[l] A[l-1].T.

        But for the factor `scale`/m, with which the finished gradient is multiplied.

        A shallow network with one output unit has dZ[1] = (w dz) * S, with a column w = W[2], a
        row dz = dZ[2] and S = g′(Z[1]). Then dZ[1] X.T = w * (S (X * dz).T), where dz weighs the
        few rows of X rather than the many of S: no pass over the hidden units is left but S.
        """
        product, buffers = self._product, tile.buffers
        dZ = buffers.dZ[-1]
        self._output.error(logits, tile.T, dZ)
        last = len(dV) - 1
        product(dZ, tile.A_in_T[last], dV[last])
        if last == 1 and self._sizes[-1] == 1:
            np.multiply(tile.X, dZ, buffers.X_dZ)
            product(buffers.S[0], buffers.X_dZ_T, dV[0])
            np.multiply(dV[0], self._W[1], dV[0])
            return
        for layer in range(last - 1, -1, -1):
            dZ_before = buffers.dZ[layer]
            # With one column in W, a multiplication does the product faster.
            spread = np.multiply if self._sizes[layer + 2] == 1 else np.matmul
            spread(self._W[layer + 1], dZ, dZ_before)
            if self._kernels[layer] is not None:
                np.multiply(dZ_before, buffers.S[layer], dZ_before)
            dZ = dZ_before
            product(dZ, tile.A_in_T[layer], dV[layer])

    # -- examples -----------------------------------------------------------------------------

    def _costs(self, position: int, count: int) -> NDArray[np.float64]:
        """J of the first rows of the ledger, whose batches begin at this position in the epoch."""
        T = self._epoch_T
        if self.shuffled:
            start = position * self._batch_size
            width = min(self._batch_size, self._m - start)
            T = T[..., start : start + count * width].reshape(*T.shape[:-1], count, width)
            T = np.moveaxis(T, -2, 0)
        return self._ledger.costs(self._output, T, count)

    def _tiles(self, X: FloatArray, T: FloatArray, start: int, stop: int) -> list[_Tile]:
        """The columns from start to stop in tiles of equal width, but for the last."""
        column = math.prod(self._stack) * max(self._sizes) * self._dtype.itemsize
        width = max(1, TILE // column)
        tiles = []
        for begin in range(start, stop, width):
            end = min(begin + width, stop)
            if end - begin not in self._buffers:
                self._buffers[end - begin] = _Buffers(
                    self._sizes, self._stack, end - begin, self._dtype
                )
            tiles.append(
                _Tile(
                    slice(begin - start, end - start),
                    X[:, begin:end],
                    T[..., begin:end],
                    self._buffers[end - begin],
                )
            )
        return tiles

    def _turn_to_epoch(self) -> int:
        """Bring the examples in the order of the current epoch; returns the batch's position.

        The order depends on the seed and the number of the epoch alone, so that any iteration
        can be reached from anywhere.
        """
        epoch, position = divmod(self.iteration, len(self._batches))
        if self.shuffled and epoch != self._epoch:
            random = np.random.Philox(key=self._batch_seed, counter=[0, 0, 0, epoch])
            order = np.random.Generator(random).permutation(self._m)
            np.take(self._X, order, axis=-1, out=self._epoch_X, mode="clip")
            np.take(self._T, order, axis=-1, out=self._epoch_T, mode="clip")
            self._epoch = epoch
        return position

    # -- what is kept -------------------------------------------------------------------------

    def network(self, e: int = 0) -> Network:
        """A copy of the network, or of number e of the stack."""
        blocks = [V[e] for V in self._V] if self._stack else self._V
        return Network(
            Layer(V[:, :-1].T, V[:, -1:], activation)
            for V, activation in zip(blocks, self._activations, strict=True)
        )

    def snapshot(self) -> Snapshot:
        """A copy of all that training changes."""
        memory = tuple(array.copy() for array in self._memory)
        return Snapshot(self.iteration, self.parameters.copy(), memory)

    def rewind(self, snapshot: Snapshot) -> None:
        """Back to a snapshot.

        Raises:
            ValueError: If it is not one of such an engine; nothing changes then.
        """
        own, kept = self._changing(), (snapshot.parameters, *snapshot.memory)
        if snapshot.iteration < 0 or [a.shape for a in own] != [np.shape(a) for a in kept]:
            raise ValueError("the state is that of another network or optimizer")
        self.iteration = snapshot.iteration
        for array, before in zip(own, kept, strict=True):
            array[...] = before

    def rewind_some(self, snapshot: Snapshot, which: NDArray[np.bool_]) -> None:
        """Back to a snapshot with some networks of the stack; the count of iterations stays."""
        kept = (snapshot.parameters, *snapshot.memory)
        for array, before in zip(self._changing(), kept, strict=True):
            for V, V_before in zip(self._views(array), self._views(before), strict=True):
                V[which] = V_before[which]

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
        for n_in, n_out in pairwise(self._sizes):
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
