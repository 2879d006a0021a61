"""What an attempt at a job leaves for the next one, should it not come to its end."""

from sqlalchemy import literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from db.jobs.types import Claim
from db.tables import Job
from db.tables.resume_points import JobResumePoint
from db.values.job_state import JobState


def read(session: Session, job_id: str) -> str | None:
    """The job's note; None where nobody left one."""
    return session.scalar(select(JobResumePoint.note).where(JobResumePoint.job_id == job_id))


def write(session: Session, held: Claim, note: str) -> bool:
    """Leave a note, in the place of an earlier one.

    Args:
        session: the transaction; durable, since what is noted has been paid for.
        held: the attempt that leaves it.
        note: what it says.

    Returns:
        False when the attempt is no longer the job's: nothing is written.
    """
    still_ours = (Job.id == held.job_id) & (Job.attempt == held.attempt)
    row = select(Job.id, literal(note)).where(still_ours, Job.state == JobState.RUNNING)
    statement = insert(JobResumePoint).from_select(["job_id", "note"], row)
    written = session.scalar(
        statement.on_conflict_do_update(
            index_elements=[JobResumePoint.job_id], set_={"note": statement.excluded.note}
        ).returning(JobResumePoint.job_id)
    )
    return written is not None
