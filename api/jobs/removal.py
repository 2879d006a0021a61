"""Removal of a tenant's own data: uploaded files, and the contents of jobs that are over."""

from api.core.domain_errors import (
    FileInUseError,
    JobNotFoundError,
    JobNotOverError,
    NotFoundError,
)
from api.services import Services
from db.artifacts import file_names
from db.artifacts import inputs as stored_inputs
from db.jobs import contents
from db.values.job_state import TERMINAL


def remove_file(services: Services, *, tenant_id: str, file_id: str) -> None:
    """Remove an upload: its id, and its picture where no other upload has the same one.

    The id of an upload by a compatible API is a name alone, and goes at once; its picture stays
    while an unfinished job needs it, and then goes with its jobs.

    Raises:
        NotFoundError: the tenant has no such file.
        FileInUseError: an unfinished job uses it, and the id is the file's own.
        db.storage.object_store.StoreError: the object store failed; nothing was removed.
    """
    with services.database.transaction() as session:
        found = file_names.find(session, tenant_id=tenant_id, name_id=file_id)
        if found is not None:
            stored_inputs.lock(session, found.file.key)
            # Read again: a concurrent removal is finished by now, or waits for this one.
            found = file_names.find(session, tenant_id=tenant_id, name_id=file_id)
        if found is None:
            raise NotFoundError("file")
        row = found.file
        is_needed = stored_inputs.is_needed(session, row.key)
        if found.id != row.id:
            file_names.remove(session, found.id)
        elif is_needed:
            raise FileInUseError
        else:
            row.is_upload = False
        if is_needed or row.is_upload or file_names.has_names(session, row.id):
            return
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
