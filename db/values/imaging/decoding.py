"""Decoding of a file's pixels by Pillow, and the damage that is forgiven.

No viewer minds a wrong checksum, a missing end mark, or metadata that cannot be read; a file
without them is made before it is decoded. What is missing at the end of a JPEG or PNG is forgiven
up to a sixteenth of the picture: a browser would show any rest, but nobody wants to pay for half of
a picture. Of a progressive JPEG the last scan must have begun.
"""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image, UnidentifiedImageError

from db.values.imaging import isolation, jpeg, png
from db.values.imaging.header import DamagedPictureError, PictureHeader
from db.values.imaging.source import PictureSource

MAX_MISSING_SHARE = 1 / 16
"""The largest share of a picture that may be missing at its end."""

_SIDEWAYS = range(5, 9)
_ISOLATED = ("AVIF", "HEIF")
_CLEAR = (0, 0, 0, 0)


def load(source: PictureSource, header: PictureHeader) -> Image.Image:
    """Decode a picture, not yet upright.

    Raises:
        PictureError: it does not decode.
    """
    if header.format in _ISOLATED:
        return isolation.decode(source.pixels, header)
    if header.format == "PNG":
        return _load_png(source, header)
    return _load(source, header)


def upright_size(source: PictureSource, header: PictureHeader) -> tuple[int, int]:
    """Decode a picture as cheaply as its format allows; its width and height, upright.

    Raises:
        PictureError: it does not decode.
    """
    if header.format == "JPEG":
        # Its decoder reads all of the file, and holds a sixty-fourth of the picture.
        _load(source, header, shrinking=jpeg.DRAFT)
        size = (header.width, header.height)
    elif header.format in _ISOLATED:
        size = isolation.size(source.pixels, header)
    else:
        size = load(source, header).size
    return size[::-1] if source.orientation in _SIDEWAYS else size


def _load(source: PictureSource, header: PictureHeader, shrinking: int = 1) -> Image.Image:
    with _damage_explained():
        if source.is_cut:
            _require_rest(jpeg.missing_share(source.pixels))
        picture = _open(source.pixels, header)
        across, down = picture.size
        picture.draft(None, (max(1, across // shrinking), max(1, down // shrinking)))
        picture.load()
    return picture


def _load_png(source: PictureSource, header: PictureHeader) -> Image.Image:
    with _damage_explained():
        picture = _open(source.pixels, header)
        if picture.mode == "P" and picture.palette is None:
            raise DamagedPictureError("its palette is missing")
        try:
            picture.load()
        except (OSError, ValueError):
            return _repaired_png(source, header)
        # The decoder does not mind rows that never came, and leaves zeros.
        return _repaired_png(source, header) if _ends_in_zeros(picture) else picture


def _ends_in_zeros(picture: Image.Image) -> bool:
    width, height = picture.size
    # In passes, every second row comes in the last one.
    rows = [picture.crop((0, y, width, y + 1)) for y in range(max(0, height - 2), height)]
    return any(row.getbbox(alpha_only=False) is None for row in rows)


def _repaired_png(source: PictureSource, header: PictureHeader) -> Image.Image:
    """The picture as far as it can be unpacked; what is missing is transparent."""
    share = png.missing_share(source.pixels)
    _require_rest(share)
    picture = _open(png.filled_up(source.pixels), header)
    picture.load()
    if share:
        picture = picture.convert("RGBA")
        picture.paste(_CLEAR, (0, round(picture.height * (1 - share)), *picture.size))
    return picture


def _require_rest(missing: float) -> None:
    if missing > MAX_MISSING_SHARE:
        raise DamagedPictureError(f"{missing:.0%} of it is missing")


def _open(pixels: bytes, header: PictureHeader) -> Image.Image:
    with warnings.catch_warnings():
        # Our own limit came before; Pillow's is a process-wide constant.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        picture = Image.open(io.BytesIO(pixels), formats=[header.format])
    if picture.width * picture.height > header.pixels:
        raise DamagedPictureError("it is larger than its header says")
    return picture


@contextmanager
def _damage_explained() -> Iterator[None]:
    try:
        yield
    except UnidentifiedImageError:
        raise DamagedPictureError("its decoder does not know it") from None
    except (
        AssertionError,
        OSError,
        ValueError,
        SyntaxError,
        TypeError,
        LookupError,
        EOFError,
        Image.DecompressionBombError,
    ) as error:
        raise DamagedPictureError(error or type(error).__name__) from error
