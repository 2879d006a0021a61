"""Pixels as Chromium shows them, on white."""

import base64
from collections.abc import Sequence

from PIL import Image
from playwright.sync_api import Browser

_SCRIPT = """
async (files) => {
  const shown = [];
  for (const data of files) {
    const image = new Image();
    const loaded = new Promise((done) => {
      image.onload = () => done(true);
      image.onerror = () => done(false);
    });
    image.src = `data:image/png;base64,${data}`;
    if (!await loaded) { shown.push(null); continue; }
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.fillStyle = "white";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(image, 0, 0);
    const pixels = context.getImageData(0, 0, canvas.width, canvas.height).data;
    const text = Array.from(pixels, (each) => String.fromCharCode(each)).join("");
    shown.push([canvas.width, canvas.height, btoa(text)]);
  }
  return shown;
}
"""
"""Draws each file on a white canvas. The type is not believed: the first bytes decide."""


def shown_pictures(browser: Browser, files: Sequence[bytes]) -> list[Image.Image | None]:
    """Each file as the browser shows it; None for one that it does not show."""
    page = browser.new_page()
    shown = page.evaluate(_SCRIPT, [base64.b64encode(each).decode() for each in files])
    page.close()
    return [None if each is None else _picture(*each) for each in shown]


def _picture(width: int, height: int, pixels: str) -> Image.Image:
    return Image.frombytes("RGBA", (width, height), base64.b64decode(pixels)).convert("RGB")
