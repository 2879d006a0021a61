"""Refusals of requests whose body is not received."""

from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from api.core.errors import ProblemError
from api.core.surfaces import respond_in_shape


def has_body(headers: Headers) -> bool:
    """True when the headers announce a body."""
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"


async def refuse(problem: ProblemError, scope: Scope, receive: Receive, send: Send) -> None:
    """Send a problem now. After a body that nobody receives, the connection cannot go on."""
    response = respond_in_shape(problem, scope)
    if has_body(Headers(scope=scope)):
        response.headers["Connection"] = "close"
    await response(scope, receive, send)
