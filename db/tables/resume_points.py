"""The rows of attempts' notes."""

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from db.core.base import Base


class JobResumePoint(Base):
    """What an attempt at a job left for the next: the task that it had submitted elsewhere."""

    __tablename__ = "attempt_notes"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    note: Mapped[str]
