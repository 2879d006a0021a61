"""Pages from templates."""

from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse

from api.web.dashboard.assets import asset
from api.web.dashboard.session import CurrentOperator
from api.web.shared.templates import environment, theme_of

_ENVIRONMENT = environment(Path(__file__).parent / "templates", asset=asset)


def render(template: str, **values: Any) -> str:
    """A template's text."""
    return _ENVIRONMENT.get_template(template).render(values)


def page(
    request: Request,
    template: str,
    current: CurrentOperator | None = None,
    *,
    status: int = 200,
    **values: Any,
) -> HTMLResponse:
    """A whole page, or, for a live region that refreshes itself, that region alone.

    A page `x.html` keeps its live region in `x_live.html`.
    """
    if request.headers.get("HX-Request") == "true":
        template = template.replace(".html", "_live.html")
    text = render(
        template,
        current=current,
        here=request.url.path,
        address=_address(request),
        theme=theme_of(request),
        **values,
    )
    return HTMLResponse(text, status)


def _address(request: Request) -> str:
    """The page's own path and query, for a live region to ask for again."""
    query = urlencode(request.query_params.multi_items())
    return request.url.path + (f"?{query}" if query else "")
