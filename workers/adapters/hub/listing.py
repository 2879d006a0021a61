"""The list of a repository's files, read from an answer that anything on the way may have sent.

A proxy, a sign-in page or a mirror answers in the hub's place: nothing in an answer is trusted.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from workers.adapters.hub.errors import HubError, strange_answer

MAX_LISTING_BYTES = 32 * 2**20
"""Bytes of the longest list that is read; that of a large repository has a tenth of it."""

MAX_FILE_BYTES = 2**50
"""Bytes of the largest file that can be meant."""

_MAX_NAME_LENGTH = 1024
_LFS_HASH_LENGTH = 64
_COMMIT = re.compile(r"[0-9a-f]{40}")
_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True)
class HubFile:
    """A file of a repository.

    Attributes:
        name: its path in the repository, with slashes.
        size: its bytes.
        etag: the SHA-256 of a large file, in 64 hexadecimal digits; the SHA-1 by which git names
            a small one, in 40.
    """

    name: str
    size: int
    etag: str

    @property
    def is_large(self) -> bool:
        """True when the hash is a SHA-256."""
        return len(self.etag) == _LFS_HASH_LENGTH


@dataclass(frozen=True)
class Listing:
    """The files of a repository at a commit.

    Attributes:
        commit: the commit.
        files: by name.
        gated: True when a licence must be accepted; None if not known.
    """

    commit: str
    files: Mapping[str, HubFile]
    gated: bool | None = None


@dataclass(frozen=True)
class ParsedListing:
    """A list as the hub sent it.

    Attributes:
        commit: the commit.
        files: by name; None for a file of which the list has the name alone.
        gated: True when a licence must be accepted.
    """

    commit: str
    files: Mapping[str, HubFile | None]
    gated: bool


def parse_listing(repo: str, revision: str, content: bytes) -> ParsedListing:
    """Read the hub's description of a repository.

    Args:
        repo: the repository that was asked for.
        revision: its commit or branch.
        content: the body of the answer.

    Raises:
        HubError: it is no such description, or of another commit than was asked for.
    """
    try:
        described = json.loads(content)
        commit, siblings = described["sha"], described.get("siblings") or []
        files = {each["rfilename"]: _file(repo, each) for each in siblings}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise strange_answer(repo) from error
    if not is_commit(commit):
        raise strange_answer(repo)
    if is_commit(revision) and revision != commit:
        raise HubError(
            f"asked for {repo} at {revision}, the hub describes {commit}: it is not fetched; check "
            "HF_ENDPOINT"
        )
    return ParsedListing(commit, files, bool(described.get("gated")))


def is_commit(text: Any) -> bool:
    """True for the name of a commit."""
    return isinstance(text, str) and _COMMIT.fullmatch(text) is not None


def checked_file(repo: str, name: Any, size: Any, etag: Any) -> HubFile:
    """A file from values of any type.

    Raises:
        HubError: the name leads out of the repository, or the hash is none.
        ValueError: the name or the size cannot be.
    """
    _check_name(repo, name)
    if type(size) is not int or not 0 <= size <= MAX_FILE_BYTES:
        raise ValueError("a size is no number of bytes")
    if not (isinstance(etag, str) and _HASH.fullmatch(etag)):
        raise HubError(f"{repo} lists a file with the hash {str(etag)[:80]!r}: it is not fetched")
    return HubFile(name, size, etag)


def _check_name(repo: str, name: Any) -> None:
    if not isinstance(name, str) or not 0 < len(name) <= _MAX_NAME_LENGTH:
        raise ValueError("a name is none of a file")
    name.encode()  # half a surrogate pair is no text
    path = PurePosixPath(name)
    if not name.isprintable() or not path.parts or ".." in path.parts or path.is_absolute():
        raise HubError(f"{repo} lists a file of the name {name[:80]!r}: it is not fetched")


def _file(repo: str, sibling: Any) -> HubFile | None:
    name, lfs = sibling["rfilename"], sibling.get("lfs")
    if lfs is not None:
        return checked_file(repo, name, lfs["size"], lfs["sha256"])
    if sibling.get("size") is None or sibling.get("blobId") is None:
        _check_name(repo, name)
        return None
    return checked_file(repo, name, sibling["size"], sibling["blobId"])
