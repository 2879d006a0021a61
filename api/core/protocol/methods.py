"""The methods of a path, and HEAD requests, which are served as GET."""

from collections.abc import Iterable, Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Match
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

METHODS = ("DELETE", "GET", "PATCH", "POST", "PUT")
"""The methods that routes are made for; HEAD follows from GET, and OPTIONS is everywhere."""

_HEAD = "bottega.head"


def as_get(scope: Scope) -> Scope:
    """The scope by which a HEAD request is served: that of GET, and marked."""
    return {**scope, "method": "GET", _HEAD: True}


def is_head(scope: Scope) -> bool:
    """True for a request whose client gets the headers alone."""
    return _HEAD in scope


def sent_method(scope: Scope) -> str:
    """The method that the client sent."""
    method: str = scope["method"]
    return "HEAD" if is_head(scope) else method


def allow_header(methods: Iterable[str]) -> str:
    """The value of `Allow`: a path's methods, with those that follow from them."""
    found = {*methods, "OPTIONS"}
    return ", ".join(sorted(found | {"HEAD"} if "GET" in found else found))


def routed_methods(routes: Sequence[BaseRoute], scope: Scope) -> list[str]:
    """The methods for which a path has a route, also one of a mounted application.

    Args:
        routes: the routes of the application.
        scope: a request of the path, as that application gets it.
    """
    asked = {**scope, "path_params": {}}
    return [each for each in METHODS if _is_routed(routes, {**asked, "method": each})]


def _is_routed(routes: Sequence[BaseRoute], scope: Scope) -> bool:
    for route in routes:
        match, child_scope = route.matches(scope)
        if match is Match.FULL:
            return _is_routed_below(getattr(route, "app", None), {**scope, **child_scope})
    return False


def _is_routed_below(app: Any, scope: Scope) -> bool:
    """True when the application of a route has the path; one of a single call has it always."""
    if isinstance(app, StaticFiles):
        return bool(scope["method"] == "GET")
    return _is_routed(app.routes, scope) if isinstance(app, Starlette) else True
