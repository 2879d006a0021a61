"""Submission of a task: translated, priced, and answered as the vendor does."""

from typing import Any

from api.auth.tenant import Caller
from api.compat.bfl.endpoints import find_endpoint
from api.compat.bfl.translation import Fields, translate
from api.compat.shared.foreign_job import ForeignJob, ForeignJobs
from api.compat.shared.pictures import as_native, data_uri
from api.compat.shared.stored_pictures import input_bytes, mask_of_alpha
from api.compat.shared.submission import ForeignRequest, ForeignResult, submit_foreign
from api.core.domain_errors import InvalidSubmissionError
from api.services import Services
from db.artifacts import uploads
from db.values.pictures import PictureError
from db.values.pricing import PIXELS_PER_MEGAPIXEL
from db.values.surfaces import SurfaceName
from workers.catalog import Variant, picture_fields

_MICROS_PER_CREDIT = 10_000
"""A credit is a cent."""

_DIGITS = 4


def credits_of(micros: int) -> float:
    """An amount in micro-USD as the vendor's credits, which are cents."""
    return micros / _MICROS_PER_CREDIT


def submit_task(
    services: Services,
    caller: Caller,
    jobs: ForeignJobs,
    endpoint: str,
    fields: Fields,
    *,
    idempotency_key: str | None,
) -> tuple[ForeignResult, dict[str, Any]]:
    """Submit a task; the result, and its answer.

    Raises:
        api.core.domain_errors.ModelNotOfferedError: no variant serves the endpoint.
        Exception: as `api.compat.shared.submission.submit_foreign`.
    """
    variant = find_endpoint(services.catalogue, endpoint)
    translation = translate(
        variant, endpoint, _with_mask_of_alpha(services, caller, variant, fields)
    )
    url = fields.get("webhook_url")
    request = ForeignRequest(
        SurfaceName.BFL,
        translation,
        {"endpoint": endpoint},
        settings={"webhook": {"url": url}} if url is not None else {},
        names={("webhook",): "webhook_url"},
    )
    result = submit_foreign(services, caller, jobs, request, idempotency_key=idempotency_key)
    webhook = {} if url is None else {"status": "Pending", "webhook_url": url}
    input_mp, output_mp = _megapixels(services, caller, variant, result.job)
    return result, {
        "id": result.job.view.id,
        "polling_url": f"{jobs.base}/bfl/v1/get_result?id={result.job.view.id}",
        "cost": credits_of(result.job.view.price.amount_micros),
        "input_mp": input_mp,
        "output_mp": output_mp,
        **webhook,
    }


def _with_mask_of_alpha(
    services: Services, caller: Caller, variant: Variant, fields: Fields
) -> Fields:
    """The fields with the mask that the transparency of `image` stands for, if it has any."""
    name = as_native(fields.get("image"))
    if not isinstance(name, str) or fields.get("mask") or not _takes_mask(variant):
        return fields
    try:
        data = input_bytes(services, caller.tenant_id, name)
        mask = mask_of_alpha(services, caller.tenant_id, data)
    except PictureError as error:
        raise InvalidSubmissionError.of_field(["image"], str(error), "invalid_image") from error
    # Sent on as it came: another fetch might bring another picture.
    return {**fields, "image": data_uri(data), **({"mask": mask} if mask else {})}


def _takes_mask(variant: Variant) -> bool:
    return "mask" in variant.parameters.model_fields


def _megapixels(
    services: Services, caller: Caller, variant: Variant, job: ForeignJob
) -> tuple[float, float | None]:
    """The megapixels of the pictures that a task paints from, and of the one that it paints.

    The latter is None where only the vendor of a hosted model knows it.
    """
    keys = [
        key
        for name in picture_fields(variant.parameters)
        if name != "mask"
        for key in _listed(job.input.get(name))
    ]
    width, height = job.input.get("width"), job.input.get("height")
    output = _in_megapixels(width * height) if width and height else None
    if not keys:
        return 0.0, output
    with services.database.autocommit() as session:
        rows = uploads.find_by_keys(session, caller.tenant_id, keys)
        pixels = sum(rows[key].width * rows[key].height for key in keys if key in rows)
    return _in_megapixels(pixels), output


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else [*(value or ())]


def _in_megapixels(pixels: int) -> float:
    return round(pixels / PIXELS_PER_MEGAPIXEL, _DIGITS)
