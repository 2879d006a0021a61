"""Calls for files: pictures that are sent once and named in many predictions."""

import hashlib
from typing import Annotated, Any

from fastapi import APIRouter, File, Path, Query, Request, UploadFile
from starlette.responses import Response

from api.auth.tenant import TenantId
from api.compat.replicate.errors import OF_READS, OF_SUBMISSIONS, problems
from api.compat.replicate.requests import ForeignJobsDep, answer, next_page, signed_urls
from api.compat.replicate.schemas import Page, page
from api.core.domain_errors import InvalidSubmissionError, NotFoundError
from api.core.paging import decode_cursor
from api.jobs import removal
from api.jobs.input_pictures import store_picture
from api.schemas.jobs import ShortText
from api.services import Services, ServicesDep
from db.artifacts import uploads
from db.storage.object_store import ObjectNotFoundError
from db.tables import File as FileRow
from db.values.pictures import SUFFIXES, PictureError

router = APIRouter(prefix="/v1/files", tags=["files"])

_PAGE = 100
_OBJECT: dict[str, Any] = {"response_model": dict[str, Any], "responses": OF_READS}

FileId = Annotated[str, Path(pattern=r"^file_[0-9a-z]{26}$")]


@router.post("", status_code=201, response_model=dict[str, Any], responses=OF_SUBMISSIONS)
def create_file(
    content: Annotated[UploadFile, File(description="A PNG, JPEG or WebP picture")],
    services: ServicesDep,
    tenant_id: TenantId,
    jobs: ForeignJobsDep,
) -> Response:
    """Upload a picture; other files are refused. Its name and metadata are not kept."""
    # One byte more than allowed is enough to detect a picture that is too large.
    data = content.file.read(services.settings.max_picture_bytes + 1)
    try:
        row = store_picture(services, tenant_id, data)
    except PictureError as error:
        message = f"{error}; only pictures are taken here"
        raise InvalidSubmissionError.of_field(("content",), message, "invalid_image") from error
    shown = _view(services, jobs.base, row)
    shown["checksums"]["md5"] = _md5(data)
    return answer({**shown, "name": content.filename or shown["name"]}, 201)


@router.get("", response_model=Page, responses=OF_READS)
def list_files(
    request: Request,
    services: ServicesDep,
    tenant_id: TenantId,
    jobs: ForeignJobsDep,
    cursor: Annotated[str | None, Query(max_length=100)] = None,
) -> Response:
    """Your uploads, newest first."""
    last_id = decode_cursor(cursor, "file")
    with services.database.transaction(durable=False) as session:
        rows = uploads.list_uploads(session, tenant_id, after_id=last_id, limit=_PAGE + 1)
        results = [_view(services, jobs.base, row) for row in rows[:_PAGE]]
    following = next_page(request, jobs.base, results[-1]["id"]) if len(rows) > _PAGE else None
    return answer(page(results, following))


@router.get("/{file_id}", **_OBJECT)
def get_file(
    file_id: ShortText, services: ServicesDep, tenant_id: TenantId, jobs: ForeignJobsDep
) -> Response:
    """An upload."""
    return answer(_view(services, jobs.base, _find(services, tenant_id, file_id)))


@router.delete("/{file_id}", status_code=204, responses=OF_READS | problems(409))
def delete_file(file_id: ShortText, services: ServicesDep, tenant_id: TenantId) -> None:
    """Delete an upload; 409 while an unfinished prediction uses it."""
    removal.remove_file(services, tenant_id=tenant_id, file_id=file_id)


@router.get(
    "/{file_id}/download/{name}",
    response_class=Response,
    responses={
        200: {"description": "The picture", "content": {kind: {} for kind in SUFFIXES}},
        **problems(404, 422, 429, 503),
    },
)
def download_file(file_id: FileId, name: ShortText, services: ServicesDep) -> Response:
    """An upload's bytes. The URL needs no key, and expires; a GET on the file makes a fresh one."""
    token, _, _suffix = name.rpartition(".")
    seconds = services.settings.artifact_url_seconds
    tenant_id = signed_urls(services).tenant_of_download(token, file_id, valid_seconds=seconds)
    row = _find(services, tenant_id, file_id)
    try:
        data = services.store.get(row.key).data
    except ObjectNotFoundError as error:
        raise NotFoundError("file") from error
    headers = {"Cache-Control": "private, max-age=3600", "X-Content-Type-Options": "nosniff"}
    return Response(data, 200, headers, row.media_type)


def _find(services: Services, tenant_id: str, file_id: str) -> FileRow:
    with services.database.transaction(durable=False) as session:
        row = uploads.find(session, tenant_id=tenant_id, file_id=file_id)
        if row is None:
            raise NotFoundError("file")
        session.expunge(row)
    return row


def _view(services: Services, base: str, row: FileRow) -> dict[str, Any]:
    path = signed_urls(services).download_path(row.tenant_id, row.id, row.media_type)
    return {
        "id": row.id,
        "name": f"{row.id}.{SUFFIXES[row.media_type]}",
        "content_type": row.media_type,
        "size": row.bytes,
        "etag": row.sha256,
        "checksums": {"sha256": row.sha256},
        "metadata": {},
        "created_at": row.created_at.isoformat().replace("+00:00", "Z"),
        "expires_at": None,
        "urls": {"get": f"{base}/replicate/v1/files/{row.id}", "download": base + path},
    }


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
