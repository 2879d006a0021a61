"""The catalogue: one row per servable model. Its import loads no model library."""

from workers.catalog.registry import (
    STANDARD,
    Catalogue,
    UnknownVariantError,
    find,
    json_schema,
    variants,
)
from workers.catalog.variant import Family, Picture, PictureSize, Variant, picture_fields

__all__ = [
    "STANDARD",
    "Catalogue",
    "Family",
    "Picture",
    "PictureSize",
    "UnknownVariantError",
    "Variant",
    "find",
    "json_schema",
    "picture_fields",
    "variants",
]
