"""ASGI middleware: a blank parameter of a query is none, as a blank field is none.

Requests that change something keep theirs: `dry_run=` decides whether a job is paid for, and is
refused where it says neither yes nor no. So do selections for bulk actions: `tenant=` selects no
job, and without it all tenants' jobs would be canceled.
"""

from urllib.parse import unquote_plus

from starlette.types import ASGIApp, Receive, Scope, Send

from api.core.query_names import SENT_QUERY
from db.values.blank import is_blank

_METHODS = ("GET", "HEAD")
_SELECTIONS = "/v1/admin/bulk/"


class BlankParameters:
    """Takes names without a value, `name=` or `name`, out of the query of a request that reads."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward the request."""
        if scope["type"] == "http" and _is_reading(scope):
            query: bytes = scope["query_string"]
            # In the same scope: the log and the metrics read the route that is found by it.
            scope["query_string"], scope[SENT_QUERY] = without_blanks(query), query
        await self._app(scope, receive, send)


def _is_reading(scope: Scope) -> bool:
    return scope["method"] in _METHODS and not scope["path"].startswith(_SELECTIONS)


def without_blanks(query: bytes) -> bytes:
    """A query string without the parameters that have a blank value."""
    return b"&".join(pair for pair in query.split(b"&") if not _has_blank(pair))


def _has_blank(pair: bytes) -> bool:
    return is_blank(unquote_plus(pair.partition(b"=")[2].decode("latin-1")))
