"""Cancel or retry all matching jobs: a page with the exact count and cost, then the action."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse

from api.jobs import bulk_actions
from api.services import ServicesDep
from api.web.dashboard.jobs.filters import JobFiltersDep
from api.web.dashboard.jobs.list import HOME
from api.web.dashboard.pages import page
from api.web.dashboard.session import CurrentOperatorDep, WriterDep
from api.web.shared.formats import plural
from db.operators.jobs import BulkAction

router = APIRouter()

MAX_JOBS = 500
"""Jobs that one request acts on; the page then offers to continue with the rest."""

_EXPLANATION = {
    BulkAction.CANCEL: "Canceled jobs are charged nothing; the amounts held for them go back to "
    "their tenants.",
    BulkAction.RETRY: "Each failed job is retried once, as a new job at the same price. Jobs whose "
    "tenant cannot pay are skipped.",
}
_COST = {
    BulkAction.CANCEL: "Quotes that lapse",
    BulkAction.RETRY: "Held again, at most",
}
_PAST = {BulkAction.CANCEL: "canceled", BulkAction.RETRY: "queued again"}


@router.get("/bulk/{action}")
def preview(
    request: Request,
    action: BulkAction,
    services: ServicesDep,
    operator: CurrentOperatorDep,
    filters: JobFiltersDep,
) -> HTMLResponse:
    """The jobs that the action would reach now, and the button that starts it."""
    reach, token = bulk_actions.preview_action(services, operator.key_id, action, filters.search())
    return page(
        request,
        "bulk.html",
        operator,
        verb=action,
        count=reach.jobs,
        cost_micros=reach.price_micros,
        cost_label=_COST[action],
        explanation=_EXPLANATION[action],
        described=filters.described,
        query=filters.query,
        token=token,
        back=HOME + filters.query,
    )


@router.post("/bulk/{action}")
def act(
    request: Request,
    action: BulkAction,
    services: ServicesDep,
    operator: WriterDep,
    filters: JobFiltersDep,
    token: Annotated[str, Form(max_length=8000)] = "",
) -> HTMLResponse:
    """Act on the jobs that were counted, in one transaction per job, and show the result.

    The token says which jobs are reached; the filters only lead back to the list.
    """
    batch = bulk_actions.apply_batch(services, operator.actor, action, token, limit=MAX_JOBS)
    left = batch.left + batch.skipped
    rest = f" {plural(left, 'job')} were skipped or are still left." if left else ""
    return page(
        request,
        "bulk_done.html",
        operator,
        headline=f"{plural(batch.done, 'job')} {_PAST[action]}",
        text=f"{plural(batch.done, 'job')} of {filters.described}: {_PAST[action]}.{rest}",
        left=left,
        again=f"/dashboard/bulk/{action}{filters.query}",
        back=HOME + filters.query,
    )
