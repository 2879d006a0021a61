"""Requests to the hub: the list of a repository's files, and a file's bytes from a position on."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urljoin, urlsplit

from workers.adapters.hub.errors import HubError, explaining

FIRST_RETRY_SECONDS = 1.0
TRIES = 5
"""Tries of a request to a hub that is overloaded or away, with doubled pauses between them."""

CONNECT_SECONDS = 10.0
_MAX_REDIRECTS = 5
_TRANSIENT = {408, 429, 500, 502, 503, 504}
_LFS_HASH_LENGTH = 64

_Result = TypeVar("_Result")


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


def read_listing(repo: str, revision: str, *, tries: int = TRIES) -> Listing:
    """Ask the hub for the files of a repository.

    Args:
        repo: "owner/name".
        revision: a commit or a branch.
        tries: how often to ask a hub that is overloaded or away.

    Raises:
        HubError: the hub refuses, or does not answer.
    """
    # Imported here: the library takes long to load.
    from huggingface_hub import HfApi  # noqa: PLC0415

    def ask() -> Any:
        return HfApi().model_info(
            repo, revision=revision, files_metadata=True, timeout=CONNECT_SECONDS
        )

    with explaining(repo, revision):
        info = retrying(ask, tries)
        files = {each.rfilename: _listed(repo, info.sha, each) for each in info.siblings or ()}
    return Listing(info.sha, files, bool(info.gated))


def _listed(repo: str, commit: str, sibling: Any) -> HubFile:
    if sibling.lfs is not None:
        return HubFile(sibling.rfilename, sibling.lfs["size"], sibling.lfs["sha256"])
    if sibling.size is None or sibling.blob_id is None:
        return _file_by_head(repo, commit, sibling.rfilename)
    return HubFile(sibling.rfilename, sibling.size, sibling.blob_id)


def _file_by_head(repo: str, commit: str, name: str) -> HubFile:
    """A file as its headers describe it: some mirrors list names alone."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url  # noqa: PLC0415

    url = hf_hub_url(repo, name, revision=commit)
    described = get_hf_file_metadata(url, timeout=CONNECT_SECONDS)
    if described.etag is None or described.size is None:
        raise HubError(f"{urlsplit(url).netloc} gives neither hash nor size of {name} of {repo}")
    return HubFile(name, described.size, described.etag)


def retrying(operation: Callable[[], _Result], tries: int = TRIES) -> _Result:
    """Call an operation again while the hub is overloaded or away.

    Raises:
        Exception: the last one, after all tries, or one that another try would not change.
    """
    for attempt in range(1, tries):
        try:
            return operation()
        except Exception as error:
            if not is_transient(error):
                raise
            time.sleep(FIRST_RETRY_SECONDS * 2 ** (attempt - 1))
    return operation()


def is_transient(error: BaseException) -> bool:
    """True for an error that may be over soon: an overloaded hub, a broken connection."""
    import httpx2  # noqa: PLC0415
    from huggingface_hub.errors import HfHubHTTPError  # noqa: PLC0415

    if isinstance(error, HfHubHTTPError):
        return error.response.status_code in _TRANSIENT
    return isinstance(error, httpx2.TransportError)


@contextmanager
def open_file(repo: str, commit: str, name: str, first_byte: int = 0) -> Iterator[Any]:
    """Open a file on the hub.

    Args:
        repo: "owner/name".
        commit: the commit.
        name: the file.
        first_byte: the position to read from.

    Yields:
        The response, whose status is 206 when it begins at that position, and 200 when the server
        sends all of the file.

    Raises:
        Exception: an error of the hub's library or of HTTP, see `explaining`.
    """
    from huggingface_hub import constants, hf_hub_url  # noqa: PLC0415
    from huggingface_hub.utils._headers import build_hf_headers  # noqa: PLC0415
    from huggingface_hub.utils._http import get_session, hf_raise_for_status  # noqa: PLC0415

    url = hf_hub_url(repo, name, revision=commit)
    headers = build_hf_headers() | {"accept-encoding": "identity"}
    if first_byte:
        headers["range"] = f"bytes={first_byte}-"
    for _ in range(_MAX_REDIRECTS):
        with get_session().stream(
            "GET",
            url,
            headers=headers,
            follow_redirects=False,
            timeout=constants.HF_HUB_DOWNLOAD_TIMEOUT,
        ) as response:
            hf_raise_for_status(response)
            if not response.has_redirect_location:
                yield response
                return
            target = urljoin(url, response.headers["location"])
        if _origin(target) != _origin(url):
            # A storage host, which has its own signature in the URL: the token is not its business.
            headers.pop("authorization", None)
        url = target
    raise HubError(f"the hub redirects {name} of {repo} again and again")


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc
