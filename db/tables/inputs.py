"""The table of stored inputs: pictures and LoRAs, one object for each content."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, func
from sqlalchemy.orm import Mapped, mapped_column

from db.core.base import Base


class InputObject(Base):
    """An object below `inputs/`, and the last time that an upload or a submission named it."""

    __tablename__ = "stored_inputs"

    # The object's key in the store, `inputs/{tenant}/{sha256}`.
    key: Mapped[str] = mapped_column(primary_key=True)
    # The last use, accurate to an hour; retention removes what was not used for long.
    used_at: Mapped[datetime] = mapped_column(server_default=func.now())
    # The size of the object; null, and not counted, until it is measured: rows of former releases.
    bytes: Mapped[int | None] = mapped_column(BigInteger)

    __table_args__ = (Index("ix_stored_inputs_used", "used_at"),)
