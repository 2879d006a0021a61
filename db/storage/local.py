"""A store on the local disk."""

import errno
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from db.storage.object_store import (
    MAX_MEDIA_TYPE_CHARACTERS,
    InvalidObjectError,
    ObjectInfo,
    ObjectNotFoundError,
    StoredObject,
    StoreError,
    StoreMisconfiguredError,
    StoreUnavailableError,
    check_key,
    check_lifetime,
    check_media_type,
    check_prefix,
)

_MARK = b"\nBottega media type "
_TRAILER_BYTES = len(_MARK) + MAX_MEDIA_TYPE_CHARACTERS + 1

_MOVE_ATTEMPTS = 20
_CHUNK_BYTES = 2**20

_ABSENT = (FileNotFoundError, IsADirectoryError, NotADirectoryError)
_MAY_PASS = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EROFS),  # full, or set read-only by a fault
    *(errno.EIO, errno.ESTALE, errno.ETIMEDOUT),  # a disk or a network share in trouble
    *(errno.EMFILE, errno.ENFILE),  # too many open files
}

_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL


class LocalStore:
    """An `ObjectStore` of plain files below one folder, made when first written to.

    A file holds the object's bytes and then a trailer of fixed length with the media type: one
    file, so that both change at once, on any file system. Image viewers ignore the trailer.
    Files are written below `.partial` and renamed when they are on the disk; a writer killed
    between leaves its file there, for `remove_unfinished`.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()
        self._partial = self._root / ".partial"  # no key begins with a dot

    def put(self, key: str, data: bytes, media_type: str) -> None:
        """Write, sync, rename, sync the folder."""
        self._put(key, (data,), media_type)

    def put_file(self, key: str, path: Path, media_type: str) -> None:
        """Copy, sync, rename, sync the folder."""
        with path.open("rb") as file:
            self._put(key, _chunks(file), media_type)

    def _put(self, key: str, parts: Iterable[bytes], media_type: str) -> None:
        check_media_type(media_type)
        path = self._path(key)
        with _translated_put(key):
            temporary = self._write_temporary(chain(parts, (_trailer(media_type),)))
            try:
                _move_into_place(temporary, path)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise

    def get(self, key: str) -> StoredObject:
        """Read the file."""
        path = self._path(key)
        with _translated(key):
            content = path.read_bytes()
        return StoredObject(content[:-_TRAILER_BYTES], _media_type_of(content, key))

    def get_file(self, key: str, path: Path) -> None:
        """Copy the file, up to its trailer."""
        stored = self._path(key)
        with _translated(key), stored.open("rb") as source, path.open("wb") as target:
            shutil.copyfileobj(source, target, _CHUNK_BYTES)
            size = target.tell() - _TRAILER_BYTES
            source.seek(max(0, size))
            _media_type_of(source.read(), key)
            target.truncate(size)

    def head(self, key: str) -> ObjectInfo:
        """Ask the file system."""
        path = self._path(key)
        with _translated(key):
            if path.is_dir():
                raise IsADirectoryError(path)
            return _info(key, path.stat())

    def presign(self, key: str, seconds: int) -> None:
        """None: a disk serves nobody."""
        check_key(key)
        check_lifetime(seconds)

    def delete(self, key: str) -> None:
        """Unlink, and remove the folders that this leaves empty."""
        path = self._path(key)
        try:
            with _translated(key):
                path.unlink()
                _sync_folder(path.parent)
        except ObjectNotFoundError:
            return
        self._remove_empty_folders(path.parent)

    def remove_unfinished(self, *, before: datetime) -> int:
        """Remove temporary files that were last written before that time."""
        removed = 0
        with _translated(self._partial.name), suppress(FileNotFoundError):
            for path in self._partial.iterdir():
                with suppress(FileNotFoundError):  # in place meanwhile
                    if path.stat().st_mtime < before.timestamp():
                        path.unlink()
                        removed += 1
        return removed

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Walk the folder that the prefix names and what lies below it."""
        check_prefix(prefix)
        folder, _, _ = prefix.rpartition("/")
        return self._walk(folder + "/" if folder else "", prefix)

    def _path(self, key: str) -> Path:
        check_key(key)
        return self._root / key

    def _write_temporary(self, parts: Iterable[bytes]) -> Path:
        _make_folder(self._partial)
        path = self._partial / uuid4().hex
        with os.fdopen(os.open(path, _NEW_FILE, 0o600), "wb") as file:
            try:
                file.writelines(parts)
                file.flush()
                os.fsync(file.fileno())
            except BaseException:
                path.unlink()
                raise
        return path

    def _remove_empty_folders(self, folder: Path) -> None:
        with suppress(OSError):  # not empty, or another was quicker
            while folder != self._root:
                folder.rmdir()
                folder = folder.parent

    def _walk(self, folder: str, prefix: str) -> Iterator[ObjectInfo]:
        for name, entry in _sorted_entries(self._root, folder):
            key = folder + name
            if not key.startswith(prefix):
                continue
            if name.endswith("/"):
                yield from self._walk(key, prefix)
            else:
                with suppress(FileNotFoundError):  # deleted meanwhile
                    yield _info(key, entry.stat())


