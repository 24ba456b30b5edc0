"""Arrays to words and rows, and back: the one place that transposes, packs and deflates.

nncore holds one column per example; JSON and MessagePack hold one row per example. A weight
matrix is n_in × n_out in both, so it crosses as it is.
"""

import math
import zlib
from base64 import b64encode
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgpack
import numpy as np
from numpy.typing import NDArray

import nncore
from app.schemas import Encoding, Task, View

Array = NDArray[np.float64]

# A picture as differences is mostly runs of equal bytes: looking for nothing else takes 0.1 ms a
# frame where zlib's whole search takes 0.5, for an eighth more bytes. A plain one needs the search.
STRATEGIES = {"differences": zlib.Z_RLE, "plain": zlib.Z_DEFAULT_STRATEGY}
DEFLATE_LEVEL = 6
DEFLATE_MEMORY = 9


def columns(rows: Array | Sequence[Sequence[float]]) -> Array:
    """Rows of JSON as the lecture's matrix: n × m, one column per example."""
    return np.ascontiguousarray(np.array(rows, dtype=np.float64).T)


def rows(X: NDArray[Any]) -> list[list[float]]:
    """An n × m matrix as JSON: one row per example."""
    return X.T.tolist()  # type: ignore[no-any-return]


def labels(Y: NDArray[Any], task: Task = "classification") -> list[int] | list[float]:
    """A 1 × m matrix as JSON: zeros and ones, or the targets of a regression."""
    return (Y.astype(int) if task == "classification" else Y).ravel().tolist()


def parameters(network: nncore.Network) -> list[dict[str, Any]]:
    """Weights and biases of every layer, output last."""
    return [{"weights": y.W.tolist(), "biases": y.b.ravel().tolist()} for y in network.layers]


def network(network: nncore.Network) -> dict[str, Any]:
    """A network as `GET /train/{id}/network` gives it."""
    layers = []
    for words, layer in zip(parameters(network), network.layers, strict=True):
        words["activation"] = layer.activation.name
        if layer.activation.slope is not None:
            words["slope"] = layer.activation.slope
        layers.append(words)
    return {"layers": layers}


def diagnostics(look: nncore.LayerDiagnostics) -> dict[str, Any]:
    """A look at a layer, as frames have it."""
    return {
        "histogram": look.histogram.tolist(),
        "low": float(look.edges[0]),
        "high": float(look.edges[-1]),
        "saturated": look.saturated,
        "dead": list(look.dead),
        "nonpositive": look.nonpositive,
        "mean": look.mean,
        "gradient_norm": look.gradient_norm,
        "update_ratio": look.update_ratio,
    }


def finite(value: float | None) -> float | None:
    """A number; null for what is none, since JSON has no infinity."""
    return value if value is not None and math.isfinite(value) else None


LARGEST_FLOAT32 = float(np.finfo(np.float32).max)


def float32(costs: Array) -> bytes:
    """Costs as little-endian float32; one beyond its largest number, 3.4·10³⁸, is sent as that.

    Such a run is about to leave the finite and to say so; REST tells its costs in full.
    """
    return np.minimum(costs, LARGEST_FLOAT32).astype("<f4").tobytes()


def capped(value: float | None) -> float | None:
    """A cost of a frame: one that is larger than a float32, or infinite, is sent as the largest."""
    if value is None:
        return None
    return min(value, LARGEST_FLOAT32) if math.isfinite(value) else LARGEST_FLOAT32


def pack(frame: dict[str, Any], encoding: Encoding) -> bytes:
    """A frame as it is sent: MessagePack, deflated with zlib as suits its pictures."""
    deflate = zlib.compressobj(
        DEFLATE_LEVEL, zlib.DEFLATED, zlib.MAX_WBITS, DEFLATE_MEMORY, STRATEGIES[encoding]
    )
    return deflate.compress(msgpack.packb(frame)) + deflate.flush()


def unpack(data: bytes) -> dict[str, Any]:
    """The frame of `pack`, for tests, benchmarks and clients in Python."""
    return msgpack.unpackb(zlib.decompress(data))  # type: ignore[no-any-return]


# -- pictures -------------------------------------------------------------------------------


# A picture of a large network, or of many, costs more than their training; it is drawn coarser.
MOST_PICTURE_WORK = 50_000_000
"""Multiplications of all boundaries of a frame, and of all maps of units: some 20 ms each."""
UNIT_WORK = 16
"""What an activation takes, in multiplications."""
MOST_MAP_BYTES = 400_000
"""Of all maps of units of a frame."""
MOST_KEPT_VALUES = 1_000_000
SMALLEST = 8
"""Pixels across, of a picture that is drawn as coarse as can be; half of that for a unit's map."""


