"""PNGs: every kind of sample, and every way to name a colour space."""

import struct
import zlib
from collections.abc import Iterator

from tests.support.picture_corpus import icc
from tests.support.picture_corpus.case import Case, alpha, grey, samples
from tests.support.picture_corpus.png import GREY, GREY_ALPHA, PALETTE, RGB, RGBA, png
from tests.support.pictures import chunk

PALETTE_16 = [(n * 17, 255 - n * 17, (n * 53) % 256) for n in range(16)]
P3_XY = (0.3127, 0.3290, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060)
ADOBE_XY = (0.3127, 0.3290, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
BT2020_XY = (0.3127, 0.3290, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046)
SRGB_XY = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)


def rgb(x: int, y: int) -> tuple[int, ...]:
    """The scene's samples of eight bits."""
    return samples(x, y)


def deep(x: int, y: int) -> tuple[int, ...]:
    """The scene's samples of sixteen bits."""
    return samples(x, y, 16)


def gamma(value: float) -> bytes:
    """A chunk gAMA."""
    return chunk(b"gAMA", struct.pack(">I", round(value * 100_000)))


def primaries(xy: tuple[float, ...]) -> bytes:
    """A chunk cHRM."""
    return chunk(b"cHRM", struct.pack(">8I", *(round(each * 100_000) for each in xy)))


def points(*numbers: int) -> bytes:
    """A chunk cICP of primaries and transfer, and if given matrix and range."""
    return chunk(b"cICP", bytes([*numbers, *(0, 1)[len(numbers) - 2 :]]))


def profile(data: bytes) -> bytes:
    """A chunk iCCP."""
    return chunk(b"iCCP", b"drawn\0\0" + zlib.compress(data))


