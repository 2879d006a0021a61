"""The one line that an attempt leaves in the log."""

import structlog

from workers.runtime.active_jobs import ActiveJob

_log = structlog.get_logger(__name__)


def log_attempt(job: ActiveJob, outcome: str, reason: str = "") -> None:
    """Log the outcome of an attempt, in our own words: nothing that a client wrote.

    Args:
        job: the attempt.
        outcome: the job's final state, or retried, handed_back, given_up, dropped.
        reason: the failure's code.
    """
    if job.is_logged:  # a job that was handed back is given up as well
        return
    job.is_logged = True
    row = job.row
    _log.info(
        "attempt_finished",
        job_id=row.id,
        attempt=row.attempt,
        variant=row.variant,
        outcome=outcome,
        reason=reason,
        seconds=dict(job.stage_seconds),
        batch=job.batch_size,
        worker_id=row.worker_id,
        request_id=row.request_id,
    )
