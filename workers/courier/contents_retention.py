"""The retention of jobs' contents: removed `keep_seconds` after the end, as by their DELETE."""

from collections.abc import Callable, Collection

from db.artifacts import inputs as stored_inputs
from db.artifacts import retention
from db.core.session import Database
from db.jobs import contents
from db.storage.keys import results_prefix
from db.storage.object_store import ObjectStore

RemoveEvents = Callable[[Collection[str]], object]
"""Deletes the events of jobs, and drops those that come later."""


def remove_expired_contents(
    database: Database, store: ObjectStore, remove_events: RemoveEvents, *, limit: int
) -> int:
    """Remove the contents of jobs whose time is over; return the number of these jobs.

    The rows and the books stay, and the idempotency key, by which the same submission is no new
    one. A picture that was sent with several jobs goes with the last one, and one that an
    unfinished job names stays, as does an upload.
    """
    with database.transaction(durable=False) as session:
        due = retention.jobs_with_expired_contents(session, limit=limit)
    removed = [job_id for job_id in due if _remove(database, store, job_id)]
    if removed:
        remove_events(removed)
    return len(removed)


def _remove(database: Database, store: ObjectStore, job_id: str) -> bool:
    with database.transaction() as session:
        job = retention.lock_job_with_expired_contents(session, job_id)
        if job is None:
            return False
        unshared = stored_inputs.lock_unshared(session, job.tenant_id, job.input)
        inputs = retention.last_used_by(session, job, unshared)
        # The objects first: after a crash between the two they are removed again, and none stays.
        # Beside the results: what other attempts have stored, which no row names.
        prefix = results_prefix(job.tenant_id, job.created_at.date(), job_id)
        stored = [each.key for each in store.list(prefix)]
        for key in {*contents.remaining_keys(session, job_id), *stored, *inputs}:
            store.delete(key)
        for key in inputs:
            stored_inputs.remove(session, key)
        contents.remove_contents(session, job)
    return True
