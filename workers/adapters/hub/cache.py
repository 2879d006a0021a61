"""A repository in the hub's cache on this disk, in the layout of huggingface_hub.

models--owner--name/
    blobs/<hash>                what a file contains
    blobs/<hash>.incomplete     the part of one that has arrived; an own addition
    refs/<branch>               the commit of a branch
    snapshots/<commit>/<file>   links to blobs
    trees/<commit>.json         the commit's files, with sizes and hashes
.locks/models--owner--name/<hash>.lock
"""

import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any

from workers.adapters.hub.errors import HubError, cache_folder
from workers.adapters.hub.listing import HubFile, Listing, checked_file, is_commit

TREE_FORMAT = 1
"""The version of huggingface_hub's format of kept listings that is read and written."""

QUIET_SECONDS = 3600.0
"""A part of huggingface_hub's own that nobody wrote to for this long belongs to no process."""

_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_FOREIGN_PART = re.compile(r"[0-9a-f]{40,64}\.[0-9a-f]{8}\.incomplete")


class CachedRepository:
    """A repository's folder in the cache; it need not exist.

    Args:
        repo: "owner/name".
    """

    def __init__(self, repo: str) -> None:
        self.repo = repo
        name = f"models--{repo.replace('/', '--')}"
        self.folder = Path(cache_folder()) / name
        self._locks = Path(cache_folder()) / ".locks" / name

    def commit_of(self, revision: str) -> str | None:
        """The commit of a revision as the cache knows it; None if it does not."""
        if is_commit(revision):
            return revision
        with suppress(OSError, ValueError):
            noted = (self.folder / "refs" / revision).read_text(encoding="utf-8").strip()
            return noted if is_commit(noted) else None
        return None

    def keep_commit(self, revision: str, commit: str) -> None:
        """Note the commit of a branch."""
        path = self.folder / "refs" / revision
        if revision != commit and self.commit_of(revision) != commit:
            _write(path, commit)

    def snapshot(self, commit: str) -> Path:
        """The folder of a commit's files."""
        return self.folder / "snapshots" / commit

    def pointer(self, commit: str, name: str) -> Path:
        """The path of a file in the snapshot of a commit.

        Raises:
            HubError: the name leads out of the snapshot.
        """
        parts = PurePosixPath(name).parts
        if not parts or ".." in parts or PurePosixPath(name).is_absolute():
            raise HubError(f"{self.repo} lists a file of the name {name!r}: it is not fetched")
        return self.snapshot(commit).joinpath(*parts)

    def blob(self, etag: str) -> Path:
        """The path of a blob.

        Raises:
            HubError: the hash is none.
        """
        if not _HASH.fullmatch(etag):
            raise HubError(f"{self.repo} lists a file with the hash {etag!r}: it is not fetched")
        return self.folder / "blobs" / etag

    def part(self, etag: str) -> Path:
        """The path of the part of a blob that has arrived."""
        return self.blob(f"{etag}").with_name(f"{etag}.incomplete")

    def part_bytes(self, file: HubFile) -> int:
        """Bytes of a file that have arrived, but are not verified."""
        with suppress(OSError):
            return min(self.part(file.etag).stat().st_size, file.size)
        return 0

    def has(self, commit: str, file: HubFile) -> bool:
        """True when a file of a commit is there in its full size."""
        with suppress(OSError):
            return self.pointer(commit, file.name).stat().st_size == file.size
        return False

    @contextmanager
    def locked(self, etag: str, *, timeout_seconds: float) -> Iterator[bool]:
        """Hold the lock of a blob, which huggingface_hub takes too.

        Yields:
            False when another process has held it for all of `timeout_seconds`.
        """
        from filelock import Timeout  # noqa: PLC0415
        from huggingface_hub.utils._fixes import WeakFileLock  # noqa: PLC0415

        self._locks.mkdir(parents=True, exist_ok=True)
        lock = WeakFileLock(self._locks / f"{etag}.lock", timeout=timeout_seconds)
        try:
            lock.__enter__()
        except Timeout:
            yield False
            return
        try:
            yield True
        finally:
            lock.__exit__(None, None, None)

    def link(self, commit: str, file: HubFile) -> None:
        """Put a blob into the snapshot: a relative link, or the file itself without links."""
        pointer, blob = self.pointer(commit, file.name), self.blob(file.etag)
        pointer.parent.mkdir(parents=True, exist_ok=True)
        pointer.unlink(missing_ok=True)
        if _has_links():
            with suppress(OSError):
                pointer.symlink_to(os.path.relpath(blob, pointer.parent))
                return
        shutil.move(blob, pointer)

    def read_listing(self, commit: str) -> Listing | None:
        """The kept list of a commit's files; None if none is kept."""
        try:
            kept = json.loads(self._tree(commit).read_text(encoding="utf-8"))
            if kept["format_version"] != TREE_FORMAT:
                return None
            files = {name: _file(self.repo, name, each) for name, each in kept["files"].items()}
            return Listing(commit, files)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, HubError):
            return None

    def keep_listing(self, listing: Listing) -> None:
        """Keep the list of a commit's files, as huggingface_hub does."""
        files = {name: _as_tree(file) for name, file in sorted(listing.files.items())}
        text = json.dumps({"format_version": TREE_FORMAT, "files": files}, indent=1)
        _write(self._tree(listing.commit), text)

    def _tree(self, commit: str) -> Path:
        return self.folder / "trees" / f"{commit}.json"

    def leftovers(self) -> Mapping[Path, int]:
        """Parts that no download goes on with, and their bytes: huggingface_hub's, when quiet."""
        found = {}
        for path in self.blobs():
            with suppress(OSError):
                stat = path.stat()
                quiet = time.time() - stat.st_mtime > QUIET_SECONDS
                if quiet and _FOREIGN_PART.fullmatch(path.name):
                    found[path] = stat.st_size
        return found

    def sweep(self) -> int:
        """Delete the leftovers; the number of bytes given back."""
        freed = 0
        for path, size in self.leftovers().items():
            with suppress(OSError):
                path.unlink()
                freed += size
        return freed

    def blobs(self) -> list[Path]:
        """The blobs, and the parts of some."""
        with suppress(OSError):
            return list((self.folder / "blobs").iterdir())
        return []

    def linked_blobs(self) -> dict[str, set[Path]]:
        """The snapshots' links by the blob that they lead to."""
        links: dict[str, set[Path]] = {}
        for path in (self.folder / "snapshots").rglob("*"):
            if path.is_symlink():
                links.setdefault(path.resolve().name, set()).add(path)
        return links


def _file(repo: str, name: str, kept: Mapping[str, Any]) -> HubFile:
    if kept.get("lfs_sha256"):
        return checked_file(repo, name, kept["lfs_size"], kept["lfs_sha256"])
    return checked_file(repo, name, kept["size"], kept["blob_id"])


def _as_tree(file: HubFile) -> dict[str, Any]:
    # The name that git has for a large file's pointer is not known, and read by nobody.
    entry: dict[str, Any] = {"size": file.size, "blob_id": file.etag}
    return entry | ({"lfs_sha256": file.etag, "lfs_size": file.size} if file.is_large else {})


def _has_links() -> bool:
    from huggingface_hub import constants  # noqa: PLC0415

    return not constants.HF_HUB_DISABLE_SYMLINKS


def _write(path: Path, text: str) -> None:
    """Write a file by renaming: a process that reads it never reads half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.tmp")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
