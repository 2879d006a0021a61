"""A grid of pictures with captions as one picture."""

import textwrap
from collections.abc import Sequence

from PIL import Image, ImageDraw

_TEXT, _GAP = 44, 8
_PIXELS_PER_CHARACTER = 5.7


def tile(
    pictures: Sequence[Image.Image], captions: Sequence[str], columns: int, size: tuple[int, int]
) -> Image.Image:
    """Tile pictures into one.

    Args:
        pictures: the pictures, which are resized to `size`.
        captions: the text below each picture.
        columns: the number of columns.
        size: width and height of each picture in pixels.
    """
    rows = -(-len(pictures) // columns)
    wide, high = size[0] + _GAP, size[1] + _TEXT + _GAP
    sheet = Image.new("RGB", (columns * wide + _GAP, rows * high + _GAP), "white")
    pen = ImageDraw.Draw(sheet)
    for n, (picture, caption) in enumerate(zip(pictures, captions, strict=True)):
        x, y = n % columns * wide + _GAP, n // columns * high + _GAP
        sheet.paste(picture.resize(size, Image.Resampling.LANCZOS), (x, y))
        lines = "\n".join(textwrap.wrap(caption, int(size[0] / _PIXELS_PER_CHARACTER)))
        pen.multiline_text((x, y + size[1] + 4), lines, fill="black", font_size=11)
    return sheet
