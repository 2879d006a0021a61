"""Files of pictures that cost a decoder much more than their bytes say."""

import io
import struct
import zlib

from PIL import Image

SOS = b"\xff\xda"
LARGE = (4472, 4472)
"""A size just below the limit of 20 megapixels."""


def encoded(picture: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    """A picture as a file's bytes."""
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def many_scans(count: int, size: tuple[int, int] = (64, 48), *, comment: bytes = b"") -> bytes:
    """A progressive JPEG of so many scans: its last one is repeated."""
    plain = encoded(Image.new("RGB", size, "navy"), "JPEG", progressive=True, quality=1)
    last = plain.rindex(SOS)
    head = plain[:2] + segment(0xFE, comment) + plain[2:last]
    return head + plain[last:-2] * (count - head.count(SOS)) + plain[-2:]


def segment(marker: int, content: bytes) -> bytes:
    """A segment of a JPEG."""
    return bytes([0xFF, marker]) + struct.pack(">H", 2 + len(content)) + content


def with_segments(jpeg: bytes, segments: bytes) -> bytes:
    """A JPEG with further segments after its first marker."""
    return jpeg[:2] + segments + jpeg[2:]


def chunk(kind: bytes, content: bytes) -> bytes:
    """A chunk of a PNG."""
    check = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)


def with_chunks(png: bytes, chunks: bytes) -> bytes:
    """A PNG with further chunks after its header."""
    after_header = 8 + 25
    return png[:after_header] + chunks + png[after_header:]


def plain_large_png(text: str = "") -> bytes:
    """A PNG of 20 megapixels and about 90 kB; the text makes it unlike others."""
    width, height = LARGE
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    pixels = zlib.compressobj(9)
    row = b"\0" + b"\x40" * (4 * width)
    packed = b"".join(pixels.compress(row) for _ in range(height)) + pixels.flush()
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed)
    return with_chunks(png + chunk(b"IEND", b""), chunk(b"tEXt", b"n\0" + text.encode()))
