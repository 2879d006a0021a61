"""Headers of pictures: nothing that would keep a decoder busy passes, and ordinary files do."""

import re
import struct

import pytest
from PIL import Image

from db.values.imaging.files import read_header
from db.values.imaging.header import MAX_PARTS, PictureError, PictureHeader
from db.values.imaging.jpeg import MAX_SCANS
from db.values.pictures import PictureLimits, decode, inspect
from tests.support.pictures import (
    LARGE,
    chunk,
    encoded,
    many_scans,
    segment,
    with_chunks,
    with_segments,
)

LIMITS = PictureLimits()
JPEG = encoded(Image.new("RGB", (64, 48), "navy"), "JPEG")
PNG = encoded(Image.new("RGB", (64, 48), "navy"))


def refusal(data: bytes) -> str:
    """The reason for which a picture is refused, the same at its upload and in a worker."""
    with pytest.raises(PictureError) as at_upload:
        inspect(data, LIMITS)
    with pytest.raises(PictureError) as in_worker:
        decode(data)
    assert str(at_upload.value) == str(in_worker.value)
    return str(at_upload.value)


@pytest.mark.parametrize("count", [1_000, 3_000])
def test_a_large_jpeg_of_a_thousand_scans_is_refused_before_it_is_decoded(count: int) -> None:
    assert "more than 64 scans; save it again as" in refusal(many_scans(count, LARGE))


def test_the_limit_of_scans_is_the_most_that_is_accepted() -> None:
    assert inspect(many_scans(MAX_SCANS), LIMITS).width == 64
    assert decode(many_scans(MAX_SCANS)).size == (64, 48)
    assert "scans" in refusal(many_scans(MAX_SCANS + 1))


def scans(data: bytes) -> list[bytes]:
    """The parts of a progressive JPEG, cut before each scan."""
    return re.split(rb"(?=\xff\xda)", data)


@pytest.mark.parametrize(
    "between",
    [
        b"\xff" * 40,
        b"\xff\xd0",
        b"\xff\x01",
        b"\xff\x02\xff\xff",
        b"\xff\xf0\xff\xff",
        b"garbage",
        b"\xff\x00" * 20,
        segment(0xFE, b"a comment"),
        segment(0xC4, b""),
        b"\xff\xfe\0\0",
    ],
)
def test_scans_are_counted_whatever_lies_between_them(between: bytes) -> None:
    first, *rest = scans(many_scans(MAX_SCANS + 1))
    assert "scans" in refusal(first + between.join(rest))


def test_scans_are_counted_after_a_file_of_tables() -> None:
    tables = b"\xff\xd8" + segment(0xFE, b"tables alone") + b"\xff\xd9"
    assert "scans" in refusal(tables + many_scans(MAX_SCANS + 1))
    assert decode(tables + JPEG).size == (64, 48)


@pytest.mark.parametrize("marker", [0xE1, 0xE2, 0xED, 0xFE])
def test_scans_within_metadata_are_none(marker: int) -> None:
    thumbnail = many_scans(MAX_SCANS + 1)
    assert decode(with_segments(JPEG, segment(marker, thumbnail))).size == (64, 48)


def test_scans_behind_the_end_of_the_picture_are_none() -> None:
    assert inspect(JPEG + many_scans(1_000), LIMITS).width == 64


def test_stuffed_bytes_and_restarts_within_a_scan_are_no_parts_of_the_file() -> None:
    for within in (b"\xff\x00", b"\xff\xd0"):
        data = JPEG[:-2] + within * (2 * MAX_PARTS) + JPEG[-2:]
        assert inspect(data, LIMITS).width == 64


@pytest.mark.parametrize("progressive", [False, True])
def test_the_cost_of_a_jpeg_tells_whether_it_needs_a_table(progressive: bool) -> None:  # noqa: FBT001
    data = encoded(Image.new("RGB", (64, 48)), "JPEG", progressive=progressive)
    header = read_header(data)
    assert header == PictureHeader("JPEG", 64, 48, copies=3 if progressive else 1)
    assert header.decoding_pixels == 64 * 48 * header.copies


@pytest.mark.parametrize("frame", [0xC3, 0xC5, 0xC9, 0xCA, 0xCB, 0xCF])
def test_a_jpeg_that_no_browser_shows_is_refused(frame: int) -> None:
    assert "save it again" in refusal(JPEG.replace(b"\xff\xc0", bytes([0xFF, frame]), 1))


def test_a_jpeg_of_two_sizes_is_refused() -> None:
    frame = segment(0xC0, struct.pack(">BHHB", 8, 9_999, 9_999, 0))
    assert "two sizes" in refusal(with_segments(JPEG, frame))


@pytest.mark.parametrize("data", [JPEG[:150], b"\xff\xd8\xff", b"\xff\xd8\xff\xd9"])
def test_a_jpeg_without_a_picture_is_refused(data: bytes) -> None:
    assert "damaged" in refusal(data)


def test_padding_and_segments_without_end_are_refused() -> None:
    for filler in (b"\xff\xfe\0\2", b"\xff", b"\0", segment(0xED, b"8BIM")):
        comment = segment(0xFE, b"")
        assert "metadata" in refusal(with_segments(JPEG, comment + filler * MAX_PARTS))
        assert inspect(with_segments(JPEG, comment + filler * 500), LIMITS).width == 64


@pytest.mark.parametrize("kind", [b"tEXt", b"prVt", b"IDAT", b"eXIf"])
def test_a_png_of_chunks_without_end_is_refused(kind: bytes) -> None:
    assert "metadata" in refusal(with_chunks(PNG, chunk(kind, b"") * (MAX_PARTS + 1)))
    assert inspect(with_chunks(PNG, chunk(b"prVt", b"") * 500), LIMITS).width == 64


def test_chunks_behind_the_end_of_a_png_are_none() -> None:
    assert inspect(PNG + chunk(b"prVt", b"") * (MAX_PARTS + 1), LIMITS).width == 64


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("lossless", [True, False])
@pytest.mark.parametrize("exif", [b"", b"Exif\0\0II*\0\x08\0\0\0\0\0"])
def test_the_size_of_a_webp_is_read_from_each_kind_of_header(
    mode: str,
    lossless: bool,  # noqa: FBT001
    exif: bytes,
) -> None:
    picture = Image.new(mode, (301, 17), (1, 2, 3, 4)[: len(mode)])
    header = read_header(encoded(picture, "WEBP", lossless=lossless, exif=exif))
    assert (header.format, header.width, header.height) == ("WEBP", 301, 17)


def test_a_webp_with_a_huge_canvas_is_refused_before_its_decoder_is_made() -> None:
    canvas = bytes(4) + (16_382).to_bytes(3, "little") * 2
    data = b"WEBPVP8X" + struct.pack("<I", 10) + canvas
    assert "pixels" in refusal(b"RIFF" + struct.pack("<I", len(data)) + data)


@pytest.mark.parametrize("size", [(1, 65_536), (65_536, 1)])
def test_a_side_has_a_limit(size: tuple[int, int]) -> None:
    assert "limit of a side" in refusal(encoded(Image.new("1", size)))
    assert inspect(encoded(Image.new("1", (1, 65_535))), LIMITS).height == 65_535


@pytest.mark.parametrize("data", [PNG[:20], b"RIFF\0\0\0\0WEBP", b"RIFF\0\0\0\0WEBPVP8L\0"])
def test_a_header_that_is_cut_off_is_refused(data: bytes) -> None:
    assert "damaged" in refusal(data)
