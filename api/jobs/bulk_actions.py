"""Cancel or retry all jobs that match, by whichever door: first the exact count, then the act.

The token of a count binds the action, the search, the newest job that was counted, the count and
the operator. What comes later is not reached; where more would be reached than was counted,
nothing is done. The act goes batch by batch, each with a token for the next.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from itsdangerous import BadSignature, URLSafeTimedSerializer
from pydantic import TypeAdapter

from api.core.errors import ProblemError
from api.jobs.actions import cancel_one, retry_one
from api.services import Services
from db.jobs.search import JobSearch
from db.operators import jobs as operator_jobs
from db.operators.audit import Actor
from db.operators.jobs import BulkAction, Reach

_VALID_SECONDS = 600
_ONE: Mapping[BulkAction, Callable[[Services, Actor, str], object]] = {
    BulkAction.CANCEL: cancel_one,
    BulkAction.RETRY: retry_one,
}


@dataclass(frozen=True)
class _Bound:
    """What a token says.

    Attributes:
        key_id: the operator's who counted; nobody else may act on it.
        after_id: the last job that was acted on; "" before the first batch.
        total: jobs that were counted at first.
        left: those of them that no batch has come to yet.
    """

    action: BulkAction
    sought: JobSearch
    key_id: str
    last_id: str
    after_id: str
    total: int
    left: int


_AS_JSON = TypeAdapter(_Bound)


@dataclass(frozen=True)
class Batch:
    """What one batch came to.

    Attributes:
        total: jobs that were counted at first.
        done: jobs that this batch changed.
        skipped: jobs of this batch that were over by then, or refused to their tenant.
        left: jobs that no batch has come to yet.
        next_token: does the next batch; None when all is done.
    """

    total: int
    done: int
    skipped: int
    left: int
    next_token: str | None


def count(
    services: Services, key_id: str, action: BulkAction, sought: JobSearch
) -> tuple[Reach, str]:
    """What an action would reach now, and the token that does it within ten minutes."""
    with services.database.transaction(durable=False) as session:
        found = operator_jobs.reach(session, action, sought)
    bound = _Bound(
        action=action,
        sought=sought,
        key_id=key_id,
        last_id=found.last_id,
        after_id="",
        total=found.jobs,
        left=found.jobs,
    )
    return found, _signed(services, bound)


def act(services: Services, actor: Actor, action: BulkAction, token: str, *, limit: int) -> Batch:
    """Do one batch of what was counted, one transaction a job.

    Raises:
        ProblemError: 409, `changed`: more jobs match than were counted, or the token is too old,
            not ours, or made for another action or operator.
    """
    bound = _opened(services, token)
    if (bound.action, bound.key_id) != (action, actor.id):
        raise _changed("this count was made for another action, or by another operator")
    ids = _next_ids(services, bound, limit)
    done = sum(bool(_ONE[action](services, actor, job_id)) for job_id in ids)
    left = max(0, bound.left - len(ids)) if len(ids) == limit else 0
    following = replace(bound, after_id=ids[-1], left=left) if ids and left else None
    return Batch(
        total=bound.total,
        done=done,
        skipped=len(ids) - done,
        left=left,
        next_token=_signed(services, following) if following else None,
    )


def _next_ids(services: Services, bound: _Bound, limit: int) -> Sequence[str]:
    within = {"last_id": bound.last_id, "after_id": bound.after_id}
    with services.database.transaction(durable=False) as session:
        now = operator_jobs.reach(session, bound.action, bound.sought, **within)
        if now.jobs > bound.left:
            raise _changed(f"{now.jobs} jobs match by now; look at the count again")
        limit = min(limit, bound.left)
        return operator_jobs.reached_ids(session, bound.action, bound.sought, **within, limit=limit)


def _opened(services: Services, token: str) -> _Bound:
    try:
        return _AS_JSON.validate_python(_signer(services).loads(token, max_age=_VALID_SECONDS))
    except BadSignature:
        raise _changed("this count is out of date or not ours; look at it again") from None


def _signed(services: Services, bound: _Bound) -> str:
    return str(_signer(services).dumps(_AS_JSON.dump_python(bound, mode="json")))


def _changed(detail: str) -> ProblemError:
    return ProblemError(409, "changed", detail)


def _signer(services: Services) -> URLSafeTimedSerializer:
    secret = services.settings.url_secret.get_secret_value()
    return URLSafeTimedSerializer(secret, salt="bottega.bulk")
