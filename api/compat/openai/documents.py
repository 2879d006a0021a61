"""The parts of this surface's OpenAPI document that do not follow from the routes' signatures."""

from typing import Any

from pydantic import BaseModel

from api.compat.openai.errors import ErrorBody
from api.compat.openai.image_fields import EditFields
from api.core.event_stream import frame

Json = dict[str, Any]
Responses = dict[int | str, Json]

_MADE = (400, 401, 403, 404, 409, 413, 415, 429, 500, 503, 504)
_READ = (400, 401, 403, 404, 429, 503)

_DESCRIPTIONS = {
    400: "A field is missing or wrong: `param` names it",
    401: "The key is missing or not valid",
    403: "The key may not do this, or its tenant is suspended",
    404: "There is no such model or object",
    409: "The present state does not allow it",
    413: "The body is larger than the limit",
    415: "The body is not sent as JSON or as a form",
    429: "Too many requests; or, `insufficient_quota`, neither allowance nor balance is left",
    500: "The job failed",
    503: "A server behind this one is down or slow",
    504: "The job did not start or end in time",
}


def _errors(statuses: tuple[int, ...]) -> Responses:
    return {
        status: {"model": ErrorBody, "description": _DESCRIPTIONS[status]} for status in statuses
    }


MADE: Responses = _errors(_MADE)
"""The errors of calls that make jobs."""

READ: Responses = _errors(_READ)
"""The errors of calls that read."""

CHANGED: Responses = _errors((400, 401, 403, 404, 409, 413, 415, 429, 503))
"""The errors of calls that store or remove something."""


class ImageDatum(BaseModel):
    """A painted picture."""

    b64_json: str | None = None
    url: str | None = None
    revised_prompt: str | None = None
    seed: int | None = None


class ImagesAnswer(BaseModel):
    """Painted pictures; the tokens in `usage` have no price."""

    created: int
    data: list[ImageDatum]
    background: str
    output_format: str
    quality: str
    size: str
    usage: Json


def streamed(model: type[BaseModel], example: bytes) -> Responses:
    """The answer of a call that can be streamed."""
    stream = {"text/event-stream": {"example": example.decode()}}
    return {200: {"model": model, "content": stream, "description": "The result"}}


IMAGES_ANSWER = streamed(
    ImagesAnswer,
    frame("image_generation.completed", '{"type": "image_generation.completed", "b64_json": "…"}'),
)


def _inlined(schema: Any, definitions: Json) -> Any:
    """A schema without references: a route's own body has no place for them."""
    if isinstance(schema, list):
        return [_inlined(each, definitions) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if (reference := schema.get("$ref")) is not None:
        name = reference.rpartition("/")[2]
        if name not in definitions:
            return {}
        return _inlined(definitions[name], {k: v for k, v in definitions.items() if k != name})
    return {name: _inlined(value, definitions) for name, value in schema.items()}


def _edit_schema() -> Json:
    schema = EditFields.model_json_schema()
    definitions = schema.pop("$defs", {})
    inlined: Json = _inlined(schema, definitions)
    return inlined


def _form_schema() -> Json:
    """The same fields in a form, where the pictures are files."""
    own = _edit_schema()
    file = {"type": "string", "format": "binary"}
    properties = {name: each for name, each in own["properties"].items() if name != "images"}
    properties |= {"image": {"type": "array", "items": file, "maxItems": 16}, "mask": file}
    return {"type": "object", "properties": properties, "required": ["prompt", "image"]}


EDIT_BODY: Json = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {"schema": _form_schema()},
            "application/json": {"schema": _edit_schema()},
        },
    }
}
