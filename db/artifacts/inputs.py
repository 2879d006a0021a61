"""How long inputs are kept: from their last use, and never shorter than a job that needs them.

An input is noted as used *before* its object is stored and its job is made. Removing one locks
its note and deletes the object under the lock. So whoever uses it again either comes first, and
the note is fresh, or waits until the object is gone, and then stores it anew.
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
"""A note of this age is not written anew: many jobs are made from one picture."""

_MAKING = timedelta(hours=2)
"""A job is made no later than this after its inputs' notes were written; `_FRESH` is in it."""


def note_use(session: Session, key: str) -> None:
    """Record that an input is used now, and wait for whoever is removing it.

    Commit it before the object is stored.
    """
    noted = insert(InputObject).values(key=key)
    session.execute(
        noted.on_conflict_do_update(
            index_elements=[InputObject.key],
            set_={"used_at": func.now()},
            where=InputObject.used_at < func.now() - _FRESH,
        )
    )


def note_uses_again(session: Session, given: Mapping[str, Any]) -> None:
    """Record that another job uses what is left of a job's inputs, in its transaction."""
    keys = sorted(_keys(given))
    if keys:
        # Two at once take the rows in one order.
        held = select(InputObject.key).where(InputObject.key.in_(keys)).order_by(InputObject.key)
        left = session.scalars(held.with_for_update()).all()
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


def unused_since(session: Session, *, seconds: float) -> datetime:
    """The time before which inputs must have been used last to be removed.

    Earlier than so many seconds ago where a job that is not over is older: it may need what was
    used when it was made.
    """
    oldest = select(func.min(Job.created_at)).where(state_is(*sorted(ACTIVE))).scalar_subquery()
    # LEAST leaves out null: there may be no such job.
    limit = func.least(func.now() - timedelta(seconds=seconds), oldest - _MAKING)
    found: datetime = session.execute(select(limit)).scalar_one()
    return found


def removable(session: Session, *, before: datetime, limit: int) -> Sequence[str]:
    """Keys of inputs that were used last before a time, the longest unused first."""
    unused = select(InputObject.key).where(InputObject.used_at < before)
    return session.scalars(unused.order_by(InputObject.used_at).limit(limit)).all()


def forget(session: Session, key: str, *, before: datetime) -> bool:
    """Take an input off the books, its upload with it; False when it was used meanwhile.

    The object is to be deleted before this is committed.
    """
    unused = (InputObject.key == key) & (InputObject.used_at < before)
    if session.scalar(delete(InputObject).where(unused).returning(InputObject.key)) is None:
        return False
    tenant_id, _, sha256 = key.removeprefix(PREFIX).partition("/")
    session.execute(delete(File).where(File.tenant_id == tenant_id, File.sha256 == sha256))
    return True


def adopt(session: Session, stored: Mapping[str, datetime]) -> None:
    """Enter objects that are in the store already, by when they were stored.

    What is noted stays as noted.
    """
    rows = [{"key": key, "used_at": at} for key, at in sorted(stored.items())]
    if rows:
        session.execute(insert(InputObject).values(rows).on_conflict_do_nothing())
