"""The answers of fal's surface in its OpenAPI document."""

from typing import Any

from pydantic import BaseModel, Field

Responses = dict[int | str, dict[str, Any]]


class FalField(BaseModel):
    """One wrong field."""

    loc: list[str] = Field(examples=[["body", "num_images"]])
    msg: str = Field(examples=["should be at most 4"])
    type: str = Field(examples=["less_than_equal"])


class FalError(BaseModel):
    """An error: `detail` is text, or the list of the wrong fields."""

    detail: str | list[FalField]
    message: str = Field(examples=["num_images: should be at most 4"])
    error_type: str = Field(examples=["invalid_input"])


def _errors(descriptions: dict[int, str]) -> Responses:
    return {
        status: {"model": FalError, "description": description}
        for status, description in descriptions.items()
    }


OPEN: Responses = _errors(
    {
        404: "There is no such address, or its token is not valid",
        422: "A part of the address or the body is wrong",
        429: "Too many requests; `Retry-After` tells how long to wait",
        503: "A server behind this one is down or slow",
    }
)
"""The errors of calls without a key."""

READS: Responses = OPEN | _errors(
    {
        400: "The request is still in progress, or is over already",
        401: "The key is missing or not valid",
        403: "The key may not do this",
        404: "There is no such request",
    }
)
"""The errors of calls about a request."""

RESULTS: Responses = READS | _errors(
    {
        499: "The request was canceled",
        500: "The request failed",
        504: "The request was not started in time",
    }
)
"""The errors of calls for a result."""

MADE: Responses = RESULTS | _errors(
    {
        402: "Neither allowance nor balance covers the price",
        404: "There is no such application",
        409: "Another picture was sent to this address",
        413: "The body is too large",
        415: "The body is not sent as JSON",
    }
)
"""The errors of calls that make something."""


def of_events(responses: Responses) -> Responses:
    """The answers of a stream: its errors, which are no streams, and its events."""
    reference = {"application/json": {"schema": {"$ref": "#/components/schemas/FalError"}}}
    errors = {
        status: {"description": response["description"], "content": reference}
        for status, response in responses.items()
    }
    return errors | _EVENTS


_EVENTS: Responses = {
    200: {
        "description": "Server-sent events without a type; the data is JSON",
        "content": {
            "text/event-stream": {
                "schema": {"type": "object", "properties": {"data": {"type": "string"}}},
                "example": 'data: {"status": "IN_QUEUE"}\n\n',
            }
        },
    }
}

UNFINISHED: Responses = {
    202: {
        "description": "The status of a request that is not completed",
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
}

PICTURE: Responses = {
    200: {
        "description": "The picture",
        "content": {
            kind: {"example": "(bytes)"} for kind in ("image/png", "image/jpeg", "image/webp")
        },
    }
}
