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
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from nncore.activations import Activation, FloatArray
from nncore.costs import loss_for
from nncore.kernels import Kernel, kernel_of
from nncore.network import Layer, Network, columns
from nncore.optimizers import Rate, State, optimizer_named

TILE = 32_768
"""Numbers in a tile's largest array, at most: 128 KiB in float32."""

LEDGER = 16_384
"""Logits kept until their costs are computed (but at least one iteration's)."""


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
    # With t = (1 − 2y) z the loss is log(1 + e^t) = max(t, 0) + log(1 + e^−|t|): no overflow.
    np.multiply(Z, T, Z)
    np.maximum(Z, 0, scratch)
    np.copysign(Z, -1, Z)
    np.exp(Z, Z)
    np.log1p(Z, Z)
    np.add(Z, scratch, Z)


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

    Attributes:
        Z: Z[l] of the hidden layers, which turns into A[l] in place.
        A: The same with the row of ones below.
        S: g′(Z[l]), or None where it is 1 throughout.
        dZ: dZ[l] of all layers, but for a factor.
        kernels: Per hidden layer, the kernels with the parts of Z and S that they work on.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        kernels: Sequence[Sequence[tuple[Kernel | None, slice]]],
        stack: tuple[int, ...],
        t: int,
        dtype: DTypeLike,
    ) -> None:
        self.A = [np.ones((*stack, n + 1, t), dtype) for n in sizes[1:-1]]
        self.Z = [A[..., :-1, :] for A in self.A]
        self.dZ = [np.empty((*stack, n, t), dtype) for n in sizes[1:]]
        slopes = [np.ones((*stack, n, t), dtype) for n in sizes[1:-1]]
        self.kernels = [
            [(kernel, Z[part], S[part]) for kernel, part in parts if kernel is not None]
            for parts, Z, S in zip(kernels, self.Z, slopes, strict=True)
        ]
        self.S = [S if run else None for S, run in zip(slopes, self.kernels, strict=True)]


@dataclass(frozen=True, eq=False)
class _Tile:
    """Some columns of a batch.

    Attributes:
        columns: Which ones, counted within the batch.
        X: Their inputs, with the row of ones.
        T: Their targets.
        buffers: Where to work; tiles of the same width share them.
    """

    columns: slice
    X: FloatArray
    T: FloatArray
    buffers: _Buffers


@dataclass(frozen=True, eq=False)
class Snapshot:
    """All that training changes."""

    iteration: int
    parameters: FloatArray
    memory: State


