"""The failures of a job, as answers to the request that waits for it."""

from api.compat.openai.errors import NO_RETRY
from api.compat.shared.foreign_job import ForeignJob
from api.core.errors import ProblemError
from db.values.job_state import JobState

_MODERATED = ("content_moderated", "request_moderated")


def require_success(job: ForeignJob) -> None:
    """Return when a job succeeded.

    Raises:
        ProblemError: it is over without a result; clients must not send the request again, as the
            job may have been paid for.
    """
    view = job.view
    if view.state == JobState.SUCCEEDED:
        return
    if view.state == JobState.CANCELED:
        raise ProblemError(500, "canceled", f"the job {view.id} was canceled", NO_RETRY)
    if view.state == JobState.EXPIRED:
        raise ProblemError(504, "expired", f"no worker has started the job {view.id}", NO_RETRY)
    code = view.error.code if view.error else "internal_error"
    message = view.error.message if view.error else "the job failed"
    if code in _MODERATED:
        kind = {"type": "image_generation_user_error"}
        raise ProblemError(400, "moderation_blocked", message, NO_RETRY, kind)
    raise ProblemError(500, code, message, NO_RETRY)
