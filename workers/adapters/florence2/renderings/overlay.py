"""Boxes, outlines and labels, drawn over the picture."""

from collections.abc import Iterator, Sequence

from PIL import Image, ImageDraw

from workers.catalog.florence2.instances import Instance

READABLE_SIDE = 512
"""A picture is enlarged up to this shorter side, so that labels do not hide what they name."""

LONGEST_SIDE = 2048
"""No side is enlarged beyond this."""

_COLOURS = (
    (230, 25, 75),
    (0, 130, 200),
    (60, 180, 75),
    (245, 130, 48),
    (145, 30, 180),
    (0, 160, 160),
    (240, 50, 230),
    (128, 90, 20),
)
_FILL_OPACITY = 70
_LONGEST_LABEL = 40

_Box = tuple[float, float, float, float]


def draw_overlay(picture: Image.Image, instances: Sequence[Instance]) -> Image.Image:
    """Draw the instances over a copy of the picture; a small one is enlarged by a whole factor.

    Args:
        picture: RGB, upright; it is not changed.
        instances: the instances to draw, in pixels of the picture.
    """
    factor = _enlargement(picture.size)
    size = (picture.width * factor, picture.height * factor)
    canvas = picture.resize(size, Image.Resampling.BICUBIC) if factor > 1 else picture.copy()
    sketch = _Sketch(canvas, factor)
    for number, instance in enumerate(instances):
        sketch.draw_shape(instance, _COLOURS[number % len(_COLOURS)])
    for number, instance in enumerate(instances):
        sketch.draw_label(instance, _COLOURS[number % len(_COLOURS)])
    return canvas


def _enlargement(size: tuple[int, int]) -> int:
    return max(1, min(READABLE_SIDE // min(size), LONGEST_SIDE // max(size)))


class _Sketch:
    """Draws on one canvas; labels go last, and beside each other where there is room."""

    def __init__(self, canvas: Image.Image, factor: int) -> None:
        self._size = canvas.size
        self._factor = factor
        self._pen = ImageDraw.Draw(canvas, "RGBA")
        side = min(max(canvas.size), 4 * min(canvas.size))
        self._line = max(2, round(side / 320))
        self._font_size = max(12, round(side / 42))
        self._label_boxes: list[_Box] = []

    def draw_shape(self, instance: Instance, colour: tuple[int, int, int]) -> None:
        """Draw the outlines, or the box."""
        for points in instance.outlines:
            scaled = [value * self._factor for value in points]
            fill = (*colour, _FILL_OPACITY) if instance.is_masked else None
            self._pen.polygon(scaled, fill=fill, outline=colour, width=self._line)
        if not instance.outlines:
            self._pen.rectangle(self._scaled(instance.box), outline=colour, width=self._line)

    def draw_label(self, instance: Instance, colour: tuple[int, int, int]) -> None:
        """Draw the label on a patch of the same colour, at the instance's box."""
        text = _shorten(instance.label)
        if not text:
            return
        left, top, right, bottom = self._pen.textbbox((0, 0), text, font_size=self._font_size)
        pad = self._line
        extent = (right - left + 2 * pad, bottom - top + 2 * pad)
        patch = self._free_position(self._scaled(instance.box), extent)
        self._label_boxes.append(patch)
        self._pen.rectangle(patch, fill=colour)
        corner = (patch[0] + pad - left, patch[1] + pad - top)
        self._pen.text(corner, text, fill="white", font_size=self._font_size)

    def _scaled(self, box: _Box) -> _Box:
        left, top, right, bottom = (edge * self._factor for edge in box)
        return left, top, right, bottom

    def _free_position(self, box: _Box, extent: tuple[float, float]) -> _Box:
        """The first free position for a label: above its box, inside, below."""
        positions = [self._within(corner, extent) for corner in _corners(box, extent)]
        free = (
            position
            for position in positions
            if not any(_overlap(position, other) for other in self._label_boxes)
        )
        return next(free, positions[0])

    def _within(self, corner: tuple[float, float], extent: tuple[float, float]) -> _Box:
        left = max(0, min(corner[0], self._size[0] - extent[0]))
        top = max(0, min(corner[1], self._size[1] - extent[1]))
        return left, top, left + extent[0], top + extent[1]


def _corners(box: _Box, extent: tuple[float, float]) -> Iterator[tuple[float, float]]:
    left, top, right, bottom = box
    height = extent[1] + 1
    yield left, top - height
    yield left, top + 1
    yield left, bottom + 1
    yield right - extent[0], top - height
    yield left, bottom - height
    yield from ((left, top + height * step) for step in range(1, 6))


def _overlap(one: _Box, other: _Box) -> bool:
    apart = one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
    return not apart


def _shorten(label: str) -> str:
    text = " ".join(label.split())
    return text if len(text) <= _LONGEST_LABEL else text[: _LONGEST_LABEL - 1].rstrip() + "…"
