"""Retention: expired artifacts and contents of jobs, objects without a row, rows of old jobs."""

import time
from collections.abc import Sequence

from sqlalchemy import Select, delete, func, select, text, update
from sqlalchemy.orm import Session

from db.core.base import first_id
from db.core.clock import ago
from db.tables import Artifact, Attempt, Hold, InputObject, Job
from db.tables.index_predicates import state_is
from db.tables.jobs import HAS_KEPT_CONTENTS, KEPT_UNTIL
from db.values.job_state import TERMINAL, JobState

_GIVEN_UP = (JobState.CANCELED, JobState.EXPIRED)

ArtifactId = tuple[str, int]
"""An artifact's job and its number in the job."""


def expired_artifacts(session: Session, *, limit: int) -> dict[ArtifactId, str]:
    """The store's keys of expired artifacts whose objects may still be in the store."""
    statement = (
        select(Artifact.job_id, Artifact.n, Artifact.key)
        .where(Artifact.expires_at <= func.now(), Artifact.removed_at.is_(None))
        .order_by(Artifact.expires_at)
        .limit(limit)
    )
    return {(job_id, n): key for job_id, n, key in session.execute(statement)}


def mark_removed(session: Session, artifact_id: ArtifactId) -> None:
    """Record that an artifact's object was removed; the row stays as a record of the artifact."""
    session.execute(
        update(Artifact)
        .where(Artifact.job_id == artifact_id[0], Artifact.n == artifact_id[1])
        .values(removed_at=func.now())
    )


_IS_DUE = text(f"{HAS_KEPT_CONTENTS} AND {KEPT_UNTIL} <= now() AT TIME ZONE 'UTC'")

EXPIRED_CONTENTS = select(Job.id).where(_IS_DUE).order_by(text(KEPT_UNTIL))
"""Finished jobs whose `keep_seconds` are over and whose contents are still there."""


def jobs_with_expired_contents(session: Session, *, limit: int) -> Sequence[str]:
    """The ids of `EXPIRED_CONTENTS`, the longest expired first."""
    return session.scalars(EXPIRED_CONTENTS.limit(limit)).all()


def lock_job_with_expired_contents(session: Session, job_id: str) -> Job | None:
    """Lock such a job; None when another transaction has it, or its contents are gone."""
    due = select(Job).where(Job.id == job_id, _IS_DUE)
    return session.scalar(
        due.with_for_update(key_share=True, skip_locked=True),
        execution_options={"populate_existing": True},
    )


def last_used_by(session: Session, job: Job, keys: Sequence[str]) -> list[str]:
    """Those of these locked inputs that no job uses that was submitted later.

    The time of an input's last use is accurate to an hour.
    """
    last = select(InputObject.key).where(
        InputObject.key.in_(keys), InputObject.used_at <= job.created_at
    )
    return list(session.scalars(last.order_by(InputObject.key)))


def unknown_keys(session: Session, keys: Sequence[str]) -> list[str]:
    """Those of these keys that no artifact has: nothing will ever request their objects."""
    known = set(session.scalars(select(Artifact.key).where(Artifact.key.in_(keys))))
    return [key for key in keys if key not in known]


def delete_old_jobs(session: Session, *, older_than_seconds: float, limit: int) -> int:
    """Delete jobs that ended long ago and have no object left, with all rows that refer to them.

    Ledger entries and usage events stay for good: they name the job and do not need its row.

    Returns:
        The number of deleted jobs.
    """
    remaining = select(Artifact.job_id).where(
        Artifact.job_id == Job.id, Artifact.removed_at.is_(None)
    )
    old = (
        select(Job.id)
        .where(Job.state.in_(TERMINAL), ~remaining.exists())
        .where(Job.finished_at < ago(older_than_seconds))
        .order_by(Job.finished_at)  # by its index: without an order, every job is read
    )
    return _delete_jobs(session, old.limit(limit))


def delete_old_canceled_jobs(session: Session, *, older_than_seconds: float, limit: int) -> int:
    """Delete canceled and expired jobs that ended long ago, as `delete_old_jobs` does.

    Returns:
        The number of deleted jobs.
    """
    # Ids sort by the time of submission: the smallest one of the cutoff ends the search in the
    # index of these states, since a later job cannot have ended before.
    cutoff = first_id("job", time.time() - older_than_seconds)
    deleted = 0
    for state in _GIVEN_UP:
        old = select(Job.id).where(
            state_is(state), Job.id < cutoff, Job.finished_at < ago(older_than_seconds)
        )
        deleted += _delete_jobs(session, old.order_by(Job.id).limit(limit - deleted))
    return deleted


def surplus_canceled_jobs(session: Session, *, keep: int) -> dict[str, str]:
    """The newest canceled or expired job that each tenant has beyond the number that it keeps.

    They cost nothing to make, so their number has a limit, too. The search reads all of them.
    """
    given_up = state_is(*_GIVEN_UP)
    tenants = select(Job.tenant_id).where(given_up).group_by(Job.tenant_id)
    newest = {}
    for tenant_id in session.scalars(tenants.having(func.count() > keep)).all():
        own = select(Job.id).where(given_up, Job.tenant_id == tenant_id)
        # None when another courier has deleted them meanwhile.
        if job_id := session.scalar(own.order_by(Job.id.desc()).offset(keep).limit(1)):
            newest[tenant_id] = job_id
    return newest


def delete_surplus_canceled_jobs(
    session: Session, tenant_id: str, newest: str, *, older_than_seconds: float, limit: int
) -> int:
    """Delete a tenant's canceled and expired jobs up to one of them.

    Args:
        session: the transaction.
        tenant_id: the tenant.
        newest: the newest job to delete.
        older_than_seconds: jobs that ended later stay: clients and webhooks still tell their end.
        limit: the most jobs to delete.

    Returns:
        The number of deleted jobs.
    """
    surplus = select(Job.id).where(
        state_is(*_GIVEN_UP),
        Job.tenant_id == tenant_id,
        Job.id <= newest,
        Job.finished_at < ago(older_than_seconds),
    )
    return _delete_jobs(session, surplus.order_by(Job.id).limit(limit))


def delete_jobs(session: Session, job_ids: Sequence[str]) -> None:
    """Delete jobs that are over, whatever their age, as `delete_old_jobs` does."""
    _delete_jobs(session, select(Job.id).where(Job.id.in_(job_ids)))


def _delete_jobs(session: Session, statement: Select[str]) -> int:
    old = session.scalars(statement.with_for_update(skip_locked=True)).all()
    for job_id in (Artifact.job_id, Attempt.job_id, Hold.job_id):
        session.execute(delete(job_id.class_).where(job_id.in_(old)))
    session.execute(
        delete(Job).where(Job.id.in_(old))
    )  # deliveries and idempotency keys are deleted with it
    return len(old)
