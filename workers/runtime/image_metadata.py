"""How a picture was painted, written into its file: the one place where it is never lost.

PNG: the text chunks `Software` and `bottega`. JPEG and WebP: the EXIF tags Software and
UserComment (Exif 2.3, with its eight bytes that say how the text is encoded). The recipe itself is
JSON with the API's own names.
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
"""Exif's word for UTF-16, of which UserComment bears eight bytes."""
_NOT_TOLD = {
    *("output_format", "output_quality", "embed_metadata", "previews"),
    *("num_images", "seed", "loras"),
}


def recipe(variant: str, parameters: BaseModel, painted: Painted) -> Recipe | None:
    """What a file tells of a picture; None where its owner wants nothing told.

    Pictures and LoRAs that it was painted from are left out: they are stored under names of the
    service's own.
    """
    if not getattr(parameters, "embed_metadata", False):
        return None
    hidden = {*_NOT_TOLD, *picture_fields(type(parameters))}
    asked = parameters.model_dump(mode="json", exclude=hidden, exclude_none=True)
    return {"model": variant, **asked, "seed": painted.seed}


def written(told: Recipe | None, file_format: str) -> dict[str, Any]:
    """The arguments of Pillow's `save` that write a recipe into a file of that format."""
    if told is None:
        return {}
    text = json.dumps(told, ensure_ascii=False)
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
