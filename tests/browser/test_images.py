"""Pictures for a worksheet: right size, light whatever the theme, the same plane as the page."""

from __future__ import annotations

import base64
import json
import re
import struct
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Page, expect

from tests.browser.playground import RAMP, Playground, until

SIZES = {"boundary": (1240, 1448), "cost": (1520, 920), "network": (1440, 984)}
PLANE = (slice(128, 1208), slice(120, 1200))
"""Rows and columns of the plane in the saved picture of the output."""
REACH = 6.6
SVG = "{http://www.w3.org/2000/svg}"
Pixels = NDArray[np.int64]


def save(page: Page, name: str, kind: str, folder: Path) -> Path:
    page.get_by_role("button", name="Save image").click()
    with page.expect_download() as download:
        page.get_by_role("button", name=f"{name.title()} as {kind.upper()}").click()
    assert download.value.suggested_filename == f"shallows-{name}-400.{kind}"
    target = folder / download.value.suggested_filename
    download.value.save_as(target)
    return target


def pixels_of(page: Page, png: bytes) -> Pixels:
    """Height x width x RGB."""
    width, height, data = page.evaluate(
        """async (bytes) => {
          const image = await createImageBitmap(new Blob([Uint8Array.fromBase64(bytes)]));
          const canvas = new OffscreenCanvas(image.width, image.height);
          const context = canvas.getContext('2d');
          context.drawImage(image, 0, 0);
          const { data } = context.getImageData(0, 0, image.width, image.height);
          return [image.width, image.height, new Uint8Array(data.buffer).toBase64()];
        }""",
        base64.b64encode(png).decode(),
    )
    pixels = np.frombuffer(base64.b64decode(data), np.uint8).reshape(height, width, 4)
    return pixels[..., :3].astype(int)


def between(grid: NDArray[Any], rows: NDArray[Any], columns: NDArray[Any]) -> NDArray[np.float64]:
    """A grid at places between its samples, row by row."""
    down = np.clip(rows.astype(int), 0, grid.shape[0] - 2)
    right = np.clip(columns.astype(int), 0, grid.shape[1] - 2)
    tail = (1,) * (grid.ndim - 2)
    y = np.clip(rows - down, 0, 1).reshape(-1, 1, *tail)
    x = np.clip(columns - right, 0, 1).reshape(1, -1, *tail)
    at = {(i, j): grid[np.ix_(down + i, right + j)] for i in (0, 1) for j in (0, 1)}
    upper, lower = (at[i, 0] * (1 - x) + at[i, 1] * x for i in (0, 1))
    result: NDArray[np.float64] = upper * (1 - y) + lower * y
    return result


def samples(length: int, of: int) -> NDArray[np.float64]:
    """The middles of pixels among samples, the outermost of which lie on the border."""
    return (np.arange(length) + 0.5) / length * (of - 1)


def spread(mask: NDArray[np.bool_], reach: int) -> NDArray[np.bool_]:
    """Whatever is as near as this to a pixel of it, along rows and columns."""
    for axis in (0, 1):
        sides = [np.roll(mask, by, axis) for by in range(-reach, reach + 1)]
        mask = np.any(sides, axis=0)
    return mask


