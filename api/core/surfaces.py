"""The compatible APIs as the middleware knows them: their paths, open calls and error shapes."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response
from starlette.types import Scope

from api.core.errors import KEY_HEADER, ProblemError, missing_key, respond
from db.values.surfaces import SurfaceName

SURFACE = "bottega.surface"
"""The scope's entry with the `Surface` of the request; absent for the service's own API."""

DOCUMENT_PATH = "/openapi.json"
"""The path of a surface's OpenAPI document, below its prefix; it needs no key."""

ErrorShape = Callable[[ProblemError, Scope], Response]
"""Answers a problem in the form that a surface's clients read."""


@dataclass(frozen=True)
class Rewrite:
    r"""Other addresses of a surface's calls.

    Attributes:
        pattern: what the whole path must match.
        path: the canonical path, with the groups of the pattern as `\1`.
        methods: the methods for which it holds; empty for all.
    """

    pattern: re.Pattern[str]
    path: str
    methods: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Surface:
    """A compatible API below a prefix.

    Attributes:
        name: its name in a job's row.
        prefix: the beginning of its canonical paths, such as "/openai".
        respond: its error shape.
        open_paths: canonical paths of links, which need no key, as one pattern; a signature in
            such a path or its query grants the access, also to pages of other origins.
        rewrites: other addresses of its calls.
        key_header: the header in which its clients send their keys, for the refusal without one.
        open_calls: canonical paths of calls that need no key and are no links, as one pattern.
    """

    name: SurfaceName
    prefix: str
    respond: ErrorShape
    open_paths: re.Pattern[str] | None = None
    rewrites: Sequence[Rewrite] = ()
    key_header: str = KEY_HEADER
    open_calls: re.Pattern[str] | None = None

    def has(self, path: str) -> bool:
        """True for a canonical path of this surface."""
        return path == self.prefix or path.startswith(f"{self.prefix}/")

    def is_open(self, path: str) -> bool:
        """True for a call that needs no key."""
        is_call = self.open_calls is not None and self.open_calls.fullmatch(path) is not None
        return is_call or path == self.prefix + DOCUMENT_PATH or self.is_link(path)

    def is_link(self, path: str) -> bool:
        """True for a link, which every page may read."""
        return self.open_paths is not None and self.open_paths.fullmatch(path) is not None


def surface_of(scope: Scope) -> Surface | None:
    """The surface of a request; None for the service's own API and pages."""
    found: Surface | None = scope.get(SURFACE)
    return found


def missing_key_of(scope: Scope) -> ProblemError:
    """401 in the words of the request's surface."""
    surface = surface_of(scope)
    return missing_key() if surface is None else missing_key(surface.key_header)


def respond_in_shape(problem: ProblemError, scope: Scope) -> Response:
    """Answer a problem as the clients of the request's surface read it."""
    surface = surface_of(scope)
    return respond(problem) if surface is None else surface.respond(problem, scope)


def field_errors(problem: ProblemError) -> Sequence[dict[str, Any]]:
    """The invalid fields of a problem: `loc` from "body" on, `msg` and `type`; empty without."""
    errors: Sequence[dict[str, Any]] = problem.extra.get("errors", ())
    return errors
