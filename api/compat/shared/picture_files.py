"""Bytes of stored pictures: those that a request names, and those that a job has made."""

from collections.abc import Sequence
from dataclasses import dataclass

from api.auth.tenant import Caller
from api.compat.shared.pictures import data_uri
from api.compat.shared.usable_key import require_usable_key
from api.core.errors import not_found
from api.jobs.input_pictures import PictureResolver, refused_picture
from api.services import Services
from db.artifacts import uploads
from db.jobs.queries import artifacts_of
from db.storage.object_store import ObjectNotFoundError
from db.tables import Artifact
from db.values import pictures
from db.values.artifact_kinds import ArtifactKind
from db.values.mask_levels import has_white
from db.values.pictures import PictureError, PictureLimits


@dataclass(frozen=True)
class ResultFile:
    """A stored result of a job, and its row."""

    row: Artifact
    data: bytes


def result_files(services: Services, job_id: str, kind: ArtifactKind) -> Sequence[ResultFile]:
    """The files of one kind that a job has made, in order; they block while they are read.

    Raises:
        api.core.errors.ProblemError: 404, one of them was removed meanwhile.
    """
    with services.database.autocommit() as session:
        rows = artifacts_of(session, [job_id]).get(job_id, [])
    try:
        return [
            ResultFile(row, services.store.get(row.key).data) for row in rows if row.kind == kind
        ]
    except ObjectNotFoundError as error:
        raise not_found("artifact") from error


def mask_of_transparency(
    services: Services, caller: Caller, picture: str, foreign: str
) -> tuple[str, str | None]:
    """The mask that a picture's own transparency stands for: white, repainted, where it is clear.

    Args:
        services: the process's services.
        caller: the key, and the tenant whose share of the memory for pictures it takes.
        picture: the picture as the native API takes it.
        foreign: the field that named it.

    Returns:
        The name by which a submission finds the picture without another fetch; the mask as a data
        URI, None for a picture that is nowhere more than half transparent.

    Raises:
        InvalidSubmissionError: there is no such picture, or it is not acceptable.
        Exception: as `api.jobs.input_pictures.PictureResolver.resolve`, and
            `api.compat.shared.usable_key.require_usable_key`.
    """
    require_usable_key(services, caller)
    tenant_id = caller.tenant_id
    settings = services.settings
    reserve = services.decode_budget.of(tenant_id)
    limits = PictureLimits(settings.max_picture_bytes, settings.max_picture_pixels)
    try:
        key = PictureResolver(services, tenant_id).resolve(picture).key
        data = services.store.get(key).data
        mask = pictures.transparent_area(data, limits, reserve)
        if mask and not has_white(mask, limits, reserve):
            mask = None
    except PictureError as error:
        raise refused_picture((foreign,), error) from error
    except ObjectNotFoundError as error:
        deleted = PictureError("this picture has been deleted")
        raise refused_picture((foreign,), deleted) from error
    with services.database.autocommit() as session:
        row = uploads.find_by_keys(session, tenant_id, [key]).get(key)
    return picture if row is None else row.id, data_uri(mask) if mask else None
