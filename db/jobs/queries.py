"""Jobs, their attempts and their artifacts, read."""

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
    """What `list_jobs` selects; `before_id` pages on from the last job seen."""

    state: JobState | None = None
    variant: str | None = None
    created_after: datetime | None = None
    before_id: str | None = None


def find_job(session: Session, *, tenant_id: str | None, job_id: str) -> Job | None:
    """A job, if it is this tenant's (or whoever's, for an operator's None)."""
    job = session.get(Job, job_id, populate_existing=True)
    return job if job is not None and tenant_id in (None, job.tenant_id) else None


def list_jobs(session: Session, tenant_id: str, chosen: JobFilter, *, limit: int) -> Sequence[Job]:
    """A tenant's jobs, newest first."""
    statement = select(Job).where(Job.tenant_id == tenant_id)
    if chosen.state is not None:
        statement = statement.where(state_is(chosen.state))
    if chosen.variant is not None:
        statement = statement.where(Job.variant == chosen.variant)
    if chosen.created_after is not None:
        statement = statement.where(Job.created_at > chosen.created_after)
    if chosen.before_id is not None:
        statement = statement.where(Job.id < chosen.before_id)
    return session.scalars(statement.order_by(Job.id.desc()).limit(limit)).all()


def artifacts_of(session: Session, job_ids: Sequence[str]) -> dict[str, list[Artifact]]:
    """Stored results by job, in order."""
    statement = select(Artifact).where(Artifact.job_id.in_(job_ids))
    found: dict[str, list[Artifact]] = {}
    for row in session.scalars(statement.order_by(Artifact.job_id, Artifact.n)):
        found.setdefault(row.job_id, []).append(row)
    return found


def find_artifact(session: Session, job_id: str, n: int) -> Artifact | None:
    """One stored result."""
    return session.get(Artifact, (job_id, n))


def was_completed(session: Session, held: Claim) -> bool:
    """Whether this very attempt is the one that succeeded.

    For whoever did not hear the answer to a commit: a second completion changes nothing, and
    this tells it apart from a race that was lost.
    """
    own = (Job.id == held.job_id) & (Job.attempt == held.attempt)
    return session.scalar(select(Job.id).where(own, Job.state == JobState.SUCCEEDED)) is not None


def artifact_keys(session: Session, *, after: str, limit: int) -> Sequence[str]:
    """The store's keys of results that have not been removed, in order, after one of them."""
    statement = select(Artifact.key).where(Artifact.key > after, Artifact.removed_at.is_(None))
    return session.scalars(statement.order_by(Artifact.key).limit(limit)).all()


def attempts_of(session: Session, job_id: str) -> Sequence[Attempt]:
    """Every try at a job, first to last."""
    statement = select(Attempt).where(Attempt.job_id == job_id).order_by(Attempt.number)
    return session.scalars(statement).all()


def finished_among(session: Session, job_ids: Sequence[str]) -> Sequence[str]:
    """Which of these jobs are over."""
    return session.scalars(select(Job.id).where(Job.id.in_(job_ids), Job.state.in_(TERMINAL))).all()


def running_by_worker(session: Session) -> dict[str, list[Job]]:
    """Running jobs by the worker that has them, oldest first."""
    running = select(Job).where(state_is(JobState.RUNNING), Job.worker_id.is_not(None))
    found: dict[str, list[Job]] = {}
    for job in session.scalars(running.order_by(Job.id)):
        found.setdefault(job.worker_id or "", []).append(job)
    return found
