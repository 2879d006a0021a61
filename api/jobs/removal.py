"""Removal of a tenant's own data: uploaded files, and the contents of jobs that are over."""

from api.core.domain_errors import (
    FileInUseError,
    JobNotFoundError,
    JobNotOverError,
    NotFoundError,
)
from api.services import Services
from db.artifacts import inputs as stored_inputs
from db.artifacts import uploads as files
from db.jobs import contents
from db.values.job_state import TERMINAL


def remove_file(services: Services, *, tenant_id: str, file_id: str) -> None:
    """Remove an uploaded picture: its object, its record and its id.

    Raises:
        NotFoundError: the tenant has no such file.
        FileInUseError: an unfinished job uses it.
        db.storage.object_store.StoreError: the object store failed; nothing was removed.
    """
    with services.database.transaction() as session:
        row = files.find(session, tenant_id=tenant_id, file_id=file_id)
        if row is not None:
            stored_inputs.lock(session, row.key)
            # Read again: a concurrent removal is finished by now, or waits for this one.
            row = files.find(session, tenant_id=tenant_id, file_id=file_id)
        if row is None:
            raise NotFoundError("file")
        if stored_inputs.is_needed(session, row.key):
            raise FileInUseError
        # Under the record's lock: a client that uploads it again stores it later.
        services.store.delete(row.key)
        stored_inputs.remove(session, row.key)


def remove_job_contents(services: Services, *, tenant_id: str, job_id: str) -> None:
    """Remove a finished job's input, metadata, output and artifacts; its row and books stay.

    Its input files are removed, too, except uploads, which have an id of their own, and those that
    an unfinished job uses. Another finished job with the same file no longer shows it.

    Raises:
        JobNotFoundError: the tenant has no such job.
        JobNotOverError: the job is queued or running.
        db.storage.object_store.StoreError: the object store failed; call it again.
    """
    with services.database.transaction() as session:
        job = contents.lock_job(session, tenant_id=tenant_id, job_id=job_id)
        if job is None:
            raise JobNotFoundError
        if job.state not in TERMINAL:
            raise JobNotOverError
        inputs = stored_inputs.lock_unshared(session, tenant_id, job.input)
        for key in [*contents.remaining_keys(session, job_id), *inputs]:
            services.store.delete(key)
        for key in inputs:
            stored_inputs.remove(session, key)
        contents.remove_contents(session, job)
