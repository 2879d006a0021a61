"""Reasons and estimates of waiting: position in the queue, ready workers, expected seconds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Row, func, select, text
from sqlalchemy.orm import Session

from db.core.clock import ago
from db.jobs import queues
from db.tables import Job, Worker
from db.tables.index_predicates import state_is
from db.values.job_state import JobState
from db.values.worker_state import SERVING, WorkerState

WORKER_STALE_SECONDS = 15.0
"""A worker that has not reported for this long counts as absent."""

WORKER_MISSED_SECONDS = 600.0
"""A worker that went silent and did not remove its row counts as failing for this long: someone
or something will probably restart it."""

_POSITION_CAP = 10_000
_WINDOWS = {
    "stale": timedelta(seconds=WORKER_STALE_SECONDS),
    "missed": timedelta(seconds=WORKER_MISSED_SECONDS),
}


class WaitReason(StrEnum):
    """The reason for which a queued job is not running."""

    FAIR_SHARE = "fair_share"
    WORKERS_BUSY = "workers_busy"
    LOADING = "loading"
    NO_WORKER = "no_worker"
    WORKER_FAILING = "worker_failing"
    QUEUE_PAUSED = "queue_paused"
    RETRY_BACKOFF = "retry_backoff"


@dataclass(frozen=True)
class Waiting:
    """The position of a queued job, and the reason for which it waits.

    Attributes:
        reason: the reason for which it does not run.
        position: 1 is next; counted up to 10,000.
        expected_seconds: the estimated cost ahead of it, divided by the ready workers; None when
            no worker is ready or the queue is paused.
        progress: the loaded fraction of its model, 0 to 1, while a worker loads it.
        stage: the stage of that load: "downloading", "loading" or "preparing"; None if not known.
        loaded_bytes: bytes of the stage that are done; None if not known.
        total_bytes: bytes of the stage in all; None if not known.
        cold_start: True when workers serve its model, and none has it loaded.
    """

    reason: WaitReason
    position: int
    expected_seconds: float | None
    progress: float | None = None
    stage: str | None = None
    loaded_bytes: int | None = None
    total_bytes: int | None = None
    cold_start: bool = False


def ready_workers(session: Session) -> dict[str, int]:
    """The number of live workers that serve each variant."""
    variant = func.unnest(Worker.variants).label("variant")
    live = select(variant).where(_is_live(), Worker.state.in_(SERVING)).subquery()
    statement = select(live.c.variant, func.count()).group_by(live.c.variant)
    return dict(session.execute(statement).all())


# Conditions on a row of `workers`. A worker is serving, or on its way to it without an earlier
# failure, or failing: it failed or went silent of late, and nobody told it to stop.
SERVING_NOW = f"""state IN ({", ".join(f"'{state}'" for state in SERVING)})
            AND heartbeat_at > now() - :stale"""

_STARTING = f"""state = '{WorkerState.STARTING}' AND failed_at IS NULL
            AND heartbeat_at > now() - :stale"""

_FAILING = f"""state <> '{WorkerState.DRAINING}'
            AND (failed_at IS NOT NULL OR heartbeat_at <= now() - :stale)
            AND heartbeat_at > now() - :missed"""


_UNSERVED = text(f"""
SELECT variant, bool_or({_STARTING}) AS starting, bool_or({_FAILING}) AS failing
FROM workers CROSS JOIN LATERAL unnest(variants) AS variant
GROUP BY variant
""")  # noqa: S608 - our own fragments


def unserved_reasons(session: Session) -> dict[str, WaitReason]:
    """Reasons to wait where no worker is ready, by variant; one without an entry has no worker."""
    rows = session.execute(_UNSERVED, _WINDOWS)
    return {row.variant: _unserved(row) for row in rows}


@dataclass(frozen=True)
class Outlook:
    """The outlook of a job that is submitted now.

    Attributes:
        ready_workers: live workers that serve the variant.
        expected_wait_seconds: the estimated cost of the queued jobs, divided by the workers; None
            when no worker is ready or the queue is paused.
        paused: True while the queue is paused.
        cold_start: True when workers serve the variant, and none has it loaded.
        cold_start_seconds: the seconds that such a worker took to load it the last time; None
            where none has measured it, or it is loaded.
        serving: the ways in which live workers serve it.
    """

    ready_workers: int
    expected_wait_seconds: float | None
    paused: bool = False
    cold_start: bool = False
    cold_start_seconds: float | None = None
    serving: Sequence["ServedMode"] = ()


@dataclass(frozen=True)
class ServedMode:
    """A way in which workers serve a variant, see `workers.adapters.serving.plan.ServingPlan`.

    Attributes:
        precision: the number format of the large weights; "float32" on a CPU that computes in it.
        offload: what waits in the host's memory.
        device_bytes: the weights on the device.
        working_bytes: the most that a call takes beside them.
        host_bytes: the weights in the host's memory.
        workers: the number of live workers that serve it so.
    """

    precision: str
    offload: str
    device_bytes: int
    working_bytes: int
    host_bytes: int
    workers: int


_LOADED = text(f"""
SELECT variant, bool_or(variant = ANY (resident)) AS resident,
       min(CAST(plans -> variant ->> 'load_seconds' AS float)) AS load_seconds
