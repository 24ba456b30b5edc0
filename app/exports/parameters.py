"""Parameters as files, and back: JSON, CSV, npz, safetensors, a row each.

All four keep every bit. Arrays are named as in the lecture: W1 (n_in × n_out) and b1 (n_out) are
those of the first layer. Nothing that is read is ever pickled, and nothing is decompressed that
has not said its size first.
"""

import io
import json
import math
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import Annotated, Any

import numpy as np
from pydantic import Field, ValidationError
from pydantic_core import from_json
from safetensors import SafetensorError
from safetensors import numpy as safetensors

import nncore
from app.errors import InvalidField
from app.exports import tables
from app.exports.text import Text, an_object, numbers, rows
from app.schemas import Model, OneOf, Parameters, Range

MOST_LAYERS = 9
MOST_INFLATED = 8_000_000
"""Bytes that the arrays of an npz may take; the largest network there can be has 4 million."""

UNREADABLE = (
    ValueError,
    KeyError,
    EOFError,
    OverflowError,
    RuntimeError,
    SafetensorError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What the parsers raise for a file that is not what it should be."""

Layers = list[dict[str, Any]]


class NamedParameters(Parameters):
    """The parameters of one layer, and its activation if the file tells it."""

    activation: Annotated[str, OneOf(tuple(nncore.ACTIVATIONS))] | None = None
    slope: Annotated[float, Range(0, 1)] | None = None


class ParametersFile(Model):
    """What a file of parameters holds, output layer last."""

    layers: Annotated[list[NamedParameters], Field(min_length=1, max_length=MOST_LAYERS)]


@dataclass(frozen=True)
class Format:
    """A format of parameters.

    Attributes:
        extension: Of its files.
        media_type: The first is what it is sent as; all are taken.
        write: A network as a file.
        read: The layers of a file; raises ValueError, or what the parser raises, if it is none.
    """

    extension: str
    media_types: tuple[str, ...]
    write: Callable[[nncore.Network], Text]
    read: Callable[[bytes], Layers]


def read(data: bytes, extension: str) -> ParametersFile:
    """The parameters of a file.

    Raises:
        InvalidField: It is not of that format, or not the parameters of a network.
    """
    try:
        layers = FORMATS[extension].read(data)
    except UNREADABLE as error:
        words = str(error) if type(error) is ValueError else "it can't be read"
        raise InvalidField(
            f"this is not a file of parameters as {extension}: {words}", "file"
        ) from None
    try:
        told = ParametersFile.model_validate({"layers": layers})
    except ValidationError as error:
        raise InvalidField.from_pydantic(error.errors(include_url=False)) from None
    _check_shapes(told)
    return told


def _check_shapes(file: ParametersFile) -> None:
    for index, layer in enumerate(file.layers):
        width = len(layer.biases)
        if any(len(row) != width for row in layer.weights):
            raise InvalidField(
                f"layers.{index}.weights must have rows of {width} numbers, one for each bias",
                f"layers.{index}.weights",
            )
    for index, (before, layer) in enumerate(pairwise(file.layers), start=1):
        if len(layer.weights) != len(before.biases):
            raise InvalidField(
                f"layers.{index}.weights has {len(layer.weights)} rows; the layer before it has "
                f"{len(before.biases)} units",
                f"layers.{index}.weights",
            )


# -- JSON -----------------------------------------------------------------------------------


def network_json(network: nncore.Network) -> Text:
    """A network as `GET /train/{id}/network` gives it, layer by layer."""
    yield '{"layers": ['
    for index, layer in enumerate(network.layers):
        g = layer.activation
        slope = {} if g.slope is None else {"slope": g.slope}
        yield ", " if index else ""
        yield from an_object(
            weights=rows(layer.W), biases=numbers(layer.b.ravel()), activation=g.name, **slope
        )
    yield "]}"


def _read_json(data: bytes) -> Layers:
    told = from_json(data)
    if not isinstance(told, dict) or not isinstance(told.get("layers"), list):
        raise ValueError('it must be an object with a list of "layers"')
    return told["layers"]  # type: ignore[no-any-return]


# -- CSV ------------------------------------------------------------------------------------

_COLUMNS = ("layer", "activation", "slope", "unit", "input", "value")


def _write_csv(network: nncore.Network) -> Text:
    def cells() -> Any:
        for number, layer in enumerate(network.layers, start=1):
            g = layer.activation
            about = (number, g.name, "" if g.slope is None else g.slope)
            for unit, (weights, bias) in enumerate(zip(layer.W.T, layer.b.ravel(), strict=True)):
                for name, value in [*enumerate(weights.tolist()), ("bias", float(bias))]:
                    yield (*about, unit, name, value)

    return tables.write(_COLUMNS, cells())


def _read_csv(data: bytes) -> Layers:
    table = tables.parse(tables.decode(data))
    header, *rows = table.rows
    names = [name.strip().lower() for name in header.cells]
    if missing := {"layer", "unit", "input", "value"} - set(names):
        raise ValueError(f"the columns {', '.join(sorted(missing))} are missing in its first line")
    found: dict[int, dict[tuple[int, int | None], float]] = {}
    about: dict[int, dict[str, Any]] = {}
    for row in rows:
        cells = dict(zip(names, (cell.strip() for cell in row.cells), strict=False))
        try:
            layer, unit = int(cells["layer"]), int(cells["unit"])
            input = None if cells["input"].lower() == "bias" else int(cells["input"])
            value = table.number(cells["value"])
        except (KeyError, ValueError):
            raise ValueError(f"line {row.line} does not name a parameter and its value") from None
        if not (
            1 <= layer <= MOST_LAYERS and 0 <= unit < 256 and (input is None or 0 <= input < 256)
        ):
            raise ValueError(f"line {row.line} is beyond {MOST_LAYERS} layers of 256 units")
        if (unit, input) in found.setdefault(layer, {}):
            raise ValueError(f"line {row.line} repeats a parameter")
        found[layer][unit, input] = value
        if cells.get("activation"):
            about[layer] = {"activation": cells["activation"]}
            if cells.get("slope"):
                about[layer]["slope"] = table.number(cells["slope"])
    return [
        {**_matrix(number, found.get(number, {})), **about.get(number, {})}
        for number in range(1, max(found, default=0) + 1)
    ]


def _matrix(number: int, values: Mapping[tuple[int, int | None], float]) -> dict[str, Any]:
    units = 1 + max((unit for unit, _ in values), default=-1)
    inputs = 1 + max((input for _, input in values if input is not None), default=-1)
    if not units or not inputs or len(values) != units * (inputs + 1):
        raise ValueError(f"layer {number} lacks some of its parameters")
    return {
        "weights": [[values[unit, input] for unit in range(units)] for input in range(inputs)],
        "biases": [values[unit, None] for unit in range(units)],
    }


# -- arrays ---------------------------------------------------------------------------------


def _arrays(network: nncore.Network) -> dict[str, np.ndarray[Any, Any]]:
    return {
        name: np.ascontiguousarray(array, np.float64)
        for number, layer in enumerate(network.layers, start=1)
        for name, array in ((f"W{number}", layer.W), (f"b{number}", layer.b.ravel()))
    }


def _layers(
    arrays: Mapping[str, np.ndarray[Any, Any]], activations: Sequence[Any], slopes: Sequence[float]
) -> Layers:
    layers: Layers = []
    while (name := f"W{len(layers) + 1}") in arrays:
        index = len(layers)
        bias = f"b{index + 1}"
        if bias not in arrays:
            raise ValueError(f"it has {name} but no {bias}")
        W, b = arrays[name], arrays[bias]
        if W.dtype.kind != "f" or b.dtype.kind != "f" or W.ndim != 2 or b.squeeze().ndim > 1:
            raise ValueError(f"{name} must be a matrix of numbers, and {bias} a row of them")
        layer: dict[str, Any] = {
            "weights": W.astype(np.float64).tolist(),
            "biases": b.astype(np.float64).ravel().tolist(),
        }
        if index < len(activations):
            layer["activation"] = activations[index]
        if index < len(slopes) and not math.isnan(slopes[index]):
            layer["slope"] = slopes[index]
        layers.append(layer)
    if not layers:
        raise ValueError("it has no array named W1")
    return layers


def _write_npz(network: nncore.Network) -> Text:
    activations = [layer.activation for layer in network.layers]
    file = io.BytesIO()
    np.savez_compressed(
        file,
        allow_pickle=False,
        activations=np.array([g.name for g in activations]),
        slopes=np.array([math.nan if g.slope is None else g.slope for g in activations]),
        **_arrays(network),
    )
    return iter((file.getvalue(),))


def _read_npz(data: bytes) -> Layers:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = archive.infolist()
        if len(members) > 2 * MOST_LAYERS + 2 or sum(m.file_size for m in members) > MOST_INFLATED:
            raise ValueError(f"it holds more than {MOST_INFLATED:,} bytes, or too many arrays")
        # Other ways to compress have no bound on what comes out of a block.
        if any(m.flag_bits & 1 or m.compress_type not in (0, 8) for m in members):
            raise ValueError("it is encrypted, or compressed in an unusual way")
        arrays = {}
        for member in members:
            with archive.open(member) as file:
                content = file.read(member.file_size)
            arrays[member.filename.removesuffix(".npy")] = _read_npy(content)
    names, slopes = (arrays.get(name, np.array([])) for name in ("activations", "slopes"))
    if (names.size and names.dtype.kind != "U") or slopes.dtype.kind != "f":
        raise ValueError("activations must be texts, and slopes numbers")
    return _layers(arrays, names.ravel().tolist(), slopes.ravel().tolist())


def _read_npy(data: bytes) -> np.ndarray[Any, Any]:
    """An array whose header says neither objects nor more than there is."""
    file = io.BytesIO(data)
    version = np.lib.format.read_magic(file)
    read_header = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if read_header is None:
        raise ValueError("it holds arrays of an unknown version")
    shape, _, dtype = read_header(file)
    if dtype.kind not in "fU" or math.prod(shape) * dtype.itemsize != len(data) - file.tell():
        raise ValueError("it holds something else than arrays of numbers")
    file.seek(0)
    array: np.ndarray[Any, Any] = np.lib.format.read_array(file, allow_pickle=False)
    return array


def _write_safetensors(network: nncore.Network) -> Text:
    layers = [{"activation": g.name, "slope": g.slope} for g in network.activations]
    # One entry alone: the library writes several in any order.
    metadata = {"layers": json.dumps(layers)}
    return iter((safetensors.save(_arrays(network), metadata),))


def _read_safetensors(data: bytes) -> Layers:
    arrays = safetensors.load(data)
    # The library reads tensors alone; their checked header has the rest (its format: 8 bytes of
    # length, little-endian, then JSON).
    header = from_json(data[8 : 8 + int.from_bytes(data[:8], "little")])
    metadata = header.get("__metadata__", {})
    about = from_json(metadata.get("layers", "[]"))
    if not isinstance(about, list) or not all(isinstance(layer, dict) for layer in about):
        raise ValueError("its layers must be a list of objects")
    names = [layer.get("activation") for layer in about]
    slopes = [layer.get("slope") for layer in about]
    numbers = [float(slope) if isinstance(slope, int | float) else math.nan for slope in slopes]
    return _layers(arrays, names, numbers)


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        form.extension: form
        for form in (
            Format("json", ("application/json",), network_json, _read_json),
            Format("csv", ("text/csv",), _write_csv, _read_csv),
            Format("npz", ("application/x-npz", "application/zip"), _write_npz, _read_npz),
            Format(
                "safetensors", ("application/x-safetensors",), _write_safetensors, _read_safetensors
            ),
        )
    }
)
