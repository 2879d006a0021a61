"""Resume points: notes of an attempt from which the next attempt goes on."""

from sqlalchemy import ColumnElement, literal, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from db.jobs.types import Claim
from db.tables import Job
from db.tables.resume_points import JobResumePoint
from db.values.job_state import JobState


def read(session: Session, job_id: str) -> str | None:
    """The note of the job's earlier attempts; None if there is none."""
    note = session.scalar(select(JobResumePoint.note).where(JobResumePoint.job_id == job_id))
    return note or None


def begin_task(session: Session, claim: Claim) -> bool:
    """Count a task that is about to be submitted to a vendor, and forget the former one.

    Args:
        session: the transaction; it must be durable, since the vendor may bill the task.
        claim: the attempt that submits it.

    Returns:
        False when nothing may be submitted: the claim is no longer valid, or the owner has
        canceled the job.
    """
    wanted = _runs(claim) & Job.cancel_requested_at.is_(None)
    row = select(Job.id, literal(""), literal(1)).where(wanted)
    statement = insert(JobResumePoint).from_select(["job_id", "note", "tasks"], row)
    counted = session.scalar(
        statement.on_conflict_do_update(
            index_elements=[JobResumePoint.job_id],
            set_={"note": "", "tasks": JobResumePoint.tasks + 1},
        ).returning(JobResumePoint.job_id)
    )
    return counted is not None


def drop_task(session: Session, claim: Claim) -> None:
    """Forget the task that was begun last: the vendor refused it, or failed, and bills nothing."""
    session.execute(
        update(JobResumePoint)
        .where(JobResumePoint.job_id == claim.job_id, JobResumePoint.tasks > 0)
        .where(select(Job.id).where(_runs(claim)).exists())
        .values(note="", tasks=JobResumePoint.tasks - 1)
    )


def write(session: Session, claim: Claim, note: str) -> bool:
    """Write a note, replacing an earlier one.

    Args:
        session: the transaction; it must be durable, since the noted task has to be paid for.
        claim: the attempt that writes it.
        note: the text, in the format of the adapter.

    Returns:
        False when the claim is no longer valid: nothing was written.
    """
    row = select(Job.id, literal(note)).where(_runs(claim))
    statement = insert(JobResumePoint).from_select(["job_id", "note"], row)
    written = session.scalar(
        statement.on_conflict_do_update(
            index_elements=[JobResumePoint.job_id], set_={"note": statement.excluded.note}
        ).returning(JobResumePoint.job_id)
    )
    return written is not None


def _runs(claim: Claim) -> ColumnElement[bool]:
    newest = (Job.id == claim.job_id) & (Job.attempt == claim.attempt)
    return newest & (Job.state == JobState.RUNNING)
