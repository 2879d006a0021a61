"""Painted pictures as files."""

import hashlib
import io

import pytest
from PIL import Image

from workers.adapters.protocol import Painted
from workers.encoding import encode


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
