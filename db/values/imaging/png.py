"""PNG files: their chunks, and the part of them that a decoder needs."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from db.values.imaging.colour import MAX_PROFILE_BYTES
from db.values.imaging.header import (
    MAX_PARTS,
    DamagedPictureError,
    PictureHeader,
    too_many_parts,
)
from db.values.imaging.source import (
    UPRIGHT,
    CodePoints,
    ColourSpace,
    GammaPrimaries,
    Icc,
    PictureSource,
    orientation_of,
)

MAGIC = b"\x89PNG\r\n\x1a\n"

_CHUNK = struct.Struct(">I4s")
_IHDR = struct.Struct(">IIBBBBB")
_GREY, _RGB, _PALETTE, _GREY_ALPHA, _RGBA = 0, 2, 3, 4, 6
_COPIES = {_RGB: 1, _GREY_ALPHA: 3}
_SAMPLES = {_GREY: 1, _RGB: 3, _PALETTE: 1, _GREY_ALPHA: 2, _RGBA: 4}
_PASSES = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)
_CHECK_BYTES = 4
_CHECKED = (b"tRNS", b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM", b"eXIf")
"""The chunks that viewers do without where their checksum is wrong."""
_BEFORE_PIXELS = (b"PLTE", *_CHECKED)
_RGB_OF_FULL_RANGE = b"\0\1"
_PIECE = 1 << 20
_PACKED_PIECE = 4096
_ZLIB_HEADER = 2


@dataclass(frozen=True)
class _Format:
    width: int
    height: int
    bits: int
    colours: int
    compression: int
    filters: int
    is_interlaced: int

    @classmethod
    def of(cls, data: bytes) -> "_Format":
        if data[12:16] != b"IHDR":
            raise DamagedPictureError("a PNG begins with an IHDR chunk")
        return cls(*_IHDR.unpack_from(data, 16))

    def row_bytes(self) -> Iterator[tuple[int, int]]:
        """Bytes of a row with its filter, and rows, of each pass."""
        passes = _PASSES if self.is_interlaced else ((0, 0, 1, 1),)
        for x, y, across, down in passes:
            width, height = -((x - self.width) // across), -((y - self.height) // down)
            if width > 0 and height > 0:
                bits = width * self.bits * _SAMPLES.get(self.colours, 1)
                yield 1 + (bits + 7) // 8, height


@dataclass
class _Chunks:
    """The chunks of a PNG that count: those of its pixels, and the first of each other kind."""

    pixels: list[memoryview] = field(default_factory=list)
    others: dict[bytes, bytes] = field(default_factory=dict)


def read_header(data: bytes) -> PictureHeader:
    """Read the size and the cost of a PNG.

    Raises:
        PictureError: it is damaged, or has too many chunks.
    """
    png, chunks = _Format.of(data), _chunks(data)
    return PictureHeader("PNG", png.width, png.height, copies=_copies(png, chunks))


def _copies(png: _Format, chunks: _Chunks) -> int:
    """The pictures of four bytes a pixel that are held at once, as measured.

    A transparent picture is laid on its background, one of 16 grey bits is split into its halves,
    and the picture is held once more while it is turned.
    """
    is_clear = png.colours in (_GREY, _RGB) and b"tRNS" in chunks.others
    copies = 3 if is_clear else _COPIES.get(png.colours, 2)
    return copies + (orientation_of(chunks.others.get(b"eXIf", b"")) != UPRIGHT)


def read_source(data: bytes) -> PictureSource:
    """Read a PNG without its text, its animation and other metadata.

    Pixels count whatever their checksum says. The picture of an animated PNG is the one that
    viewers without animations show.
    """
    png, chunks = _Format.of(data), _chunks(data)
    needed = (b"PLTE", b"tRNS") if png.colours == _PALETTE else ()
    kept = [(kind, chunks.others[kind]) for kind in needed if kind in chunks.others]
    packed = b"".join(chunks.pixels)
    return PictureSource(
        pixels=_file([(b"IHDR", data[16:29]), *kept, (b"IDAT", packed)]),
        spaces=tuple(_spaces(chunks)),
        orientation=orientation_of(chunks.others.get(b"eXIf", b"")),
        clear=_clear_samples(png, chunks.others.get(b"tRNS")),
        sample_bits=png.bits,
    )


def missing_share(pixels: bytes) -> float:
    """The share of a picture's rows that is missing at its end.

    Args:
        pixels: a file without metadata, as `read_source` makes it.
    """
    png = _Format.of(pixels)
    expected = sum(size * rows for size, rows in png.row_bytes())
    found = sum(len(piece) for piece in _unpacked(_packed(pixels), expected))
    if png.is_interlaced:
        return float(found < expected)
    (size, rows), *_ = png.row_bytes()
    return (rows - min(found // size, rows)) / rows


def filled_up(pixels: bytes) -> bytes:
    """The file with zeros for the pixels that are missing at its end, and packed again."""
    png = _Format.of(pixels)
    left = sum(size * rows for size, rows in png.row_bytes())
    packer, packed = zlib.compressobj(1), []
    for piece in _unpacked(_packed(pixels), left):
        packed.append(packer.compress(piece))
        left -= len(piece)
    while left:
        piece = bytes(min(left, _PIECE))
        packed.append(packer.compress(piece))
        left -= len(piece)
    packed.append(packer.flush())
    kept = [(kind, bytes(content)) for kind, content in _walk(pixels) if kind != b"IDAT"]
    return _file([*(each for each in kept if each[0] != b"IEND"), (b"IDAT", b"".join(packed))])


def _walk(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Kind and content of each chunk up to the picture's end; the last one may be cut off."""
    view, position, parts, kind = memoryview(data), len(MAGIC), 0, b""
    while kind != b"IEND" and position + _CHUNK.size <= len(data):
        length, kind = _CHUNK.unpack_from(data, position)
        start = position + _CHUNK.size
        position = start + length + _CHECK_BYTES
        content, check = view[start : start + length], view[start + length : position]
        if kind not in _CHECKED or _is_intact(kind, content, check):
            yield kind, content
        parts += 1
        if parts > MAX_PARTS:
            raise too_many_parts("chunks")


