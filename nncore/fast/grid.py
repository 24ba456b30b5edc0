"""The network's output on a grid over the plane, and that of each hidden unit, as pictures.

The values are float32, which is enough for a picture; use `predict` for exact numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..features import PLAIN, featurize
from ..network import Network
from .kernels import Kernel, kernel_of

Float32Array = NDArray[np.float32]


@dataclass(frozen=True)
class Grid:
    """Width × height points evenly spread over a rectangle, its borders included.

    Attributes:
        x_range: (lo, hi) of x1, the columns of a picture.
        y_range: (lo, hi) of x2, the rows of a picture; row 0 is at lo.
        width: Points across, at least 2.
        height: Points up, at least 2.
        features: What the network gets of each point: names in `FEATURES`.

    Raises:
        ValueError: If a range is empty or not finite, or there are fewer than 2 × 2 points.
    """

    x_range: tuple[float, float]
    y_range: tuple[float, float]
    width: int
    height: int
    features: tuple[str, ...] = PLAIN

    def __post_init__(self) -> None:
        for name, (lo, hi) in (("x_range", self.x_range), ("y_range", self.y_range)):
            if not (np.isfinite(lo) and np.isfinite(hi) and lo < hi):
                raise ValueError(f"{name} must be two finite numbers lo < hi, not {(lo, hi)}")
        if self.width < 2 or self.height < 2:
            raise ValueError(
                f"a grid needs at least 2 × 2 points, not {self.width} × {self.height}"
            )

    @cached_property
    def X(self) -> Float32Array:
        """The points' features, len(features) × (height · width), row after row from y = lo."""
        x1, x2 = np.meshgrid(
            np.linspace(*self.x_range, self.width), np.linspace(*self.y_range, self.height)
        )
        X = self.inputs(np.stack([x1.ravel(), x2.ravel()]))
        X.flags.writeable = False
        return X

    @property
    def is_plain(self) -> bool:
        """Whether the network is given the coordinates themselves and nothing else."""
        return set(self.features) <= set(PLAIN)

    def inputs(self, points: NDArray[np.float64]) -> Float32Array:
        """The features of other points, 2 × m, as `X` has those of its own."""
        X = points if self.features == PLAIN else featurize(points, self.features)
        return X.astype(np.float32)


