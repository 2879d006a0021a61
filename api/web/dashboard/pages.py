"""The dashboard's pages, rendered from templates, and the URLs of its static files."""

from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse

from api.web.dashboard.session import CurrentOperator
from api.web.shared.assets import asset_urls
from api.web.shared.templates import environment, theme_of

STATIC = Path(__file__).parent / "static"
TEMPLATES = Path(__file__).parent / "templates"

asset = asset_urls(STATIC, "/dashboard/static")
_ENVIRONMENT = environment(TEMPLATES, asset=asset)


def render(template: str, **values: Any) -> str:
    """The text of a template."""
    return _ENVIRONMENT.get_template(template).render(values)


def page(
    request: Request,
    template: str,
    operator: CurrentOperator | None = None,
    *,
    status: int = 200,
    **values: Any,
) -> HTMLResponse:
    """A whole page, or only its live region when that region refreshes itself.

    The live region of the page `x.html` is the template `x_live.html`.
    """
    if request.headers.get("HX-Request") == "true":
        template = template.replace(".html", "_live.html")
    text = render(
        template,
        operator=operator,
        here=request.url.path,
        address=_address(request),
        theme=theme_of(request),
        **values,
    )
    return HTMLResponse(text, status)


def _address(request: Request) -> str:
    """The page's own path and query, which its live region requests again."""
    query = urlencode(request.query_params.multi_items())
    return request.url.path + (f"?{query}" if query else "")
