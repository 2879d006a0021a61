"""What stored results are, and what they are named."""

from enum import StrEnum

from db.values.pictures import SUFFIXES as PICTURE_SUFFIXES

JSON_TYPE = "application/json"

SUFFIXES = {**PICTURE_SUFFIXES, JSON_TYPE: "json"}
"""A stored result's suffix by its media type."""


class ArtifactKind(StrEnum):
    """What a stored result is; what is not a painted picture is listed apart."""

    IMAGE = "image"
    MASK = "mask"
    OVERLAY = "overlay"
    COCO = "coco"