def pictures(
    network: nncore.Network,
    view: View,
    features: tuple[str, ...],
    scale: tuple[float, float],
    runs: int = 1,
) -> dict[str, Any]:
    """`boundary` and, if the view asks for them, `neurons` of a network over the plane.

    `scale` is what the bytes 0 and 255 of the boundary stand for; `runs` is how many networks share
    the frame.
    """
    fine = math.isqrt(MOST_PICTURE_WORK // (runs * _work_of_a_point(network)))
    size = max(SMALLEST, min(view.resolution, fine))
    Y_hat = _evaluator(network, view, features, size).boundary(network)
    drawn: dict[str, Any] = {"boundary": _boundary(Y_hat, view, scale)}
    if view.neurons:
        units = max(1, sum(network.layer_sizes[1:-1]))
        fine = min(fine, math.isqrt(MOST_MAP_BYTES // (runs * units)))
        size = max(SMALLEST // 2, min(view.neuron_resolution, fine))
        maps = _evaluator(network, view, features, size).unit_maps(network)
        drawn["neurons"] = [
            _unit_maps(A, layer.activation, view)
            for A, layer in zip(maps, network.layers[:-1], strict=True)
        ]
    return drawn


def _boundary(Y_hat: NDArray[Any], view: View, scale: tuple[float, float]) -> dict[str, Any]:
    """ŷ over the view's part of the plane, of shape height × width, as a frame has it."""
    low, high = scale
    height, width = Y_hat.shape
    return {
        "width": width,
        "height": height,
        "x": view.x,
        "y": view.y,
        "encoding": view.encoding,
        "low": low,
        "high": high,
        "values": _bytes(((Y_hat - low) / (high - low)).clip(0, 1), view),
    }


def _work_of_a_point(network: nncore.Network) -> int:
    return network.parameter_count + UNIT_WORK * sum(network.layer_sizes)


MEAN_RESOLUTION = 60


def mean_boundary(
    networks: Sequence[nncore.Network],
    view: View,
    features: tuple[str, ...],
    scale: tuple[float, float],
) -> dict[str, Any]:
    """The mean of ŷ over networks of one shape, for a text message: bytes as base64."""
    fine = math.isqrt(MOST_PICTURE_WORK // (len(networks) * _work_of_a_point(networks[0])))
    size = max(SMALLEST, min(MEAN_RESOLUTION, fine))
    evaluator = _evaluator(networks[0], view, features, size)
    Y_hat = sum(map(evaluator.boundary, networks), np.zeros((size, size))) / len(networks)
    drawn = _boundary(Y_hat, View(x=view.x, y=view.y), scale)
    del drawn["encoding"]
    return {**drawn, "values": b64encode(drawn["values"]).decode("ascii")}


def _evaluator(
    network: nncore.Network, view: View, features: tuple[str, ...], size: int
) -> nncore.GridEvaluator:
    """An evaluator for this network's shape and this view, kept from call to call if small."""
    sizes = network.layer_sizes
    small = sum(sizes) * size**2 <= MOST_KEPT_VALUES
    build = _kept_evaluator if small else _kept_evaluator.__wrapped__
    (x_low, x_high), (y_low, y_high) = view.x, view.y
    return build((x_low, x_high), (y_low, y_high), size, features, sizes)


@lru_cache(maxsize=64)
def _kept_evaluator(
    x: tuple[float, float],
    y: tuple[float, float],
    size: int,
    features: tuple[str, ...],
    layer_sizes: tuple[int, ...],
) -> nncore.GridEvaluator:
    return nncore.GridEvaluator(nncore.Grid(x, y, size, size, features))


def _bytes(values: NDArray[Any], view: View) -> bytes:
    """Values from 0 to 1, of shape … × height × width, as bytes: round(255·value), row by row.

    As `differences`, each byte is its value less those of its left and lower neighbours, plus that
    of the one between them (modulo 256, what lies outside being 0). A smooth picture is then nearly
    all zeros and deflates to half the size. Sums along the rows and up the columns undo it.
    """
    plain: NDArray[np.uint8] = np.rint(values * 255).astype(np.uint8)
    if view.encoding == "plain":
        return plain.tobytes()
    differences = plain.copy()
    differences[..., 1:, :] -= plain[..., :-1, :]
    differences[..., :, 1:] -= differences[..., :, :-1].copy()
    return differences.tobytes()


def _unit_maps(A: NDArray[Any], activation: nncore.Activation, view: View) -> dict[str, Any]:
    """The maps of a layer's units, A of shape n[l] × height × width, each on its own scale."""
    units, height, width = A.shape
    if activation.name == "sigmoid":
        low, high = np.zeros(units), np.ones(units)
    else:
        high = np.abs(A).max(axis=(1, 2)).astype(np.float64)
        high[high == 0] = 1
        low = -high
    span = (high - low)[:, np.newaxis, np.newaxis]
    return {
        "units": units,
        "width": width,
        "height": height,
        "low": low.tolist(),
        "high": high.tolist(),
        "encoding": view.encoding,
        "values": _bytes((A - low[:, np.newaxis, np.newaxis]) / span, view),
    }
