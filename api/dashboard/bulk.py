"""Cancel or retry all jobs that match: first the exact count and cost, then the act.

The count is signed together with the filter, the newest job that it counted and the operator.
What comes later is not reached; where more would be reached than was shown, nothing is done.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse
from itsdangerous import BadSignature, URLSafeTimedSerializer

from api.browser.formats import plural
from api.dashboard.job_filters import JobFilters, JobFiltersDep
from api.dashboard.jobs import HOME
from api.dashboard.pages import page
from api.dashboard.visitor import Visitor, VisitorDep, WriterDep
from api.errors import ProblemError
from api.job_operations import cancel_one, retry_one
from api.services import Services, ServicesDep
from db import operator_jobs
from db.audit import Actor
from db.operator_jobs import BulkAction

router = APIRouter()

MOST_AT_ONCE = 500
"""Jobs that one request acts on; the page then offers to go on with the rest."""

_VALID_SECONDS = 600
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
_ONE: Mapping[BulkAction, Callable[[Services, Actor, str], object]] = {
    BulkAction.CANCEL: cancel_one,
    BulkAction.RETRY: retry_one,
}


@router.get("/bulk/{action}")
def preview(
    request: Request,
    action: BulkAction,
    services: ServicesDep,
    visitor: VisitorDep,
    filters: JobFiltersDep,
) -> HTMLResponse:
    """What the action would reach now, and the button that does it."""
    with services.database.transaction(durable=False) as session:
        found = operator_jobs.reach(session, action, filters.search())
    shown = {
        "action": action,
        "filters": dict(filters.items),
        "jobs": found.jobs,
        "last_id": found.last_id,
        "key": visitor.key_id,
    }
    return page(
        request,
        "bulk.html",
        visitor,
        verb=action,
        count=found.jobs,
        cost_micros=found.price_micros,
        cost_label=_COST[action],
        meaning=_MEANING[action],
        described=filters.described,
        token=_signer(services).dumps(shown),
        back=HOME + filters.query,
    )


@router.post("/bulk/{action}")
def act(
    request: Request,
    action: BulkAction,
    services: ServicesDep,
    visitor: WriterDep,
    token: Annotated[str, Form(max_length=4000)] = "",
) -> HTMLResponse:
    """Do what was shown, one transaction a job, and tell how many it came to."""
    shown = _shown(services, visitor, action, token)
    filters = JobFilters(**shown["filters"])
    last_id = str(shown["last_id"])
    with services.database.transaction(durable=False) as session:
        now = operator_jobs.reach(session, action, filters.search(), last_id=last_id)
        ids = operator_jobs.reached_ids(
            session, action, filters.search(), last_id=last_id, limit=MOST_AT_ONCE
        )
    if now.jobs > shown["jobs"]:
        raise ProblemError(
            409, "changed", f"{plural(now.jobs, 'job')} match by now; look at the count again"
        )
    done = sum(bool(_ONE[action](services, visitor.actor, job_id)) for job_id in ids)
    return _told(request, visitor, action, filters, done=done, left=now.jobs - done)


def _told(
    request: Request,
    visitor: Visitor,
    action: BulkAction,
    filters: JobFilters,
    *,
    done: int,
    left: int,
) -> HTMLResponse:
    past = {BulkAction.CANCEL: "canceled", BulkAction.RETRY: "queued again"}[action]
    rest = f" {plural(left, 'job')} could not be, or wait for another round." if left else ""
    return page(
        request,
        "bulk_done.html",
        visitor,
        headline=f"{plural(done, 'job')} {past}",
        text=f"{plural(done, 'job')} of {filters.described}: {past}.{rest}",
        left=left,
        again=f"/dashboard/bulk/{action}{filters.query}",
        back=HOME + filters.query,
    )


def _shown(services: Services, visitor: Visitor, action: BulkAction, token: str) -> dict[str, Any]:
    try:
        shown: dict[str, Any] = _signer(services).loads(token, max_age=_VALID_SECONDS)
    except BadSignature as error:
        raise ProblemError(409, "changed", "this count is out of date; look at it again") from error
    if (shown["action"], shown["key"]) != (action, visitor.key_id):
        raise ProblemError(409, "changed", "this count was made for another action")
    return shown


def _signer(services: Services) -> URLSafeTimedSerializer:
    secret = services.settings.url_secret.get_secret_value()
    return URLSafeTimedSerializer(secret, salt="bottega.bulk")