def _chunks(data: bytes) -> _Chunks:
    found, is_over = _Chunks(), False
    for kind, content in _walk(data):
        if kind == b"IDAT":
            # Those that come after another chunk are not the picture's any more.
            found.pixels += [] if is_over else [content]
            continue
        is_over = bool(found.pixels)
        if (kind in _BEFORE_PIXELS and not is_over) or kind == b"eXIf":
            found.others.setdefault(kind, bytes(content))
    return found


def _is_intact(kind: bytes, content: memoryview, check: memoryview) -> bool:
    return zlib.crc32(content, zlib.crc32(kind)) == int.from_bytes(check, "big")


def _clear_samples(png: _Format, transparency: bytes | None) -> tuple[int, ...] | None:
    count = {_GREY: 1, _RGB: 3}.get(png.colours)
    if transparency is None or count is None or len(transparency) < 2 * count:
        return None
    largest = (1 << png.bits) - 1
    return tuple(each & largest for each in struct.unpack_from(f">{count}H", transparency))


def _spaces(chunks: _Chunks) -> Iterator[ColourSpace]:
    """The colour spaces that the chunks name, the one that counts most first."""
    others = chunks.others
    if others.get(b"cICP", b"")[2:] == _RGB_OF_FULL_RANGE:
        yield CodePoints(*others[b"cICP"][:2])
    if b"iCCP" in others and (profile := _profile(others[b"iCCP"])):
        yield Icc(profile)
    if b"sRGB" not in others and (gamma := _scaled(others.get(b"gAMA", b""))):
        yield GammaPrimaries(gamma[0], _scaled(others.get(b"cHRM", b"")) or None)


def _scaled(content: bytes) -> tuple[float, ...]:
    """The numbers of a chunk gAMA or cHRM; none where it is broken."""
    if len(content) not in (4, 32):
        return ()
    numbers = struct.unpack(f">{len(content) // 4}I", content)
    return tuple(each / 100_000 for each in numbers) if numbers[0] else ()


def _profile(content: bytes) -> bytes:
    _name, _, packed = content.partition(b"\0")
    unpacker = zlib.decompressobj()
    try:
        profile = unpacker.decompress(packed[1:], MAX_PROFILE_BYTES + 1)
    except zlib.error:
        return b""
    return profile if len(profile) <= MAX_PROFILE_BYTES else b""


def _packed(pixels: bytes) -> memoryview:
    return next(content for kind, content in _walk(pixels) if kind == b"IDAT")


def _unpacked(packed: memoryview, limit: int) -> Iterator[bytes]:
    """The pixels as far as they can be unpacked, and no more of them than the picture has.

    Neither zlib's header nor its checksum is looked at.
    """
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    for start in range(_ZLIB_HEADER, len(packed), _PACKED_PIECE):
        waiting: bytes | memoryview = packed[start : start + _PACKED_PIECE]
        while waiting and limit and not unpacker.eof:
            try:
                piece = unpacker.decompress(waiting, min(limit, _PIECE))
            except zlib.error:
                return
            waiting = unpacker.unconsumed_tail
            limit -= len(piece)
            yield piece


def _file(chunks: list[tuple[bytes, bytes]]) -> bytes:
    return MAGIC + b"".join(
        part
        for kind, content in [*chunks, (b"IEND", b"")]
        for part in (
            _CHUNK.pack(len(content), kind),
            content,
            struct.pack(">I", zlib.crc32(content, zlib.crc32(kind))),
        )
    )
