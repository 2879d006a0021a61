"""Removing what has had its time: expired results, inputs, objects that nobody knows, old rows.

Any number of processes may do it at once: removing twice is removing once.
"""

import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice

import structlog
from sqlalchemy.exc import SQLAlchemyError

from db.artifacts import retention
from db.core.session import Database
from db.storage.object_store import ObjectStore, StoreError
from workers.courier.input_retention import adopt_inputs, remove_inputs
from workers.settings import WorkerSettings

_BATCH = 200
_ORPHAN_AGE = timedelta(days=1)
"""No attempt runs for so long: an object this old without a row never gets one."""
_ORPHANS_EVERY_SECONDS = 3600.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Removed:
    """What one round removed."""

    results: int = 0
    orphans: int = 0
    jobs: int = 0
    inputs: int = 0


class Retention:
    """Removes until it is stopped."""

    def __init__(self, database: Database, store: ObjectStore, settings: WorkerSettings) -> None:
        self._database = database
        self._store = store
        self._settings = settings
        self._orphans_due = 0.0

    def run(self, stopping: threading.Event) -> None:
        """Go round regularly; a database or a store that is away is waited for."""
        while not stopping.wait(self._settings.retention_seconds):
            try:
                self.round()
            except (SQLAlchemyError, StoreError) as error:
                _log.warning("retention_failed", error=type(error).__name__)

    def round(self, *, now: datetime | None = None) -> Removed:
        """Remove what may go now; objects without a row are looked for once an hour.

        Args:
            now: the time that orphans' ages are counted from.
        """
        removed = Removed(
            results=self._remove_results(),
            orphans=self._remove_orphans(now or datetime.now(UTC)),
            jobs=self._delete_jobs(),
            inputs=remove_inputs(
                self._database, self._store, keep_seconds=self._settings.result_keep_seconds
            ),
        )
        if removed != Removed():
            _log.info("removed", **asdict(removed))
        return removed

    def _remove_results(self) -> int:
        with self._database.transaction(durable=False) as session:
            expired = retention.expired_artifacts(session, limit=_BATCH)
        for place, key in expired.items():
            # The object first: a crash between the two removes it again, and leaves none behind.
            self._store.delete(key)
            with self._database.transaction() as session:
                retention.mark_removed(session, place)
        return len(expired)

    def _remove_orphans(self, now: datetime) -> int:
        if time.monotonic() < self._orphans_due:
            return 0
        self._orphans_due = time.monotonic() + _ORPHANS_EVERY_SECONDS
        adopt_inputs(self._database, self._store, stored_before=now - _ORPHAN_AGE)
        return sum(self._remove_orphans_among(keys) for keys in self._old_results(now))

    def _old_results(self, now: datetime) -> Iterator[list[str]]:
        old = (
            found.key
            for found in self._store.list("results/")
            if found.modified_at < now - _ORPHAN_AGE
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
