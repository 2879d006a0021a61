"""The workers: devices, memory, models, what each has in hand, its heartbeat."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from api.core.errors import not_found
from api.schemas.jobs import ShortText
from api.services import ServicesDep
from api.web.dashboard.flash_messages import SaidDep
from api.web.dashboard.pages import page
from api.web.dashboard.session import CurrentOperatorDep, WriterDep
from api.web.dashboard.worker_rows import worker_rows
from db.operators import actions as operator_actions
from db.tables import Worker

router = APIRouter()


@router.get("/workers")
def show_workers(
    request: Request, services: ServicesDep, current: CurrentOperatorDep, said: SaidDep
) -> HTMLResponse:
    """Every worker that is registered."""
    with services.database.transaction(durable=False) as session:
        rows = worker_rows(session)
    return page(request, "workers.html", current, workers=rows, said=said)


@router.post("/workers/{worker_id}/drain")
def drain_worker(worker_id: ShortText, services: ServicesDep, current: WriterDep) -> Response:
    """Let a worker finish what it has in hand and take nothing new."""
    with services.database.transaction() as session:
        if session.get(Worker, worker_id) is None:
            raise not_found("worker")
        operator_actions.drain_worker(session, current.actor, worker_id)
    return RedirectResponse("/dashboard/workers?said=drained", 303)


@router.post("/workers/{worker_id}/undrain")
def undrain_worker(worker_id: ShortText, services: ServicesDep, current: WriterDep) -> Response:
    """Let a drained worker take work again."""
    with services.database.transaction() as session:
        if session.get(Worker, worker_id) is None:
            raise not_found("worker")
        operator_actions.undrain_worker(session, current.actor, worker_id)
    return RedirectResponse("/dashboard/workers?said=undrained", 303)
