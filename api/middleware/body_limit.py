"""ASGI middleware: no more of a request body is received than its call may send."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.core.client_address import client_address, client_network
from api.core.domain_errors import TooManyBodiesError
from api.core.errors import ProblemError, problem_of
from api.core.form_meter import FormMeter, says_form
from api.core.json_meter import JsonLimits, JsonMeter
from api.core.json_parser import says_json
from api.core.metrics import count_refused
from api.core.refusal import has_body, refuse
from api.middleware.authentication import IDENTITY
from api.resources.body_budget import SMALL_BYTES, BodyBudget

RESERVATION = "bottega.body"
"""The scope's entry with the `Reservation` of the request's body."""


_ENCODED = ProblemError(
    415,
    "unsupported_media_type",
    "send the body as it is, not compressed and without a `Content-Encoding`",
    {"Accept-Encoding": "identity"},
)


class Reservation:
    """The bytes of one body that count against the process's budget."""

    def __init__(self, budget: BodyBudget, holder: str) -> None:
        self._budget = budget
        self._holder = holder
        self._count = 0

    def grow_to(self, count: int) -> None:
        """Count a body of this size; its first bytes are free.

        Raises:
            TooManyBodiesError: there is no room.
        """
        missing = count - SMALL_BYTES - self._count
        if missing > 0:
            self._budget.reserve(self._holder, missing)
            self._count += missing

    def release(self) -> None:
        """Take the bytes back, once nothing refers to them any more."""
        self._budget.release(self._holder, self._count)
        self._count = 0


class BodyLimit:
    """Refuses a body that is too large, holds too much JSON, or has no room in the process.

    Args:
        app: the application behind it.
        max_bytes: the largest body.
        smaller: paths' beginnings with a smaller limit; the first that fits holds.
        json_limits: the limits of JSON bodies.
        budget: the bytes of all bodies at one moment.
    """

    def __init__(
        self,
        app: ASGIApp,
        max_bytes: int,
        *,
        smaller: Mapping[str, int] | None = None,
        json_limits: JsonLimits | None = None,
        budget: BodyBudget | None = None,
    ) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._smaller = smaller or {}
        self._json_limits = json_limits
        self._budget = budget or BodyBudget(max_bytes, max_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward the request, and check its body as it arrives."""
        headers = Headers(scope=scope) if scope["type"] == "http" else None
        if headers is None or not has_body(headers):
            await self._app(scope, receive, send)
            return
        if headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
            await refuse(_ENCODED, scope, receive, send)
            return
        request = _CheckedRequest(self._reservation(scope), self._checks(scope, headers), send)
        await request.run(self._app, scope, receive, announced_bytes(headers))

    def _reservation(self, scope: Scope) -> Reservation:
        identity = scope.get(IDENTITY)
        holder = identity.key_id if identity else client_network(client_address(scope))
        reservation = scope[RESERVATION] = Reservation(self._budget, holder)
        return reservation

    def _checks(self, scope: Scope, headers: Headers) -> "_Checks":
        path = scope["path"]
        fits = (most for begin, most in self._smaller.items() if path.startswith(begin))
        return _Checks(next(fits, self._max_bytes), self._meters(headers.get("content-type", "")))

    def _meters(self, content_type: str) -> Sequence[Callable[[bytes], None]]:
        if self._json_limits is not None and says_json(content_type):
            return [JsonMeter(self._json_limits).feed]
        return [FormMeter().feed] if says_form(content_type) else []


class _Checks:
    """The checks of one body: its size, and what its kind adds."""

    def __init__(self, max_bytes: int, meters: Sequence[Callable[[bytes], None]]) -> None:
        self._max_bytes = max_bytes
        self._meters = meters

    def announced(self, count: int) -> None:
        if count > self._max_bytes:
            detail = f"the request body is too large; this call takes {self._max_bytes} bytes"
            raise ProblemError(413, "body_too_large", detail)

    def received(self, chunk: bytes, total: int) -> None:
        self.announced(total)
        for meter in self._meters:
            meter(chunk)


class _CheckedRequest:
    """A request whose body is checked while it arrives."""

    def __init__(self, reservation: Reservation, checks: _Checks, send: Send) -> None:
        self._reservation = reservation
        self._checks = checks
        self._send = send
        self._received = 0
        self._started = False
        self._problem: ProblemError | None = None

    async def run(self, app: ASGIApp, scope: Scope, receive: Receive, announced: int) -> None:
        async def checked_receive() -> Message:
            return await self._receive(receive)

        try:
            self._check(lambda: self._announced(announced))
            if self._problem is None:
                with suppress(ClientDisconnect):
                    await app(scope, checked_receive, self._guarded_send)
        finally:
            self._reservation.release()
        if self._problem is not None and not self._started:
            await refuse(self._problem, scope, receive, self._send)

    def _announced(self, count: int) -> None:
        self._checks.announced(count)
        self._reservation.grow_to(count)

    async def _receive(self, receive: Receive) -> Message:
        if self._problem is None:
            message = await receive()
            chunk = message.get("body", b"")
            self._received += len(chunk)
            self._check(lambda: self._arrived(chunk))
        # The application sees a disconnect instead of the rest.
        return message if self._problem is None else {"type": "http.disconnect"}

    def _arrived(self, chunk: bytes) -> None:
        self._checks.received(chunk, self._received)
        self._reservation.grow_to(self._received)

    def _check(self, check: Callable[[], None]) -> None:
        try:
            check()
        except ProblemError as problem:
            count_refused("body")
            self._problem = problem
        except TooManyBodiesError as error:
            count_refused("body_memory")
            self._problem = problem_of(error)

    async def _guarded_send(self, message: Message) -> None:
        # The application may treat the partial body as malformed: send our refusal instead.
        if self._problem is not None and not self._started:
            return
        self._started = True
        await self._send(message)


def announced_bytes(headers: Headers) -> int:
    """The length that the headers announce; 0 for a body of unknown length."""
    length = headers.get("content-length", "")
    return int(length) if length.isdecimal() else 0


def release_body(scope: Scope) -> None:
    """Drop the parsed JSON of a request that goes on for long, and its bytes' reservation."""
    parsed: Any = scope.pop("bottega.json", None)
    if isinstance(parsed, dict):
        parsed.clear()
    if (reservation := scope.get(RESERVATION)) is not None:
        reservation.release()
