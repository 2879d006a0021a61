"""Queries for jobs, their attempts and their artifacts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.jobs.types import Claim
from db.tables import Artifact, Attempt, Job
from db.tables.index_predicates import state_is
from db.values.job_state import TERMINAL, JobState


@dataclass(frozen=True)
class JobFilter:
    """Criteria of `list_jobs`; None matches any. `before_id` is the last job of the page before."""

    state: JobState | None = None
    variant: str | None = None
    created_after: datetime | None = None
    before_id: str | None = None


def find_job(session: Session, *, tenant_id: str | None, job_id: str) -> Job | None:
    """Find a job of this tenant; None as the tenant finds the job of any."""
    job = session.get(Job, job_id, populate_existing=True)
    return job if job is not None and tenant_id in (None, job.tenant_id) else None


def list_jobs(
    session: Session, tenant_id: str, criteria: JobFilter, *, limit: int
) -> Sequence[Job]:
    """A tenant's jobs, newest first."""
    statement = select(Job).where(Job.tenant_id == tenant_id)
    if criteria.state is not None:
        statement = statement.where(state_is(criteria.state))
    if criteria.variant is not None:
        statement = statement.where(Job.variant == criteria.variant)
    if criteria.created_after is not None:
        statement = statement.where(Job.created_at > criteria.created_after)
    if criteria.before_id is not None:
        statement = statement.where(Job.id < criteria.before_id)
    return session.scalars(statement.order_by(Job.id.desc()).limit(limit)).all()


def artifacts_of(session: Session, job_ids: Sequence[str]) -> dict[str, list[Artifact]]:
    """The artifacts of each job, in order."""
    statement = select(Artifact).where(Artifact.job_id.in_(job_ids))
    found: dict[str, list[Artifact]] = {}
    for row in session.scalars(statement.order_by(Artifact.job_id, Artifact.n)):
        found.setdefault(row.job_id, []).append(row)
    return found


def find_artifact(session: Session, job_id: str, n: int) -> Artifact | None:
    """Find one artifact of a job."""
    return session.get(Artifact, (job_id, n))


def was_completed(session: Session, claim: Claim) -> bool:
    """True when this very attempt is the one that succeeded.

    It is for a worker whose commit got no response: a second completion changes nothing, and
    this tells that case from a lost race.
    """
    own = (Job.id == claim.job_id) & (Job.attempt == claim.attempt)
    return session.scalar(select(Job.id).where(own, Job.state == JobState.SUCCEEDED)) is not None


def artifact_keys(session: Session, *, after: str, limit: int) -> Sequence[str]:
    """A page of the store's keys of artifacts that were not removed, in order, after one key."""
    statement = select(Artifact.key).where(Artifact.key > after, Artifact.removed_at.is_(None))
    return session.scalars(statement.order_by(Artifact.key).limit(limit)).all()


def attempts_of(session: Session, job_id: str) -> Sequence[Attempt]:
    """Every attempt at a job, first to last."""
    statement = select(Attempt).where(Attempt.job_id == job_id).order_by(Attempt.number)
    return session.scalars(statement).all()


def finished_job_ids(session: Session, job_ids: Sequence[str]) -> Sequence[str]:
    """Those of these jobs that have finished."""
    return session.scalars(select(Job.id).where(Job.id.in_(job_ids), Job.state.in_(TERMINAL))).all()


def running_by_worker(session: Session) -> dict[str, list[Job]]:
    """Running jobs by worker, oldest first."""
    running = select(Job).where(state_is(JobState.RUNNING), Job.worker_id.is_not(None))
    found: dict[str, list[Job]] = {}
    for job in session.scalars(running.order_by(Job.id)):
        found.setdefault(job.worker_id or "", []).append(job)
    return found
