"""Queries for jobs, their attempts and their artifacts."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import Session

from db.jobs.search import has_metadata, submitted_within
from db.jobs.types import Claim
from db.tables import Artifact, Attempt, Job
from db.tables.index_predicates import state_is
from db.values.job_state import TERMINAL, JobState

_WALKED = 10_000
"""The newest jobs of a tenant that a search by metadata reads before it uses the index."""


@dataclass(frozen=True)
class JobFilter:
    """Criteria of `list_jobs`; None, or nothing, matches any.

    Attributes:
        states: any of these states.
        variant: the model.
        created_after: the moment after which it was submitted.
        created_before: the moment before which it was submitted.
        metadata: entries that the job's metadata must have.
        before_id: the last job of the page before.
    """

    states: Collection[JobState] = ()
    variant: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    before_id: str | None = None


def find_job(session: Session, *, tenant_id: str | None, job_id: str) -> Job | None:
    """Find a job of this tenant; None as the tenant finds the job of any."""
    job = session.get(Job, job_id, populate_existing=True)
    return job if job is not None and tenant_id in (None, job.tenant_id) else None


def list_jobs(
    session: Session, tenant_id: str, criteria: JobFilter, *, limit: int
) -> Sequence[Job]:
    """A tenant's jobs, newest first."""
    if criteria.metadata:
        return _list_by_metadata(session, tenant_id, criteria, limit)
    found = select(Job).where(*_own(tenant_id, criteria.before_id), *_conditions(criteria))
    return session.scalars(found.order_by(*_NEWEST_FIRST).limit(limit)).all()


_NEWEST_FIRST = (Job.tenant_id, Job.id.desc())


def _own(tenant_id: str, before_id: str | None) -> Iterator[ColumnElement[bool]]:
    # As a range: of any tenant, the index on (tenant_id, id) alone has `_NEWEST_FIRST`.
    yield Job.tenant_id.between(tenant_id, tenant_id)
    if before_id is not None:
        yield Job.id < before_id


def _conditions(criteria: JobFilter) -> Iterator[ColumnElement[bool]]:
    if criteria.states:
        yield state_is(*criteria.states)
    if criteria.variant is not None:
        yield Job.variant == criteria.variant
    yield from submitted_within(criteria.created_after, criteria.created_before)
    if criteria.created_after is not None:
        yield Job.created_at > criteria.created_after


def _list_by_metadata(
    session: Session, tenant_id: str, criteria: JobFilter, limit: int
) -> Sequence[Job]:
    """The newest jobs with entries of metadata: among the last ones, then by the index.

    The planner does not know how many jobs have an entry. Where most of a tenant's have it, the
    last ones fill the page, and the index would lead to all of them, also to those of tenants who
    use the same entry. A few among a million are found by the index alone.
    """
    walked = select(Job.tenant_id, Job.id, Job.job_metadata)
    walked = walked.where(*_own(tenant_id, criteria.before_id)).order_by(*_NEWEST_FIRST)
    conditions = list(_conditions(criteria))
    found = _among_last(session, walked.limit(_WALKED), criteria, conditions, limit)
    if len(found) == limit:
        return found
    boundary = session.scalar(walked.with_only_columns(Job.id).offset(_WALKED).limit(1))
    if boundary is None:
        return found
    older = [Job.tenant_id == tenant_id, Job.id <= boundary, *conditions]
    return [*found, *_by_index(session, criteria, older, limit - len(found))]


def _among_last(
    session: Session,
    walked: Select[str, str, dict[str, Any]],
    criteria: JobFilter,
    conditions: Sequence[ColumnElement[bool]],
    limit: int,
) -> Sequence[Job]:
    last = walked.subquery("last")
    # By the subquery's column, which no index leads to; in its order, so that it ends early.
    entries = last.c.job_metadata.contains(dict(criteria.metadata))
    found = select(Job).join(last, last.c.id == Job.id).where(entries, *conditions)
    return session.scalars(found.order_by(last.c.tenant_id, last.c.id.desc()).limit(limit)).all()


def _by_index(
    session: Session,
    criteria: JobFilter,
    conditions: Sequence[ColumnElement[bool]],
    limit: int,
) -> Sequence[Job]:
    matching = select(Job.id).where(*conditions, *has_metadata(criteria.metadata))
    # All matches first: the planner would else walk the jobs by id until it met enough.
    matches = matching.cte("matches").prefix_with("MATERIALIZED")
    ids = session.scalars(select(matches.c.id).order_by(matches.c.id.desc()).limit(limit)).all()
    return session.scalars(select(Job).where(Job.id.in_(ids)).order_by(Job.id.desc())).all()


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
