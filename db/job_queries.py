"""Reading jobs: one, many, where one stands in its queue and why it waits."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import ColumnElement, Row, and_, any_, func, literal, select, tuple_
from sqlalchemy.orm import Session

from db.job_state import TERMINAL, JobState
from db.tables import Artifact, Attempt, Job, Queue, Worker

WORKER_STALE_SECONDS = 15.0
"""A worker that has not reported for this long does not count."""

_POSITION_CAP = 10_000


class WaitReason(StrEnum):
    """Why a queued job is not running."""

    FAIR_SHARE = "fair_share"
    WORKERS_BUSY = "workers_busy"
    LOADING = "loading"
    NO_WORKER = "no_worker"
    QUEUE_PAUSED = "queue_paused"
    RETRY_BACKOFF = "retry_backoff"


@dataclass(frozen=True)
class Waiting:
    """Where a queued job stands.

    Attributes:
        reason: why it does not run.
        position: 1 is next; counted to 10,000.
        expected_seconds: the estimated cost ahead of it over the ready workers; None without any.
    """

    reason: WaitReason
    position: int
    expected_seconds: float | None


@dataclass(frozen=True)
class JobFilter:
    """What `listed` selects; `before_id` pages on from the last job seen."""

    state: JobState | None = None
    variant: str | None = None
    created_after: datetime | None = None
    before_id: str | None = None


def find(session: Session, *, tenant_id: str | None, job_id: str) -> Job | None:
    """A job, if it is this tenant's (or whoever's, for an operator's None)."""
    job = session.get(Job, job_id, populate_existing=True)
    return job if job is not None and tenant_id in (None, job.tenant_id) else None


def listed(session: Session, tenant_id: str, chosen: JobFilter, *, limit: int) -> Sequence[Job]:
    """A tenant's jobs, newest first."""
    statement = select(Job).where(Job.tenant_id == tenant_id)
    if chosen.state is not None:
        statement = statement.where(Job.state == chosen.state)
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


def artifact(session: Session, job_id: str, n: int) -> Artifact | None:
    """One stored result."""
    return session.get(Artifact, (job_id, n))


def attempts_of(session: Session, job_id: str) -> Sequence[Attempt]:
    """Every try at a job, first to last."""
    statement = select(Attempt).where(Attempt.job_id == job_id).order_by(Attempt.number)
    return session.scalars(statement).all()


def finished_among(session: Session, job_ids: Sequence[str]) -> Sequence[str]:
    """Which of these jobs are over."""
    return session.scalars(select(Job.id).where(Job.id.in_(job_ids), Job.state.in_(TERMINAL))).all()


def ready_workers(session: Session) -> dict[str, int]:
    """How many live workers serve each variant."""
    variant = func.unnest(Worker.variants).label("variant")
    live = select(variant).where(_is_live(), Worker.state.in_(("ready", "busy"))).subquery()
    statement = select(live.c.variant, func.count()).group_by(live.c.variant)
    return dict(session.execute(statement).tuples().all())


def expected_wait_seconds(session: Session, variant: str, workers: int) -> float | None:
    """How long a job submitted now would wait: queued cost over ready workers; None without any."""
    if workers == 0:
        return None
    statement = select(func.coalesce(func.sum(Job.cost_seconds), 0.0)).where(
        Job.variant == variant, Job.state == JobState.QUEUED
    )
    return float(session.scalar(statement) or 0.0) / workers


def waiting(session: Session, job: Job) -> Waiting:
    """Where a queued job stands and why it waits."""
    ahead = _ahead_of(session, job)
    workers = ready_workers(session).get(job.variant, 0)
    return Waiting(
        reason=_reason(session, job, workers, overtaken=ahead.overtakers > 0),
        position=ahead.jobs + 1,
        expected_seconds=ahead.cost_seconds / workers if workers else None,
    )


def _ahead_of(session: Session, job: Job) -> Row[tuple[int, float, int]]:
    ahead = (
        select(Job.cost_seconds, Job.id)
        .where(Job.variant == job.variant, Job.state == JobState.QUEUED)
        .where(tuple_(Job.fair_start, Job.id) < tuple_(job.fair_start, job.id))
        .limit(_POSITION_CAP)
        .subquery()
    )
    statement = select(
        func.count().label("jobs"),
        func.coalesce(func.sum(ahead.c.cost_seconds), 0.0).label("cost_seconds"),
        func.count().filter(ahead.c.id > job.id).label("overtakers"),
    ).select_from(ahead)
    return session.execute(statement).one()


def _reason(session: Session, job: Job, workers: int, *, overtaken: bool) -> WaitReason:
    now = session.scalar(select(func.now()))
    queue = session.get(Queue, job.variant)
    if queue is not None and queue.paused_at is not None:
        return WaitReason.QUEUE_PAUSED
    if now is not None and job.available_at > now:
        return WaitReason.RETRY_BACKOFF
    if workers == 0:
        return WaitReason.LOADING if _is_loading(session, job.variant) else WaitReason.NO_WORKER
    return WaitReason.FAIR_SHARE if overtaken else WaitReason.WORKERS_BUSY


def _is_loading(session: Session, variant: str) -> bool:
    starting = and_(
        _is_live(), Worker.state == "starting", literal(variant) == any_(Worker.variants)
    )
    return session.scalar(select(Worker.id).where(starting).limit(1)) is not None


def _is_live() -> ColumnElement[bool]:
    return Worker.heartbeat_at > func.now() - timedelta(seconds=WORKER_STALE_SECONDS)
