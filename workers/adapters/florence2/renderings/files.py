"""The files that a job asked for beside its JSON."""

import io
import json
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

from PIL import Image

from db.values.artifact_kinds import JSON_TYPE, ArtifactKind
from workers.adapters.florence2.renderings.masks import mask_of
from workers.adapters.florence2.renderings.overlay import overlay_of
from workers.adapters.protocol import File
from workers.catalog.florence2.artifacts import ArtifactChoice
from workers.catalog.florence2.coco import as_coco
from workers.catalog.florence2.instances import Instance, instances_of
from workers.catalog.florence2.parameters import Florence2Parameters

MOST_MASKS = 100
"""A job's masks beyond these are left out: an answer that goes in circles may outline hundreds."""

MASKS_LIMITED = "masks_limited"
"""The warning on the answers of a job that has more outlines than masks."""


class Products:
    """One job's answers, as files.

    Args:
        picture: the picture that was looked at, RGB and upright.
        parameters: what was asked of it.
        results: the answers, as `workers.adapters.florence2.task_results.result` gives them.
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

    def note_limits(self) -> None:
        """Add a warning to the answers some of whose masks are left out."""
        if ArtifactChoice.MASKS not in self._parameters.artifacts:
            return
        left_out = {instance.task for instance in self._masked[MOST_MASKS:]}
        for result in self._results:
            if result["task"] in left_out:
                result["warnings"].append(MASKS_LIMITED)

    @property
    def _masked(self) -> list[Instance]:
        return [instance for instance in self._instances if instance.is_masked]

    def files(self) -> Iterator[File]:
        """Every file asked for, drawn one at a time: together they may not fit in memory."""
        chosen = self._parameters.artifacts
        if ArtifactChoice.MASKS in chosen:
            yield from map(self._mask, self._masked[:MOST_MASKS])
        if ArtifactChoice.OVERLAY in chosen:
            yield from map(self._overlay, self._tasks_with_places)
        if ArtifactChoice.COCO in chosen:
            yield self._coco()

    @property
    def _tasks_with_places(self) -> list[str]:
        return [task.token for task in self._parameters.asked if task.places]

    def _mask(self, instance: Instance) -> File:
        about = {
            "task": instance.task,
            "label": instance.label,
            "instance": instance.number,
            "score": instance.score,
        }
        mask = mask_of(instance, self._picture.size)
        # Runs of one value are all that a mask has, and looking for them alone is quickest.
        return _png(ArtifactKind.MASK, mask, about, compress_type=zlib.Z_RLE)

    def _overlay(self, task: str) -> File:
        own = [instance for instance in self._instances if instance.task == task]
        return _png(ArtifactKind.OVERLAY, overlay_of(self._picture, own), {"task": task})

    def _coco(self) -> File:
        content = as_coco(self._instances, self._picture.size)
        data = json.dumps(content, ensure_ascii=False).encode()
        return File(ArtifactKind.COCO, data, JSON_TYPE, self._picture.size)


def _png(
    kind: ArtifactKind, picture: Image.Image, about: dict[str, Any], **compression: int
) -> File:
    buffer = io.BytesIO()
    # The quickest level: 20 million pixels take 2.7 s, at level 4 5.1 s for a tenth fewer bytes.
    picture.save(buffer, format="png", compress_level=1, **compression)
    return File(kind, buffer.getvalue(), "image/png", picture.size, about)
