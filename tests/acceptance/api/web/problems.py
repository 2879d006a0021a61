"""Reading the problems that the API answers."""

import httpx

from tests.acceptance.stack import Json


def problem(answer: httpx.Response, status: int, code: str = "") -> Json:
    """The problem that an answer must be."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    told: Json = answer.json()
    assert told["status"] == status
    assert told["title"]
    assert told["type"]
    assert told["code"] == (code or told["code"])
    assert len(told["detail"]) > 8
    return told
