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
ZLIB_HEADER, WINDOW = b"\x78\x9c", -15
# What comes before the pictures is words and numbers: in a block of its own they take half as much.
PICTURES = msgpack.packb("boundary")
WORDS_WINDOW, WORDS_MEMORY = -12, 6


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
    """A frame as it is sent: MessagePack, deflated with zlib, pictures and the rest as suits each.

    Pictures begin where their name is. A number that happens to look like it costs some bytes.
    """
    packed = msgpack.packb(frame)
    words = max(0, packed.find(PICTURES))
    before = zlib.compressobj(DEFLATE_LEVEL, zlib.DEFLATED, WORDS_WINDOW, WORDS_MEMORY)
    pictures = zlib.compressobj(
        DEFLATE_LEVEL, zlib.DEFLATED, WINDOW, DEFLATE_MEMORY, STRATEGIES[encoding]
    )
    view = memoryview(packed)
    return b"".join(
        (
            ZLIB_HEADER,
            before.compress(view[:words]),
            before.flush(zlib.Z_SYNC_FLUSH),
            pictures.compress(view[words:]),
            pictures.flush(),
            zlib.adler32(packed).to_bytes(4, "big"),
        )
    )


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
    """`boundary` of a network over the plane and, if the view asks for them, `neurons` and `lines`.

    `scale` is what the bytes 0 and 255 of the boundary stand for; `runs` is how many networks share
    the frame.
    """
    last = len(network.layers)
    fine = math.isqrt(MOST_PICTURE_WORK // (runs * _work_of_a_point(network)))
    evaluator = _evaluator(network, view, features, max(SMALLEST, min(view.resolution, fine)))
    lined = _lined(network, view)
    A, Z = evaluator.pictures(
        network, {layer: slice(unit, unit + 1) for layer, unit in lined.items()}
    )
    lines = {
        layer: _find_lines(evaluator, network, layer, Z[layer], unit)
        for layer, unit in lined.items()
    }
    values = _rounded(_scaled(A[-1][0], scale), lines.get(last))
    told: dict[str, Any] = {}
    if last in lines:
        told["boundary"] = _shares(values, lines.pop(last), STEPS)
    for layer, line in lines.items():
        sides = line.above.astype(np.uint8)
        told["unit"] = {
            "layer": layer,
            "unit": lined[layer],
            **_size(evaluator, view),
            "values": _encoded(sides, view),
            "shares": _shares(sides, line, STEPS, 0),
        }
    boundary = _boundary(values, view, scale)
    if not view.neurons:
        return {"lines": told, "boundary": boundary} if view.lines else {"boundary": boundary}
    units = max(1, sum(network.layer_sizes[1:-1]))
    fine = min(fine, math.isqrt(MOST_MAP_BYTES // (runs * units)))
    size = max(SMALLEST // 2, min(view.neuron_resolution, fine))
    evaluator = _evaluator(network, view, features, size)
    hidden = range(1, last)
    A, Z = evaluator.pictures(network, dict.fromkeys(hidden if view.lines else (), slice(None)))
    neurons, told["neurons"] = [], []
    for layer in hidden:
        maps, shares = _unit_maps(
            A[layer - 1],
            network.layers[layer - 1].activation,
            evaluator,
            view,
            _find_lines(evaluator, network, layer, Z[layer], close=False) if Z else None,
        )
        neurons.append(maps)
        told["neurons"].append(shares)
    # Lines come before the pictures, with what deflates as words and numbers do.
    return {**({"lines": told} if view.lines else {}), "boundary": boundary, "neurons": neurons}


def _lined(network: nncore.Network, view: View) -> dict[int, int]:
    """Layer -> the unit of it whose line is found as finely as the plane is drawn."""
    lined = {}
    if view.lines and network.layers[-1].activation.name == "sigmoid":
        lined[len(network.layers)] = 0
    if view.lines and (wanted := view.line_of) is not None:
        hidden = network.layer_sizes[1:-1]
        if wanted.layer <= len(hidden) and wanted.unit < hidden[wanted.layer - 1]:
            lined[wanted.layer] = wanted.unit
    return lined


def _find_lines(
    evaluator: nncore.GridEvaluator,
    network: nncore.Network,
    layer: int,
    Z: NDArray[np.float32],
    first: int = 0,
    *,
    close: bool = True,
) -> nncore.Lines:
    strict = network.layers[layer - 1].activation.name == "relu"
    return nncore.find_lines(evaluator, network, layer, Z, first=first, strict=strict, close=close)


def _size(evaluator: nncore.GridEvaluator, view: View) -> dict[str, Any]:
    grid = evaluator.grid
    return {"width": grid.width, "height": grid.height, "encoding": view.encoding}


STEPS, MAP_STEPS = 32, 8
"""Places at which a line may cross an edge of the plane, and of a unit's map: a fifth and a third
of a pixel apart, as large as they are drawn."""


def _shares(values: NDArray[np.uint8], lines: nncore.Lines, steps: int, middle: int = 127) -> bytes:
    """Where lines cross the edges of a picture, as steps from where its bytes alone have them.

    Modulo `steps`. Most are near 0, wherever the bytes differ by much.
    """
    flat = values.ravel()
    a, b = flat[lines.a].astype(np.intp), flat[lines.b].astype(np.intp)
    guess = np.abs(2 * middle + 1 - 2 * a) * steps // (2 * np.abs(b - a))
    at = (lines.t * steps).astype(np.intp).clip(0, steps - 1)
    shares: NDArray[np.uint8] = ((at - guess) % steps).astype(np.uint8)
    return shares.tobytes()


def _scaled(Y_hat: NDArray[Any], scale: tuple[float, float]) -> NDArray[Any]:
    low, high = scale
    scaled: NDArray[Any] = ((Y_hat - low) / (high - low)).clip(0, 1)
    return scaled


def _boundary(values: NDArray[np.uint8], view: View, scale: tuple[float, float]) -> dict[str, Any]:
    """Bytes of ŷ over the view's part of the plane, of shape height × width, as a frame has it."""
    low, high = scale
    height, width = values.shape
    return {
        "width": width,
        "height": height,
        "x": view.x,
        "y": view.y,
        "encoding": view.encoding,
        "low": low,
        "high": high,
        "values": _encoded(values, view),
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
    drawn = _boundary(_rounded(_scaled(Y_hat, scale)), View(x=view.x, y=view.y), scale)
    del drawn["encoding"]
    return {**drawn, "values": b64encode(drawn["values"]).decode("ascii")}


def evaluator(
    network: nncore.Network, view: View, features: tuple[str, ...], size: int
) -> nncore.GridEvaluator:
    """One of so many points across, or of fewer: it takes no longer than a picture."""
    fine = math.isqrt(MOST_PICTURE_WORK // _work_of_a_point(network))
    return _evaluator(network, view, features, max(SMALLEST, min(size, fine)))


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


def _rounded(
    values: NDArray[Any], lines: nncore.Lines | None = None, middle: int = 127
) -> NDArray[np.uint8]:
    """Values from 0 to 1 as bytes: round(255·value), those above a line above its middle."""
    plain: NDArray[np.uint8] = np.rint(values * 255).astype(np.uint8)
    if lines is not None:
        above = lines.above.reshape(plain.shape)
        wrong = (plain > middle) != above
        if wrong.any():
            plain[wrong] = np.where(above[wrong], middle + 1, middle)
    return plain


def _encoded(plain: NDArray[np.uint8], view: View) -> bytes:
    """Bytes of shape … × height × width, row by row.

    As `differences`, each byte is its value less those of its left and lower neighbours, plus that
    of the one between them (modulo 256, what lies outside being 0). A smooth picture is then nearly
    all zeros and deflates to half the size. Sums along the rows and up the columns undo it.
    """
    if view.encoding == "plain":
        return plain.tobytes()
    differences = plain.copy()
    differences[..., 1:, :] -= plain[..., :-1, :]
    differences[..., :, 1:] -= differences[..., :, :-1].copy()
    return differences.tobytes()


def _unit_maps(
    A: NDArray[Any],
    activation: nncore.Activation,
    evaluator: nncore.GridEvaluator,
    view: View,
    lines: nncore.Lines | None,
) -> tuple[dict[str, Any], bytes]:
    """The maps of a layer's units, A of shape n[l] × height × width, each on its own scale.

    And where their lines cross the edges.
    """
    units = len(A)
    if activation.name == "sigmoid":
        low, high = np.zeros(units), np.ones(units)
    else:
        high = np.abs(A).max(axis=(1, 2)).astype(np.float64)
        high[high == 0] = 1
        low = -high
    span = (high - low)[:, np.newaxis, np.newaxis]
    # A ReLU's zero is 128: what is above its line is above that.
    middle = 128 if activation.name == "relu" else 127
    values = _rounded((A - low[:, np.newaxis, np.newaxis]) / span, lines, middle)
    maps = {
        "units": units,
        **_size(evaluator, view),
        "low": low.tolist(),
        "high": high.tolist(),
        "values": _encoded(values, view),
    }
    return maps, b"" if lines is None else _shares(values, lines, MAP_STEPS, middle)
