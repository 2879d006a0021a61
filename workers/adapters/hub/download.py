"""The download of one file: it goes on where an earlier process was killed, and is verified."""

import hashlib
import os
import threading
from pathlib import Path
from typing import Any, BinaryIO

from workers.adapters import load_progress
from workers.adapters.hub import client
from workers.adapters.hub.cache import CachedRepository
from workers.adapters.hub.errors import BrokenDownloadError, HubError, explaining
from workers.adapters.hub.listing import HubFile

CHUNK_BYTES = 1 << 20
LOCK_POLL_SECONDS = 1.0
MAX_HTTP_BYTES = 50_000_000_000
"""The hub sends no larger file by plain HTTP."""

_PARTIAL = 206


class AbortedError(Exception):
    """A download was told to stop; its part is kept."""


def download(
    cached: CachedRepository, commit: str, file: HubFile, stopping: threading.Event
) -> None:
    """Bring a file into the cache, unless it is there; another process may be at it already.

    Progress is counted in `load_progress`; bytes that an earlier process received count too.

    Args:
        cached: the repository.
        commit: the commit.
        file: the file.
        stopping: set to stop.

    Raises:
        HubError: the file cannot be had, or its bytes are not the hub's.
        AbortedError: `stopping` was set.
    """
    transfer = _Transfer(cached, commit, file, stopping)
    while True:
        with cached.locked(file.etag, timeout_seconds=LOCK_POLL_SECONDS) as is_ours:
            if is_ours:
                transfer.complete()
                cached.link(commit, file)
                return
        transfer.raise_if_stopped()
        transfer.count(cached.part_bytes(file))


def file_hash(path: Path, file: HubFile) -> str:
    """The hash of a file on this disk, of the kind by which the hub names it."""
    hasher = _hasher(file)
    with path.open("rb") as stream:
        _feed(hasher, stream)
    return str(hasher.hexdigest())


class _Transfer:
    """One file on its way."""

    def __init__(
        self, cached: CachedRepository, commit: str, file: HubFile, stopping: threading.Event
    ) -> None:
        self._stopping = stopping
        self._cached = cached
        self._commit = commit
        self._file = file
        self._part = cached.part(file.etag)
        self._counted = 0
        self._hasher = _hasher(file)
        self._received = 0

    def count(self, done: int) -> None:
        """Count the file's bytes up to a number as done."""
        load_progress.advance(done - self._counted)
        self._counted = done

    def raise_if_stopped(self) -> None:
        """Stop when told to.

        Raises:
            AbortedError: it was.
        """
        if self._stopping.is_set():
            raise AbortedError

    def complete(self) -> None:
        """Make the blob, from the part that is there or from nothing.

        Raises:
            HubError: it cannot be had.
        """
        blob = self._cached.blob(self._file.etag)
        if not (blob.is_file() and blob.stat().st_size == self._file.size):
            self._check_size()
            blob.parent.mkdir(parents=True, exist_ok=True)
            with explaining(self._cached.repo, self._commit, file=self._file.name):
                self._receive_verified()
                self._part.replace(blob)
        self.count(self._file.size)

    def _check_size(self) -> None:
        if self._file.size > MAX_HTTP_BYTES:
            raise HubError(
                f"the hub does not send {self._file.name} of {self._cached.repo} by plain HTTP, as "
                f"it is larger than 50 GB: fetch it with `hf download {self._cached.repo} "
                f"{self._file.name} --revision {self._commit}`; it is then found in the cache"
            )

    def _receive_verified(self) -> None:
        """Receive the file; once more from its beginning, where a continued one is wrong."""
        went_on = self._take_up()
        self._receive_all()
        if self._is_right():
            return
        self._part.unlink()
        if not went_on:
            raise self._broken()
        load_progress.note(f"{self._file.name} begins anew: the part that was there did not fit")
        self._take_up()
        self._receive_all()
        if not self._is_right():
            self._part.unlink()
            raise self._broken()

    def _take_up(self) -> bool:
        """Read the part that is there into the hash; False when there is none."""
        self._hasher, self._received = _hasher(self._file), 0
        if self._part.is_file() and self._part.stat().st_size <= self._file.size:
            with self._part.open("rb") as stream:
                self._received = _feed(self._hasher, stream)
        else:
            self._part.unlink(missing_ok=True)
        self.count(self._received)
        return self._received > 0

    def _receive_all(self) -> None:
        failures = 0
        while self._received < self._file.size:
            before = self._received
            fault = self._receive()
            if self._received > before:
                failures = 0
                continue
            failures += 1
            if failures >= client.TRIES:
                raise fault or self._broken()
            self._stopping.wait(client.FIRST_RETRY_SECONDS * 2 ** (failures - 1))
            self.raise_if_stopped()

    def _receive(self) -> Exception | None:
        """Receive until the end of the response; the fault that ended it early, if one did."""
        opened = client.open_file(self._cached.repo, self._commit, self._file.name, self._received)
        try:
            with opened as response, self._part.open("ab") as part:
                if response.status_code != _PARTIAL and self._received:
                    self._begin_anew(part)
                for chunk in response.iter_raw():
                    self._keep(chunk, part)
                part.flush()
                os.fsync(part.fileno())
        except Exception as error:
            if not client.is_transient(error):
                raise
            return error
        return None

    def _begin_anew(self, part: BinaryIO) -> None:
        load_progress.note(f"{self._file.name} begins anew: this server sends no part of a file")
        part.truncate(0)
        self._hasher, self._received = _hasher(self._file), 0
        self.count(0)

    def _keep(self, chunk: bytes, part: BinaryIO) -> None:
        self.raise_if_stopped()
        if self._received + len(chunk) > self._file.size:
            self._part.unlink()
            raise self._broken()
        part.write(chunk)
        self._hasher.update(chunk)
        self._received += len(chunk)
        self.count(self._received)

    def _is_right(self) -> bool:
        return str(self._hasher.hexdigest()) == self._file.etag

    def _broken(self) -> BrokenDownloadError:
        return BrokenDownloadError(
            f"{self._file.name} of {self._cached.repo} did not arrive as the hub lists it: try "
            "again; if that does not help, a proxy or mirror (HF_ENDPOINT) changes files"
        )


def _hasher(file: HubFile) -> Any:
    """SHA-256 of a large file; of a small one git's SHA-1, which begins with its length."""
    if file.is_large:
        return hashlib.sha256()
    hasher = hashlib.sha1(usedforsecurity=False)
    hasher.update(b"blob %d\0" % file.size)
    return hasher


def _feed(hasher: Any, stream: BinaryIO) -> int:
    """Hash a stream; its number of bytes."""
    count = 0
    while chunk := stream.read(CHUNK_BYTES):
        hasher.update(chunk)
        count += len(chunk)
    return count
