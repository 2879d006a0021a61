"""The retention of inputs: uploads, and files that were fetched for a job or sent with it."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice

from db.artifacts import inputs as stored_inputs
from db.core.session import Database
from db.storage.object_store import ObjectInfo, ObjectStore

_BATCH = 200
_LEAST_SECONDS = timedelta(days=1).total_seconds()
"""The shortest retention of inputs, even where results are kept for less: a submission that is
being made needs its inputs."""


def remove_inputs(
    database: Database, store: ObjectStore, *, keep_seconds: float, limit: int
) -> int:
    """Remove inputs that were last used before the retention time; return their number.

    An input that an unfinished job can name stays. An uploaded file's id is deleted with its
    picture.
    """
    with database.transaction(durable=False) as session:
        before = stored_inputs.removal_cutoff(session, seconds=max(keep_seconds, _LEAST_SECONDS))
        keys = stored_inputs.list_removable(session, before=before, limit=limit)
    return sum(_remove(database, store, key, before) for key in keys)


def _remove(database: Database, store: ObjectStore, key: str, before: datetime) -> bool:
    with database.transaction() as session:
        if not stored_inputs.lock_unused(session, key, before=before):
            return False
        store.delete(key)  # under the row's lock: a client that uploads it again stores it later
        stored_inputs.remove(session, key)
    return True


def adopt_inputs(database: Database, store: ObjectStore, *, stored_before: datetime) -> None:
    """Add rows for stored inputs without one, and sizes that are missing in rows.

    Their retention counts from their upload.
    """
    old = (
        stored for stored in store.list(stored_inputs.PREFIX) if stored.modified_at < stored_before
    )
    for batch in _batches(old):
        with database.transaction() as session:
            stored_inputs.add_existing(session, batch)


def _batches(objects: Iterator[ObjectInfo]) -> Iterator[list[ObjectInfo]]:
    while batch := list(islice(objects, _BATCH)):
        yield batch
