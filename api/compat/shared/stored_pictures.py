"""Bytes of stored pictures: those that a request names, and those that a job has made."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

from api.compat.shared.pictures import data_uri
from api.core.errors import not_found
from api.jobs.input_pictures import PictureResolver
from api.services import Services
from db.jobs.queries import artifacts_of
from db.storage.object_store import ObjectNotFoundError
from db.tables import Artifact
from db.values import pictures
from db.values.artifact_kinds import ArtifactKind
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
    with services.database.transaction(durable=False) as session:
        rows = artifacts_of(session, [job_id]).get(job_id, [])
    try:
        return [
            ResultFile(row, services.store.get(row.key).data) for row in rows if row.kind == kind
        ]
    except ObjectNotFoundError as error:
        raise not_found("artifact") from error


def input_bytes(services: Services, tenant_id: str, name: str) -> bytes:
    """The bytes of a picture that a request names in any way that the native API takes.

    Raises:
        PictureError: there is no such picture, or it is not acceptable.
        Exception: as `api.jobs.input_pictures.PictureResolver.resolve`.
    """
    key = PictureResolver(services, tenant_id).resolve(name).key
    try:
        return services.store.get(key).data
    except ObjectNotFoundError as error:
        raise PictureError("this picture has been deleted") from error


def mask_of_alpha(services: Services, tenant_id: str, data: bytes) -> str | None:
    """The mask that a picture's own transparency stands for, as a data URI: 0 is repainted.

    Args:
        services: the process's services.
        tenant_id: the tenant, whose share of the memory for pictures it takes.
        data: the picture's file.

    Returns:
        A picture that is white where this one is transparent; None where all of it is opaque.

    Raises:
        PictureError: the picture is not acceptable.
        db.values.decode_budget.DecodingBusyError: too many pictures are being decoded.
    """
    settings = services.settings
    limits = PictureLimits(settings.max_picture_bytes, settings.max_picture_pixels)
    alpha = pictures.alpha_of(data, limits, services.decode_budget.of(tenant_id))
    if alpha is None:
        return None
    buffer = io.BytesIO()
    alpha.point(lambda opacity: 255 - opacity).save(buffer, "PNG", compress_level=1)
    return data_uri(buffer.getvalue())
