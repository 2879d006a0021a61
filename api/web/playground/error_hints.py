"""Hints for the user on how to resolve an error."""

from dataclasses import dataclass

from api.core.errors import ProblemError

_JOB_HINTS = {
    "input_unreachable": "Upload the picture again: it is no longer stored.",
    "invalid_image": "Upload the picture again, as a PNG or JPEG file.",
    "request_moderated": "Change the prompt: the service's filter refused it.",
    "content_moderated": "Change the prompt or the seed: the service's filter refused the picture.",
    "content_filter_unavailable": "Try again later: the service's filter does not respond.",
    "upstream_error": "Try again later: the model's vendor did not respond correctly.",
    "out_of_memory": "Choose a smaller size, or fewer pictures at once.",
    "model_not_loaded": "Try again later, or another model.",
    "worker_lost": "Try again; if it fails again, tell the service's operator.",
    "invalid_output": "Try another seed.",
    "invalid_lora": "Choose another LoRA, or lower its scale: this one is damaged, too strong, "
    "or made for another model.",
    "timeout": "Choose fewer steps or a smaller size.",
    "internal_error": "Try again; if it fails again, tell the service's operator.",
}
_REQUEST_HINTS = {
    "insufficient_credit": "Ask the service's operator for credit, or wait for the next allowance.",
    "too_many_in_flight": "Wait until some of your jobs have ended, or cancel one.",
    "storage_full": "Delete uploads or the contents of old jobs through the API, or ask the "
    "service's operator.",
    "suspended": "Ask the service's operator.",
    "unavailable": "Try again in a moment.",
    "forbidden": "Load the page again.",
}


@dataclass(frozen=True)
class FieldError:
    """One error in a form; `field` is the parameter's name in words, or empty."""

    field: str
    text: str


def job_hint(code: str) -> str:
    """The hint for a failed job."""
    return _JOB_HINTS.get(code, _JOB_HINTS["internal_error"])


def request_hint(problem: ProblemError) -> str:
    """The hint for a refused request; empty where its field errors say enough."""
    return _REQUEST_HINTS.get(problem.code, "")


def field_errors(problem: ProblemError) -> list[FieldError]:
    """Every error of a problem, each with its field."""
    items = problem.extra.get("errors", ())
    return [_field_error(item) for item in items] or [FieldError("", problem.detail)]


def _field_error(item: dict[str, object]) -> FieldError:
    loc = item["loc"]
    names = [part for part in loc if isinstance(part, str)] if isinstance(loc, list) else []
    field = names[-1] if names and names[-1] not in ("body", "input") else ""
    return FieldError(field.replace("_", " "), str(item["msg"]))
