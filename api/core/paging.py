"""Cursors of lists: opaque to clients; each encodes the id of the last item of a page."""

import base64
import re

from fastapi import Request, Response

from api.core.errors import invalid
from api.core.settings import ApiSettings
from api.core.urls import base_url


def decode_cursor(cursor: str | None, prefix: str) -> str | None:
    """The id in a cursor; None without a cursor.

    Args:
        cursor: the text that the client sent.
        prefix: the prefix of the list's ids, e.g. "job".

    Raises:
        api.core.errors.ProblemError: it is not a cursor of this list.
    """
    if cursor is None:
        return None
    try:
        last_id = base64.urlsafe_b64decode(cursor).decode()
    except ValueError:
        last_id = ""
    if not re.fullmatch(rf"{prefix}_[0-9a-z]{{26}}", last_id):
        raise invalid(["query", "cursor"], "this cursor is not one of ours")
    return last_id


def encode_cursor(last_id: str) -> str:
    """The cursor of the page that follows an id."""
    return base64.urlsafe_b64encode(last_id.encode()).decode()


def link_next_page(
    request: Request, response: Response, settings: ApiSettings, last_id: str
) -> str:
    """Put the next page's URL into the `Link` header, and return that page's cursor."""
    cursor = encode_cursor(last_id)
    next_url = request.url.include_query_params(cursor=cursor)
    url = f"{base_url(request, settings)}{next_url.path}?{next_url.query}"
    response.headers["Link"] = f'<{url}>; rel="next"'
    return cursor
