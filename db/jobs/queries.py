"""Reading jobs: one, many, where one stands in its queue and why it waits."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Row, func, select, text
from sqlalchemy.orm import Session

from db.jobs import queues
from db.jobs.types import Claim
from db.tables import Artifact, Attempt, Job, Worker
from db.tables.index_predicates import state_is
from db.values.job_state import TERMINAL, JobState

WORKER_STALE_SECONDS = 15.0
"""A worker that has not reported for this long does not count."""

WORKER_MISSED_SECONDS = 600.0
"""One that went silent without leaving is taken to be restarted, or mended, for this long."""

_POSITION_CAP = 10_000
_WINDOWS = {
    "stale": timedelta(seconds=WORKER_STALE_SECONDS),
    "missed": timedelta(seconds=WORKER_MISSED_SECONDS),
}


class WaitReason(StrEnum):
    """Why a queued job is not running."""

    FAIR_SHARE = "fair_share"
    WORKERS_BUSY = "workers_busy"
    LOADING = "loading"
    NO_WORKER = "no_worker"
    WORKER_FAILING = "worker_failing"
    QUEUE_PAUSED = "queue_paused"
    RETRY_BACKOFF = "retry_backoff"


@dataclass(frozen=True)
class Waiting:
    """Where a queued job stands.

    Attributes:
        reason: why it does not run.
        position: 1 is next; counted to 10,000.
        expected_seconds: the estimated cost ahead of it over the ready workers; None without any,
            and while the queue is paused.
        progress: how much of its model is loaded, 0 to 1, while it is.
    """

    reason: WaitReason
    position: int
    expected_seconds: float | None
    progress: float | None = None


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


def artifact(session: Session, job_id: str, n: int) -> Artifact | None:
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


def in_hand(session: Session) -> dict[str, list[Job]]:
    """Running jobs by the worker that has them, oldest first."""
    running = select(Job).where(state_is(JobState.RUNNING), Job.worker_id.is_not(None))
    found: dict[str, list[Job]] = {}
    for job in session.scalars(running.order_by(Job.id)):
        found.setdefault(job.worker_id or "", []).append(job)
    return found


def ready_workers(session: Session) -> dict[str, int]:
    """How many live workers serve each variant."""
    variant = func.unnest(Worker.variants).label("variant")
    live = select(variant).where(_is_live(), Worker.state.in_(("ready", "busy"))).subquery()
    statement = select(live.c.variant, func.count()).group_by(live.c.variant)
    return dict(session.execute(statement).all())


_STARTING = "state = 'starting' AND failed_at IS NULL AND heartbeat_at > now() - :stale"
_FAILING = """state <> 'draining' AND (failed_at IS NOT NULL OR heartbeat_at <= now() - :stale)
            AND heartbeat_at > now() - :missed"""

_UNSERVED = text(f"""
SELECT variant, bool_or({_STARTING}) AS starting, bool_or({_FAILING}) AS failing
FROM workers CROSS JOIN LATERAL unnest(variants) AS variant
GROUP BY variant
""")  # noqa: S608 - nothing of a caller's


def unserved(session: Session) -> dict[str, WaitReason]:
    """Why jobs of each variant would wait where no worker is ready; one not named has none."""
    rows = session.execute(_UNSERVED, _WINDOWS)
    return {row.variant: _unserved(row) for row in rows}


@dataclass(frozen=True)
class Outlook:
    """What a job submitted now would meet.

    Attributes:
        ready_workers: live workers that serve the variant.
        expected_wait_seconds: the queued jobs' estimated cost over them; None without any, and
            while the queue is paused.
        paused: whether the queue is.
    """

    ready_workers: int
    expected_wait_seconds: float | None
    paused: bool = False


def outlook(session: Session, variants: Sequence[str]) -> dict[str, Outlook]:
    """What a job of each of these variants would meet."""
    statement = (
        select(Job.variant, func.sum(Job.cost_seconds))
        .where(state_is(JobState.QUEUED), Job.variant.in_(variants))
        .group_by(Job.variant)
    )
    queued = dict(session.execute(statement).all())
    ready, held = ready_workers(session), queues.paused(session)
    return {
        name: outlook_of(ready.get(name, 0), queued.get(name, 0.0), paused=name in held)
        for name in variants
    }


def outlook_of(workers: int, queued_seconds: float, *, paused: bool) -> Outlook:
    """What a job would meet with so many workers and so much ahead of it."""
    runs = workers and not paused
    return Outlook(workers, queued_seconds / workers if runs else None, paused)


_WAITING = text(f"""
SELECT job.id, ahead.jobs, ahead.cost_seconds, ahead.overtakers,
       queue.paused_at IS NOT NULL AS paused,
       job.available_at > now() AS backing_off,
       (SELECT count(*) FROM workers WHERE job.variant = ANY (variants)
            AND state IN ('ready', 'busy') AND heartbeat_at > now() - :stale) AS ready,
       (SELECT count(*) FROM workers WHERE job.variant = ANY (variants)
            AND {_STARTING}) AS starting,
       (SELECT count(*) FROM workers WHERE job.variant = ANY (variants)
            AND {_FAILING}) AS failing,
       (SELECT count(*) FROM workers WHERE job.variant = ANY (resident)
            AND state IN ('ready', 'busy') AND heartbeat_at > now() - :stale) AS resident,
       (SELECT max(loading_fraction) FROM workers WHERE job.variant = loading
            AND heartbeat_at > now() - :stale) AS loading
