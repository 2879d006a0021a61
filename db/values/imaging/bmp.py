"""BMP files: their header."""

import struct

from db.values.imaging.header import DamagedPictureError, PictureError, PictureHeader
from db.values.imaging.source import PictureSource

MAGIC = b"BM"

MAX_RUN_LENGTH_BYTES = 500_000
"""The largest file whose pixels are run-length encoded: they are unpacked in Python."""

MAX_RUN_LENGTH_PIXELS = 1_000_000
"""The largest picture of such a file: a run of few bytes may fill any number of rows."""

_CORE_HEADER = 12
_HEADERS = (_CORE_HEADER, 40, 52, 56, 64, 108, 124)
_UNCOMPRESSED, _BIT_FIELDS = 0, 3


def read_header(data: bytes) -> PictureHeader:
    """Read the size and the cost of a BMP.

    Raises:
        PictureError: it is damaged, or would keep its decoder busy.
    """
    (size,) = struct.unpack_from("<I", data, 14)
    if size not in _HEADERS:
        raise DamagedPictureError("this BMP has no header of a known size")
    if size == _CORE_HEADER:
        width, height = struct.unpack_from("<HH", data, 18)
        compression = _UNCOMPRESSED
    else:
        width, height = struct.unpack_from("<ii", data, 18)
        (compression,) = struct.unpack_from("<I", data, 30)
    is_encoded = compression not in (_UNCOMPRESSED, _BIT_FIELDS)
    is_large = len(data) > MAX_RUN_LENGTH_BYTES or width * abs(height) > MAX_RUN_LENGTH_PIXELS
    if is_encoded and is_large:
        raise PictureError("this BMP is compressed and large; save it again as PNG")
    if width <= 0 or not height:
        raise DamagedPictureError("this BMP has no pixels")
    return PictureHeader("BMP", width, abs(height), copies=2)


def read_source(data: bytes) -> PictureSource:
    """Read a BMP: browsers look at none of its metadata."""
    return PictureSource(pixels=data)
