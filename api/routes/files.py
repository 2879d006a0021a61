"""Uploads: a picture is sent once and can be named in many jobs."""

from typing import Annotated

from fastapi import APIRouter, File, UploadFile

from api.auth.tenant import TenantId
from api.jobs import removal
from api.jobs.input_pictures import store_picture
from api.schemas.jobs import FileView, ShortText
from api.services import ServicesDep

router = APIRouter(prefix="/v1/files", tags=["files"])


@router.post("", status_code=201)
def upload_file(
    file: Annotated[UploadFile, File(description="The picture", examples=["(bytes)"])],
    services: ServicesDep,
    tenant_id: TenantId,
) -> FileView:
    """Upload a PNG, JPEG, WebP, AVIF, HEIC, GIF or BMP; the same bytes always get the same id."""
    # One byte more than allowed is enough to detect a picture that is too large.
    data = file.file.read(services.settings.max_picture_bytes + 1)
    row = store_picture(services, tenant_id, data)
    return FileView(
        id=row.id,
        media_type=row.media_type,
        width=row.width,
        height=row.height,
        bytes=row.bytes,
        sha256=row.sha256,
    )


@router.delete("/{file_id}", status_code=204)
def delete_file(file_id: ShortText, services: ServicesDep, tenant_id: TenantId) -> None:
    """Delete an uploaded picture, which frees its bytes; 409 while an unfinished job uses it.

    The same picture that was uploaded by a compatible API, too, stays there under its other id.
    A submission that is being made with it at this moment may fail, and is not charged.
    """
    removal.remove_file(services, tenant_id=tenant_id, file_id=file_id)
