"""Faults of the hub and of its cache, each as one sentence with its remedy."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _TOO_MANY, _SERVER = 401, 403, 404, 429, 500
_FULL = {errno.ENOSPC, errno.EDQUOT}
_REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS}


class HubError(Exception):
    """Weights cannot be had from the hub or its cache; the message names the remedy.

    `transient` is true where another try may succeed without anything being mended.
    """

    transient = False


class TokenNeededError(HubError):
    """The repository is gated, and no token was sent."""


class TokenRefusedError(HubError):
    """The hub does not know the token that was sent."""


class LicenceNotAcceptedError(HubError):
    """The token's account may not read the gated repository."""


class NoSuchRepositoryError(HubError):
    """There is no such repository, or it is private."""


class NoSuchRevisionError(HubError):
    """The repository has no such revision."""


class NoSuchFileError(HubError):
    """The repository lacks a file at this revision."""


class HubUnreachableError(HubError):
    """No answer: no network, no such host, a proxy, or a timeout."""

    transient = True


class HubBusyError(HubError):
    """The hub answered that it is overloaded or broken."""

    transient = True


class StrangeAnswerError(HubError):
    """Something else answers in the hub's place: a proxy, a sign-in page, a mirror."""


class DiskFullError(HubError):
    """The disk of the cache does not hold the files."""


class CacheRefusedError(HubError):
    """The cache may not be written."""


class NotFetchedError(HubError):
    """Files are not in the cache, and the hub may not be asked."""


class BrokenDownloadError(HubError):
    """The bytes that arrived, or lie in the cache, are not those of the hub."""

    transient = True


@contextmanager
def explaining(repo: str, revision: str, *, file: str = "") -> Iterator[None]:
    """Translate the errors of the hub's library, of HTTP and of the disk.

    Args:
        repo: the repository that the block reads.
        revision: its commit or branch.
        file: the file, where it is about one.

    Raises:
        HubError: of the class that fits.
    """
    # Imported here: the library is not needed where nothing is fetched.
    import httpx2  # noqa: PLC0415
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled  # noqa: PLC0415

    try:
        yield
    except OfflineModeIsEnabled as error:
        raise not_fetched(repo, revision, file or "its list of files") from error
    except HfHubHTTPError as error:
        raise _answered(error, repo, revision, file) from error
    except (httpx2.UnsupportedProtocol, httpx2.InvalidURL, httpx2.DecodingError) as error:
        raise strange_answer(repo) from error
    except (httpx2.LocalProtocolError, UnicodeEncodeError) as error:
        raise TokenRefusedError(
            f"the request for {repo} cannot be sent: HF_TOKEN has characters that no token has"
        ) from error
    except httpx2.RequestError as error:
        raise _unreachable(repo, error) from error
    except OSError as error:
        raise _disk_error(error) from error


def not_fetched(repo: str, revision: str, what: str) -> NotFetchedError:
    """The error of files that are missing while the hub may not be asked."""
    return NotFetchedError(
        f"{repo} at {revision} is not complete in the cache ({what} is missing), and "
        "HF_HUB_OFFLINE forbids to ask the hub: run `bottega weights fetch` on a machine with "
        "network and HF_HUB_OFFLINE unset, with the same HF_HOME"
    )


def strange_answer(what: str) -> StrangeAnswerError:
    """The error of an answer that no hub gives.

    Args:
        what: the repository that was asked for, or a file of it.
    """
    return StrangeAnswerError(
        f"{_endpoint()} did not answer for {what} as a hub does: a proxy or a sign-in page may be "
        "in between; check HF_ENDPOINT and the network"
    )


def require_endpoint() -> None:
    """Refuse an HF_ENDPOINT that is no URL, before anything is asked of it.

    Raises:
        HubError: it is none.
    """
    try:
        parts = urlsplit(_endpoint())
        is_url = parts.scheme in ("http", "https") and bool(parts.hostname)
        is_url = is_url and (parts.port is None or parts.port > 0)
    except ValueError:
        is_url = False
    if not is_url or not _endpoint().isprintable() or " " in _endpoint():
        raise HubError(
            f"HF_ENDPOINT is {_endpoint()!r}: it must be a URL that begins with https://, as that "
            "of a mirror does; without it the hub itself is asked"
        )


