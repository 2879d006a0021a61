"""The files that a job requests beside its JSON."""

import io
import json
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

from PIL import Image

from db.values.artifact_kinds import JSON_TYPE, ArtifactKind
from workers.adapters.florence2.renderings.masks import draw_mask
from workers.adapters.florence2.renderings.overlay import draw_overlay
from workers.adapters.protocol import File
from workers.catalog.florence2.artifacts import ArtifactChoice
from workers.catalog.florence2.coco import as_coco
from workers.catalog.florence2.instances import Instance, instances_of
from workers.catalog.florence2.parameters import Florence2Parameters

MAX_MASKS = 100
"""Most masks of a job; the rest are left out. A repetitive answer may outline hundreds."""

MASKS_LIMITED = "masks_limited"
"""The warning on the answers of a job that has more outlines than masks."""


class Renderings:
    """One job's answers, rendered as files.

    Args:
        picture: the analysed picture, RGB and upright.
        parameters: the job's parameters.
        results: the answers, as `workers.adapters.florence2.task_results.task_result` returns them.
    """

    def __init__(
        self,
        picture: Image.Image,
        parameters: Florence2Parameters,
        results: Sequence[dict[str, Any]],
    ) -> None:
        self._picture = picture
        self._parameters = parameters
        self._results = results
        self._instances = instances_of(results, parameters.model_dump(include={"text", "region"}))

    def add_warnings(self) -> None:
        """Add a warning to answers with masks that are left out."""
        if ArtifactChoice.MASKS not in self._parameters.artifacts:
            return
        left_out = {instance.task for instance in self._masked[MAX_MASKS:]}
        for result in self._results:
            if result["task"] in left_out:
                result["warnings"].append(MASKS_LIMITED)

    @property
    def _masked(self) -> list[Instance]:
        return [instance for instance in self._instances if instance.is_masked]

    def files(self) -> Iterator[File]:
        """Make every requested file, one at a time: together they may not fit into memory."""
        artifacts = self._parameters.artifacts
        if ArtifactChoice.MASKS in artifacts:
            yield from map(self._mask, self._masked[:MAX_MASKS])
        if ArtifactChoice.OVERLAY in artifacts:
            yield from map(self._overlay, self._tasks_with_places)
        if ArtifactChoice.COCO in artifacts:
            yield self._coco()

    @property
    def _tasks_with_places(self) -> list[str]:
        return [task.token for task in self._parameters.requested_tasks if task.places]

    def _mask(self, instance: Instance) -> File:
        about = {
            "task": instance.task,
            "label": instance.label,
            "instance": instance.number,
            "score": instance.score,
            "raw_score": instance.raw_score,
        }
        mask = draw_mask(instance, self._picture.size)
        # A mask has only runs of one value: run-length encoding alone is the fastest.
        return _png(ArtifactKind.MASK, mask, about, compress_type=zlib.Z_RLE)

    def _overlay(self, task: str) -> File:
        own = [instance for instance in self._instances if instance.task == task]
        return _png(ArtifactKind.OVERLAY, draw_overlay(self._picture, own), {"task": task})

    def _coco(self) -> File:
        content = as_coco(self._instances, self._picture.size)
        data = json.dumps(content, ensure_ascii=False).encode()
        return File(ArtifactKind.COCO, data, JSON_TYPE, self._picture.size)


def _png(
    kind: ArtifactKind, picture: Image.Image, about: dict[str, Any], **compression: int
) -> File:
    buffer = io.BytesIO()
    # The fastest level: 20 million pixels take 2.7 s; level 4 takes 5.1 s for a tenth fewer bytes.
    picture.save(buffer, format="png", compress_level=1, **compression)
    return File(kind, buffer.getvalue(), "image/png", picture.size, about)
