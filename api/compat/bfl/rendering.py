"""Tasks as clients of FLUX's vendor read them: answers to polls, and webhooks.

Nothing here imports an HTTP framework: the courier renders webhooks by it too.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from api.compat.shared.job import ForeignJob
from api.compat.shared.webhook_rendering import ForeignEvent
from db.values.job_state import JobState

Json = dict[str, Any]

PENDING = "Pending"
READY = "Ready"
ERROR = "Error"
MODERATED = "Request Moderated"
NOT_FOUND = "Task not found"

_STATUSES: Mapping[JobState, str] = {
    JobState.QUEUED: PENDING,
    JobState.RUNNING: PENDING,
    JobState.SUCCEEDED: READY,
    JobState.FAILED: ERROR,
    JobState.CANCELED: ERROR,
    JobState.EXPIRED: ERROR,
}
_MODERATED_CODES = ("request_moderated", "content_moderated")
_REASONS: Mapping[JobState, str] = {
    JobState.CANCELED: "the task was canceled",
    JobState.EXPIRED: "no worker started the task in time",
    JobState.SUCCEEDED: "the picture has been deleted",
}


def status_of(job: ForeignJob) -> str:
    """The vendor's word for a job's state; one that was moderated has its own."""
    if job.view.error is not None and job.view.error.code in _MODERATED_CODES:
        return MODERATED
    status = _STATUSES[job.view.state]
    return ERROR if status == READY and _sample(job) is None else status


def task(job: ForeignJob) -> Json:
    """The answer to a poll."""
    status = status_of(job)
    return {
        "id": job.view.id,
        "status": status,
        "result": _result(job) if status == READY else None,
        "progress": _progress(job, status),
        "details": None if status in (PENDING, READY) else _details(job, status),
        "preview": None,
    }


def unknown_task(task_id: str) -> Json:
    """The answer to a poll of a task that does not exist, or is not the caller's."""
    details = {"message": "there is no such task"}
    empty = {"result": None, "progress": None, "details": details, "preview": None}
    return {"id": task_id, "status": NOT_FOUND, **empty}


def webhook_body(event: ForeignEvent, _secret: str) -> Json:
    """The body of a webhook, which tells the end of a task."""
    job = event.job
    status = status_of(job)
    if status == READY:
        return {"id": job.view.id, "status": status, "result": _result(job)}
    return {"id": job.view.id, "status": status, "error": _reason(job)}


def _sample(job: ForeignJob) -> str | None:
    """The URL of the picture, or of the first other file of a job that paints none."""
    for found in (*job.images, *job.artifacts):
        url: str | None = found.get("url")
        return url
    # It looked at a picture: clients of this API have no field for words.
    return None if job.view.output is None or "results" not in job.view.output else ""


def _result(job: ForeignJob) -> Json:
    ended = _seconds(job.view.finished_at or job.view.created_at)
    started = _seconds(job.view.started_at or job.view.created_at)
    seed = next((found.get("seed") for found in job.images), job.seed)
    return {
        "sample": _sample(job),
        "prompt": job.prompt,
        "seed": seed or 0,
        "start_time": started,
        "end_time": ended,
        "duration": ended - started,
    }


def _seconds(instant: datetime) -> float:
    return instant.timestamp()


def _progress(job: ForeignJob, status: str) -> float | None:
    if status == READY:
        return 1.0
    progress = job.view.progress
    return min(max(progress.fraction, 0.0), 1.0) if progress and status == PENDING else None


def _reason(job: ForeignJob) -> str:
    if job.view.error is not None:
        return job.view.error.message or job.view.error.code
    return _REASONS.get(job.view.state, "the task failed")


def _details(job: ForeignJob, status: str) -> Json:
    error = job.view.error
    reason = _reason(job)
    details: Json = {"code": error.code if error else job.view.state.value, "message": reason}
    return {**details, "Moderation Reasons": [reason]} if status == MODERATED else details
