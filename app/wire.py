"""Arrays to words and rows, and back: the one place that transposes, packs and deflates.

nncore holds one column per example; JSON and MessagePack hold one row per example. A weight
matrix is n_in × n_out in both, so it crosses as it is.
"""

import itertools
import math
import zlib
from base64 import b64encode
from collections.abc import Sequence
from functools import lru_cache
from threading import get_ident
from typing import Any, NamedTuple

import msgpack
import numpy as np
from numpy.typing import NDArray

import nncore
from app.schemas import Encoding, Task, View

Array = NDArray[np.float64]
Indices = NDArray[np.intp]

DEFLATE_LEVEL = 6
DEFLATE_MEMORY = 9
# A picture as differences is mostly runs of equal bytes: looking for nothing else takes 0.1 to 0.4
# ms a frame, and 0.1 to 0.5 more a short search, for a twentieth to an eighth fewer bytes. A plain
# one needs the whole search.
STRATEGIES = {
    "moving": (DEFLATE_LEVEL, zlib.Z_RLE),
    "differences": (4, zlib.Z_FILTERED),
    "plain": (DEFLATE_LEVEL, zlib.Z_DEFAULT_STRATEGY),
}
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


def pack(frame: dict[str, Any], encoding: Encoding, *, still: bool = True) -> bytes:
    """A frame as it is sent: MessagePack, deflated with zlib, pictures and the rest as suits each.

    Pictures begin where their name is. A number that happens to look like it costs some bytes.
    Unless it is `still`, the next one is on its way.
    """
    packed = msgpack.packb(frame)
    words = max(0, packed.find(PICTURES))
    before = zlib.compressobj(DEFLATE_LEVEL, zlib.DEFLATED, WORDS_WINDOW, WORDS_MEMORY)
    way = encoding if still or encoding == "plain" else "moving"
    level, strategy = STRATEGIES[way]
    pictures = zlib.compressobj(level, zlib.DEFLATED, WINDOW, DEFLATE_MEMORY, strategy)
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
MOST_LINE_WORK = 200_000_000
"""The same of what is looked at for the lines of all planes of a frame, and of all maps: some 0.1 s
each. Of steep networks of many units lines go straight between samples instead."""
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
    *,
    still: bool = True,
) -> dict[str, Any]:
    """`boundary` of a network over the plane and, if the view asks for them, `neurons` and `lines`.

    `scale` is what the bytes 0 and 255 of the boundary stand for; `runs` is how many networks share
    the frame. Lines are looked at within cells where it is `still`: else the next frame follows at
    once, and that would cost as much as all the rest. Only corners of the plane's are found always.
    """
    work = runs * _work_of_a_point(network)
    fine, most = math.isqrt(MOST_PICTURE_WORK // work), MOST_LINE_WORK // work
    evaluator = _evaluator(network, view, features, max(SMALLEST, min(view.resolution, fine)))
    lined = _lined(network, view)
    A, Z = evaluator.pictures(network, lined)
    values = _scaled(A[-1], scale)
    told: dict[str, Any] = {}
    if lined:
        told = _plane_lines(evaluator, network, view, lined, Z, values, most, finely=still)
    boundary = _boundary(values[0], view, scale)
    if not view.neurons:
        return {"lines": told, "boundary": boundary} if view.lines else {"boundary": boundary}
    units = max(1, sum(network.layer_sizes[1:-1]))
    fine = min(fine, math.isqrt(MOST_MAP_BYTES // (runs * units)))
    size = max(SMALLEST // 2, min(view.neuron_resolution, fine))
    evaluator = _evaluator(network, view, features, size)
    neurons, told["neurons"] = _unit_maps(evaluator, network, view, most, corners=still)
    # Lines come before the pictures, with what deflates as words and numbers do.
    return {**({"lines": told} if view.lines else {}), "boundary": boundary, "neurons": neurons}


def _lined(network: nncore.Network, view: View) -> list[tuple[int, int]]:
    """Layer and number of units whose lines are found as finely as the plane is drawn."""
    lined = []
    if view.lines and (wanted := view.line_of) is not None:
        hidden = network.layer_sizes[1:-1]
        if wanted.layer <= len(hidden) and wanted.unit < hidden[wanted.layer - 1]:
            lined.append((wanted.layer, wanted.unit))
    if view.lines and network.layers[-1].activation.name == "sigmoid":
        lined.append((len(network.layers), 0))
    return lined


def _plane_lines(
    evaluator: nncore.GridEvaluator,
    network: nncore.Network,
    view: View,
    lined: list[tuple[int, int]],
    Z: NDArray[np.float32],
    values: NDArray[np.uint8],
    most: int,
    *,
    finely: bool,
) -> dict[str, Any]:
    """The lines of a plane: of ŷ, whose bytes are put on the right side of it, and of a unit."""
    within = PLANE_PLACES.within
    lines = nncore.find_lines(evaluator, network, lined, Z, within, finely=finely, most=most)
    sides = lines.above.astype(np.uint8)
    last = len(network.layers)
    middles = [127 if layer == last else 0 for layer, _ in lined]
    if middles[-1]:
        _put_right(values, lines.above[-1:], np.array([127]))
    drawn = [values[0] if middle else sides[k] for k, middle in enumerate(middles)]
    told: dict[str, Any] = {}
    shares = _told(np.stack(drawn), lines, PLANE_PLACES, np.array(middles), range(len(drawn) + 1))
    for (layer, unit), above, share in zip(lined, sides, shares, strict=True):
        if layer == last:
            told["boundary"] = share
        else:
            told["unit"] = {
                "layer": layer,
                "unit": unit,
                **_size(evaluator, view),
                "values": _encoded(above, view),
                "shares": share,
            }
    return told


def _size(evaluator: nncore.GridEvaluator, view: View) -> dict[str, Any]:
    grid = evaluator.grid
    return {"width": grid.width, "height": grid.height, "encoding": view.encoding}


class Places(NamedTuple):
    """In how many places a line may be.

    Attributes:
        steps: Along an edge.
        lattice: Along each side of a cell, for a corner.
        within: How exactly they are found, in parts of an edge.
        fine: Along an edge in a cell that is a picture of its own.
    """

    steps: int
    lattice: int
    within: float
    fine: int


PLANE_PLACES, MAP_PLACES = Places(32, 15, 0.03, 4), Places(6, 5, 0.15, 1)
"""Of the plane, a fifth of a pixel and two fifths apart; of a unit's map, two fifths of a pixel."""


def _told(
    values: NDArray[np.uint8],
    lines: nncore.Lines,
    places: Places,
    middles: Indices,
    bounds: Sequence[int],
) -> list[bytes]:
    """Where lines cross the edges of pictures, as steps from where their bytes alone have them.

    Modulo `steps`. Most are near 0, wherever the bytes differ by much. Then the corners in cells,
    and the cells that are pictures of their own, if there are any. `bounds` are the pictures with
    which a part begins, and their number at last.
    """
    steps, lattice = places.steps, places.lattice
    samples = np.array(bounds) * values[0].size
    at = (lines.t * steps).astype(np.intp).clip(0, steps - 1)
    shares = ((at - _guess(values, lines, steps, middles)) % steps).astype(np.uint8)
    rights, ups = shares[: lines.rights], shares[lines.rights :]
    r = np.searchsorted(lines.a[: lines.rights], samples)
    u = np.searchsorted(lines.a[lines.rights :], samples)
    parts = [
        rights[r[k] : r[k + 1]].tobytes() + ups[u[k] : u[k + 1]].tobytes()
        for k in range(len(r) - 1)
    ]
    corners = np.zeros(lines.cells.size, np.uint8)
    bent = np.flatnonzero(lines.corners[0] >= 0)
    if not bent.size and lines.fine is None:
        return parts
    column, row = (lines.corners[:, bent] * lattice).astype(np.intp).clip(0, lattice - 1)
    corners[bent] = 1 + row * lattice + column
    c = np.searchsorted(lines.cells, samples)
    h = np.searchsorted(lines.hard, samples)
    finer = _finer(lines, places, samples, h.tolist())
    return [
        part + corners[c[k] : c[k + 1]].tobytes() + finer[k]
        if corners[c[k] : c[k + 1]].any() or finer[k]
        else part
        for k, part in enumerate(parts)
    ]


def _finer(
    lines: nncore.Lines, places: Places, samples: Indices, bounds: Sequence[int]
) -> list[bytes]:
    """Cells that are pictures of their own: which, their samples' sides, and their lines."""
    if lines.fine is None:
        return [b""] * (len(bounds) - 1)
    sides = lines.fine.above.astype(np.uint8)
    fine = places._replace(steps=places.fine)
    shares = _told(sides, lines.fine, fine, np.zeros(len(sides), np.intp), bounds)
    bits = np.packbits(sides.reshape(len(sides), -1), axis=1, bitorder="little")
    told = []
    for k, (begin, end) in enumerate(itertools.pairwise(bounds)):
        gaps = np.diff(lines.hard[begin:end] - samples[k], prepend=0)
        rows = np.column_stack([gaps & 255, gaps >> 8 & 255, gaps >> 16, bits[begin:end]])
        count = (end - begin).to_bytes(2, "little")
        told.append(count + rows.astype(np.uint8).tobytes() + shares[k] if end > begin else b"")
    return told


def _guess(values: NDArray[np.uint8], lines: nncore.Lines, steps: int, middles: Indices) -> Indices:
    """Where bytes alone have the lines: where they go straight from one to the other.

    Where they rise more steeply beyond the upper one, the line is where they would begin to.
    """
    flat = values.ravel()
    size, width = values.shape[1] * values.shape[2], values.shape[2]
    a, step = lines.a, lines.step
    from_, to = flat[a].astype(np.intp), flat[a + step].astype(np.intp)
    middle = middles[a // size]
    rises = to > from_
    rise, upper = np.abs(to - from_), np.maximum(from_, to)
    guess: Indices = np.abs(2 * middle + 1 - 2 * from_) * steps // (2 * rise)
    beyond = a + np.where(rises, 2 * step, -step)
    row = np.where(step == 1, width, size)
    on = flat.take(beyond, mode="clip") - upper
    kink = np.flatnonzero((on > rise) & (beyond >= 0) & (beyond // row == a // row))
    if kink.size:
        middle = middle[kink]
        zero = 2 * middle + (middle != 128)
        back = (2 * upper[kink] - zero) * steps // (2 * on[kink])
        back = back.clip(0, steps - 1)
        guess[kink] = np.where(rises[kink], steps - 1 - back, back)
    return guess


def _scaled(Y_hat: NDArray[Any], scale: tuple[float, float]) -> NDArray[np.uint8]:
    low, high = scale
    return _rounded(((Y_hat - low) / (high - low)).clip(0, 1))


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
    drawn = _boundary(_scaled(Y_hat, scale), View(x=view.x, y=view.y), scale)
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
    """An evaluator for this network's shape and this view, kept from call to call if small.

    Each thread has its own: two in the same memory would draw over each other.
    """
    sizes = network.layer_sizes
    small = sum(sizes) * size**2 <= MOST_KEPT_VALUES
    build = _kept_evaluator if small else _kept_evaluator.__wrapped__
    (x_low, x_high), (y_low, y_high) = view.x, view.y
    return build((x_low, x_high), (y_low, y_high), size, features, sizes, get_ident())


@lru_cache(maxsize=64)
def _kept_evaluator(
    x: tuple[float, float],
    y: tuple[float, float],
    size: int,
    features: tuple[str, ...],
    layer_sizes: tuple[int, ...],
    thread: int,
) -> nncore.GridEvaluator:
    return nncore.GridEvaluator(nncore.Grid(x, y, size, size, features))


def _rounded(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Values from 0 to 1 as bytes: round(255·value)."""
    plain: NDArray[np.uint8] = np.rint(values * 255).astype(np.uint8)
    return plain


def _put_right(values: NDArray[np.uint8], above: NDArray[np.bool_], middles: Indices) -> None:
    """Has those bytes above a middle that are above the line, n × height × width."""
    wrong = np.flatnonzero((values > middles.astype(np.uint8)[:, np.newaxis, np.newaxis]) != above)
    if wrong.size:
        values.ravel()[wrong] = middles[wrong // values[0].size] + above.ravel()[wrong]


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
    evaluator: nncore.GridEvaluator,
    network: nncore.Network,
    view: View,
    most: int,
    *,
    corners: bool,
) -> tuple[list[dict[str, Any]], list[bytes]]:
    """The maps of each hidden layer's units, each on its own scale, and where their lines are."""
    hidden = network.layers[:-1]
    sizes = network.layer_sizes[1:-1]
    if not hidden:
        return [], []
    units = [(layer, unit) for layer, size in enumerate(sizes, 1) for unit in range(size)]
    A, Z = evaluator.pictures(network, units if view.lines else [])
    values = np.concatenate(A[:-1])
    names = np.repeat([layer.activation.name for layer in hidden], sizes)
    high = np.maximum(values.max(axis=(1, 2)), -values.min(axis=(1, 2))).astype(np.float64)
    high[(high == 0) | (names == "sigmoid")] = 1
    low = np.where(names == "sigmoid", 0, -high)
    # From halves, which give the same share: of the largest numbers the difference has no float32.
    half_low, half_span = ((a / 2).astype(np.float32)[:, None, None] for a in (low, high - low))
    values /= 2
    values -= half_low
    values /= half_span
    plain = _rounded(values)
    bounds = np.cumsum([0, *sizes]).tolist()
    shares = [b""] * len(hidden)
    if view.lines:
        within = MAP_PLACES.within
        lines = nncore.find_lines(evaluator, network, units, Z, within, corners=corners, most=most)
        # A ReLU's zero is 128: what is above its line is above that.
        middles = np.where(names == "relu", 128, 127)
        _put_right(plain, lines.above, middles)
        shares = _told(plain, lines, MAP_PLACES, middles, bounds)
    encoded = _encoded(plain, view)
    size = plain[0].size
    maps = [
        {
            "units": end - begin,
            **_size(evaluator, view),
            "low": low[begin:end].tolist(),
            "high": high[begin:end].tolist(),
            "values": encoded[begin * size : end * size],
        }
        for begin, end in itertools.pairwise(bounds)
    ]
    return maps, shares
