"""Removing inputs that have had their time: uploads, and what was fetched or sent with a job."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice

from db.artifacts import inputs as stored_inputs
from db.core.session import Database
from db.storage.object_store import ObjectStore

_BATCH = 200
_LEAST_SECONDS = timedelta(days=1).total_seconds()
"""However short results are kept: a submission that is being made needs its inputs."""


def remove_inputs(database: Database, store: ObjectStore, *, keep_seconds: float) -> int:
    """Remove what was used last so long ago and no unfinished job can name; how many.

    An uploaded file's id is forgotten with its picture.
    """
    with database.transaction(durable=False) as session:
        before = stored_inputs.removal_cutoff(session, seconds=max(keep_seconds, _LEAST_SECONDS))
        keys = stored_inputs.list_removable(session, before=before, limit=_BATCH)
    return sum(_remove(database, store, key, before) for key in keys)


def _remove(database: Database, store: ObjectStore, key: str, before: datetime) -> bool:
    with database.transaction() as session:
        gone = stored_inputs.remove(session, key, before=before)
        if gone:
            store.delete(key)  # under the row's lock: whoever sends it again stores it afterwards
    return gone


def adopt_inputs(database: Database, store: ObjectStore, *, stored_before: datetime) -> None:
    """Enter what lies in the store without a row, so that it has its time from when it came."""
    old = (
        (found.key, found.modified_at)
        for found in store.list(stored_inputs.PREFIX)
        if found.modified_at < stored_before
    )
    for batch in _batches(old):
        with database.transaction() as session:
            stored_inputs.add_existing(session, batch)


def _batches(found: Iterator[tuple[str, datetime]]) -> Iterator[dict[str, datetime]]:
    while batch := dict(islice(found, _BATCH)):
        yield batch
