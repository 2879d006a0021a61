"""The first page: the health summary, and the figures of now, of the last hour and of today."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from api.services import ServicesDep
from api.web.dashboard.chart import Chart
from api.web.dashboard.health_summary import health_summary
from api.web.dashboard.pages import page
from api.web.dashboard.queue_rows import WINDOW, WINDOW_TEXT, QueueRow, queue_rows
from api.web.dashboard.session import CurrentOperatorDep
from api.web.dashboard.worker_rows import worker_rows
from api.web.shared.formats import NONE
from db.billing.vendor import spend_today
from db.reports.series import Curves, queue_curves
from db.reports.window import failures_by_code

router = APIRouter()

_STEPS = 60


@router.get("/")
def show_overview(
    request: Request, services: ServicesDep, operator: CurrentOperatorDep
) -> HTMLResponse:
    """The state of the whole service."""
    offered = [row.id for row in services.catalogue.variants()]
    with services.database.autocommit() as session:
        queues = queue_rows(session, offered)
        workers = [row for row in worker_rows(session) if not row.is_stale]
        failures = failures_by_code(session, WINDOW)
        revenue = services.revenue.read(session)
        spend = spend_today(session)
        curves = queue_curves(session, window=WINDOW, steps=_STEPS)
    ready = sum(row.is_ready for row in workers)
    return page(
        request,
        "overview.html",
        operator,
        health=health_summary(
            queues,
            ready=ready,
            workers=len(workers),
            troubled=sum(row.is_ready and bool(row.problem) for row in workers),
        ),
        queues=_without_idle(queues),
        workers=workers,
        workers_ready=ready,
        failures=[{"code": code, "jobs": jobs} for code, jobs in failures],
        images_today=revenue.images,
        revenue_today=revenue.revenue_micros,
        vendor_today=spend.spent_micros + spend.held_micros,
        hosted_margin=revenue.hosted_margin_micros,
        charts=_charts(curves),
        window=WINDOW_TEXT,
        **_totals(queues),
    )


def _without_idle(queues: list[QueueRow]) -> list[QueueRow]:
    """The queues, without those that have neither a worker nor jobs."""
    idle = [row for row in queues if row.state == "no_worker" and not row.waiting]
    return [row for row in queues if row not in idle or row.arrivals_per_minute]


def _totals(queues: list[QueueRow]) -> dict[str, Any]:
    minutes = WINDOW.total_seconds() / 60
    rate = sum(row.completions_per_minute for row in queues)
    finished, failed = round(rate * minutes), sum(row.failed for row in queues)
    ages = [row.oldest_seconds for row in queues if row.oldest_seconds is not None]
    share = f"{failed / (finished + failed):.1%} of ended jobs" if failed else NONE
    return {
        "waiting": sum(row.waiting for row in queues),
        "running": sum(row.running for row in queues),
        "oldest_seconds": max(ages, default=None),
        "finished": finished,
        "completion_rate": rate,
        "failed": failed,
        "failed_share": share if failed else "",
    }


def _charts(curves: Curves) -> list[Chart]:
    def summed(name: str) -> list[int]:
        rows = [getattr(queue, name) for queue in curves.queues.values()]
        return [sum(step) for step in zip(*rows, strict=True)] if rows else [0] * _STEPS

    return [
        Chart(
            "flow",
            "Jobs per minute",
            f"last {WINDOW_TEXT}, all queues",
            "count",
            curves.starts,
            curves.step_seconds,
            {"arrived": summed("arrived"), "finished": summed("finished")},
            min_scale=4,
        ),
        Chart(
            "waiting",
            "Waiting",
            f"last {WINDOW_TEXT}, all queues, at the end of each minute",
            "count",
            curves.starts,
            curves.step_seconds,
            {"waiting": summed("waiting")},
            min_scale=4,
        ),
    ]
