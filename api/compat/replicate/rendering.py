"""Predictions as JSON, for answers and for webhooks alike; it knows no HTTP."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from api.compat.replicate.signed_urls import SignedUrls, StreamClaim
from api.compat.replicate.version_ids import has_single_output, own_name, version_id
from api.compat.shared.job import ForeignJob, Json
from api.compat.shared.webhook_rendering import ForeignEvent
from db.values.job_state import JobState
from db.values.surfaces import SurfaceName

STATUSES: Mapping[JobState, str] = {
    JobState.QUEUED: "starting",
    JobState.RUNNING: "processing",
    JobState.SUCCEEDED: "succeeded",
    JobState.FAILED: "failed",
    JobState.CANCELED: "canceled",
    JobState.EXPIRED: "failed",
}

_EXPIRED = "the prediction did not start in time"
_BAR_CELLS = 10
_PICTURE_FIELDS = frozenset({"image", "mask", "images", "control_image"})


@dataclass(frozen=True)
class PredictionEcho:
    """The request that made a prediction, as its job keeps it.

    Attributes:
        model: `owner/name` as it was asked for.
        version: the version's id.
        input: the input as it was sent, pictures in it shortened.
        key_id: the API key that made it; "" where none is known.
    """

    model: str
    version: str
    input: Mapping[str, Any]
    key_id: str = ""

    def as_json(self) -> Json:
        """The value that the job keeps."""
        return {
            "model": self.model,
            "version": self.version,
            "input": self.input,
            "key": self.key_id,
        }

    @classmethod
    def of_job(cls, job: ForeignJob) -> "PredictionEcho":
        """The kept request; for a job that came by another API, one that would make the same."""
        kept = job.request_by(SurfaceName.REPLICATE)
        variant_id = job.view.model
        return cls(
            kept.get("model") or own_name(variant_id),
            kept.get("version") or version_id(variant_id),
            kept["input"] if "input" in kept else _shown_input(job),
            kept.get("key", ""),
        )


def _shown_input(job: ForeignJob) -> Json:
    """The input without its pictures, which are storage keys."""
    given = job.input.items()
    return {name: value for name, value in given if name not in _PICTURE_FIELDS and value}


def prediction(job: ForeignJob, base: str, stream_path: str | None = None) -> Json:
    """The JSON of a prediction.

    Args:
        job: the job.
        base: the service's own URL, with which the links begin.
        stream_path: the path of its event stream; None where no URL can be given.
    """
    view, echo = job.view, PredictionEcho.of_job(job)
    output = output_of(job, echo.model)
    return {
        "id": view.id,
        "model": echo.model,
        "version": echo.version,
        "status": STATUSES[view.state],
        "input": echo.input,
        "output": output,
        "logs": logs_of(job),
        "error": error_of(job),
        "metrics": _metrics(job),
        "created_at": _instant(view.created_at),
        "started_at": _instant(view.started_at),
        "completed_at": _instant(view.finished_at),
        "data_removed": view.state == JobState.SUCCEEDED and output is None,
        "source": "api",
        "urls": _urls(view.id, base, stream_path),
    }


def webhook_body(event: ForeignEvent, secret: str) -> Json:
    """The payload of a webhook: the prediction at that moment.

    Args:
        event: the event.
        secret: the key that signs the service's URLs.
    """
    key_id = PredictionEcho.of_job(event.job).key_id
    claim = StreamClaim(event.job.view.id, event.tenant_id, key_id)
    path = SignedUrls(secret).stream_path(claim) if key_id else None
    return prediction(event.job, event.base, path)


def output_of(job: ForeignJob, model: str) -> Any:
    """The output: URLs, one URL, or Florence-2's answer; None until it succeeded, or if removed."""
    view = job.view
    if view.output is None:
        return None
    if "results" in view.output:
        return _analysis(job)
    urls = [image["url"] for image in job.images if image["url"]]
    if not urls:
        return None
    return urls[0] if has_single_output(model) else urls


def _analysis(job: ForeignJob) -> Json:
    """The drawn picture, and the answers as the text of a Python dict, as its users parse it."""
    results = (job.view.output or {})["results"]
    drawn = (each["url"] for each in job.artifacts if each["kind"] == "overlay")
    answers = {name: value for each in results for name, value in each["result"].items()}
    return {"img": next(drawn, None), "text": repr(answers)}


def logs_of(job: ForeignJob) -> str:
    """The log: the seed, then a line of progress for each denoising step that is done."""
    view = job.view
    if view.progress is None:
        return ""
    steps = view.progress.steps
    step = steps if view.state == JobState.SUCCEEDED else view.progress.step
    return log_text(job.seed, step, steps)


def log_text(seed: int | None, step: int, steps: int) -> str:
    """The log after a step; it begins with that of each earlier one.

    Args:
        seed: the seed of the first picture; None for none.
        step: the steps that are done.
        steps: the steps in all.
    """
    first = [] if seed is None else [f"Using seed: {seed}"]
    lines = [*first, *(_progress_line(done, steps) for done in range(step + 1))]
    return "\n".join(lines)


def _progress_line(step: int, steps: int) -> str:
    """A line as tqdm writes it, from which clients read the progress."""
    cells = _BAR_CELLS * step // steps
    return f"{100 * step // steps:3d}%|{'#' * cells:{_BAR_CELLS}}| {step}/{steps}"


def error_of(job: ForeignJob) -> str | None:
    """The error's text; None without one."""
    if job.view.state == JobState.EXPIRED:
        return _EXPIRED
    return job.view.error.message or job.view.error.code if job.view.error else None


def _metrics(job: ForeignJob) -> dict[str, float]:
    """Seconds on the device and in all, once it is over; clients take no null among them."""
    view = job.view
    if view.finished_at is None:
        return {}
    total = (view.finished_at - view.created_at).total_seconds()
    if view.started_at is None:
        return {"total_time": total}
    measured = view.timings.run_seconds
    ran = (view.finished_at - view.started_at).total_seconds() if measured is None else measured
    return {"predict_time": ran, "total_time": total}


def _urls(job_id: str, base: str, stream_path: str | None) -> dict[str, str]:
    """The links; clients take no null among them."""
    own = f"{base}/replicate/v1/predictions/{job_id}"
    stream = {"stream": base + stream_path} if stream_path else {}
    return {"get": own, "cancel": f"{own}/cancel", "web": f"{base}/?from={job_id}", **stream}


def _instant(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")


def output_texts(output: Any) -> Sequence[str]:
    """An output as texts, each of which is an event of a stream."""
    if isinstance(output, dict):
        return [output["text"]]
    return [output] if isinstance(output, str) else list(output or ())
