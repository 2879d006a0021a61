"""Retention: the removal of expired results and contents, unused inputs, orphans and old jobs.

Any number of processes may run it at once: a second removal of the same thing does nothing.
"""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice

import structlog
from sqlalchemy.exc import SQLAlchemyError

from db.artifacts import retention
from db.core.session import Database
from db.storage.object_store import ObjectStore, StoreError
from workers.courier.contents_retention import RemoveEvents, remove_expired_contents
from workers.courier.input_retention import adopt_inputs, remove_inputs
from workers.settings import WorkerSettings

_BATCH = 200
_MAX_BATCHES = 100
"""The most batches of one kind in one run, so that no kind waits for long."""
_SURPLUS_SECONDS = 3600.0
"""The time in which a client or a webhook still tells the end of any canceled job."""
_ORPHAN_AGE = timedelta(days=1)
"""Longer than any attempt runs: an object of this age without a row will never get one."""
_ORPHANS_EVERY_SECONDS = 3600.0
_SURPLUS_EVERY_SECONDS = 600.0
"""Less often than the rest: each search reads every canceled job."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class RemovalReport:
    """The numbers of things that one run removed."""

    contents: int = 0
    results: int = 0
    orphans: int = 0
    jobs: int = 0
    inputs: int = 0


class Retention:
    """Removes expired data until it is stopped."""

    def __init__(
        self,
        database: Database,
        store: ObjectStore,
        settings: WorkerSettings,
        remove_events: RemoveEvents,
    ) -> None:
        self._database = database
        self._remove_events = remove_events
        self._store = store
        self._settings = settings
        self._orphans_due = 0.0
        self._surplus_due = 0.0
        self._stopping = threading.Event()

    def run(self, stopping: threading.Event) -> None:
        """Run regularly until `stopping` is set; retry while database or store are down."""
        self._stopping = stopping
        while not stopping.wait(self._settings.retention_seconds):
            try:
                self.run_once()
            except (SQLAlchemyError, StoreError) as error:
                _log.warning("retention_failed", error=type(error).__name__)

    def run_once(self, *, now: datetime | None = None) -> RemovalReport:
        """Remove what has expired; orphaned objects are searched for once an hour.

        Args:
            now: the time from which the ages of orphans count.
        """
        report = RemovalReport(
            contents=self._repeat(self._remove_contents),
            results=self._repeat(self._remove_results),
            orphans=self._remove_orphans(now or datetime.now(UTC)),
            jobs=self._repeat(self._delete_jobs)
            + self._repeat(self._delete_canceled_jobs)
            + self._delete_surplus_jobs(),
            inputs=self._repeat(self._remove_inputs),
        )
        if report != RemovalReport():
            _log.info("removed", **asdict(report))
        return report

    def _repeat(self, remove_batch: Callable[[], int]) -> int:
        """Remove full batches, one after another: a batch a run is less than tenants may add."""
        total = 0
        for _ in range(_MAX_BATCHES):
            removed = remove_batch()
            total += removed
            if removed < _BATCH or self._stopping.is_set():
                break
        return total

    def _remove_contents(self) -> int:
        return remove_expired_contents(
            self._database, self._store, self._remove_events, limit=_BATCH
        )

    def _remove_results(self) -> int:
        with self._database.transaction(durable=False) as session:
            expired = retention.expired_artifacts(session, limit=_BATCH)
        for place, key in expired.items():
            # The object first: after a crash between the two it is removed again, and none stays.
            self._store.delete(key)
            with self._database.transaction() as session:
                retention.mark_removed(session, place)
        return len(expired)

    def _remove_inputs(self) -> int:
        keep_seconds = self._settings.result_keep_seconds
        return remove_inputs(self._database, self._store, keep_seconds=keep_seconds, limit=_BATCH)

    def _remove_orphans(self, now: datetime) -> int:
        if time.monotonic() < self._orphans_due:
            return 0
        self._orphans_due = time.monotonic() + _ORPHANS_EVERY_SECONDS
        adopt_inputs(self._database, self._store, stored_before=now - _ORPHAN_AGE)
        return sum(self._remove_orphans_among(keys) for keys in self._old_results(now))

    def _old_results(self, now: datetime) -> Iterator[list[str]]:
        old = (
            stored.key
            for stored in self._store.list("results/")
            if stored.modified_at < now - _ORPHAN_AGE
        )
        while keys := list(islice(old, _BATCH)):
            yield keys

    def _remove_orphans_among(self, keys: list[str]) -> int:
        with self._database.transaction(durable=False) as session:
            orphans = retention.unknown_keys(session, keys)
        for key in orphans:
            self._store.delete(key)
        return len(orphans)

    def _delete_jobs(self) -> int:
        with self._database.transaction() as session:
            return retention.delete_old_jobs(
                session, older_than_seconds=self._settings.job_keep_seconds, limit=_BATCH
            )

    def _delete_canceled_jobs(self) -> int:
        keep_seconds = self._settings.canceled_keep_seconds
        with self._database.transaction() as session:
            return retention.delete_old_canceled_jobs(
                session, older_than_seconds=keep_seconds, limit=_BATCH
            )

    def _delete_surplus_jobs(self) -> int:
        if time.monotonic() < self._surplus_due:
            return 0
        self._surplus_due = time.monotonic() + _SURPLUS_EVERY_SECONDS
        with self._database.transaction(durable=False) as session:
            surplus = retention.surplus_canceled_jobs(
                session, keep=self._settings.canceled_keep_count
            )
        return sum(
            self._repeat(partial(self._delete_surplus_batch, tenant_id, newest))
            for tenant_id, newest in surplus.items()
        )

    def _delete_surplus_batch(self, tenant_id: str, newest: str) -> int:
        with self._database.transaction() as session:
            return retention.delete_surplus_canceled_jobs(
                session, tenant_id, newest, older_than_seconds=_SURPLUS_SECONDS, limit=_BATCH
            )
