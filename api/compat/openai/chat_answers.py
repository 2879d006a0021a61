"""Answers about a picture as OpenAI's clients read them."""

import json
import math
from typing import Any

from api.compat.openai.frames import DONE, encoded
from api.compat.shared.foreign_job import ForeignJob

Json = dict[str, Any]

_PICTURE_TOKENS = 577
"""A picture takes so many of Florence-2's input."""

_CHARS_PER_TOKEN = 4


def _result(job: ForeignJob) -> Json:
    found: Json = (job.view.output or {}).get("results", [{}])[0]
    return found


def content_of(job: ForeignJob) -> str:
    """The text of an answer; JSON of one entry, the task's token, where it is no text."""
    result = _result(job)
    value = result.get("result", {}).get(result.get("task"), "")
    if isinstance(value, str):
        return str(result.get("text", value))
    return json.dumps(result["result"], ensure_ascii=False)


def _finish_reason(job: ForeignJob) -> str:
    return "length" if _result(job).get("finish_reason") == "length" else "stop"


def _usage(job: ForeignJob) -> Json:
    asked = _PICTURE_TOKENS + math.ceil(len(job.input.get("text") or "") / _CHARS_PER_TOKEN)
    answered = math.ceil(len(content_of(job)) / _CHARS_PER_TOKEN)
    return {
        "prompt_tokens": asked,
        "completion_tokens": answered,
        "total_tokens": asked + answered,
    }


def _head(job: ForeignJob, model: str, kind: str) -> Json:
    created = int(job.view.created_at.timestamp())
    return {"id": job.view.id, "object": kind, "created": created, "model": model}


def completion_of(job: ForeignJob, model: str) -> Json:
    """The answer to a request that is no stream; `model` is the name that was asked for."""
    message = {"role": "assistant", "content": content_of(job), "refusal": None}
    choice = {
        "index": 0,
        "message": message,
        "logprobs": None,
        "finish_reason": _finish_reason(job),
    }
    return {**_head(job, model, "chat.completion"), "choices": [choice], "usage": _usage(job)}


def chunks_of(job: ForeignJob, model: str, *, with_usage: bool) -> bytes:
    """The events of a stream, once the answer is there."""
    head = _head(job, model, "chat.completion.chunk")
    deltas: tuple[Json, ...] = (
        {"role": "assistant", "content": ""},
        {"content": content_of(job)},
        {},
    )
    reasons = (None, None, _finish_reason(job))
    usage = {"usage": None} if with_usage else {}
    chunks = [
        {**head, "choices": [_choice(delta, reason)], **usage}
        for delta, reason in zip(deltas, reasons, strict=True)
    ]
    if with_usage:
        chunks.append({**head, "choices": [], "usage": _usage(job)})
    return b"".join(map(encoded, chunks)) + DONE


def _choice(delta: Json, reason: str | None) -> Json:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
