"""Hostile cases over REST: files that promise much, large tables, heavy calls in a loop."""

from __future__ import annotations

import asyncio
import io
import json
import re
import time
import zipfile

from app.exports.onnx.protobuf import written
from app.exports.onnx.recipes import FLOAT
from benchmarks.hostile.aim import Aim, again, browser, case, stream
from benchmarks.hostile.streams import START, large_check
from benchmarks.students import ITERATIONS

MOST_BYTES = 2_000_000
BINARY = "application/octet-stream"
CSV = "text/csv"

# -- row 3: sizes that are believed -------------------------------------------------------------


def safetensors(shape: tuple[int, int]) -> bytes:
    """A file whose arrays hold nothing, whatever their shape says."""
    about = {"dtype": "F64", "data_offsets": [0, 0]}
    header = json.dumps({"W1": {**about, "shape": shape}, "b1": {**about, "shape": [0]}}).encode()
    return len(header).to_bytes(8, "little") + header


def npz(**headers: str) -> bytes:
    """A file of arrays of which there is nothing but the header."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, header in headers.items():
            array = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()
            archive.writestr(f"{name}.npy", array)
    return file.getvalue()


def described(shape: str, dtype: str = "<f8") -> str:
    """The header of an array."""
    return f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}\n"


async def five_a_second(aim: Aim, body: bytes, format: str) -> None:
    """A file of parameters, five times a second."""
    await again(aim, "POST", f"parameters?format={format}", body, of=BINARY, at_once=1, pause=0.2)


@case(row=3)
async def safetensors_of_nothing(aim: Aim) -> None:
    """126 bytes whose W1 has the shape [30000000, 0]."""
    await five_a_second(aim, safetensors((30_000_000, 0)), "safetensors")


@case(row=3)
async def safetensors_without_rows(aim: Aim) -> None:
    """The same, [0, 30000000]."""
    await five_a_second(aim, safetensors((0, 30_000_000)), "safetensors")


@case(row=3)
async def npz_of_nothing(aim: Aim) -> None:
    """An npz whose W1 has the shape (30000000, 0)."""
    file = npz(W1=described("(30000000, 0)"), b1=described("(0,)"))
    await five_a_second(aim, file, "npz")


@case(row=3)
async def npz_of_empty_texts(aim: Aim) -> None:
    """An npz of texts without a letter."""
    file = npz(W1=described("(3000000, 10)", "<U0"), b1=described("(10,)", "<U0"))
    await five_a_second(aim, file, "npz")


@case(row=3)
async def npz_of_minuses(aim: Aim) -> None:
    """An npz whose header is 9,500 minuses."""
    await five_a_second(aim, npz(W1=described("(" + "-" * 9_500 + "1, 1)")), "npz")


@case(row=3)
async def npz_of_many_names(aim: Aim) -> None:
    """An npz of 15,000 files."""
    headers = {f"W{k}": "" for k in range(15_000)}
    await five_a_second(aim, npz(**headers), "npz")


def onnx_of_one_array(layers: int) -> bytes:
    """A graph whose layers all take the same 256 × 256 numbers, a quarter of a megabyte."""
    weights = written((1, 256), (1, 256), (2, FLOAT), (8, "W"), (9, bytes(4 * 256 * 256)))
    nodes = [
        (1, written((1, f"a{k}"), (1, "W"), (2, f"a{k + 1}"), (4, "MatMul"))) for k in range(layers)
    ]
    ends = (11, written((1, "a0"))), (12, written((1, f"a{layers}")))
    return written((7, written(*nodes, (5, weights), *ends)))


@case(row=3)
async def onnx_of_one_array_over_and_over(aim: Aim) -> None:
    """ONNX of 900 layers that all take the same array."""
    await five_a_second(aim, onnx_of_one_array(900), "onnx")


@case(row=3)
async def deep_json(aim: Aim) -> None:
    """Parameters in two million brackets."""
    await five_a_second(aim, b"[" * MOST_BYTES, "json")


@case(row=3)
async def many_layers(aim: Aim) -> None:
    """Parameters of 60,000 layers, each of which is wrong."""
    body = json.dumps({"layers": [{"weights": [[None]], "biases": 1}] * 50_000}).encode()
    await five_a_second(aim, body, "json")


# -- row 5: tables ------------------------------------------------------------------------------


async def table(aim: Aim, body: bytes, at_once: int = 1) -> None:
    """A table, over and over."""
    await again(aim, "POST", "datasets/table", body[:MOST_BYTES], of=CSV, at_once=at_once)


@case(row=5)
async def table_of_ones(aim: Aim) -> None:
    """A table of a million lines."""
    await table(aim, b"1\n" * 1_000_000)


@case(row=5)
async def four_tables_of_ones(aim: Aim) -> None:
    """Four of those at once."""
    await table(aim, b"1\n" * 1_000_000, 4)


@case(row=5)
async def four_wide_tables(aim: Aim) -> None:
    """Four at once of a million columns."""
    await table(aim, b"1," * 1_000_000, 4)


@case(row=5)
async def four_quoted_tables(aim: Aim) -> None:
    """Four at once of nothing but quotes."""
    await table(aim, b'"' * MOST_BYTES, 4)


@case(row=5)
async def four_tables_of_points(aim: Aim) -> None:
    """Four at once of 300,000 points, asked for as points."""
    await again(
        aim,
        "POST",
        "datasets/table?x1=0&x2=1&label=2&fit=true",
        (b"1,2,0\n3,4,1\n" * 150_000)[:MOST_BYTES],
        of=CSV,
        at_once=4,
    )


@case(row=5)
async def four_long_csv_parameters(aim: Aim) -> None:
    """Four files of parameters at once of a million lines."""
    body = b"layer,unit,input,value\n" + b"1\n" * 900_000
    await again(aim, "POST", "parameters?format=csv", body, of=CSV, at_once=4)


# -- row 6: heavy calls, eight at once ----------------------------------------------------------


async def trained(aim: Aim, plan: bytes, seconds: float = 180.0) -> str:
    """The name of a run that has ended."""
    async with browser(aim.url, aim.source) as client:
        headers = {"Content-Type": "application/json"}
        run = (await client.post("train", content=plan, headers=headers)).json()["id"]
        deadline = time.monotonic() + seconds
        while (await client.get(f"train/{run}")).json()["status"] in ("queued", "running"):
            if time.monotonic() > deadline:
                raise TimeoutError(f"a run has not ended within {seconds:.0f} s")
            await asyncio.sleep(0.3)
        return str(run)


async def million(aim: Aim) -> str:
    """A run of a million iterations of the smallest network."""
    plan = {
        "data": {"examples": 10},
        "network": {"layers": []},
        "training": {"iterations": ITERATIONS},
    }
    return await trained(aim, json.dumps(plan).encode())


async def short(aim: Aim) -> str:
    """A run of the default experiment."""
    return await trained(aim, b'{"training": {"iterations": 500}}')


@case(row=6)
async def vectorizing(aim: Aim) -> None:
    """The largest layer timed."""
    body = json.dumps({"examples": 10_000, "inputs": 2, "units": 50}).encode()
    await again(aim, "POST", "vectorizing", body)


@case(row=6, prepare=million)
async def costs(aim: Aim) -> None:
    """The costs of a million iterations."""
    await again(aim, "GET", f"train/{aim.prepared}/costs")


@case(row=6, prepare=million)
async def costs_as_a_file(aim: Aim) -> None:
    """The same as CSV."""
    await again(aim, "GET", f"train/{aim.prepared}/costs.csv")


@case(row=6, prepare=million)
async def reports(aim: Aim) -> None:
    """The report of a run of a million iterations."""
    await again(aim, "GET", f"train/{aim.prepared}/report")


async def largest_table(aim: Aim) -> str:
    """A run on the largest table."""
    points = [[k % 100 / 8, -k % 64 / 4, k % 9 / 2] * 7 for k in range(10_000)]
    body = {"data": {"points": points, "labels": [0, 1] * 5_000}, "training": {"iterations": 5}}
    return await trained(aim, json.dumps(body, separators=(",", ":")).encode())


@case(row=6, prepare=largest_table)
async def notebooks(aim: Aim) -> None:
    """The notebook of a run on the largest table."""
    await again(aim, "GET", f"train/{aim.prepared}/notebook.ipynb")


@case(row=6)
async def bad_points(aim: Aim) -> None:
    """A run of 9,990 points, each of them bad."""
    body = {"data": {"points": [["a", "b"]] * 9_990, "labels": [0] * 9_990}}
    await again(aim, "POST", "train", json.dumps(body).encode())


@case(row=6)
async def checks_over_rest(aim: Aim) -> None:
    """A large calculation to check."""
    await again(aim, "POST", "check", json.dumps(large_check()).encode())


@case(row=6, prepare=short)
async def predictions(aim: Aim) -> None:
    """What a network makes of 10,000 points."""
    body = json.dumps({"model": aim.prepared, "points": [[0.5, -0.5]] * 10_000}).encode()
    await again(aim, "POST", "predict", body)


@case(row=6)
async def datasets(aim: Aim) -> None:
    """5,000 points of a dataset."""
    await again(aim, "GET", "datasets/spiral?examples=5000")


@case(row=6)
async def runs_of_two_megabytes(aim: Aim) -> None:
    """Runs of 10,000 points, in bodies of nearly 2 MB."""
    points = [[0.5, 0.25, 0.125] * 10] * 10_000
    body = {"data": {"points": points, "labels": [0, 1] * 5_000}}
    text = json.dumps(body, separators=(",", ":")).encode()
    await again(aim, "POST", "train", text.ljust(MOST_BYTES - 1))


@case(row=6)
async def runs(aim: Aim) -> None:
    """Runs of the default experiment."""
    await again(aim, "POST", "train", b"{}")


async def largest_file(aim: Aim) -> str:
    """The address of the largest of the page's files."""
    async with browser(aim.url, aim.source) as client:
        found = re.search(r'data-plotly-in-space="/?([^"]+)"', (await client.get("")).text)
        assert found
        return found[1]


