"""Jinja as every page uses it: escaped, strict, and with figures as people read them."""

from collections.abc import Callable
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from starlette.requests import Request

from api.web.shared import formats

_SHARED = Path(__file__).parent / "pages"
_THEMES = ("light", "dark")


def environment(*folders: Path, asset: Callable[[str], str]) -> Environment:
    """Templates of some folders, the first that has one, and those that all pages share.

    Args:
        folders: where they lie.
        asset: the URL of a static file by its name.
    """
    made = Environment(
        loader=FileSystemLoader([*folders, _SHARED]),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "money": formats.money,
        "duration": formats.duration,
        "count": formats.count,
        "rate": formats.rate,
        "size": formats.size,
        "moment": formats.moment,
        "ago": formats.ago,
        "short_id": formats.short_id,
    }
    made.globals |= {"asset": asset, "plural": formats.plural, "NONE": formats.NONE}
    return made


def theme_of(request: Request) -> str:
    """The colours that the visitor has chosen; empty where the browser is to choose."""
    chosen = request.cookies.get("bottega_theme", "")
    return chosen if chosen in _THEMES else ""
