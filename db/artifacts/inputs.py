"""Retention of inputs: removed some time after their last use, and never before a job needs them.

The use of an input is recorded *before* its object is stored and its job is made. A removal locks
the record and deletes the object under the lock. A new use either comes first, and the record is
fresh, or waits until the object is deleted, and then stores it again.

The record's bytes count against the limit of its tenant. Locks are taken in this order: records by
their keys, then the tenant, whose row the trigger locks. A removal deletes the record last, so
that its tenant does not wait for the object store.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import cast, delete, func, literal_column, select, update
from sqlalchemy.dialects.postgresql import JSONPATH, insert
from sqlalchemy.orm import Session

from db.artifacts.file_names import is_valid
from db.artifacts.storage_limit import check_after_insert
from db.storage.object_store import ObjectInfo
from db.tables import File, FileName, Job
from db.tables.index_predicates import state_is
from db.tables.inputs import InputObject
from db.values.job_state import ACTIVE

PREFIX = "inputs/"

_FRESH = timedelta(hours=1)
"""A record that is younger is not updated: many jobs may use the same picture."""

_MAKING = timedelta(hours=2)
"""A job is made at most this long after the uses of its inputs were recorded; includes `_FRESH`."""


def record_use(session: Session, key: str, *, size_bytes: int) -> None:
    """Record that an input is used now; wait for a removal that is under way.

    Commit it before the object is stored. An object that is recorded already needs no space: the
    same content counts once.

    Raises:
        db.artifacts.storage_limit.StorageFullError: a new input exceeds the tenant's limit.
    """
    record = insert(InputObject).values(key=key, bytes=size_bytes)
    record = record.on_conflict_do_update(
        index_elements=[InputObject.key],
        set_={
            "used_at": func.now(),
            "bytes": func.coalesce(InputObject.bytes, record.excluded.bytes),
        },
        where=(InputObject.used_at < func.now() - _FRESH) | InputObject.bytes.is_(None),
    )
    # A row that was updated has the number of the transaction that locked it.
    is_new = session.scalar(record.returning(literal_column("xmax = 0")))
    if is_new:
        check_after_insert(session, _tenant_of(key), size_bytes)


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


def have_been_removed(session: Session, job_input: Mapping[str, Any]) -> bool:
    """True when an input of a new job is gone; removals of the others wait for its transaction."""
    keys = {key for key in _keys(job_input) if key.startswith(PREFIX)}
    if not keys:
        return False
    named = select(InputObject.key).where(InputObject.key.in_(sorted(keys)))
    locked = named.order_by(InputObject.key).with_for_update(read=True, key_share=True)
    return len(session.scalars(locked).all()) < len(keys)


def has_inputs(job_input: Mapping[str, Any]) -> bool:
    """True for a job that names stored inputs."""
    return bool(_keys(job_input))


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


def lock_unused(session: Session, key: str, *, before: datetime) -> bool:
    """Lock an input's record for its removal; False when it was used meanwhile."""
    unused = (InputObject.key == key) & (InputObject.used_at < before)
    return session.scalar(select(InputObject.key).where(unused).with_for_update()) is not None


def lock(session: Session, key: str) -> None:
    """Lock an input's record, if it has one: new uses of the input wait for this transaction."""
    session.execute(select(InputObject.key).where(InputObject.key == key).with_for_update())


def lock_unshared(session: Session, tenant_id: str, job_input: Mapping[str, Any]) -> list[str]:
    """Lock the records of a finished job's inputs that can be removed with it.

    Returns:
        The keys of inputs that are no uploads, by any API, and that no unfinished job names.
    """
    keys = [key for key in _keys(job_input) if _tenant_of(key) == tenant_id]
    names = select(FileName.id).where(FileName.file_id == File.id, is_valid())
    uploads = select(File.key).where(
        File.tenant_id == tenant_id, File.key == InputObject.key, File.is_upload | names.exists()
    )
    locked = select(InputObject.key).where(InputObject.key.in_(keys), ~uploads.exists())
    found = session.scalars(locked.order_by(InputObject.key).with_for_update()).all()
    return [key for key in found if not is_needed(session, key)]


def has_others(job_input: Mapping[str, Any], keys: Collection[str]) -> bool:
    """True for a job that names stored inputs beside these."""
    return bool(_keys(job_input) - set(keys))


def size_of(session: Session, keys: Collection[str]) -> int:
    """The bytes of inputs, as far as they are known."""
    size = select(func.coalesce(func.sum(InputObject.bytes), 0)).where(InputObject.key.in_(keys))
    return int(session.scalar(size) or 0)


def is_needed(session: Session, key: str) -> bool:
    """True if an unfinished job of the input's tenant names it."""
    names_it = func.jsonb_path_exists(
        Job.input, cast("strict $.** ? (@ == $key)", JSONPATH), func.jsonb_build_object("key", key)
    )
    needing = select(Job.id).where(
        state_is(*sorted(ACTIVE)), Job.tenant_id == _tenant_of(key), names_it
    )
    return session.scalar(select(needing.exists())) or False


def remove(session: Session, key: str) -> None:
    """Delete an input's record, and its upload.

    Lock the record first, and delete the object before.
    """
    session.execute(
        delete(File).where(File.tenant_id == _tenant_of(key), File.sha256 == _hash(key))
    )
    session.execute(delete(InputObject).where(InputObject.key == key))


def add_existing(session: Session, stored: Iterable[ObjectInfo]) -> None:
    """Insert records of objects that are in the store already, with the times of their storage.

    Existing records get the size where it was not known; apart from that they stay as they are.
    """
    rows = [
        {"key": each.key, "used_at": each.modified_at, "bytes": each.size_bytes}
        for each in sorted(stored, key=lambda each: each.key)
    ]
    if rows:
        records = insert(InputObject).values(rows)
        session.execute(
            records.on_conflict_do_update(
                index_elements=[InputObject.key],
                set_={"bytes": records.excluded.bytes},
                where=InputObject.bytes.is_(None),
            )
        )


def _tenant_of(key: str) -> str:
    return key.removeprefix(PREFIX).partition("/")[0]


def _hash(key: str) -> str:
    return key.rpartition("/")[2]
