"""Files of pictures by their formats."""

import struct
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from db.values.imaging import bmp, gif, heif, jpeg, png, webp
from db.values.imaging.header import (
    FORMATS,
    MAX_SIDE,
    DamagedPictureError,
    PictureError,
    PictureHeader,
)
from db.values.imaging.source import PictureSource

_T = TypeVar("_T")


class _Reader(NamedTuple):
    accepts: Callable[[bytes], object]
    read_header: Callable[[bytes], PictureHeader]
    read_source: Callable[[bytes], PictureSource]


_READERS = (
    _Reader(lambda data: data.startswith(png.MAGIC), png.read_header, png.read_source),
    _Reader(lambda data: data.startswith(jpeg.MAGIC), jpeg.read_header, jpeg.read_source),
    _Reader(webp.is_webp, webp.read_header, webp.read_source),
    _Reader(heif.format_of, heif.read_header, heif.read_source),
    _Reader(lambda data: data.startswith(gif.MAGIC), gif.read_header, gif.read_source),
    _Reader(lambda data: data.startswith(bmp.MAGIC), bmp.read_header, bmp.read_source),
)


def read_header(data: bytes) -> PictureHeader:
    """Read a picture's header, and refuse what would keep a decoder busy.

    Raises:
        PictureError: it is of no accepted format, its header is damaged, or it would cost too much.
    """
    header = _read(_reader(data).read_header, data)
    if max(header.width, header.height) > MAX_SIDE:
        size = f"{header.width} x {header.height}"
        raise PictureError(f"the picture is {size} pixels; {MAX_SIDE} is the limit of a side")
    return header


def read_source(data: bytes) -> PictureSource:
    """Read the parts of a picture's file that count.

    Raises:
        PictureError: as `read_header`.
    """
    return _read(_reader(data).read_source, data)


def _read(read: Callable[[bytes], _T], data: bytes) -> _T:
    try:
        return read(data)
    except (struct.error, IndexError, ValueError):
        raise DamagedPictureError("its header is cut off") from None


def _reader(data: bytes) -> _Reader:
    found = next((each for each in _READERS if each.accepts(data)), None)
    if found is None:
        raise PictureError(f"this is not a {FORMATS} picture; send one of these formats")
    return found
