"""The fit of a picture into an output of another shape: cropped, padded or stretched."""

from typing import Literal

from PIL import Image, ImageOps
from PIL.Image import Resampling

from workers.catalog.variant import PictureSize

Fit = Literal["crop", "pad", "stretch"]

CROP: Fit = "crop"
PAD: Fit = "pad"
STRETCH: Fit = "stretch"

BLACK, WHITE = 0, 255


def changes_shape(picture: PictureSize, output: PictureSize, step: int) -> bool:
    """True when a picture has another shape than its output.

    A side that is less than `step` off comes of rounding: the picture is then stretched.
    """
    (wide, high), (width, height) = picture, output
    off = abs(width - height * wide / high), abs(height - width * high / wide)
    return min(off) >= step


def fit_picture(
    picture: Image.Image,
    output: PictureSize,
    fit: Fit,
    step: int,
    *,
    padding: int | None = None,
    resample: Resampling = Resampling.LANCZOS,
) -> Image.Image:
    """A picture brought to the size of the output.

    Args:
        picture: the picture, RGB or gray.
        output: width and height, pixels.
        fit: the choice for a picture of another shape.
        step: see `changes_shape`.
        padding: the level of added areas in all channels; None continues the picture's edges.
        resample: the filter that scales it.
    """
    if fit in (CROP, PAD) and changes_shape(picture.size, output, step):
        if fit == CROP:
            return ImageOps.fit(picture, output, resample)
        return pad(ImageOps.contain(picture, output, resample), output, padding)
    return picture.resize(output, resample)


def pad(picture: Image.Image, output: PictureSize, padding: int | None) -> Image.Image:
    """A picture in the middle of the output, which it touches on two sides.

    Args:
        picture: the picture, at most as wide and as high as the output.
        output: width and height, pixels.
        padding: see `fit_picture`.
    """
    (wide, high), (width, height) = picture.size, output
    left, top = (width - wide) // 2, (height - high) // 2
    if padding is None:
        canvas = picture.resize(output, Resampling.NEAREST)
        _continue_edges(canvas, picture, left, top)
    else:
        canvas = Image.new(picture.mode, output, (padding,) * len(picture.getbands()))
    canvas.paste(picture, (left, top))
    return canvas


def _continue_edges(canvas: Image.Image, picture: Image.Image, left: int, top: int) -> None:
    """Repeat the first and the last row or column of a picture up to the canvas's edges."""
    (wide, high), (width, height) = picture.size, canvas.size
    if width > wide:
        first, last = picture.crop((0, 0, 1, high)), picture.crop((wide - 1, 0, wide, high))
        canvas.paste(first.resize((width, height)), (0, 0))
        canvas.paste(last.resize((width, height)), (left + wide, 0))
    elif height > high:
        first, last = picture.crop((0, 0, wide, 1)), picture.crop((0, high - 1, wide, high))
        canvas.paste(first.resize((width, height)), (0, 0))
        canvas.paste(last.resize((width, height)), (0, top + high))
