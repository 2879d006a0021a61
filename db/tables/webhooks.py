"""The tables of webhooks: receivers, deliveries, their attempts, and signing secrets."""

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
    """A receiver of one tenant, and how it behaves; inserted with its first delivery."""

    __tablename__ = "webhook_endpoints"

    # Starts with `whe_`.
    id: Mapped[str] = mapped_column(primary_key=True)
    # The tenant whose jobs name the URL.
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"))
    # The URL without query and fragment.
    url: Mapped[str]
    # The host in lower case, with the port if the URL names one; the limit per host counts by it.
    host: Mapped[str]
    # The first failure since the last accepted delivery; null if the last one was accepted.
    failing_since: Mapped[datetime | None]
    # Nothing is sent before this time, e.g. as `Retry-After` asked; null until the first failure.
    paused_until: Mapped[datetime | None]
    # When the courier gave the endpoint up; null if it is enabled. A redelivery enables it.
    disabled_at: Mapped[datetime | None]
    # "gone" (HTTP 410) or "failing" (for days); null if it is enabled.
    disabled_reason: Mapped[str | None]

    __table_args__ = (
        Unique("tenant_id", "url"),
        CheckConstraint("(disabled_at IS NULL) = (disabled_reason IS NULL)", "disabled_for_reason"),
        CheckConstraint("disabled_reason IN ('gone', 'failing')", "reason_known"),
    )


class Delivery(Base):
    """One event of one job, to be sent to one URL; inserted together with the end of the job."""

    __tablename__ = "deliveries"

    # Starts with `msg_`; sent as the `webhook-id`, the same for all attempts.
    id: Mapped[str] = mapped_column(primary_key=True)
    # The job that ended.
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    # The owner of the job.
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"))
    # The receiver that the URL belongs to.
    endpoint_id: Mapped[str] = mapped_column(ForeignKey("webhook_endpoints.id"))
    # A `WebhookEvent`, e.g. "job.succeeded".
    event: Mapped[str]
    # The URL with its query; it may hold a token.
    url: Mapped[str]
    # The JSON payload, sent and signed byte for byte.
    body: Mapped[str]
    # A `DeliveryState`.
    state: Mapped[str] = mapped_column(default=DeliveryState.PENDING)
    # Counts all attempts. It is the fence: a courier that has an older number is refused.
    attempts: Mapped[int] = mapped_column(default=0)
    # Counts the attempts of the current schedule; a redelivery sets it back to 0.
    tries: Mapped[int] = mapped_column(default=0)
    # When the next attempt is due; the courier moves it after each failure.
    next_at: Mapped[datetime] = mapped_column(server_default=func.now())
    # The end of a courier's lease, by the database's clock; null unless a courier is sending.
    leased_until: Mapped[datetime | None]
    # When the job ended.
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
    """One POST of a delivery; the courier inserts it before it sends."""

    __tablename__ = "delivery_attempts"

    # The delivery.
    delivery_id: Mapped[str] = mapped_column(
        ForeignKey("deliveries.id", ondelete="CASCADE"), primary_key=True
    )
    # Counts the attempts at the delivery, from 1.
    number: Mapped[int] = mapped_column(primary_key=True)
    # When the courier claimed it.
    started_at: Mapped[datetime] = mapped_column(server_default=func.now())
    # When its outcome was recorded; null while it is being sent.
    ended_at: Mapped[datetime | None]
    # The receiver's HTTP status; null if it gave none.
    status: Mapped[int | None]
    # A stable code if there is no status, e.g. "timeout"; null otherwise.
    error: Mapped[str | None]
    # The duration of the request; null while it is being sent, or if its courier was lost.
    seconds: Mapped[float | None] = mapped_column(DOUBLE_PRECISION)

    __table_args__ = (
        CheckConstraint(
            "ended_at IS NULL OR status IS NOT NULL OR error IS NOT NULL", "ended_somehow"
        ),
    )


class WebhookSecret(Base):
    """A secret that signs a tenant's webhooks; readable, since it has to sign."""

    __tablename__ = "webhook_secrets"

    # Counts the secrets; the highest of a tenant is its current one.
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    # The tenant.
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"))
    # `whsec_` and 32 random bytes in base 64; never log it.
    secret: Mapped[str]
    # When it was generated.
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    # When it stops to sign beside its successor; null on the current one.
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
