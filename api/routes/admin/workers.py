"""Calls for workers: list, drain and undrain."""

from datetime import timedelta

from fastapi import APIRouter
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from api.auth.operator import PREFIX, OperatorDep, WriterDep
from api.operators.switches import set_worker_drained
from api.schemas.admin import WorkerList, WorkerSwitch, WorkerView
from api.schemas.jobs import ShortText
from api.services import ServicesDep
from db import worker_registry as workers
from db.jobs.waiting import WORKER_STALE_SECONDS

router = APIRouter(prefix=f"{PREFIX}/workers", tags=["admin"])


@router.get("")
def list_workers(services: ServicesDep, _operator: OperatorDep) -> WorkerList:
    """All registered workers, with device, memory, models, last heartbeat and drain state."""
    with services.database.transaction(durable=False) as session:
        return WorkerList(workers=worker_views(session))


def worker_views(session: Session) -> list[WorkerView]:
    """All registered workers; one without a recent heartbeat is not live."""
    now = session.scalars(select(func.now())).one()
    oldest = now - timedelta(seconds=WORKER_STALE_SECONDS)
    views = [WorkerView.model_validate(row) for row in workers.list_workers(session)]
    return [view.model_copy(update={"live": view.heartbeat_at > oldest}) for view in views]


@router.post("/{worker_id}/drain")
def drain_worker(worker_id: ShortText, services: ServicesDep, actor: WriterDep) -> WorkerSwitch:
    """Drain a worker: it finishes its running jobs and starts no other."""
    changed = set_worker_drained(services, actor, worker_id, drained=True)
    return WorkerSwitch(worker=worker_id, drained=True, changed=changed)


@router.post("/{worker_id}/undrain")
def undrain_worker(worker_id: ShortText, services: ServicesDep, actor: WriterDep) -> WorkerSwitch:
    """Undrain a worker: it starts jobs again."""
    changed = set_worker_drained(services, actor, worker_id, drained=False)
    return WorkerSwitch(worker=worker_id, drained=False, changed=changed)
