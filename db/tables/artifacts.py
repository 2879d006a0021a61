"""Stored results of jobs, and uploaded pictures."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from db.core.base import Base
from db.values.artifact_kinds import ArtifactKind

_kinds = ", ".join(f"'{kind}'" for kind in ArtifactKind)


class Artifact(Base):
    """One stored result; `n` counts from 0 within its job. `removed_at`: its object is gone.

    `about` is what a client is told of a result that is no painted picture.
    """

    __tablename__ = "artifacts"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), primary_key=True)
    n: Mapped[int] = mapped_column(primary_key=True)
    attempt: Mapped[int]
    kind: Mapped[str] = mapped_column(default=ArtifactKind.IMAGE, server_default=text("'image'"))
    about: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default=text("'{}'"))
    key: Mapped[str] = mapped_column(unique=True)
    media_type: Mapped[str]
    bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str]
    width: Mapped[int]
    height: Mapped[int]
    seed: Mapped[str | None]  # up to 2^64 - 1: one bit too many for BIGINT
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime | None]
    removed_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint(f"kind IN ({_kinds})", "kind_known"),
        Index("ix_artifacts_expiry", "expires_at", postgresql_where=text("removed_at IS NULL")),
    )


class File(Base):
    """A picture that a tenant uploaded, stored content-addressed."""

    __tablename__ = "files"

    id: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"))
    key: Mapped[str]
    media_type: Mapped[str]
    width: Mapped[int]
    height: Mapped[int]
    bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (UniqueConstraint("tenant_id", "sha256"),)
