"""JPEG, WebP, AVIF, HEIC, GIF and BMP: kinds of samples, profiles, frames and orientations."""

import io
import struct
from collections.abc import Iterator
from functools import cache

import pillow_heif
from PIL import Image

from tests.support.picture_corpus.case import SIZE, Case, saved, scene
from tests.support.picture_corpus.png_cases import BROKEN, PROFILES
from tests.support.pictures import segment, with_segments

ORIENTATION = 0x0112
BY_SAMPLES = {
    "RGB": ("Display P3", "Adobe RGB", "ProPhoto", "table"),
    "L": ("grey 1.0", "grey 1.8", "Adobe RGB"),
}


def oriented(number: int) -> bytes:
    """An EXIF block that says this orientation."""
    block = Image.Exif()
    block[ORIENTATION] = number
    return block.tobytes()


def jpegs() -> Iterator[Case]:
    """JPEGs of every kind of samples and coding."""
    for mode in ("RGB", "L", "CMYK"):
        yield Case("JPEG kinds", mode, saved(scene(mode), "JPEG", quality=90))
        yield Case(
            "JPEG kinds", f"{mode}, progressive", saved(scene(mode), "JPEG", progressive=True)
        )
    for name, number in (("4:4:4", 0), ("4:2:2", 1), ("4:2:0", 2)):
        yield Case("JPEG kinds", name, saved(scene(), "JPEG", subsampling=number, quality=90))
    yield Case("JPEG kinds", "restarts", saved(scene(), "JPEG", restart_marker_rows=1))
    yield Case("JPEG kinds", "quality 5", saved(scene(), "JPEG", quality=5))
    yield Case(
        "JPEG kinds", "RGB without a change of colours", saved(scene(), "JPEG", keep_rgb=True)
    )
    press = saved(scene("CMYK"), "JPEG", quality=90)
    adobe = press.index(b"Adobe") - 4
    yield Case("JPEG kinds", "CMYK without Adobe's mark", press[:adobe] + press[adobe + 16 :])
    yield Case("JPEG kinds", "YCCK", press[: adobe + 15] + b"\2" + press[adobe + 16 :])
    for mode, names in BY_SAMPLES.items():
        for name in names:
            yield Case(
                "JPEG profiles",
                f"{mode}, {name}",
                saved(scene(mode), "JPEG", quality=90, icc_profile=PROFILES[name]),
            )
    yield Case(
        "JPEG profiles",
        "CMYK, press",
        saved(scene("CMYK"), "JPEG", quality=90, icc_profile=PROFILES["press"]),
    )
    yield Case(
        "JPEG profiles",
        "CMYK, Adobe RGB",
        saved(scene("CMYK"), "JPEG", quality=90, icc_profile=PROFILES["Adobe RGB"]),
    )
    yield Case(
        "JPEG profiles",
        "RGB, grey 1.0",
        saved(scene(), "JPEG", quality=90, icc_profile=PROFILES["grey 1.0"]),
    )
    yield Case(
        "JPEG profiles",
        "RGB, press",
        saved(scene(), "JPEG", quality=90, icc_profile=PROFILES["press"]),
    )
    yield Case(
        "JPEG profiles",
        "L, press",
        saved(scene("L"), "JPEG", quality=90, icc_profile=PROFILES["press"]),
    )
    for name in ("garbage", "cut off", "without a curve"):
        yield Case(
            "JPEG profiles",
            f"RGB, {name}",
            saved(scene(), "JPEG", quality=90, icc_profile=BROKEN[name]),
        )
    plain, wide = saved(scene(), "JPEG", quality=90), PROFILES["Adobe RGB"]
    halves = [wide[:300], wide[300:]]
    parts = [
        segment(0xE2, b"ICC_PROFILE\0" + bytes([n + 1, 2]) + half) for n, half in enumerate(halves)
    ]
    yield Case("JPEG profiles", "in two parts", with_segments(plain, b"".join(parts)))
    yield Case(
        "JPEG profiles", "in two parts, out of order", with_segments(plain, parts[1] + parts[0])
    )
    yield Case("JPEG profiles", "half of it", with_segments(plain, parts[0]))


def webps() -> Iterator[Case]:
    """WebPs, lossy and lossless, with and without transparency."""
    for mode in ("RGB", "RGBA"):
        for lossless in (True, False):
            name = f"{mode}, {'lossless' if lossless else 'lossy'}"
            yield Case("WebP", name, saved(scene(mode), "WEBP", lossless=lossless, quality=90))
            data = saved(
                scene(mode),
                "WEBP",
                lossless=lossless,
                quality=90,
                icc_profile=PROFILES["Adobe RGB"],
            )
            yield Case("WebP", f"{name}, Adobe RGB", data)
    for name in ("Display P3", "table", "grey 1.0"):
        yield Case("WebP", name, saved(scene(), "WEBP", lossless=True, icc_profile=PROFILES[name]))
    yield Case(
        "WebP",
        "a broken profile",
        saved(scene(), "WEBP", lossless=True, icc_profile=BROKEN["cut off"]),
    )


