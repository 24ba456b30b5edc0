"""A run as a film: the server's pictures, recorded by the browser, as long as was asked for."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, expect

from tests.browser.playground import Playground

PLAYED = """async (bytes) => {
  const video = document.createElement('video');
  video.muted = true;
  video.src = URL.createObjectURL(new Blob([Uint8Array.fromBase64(bytes)], {type: 'video/webm'}));
  const comes = (event) => new Promise((resolve, reject) => {
    video.addEventListener(event, resolve, { once: true });
    video.addEventListener('error', () => reject(new Error(video.error.message)), { once: true });
  });
  await comes('loadeddata');
  const { duration, videoWidth, videoHeight } = video;
  const canvas = new OffscreenCanvas(videoWidth, videoHeight);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  const corner = () => {
    context.drawImage(video, 0, 0);
    return [...context.getImageData(60, 76, 1, 1).data.slice(0, 3)];
  };
  const corners = [];
  for (const time of [0.02, duration - 0.02]) {
    video.currentTime = time;
    await comes('seeked');
    corners.push(corner());
  }
  return [duration, [videoWidth, videoHeight], ...corners];
}"""


def test_a_run_is_recorded_as_a_film(page: Page, tmp_path: Path) -> None:
    playground = Playground(page, "#panel=timeline&rate=1.2&speed=10&iterations=400")
    playground.wait_for_plots()
    playground.button("Play").click()
    playground.wait_for_iteration(400)
    expect(playground.button("Play")).to_be_visible()
    opener = playground.button("Save as video")
    opener.click()
    dialog = page.get_by_role("dialog", name="Save as video")
    record = dialog.get_by_role("button", name="Record")
    expect(record).to_be_focused()
    expect(playground.field("to")).to_have_value("400")
    expect(dialog).to_contain_text("200 pictures")

    playground.enter("Seconds", "61")
    expect(dialog.locator("#animation-seconds-problem")).to_contain_text("from 1 to 60")
    playground.enter("From iteration", "400")
    expect(dialog.locator("#animation-from-problem")).to_contain_text("from 0 to 399")

    # One that is not wanted any more: the keyboard ends it, and the run is where it was.
    record.click()
    expect(dialog.get_by_role("progressbar")).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog.get_by_role("progressbar")).to_be_hidden()
    expect(playground.readout("iteration")).to_have_attribute("value", "400")
    expect(dialog.locator("#animation-told")).to_be_empty()

    playground.enter("Seconds", "1")
    expect(dialog).to_contain_text("20 pictures of 1,280 × 640 pixels")
    page.evaluate(
        """() => {
          const told = document.querySelector('#animation-told');
          window.told = {};
          new MutationObserver(() => {
            window.told[told.textContent.split(' ')[0]] ??= performance.now();
          }).observe(told, { childList: true });
        }"""
    )
    with page.expect_download() as download:
        record.click()
    name = "shallows-circle-tanh-2-4-1-rate-1.2-0-to-400.webm"
    assert download.value.suggested_filename == name
    expect(dialog.locator("#animation-told")).to_contain_text(f"Saved as {name}: 1 s")
    expect(playground.readout("iteration")).to_have_attribute("value", "400")
    playground.say_all()
    took = page.evaluate("window.told.Saved - window.told.Recording") / 1000
    sought = playground.wire.of_type("seek", sent=True)[-21:]
    assert [seek["iteration"] for seek in sought] == [
        *np.round(np.arange(20) * 400 / 19 + 1e-9).astype(int),
        400,
    ]

    # Its last picture is the plane as it is seen.
    film = playground.pixels("#animation-picture")[72:592, 56:576].astype(int)
    plane = playground.pixels("#boundary .plane canvas").astype(int)
    for across, up in ((0.02, 0.02), (0.98, 0.02), (0.02, 0.98), (0.5, 0.5)):
        here, there = (
            picture[int(up * picture.shape[0]), int(across * picture.shape[1]), :3]
            for picture in (film, plane)
        )
        assert abs(here - there).max() <= 2
    page.keyboard.press("Escape")
    expect(opener).to_be_focused()
    page.evaluate("delete globalThis.MediaRecorder")
    opener.click()
    expect(dialog.locator("#animation-problem")).to_contain_text("can’t record WebM")
    expect(record).to_be_disabled()
    expect(dialog.get_by_role("button", name="Close").last).to_be_focused()

    file = tmp_path / name
    download.value.save_as(file)
    content = file.read_bytes()
    assert content[:4] == b"\x1a\x45\xdf\xa3"  # EBML
    assert b"webm" in content[:64]
    # The page's policy lets it play nothing.
    blank = page.context.new_page()
    blank.bring_to_front()
    duration, size, first, last = blank.evaluate(PLAYED, base64.b64encode(content).decode())
    # Of a second, and as much longer as a busy machine took its last picture later.
    assert 0.99 <= duration <= took
    assert size == [1280, 640]
    # It begins where ŷ is nearly one half everywhere, and ends sure of the corner.
    assert min(first) > 225
    assert np.abs(np.array(last) - film[4, 4, :3]).max() < 12
