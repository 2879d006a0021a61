"""The rows of traces."""

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from db.core.base import Base


class JobTrace(Base):
    """The span that a job was submitted under, in W3C's `traceparent` form."""

    __tablename__ = "job_traces"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    traceparent: Mapped[str]
