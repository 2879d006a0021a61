"""Headers of pictures: the cost of a file, known before a decoder sees it.

Decoders in C cannot be interrupted, so everything that makes one slow is counted first.
"""

from dataclasses import dataclass

MAX_SIDE = 65_535
"""The longest side, in pixels: JPEG's own limit."""

MAX_PARTS = 20_000
"""The most chunks of a PNG, segments of a JPEG and so on: they are read one by one, in Python."""

FORMATS = "PNG, JPEG, WebP, AVIF, HEIC, GIF or BMP"
"""The accepted formats, as messages name them."""


class PictureError(Exception):
    """The bytes are not an acceptable picture; the message tells the sender the reason."""


class DamagedPictureError(PictureError):
    """The file is broken, or a part of it is missing."""

    def __init__(self, reason: object) -> None:
        super().__init__(f"the picture is damaged: {reason}")


@dataclass(frozen=True)
class PictureHeader:
    """The format, the size and the cost of a picture.

    Attributes:
        format: Pillow's name of the format; HEIF for HEIC.
        width: in pixels, before any rotation.
        height: likewise.
        copies: pictures of four bytes a pixel that its decoding holds at once, as measured.
    """

    format: str
    width: int
    height: int
    copies: int = 1

    @property
    def pixels(self) -> int:
        """The number of its pixels."""
        return self.width * self.height

    @property
    def decoding_pixels(self) -> int:
        """The pixels that its decoder holds in memory."""
        return self.pixels * self.copies


def too_many_parts(noun: str) -> PictureError:
    """The refusal of a file of too many parts."""
    return PictureError(
        f"the picture has more than {MAX_PARTS} {noun}; save it again without its metadata"
    )
