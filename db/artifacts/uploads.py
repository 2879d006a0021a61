"""Uploaded pictures: one row for each distinct content of a tenant."""

from dataclasses import dataclass

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from db.core.base import new_id
from db.tables import File


@dataclass(frozen=True)
class NewUpload:
    """A checked picture that is already in the store; sizes in pixels and bytes."""

    key: str
    media_type: str
    width: int
    height: int
    size_bytes: int
    sha256: str


def add(session: Session, tenant_id: str, picture: NewUpload) -> File:
    """Insert an uploaded picture; the same content again returns the first row."""
    values = {
        "id": new_id("file"),
        "tenant_id": tenant_id,
        "key": picture.key,
        "media_type": picture.media_type,
        "width": picture.width,
        "height": picture.height,
        "bytes": picture.size_bytes,
        "sha256": picture.sha256,
    }
    # An update that changes nothing: DO NOTHING would return no row for content that is known.
    statement = insert(File).values(values)
    statement = statement.on_conflict_do_update(
        index_elements=[File.tenant_id, File.sha256], set_={"sha256": statement.excluded.sha256}
    )
    return session.scalars(statement.returning(File)).one()


def find(session: Session, *, tenant_id: str, file_id: str) -> File | None:
    """Find an uploaded picture of this tenant."""
    row = session.get(File, file_id, populate_existing=True)
    return row if row is not None and row.tenant_id == tenant_id else None
