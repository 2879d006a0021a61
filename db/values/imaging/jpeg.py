"""JPEG files: their segments, and the part of them that a decoder needs."""

import hashlib
import io
import re
import struct
from collections.abc import Iterator

from PIL import Image, ImageChops

from db.values.imaging.header import (
    MAX_PARTS,
    DamagedPictureError,
    PictureError,
    PictureHeader,
    too_many_parts,
)
from db.values.imaging.source import UPRIGHT, Icc, PictureSource, orientation_of

MAGIC = b"\xff\xd8\xff"

MAX_SCANS = 64
"""The most scans of a JPEG. Encoders write about ten; each costs a pass over all pixels
(libjpeg-turbo's advisory LJT-01-003: an application must limit them)."""

DRAFT = 8
"""The largest factor by which libjpeg makes a picture smaller while it decodes all of it."""

_NEXT_MARKER = re.compile(rb"\xff([^\x00\xff])", re.DOTALL)
_AFTER_SCAN = re.compile(rb"\xff([\xc0-\xcf\xd8-\xfe])", re.DOTALL)
_SOI, _EOI, _SOS = 0xD8, 0xD9, 0xDA
_APP1, _APP2, _COMMENT = 0xE1, 0xE2, 0xFE
# libjpeg ends at a reserved marker, or passes over it within a scan, but never reads its length.
_WITHOUT_LENGTH = {*range(0x01, 0xC0), *range(0xD0, 0xD8), _SOI, _EOI, *range(0xF0, 0xFE)}
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_HUFFMAN_FRAMES = {0xC0, 0xC1, 0xC2}
_PROGRESSIVE = 0xC2
# JFIF's and Adobe's marks say how colours are coded; the other segments of applications do not.
_METADATA = {*range(_APP1, 0xEE), 0xEF, _COMMENT}
_EXIF, _ICC = b"Exif\0\0", b"ICC_PROFILE\0"
_ALL_COEFFICIENTS = (1 << 64) - 1
_CMYK = 4
_BLOCKS_DOWN = 2
"""The most blocks from top to bottom that are coded together."""
_OTHER_ENDING = b"".join(hashlib.sha256(bytes([n])).digest() for n in range(64)).replace(
    b"\xff", b""
)


def read_header(data: bytes) -> PictureHeader:
    """Read the size and the cost of a JPEG.

    Raises:
        PictureError: it is damaged, or would keep its decoder busy.
    """
    segments = _Segments(data)
    if segments.size is None:
        raise DamagedPictureError("this JPEG holds no picture")
    # A picture in several scans is decoded from a table of all its coefficients.
    needs_table = segments.is_progressive or segments.scans > 1
    is_turned = orientation_of(segments.exif) != UPRIGHT
    copies = (3 if needs_table else 1) + (len(segments.components) == _CMYK) + is_turned
    return PictureHeader("JPEG", *segments.size, copies=copies)


def read_source(data: bytes) -> PictureSource:
    """Read a JPEG's first picture, without its metadata and what lies behind it."""
    segments = _Segments(data)
    if segments.is_cut and not segments.has_all_scans():
        raise DamagedPictureError("a part of it is missing")
    profile = segments.profile()
    return PictureSource(
        pixels=segments.without_metadata(),
        spaces=(Icc(profile),) if profile else (),
        orientation=orientation_of(segments.exif),
        is_cut=segments.is_cut,
    )


def missing_share(pixels: bytes) -> float:
    """The share of a picture's area that is missing at its end, of a file that was cut off.

    The decoder fills it without a word. It begins where another ending would change the picture,
    as seen in the averages of its blocks.
    """
    ours, other = (_small(pixels[:-2] + ending + pixels[-2:]) for ending in (b"", _OTHER_ENDING))
    box = ImageChops.difference(ours, other).getbbox()
    if box is None:
        return 0
    left, top, _right, _bottom = box
    rows = (ours.height - top) / ours.height
    is_last_row = ours.height - top <= _BLOCKS_DOWN
    return rows * (ours.width - left) / ours.width if is_last_row else rows


