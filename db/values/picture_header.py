"""Headers of PNG, JPEG and WebP files: what a file will cost, before a decoder sees it.

Decoders in C cannot be interrupted, so everything that makes one slow is counted here first.
"""

import re
import struct
from dataclasses import dataclass

MAX_SIDE = 65_535
"""The longest side, in pixels: JPEG's own limit."""

MAX_SCANS = 64
"""The most scans of a JPEG. Encoders write about ten; each costs a pass over all pixels
(libjpeg-turbo's advisory LJT-01-003: an application must limit them)."""

MAX_PARTS = 20_000
"""The most chunks of a PNG and the most segments, and bytes between them, of a JPEG: Pillow reads
one by one, in Python."""

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
_PNG_CHUNK = struct.Struct(">I4s")
_SIZE = struct.Struct(">II")
_NEXT_MARKER = re.compile(rb"\xff([^\x00\xff])", re.DOTALL)
_AFTER_SCAN = re.compile(rb"\xff([\xc0-\xcf\xd8-\xfe])", re.DOTALL)
_SOI, _EOI, _SOS = 0xD8, 0xD9, 0xDA
# libjpeg ends at a reserved marker, or passes over it within a scan, but never reads its length.
_WITHOUT_LENGTH = {*range(0x01, 0xC0), *range(0xD0, 0xD8), _SOI, _EOI, *range(0xF0, 0xFE)}
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_HUFFMAN_FRAMES = {0xC0, 0xC1, 0xC2}
_PROGRESSIVE = 0xC2


class PictureError(Exception):
    """The bytes are not an acceptable picture; the message tells the sender the reason."""


@dataclass(frozen=True)
class PictureHeader:
    """The format, the size and the cost of a picture.

    Attributes:
        format: Pillow's name of the format.
        width: in pixels, before any rotation.
        height: likewise.
        copies: pictures of four bytes a pixel that its decoder holds at once, as measured.
    """

    format: str
    width: int
    height: int
    copies: int = 1

    @property
    def pixels(self) -> int:
        """The number of its pixels."""
        return self.width * self.height

    @property
    def decoding_pixels(self) -> int:
        """The pixels that its decoder holds in memory."""
        return self.pixels * self.copies


def read_header(data: bytes) -> PictureHeader:
    """Read a picture's header, and refuse what would keep a decoder busy.

    Raises:
        PictureError: it is no PNG, JPEG or WebP, its header is damaged, or it would cost too much.
    """
    try:
        header = _read(data)
    except (struct.error, IndexError):
        raise PictureError("the picture is damaged: its header is cut off") from None
    if max(header.width, header.height) > MAX_SIDE:
        size = f"{header.width} x {header.height}"
        raise PictureError(f"the picture is {size} pixels; {MAX_SIDE} is the limit of a side")
    return header


def _read(data: bytes) -> PictureHeader:
    if data.startswith(_PNG):
        return _read_png(data)
    if data.startswith(_JPEG):
        return _read_jpeg(data)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return _read_webp(data)
    raise PictureError("this is not a PNG, JPEG or WebP picture")


def _read_png(data: bytes) -> PictureHeader:
    if data[12:16] != b"IHDR":
        raise PictureError("the picture is damaged: a PNG begins with an IHDR chunk")
    width, height = _SIZE.unpack_from(data, 16)
    position, parts, kind = len(_PNG), 0, b""
    while kind != b"IEND" and position + _PNG_CHUNK.size <= len(data):
        length, kind = _PNG_CHUNK.unpack_from(data, position)
        position += _PNG_CHUNK.size + length + 4
        parts += 1
        if parts > MAX_PARTS:
            raise _too_many_parts("chunks")
    return PictureHeader("PNG", width, height)


def _too_many_parts(noun: str) -> PictureError:
    return PictureError(
        f"the picture has more than {MAX_PARTS} {noun}; save it again without its metadata"
    )


def _read_webp(data: bytes) -> PictureHeader:
    kind = data[12:16]
    if kind == b"VP8X":
        width, height = (1 + int.from_bytes(data[at : at + 3], "little") for at in (24, 27))
    elif kind == b"VP8L":
        bits = struct.unpack_from("<I", data, 21)[0]
        width, height = 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    elif kind == b"VP8 ":
        width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", data, 26))
    else:
        raise PictureError("the picture is damaged: a WebP begins with a VP8 chunk")
    # Its decoder is that of animations, which keeps a second canvas.
    return PictureHeader("WEBP", width, height, copies=4)


def _read_jpeg(data: bytes) -> PictureHeader:
    segments = _JpegSegments(data)
    while segments.read_next():
        pass
    if segments.size is None:
        raise PictureError("the picture is damaged: this JPEG holds no picture")
    # A picture in several scans is decoded from a table of all its coefficients.
    needs_table = segments.is_progressive or segments.scans > 1
    return PictureHeader("JPEG", *segments.size, copies=3 if needs_table else 1)


class _JpegSegments:
    """The segments of a JPEG, walked as libjpeg walks them: by their lengths.

    A search for the bytes of a marker would count those within thumbnails and metadata, too.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0
        self._parts = 0
        self._after_scan = False
        self.scans = 0
        self.size: tuple[int, int] | None = None
        self.is_progressive = False

    def read_next(self) -> bool:
        """Read the next segment; False at the end of the picture."""
        pattern = _AFTER_SCAN if self._after_scan else _NEXT_MARKER
        found = pattern.search(self._data, self._position)
        if found is None:
            return False
        # Within a scan libjpeg reads by itself; elsewhere Pillow reads every byte of padding.
        self._count(1 if self._after_scan else 1 + found.start() - self._position)
        marker = found[1][0]
        self._after_scan = False
        self._position = found.end()
        if marker == _EOI:
            # One that comes before any scan ends a file of tables: libjpeg reads on.
            return not self.scans
        if marker not in _WITHOUT_LENGTH:
            self._read_segment(marker)
        return True

    def _count(self, parts: int) -> None:
        self._parts += parts
        if self._parts > MAX_PARTS:
            raise _too_many_parts("segments")

    def _read_segment(self, marker: int) -> None:
        start = self._position + 2
        self._position += int.from_bytes(self._data[self._position : start], "big")
        if marker in _FRAMES:
            self._read_frame(marker, start)
        elif marker == _SOS:
            self._after_scan = True
            self.scans += 1
            if self.scans > MAX_SCANS:
                raise PictureError(
                    f"the picture has more than {MAX_SCANS} scans; "
                    "save it again as an ordinary JPEG, or as PNG or WebP"
                )

    def _read_frame(self, marker: int, start: int) -> None:
        if marker not in _HUFFMAN_FRAMES:
            raise PictureError(
                "this kind of JPEG (lossless, hierarchical or arithmetic) is not read; "
                "save it again as an ordinary JPEG, or as PNG or WebP"
            )
        if self.size is not None:
            raise PictureError("the picture is damaged: this JPEG has two sizes")
        height, width = struct.unpack_from(">HH", self._data, start + 1)
        self.size, self.is_progressive = (width, height), marker == _PROGRESSIVE
