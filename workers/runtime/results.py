"""Results of attempts: encoded, stored, and settled in the transaction that ends the job."""

import time
from collections.abc import Mapping, Sequence

import structlog
from sqlalchemy.exc import OperationalError

from db.core.session import Database
from db.jobs.complete import complete_jobs
from db.jobs.queries import was_completed
from db.jobs.types import Claim, NewArtifact, Result
from db.storage.keys import result_key
from db.storage.object_store import ObjectStore, StoreError
from db.values.job_state import JobState
from workers.adapters.protocol import Output, Work
from workers.messaging.events import Publisher
from workers.runtime.active_jobs import ActiveJob, ActiveJobs
from workers.runtime.attempts.log import log_attempt
from workers.runtime.attempts.results import AttemptResult
from workers.runtime.encoding import encoded_results
from workers.runtime.failures import FailureRecorder, announce_end
from workers.runtime.retry import retrying
from workers.settings import WorkerSettings
from workers.telemetry import tracing
from workers.telemetry.metrics import count_billed_job

_log = structlog.get_logger(__name__)


class ResultWriter:
    """Stores the results of a batch and completes its jobs; each job is removed once it ended."""

    def __init__(
        self,
        *,
        database: Database,
        store: ObjectStore,
        settings: WorkerSettings,
        publisher: Publisher,
        active_jobs: ActiveJobs,
        failures: FailureRecorder,
    ) -> None:
        self._database = database
        self._store = store
        self._settings = settings
        self._publisher = publisher
        self._active_jobs = active_jobs
        self._failures = failures

    def settle(self, results: Sequence[AttemptResult]) -> None:
        """Store and settle: JSON results in one transaction, each other result in its own."""
        completed = self._settle_together([each for each in results if each.needs_no_upload])
        for result in results:
            if result.job.claim not in completed:
                self._settle_one(result)

    def _settle_together(self, results: Sequence[AttemptResult]) -> set[Claim]:
        """Complete jobs in one transaction and return their claims.

        Empty when the database refuses one of them: each is then settled alone, so that a bad
        result spoils no other.
        """
        if len(results) < 2:  # noqa: PLR2004 - one alone is settled as any other
            return set()
        try:
            self._complete({each.job: each.completion() for each in results})
        except OperationalError as error:  # away for longer than every retry: for all of them
            for each in results:
                self._failures.record(each.job, error)
        except Exception as error:  # noqa: BLE001 - each is tried again alone, and recorded there
            _log.warning("batch_refused", jobs=len(results), error=type(error).__name__)
            return set()
        for each in results:
            self._active_jobs.remove(each.job)
        return {each.job.claim for each in results}

    def _settle_one(self, result: AttemptResult) -> None:
        try:
            if isinstance(result.outcome, Output):
                self._store_and_complete(result, result.outcome)
            else:
                self._failures.record(result.job, result.outcome)
        except Exception as error:  # noqa: BLE001 - one job's upload must not cost the others
            self._failures.record(result.job, error)
        finally:
            self._active_jobs.remove(result.job)

    def _store_and_complete(self, result: AttemptResult, output: Output) -> None:
        began = time.monotonic()
        with tracing.span("store", result.job.traceparent, {}):
            artifacts = self._upload(result.job, result.work, output)
        seconds = time.monotonic() - began
        result.job.record_stage("store", seconds)
        if not self._complete({result.job: result.completion(artifacts, seconds)}):
            self._delete(artifacts)

    def _upload(self, job: ActiveJob, work: Work, output: Output) -> list[NewArtifact]:
        put = retrying(self._settings, StoreError).wraps(self._store.put)
        row, artifacts = job.row, []
        for n, encoded in enumerate(encoded_results(row.variant, work, output)):
            day = row.created_at.date()
            key = result_key(row.tenant_id, day, row.id, row.attempt, n, encoded.suffix)
            put(key, encoded.data, encoded.media_type)
            artifacts.append(encoded.stored_at(key))
        return artifacts

    def _delete(self, artifacts: Sequence[NewArtifact]) -> None:
        """Delete the artifacts of a lost race; another attempt has other keys."""
        for artifact in artifacts:
            self._store.delete(artifact.key)

    def _complete(self, results: Mapping[ActiveJob, Result]) -> set[Claim]:
        """Complete jobs and announce it; the claims of lost races are left out."""
        # Safe to retry: the fence lets one completion through, and the row says whose it was.
        began = time.monotonic()
        completed = retrying(self._settings, OperationalError)(
            self._write, {job.claim: result for job, result in results.items()}
        )
        seconds = time.monotonic() - began
        for job in results:
            tracing.record_elapsed("complete", job.traceparent, seconds, {})
            job.record_stage("complete", seconds)
            if job.claim in completed:
                count_billed_job(job.row)
                announce_end(self._publisher, job, JobState.SUCCEEDED, reason="")
            else:
                log_attempt(job, "dropped")
        return completed

    def _write(self, results: Mapping[Claim, Result]) -> set[Claim]:
        with self._database.transaction() as session:
            completed = complete_jobs(
                session, results, keep_seconds=self._settings.result_keep_seconds
            )
            others = results.keys() - completed
            return completed | {claim for claim in others if was_completed(session, claim)}
