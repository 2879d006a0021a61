"""The Jinja environment of all pages: autoescape, strict undefined values, and our filters."""

from collections.abc import Callable
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from starlette.requests import Request

from api.web.shared import formats

_SHARED = Path(__file__).parent / "pages"
_THEMES = ("light", "dark")


def environment(*folders: Path, asset: Callable[[str], str]) -> Environment:
    """The templates of a site, and those that both sites share.

    Args:
        folders: the site's template folders; the first that has a template wins.
        asset: gives the URL of a static file by its name.
    """
    env = Environment(
        loader=FileSystemLoader([*folders, _SHARED]),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters |= {
        "money": formats.money,
        "duration": formats.duration,
        "count": formats.count,
        "rate": formats.rate,
        "size": formats.size,
        "moment": formats.moment,
        "ago": formats.ago,
        "short_id": formats.short_id,
    }
    env.globals |= {"asset": asset, "plural": formats.plural, "NONE": formats.NONE}
    return env


def theme_of(request: Request) -> str:
    """The theme that the user chose, from a cookie; empty when the browser decides."""
    theme = request.cookies.get("bottega_theme", "")
    return theme if theme in _THEMES else ""
