"""What Florence-2 jobs can store beside their JSON: masks, an overlay, a COCO file."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

from pydantic import WithJsonSchema

from workers.catalog.florence2.tasks import TASKS, Florence2Task
from workers.catalog.validation import refusal


class ArtifactChoice(StrEnum):
    """One kind of artifact that a job may ask for."""

    MASKS = "masks"
    OVERLAY = "overlay"
    COCO = "coco"


# Written out where it is used: forms read one field's schema without the rest.
Choice = Annotated[
    ArtifactChoice,
    WithJsonSchema({"type": "string", "enum": [choice.value for choice in ArtifactChoice]}),
]


def refuse_unmakeable(chosen: Sequence[ArtifactChoice], asked: Sequence[Florence2Task]) -> None:
    """Refuse what could not be made of the answers to these tasks.

    Raises:
        pydantic.ValidationError: a choice is named twice, or no task gives what it is made of.
    """
    if len(set(chosen)) < len(chosen):
        raise refusal("artifacts", "duplicate_artifact", "must not name a kind twice", chosen)
    for choice in chosen:
        if not any(suits(choice, task) for task in asked):
            able = ", ".join(task.name for task in TASKS if suits(choice, task))
            message = f"{choice.value} cannot be made of {asked[0].token}; add one of {able}"
            raise refusal("artifacts", "artifact_without_task", message, chosen)


def suits(choice: ArtifactChoice, task: Florence2Task) -> bool:
    """Whether the answers to a task may hold what this is made of."""
    return task.outlines if choice == ArtifactChoice.MASKS else task.places
