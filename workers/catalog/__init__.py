"""The catalogue: one row per servable model. Its import loads no model library."""

from workers.catalog.installed import find, id_of, installed, variants
from workers.catalog.operator_file import CatalogueFileError
from workers.catalog.registry import (
    STANDARD,
    Catalogue,
    CatalogueFile,
    DisabledVariantError,
    UnknownVariantError,
    json_schema,
)
from workers.catalog.variant import Family, Picture, PictureSize, Variant, picture_fields

__all__ = [
    "STANDARD",
    "Catalogue",
    "CatalogueFile",
    "CatalogueFileError",
    "DisabledVariantError",
    "Family",
    "Picture",
    "PictureSize",
    "UnknownVariantError",
    "Variant",
    "find",
    "id_of",
    "installed",
    "json_schema",
    "picture_fields",
    "variants",
]