def kinds() -> Iterator[Case]:
    """Every kind of sample, plain and with transparency, in rows and in passes."""
    for bits in (1, 2, 4, 8, 16):

        def level(x: int, y: int, bits: int = bits) -> tuple[int, ...]:
            return (grey(x, y, bits),)

        clear = chunk(b"tRNS", struct.pack(">H", grey(20, 10, bits)))
        yield Case("PNG kinds", f"grey {bits}", png(level, GREY, bits))
        yield Case("PNG kinds", f"grey {bits}, one clear", png(level, GREY, bits, chunks=clear))
        yield Case("PNG kinds", f"grey {bits}, interlaced", png(level, GREY, bits, interlaced=True))
    for bits in (1, 2, 4, 8):
        colours = PALETTE_16[: 1 << bits]

        def index(x: int, y: int, count: int = len(colours)) -> tuple[int, ...]:
            return ((x // 3 + y // 2) % count,)

        table = chunk(b"PLTE", bytes(each for colour in colours for each in colour))
        clear = chunk(b"tRNS", bytes(n * 40 % 256 for n in range(len(colours))))
        yield Case("PNG kinds", f"palette {bits}", png(index, PALETTE, bits, chunks=table))
        yield Case(
            "PNG kinds", f"palette {bits}, clear", png(index, PALETTE, bits, chunks=table + clear)
        )
    for bits in (8, 16):

        def full(x: int, y: int, bits: int = bits) -> tuple[int, ...]:
            return samples(x, y, bits)

        def covered(x: int, y: int, bits: int = bits) -> tuple[int, ...]:
            return (*samples(x, y, bits), alpha(x, bits))

        def grey_covered(x: int, y: int, bits: int = bits) -> tuple[int, ...]:
            return (grey(x, y, bits), alpha(x, bits))

        clear = chunk(b"tRNS", struct.pack(">3H", *samples(47, 16, bits)))
        behind = chunk(b"bKGD", struct.pack(">3H", 255, 0, 0))
        yield Case("PNG kinds", f"RGB {bits}", png(full, RGB, bits))
        yield Case("PNG kinds", f"RGB {bits}, one clear", png(full, RGB, bits, chunks=clear))
        yield Case("PNG kinds", f"RGB {bits}, interlaced", png(full, RGB, bits, interlaced=True))
        yield Case("PNG kinds", f"RGBA {bits}", png(covered, RGBA, bits))
        yield Case("PNG kinds", f"RGBA {bits}, background", png(covered, RGBA, bits, chunks=behind))
        yield Case(
            "PNG kinds", f"RGBA {bits}, interlaced", png(covered, RGBA, bits, interlaced=True)
        )
        yield Case("PNG kinds", f"grey and alpha {bits}", png(grey_covered, GREY_ALPHA, bits))


def _grey(x: int, y: int) -> tuple[int, ...]:
    return (grey(x, y),)


def _grey_alpha(x: int, y: int) -> tuple[int, ...]:
    return (grey(x, y), alpha(x))


def _rgba(x: int, y: int) -> tuple[int, ...]:
    return (*samples(x, y), alpha(x))


def _indexed(chunks: bytes) -> bytes:
    table = chunk(b"PLTE", bytes(each for colour in PALETTE_16 for each in colour))

    def index(x: int, y: int) -> tuple[int, ...]:
        return ((x // 3 + y // 2) % 16,)

    return png(index, PALETTE, 4, chunks=chunks + table)


def spaces() -> Iterator[Case]:
    """Gamma, primaries, code points and profiles, alone and together."""
    for value in (1.0, 0.45455, 1 / 1.8, 0.25, 2.0):
        yield Case("PNG gamma", f"{value:.2f}", png(rgb, RGB, chunks=gamma(value)))
    for name, xy in (("P3", P3_XY), ("Adobe", ADOBE_XY), ("BT.2020", BT2020_XY), ("sRGB", SRGB_XY)):
        yield Case(
            "PNG gamma", f"2.2 with {name}", png(rgb, RGB, chunks=gamma(0.45455) + primaries(xy))
        )
        yield Case("PNG gamma", f"{name} alone", png(rgb, RGB, chunks=primaries(xy)))
    yield Case("PNG gamma", "grey 1.0", png(_grey, GREY, chunks=gamma(1.0)))
    yield Case("PNG gamma", "grey and alpha 1.0", png(_grey_alpha, GREY_ALPHA, chunks=gamma(1.0)))
    yield Case("PNG gamma", "RGBA 1.0", png(_rgba, RGBA, chunks=gamma(1.0)))
    yield Case("PNG gamma", "palette 1.0", _indexed(gamma(1.0)))
    yield Case("PNG gamma", "16 bits 1.0", png(deep, RGB, 16, chunks=gamma(1.0)))
    yield Case("PNG gamma", "0", png(rgb, RGB, chunks=gamma(0)))
    intent = chunk(b"sRGB", b"\0")
    yield Case("PNG gamma", "sRGB beats gamma", png(rgb, RGB, chunks=intent + gamma(1.0)))
    yield Case("PNG gamma", "gamma, then sRGB", png(rgb, RGB, chunks=gamma(1.0) + intent))
    yield Case(
        "PNG gamma",
        "primaries of no space",
        png(rgb, RGB, chunks=gamma(0.5) + primaries((0.3,) * 8)),
    )
    for first in (1, 4, 5, 6, 7, 8, 9, 10, 11, 12, 22):
        yield Case("PNG code points", f"{first}, 13", png(rgb, RGB, chunks=points(first, 13)))
    for transfer in (1, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 15, 17):
        yield Case("PNG code points", f"1, {transfer}", png(rgb, RGB, chunks=points(1, transfer)))
    for pair in ((12, 1), (9, 14), (9, 8), (2, 13), (1, 2), (3, 13), (99, 13)):
        yield Case("PNG code points", "{}, {}".format(*pair), png(rgb, RGB, chunks=points(*pair)))
    for transfer, name in ((16, "PQ"), (18, "HLG")):
        for first in (9, 12, 1):
            yield Case("PNG HDR", f"{first}, {name}", png(rgb, RGB, chunks=points(first, transfer)))
    wide = profile(icc.matrix(icc.ADOBE))
    yield Case("PNG code points", "before a profile", png(rgb, RGB, chunks=points(12, 13) + wide))
    yield Case("PNG code points", "behind a profile", png(rgb, RGB, chunks=wide + points(12, 13)))
    yield Case("PNG code points", "matrix not 0", png(rgb, RGB, chunks=points(12, 13, 1, 1)))
    yield Case("PNG code points", "narrow range", png(rgb, RGB, chunks=points(12, 13, 0, 0)))
    yield Case("PNG code points", "grey", png(_grey, GREY, chunks=points(12, 8)))
    yield Case("PNG code points", "RGBA", png(_rgba, RGBA, chunks=points(12, 13)))


PROFILES: dict[str, bytes] = {
    "sRGB": icc.matrix(icc.SRGB, icc.SRGB_CURVE),
    "Display P3": icc.matrix(icc.P3, icc.SRGB_CURVE),
    "Adobe RGB": icc.matrix(icc.ADOBE, 2.2),
    "ProPhoto": icc.matrix(icc.PROPHOTO, 1.8),
    "BT.2020": icc.matrix(icc.BT2020, 2.4),
    "linear": icc.matrix(icc.SRGB, 1.0),
    "swapped": icc.matrix(icc.SWAPPED, 2.2),
    "table": icc.table(b"RGB ", 3, icc.lab_of_warm),
    "table of a scanner": icc.table(b"RGB ", 3, icc.lab_of_warm, kind=b"scnr"),
    "table A2B1": icc.table(b"RGB ", 3, icc.lab_of_warm, tag=b"A2B1"),
    "grey 1.0": icc.grey(1.0),
    "grey 1.8": icc.grey(1.8),
    "press": icc.table(b"CMYK", 4, icc.lab_of_inks, points=7, kind=b"prtr"),
}
BROKEN: dict[str, bytes] = {
    "empty": b"",
    "garbage": b"no profile at all" * 20,
    "cut off": PROFILES["Adobe RGB"][:200],
    "without a curve": PROFILES["Adobe RGB"].replace(b"gTRC", b"zzzz"),
    "without a signature": PROFILES["Adobe RGB"].replace(b"acsp", b"zzzz"),
    "of a wrong length": b"\0\0\xff\xff" + PROFILES["Adobe RGB"][4:],
    "of Lab": PROFILES["Adobe RGB"].replace(b"RGB XYZ ", b"Lab XYZ "),
}


def profiles() -> Iterator[Case]:
    """Profiles in RGB, grey, palette and transparent PNGs, fitting, not fitting and broken."""
    for name, data in (PROFILES | BROKEN).items():
        yield Case("PNG profiles", f"RGB, {name}", png(rgb, RGB, chunks=profile(data)))
    for name in ("Adobe RGB", "linear", "grey 1.0", "grey 1.8", "press", "table"):
        yield Case(
            "PNG profiles", f"grey, {name}", png(_grey, GREY, chunks=profile(PROFILES[name]))
        )
        yield Case(
            "PNG profiles",
            f"grey and alpha, {name}",
            png(_grey_alpha, GREY_ALPHA, chunks=profile(PROFILES[name])),
        )
    for name in ("Display P3", "table", "grey 1.0"):
        yield Case(
            "PNG profiles", f"RGBA, {name}", png(_rgba, RGBA, chunks=profile(PROFILES[name]))
        )
        yield Case(
            "PNG profiles", f"16 bits, {name}", png(deep, RGB, 16, chunks=profile(PROFILES[name]))
        )
        yield Case("PNG profiles", f"palette, {name}", _indexed(profile(PROFILES[name])))
    yield Case(
        "PNG profiles",
        "not packed",
        png(rgb, RGB, chunks=chunk(b"iCCP", b"drawn\0\0" + PROFILES["Adobe RGB"])),
    )
    yield Case(
        "PNG profiles",
        "two",
        png(rgb, RGB, chunks=profile(PROFILES["Adobe RGB"]) + profile(PROFILES["linear"])),
    )
    yield Case(
        "PNG profiles",
        "with gamma",
        png(rgb, RGB, chunks=gamma(1.0) + profile(PROFILES["Adobe RGB"])),
    )
    yield Case(
        "PNG profiles",
        "broken, with gamma",
        png(rgb, RGB, chunks=gamma(1.0) + profile(BROKEN["garbage"])),
    )
    yield Case(
        "PNG profiles", "behind the pixels", png(rgb, RGB, behind=profile(PROFILES["swapped"]))
    )
