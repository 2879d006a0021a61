"""Checks of the API's problem responses."""

import httpx

from tests.acceptance.stack import Json


def problem(answer: httpx.Response, status: int, code: str = "") -> Json:
    """The problem in a response, which must be one."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: Json = answer.json()
    assert body["status"] == status
    assert body["title"]
    assert body["type"]
    assert body["code"] == (code or body["code"])
    assert len(body["detail"]) > 8
    return body
