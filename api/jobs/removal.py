"""Removal of a tenant's own data: uploaded files, and the contents of jobs that are over."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from api.core.domain_errors import (
    FileInUseError,
    JobNotFoundError,
    JobNotOverError,
    NotFoundError,
)
from api.services import Services
from db.artifacts import file_names
from db.artifacts import inputs as stored_inputs
from db.artifacts.file_names import NamedFile
from db.jobs import contents, idempotency
from db.storage.keys import results_prefix
from db.tables import Job
from db.values.job_state import TERMINAL

_PICTURE_SHARED = "the picture: another upload of yours has the same one"
_PICTURE_NEEDED = "the picture: an unfinished job uses it; it goes when its last job is deleted"
_INPUTS_KEPT = "input files that are uploads of yours, or that an unfinished job uses"
_JOB = "the job's id, model, state and times, until its retention is over"
_BOOKS = "its charge in the usage"
_RECEIVER = "the receiver's URL, until its webhook is delivered"


@dataclass(frozen=True)
class FileRemoval:
    """The report of a removed upload.

    Attributes:
        pictures: 1 when the picture itself was removed, 0 when it stays.
        freed_bytes: its size then.
        kept: what stays, in sentences.
    """

    pictures: int = 0
    freed_bytes: int = 0
    kept: tuple[str, ...] = ()


@dataclass(frozen=True)
class JobRemoval:
    """The report of a job's removed contents.

    Attributes:
        removed: the columns of the job that had contents, by their names for clients.
        results: results that were in the store, and their size.
        inputs: input files that were removed, and their size.
        idempotency_keys: keys that were forgotten.
        kept: what stays, in sentences.
    """

    removed: tuple[str, ...]
    results: int
    result_bytes: int
    inputs: int
    input_bytes: int
    idempotency_keys: int
    kept: tuple[str, ...]


def remove_file(services: Services, *, tenant_id: str, file_id: str) -> FileRemoval:
    """Remove an upload: its id, and its picture where no other upload has the same one.

    The id of an upload by a compatible API is a name alone, and goes at once; its picture stays
    while an unfinished job needs it, and then goes with its jobs.

    Raises:
        NotFoundError: the tenant has no such file.
        FileInUseError: an unfinished job uses it, and the id is the file's own.
        db.storage.object_store.StoreError: the object store failed; nothing was removed.
    """
    with services.database.transaction() as session:
        found = _lock_file(session, tenant_id, file_id)
        row = found.file
        is_needed = stored_inputs.is_needed(session, row.key)
        if found.id != row.id:
            file_names.remove(session, found.id)
        elif is_needed:
            raise FileInUseError
        else:
            row.is_upload = False
        if is_needed:
            return FileRemoval(kept=(_PICTURE_NEEDED,))
        if row.is_upload or file_names.has_names(session, row.id):
            return FileRemoval(kept=(_PICTURE_SHARED,))
        # Under the record's lock: a client that uploads it again stores it later.
        services.store.delete(row.key)
        stored_inputs.remove(session, row.key)
        return FileRemoval(pictures=1, freed_bytes=row.bytes)


def _lock_file(session: Session, tenant_id: str, file_id: str) -> NamedFile:
    found = file_names.find(session, tenant_id=tenant_id, name_id=file_id)
    if found is not None:
        stored_inputs.lock(session, found.file.key)
        # Read again: a concurrent removal is finished by now, or waits for this one.
        found = file_names.find(session, tenant_id=tenant_id, name_id=file_id)
    if found is None:
        raise NotFoundError("file")
    return found


def remove_job_contents(services: Services, *, tenant_id: str, job_id: str) -> JobRemoval:
    """Remove a finished job's input, metadata, output and artifacts; its row and books stay.

    Its input files are removed, too, except uploads, which have an id of their own, and those that
    an unfinished job uses. Another finished job with the same file no longer shows it. Its events,
    what other attempts have stored, and its idempotency key go with it.

    Raises:
        JobNotFoundError: the tenant has no such job.
        JobNotOverError: the job is queued or running.
        db.storage.object_store.StoreError: the object store failed; call it again.
    """
    with services.database.transaction() as session:
        forgotten = idempotency.forget(session, tenant_id=tenant_id, job_id=job_id)
        job = contents.lock_job(session, tenant_id=tenant_id, job_id=job_id)
        if job is None:
            raise JobNotFoundError
        if job.state not in TERMINAL:
            raise JobNotOverError
        inputs = stored_inputs.lock_unshared(session, tenant_id, job.input)
        report = _report(session, job, inputs, forgotten)
        _delete_objects(services, session, job, inputs)
        for key in inputs:
            stored_inputs.remove(session, key)
        contents.remove_contents(session, job)
    services.publisher.remove_events([job_id])
    return report


def _delete_objects(services: Services, session: Session, job: Job, inputs: Iterable[str]) -> None:
    for key in [*contents.remaining_keys(session, job.id), *inputs]:
        services.store.delete(key)
    # An attempt whose worker was lost may have left some that no row names.
    prefix = results_prefix(job.tenant_id, job.created_at.date(), job.id)
    for stored in list(services.store.list(prefix)):
        services.store.delete(stored.key)


def _report(session: Session, job: Job, inputs: list[str], idempotency_keys: int) -> JobRemoval:
    results, result_bytes = contents.remaining_results(session, job.id)
    kept = [_JOB, _BOOKS]
    if stored_inputs.has_others(job.input, inputs):
        kept.append(_INPUTS_KEPT)
    if contents.has_pending_webhook(session, job.id):
        kept.append(_RECEIVER)
    return JobRemoval(
        removed=tuple(name for name, value in _contents_of(job).items() if value),
        results=results,
        result_bytes=result_bytes,
        inputs=len(inputs),
        input_bytes=stored_inputs.size_of(session, inputs),
        idempotency_keys=idempotency_keys,
        kept=tuple(kept),
    )


def _contents_of(job: Job) -> Mapping[str, Any]:
    return {
        "input": job.input,
        "metadata": job.job_metadata,
        "output": job.output,
        "warnings": job.warnings,
        "error_message": job.error_message,
    }
