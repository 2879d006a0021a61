"""Files that are not as their format says, and that every viewer shows."""

import struct
import zlib
from collections.abc import Iterator

from tests.support.picture_corpus.case import SIZE, Case, saved, scene
from tests.support.picture_corpus.png import RGB, png
from tests.support.picture_corpus.png_cases import gamma, rgb
from tests.support.pictures import chunk, segment, with_chunks, with_segments

GARBAGE = bytes(range(256)) * 8
IEND = chunk(b"IEND", b"")


def wrong_check(data: bytes, kind: bytes) -> bytes:
    """A PNG whose chunk of this kind has another checksum."""
    at = data.index(kind)
    end = at + 4 + int.from_bytes(data[at - 4 : at], "big")
    return data[:end] + bytes(each ^ 0x55 for each in data[end : end + 4]) + data[end + 4 :]


def packed_text(size: int) -> bytes:
    """A chunk of text that unpacks to so many bytes."""
    return chunk(b"zTXt", b"workflow\0\0" + zlib.compress(b"node, " * (size // 6), 9))


def pngs() -> Iterator[Case]:
    """PNGs."""
    plain = png(rgb, RGB)
    packed = plain.index(b"IDAT") + 4
    pixels = plain[packed : plain.index(b"IEND") - 8]
    head = plain[: packed - 8]
    text = chunk(b"tEXt", b"a\0b")
    for name, data in {
        "checksum of a text": wrong_check(with_chunks(plain, text), b"tEXt"),
        "checksum of a gamma": wrong_check(with_chunks(plain, gamma(1.0)), b"gAMA"),
        "checksum of a private chunk": wrong_check(
            with_chunks(plain, chunk(b"prVt", b"x")), b"prVt"
        ),
        "no end": plain.removesuffix(IEND),
        "half an end": plain[:-6],
        "garbage behind": plain + GARBAGE,
        "a PNG behind": plain + plain,
        "much packed text": with_chunks(plain, packed_text(1_600_000)),
        "packed text that is none": with_chunks(plain, chunk(b"zTXt", b"a\0\0" + GARBAGE)),
        "text without a key": with_chunks(plain, chunk(b"tEXt", b"")),
        "international text cut off": with_chunks(plain, chunk(b"iTXt", b"a\0")),
        "EXIF that is none": with_chunks(plain, chunk(b"eXIf", GARBAGE)),
        "physical size of one byte": with_chunks(plain, chunk(b"pHYs", b"\1")),
        "time of one byte": with_chunks(plain, chunk(b"tIME", b"\1")),
        "gamma of one byte": with_chunks(plain, chunk(b"gAMA", b"\1")),
        "primaries of one byte": with_chunks(plain, gamma(0.45455) + chunk(b"cHRM", b"\1")),
        "animation of one byte": with_chunks(plain, chunk(b"acTL", b"\1")),
        "animation of no frames": with_chunks(plain, chunk(b"acTL", struct.pack(">II", 0, 0))),
        "text behind the pixels, cut off": head
        + chunk(b"IDAT", pixels)
        + struct.pack(">I", 5000)
        + b"tEXtab",
        "a chunk behind the pixels longer than the file": head
        + chunk(b"IDAT", pixels)
        + struct.pack(">I", 2**31 - 1)
        + b"tEXt"
        + GARBAGE,
        "pixels in many chunks": head
        + b"".join(chunk(b"IDAT", pixels[n : n + 7]) for n in range(0, len(pixels), 7))
        + IEND,
        "empty pixels first": head + chunk(b"IDAT", b"") + chunk(b"IDAT", pixels) + IEND,
        "more pixels than rows": head
        + chunk(b"IDAT", zlib.compress(zlib.decompress(pixels) + GARBAGE))
        + IEND,
        "no checksum of the pixels": head + chunk(b"IDAT", pixels[:-4]) + IEND,
        "another checksum of the pixels": head + chunk(b"IDAT", pixels[:-4] + b"abcd") + IEND,
        "checksum of the pixels' chunk": wrong_check(plain, b"IDAT"),
    }.items():
        yield Case("damaged PNG", name, data)
    rows = zlib.decompress(pixels)
    row = len(rows) // SIZE[1]
    yield Case(
        "damaged PNG",
        "the last row missing",
        head + chunk(b"IDAT", zlib.compress(rows[:-row])) + IEND,
    )
    yield Case(
        "damaged PNG",
        "half of the last row missing",
        head + chunk(b"IDAT", zlib.compress(rows[: -row // 2])) + IEND,
    )


def jpegs() -> Iterator[Case]:
    """JPEGs."""
    plain = saved(scene(), "JPEG", quality=95)
    smooth = saved(scene(), "JPEG", quality=95, progressive=True)
    for name, data in {
        "garbage behind": plain + GARBAGE,
        "garbage behind, no end": plain[:-2] + b"\0" * 500,
        "EXIF that is none": with_segments(plain, segment(0xE1, b"Exif\0\0" + GARBAGE)),
        "EXIF of nothing": with_segments(plain, segment(0xE1, b"Exif\0\0")),
        "XMP that is none": with_segments(
            plain, segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x:" + GARBAGE)
        ),
        "Photoshop's block that is none": with_segments(
            plain, segment(0xED, b"Photoshop 3.0\x008BIM" + GARBAGE)
        ),
        "an index of pictures that is none": with_segments(
            plain, segment(0xE2, b"MPF\0" + GARBAGE)
        ),
        "a profile without its count": with_segments(plain, segment(0xE2, b"ICC_PROFILE\0")),
        "a profile of part 0": with_segments(plain, segment(0xE2, b"ICC_PROFILE\0\0\1" + GARBAGE)),
        "a comment of nothing": with_segments(plain, segment(0xFE, b"")),
        "filling bytes": with_segments(plain, b"\xff" * 9),
        "no end, progressive": smooth[:-2],
        "the last bits missing, progressive": smooth[:-12],
        "a wrong thumbnail": with_segments(plain, segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\xff\xff")),
    }.items():
        yield Case("damaged JPEG", name, data)
    large = saved(scene(size=(480, 320)), "JPEG", quality=95)
    for missing in (1, 2, 3, 10, 40):
        yield Case("damaged JPEG", f"{missing} bytes missing", large[:-missing], shown=large)
    flipped = bytearray(large)
    flipped[-200] ^= 0x10
    yield Case("damaged JPEG", "a bit flipped near the end", bytes(flipped))


def others() -> Iterator[Case]:
    """WebPs, GIFs, AVIFs and BMPs."""
    webp = saved(
        scene(), "WEBP", lossless=True, exif=b"Exif\0\0II*\0\x08\0\0\0\0\0", xmp=b"<x:xmpmeta/>"
    )
    for name, data in {
        "the length too small": webp[:4] + struct.pack("<I", len(webp) - 30) + webp[8:],
        "garbage behind": webp + GARBAGE,
        "the last byte missing": webp[:-1],
        "XMP cut off": webp[:-8],
        "EXIF that is none": webp.replace(b"II*\0\x08", b"XX*\0\xff"),
    }.items():
        # Chromium shows none of those that are too short.
        yield Case("damaged others", f"WebP, {name}", data, shown=webp)
    gif = saved(scene().quantize(64), "GIF", comment=b"a comment")
    for name, data in {
        "no end": gif[:-1],
        "no end of its blocks": gif[:-2],
        "garbage behind": gif + GARBAGE,
        "an unknown extension": gif.replace(b"\x2c\0\0\0\0", b"\x21\x77\3abc\0\x2c\0\0\0\0", 1),
        "of the other version": gif.replace(b"GIF89a", b"GIF87a"),
    }.items():
        yield Case("damaged others", f"GIF, {name}", data)
    avif = saved(scene(), "AVIF", quality=95, speed=10)
    yield Case(
        "damaged others",
        "AVIF, garbage behind",
        avif + struct.pack(">I", 8 + len(GARBAGE)) + b"free" + GARBAGE,
    )
    bmp = saved(scene(), "BMP")
    yield Case("damaged others", "BMP, garbage behind", bmp + GARBAGE)
    yield Case("damaged others", "BMP, a wrong length", bmp[:2] + bytes(4) + bmp[6:])
    yield Case("damaged others", "BMP, no resolution", bmp[:38] + bytes(8) + bmp[46:])
