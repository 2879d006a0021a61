"""The operator's catalogue file: models that are changed, disabled or added without a new build."""

from workers.catalog.operator_file.faults import CatalogueFileError
from workers.catalog.operator_file.reading import read_catalogue

__all__ = ["CatalogueFileError", "read_catalogue"]
