"""Stored results of jobs, and pictures that tenants sent."""

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
    """One stored result of a job; the worker inserts it when it completes the job."""

    __tablename__ = "artifacts"

    # The job that made the result.
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), primary_key=True)
    # Counts the results of one job, from 0.
    n: Mapped[int] = mapped_column(primary_key=True)
    # The attempt that made it; always the one that succeeded.
    attempt: Mapped[int]
    # An `ArtifactKind`: a painted image, or one of the other kinds.
    kind: Mapped[str] = mapped_column(default=ArtifactKind.IMAGE, server_default=text("'image'"))
    # Facts that clients read of a result that is not a painted image, as JSON; `{}` if none.
    about: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default=text("'{}'"))
    # The object's key in the store.
    key: Mapped[str] = mapped_column(unique=True)
    # The media type of the object, e.g. "image/png".
    media_type: Mapped[str]
    # The size of the object in bytes.
    bytes: Mapped[int] = mapped_column(BigInteger)
    # The SHA-256 of the bytes, in hexadecimal.
    sha256: Mapped[str]
    # Pixels of the picture that it is, or that it describes.
    width: Mapped[int]
    # Pixels, as for `width`.
    height: Mapped[int]
    # The seed that paints it again; null if it was not painted. Text, because a seed goes up to
    # 2^64 - 1, which is one bit too many for BIGINT.
    seed: Mapped[str | None]
    # When the job was completed.
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    # When retention may remove the object; null keeps it for good.
    expires_at: Mapped[datetime | None]
    # When retention removed the object; null while it is in the store. The row stays.
    removed_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint(f"kind IN ({_kinds})", "kind_known"),
        Index("ix_artifacts_expiry", "expires_at", postgresql_where=text("removed_at IS NULL")),
    )


class File(Base):
    """A picture that a tenant sent, alone or with a job, content-addressed; the API inserts it."""

    __tablename__ = "files"

    # Starts with `file_`; clients name the upload by it.
    id: Mapped[str] = mapped_column(primary_key=True)
    # The tenant that sent it.
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"))
    # The object's key in the store, below `inputs/`.
    key: Mapped[str]
    # The media type, as found in the bytes and not as the client named it.
    media_type: Mapped[str]
    # Pixels, after the rotation that the EXIF data asks for.
    width: Mapped[int]
    # Pixels, as for `width`.
    height: Mapped[int]
    # The size of the file in bytes.
    bytes: Mapped[int] = mapped_column(BigInteger)
    # The SHA-256 of the bytes, in hexadecimal; the same bytes again add no row.
    sha256: Mapped[str]
    # True if it was uploaded by this id; else it goes with its last name, or with the last job that
    # it was sent with.
    is_upload: Mapped[bool] = mapped_column(default=True, server_default=text("true"))
    # When this content was first sent.
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (UniqueConstraint("tenant_id", "sha256"),)


class FileName(Base):
    """The id of one upload by a compatible API, also before its picture comes."""

    __tablename__ = "file_names"

    # Starts with `file_`; a name of the picture, beside the id of the file itself.
    id: Mapped[str] = mapped_column(primary_key=True)
    # The tenant whose picture it is, or is to be.
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"))
    # The `SurfaceName` of the API that it came by.
    surface: Mapped[str]
    # The API key that asked for the id before the picture came, else null; one that was revoked
    # uploads nothing more.
    api_key_id: Mapped[str | None] = mapped_column(ForeignKey("api_keys.id"))
    # The picture that came; null until then. The same content may have come before.
    file_id: Mapped[str | None] = mapped_column(ForeignKey("files.id", ondelete="CASCADE"))
    # The name that the client gave the file; "" for none.
    filename: Mapped[str] = mapped_column(default="", server_default=text("''"))
    # OpenAI's purpose, which changes nothing; null for other APIs.
    purpose: Mapped[str | None]
    # The client's own metadata, as JSON; `{}` if none.
    about: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default=text("'{}'"))
    # When it was given out.
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    # When the name ends; null where it lasts as long as its file.
    expires_at: Mapped[datetime | None]

    __table_args__ = (
        Index("ix_file_names_tenant_id", "tenant_id", "id"),
        Index("ix_file_names_file_id", "file_id"),
    )
