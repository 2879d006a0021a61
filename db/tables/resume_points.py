"""The table of resume points."""

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from db.core.base import Base


class JobResumePoint(Base):
    """The point from which the next attempt resumes; the table bears its first name."""

    __tablename__ = "attempt_notes"

    # The job.
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    # The task that an earlier attempt submitted to a hosted service, in its adapter's own format;
    # "" while none is known.
    note: Mapped[str]
    # Tasks that the vendor may bill: submitted, and not known to have been refused.
    tasks: Mapped[int] = mapped_column(default=1, server_default="1")
