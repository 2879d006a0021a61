"""A job's standing in words."""

from api.web.shared.formats import count, duration
from db.jobs.waiting import Waiting, WaitReason

_REASONS = {
    WaitReason.FAIR_SHARE: "other tenants' jobs go first by their fair share",
    WaitReason.WORKERS_BUSY: "every worker is busy",
    WaitReason.LOADING: "its model is being loaded",
    WaitReason.NO_WORKER: "no worker serves its model",
    WaitReason.WORKER_FAILING: "the workers of its model fail, or are being restarted",
    WaitReason.QUEUE_PAUSED: "its queue is paused",
    WaitReason.RETRY_BACKOFF: "it is waiting to be tried again",
}


def waiting_text(stands: Waiting) -> str:
    """Where a queued job stands, when it is expected to begin, and why not now."""
    expected = stands.expected_seconds
    begins = f", begins in about {duration(expected)}" if expected is not None else ""
    return f"Number {count(stands.position)} in its queue{begins}: {_REASONS[stands.reason]}."
