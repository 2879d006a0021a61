"""Answers to requests: the output or the failure of a job, with its id in the headers."""

from collections.abc import Mapping
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse

from api.compat.fal.error_bodies import Json
from api.compat.fal.errors import REQUEST_ID, error_headers, name_request
from api.compat.fal.rendering import failure_of, output_of
from api.compat.shared.foreign_job import ForeignJob
from api.compat.shared.pictures import data_uri
from api.compat.shared.submission import ignored_header
from api.services import Services
from db.jobs.queries import find_artifact
from db.storage.object_store import ObjectNotFoundError
from db.values.surfaces import SurfaceName


def answer(
    request: Request,
    job: ForeignJob,
    body: Json,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """An answer that belongs to a job."""
    name_request(request.scope, job.view.id)
    named = {REQUEST_ID: job.view.id, **ignored_header(job), **(headers or {})}
    return JSONResponse(body, status, named)


def end_of(
    services: Services,
    request: Request,
    job: ForeignJob,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """The output of a job that is over, or its failure; it may read pictures from the store."""
    name_request(request.scope, job.view.id)
    failure = failure_of(job)
    if failure is None:
        return answer(request, job, whole_output_of(services, job), headers=headers)
    told = error_headers(request.scope, failure.error_type, failure.status, headers)
    return answer(request, job, failure.body, status=failure.status, headers=told)


def is_inline(job: ForeignJob) -> bool:
    """True where the answer holds the pictures, which must be read: the request had `sync_mode`."""
    return job.request_by(SurfaceName.FAL).get("sync_mode") is True


def whole_output_of(services: Services, job: ForeignJob) -> Json:
    """The output; with `sync_mode` the pictures are in it, as data URIs."""
    if not is_inline(job):
        return output_of(job)

    def inline(image: Json) -> Any:
        return _data_uri(services, job.view.id, image)

    return output_of(job, inline)


def _data_uri(services: Services, job_id: str, image: Json) -> str | None:
    """A picture as a data URI; its URL where its bytes are gone."""
    url: str | None = image.get("url")
    if url is None:
        return None
    n = int(url.rpartition("/")[2].partition(".")[0])
    with services.database.autocommit() as session:
        row = find_artifact(session, job_id, n)
    try:
        return url if row is None else data_uri(services.store.get(row.key).data, row.media_type)
    except ObjectNotFoundError:
        return url
