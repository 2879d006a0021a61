"""Tenants, the tiers they are in, and their API keys."""

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    LargeBinary,
    String,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, DOUBLE_PRECISION
from sqlalchemy.orm import Mapped, mapped_column

from db.core.base import Base
from db.values.cancel_charge import CancelCharge
from db.values.fair_share import MAX_WEIGHT, MIN_WEIGHT

_cancel_charges = ", ".join(f"'{rule}'" for rule in CancelCharge)


class Tier(Base):
    """Limits, share and monthly allowances of a class of tenants; operators set them."""

    __tablename__ = "tiers"

    # The name that tenants and operators see.
    name: Mapped[str] = mapped_column(primary_key=True)
    # The share of a device against other tiers: 4 gets four times as much as 1.
    weight: Mapped[float] = mapped_column(DOUBLE_PRECISION)
    # The most jobs of one tenant that are queued or running.
    max_in_flight: Mapped[int]
    # The highest `Priority` that its tenants may use.
    max_priority: Mapped[str]
    # Free images per tenant and calendar month, UTC.
    images_per_month: Mapped[int]
    # Free analyses per tenant and calendar month, UTC.
    analyses_per_month: Mapped[int]
    # The limit of API requests for each key by itself; null is no limit.
    requests_per_minute: Mapped[int | None]
    # The models that its tenants may use; null is every model.
    models: Mapped[list[str] | None] = mapped_column(ARRAY(String))
    # The models that the allowances cover; null is every model that runs on own devices.
    allowance_models: Mapped[list[str] | None] = mapped_column(ARRAY(String))
    # A `CancelCharge`: the cost of a job that its owner cancels while it runs.
    cancel_charge: Mapped[str] = mapped_column(
        default=CancelCharge.STEPS, server_default=CancelCharge.STEPS
    )
    # The most bytes of one tenant's inputs and results in the store; null is no limit.
    max_stored_bytes: Mapped[int | None] = mapped_column(BigInteger)
    # The longest that results and job contents of its tenants are kept, in seconds from the end of
    # the job; null is the service's own time.
    keep_seconds: Mapped[int | None]

    __table_args__ = (
        CheckConstraint(f"weight BETWEEN {MIN_WEIGHT} AND {MAX_WEIGHT:.0f}", "weight_in_range"),
        CheckConstraint("requests_per_minute > 0", "requests_positive"),
        CheckConstraint(f"cancel_charge IN ({_cancel_charges})", "cancel_charge_known"),
        CheckConstraint("max_stored_bytes > 0", "stored_bytes_positive"),
        CheckConstraint("keep_seconds > 0", "keep_seconds_positive"),
    )


class Tenant(Base):
    """A customer: it owns API keys and jobs, and pays for them."""

    __tablename__ = "tenants"

    # Starts with `ten_`.
    id: Mapped[str] = mapped_column(primary_key=True)
    # The name that the operator gave it.
    name: Mapped[str]
    # Its tier; an operator may change it.
    tier: Mapped[str] = mapped_column(ForeignKey("tiers.name"))
    # Prepaid credit in micro-USD: the sum of its ledger entries.
    balance_micros: Mapped[int] = mapped_column(BigInteger, default=0)
    # The part of the balance that open holds reserve, in micro-USD.
    balance_held_micros: Mapped[int] = mapped_column(BigInteger, default=0)
    # Jobs that are queued or running; a submission adds one, the end of a job subtracts one.
    in_flight: Mapped[int] = mapped_column(default=0)
    # Bytes of its inputs and results in the store: the sum of their rows, counted by triggers.
    stored_bytes: Mapped[int] = mapped_column(BigInteger, default=0, server_default=text("0"))
    # When an operator added the tenant.
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    # When an operator suspended it, so that its keys are refused; null if it is not suspended.
    suspended_at: Mapped[datetime | None]
    # When the tenant was deleted, for good: its row stays for the books, without its name. It is
    # suspended, too, so that nothing accepts its requests.
    deleted_at: Mapped[datetime | None]
    # When nothing of a deleted tenant's contents was left any more; null before.
    erased_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint("balance_held_micros >= 0", "held_not_negative"),
        CheckConstraint("balance_held_micros <= balance_micros", "held_within_balance"),
        CheckConstraint("in_flight >= 0", "in_flight_not_negative"),
        CheckConstraint("stored_bytes >= 0", "stored_not_negative"),
        CheckConstraint("erased_at IS NULL OR deleted_at IS NOT NULL", "erased_when_deleted"),
        CheckConstraint("deleted_at IS NULL OR suspended_at IS NOT NULL", "suspended_when_deleted"),
    )


class ApiKey(Base):
    """An API key of a tenant or of an operator, stored as a hash."""

    __tablename__ = "api_keys"

    # Starts with `key_`; the rest of it is part of the key itself.
    id: Mapped[str] = mapped_column(primary_key=True)
    # The tenant that the key authenticates; null for an operator's key.
    tenant_id: Mapped[str | None] = mapped_column(ForeignKey("tenants.id"), index=True)
    # A label chosen by its owner.
    name: Mapped[str]
    # An `OperatorRole`; null for a tenant's key.
    role: Mapped[str | None]
    # The SHA-256 of the secret part; the secret itself is not stored.
    secret_sha256: Mapped[bytes] = mapped_column(LargeBinary)
    # When the key was made.
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    # When the key was revoked, for good; null while it is valid.
    revoked_at: Mapped[datetime | None]
    # From when on the key is refused; null for a key without an end.
    expires_at: Mapped[datetime | None]
    # The last use, accurate to some minutes; null if it was never used.
    last_used_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint("(tenant_id IS NULL) = (role IS NOT NULL)", "role_of_operators"),
        CheckConstraint("role IN ('operator', 'viewer')", "role_known"),
    )
