"""The erasure of deleted tenants that the deletion itself could not finish.

A request that began before the deletion may store a picture after it, and a crash may leave the
half of a tenant. So each deleted tenant is looked at again until a search finds nothing of it,
two hours after its deletion or later.
"""

import threading
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy.exc import SQLAlchemyError

from db.core.session import Database
from db.operators import deletion
from db.operators.erasure import Erased, TenantErasure
from db.storage.object_store import ObjectStore, StoreError
from db.tables import Job
from db.values.job_state import JobState
from workers.messaging.events import Publisher
from workers.telemetry import metrics

_TENANTS = 20
_SECONDS_EACH = 60.0
_EVERY_SECONDS = 600.0
"""The shortest time between two rounds: each lists the objects of every tenant that is left."""

_UNFINISHED_AGE = timedelta(hours=2)
"""Longer than any object is being written."""

_log = structlog.get_logger(__name__)


class TenantEraser:
    """Erases deleted tenants until it is stopped."""

    def __init__(self, database: Database, store: ObjectStore, publisher: Publisher) -> None:
        self._database = database
        self._store = store
        self._publisher = publisher
        self._erasure = TenantErasure(
            database, store, on_canceled=self._announce, remove_events=publisher.remove_events
        )

    def run(self, stopping: threading.Event) -> None:
        """Run regularly until `stopping` is set; retry while database or store are down."""
        while not stopping.is_set():
            try:
                self.run_once()
            except (SQLAlchemyError, StoreError) as error:
                _log.warning("erasure_failed", error=type(error).__name__)
            stopping.wait(_EVERY_SECONDS)

    def run_once(self) -> int:
        """Erase what is left of deleted tenants; the number of those with nothing left.

        What killed writers have left in the store bears no tenant's name: it goes by its age.
        """
        self._store.remove_unfinished(before=datetime.now(UTC) - _UNFINISHED_AGE)
        with self._database.transaction(durable=False) as session:
            tenant_ids = deletion.unerased_tenants(session, limit=_TENANTS)
        return sum(self._erase(tenant_id) for tenant_id in tenant_ids)

    def _erase(self, tenant_id: str) -> bool:
        erased = self._erasure.erase(tenant_id, seconds=_SECONDS_EACH)
        if erased != Erased(complete=True):
            _log.info("tenant_erased", tenant_id=tenant_id, complete=erased.complete)
            return False
        with self._database.transaction() as session:
            return deletion.mark_erased(session, tenant_id)

    def _announce(self, job: Job) -> None:
        metrics.count_finished_job(job.variant, JobState.CANCELED, "")
        self._publisher.publish_done(job.id, JobState.CANCELED)
