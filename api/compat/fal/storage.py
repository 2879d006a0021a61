"""fal's storage: an upload is announced, then sent without a key; its file is read without one.

Also the key set by which receivers verify webhooks.
"""

import hashlib
import re
from typing import Annotated, Any

from fastapi import APIRouter, Body, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from api.auth.tenant import IdentifiedCallerDep
from api.compat.fal.documents import MADE, OPEN, PICTURE
from api.compat.fal.error_bodies import Json
from api.compat.fal.queue import JobsDep
from api.compat.fal.upload_urls import UploadUrls
from api.core.artifact_urls import InvalidTokenError
from api.core.errors import ProblemError, invalid, not_found
from api.core.json_body import JsonRoute
from api.jobs.input_pictures import fulfil_upload
from api.services import Services, ServicesDep
from db.artifacts import file_names, uploads
from db.artifacts.file_names import NameTakenError, NewName, OpenName, TooManyOpenError
from db.storage.object_store import ObjectNotFoundError
from db.values.imaging.header import FORMATS
from db.values.pictures import SUFFIXES, PictureError
from db.values.surfaces import SurfaceName
from workers.outbound.ed25519 import WebhookKey

PREFIX = "/fal"

rest = APIRouter(prefix="/rest", tags=["storage"], route_class=JsonRoute)
router = APIRouter(tags=["storage"])

_ANY_TYPE = "application/octet-stream"
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")
_MAX_NAME = 80
_SECONDS = file_names.OPEN_TIME.total_seconds()


def _urls(services: Services) -> UploadUrls:
    return UploadUrls(services.settings.url_secret.get_secret_value())


@rest.post("/storage/upload/initiate", responses=MADE)
def initiate_upload(
    body: Annotated[dict[str, Any], Body(description="`content_type` and `file_name`")],
    services: ServicesDep,
    caller: IdentifiedCallerDep,
    jobs: JobsDep,
) -> Json:
    """The address to send a picture to, and the URL by which it is read and named in requests."""
    content_type, file_name = body.get("content_type"), body.get("file_name")
    if not isinstance(content_type, str) or not (
        content_type.startswith("image/") or content_type == _ANY_TYPE
    ):
        raise invalid(
            ["body", "content_type"], f"pictures alone are taken, image/png and so on: {FORMATS}"
        )
    name = _safe_name(file_name)
    new = NewName(SurfaceName.FAL, name)
    try:
        with services.database.transaction() as session:
            file_id = file_names.reserve(
                session, tenant_id=caller.tenant_id, api_key_id=caller.key_id, new=new
            )
    except TooManyOpenError as error:
        raise ProblemError(429, "too_many_uploads", str(error), {"Retry-After": "60"}) from None
    own, urls = f"{jobs.base}{PREFIX}", _urls(services)
    path = urls.file_path(file_id, name)
    return {"upload_url": own + urls.upload_path(file_id), "file_url": own + path}


def _safe_name(file_name: Any) -> str:
    """A file's name as the last segment of a URL."""
    name = _NOT_IN_NAMES.sub("_", file_name) if isinstance(file_name, str) else ""
    return name.strip(".")[-_MAX_NAME:] or "picture"


@rest.post("/storage/upload/initiate-multipart", responses=MADE)
async def initiate_multipart_upload(services: ServicesDep, _caller: IdentifiedCallerDep) -> None:
    """Refused: no picture is so large that it is sent in parts."""
    most = services.settings.max_picture_bytes
    raise ProblemError(413, "file_too_large", f"a picture has at most {most} bytes")


@rest.api_route("/tokens{path:path}", methods=["GET", "POST"], include_in_schema=False)
async def refuse_realtime(path: str) -> None:
    """Refused: a token is asked for by a realtime connection alone."""
    del path
    detail = "realtime connections are not served here: use run, stream, or the queue"
    raise ProblemError(404, "not_found", detail)


@router.put("/storage/upload/{token}", responses=MADE)
async def upload(token: str, request: Request, services: ServicesDep) -> Json:
    """Receive the picture of an announced upload; the same bytes again change nothing."""
    await run_in_threadpool(_open_reservation, services, token)
    data = await _received(request, services.settings.max_picture_bytes)
    await run_in_threadpool(_store, services, token, data)
    return {"status": "uploaded"}


def _open_reservation(services: Services, token: str) -> tuple[str, OpenName]:
    file_id = _urls(services).reservation_of(token, valid_seconds=_SECONDS)
    with services.database.autocommit() as session:
        found = file_names.find_open(session, file_id)
        if found is None:
            raise InvalidTokenError
        services.key_cache.check(session, found.api_key_id)
    return file_id, found


async def _received(request: Request, most: int) -> bytes:
    """The body; one byte more than allowed is enough to detect a picture that is too large."""
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > most:
            break
    return bytes(data)


def _store(services: Services, token: str, data: bytes) -> None:
    # Again: a body may take minutes, in which the key is revoked or another picture comes.
    file_id, reservation = _open_reservation(services, token)
    if reservation.sha256 not in {None, hashlib.sha256(data).hexdigest()}:
        raise _taken(NameTakenError())
    try:
        fulfil_upload(services, reservation.tenant_id, data, file_id)
    except PictureError as error:
        raise invalid(["body"], str(error), "invalid_image") from error
    except NameTakenError as error:
        raise _taken(error) from error


def _taken(error: NameTakenError) -> ProblemError:
    return ProblemError(409, "upload_used", str(error))


@router.get("/files/{file_id}/{token}/{name}", response_class=Response, responses=OPEN | PICTURE)
def read_file(file_id: str, token: str, name: str, services: ServicesDep) -> Response:
    """An uploaded picture, for anyone who has its URL, as long as URLs of results are valid."""
    del name
    _urls(services).check_file(token, file_id, valid_seconds=services.settings.artifact_url_seconds)
    with services.database.autocommit() as session:
        row = uploads.find_any(session, file_id)
    if row is None:
        raise not_found("file")
    try:
        data = services.store.get(row.key).data
    except ObjectNotFoundError as error:
        raise not_found("file") from error
    headers = {"Cache-Control": "private, max-age=3600", "X-Content-Type-Options": "nosniff"}
    headers["Content-Disposition"] = f'inline; filename="{file_id}.{SUFFIXES[row.media_type]}"'
    return Response(data, media_type=row.media_type, headers=headers)


@rest.get("/.well-known/jwks.json", responses=OPEN)
async def get_webhook_keys(services: ServicesDep) -> Json:
    """The public key that verifies the signatures of webhooks."""
    key = WebhookKey(services.settings.url_secret.get_secret_value())
    return {"keys": [key.jwk]}
