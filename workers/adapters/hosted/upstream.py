"""The client of an upstream that speaks the vendor's API: one request per call, typed errors."""

from datetime import UTC, datetime
from urllib.parse import urlencode

import structlog
from PIL import Image

from db.values import pictures
from db.values.pictures import PictureError, PictureLimits
from workers.adapters.hosted.errors import (
    TaskLostError,
    TransientUpstreamError,
    UpstreamError,
    UpstreamRejectionError,
)
from workers.adapters.hosted.responses import Task, TaskState, read, status_error
from workers.adapters.hosted.settings import HostedSettings
from workers.outbound import (
    Answer,
    BadUrlError,
    Outbound,
    OutboundError,
    OutboundSettings,
    RefusedAddressError,
    Timeouts,
    TooLargeError,
    UnreachableError,
    UpstreamStatusError,
)
from workers.outbound.retry_after import retry_after_seconds

OK = 200
LIMITS = PictureLimits(max_bytes=32_000_000)
"""Four megapixels as PNG take less than half of these bytes."""

# All are shorter than the time after which a worker regards an overdue call as hung.
_SUBMIT = Timeouts(total=25, connect=5, read=20)
_POLL = Timeouts(total=10, connect=5, read=8)
_FETCH = Timeouts(total=25, connect=5, read=15)
_MAX_ANSWER_BYTES = 262_144
_NOT_FOUND = 404
_TOO_MANY = 429
_SERVER_ERROR = 500

_log = structlog.get_logger(__name__)


class Upstream:
    """The operator's account with an upstream. Safe to share between threads.

    Args:
        settings: its address and the key.
        outbound: the guarded client; beyond the upstream it may reach what any user's URL may.
    """

    def __init__(self, settings: HostedSettings, outbound: Outbound | None = None) -> None:
        self._url = settings.url
        self._key = settings.key
        self._outbound = outbound or Outbound(OutboundSettings(), trusted=(settings.url,))

    def submit(self, endpoint: str, body: bytes) -> Task:
        """Submit a task. The API has no idempotency: a task submitted twice is paid twice.

        Raises:
            workers.adapters.protocol.AdapterError: the upstream did not accept it.
        """
        headers = {"Content-Type": "application/json", **self._auth_headers(self._url)}
        try:
            answer = self._outbound.post(
                f"{self._url}/v1/{endpoint}",
                body,
                headers=headers,
                max_answer_bytes=_MAX_ANSWER_BYTES,
                timeouts=_SUBMIT,
            )
        except OutboundError as error:
            raise _upstream_error(error) from None
        if answer.status == _NOT_FOUND:
            raise UpstreamRejectionError("the upstream does not offer this model")
        return read(Task, _raise_for_status(answer))

    def fetch_state(self, task: Task) -> TaskState:
        """Fetch the state of a task.

        Raises:
            TaskLostError: the upstream does not know the task.
            workers.adapters.protocol.AdapterError: the upstream gave no usable response.
        """
        url = task.polling_url or f"{self._url}/v1/get_result?{urlencode({'id': task.id})}"
        try:
            answer = self._outbound.ask(
                url,
                headers={"Accept": "application/json", **self._auth_headers(url)},
                max_bytes=_MAX_ANSWER_BYTES,
                timeouts=_POLL,
            )
        except OutboundError as error:
            raise _upstream_error(error) from None
        return read(TaskState, _raise_for_status(answer))

    def fetch_picture(self, url: str) -> Image.Image:
        """Fetch the picture at a `sample` URL, as RGB.

        Raises:
            TaskLostError: the picture no longer exists.
            UpstreamError: the picture cannot be fetched or decoded.
        """
        try:
            data = self._outbound.get(
                url, max_bytes=LIMITS.max_bytes, accept="image/*", timeouts=_FETCH
            ).body
            return pictures.decode(data, LIMITS)
        except UpstreamStatusError as error:
            if error.status < _SERVER_ERROR and error.status != _TOO_MANY:
                raise TaskLostError("the upstream no longer has the picture") from None
            raise TransientUpstreamError("the upstream does not give the picture") from None
        except OutboundError as error:
            raise _upstream_error(error) from None
        except PictureError:
            raise UpstreamError("what the upstream painted is not a usable picture") from None

    def _auth_headers(self, url: str) -> dict[str, str]:
        """The header with the key, for the operator's own upstream alone.

        Polling goes to any host that the upstream names. The vendor documents that it needs no key.
        """
        try:
            trusted = self._outbound.trusts(url)
        except BadUrlError:
            trusted = False
        return {"x-key": self._key.get_secret_value()} if trusted else {}


def _raise_for_status(answer: Answer) -> Answer:
    if answer.status != OK:
        _log.warning("upstream_refused", status=answer.status)
        delay = retry_after_seconds(answer.headers.get("retry-after", ""), datetime.now(UTC))
        raise status_error(answer, delay)
    return answer


def _upstream_error(error: OutboundError) -> UpstreamError:
    """The error for a failed request. No host is named: owners must not learn the upstream."""
    _log.warning("upstream_not_reached", error=type(error).__name__)
    match error:
        case TooLargeError():
            return UpstreamRejectionError("the upstream sends more than a picture can have")
        case BadUrlError() | RefusedAddressError():
            return UpstreamRejectionError("the upstream leads to an address that is not reached")
        case _:
            may_be_billed = not isinstance(error, UnreachableError)
            return TransientUpstreamError(
                "the upstream does not answer", may_be_billed=may_be_billed
            )
