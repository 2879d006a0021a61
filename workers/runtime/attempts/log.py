"""The one line that an attempt leaves in the log."""

import structlog

from workers.runtime.active_jobs import ActiveJob

_log = structlog.get_logger(__name__)


def log_attempt(job: ActiveJob, outcome: str, reason: str = "") -> None:
    """Log how an attempt went, in the words of our own: nothing that its sender wrote.

    Args:
        job: what was in hand.
        outcome: the job's final state, or retried, handed_back, given_up, dropped.
        reason: the failure's code.
    """
    if job.told:  # handed back, it is given up as well
        return
    job.told = True
    row = job.row
    _log.info(
        "attempt_finished",
        job_id=row.id,
        attempt=row.attempt,
        variant=row.variant,
        outcome=outcome,
        reason=reason,
        seconds=dict(job.seconds),
        batch=job.batch,
        worker_id=row.worker_id,
        request_id=row.request_id,
    )
