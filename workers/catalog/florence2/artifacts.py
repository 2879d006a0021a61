"""Files that Florence-2 jobs can store beside their JSON: masks, an overlay, a COCO file."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

from pydantic import WithJsonSchema

from workers.catalog.florence2.tasks import TASKS, Florence2Task
from workers.catalog.validation import refusal


class ArtifactChoice(StrEnum):
    """A kind of artifact that a job may request."""

    MASKS = "masks"
    OVERLAY = "overlay"
    COCO = "coco"


# Inlined in the schema of each field: forms read one field's schema without the rest.
Choice = Annotated[
    ArtifactChoice,
    WithJsonSchema({"type": "string", "enum": [choice.value for choice in ArtifactChoice]}),
]


def refuse_unavailable(choices: Sequence[ArtifactChoice], tasks: Sequence[Florence2Task]) -> None:
    """Refuse artifacts that cannot be made from the answers to these tasks.

    Raises:
        pydantic.ValidationError: a choice is named twice, or no task provides its data.
    """
    if len(set(choices)) < len(choices):
        raise refusal("artifacts", "duplicate_artifact", "must not name a kind twice", choices)
    for choice in choices:
        if not any(can_provide(choice, task) for task in tasks):
            able = ", ".join(task.name for task in TASKS if can_provide(choice, task))
            message = f"{choice.value} cannot be made of {tasks[0].token}; add one of {able}"
            raise refusal("artifacts", "artifact_without_task", message, choices)


def can_provide(choice: ArtifactChoice, task: Florence2Task) -> bool:
    """True when the answers to a task may hold the data for this artifact."""
    return task.outlines if choice == ArtifactChoice.MASKS else task.places
