"""`/v1/chat/completions`: questions about a picture, which Florence-2 answers."""

import hashlib
import json
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any, Literal

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel

from api.compat.openai.call import Call, CallDep
from api.compat.openai.chat_answers import chunks_of, completion_of
from api.compat.openai.chat_request import MESSAGES, ChatFields, question_of, translation_of
from api.compat.openai.documents import MADE, streamed
from api.compat.openai.image_request import find_model
from api.compat.openai.job_stream import JobStream, stream_jobs
from api.compat.openai.waiting import submit_all, submit_and_wait_for_all
from api.compat.shared.measured_pictures import store_and_measure
from api.compat.shared.submission import ForeignRequest, ForeignResult
from api.core.event_stream import PING
from api.core.json_body import JsonRoute
from db.values.surfaces import SurfaceName

router = APIRouter(prefix="/v1/chat", tags=["chat"], route_class=JsonRoute)

_USED = ("model", "messages", "stream", "stream_options")


class Completion(BaseModel):
    """An answer about a picture; the tokens in `usage` have no price."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[dict[str, Any]]
    usage: dict[str, int]


_ANSWER = streamed(Completion, b'data: {"object": "chat.completion.chunk"}\n\ndata: [DONE]\n\n')


@router.post("/completions", response_model=None, responses=MADE | _ANSWER)
async def complete(fields: ChatFields, call: CallDep) -> Response:
    """Ask about a picture: one image_url part, and a task such as `<CAPTION>` or `<OD>` as text."""
    services, caller, jobs = call.services, call.caller, call.jobs
    key = call.idempotency_key

    def submit() -> list[ForeignResult]:
        foreign = _foreign(call, fields)
        fields.messages.clear()
        (fields.model_extra or {}).clear()
        return submit_all(services, caller, jobs, [foreign], idempotency_key=key)

    model = fields.model or ""
    if fields.stream:
        with_usage = bool(fields.stream_options and fields.stream_options.include_usage)

        async def frames(stream: JobStream) -> AsyncGenerator[bytes, None]:
            is_over = False
            async for moment in stream.moments(0):
                if not moment.events and moment.last is None:
                    yield PING
                is_over = moment.last is not None
            if is_over:
                yield chunks_of(stream.ended(0), model, with_usage=with_usage)

        return await stream_jobs(call.request, services, caller, jobs, submit, call.exits, frames)
    ended, headers = await submit_and_wait_for_all(call.request, services, caller, jobs, submit)
    return JSONResponse(completion_of(ended[0], model), headers=headers)


def _foreign(call: Call, fields: ChatFields) -> ForeignRequest:
    variant = find_model(call.services.catalogue, fields.model, "florence2", "look at pictures")
    question, size = question_of(fields.messages), None
    if question.task.takes_region:
        # Its words may be thousandths of the picture's sides.
        measured = store_and_measure(call.services, call.caller, question.picture, MESSAGES)
        question, size = replace(question, picture=measured.name), measured.size
    translation = translation_of(variant, question, size)
    translation.accept(*_USED)
    translation.ignore_rest(fields.model_extra or {})
    return ForeignRequest(
        surface=SurfaceName.OPENAI,
        translation=translation,
        echo={"operation": "chat", "model": fields.model, "digest": _digest(fields)},
        is_synchronous=True,
        is_first=call.is_first,
        is_retry=call.is_retry,
    )


def _digest(fields: ChatFields) -> str:
    sent = json.dumps(fields.model_dump(exclude_none=True), sort_keys=True)
    return hashlib.sha256(sent.encode()).hexdigest()