FROM workers CROSS JOIN LATERAL unnest(variants) AS variant
WHERE {SERVING_NOW}
GROUP BY variant
""")  # noqa: S608 - our own fragments

# Plans without bytes are of models that take no memory of a device.
_WAYS = text(f"""
SELECT variant, coalesce(nullif(plan ->> 'number_format', ''), plan -> 'mode' ->> 'precision'),
       plan -> 'mode' ->> 'offload',
       CAST(plan ->> 'device_bytes' AS bigint) AS device_bytes,
       CAST(plan ->> 'working_bytes' AS bigint), CAST(plan ->> 'host_bytes' AS bigint), count(*)
FROM workers CROSS JOIN LATERAL jsonb_each(plans) AS served (variant, plan)
WHERE {SERVING_NOW} AND plan ->> 'device_bytes' <> '0'
GROUP BY 1, 2, 3, 4, 5, 6
ORDER BY variant, device_bytes DESC
""")  # noqa: S608 - our own fragments


def queue_outlook(session: Session, variants: Sequence[str]) -> dict[str, Outlook]:
    """The outlook of a job of each of these variants."""
    statement = (
        select(Job.variant, func.sum(Job.cost_seconds))
        .where(state_is(JobState.QUEUED), Job.variant.in_(variants))
        .group_by(Job.variant)
    )
    queued = dict(session.execute(statement).all())
    ready, paused = ready_workers(session), queues.paused_variants(session)
    outlooks = {
        name: outlook_of(ready.get(name, 0), queued.get(name, 0.0), paused=name in paused)
        for name in variants
    }
    return _with_models(session, outlooks)


def _with_models(session: Session, outlooks: Mapping[str, Outlook]) -> dict[str, Outlook]:
    """The outlooks with what workers report of their models."""
    loaded = {row.variant: row for row in session.execute(_LOADED, _WINDOWS)}
    ways: dict[str, list[ServedMode]] = {}
    for variant, *values in session.execute(_WAYS, _WINDOWS):
        ways.setdefault(variant, []).append(ServedMode(*values))
    return {
        name: replace(
            outlook,
            cold_start=name in loaded and not loaded[name].resident,
            cold_start_seconds=_cold_seconds(loaded.get(name)),
            serving=tuple(ways.get(name, ())),
        )
        for name, outlook in outlooks.items()
    }


def _cold_seconds(row: Row[Any] | None) -> float | None:
    return None if row is None or row.resident else row.load_seconds


def outlook_of(workers: int, queued_seconds: float, *, paused: bool) -> Outlook:
    """The outlook of a job with so many ready workers and so much estimated cost ahead of it."""
    runs = workers and not paused
    return Outlook(workers, queued_seconds / workers if runs else None, paused)


# ahead: the queued jobs before this one; overtakers among them were submitted later. load: of the
# workers that load its model, the one that is nearest to its end.
_WAITING = text(f"""
SELECT job.id, ahead.jobs, ahead.cost_seconds, ahead.overtakers,
       queue.paused_at IS NOT NULL AS paused,
       job.available_at > now() AS backing_off,
       (SELECT count(*) FROM workers WHERE job.variant = ANY (variants)
            AND {SERVING_NOW}) AS ready,
       (SELECT count(*) FROM workers WHERE job.variant = ANY (variants)
            AND {_STARTING}) AS starting,
       (SELECT count(*) FROM workers WHERE job.variant = ANY (variants)
            AND {_FAILING}) AS failing,
       (SELECT count(*) FROM workers WHERE job.variant = ANY (resident)
            AND {SERVING_NOW}) AS resident,
       load.loading_fraction AS loading, load.loading_stage, load.loading_bytes,
       load.loading_total_bytes
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
LEFT JOIN LATERAL (
    SELECT loading_fraction, loading_stage, loading_bytes, loading_total_bytes
    FROM workers WHERE job.variant = loading AND heartbeat_at > now() - :stale
    ORDER BY array_position(ARRAY['preparing', 'loading', 'downloading'], loading_stage),
        loading_fraction DESC NULLS LAST
    LIMIT 1
) AS load ON true
WHERE job.id = ANY (:job_ids) AND job.state = 'queued'
""")  # noqa: S608 - our own fragments


def queue_positions(session: Session, job_ids: Sequence[str]) -> dict[str, Waiting]:
    """The positions of queued jobs and the reasons why they wait; other jobs are left out."""
    values = {"job_ids": list(job_ids), "cap": _POSITION_CAP} | _WINDOWS
    return {row.id: _waiting(row) for row in session.execute(_WAITING, values)}


def _waiting(row: Row[Any]) -> Waiting:
    reason = _reason(row)
    is_loading = reason is WaitReason.LOADING
    return Waiting(
        reason=reason,
        progress=row.loading if is_loading else None,
        stage=row.loading_stage if is_loading else None,
        loaded_bytes=row.loading_bytes if is_loading else None,
        total_bytes=row.loading_total_bytes if is_loading else None,
        cold_start=bool(row.ready) and not row.resident,
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
    """The reason why no worker is ready: one that starts normally comes before failing ones."""
    if row.starting:
        return WaitReason.LOADING
    return WaitReason.WORKER_FAILING if row.failing else WaitReason.NO_WORKER


def _is_live() -> ColumnElement[bool]:
    return Worker.heartbeat_at > ago(WORKER_STALE_SECONDS)
