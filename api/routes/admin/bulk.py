"""Cancel or retry all jobs that match: first the exact count and its cost, then the act."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query

from api.auth.operator import PREFIX, OperatorDep, WriterDep
from api.jobs import bulk_actions as bulk_acts
from api.routes.admin.filters import JobSearchQuery
from api.schemas.admin_jobs import BulkAct, BulkDone, BulkPreview
from api.services import ServicesDep
from db.operators.jobs import BulkAction

router = APIRouter(prefix=f"{PREFIX}/bulk", tags=["admin"])


@router.get("/{action}")
def preview_bulk(
    action: BulkAction,
    query: Annotated[JobSearchQuery, Query()],
    services: ServicesDep,
    operator: OperatorDep,
) -> BulkPreview:
    """How many jobs an action would reach now, what they cost, and the token that does it."""
    found, token = bulk_acts.count(services, operator.key_id, action, query.search())
    return BulkPreview(action=action, jobs=found.jobs, price_micros=found.price_micros, token=token)


@router.post("/{action}")
def act_in_bulk(
    action: BulkAction, sent: BulkAct, services: ServicesDep, actor: WriterDep
) -> BulkDone:
    """Do one batch of what a preview counted, one transaction a job.

    409, `changed`, when more jobs than were counted match by now, or the token is too old.
    """
    batch = bulk_acts.act(services, actor, action, sent.token, limit=sent.limit)
    return BulkDone(action=action, **asdict(batch))
