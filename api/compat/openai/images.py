"""`/v1/images/generations` and `/v1/images/edits`."""

import json
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from pydantic import ValidationError

from api.compat.openai.call import Call, CallDep
from api.compat.openai.documents import EDIT_BODY, IMAGES_ANSWER, MADE
from api.compat.openai.errors import final
from api.compat.openai.form import FORMS, Form, read_form
from api.compat.openai.image_answers import answer_of, read_pictures
from api.compat.openai.image_fields import EditFields, ImageFields
from api.compat.openai.image_request import ImageRequest, find_painter, jobs_of
from api.compat.openai.image_sources import with_sources
from api.compat.openai.image_stream import ImageStream
from api.compat.openai.job_stream import stream_jobs
from api.compat.openai.waiting import submit_all, submit_and_wait_for_all
from api.compat.shared.submission import ForeignResult
from api.core.errors import KNOWN, ProblemError, invalid, problem_of, validation_problem
from api.core.json_body import JsonRoute
from api.core.json_parser import says_json

router = APIRouter(prefix="/v1/images", tags=["images"], route_class=JsonRoute)


@router.post("/generations", response_model=None, responses=MADE | IMAGES_ANSWER)
async def generate(fields: ImageFields, call: CallDep) -> Response:
    """Paint pictures from a prompt; with `stream`, partial ones come before the finished ones."""
    return await _answer(call, ImageRequest(fields, **_retry(call)), Form())


@router.post("/edits", response_model=None, responses=MADE | IMAGES_ANSWER, openapi_extra=EDIT_BODY)
async def edit(call: CallDep) -> Response:
    """Edit pictures: a form with files, or JSON with `images` by id, URL or data URI."""
    fields, form = await _read_edit(call)
    return await _answer(call, ImageRequest(fields, "image_edit", **_retry(call)), form)


def _retry(call: Call) -> dict[str, Any]:
    key = call.idempotency_key
    return {
        "is_first": call.is_first,
        "is_retry": call.is_retry,
        "seed_source": f"{call.caller.key_id}\n{key}" if key is not None else "",
    }


async def _read_edit(call: Call) -> tuple[EditFields, Form]:
    content_type = call.request.headers.get("content-type", "")
    if says_json(content_type):
        return _validated(await call.request.json()), Form()
    if content_type.partition(";")[0].strip().lower() not in FORMS:
        raise ProblemError(415, "unsupported_media_type", "send a form, or JSON that says so")
    most = call.services.settings.max_picture_bytes
    form = await read_form(call.request, max_file_bytes=most)
    others = form.files.keys() - EditFields.model_fields.keys()
    return _validated(form.fields | dict.fromkeys(others, "a file")), form


def _validated(fields: Any) -> EditFields:
    if not isinstance(fields, Mapping):
        raise invalid(["body"], "the body is an object of JSON, or a form", "json_invalid")
    try:
        return EditFields.model_validate(fields)
    except ValidationError as error:
        raise validation_problem(["body"], error.errors()) from None


async def _answer(call: Call, request: ImageRequest, form: Form) -> Response:
    services, caller, jobs = call.services, call.caller, call.jobs

    def submit() -> list[ForeignResult]:
        # Before anything is stored.
        variant = find_painter(services.catalogue, request.fields)
        each = jobs_of(variant, with_sources(services, caller, variant, request, form))
        key = call.idempotency_key
        results = submit_all(services, caller, jobs, each, idempotency_key=key)
        form.files.clear()
        request.fields.release()
        return results

    if request.fields.stream:
        frames = ImageStream(request).frames
        return await stream_jobs(call.request, services, caller, jobs, submit, call.exits, frames)
    ended, headers = await submit_and_wait_for_all(call.request, services, caller, jobs, submit)
    if not request.fields.with_data:
        return _render(call, ended, request.fields, headers)
    return await run_in_threadpool(_render, call, ended, request.fields, headers)


def _render(call: Call, ended: Any, fields: ImageFields, headers: dict[str, str]) -> Response:
    try:
        pictures = read_pictures(call.services, ended, with_data=fields.with_data)
    except KNOWN as error:
        # Paid for: the same request again would be another job.
        raise final(problem_of(error), headers) from error
    answer = json.dumps(answer_of(pictures, fields), separators=(",", ":"))
    return Response(answer, headers=headers, media_type="application/json")
