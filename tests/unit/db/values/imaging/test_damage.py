"""Damage: what no viewer minds refuses no picture, and half of a picture is none."""

import zlib
from collections.abc import Iterator

import pytest
from PIL import ImageChops, ImageStat

from db.values.imaging.decoding import MAX_MISSING_SHARE
from db.values.pictures import PictureError, PictureLimits, decode, inspect
from tests.support.picture_corpus import damage_cases
from tests.support.picture_corpus.case import SIZE, Case, saved, scene
from tests.support.picture_corpus.png import RGB, png
from tests.support.picture_corpus.png_cases import rgb
from tests.support.pictures import chunk

LIMITS = PictureLimits()
LARGE = (480, 320)


def harmless() -> Iterator[Case]:
    yield from damage_cases.pngs()
    yield from damage_cases.jpegs()
    yield from damage_cases.others()


def cut_png(rows: float, *, interlaced: bool = False) -> bytes:
    """A whole file whose last rows are missing."""
    plain = png(rgb, RGB, interlaced=interlaced)
    start = plain.index(b"IDAT") + 4
    pixels = zlib.decompress(plain[start : plain.index(b"IEND") - 8])
    kept = pixels[: -int(rows * len(pixels) / SIZE[1])]
    return plain[: start - 8] + chunk(b"IDAT", zlib.compress(kept)) + chunk(b"IEND", b"")


def test_what_every_viewer_shows_is_taken_and_looks_the_same() -> None:
    for case in harmless():
        assert inspect(case.data, LIMITS).width in (SIZE[0], LARGE[0]), case.title
        decoded = decode(case.data)
        whole = scene(size=decoded.size)
        away = sum(ImageStat.Stat(ImageChops.difference(decoded, whole)).mean) / 3
        assert away < 20, (case.title, away)


@pytest.mark.parametrize("rows", [0.5, 1, 2])
def test_a_sixteenth_of_a_png_may_be_missing_and_is_transparent(rows: float) -> None:
    assert rows / SIZE[1] <= MAX_MISSING_SHARE
    assert inspect(cut_png(rows), LIMITS).height == SIZE[1]
    last = (10, SIZE[1] - 1)
    assert decode(cut_png(rows)).getpixel(last) == (255, 255, 255)
    assert decode(cut_png(rows), background="black").getpixel(last) == (0, 0, 0)


@pytest.mark.parametrize("rows", [3, 8, 16, 30])
def test_more_of_a_png_may_not_be_missing(rows: int) -> None:
    for data in (cut_png(rows), cut_png(rows, interlaced=True)):
        with pytest.raises(PictureError, match="missing"):
            inspect(data, LIMITS)
        with pytest.raises(PictureError, match="missing"):
            decode(data)


@pytest.mark.parametrize(
    ("progressive", "kept"),
    [(False, 0.3), (False, 0.5), (False, 0.9), (True, 0.1), (True, 0.3), (True, 0.5)],
)
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_jpeg_of_which_a_part_is_missing_is_refused(
    mode: str,
    progressive: bool,  # noqa: FBT001
    kept: float,
) -> None:
    data = saved(scene(mode, LARGE), "JPEG", quality=90, progressive=progressive)
    cut = data[: int(kept * len(data))]
    with pytest.raises(PictureError, match="missing"):
        inspect(cut, LIMITS)
    with pytest.raises(PictureError, match="missing"):
        decode(cut)


def test_of_a_progressive_jpeg_the_last_bits_may_be_missing() -> None:
    data = saved(scene(size=LARGE), "JPEG", quality=90, progressive=True)
    last = data.rindex(b"\xff\xda")
    cut = data[: (last + len(data)) // 2]
    away = ImageStat.Stat(ImageChops.difference(decode(cut), decode(data)))
    assert max(away.mean) < 2