def avifs() -> Iterator[Case]:
    """AVIFs; their code points are written over."""
    for name, options in {
        "4:2:0": {},
        "4:4:4": {"subsampling": "4:4:4"},
        "grey": {"subsampling": "4:0:0"},
        "narrow range": {"range": "limited"},
        "tiles": {"tile_rows": 1, "tile_cols": 1},
    }.items():
        yield Case("AVIF", name, saved(scene(), "AVIF", quality=95, speed=10, **options))
    yield Case("AVIF", "RGBA", saved(scene("RGBA"), "AVIF", quality=95, speed=10))
    yield Case("AVIF", "L", saved(scene("L"), "AVIF", quality=95, speed=10))
    for name in ("Display P3", "Adobe RGB", "table"):
        yield Case(
            "AVIF", name, saved(scene(), "AVIF", quality=95, speed=10, icc_profile=PROFILES[name])
        )
        yield Case(
            "AVIF",
            f"RGBA, {name}",
            saved(scene("RGBA"), "AVIF", quality=95, speed=10, icc_profile=PROFILES[name]),
        )
    plain = saved(scene(), "AVIF", quality=95, speed=10, subsampling="4:4:4")
    for pair in ((12, 13), (9, 13), (1, 8), (1, 1), (9, 14), (2, 2), (9, 16), (9, 18)):
        yield Case(
            "AVIF HDR" if pair[1] > 15 else "AVIF",
            "points {}, {}".format(*pair),
            with_points(plain, *pair),
        )


def with_points(data: bytes, *pair: int) -> bytes:
    """An AVIF or HEIC with other code points for primaries and transfer."""
    at = data.index(b"nclx") + 4
    return data[:at] + struct.pack(">HH", *pair) + data[at + 4 :]


def gifs() -> Iterator[Case]:
    """GIFs, still and moving."""
    yield Case("GIF", "palette", saved(scene().quantize(64), "GIF"))
    yield Case("GIF", "interlaced", saved(scene().quantize(64), "GIF", interlace=1))
    yield Case("GIF", "grey", saved(scene("L"), "GIF"))
    yield Case("GIF", "two colours", saved(scene("1"), "GIF"))
    yield Case("GIF", "clear", saved(scene().quantize(16), "GIF", transparency=3))
    yield Case("GIF", "grey, clear", saved(scene("L"), "GIF", transparency=90))
    frames = [scene().quantize(32), Image.new("P", SIZE, 3)]
    yield Case(
        "GIF",
        "moving",
        saved(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=10_000),
    )
    small = bytearray(saved(scene().quantize(16), "GIF"))
    struct.pack_into("<HH", small, 6, SIZE[0] + 8, SIZE[1] + 6)
    yield Case("GIF", "smaller than its canvas", bytes(small))
    at = small.index(b"\x2c\0\0\0\0") + 1
    struct.pack_into("<HH", small, at, 5, 4)
    yield Case("GIF", "within its canvas", bytes(small))
    struct.pack_into("<HH", small, 6, *SIZE)
    yield Case("GIF", "over the edge of its canvas", bytes(small))


def bmps() -> Iterator[Case]:
    """BMPs of every depth."""
    for mode in ("1", "L", "P", "RGB", "RGBA"):
        yield Case("BMP", mode, saved(scene(mode), "BMP"))
    plain = bytearray(saved(scene(), "BMP"))
    struct.pack_into("<i", plain, 22, -SIZE[1])
    yield Case("BMP", "top down", bytes(plain))
    yield Case("BMP", "16 bits", _bmp16())
    yield Case("BMP", "runs of 8 bits", _bmp_runs())
    yield Case("BMP", "core header", _bmp_core())


def _bmp16() -> bytes:
    rows = b"".join(
        struct.pack("<H", (r >> 3) << 10 | (g >> 3) << 5 | b >> 3)
        for y in reversed(range(SIZE[1]))
        for x in range(SIZE[0])
        for r, g, b in [scene_pixels()[x, y]]
    )
    return _bmp(struct.pack("<IiiHHIIiiII", 40, *SIZE, 1, 16, 0, len(rows), 0, 0, 0, 0), rows)


