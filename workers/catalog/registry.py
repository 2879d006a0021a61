"""Every variant there is, by id.

A new variant is one row in its family's module, added to that module's `ROWS`.
"""

import difflib
from typing import Any

from workers.catalog import florence2_rows, flux_rows
from workers.catalog.variant import Variant

_ROWS: tuple[Variant, ...] = (*flux_rows.ROWS, *florence2_rows.ROWS)
_BY_ID = {row.id: row for row in _ROWS}


class UnknownVariantError(Exception):
    """No variant bears this id.

    Attributes:
        id: what was asked for.
        suggestion: the id that reads most like it, if any does.
    """

    def __init__(self, variant_id: str) -> None:
        near = difflib.get_close_matches(variant_id[:100], _BY_ID, n=1)
        self.id = variant_id
        self.suggestion = near[0] if near else None
        hint = f" Did you mean {self.suggestion}?" if near else ""
        super().__init__(f"There is no model {variant_id[:100]!r}.{hint}")


def variants() -> tuple[Variant, ...]:
    """All rows, family by family."""
    return _ROWS


def find(variant_id: str) -> Variant:
    """The row with this id.

    Raises:
        UnknownVariantError: there is none.
    """
    try:
        return _BY_ID[variant_id]
    except KeyError:
        raise UnknownVariantError(variant_id) from None


def json_schema(variant: Variant) -> dict[str, Any]:
    """The JSON Schema of the variant's `input`, for documentation and forms."""
    return variant.parameters.model_json_schema()
