"""Painted pictures as files."""

import hashlib
import io
import json
from typing import Any

import pytest
from PIL import ExifTags, Image

from workers.adapters.protocol import Output, Painted, Work
from workers.catalog import find
from workers.runtime.encoding import encode, encoded_results
from workers.runtime.image_metadata import SOFTWARE, UNICODE

PROMPT = 'ein "roter" Kreis \N{ARTIST PALETTE}'


@pytest.fixture
def painted() -> Painted:
    """A picture with detail enough that quality counts."""
    return Painted(Image.effect_noise((96, 64), 80).convert("RGB"), seed=2**64 - 1)


@pytest.mark.parametrize(
    ("name", "media_type", "pillow_format"),
    [
        ("png", "image/png", "PNG"),
        ("jpeg", "image/jpeg", "JPEG"),
        ("jpg", "image/jpeg", "JPEG"),
        ("webp", "image/webp", "WEBP"),
    ],
)
def test_a_picture_is_stored_in_the_format_asked_for(
    painted: Painted, name: str, media_type: str, pillow_format: str
) -> None:
    encoded = encode(painted, name, 90)
    again = Image.open(io.BytesIO(encoded.data))
    assert (again.format, again.size) == (pillow_format, (96, 64))
    assert (encoded.media_type, encoded.suffix) == (media_type, name)
    assert (encoded.width, encoded.height, encoded.seed) == (96, 64, 2**64 - 1)
    assert encoded.sha256 == hashlib.sha256(encoded.data).hexdigest()


def test_png_keeps_every_pixel_whatever_the_quality(painted: Painted) -> None:
    low, high = encode(painted, "png", 1), encode(painted, "png", 100)
    assert low.data == high.data
    assert Image.open(io.BytesIO(low.data)).tobytes() == painted.image.tobytes()


@pytest.mark.parametrize("name", ["jpeg", "webp"])
def test_quality_counts_for_the_lossy_formats(painted: Painted, name: str) -> None:
    assert len(encode(painted, name, 20).data) < len(encode(painted, name, 95).data) / 2


def told_by(data: bytes) -> Any:
    """The metadata of a file, as any program reads it."""
    picture = Image.open(io.BytesIO(data))
    if picture.format == "PNG":
        assert picture.text["Software"] == SOFTWARE
        return json.loads(picture.text["bottega"])
    exif = picture.getexif()
    assert exif[ExifTags.Base.Software] == SOFTWARE
    comment = exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment]
    assert comment.startswith(UNICODE)
    return json.loads(comment.removeprefix(UNICODE).decode("utf-16-be"))


@pytest.mark.parametrize("name", ["png", "jpeg", "webp"])
def test_a_file_tells_how_it_was_painted(painted: Painted, name: str) -> None:
    parameters = find("flux.1-demo").parameters(
        prompt='ein "roter" Kreis \N{ARTIST PALETTE}',
        seed=7,
        output_format=name,
        image="inputs/x/y",
    )
    output = Output(images=(painted,))
    (encoded,) = encoded_results("flux.1-demo", Work(parameters), output)
    told = told_by(encoded.data)
    assert told["prompt"] == PROMPT
    assert (told["model"], told["seed"], told["steps"]) == ("flux.1-demo", 2**64 - 1, 4)
    assert "inputs/" not in json.dumps(told)


@pytest.mark.parametrize("name", ["png", "jpeg", "webp"])
def test_a_file_tells_nothing_where_its_owner_wants_that(painted: Painted, name: str) -> None:
    parameters = find("flux.1-demo").parameters(
        prompt="a secret", output_format=name, embed_metadata=False
    )
    (encoded,) = encoded_results("flux.1-demo", Work(parameters), Output(images=(painted,)))
    picture = Image.open(io.BytesIO(encoded.data))
    assert not picture.getexif()
    assert "bottega" not in picture.info
    assert b"secret" not in encoded.data
