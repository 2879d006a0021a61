"""Rendering of a job's rows as the JSON that operators get."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from api.routes.webhooks import delivery_views
from api.schemas.admin_jobs import AdminJobView, ArtifactView, BillView, JobDetail, Moment
from api.schemas.jobs import RequestWarningView
from db.billing import holds
from db.jobs.queries import artifacts_of, attempts_of, find_job
from db.jobs.search import FoundJob
from db.operators import jobs as operator_jobs
from db.tables import Attempt, Hold, Job, Tenant
from db.values.job_state import JobState, Priority
from db.values.surfaces import SurfaceName
from db.webhooks import queries as delivery_queries
from db.webhooks.queries import DeliveryFilter

_MAX_DELIVERIES = 20


def job_view(match: FoundJob) -> AdminJobView:
    """One row of the list."""
    job = match.job
    return AdminJobView(
        id=job.id,
        tenant=job.tenant_id,
        tenant_name=match.tenant_name,
        model=job.variant,
        state=JobState(job.state),
        priority=Priority(job.priority),
        attempt=job.attempt,
        worker=job.worker_id,
        created_at=job.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
        price_micros=job.price_micros,
        covered_by=job.covered_by,
        error_code=job.error_code,
        error_message=job.error_message,
        metadata=job.job_metadata,
        surface=SurfaceName(job.surface),
        warnings=[RequestWarningView(**entry) for entry in job.warnings or ()],
    )


def job_detail(session: Session, job_id: str) -> JobDetail | None:
    """A job with its timeline, results, bill and webhooks; None when there is no such job."""
    job = find_job(session, tenant_id=None, job_id=job_id)
    if job is None:
        return None
    match = FoundJob(job, session.get_one(Tenant, job.tenant_id).name)
    artifacts = artifacts_of(session, [job_id]).get(job_id, [])
    deliveries = delivery_queries.list_deliveries(
        session, job.tenant_id, DeliveryFilter(job_id=job_id), limit=_MAX_DELIVERIES
    )
    return JobDetail(
        **job_view(match).model_dump(),
        timeline=timeline(job, attempts_of(session, job_id)),
        artifacts=[ArtifactView.model_validate(row) for row in artifacts],
        bill=_bill(session.get(Hold, job_id)),
        deliveries=delivery_views(session, deliveries),
        retried_as=operator_jobs.retried_as(session, job_id),
    )


def timeline(job: Job, attempts: Sequence[Attempt]) -> list[Moment]:
    """The steps of a job, first to last."""
    moments = [Moment(at=job.created_at, what="submitted")]
    for each in attempts:
        moments.append(_moment(each, each.started_at, "started"))
        if each.ended_at is not None:
            moments.append(_moment(each, each.ended_at, each.outcome or "ended"))
    if job.finished_at is not None:
        moments.append(Moment(at=job.finished_at, what=job.state))
    return sorted(moments, key=lambda moment: moment.at)


def _moment(attempt: Attempt, at: datetime, step: str) -> Moment:
    return Moment(at=at, what=step, attempt=attempt.number, worker=attempt.worker_id)


def _bill(hold: Hold | None) -> BillView | None:
    if hold is None:
        return None
    return BillView.model_validate(
        {
            "source": hold.source,
            "units": hold.units,
            "amount_micros": hold.amount_micros,
            "state": hold.state,
            "closed_at": hold.closed_at,
            "charged_micros": holds.charged_micros(hold),
        }
    )
