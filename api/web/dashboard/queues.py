"""The queues: depth and age over time, expected time to drain, pause and resume."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from api.operators import switches
from api.schemas.jobs import ShortText
from api.services import ServicesDep
from api.web.dashboard.chart import Chart
from api.web.dashboard.flash_messages import FlashMessageDep, with_message
from api.web.dashboard.pages import page
from api.web.dashboard.queue_rows import WINDOW, WINDOW_TEXT, QueueRow, queue_rows
from api.web.dashboard.session import CurrentOperatorDep, WriterDep
from api.web.shared.model_price import price_text
from db.reports.series import Curves, queue_curves
from workers.catalog import Variant

router = APIRouter()

HOME = "/dashboard/queues"
_STEPS = 60


@router.get("/queues")
def show_queues(
    request: Request,
    services: ServicesDep,
    operator: CurrentOperatorDep,
    message: FlashMessageDep,
    model: Annotated[str, Query(max_length=100)] = "",
) -> HTMLResponse:
    """Every queue, or one of them."""
    models = {row.id: row for row in services.catalogue.variants()}
    with services.database.autocommit() as session:
        rows = queue_rows(session, models)
        curves = queue_curves(session, window=WINDOW, steps=_STEPS)
    wanted = services.catalogue.id_of(model)
    shown = [row for row in rows if wanted in ("", row.variant)]
    values = [
        {
            **asdict(row),
            "model_text": _model_text(models.get(row.variant)),
            "drain_text": row.drain_text,
            "charts": _charts(row, n, curves),
        }
        for n, row in enumerate(shown)
    ]
    return page(
        request, "queues.html", operator, queues=values, window=WINDOW_TEXT, message=message
    )


def _model_text(model: Variant | None) -> str:
    """Title and price; "" for a model that is no longer offered, of which jobs are left."""
    return f"{model.title}; {price_text(model)}" if model else ""


def _charts(row: QueueRow, n: int, curves: Curves) -> list[Chart]:
    own = curves.queues.get(row.variant)
    waiting = own.waiting if own else [0] * _STEPS
    ages = own.longest_wait_seconds if own else [None] * _STEPS
    return [
        Chart(
            f"depth-{n}",
            "Waiting",
            "at the end of each minute",
            "count",
            curves.starts,
            curves.step_seconds,
            {"waiting": waiting},
            min_scale=4,
        ),
        Chart(
            f"age-{n}",
            "Longest wait",
            "of the jobs started in each minute",
            "seconds",
            curves.starts,
            curves.step_seconds,
            {"longest wait": ages},
            min_scale=1,
            bars=True,
        ),
    ]


@router.post("/queues/{variant}/pause")
def pause_queue(variant: ShortText, services: ServicesDep, operator: WriterDep) -> Response:
    """Pause a queue: none of its jobs starts."""
    switches.pause_queue(services, operator.actor, variant)
    return RedirectResponse(with_message(HOME, "paused"), 303)


@router.post("/queues/{variant}/resume")
def resume_queue(variant: ShortText, services: ServicesDep, operator: WriterDep) -> Response:
    """Resume a paused queue."""
    switches.resume_queue(services, operator.actor, variant)
    return RedirectResponse(with_message(HOME, "flowing"), 303)
