"""All variants by id.

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
    """No variant has this id.

    Attributes:
        id: the id that was requested.
        suggestion: the most similar known id, if any is similar.
    """

    def __init__(self, variant_id: str, known: Iterable[str] = ()) -> None:
        near = difflib.get_close_matches(variant_id[:100], known, n=1)
        self.id = variant_id
        self.suggestion = near[0] if near else None
        hint = f" Did you mean {self.suggestion}?" if near else ""
        super().__init__(f"There is no model {variant_id[:100]!r}.{hint}")


class Catalogue:
    """Rows by id. Immutable: a smaller or a larger catalogue is another object."""

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

    def has(self, variant_id: str) -> bool:
        """True when there is a row with this id."""
        return variant_id in self._by_id

    def with_rows(self, *rows: Variant) -> "Catalogue":
        """A catalogue with these rows as well."""
        return Catalogue((*self.variants(), *rows))

    def restricted_to(self, ids: Collection[str]) -> "Catalogue":
        """A catalogue of the rows with these ids; ids without a row are ignored."""
        return Catalogue(row for row in self.variants() if row.id in ids)


STANDARD = Catalogue((*flux1_rows.ROWS, *flux2_rows.ROWS, *hosted_rows.ROWS, *florence2_rows.ROWS))
"""The variants that every deployment may serve."""


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
