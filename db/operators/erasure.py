"""The erasure of a deleted tenant: its jobs are ended, its rows and objects deleted, in batches.

Any part may be repeated, and any number of processes may do it at once. A crash leaves the rest for
the next call, or for the courier. An attempt that still runs loses its claim with its job; it
deletes what it has stored since.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain, islice

from db.artifacts import inputs as stored_inputs
from db.core.session import Database
from db.jobs import idempotency
from db.jobs.finish import cancel_job
from db.operators import deletion
from db.storage.keys import tenant_prefixes
from db.storage.object_store import ObjectStore
from db.tables import Job

_BATCH = 200


@dataclass
class Erased:
    """The numbers of things that were removed.

    Attributes:
        jobs_canceled: jobs that were queued or running.
        jobs: deleted jobs, the canceled ones included.
        results: results of these in the store.
        result_bytes: the size of these.
        inputs: pictures and LoRAs.
        input_bytes: the size of these.
        file_names: ids of uploads by compatible APIs.
        webhooks: receivers of webhooks.
        idempotency_keys: keys that were not forgotten yet.
        objects: objects in the store that no row named any more, such as those of these jobs.
        complete: True when nothing is left.
    """

    jobs_canceled: int = 0
    jobs: int = 0
    results: int = 0
    result_bytes: int = 0
    inputs: int = 0
    input_bytes: int = 0
    file_names: int = 0
    webhooks: int = 0
    idempotency_keys: int = 0
    objects: int = 0
    complete: bool = False


class TenantErasure:
    """Erases deleted tenants.

    Args:
        database: the rows.
        store: the objects.
        on_canceled: called with each job that is canceled.
        remove_events: called with the ids of jobs whose events are to be removed.
    """

    def __init__(
        self,
        database: Database,
        store: ObjectStore,
        *,
        on_canceled: Callable[[Job], object],
        remove_events: Callable[[Sequence[str]], object],
    ) -> None:
        self._database = database
        self._store = store
        self._on_canceled = on_canceled
        self._remove_events = remove_events
        self._steps = (
            self._cancel_jobs,
            self._forget_keys,
            self._delete_jobs,
            self._delete_inputs,
            self._delete_file_names,
            self._delete_files,
            self._delete_webhooks,
            self._delete_objects,
        )

    def erase(self, tenant_id: str, *, seconds: float) -> Erased:
        """Remove the contents of a deleted tenant.

        Args:
            tenant_id: the tenant, which `db.operators.deletion.begin` has deleted.
            seconds: the time after which no other batch begins.

        Raises:
            db.storage.object_store.StoreError: the object store failed; call it again.
        """
        erased, end = Erased(), time.monotonic() + seconds
        with self._database.transaction() as session:
            deletion.revoke_keys(session, tenant_id)
        for step in self._steps:
            while time.monotonic() < end and step(tenant_id, erased):
                pass
        with self._database.transaction(durable=False) as session:
            left = deletion.has_contents(session, tenant_id)
        erased.complete = not left and time.monotonic() < end
        return erased

    def _cancel_jobs(self, tenant_id: str, erased: Erased) -> bool:
        with self._database.transaction(durable=False) as session:
            job_ids = deletion.unfinished_job_ids(session, tenant_id, limit=_BATCH)
        for job_id in job_ids:
            with self._database.transaction() as session:
                job = cancel_job(session, tenant_id=None, job_id=job_id)
            if job is not None:
                self._on_canceled(job)
                erased.jobs_canceled += 1
        return len(job_ids) == _BATCH

    def _forget_keys(self, tenant_id: str, erased: Erased) -> bool:
        with self._database.transaction() as session:
            forgotten = idempotency.forget_tenant(session, tenant_id, limit=_BATCH)
        erased.idempotency_keys += forgotten
        return forgotten == _BATCH

    def _delete_jobs(self, tenant_id: str, erased: Erased) -> bool:
        with self._database.transaction() as session:
            deleted = deletion.delete_jobs(session, tenant_id, limit=_BATCH)
        self._remove_events(deleted.job_ids)
        erased.jobs += len(deleted.job_ids)
        erased.results += deleted.results
        erased.result_bytes += deleted.result_bytes
        return len(deleted.job_ids) == _BATCH

    def _delete_inputs(self, tenant_id: str, erased: Erased) -> bool:
        with self._database.transaction() as session:
            inputs = deletion.lock_inputs(session, tenant_id, limit=_BATCH)
            for key, _ in inputs:
                self._store.delete(key)
            for key, _ in inputs:
                stored_inputs.remove(session, key)
        erased.inputs += len(inputs)
        erased.input_bytes += sum(size for _, size in inputs)
        return len(inputs) == _BATCH

    def _delete_file_names(self, tenant_id: str, erased: Erased) -> bool:
        with self._database.transaction() as session:
            deleted = deletion.delete_file_names(session, tenant_id, limit=_BATCH)
        erased.file_names += deleted
        return deleted == _BATCH

    def _delete_files(self, tenant_id: str, _erased: Erased) -> bool:
        with self._database.transaction() as session:
            return deletion.delete_files(session, tenant_id, limit=_BATCH) == _BATCH

    def _delete_webhooks(self, tenant_id: str, erased: Erased) -> bool:
        with self._database.transaction() as session:
            deleted = deletion.delete_webhooks(session, tenant_id, limit=_BATCH)
        erased.webhooks += deleted
        return deleted == _BATCH

    def _delete_objects(self, tenant_id: str, erased: Erased) -> bool:
        """Delete a batch of the objects below the tenant's prefixes, whatever rows say."""
        found = chain.from_iterable(map(self._store.list, tenant_prefixes(tenant_id)))
        keys = [info.key for info in islice(found, _BATCH)]
        for key in keys:
            self._store.delete(key)
        erased.objects += len(keys)
        return len(keys) == _BATCH
