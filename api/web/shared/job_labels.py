"""Texts about a job's state."""

from api.web.shared.formats import count, duration
from db.jobs.waiting import Waiting, WaitReason

_REASONS = {
    WaitReason.FAIR_SHARE: "other tenants' jobs go first by their fair share",
    WaitReason.WORKERS_BUSY: "every worker is busy",
    WaitReason.LOADING: "its model is being loaded",
    WaitReason.NO_WORKER: "no worker serves its model",
    WaitReason.WORKER_FAILING: "the workers of its model fail, or are being restarted",
    WaitReason.QUEUE_PAUSED: "its queue is paused",
    WaitReason.RETRY_BACKOFF: "it is waiting for its next attempt",
}


def waiting_text(waiting: Waiting) -> str:
    """A queued job's position, its expected start, and the reason why it does not start now."""
    expected = waiting.expected_seconds
    starts = f", starts in about {duration(expected)}" if expected is not None else ""
    loads = ", and its model has to be loaded" if _is_to_be_loaded(waiting) else ""
    reason = _REASONS[waiting.reason]
    return f"Number {count(waiting.position)} in its queue{starts}: {reason}{loads}."


def _is_to_be_loaded(waiting: Waiting) -> bool:
    """True where the reason itself does not say so."""
    return waiting.cold_start and waiting.reason is not WaitReason.LOADING
