"""Local weights and LoRAs that a row names."""

from collections.abc import Iterator
from pathlib import Path

from workers.catalog.variant import Variant


def missing_files(row: Variant) -> list[Path]:
    """The folders and files of a row that are not on this machine."""
    return [path for path in _local_paths(row) if not path.exists()]


def _local_paths(row: Variant) -> Iterator[Path]:
    if row.weights and row.weights.folder:
        yield Path(row.weights.folder)
    elif row.weights and row.weights.file and not row.weights.repo:
        yield Path(row.weights.file)
    for lora in row.options.get("loras", ()):
        if lora.weights.folder:
            yield Path(lora.weights.folder, lora.file)
