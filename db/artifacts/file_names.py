"""Names of tenants' pictures: an id for each upload by a compatible API, and what came with it.

Equal bytes are stored once, as one file, which has a name for each upload: the removal of one
leaves the others. A name goes with its file, and may expire before. An id may be given out before
its picture comes, for clients that name a file first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, func, select, update
from sqlalchemy.orm import Session

from db.core.base import new_id
from db.tables import File, FileName
from db.values.surfaces import SurfaceName

MAX_OPEN = 100
"""The most ids of a tenant that wait for their pictures; requests at one moment may exceed it by
their number."""

MAX_NAMES = 10_000
"""The most names of a tenant; requests at one moment may exceed it by their number."""

OPEN_TIME = timedelta(hours=1)
"""The time in which the picture must come."""

_LIFETIMES: Mapping[str, timedelta] = {
    SurfaceName.REPLICATE: timedelta(days=7),
    SurfaceName.FAL: timedelta(days=7),
}
"""The lifetime of a name by its surface, where clients upload for one job and never delete."""


class TooManyOpenError(Exception):
    """As many of the tenant's file ids wait for their pictures as may."""

    def __init__(self) -> None:
        super().__init__(f"{MAX_OPEN} uploads were begun and not sent; send them, or wait an hour")


class TooManyNamesError(Exception):
    """The tenant has as many uploads as it may."""

    def __init__(self) -> None:
        super().__init__(f"you have {MAX_NAMES:,} uploaded files, which is the limit: delete some")


class NameTakenError(Exception):
    """Another picture came under the id before."""

    def __init__(self) -> None:
        super().__init__("another picture was sent to this address; ask for a new one")


@dataclass(frozen=True)
class NewName:
    """An upload, as its client describes it.

    Attributes:
        surface: the API that it came by.
        filename: the name that the client gave it; "" for none.
        purpose: OpenAI's purpose.
        about: the client's own metadata.
    """

    surface: SurfaceName
    filename: str = ""
    purpose: str | None = None
    about: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class NamedFile:
    """A name of a stored picture, or a native upload, whose name is the file's own id.

    Attributes:
        id: the name.
        file: the picture.
        filename: the name that the client gave it; "" for none.
        purpose: OpenAI's purpose; None for none.
        about: the client's own metadata.
        created_at: when it was uploaded.
        expires_at: when the name ends; None where it lasts as long as its file.
    """

    id: str
    file: File
    filename: str
    purpose: str | None
    about: Mapping[str, Any]
    created_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True)
class OpenName:
    """An id that a picture may be sent for.

    Attributes:
        tenant_id: whose it is.
        api_key_id: the API key that asked for it.
        sha256: the hash of the picture that has come; None before.
    """

    tenant_id: str
    api_key_id: str
    sha256: str | None


def is_valid() -> ColumnElement[bool]:
    """The condition that a name has not expired."""
    return FileName.expires_at.is_(None) | (FileName.expires_at > func.now())


def add(session: Session, file: File, new: NewName) -> NamedFile:
    """Give a stored picture another name.

    Raises:
        TooManyNamesError: the tenant has too many, and none of those that go by themselves.
    """
    _make_room(session, file.tenant_id)
    row = _row(file.tenant_id, new)
    row.file_id = file.id
    session.add(row)
    session.flush()
    session.refresh(row)
    return _named(row, file)


def reserve(session: Session, *, tenant_id: str, api_key_id: str, new: NewName) -> str:
    """Give out a file id; those whose time has passed are deleted.

    Raises:
        TooManyOpenError: the tenant has too many open ones.
        TooManyNamesError: as for `add`.
    """
    own = (FileName.tenant_id == tenant_id, FileName.file_id.is_(None))
    late = FileName.created_at < func.now() - OPEN_TIME
    session.execute(delete(FileName).where(*own, late))
    count = session.scalar(select(func.count()).select_from(FileName).where(*own))
    if (count or 0) >= MAX_OPEN:
        raise TooManyOpenError
    _make_room(session, tenant_id)
    row = _row(tenant_id, new)
    row.api_key_id = api_key_id
    session.add(row)
    session.flush()
    return row.id


