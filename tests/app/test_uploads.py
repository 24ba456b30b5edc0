"""What can be brought: files that are what they say, tables of any make; bad ones harm nothing."""

import contextlib
import gzip
import io
import json
import pickle
import struct
import tracemalloc
import warnings
import zipfile
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

import nncore
from app.errors import InvalidField
from app.exports.dialects import decode, parse
from app.exports.parameters import FORMATS, read
from app.exports.text_tables import points, preview
from tests.app.test_exports import whole

NETWORK = nncore.initialize(
    [2, 3, 1], [nncore.leaky_relu(0.25), "sigmoid"], scheme="he", rng=np.random.default_rng(0)
)


@contextlib.contextmanager
def memory_of() -> Iterator[list[int]]:
    """The most bytes that a block has taken at a time, once it is over."""
    most = [0]
    tracemalloc.start()
    try:
        yield most
    finally:
        most[0] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()


def npz(**arrays: Any) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def npy_claiming(shape: str, dtype: str = "<f8", content: bytes = b"") -> bytes:
    header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + content


def archive(name: str, content: bytes, how: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", how) as written:
        written.writestr(name, content)
    return file.getvalue()


class Rude:
    """What an unpickled file could do."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (exec, ("raise SystemExit('unpickled')",))


def objects() -> bytes:
    content = pickle.dumps(np.array([Rude()], dtype=object))
    return archive("W1.npy", npy_claiming("(1,)", "|O", content))


def tensors(header: Any, content: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + content


def tensor(shape: list[Any], size: int = 0, dtype: str = "F32", first: int = 0) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [first, first + size]}


def lone(W1: dict[str, Any], content: bytes = b"") -> bytes:
    return tensors({"W1": W1, "b1": tensor([1], 4)}, content or bytes(8))


def many(names: int) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in range(names):
            archive.writestr(str(name), b"")
    return file.getvalue()


def twice() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive, warnings.catch_warnings(action="ignore"):
        for _ in range(2):
            archive.writestr("W1.npy", npy_claiming("(1, 1)", content=bytes(8)))
    return file.getvalue()


def npy_headed(header: bytes, version: int = 1) -> bytes:
    length = struct.pack("<H" if version == 1 else "<L", len(header))
    return archive("W1.npy", b"\x93NUMPY" + bytes([version, 0]) + length + header)


SAFE = whole(FORMATS["safetensors"].write(NETWORK))
CSV_HEAD = "layer,activation,slope,unit,input,value\n"
BAD_FILES: list[tuple[str, bytes, str]] = [
    ("json", b"", "parameters as json"),
    ("json", b"{", "parameters as json"),
    ("json", b"[1, 2]", "layers"),
    ("json", b'{"layers": []}', "at least 1"),
    ("json", b'{"layers": [{"weights": [[1]]}]}', "layers.0.biases is required"),
    ("json", b'{"layers": [{"weights": [[1, 2]], "biases": [1]}]}', "rows of 1"),
    ("json", b'{"layers": [{"weights": [[1e7]], "biases": [1]}]}', "from -1,000,000"),
    ("json", b'{"layers": [{"weights": [[NaN]], "biases": [1]}]}', "finite"),
    ("json", b'{"layers": [{"weights": [[1]], "biases": [1], "activation": "x"}]}', "'tanh'"),
    (
        "json",
        json.dumps(
            {
                "layers": [
                    {"weights": [[1, 2]], "biases": [0, 0]},
                    {"weights": [[1]], "biases": [0]},
                ]
            }
        ).encode(),
        "the layer before it has 2 units",
    ),
    (
        "json",
        json.dumps({"layers": [{"weights": [[1]], "biases": [1]}] * 10}).encode(),
        "at most 9",
    ),
    ("csv", b"", "no rows"),
    ("csv", b"a,b\n1,2\n", "missing in its first line"),
    ("csv", (CSV_HEAD + "1,tanh,,0,0,1\n").encode(), "layer 1 lacks"),
    ("csv", (CSV_HEAD + "2,tanh,,0,0,1\n2,tanh,,0,bias,1\n").encode(), "layer 1 lacks"),
    ("csv", (CSV_HEAD + "1,tanh,,0,0,x\n").encode(), "line 2 does not name"),
    ("csv", (CSV_HEAD + "1,tanh,,0,0\n").encode(), "line 2 does not name"),
    ("csv", (CSV_HEAD + "1,leaky_relu,x,0,0,1\n").encode(), "line 2: slope must be a number"),
    ("csv", (CSV_HEAD + "1,tanh,,999999999,0,1\n").encode(), "line 2 is beyond"),
    ("csv", (CSV_HEAD + "1,tanh,,0,0,1\n1,tanh,,0,0,1\n").encode(), "line 3 repeats"),
    ("npz", b"PK\x03\x04", "can't be read"),
    ("npz", b"no archive", "can't be read"),
    ("npz", npz(W2=np.ones((1, 1)), b2=np.ones(1)), "no array named W1"),
    ("npz", npz(W1=np.ones((1, 1))), "W1 but no b1"),
    ("npz", npz(W1=np.ones(3), b1=np.ones(1)), "must be a matrix"),
    ("npz", npz(W1=np.full((1, 1), np.nan), b1=np.ones(1)), "finite"),
    ("npz", npz(W1=np.ones((1, 1), bool), b1=np.ones(1)), "arrays of numbers"),
    ("npz", npz(W1=np.ones((1, 1)), b1=np.ones(1), c1=np.ones(1)), "it has 'c1'"),
    ("npz", npz(W1=np.ones((1, 1)), b1=np.ones(1), W3=np.ones((1, 1))), "it has 'W3', but no W2"),
    ("npz", npz(W1=np.ones((1, 1)), w1=np.ones((1, 1)), b1=np.ones(1)), "it has W1 twice"),
    ("npz", npz(W1=np.ones((1, 1)), b1=np.ones(1), b2=np.ones(1)), "it has 'b2', but no W2"),
    ("npz", npz(weight=np.ones((1, 1))), "it has 'weight'.*W1, b1, W2, b2"),
    ("npz", npz(W1=np.array([["a"]]), b1=np.ones(1)), "must be numbers"),
    ("json", b'{"layers": [{"weights": [[1]], "biases": [1]}], "layer": 3}', "it has 'layer'"),
    ("csv", b"layer,unit,input,value,slopes\n1,0,0,1,1\n", "the columns 'slopes'"),
    ("npz", objects(), "arrays of numbers"),
    ("npz", archive("W1.npy", npy_claiming("(1000000000, 1000)")), "arrays of numbers"),
    ("npz", archive("W1.npy", b"\x93NUMPY\x09\x00"), "can't be read|version"),
    ("npz", archive("W1.npy", bytes(50_000_000), zipfile.ZIP_DEFLATED), "more than 8,000,000"),
    ("npz", archive("W1.npy", bytes(1_000_000), zipfile.ZIP_BZIP2), "unusual way"),
    ("safetensors", b"", "can't be read"),
    ("safetensors", b"\xff" * 100, "can't be read"),
    ("safetensors", SAFE[:-8], "can't be read"),
    # Sizes that are believed before they are bounded, each of a kind of its own.
    ("safetensors", lone(tensor([30_000_000, 0])), "1 to 256 along each side"),
    ("safetensors", lone(tensor([0, 30_000_000])), "1 to 256 along each side"),
    ("safetensors", lone(tensor([257, 1], 1028), bytes(1028)), "1 to 256"),
    ("safetensors", lone(tensor([-1, -1], 4)), "1 to 256"),
    ("safetensors", lone(tensor([1] * 3, 4)), "1 to 256"),
    ("safetensors", lone(tensor([10**400, 1])), "1 to 256|can't be read|number"),
    ("safetensors", lone(tensor([True, 1], 4)), "must be a matrix"),
    ("safetensors", lone(tensor([1.0, 1], 4)), "must be a matrix"),
    ("safetensors", lone(tensor([2, 2], 8)), "not as long as it says"),
    ("safetensors", lone(tensor([1, 1], 4, first=100)), "not as long as it says"),
    ("safetensors", lone(tensor([1, 1], 4, first=-8)), "must be a matrix"),
    ("safetensors", lone(tensor([1, 1], 4, "I64")), "not as long as it says"),
    ("safetensors", lone(tensor([1, 1], 4, "BOOL")), "must be a matrix"),
    ("safetensors", lone({"dtype": "F32"}), "must be a matrix"),
    ("safetensors", tensors({"W1": 7}), "must be a matrix"),
    ("safetensors", tensors(b"[" * 10_000), "can't be read|recursion"),
    ("safetensors", tensors(b" " * 30_000), "a header has at most"),
    ("safetensors", tensors({str(i): tensor([1], 4) for i in range(99)}), "at most 20 arrays"),
    ("safetensors", tensors({"__metadata__": 7}), "list of objects"),
    ("safetensors", tensors({"__metadata__": {"layers": "[" * 9000}}), "recursion|can't be read"),
    ("safetensors", b"\xff" * 8 + SAFE[8:], "can't be read"),
    ("npz", archive("W1.npy", npy_claiming("(30000000, 0)")), "1 to 256"),
    ("npz", archive("W1.npy", npy_claiming("(0, 30000000)")), "1 to 256"),
    ("npz", archive("W1.npy", npy_claiming("(2147483648,)", "<U0")), "arrays of numbers"),
    ("npz", archive("W1.npy", npy_claiming("(1,)", "<U999999999")), "arrays of numbers"),
    ("npz", archive("W1.npy", npy_claiming("(-1, -1)", content=bytes(8))), "arrays of numbers"),
    ("npz", archive("W1.npy", npy_claiming("(1, 1)", content=bytes(16))), "not as long as it says"),
    ("npz", archive("W1.npy", npy_claiming("(1, 1)")), "not as long as it says"),
    ("npz", npy_headed(b"-" * 9_500), "arrays of numbers"),
    ("npz", npy_headed(b"(" * 9_500), "arrays of numbers"),
    ("npz", npy_headed(b"9" * 9_500 + b"**9999"), "arrays of numbers"),
    ("npz", npy_headed(b" " * 60_000), "header has more than"),
    ("npz", npy_headed(b" " * 1_000_000, 2), "header has more than"),
    ("npz", many(30), "more than 20 arrays"),
    ("npz", many(15_000), "more than 20 arrays"),
    ("npz", twice(), "twice"),
    ("npz", archive("a" * 60_000, b""), "can't be read|version"),
    ("json", b"[" * 1_900_000, "too many lists"),
    ("json", b"[" * 20_000, "recursion"),
    ("json", b'{"layers":[' + b"[]," * 600_000 + b"1]}", "too many lists"),
    ("json", b'{"layers":[' + b"{}," * 600_000 + b"1]}", "too many objects"),
    ("json", b'{"layers":[' + b"1," * 900_000 + b"1]}", "at most 9"),
    ("json", b'{"layers":[' + b"1" * 1_900_000 + b"]}", "out of range"),
    ("json", b"{" + b",".join(b'"%d":1' % i for i in range(100_000)) + b"}", "too many texts"),
    ("json", b'{"layers":[{"weights":[' + b"[1]," * 300 + b'[1]],"biases":[1]}]}', "at most 256"),
    ("csv", b"1,2\n" * 490_000, "more than 200,000 lines|missing"),
    ("csv", b"\n" * 1_900_000, "more than 200,000 lines"),
    ("csv", (CSV_HEAD + f"1,tanh,,0,0,{'1' * 5000}\n").encode(), "line 2 does not name"),
    ("csv", (CSV_HEAD + f"{'1' * 5000},tanh,,0,0,1\n").encode(), "line 2 does not name"),
    ("csv", (CSV_HEAD + "1,tanh,,0,-1,1\n").encode(), "line 2 is beyond"),
    ("csv", b"layer;unit;input;value\n1;0;0;1,250\n1;0;bias;0\n", "1,250 can be 1.25 or 1250"),
    ("csv", (CSV_HEAD + '1,tanh,,0,0,"1\n1,tanh,,0,bias,1\n').encode(), "line 2: a quote opens"),
    ("json", b'{"layers": [{"weights": [[1, 2], [3, 4], [5, 6]], "biases": [1, 2, 3]}]}', "round"),
    ("npz", npz(W1=np.ones((1, 1)), b1=np.ones(1, bool)), "'b1': it holds something else"),
    ("csv", (CSV_HEAD + "1,tanh,,0,256,1\n").encode(), "line 2 is beyond"),
]


@pytest.mark.parametrize(("form", "data", "words"), BAD_FILES)
def test_a_bad_file_is_refused_in_words(form: str, data: bytes, words: str) -> None:
    with memory_of() as most, pytest.raises(InvalidField, match=words) as refused:
        read(data, form)
    assert most[0] < 4_000_000 + 12 * len(data)
    assert refused.value.field
    assert len(refused.value.detail) < 1_000


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("layer,unit,input,value\n1,0,0,1.250\n1,0,bias,2.500\n", (1.25, 2.5)),
        ("layer;unit;input;value\n1;0;0;1.250\n1;0;bias;3,5\n", (1250, 3.5)),
        ("layer;unit;input;value\n1;0;0;1,250\n1;0;bias;3,5\n", (1.25, 3.5)),
        ("layer,unit,input,value\n1,0,0,\N{MINUS SIGN}1.250\n1,0,bias,-5e-3\n", (-1.25, -0.005)),
    ],
)
def test_a_parameter_is_the_number_that_its_column_means(
    text: str, values: tuple[float, float]
) -> None:
    (layer,) = read(text.encode(), "csv").layers
    assert (layer.weights[0][0], layer.biases[0]) == values


def test_an_archive_that_lies_about_its_size_yields_no_more_than_it_said() -> None:
    data = archive("W1.npy", bytes(50_000_000), zipfile.ZIP_DEFLATED)
    size = struct.pack("<L", 50_000_000)
    assert data.count(size) == 2
    with pytest.raises(InvalidField):
        read(data.replace(size, struct.pack("<L", 1000)), "npz")


@given(st.sampled_from(list(FORMATS)), st.data())
@settings(max_examples=150, deadline=None)
def test_a_damaged_file_is_read_or_refused_and_nothing_else(form: str, data: st.DataObject) -> None:
    file = bytearray(whole(FORMATS[form].write(NETWORK)))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(file) - 1))
        file[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    try:
        network = read(bytes(file), form)
    except InvalidField:
        return
    assert network.layers


HEADERS = st.dictionaries(
    st.sampled_from(["W1", "b1", "W2", "b2", "__metadata__"]),
    st.fixed_dictionaries(
        {
            "dtype": st.sampled_from(["F16", "F32", "F64", "I8", 3]),
            "shape": st.lists(st.integers(-1, 2**40) | st.booleans() | st.floats(), max_size=3),
            "data_offsets": st.lists(st.integers(-10, 2**40), max_size=3),
        }
    )
    | st.text(max_size=9),
)


@given(HEADERS.map(tensors) | st.binary(max_size=99).map(tensors) | st.binary(max_size=99))
@settings(max_examples=200, deadline=None)
def test_no_header_makes_anything_but_layers_or_a_refusal(data: bytes) -> None:
    for form in ("safetensors", "npz"):
        with contextlib.suppress(InvalidField):
            assert read(data, form).layers


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_that_was_taken_away_can_be_brought_back(inline: TestClient, form: str) -> None:
    body = whole(FORMATS[form].write(NETWORK))
    answers = [
        inline.post("/parameters", content=body, headers={"content-type": media_type})
        for media_type in FORMATS[form].media_types
    ]
    answers.append(inline.post("/parameters", params={"format": form}, content=body))
    expected = [
        {"weights": y.W.tolist(), "biases": y.b.ravel().tolist(), "activation": y.activation.name}
        for y in NETWORK.layers
    ]
    expected[0]["slope"] = 0.25
    for answer in answers:
        assert answer.status_code == 200, answer.text
        assert answer.json() == {"layers": expected}
    given = [{key: y[key] for key in ("weights", "biases")} for y in answers[0].json()["layers"]]
    layer = {"units": 3, "activation": "leaky_relu", "slope": 0.25}
    run = {"network": {"layers": [layer], "parameters": given}, "training": {"iterations": 1}}
    assert inline.post("/train", params={"wait": 30}, json=run).json()["status"] == "finished"


@pytest.mark.parametrize("dtype", ["i1", "<i2", ">i4", "i8", "u1", "u4", "f2", "f4"])
def test_whole_numbers_and_small_letters_are_taken(dtype: str) -> None:
    from safetensors import numpy as safetensors

    W1, b1 = np.array([[1, 2], [3, 4]], dtype), np.array([5, 6], dtype)
    W2, b2 = np.array([[7], [8]], dtype), np.array([9], dtype)
    expected = [([[1, 2], [3, 4]], [5, 6]), ([[7], [8]], [9])]
    for names in ("W1 b1 W2 b2", "W1 b1 w2 b2", "w1 B1 w2 B2"):
        arrays = dict(zip(names.split(), (W1, b1, W2, b2), strict=True))
        little = {
            name: array.astype(array.dtype.newbyteorder("<")) for name, array in arrays.items()
        }
        for form, data in (("npz", npz(**arrays)), ("safetensors", safetensors.save(little))):
            told = read(data, form)
            assert [(layer.weights, layer.biases) for layer in told.layers] == expected


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_a_mark_before_parameters_is_passed_over(inline: TestClient, encoding: str) -> None:
    for form, text in (
        ("json", '{"layers": [{"weights": [[1.5]], "biases": [2]}]}'),
        ("csv", "layer,unit,input,value\n1,0,0,1.5\n1,0,bias,2\n"),
        ("csv", "sep=;\r\nlayer;unit;input;value\r\n1;0;0;1,5\r\n1;0;bias;2\r\n"),
    ):
        answer = inline.post("/parameters", params={"format": form}, content=text.encode(encoding))
        assert answer.json() == {"layers": [{"weights": [[1.5]], "biases": [2]}]}


@pytest.mark.parametrize("path", ["/parameters", "/parameters?format=npz", "/datasets/table"])
def test_a_form_is_refused_with_what_to_send_instead(inline: TestClient, path: str) -> None:
    answer = inline.post(path, files={"file": ("points.csv", b"1,2,a\n3,4,b\n", "text/csv")})
    assert answer.status_code == 415
    assert "curl --data-binary @FILE" in answer.json()["detail"]
    assert path in answer.json()["detail"]
    # As curl's -d sends a file, without its ends of lines; --data-binary keeps them.
    form = {"content-type": "application/x-www-form-urlencoded"}
    answer = inline.post(path, content=b"1,2,a3,4,b", headers=form)
    assert answer.status_code == 415
    assert "curl --data-binary @FILE" in answer.json()["detail"]
    if path == "/datasets/table":
        answer = inline.post(path, content=b"1,2,a\n3,4,b\n", headers=form)
        assert answer.json()["rows"] == 2


@pytest.mark.parametrize("path", ["/parameters?format=json", "/datasets/table", "/train"])
def test_what_is_packed_is_refused_and_not_read_as_it_is(inline: TestClient, path: str) -> None:
    packed = {"content-type": "application/json", "content-encoding": "gzip"}
    answer = inline.post(path, content=gzip.compress(b"{}"), headers=packed)
    assert answer.status_code == 415
    assert "not as Content-Encoding: gzip" in answer.json()["detail"]
    plain = {**packed, "content-encoding": "identity"}
    assert inline.post(path, content=b"{}", headers=plain).status_code != 415


def test_a_file_of_an_untold_format_or_size_is_refused(inline: TestClient) -> None:
    answer = inline.post("/parameters", content=b"x", headers={"content-type": "image/png"})
    assert answer.status_code == 415
    assert "safetensors" in answer.json()["detail"]
    answer = inline.post("/parameters", params={"format": "pickle"}, content=b"x")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "format"

    def much() -> Iterator[bytes]:
        for _ in range(50):
            yield b" " * 100_000

    for path in ("/parameters?format=json", "/datasets/table"):
        assert inline.post(path, content=b" " * 2_000_001).status_code == 413
        assert inline.post(path, content=much()).status_code == 413


# -- tables ---------------------------------------------------------------------------------

TABLES: dict[str, tuple[bytes, str, bool]] = {
    "commas, header": (b"height,weight,sex\n1.7,60,f\n1.8,80,m\n1.6,55,f\n", ",", True),
    "semicolons, decimal commas": (b"1,7;60;f\r\n1,8;80;m\r\n1,6;55;f\r\n", ";", False),
    "tabs, mark": ("\ufeffh\tw\ts\n1.7\t60\tf\n1.8\t80\tm\n1.6\t55\tf\n".encode(), "\t", True),
    "quotes": (b'"h","w, kg","s"\n"1.7","60","f"\n"1.8","80","m"\n"1.6","55","f"\n', ",", True),
    "utf-16": ("h;w;s\n1.7;60;f\n1.8;80;m\n1.6;55;f\n".encode("utf-16"), ";", True),
    "latin-1": ("größe;w;s\n1.7;60;f\n1.8;80;m\n1.6;55;f\n".encode("latin-1"), ";", True),
    "old line ends": (b"1.7,60,f\r1.8,80,m\r1.6,55,f", ",", False),
    "empty lines": (b"\n1.7,60,f\n\n1.8,80,m\n,,\n1.6,55,f\n\n", ",", False),
}


@pytest.mark.parametrize("name", TABLES)
def test_tables_of_any_make(name: str) -> None:
    data, delimiter, header = TABLES[name]
    table = parse(decode(data))
    seen = preview(table)
    assert (seen.delimiter, seen.header, seen.rows, seen.bad) == (delimiter, header, 3, [])
    assert seen.suggested == {"x1": 0, "x2": 1, "label": 2}
    assert [column["numeric"] for column in seen.columns] == [1, 1, 0]
    assert seen.columns[0]["name"] == (next(table.rows()).cells[0] if header else "column 1")
    found = points(table, 0, 1, 2, "classification", fit=True)
    assert found.points == [[1.7, 60], [1.8, 80], [1.6, 55]]
    assert (found.labels, found.classes) == ([0, 1, 0], ["f", "m"])
    scaled = np.array(found.scaled)
    np.testing.assert_allclose(scaled.min(axis=0), [-5, -5])
    np.testing.assert_allclose(scaled.max(axis=0), [5, 5])
    fit = [(np.array(found.points) - found.fit["center"]) * found.fit["scale"]]
    np.testing.assert_allclose(scaled, fit[0])


def test_bad_rows_are_listed_with_their_line_and_good_ones_kept() -> None:
    text = "a,b,class\n1,2,yes\nx,2,no\n3,,no\n4,5\n6,7,\n8,1e9,no\n9,nan,no\n-1,0,No\n"
    found = points(parse(text), 0, 1, 2, "classification", fit=False)
    assert found.points == [[1, 2], [-1, 0]]
    assert (found.labels, found.classes) == ([1, 0], ["No", "yes"])
    assert [(bad.line, bad.reason) for bad in found.bad] == [
        (3, "a is 'x', not a number"),
        (4, "b is empty"),
        (5, "has 2 cells, most rows have 3"),
        (6, "class is empty"),
        (7, "b is 1e9, beyond ±1,000,000"),
        (8, "b is 'nan', not a number"),
    ]
    assert found.bad_rows == 6
    assert found.scaled is None


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (["1", "0"], ["0", "1"]),
        (["1", "-1", "1.0"], ["-1", "1"]),
        (["10", "9"], ["9", "10"]),
        (["b", "a"], ["a", "b"]),
        (["Yes", "no", "YES"], ["no", "Yes"]),
        (["TRUE", "FALSE"], ["FALSE", "TRUE"]),
    ],
)
def test_any_two_values_are_classes(labels: list[str], classes: list[str]) -> None:
    text = "".join(f"{i},{i},{label}\n" for i, label in enumerate(labels))
    found = points(parse(text), 0, 1, 2, "classification", fit=False)
    assert found.classes == classes
    assert found.labels[0] == 1
    assert found.labels[1] == 0


def test_targets_are_numbers() -> None:
    found = points(parse("1;2;0,5\n3;4;x\n5;6;-2\n"), 0, 1, 2, "regression", fit=False)
    assert found.labels == [0.5, -2]
    assert found.classes is None
    assert [bad.line for bad in found.bad] == [2]


def test_many_bad_rows_are_counted_and_some_listed() -> None:
    text = "1,2,0\n2,3,1\n" + "x,y,0\n" * 500
    found = points(parse(text), 0, 1, 2, "classification", fit=False)
    assert (found.rows, found.bad_rows, len(found.bad)) == (2, 500, 20)


@pytest.mark.parametrize(
    ("query", "body", "field", "words"),
    [
        ({}, b"", "table", "no rows"),
        ({}, b"," * 200 + b"1\n", "table", "more than 100 columns"),
        ({}, b'1,"2\n' + b"x" * 200_000, "table", "field larger"),
        ({"x1": 0}, b"1,2,3\n", "x2", "all three"),
        ({"x1": "a", "x2": 1, "label": 2}, b"1,2,3\n", "x1", "whole number"),
        ({"x1": 0, "x2": 1, "label": 3}, b"1,2,0\n3,4,1\n", "label", "from 0 to 2"),
        ({"x1": 0, "x2": 1, "label": 2}, b"1,2,0\n", "rows", "from 2 to 10,000"),
        ({"x1": 0, "x2": 1, "label": 2}, b"x,2,0\ny,3,1\n", "rows", "line 1: column 1 is 'x'"),
        ({"x1": 0, "x2": 1, "label": 2}, b"1,2,a\n3,4,b\n5,6,c\n", "label", "3 different"),
        ({"x1": 0, "x2": 1, "label": 2}, b"1,2,a\n3,4,a\n", "label", "exactly two"),
        ({"x1": 0, "x2": 1, "label": 2}, b"1,2,0\n" * 10_001, "rows", "10,001"),
        ({"colour": 1}, b"1,2,3\n", "colour", "spelling"),
    ],
)
def test_what_cant_be_used_is_said(
    inline: TestClient, query: dict[str, Any], body: bytes, field: str, words: str
) -> None:
    answer = inline.post(
        "/datasets/table", params=query, content=body, headers={"content-type": "text/csv"}
    )
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["field"] == field
    assert words in answer.json()["detail"]


TWO_MEGABYTES = 2_000_000
HUGE_TABLES: dict[str, tuple[bytes, str]] = {
    "one number a line": (b"1\n", "more than 50,000 rows"),
    "empty lines": (b"\n", "more than 200,000 lines"),
    "old empty lines": (b"\r", "more than 200,000 lines"),
    "one line of commas": (b",", "line 1 has more than"),
    "one cell": (b"x", "line 1 has more than"),
    "quotes": (b'"', "line 1 has more than"),
    "a quote over many lines": (b'"\n', "more than 50,000 rows|lines"),
    "a row over many lines": (b'"\n",', "lines|larger"),
    "quotes that are closed late": (b'1,"2\n', "more than 50,000 rows"),
    "no character at all": (b"\0", "it is no text"),
    "a wide row": (b"1,2," * 60 + b"\n", "more than 100 columns"),
    "long numbers": (b"1" * 100_000 + b"\n", ""),
    "cells of spaces": (b" , \n", "lines"),
}


@pytest.mark.parametrize("name", HUGE_TABLES)
def test_two_megabytes_of_anything_take_little_memory(name: str) -> None:
    unit, words = HUGE_TABLES[name]
    data = unit * (TWO_MEGABYTES // len(unit))
    with memory_of() as most:
        if words:
            with pytest.raises(ValueError, match=words):
                parse(decode(data))
        else:
            assert (
                max(len(cell) for row in preview(parse(decode(data))).sample for cell in row) <= 200
            )
    assert most[0] < 12 * TWO_MEGABYTES


def test_no_more_rows_are_read_than_points_are_taken() -> None:
    table = parse("1,2,a\n2,3,b\n" * 20_000)
    with pytest.raises(InvalidField, match="10,001 or more rows"):
        points(table, 0, 1, 2, "classification", fit=False)
    assert preview(table).rows == 40_000


@given(st.binary(max_size=200) | st.text(alphabet='01.,;\t"\n\rx', max_size=80).map(str.encode))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_a_table_or_refused(data: bytes) -> None:
    try:
        table = parse(decode(data))
    except ValueError:
        return
    seen = preview(table)
    assert len(seen.columns) >= 1
    try:
        found = points(table, 0, 0, len(seen.columns) - 1, "classification", fit=True)
    except InvalidField:
        return
    assert np.isfinite(found.points).all()
    assert found.scaled is not None
    assert np.abs(found.scaled).max() <= 5 + 1e-9
    assert set(found.labels) == {0, 1}


def test_a_table_becomes_a_run(inline: TestClient) -> None:
    rng = np.random.default_rng(0)
    rows = [
        f"{x:.3f};{y:.3f};{'in' if x * x + y * y < 4 else 'out'}"
        for x, y in rng.normal(0, 2, (80, 2))
    ]
    body = "\n".join(["a;b;where", *rows])
    seen = inline.post("/datasets/table", content=body).json()
    assert seen["suggested"] == {"x1": 0, "x2": 1, "label": 2}
    assert seen["columns"][2] == {"name": "where", "numeric": 0}
    assert seen["sample"][0] == rows[0].split(";")
    query = {**seen["suggested"], "fit": True}
    parsed = inline.post("/datasets/table", params=query, content=body).json()
    assert parsed["classes"] == ["in", "out"]
    for chosen in ("points", "scaled"):
        data = {
            "points": parsed[chosen],
            "labels": parsed["labels"],
            "task": parsed["task"],
            "features": ["x1_squared", "x2_squared"],
            "train_fraction": 0.5,
            "seed": 4,
        }
        run = {
            "data": data,
            "network": {"layers": []},
            "training": {"optimizer": "adam", "learning_rate": 0.1, "iterations": 1000},
        }
        status = inline.post("/train", params={"wait": 30}, json=run).json()
        assert status["train_accuracy"] > 0.9
