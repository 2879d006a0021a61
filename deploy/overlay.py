"""Boxes drawn over a picture."""

import io
from typing import Any

from PIL import Image, ImageDraw

MIN_SIDE = 512
_COLOURS = ("#ff2d55", "#00c7be", "#ffcc00", "#af52de", "#34c759")


def draw_boxes(picture: bytes, detections: dict[str, Any]) -> bytes:
    """Draw labelled boxes over a picture, enlarged so that labels can be read.

    Args:
        picture: an encoded picture.
        detections: `{"bboxes": [[x1, y1, x2, y2]], "labels": [...]}` in the picture's pixels.

    Returns:
        A PNG.
    """
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    scale = max(1, -(-MIN_SIDE // min(image.size)))
    image = image.resize((image.width * scale, image.height * scale), Image.Resampling.NEAREST)
    canvas = ImageDraw.Draw(image)
    for n, (box, label) in enumerate(zip(detections["bboxes"], detections["labels"], strict=True)):
        _draw_box(canvas, [edge * scale for edge in box], label, _COLOURS[n % len(_COLOURS)])
    buffer = io.BytesIO()
    image.save(buffer, format="png")
    return buffer.getvalue()


def _draw_box(canvas: ImageDraw.ImageDraw, box: list[float], label: str, colour: str) -> None:
    canvas.rectangle(box, outline=colour, width=4)
    corner = (box[0] + 6, max(0, box[1] - 26))
    extent = canvas.textbbox(corner, label, font_size=20)
    canvas.rectangle((extent[0] - 4, extent[1] - 3, extent[2] + 4, extent[3] + 3), fill=colour)
    canvas.text(corner, label, fill="white", font_size=20)
