"""Florence-2's tasks in the form, grouped by the kind of their answer."""

from collections.abc import Sequence
from dataclasses import dataclass

from workers.catalog.florence2.tasks import TASKS, Florence2Task

_SHORT = {
    "caption": "caption",
    "detailed_caption": "longer caption",
    "more_detailed_caption": "longest caption",
    "object_detection": "objects",
    "dense_region_caption": "described regions",
    "region_proposal": "regions",
    "caption_to_phrase_grounding": "phrases of a caption",
    "open_vocabulary_detection": "objects by name",
    "referring_expression_segmentation": "object by phrase",
    "ocr": "text",
    "ocr_with_region": "text with places",
    "region_to_segmentation": "its outline",
    "region_to_category": "its kind",
    "region_to_description": "its description",
    "region_to_ocr": "its text",
}


@dataclass(frozen=True)
class TaskOption:
    """One task in the form, with its label within its group."""

    label: str
    task: Florence2Task


TaskGroup = tuple[str, tuple[TaskOption, ...]]

_NAMES = ("Describe", "Find", "Outline", "Read", "About a region")


def groups_of(offered: Sequence[str]) -> tuple[TaskGroup, ...]:
    """The tasks of these tokens, in named groups."""
    known = [_option(task) for task in TASKS if task.token in offered]
    grouped = ((name, tuple(t for t in known if _group(t.task) == name)) for name in _NAMES)
    return tuple(group for group in grouped if group[1])


def _option(task: Florence2Task) -> TaskOption:
    return TaskOption(_SHORT.get(task.name, task.name.replace("_", " ")), task)


def _group(task: Florence2Task) -> str:
    if task.takes_region:
        return "About a region"
    if "ocr" in task.name:
        return "Read"
    if not task.places:
        return "Describe"
    return "Outline" if task.takes_text and not task.joins_text and task.outlines else "Find"
