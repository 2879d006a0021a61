"""Uploads: a picture is sent once and can be named in many jobs."""

from typing import Annotated

from fastapi import APIRouter, Depends, File, Request, UploadFile

from api.auth.tenant import TenantId
from api.core.errors import invalid
from api.jobs import removal
from api.jobs.input_pictures import store_picture
from api.schemas.jobs import FileView, ShortText
from api.services import ServicesDep

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
    """Upload a PNG, JPEG or WebP picture; the same bytes always get the same id."""
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
