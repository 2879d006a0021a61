"""File ids that are given out before their pictures come, for clients that name a file first.

A reservation ends as a second name of the uploaded file, and goes with it.
"""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from db.core.base import new_id
from db.tables import File, FileReservation

MAX_OPEN = 100
"""The most ids of a tenant that wait for their pictures; requests at one moment may exceed it by
their number."""

OPEN_TIME = timedelta(hours=1)
"""The time in which the picture must come."""

_MAX_NAMES = 20
"""The newest names of one file that are kept: the same picture again adds no bytes, but a row."""


class TooManyReservationsError(Exception):
    """As many of the tenant's file ids wait for their pictures as may."""

    def __init__(self) -> None:
        super().__init__(f"{MAX_OPEN} uploads were begun and not sent; send them, or wait an hour")


class ReservationUsedError(Exception):
    """Another picture came under the id before."""

    def __init__(self) -> None:
        super().__init__("another picture was sent to this address; ask for a new one")


@dataclass(frozen=True)
class OpenReservation:
    """An id that a picture may be sent for.

    Attributes:
        tenant_id: whose it is.
        api_key_id: the API key that asked for it.
        sha256: the hash of the picture that has come; None before.
    """

    tenant_id: str
    api_key_id: str
    sha256: str | None


def reserve(session: Session, *, tenant_id: str, api_key_id: str) -> str:
    """Give out a file id; those whose time has passed are deleted.

    Raises:
        TooManyReservationsError: the tenant has too many open ones.
    """
    own = (FileReservation.tenant_id == tenant_id, FileReservation.file_id.is_(None))
    late = FileReservation.created_at < func.now() - OPEN_TIME
    session.execute(delete(FileReservation).where(*own, late))
    count = session.scalar(select(func.count()).select_from(FileReservation).where(*own))
    if (count or 0) >= MAX_OPEN:
        raise TooManyReservationsError
    row = FileReservation(id=new_id("file"), tenant_id=tenant_id, api_key_id=api_key_id)
    session.add(row)
    session.flush()
    return row.id


def find_open(session: Session, reservation_id: str) -> OpenReservation | None:
    """A reservation within its time, also one whose picture has come; None if there is none."""
    columns = (FileReservation.tenant_id, FileReservation.api_key_id, File.sha256)
    statement = (
        select(*columns)
        .outerjoin(File, File.id == FileReservation.file_id)
        .where(
            FileReservation.id == reservation_id,
            FileReservation.created_at >= func.now() - OPEN_TIME,
        )
    )
    row = session.execute(statement).one_or_none()
    return None if row is None else OpenReservation(*row)


def fulfil(session: Session, reservation_id: str, file_id: str) -> None:
    """Make a reservation a name of a file; the same file again changes nothing.

    Raises:
        ReservationUsedError: it is the name of another file, or was deleted.
    """
    statement = (
        update(FileReservation)
        .where(FileReservation.id == reservation_id)
        .where(FileReservation.file_id.is_(None) | (FileReservation.file_id == file_id))
        .values(file_id=file_id)
    )
    if session.execute(statement.returning(FileReservation.id)).one_or_none() is None:
        raise ReservationUsedError
    newest = (
        select(FileReservation.id)
        .where(FileReservation.file_id == file_id)
        .order_by(FileReservation.id.desc())
        .offset(_MAX_NAMES)
    )
    session.execute(delete(FileReservation).where(FileReservation.id.in_(newest)))
