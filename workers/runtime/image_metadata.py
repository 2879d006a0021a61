"""Metadata of a generated picture, embedded in its file so that it cannot be lost.

PNG: the text chunks `Software` and `bottega`. JPEG and WebP: the EXIF tags Software and
UserComment (Exif 2.3, which starts with eight bytes for the encoding of its text). The recipe
itself is JSON with the API's own names.
"""

import json
from importlib.metadata import version
from typing import Any

from PIL import ExifTags, Image, PngImagePlugin
from pydantic import BaseModel

from workers.adapters.protocol import Painted
from workers.catalog.variant import picture_fields

Recipe = dict[str, Any]

SOFTWARE = f"Bottega {version('bottega')}"
CHUNK = "bottega"
UNICODE = b"UNICODE\x00"
"""The eight bytes at the start of a UserComment that stand for UTF-16 in Exif."""
_LEFT_OUT = {
    *("output_format", "output_quality", "embed_metadata", "previews"),
    *("num_images", "seed", "loras"),
}


def recipe(variant: str, parameters: BaseModel, painted: Painted) -> Recipe | None:
    """The settings that made a picture; None where its owner wants none embedded.

    Input pictures and LoRAs are left out: they are stored under names of the service's own.
    """
    if not getattr(parameters, "embed_metadata", False):
        return None
    hidden = {*_LEFT_OUT, *picture_fields(type(parameters))}
    settings = parameters.model_dump(mode="json", exclude=hidden, exclude_none=True)
    return {"model": variant, **settings, "seed": painted.seed}


def save_arguments(metadata: Recipe | None, file_format: str) -> dict[str, Any]:
    """The arguments of Pillow's `save` that embed metadata in a file of that format."""
    if metadata is None:
        return {}
    text = json.dumps(metadata, ensure_ascii=False)
    return {"pnginfo": _chunks(text)} if file_format == "png" else {"exif": _tags(text)}


def _chunks(text: str) -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    info.add_text("Software", SOFTWARE)
    info.add_itxt(CHUNK, text)
    return info


def _tags(text: str) -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Software] = SOFTWARE
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = UNICODE + text.encode("utf-16-be")
    return exif
