"""Pictures for a worksheet: right size, light whatever the theme, with what they say in them."""

from __future__ import annotations

import base64
import struct
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.playground import Playground

SIZES = {"boundary": (1240, 1400), "cost": (1520, 920), "network": (1440, 984)}
SVG = "{http://www.w3.org/2000/svg}"


def save(page: Page, name: str, kind: str, folder: Path) -> Path:
    page.get_by_role("button", name="Save image").click()
    with page.expect_download() as download:
        page.get_by_role("button", name=f"{name.title()} as {kind.upper()}").click()
    assert download.value.suggested_filename == f"shallows-{name}-400.{kind}"
    target = folder / download.value.suggested_filename
    download.value.save_as(target)
    return target


@pytest.mark.parametrize("context_options", [{"color_scheme": "dark"}])
def test_the_three_pictures_in_both_formats(page: Page, tmp_path: Path) -> None:
    playground = Playground(page, "#speed=6000&iterations=400&features=x1,x2,x1_x2")
    playground.wait_for_plots()
    playground.button("Play").click()  # It may be over before anyone sees it play.
    playground.wait_for_iteration(400)
    expect(playground.button("Play")).to_be_visible()
    for name, size in SIZES.items():
        png = save(page, name, "png", tmp_path).read_bytes()
        assert png[:8] == b"\x89PNG\r\n\x1a\n"
        assert struct.unpack(">II", png[16:24]) == size
        corner, shades = page.evaluate(
            """async (bytes) => {
              const image = await createImageBitmap(new Blob([Uint8Array.fromBase64(bytes)]));
              const canvas = new OffscreenCanvas(image.width, image.height);
              const context = canvas.getContext('2d');
              context.drawImage(image, 0, 0);
              const { data } = context.getImageData(0, 0, image.width, image.height);
              const seen = new Set();
              for (let at = 0; at < data.length; at += 4) {
                seen.add((data[at] << 16) | (data[at + 1] << 8) | data[at + 2]);
              }
              return [[...data.slice(0, 3)], seen.size];
            }""",
            base64.b64encode(png).decode(),
        )
        assert corner == [255, 255, 255]
        assert shades > 50

        root = ET.fromstring(save(page, name, "svg", tmp_path).read_text(encoding="utf-8"))
        assert root.tag == f"{SVG}svg"
        text = "".join(root.itertext())
        assert "iteration 400" in text
        assert "circle" in text
        images = root.findall(f".//{SVG}image")
        if name == "boundary":
            assert len(images) == 1
            assert "y = 1" in text
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
