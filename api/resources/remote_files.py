"""Pictures by URL, fetched while the submission waits: an accepted job depends on no other host."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from api.core.errors import ProblemError
from db.values.pictures import PictureError
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

_ACCEPT = "image/png, image/jpeg, image/webp"
_TIMEOUTS = Timeouts(total=10, connect=5, read=5)
LORA_TIMEOUTS = Timeouts(total=120, connect=5, read=10)
"""For files of hundreds of megabytes."""
# Of the about 40 threads that answer requests, so that slow hosts never hold them all.
_FETCHES_AT_ONCE = 16
_FETCHES_PER_TENANT = 8


class PictureUrls:
    """Fetches the pictures that submissions name by URL.

    Args:
        outbound: the guarded client.
        timeouts: how long one picture may take.
        at_once: most fetches at any time.
        per_tenant: most of them for one tenant.
        accept: what is asked for.
    """

    def __init__(
        self,
        outbound: Outbound,
        *,
        timeouts: Timeouts = _TIMEOUTS,
        at_once: int = _FETCHES_AT_ONCE,
        per_tenant: int = _FETCHES_PER_TENANT,
        accept: str = _ACCEPT,
    ) -> None:
        self._accept = accept
        self._outbound = outbound
        self._timeouts = timeouts
        self._at_once = at_once
        self._per_tenant = per_tenant
        self._fetching: Counter[str] = Counter()
        self._lock = Lock()

    def fetch(self, tenant_id: str, url: str, *, max_bytes: int) -> bytes:
        """The bytes at a URL, unchecked but for their number.

        Raises:
            PictureError: they could not be had; its text says why, but tells a host that is
                refused from one that does not answer no more than it tells their addresses.
            ProblemError: too many pictures are being fetched already.
        """
        with self._slot(tenant_id):
            try:
                answer = self._outbound.get(
                    url, max_bytes=max_bytes, accept=self._accept, timeouts=self._timeouts
                )
            except OutboundError as error:
                raise PictureError(_sentence(error, self._timeouts)) from error
        return answer.body

    @contextmanager
    def _slot(self, tenant_id: str) -> Iterator[None]:
        with self._lock:
            mine = self._fetching[tenant_id]
            if mine >= self._per_tenant or self._fetching.total() >= self._at_once:
                raise ProblemError(
                    503,
                    "unavailable",
                    "too many pictures are being fetched; try again in a moment, or upload them",
                    {"Retry-After": "2"},
                )
            self._fetching[tenant_id] = mine + 1
        try:
            yield
        finally:
            with self._lock:
                self._fetching -= Counter([tenant_id])  # and forgets who is at nought


def _sentence(error: OutboundError, timeouts: Timeouts) -> str:
    match error:
        case BadUrlError():
            return f"the picture's URL is not one that is fetched: {error}"
        case RefusedAddressError() | UnreachableError():
            return (
                "the picture could not be fetched: its host is not on the public internet, does "
                "not answer, or has no valid certificate"
            )
        case TimedOutError():
            return f"the picture could not be fetched in time: {timeouts.total:g} seconds in all"
        case TooLargeError():
            return f"the picture has more bytes than the limit, {error.max_bytes}"
        case UpstreamStatusError():
            return f"the picture could not be fetched: its host answered {error.status}"
        case _:
            return f"the picture could not be fetched: {error}"
