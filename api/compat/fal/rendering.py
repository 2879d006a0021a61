"""Jobs in fal's form: status, output, failure and webhook. It knows no HTTP framework."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from api.compat.fal.error_bodies import Json, error_body, wrong_field
from api.compat.fal.florence2_output import florence2_output
from api.compat.fal.names import short_name
from api.compat.shared.job import ForeignJob
from api.compat.shared.names import OWNER
from api.compat.shared.webhook_rendering import ForeignEvent
from db.values.job_state import JobState
from db.values.surfaces import SurfaceName

IN_PROGRESS = "Request is still in progress"

_MODERATED = frozenset({"request_moderated", "content_moderated"})
_INVALID_INPUT = {
    "invalid_image": "image_url",
    "invalid_input": "",
    "invalid_lora": "loras",
    "input_unreachable": "image_url",
}
"""The codes of failures by the job's input, and the field that each is about."""

_STATUS = {JobState.QUEUED: "IN_QUEUE", JobState.RUNNING: "IN_PROGRESS"}
_DONE = "COMPLETED"

UrlOf = Callable[[Json], Any]
"""The URL to show for a picture."""


@dataclass(frozen=True)
class FalFailure:
    """The end of a job without a result.

    Attributes:
        status: the HTTP status of its answer.
        body: the answer.
        error: one sentence for people.
        error_type: a stable word.
    """

    status: int
    body: Json
    error: str
    error_type: str


def links_of(job: ForeignJob, base: str) -> Json:
    """The URLs of a request; its application is named by owner and name alone."""
    asked = job.request_by(SurfaceName.FAL).get("app") or f"{OWNER}/{job.view.model}"
    own = f"{base}/fal/queue/{short_name(asked)}/requests/{job.view.id}"
    return {"response_url": own, "status_url": f"{own}/status", "cancel_url": f"{own}/cancel"}


def submitted_of(job: ForeignJob, base: str) -> Json:
    """The answer to a submission."""
    ids = {"request_id": job.view.id, "gateway_request_id": job.view.id}
    position = {"queue_position": _position(job)}
    return {"status": "IN_QUEUE", **ids, **links_of(job, base), **position}


def status_of(job: ForeignJob, base: str, *, with_logs: bool) -> Json:
    """The status of a request."""
    view = job.view
    status: Json = {
        "status": _STATUS.get(view.state, _DONE),
        "request_id": view.id,
        **links_of(job, base),
        "logs": logs_of(job) if with_logs else None,
    }
    if view.state == JobState.QUEUED:
        status["queue_position"] = _position(job)
    if job.is_over:
        status["metrics"] = {"inference_time": view.timings.run_seconds or 0.0}
        if (failure := failure_of(job)) is not None:
            status |= {"error": failure.error, "error_type": failure.error_type}
    return status


def _position(job: ForeignJob) -> int:
    """Jobs before it; ours count from 1."""
    return max(0, job.view.waiting.position - 1) if job.view.waiting else 0


def logs_of(job: ForeignJob) -> list[Json]:
    """The history of a job so far, oldest first; the line of its steps is the newest."""
    view, lines = job.view, [_line("Request queued", job.view.created_at)]
    if view.started_at is not None:
        lines.append(_line(f"{view.model} started, attempt {view.attempt}", view.started_at))
    if view.progress is not None:
        step, steps = view.progress.step, view.progress.steps
        if view.state == JobState.SUCCEEDED:
            step = steps
        moment = view.finished_at or view.started_at or view.created_at
        lines.append(_line(f"{100 * step // steps:3}%|{_bar(step, steps)}| {step}/{steps}", moment))
    return lines


_BAR = 10


def _bar(step: int, steps: int) -> str:
    done = _BAR * step // steps
    return "#" * done + " " * (_BAR - done)


def _line(message: str, moment: datetime) -> Json:
    timestamp = moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return {"message": message, "level": "INFO", "source": "USER", "timestamp": timestamp}


def _shown_url(image: Json) -> Any:
    return image.get("url")


def output_of(job: ForeignJob, url_of: UrlOf = _shown_url) -> Json:
    """The output of a job that succeeded.

    Args:
        job: the job.
        url_of: the URL of each picture, its own by default.
    """
    output = job.view.output or {}
    if "results" in output:
        return florence2_output(job, [picture_of(each, url_of) for each in _overlays(job)])
    pictures = [picture_of(image, url_of) for image in job.images]
    return {
        "images": pictures,
        "timings": {"inference": job.view.timings.run_seconds or 0.0},
        "seed": job.seed,
        "has_nsfw_concepts": [False] * len(pictures),
        "prompt": job.prompt,
    }


def partial_output_of(job: ForeignJob, preview: str) -> Json:
    """A picture that is being painted, in the form of the output."""
    picture = {"url": preview, "content_type": "image/jpeg", "width": None, "height": None}
    return {
        "images": [{**picture, "file_name": None, "file_size": None}],
        "timings": {},
        "seed": job.seed,
        "has_nsfw_concepts": [False],
        "prompt": job.prompt,
    }


def _overlays(job: ForeignJob) -> Sequence[Json]:
    return [each for each in job.artifacts if each["kind"] == "overlay"]


def picture_of(image: Json, url_of: UrlOf = _shown_url) -> Json:
    """A picture, as `images` lists it."""
    own: str = image.get("url") or ""
    return {
        "url": url_of(image),
        "width": image["width"],
        "height": image["height"],
        "content_type": image["media_type"],
        "file_name": own.rpartition("/")[2] or None,
        "file_size": image["bytes"],
    }


def failure_of(job: ForeignJob) -> FalFailure | None:
    """The failure of a job that is over; None for one that succeeded."""
    view = job.view
    if view.state == JobState.CANCELED:
        return _failure(499, "Request was cancelled", "client_cancelled")
    if view.state == JobState.EXPIRED:
        return _failure(504, "Request was not started in time", "request_timeout")
    if view.state != JobState.FAILED:
        return None
    code = view.error.code if view.error else "internal_error"
    message = view.error.message if view.error else "the job failed"
    if code in _MODERATED:
        return _invalid("prompt", message, "content_policy_violation")
    if code in _INVALID_INPUT:
        return _invalid(_INVALID_INPUT[code], message, code)
    return _failure(500, message, "internal_error")


def _failure(status: int, message: str, kind: str) -> FalFailure:
    return FalFailure(status, error_body(message, message, kind), message, kind)


def _invalid(field: str, message: str, kind: str) -> FalFailure:
    loc = ["body", field] if field else ["body"]
    return FalFailure(
        422, error_body([wrong_field(loc, message, kind)], message, kind), message, kind
    )


def webhook_body(event: ForeignEvent, _url_secret: str) -> Json:
    """The body of the webhook of a job that is over."""
    job = event.job
    ids = {"request_id": job.view.id, "gateway_request_id": job.view.id}
    if (failure := failure_of(job)) is not None:
        return {**ids, "status": "ERROR", "error": failure.error, "payload": failure.body}
    return {**ids, "status": "OK", "payload": output_of(job)}


def with_new_logs(status: Json, known: int) -> Json:
    """A status with the log lines after the first `known` alone: clients of streams add them up."""
    logs: Sequence[Mapping[str, Any]] | None = status["logs"]
    return status if logs is None else {**status, "logs": logs[known:]}
