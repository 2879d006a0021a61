"""Uploads: a picture is sent once and can be named in many jobs."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, File, Request, UploadFile

from api.auth.tenant import TenantId
from api.core.errors import invalid
from api.jobs import removal
from api.jobs.input_pictures import store_picture
from api.schemas.jobs import FileView, ShortText
from api.schemas.removal import FileRemovalView
from api.services import ServicesDep
from db.values.pictures import PictureError

router = APIRouter(prefix="/v1/files", tags=["files"])

_MAX_SHOWN = 60


async def _require_one_file(request: Request) -> None:
    """Refuse a form with more than the file: what is not understood is not dropped in silence."""
    form = await request.form()
    for name, _ in form.multi_items():
        if name != "file":
            message = f"this form takes no {name[:_MAX_SHOWN]!r}; it takes file alone"
            raise invalid(["body", name], message, "unknown_field")
    if len(form.getlist("file")) > 1:
        raise invalid(["body", "file"], "send one file a request", "repeated_field")


@router.post("", status_code=201, dependencies=[Depends(_require_one_file)])
def upload_file(
    file: Annotated[UploadFile, File(description="The picture", examples=["(bytes)"])],
    services: ServicesDep,
    tenant_id: TenantId,
) -> FileView:
    """Upload a PNG, JPEG, WebP, AVIF, HEIC, GIF or BMP; the same bytes always get the same id."""
    most = services.settings.max_picture_bytes
    if (size := file.size or 0) > most:
        raise PictureError(f"the picture has {size} bytes; {most} is the limit")
    row = store_picture(services, tenant_id, file.file.read())
    return FileView(
        id=row.id,
        media_type=row.media_type,
        width=row.width,
        height=row.height,
        bytes=row.bytes,
        sha256=row.sha256,
    )


@router.delete("/{file_id}")
def delete_file(file_id: ShortText, services: ServicesDep, tenant_id: TenantId) -> FileRemovalView:
    """Delete an uploaded picture, which frees its bytes; 409 while an unfinished job uses it.

    The response says what went and what stays.

    The same picture that was uploaded by a compatible API, too, stays there under its other id.
    A submission that is being made with it at this moment may fail, and is not charged.
    """
    report = removal.remove_file(services, tenant_id=tenant_id, file_id=file_id)
    return FileRemovalView(id=file_id, **asdict(report))
