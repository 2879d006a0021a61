"""JSON bodies of requests: parsed off the event loop, and released as soon as they are used."""

import json
from collections.abc import Callable, Coroutine
from typing import Any

import anyio.to_thread
from anyio import CapacityLimiter
from anyio.lowlevel import RunVar
from fastapi import Request, Response
from fastapi.routing import APIRoute

_INLINE_BYTES = 32_768
"""Parsed at once: a thread would take longer."""

_PARSERS = 2
_parsers: RunVar[CapacityLimiter] = RunVar("json_parsers")


def says_json(content_type: str) -> bool:
    """True for the media types that are read as JSON."""
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type == "application/json" or media_type.endswith("+json")


class JsonRoute(APIRoute):
    """The route class of every router that takes JSON."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler of the route, with a request that parses as this module says."""
        handle = super().get_route_handler()

        async def handle_json(request: Request) -> Response:
            return await handle(_JsonRequest(request.scope, request.receive))

        return handle_json


class _JsonRequest(Request):
    async def body(self) -> bytes:
        """The body; of JSON the first byte alone, as the framework would keep all of it."""
        data = await super().body()
        return data[:1] if says_json(self.headers.get("content-type", "")) else data

    async def json(self) -> Any:
        """The parsed body. The bytes are dropped: parsed, a picture is in memory twice already."""
        data, self._body = await super().body(), b""
        parsed = self.scope["bottega.json"] = await parse_json(data)
        return parsed


async def parse_json(data: bytes) -> Any:
    """Parse JSON off the event loop, unless it is short.

    Raises:
        ValueError: it is no JSON, or not in UTF-8.
    """
    if len(data) <= _INLINE_BYTES:
        return _parse(data)
    return await anyio.to_thread.run_sync(_parse, data, limiter=_limiter())


def _parse(data: bytes) -> Any:
    return json.loads(data.decode("utf-8-sig"))


def _limiter() -> CapacityLimiter:
    """The limiter of this event loop: its waiters belong to one."""
    try:
        return _parsers.get()
    except LookupError:
        _parsers.set(limiter := CapacityLimiter(_PARSERS))
        return limiter
