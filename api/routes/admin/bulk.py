"""Cancel or retry all jobs that match: first the exact count and its cost, then the act.

The token of a preview binds the action, the filter, the newest job that was counted, the count
and the operator. What comes later is not reached; where more would be reached than was counted,
nothing is done. The act goes batch by batch, each with a token for the next.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from itsdangerous import BadSignature, URLSafeTimedSerializer

from api.admin_filters import JobSearchQuery
from api.admin_job_schemas import BulkAct, BulkDone, BulkPreview
from api.errors import ProblemError
from api.job_operations import cancel_one, retry_one
from api.operators import PREFIX, OperatorDep, WriterDep
from api.services import Services, ServicesDep
from db import operator_jobs
from db.audit import Actor
from db.operator_jobs import BulkAction

router = APIRouter(prefix=f"{PREFIX}/bulk", tags=["admin"])

_VALID_SECONDS = 600
_ONE = {BulkAction.CANCEL: cancel_one, BulkAction.RETRY: retry_one}


@router.get("/{action}")
def preview_bulk(
    action: BulkAction,
    query: Annotated[JobSearchQuery, Query()],
    services: ServicesDep,
    operator: OperatorDep,
) -> BulkPreview:
    """How many jobs an action would reach now, what they cost, and the token that does it."""
    with services.database.transaction(durable=False) as session:
        found = operator_jobs.reach(session, action, query.search())
    bound = {
        "action": action,
        "filters": query.model_dump(mode="json", exclude_unset=True),
        "key": operator.key_id,
        "last_id": found.last_id,
        "after_id": "",
        "total": found.jobs,
        "left": found.jobs,
    }
    return BulkPreview(
        action=action,
        jobs=found.jobs,
        price_micros=found.price_micros,
        token=_signer(services).dumps(bound),
    )


@router.post("/{action}")
def act_in_bulk(
    action: BulkAction, sent: BulkAct, services: ServicesDep, actor: WriterDep
) -> BulkDone:
    """Do one batch of what a preview counted, one transaction a job.

    409, `changed`, when more jobs than were counted match by now, or the token is too old.
    """
    bound = _opened(services, actor, action, sent.token)
    ids = _batch(services, action, bound, sent.limit)
    done = sum(bool(_ONE[action](services, actor, job_id)) for job_id in ids)
    left = max(0, bound["left"] - len(ids)) if len(ids) == sent.limit else 0
    following = {**bound, "after_id": ids[-1], "left": left} if ids and left else None
    return BulkDone(
        action=action,
        total=bound["total"],
        done=done,
        skipped=len(ids) - done,
        left=left,
        next_token=_signer(services).dumps(following) if following else None,
    )


def _batch(services: Services, action: BulkAction, bound: dict[str, Any], limit: int) -> list[str]:
    sought = JobSearchQuery(**bound["filters"]).search()
    within = {"last_id": bound["last_id"], "after_id": bound["after_id"]}
    with services.database.transaction(durable=False) as session:
        now = operator_jobs.reach(session, action, sought, **within)
        if now.jobs > bound["left"]:
            raise ProblemError(
                409, "changed", f"{now.jobs} jobs match by now; look at the count again"
            )
        limit = min(limit, bound["left"])
        return list(operator_jobs.reached_ids(session, action, sought, **within, limit=limit))


def _opened(services: Services, actor: Actor, action: BulkAction, token: str) -> dict[str, Any]:
    try:
        bound: dict[str, Any] = _signer(services).loads(token, max_age=_VALID_SECONDS)
    except BadSignature as error:
        message = "this token is out of date or not ours; look at the count again"
        raise ProblemError(409, "changed", message) from error
    if (bound["action"], bound["key"]) != (action, actor.id):
        raise ProblemError(409, "changed", "this token was made for another action or operator")
    return bound


def _signer(services: Services) -> URLSafeTimedSerializer:
    secret = services.settings.url_secret.get_secret_value()
    return URLSafeTimedSerializer(secret, salt="bottega.admin.bulk")
