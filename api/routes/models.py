"""The models that the service offers."""

from fastapi import APIRouter

from api.core.errors import ProblemError
from api.schemas.jobs import ModelList, ModelView, ShortText
from api.services import Services, ServicesDep
from db.jobs.waiting import Outlook, queue_outlook
from workers import catalog
from workers.catalog import UnknownVariantError, Variant

router = APIRouter(prefix="/v1/models", tags=["models"])


@router.get("")
def list_models(services: ServicesDep) -> ModelList:
    """All models: their input's JSON Schema, price, licence, ready workers and expected wait."""
    return ModelList(models=_views(services, services.catalogue.variants()))


@router.get("/{model_id}")
def get_model(model_id: ShortText, services: ServicesDep) -> ModelView:
    """One model."""
    try:
        variant = services.catalogue.find(model_id)
    except UnknownVariantError as error:
        raise ProblemError(404, "not_found", str(error)) from error
    return _views(services, (variant,))[0]


def _views(services: Services, variants: tuple[Variant, ...]) -> list[ModelView]:
    with services.database.transaction(durable=False) as session:
        outlook = queue_outlook(session, [variant.id for variant in variants])
    return [_view(variant, outlook[variant.id]) for variant in variants]


def _view(variant: Variant, outlook: Outlook) -> ModelView:
    return ModelView(
        id=variant.id,
        title=variant.title,
        family=variant.family,
        tasks=list(variant.tasks),
        input_schema=catalog.json_schema(variant),
        limits={"deadline_seconds": variant.deadline_seconds, "max_batch": variant.max_batch},
        price=variant.price.describe(),
        unit_kind=variant.unit_kind,
        licence={
            "name": variant.licence.name,
            "url": variant.licence.url,
            "commercial_use": variant.licence.commercial_use,
            "content_filter_required": variant.licence.content_filter_required,
        },
        ready_workers=outlook.ready_workers,
        expected_wait_seconds=outlook.expected_wait_seconds,
        paused=outlook.paused,
    )
