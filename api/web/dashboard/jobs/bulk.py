"""Cancel or retry all jobs that match: a page with the exact count and cost, then the act."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse

from api.jobs import bulk_actions as bulk_acts
from api.services import ServicesDep
from api.web.dashboard.jobs.filters import JobFiltersDep
from api.web.dashboard.jobs.list import HOME
from api.web.dashboard.pages import page
from api.web.dashboard.session import CurrentOperatorDep, WriterDep
from api.web.shared.formats import plural
from db.operators.jobs import BulkAction

router = APIRouter()

MOST_AT_ONCE = 500
"""Jobs that one request acts on; the page then offers to go on with the rest."""

_MEANING = {
    BulkAction.CANCEL: "Canceled jobs are charged nothing; what was set aside for them goes back "
    "to their tenants.",
    BulkAction.RETRY: "Each is done again as a new job, at the price of the first, and once only. "
    "Those whose tenant cannot pay are left.",
}
_COST = {
    BulkAction.CANCEL: "Quotes given up",
    BulkAction.RETRY: "Set aside anew, at most",
}
_PAST = {BulkAction.CANCEL: "canceled", BulkAction.RETRY: "queued again"}


@router.get("/bulk/{action}")
def preview(
    request: Request,
    action: BulkAction,
    services: ServicesDep,
    current: CurrentOperatorDep,
    filters: JobFiltersDep,
) -> HTMLResponse:
    """What the action would reach now, and the button that does it."""
    found, token = bulk_acts.count(services, current.key_id, action, filters.search())
    return page(
        request,
        "bulk.html",
        current,
        verb=action,
        count=found.jobs,
        cost_micros=found.price_micros,
        cost_label=_COST[action],
        meaning=_MEANING[action],
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
    current: WriterDep,
    filters: JobFiltersDep,
    token: Annotated[str, Form(max_length=8000)] = "",
) -> HTMLResponse:
    """Do what was shown, one transaction a job, and tell how many it came to.

    What is reached is the token's to say; the filters only lead back to where it was asked for.
    """
    batch = bulk_acts.act(services, current.actor, action, token, limit=MOST_AT_ONCE)
    left = batch.left + batch.skipped
    rest = f" {plural(left, 'job')} could not be, or wait for another round." if left else ""
    told = f"{plural(batch.done, 'job')} {_PAST[action]}"
    return page(
        request,
        "bulk_done.html",
        current,
        headline=told,
        text=f"{plural(batch.done, 'job')} of {filters.described}: {_PAST[action]}.{rest}",
        left=left,
        again=f"/dashboard/bulk/{action}{filters.query}",
        back=HOME + filters.query,
    )
