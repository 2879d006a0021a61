"""The rows of what jobs are given: pictures and LoRAs, stored once for each content."""

from datetime import datetime

from sqlalchemy import Index, func
from sqlalchemy.orm import Mapped, mapped_column

from db.core.base import Base


class InputObject(Base):
    """An object below `inputs/`, and when it was last named by an upload or a submission."""

    __tablename__ = "stored_inputs"

    key: Mapped[str] = mapped_column(primary_key=True)
    used_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (Index("ix_stored_inputs_used", "used_at"),)