def _row(tenant_id: str, new: NewName) -> FileName:
    lifetime = _LIFETIMES.get(new.surface)
    return FileName(
        id=new_id("file"),
        tenant_id=tenant_id,
        surface=new.surface,
        filename=new.filename,
        purpose=new.purpose,
        about=dict(new.about),
        expires_at=None if lifetime is None else func.now() + lifetime,
    )


def _make_room(session: Session, tenant_id: str) -> None:
    """Delete what has expired, and as many of those that would as are too many."""
    own = FileName.tenant_id == tenant_id
    session.execute(delete(FileName).where(own, ~is_valid()))
    count = session.scalar(select(func.count()).select_from(FileName).where(own)) or 0
    if count < MAX_NAMES:
        return
    oldest = select(FileName.id).where(own, FileName.expires_at.is_not(None)).order_by(FileName.id)
    gone = delete(FileName).where(FileName.id.in_(oldest.limit(count - MAX_NAMES + 1)))
    if len(session.scalars(gone.returning(FileName.id)).all()) <= count - MAX_NAMES:
        raise TooManyNamesError


def find_open(session: Session, name_id: str) -> OpenName | None:
    """An id within its time, also one whose picture has come; None if there is none."""
    statement = (
        select(FileName.tenant_id, FileName.api_key_id, File.sha256)
        .outerjoin(File, File.id == FileName.file_id)
        .where(FileName.id == name_id, FileName.created_at >= func.now() - OPEN_TIME)
    )
    row = session.execute(statement).one_or_none()
    return None if row is None or row[1] is None else OpenName(row[0], row[1], row[2])


def fulfil(session: Session, name_id: str, file_id: str) -> None:
    """Make an id that was given out a name of a file; the same file again changes nothing.

    Raises:
        NameTakenError: it is the name of another file, or was deleted.
    """
    statement = (
        update(FileName)
        .where(FileName.id == name_id)
        .where(FileName.file_id.is_(None) | (FileName.file_id == file_id))
        .values(file_id=file_id)
    )
    if session.execute(statement.returning(FileName.id)).one_or_none() is None:
        raise NameTakenError


def find(session: Session, *, tenant_id: str, name_id: str) -> NamedFile | None:
    """Find an upload of this tenant by its name, or a native one by its file's id."""
    row = session.execute(_with_files(tenant_id).where(FileName.id == name_id)).one_or_none()
    if row is not None:
        return _named(row[0], row[1])
    file = session.get(File, name_id, populate_existing=True)
    if file is None or file.tenant_id != tenant_id or not file.is_upload:
        return None
    return NamedFile(file.id, file, "", None, {}, file.created_at, None)


def list_names(
    session: Session,
    tenant_id: str,
    surface: SurfaceName,
    *,
    after_id: str | None = None,
    newest_first: bool = True,
    limit: int,
) -> Sequence[NamedFile]:
    """The uploads of a tenant by one API, by their times.

    Args:
        session: the transaction.
        tenant_id: the tenant.
        surface: the API that they came by.
        after_id: the last name of the page before.
        newest_first: false for the oldest first.
        limit: the most names.
    """
    statement = _with_files(tenant_id).where(FileName.surface == surface)
    if after_id is not None:
        is_after = FileName.id < after_id if newest_first else FileName.id > after_id
        statement = statement.where(is_after)
    order = FileName.id.desc() if newest_first else FileName.id
    rows = session.execute(statement.order_by(order).limit(limit))
    return [_named(row, file) for row, file in rows]


def remove(session: Session, name_id: str) -> None:
    """Delete a name; its file stays."""
    session.execute(delete(FileName).where(FileName.id == name_id))


def has_names(session: Session, file_id: str) -> bool:
    """True while a file has a name that has not expired."""
    named = select(FileName.id).where(FileName.file_id == file_id, is_valid())
    return session.scalar(select(named.exists())) or False


def _with_files(tenant_id: str) -> Select[FileName, File]:
    statement = select(FileName, File).join(File, File.id == FileName.file_id)
    return statement.where(FileName.tenant_id == tenant_id, is_valid())


def _named(row: FileName, file: File) -> NamedFile:
    return NamedFile(
        row.id, file, row.filename, row.purpose, row.about, row.created_at, row.expires_at
    )