class GridEvaluator:
    """Evaluates networks on one grid, again and again, in the same memory.

    The buffers fit the last network. **The results are views of them**, valid until the next
    call: copy them to keep them. They are always finite. Where huge weights overflow float32, an
    infinity becomes the largest number, and ∞ − ∞ the middle (½ for a sigmoid, else 0).
    """

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        self._layer_sizes: tuple[int, ...] = ()
        self._V: list[Float32Array] = []
        self._kernels: list[Kernel | None] = []
        self._A: list[Float32Array] = [
            np.vstack([grid.X, np.ones((1, grid.X.shape[1]), np.float32)])
        ]

    def boundary(self, network: Network) -> Float32Array:
        """ŷ of the first output unit at each point, height × width.

        Raises:
            ValueError: If the network's inputs are not the grid's features.
        """
        Y: Float32Array = self._picture(self._evaluate(network)[-1])[0]
        return Y

    def unit_maps(self, network: Network) -> list[Float32Array]:
        """A[l] of each hidden layer at each point, each n[l] × height × width.

        Raises:
            ValueError: If the network's inputs are not the grid's features.
        """
        return [self._picture(A) for A in self._evaluate(network)[:-1]]

    def pictures(
        self, network: Network, units: Sequence[tuple[int, int]] = ()
    ) -> tuple[list[Float32Array], Float32Array]:
        """A[1], …, A[L] at each point, and Z of those units, each n × height × width.

        Args:
            network: Any.
            units: The layer (from 1) and number of each whose Z is wanted, layer by layer; Z is the
                caller's to keep.

        Raises:
            ValueError: If the network's inputs are not the grid's features.
        """
        kept = np.empty((len(units), self.grid.X.shape[1]), np.float32)
        outputs = self._evaluate(network, units, kept)
        return [self._picture(A) for A in outputs], self._picture(kept)

    def preactivations(self, network: Network, last: int, X: Float32Array) -> Float32Array:
        """Z[1], …, Z[last] of the network evaluated last at other points, one below the other.

        Args:
            network: The same again.
            last: A layer, from 1.
            X: The points' features, as `Grid.inputs` has them.
        """
        sizes = network.layer_sizes
        Z = np.empty((sum(sizes[1 : last + 1]), X.shape[1]), np.float32)
        A, row = X, 0
        with np.errstate(over="ignore", invalid="ignore"):
            for size, V, kernel in zip(sizes[1 : last + 1], self._V, self._kernels, strict=False):
                z = Z[row : row + size]
                row += size
                np.matmul(V[:, :-1], A, out=z)
                z += V[:, -1:]
                if row < len(Z):
                    A = z.copy()
                    if kernel is not None:
                        kernel(A, None)
        return Z

    def _evaluate(
        self,
        network: Network,
        units: Sequence[tuple[int, int]] = (),
        kept: Float32Array | None = None,
    ) -> list[Float32Array]:
        """A[1], …, A[L], each n[l] × (height · width); and Z of some units into `kept`."""
        wanted: dict[int, list[int]] = {}
        for at, unit in units:
            wanted.setdefault(at, []).append(unit)
        row = 0
        if network.layer_sizes != self._layer_sizes:
            self._allocate(network.layer_sizes)
        self._kernels = [kernel_of(layer.activation, np.float32) for layer in network.layers]
        outputs = []
        with np.errstate(over="ignore", invalid="ignore"):  # made finite below
            for index, (layer, V, A_in, A_out) in enumerate(
                zip(network.layers, self._V, self._A, self._A[1:], strict=False), 1
            ):
                V[:, :-1], V[:, -1:] = layer.W.T, layer.b
                A = A_out[:-1]
                np.matmul(V, A_in, out=A)
                if kept is not None and index in wanted:
                    numbers = wanted[index]
                    A.take(numbers, axis=0, out=kept[row : row + len(numbers)], mode="clip")
                    row += len(numbers)
                kernel = self._kernels[index - 1]
                if kernel is not None:
                    kernel(A, None)
                if not np.isfinite(A).all():
                    middle = 0.5 if layer.activation.name == "sigmoid" else 0.0
                    np.nan_to_num(A, copy=False, nan=middle)
                outputs.append(A)
        return outputs

    def _picture(self, A: Float32Array) -> Float32Array:
        return A.reshape(len(A), self.grid.height, self.grid.width)

    def _allocate(self, layer_sizes: tuple[int, ...]) -> None:
        if layer_sizes[0] != len(self.grid.X):
            raise ValueError(
                f"the network has {layer_sizes[0]} inputs, the grid {len(self.grid.X)} features"
            )
        points = self.grid.X.shape[1]
        self._layer_sizes = layer_sizes
        self._V = [np.empty((n_out, n_in + 1), np.float32) for n_in, n_out in pairwise(layer_sizes)]
        # Each layer's output carries a row of ones, which the next layer's biases multiply.
        self._A[1:] = [np.ones((n + 1, points), np.float32) for n in layer_sizes[1:]]


def boundary(network: Network, grid: Grid) -> Float32Array:
    """ŷ of the first output unit at each point of the grid, height × width.

    >>> from nncore import initialize
    >>> network = initialize([2, 4, 1], ["tanh", "sigmoid"], rng=np.random.default_rng(0))
    >>> boundary(network, Grid((-6, 6), (-6, 6), width=40, height=30)).shape
    (30, 40)

    Raises:
        ValueError: If the network's inputs are not the grid's features.
    """
    return GridEvaluator(grid).boundary(network)
