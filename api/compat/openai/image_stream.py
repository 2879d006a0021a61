"""The stream of a request for pictures: partial ones, then the finished ones."""

import base64
from collections.abc import AsyncGenerator, Iterator

from fastapi.concurrency import run_in_threadpool

from api.compat.openai.frames import encoded
from api.compat.openai.image_answers import (
    FinishedPicture,
    completed_event,
    partial_event,
    read_pictures,
)
from api.compat.openai.image_request import ImageRequest
from api.compat.openai.job_stream import JobStream
from api.compat.shared.foreign_job import ForeignJob
from api.core.event_stream import PING
from api.jobs.event_frames import Moment
from db.values.imaging.files import read_header
from workers.messaging.events import Event


class ImageStream:
    """Makes the frames of one stream."""

    def __init__(self, request: ImageRequest) -> None:
        self._request = request
        self._partial_pictures = 0

    async def frames(self, stream: JobStream) -> AsyncGenerator[bytes, None]:
        """The frames of all jobs of the request."""
        for number in range(len(stream.first)):
            is_over = False
            async for moment in stream.moments(number):
                if not moment.events and moment.last is None:
                    yield PING
                for each in self._partial_frames(stream, number, moment):
                    yield each
                is_over = moment.last is not None
            if not is_over:
                return
            job = stream.ended(number)
            pictures = await run_in_threadpool(
                read_pictures, stream.services, [job], with_data=True
            )
            for picture in pictures:
                for each in self._last_frames(picture):
                    yield each

    def _partial_frames(self, stream: JobStream, number: int, moment: Moment) -> Iterator[bytes]:
        for streamed in moment.events:
            if streamed.event.type == "preview" and self._is_due(streamed.event):
                data = str(streamed.event.data["image"]).partition(",")[2]
                yield self._partial_frame(stream.first[number], data, "jpeg", _size_of(data))

    def _is_due(self, preview: Event) -> bool:
        """True for a preview that comes as far as the next partial picture should.

        Partial pictures are evenly spread: of 2 in 12 steps, the first has 4 and the second 8.
        """
        most = self._request.partial_pictures
        share = (self._partial_pictures + 1) / (most + 1)
        step, steps = preview.data["step"], preview.data["steps"]
        return self._partial_pictures < most and share * steps <= step < steps

    def _last_frames(self, picture: FinishedPicture) -> Iterator[bytes]:
        """The frame of a finished picture, after the partial ones that were not in time.

        Of the previews that come faster than the stream can follow, the newest alone is sent. A
        client that was promised a number of partial pictures gets the finished one in their place.
        """
        progress = picture.job.view.progress
        steps = progress.steps if progress else 1
        missing = min(self._request.partial_pictures, steps - 1) - self._partial_pictures
        for _ in range(missing):
            data = base64.b64encode(picture.data or b"").decode()
            yield self._partial_frame(picture.job, data, picture.output_format, picture.size)
        event = completed_event(picture, self._request.fields, self._request.operation)
        yield encoded(event, event["type"])

    def _partial_frame(self, job: ForeignJob, data: str, kind: str, size: str) -> bytes:
        fields, operation = self._request.fields, self._request.operation
        event = partial_event(
            job, fields, operation, data=data, index=self._partial_pictures, kind=kind, size=size
        )
        self._partial_pictures += 1
        return encoded(event, event["type"])


def _size_of(data: str) -> str:
    """The size of a picture in base64, as `size` has it."""
    header = read_header(base64.b64decode(data))
    return f"{header.width}x{header.height}"
