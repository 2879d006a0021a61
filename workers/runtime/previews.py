"""Previews of a picture, published on its job's events while the model works."""

import base64
import io
from collections.abc import Callable

from PIL.Image import Image
from pydantic import BaseModel

from workers.adapters.protocol import ShowPreview
from workers.messaging.events import Publisher
from workers.runtime.active_jobs import ActiveJob

MOST_BYTES = 24_000
"""Largest file of a preview; as a data URI it takes a third more."""
_QUALITIES = (75, 40, 15, 1)


def preview_of(
    job: ActiveJob, parameters: BaseModel, publisher: Publisher, is_judged: Callable[[], bool]
) -> ShowPreview | None:
    """A callback that publishes a job's previews; None where it wants none, or may not see them.

    Args:
        job: the job.
        parameters: its parsed input.
        publisher: publishes the previews.
        is_judged: returns true when a content filter will judge the finished picture: nobody
            may see it before. Called only for a job that wants previews.
    """
    if not getattr(parameters, "previews", False) or is_judged():
        return None

    def show(picture: Image, step: int, steps: int) -> None:
        if not job.claim_lost.is_set():
            data = {"step": step, "steps": steps, "image": data_uri(picture)}
            publisher.publish_preview(job.row.id, data)

    return show


def data_uri(picture: Image) -> str:
    """A data URI of a picture as a JPEG file of at most `MOST_BYTES`."""
    for quality in _QUALITIES:
        buffer = io.BytesIO()
        picture.save(buffer, format="jpeg", quality=quality)
        if buffer.tell() <= MOST_BYTES:
            break
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
