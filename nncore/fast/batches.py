"""The examples in batches, the batches in tiles, and the memory that a tile needs."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..activations import FloatArray

TILE = 2**18
"""Bytes of a tile's largest array, at most: a few of them fit a processor's second-level cache."""


class Buffers:
    """The arrays that t examples need on their way through the network and back.

    All have the shape stack × rows × t, but lie in memory as rows × stack × t. Some rows of all
    networks are then one piece of memory, and a ufunc handles them in one go.

    Attributes:
        A: A[l] of the hidden layers, with the row of ones below.
        Z: The same without that row: Z[l], which turns into A[l] in place.
        S: g′(Z[l]).
        dZ: dZ[l] of all layers, without the factor `Output.scale`/m.
        X_dZ: X * dZ[L], for a single output unit.
        X_dZ_T: The same with one more row, dZ[L], where X has its ones; transposed.
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


class Tile:
    """Some columns of a batch.

    Attributes:
        columns: Which ones, counted within the batch.
        X: Their inputs, without the row of ones.
        T: Their targets, stack × n[L] × t.
        A_in: What goes into each layer, with the row of ones: X, A[1], …, A[L-1].
        A_in_T: The same, transposed.
        buffers: To work in; tiles of the same width share them.
    """

    def __init__(self, columns: slice, X: FloatArray, T: FloatArray, buffers: Buffers) -> None:
        self.columns, self.X, self.T, self.buffers = columns, X[:-1], T, buffers
        self.A_in = [X, *buffers.A]
        self.A_in_T = [A.swapaxes(-1, -2) for A in self.A_in]


Batch = list[Tile]


class Batches:
    """The examples in the order in which an epoch goes through them, batch by batch.

    Attributes:
        shuffled: Whether the batches are smaller than the data. If so, every epoch has an order of
            its own. It depends only on the seed and the number of the epoch, so any iteration can
            be reached from any other.
        count: Batches in an epoch.
        width: Examples in a batch; the last one of an epoch may have fewer.
        widths: Those of all batches.
        whole: All examples as one batch, unshuffled.
        T: The targets, unshuffled: stack × n[L] × m.
    """

    def __init__(
        self,
        X: FloatArray,
        T: FloatArray,
        sizes: Sequence[int],
        *,
        batch_size: int | None,
        seed: int,
    ) -> None:
        self.T = T
        self._X, self._sizes, self._seed = X, sizes, seed
        self._m = X.shape[-1]
        self._buffers: dict[int, Buffers] = {}
        self.whole = self._tiles(X, T, 0, self._m)
        self.width = self._m if batch_size is None else min(int(batch_size), self._m)
        self.shuffled = self.width < self._m
        self._epoch = -1
        self._epoch_X, self._epoch_T, self._batches = X, T, [self.whole]
        if self.shuffled:
            self._epoch_X, self._epoch_T = X.copy(), T.copy()
            self._batches = [
                self._tiles(self._epoch_X, self._epoch_T, start, min(start + self.width, self._m))
                for start in range(0, self._m, self.width)
            ]
        self.count = len(self._batches)
        self.widths = {batch[-1].columns.stop for batch in self._batches}

    def upcoming(self, iteration: int, most: int) -> tuple[list[Batch], FloatArray]:
        """The next batches, up to the first of another epoch or another width.

        Args:
            iteration: Where to start, counted from 0.
            most: No more batches than this.

        Returns:
            The batches and their targets. These are stack × n[L] × width if all batches are the
            same one, else there is a first axis for the batches.
        """
        if not self.shuffled:
            return self._batches * most, self.T
        epoch, position = divmod(iteration, len(self._batches))
        self._shuffle(epoch)
        count = min(most, max(1, self._m // self.width - position))
        start = position * self.width
        width = min(self.width, self._m - start)
        T = self._epoch_T[..., start : start + count * width]
        T = np.moveaxis(T.reshape(*T.shape[:-1], count, width), -2, 0)
        return self._batches[position : position + count], T

    def columns(self, iteration: int) -> NDArray[np.intp]:
        """Which of the m examples the batch of this iteration has, in its order."""
        if not self.shuffled:
            return np.arange(self._m)
        epoch, position = divmod(iteration, self.count)
        return self._order(epoch)[position * self.width : (position + 1) * self.width]

    def _order(self, epoch: int) -> NDArray[np.intp]:
        bits = np.random.Philox(key=self._seed, counter=[0, 0, 0, epoch])
        return np.random.Generator(bits).permutation(self._m)

    def _shuffle(self, epoch: int) -> None:
        if epoch != self._epoch:
            order = self._order(epoch)
            np.take(self._X, order, axis=-1, out=self._epoch_X, mode="clip")
            np.take(self.T, order, axis=-1, out=self._epoch_T, mode="clip")
            self._epoch = epoch

    def _tiles(self, X: FloatArray, T: FloatArray, start: int, stop: int) -> Batch:
        """The columns from start to stop, in tiles of one width; the last may be narrower."""
        stack = T.shape[:-2]
        widest = max(1, TILE // (math.prod(stack) * max(self._sizes) * X.itemsize))
        tiles = []
        for begin in range(start, stop, widest):
            end = min(begin + widest, stop)
            width = end - begin
            if width not in self._buffers:
                self._buffers[width] = Buffers(self._sizes, stack, width, X.dtype)
            columns = slice(begin - start, end - start)
            tiles.append(Tile(columns, X[:, begin:end], T[..., begin:end], self._buffers[width]))
        return tiles
