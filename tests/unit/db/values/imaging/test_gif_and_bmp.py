"""GIF and BMP: their cost is known before a decoder is made."""

import struct

import pytest
from PIL import Image

from db.values.imaging.bmp import MAX_RUN_LENGTH_BYTES
from db.values.imaging.files import read_header
from db.values.imaging.header import MAX_PARTS
from db.values.pictures import PictureError, PictureLimits, decode, inspect
from tests.support.pictures import encoded

GIF = encoded(Image.new("P", (40, 30), 3), "GIF")
BMP = encoded(Image.new("RGB", (40, 30), "navy"), "BMP")
LIMITS = PictureLimits()


def refusal(data: bytes) -> str:
    with pytest.raises(PictureError) as caught:
        inspect(data, LIMITS)
    return str(caught.value)


def resized(data: bytes, at: int, form: str, *size: int) -> bytes:
    return data[:at] + struct.pack(form, *size) + data[at + struct.calcsize(form) :]


def test_a_gif_with_a_huge_canvas_is_refused() -> None:
    assert "65535 x 65535 pixels" in refusal(resized(GIF, 6, "<HH", 65_535, 65_535))


def test_a_gif_whose_frame_is_larger_than_its_canvas_is_as_large_as_the_frame() -> None:
    at = GIF.index(b"\x2c\0\0\0\0") + 5
    assert "60000 x 60000" in refusal(resized(GIF, at, "<HH", 60_000, 60_000))


def test_only_the_first_frame_of_a_gif_is_decoded() -> None:
    colours = [Image.new("P", (40, 30), n) for n in range(60)]
    moving = encoded(colours[0], "GIF", save_all=True, append_images=colours[1:])
    assert decode(moving).size == (40, 30)
    # What follows the first frame may be anything.
    still = encoded(colours[0], "GIF")
    assert decode(still[:-1] + b"\x2c" + b"\xff" * 5000).tobytes() == decode(still).tobytes()


def test_a_gif_of_comments_without_end_is_refused() -> None:
    comments = b"\x21\xfe\1a\0" * (8 * MAX_PARTS + 1)
    at = GIF.index(b"\x2c\0\0\0\0")
    assert "blocks" in refusal(GIF[:at] + comments + GIF[at:])


@pytest.mark.parametrize("data", [b"GIF89a", GIF[:20], GIF[:12] + b"\x3b", GIF[:-12]])
def test_a_gif_without_a_whole_picture_is_refused(data: bytes) -> None:
    assert "damaged" in refusal(data)


@pytest.mark.parametrize("size", [(50_000, 50_000), (50_000, -50_000)])
def test_a_bmp_that_says_it_is_huge_is_refused(size: tuple[int, int]) -> None:
    assert "50000 x 50000" in refusal(resized(BMP, 18, "<ii", *size))


@pytest.mark.parametrize("size", [(0, 30), (-40, 30), (40, 0)])
def test_a_bmp_without_pixels_is_refused(size: tuple[int, int]) -> None:
    assert "damaged" in refusal(resized(BMP, 18, "<ii", *size))


def test_a_large_bmp_of_runs_is_refused_because_they_are_unpacked_slowly() -> None:
    runs = resized(BMP, 30, "<I", 1) + bytes(MAX_RUN_LENGTH_BYTES)
    assert "save it again as PNG" in refusal(runs)


def test_a_bmp_whose_runs_fill_many_rows_is_refused() -> None:
    few_bytes = resized(resized(BMP, 30, "<I", 1), 18, "<ii", 16_000, -1_250)
    assert "save it again as PNG" in refusal(few_bytes)


@pytest.mark.parametrize("data", [b"BM", BMP[:30], BMP[:-200], b"BM" + bytes(60)])
def test_a_bmp_without_a_whole_picture_is_refused(data: bytes) -> None:
    assert "damaged" in refusal(data)


def test_the_headers_of_both_tell_format_and_size() -> None:
    told = [(each.format, each.width, each.height) for each in map(read_header, (GIF, BMP))]
    assert told == [("GIF", 40, 30), ("BMP", 40, 30)]
