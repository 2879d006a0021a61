"""Worker processes, as they last reported."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    func,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TEXT
from sqlalchemy.orm import Mapped, mapped_column

from db.core.base import Base


class Worker(Base):
    """A worker process as it last reported; the courier removes stale rows."""

    __tablename__ = "workers"

    # The id that the operator or the worker chose; a restarted worker keeps it.
    id: Mapped[str] = mapped_column(primary_key=True)
    # The machine's name.
    host: Mapped[str]
    # The process id on that machine.
    pid: Mapped[int]
    # "cpu", "cuda:N" or "cuda:" with a UUID; "auto" until it is chosen.
    device: Mapped[str]
    # The models that it serves.
    variants: Mapped[list[str]] = mapped_column(ARRAY(TEXT))
    # A `WorkerState`, from its last heartbeat.
    state: Mapped[str]
    # Used memory of its device.
    memory_used_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    # Memory of its device; 0 if unknown.
    memory_total_bytes: Mapped[int] = mapped_column(BigInteger, server_default="0")
    # The models that are on its device now.
    resident: Mapped[list[str]] = mapped_column(ARRAY(TEXT), server_default="{}")
    # The model that is being loaded; null if none.
    loading: Mapped[str | None]
    # About how much of that model is loaded, 0 to 1; null if none is being loaded.
    loading_fraction: Mapped[float | None]
    # What that takes its time now: "downloading", "loading" or "preparing"; null if none is.
    loading_stage: Mapped[str | None]
    # Bytes of that stage that are done; null if not known.
    loading_bytes: Mapped[int | None] = mapped_column(BigInteger)
    # Bytes of that stage in all; null if not known.
    loading_total_bytes: Mapped[int | None] = mapped_column(BigInteger)
    # The memory plan by model, see `workers.adapters.serving.plan.ServingPlan`, with the seconds of
    # its last load. A model that could not be loaded has its problem, and the seconds until the
    # next job tries it again.
    plans: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    # Digest of the operator's catalogue file that it read; "" where there is none.
    catalogue_digest: Mapped[str] = mapped_column(server_default="")
    # Why it could not start, or cannot serve a model: one sentence with the remedy; null if well.
    problem: Mapped[str | None]
    # When it first reported.
    started_at: Mapped[datetime] = mapped_column(server_default=func.now())
    # Its last heartbeat, by the database's clock.
    heartbeat_at: Mapped[datetime] = mapped_column(server_default=func.now())
    # When an operator drained it, so that it claims no more jobs; null if it was not drained.
    drained_at: Mapped[datetime | None]
    # When its process last ended unexpectedly; null again once it is ready.
    failed_at: Mapped[datetime | None]
