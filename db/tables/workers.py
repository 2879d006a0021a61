"""Worker processes, as they last reported."""

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    func,
)
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.orm import Mapped, mapped_column

from db.core.base import Base


class Worker(Base):
    """A worker process as it last reported; stale rows are removed by maintenance.

    `drained_at` is set by an operator, and the worker then claims nothing new. `failed_at` tells
    when its process ended without being told to; it is null again once the worker is ready.
    """

    __tablename__ = "workers"

    id: Mapped[str] = mapped_column(primary_key=True)
    host: Mapped[str]
    pid: Mapped[int]
    device: Mapped[str]
    variants: Mapped[list[str]] = mapped_column(ARRAY(TEXT))
    state: Mapped[str]
    memory_used_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    memory_total_bytes: Mapped[int] = mapped_column(BigInteger, server_default="0")
    resident: Mapped[list[str]] = mapped_column(ARRAY(TEXT), server_default="{}")
    loading: Mapped[str | None]
    loading_fraction: Mapped[float | None]
    started_at: Mapped[datetime] = mapped_column(server_default=func.now())
    heartbeat_at: Mapped[datetime] = mapped_column(server_default=func.now())
    drained_at: Mapped[datetime | None]
    failed_at: Mapped[datetime | None]
