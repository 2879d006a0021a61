"""Submission of a job: prepare it, insert its row, then notify the workers."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import structlog
from sqlalchemy.orm import Session

from api.auth.tenant import Caller
from api.core.domain_errors import InvalidSubmissionError
from api.core.metrics import count_submitted_job
from api.core.request_log import add_log_fields, request_id
from api.jobs.adjustments import in_words_of
from api.jobs.fingerprint import fingerprint, former_fingerprint
from api.jobs.prepare import PreparedSubmission, prepare
from api.schemas.jobs import Submission
from api.services import Services
from db.artifacts import inputs as stored_inputs
from db.jobs import deduplication, idempotency, traces
from db.jobs.idempotency import KeyedSubmission
from db.jobs.submit import submit_job, submit_job_at_once
from db.jobs.types import NATIVE, AcceptedJob, NewJob, Origin
from db.tables import Job
from db.values.job_state import JobState
from db.webhooks.types import Webhook
from workers.messaging.queue import Ticket
from workers.telemetry import tracing

Render = Callable[..., Any]
"""Renders a session's jobs for the response."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class SubmissionResult:
    """The rendered job; `replayed` when an earlier submission made it."""

    view: Any
    replayed: bool


def submit(
    services: Services,
    caller: Caller,
    submission: Submission,
    render: Render,
    *,
    idempotency_key: str | None = None,
    origin: Origin = NATIVE,
    base_url: str = "",
) -> SubmissionResult:
    """Insert the job in one transaction, then notify. The ticket may fail: the row is safe.

    A job that the allowance covers is inserted by one statement, which is the transaction.

    When the idempotency key already has a job, that job is the result, and nothing else is done.
    So is an unfinished job with the digest of the origin.

    Args:
        services: the process's connections.
        caller: the tenant who pays, and its key.
        submission: the request's content.
        render: renders the result from a session and jobs.
        idempotency_key: the request's idempotency key, if any; with one, the digest is ignored.
        origin: the API that the submission came by.
        base_url: the URL by which the service was asked, for those in its webhooks.

    Raises:
        db.tenants.api_keys.InvalidKeyError: the caller's key has been revoked.
        db.tenants.tenants.TenantSuspendedError: the caller's account has been suspended.
        db.jobs.idempotency.KeyReusedError: the key was used for another submission.
        api.core.domain_errors.DomainError: as `prepare`.
    """
    keyed = None
    if idempotency_key is not None:
        own, former = fingerprint(submission), former_fingerprint(submission)
        keyed = KeyedSubmission(caller.tenant_id, idempotency_key, own, former)
        origin = replace(origin, digest=None)
    # Before any fetch or store; a concurrent submission under the key is found by the insert.
    with services.database.autocommit() as session:
        services.key_cache.check(session, caller.key_id)
        if keyed and (first := idempotency.find(session, keyed)):
            return _replay(session, first, origin, render)
    prepared = prepare(services, caller.tenant_id, submission)
    told = in_words_of(origin.names, prepared.warnings)
    origin = replace(origin, warnings=(*origin.warnings, *told))
    limit = services.settings.vendor_daily_limit_micros or None
    new = replace(
        _new_job(caller, submission, prepared),
        vendor_limit_micros=limit,
        keep_limit_seconds=services.settings.result_keep_seconds,
        origin=origin,
        webhook=origin.webhook or _with_base(prepared.webhook, base_url),
    )
    while True:
        try:
            return _insert(services, new, keyed, render)
        except deduplication.CONFLICTS as error:
            if not deduplication.is_conflict(error):
                raise
            if _is_taken(services, new):
                new = replace(new, origin=replace(origin, digest=None))


def _with_base(webhook: Webhook | None, base_url: str) -> Webhook | None:
    """The webhook with the URL by which the service was asked, where the settings have none."""
    if webhook is None or webhook.base_url:
        return webhook
    return replace(webhook, base_url=base_url)


def _is_taken(services: Services, new: NewJob) -> bool:
    """True when the digest is that of another request, of which this one is no retry."""
    with services.database.autocommit() as session:
        return deduplication.is_taken(session, tenant_id=new.tenant_id, origin=new.origin)


def _insert(
    services: Services, new: NewJob, keyed: KeyedSubmission | None, render: Render
) -> SubmissionResult:
    """Insert a prepared job, or find the one that its key or its request has made already.

    Raises:
        sqlalchemy.exc.DBAPIError: as `db.jobs.submit.submit_job`.
    """
    tenant_id, origin = new.tenant_id, new.origin
    traceparent = tracing.current_traceparent()
    if not (keyed or new.webhook or traceparent or stored_inputs.has_inputs(new.input)):
        with services.database.autocommit(durable=True) as session:
            if accepted := submit_job_at_once(session, new):
                view = render(session, [accepted.job])[0]
                _announce(services, accepted)
                return SubmissionResult(view, replayed=False)
    with services.database.transaction() as session:
        if keyed and (first := idempotency.claim(session, keyed, new.id)):
            return _replay(session, first, origin, render)
        # Before the limits: a request that is sent again needs neither credit nor room.
        if first := deduplication.rejoin(session, tenant_id=tenant_id, origin=origin):
            return SubmissionResult(render(session, [first])[0], replayed=True)
        if stored_inputs.have_been_removed(session, new.input):
            message = "a picture of this job was deleted meanwhile"
            raise InvalidSubmissionError.of_field(["input"], message, "invalid_image")
        accepted = submit_job(session, new)
        if traceparent:
            traces.record(session, accepted.job.id, traceparent)
        view = render(session, [accepted.job])[0]
    _announce(services, accepted)
    return SubmissionResult(view, replayed=False)


def _replay(session: Session, first: Job, origin: Origin, render: Render) -> SubmissionResult:
    """The job that the idempotency key has."""
    deduplication.join(session, first, origin)
    return SubmissionResult(render(session, [first])[0], replayed=True)


def _announce(services: Services, accepted: AcceptedJob) -> None:
    """Publish, notify and count a new job.

    It runs after the commit: a worker could handle an earlier ticket before the row is visible.
    """
    job = accepted.job
    services.publisher.publish_state(job.id, JobState.QUEUED, attempt=0)
    services.notifier.notify(
        Ticket(
            job_id=job.id,
            variant=job.variant,
            tier=accepted.tier,
            tenant=job.tenant_id,
            priority=job.priority,
            quota_left=accepted.quota_left,
        )
    )
    count_submitted_job(job.variant, job.surface)
    add_log_fields(job_id=job.id, surface=job.surface)
    _log.info(
        "job_submitted",
        job_id=job.id,
        variant=job.variant,
        tenant=job.tenant_id,
        surface=job.surface,
    )


def _new_job(caller: Caller, submission: Submission, prepared: PreparedSubmission) -> NewJob:
    variant, parameters = prepared.variant, prepared.parameters
    return NewJob(
        tenant_id=caller.tenant_id,
        api_key_id=caller.key_id,
        variant=variant.id,
        input=prepared.input,
        priority=submission.priority,
        batch_key=variant.batch_key(parameters),
        batch_limit=variant.batch_limit(parameters, prepared.input_pixels),
        cost_seconds=prepared.cost_seconds,
        deadline_seconds=variant.deadline_for(parameters, prepared.input_pixels),
        unit_kind=variant.unit_kind,
        units=prepared.units,
        price_micros=prepared.price_micros,
        expires_in_seconds=submission.expires_in_seconds,
        metadata=dict(submission.metadata),
        webhook=prepared.webhook,
        request_id=request_id(),
        vendor_micros=prepared.vendor_micros,
        keep_seconds=submission.keep_seconds,
    )
