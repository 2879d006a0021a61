"""The bytes of artifacts by signed URL: without an API key, the token grants the access."""

from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import RedirectResponse, Response

from api.core.artifact_urls import DIRECT_ARTIFACTS
from api.core.documented_responses import documented_headers
from api.core.errors import not_found
from api.services import Services, ServicesDep
from db.jobs.queries import find_artifact
from db.storage.object_store import ObjectNotFoundError
from db.tables import Artifact

router = APIRouter(prefix="/v1/artifacts", tags=["artifacts"])

direct_router = APIRouter(prefix=DIRECT_ARTIFACTS, tags=["artifacts"])

ArtifactName = Annotated[str, Path(pattern=r"^\d{1,4}\.(png|jpg|jpeg|webp|json)$")]

_PRESIGN_SECONDS = 300
_PICTURES = ("image/png", "image/jpeg", "image/webp")

_COCO = {
    "images": [{"id": 1, "file_name": "picture", "width": 320, "height": 240}],
    "annotations": [
        {
            "id": 1,
            "image_id": 1,
            "category_id": 1,
            "bbox": [150, 60, 90, 90],
            "area": 8100,
            "iscrowd": 0,
            "segmentation": [],
            "score": 0.97,
            "raw_score": 0.14,
            "task": "<OD>",
        }
    ],
    "categories": [{"id": 1, "name": "circle"}],
}


@router.get(
    "/{token}/{name}",
    response_class=Response,
    responses={
        200: {
            "description": "The picture, or the annotations of one",
            "headers": documented_headers("ETag"),
            "content": {
                **{kind: {"example": "(bytes)"} for kind in _PICTURES},
                "application/json": {"schema": {"type": "object"}, "example": _COCO},
            },
        },
        307: {
            "description": "Redirect to the object store, where it serves results",
            "headers": documented_headers("Location"),
        },
    },
)
def get_artifact(
    token: str,
    name: ArtifactName,
    services: ServicesDep,
) -> Response:
    """An artifact of a job. The URL expires; a GET on the job makes a fresh one.

    A `.json` is a COCO file: `images` (the analyzed one), `annotations` and `categories`, with
    boxes as `[x, y, width, height]` in its pixels.
    """
    row = _find(services, token, name)
    store_url = services.presign(row.key, _PRESIGN_SECONDS)
    if store_url is not None:
        return RedirectResponse(store_url, headers={"Cache-Control": "no-store"})
    return _bytes_of(services, row)


@direct_router.get("/{token}/{name}", response_class=Response, include_in_schema=False)
def get_artifact_directly(token: str, name: ArtifactName, services: ServicesDep) -> Response:
    """An artifact's bytes, wherever they are stored: for clients that follow no redirect."""
    return _bytes_of(services, _find(services, token, name))


def _find(services: Services, token: str, name: str) -> Artifact:
    job_id = services.artifact_urls.job_of(token)
    with services.database.transaction(durable=False) as session:
        row = find_artifact(session, job_id, int(name.partition(".")[0]))
    if row is None:
        raise not_found("artifact")
    return row


def _bytes_of(services: Services, row: Artifact) -> Response:
    try:
        stored = services.store.get(row.key)
    except ObjectNotFoundError as error:
        raise not_found("artifact") from error
    return Response(
        stored.data,
        media_type=row.media_type,
        headers={
            "Cache-Control": "private, max-age=3600, immutable",
            "ETag": f'"{row.sha256}"',
            "X-Content-Type-Options": "nosniff",
        },
    )