@case(row=6, prepare=largest_file)
async def largest_files(aim: Aim) -> None:
    """The largest of the page's files, not compressed."""
    await again(aim, "GET", aim.prepared)


@case(row=6)
async def pages(aim: Aim) -> None:
    """The page."""
    await again(aim, "GET", "")


async def save_again_and_again(aim: Aim, at_once: int) -> None:
    """A session of one's own, saved as often as can be."""
    with aim.noting():
        async with stream(aim) as line:
            await line.say({**START, "playing": False})
            heard = await line.until("configured")
            assert heard is not None
            hearing = asyncio.create_task(line.hear_on())
            await again(aim, "POST", f"sessions/{heard['session']}/save", b"{}", at_once=at_once)
            hearing.cancel()
            await asyncio.gather(hearing, return_exceptions=True)


@case(row=6)
async def qr_codes(aim: Aim) -> None:
    """QR codes of the longest address."""
    await again(aim, "GET", "qr.svg?address=http://a/" + 491 * "a")


@case(row=5)
async def tables_of_slips(aim: Aim) -> None:
    """Four tables at once in which every line opens a quote and every number has two readings."""
    await table(aim, b'1,250;"2.500;a\n' * 120_000, 4)


@case(row=6)
async def saves(aim: Aim) -> None:
    """Saves of one session."""
    await save_again_and_again(aim, 8)


@case(row=8, slow=75.0)
async def savers(aim: Aim) -> None:
    """Eight savers at one address for so long that they would fill the store."""
    await asyncio.gather(*(save_again_and_again(aim, 1) for _ in range(8)))
