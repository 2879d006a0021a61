"""The workers: devices, memory, models, running jobs, heartbeats; drain and undrain."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from api.operators.switches import set_worker_drained
from api.schemas.jobs import ShortText
from api.services import ServicesDep
from api.web.dashboard.flash_messages import FlashMessageDep, with_message
from api.web.dashboard.pages import page
from api.web.dashboard.session import CurrentOperatorDep, WriterDep
from api.web.dashboard.worker_rows import worker_rows

router = APIRouter()

HOME = "/dashboard/workers"


@router.get("/workers")
def show_workers(
    request: Request, services: ServicesDep, operator: CurrentOperatorDep, message: FlashMessageDep
) -> HTMLResponse:
    """Every registered worker."""
    with services.database.transaction(durable=False) as session:
        rows = worker_rows(session)
    digest = services.catalogue.digest
    return page(
        request,
        "workers.html",
        operator,
        workers=rows,
        message=message,
        catalogue_digest=digest,
        others=[row for row in rows if not row.is_stale and row.catalogue_digest != digest],
    )


@router.post("/workers/{worker_id}/drain")
def drain_worker(worker_id: ShortText, services: ServicesDep, operator: WriterDep) -> Response:
    """Drain a worker: it finishes its running jobs and takes no new ones."""
    set_worker_drained(services, operator.actor, worker_id, drained=True)
    return RedirectResponse(with_message(HOME, "drained"), 303)


@router.post("/workers/{worker_id}/undrain")
def undrain_worker(worker_id: ShortText, services: ServicesDep, operator: WriterDep) -> Response:
    """Let a drained worker take jobs again."""
    set_worker_drained(services, operator.actor, worker_id, drained=False)
    return RedirectResponse(with_message(HOME, "undrained"), 303)
