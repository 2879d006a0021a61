"""Blank parameters of queries are taken out, and all others stay as they were sent."""

import asyncio

import pytest
from starlette.types import Receive, Scope, Send

from api.middleware.blank_parameters import BlankParameters, without_blanks


@pytest.mark.parametrize(
    ("query", "left"),
    [
        (b"state=&limit=5", b"limit=5"),
        (b"state=%20&model=+%09&limit=5", b"limit=5"),
        (b"state=%E3%80%80", b""),
        (b"state=%C2%A0&cursor=%E2%80%8B", b""),
        (b"metadata=a%3D&metadata=b=", b"metadata=a%3D&metadata=b="),
        (b"state", b""),
        (b"wait&limit=5&cursor", b"limit=5"),
        (b"state&&limit=5&wait", b"limit=5"),
        (b"limit=0&state=a%20b", b"limit=0&state=a%20b"),
        (b"state=%FF&model=%", b"state=%FF&model=%"),
        (b"", b""),
    ],
)
def test_a_blank_parameter_is_none(query: bytes, left: bytes) -> None:
    assert without_blanks(query) == left


@pytest.mark.parametrize(
    ("method", "path", "seen"),
    [
        ("GET", "/v1/jobs", b""),
        ("HEAD", "/v1/jobs", b""),
        ("POST", "/v1/jobs", b"tenant="),
        ("GET", "/v1/admin/bulk/cancel", b"tenant="),
    ],
)
def test_requests_that_change_something_keep_theirs(method: str, path: str, seen: bytes) -> None:
    queries = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        queries.append(scope["query_string"])

    async def ask() -> None:
        scope = {"type": "http", "method": method, "path": path, "query_string": b"tenant="}
        await BlankParameters(app)(scope, None, None)  # type: ignore[arg-type]

    asyncio.run(ask())
    assert queries == [seen]
