"""Painted pictures as OpenAI's clients read them."""

import base64
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from api.compat.openai.image_fields import ImageFields
from api.compat.shared.foreign_job import ForeignJob
from api.compat.shared.picture_files import result_files
from api.core.errors import not_found
from api.services import Services
from db.values.artifact_kinds import ArtifactKind

Json = dict[str, Any]

_CHARS_PER_TOKEN = 4
_TOKEN_SIDE = 16
"""A picture counts one token for each square of so many pixels, as FLUX has them."""


@dataclass(frozen=True)
class FinishedPicture:
    """A picture of an ended job.

    Attributes:
        job: its job.
        facts: its entry among the job's images.
        data: the file; None where only the URL is asked for.
    """

    job: ForeignJob
    facts: Mapping[str, Any]
    data: bytes | None

    @property
    def base64(self) -> str | None:
        """The file as base64."""
        return None if self.data is None else base64.b64encode(self.data).decode()

    @property
    def size(self) -> str:
        """Width and height, as `size` has them."""
        return f"{self.facts['width']}x{self.facts['height']}"

    @property
    def output_format(self) -> str:
        """png, jpeg or webp."""
        return str(self.facts["media_type"]).partition("/")[2]

    @property
    def tokens(self) -> int:
        """Its output tokens."""
        width, height = int(self.facts["width"]), int(self.facts["height"])
        return math.ceil(width / _TOKEN_SIDE) * math.ceil(height / _TOKEN_SIDE)


def read_pictures(
    services: Services, jobs: Sequence[ForeignJob], *, with_data: bool
) -> list[FinishedPicture]:
    """The pictures of succeeded jobs, in order.

    Raises:
        ProblemError: 404, they were removed since: the answer is a replay.
        db.storage.object_store.StoreError: the object store failed.
    """
    found = [
        FinishedPicture(job, facts, data)
        for job in jobs
        for facts, data in _files(services, job, with_data=with_data)
    ]
    if not found:
        raise not_found("picture of this job any more")
    return found


def _files(
    services: Services, job: ForeignJob, *, with_data: bool
) -> Iterator[tuple[Mapping[str, Any], bytes | None]]:
    if not with_data:
        return ((facts, None) for facts in job.images)
    files = result_files(services, job.view.id, ArtifactKind.IMAGE)
    return ((facts, file.data) for facts, file in zip(job.images, files, strict=True))


def answer_of(pictures: Sequence[FinishedPicture], fields: ImageFields) -> Json:
    """The answer to a request that is no stream."""
    first = pictures[0]
    return {
        "created": _created(first.job),
        "data": [_datum(picture, fields.response_format) for picture in pictures],
        "background": "opaque",
        "output_format": first.output_format,
        "quality": fields.quality,
        "size": first.size,
        "usage": usage_of(pictures),
    }


def _datum(picture: FinishedPicture, response_format: str | None) -> Json:
    whole = {"b64_json": picture.base64, "url": picture.facts["url"]}
    kept = {name: value for name, value in whole.items() if response_format in (None, name)}
    return {**kept, "revised_prompt": None, "seed": picture.facts["seed"]}


def usage_of(pictures: Sequence[FinishedPicture]) -> Json:
    """The tokens of pictures, for clients that need such numbers: prices do not follow them."""
    job = pictures[0].job
    text = math.ceil(len(job.prompt) / _CHARS_PER_TOKEN)
    sources = _sources(job.input) * pictures[0].tokens
    painted = sum(picture.tokens for picture in pictures)
    return {
        "input_tokens": text + sources,
        "output_tokens": painted,
        "total_tokens": text + sources + painted,
        "input_tokens_details": {"text_tokens": text, "image_tokens": sources},
        "output_tokens_details": {"text_tokens": 0, "image_tokens": painted},
    }


def _sources(job_input: Mapping[str, Any]) -> int:
    """The number of pictures that a job was painted from."""
    single = sum(bool(job_input.get(name)) for name in ("image", "control_image"))
    return single + len(job_input.get("images") or ())


def completed_event(picture: FinishedPicture, fields: ImageFields, operation: str) -> Json:
    """The event of a finished picture."""
    return {
        "type": f"{operation}.completed",
        "b64_json": picture.base64,
        "created_at": _created(picture.job),
        "size": picture.size,
        "quality": fields.quality,
        "background": "opaque",
        "output_format": picture.output_format,
        "seed": picture.facts["seed"],
        "usage": usage_of([picture]),
    }


def partial_event(
    job: ForeignJob,
    fields: ImageFields,
    operation: str,
    *,
    data: str,
    index: int,
    kind: str,
    size: str,
) -> Json:
    """The event of a picture that is not finished.

    Args:
        job: the job.
        fields: the request.
        operation: the beginning of the event's name.
        data: the picture as base64.
        index: its number in the stream, from 0.
        kind: its format.
        size: its own width and height, "WxH": it may be smaller than the finished picture.
    """
    return {
        "type": f"{operation}.partial_image",
        "b64_json": data,
        "partial_image_index": index,
        "created_at": _created(job),
        "size": size,
        "quality": fields.quality,
        "background": "opaque",
        "output_format": kind,
    }


def _created(job: ForeignJob) -> int:
    return int(job.view.created_at.timestamp())
