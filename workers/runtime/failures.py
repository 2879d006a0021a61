"""Failures of attempts: their codes and messages, and whether the job is tried again."""

import structlog
from sqlalchemy.exc import SQLAlchemyError

from db.core.session import Database
from db.jobs.finish import fail_job, hand_back_job, retry_job
from db.jobs.types import Failure
from db.storage.object_store import ObjectNotFoundError, StoreError
from db.values.job_state import JobState
from db.values.pictures import PictureError
from workers.adapters.protocol import AdapterError, Stopped
from workers.messaging.events import Publisher
from workers.runtime.active_jobs import ActiveJob
from workers.runtime.attempts.log import log_attempt
from workers.telemetry import tracing
from workers.telemetry.metrics import count_finished_job, count_retried_attempt, count_store_failure

RETRY_BASE_SECONDS = 2.0
RETRY_CAP_SECONDS = 60.0

_log = structlog.get_logger(__name__)


class TimeoutExceededError(AdapterError):
    """The attempt ran past the job's deadline."""

    code = "timeout"

    def __init__(self, deadline_seconds: float) -> None:
        super().__init__(f"the job ran longer than its deadline of {deadline_seconds:g} s")


class NeverRunError(AdapterError):
    """The device failed before the job entered it: nothing was tried, and nothing failed."""

    def __init__(self) -> None:
        super().__init__("the device failed before the job could run")


def failure_of(error: Exception) -> Failure:
    """The stable code and the message for an error; an unknown one is `internal_error`."""
    match error:
        case AdapterError():
            return Failure(error.code, str(error), error.retryable)
        case ObjectNotFoundError():
            return Failure("input_unreachable", "an input picture is gone", retryable=False)
        case PictureError():
            return Failure("invalid_image", str(error), retryable=False)
        case StoreError():
            return Failure("internal_error", "the store did not answer", error.retryable)
        case SQLAlchemyError():
            return Failure("internal_error", "the database did not answer", retryable=True)
        case _:
            # The text of an unknown error may hold a prompt or an address: it is not shown.
            return Failure("internal_error", "the worker failed unexpectedly", retryable=True)


def retry_delay_seconds(attempt: int) -> float:
    """The delay after a failed attempt: doubling, capped.

    Attempts 1, 2, 3, 6 wait 2, 4, 8, 60 seconds.
    """
    return min(RETRY_CAP_SECONDS, RETRY_BASE_SECONDS * float(2 ** (attempt - 1)))


class FailureRecorder:
    """Ends attempts without a result: in the database first, then in events, metrics and log."""

    def __init__(self, database: Database, publisher: Publisher) -> None:
        self._database = database
        self._publisher = publisher

    def record(self, job: ActiveJob, error: Exception) -> None:
        """End an attempt by its error: retry the job, fail it, or hand it back."""
        if isinstance(error, Stopped):
            log_attempt(job, "given_up")
        elif isinstance(error, NeverRunError):
            self.hand_back(job)
        else:
            failure = failure_of(error)
            tracing.fail(job.span, failure.code)
            if failure.code == "internal_error":
                _log_internal_error(job, error)
            self._record(job, failure)

    def _record(self, job: ActiveJob, failure: Failure) -> None:
        try:
            state = self._write(job, failure)
        except SQLAlchemyError as error:
            # The lease runs out, and the sweeper queues the job again.
            _log.warning("attempt_left", job_id=job.row.id, error=type(error).__name__)
            return
        if state == JobState.QUEUED:
            count_retried_attempt(job.row.variant, failure.code)
            log_attempt(job, "retried", failure.code)
            self._publisher.publish_state(job.row.id, state, attempt=job.row.attempt)
        elif state is not None:
            reason = failure.code if state == JobState.FAILED else ""
            announce_end(self._publisher, job, state, reason=reason)

    def _write(self, job: ActiveJob, failure: Failure) -> JobState | None:
        """The state that the job entered; None when another attempt has it."""
        with self._database.transaction() as session:
            if failure.retryable and job.row.attempt < job.row.max_attempts:
                delay = retry_delay_seconds(job.row.attempt)
                return retry_job(session, job.claim, failure, delay_seconds=delay)
            return fail_job(session, job.claim, failure)

    def hand_back(self, job: ActiveJob) -> None:
        """Queue a job again that this process will not finish, by no fault of the job's."""
        try:
            with self._database.transaction() as session:
                handed_back = hand_back_job(session, job.claim)
        except SQLAlchemyError as error:
            # Without the database the lease runs out instead; the model stops all the same.
            _log.warning("hand_back_failed", job_id=job.row.id, error=type(error).__name__)
            return
        if handed_back:
            log_attempt(job, "handed_back")
            self._publisher.publish_state(job.row.id, JobState.QUEUED, attempt=job.row.attempt)


def announce_end(publisher: Publisher, job: ActiveJob, state: JobState, *, reason: str) -> None:
    """Publish, count and log the end of a job."""
    publisher.publish_done(job.row.id, state)
    count_finished_job(job.row.variant, state, reason)
    log_attempt(job, state, reason)


def _log_internal_error(job: ActiveJob, error: Exception) -> None:
    if isinstance(error, StoreError):
        count_store_failure()
    _log.error("attempt_failed", job_id=job.row.id, error=type(error).__name__)
