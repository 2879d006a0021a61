"""Calls for files: pictures that are sent once and named in many predictions."""

import hashlib
import json
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, File, Path, Query, Request, UploadFile
from starlette import datastructures
from starlette.responses import Response

from api.auth.tenant import TenantId
from api.compat.replicate.errors import OF_READS, OF_SUBMISSIONS, problems
from api.compat.replicate.requests import ForeignJobsDep, answer, next_page, signed_urls
from api.compat.replicate.schemas import Page, page
from api.compat.shared.echo import shortened, storable
from api.core.domain_errors import InvalidSubmissionError, NotFoundError
from api.core.paging import decode_cursor
from api.jobs import removal
from api.jobs.input_pictures import store_upload
from api.schemas.jobs import ShortText
from api.services import Services, ServicesDep
from db.artifacts import file_names
from db.artifacts.file_names import NamedFile, NewName
from db.storage.object_store import ObjectNotFoundError
from db.values.imaging.header import FORMATS
from db.values.pictures import SUFFIXES, PictureError
from db.values.surfaces import SurfaceName

router = APIRouter(prefix="/v1/files", tags=["files"])

_PAGE = 100
_OBJECT: dict[str, Any] = {"response_model": dict[str, Any], "responses": OF_READS}

FileId = Annotated[str, Path(pattern=r"^file_[0-9a-z]{26}$")]


_MAX_NAME = 255


async def _metadata(request: Request) -> dict[str, Any]:
    """The client's own words about a file: a text in Python, a file of JSON in JavaScript."""
    sent = (await request.form()).get("metadata", "")
    text = await sent.read() if isinstance(sent, datastructures.UploadFile) else sent
    try:
        found = json.loads(text or "{}")
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise InvalidSubmissionError.of_field(("metadata",), "metadata is an object of JSON")
    kept: dict[str, Any] = shortened(found)
    return kept


@router.post("", status_code=201, response_model=dict[str, Any], responses=OF_SUBMISSIONS)
def create_file(
    content: Annotated[UploadFile, File(description=f"A {FORMATS} picture")],
    services: ServicesDep,
    tenant_id: TenantId,
    jobs: ForeignJobsDep,
    metadata: Annotated[dict[str, Any], Depends(_metadata)],
) -> Response:
    """Upload a picture; other files are refused. The same bytes again get another id."""
    # One byte more than allowed is enough to detect a picture that is too large.
    data = content.file.read(services.settings.max_picture_bytes + 1)
    filename = storable((content.filename or "")[:_MAX_NAME])
    new = NewName(SurfaceName.REPLICATE, filename, about=metadata)
    try:
        found = store_upload(services, tenant_id, data, new)
    except PictureError as error:
        message = f"{error}; only pictures are taken here"
        raise InvalidSubmissionError.of_field(("content",), message, "invalid_image") from error
    shown = _view(services, jobs.base, found)
    shown["checksums"]["md5"] = _md5(data)
    return answer(shown, 201)


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
        rows = file_names.list_names(
            session, tenant_id, SurfaceName.REPLICATE, after_id=last_id, limit=_PAGE + 1
        )
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
    """Delete an upload; other uploads of the same picture, and predictions with it, keep it."""
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
    row = _find(services, tenant_id, file_id).file
    try:
        data = services.store.get(row.key).data
    except ObjectNotFoundError as error:
        raise NotFoundError("file") from error
    headers = {"Cache-Control": "private, max-age=3600", "X-Content-Type-Options": "nosniff"}
    return Response(data, 200, headers, row.media_type)


def _find(services: Services, tenant_id: str, file_id: str) -> NamedFile:
    with services.database.transaction(durable=False) as session:
        found = file_names.find(session, tenant_id=tenant_id, name_id=file_id)
    if found is None:
        raise NotFoundError("file")
    return found


def _view(services: Services, base: str, found: NamedFile) -> dict[str, Any]:
    row = found.file
    path = signed_urls(services).download_path(row.tenant_id, found.id, row.media_type)
    return {
        "id": found.id,
        "name": found.filename or f"{found.id}.{SUFFIXES[row.media_type]}",
        "content_type": row.media_type,
        "size": row.bytes,
        "etag": row.sha256,
        "checksums": {"sha256": row.sha256},
        "metadata": found.about,
        "created_at": _time(found.created_at),
        "expires_at": None if found.expires_at is None else _time(found.expires_at),
        "urls": {"get": f"{base}/replicate/v1/files/{found.id}", "download": base + path},
    }


def _time(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
