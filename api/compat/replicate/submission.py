"""Submission of a prediction: its model, its input and its webhook, translated."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from api.auth.tenant import Caller
from api.compat.replicate import florence_input, flux_input
from api.compat.replicate.references import ModelReference
from api.compat.replicate.rendering import PredictionEcho
from api.compat.replicate.schemas import Events, PredictionBody
from api.compat.replicate.waits import seconds_of
from api.compat.shared.echo import shortened
from api.compat.shared.fields import present
from api.compat.shared.foreign_job import ForeignJobs
from api.compat.shared.measured_pictures import MeasuredPicture, store_and_measure
from api.compat.shared.picture_files import mask_of_transparency
from api.compat.shared.pictures import as_native
from api.compat.shared.submission import (
    ForeignRequest,
    ForeignResult,
    ForeignWebhook,
    submit_foreign,
)
from api.compat.shared.translation import Place, Translation
from api.services import Services
from db.values.blank import is_absent
from db.values.surfaces import SurfaceName
from db.webhooks.types import ProgressEvent, WebhookEvent
from workers.catalog import Family, Variant

_EVENTS: dict[Events, tuple[WebhookEvent | ProgressEvent, ...]] = {
    "start": (ProgressEvent.STARTED,),
    "output": (ProgressEvent.OUTPUT,),
    "logs": (ProgressEvent.LOGS,),
    "completed": tuple(WebhookEvent),
}

_WEBHOOK_URL: Place = ("webhook", "url")


@dataclass(frozen=True)
class PredictionRequest:
    """A prediction as it was asked for.

    Attributes:
        reference: the model.
        body: the request's body.
        cancel_after: the header of that name.
        idempotency_key: the header of that name.
    """

    reference: ModelReference
    body: PredictionBody
    cancel_after: str | None = None
    idempotency_key: str | None = None


def submit_prediction(
    services: Services, caller: Caller, jobs: ForeignJobs, asked: PredictionRequest
) -> ForeignResult:
    """Submit a prediction, or rejoin the unfinished one of an equal request.

    Raises:
        Exception: as `api.compat.shared.submission.submit_foreign`.
    """
    reference, body = asked.reference, asked.body
    kept = shortened(body.input)
    echo = PredictionEcho(reference.name, reference.version, kept, caller.key_id)
    seconds = None if is_absent(asked.cancel_after) else seconds_of(asked.cancel_after or "")
    request = ForeignRequest(
        SurfaceName.REPLICATE,
        _translation(services, caller, asked),
        echo.as_json(),
        settings={} if seconds is None else {"expires_in_seconds": seconds},
        names={_WEBHOOK_URL: "webhook" if body.webhook else "webhook_completed"},
        webhook=_webhook(body),
    )
    return submit_foreign(services, caller, jobs, request, idempotency_key=asked.idempotency_key)


def _translation(services: Services, caller: Caller, asked: PredictionRequest) -> Translation:
    variant, fields = asked.reference.variant, present(asked.body.input)

    def measure(picture: str, foreign: str) -> MeasuredPicture:
        return store_and_measure(services, caller, picture, foreign)

    if variant.family == Family.FLORENCE2:
        return florence_input.translate(variant, fields, measure)
    return flux_input.translate(variant, _with_mask(services, caller, variant, fields))


def _with_mask(
    services: Services, caller: Caller, variant: Variant, fields: Mapping[str, Any]
) -> Mapping[str, Any]:
    """The input; where a variant needs a mask and has none, with that of its transparency."""
    mask = variant.parameters.model_fields.get("mask")
    picture = as_native(fields.get("image"))
    needs_mask = mask is not None and mask.is_required() and not fields.get("mask")
    if not needs_mask or not picture or not isinstance(picture, str):
        return fields
    stored, found = mask_of_transparency(services, caller, picture, "image")
    return {**fields, "image": stored, **({"mask": found} if found else {})}


def _webhook(body: PredictionBody) -> ForeignWebhook | None:
    if not body.webhook:
        only_end = _EVENTS["completed"]
        return ForeignWebhook(body.webhook_completed, only_end) if body.webhook_completed else None
    names = body.webhook_events_filter or list(_EVENTS)
    events = [event for name in dict.fromkeys(names) for event in _EVENTS[name]]
    return ForeignWebhook(body.webhook, tuple(events))
