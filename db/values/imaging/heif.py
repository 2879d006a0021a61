"""AVIF and HEIC files: the boxes that describe the picture that is shown.

Their decoders are given a process of their own, see `isolation`: what a file says here about its
size is checked again by the limits of that process.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from db.values.imaging.header import (
    MAX_PARTS,
    DamagedPictureError,
    PictureError,
    PictureHeader,
    too_many_parts,
)
from db.values.imaging.source import UPRIGHT, CodePoints, ColourSpace, Icc, PictureSource

_AVIF = (b"avif", b"avis")
_HEIC = (b"heic", b"heix", b"heim", b"heis")
_SIZE_TO_END, _LONG_SIZE = 0, 1
_FULL_BOX = 4
# Cameras write television's curve and mean sRGB's; browsers know that.
_TELEVISION, _SRGB = (1, 6, 14, 15), 13


def format_of(data: bytes) -> str | None:
    """Pillow's name of the format by a file's brands: AVIF, HEIF, or None for neither."""
    if data[4:8] != b"ftyp":
        return None
    length = min(int.from_bytes(data[:4], "big"), 1024)
    brands = [data[8:12], *(data[at : at + 4] for at in range(16, length, 4))]
    if any(brand in _AVIF for brand in brands):
        return "AVIF"
    return "HEIF" if any(brand in _HEIC for brand in brands) else None


def read_header(data: bytes) -> PictureHeader:
    """Read the size and the cost of an AVIF or HEIC.

    Raises:
        PictureError: it is damaged, or of another kind.
    """
    kind = format_of(data)
    properties = _shown(data)
    if properties.size is None or kind is None:
        raise DamagedPictureError("it does not say its size")
    return PictureHeader(kind, *properties.size, copies=6)


def read_source(data: bytes) -> PictureSource:
    """Read an AVIF or HEIC: its decoder turns it upright by itself."""
    return PictureSource(pixels=data, spaces=_shown(data).spaces, orientation=UPRIGHT)


@dataclass
class _Properties:
    """The properties of one item that matter here."""

    size: tuple[int, int] | None = None
    profile: bytes = b""
    points: CodePoints | None = None

    @property
    def spaces(self) -> tuple[ColourSpace, ...]:
        named = (Icc(self.profile) if self.profile else None, self.points)
        return tuple(each for each in named if each is not None)

    def add(self, kind: bytes, content: memoryview) -> None:
        if kind == b"ispe":
            width, height = struct.unpack_from(">II", content, _FULL_BOX)
            self.size = (width, height)
        elif kind == b"colr" and bytes(content[:4]) in (b"prof", b"rICC"):
            self.profile = bytes(content[4:])
        elif kind == b"colr" and bytes(content[:4]) == b"nclx":
            primaries, transfer = struct.unpack_from(">HH", content, 4)
            self.points = CodePoints(primaries, _SRGB if transfer in _TELEVISION else transfer)


@dataclass
class _Meta:
    """The box `meta`: the number of the shown item, all properties, and who has which."""

    primary: int | None = None
    properties: list[tuple[bytes, memoryview]] = field(default_factory=list)
    owned: dict[int, list[int]] = field(default_factory=dict)
    parts: int = 0

    def count(self, parts: int, noun: str) -> None:
        """Count what is read: each box may be small, and there may be many of them."""
        self.parts += parts
        if self.parts > MAX_PARTS:
            raise too_many_parts(noun)


def _shown(data: bytes) -> _Properties:
    meta = _read_meta(data)
    shown = _Properties()
    for index in meta.owned.get(meta.primary if meta.primary is not None else -1, ()):
        if 0 < index <= len(meta.properties):
            shown.add(*meta.properties[index - 1])
    return shown


def _read_meta(data: bytes) -> _Meta:
    boxes = dict(_boxes(memoryview(data)))
    if b"meta" not in boxes:
        raise PictureError("this AVIF or HEIC holds no still picture")
    meta = _Meta()
    for kind, content in _boxes(boxes[b"meta"][_FULL_BOX:]):
        if kind == b"pitm":
            meta.primary = int.from_bytes(content[4 : 6 if not content[0] else 8], "big")
        elif kind == b"iprp":
            _read_properties(meta, content)
    return meta


def _read_properties(meta: _Meta, content: memoryview) -> None:
    for kind, inner in _boxes(content):
        meta.count(1, "boxes")
        if kind == b"ipco":
            properties = list(_boxes(inner))
            meta.count(len(properties), "boxes")
            meta.properties += properties
        elif kind == b"ipma":
            _read_owners(meta, inner)


def _read_owners(meta: _Meta, content: memoryview) -> None:
    """Read which item has which properties: `ipma`."""
    version, is_wide = content[0], content[3] & 1
    (count,) = struct.unpack_from(">I", content, 4)
    meta.count(count, "items")
    at = 8
    for _ in range(count):
        name_bytes = 4 if version else 2
        item = int.from_bytes(content[at : at + name_bytes], "big")
        owned = content[at + name_bytes]
        meta.count(owned, "properties")
        at += name_bytes + 1
        width = 2 if is_wide else 1
        largest = 0x7FFF if is_wide else 0x7F
        numbers = [content[at + n * width : at + (n + 1) * width] for n in range(owned)]
        meta.owned[item] = [int.from_bytes(each, "big") & largest for each in numbers]
        at += owned * width


def _boxes(content: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Kind and content of each box at one level."""
    at, parts = 0, 0
    while at + 8 <= len(content):
        size, kind = struct.unpack_from(">I4s", content, at)
        start = at + 8
        if size == _LONG_SIZE:
            (size,) = struct.unpack_from(">Q", content, start)
            start += 8
        end = len(content) if size == _SIZE_TO_END else at + size
        if end < start:
            raise DamagedPictureError("one of its boxes has no size")
        yield kind, content[start:end]
        at, parts = end, parts + 1
        if parts > MAX_PARTS:
            raise too_many_parts("boxes")
