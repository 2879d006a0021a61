"""The playground's pages from templates; what they share with the dashboard lies there."""

from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse

from api.web.dashboard import assets as dashboard_assets
from api.web.shared.assets import marked
from api.web.shared.templates import environment, theme_of

STATIC = Path(__file__).parent / "static"

_own = marked(STATIC, "/playground/static")


def asset(name: str) -> str:
    """The URL of a static file of the playground's, or else of the dashboard's."""
    return _own(name) if (STATIC / name).exists() else dashboard_assets.asset(name)


_ENVIRONMENT = environment(Path(__file__).parent / "templates", asset=asset)


def render(template: str, **values: Any) -> str:
    """A template's text."""
    return _ENVIRONMENT.get_template(template).render(values)


def page(request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """A page, whole or a part of one."""
    return HTMLResponse(render(template, theme=theme_of(request), **values), status)
