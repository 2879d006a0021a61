"""`/v1/files`: uploads as OpenAI's clients send and read them, each with an id of its own."""

import re
from typing import Annotated, Literal

from fastapi import APIRouter, File, Form, Query, Response, UploadFile
from pydantic import BaseModel, Field

from api.auth.tenant import TenantId
from api.compat.openai.documents import CHANGED, READ
from api.compat.shared.echo import storable
from api.core.errors import invalid, not_found
from api.jobs import removal
from api.jobs.input_pictures import store_upload
from api.schemas.jobs import ShortText
from api.services import Services, ServicesDep
from db.artifacts import file_names
from db.artifacts.file_names import NamedFile, NewName
from db.storage.object_store import ObjectNotFoundError
from db.values.pictures import SUFFIXES
from db.values.surfaces import SurfaceName

router = APIRouter(prefix="/v1/files", tags=["files"])

_PURPOSE = "vision"
_MOST = 10_000
_MAX_FILENAME = 255
_FILE_ID = re.compile(r"file_[0-9a-z]{26}")


class FileObject(BaseModel):
    """An uploaded picture."""

    id: str = Field(examples=["file_01jd8w7n4tq0c3v5x9y2z6k8m1"])
    object: Literal["file"] = "file"
    bytes: int
    created_at: int
    expires_at: int | None = None
    filename: str
    purpose: str = _PURPOSE
    status: Literal["processed"] = "processed"


class FilePage(BaseModel):
    """Uploaded pictures."""

    object: Literal["list"] = "list"
    data: list[FileObject]
    has_more: bool
    first_id: str | None
    last_id: str | None


class DeletedFile(BaseModel):
    """A file that was deleted."""

    id: str
    object: Literal["file"] = "file"
    deleted: Literal[True] = True


class FileQuery(BaseModel):
    """The page of the list."""

    after: str | None = None
    limit: int = Field(_MOST, ge=1, le=_MOST)
    order: Literal["asc", "desc"] = "desc"


@router.post("", responses=CHANGED)
def upload_file(
    file: Annotated[UploadFile, File(description="The picture", examples=["(bytes)"])],
    services: ServicesDep,
    tenant_id: TenantId,
    purpose: Annotated[
        str, Form(max_length=100, description="Any: a picture serves all purposes")
    ] = _PURPOSE,
) -> FileObject:
    """Upload a PNG, JPEG, WebP, AVIF, HEIC, GIF or BMP picture.

    The same bytes again get another id, and no more room.
    """
    data = file.file.read(services.settings.max_picture_bytes + 1)
    filename = storable((file.filename or "")[:_MAX_FILENAME])
    new = NewName(SurfaceName.OPENAI, filename, storable(purpose))
    return _file(store_upload(services, tenant_id, data, new))


@router.get("", responses=READ)
def list_files(
    query: Annotated[FileQuery, Query()], services: ServicesDep, tenant_id: TenantId
) -> FilePage:
    """The pictures that were uploaded here, newest first."""
    if query.after is not None and not _FILE_ID.fullmatch(query.after):
        raise invalid(["query", "after"], "this is no file's id")
    with services.database.transaction(durable=False) as session:
        rows = file_names.list_names(
            session,
            tenant_id,
            SurfaceName.OPENAI,
            after_id=query.after,
            newest_first=query.order == "desc",
            limit=query.limit + 1,
        )
        page = [_file(row) for row in rows[: query.limit]]
    return FilePage(
        data=page,
        has_more=len(rows) > query.limit,
        first_id=page[0].id if page else None,
        last_id=page[-1].id if page else None,
    )


@router.get("/{file_id}", responses=READ)
def get_file(file_id: ShortText, services: ServicesDep, tenant_id: TenantId) -> FileObject:
    """One uploaded picture."""
    return _file(_find(services, tenant_id, file_id))


@router.get(
    "/{file_id}/content",
    response_class=Response,
    responses={
        **READ,
        200: {"description": "The picture", "content": {kind: {} for kind in SUFFIXES}},
    },
)
def get_content(file_id: ShortText, services: ServicesDep, tenant_id: TenantId) -> Response:
    """The picture's bytes."""
    row = _find(services, tenant_id, file_id).file
    try:
        return Response(services.store.get(row.key).data, media_type=row.media_type)
    except ObjectNotFoundError as error:
        raise not_found("file") from error


@router.delete("/{file_id}", responses=CHANGED)
def delete_file(file_id: ShortText, services: ServicesDep, tenant_id: TenantId) -> DeletedFile:
    """Delete an upload; other uploads of the same picture, and jobs that use it, keep it."""
    removal.remove_file(services, tenant_id=tenant_id, file_id=file_id)
    return DeletedFile(id=file_id)


def _find(services: Services, tenant_id: str, file_id: str) -> NamedFile:
    with services.database.transaction(durable=False) as session:
        found = file_names.find(session, tenant_id=tenant_id, name_id=file_id)
    if found is None:
        raise not_found("file")
    return found


def _file(found: NamedFile) -> FileObject:
    return FileObject(
        id=found.id,
        bytes=found.file.bytes,
        created_at=int(found.created_at.timestamp()),
        expires_at=None if found.expires_at is None else int(found.expires_at.timestamp()),
        filename=found.filename or f"{found.id}.{SUFFIXES[found.file.media_type]}",
        purpose=found.purpose or _PURPOSE,
    )
