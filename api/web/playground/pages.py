"""The playground's pages, rendered from templates, and the URLs of its static files."""

from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse

from api.web.shared.assets import asset_urls
from api.web.shared.templates import environment, theme_of

STATIC = Path(__file__).parent / "static"
TEMPLATES = Path(__file__).parent / "templates"

asset = asset_urls(STATIC, "/playground/static")
_ENVIRONMENT = environment(TEMPLATES, asset=asset)


def render(template: str, **values: Any) -> str:
    """The text of a template."""
    return _ENVIRONMENT.get_template(template).render(values)


def page(request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """A page, or a part of one."""
    return HTMLResponse(render(template, theme=theme_of(request), **values), status)
