"""What to do about an error, for whoever stands before it."""

from dataclasses import dataclass

from api.core.errors import ProblemError

_OF_JOBS = {
    "input_unreachable": "Give the picture again: it is no longer stored.",
    "invalid_image": "Give the picture again, as a PNG, JPEG or WebP file.",
    "request_moderated": "Write the prompt differently: the service's filter refused it.",
    "content_moderated": "Change the prompt or the seed: the service's filter refused the picture.",
    "content_filter_unavailable": "Try again later: the service's filter does not answer.",
    "upstream_error": "Try again later: the model's vendor did not answer as it should.",
    "out_of_memory": "Choose a smaller size, or fewer pictures at once.",
    "worker_lost": "Try again; if it fails again, tell whoever runs this service.",
    "invalid_output": "Try another seed, or fewer LoRAs.",
    "invalid_lora": "Choose another LoRA: this one is broken, or made for another model.",
    "timeout": "Choose fewer steps or a smaller size.",
    "internal_error": "Try again; if it fails again, tell whoever runs this service.",
}
_OF_REQUESTS = {
    "insufficient_credit": "Ask whoever runs this service for credit, or wait for the allowance.",
    "too_many_in_flight": "Wait until some of your jobs are over, or cancel one.",
    "suspended": "Ask whoever runs this service.",
    "unavailable": "Try again in a moment.",
    "forbidden": "Load the page again.",
}


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with a form; `field` is the parameter's name in words, or empty."""

    field: str
    text: str


def about_job(code: str) -> str:
    """What to do about a job that failed; it cost nothing."""
    return _OF_JOBS.get(code, _OF_JOBS["internal_error"])


def about_request(problem: ProblemError) -> str:
    """What to do about a request that was refused; empty where its faults say it."""
    return _OF_REQUESTS.get(problem.code, "")


def faults_of(problem: ProblemError) -> list[Fault]:
    """Everything that is wrong, each with its field."""
    items = problem.extra.get("errors", ())
    return [_fault(item) for item in items] or [Fault("", problem.detail)]


def _fault(item: dict[str, object]) -> Fault:
    loc = item["loc"]
    names = [part for part in loc if isinstance(part, str)] if isinstance(loc, list) else []
    field = names[-1] if names and names[-1] not in ("body", "input") else ""
    return Fault(field.replace("_", " "), str(item["msg"]))
