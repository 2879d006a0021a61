"""Kinds of artifacts, and file suffixes by media type."""

from enum import StrEnum

from db.values.pictures import SUFFIXES as PICTURE_SUFFIXES

JSON_TYPE = "application/json"

SUFFIXES = {**PICTURE_SUFFIXES, JSON_TYPE: "json"}
"""The suffix of an artifact by its media type."""


class ArtifactKind(StrEnum):
    """The kind of a stored result. All but painted images are listed apart from the images."""

    IMAGE = "image"
    MASK = "mask"
    OVERLAY = "overlay"
    COCO = "coco"
