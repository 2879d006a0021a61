"""Previews on their way from the device to whoever listens to a job's events."""

import base64
import io
from collections.abc import Callable

from PIL.Image import Image
from pydantic import BaseModel

from workers.adapters.protocol import ShowPreview
from workers.messaging.events import Publisher
from workers.runtime.active_jobs import ActiveJob

MOST_BYTES = 24_000
"""Of a preview's file: as a data URI it takes a third more."""
_QUALITIES = (75, 40, 15, 1)


def preview_of(
    job: ActiveJob, parameters: BaseModel, publisher: Publisher, is_judged: Callable[[], bool]
) -> ShowPreview | None:
    """What shows a job's previews; None where its owner asked for none, or may not see them yet.

    Args:
        job: which.
        parameters: as its owner asked.
        publisher: tells of them.
        is_judged: whether a content filter is yet to judge what is painted; asked only of a job
            that wants previews.
    """
    if not getattr(parameters, "previews", False) or is_judged():
        return None

    def show(picture: Image, step: int, steps: int) -> None:
        if not job.lost.is_set():
            data = {"step": step, "steps": steps, "image": data_uri(picture)}
            publisher.preview(job.row.id, data)

    return show


def data_uri(picture: Image) -> str:
    """A picture as a JPEG file of at most `MOST_BYTES`, in a data URI."""
    for quality in _QUALITIES:
        buffer = io.BytesIO()
        picture.save(buffer, format="jpeg", quality=quality)
        if buffer.tell() <= MOST_BYTES:
            break
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
