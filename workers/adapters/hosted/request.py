"""The request body of the vendor's API for a job."""

import base64
import io
import json
import math
from typing import Any

from PIL import Image

from workers.adapters.protocol import Work
from workers.catalog.hosted.parameters import FLUX2_MAX_PIXELS

_OUR_OWN = {"image", "images", "strength", "output_format", "output_quality"}
_QUALITY = 95


def request_body(work: Work, seed: int) -> bytes:
    """The JSON to submit.

    It requests the picture as PNG, which is lossless: the owner's format and quality are made from
    it once.

    Args:
        work: the job, of one of `workers.catalog.hosted.parameters`.
        seed: the seed to paint from.
    """
    fields = work.parameters.model_dump(exclude=_OUR_OWN, exclude_none=True)
    sent = {**fields, **_references(work), **_prompt_picture(work)}
    return json.dumps({**sent, "seed": seed, "output_format": "png"}).encode()


def _references(work: Work) -> dict[str, str]:
    """`input_image`, `input_image_2` and so on."""
    pictures = work.pictures.get("images", ())
    return {
        "input_image" if n == 1 else f"input_image_{n}": _encoded(picture)
        for n, picture in enumerate(pictures, start=1)
    }


def _prompt_picture(work: Work) -> dict[str, Any]:
    sent: dict[str, Any] = {}
    for picture in work.pictures.get("image", ()):
        sent["image_prompt"] = _encoded(picture)
        sent["image_prompt_strength"] = getattr(work.parameters, "strength", None)
    return {name: value for name, value in sent.items() if value is not None}


def _encoded(picture: Image.Image) -> str:
    """Base64 of a JPEG of at most four megapixels: the vendor shrinks a larger one anyway.

    JPEG at full chroma: eight references as PNG would be a body of a hundred megabytes.
    """
    buffer = io.BytesIO()
    _shrunk(picture).save(buffer, "JPEG", quality=_QUALITY, subsampling=0)
    return base64.b64encode(buffer.getvalue()).decode()


def _shrunk(picture: Image.Image) -> Image.Image:
    scale = math.sqrt(FLUX2_MAX_PIXELS / (picture.width * picture.height))
    if scale >= 1:
        return picture
    width, height = (max(1, math.floor(side * scale)) for side in picture.size)
    return picture.resize((width, height), Image.Resampling.BICUBIC)
