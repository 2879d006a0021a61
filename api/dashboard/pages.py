"""Pages from templates, and the headers that every answer of the dashboard bears."""

from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.dashboard import formats
from api.dashboard.assets import asset
from api.dashboard.visitor import Visitor

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Robots-Tag": "noindex",
}
_THEMES = ("light", "dark")


class GuardedHeaders:
    """ASGI middleware: the security headers, and `no-store` on whatever says nothing else."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, adding to its answer's headers."""

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_HEADERS)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, send_guarded)


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "money": formats.money,
        "duration": formats.duration,
        "count": formats.count,
        "rate": formats.rate,
        "size": formats.size,
        "moment": formats.moment,
        "ago": formats.ago,
        "short_id": formats.short_id,
    }
    environment.globals |= {"asset": asset, "plural": formats.plural, "NONE": formats.NONE}
    return environment


_ENVIRONMENT = _environment()


def render(template: str, **values: Any) -> str:
    """A template's text."""
    return _ENVIRONMENT.get_template(template).render(values)


def page(
    request: Request,
    template: str,
    visitor: Visitor | None = None,
    *,
    status: int = 200,
    **values: Any,
) -> HTMLResponse:
    """A whole page, or, for a live region that refreshes itself, that region alone.

    A page `x.html` keeps its live region in `x_live.html`.
    """
    if request.headers.get("HX-Request") == "true":
        template = template.replace(".html", "_live.html")
    theme = request.cookies.get("bottega_theme", "")
    text = render(
        template,
        visitor=visitor,
        here=request.url.path,
        address=_address(request),
        theme=theme if theme in _THEMES else "",
        **values,
    )
    return HTMLResponse(text, status)


def _address(request: Request) -> str:
    """The page's own path and query, for a live region to ask for again."""
    query = urlencode(request.query_params.multi_items())
    return request.url.path + (f"?{query}" if query else "")
