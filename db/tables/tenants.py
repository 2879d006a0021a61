"""Tenants, the tiers they are in, and their API keys."""

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    LargeBinary,
    func,
)
from sqlalchemy.dialects.postgresql import DOUBLE_PRECISION
from sqlalchemy.orm import Mapped, mapped_column

from db.core.base import Base


class Tier(Base):
    """Limits and share of a class of tenants.

    `weight` is the share of a device against other tiers; allowances are counted per calendar
    month (UTC), `requests_per_minute` for each key by itself, and null is no limit.
    """

    __tablename__ = "tiers"

    name: Mapped[str] = mapped_column(primary_key=True)
    weight: Mapped[float] = mapped_column(DOUBLE_PRECISION)
    max_in_flight: Mapped[int]
    max_priority: Mapped[str]
    images_per_month: Mapped[int]
    analyses_per_month: Mapped[int]
    requests_per_minute: Mapped[int | None]

    __table_args__ = (
        CheckConstraint("weight > 0", "weight_positive"),
        CheckConstraint("requests_per_minute > 0", "requests_positive"),
    )


class Tenant(Base):
    """Who pays. `balance_held_micros` is the part of the balance that open holds have taken."""

    __tablename__ = "tenants"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    tier: Mapped[str] = mapped_column(ForeignKey("tiers.name"))
    balance_micros: Mapped[int] = mapped_column(BigInteger, default=0)
    balance_held_micros: Mapped[int] = mapped_column(BigInteger, default=0)
    in_flight: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    suspended_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint("balance_held_micros >= 0", "held_not_negative"),
        CheckConstraint("balance_held_micros <= balance_micros", "held_within_balance"),
        CheckConstraint("in_flight >= 0", "in_flight_not_negative"),
    )


class ApiKey(Base):
    """A key's hash. `tenant_id` is null on an operator's key, which alone has a `role`."""

    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[str | None] = mapped_column(ForeignKey("tenants.id"), index=True)
    name: Mapped[str]
    role: Mapped[str | None]
    secret_sha256: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    revoked_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint("(tenant_id IS NULL) = (role IS NOT NULL)", "role_of_operators"),
        CheckConstraint("role IN ('operator', 'viewer')", "role_known"),
    )
