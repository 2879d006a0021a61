"""The event stream of a prediction: its log as it grows, then its output."""

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Response

from api.auth.tenant import Caller
from api.compat.replicate.errors import document_of, problems
from api.compat.replicate.rendering import (
    STATUSES,
    PredictionEcho,
    error_of,
    log_text,
    logs_of,
    output_of,
    output_texts,
)
from api.compat.replicate.requests import ForeignJobsDep, signed_urls
from api.compat.shared.foreign_job import ForeignJob, as_foreign
from api.compat.shared.waiting import following
from api.core.errors import problem_of
from api.core.event_stream import PING, EventStream, frame
from api.jobs.event_frames import FollowedJob, Moment
from api.resources.waiter import CloseReason
from api.schemas.jobs import ShortText
from api.services import ServicesDep
from db.tenants.api_keys import InvalidKeyError
from db.tenants.tenants import TenantSuspendedError
from db.values.job_state import JobState

router = APIRouter(tags=["predictions"])

_EVENT = {
    "type": "object",
    "required": ["event", "id", "data"],
    "properties": {
        "event": {"type": "string", "enum": ["logs", "output", "error", "done"]},
        "id": {"type": "string"},
        "data": {"type": "string"},
    },
}
"""Each event of the stream."""

_EXAMPLE = (
    "event: logs\nid: 1764000000400-0\ndata: Using seed: 7\ndata:   0%|          | 0/4\n\n"
    "event: output\nid: output-0\ndata: https://…/artifacts/…/0.webp\n\n"
    "event: done\nid: 1764000000900-0\ndata: {}\n\n"
)


@dataclass
class _Followed:
    """A prediction that a client follows.

    Attributes:
        job: its events.
        seed: the seed that its log begins with.
        log: the part of its log that was sent.
    """

    job: FollowedJob
    seed: int | None
    log: str = field(default="")


async def _followed(
    token: ShortText, services: ServicesDep, jobs: ForeignJobsDep
) -> AsyncIterator[_Followed]:
    """The prediction, loaded before the stream starts: a 404 is not possible within the stream."""
    seconds = services.settings.artifact_url_seconds
    claim = signed_urls(services).stream_claim(token, valid_seconds=seconds)
    caller = Caller(claim.tenant_id, claim.key_id)
    await services.credential_checks.require(caller.credential)
    async with following(services, caller, jobs, claim.job_id) as followed:
        first = await jobs.load(tenant_id=claim.tenant_id, job_id=claim.job_id)
        yield _Followed(followed, first.seed)


@router.get(
    "/stream/{token}",
    status_code=200,
    response_class=EventStream,
    response_model=None,
    responses={
        200: {
            "description": "`logs`, then `output` for each result or `error`, and last `done`",
            "content": {"text/event-stream": {"schema": _EVENT, "example": _EXAMPLE}},
        },
        204: {"description": "`Last-Event-ID` is that of `done`: nothing will follow"},
        **problems(401, 403, 404, 422, 429, 503),
    },
)
async def stream_prediction(
    services: ServicesDep,
    followed: Annotated[_Followed, Depends(_followed)],
    last_event_id: Annotated[str | None, Header()] = None,
) -> Response:
    """Follow a prediction. The URL needs no key, and expires; a GET makes a fresh one."""
    if await followed.job.is_told(last_event_id):
        return Response(status_code=204)
    return EventStream(
        _until_refused(_frames(followed, last_event_id)),
        on_disconnect=lambda: followed.job.waiter.close(CloseReason.DISCONNECTED),
        slow_reader_seconds=services.settings.slow_reader_seconds,
    )


async def _until_refused(frames: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """The frames; `error` and `done` as the last ones when the key is no longer valid."""
    async with aclosing(frames):
        try:
            async for each in frames:
                yield each
        except (InvalidKeyError, TenantSuspendedError) as error:
            detail = document_of(problem_of(error))["detail"]
            yield _failure(detail, "error-0") + _done("done-0", "error")


async def _frames(followed: _Followed, last_event_id: str | None) -> AsyncGenerator[bytes, None]:
    is_first = True
    async with aclosing(followed.job.moments(last_event_id)) as moments:
        async for moment in moments:
            if is_first:
                yield PING  # sends the headers: the first event may be far
            frames = _log_frames(followed, moment)
            if moment.last is not None:
                frames += _last_frames(followed, as_foreign(moment.last), moment.last_id)
            if frames or not is_first:
                yield frames or PING
            is_first = False


def _log_frames(followed: _Followed, moment: Moment) -> bytes:
    """The lines by which the log has grown."""
    frames = b""
    for each in moment.events:
        event = each.event
        if event.type == "progress":
            text = log_text(followed.seed, event.data["step"], event.data["steps"])
            frames += _log_frame(followed, text, event.id)
    return frames


def _log_frame(followed: _Followed, text: str, event_id: str) -> bytes:
    """An event with what the log has more than was sent; after a retry, all of it."""
    sent, followed.log = followed.log, text
    new = text.removeprefix(sent)
    return frame("logs", new.strip("\n"), event_id) if new else b""


def _last_frames(followed: _Followed, job: ForeignJob, last_id: str) -> bytes:
    """The rest of the log, the output or the error, and the end."""
    state = job.view.state
    frames = _log_frame(followed, logs_of(job), "logs-0")
    if state == JobState.SUCCEEDED:
        texts = output_texts(output_of(job, PredictionEcho.of_job(job).model))
        outputs = (frame("output", text, f"output-{n}") for n, text in enumerate(texts))
        return frames + b"".join(outputs) + _done(last_id, None)
    if state == JobState.CANCELED:
        return frames + _done(last_id, STATUSES[state])
    return frames + _failure(error_of(job) or "", "error-0") + _done(last_id, "error")


def _failure(detail: str, event_id: str) -> bytes:
    return frame("error", json.dumps({"detail": detail}), event_id)


def _done(event_id: str, reason: str | None) -> bytes:
    return frame("done", json.dumps({"reason": reason} if reason else {}), event_id)
