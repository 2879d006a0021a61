"""Cursors: opaque to clients, the id of the last thing seen to us."""

import base64
import re

from fastapi import Request, Response

from api.core.errors import invalid
from api.jobs.views import base_url
from api.services import Services


def decode_cursor(cursor: str | None, prefix: str) -> str | None:
    """The id in a cursor.

    Args:
        cursor: what the client sent.
        prefix: of the ids that are listed, e.g. "job".

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
    """The cursor that follows an id."""
    return base64.urlsafe_b64encode(last_id.encode()).decode()


def lead_on(request: Request, response: Response, services: Services, last_id: str) -> str:
    """The cursor that follows `last_id`; the `Link` header of the answer gets its URL."""
    cursor = encode_cursor(last_id)
    asked = request.url.include_query_params(cursor=cursor)
    url = f"{base_url(request, services)}{asked.path}?{asked.query}"
    response.headers["Link"] = f'<{url}>; rel="next"'
    return cursor