def _small(pixels: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(pixels), formats=["JPEG"])
    picture.draft(None, (max(1, picture.width // DRAFT), max(1, picture.height // DRAFT)))
    picture.load()
    return picture.convert("RGB")


class _Segments:
    """The segments of a JPEG, walked as libjpeg walks them: by their lengths.

    A search for the bytes of a marker would count those within thumbnails and metadata, too.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0
        self._parts = 0
        self._after_scan = False
        self._metadata: list[tuple[int, int]] = []
        self._profile_parts: dict[int, bytes] = {}
        self._profile_count = 0
        self._begun: dict[int, int] = {}
        self.exif = b""
        self.scans = 0
        self.size: tuple[int, int] | None = None
        self.components: tuple[int, ...] = ()
        self.is_progressive = False
        self.is_cut = True
        while self._read_next():
            pass

    def profile(self) -> bytes:
        """The ICC profile, of all its parts; nothing where one is missing."""
        numbers = range(1, self._profile_count + 1)
        if not all(n in self._profile_parts for n in numbers):
            return b""
        return b"".join(self._profile_parts[n] for n in numbers)

    def without_metadata(self) -> bytes:
        """The file up to its picture's end, without metadata and with an end mark."""
        end = bytes([0xFF, _EOI]) if self.is_cut else b""
        return b"".join(self._kept()) + end

    def has_all_scans(self) -> bool:
        """True where a scan of every coefficient has begun, down to its last bit."""
        begun = [self._begun.get(each, 0) for each in self.components]
        return all(each == _ALL_COEFFICIENTS for each in begun)

    def _kept(self) -> Iterator[bytes | memoryview]:
        view, position = memoryview(self._data), 0
        for start, end in self._metadata:
            yield view[position:start]
            position = end
        # A byte of ones would make a marker of whatever comes behind it.
        yield (
            self._data[position:].rstrip(b"\xff")
            if self.is_cut
            else view[position : self._position]
        )

    def _read_next(self) -> bool:
        """Read the next segment; False at the end of the picture."""
        pattern = _AFTER_SCAN if self._after_scan else _NEXT_MARKER
        found = pattern.search(self._data, self._position)
        if found is None:
            return False
        # Within a scan libjpeg reads by itself; elsewhere Pillow reads every byte of padding.
        self._count(1 if self._after_scan else 1 + found.start() - self._position)
        if not self.scans and self._position < found.start():
            self._metadata.append((self._position, found.start()))
        marker = found[1][0]
        self._after_scan = False
        self._position = found.end()
        if marker == _EOI:
            # One that comes before any scan ends a file of tables: libjpeg reads on.
            self.is_cut = not self.scans
            return self.is_cut
        if marker not in _WITHOUT_LENGTH:
            self._read_segment(marker, found.start())
        return True

    def _count(self, parts: int) -> None:
        self._parts += parts
        if self._parts > MAX_PARTS:
            raise too_many_parts("segments")

    def _read_segment(self, marker: int, at: int) -> None:
        start = self._position + 2
        self._position += int.from_bytes(self._data[self._position : start], "big")
        if marker in _FRAMES:
            self._read_frame(marker, start)
        elif marker == _SOS:
            self._read_scan(start)
        elif marker in _METADATA:
            self._metadata.append((at, self._position))
            self._read_metadata(marker, self._data[start : self._position])

    def _read_scan(self, start: int) -> None:
        self._after_scan = True
        self.scans += 1
        if self.scans > MAX_SCANS:
            raise PictureError(
                f"the picture has more than {MAX_SCANS} scans; "
                "save it again as an ordinary JPEG, or as PNG or WebP"
            )
        count = self._data[start]
        first, last, bits = self._data[start + 1 + 2 * count : start + 4 + 2 * count]
        if bits & 0x0F and self.is_progressive:
            return
        spectrum = (2 << last) - (1 << first) if self.is_progressive else _ALL_COEFFICIENTS
        for component in self._data[start + 1 : start + 1 + 2 * count : 2]:
            self._begun[component] = self._begun.get(component, 0) | spectrum

    def _read_metadata(self, marker: int, content: bytes) -> None:
        if marker == _APP1 and content.startswith(_EXIF) and not self.exif:
            self.exif = content
        elif marker == _APP2 and content.startswith(_ICC) and len(content) > len(_ICC) + 1:
            number, self._profile_count = content[len(_ICC) : len(_ICC) + 2]
            self._profile_parts[number] = content[len(_ICC) + 2 :]

    def _read_frame(self, marker: int, start: int) -> None:
        if marker not in _HUFFMAN_FRAMES:
            raise PictureError(
                "this kind of JPEG (lossless, hierarchical or arithmetic) is not read; "
                "save it again as an ordinary JPEG, or as PNG or WebP"
            )
        if self.size is not None:
            raise DamagedPictureError("this JPEG has two sizes")
        height, width, count = struct.unpack_from(">HHB", self._data, start + 1)
        self.size, self.is_progressive = (width, height), marker == _PROGRESSIVE
        self.components = tuple(self._data[start + 6 : start + 6 + 3 * count : 3])
