"""Texts about a job's state, and the API that it came by."""

from collections.abc import Mapping

from api.web.shared.formats import count, duration, size
from db.jobs.waiting import Waiting, WaitReason
from db.values.surfaces import SurfaceName

_REASONS = {
    WaitReason.FAIR_SHARE: "other tenants' jobs go first by their fair share",
    WaitReason.WORKERS_BUSY: "every worker is busy",
    WaitReason.LOADING: "its model is being loaded",
    WaitReason.NO_WORKER: "no worker serves its model",
    WaitReason.WORKER_FAILING: "its workers cannot load its model, fail, or are being restarted",
    WaitReason.QUEUE_PAUSED: "its queue is paused",
    WaitReason.RETRY_BACKOFF: "it is waiting for its next attempt",
}

_UNSERVED: Mapping[str | None, str] = {
    WaitReason.LOADING: "its worker starts",
    WaitReason.WORKER_FAILING: "its workers fail, or cannot load it",
}

_SURFACES: Mapping[str, str] = {
    SurfaceName.NATIVE: "Bottega",
    SurfaceName.OPENAI: "OpenAI",
    SurfaceName.REPLICATE: "Replicate",
    SurfaceName.FAL: "fal",
    SurfaceName.BFL: "BFL",
    SurfaceName.HUGGINGFACE: "Hugging Face",
}

_STAGES = {"downloading": "being downloaded", "preparing": "being prepared for its first job"}


def surface_label(surface: str) -> str:
    """The name of an API for people."""
    return _SURFACES.get(surface, surface)


def waiting_text(waiting: Waiting) -> str:
    """A queued job's position, its expected start, and the reason why it does not start now."""
    expected = waiting.expected_seconds
    starts = f", starts in about {duration(expected)}" if expected is not None else ""
    loads = ", and its model has to be loaded" if _is_to_be_loaded(waiting) else ""
    return f"Number {count(waiting.position)} in its queue{starts}: {_reason(waiting)}{loads}."


def _reason(waiting: Waiting) -> str:
    if waiting.stage is None:
        return _REASONS[waiting.reason]
    done = load_text(waiting.loaded_bytes, waiting.total_bytes)
    return f"its model is {_STAGES.get(waiting.stage, 'being loaded')}{done}"


def unserved_text(reason: str | None) -> str:
    """The reason for which no worker is ready for a model."""
    return _UNSERVED.get(reason, "no worker serves it now")


def load_text(done_bytes: int | None, total_bytes: int | None) -> str:
    """The bytes of a load that are done, " (1.2 GB of 23.8 GB)"; "" where they are not known."""
    if not total_bytes:
        return ""
    return f" ({size(done_bytes or 0)} of {size(total_bytes)})"


def _is_to_be_loaded(waiting: Waiting) -> bool:
    """True where the reason itself does not say so."""
    return waiting.cold_start and waiting.reason is not WaitReason.LOADING
