"""One upstream that speaks the vendor's API: each call made once, its faults named."""

from datetime import UTC, datetime
from urllib.parse import urlencode

import structlog
from PIL import Image

from db.values import pictures
from db.values.pictures import PictureError, PictureLimits
from workers.adapters.hosted.errors import (
    PassingError,
    TaskGoneError,
    UpstreamError,
    UpstreamRefusesError,
)
from workers.adapters.hosted.responses import Task, TaskState, error_of, read
from workers.adapters.hosted.settings import HostedSettings
from workers.courier.outcome import retry_after_seconds
from workers.outbound import (
    Answer,
    BadUrlError,
    Outbound,
    OutboundError,
    OutboundSettings,
    RefusedAddressError,
    Timeouts,
    TooLargeError,
    UpstreamStatusError,
)

OK = 200
LIMITS = PictureLimits(max_bytes=32_000_000)
"""Four megapixels of PNG have less than half of these bytes."""

# None may last as long as a worker waits before it takes a call past its deadline for hung.
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
        settings: where it is, and the key.
        outbound: the guarded client; what else it may reach is what any user's URL may.
    """

    def __init__(self, settings: HostedSettings, outbound: Outbound | None = None) -> None:
        self._url = settings.url
        self._key = settings.key
        self._outbound = outbound or Outbound(OutboundSettings(), trusted=(settings.url,))

    def submit(self, endpoint: str, body: bytes) -> Task:
        """Have a picture painted. The vendor knows no idempotency: taken twice is paid twice.

        Raises:
            workers.adapters.protocol.AdapterError: it was not taken.
        """
        headers = {"Content-Type": "application/json", **self._authorised(self._url)}
        try:
            answer = self._outbound.post(
                f"{self._url}/v1/{endpoint}",
                body,
                headers=headers,
                max_answer_bytes=_MAX_ANSWER_BYTES,
                timeouts=_SUBMIT,
            )
        except OutboundError as error:
            raise _named(error) from None
        if answer.status == _NOT_FOUND:
            raise UpstreamRefusesError("the upstream does not offer this model")
        return read(Task, _checked(answer))

    def state(self, task: Task) -> TaskState:
        """How a task stands.

        Raises:
            TaskGoneError: the upstream does not know it.
            workers.adapters.protocol.AdapterError: nobody can say.
        """
        url = task.polling_url or f"{self._url}/v1/get_result?{urlencode({'id': task.id})}"
        try:
            answer = self._outbound.ask(
                url,
                headers={"Accept": "application/json", **self._authorised(url)},
                max_bytes=_MAX_ANSWER_BYTES,
                timeouts=_POLL,
            )
        except OutboundError as error:
            raise _named(error) from None
        return read(TaskState, _checked(answer))

    def picture(self, url: str) -> Image.Image:
        """The picture at a `sample` URL, as RGB.

        Raises:
            TaskGoneError: there is none any more.
            UpstreamError: it does not come, or is not one.
        """
        try:
            data = self._outbound.get(
                url, max_bytes=LIMITS.max_bytes, accept="image/*", timeouts=_FETCH
            ).body
            return pictures.decode(data, LIMITS)
        except UpstreamStatusError as error:
            if error.status < _SERVER_ERROR and error.status != _TOO_MANY:
                raise TaskGoneError("the upstream no longer has the picture") from None
            raise PassingError("the upstream does not give the picture") from None
        except OutboundError as error:
            raise _named(error) from None
        except PictureError:
            raise UpstreamError("what the upstream painted is not a usable picture") from None

    def _authorised(self, url: str) -> dict[str, str]:
        """The key, for nobody but the operator's own upstream.

        Polling goes to whatever host the upstream names, and needs no key by the vendor's word.
        """
        try:
            trusted = self._outbound.trusts(url)
        except BadUrlError:
            trusted = False
        return {"x-key": self._key.get_secret_value()} if trusted else {}


def _checked(answer: Answer) -> Answer:
    if answer.status != OK:
        _log.warning("upstream_refused", status=answer.status)
        wanted = retry_after_seconds(answer.headers.get("retry-after", ""), datetime.now(UTC))
        raise error_of(answer, wanted)
    return answer


def _named(error: OutboundError) -> UpstreamError:
    """An error of the way there. Hosts stay unnamed: whom the operator uses is not for owners."""
    _log.warning("upstream_not_reached", error=type(error).__name__)
    match error:
        case TooLargeError():
            return UpstreamRefusesError("the upstream sends more than a picture can have")
        case BadUrlError() | RefusedAddressError():
            return UpstreamRefusesError("the upstream leads to an address that is not reached")
        case _:
            return PassingError("the upstream does not answer")
