"""Retention of inputs: removed some time after their last use, and never before a job needs them.

The use of an input is recorded *before* its object is stored and its job is made. A removal locks
the record and deletes the object under the lock. A new use either comes first, and the record is
fresh, or waits until the object is deleted, and then stores it again.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from db.tables import File, Job
from db.tables.index_predicates import state_is
from db.tables.inputs import InputObject
from db.values.job_state import ACTIVE

PREFIX = "inputs/"

_FRESH = timedelta(hours=1)
"""A record that is younger is not updated: many jobs may use the same picture."""

_MAKING = timedelta(hours=2)
"""A job is made at most this long after the uses of its inputs were recorded; includes `_FRESH`."""


def record_use(session: Session, key: str) -> None:
    """Record that an input is used now; wait for a removal that is under way.

    Commit it before the object is stored.
    """
    record = insert(InputObject).values(key=key)
    session.execute(
        record.on_conflict_do_update(
            index_elements=[InputObject.key],
            set_={"used_at": func.now()},
            where=InputObject.used_at < func.now() - _FRESH,
        )
    )


def record_reuse(session: Session, job_input: Mapping[str, Any]) -> None:
    """Record that another job uses the remaining inputs of a job, in that job's transaction."""
    keys = sorted(_keys(job_input))
    if keys:
        # Locked in the order of keys, so that two transactions do not deadlock.
        locked = select(InputObject.key).where(InputObject.key.in_(keys)).order_by(InputObject.key)
        left = session.scalars(locked.with_for_update()).all()
        session.execute(
            update(InputObject).where(InputObject.key.in_(left)).values(used_at=func.now())
        )


def _keys(value: object) -> set[str]:
    if isinstance(value, str):
        return {value} if value.startswith(PREFIX) else set()
    if isinstance(value, Mapping):
        return {key for each in value.values() for key in _keys(each)}
    if isinstance(value, Sequence):
        return {key for each in value for key in _keys(each)}
    return set()


def removal_cutoff(session: Session, *, seconds: float) -> datetime:
    """The cutoff of removal: inputs whose last use is earlier may be removed.

    It is so many seconds ago, or earlier if an unfinished job is older: the job may need the
    inputs that were used when it was made.
    """
    oldest = select(func.min(Job.created_at)).where(state_is(*sorted(ACTIVE))).scalar_subquery()
    # LEAST ignores null, which stands for no such job.
    limit = func.least(func.now() - timedelta(seconds=seconds), oldest - _MAKING)
    found: datetime = session.execute(select(limit)).scalar_one()
    return found


def list_removable(session: Session, *, before: datetime, limit: int) -> Sequence[str]:
    """Keys of inputs whose last use was before a time, the longest unused first."""
    unused = select(InputObject.key).where(InputObject.used_at < before)
    return session.scalars(unused.order_by(InputObject.used_at).limit(limit)).all()


def remove(session: Session, key: str, *, before: datetime) -> bool:
    """Delete an input's record, and its upload; False when it was used meanwhile.

    Delete the object before the commit.
    """
    unused = (InputObject.key == key) & (InputObject.used_at < before)
    if session.scalar(delete(InputObject).where(unused).returning(InputObject.key)) is None:
        return False
    tenant_id, _, sha256 = key.removeprefix(PREFIX).partition("/")
    session.execute(delete(File).where(File.tenant_id == tenant_id, File.sha256 == sha256))
    return True


def add_existing(session: Session, stored: Mapping[str, datetime]) -> None:
    """Insert records of objects that are in the store already, with the times of their storage.

    Existing records stay as they are.
    """
    rows = [{"key": key, "used_at": at} for key, at in sorted(stored.items())]
    if rows:
        session.execute(insert(InputObject).values(rows).on_conflict_do_nothing())
