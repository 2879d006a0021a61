"""The catalogue of this installation: the built-in rows, and the operator's file."""

from functools import lru_cache
from pathlib import Path

from workers.catalog.operator_file import read_catalogue
from workers.catalog.registry import STANDARD, Catalogue
from workers.catalog.settings import CatalogueSettings
from workers.catalog.variant import Variant


def installed() -> Catalogue:
    """The built-in rows as the file that `BOTTEGA_CATALOG` names changes and completes them.

    The file is read once per process: who changes it restarts what reads it.

    Raises:
        workers.catalog.operator_file.CatalogueFileError: the file cannot be used.
    """
    path = CatalogueSettings().catalog
    return STANDARD if path is None else _read(path.expanduser().absolute())


@lru_cache(maxsize=1)
def _read(path: Path) -> Catalogue:
    return read_catalogue(path)


def variants() -> tuple[Variant, ...]:
    """All installed rows, disabled ones too, family by family.

    Raises:
        workers.catalog.operator_file.CatalogueFileError: the operator's file cannot be used.
    """
    return installed().variants()


def id_of(name: str) -> str:
    """The id of the installed row with this id or alias; a name without a row stays.

    Raises:
        workers.catalog.operator_file.CatalogueFileError: the operator's file cannot be used.
    """
    return installed().id_of(name)


def find(name: str) -> Variant:
    """The installed row with this id or alias, disabled or not.

    Raises:
        UnknownVariantError: there is none.
        workers.catalog.operator_file.CatalogueFileError: the operator's file cannot be used.
    """
    return installed().find(name)
