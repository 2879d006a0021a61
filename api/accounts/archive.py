"""A ZIP file that is made while it is sent: in pieces, of any size, with a digest of each entry."""

import hashlib
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo


@dataclass(frozen=True)
class ArchiveEntry:
    """One file of the archive; `size_bytes` and `sha256` are those of its contents."""

    name: str
    size_bytes: int
    sha256: str


class _Sink:
    """The file that the ZIP is written to: it keeps what is not yet sent."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Do nothing: there is no file below."""

    def close(self) -> None:
        """Do nothing, as `flush`."""

    def take(self) -> bytes:
        taken = b"".join(self._parts)
        self._parts.clear()
        return taken


class Archive:
    """Writes entries one after another; each call yields the next pieces of the ZIP file."""

    def __init__(self) -> None:
        self._sink = _Sink()
        self._zip = ZipFile(self._sink, "w")
        self.entries: list[ArchiveEntry] = []

    def add(self, name: str, contents: Iterable[bytes], *, compressed: bool) -> Iterator[bytes]:
        """Write an entry.

        Args:
            name: its path in the archive.
            contents: its bytes, in pieces.
            compressed: false for pictures, which are compressed already.
        """
        info = ZipInfo(name, time.gmtime()[:6])
        info.compress_type = ZIP_DEFLATED if compressed else ZIP_STORED
        digest, size = hashlib.sha256(), 0
        with self._zip.open(info, "w", force_zip64=True) as entry:
            for piece in contents:
                digest.update(piece)
                size += len(piece)
                entry.write(piece)
                if sent := self._sink.take():
                    yield sent
        self.entries.append(ArchiveEntry(name, size, digest.hexdigest()))

    def close(self) -> Iterator[bytes]:
        """Write the list of entries that ends the file."""
        self._zip.close()
        yield self._sink.take()