class Engine:
    """Trains one network (stack ``()``) or E of one shape in lockstep (stack ``(E,)``).

    `advance` never looks at finiteness: that is its callers' (`Trainer`, `StackedTrainer`).
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
        self.sizes, self.stack, self.dtype = first.layer_sizes, stack, np.dtype(dtype)
        self.activations = [network.activations for network in networks]
        X, Y = _examples(first, X, Y)
        self.m = X.shape[1]
        if self.dtype not in (np.float32, np.float64):
            raise ValueError(f"dtype must be float32 or float64, not {self.dtype}")
        if batch_size is not None and batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, or None, not {batch_size}")
        if batch_seed < 0:
            raise ValueError(f"batch_seed must be at least 0, not {batch_seed}")

        self.parameters, self.V = _blocks(self.sizes, stack, self.dtype)
        self.gradient, self.dV = _blocks(self.sizes, stack, self.dtype)
        self._part, self._dV_part = _blocks(self.sizes, stack, self.dtype)
        self._W = [V[..., :-1].swapaxes(-1, -2) for V in self.V]
        self.is_weight, blocks = _blocks(self.sizes, stack, self.dtype)
        for block in blocks:
            block[..., :-1] = 1
        for e, network in enumerate(networks):
            for layer, V in zip(network.layers, self.V, strict=True):
                own = V[e] if stack else V
                own[:, :-1], own[:, -1:] = layer.W.T, layer.b
        self.optimizer = optimizer_named(optimizer)
        self.memory = self.optimizer.init(self.parameters)
        self.iteration = 0
        self.rate: Rate = 0.0
        self.l1 = self.l2 = 0.0

        self._kernels = [_parts(layer) for layer in list(zip(*self.activations, strict=True))[:-1]]
        self._output = _OUTPUTS[first.activations[-1].name]
        self._X = np.vstack([X, np.ones((1, self.m))]).astype(self.dtype)
        self._T = self._output.targets(Y).astype(self.dtype)
        self._by_width: dict[int, _Buffers] = {}
        self.batch_size = self.m if batch_size is None else min(batch_size, self.m)
        self.batch_seed = batch_seed
        self._whole = self._tiles(self._X, self._T, 0, self.m)
        self._shuffled = self.batch_size < self.m
        self._epoch = -1
        if self._shuffled:
            self._epoch_X, self._epoch_T = self._X.copy(), self._T.copy()
            self._batches = [
                self._tiles(
                    self._epoch_X, self._epoch_T, start, min(start + self.batch_size, self.m)
                )
                for start in range(0, self.m, self.batch_size)
            ]
        else:
            self._epoch_X, self._epoch_T = self._X, self._T
            self._batches = [self._whole]
        logits = (*stack, self.sizes[-1])
        rows = max(1, LEDGER // (math.prod(logits) * self.batch_size))
        self._ledger = np.empty((rows, *logits, self.batch_size), self.dtype)
        self._scratch = np.empty_like(self._ledger)
        self._whole_logits = np.empty((1, *logits, self.m), self.dtype)
        self._whole_scratch = np.empty_like(self._whole_logits)

    def advance(self, updates: int) -> NDArray[np.float64]:
        """Do some updates; returns J before each of them, updates × stack.

        With mini-batches that is J on the batch which the update is made from.
        """
        costs = np.empty((updates, *self.stack))
        done = 0
        while done < updates:
            position = self._turn_to_epoch()
            count = min(updates - done, len(self._ledger))
            if self._shuffled:
                # As far as the epoch's batches have the same width.
                count = min(count, max(1, self.m // self.batch_size - position))
                batches = self._batches[position : position + count]
            else:
                batches = self._batches * count
            for batch, logits in zip(batches, self._ledger, strict=False):
                self._update(batch, logits)
            costs[done : done + count] = self._costs(position, count)
            done += count
        return costs

    def look(self) -> NDArray[np.float64]:
        """J before the next update, as `advance` would return it, without making the update."""
        position = self._turn_to_epoch()
        self._forward_batch(self._batches[position], self._ledger[0])
        return self._costs(position, 1)[0]

    def cost(self) -> NDArray[np.float64]:
        """J on all m examples."""
        self._forward_batch(self._whole, self._whole_logits[0])
        return _mean_losses(self._output, self._whole_logits, self._T, self._whole_scratch)[0]

    def _update(self, batch: list[_Tile], logits: FloatArray) -> None:
        gradient = self.gradient
        for tile in batch:
            Z = logits[..., tile.columns]
            self._forward(tile, Z)
            if tile is batch[0]:
                self._backward(tile, Z, self.dV)
            else:
                self._backward(tile, Z, self._dV_part)
                np.add(gradient, self._part, gradient)
        np.multiply(gradient, self._output.scale / batch[-1].columns.stop, gradient)
        if self.l2:
            np.multiply(self.parameters, self.is_weight, self._part)
            np.multiply(self._part, self.l2, self._part)
            np.add(gradient, self._part, gradient)
        if self.l1:
            np.sign(self.parameters, self._part)
            np.multiply(self._part, self.is_weight, self._part)
            np.multiply(self._part, self.l1, self._part)
            np.add(gradient, self._part, gradient)
        self.optimizer.update(gradient, self.memory, self.rate, self.iteration)
        np.subtract(self.parameters, gradient, self.parameters)
        self.iteration += 1

    def _forward_batch(self, batch: list[_Tile], logits: FloatArray) -> None:
        for tile in batch:
            self._forward(tile, logits[..., tile.columns])

    def _forward(self, tile: _Tile, logits: FloatArray) -> None:
        """Z[l] = V[l] A[l-1], A[l] = g[l](Z[l]); the logits Z[L] go where they are wanted."""
        buffers = tile.buffers
        A = tile.X
        for V, Z, A_next, kernels in zip(
            self.V, buffers.Z, buffers.A, buffers.kernels, strict=False
        ):
            np.matmul(V, A, Z)
            for kernel, Z_part, S_part in kernels:
                kernel(Z_part, S_part)
            A = A_next
        np.matmul(self.V[-1], A, logits)

    def _backward(self, tile: _Tile, logits: FloatArray, dV: list[FloatArray]) -> None:
        """dZ[L] = A[L] − Y, dZ[l] = (W[l+1] dZ[l+1]) * g[l]′(Z[l]), dV[l] = dZ[l] A[l-1].T.

        But for the factor `scale`/m, with which the finished gradient is multiplied.
        """
        buffers = tile.buffers
        dZ = buffers.dZ[-1]
        self._output.error(logits, tile.T, dZ)
        for layer in range(len(dV) - 1, 0, -1):
            np.matmul(dZ, buffers.A[layer - 1].swapaxes(-1, -2), dV[layer])
            # A product with one column is faster as a broadcast multiplication.
            spread = np.multiply if self.sizes[layer + 1] == 1 else np.matmul
            dZ = spread(self._W[layer], dZ, buffers.dZ[layer - 1])
            S = buffers.S[layer - 1]
            if S is not None:
                np.multiply(dZ, S, dZ)
        np.matmul(dZ, tile.X.T, dV[0])

    def _costs(self, position: int, count: int) -> NDArray[np.float64]:
        """J of the first `count` rows of the ledger, count × stack; consumes them."""
        ledger, scratch, T = self._ledger[:count], self._scratch[:count], self._epoch_T
        if self._shuffled:
            start = position * self.batch_size
            width = min(self.batch_size, self.m - start)
            ledger, scratch = ledger[..., :width], scratch[..., :width]
            n_L = len(T)
            T = T[:, start : start + count * width].reshape(n_L, count, width).swapaxes(0, 1)
            T = T.reshape(count, *(1 for _ in self.stack), n_L, width)
        return _mean_losses(self._output, ledger, T, scratch)

    # -- batches ------------------------------------------------------------------------------

    def _tiles(self, X: FloatArray, T: FloatArray, start: int, stop: int) -> list[_Tile]:
        """The columns from start to stop in tiles of equal width, but for the last."""
        largest = math.prod(self.stack) * max(self.sizes)
        width = min(stop - start, max(1, TILE // largest))
        tiles = []
        for begin in range(start, stop, width):
            end = min(begin + width, stop)
            if end - begin not in self._by_width:
                self._by_width[end - begin] = _Buffers(
                    self.sizes, self._kernels, self.stack, end - begin, self.dtype
                )
            columns = slice(begin - start, end - start)
            buffers = self._by_width[end - begin]
            tiles.append(_Tile(columns, X[:, begin:end], T[:, begin:end], buffers))
        return tiles

    def _turn_to_epoch(self) -> int:
        """Bring the examples in the order of the current epoch; returns the batch's position.

        The order depends on the seed and the number of the epoch alone, so that any iteration
        can be reached from anywhere.
        """
        epoch, position = divmod(self.iteration, len(self._batches))
        if self._shuffled and epoch != self._epoch:
            random = np.random.Philox(key=self.batch_seed, counter=[0, 0, 0, epoch])
            order = np.random.Generator(random).permutation(self.m)
            np.take(self._X, order, axis=1, out=self._epoch_X, mode="clip")
            np.take(self._T, order, axis=1, out=self._epoch_T, mode="clip")
            self._epoch = epoch
        return position

    # -- what is kept -------------------------------------------------------------------------

    def snapshot(self) -> Snapshot:
        """A copy of all that training changes."""
        memory = tuple(array.copy() for array in self.memory)
        return Snapshot(self.iteration, self.parameters.copy(), memory)

    def rewind(self, snapshot: Snapshot) -> None:
        """Back to a snapshot."""
        self.iteration = snapshot.iteration
        self.parameters[...] = snapshot.parameters
        for array, kept in zip(self.memory, snapshot.memory, strict=True):
            array[...] = kept

    def restore(self, iteration: int, parameters: FloatArray, memory: State) -> None:
        """Back to a snapshot that comes from outside.

        Raises:
            ValueError: If it does not fit; nothing changes then.
        """
        shapes = [array.shape for array in (self.parameters, *self.memory)]
        if iteration < 0 or [np.shape(array) for array in (parameters, *memory)] != shapes:
            raise ValueError("the state does not fit this network and optimizer")
        self.rewind(Snapshot(iteration, parameters, tuple(memory)))

    def network(self, e: int | None = None) -> Network:
        """A copy of the network, or of number e in the stack."""
        blocks = self.V if e is None else [V[e] for V in self.V]
        return Network(
            Layer(V[:, :-1].T, V[:, -1:], activation)
            for V, activation in zip(blocks, self.activations[e or 0], strict=True)
        )

    def penalty(self) -> NDArray[np.float64]:
        """What L1 and L2 add to J: l1 Σ|W| + ½ l2 ΣW², of the shape of the stack."""
        penalty = np.zeros(self.stack)
        for W in self._W:
            penalty += self.l1 * np.sum(np.abs(W), axis=(-2, -1), dtype=np.float64)
            penalty += self.l2 / 2 * np.sum(np.square(W, dtype=np.float64), axis=(-2, -1))
        return penalty

    def finite(self) -> NDArray[np.bool_]:
        """Whether all parameters are finite, of the shape of the stack."""
        finite = np.ones(self.stack, np.bool_)
        for V in self.V:
            finite &= np.isfinite(V).all(axis=(-2, -1))
        return finite


def _blocks(
    sizes: Sequence[int], stack: tuple[int, ...], dtype: DTypeLike
) -> tuple[FloatArray, list[FloatArray]]:
    """One flat array of zeros, and views of it: per layer stack × n[l] × (n[l-1] + 1)."""
    shapes = [(*stack, n_out, n_in + 1) for n_in, n_out in pairwise(sizes)]
    ends = np.cumsum([math.prod(shape) for shape in shapes])
    flat = np.zeros(ends[-1], dtype)
    parts = np.split(flat, ends[:-1])
    return flat, [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]


def _parts(activations: Sequence[Activation]) -> list[tuple[Kernel | None, slice]]:
    """The kernels of a layer across the stack, each with the networks in a row that use it."""
    parts, start = [], 0
    for activation, group in groupby(activations):
        stop = start + len(list(group))
        whole = stop - start == len(activations)
        parts.append((kernel_of(activation), slice(None) if whole else slice(start, stop)))
        start = stop
    return parts


def _mean_losses(
    output: _Output, Z: FloatArray, T: FloatArray, scratch: FloatArray
) -> NDArray[np.float64]:
    """J per row and network; Z is rows × stack × n[L] × m, and is consumed."""
    output.losses(Z, T, scratch)
    per_network = Z.reshape(*Z.shape[:-2], -1)
    return np.add.reduce(per_network, axis=-1).astype(np.float64) / Z.shape[-1]


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
