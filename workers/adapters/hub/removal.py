"""The removal of files from the hub's cache."""

import shutil
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from workers.adapters.hub.cache import CachedRepository
from workers.adapters.hub.fetch import files_here
from workers.adapters.hub.selection import Checkpoint


def remove(checkpoint: Checkpoint, keep: Collection[Path]) -> int:
    """Remove a checkpoint's files and broken downloads from the cache.

    Args:
        checkpoint: the checkpoint.
        keep: paths in snapshots that something else needs.

    Returns:
        The bytes given back. Blobs that another snapshot links to stay.
    """
    cached = CachedRepository(checkpoint.repo)
    gone = [path for path in files_here(checkpoint) if path not in keep]
    freed = sum(map(_unlink, gone))
    freed += _drop_unlinked(cached)
    commit = cached.commit_of(checkpoint.revision)
    if commit is not None and not _has_files(cached.snapshot(commit)):
        _forget(cached, commit, checkpoint.revision)
    return freed


def _unlink(path: Path) -> int:
    """Delete a file of a snapshot; its bytes, where it is no link."""
    freed = 0 if path.is_symlink() else path.stat().st_size
    path.unlink()
    return freed


def _drop_unlinked(cached: CachedRepository) -> int:
    """Delete blobs and parts that no snapshot links to; their bytes."""
    linked, freed = cached.linked_blobs(), 0
    for path in cached.blobs():
        if path.name not in linked:
            freed += path.lstat().st_size
            path.unlink()
    return freed


def _has_files(folder: Path) -> bool:
    return any(not path.is_dir() for path in folder.rglob("*"))


def _forget(cached: CachedRepository, commit: str, revision: str) -> None:
    """Remove what is left of a commit without files; the whole folder, if it was the last."""
    shutil.rmtree(cached.snapshot(commit), ignore_errors=True)
    (cached.folder / "trees" / f"{commit}.json").unlink(missing_ok=True)
    if revision != commit:
        (cached.folder / "refs" / revision).unlink(missing_ok=True)
    if not _has_files(cached.folder / "snapshots"):
        with suppress(OSError):
            shutil.rmtree(cached.folder)
