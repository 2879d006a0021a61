"""Requests to the hub: the list of a repository's files, and a file's bytes from a position on."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import quote, urljoin, urlsplit

from workers.adapters.hub.errors import HubError, explaining, require_endpoint, strange_answer
from workers.adapters.hub.listing import (
    MAX_LISTING_BYTES,
    HubFile,
    Listing,
    checked_file,
    parse_listing,
)

FIRST_RETRY_SECONDS = 1.0
TRIES = 5
"""Tries of a request to a hub that is overloaded or away, with doubled pauses between them."""

CONNECT_SECONDS = 10.0
LISTING_SECONDS = 60.0
"""The longest time that a list may take to arrive."""

MAX_HEADS = 1000
"""The most files of which a mirror that lists names alone is asked one by one."""

_MAX_REDIRECTS = 5
_SCHEMES = {"http", "https"}
_TRANSIENT = {408, 429, 500, 502, 503, 504}

_Result = TypeVar("_Result")


def read_listing(repo: str, revision: str, *, tries: int = TRIES) -> Listing:
    """Ask the hub for the files of a repository.

    Args:
        repo: "owner/name".
        revision: a commit or a branch.
        tries: how often to ask a hub that is overloaded or away.

    Raises:
        HubError: the hub refuses, does not answer, or something else answers in its place.
    """
    with explaining(repo, revision):
        content = retrying(lambda: _listing_bytes(repo, revision), tries)
        listed = parse_listing(repo, revision, content)
        if sum(file is None for file in listed.files.values()) > MAX_HEADS:
            raise HubError(f"the hub gives neither hashes nor sizes of the many files of {repo}")
        files = {
            name: file or _file_by_head(repo, listed.commit, name)
            for name, file in listed.files.items()
        }
    return Listing(listed.commit, files, listed.gated)


def _listing_bytes(repo: str, revision: str) -> bytes:
    """The body of the hub's description of a repository, up to its longest."""
    from huggingface_hub import constants  # noqa: PLC0415

    require_endpoint()
    url = f"{constants.ENDPOINT}/api/models/{repo}/revision/{quote(revision, safe='')}?blobs=True"
    content, ends_at = bytearray(), time.monotonic() + LISTING_SECONDS
    with _opened(url, {}, CONNECT_SECONDS, repo) as response:
        for chunk in response.iter_bytes():
            content += chunk
            if len(content) > MAX_LISTING_BYTES or time.monotonic() > ends_at:
                raise strange_answer(repo)
    return bytes(content)


def _file_by_head(repo: str, commit: str, name: str) -> HubFile:
    """A file as its headers describe it: some mirrors list names alone."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url  # noqa: PLC0415

    url = hf_hub_url(repo, name, revision=commit)
    described = get_hf_file_metadata(url, timeout=CONNECT_SECONDS)
    if described.etag is None or described.size is None:
        raise HubError(f"{urlsplit(url).netloc} gives neither hash nor size of {name} of {repo}")
    try:
        return checked_file(repo, name, described.size, described.etag)
    except ValueError as error:
        raise strange_answer(repo) from error


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
    lasting = (httpx2.UnsupportedProtocol, httpx2.LocalProtocolError)
    return isinstance(error, httpx2.TransportError) and not isinstance(error, lasting)


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

    require_endpoint()
    url = hf_hub_url(repo, name, revision=commit)
    headers = {"range": f"bytes={first_byte}-"} if first_byte else {}
    with _opened(url, headers, constants.HF_HUB_DOWNLOAD_TIMEOUT, f"{name} of {repo}") as response:
        yield response


@contextmanager
def _opened(
    url: str, headers: Mapping[str, str], timeout_seconds: float, what: str
) -> Iterator[Any]:
    """Open a URL of the hub, by way of its redirects."""
    from huggingface_hub.utils._headers import build_hf_headers  # noqa: PLC0415
    from huggingface_hub.utils._http import get_session  # noqa: PLC0415

    sent = {**build_hf_headers(), "accept-encoding": "identity", **headers}
    for _ in range(_MAX_REDIRECTS):
        with get_session().stream(
            "GET", url, headers=sent, follow_redirects=False, timeout=timeout_seconds
        ) as response:
            _check_status(response, what)
            if not response.has_redirect_location:
                yield response
                return
            target = _target(url, response.headers["location"], what)
        if _origin(target) != _origin(url):
            # A storage host, which has its own signature in the URL: the token is not its business.
            sent.pop("authorization", None)
        url = target
    raise HubError(f"the hub redirects {what} again and again")


def _check_status(response: Any, what: str) -> None:
    from huggingface_hub.errors import HfHubHTTPError  # noqa: PLC0415
    from huggingface_hub.utils._http import hf_raise_for_status  # noqa: PLC0415

    if response.is_error:
        # The library would read all of a refusal's body, however long; its headers say enough.
        response.close()
    try:
        hf_raise_for_status(response)
    except HfHubHTTPError:
        raise
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise strange_answer(what) from error


def _target(url: str, location: str, what: str) -> str:
    """The URL that a redirect leads to; files of this machine are none."""
    try:
        target = urljoin(url, location)
        scheme = urlsplit(target).scheme
    except ValueError as error:
        raise strange_answer(what) from error
    if scheme not in _SCHEMES:
        raise HubError(
            f"the hub redirects {what} to {target[:80]!r}, which is not fetched: only http and "
            "https are; check HF_ENDPOINT"
        )
    return target


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc
