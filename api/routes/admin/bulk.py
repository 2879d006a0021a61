"""Calls that cancel or retry all matching jobs: first the exact count and cost, then the action."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query

from api.auth.operator import PREFIX, OperatorDep, WriterDep
from api.core.json_body import JsonRoute
from api.jobs import bulk_actions
from api.routes.admin.filters import JobSearchQuery
from api.schemas.admin_jobs import BulkAct, BulkDone, BulkPreview
from api.services import ServicesDep
from db.operators.jobs import BulkAction

router = APIRouter(prefix=f"{PREFIX}/bulk", tags=["admin"], route_class=JsonRoute)


@router.get("/{action}")
def preview_bulk(
    action: BulkAction,
    query: Annotated[JobSearchQuery, Query()],
    services: ServicesDep,
    operator: OperatorDep,
) -> BulkPreview:
    """The number and cost of the jobs that an action reaches now, and the token that applies it."""
    reach, token = bulk_actions.preview_action(services, operator.key_id, action, query.search())
    return BulkPreview(action=action, jobs=reach.jobs, price_micros=reach.price_micros, token=token)


@router.post(
    "/{action}",
    responses={409: {"description": "`changed`: more jobs match by now, or the token is too old"}},
)
def act_in_bulk(
    action: BulkAction, sent: BulkAct, services: ServicesDep, actor: WriterDep
) -> BulkDone:
    """Apply the action to one batch of the counted jobs, one transaction a job.

    409, `changed`, when more jobs than were counted match by now, or the token is too old.
    """
    batch = bulk_actions.apply_batch(services, actor, action, sent.token, limit=sent.limit)
    return BulkDone(action=action, **asdict(batch))
