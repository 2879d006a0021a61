"""Queues: how they stand, paused and resumed."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query

from api.auth.operator import PREFIX, OperatorDep, WriterDep
from api.core.errors import not_found
from api.routes.admin.queue_views import queue_views
from api.schemas.admin import QueueList, QueueSwitch
from api.schemas.jobs import ShortText
from api.services import Services, ServicesDep
from db.operators import actions as operator_actions
from workers.catalog import UnknownVariantError
from workers.messaging.queue import Ticket

router = APIRouter(prefix=f"{PREFIX}/queues", tags=["admin"])

Window = Annotated[float, Query(ge=60, le=86_400, description="Seconds up to now")]


@router.get("")
def list_queues(
    services: ServicesDep, _operator: OperatorDep, window_seconds: Window = 3600
) -> QueueList:
    """Depth, oldest age and expected drain of now; rates, waits and runs of the window."""
    window = timedelta(seconds=window_seconds)
    with services.database.transaction(durable=False) as session:
        views = queue_views(session, [row.id for row in services.catalogue.variants()], window)
    return QueueList(window_seconds=window_seconds, queues=views)


@router.post("/{model}/pause")
def pause_queue(model: ShortText, services: ServicesDep, actor: WriterDep) -> QueueSwitch:
    """Let nothing of a queue be begun; what runs goes on, and jobs are still accepted."""
    _require(services, model)
    with services.database.transaction() as session:
        changed = operator_actions.pause_queue(session, actor, model)
    return QueueSwitch(model=model, paused=True, changed=changed)


@router.post("/{model}/resume")
def resume_queue(model: ShortText, services: ServicesDep, actor: WriterDep) -> QueueSwitch:
    """Let a paused queue go on."""
    _require(services, model)
    with services.database.transaction() as session:
        changed = operator_actions.resume_queue(session, actor, model)
    services.notifier.notify(Ticket(model))
    return QueueSwitch(model=model, paused=False, changed=changed)


def _require(services: Services, model: str) -> None:
    try:
        services.catalogue.find(model)
    except UnknownVariantError:
        raise not_found("queue") from None
