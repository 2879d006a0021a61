"""The interface of a blob store: the Protocol, its values and its errors.

A key is one to 512 characters: segments of `A-Z a-z 0-9 . _ + = ~ -` joined by `/`, each segment
at most 200 characters and not beginning with a dot. No key may continue another (`a` and `a/b`):
on a disk a file is no folder. Media types are at most 127 ASCII characters.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

MAX_KEY_CHARACTERS = 512
MAX_MEDIA_TYPE_CHARACTERS = 127
MAX_PRESIGN_SECONDS = 7 * 24 * 3600
"""The longest that S3's signatures may live."""

_SEGMENT = r"(?!\.)[A-Za-z0-9._+=~-]{1,200}"
_KEY = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT})*")
_PREFIX = re.compile(rf"(?:{_SEGMENT}/)*(?:{_SEGMENT})?")
_MEDIA_TYPE = re.compile(r"[\x21-\x7e]+/[\x20-\x7e]*[\x21-\x7e]")


class StoreError(Exception):
    """A store did not do what was asked.

    Attributes:
        retryable: True when the same call may succeed later, without anybody's help.
    """

    retryable = False


class InvalidObjectError(StoreError, ValueError):
    """The key, prefix, media type or lifetime is not one that every store can keep."""


class ObjectNotFoundError(StoreError):
    """No object has this key."""


class StoreMisconfiguredError(StoreError):
    """Wrong credentials, no such bucket, no such store: an operator must act."""


class StoreUnavailableError(StoreError):
    """The store refused, timed out, broke or is full at the moment."""

    retryable = True


@dataclass(frozen=True)
class StoredObject:
    """An object's bytes and the media type it was put with."""

    data: bytes
    media_type: str


@dataclass(frozen=True)
class ObjectInfo:
    """The facts of an object that are known without reading it; `modified_at` is in UTC."""

    key: str
    size_bytes: int
    modified_at: datetime


class ObjectStore(Protocol):
    """Keys to bytes, durable once `put` returns. Safe for concurrent use by threads.

    Every method raises `InvalidObjectError` for a bad argument, `StoreUnavailableError` for a
    temporary fault and `StoreMisconfiguredError` for a permanent one.
    """

    def put(self, key: str, data: bytes, media_type: str) -> None:
        """Store the bytes under the key, atomically replacing an earlier object."""
        ...

    def put_file(self, key: str, path: Path, media_type: str) -> None:
        """Store a file's bytes, as `put` does, without holding them in memory."""
        ...

    def get(self, key: str) -> StoredObject:
        """Read the whole object.

        Raises:
            ObjectNotFoundError: no object has this key.
        """
        ...

    def get_file(self, key: str, path: Path) -> None:
        """Write the object's bytes to a file, without holding them in memory.

        A file that is there is replaced; after an error it may hold a part.

        Raises:
            ObjectNotFoundError: no object has this key.
        """
        ...

    def head(self, key: str) -> ObjectInfo:
        """Read the object's size and time of modification.

        Raises:
            ObjectNotFoundError: no object has this key.
        """
        ...

    def presign(self, key: str, seconds: int) -> str | None:
        """A URL that serves the object to anyone for that long; None where the store cannot.

        The key need not exist. At most `MAX_PRESIGN_SECONDS`.
        """
        ...

    def delete(self, key: str) -> None:
        """Remove the object if there is one."""
        ...

    def remove_unfinished(self, *, before: datetime) -> int:
        """Remove what writers that were killed before that time left; the number removed.

        A server that keeps the parts of unfinished uploads removes them itself, by a rule of its
        bucket.
        """
        ...

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Every object whose key begins with the prefix, in the order of the keys' bytes."""
        ...


def check_key(key: str) -> None:
    """Refuse a key outside the grammar above."""
    if len(key) > MAX_KEY_CHARACTERS or not _KEY.fullmatch(key):
        raise InvalidObjectError(f"not a key: {key[:MAX_KEY_CHARACTERS]!r}")


def check_prefix(prefix: str) -> None:
    """Refuse a prefix that no key can begin with; the empty prefix matches all keys."""
    if len(prefix) > MAX_KEY_CHARACTERS or not _PREFIX.fullmatch(prefix):
        raise InvalidObjectError(f"not a prefix of keys: {prefix[:MAX_KEY_CHARACTERS]!r}")


def check_media_type(media_type: str) -> None:
    """Refuse a media type that is not valid in a header, or too long for the stores."""
    if len(media_type) > MAX_MEDIA_TYPE_CHARACTERS or not _MEDIA_TYPE.fullmatch(media_type):
        raise InvalidObjectError(f"not a media type: {media_type[:MAX_MEDIA_TYPE_CHARACTERS]!r}")


def check_lifetime(seconds: int) -> None:
    """Refuse a lifetime that a signature cannot have."""
    if not 1 <= seconds <= MAX_PRESIGN_SECONDS:
        raise InvalidObjectError(f"{seconds} s is no lifetime of a URL")
