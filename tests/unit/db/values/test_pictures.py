"""Pictures from outside: what is accepted, what is refused, and that nothing else happens."""

import hashlib
import io
import struct
import tracemalloc
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from db.values.pictures import (
    SUFFIXES,
    PictureError,
    PictureLimits,
    decode,
    inspect,
    transparent_area,
)

LIMITS = PictureLimits(max_bytes=200_000, max_pixels=100_000)
FORMATS = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}
OTHERS = {"AVIF": "image/avif", "GIF": "image/gif", "BMP": "image/bmp"}
ORIENTATION = 0x0112
SIDEWAYS = Image.Exif()
SIDEWAYS[ORIENTATION] = 6  # its top is to the right


def drawn(size: tuple[int, int] = (40, 30), mode: str = "RGB") -> Image.Image:
    """A gradient, red to the left."""
    picture = Image.linear_gradient("L").rotate(90).resize(size)
    return Image.merge("RGB", (picture, Image.new("L", size), Image.new("L", size))).convert(mode)


def saved(picture: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    """A picture as a file's bytes."""
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def png_of(width: int, height: int, body: bytes = b"") -> bytes:
    """A PNG that says it has this size, whatever follows."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in ((b"IHDR", header), (b"IDAT", body), (b"IEND", b""))
    )


def refusal(data: bytes, limits: PictureLimits = LIMITS) -> str:
    """The reason for which a picture is refused."""
    with pytest.raises(PictureError) as caught:
        inspect(data, limits)
    return str(caught.value)


@pytest.mark.parametrize(("kind", "media_type"), (FORMATS | OTHERS).items())
def test_a_picture_of_an_accepted_format_is_measured(kind: str, media_type: str) -> None:
    data = saved(drawn(), kind)
    facts = inspect(data, LIMITS)
    assert (facts.media_type, facts.width, facts.height) == (media_type, 40, 30)
    assert facts.size_bytes == len(data)
    assert facts.sha256 == hashlib.sha256(data).hexdigest()
    assert facts.media_type in SUFFIXES


@pytest.mark.parametrize("kind", ["TIFF", "ICO", "PPM", "TGA", "JPEG2000"])
def test_a_picture_of_another_format_is_refused_with_the_names_of_those_that_are_taken(
    kind: str,
) -> None:
    assert "not a PNG, JPEG, WebP, AVIF, HEIC, GIF or BMP picture" in refusal(saved(drawn(), kind))


@pytest.mark.parametrize("data", [b"", b"hello", b"<svg/>", b"%PDF-1.4", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    assert refusal(data)


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("kept", [0.3, 0.6, 0.95])
def test_a_truncated_picture_is_refused(kind: str, kept: float) -> None:
    data = saved(Image.effect_noise((40, 30), 90).convert("RGB"), kind)
    assert refusal(data[: int(len(data) * kept)])


def test_the_limits_are_the_largest_accepted() -> None:
    data = saved(drawn((100, 100)))
    exact = PictureLimits(max_bytes=len(data), max_pixels=10_000)
    assert inspect(data, exact).size_bytes == len(data)
    assert "bytes" in refusal(data, PictureLimits(max_bytes=len(data) - 1, max_pixels=10_000))
    assert "pixels" in refusal(data, PictureLimits(max_bytes=len(data), max_pixels=9_999))


@pytest.mark.parametrize("side", [10_000, 65_535, 2**31 - 1])
def test_a_picture_that_says_it_is_huge_is_refused_before_it_is_decoded(side: int) -> None:
    body = zlib.compress(bytes(3_000_000), 9)
    tracemalloc.start()
    try:
        assert "pixel" in refusal(png_of(side, side, body))
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF", "AVIF", "MPO"])
def test_of_several_pictures_the_first_counts(kind: str) -> None:
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue")]
    data = saved(frames[0], kind, save_all=True, append_images=frames[1:])
    assert inspect(data, LIMITS).width == 20
    assert decode(data).getpixel((10, 10)) == pytest.approx((255, 0, 0), abs=2)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_picture_lying_on_its_side_is_measured_and_decoded_upright(kind: str) -> None:
    data = saved(drawn(), kind, exif=SIDEWAYS)
    facts = inspect(data, LIMITS)
    assert (facts.width, facts.height) == (30, 40)
    upright = decode(data)
    assert upright.size == (30, 40)
    top, bottom = upright.getpixel((15, 1)), upright.getpixel((15, 38))
    plain = decode(saved(drawn(), kind))
    assert abs(top[0] - plain.getpixel((1, 15))[0]) < 10
    assert abs(bottom[0] - plain.getpixel((38, 15))[0]) < 10


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_kind_of_pixel_decodes_to_rgb(mode: str) -> None:
    picture = Image.new("I;16", (8, 8)) if mode == "I;16" else drawn((8, 8), mode)
    assert decode(saved(picture)).mode == "RGB"
    assert decode(saved(picture)).size == (8, 8)


def test_sixteen_bits_become_eight_by_their_upper_half() -> None:
    levels = [0, 0x0080, 0x4020, 0x80FF, 0xFFFF]
    deep = Image.new("I;16", (len(levels), 1))
    for n, level in enumerate(levels):
        deep.putpixel((n, 0), level)
    decoded = decode(saved(deep))
    assert [decoded.getpixel((n, 0))[0] for n in range(len(levels))] == [0, 0, 0x40, 0x80, 0xFF]


@pytest.mark.parametrize(
    ("mode", "hidden", "half"),
    [("RGBA", (200, 10, 10, 0), (200, 0, 0, 128)), ("LA", (200, 0), (200, 128))],
)
def test_what_lies_under_transparent_pixels_is_not_seen(
    mode: str, hidden: tuple[int, ...], half: tuple[int, ...]
) -> None:
    picture = Image.new(mode, (2, 1), hidden)
    picture.putpixel((1, 0), half)
    for behind, level in (("white", 255), ("black", 0)):
        decoded = decode(saved(picture), background=behind)
        assert decoded.getpixel((0, 0)) == (level, level, level)
        assert decoded.getpixel((1, 0))[0] == pytest.approx((200 + level) / 2, abs=1)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_the_transparent_area_of_a_picture_is_white_in_its_mask(mode: str) -> None:
    picture = drawn(mode=mode)
    picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    mask = transparent_area(saved(picture))
    assert mask is not None
    opened = Image.open(io.BytesIO(mask))
    assert (opened.mode, opened.size) == ("L", picture.size)
    levels = [opened.getpixel((0, y)) for y in (0, picture.height - 1)]
    assert levels[0] > 245
    assert levels[1] < 10


def test_the_transparent_area_of_a_picture_on_its_side_is_upright() -> None:
    picture = drawn((40, 30), "RGBA")
    picture.putpixel((0, 0), (0, 0, 0, 0))
    mask = transparent_area(saved(picture, exif=SIDEWAYS))
    assert mask is not None
    assert Image.open(io.BytesIO(mask)).size == (30, 40)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_picture_without_transparency_has_no_transparent_area(kind: str) -> None:
    assert transparent_area(saved(drawn(), kind)) is None


def test_a_print_shop_s_jpeg_decodes_to_rgb() -> None:
    assert decode(saved(drawn(mode="CMYK"), "JPEG")).mode == "RGB"


def test_a_text_chunk_that_unpacks_to_gigabytes_is_never_unpacked() -> None:
    plain = saved(drawn())
    packed = b"key\x00\x00" + zlib.compress(bytes(80_000_000), 9)
    chunk = struct.pack(">I", len(packed)) + b"zTXt" + packed
    chunk += struct.pack(">I", zlib.crc32(b"zTXt" + packed))
    after_header = 8 + 25
    tracemalloc.start()
    try:
        assert decode(plain[:after_header] + chunk + plain[after_header:]).size == (40, 30)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


SEEDS = [
    saved(drawn((16, 12)), kind, exif=exif) for kind in FORMATS for exif in (Image.Exif(), SIDEWAYS)
]
SEEDS += [saved(drawn((16, 12), "RGBA"), kind) for kind in ("PNG", "WEBP")]


@st.composite
def damaged(draw: Callable[..., object]) -> bytes:
    """A picture with a few bytes changed, removed or put in."""
    data = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(data) - 1))
        data[place : place + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
    return bytes(data)


# A warning of damaged metadata is Pillow's to give; the picture itself is whole.
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@settings(max_examples=400, deadline=None)
@given(damaged())
def test_a_damaged_picture_is_accepted_or_refused_and_nothing_else(data: bytes) -> None:
    try:
        facts = inspect(data, LIMITS)
    except PictureError:
        return
    assert decode(data).size == (facts.width, facts.height)
    transparent_area(data)


def test_a_palette_picture_without_its_palette_is_refused_and_never_an_error_of_ours() -> None:
    whole = saved(Image.new("P", (8, 8), 3))
    at = whole.index(b"PLTE") - 4
    length = int.from_bytes(whole[at : at + 4], "big") + 12
    without = whole[:at] + whole[at + length :]
    assert "palette" in refusal(without)
    with pytest.raises(PictureError, match="palette"):
        decode(without)


def test_a_picture_that_could_be_transparent_and_is_nowhere_has_no_transparent_area() -> None:
    assert transparent_area(saved(drawn(mode="RGBA"))) is None