def _bmp_core() -> bytes:
    rows = b"".join(
        bytes(reversed(scene_pixels()[x, y]))
        for y in reversed(range(SIZE[1]))
        for x in range(SIZE[0])
    )
    return _bmp(struct.pack("<IHHHH", 12, *SIZE, 1, 24), rows)


def _bmp_runs() -> bytes:
    rows = b"".join(bytes([24, 1 + y % 3, 24, 2]) + b"\0\0" for y in range(SIZE[1])) + b"\0\1"
    table = bytes([0, 0, 0, 0, 250, 40, 30, 0, 20, 200, 40, 0, 30, 60, 240, 0])
    return _bmp(
        struct.pack("<IiiHHIIiiII", 40, *SIZE, 1, 8, 1, len(rows), 0, 0, 4, 0) + table, rows
    )


def _bmp(header: bytes, rows: bytes) -> bytes:
    start = 14 + len(header)
    return b"BM" + struct.pack("<IHHI", start + len(rows), 0, 0, start) + header + rows


@cache
def scene_pixels() -> dict[tuple[int, int], tuple[int, int, int]]:
    """The scene's samples by place."""
    loaded = scene().load()
    return {(x, y): loaded[x, y] for y in range(SIZE[1]) for x in range(SIZE[0])}


def orientations() -> Iterator[Case]:
    """Every orientation in every format that has one, and numbers that mean nothing."""
    for number in range(1, 9):
        for kind, options in {
            "JPEG": {"quality": 90},
            "PNG": {},
            "WEBP": {"lossless": True},
            "AVIF": {"speed": 10, "quality": 95},
        }.items():
            yield Case(
                "orientation",
                f"{kind} {number}",
                saved(scene(), kind, exif=oriented(number), **options),
            )
    for number in (0, 9, 300):
        yield Case("orientation", f"JPEG {number}", saved(scene(), "JPEG", exif=oriented(number)))
    plain = saved(scene(), "JPEG", quality=90)
    for name, block in {
        "big endian": b"MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0",
        "no order": b"XX\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0",
        "cut off": b"II*\0\x08\0\0\0\1\0\x12",
        "far away": b"II*\0\xff\xff\xff\x7f\1\0",
        "of a long number": b"II*\0\x08\0\0\0\1\0\x12\1\4\0\1\0\0\0\6\0\0\0",
    }.items():
        yield Case(
            "orientation",
            f"JPEG, EXIF {name}",
            with_segments(plain, segment(0xE1, b"Exif\0\0" + block)),
        )


def frames() -> Iterator[Case]:
    """Files of several pictures: the first one, as it is shown at rest."""
    second = Image.new("RGB", SIZE, "red")
    for kind in ("MPO", "WEBP", "AVIF", "PNG"):
        data = (
            saved(scene(), kind, save_all=True, append_images=[second], duration=[60_000, 60_000])
            if kind != "MPO"
            else saved(scene(), kind, save_all=True, append_images=[second])
        )
        yield Case("frames", kind, data)
    yield Case(
        "frames",
        "MPO with a smaller second",
        saved(scene(), "MPO", save_all=True, append_images=[second.resize((20, 10))]),
    )
    jpeg = saved(scene(), "JPEG", quality=90)
    yield Case("frames", "a JPEG behind a JPEG", jpeg + saved(second, "JPEG"))
    yield Case("frames", "a video behind a JPEG", jpeg + b"\0\0\0\x18ftypmp42" + bytes(3000))
    apart = saved(
        scene(), "PNG", save_all=True, append_images=[second], default_image=True, duration=60_000
    )
    yield Case(
        "frames",
        "PNG with a picture apart from its animation",
        apart,
    )
    shifted = saved(
        scene("RGBA"), "WEBP", save_all=True, append_images=[second], lossless=True, duration=60_000
    )
    yield Case("frames", "WEBP of clear frames", shifted)


def heics() -> Iterator[Case]:
    """HEICs, beside the same pixels as PNG: Chromium shows none."""

    for mode in ("RGB", "RGBA", "L"):
        yield _heic(mode, mode)
    for name in ("Display P3", "Adobe RGB", "table"):
        yield _heic(f"RGB, {name}", "RGB", icc_profile=PROFILES[name])
    for number in range(1, 9):
        yield _heic(f"orientation {number}", "RGB", exif=oriented(number))


def _heic(name: str, mode: str, **options: object) -> Case:
    file = pillow_heif.from_pillow(scene(mode))
    buffer = io.BytesIO()
    file.save(buffer, quality=-1, chroma=444, **options)
    profile = options.get("icc_profile")
    shown = {"icc_profile": profile} if profile else {}
    if "exif" in options:
        shown["exif"] = options["exif"]
    return Case("HEIC", name, buffer.getvalue(), shown=saved(scene(mode), "PNG", **shown))
