"""WebP files: their chunks, and the part of them that a decoder needs."""

import struct
from collections.abc import Iterator

from db.values.imaging.header import (
    MAX_PARTS,
    DamagedPictureError,
    PictureHeader,
    too_many_parts,
)
from db.values.imaging.source import Icc, PictureSource, orientation_of

_CHUNK = struct.Struct("<4sI")
_FIRST = 12
_EXTENDED = b"VP8X"
_ALPHA, _ANIMATION = 0x10, 0x02
_NEEDED = (b"ANIM", b"ANMF", b"ALPH", b"VP8 ", b"VP8L")


def is_webp(data: bytes) -> bool:
    """True for the first bytes of a WebP."""
    return data.startswith(b"RIFF") and data[8:12] == b"WEBP"


def read_header(data: bytes) -> PictureHeader:
    """Read the size and the cost of a WebP.

    Raises:
        PictureError: it is damaged, or has too many chunks.
    """
    kind = data[12:16]
    if kind == _EXTENDED:
        width, height = (1 + int.from_bytes(data[at : at + 3], "little") for at in (24, 27))
    elif kind == b"VP8L":
        bits = struct.unpack_from("<I", data, 21)[0]
        width, height = 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    elif kind == b"VP8 ":
        width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", data, 26))
    else:
        raise DamagedPictureError("a WebP begins with a VP8 chunk")
    for _ in _walk(data):
        pass
    # Its decoder is that of animations, which keeps a second canvas.
    return PictureHeader("WEBP", width, height, copies=4)


def read_source(data: bytes) -> PictureSource:
    """Read a WebP without its metadata; of an animation, the first frame."""
    first: dict[bytes, bytes] = {}
    for kind, content in _walk(data):
        first.setdefault(kind, content)
    kept = [(kind, content) for kind, content in first.items() if kind in _NEEDED]
    if extended := first.get(_EXTENDED):
        kept.insert(0, (_EXTENDED, bytes([extended[0] & (_ALPHA | _ANIMATION)]) + extended[1:]))
    profile = first.get(b"ICCP")
    return PictureSource(
        pixels=_file(kept),
        spaces=(Icc(profile),) if profile else (),
        orientation=orientation_of(first.get(b"EXIF", b"")),
    )


def _walk(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and content of each chunk; the last one may be cut off.

    The length of the whole is not looked at, so what follows is read as chunks, too.
    """
    position, parts = _FIRST, 0
    while position + _CHUNK.size <= len(data):
        kind, length = _CHUNK.unpack_from(data, position)
        start = position + _CHUNK.size
        yield kind, data[start : start + length]
        position = start + length + length % 2
        parts += 1
        if parts > MAX_PARTS:
            raise too_many_parts("chunks")


def _file(chunks: list[tuple[bytes, bytes]]) -> bytes:
    body = b"".join(
        part
        for kind, content in chunks
        for part in (_CHUNK.pack(kind, len(content)), content, bytes(len(content) % 2))
    )
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body
