"""Stored pictures of tenants: one row for each distinct content, uploaded or sent with a job."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from db.artifacts.file_names import is_valid
from db.core.base import new_id
from db.tables import File, FileName


@dataclass(frozen=True)
class NewUpload:
    """A checked picture that is already in the store; sizes in pixels and bytes."""

    key: str
    media_type: str
    width: int
    height: int
    size_bytes: int
    sha256: str


def add(session: Session, tenant_id: str, picture: NewUpload, *, is_upload: bool = True) -> File:
    """Insert a stored picture; the same content again returns the first row.

    Args:
        session: the transaction.
        tenant_id: the tenant that sent it.
        picture: what was stored.
        is_upload: False for a picture that was sent with a job.
    """
    values = {
        "id": new_id("file"),
        "tenant_id": tenant_id,
        "key": picture.key,
        "media_type": picture.media_type,
        "width": picture.width,
        "height": picture.height,
        "bytes": picture.size_bytes,
        "sha256": picture.sha256,
        "is_upload": is_upload,
    }
    statement = insert(File).values(values)
    statement = statement.on_conflict_do_update(
        index_elements=[File.tenant_id, File.sha256],
        set_={"is_upload": File.is_upload | statement.excluded.is_upload},
    )
    return session.scalars(statement.returning(File)).one()


def find(session: Session, *, tenant_id: str, file_id: str) -> File | None:
    """Find a stored picture of this tenant."""
    row = find_any(session, file_id)
    return row if row is not None and row.tenant_id == tenant_id else None


def find_any(session: Session, file_id: str) -> File | None:
    """A stored picture, by its id or by the name of an upload."""
    row = session.get(File, file_id, populate_existing=True)
    if row is not None:
        return row
    named = select(File).join(FileName, FileName.file_id == File.id)
    named = named.where(FileName.id == file_id, is_valid())
    return session.scalars(named.execution_options(populate_existing=True)).one_or_none()


def find_by_keys(session: Session, tenant_id: str, keys: Collection[str]) -> Mapping[str, File]:
    """The rows of a tenant's stored pictures, by their keys; others are left out."""
    sha256s = {key.rpartition("/")[2] for key in keys}
    of_tenant = select(File).where(File.tenant_id == tenant_id, File.sha256.in_(sha256s))
    return {row.key: row for row in session.scalars(of_tenant) if row.key in keys}
