"""The table of traces."""

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from db.core.base import Base


class JobTrace(Base):
    """The span that a job was submitted under."""

    __tablename__ = "job_traces"

    # The job; a job that was submitted without tracing has no row.
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    # The span in W3C's `traceparent` form.
    traceparent: Mapped[str]
