"""Files that submissions name by URL: fetched before the job is accepted.

An accepted job depends on no other host.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from api.core.domain_errors import TooManyFetchesError
from workers.outbound import (
    BadUrlError,
    Outbound,
    OutboundError,
    RefusedAddressError,
    TimedOutError,
    Timeouts,
    TooLargeError,
    UnreachableError,
    UpstreamStatusError,
)


class RemoteFileError(Exception):
    """A file could not be fetched; the message says why, in a sentence for the client."""


class RemoteFiles:
    """Fetches files of one kind from the URLs in submissions.

    Args:
        outbound: the HTTP client that refuses private addresses.
        noun: the word for such a file in error messages, e.g. "picture".
        accept: the `Accept` header.
        timeouts: time limits of one fetch.
        max_fetches: the most concurrent fetches.
        max_fetches_per_tenant: the most concurrent fetches of one tenant.
        can_upload: True when clients can upload such files instead; messages then say so.
    """

    def __init__(
        self,
        outbound: Outbound,
        *,
        noun: str,
        accept: str,
        timeouts: Timeouts,
        max_fetches: int,
        max_fetches_per_tenant: int,
        can_upload: bool = False,
    ) -> None:
        self._outbound = outbound
        self._noun = noun
        self._accept = accept
        self._timeouts = timeouts
        self._max_fetches = max_fetches
        self._max_fetches_per_tenant = max_fetches_per_tenant
        self._can_upload = can_upload
        self._fetching: Counter[str] = Counter()
        self._lock = Lock()

    def fetch(self, tenant_id: str, url: str, *, max_bytes: int) -> bytes:
        """The bytes at a URL; only their number is checked.

        Raises:
            RemoteFileError: the file could not be fetched. A refused host and one that does not
                respond have the same message: it must not reveal addresses of the own network.
            TooManyFetchesError: too many files are being fetched already.
        """
        with self._slot(tenant_id), self._telling_why():
            return self._outbound.get(
                url, max_bytes=max_bytes, accept=self._accept, timeouts=self._timeouts
            ).body

    def download(self, tenant_id: str, url: str, path: Path, *, max_bytes: int) -> str:
        """Write the bytes at a URL to a file, without holding them in memory.

        Returns:
            Their SHA-256, in hexadecimal.

        Raises:
            RemoteFileError: as of `fetch`; the file may hold a part.
            TooManyFetchesError: too many files are being fetched already.
        """
        with self._slot(tenant_id), self._telling_why():
            return self._outbound.download(
                url, path, max_bytes=max_bytes, accept=self._accept, timeouts=self._timeouts
            )

    @contextmanager
    def _telling_why(self) -> Iterator[None]:
        try:
            yield
        except OutboundError as error:
            raise RemoteFileError(self._message(error)) from error

    @contextmanager
    def _slot(self, tenant_id: str) -> Iterator[None]:
        with self._lock:
            of_tenant = self._fetching[tenant_id]
            if (
                of_tenant >= self._max_fetches_per_tenant
                or self._fetching.total() >= self._max_fetches
            ):
                raise TooManyFetchesError(self._too_many)
            self._fetching[tenant_id] = of_tenant + 1
        try:
            yield
        finally:
            with self._lock:
                self._fetching -= Counter([tenant_id])  # this also drops tenants at zero

    @property
    def _too_many(self) -> str:
        hint = ", or upload them" if self._can_upload else ""
        return f"too many {self._noun}s are being fetched; try again in a moment{hint}"

    def _message(self, error: OutboundError) -> str:
        match error:
            case BadUrlError():
                return f"the {self._noun}'s URL is not one that is fetched: {error}"
            case RefusedAddressError() | UnreachableError():
                return (
                    f"the {self._noun} could not be fetched: its host is not on the public "
                    "internet, does not answer, or has no valid certificate"
                )
            case TimedOutError():
                seconds = f"{self._timeouts.total:g} seconds in all"
                return f"the {self._noun} could not be fetched in time: {seconds}"
            case TooLargeError():
                return f"the {self._noun} has more bytes than the limit, {error.max_bytes}"
            case UpstreamStatusError():
                return f"the {self._noun} could not be fetched: its host answered {error.status}"
            case _:
                return f"the {self._noun} could not be fetched: {error}"


# Of the about 40 threads that handle requests: slow hosts must never hold them all.
_MAX_PICTURE_FETCHES = 16
_MAX_LORA_FETCHES = 4
_PICTURE_TIMEOUTS = Timeouts(total=10, connect=5, read=5)
# 2 GiB at 30 Mbit/s.
_LORA_TIMEOUTS = Timeouts(total=600, connect=5, read=10)


def remote_pictures(
    outbound: Outbound,
    *,
    timeouts: Timeouts = _PICTURE_TIMEOUTS,
    max_fetches: int = _MAX_PICTURE_FETCHES,
    max_fetches_per_tenant: int = _MAX_PICTURE_FETCHES // 2,
) -> RemoteFiles:
    """Pictures by URL."""
    return RemoteFiles(
        outbound,
        noun="picture",
        accept="image/png, image/jpeg, image/webp, image/*;q=0.5",
        timeouts=timeouts,
        max_fetches=max_fetches,
        max_fetches_per_tenant=max_fetches_per_tenant,
        can_upload=True,
    )


def remote_loras(outbound: Outbound) -> RemoteFiles:
    """LoRAs by URL: files of up to some gigabytes."""
    return RemoteFiles(
        outbound,
        noun="file",
        accept="*/*",
        timeouts=_LORA_TIMEOUTS,
        max_fetches=_MAX_LORA_FETCHES,
        max_fetches_per_tenant=_MAX_LORA_FETCHES // 2,
    )
