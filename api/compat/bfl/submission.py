"""Submission of a task: translated, priced, and answered as the vendor does."""

from typing import Any

from api.auth.tenant import Caller
from api.compat.bfl.endpoints import find_endpoint
from api.compat.bfl.rendering import PENDING
from api.compat.bfl.translation import Fields, translate
from api.compat.shared.fields import present
from api.compat.shared.foreign_job import ForeignJob, ForeignJobs
from api.compat.shared.picture_files import mask_of_transparency
from api.compat.shared.pictures import as_native
from api.compat.shared.submission import (
    ForeignRequest,
    ForeignResult,
    ForeignWebhook,
    submit_foreign,
)
from api.core.domain_errors import InvalidSubmissionError
from api.services import Services
from db.artifacts import uploads
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
    variant, fields = find_endpoint(services.catalogue, endpoint), present(fields)
    translation = translate(variant, endpoint, _with_mask(services, caller, variant, fields))
    webhook = _webhook(fields)
    request = ForeignRequest(
        SurfaceName.BFL,
        translation,
        {"model": endpoint, "key_id": caller.key_id},
        names={("webhook", "url"): "webhook_url", ("webhook", "secret"): "webhook_secret"},
        webhook=webhook,
    )
    result = submit_foreign(services, caller, jobs, request, idempotency_key=idempotency_key)
    input_mp, output_mp = _megapixels(services, caller, variant, result.job)
    return result, {
        "id": result.job.view.id,
        "polling_url": f"{jobs.base}/bfl/v1/get_result?id={result.job.view.id}",
        "cost": credits_of(result.job.view.price.amount_micros),
        "input_mp": input_mp,
        "output_mp": output_mp,
        **({} if webhook is None else {"status": PENDING, "webhook_url": webhook.url}),
    }


def _webhook(fields: Fields) -> ForeignWebhook | None:
    url, secret = fields.get("webhook_url"), fields.get("webhook_secret")
    if secret is not None and not isinstance(secret, str):
        raise InvalidSubmissionError.of_field(["webhook_secret"], "must be a text", "string_type")
    return None if url is None else ForeignWebhook(url, secret=secret or "")


def _with_mask(services: Services, caller: Caller, variant: Variant, fields: Fields) -> Fields:
    """The fields with the mask that the transparency of `image` stands for, if it has any."""
    name = as_native(fields.get("image"))
    if not isinstance(name, str) or fields.get("mask") or not _takes_mask(variant):
        return fields
    picture, mask = mask_of_transparency(services, caller, name, "image")
    return {**fields, "image": picture, **({"mask": mask} if mask else {})}


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
