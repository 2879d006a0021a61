"""ASGI middleware: OPTIONS on any path, and the preflights of browsers."""

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api.core.errors import ProblemError
from api.core.protocol.methods import allow_header, routed_methods
from api.core.refusal import has_body, refuse
from api.middleware.cross_origin import CROSS_ORIGIN, CrossOriginRules
from api.middleware.rate_limit import address_problem

_PREFLIGHT = "access-control-request-method"
_UNKNOWN = ProblemError(404, "not_found", "Not Found")


class OptionsRequests:
    """Answers OPTIONS with the methods of the path, and no key: a preflight bears none.

    The calls count by address, as all calls without a key.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, or forward another one."""
        if scope["type"] != "http" or scope["method"] != "OPTIONS":
            await self._app(scope, receive, send)
            return
        if (problem := await address_problem(scope)) is not None:
            await refuse(problem, scope, receive, send)
            return
        rules: CrossOriginRules | None = scope.get(CROSS_ORIGIN)
        headers = Headers(scope=scope)
        is_preflight = rules is not None and "origin" in headers and _PREFLIGHT in headers
        methods = routed_methods(scope["app"].router.routes, scope)
        if not (methods or is_preflight or scope["path"] == "*"):
            await refuse(_UNKNOWN, scope, receive, send)
            return
        response = Response(status_code=204, headers={"Allow": allow_header(methods)})
        if rules is not None and is_preflight:
            # Of a path that does not exist, too: the script is to see the 404.
            response.headers.update(rules.preflight_headers_of(headers))
        if has_body(headers):
            response.headers["Connection"] = "close"
        await response(scope, receive, send)
