"""Local weights and LoRAs that a row names."""

from collections.abc import Iterator
from pathlib import Path

from workers.catalog.variant import Variant


def missing_files(row: Variant) -> list[Path]:
    """The folders and files of a row that are not on this machine."""
    return [path for path in local_paths(row) if not path.exists()]


def missing_weights(row: Variant) -> Path | None:
    """The folder or file of a row's weights, where it is named and not on this machine."""
    weights = row.weights
    if weights is None or (weights.file and weights.repo):
        return None
    path = weights.folder or weights.file
    return Path(path) if path and not Path(path).exists() else None


def local_paths(row: Variant) -> Iterator[Path]:
    """The folders and files of this machine that a row names, whether they are there or not."""
    if row.weights and row.weights.folder:
        yield Path(row.weights.folder)
    elif row.weights and row.weights.file and not row.weights.repo:
        yield Path(row.weights.file)
    for lora in row.options.get("loras", ()):
        if lora.weights.folder:
            yield Path(lora.weights.folder, lora.file)
