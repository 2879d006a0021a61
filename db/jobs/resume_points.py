"""Resume points: notes of an attempt from which the next attempt goes on."""

from sqlalchemy import literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from db.jobs.types import Claim
from db.tables import Job
from db.tables.resume_points import JobResumePoint
from db.values.job_state import JobState


def read(session: Session, job_id: str) -> str | None:
    """The note of the job's earlier attempts; None if there is none."""
    return session.scalar(select(JobResumePoint.note).where(JobResumePoint.job_id == job_id))


def write(session: Session, claim: Claim, note: str) -> bool:
    """Write a note, replacing an earlier one.

    Args:
        session: the transaction; it must be durable, since the noted task has to be paid for.
        claim: the attempt that writes it.
        note: the text, in the format of the adapter.

    Returns:
        False when the claim is no longer valid: nothing was written.
    """
    newest = (Job.id == claim.job_id) & (Job.attempt == claim.attempt)
    row = select(Job.id, literal(note)).where(newest, Job.state == JobState.RUNNING)
    statement = insert(JobResumePoint).from_select(["job_id", "note"], row)
    written = session.scalar(
        statement.on_conflict_do_update(
            index_elements=[JobResumePoint.job_id], set_={"note": statement.excluded.note}
        ).returning(JobResumePoint.job_id)
    )
    return written is not None
