"""The queues: depth and age over time, when each will have drained, pause and resume."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from api.schemas.jobs import ShortText
from api.services import ServicesDep
from api.web.dashboard.chart import Chart
from api.web.dashboard.flash_messages import SaidDep
from api.web.dashboard.pages import page
from api.web.dashboard.queue_rows import WINDOW, WINDOW_TEXT, QueueRow, queue_rows
from api.web.dashboard.session import CurrentOperatorDep, WriterDep
from db.operators import actions as operator_actions
from db.reports.series import Curves, queue_curves
from workers.messaging.queue import Ticket

router = APIRouter()

_STEPS = 60


@router.get("/queues")
def show_queues(
    request: Request,
    services: ServicesDep,
    current: CurrentOperatorDep,
    said: SaidDep,
    model: Annotated[str, Query(max_length=100)] = "",
) -> HTMLResponse:
    """Every queue, or one of them."""
    offered = [row.id for row in services.catalogue.variants()]
    with services.database.single_statements() as session:
        rows = queue_rows(session, offered)
        curves = queue_curves(session, window=WINDOW, steps=_STEPS)
    shown = [row for row in rows if model in ("", row.variant)]
    values = [
        {**asdict(row), "drain_text": row.drain_text, "charts": _charts(row, n, curves)}
        for n, row in enumerate(shown)
    ]
    return page(request, "queues.html", current, queues=values, window=WINDOW_TEXT, said=said)


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
            least=4,
        ),
        Chart(
            f"age-{n}",
            "Longest wait",
            "of the jobs begun in each minute",
            "seconds",
            curves.starts,
            curves.step_seconds,
            {"longest wait": ages},
            least=1,
            bars=True,
        ),
    ]


@router.post("/queues/{variant}/pause")
def pause_queue(variant: ShortText, services: ServicesDep, current: WriterDep) -> Response:
    """Let nothing of a queue be begun."""
    services.catalogue.find(variant)
    with services.database.transaction() as session:
        operator_actions.pause_queue(session, current.actor, variant)
    return RedirectResponse("/dashboard/queues?said=paused", 303)


@router.post("/queues/{variant}/resume")
def resume_queue(variant: ShortText, services: ServicesDep, current: WriterDep) -> Response:
    """Let a paused queue go on, and ring for what waits in it."""
    services.catalogue.find(variant)
    with services.database.transaction() as session:
        operator_actions.resume_queue(session, current.actor, variant)
    services.notifier.notify(Ticket(variant))
    return RedirectResponse("/dashboard/queues?said=flowing", 303)
