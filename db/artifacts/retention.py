"""What may go: results whose time is over, objects that no row knows, rows of old jobs."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from db.tables import Artifact, Attempt, Hold, Job
from db.values.job_state import TERMINAL

Place = tuple[str, int]
"""An artifact's job and its number there."""


def expired_artifacts(session: Session, *, limit: int) -> dict[Place, str]:
    """The store's keys of results whose time is over and whose objects may still be there."""
    statement = (
        select(Artifact.job_id, Artifact.n, Artifact.key)
        .where(Artifact.expires_at <= func.now(), Artifact.removed_at.is_(None))
        .order_by(Artifact.expires_at)
        .limit(limit)
    )
    return {(job_id, n): key for job_id, n, key in session.execute(statement)}


def mark_removed(session: Session, place: Place) -> None:
    """Record that a result's object is gone; the row stays as the record of what there was."""
    session.execute(
        update(Artifact)
        .where(Artifact.job_id == place[0], Artifact.n == place[1])
        .values(removed_at=func.now())
    )


def without_row(session: Session, keys: Sequence[str]) -> list[str]:
    """Which of these keys no artifact has, so that nothing will ever ask for their objects."""
    known = set(session.scalars(select(Artifact.key).where(Artifact.key.in_(keys))))
    return [key for key in keys if key not in known]


def delete_old_jobs(session: Session, *, older_than_seconds: float, limit: int) -> int:
    """Delete jobs that ended long ago and have no object left, with all that hangs on them.

    Ledger entries and usage events stay for good: they name the job and do not need it.

    Returns:
        How many were deleted.
    """
    kept = select(Artifact.job_id).where(Artifact.job_id == Job.id, Artifact.removed_at.is_(None))
    old = session.scalars(
        select(Job.id)
        .where(Job.state.in_(TERMINAL), ~kept.exists())
        .where(Job.finished_at < func.now() - timedelta(seconds=older_than_seconds))
        .order_by(Job.finished_at)  # by its index: in no order, every job is looked at
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    for job_id in (Artifact.job_id, Attempt.job_id, Hold.job_id):
        session.execute(delete(job_id.class_).where(job_id.in_(old)))
    session.execute(delete(Job).where(Job.id.in_(old)))  # deliveries and keys go with it
    return len(old)
