"""Every variant there is, by id.

A new variant is one row in its family's module, added to that module's `ROWS`.
"""

import difflib
from collections.abc import Collection, Iterable
from typing import Any

from workers.catalog.florence2 import rows as florence2_rows
from workers.catalog.flux import flux1_rows, flux2_rows
from workers.catalog.hosted import rows as hosted_rows
from workers.catalog.variant import Variant


class UnknownVariantError(Exception):
    """No variant bears this id.

    Attributes:
        id: what was asked for.
        suggestion: the id that reads most like it, if any does.
    """

    def __init__(self, variant_id: str, known: Iterable[str] = ()) -> None:
        near = difflib.get_close_matches(variant_id[:100], known, n=1)
        self.id = variant_id
        self.suggestion = near[0] if near else None
        hint = f" Did you mean {self.suggestion}?" if near else ""
        super().__init__(f"There is no model {variant_id[:100]!r}.{hint}")


class Catalogue:
    """Rows by id. Never changed: a smaller or a larger one is another."""

    def __init__(self, rows: Iterable[Variant]) -> None:
        self._by_id = {row.id: row for row in rows}

    def variants(self) -> tuple[Variant, ...]:
        """All rows, family by family."""
        return tuple(self._by_id.values())

    def find(self, variant_id: str) -> Variant:
        """The row with this id.

        Raises:
            UnknownVariantError: there is none.
        """
        try:
            return self._by_id[variant_id]
        except KeyError:
            raise UnknownVariantError(variant_id, self._by_id) from None

    def offers(self, variant_id: str) -> bool:
        """Whether there is a row with this id."""
        return variant_id in self._by_id

    def including(self, *rows: Variant) -> "Catalogue":
        """These rows as well."""
        return Catalogue((*self.variants(), *rows))

    def only(self, ids: Collection[str]) -> "Catalogue":
        """The rows with these ids; an id without a row is passed over."""
        return Catalogue(row for row in self.variants() if row.id in ids)


STANDARD = Catalogue((*flux1_rows.ROWS, *flux2_rows.ROWS, *hosted_rows.ROWS, *florence2_rows.ROWS))
"""What every deployment may serve."""


def variants() -> tuple[Variant, ...]:
    """All rows of the standard catalogue, family by family."""
    return STANDARD.variants()


def find(variant_id: str) -> Variant:
    """The standard catalogue's row with this id.

    Raises:
        UnknownVariantError: there is none.
    """
    return STANDARD.find(variant_id)


def json_schema(variant: Variant) -> dict[str, Any]:
    """The JSON Schema of the variant's `input`, for documentation and forms."""
    return variant.parameters.model_json_schema()
