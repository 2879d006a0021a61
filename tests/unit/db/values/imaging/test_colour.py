"""Colours: profiles of every kind become sRGB, broken ones count as none, and none is kept."""

import io

import pytest
from PIL import Image

from db.values.imaging.colour import MAX_PROFILE_BYTES, to_srgb
from db.values.imaging.source import CodePoints, GammaPrimaries, Icc
from db.values.pictures import decode, transparent_area
from tests.support.picture_corpus import icc
from tests.support.picture_corpus.case import saved, scene
from tests.support.picture_corpus.png_cases import BROKEN, PROFILES

COLOUR = (200, 100, 50)


def one(mode: str = "RGB") -> Image.Image:
    return Image.new("RGB", (4, 3), COLOUR).convert(mode)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sRGB", COLOUR),
        ("Display P3", (215, 93, 31)),
        ("Adobe RGB", (227, 100, 42)),
        ("linear", (229, 168, 123)),
        ("grey 1.0", COLOUR),
        ("press", COLOUR),
    ],
)
def test_a_profile_is_applied_where_it_fits_the_samples(
    name: str, expected: tuple[int, int, int]
) -> None:
    converted = to_srgb(one(), [Icc(PROFILES[name])])
    assert converted.getpixel((1, 1)) == pytest.approx(expected, abs=2)


@pytest.mark.parametrize("name", [*BROKEN])
def test_a_broken_profile_counts_as_none(name: str) -> None:
    assert to_srgb(one(), [Icc(BROKEN[name])]).getpixel((1, 1)) == COLOUR


def test_behind_a_broken_profile_the_next_space_counts() -> None:
    spaces = [Icc(BROKEN["garbage"]), GammaPrimaries(1.0)]
    assert to_srgb(one(), spaces).getpixel((1, 1)) == pytest.approx((229, 168, 123), abs=2)


def test_a_profile_beyond_the_limit_counts_as_none() -> None:
    wide = PROFILES["Adobe RGB"]
    huge = wide + bytes(MAX_PROFILE_BYTES)
    assert to_srgb(one(), [Icc(huge)]).getpixel((1, 1)) == COLOUR


@pytest.mark.parametrize("tag", [b"D2B0", b"D2B1", b"D2B2", b"D2B3"])
@pytest.mark.parametrize("name", ["Adobe RGB", "RGB table"])
def test_tables_of_floats_are_not_computed(name: str, tag: bytes) -> None:
    plain = PROFILES.get(name) or icc.table(b"RGB ", 3, icc.lab_of_warm)
    crafted = icc.floats(plain, tag, 401)
    ours, theirs = (to_srgb(one(), [Icc(each)]).getpixel((1, 1)) for each in (crafted, plain))
    # Of another version, black differs by a little.
    assert ours == pytest.approx(theirs, abs=4)


def test_transparency_is_not_converted() -> None:
    picture = one("RGBA")
    picture.putalpha(90)
    assert to_srgb(picture, [Icc(icc.matrix(icc.ADOBE))]).getpixel((1, 1))[3] == 90


@pytest.mark.parametrize(
    "space",
    [CodePoints(1, 13), CodePoints(2, 2), CodePoints(99, 13), GammaPrimaries(0.45455)],
)
def test_numbers_of_srgb_and_unknown_ones_change_nothing(
    space: CodePoints | GammaPrimaries,
) -> None:
    assert to_srgb(one(), [space]).getpixel((1, 1)) == COLOUR


@pytest.mark.parametrize("xy", [(0.3,) * 8, (0.0,) * 8, (0.3, 0.0, *(0.3,) * 6), (4e4,) * 8])
def test_primaries_of_no_space_change_nothing(xy: tuple[float, ...]) -> None:
    assert to_srgb(one(), [GammaPrimaries(0.5, xy)]).size == (4, 3)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1", "I;16"])
def test_nothing_of_the_file_but_its_pixels_is_handed_on(mode: str) -> None:
    drawn = Image.new("I;16", (48, 32), 30_000) if mode == "I;16" else scene(mode)
    data = saved(drawn, "PNG", icc_profile=PROFILES["Display P3"], dpi=(300, 300))
    decoded = decode(data)
    assert (decoded.mode, decoded.info) == ("RGB", {})
    written = saved(decoded.resize((20, 10)), "PNG")
    assert Image.open(io.BytesIO(written)).info == {}
    transparent_area(data)