def _answered(error: Any, repo: str, revision: str, file: str) -> HubError:
    from huggingface_hub.errors import (  # noqa: PLC0415
        EntryNotFoundError,
        GatedRepoError,
        RevisionNotFoundError,
    )

    status = error.response.status_code
    if isinstance(error, RevisionNotFoundError):
        return NoSuchRevisionError(
            f"{repo} has no revision {revision} (404): correct the revision of its row"
        )
    if isinstance(error, EntryNotFoundError):
        return NoSuchFileError(
            f"{repo} has no file {file} at {revision} (404): correct the row, or the revision"
        )
    if "Invalid credentials" in error.response.headers.get("X-Error-Message", ""):
        return TokenRefusedError(
            f"the hub does not accept the token for {repo} (401): make a new one at "
            f"{_endpoint()}/settings/tokens, and set HF_TOKEN"
        )
    return _refused(repo, status, gated=isinstance(error, GatedRepoError))


def _refused(repo: str, status: int, *, gated: bool) -> HubError:
    if status == _FORBIDDEN:
        return LicenceNotAcceptedError(_forbidden(repo))
    if gated:
        return TokenNeededError(
            f"{repo} is gated, and no token was sent ({status}): accept its licence at "
            f"{_endpoint()}/{repo}, make a token at {_endpoint()}/settings/tokens, and set HF_TOKEN"
        )
    if status in (_UNAUTHORIZED, _NOT_FOUND):
        return NoSuchRepositoryError(
            f"the hub shows no repository {repo} ({status}): correct its name, or, if it is "
            "private, set HF_TOKEN to a token that may read it"
        )
    return _overloaded(repo, status)


def _forbidden(repo: str) -> str:
    return (
        f"HF_TOKEN may not read {repo} (403): accept its licence at {_endpoint()}/{repo} with the "
        "token's account; a fine-grained token also needs the permission to read public gated "
        "repositories"
    )


def _overloaded(repo: str, status: int) -> HubError:
    if status == _TOO_MANY:
        reason = "too many requests from this address or token: wait some minutes, and set HF_TOKEN"
        return HubBusyError(f"the hub refuses {repo} for now (429): {reason}")
    if status >= _SERVER:
        return HubBusyError(
            f"the hub is out of order for {repo} ({status}): try again later; what was downloaded "
            "is kept"
        )
    return HubError(f"the hub refuses {repo} with status {status}")


def _unreachable(repo: str, error: Exception) -> HubUnreachableError:
    reason = str(error) or type(error).__name__
    return HubUnreachableError(
        f"{_endpoint()} does not answer for {repo} ({reason}): check network, DNS, proxy and "
        "HF_ENDPOINT; what was downloaded is kept, and without a network `HF_HUB_OFFLINE=1` uses "
        "what is there"
    )


def _disk_error(error: OSError) -> HubError:
    where = error.filename or cache_folder()
    if error.errno in _FULL:
        return DiskFullError(
            f"the disk of {cache_folder()} is full: make room, or set HF_HOME to a larger one; "
            "what was downloaded is kept"
        )
    if error.errno in _REFUSED:
        return CacheRefusedError(
            f"{where} may not be written ({error.strerror}): let this user write it, or set HF_HOME"
        )
    return HubError(f"{where}: {error.strerror or error}")


def cache_folder() -> str:
    """The folder of the hub's cache: HF_HUB_CACHE, or `hub` in HF_HOME."""
    from huggingface_hub import constants  # noqa: PLC0415

    return str(constants.HF_HUB_CACHE)


def _endpoint() -> str:
    from huggingface_hub import constants  # noqa: PLC0415

    return str(constants.ENDPOINT)
