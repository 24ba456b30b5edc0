"""Parameters as files, and back: JSON, CSV, npz, safetensors, ONNX, a row each.

All of them keep every bit. Arrays are named as in the lecture: W1 (n_in × n_out) and b1 (n_out) are
those of the first layer. Of what is read, every size is bounded before anything is made of it, and
nothing is evaluated.
"""

import io
import json
import math
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError
from safetensors import numpy as safetensors

import nncore
from app.errors import InvalidField
from app.exports import dialects, text_tables
from app.exports.arrays import MOST_LAYERS, MOST_UNITS, Layers, array_at
from app.exports.onnx import reading, writing
from app.exports.text import Parts, an_object, numbers, rows
from app.numbers import TwoNumbers
from app.reading import read_json
from app.schemas import OneOf, Parameters, Range, Schema
from app.training.checkpoints import Record

BIAS = MOST_UNITS
"""The row of the biases, below those of the inputs."""
MOST_ARRAYS = 2 * MOST_LAYERS + 2
MOST_HEADER = 20_000
"""Bytes that say what arrays there are; ours has 1,500."""
MOST_TEXT = 40
"""Characters of the name of an activation."""
MOST_INFLATED = 8_000_000
"""Bytes that the arrays of an npz may take; the largest network there can be has 4 million."""

UNREADABLE = (
    ValueError,
    KeyError,
    EOFError,
    OverflowError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What the parsers raise for a file that is not what it should be."""


class NamedParameters(Parameters):
    """The parameters of one layer, and its activation if the file tells it."""

    activation: Annotated[str, OneOf(tuple(nncore.ACTIVATIONS))] | None = None
    slope: Annotated[float, Range(0, 1)] | None = None


class ParametersFile(Schema):
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
        write_run: The network of a run as a file that also has what is done to a point before.
    """

    extension: str
    media_types: tuple[str, ...]
    write: Callable[[nncore.Network], Parts]
    read: Callable[[bytes], Layers]
    write_run: Callable[[Record], Parts] | None = None

    def of(self, record: Record) -> Parts:
        """The file of a run."""
        return self.write_run(record) if self.write_run else self.write(record.network)


def read(data: bytes, extension: str) -> ParametersFile:
    """The parameters of a file.

    Raises:
        InvalidField: It is not of that format, or not the parameters of a network.
    """
    try:
        layers = FORMATS[extension].read(data)
    except UNREADABLE as error:
        told = type(error) in (ValueError, TwoNumbers)
        words = str(error) if told else "it can't be read"
        raise InvalidField(
            f"this is not a file of parameters as {extension}: {words}", "file"
        ) from None
    try:
        file = ParametersFile.model_validate({"layers": layers})
    except ValidationError as error:
        raise InvalidField.from_pydantic(error.errors(include_url=False)) from None
    _check_shapes(file)
    return file


def written(file: ParametersFile) -> Parts:
    """What was read, as JSON."""
    return _layers_json(
        (np.array(y.weights), np.array(y.biases), y.activation, y.slope) for y in file.layers
    )


def _check_shapes(file: ParametersFile) -> None:
    for index, layer in enumerate(file.layers):
        width = len(layer.biases)
        if any(len(row) != width for row in layer.weights):
            turned = (
                ": it has a row for each, so turn it round" if len(layer.weights) == width else ""
            )
            raise InvalidField(
                f"layers.{index}.weights must have rows of {width} numbers, one for each bias"
                + turned,
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


def network_json(network: nncore.Network) -> Parts:
    """A network as `GET /train/{id}/network` gives it, layer by layer."""
    return _layers_json(
        (y.W, y.b.ravel(), y.activation.name, y.activation.slope) for y in network.layers
    )


def _layers_json(layers: Iterable[tuple[Any, Any, str | None, float | None]]) -> Parts:
    """W, b, the activation and its slope of each layer; what is None is left out."""
    yield '{"layers": ['
    for index, (W, b, *about) in enumerate(layers):
        said = zip(("activation", "slope"), about, strict=True)
        yield ", " if index else ""
        yield from an_object(
            weights=rows(W),
            biases=numbers(b),
            **{name: value for name, value in said if value is not None},
        )
    yield "]}"


def _read_json(data: bytes) -> Layers:
    content = read_json(data)
    if not isinstance(content, dict) or not isinstance(content.get("layers"), list):
        raise ValueError(
            'it must be an object with a list of "layers", each with "weights" and "biases"'
        )
    if others := [name for name in content if name != "layers"]:
        raise ValueError(f'it has {_named(others)} beside "layers", which nothing reads')
    return content["layers"]  # type: ignore[no-any-return]


# -- CSV ------------------------------------------------------------------------------------

_COLUMNS = ("layer", "activation", "slope", "unit", "input", "value")


def _write_csv(network: nncore.Network) -> Parts:
    def cells() -> Any:
        for number, layer in enumerate(network.layers, start=1):
            g = layer.activation
            about = (number, g.name, "" if g.slope is None else g.slope)
            for unit, (weights, bias) in enumerate(zip(layer.W.T, layer.b.ravel(), strict=True)):
                for name, value in [*enumerate(weights.tolist()), ("bias", float(bias))]:
                    yield (*about, unit, name, value)

    return text_tables.write(_COLUMNS, cells())


def _read_csv(data: bytes) -> Layers:
    most = MOST_LAYERS * (MOST_UNITS + 1) * MOST_UNITS + 1
    table = dialects.parse(dialects.decode(data), most, header=True)
    names = [name.strip().lower() for name in table.names]
    if missing := {"layer", "unit", "input", "value"} - set(names):
        raise ValueError(f"the columns {', '.join(sorted(missing))} are missing in its first line")
    if others := [name for name in names if name and name not in _COLUMNS]:
        raise ValueError(f"it has the columns {_named(others)}, which nothing reads")
    found: dict[int, NDArray[np.float64]] = {}
    about: dict[int, dict[str, Any]] = {}
    values = _Values(table, names.index("value"))
    for row in table.body():
        if row.aside:
            continue
        if row.problem:
            raise ValueError(f"line {row.line}: {row.problem}")
        cells = dict(zip(names, (cell.strip() for cell in row.cells), strict=False))
        try:
            layer, unit = int(cells["layer"]), int(cells["unit"])
            input = None if cells["input"].lower() == "bias" else int(cells["input"])
            value = values.number(cells["value"])
        except TwoNumbers as error:
            raise ValueError(f"line {row.line}: {error}; write it as one of these") from None
        except (KeyError, ValueError):
            raise ValueError(f"line {row.line} does not name a parameter and its value") from None
        if not (
            1 <= layer <= MOST_LAYERS
            and 0 <= unit < MOST_UNITS
            and (input is None or 0 <= input < MOST_UNITS)
        ):
            raise ValueError(f"line {row.line} is beyond {MOST_LAYERS} layers of 256 units")
        if layer not in found:
            found[layer] = np.full((MOST_UNITS + 1, MOST_UNITS), np.nan)
        at = (BIAS if input is None else input, unit)
        if not np.isnan(found[layer][at]):
            raise ValueError(f"line {row.line} repeats a parameter")
        found[layer][at] = value
        if cells.get("activation"):
            about[layer] = {"activation": cells["activation"]}
            if slope := cells.get("slope"):
                if not table.is_number(slope):
                    raise ValueError(f"line {row.line}: slope must be a number; got {slope!r:.40}")
                about[layer]["slope"] = table.number(slope)
    return [
        {**_matrix(number, found.get(number)), **about.get(number, {})}
        for number in range(1, max(found, default=0) + 1)
    ]


class _Values:
    """The numbers of a column, none of which is guessed: nobody would be told."""

    def __init__(self, table: dialects.Table, column: int) -> None:
        self._table = table
        doubtful = [told for told in table.ambiguous if told.column == column]
        if doubtful and "," in (text := doubtful[0].text):
            raise TwoNumbers(text, (doubtful[0].taken, doubtful[0].other))
        # In a column of decimal commas 1.250 has a thousand in it; else a point is a decimal one.
        self._column = column if table.signs[column] == "," and not doubtful else None

    def number(self, cell: str) -> float:
        """The number of a cell."""
        return self._table.number(cell, self._column)


def _matrix(number: int, values: NDArray[np.float64] | None) -> dict[str, Any]:
    given = np.isfinite(values) if values is not None else np.zeros((MOST_UNITS + 1, 0), bool)
    units, inputs = int(given.any(axis=0).sum()), int(given[:BIAS].any(axis=1).sum())
    if values is None or not units or not inputs or given.sum() != units * (inputs + 1):
        raise ValueError(f"layer {number} lacks some of its parameters")
    W, b = values[:inputs, :units], values[BIAS, :units]
    if np.isnan(W).any() or np.isnan(b).any():
        raise ValueError(f"layer {number} lacks some of its parameters")
    return {"weights": W.tolist(), "biases": b.tolist()}


# -- arrays ---------------------------------------------------------------------------------


def _arrays(network: nncore.Network) -> dict[str, NDArray[Any]]:
    return {
        name: np.ascontiguousarray(array, np.float64)
        for number, layer in enumerate(network.layers, start=1)
        for name, array in ((f"W{number}", layer.W), (f"b{number}", layer.b.ravel()))
    }


_ARRAY = re.compile(r"([Ww]|[Bb])([1-9])")


def _by_name(arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Arrays by the lecture's names, W1 and b1, in whatever letters they are called.

    Raises:
        ValueError: one is called otherwise, or two mean the same.
    """
    named: dict[str, NDArray[Any]] = {}
    for given, array in arrays.items():
        found = _ARRAY.fullmatch(given)
        if found is None:
            raise ValueError(
                f"it has {_named([given])}, and no array is called so: they are W1, b1, W2, b2, …"
            )
        name = f"{'W' if found[1] in 'Ww' else 'b'}{found[2]}"
        if name in named:
            raise ValueError(f"it has {name} twice, in large and in small letters")
        named[name] = array
    return named


def _named(names: Sequence[str]) -> str:
    """Some names, in words."""
    shown = ", ".join(f"{name!r:.40}" for name in names[:3])
    return shown + (f" and {len(names) - 3} others" if len(names) > 3 else "")


def _layers(
    arrays: Mapping[str, NDArray[Any]], activations: Sequence[Any], slopes: Sequence[float]
) -> Layers:
    arrays = _by_name(arrays)
    layers: Layers = []
    while (name := f"W{len(layers) + 1}") in arrays:
        index = len(layers)
        bias = f"b{index + 1}"
        if bias not in arrays:
            raise ValueError(f"it has {name} but no {bias}")
        W, b = arrays[name], arrays[bias]
        if W.dtype.kind not in _NUMBERS or b.dtype.kind not in _NUMBERS:
            raise ValueError(f"{name} and {bias} must be numbers")
        if W.ndim != 2 or b.squeeze().ndim > 1:
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
    read = {f"{kind}{number}" for kind in "Wb" for number in range(1, len(layers) + 1)}
    if others := [name for name in arrays if name not in read]:
        raise ValueError(f"it has {_named(others)}, but no W{len(layers) + 1}")
    return layers


def _write_npz(network: nncore.Network) -> Parts:
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
    # What begins an entry of an archive's directory: so many are made of it before one is seen.
    if data.count(b"PK\1\2") > MOST_ARRAYS:
        raise ValueError(f"it holds more than {MOST_ARRAYS} arrays")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = archive.infolist()
        if sum(member.file_size for member in members) > MOST_INFLATED:
            raise ValueError(f"it holds more than {MOST_INFLATED:,} bytes")
        # Other ways to compress have no bound on what comes out of a block.
        if any(m.flag_bits & 1 or m.compress_type not in (0, 8) for m in members):
            raise ValueError("it is encrypted, or compressed in an unusual way")
        arrays: dict[str, NDArray[Any]] = {}
        for member in members:
            name = member.filename.removesuffix(".npy")
            if name in arrays:
                raise ValueError(f"it holds {name:.40} twice")
            with archive.open(member) as file:
                content = file.read(member.file_size)
            try:
                arrays[name] = _read_npy(content)
            except ValueError as error:
                raise ValueError(f"{name!r:.40}: {error}") from None
    names, slopes = (arrays.pop(name, np.array([])) for name in ("activations", "slopes"))
    if (names.size and names.dtype.kind != "U") or slopes.dtype.kind not in _NUMBERS:
        raise ValueError("activations must be texts, and slopes numbers")
    return _layers(arrays, names.ravel().tolist(), slopes.ravel().tolist())


# What NumPy writes: a dictionary of Python, of which nothing is evaluated here.
_NPY = {
    "descr": re.compile(r"""['"]descr['"]\s*:\s*['"]([<>|=]?)([fiuU])(\d{1,3})['"]"""),
    "fortran_order": re.compile(r"""['"]fortran_order['"]\s*:\s*(True|False)"""),
    "shape": re.compile(r"""['"]shape['"]\s*:\s*\(([\d, ]{0,20})\)"""),
}
_SIZES = {"f": (2, 4, 8), "i": (1, 2, 4, 8), "u": (1, 2, 4, 8)}
"""Bytes of a number, by its kind."""
_NUMBERS = tuple(_SIZES)
_NPY_LENGTHS = {b"\x93NUMPY\1\0": 2, b"\x93NUMPY\2\0": 4, b"\x93NUMPY\3\0": 4}
"""Of the number that tells the length of the header, by version."""


def _read_npy(data: bytes) -> NDArray[Any]:
    """An array of numbers or texts whose header says no more than there is."""
    width = _NPY_LENGTHS.get(data[:8])
    if width is None:
        raise ValueError("it holds arrays of an unknown version")
    start = 8 + width
    begin = start + int.from_bytes(data[8:start], "little")
    if begin - start > MOST_HEADER:
        raise ValueError(f"it holds an array whose header has more than {MOST_HEADER:,} bytes")
    header = data[start:begin].decode("latin-1")
    fields = {name: pattern.search(header) for name, pattern in _NPY.items()}
    if (descr := fields["descr"]) is None or (shape := fields["shape"]) is None:
        raise ValueError("it holds something else than arrays of numbers")
    order, kind, size = descr.groups()
    fortran = fields["fortran_order"] is not None and fields["fortran_order"][1] == "True"
    if int(size) not in _SIZES.get(kind, range(1, MOST_TEXT + 1)):
        raise ValueError("it holds something else than arrays of numbers")
    dtype = np.dtype(f"{order.replace('|', '')}{kind}{size}")
    sizes = [int(part) for part in shape[1].split(",") if part.strip()]
    return array_at(data, dtype, sizes, begin, len(data), "F" if fortran else "C")


def _write_safetensors(network: nncore.Network) -> Parts:
    layers = [{"activation": g.name, "slope": g.slope} for g in network.activations]
    # One entry alone: the library writes several in any order.
    metadata = {"layers": json.dumps(layers)}
    return iter((safetensors.save(_arrays(network), metadata),))


_TENSORS = {
    **{f"F{8 * size}": f"<f{size}" for size in _SIZES["f"]},
    **{f"I{8 * size}": f"<i{size}" for size in _SIZES["i"]},
    **{f"U{8 * size}": f"<u{size}" for size in _SIZES["u"]},
}


def _read_safetensors(data: bytes) -> Layers:
    """https://github.com/huggingface/safetensors#format: a length, a header of JSON, the bytes.

    The library believes the header: of a tensor of 30,000,000 × 0 it makes 30,000,000 lists.
    """
    begin = 8 + int.from_bytes(data[:8], "little")
    if not 8 < begin <= min(len(data), MOST_HEADER):
        raise ValueError(f"it can't be read: a header has at most {MOST_HEADER:,} bytes")
    header = read_json(data[8:begin])
    if not isinstance(header, dict) or len(header) > MOST_ARRAYS:
        raise ValueError(f"it can't be read: it must name at most {MOST_ARRAYS} arrays")
    metadata = header.pop("__metadata__", {})
    arrays: dict[str, NDArray[Any]] = {}
    for name, entry in header.items():
        match entry:
            case {
                "dtype": str(dtype),
                "shape": [*sizes],
                "data_offsets": [int(first), int(last)],
            } if dtype in _TENSORS and first >= 0 and all(type(size) is int for size in sizes):
                arrays[name] = array_at(
                    data, np.dtype(_TENSORS[dtype]), sizes, begin + first, begin + last
                )
            case _:
                raise ValueError(f"{name!r:.40} must be a matrix of numbers, or a row of them")
    about = metadata.get("layers", "[]") if isinstance(metadata, dict) else None
    layers = read_json(about.encode()) if isinstance(about, str) else None
    if not isinstance(layers, list) or not all(isinstance(layer, dict) for layer in layers):
        raise ValueError("its layers must be a list of objects")
    names = [layer.get("activation") for layer in layers]
    slopes = [layer.get("slope") for layer in layers]
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
            Format("onnx", ("application/x-onnx",), writing.write, reading.read, writing.write_run),
        )
    }
)