@pytest.mark.parametrize("context_options", [{"color_scheme": "dark"}])
def test_the_three_pictures_in_both_formats(page: Page, tmp_path: Path) -> None:
    playground = Playground(
        page, "#speed=6000&iterations=400&features=x1,x2,x1_x2&noise=0.6&flips=0.1"
    )
    playground.wait_for_plots()
    playground.button("Play").click()  # It may be over before anyone sees it play.
    playground.wait_for_iteration(400)
    expect(playground.button("Play")).to_be_visible()
    page.get_by_role("switch", name="Mark mistakes").check()
    expect(page.locator("#output-legend .wrong")).to_be_visible()
    until(page, lambda: "misclassified" in playground.wire.frames[-1]["runs"][0], "no frame")
    saved = {}
    for name, size in SIZES.items():
        png = save(page, name, "png", tmp_path).read_bytes()
        assert png[:8] == b"\x89PNG\r\n\x1a\n"
        assert struct.unpack(">II", png[16:24]) == size
        saved[name] = pixels_of(page, png)
        shades = np.unique(saved[name].reshape(-1, 3), axis=0)
        assert saved[name][0, 0].tolist() == [255, 255, 255]
        assert len(shades) > 50

        root = ET.fromstring(save(page, name, "svg", tmp_path).read_text(encoding="utf-8"))
        assert root.tag == f"{SVG}svg"
        text = "".join(root.itertext())
        assert "iteration 400" in text
        assert "circle" in text
        images = root.findall(f".//{SVG}image")
        if name == "boundary":
            assert len(images) == 1
            assert "y = 1" in text
            assert "wrong" in text
        if name == "cost":
            assert "cost" in text
        if name == "network":
            assert len(images) == 3 + 4 + 1
            assert len(root.findall(f".//{SVG}g/{SVG}path")) == 3 * 4 + 4
            assert "x₁x₂" in text
            assert "Hidden layer 1" in text
        for image in images:
            address = image.get("href") or image.get("{http://www.w3.org/1999/xlink}href") or ""
            assert address.startswith("data:image/png;base64,")

    # The page, the saved picture and the report show the same plane.
    page.emulate_media(color_scheme="light")
    until(
        page,
        lambda: playground.pixels("#boundary canvas")[..., :3].max() >= max(RAMP[1]),
        "the page stays dark",
    )
    shown = playground.pixels("#boundary canvas")[..., :3].astype(int)
    height, width = shown.shape[:2]
    picture = saved["boundary"][PLANE]
    printed = between(picture, *(samples(length, 1081) - 0.5 for length in (height, width)))

    data = playground.wire.of_type("configured", sent=False)[-1]["data"]
    session = playground.wire.of_type("configured", sent=False)[-1]["session"]
    answer = page.request.get(f"/sessions/{session}/report")
    (text,) = re.findall(r'id="boundary-figure">(.*?)</script>', answer.text())
    heat, line = json.loads(text)["data"][:2]
    rows, columns = samples(height, 100)[::-1], samples(width, 100)
    share = (between(np.array(heat["z"]), rows, columns) - heat["zmin"]) / (
        heat["zmax"] - heat["zmin"]
    )
    stops = np.array([stop for stop, _ in heat["colorscale"]])
    ends = np.array([list(bytes.fromhex(colour[1:])) for _, colour in heat["colorscale"]])
    reported = np.stack([np.interp(share, stops, ends[:, part]) for part in range(3)], axis=2)

    z = between(np.array(line["z"]), rows, columns) > 0
    crossing = np.zeros_like(z)
    crossing[1:] |= z[1:] != z[:-1]
    crossing[:, 1:] |= z[:, 1:] != z[:, :-1]
    points = np.zeros_like(z)
    x1, x2 = np.array(data["points"]).T
    points[
        np.clip((REACH - x2) / (2 * REACH) * height, 0, height - 1).astype(int),
        np.clip((x1 + REACH) / (2 * REACH) * width, 0, width - 1).astype(int),
    ] = True
    drawn_over = spread(points, 12)
    border = np.ones_like(z)
    border[4:-4, 4:-4] = False  # There the saved picture has a frame.
    drawn_over |= border
    plain = ~drawn_over & ~spread(crossing, 6)
    assert plain.mean() > 0.3
    for other in (printed, reported):
        assert abs(shown - other)[plain].max() <= 3
    dark = [(pixels.max(axis=2) < 190) & ~drawn_over for pixels in (shown, printed)]
    assert (crossing & ~drawn_over).sum() > 100
    for lines in dark:
        assert not (lines & ~spread(crossing, 2)).any()
        assert not (crossing & ~drawn_over & ~spread(lines, 2)).any()

    # A ring around every point that is wrong, and around no other.
    bits = np.frombuffer(playground.wire.frames[-1]["runs"][0]["misclassified"], np.uint8)
    wrong = np.unpackbits(bits)[: len(x1)].astype(bool)
    assert wrong.any()
    alone = 0
    for index in range(len(x1)):
        apart = np.hypot(x1 - x1[index], x2 - x2[index])
        apart[index] = np.inf
        row, column = (REACH - x2[index]) / 13.2 * 1080, (x1[index] + REACH) / 13.2 * 1080
        if apart.min() < 0.45 or not (20 < row < 1060 and 20 < column < 1060):
            continue
        around = [
            picture[round(row + dy), round(column + dx)].max()
            for dy, dx in ((16, 0), (-16, 0), (0, 16), (0, -16))
        ]
        alone += bool(wrong[index])
        assert (max(around) < 120) == wrong[index] or spread(crossing, 12)[
            round(row / 1080 * height), round(column / 1080 * width)
        ]
    assert alone > 0
