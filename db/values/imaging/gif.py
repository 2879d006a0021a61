"""GIF files: the first frame and the size of the canvas."""

import struct

from db.values.imaging.header import (
    MAX_PARTS,
    DamagedPictureError,
    PictureHeader,
    too_many_parts,
)
from db.values.imaging.source import PictureSource

MAGIC = (b"GIF87a", b"GIF89a")

_SCREEN = struct.Struct("<HHBBB")
_IMAGE = struct.Struct("<HHHHB")
_EXTENSION, _SEPARATOR, _CONTROL = 0x21, 0x2C, 0xF9
_TRAILER = b"\x3b"
_HAS_TABLE, _TABLE_BITS = 0x80, 0x07


def read_header(data: bytes) -> PictureHeader:
    """Read the size and the cost of a GIF's first frame on its canvas.

    Raises:
        PictureError: it is damaged, or has too many blocks.
    """
    first = _FirstFrame(data)
    return PictureHeader("GIF", first.width, first.height, copies=3)


def read_source(data: bytes) -> PictureSource:
    """Read a GIF's first frame, without its comments and the other frames."""
    return PictureSource(pixels=_FirstFrame(data).file())


class _FirstFrame:
    """The blocks of a GIF up to the end of its first frame."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._parts = 0
        width, height, flags, *_ = _SCREEN.unpack_from(data, 6)
        self._screen_end = self._position = 13 + _table_bytes(flags)
        self._control = b""
        while data[self._position] == _EXTENSION:
            self._read_extension()
        if data[self._position] != _SEPARATOR:
            raise DamagedPictureError("this GIF holds no picture")
        self._start = self._position
        left, top, across, down, flags = _IMAGE.unpack_from(data, self._start + 1)
        # A frame that is larger than its canvas makes the canvas larger.
        self.width, self.height = max(width, left + across), max(height, top + down)
        self._position += 1 + _IMAGE.size + _table_bytes(flags) + 1
        self._skip_blocks()

    def file(self) -> bytes:
        """A GIF of this frame alone."""
        frame = self._data[self._start : self._position]
        return self._data[: self._screen_end] + self._control + frame + _TRAILER

    def _read_extension(self) -> None:
        start = self._position
        is_control = self._data[start + 1] == _CONTROL
        self._position += 2
        self._skip_blocks()
        if is_control:
            self._control = self._data[start : self._position]

    def _skip_blocks(self) -> None:
        while self._position < len(self._data) and (length := self._data[self._position]):
            self._position += 1 + length
            self._parts += 1
            if self._parts > MAX_PARTS * 8:
                raise too_many_parts("blocks")
        self._position += 1


def _table_bytes(flags: int) -> int:
    return 3 * (2 << (flags & _TABLE_BITS)) if flags & _HAS_TABLE else 0
