"""Names in the query of a request: those of its route, each as often as the route takes it."""

import types
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Annotated, Any, Union, get_args, get_origin
from urllib.parse import parse_qsl

from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant
from pydantic import BaseModel

from api.core.errors import invalid
from db.values.blank import is_blank

_CALLS = "/v1/"
_LINKS = "/v1/artifacts/"
"""Signed links to files: browsers, proxies and mail programs append names of their own."""

SENT_QUERY = "bottega.sent_query"
"""The scope's key of a query as it was sent: an unknown name is told, though its value is blank."""

_MAX_SHOWN = 60


def unknown_names(request: Request) -> list[str]:
    """The names in a request's query that its route does not know, each once, in order."""
    declared = _declared_names(request)
    return [name for name in _sent_names(request) if name not in declared]


def is_sent_blank(request: Request, name: str) -> bool:
    """True when a request's query has the name without a value: `name`, or `name=`."""
    query = _sent_query(request).decode("latin-1")
    sent = parse_qsl(query, keep_blank_values=True)
    return any(each == name and is_blank(value) for each, value in sent)


def require_known_names(request: Request) -> None:
    """Refuse a call of the native API with a name that its route does not know.

    A name that is dropped in silence costs: a misspelt `dry_run` makes a job.

    Raises:
        api.core.errors.ProblemError: 422, for a name that is unknown, or sent too often.
    """
    path: str = request.scope["path"]
    if not _sent_query(request) or not path.startswith(_CALLS) or path.startswith(_LINKS):
        return
    declared = _declared_names(request)
    for name, count in _sent_names(request).items():
        if name not in declared:
            raise invalid(["query", name], _unknown(name, [*declared]), "unknown_parameter")
        if count > 1 and not declared[name]:
            message = f"send {name} once; {count} values came"
            raise invalid(["query", name], message, "repeated_parameter")


KnownNames = Depends(require_known_names)
"""The dependency of an application whose calls refuse unknown names."""


def _sent_names(request: Request) -> Counter[str]:
    query = _sent_query(request).decode("latin-1")
    return Counter(name for name, _ in parse_qsl(query, keep_blank_values=True))


def _sent_query(request: Request) -> bytes:
    query: bytes = request.scope.get(SENT_QUERY, request.scope["query_string"])
    return query


def _unknown(name: str, declared: Sequence[str]) -> str:
    shown = name if len(name) <= _MAX_SHOWN else f"{name[:_MAX_SHOWN]}…"
    close = get_close_matches(name.lower(), declared, n=1)
    if close:
        return f"this call takes no {shown!r}; did you mean {close[0]}?"
    takes = f"it takes {', '.join(declared)}" if declared else "it takes none in the query"
    return f"this call takes no {shown!r} in the query; {takes}"


def _declared_names(request: Request) -> Mapping[str, bool]:
    """The names that a request's route takes; true for those that may come several times."""
    dependant = getattr(request.scope.get("route"), "dependant", None)
    return {} if dependant is None else dict(_names_of(dependant))


def _names_of(dependant: Dependant) -> Iterator[tuple[str, bool]]:
    for field in dependant.query_params:
        kind = field.field_info.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            for name, each in kind.model_fields.items():
                yield each.alias or name, _is_list(each.annotation)
        else:
            yield field.alias, _is_list(kind)
    for below in dependant.dependencies:
        yield from _names_of(below)


def _is_list(kind: Any) -> bool:
    origin = get_origin(kind)
    if origin in (Union, types.UnionType, Annotated):
        return any(_is_list(each) for each in get_args(kind))
    return origin in (list, tuple, set, frozenset)
