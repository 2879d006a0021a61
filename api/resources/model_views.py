"""The offered models as JSON, with the load of their queues."""

from collections.abc import Callable, Mapping
from dataclasses import asdict

from api.schemas.jobs import ModelView, ServedModeView
from db.core.session import Database
from db.jobs.waiting import Outlook, queue_outlook
from workers import catalog
from workers.catalog import Catalogue, Variant
from workers.catalog.florence2.limits import Florence2Limits


def model_views(database: Database, catalogue: Catalogue) -> Callable[[], Mapping[str, bytes]]:
    """A function that renders every offered model's JSON, by its id, in the catalogue's order."""

    def load() -> Mapping[str, bytes]:
        variants = catalogue.variants()
        with database.transaction(durable=False) as session:
            outlook = queue_outlook(session, [variant.id for variant in variants])
        return {
            variant.id: _view(variant, outlook[variant.id]).model_dump_json().encode()
            for variant in variants
        }

    return load


def _view(variant: Variant, outlook: Outlook) -> ModelView:
    return ModelView(
        id=variant.id,
        title=variant.title,
        aliases=list(variant.aliases),
        base=variant.base or None,
        family=variant.family,
        tasks=list(variant.tasks),
        input_schema=catalog.json_schema(variant),
        limits=_limits(variant),
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
        cold_start=outlook.cold_start,
        cold_start_seconds=outlook.cold_start_seconds,
        unserved_reason=outlook.unserved_reason,
        serving=[ServedModeView(**asdict(way)) for way in outlook.serving],
    )


def _limits(variant: Variant) -> dict[str, float]:
    limits: dict[str, float] = {
        "deadline_seconds": variant.deadline_seconds,
        "longest_deadline_seconds": variant.longest_deadline,
        "max_batch": variant.max_batch,
    }
    tokens = variant.max_prompt_tokens
    if tokens is not None:
        limits["max_prompt_tokens"] = tokens
    own = getattr(variant.parameters, "limits", None)
    if isinstance(own, Florence2Limits):
        limits["max_text_tokens"] = own.max_text_tokens
    return limits
