"""Bodies of inference requests: a picture's bytes, or JSON with `inputs` and `parameters`.

Clients send a wrong content type, or none: the first bytes decide.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any

from fastapi import Request
from fastapi.concurrency import run_in_threadpool

from api.compat.shared.fields import present
from api.compat.shared.pictures import data_uri
from api.core.domain_errors import InvalidSubmissionError
from api.core.errors import ProblemError
from api.core.json_body import parse_and_note, problem_of
from api.core.json_meter import JsonLimits, JsonMeter, data_uri_chars
from api.core.json_parser import EncodingError, JsonError, says_json
from api.core.protocol.slips import Slip, note
from db.values.blank import is_absent
from db.values.imaging.header import FORMATS

_MEDIA_TYPES: Mapping[bytes, str] = {
    b"\x89PNG": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"RIFF": "image/webp",
    b"GIF8": "image/gif",
    b"BM": "image/bmp",
}


@dataclass(frozen=True)
class InferenceBody:
    """The content of a request.

    Attributes:
        inputs: the text or picture; one that was sent as bytes is a data URI.
        parameters: the parameters that have a value.
        others: further fields of the JSON.
        is_raw: true for a picture's bytes without parameters.
    """

    inputs: Any
    parameters: Mapping[str, Any] = field(default_factory=dict)
    others: Mapping[str, Any] = field(default_factory=dict)
    is_raw: bool = False

    @property
    def is_picture(self) -> bool:
        """True when the inputs are a picture, not words."""
        return isinstance(self.inputs, str) and self.inputs[:5].lower() == "data:"

    def with_query(self, asked: Mapping[str, Any]) -> "InferenceBody":
        """The same with parameters that the query gave; those of the body count before them."""
        twice = [Slip((name,), "the body has it, too") for name in asked if name in self.parameters]
        note(twice)
        return replace(self, parameters={**asked, **self.parameters})


async def read_body(request: Request) -> InferenceBody:
    """Read a request's body; its bytes are not kept.

    Raises:
        ProblemError: 400, it is neither a picture nor JSON; 413 or 422, it holds too much JSON;
            422, its JSON is broken.
        InvalidSubmissionError: it is JSON of another form.
    """
    data = b"".join([chunk async for chunk in request.stream()])
    media_type = _media_type(data)
    if media_type:
        return InferenceBody(await run_in_threadpool(data_uri, data, media_type), is_raw=True)
    _measure(request, data)
    try:
        parsed = await parse_and_note(data)
    except (JsonError, EncodingError) as error:
        if _is_meant_as_json(request, data):
            raise problem_of(error) from None
        raise _unreadable() from None
    except RecursionError:
        raise _unreadable() from None
    return _from_json(parsed)


def _is_meant_as_json(request: Request, data: bytes) -> bool:
    says_so = says_json(request.headers.get("content-type", ""))
    return says_so or data.lstrip()[:1] in (b"{", b"[", b'"')


def _unreadable() -> ProblemError:
    detail = f"the body is neither a picture ({FORMATS}) nor JSON with inputs"
    return ProblemError(HTTPStatus.BAD_REQUEST, "bad_request", detail)


def _media_type(data: bytes) -> str:
    if data[4:8] == b"ftyp":
        return "image/avif"
    return next((kind for magic, kind in _MEDIA_TYPES.items() if data.startswith(magic)), "")


def _measure(request: Request, data: bytes) -> None:
    """Apply the limits of JSON, which the middleware applies only to what says that it is JSON."""
    settings = request.app.state.services.settings
    limits = JsonLimits(settings.max_json_bytes, data_uri_chars(settings.max_picture_bytes))
    JsonMeter(limits).feed(data)


def _from_json(parsed: Any) -> InferenceBody:
    if not isinstance(parsed, dict):
        raise InvalidSubmissionError.of_field(["inputs"], "send an object with inputs")
    parameters = parsed.get("parameters")
    if is_absent(parameters):
        parameters = {}
    if not isinstance(parameters, dict):
        raise InvalidSubmissionError.of_field(["parameters"], "parameters is an object")
    others = present(parsed)
    inputs, _ = others.pop("inputs", None), others.pop("parameters", None)
    return InferenceBody(inputs, present(parameters), others)
