"""The rows of webhooks: receivers, deliveries, every attempt at them, and signing secrets."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, func, text
from sqlalchemy import UniqueConstraint as Unique
from sqlalchemy.dialects.postgresql import DOUBLE_PRECISION
from sqlalchemy.orm import Mapped, mapped_column

from db.core.base import Base
from db.values.delivery_state import DeliveryState

_states = ", ".join(f"'{state}'" for state in DeliveryState)
_pending = text("state = 'pending'")


class WebhookEndpoint(Base):
    """A receiver of one tenant: its URL up to the query, and how it behaves.

    `host` has the port where the URL names one. `failing_since` is the first failure since it
    last accepted anything; `paused_until` is what it asked for by `Retry-After` and the like.
    """

    __tablename__ = "webhook_endpoints"

    id: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"))
    url: Mapped[str]
    host: Mapped[str]
    failing_since: Mapped[datetime | None]
    paused_until: Mapped[datetime | None]
    disabled_at: Mapped[datetime | None]
    disabled_reason: Mapped[str | None]

    __table_args__ = (
        Unique("tenant_id", "url"),
        CheckConstraint("(disabled_at IS NULL) = (disabled_reason IS NULL)", "disabled_for_reason"),
        CheckConstraint("disabled_reason IN ('gone', 'failing')", "reason_known"),
    )


class Delivery(Base):
    """One event of one job, to be told to one URL; the id is the receiver's `webhook-id`.

    `body` is sent as it stands, byte for byte. `attempts` counts all of them and is the fence;
    `tries` counts those of the running schedule, which a redelivery begins anew.
    """

    __tablename__ = "deliveries"

    id: Mapped[str] = mapped_column(primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"))
    endpoint_id: Mapped[str] = mapped_column(ForeignKey("webhook_endpoints.id"))
    event: Mapped[str]
    url: Mapped[str]
    body: Mapped[str]
    state: Mapped[str] = mapped_column(default=DeliveryState.PENDING)
    attempts: Mapped[int] = mapped_column(default=0)
    tries: Mapped[int] = mapped_column(default=0)
    next_at: Mapped[datetime] = mapped_column(server_default=func.now())
    leased_until: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (
        Unique("job_id", "event"),
        CheckConstraint(f"state IN ({_states})", "state_known"),
        CheckConstraint("state = 'pending' OR leased_until IS NULL", "leased_when_pending"),
        Index("ix_deliveries_due", "endpoint_id", "next_at", postgresql_where=_pending),
        Index(
            "ix_deliveries_leases",
            "leased_until",
            postgresql_where=text("leased_until IS NOT NULL"),
        ),
        Index("ix_deliveries_tenant_newest", "tenant_id", text("id DESC")),
    )


class DeliveryAttempt(Base):
    """One POST; until it has ended, `ended_at` and what came of it are null."""

    __tablename__ = "delivery_attempts"

    delivery_id: Mapped[str] = mapped_column(
        ForeignKey("deliveries.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True)
    started_at: Mapped[datetime] = mapped_column(server_default=func.now())
    ended_at: Mapped[datetime | None]
    status: Mapped[int | None]
    error: Mapped[str | None]
    seconds: Mapped[float | None] = mapped_column(DOUBLE_PRECISION)

    __table_args__ = (
        CheckConstraint(
            "ended_at IS NULL OR status IS NOT NULL OR error IS NOT NULL", "ended_somehow"
        ),
    )


class WebhookSecret(Base):
    """A tenant's signing secret; `expires_at` is null on the current one."""

    __tablename__ = "webhook_secrets"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"))
    secret: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime | None]

    __table_args__ = (
        Index(
            "uq_webhook_secrets_current",
            "tenant_id",
            unique=True,
            postgresql_where=text("expires_at IS NULL"),
        ),
    )

    def __repr__(self) -> str:
        return f"WebhookSecret(id={self.id!r}, tenant_id={self.tenant_id!r})"
