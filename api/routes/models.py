"""What is offered."""

from fastapi import APIRouter

from api.schemas import ModelList, ModelView
from api.services import Services, ServicesDep
from api.submission import find_offered, offered
from db import job_queries
from workers import catalog
from workers.catalog import Variant

router = APIRouter(prefix="/v1/models", tags=["models"])


@router.get("")
def list_models(services: ServicesDep) -> ModelList:
    """Every model: its input's JSON Schema, price, licence, ready workers and expected wait."""
    return ModelList(models=_views(services, offered(services)))


@router.get("/{model_id}")
def get_model(model_id: str, services: ServicesDep) -> ModelView:
    """One model."""
    return _views(services, (find_offered(services, model_id),))[0]


def _views(services: Services, variants: tuple[Variant, ...]) -> list[ModelView]:
    with services.database.transaction(durable=False) as session:
        ready = job_queries.ready_workers(session)
        waits = {
            variant.id: job_queries.expected_wait_seconds(
                session, variant.id, ready.get(variant.id, 0)
            )
            for variant in variants
        }
    return [_view(variant, ready.get(variant.id, 0), waits[variant.id]) for variant in variants]


def _view(variant: Variant, ready: int, wait: float | None) -> ModelView:
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
        ready_workers=ready,
        expected_wait_seconds=wait,
    )
