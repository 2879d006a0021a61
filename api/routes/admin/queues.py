"""Calls for queues: list, pause and resume."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query

from api.auth.operator import PREFIX, OperatorDep, WriterDep
from api.operators import switches
from api.routes.admin.queue_views import queue_views
from api.schemas.admin import QueueList, QueueSwitch
from api.schemas.jobs import ShortText
from api.services import ServicesDep

router = APIRouter(prefix=f"{PREFIX}/queues", tags=["admin"])

Window = Annotated[float, Query(ge=60, le=86_400, description="Seconds up to now")]


@router.get("")
def list_queues(
    services: ServicesDep, _operator: OperatorDep, window_seconds: Window = 3600
) -> QueueList:
    """Current depth, oldest age and expected drain; rates, waits and runs of the window."""
    window = timedelta(seconds=window_seconds)
    with services.database.transaction(durable=False) as session:
        views = queue_views(session, [row.id for row in services.catalogue.variants()], window)
    return QueueList(window_seconds=window_seconds, queues=views)


@router.post("/{model:path}/pause")
def pause_queue(model: ShortText, services: ServicesDep, actor: WriterDep) -> QueueSwitch:
    """Pause a queue: running jobs continue, no other starts, and new jobs are still accepted."""
    changed = switches.pause_queue(services, actor, model)
    return QueueSwitch(model=services.catalogue.id_of(model), paused=True, changed=changed)


@router.post("/{model:path}/resume")
def resume_queue(model: ShortText, services: ServicesDep, actor: WriterDep) -> QueueSwitch:
    """Resume a paused queue."""
    changed = switches.resume_queue(services, actor, model)
    return QueueSwitch(model=services.catalogue.id_of(model), paused=False, changed=changed)
