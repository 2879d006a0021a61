"""The limit on request bodies, against applications that handle them well and badly."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.types import Receive, Scope, Send

from api.middleware.body_limit import BodyLimit

LIMIT = 1000


async def _read(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


async def _blame_the_sender(request: Request) -> Response:
    """An application that treats every read error as a malformed body, like a framework."""
    try:
        return await _read(request)
    except Exception:  # noqa: BLE001 - that is the habit
        return PlainTextResponse("malformed", 400)


async def _answer_first(_scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.body", "body": b"begun"})


async def _ignore(_request: Request) -> Response:
    return PlainTextResponse("ignored")


_APP = BodyLimit(
    Starlette(
        routes=[
            Route("/read", _read, methods=["POST"]),
            Route("/blame", _blame_the_sender, methods=["POST"]),
            Mount("/first", _answer_first),
            Route("/ignore", _ignore, methods=["POST"]),
        ]
    ),
    max_bytes=LIMIT,
)


def post(path: str, size: int, *, chunked: bool) -> httpx.Response:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(size // 10):
            yield b"x" * 10

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=_APP)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.post(path, content=chunks() if chunked else b"x" * size)

    return asyncio.run(ask())


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("path", ["/read", "/blame"])
def test_a_body_up_to_the_limit_is_read(path: str, *, chunked: bool) -> None:
    answer = post(path, LIMIT, chunked=chunked)
    assert (answer.status_code, answer.text) == (200, str(LIMIT))


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("path", ["/read", "/blame"])
def test_a_body_above_the_limit_is_413(path: str, *, chunked: bool) -> None:
    answer = post(path, LIMIT + 10, chunked=chunked)
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["connection"] == "close"
    assert answer.json()["code"] == "body_too_large"
    assert answer.json()["status"] == 413


def test_a_body_that_nobody_reads_is_nobodys_trouble() -> None:
    assert post("/ignore", LIMIT + 10, chunked=True).text == "ignored"


def test_an_answer_that_has_begun_is_left_alone() -> None:
    answer = post("/first/", LIMIT + 10, chunked=True)
    assert answer.status_code == 200
    assert answer.text == "begun"