FROM jobs AS job
LEFT JOIN queues AS queue ON queue.variant = job.variant
CROSS JOIN LATERAL (
    SELECT count(*) AS jobs, coalesce(sum(cost_seconds), 0) AS cost_seconds,
           count(*) FILTER (WHERE id > job.id) AS overtakers
    FROM (SELECT id, cost_seconds FROM jobs
          WHERE variant = job.variant AND state = 'queued'
            AND (fair_start, id) < (job.fair_start, job.id)
          LIMIT :cap) AS capped
) AS ahead
WHERE job.id = ANY (:job_ids) AND job.state = 'queued'
""")  # noqa: S608 - nothing of a caller's


def waiting(session: Session, job_ids: Sequence[str]) -> dict[str, Waiting]:
    """Where queued jobs stand and why they wait, by job; jobs that are not queued are left out."""
    values = {"job_ids": list(job_ids), "cap": _POSITION_CAP} | _WINDOWS
    return {row.id: _standing(row) for row in session.execute(_WAITING, values)}


def _standing(row: Row[Any]) -> Waiting:
    reason = _reason(row)
    return Waiting(
        reason=reason,
        progress=row.loading if reason is WaitReason.LOADING else None,
        position=row.jobs + 1,
        expected_seconds=outlook_of(
            row.ready, row.cost_seconds, paused=row.paused
        ).expected_wait_seconds,
    )


def _reason(row: Row[Any]) -> WaitReason:
    if row.paused:
        return WaitReason.QUEUE_PAUSED
    if row.backing_off:
        return WaitReason.RETRY_BACKOFF
    if not row.ready:
        return _unserved(row)
    if row.loading is not None and not row.resident:
        return WaitReason.LOADING
    return WaitReason.FAIR_SHARE if row.overtakers else WaitReason.WORKERS_BUSY


def _unserved(row: Row[Any]) -> WaitReason:
    """Why no worker is ready: a sound one that is on its way comes before those that fail."""
    if row.starting:
        return WaitReason.LOADING
    return WaitReason.WORKER_FAILING if row.failing else WaitReason.NO_WORKER


def _is_live() -> ColumnElement[bool]:
    return Worker.heartbeat_at > func.now() - timedelta(seconds=WORKER_STALE_SECONDS)
