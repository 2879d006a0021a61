"""AVIF and HEIC: their sizes are told before a decoder is made, and lies cost no memory."""

import io
import struct

import pillow_heif
import pytest
from PIL import Image

from db.values.imaging import isolation
from db.values.imaging.files import read_header
from db.values.pictures import PictureError, PictureLimits, decode, inspect
from tests.support.picture_corpus.photo_cases import oriented, with_points
from tests.support.pictures import encoded

SIZE = (128, 64)
LIMITS = PictureLimits()


def heic(picture: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    pillow_heif.from_pillow(picture).save(buffer, quality=90, **options)
    return buffer.getvalue()


FILES = {
    "AVIF": encoded(Image.new("RGB", SIZE, "navy"), "AVIF", speed=10),
    "HEIF": heic(Image.new("RGB", SIZE, "navy")),
}


def saying(data: bytes, width: int, height: int) -> bytes:
    """A file that says this size in its box."""
    at = data.index(b"ispe") + 8
    return data[:at] + struct.pack(">II", width, height) + data[at + 8 :]


def refusal(data: bytes) -> str:
    with pytest.raises(PictureError) as caught:
        inspect(data, LIMITS)
    return str(caught.value)


@pytest.mark.parametrize("kind", FILES)
def test_the_size_is_read_from_the_boxes(kind: str) -> None:
    header = read_header(FILES[kind])
    assert (header.format, header.width, header.height) == (kind, *SIZE)


@pytest.mark.parametrize("kind", FILES)
def test_a_picture_that_says_it_is_huge_is_refused_before_its_decoder_starts(kind: str) -> None:
    assert "pixels" in refusal(saying(FILES[kind], 60_000, 60_000))


@pytest.mark.parametrize("kind", FILES)
def test_a_picture_is_never_larger_than_it_says(kind: str) -> None:
    data = saying(FILES[kind], 64, 32)
    try:
        facts = inspect(data, LIMITS)
    except PictureError:
        return
    assert (facts.width, facts.height) == (64, 32)


@pytest.mark.parametrize("kind", FILES)
def test_what_takes_more_memory_than_its_size_explains_is_refused(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isolation, "_MEMORY_BYTES", 20_000_000)
    assert refusal(FILES[kind])


@pytest.mark.parametrize("kind", FILES)
def test_what_takes_too_long_is_refused(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "_SECONDS", 0.001)
    assert "too long" in refusal(FILES[kind])


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9])
def test_a_part_of_a_file_is_refused(kind: str, kept: float) -> None:
    data = FILES[kind]
    reason = refusal(data[: int(len(data) * kept)])
    assert reason
    assert " at 0x" not in reason


@pytest.mark.parametrize(
    "data",
    [
        b"\0\0\0\x10ftypavif\0\0\0\0",
        b"\0\0\0\x10ftypheic\0\0\0\0" + b"\0\0\0\x0cmeta\0\0\0\0",
        b"\0\0\0\x10ftypheic\0\0\0\0" + b"\0\0\0\0meta",
        b"\0\0\0\x10ftypavif\0\0\0\0" + b"\0\0\0\1meta" + bytes(8),
        b"\0\0\0\x10ftypavif\0\0\0\0" + b"\0\0\0\x08free" * 21_000,
    ],
)
def test_boxes_without_a_picture_are_refused(data: bytes) -> None:
    assert refusal(data)


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


FEW = 15_000
OWNERS = {
    "boxes": box(b"ipco", box(b"free", b"") * FEW) * 2,
    "items": box(b"ipma", struct.pack(">II", 0, FEW) + b"\0\1\0" * FEW) * 2,
    "properties": box(b"ipma", struct.pack(">II", 0, 100) + (b"\0\1\xff" + bytes(255)) * 100),
}


@pytest.mark.parametrize("noun", OWNERS)
def test_the_parts_of_all_boxes_are_counted_together(noun: str) -> None:
    meta = box(b"meta", bytes(4) + box(b"iprp", OWNERS[noun]))
    assert f"more than 20000 {noun}" in refusal(box(b"ftyp", b"heic" + bytes(4)) + meta)


@pytest.mark.parametrize("number", [1, 3, 6, 8])
def test_a_heic_is_upright_by_its_own_boxes(number: int) -> None:
    picture = Image.new("RGB", SIZE, "navy")
    facts = inspect(heic(picture, exif=oriented(number)), LIMITS)
    assert (facts.media_type, facts.width, facts.height) == (
        "image/heic",
        *(SIZE[::-1] if number in (6, 8) else SIZE),
    )


@pytest.mark.parametrize("kind", FILES)
def test_code_points_of_another_space_are_looked_at(kind: str) -> None:
    red = Image.new("RGB", SIZE, (200, 60, 40))
    data = encoded(red, "AVIF", speed=10) if kind == "AVIF" else heic(red)
    plain, wide = decode(data).getpixel((9, 9)), decode(with_points(data, 9, 13)).getpixel((9, 9))
    assert wide[0] > plain[0] + 20
    assert wide[1] < plain[1] - 20
