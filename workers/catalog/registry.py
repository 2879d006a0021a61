"""All variants by id and alias.

A new variant is one row in its family's module, added to that module's `ROWS`; an operator's own
are rows of the catalogue file, see `workers.catalog.operator_file`.
"""

import difflib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workers.catalog.florence2 import rows as florence2_rows
from workers.catalog.flux import flux1_rows, flux2_rows
from workers.catalog.hosted import rows as hosted_rows
from workers.catalog.variant import Variant


class UnknownVariantError(Exception):
    """No variant has this id or alias.

    Attributes:
        id: the id that was requested.
        suggestion: the most similar known id, if any is similar.
    """

    def __init__(self, variant_id: str, known: Iterable[str] = ()) -> None:
        near = difflib.get_close_matches(variant_id[:100].lower(), known, n=1)
        self.id = variant_id
        self.suggestion = near[0] if near else None
        hint = f" Did you mean {self.suggestion}?" if near else ""
        super().__init__(f"There is no model {variant_id[:100]!r}.{hint}")


class DisabledVariantError(UnknownVariantError):
    """The operator has disabled the variant of this id."""

    def __init__(self, variant_id: str) -> None:
        super().__init__(variant_id)
        self.args = (f"The model {variant_id} is disabled by the operator.",)


@dataclass(frozen=True)
class CatalogueFile:
    """The operator's file that a catalogue was read from.

    Attributes:
        path: the file.
        digest: digest of its content, equal for files that say the same.
        changed: the ids of the built-in rows that it changes.
        added: the ids of the rows that it adds.
    """

    path: Path
    digest: str
    changed: tuple[str, ...] = ()
    added: tuple[str, ...] = ()


class Catalogue:
    """Rows by id and alias. Immutable: a smaller or a larger catalogue is another object."""

    def __init__(
        self,
        rows: Iterable[Variant],
        *,
        file: CatalogueFile | None = None,
        disabled: Iterable[Variant] = (),
    ) -> None:
        """Make a catalogue.

        Args:
            rows: the rows.
            file: the operator's file that they were read from.
            disabled: rows that are refused by name, with the reason.
        """
        self.file = file
        self._by_id = {row.id: row for row in rows}
        self._disabled = tuple(disabled)
        self._ids = _names(self._by_id.values())
        self._disabled_ids = _names(self._disabled)

    @property
    def digest(self) -> str:
        """Digest of the operator's file; "" where there is none."""
        return self.file.digest if self.file else ""

    def variants(self) -> tuple[Variant, ...]:
        """All rows, family by family; an operator's own stand behind them."""
        return tuple(self._by_id.values())

    def find(self, name: str) -> Variant:
        """The row with this id or alias.

        Raises:
            UnknownVariantError: there is none, or (`DisabledVariantError`) it is not offered.
        """
        if name in self._ids:
            return self._by_id[self._ids[name]]
        if name in self._disabled_ids:
            raise DisabledVariantError(self._disabled_ids[name])
        raise UnknownVariantError(name, self._ids)

    def id_of(self, name: str) -> str:
        """The id of the row with this id or alias, offered or not; a name without a row stays.

        Jobs of a row that is no longer in the catalogue are still found by its id.
        """
        return self._ids.get(name) or self._disabled_ids.get(name, name)

    def has(self, name: str) -> bool:
        """True when there is a row with this id or alias."""
        return name in self._ids

    def with_rows(self, *rows: Variant) -> "Catalogue":
        """A catalogue with these rows as well."""
        every = (*self.variants(), *rows)
        return Catalogue(every, file=self.file, disabled=self._disabled)

    def restricted_to(self, names: Collection[str]) -> "Catalogue":
        """A catalogue of the rows with these ids or aliases; names without a row are ignored."""
        ids = {self._ids[name] for name in names if name in self._ids}
        kept = [row for row in self.variants() if row.id in ids]
        return Catalogue(kept, file=self.file, disabled=self._disabled)

    def offered(self) -> "Catalogue":
        """The catalogue for clients: a disabled row is refused by name.

        Workers and operators use all rows: jobs of a row that was disabled may still wait.
        """
        disabled = [row for row in self.variants() if not row.enabled]
        enabled = [row for row in self.variants() if row.enabled]
        return Catalogue(enabled, file=self.file, disabled=(*self._disabled, *disabled))


def _names(rows: Iterable[Variant]) -> dict[str, str]:
    """The id of each row by every name that it has."""
    return {name: row.id for row in rows for name in (row.id, *row.aliases)}


STANDARD = Catalogue((*flux1_rows.ROWS, *flux2_rows.ROWS, *hosted_rows.ROWS, *florence2_rows.ROWS))
"""The built-in variants."""


def json_schema(variant: Variant) -> dict[str, Any]:
    """The JSON Schema of the variant's `input`, for documentation and forms."""
    return variant.parameters.model_json_schema()
