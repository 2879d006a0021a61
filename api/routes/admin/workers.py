"""Workers: how they report, drained and taken back."""

from datetime import timedelta

from fastapi import APIRouter
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from api.auth.operator import PREFIX, OperatorDep, WriterDep
from api.core.errors import not_found
from api.schemas.admin import WorkerList, WorkerSwitch, WorkerView
from api.schemas.jobs import ShortText
from api.services import ServicesDep
from db import worker_registry as workers
from db.jobs.waiting import WORKER_STALE_SECONDS
from db.operators import actions as operator_actions
from db.tables import Worker

router = APIRouter(prefix=f"{PREFIX}/workers", tags=["admin"])


@router.get("")
def list_workers(services: ServicesDep, _operator: OperatorDep) -> WorkerList:
    """Every registered worker: its device, memory, models, heartbeat, and whether it is drained."""
    with services.database.transaction(durable=False) as session:
        return WorkerList(workers=worker_views(session))


def worker_views(session: Session) -> list[WorkerView]:
    """Every registered worker; who has not reported of late is not live."""
    now = session.scalars(select(func.now())).one()
    oldest = now - timedelta(seconds=WORKER_STALE_SECONDS)
    views = [WorkerView.model_validate(row) for row in workers.listed(session)]
    return [view.model_copy(update={"live": view.heartbeat_at > oldest}) for view in views]


@router.post("/{worker_id}/drain")
def drain_worker(worker_id: ShortText, services: ServicesDep, actor: WriterDep) -> WorkerSwitch:
    """Let a worker finish what it has in hand and begin nothing new."""
    with services.database.transaction() as session:
        _require(session, worker_id)
        changed = operator_actions.drain_worker(session, actor, worker_id)
    return WorkerSwitch(worker=worker_id, drained=True, changed=changed)


@router.post("/{worker_id}/undrain")
def undrain_worker(worker_id: ShortText, services: ServicesDep, actor: WriterDep) -> WorkerSwitch:
    """Let a drained worker begin jobs again."""
    with services.database.transaction() as session:
        _require(session, worker_id)
        changed = operator_actions.undrain_worker(session, actor, worker_id)
    return WorkerSwitch(worker=worker_id, drained=False, changed=changed)


def _require(session: Session, worker_id: str) -> None:
    if session.get(Worker, worker_id) is None:
        raise not_found("worker")
