"""Reasons and prospects of waiting: place in the queue, ready workers, expected seconds."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Row, func, select, text
from sqlalchemy.orm import Session

from db.jobs import queues
from db.tables import Job, Worker
from db.tables.index_predicates import state_is
from db.values.job_state import JobState

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


def unserved_reasons(session: Session) -> dict[str, WaitReason]:
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


def queue_outlook(session: Session, variants: Sequence[str]) -> dict[str, Outlook]:
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


def queue_positions(session: Session, job_ids: Sequence[str]) -> dict[str, Waiting]:
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
