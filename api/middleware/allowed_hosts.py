"""ASGI middleware: refuses requests for hosts that are not ours."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from api.core.errors import ProblemError
from api.core.request_log import PROBES
from api.core.settings import ApiSettings
from api.core.surfaces import respond_in_shape
from api.core.urls import host_of, is_known_host


class AllowedHosts:
    """Answers 400 for a malformed `Host`, 421 for a host that is not the service's.

    Load balancers and Prometheus ask each process by its address: their paths are open to them,
    and answer nothing that names a host.
    """

    def __init__(self, app: ASGIApp, settings: ApiSettings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward the request, or refuse it."""
        problem = self._problem(scope) if scope["type"] == "http" else None
        if problem is None:
            await self._app(scope, receive, send)
        else:
            await respond_in_shape(problem, scope)(scope, receive, send)

    def _problem(self, scope: Scope) -> ProblemError | None:
        named = Headers(scope=scope).getlist("host")
        if scope["path"] in PROBES or not named:
            return None
        host = host_of(named[0]) if len(named) == 1 else None
        if host is None:
            return ProblemError(400, "invalid_host", "name one host, as in the service's URL")
        if not is_known_host(host, self._settings):
            detail = "this host is not the service's; use its public URL, or have it in its hosts"
            return ProblemError(421, "unknown_host", detail)
        return None
