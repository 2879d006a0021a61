"""JSON from outside: deep nesting is an error like any other, at every place that parses it."""

import json
from io import BytesIO

import pytest
from pydantic import ValidationError

from api.core.domain_errors import InvalidSubmissionError
from api.jobs.fingerprint import fingerprint
from api.resources.lora_files import LoraError, check_lora
from api.schemas.jobs import Submission
from db.core.json_parser import MAX_DEPTH, parse_json
from workers.adapters.hosted.errors import TransientUpstreamError
from workers.adapters.hosted.responses import Task, TaskState, read, status_error
from workers.messaging.events import ParsedEvents, parse_entry, parse_message
from workers.moderation.callout import Verdict
from workers.outbound import Answer

DEPTHS = [MAX_DEPTH + 2, 1_000, 300_000]


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


def test_json_up_to_the_limit_is_parsed_as_the_standard_library_does() -> None:
    text = '{"a": [1, 2.5, null, true, "\\u00e9"], "b": {"c": []}}'
    assert parse_json(text) == parse_json(text.encode()) == json.loads(text)
    assert parse_json(nested(MAX_DEPTH)) == json.loads(nested(MAX_DEPTH))


@pytest.mark.parametrize(
    "text", ["", "{", "[1] 2", "[NaN]", "[Infinity]", b"\xff", "[" + "9" * 5000]
)
def test_what_is_no_json_is_a_value_error(text: str | bytes) -> None:
    with pytest.raises(ValueError, match=r"line 1"):
        parse_json(text)


@pytest.mark.parametrize("depth", DEPTHS)
def test_deep_nesting_is_a_value_error(depth: int) -> None:
    for text in (nested(depth), '{"a":' * depth + "1" + "}" * depth):
        with pytest.raises(ValueError, match="recursion limit"):
            parse_json(text)


@pytest.mark.parametrize("depth", DEPTHS)
def test_a_lora_with_a_deep_header_is_refused(depth: int) -> None:
    header = f'{{"__metadata__": {nested(depth)}}}'.encode()
    with pytest.raises(LoraError, match="no safetensors file"):
        check_lora(BytesIO(len(header).to_bytes(8, "little") + header + bytes(8)))


@pytest.mark.parametrize("depth", DEPTHS)
def test_a_deep_answer_of_an_upstream_is_an_answer_that_cannot_be_read(depth: int) -> None:
    body = nested(depth).encode()
    assert "does not say why" in str(status_error(Answer(422, {}, body), None))
    state = b'{"status": "Ready", "result": ' + body + b"}"
    for kind, text in ((Task, body), (TaskState, state)):
        with pytest.raises(TransientUpstreamError, match="cannot be read"):
            read(kind, Answer(200, {}, text))
    with pytest.raises(ValidationError):
        Verdict.model_validate_json(body)


@pytest.mark.parametrize("depth", DEPTHS)
def test_a_deep_message_of_redis_holds_no_event(depth: int) -> None:
    for message in (nested(depth), json.dumps([["1-0", "job", "progress", nested(depth)]])):
        assert parse_message(message.encode(), {"job"}) == ParsedEvents([], 1)
    entry = (b"1-0", {b"type": b"progress", b"data": nested(depth).encode()})
    assert parse_entry("job", entry) is None


def test_the_fingerprint_of_a_deep_submission_is_refused() -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(InvalidSubmissionError, match="nested too deeply"):
        fingerprint(Submission.model_construct(model="florence-2-demo", input={"a": deep}))
