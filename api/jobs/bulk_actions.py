"""Cancel or retry all jobs that match a search: use cases of the API, the pages and the command.

Over HTTP an exact count comes first. Its signed token binds the action, the search, the newest
counted job, the count and the operator. Newer jobs are not reached; when more jobs match than were
counted, nothing is done. The action runs batch by batch, each with a token for the next one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from itsdangerous import BadSignature, URLSafeTimedSerializer
from pydantic import TypeAdapter

from api.core.domain_errors import JobNotFoundError, SelectionChangedError
from api.core.settings import ApiSettings
from api.jobs.actions import RETRY_REFUSALS, JobServices, cancel_job, retry_job
from db.jobs.search import JobSearch
from db.operators import jobs as operator_jobs
from db.operators.audit import Actor
from db.operators.jobs import BulkAction, BulkScope

_VALID_SECONDS = 600


class BulkServices(JobServices, Protocol):
    """The services that the signed tokens need, too."""

    @property
    def settings(self) -> ApiSettings:
        """The API's settings, with the secret that signs the tokens."""


@dataclass(frozen=True)
class Selection:
    """The jobs that a bulk action reaches now.

    Attributes:
        jobs: their number.
        price_micros: the sum of their quotes.
        job_ids: their ids, oldest first.
    """

    jobs: int
    price_micros: int
    job_ids: Sequence[str]


@dataclass(frozen=True)
class _TokenPayload:
    """The content of a token.

    Attributes:
        key_id: the key of the operator who counted; the token works for no other.
        after_id: the last job of the batches before; "" before the first batch.
        total: the jobs of the first count.
        left: those of them that no batch has reached yet.
    """

    action: BulkAction
    search: JobSearch
    key_id: str
    last_id: str
    after_id: str
    total: int
    left: int


_AS_JSON = TypeAdapter(_TokenPayload)


@dataclass(frozen=True)
class Batch:
    """The result of one batch.

    Attributes:
        total: the jobs of the first count.
        done: jobs that this batch changed.
        skipped: jobs of this batch that were over, or refused to their tenant.
        left: jobs that no batch has reached yet.
        next_token: the token of the next batch; None when all is done.
    """

    total: int
    done: int
    skipped: int
    left: int
    next_token: str | None


def apply_to_job(services: JobServices, actor: Actor, action: BulkAction, job_id: str) -> bool:
    """Apply an action to one job; False when it is over, unknown, or refused to its tenant."""
    try:
        if action == BulkAction.CANCEL:
            return cancel_job(services, tenant_id=None, actor=actor, job_id=job_id)
        retry_job(services, actor=actor, job_id=job_id)
    except JobNotFoundError:
        return False
    except RETRY_REFUSALS:
        return False
    return True


def apply_to_jobs(
    services: JobServices, actor: Actor, action: BulkAction, job_ids: Sequence[str]
) -> int:
    """Apply an action to jobs, one transaction a job; returns the number of changed jobs."""
    return sum(apply_to_job(services, actor, action, job_id) for job_id in job_ids)


def select_jobs(services: JobServices, action: BulkAction, search: JobSearch) -> Selection:
    """The jobs that an action reaches now, with their ids."""
    with services.database.transaction(durable=False) as session:
        reach = operator_jobs.bulk_scope(session, action, search)
        job_ids = operator_jobs.bulk_job_ids(
            session, action, search, last_id=reach.last_id, limit=reach.jobs
        )
    return Selection(reach.jobs, reach.price_micros, job_ids)


def preview_action(
    services: BulkServices, key_id: str, action: BulkAction, search: JobSearch
) -> tuple[BulkScope, str]:
    """The jobs that an action reaches now, and the token that applies it within ten minutes."""
    with services.database.transaction(durable=False) as session:
        reach = operator_jobs.bulk_scope(session, action, search)
    payload = _TokenPayload(
        action=action,
        search=search,
        key_id=key_id,
        last_id=reach.last_id,
        after_id="",
        total=reach.jobs,
        left=reach.jobs,
    )
    return reach, _sign(services, payload)


def apply_batch(
    services: BulkServices, actor: Actor, action: BulkAction, token: str, *, limit: int
) -> Batch:
    """Apply an action to the next batch of the counted jobs, one transaction a job.

    Raises:
        SelectionChangedError: more jobs match than were counted, or the token is too old, not
            ours, or made for another action or operator.
    """
    payload = _verify(services, token)
    if (payload.action, payload.key_id) != (action, actor.id):
        raise SelectionChangedError(
            "this count was made for another action, or by another operator"
        )
    job_ids = _next_ids(services, payload, limit)
    done = apply_to_jobs(services, actor, action, job_ids)
    left = max(0, payload.left - len(job_ids)) if len(job_ids) == limit else 0
    following = replace(payload, after_id=job_ids[-1], left=left) if job_ids and left else None
    return Batch(
        total=payload.total,
        done=done,
        skipped=len(job_ids) - done,
        left=left,
        next_token=_sign(services, following) if following else None,
    )


def _next_ids(services: BulkServices, payload: _TokenPayload, limit: int) -> Sequence[str]:
    action, search = payload.action, payload.search
    bounds = {"last_id": payload.last_id, "after_id": payload.after_id}
    with services.database.transaction(durable=False) as session:
        reach = operator_jobs.bulk_scope(session, action, search, **bounds)
        if reach.jobs > payload.left:
            raise SelectionChangedError(f"{reach.jobs} jobs match by now; look at the count again")
        limit = min(limit, payload.left)
        return operator_jobs.bulk_job_ids(session, action, search, **bounds, limit=limit)


def _verify(services: BulkServices, token: str) -> _TokenPayload:
    try:
        return _AS_JSON.validate_python(_signer(services).loads(token, max_age=_VALID_SECONDS))
    except BadSignature:
        message = "this count is out of date or not ours; look at it again"
        raise SelectionChangedError(message) from None


def _sign(services: BulkServices, payload: _TokenPayload) -> str:
    return str(_signer(services).dumps(_AS_JSON.dump_python(payload, mode="json")))


def _signer(services: BulkServices) -> URLSafeTimedSerializer:
    secret = services.settings.url_secret.get_secret_value()
    return URLSafeTimedSerializer(secret, salt="bottega.bulk")
