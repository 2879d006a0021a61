"""The workers: devices, memory, models, what each has in hand, its heartbeat."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from api.dashboard.pages import page
from api.dashboard.said import SaidDep
from api.dashboard.visitor import VisitorDep
from api.dashboard.worker_rows import worker_rows
from api.services import ServicesDep

router = APIRouter()


@router.get("/workers")
def show_workers(
    request: Request, services: ServicesDep, visitor: VisitorDep, said: SaidDep
) -> HTMLResponse:
    """Every worker that is registered."""
    with services.database.transaction(durable=False) as session:
        rows = worker_rows(session)
    return page(request, "workers.html", visitor, workers=rows, said=said)
