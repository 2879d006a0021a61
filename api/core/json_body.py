"""JSON bodies of requests: parsed off the event loop, and released as soon as they are used."""

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import anyio.to_thread
from anyio import CapacityLimiter
from anyio.lowlevel import RunVar
from fastapi import Request, Response
from fastapi.routing import APIRoute

from api.core.errors import ProblemError, ProblemInBodyError, validation_problem
from api.core.json_parser import (
    EncodingError,
    JsonError,
    parse,
    parse_leniently,
    says_json,
)
from api.core.protocol.slips import note
from api.core.surfaces import SURFACE

_INLINE_BYTES = 32_768
"""Parsed at once: a thread would take longer."""

_Parsed = TypeVar("_Parsed")

_PARSERS = 2
_parsers: RunVar[CapacityLimiter] = RunVar("json_parsers")


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
        """The parsed body. The bytes are dropped: parsed, a picture is in memory twice already.

        A compatible API takes the last of two equal names, as the service that it stands for, and
        tells it.

        Raises:
            ProblemInBodyError: it is no JSON, not in UTF-8, or not clear.
        """
        data, self._body = await super().body(), b""
        try:
            parsed = await (parse_and_note(data) if SURFACE in self.scope else _run(parse, data))
        except (JsonError, EncodingError) as error:
            raise ProblemInBodyError(problem_of(error)) from None
        self.scope["bottega.json"] = parsed
        return parsed


def problem_of(error: JsonError | EncodingError) -> ProblemError:
    """The answer to a body that cannot be read."""
    if isinstance(error, EncodingError):
        return ProblemError(400, "bad_request", str(error))
    item = {"loc": error.place, "msg": str(error), "type": error.kind}
    return validation_problem(["body"], [item])


async def parse_and_note(data: bytes) -> Any:
    """Parse JSON as a compatible API does, and note its slips.

    Raises:
        ValueError: as `api.core.json_parser.parse_leniently`.
    """
    parsed, slips = await _run(parse_leniently, data)
    note(slips)
    return parsed


async def _run(parser: Callable[[bytes], _Parsed], data: bytes) -> _Parsed:
    """Run a parser off the event loop, unless the text is short."""
    if len(data) <= _INLINE_BYTES:
        return parser(data)
    return await anyio.to_thread.run_sync(parser, data, limiter=_limiter())


def _limiter() -> CapacityLimiter:
    """The limiter of this event loop: its waiters belong to one."""
    try:
        return _parsers.get()
    except LookupError:
        _parsers.set(limiter := CapacityLimiter(_PARSERS))
        return limiter