def _sorted_entries(root: Path, folder: str) -> list[tuple[str, os.DirEntry[str]]]:
    try:
        with _translated(folder), os.scandir(root / folder) as entries:
            # A folder sorts with its slash: "a-b" stands before "a/b" in the keys' order.
            named = [(entry.name + "/" * entry.is_dir(), entry) for entry in entries]
    except ObjectNotFoundError:
        return []
    return sorted((pair for pair in named if not pair[0].startswith(".")), key=itemgetter(0))


@contextmanager
def _translated(what: str) -> Iterator[None]:
    try:
        yield
    except _ABSENT as error:
        raise ObjectNotFoundError(what) from error
    except OSError as error:
        if error.errno in _MAY_PASS:
            raise StoreUnavailableError(f"{what}: {error.strerror}") from error
        if isinstance(error, PermissionError):
            raise StoreMisconfiguredError(f"{what}: {error.strerror}") from error
        raise


@contextmanager
def _translated_put(key: str) -> Iterator[None]:
    try:
        with _translated(key):
            yield
    except ObjectNotFoundError as error:  # a file where a folder is wanted, or the reverse
        raise InvalidObjectError(f"{key} continues another key, or another continues it") from error


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    return iter(partial(file.read, _CHUNK_BYTES), b"")


def _trailer(media_type: str) -> bytes:
    return _MARK + media_type.ljust(MAX_MEDIA_TYPE_CHARACTERS).encode("ascii") + b"\n"


def _media_type_of(content: bytes, key: str) -> str:
    trailer = content[-_TRAILER_BYTES:]
    if not trailer.startswith(_MARK):
        raise StoreError(f"{key}: the file was not written by this store, or was damaged")
    return trailer.removeprefix(_MARK).decode("ascii").rstrip()


def _info(key: str, status: os.stat_result) -> ObjectInfo:
    modified_at = datetime.fromtimestamp(status.st_mtime, UTC)
    return ObjectInfo(key, max(0, status.st_size - _TRAILER_BYTES), modified_at)


def _move_into_place(temporary: Path, path: Path) -> None:
    for _ in range(_MOVE_ATTEMPTS):
        with suppress(FileNotFoundError):  # a concurrent delete removed a folder it found empty
            _make_folder(path.parent)
            temporary.replace(path)
            break
    else:
        raise StoreUnavailableError(f"{path.parent} is removed again and again")
    with suppress(FileNotFoundError):  # deleted since, with its folder
        _sync_folder(path.parent)


def _make_folder(folder: Path) -> None:
    """Make it and its parents, each new entry synced to the disk."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
