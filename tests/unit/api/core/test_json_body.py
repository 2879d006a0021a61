"""JSON bodies: parsed in a thread, of UTF-8 alone, and released before a long wait."""

import asyncio
import json
import threading
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Request
from fastapi.routing import APIRoute
from pydantic import BaseModel

from api.app import _ROUTERS
from api.core import json_body
from api.core.json_body import JsonRoute
from api.core.json_parser import JsonError, parse, parse_leniently
from api.middleware.body_limit import BodyLimit, release_body
from api.resources.body_budget import BodyBudget

BUDGET = BodyBudget(10_000_000, 10_000_000)
JSON = {"content-type": "application/json"}


class Body(BaseModel):
    value: Any
    release: bool = False


router = APIRouter(route_class=JsonRoute)


@router.post("/")
async def answer(body: Body, request: Request) -> dict[str, Any]:
    """The length of what was sent, and the bytes that are held meanwhile."""
    length = len(json.dumps(body.value))
    if body.release:
        release_body(request.scope)
    return {"length": length, "held": BUDGET.held_bytes, "kept": len(await request.body())}


app = FastAPI()
app.include_router(router)
app.add_middleware(BodyLimit, max_bytes=10_000_000, budget=BUDGET)


def post(content: bytes, headers: dict[str, str] | None = None) -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.post("/", content=content, headers=JSON | (headers or {}))

    return asyncio.run(ask())


def test_a_large_body_is_parsed_in_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    threads, parse = [], json_body.parse

    def watched(data: bytes, **options: Any) -> Any:
        threads.append(threading.current_thread())
        return parse(data, **options)

    monkeypatch.setattr(json_body, "parse", watched)
    assert post(b'{"value": "%s"}' % (b"x" * 100_000)).json()["length"] == 100_002
    assert post(b'{"value": 1}').json()["length"] == 1
    assert [thread is threading.main_thread() for thread in threads] == [False, True]


def test_its_bytes_are_not_kept_and_its_room_is_given_back() -> None:
    large = b'{"value": "%s", "release": %s}'
    answers = [post(large % (b"x" * 1_000_000, word)).json() for word in (b"false", b"true")]
    assert answers[0]["held"] > 900_000
    assert answers[1]["held"] == 0
    assert [found["kept"] for found in answers] == [0, 0]
    assert BUDGET.held_bytes == 0


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b'\xef\xbb\xbf{"value": 1}', 200),
        ('{"value": 1}'.encode("utf-16"), 400),
        (b'{"value": "\xff"}', 400),
        (b'{"value": ' + b"9" * 5000 + b"}", 422),
        (b'{"value": }', 422),
        (b"", 422),
    ],
)
def test_what_is_no_json_is_refused(content: bytes, status: int) -> None:
    assert post(content).status_code == status


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('{"a": {"b": NaN}}', ("a", "b")),
        ('{"a": [1, -Infinity]}', ("a", 1)),
        ('[{"a": 1e999}]', (0, "a")),
        ('{"a": -1e999}', ("a",)),
        ('{"a": ' + "9" * 5_000 + "}", ("a",)),
        ("NaN", ()),
        ('{"a": NaN, "a": 1}', ()),
        ('{"x": ' + "[" * 900 + "NaN" + "]" * 900 + "}", ("x", *([0] * 900))),
    ],
)
def test_a_number_that_is_none_is_refused_at_its_place(text: str, place: tuple[Any, ...]) -> None:
    for read in (parse, parse_leniently):
        with pytest.raises(JsonError) as caught:
            read(text.encode())
        assert (caught.value.place, caught.value.kind) == (place, "number_invalid")


def test_what_is_not_called_json_is_not_parsed() -> None:
    assert post(b'{"value": 1}', {"content-type": "text/plain"}).status_code == 422


def test_every_route_that_takes_json_parses_it_so() -> None:
    routes = [route for each in _ROUTERS for route in each.routes if isinstance(route, APIRoute)]
    taking = [route for route in routes if route.body_field and "/files" not in route.path]
    assert len(taking) > 5
    assert [route.path for route in taking if not isinstance(route, JsonRoute)] == []
