"""Florence-2's tasks as the form offers them: grouped by what they answer."""

from collections.abc import Sequence
from dataclasses import dataclass

from workers.catalog.florence2.tasks import TASKS, Florence2Task

_SHORT = {
    "caption": "caption",
    "detailed_caption": "some sentences",
    "more_detailed_caption": "a paragraph",
    "object_detection": "objects",
    "dense_region_caption": "regions, described",
    "region_proposal": "regions",
    "caption_to_phrase_grounding": "a caption's phrases",
    "open_vocabulary_detection": "what I name",
    "referring_expression_segmentation": "what a phrase means",
    "ocr": "text",
    "ocr_with_region": "text and where",
    "region_to_segmentation": "its outline",
    "region_to_category": "its kind",
    "region_to_description": "its description",
    "region_to_ocr": "its text",
}


@dataclass(frozen=True)
class AskedTask:
    """One task as it is offered: `label` says it within its group."""

    label: str
    task: Florence2Task


TaskGroup = tuple[str, tuple[AskedTask, ...]]

_NAMES = ("Describe", "Find", "Outline", "Read", "About a region")


def groups_of(offered: Sequence[str]) -> tuple[TaskGroup, ...]:
    """The tasks of these tokens, in groups that have a name each."""
    known = [_asked(task) for task in TASKS if task.token in offered]
    grouped = ((name, tuple(t for t in known if _group(t.task) == name)) for name in _NAMES)
    return tuple(group for group in grouped if group[1])


def _asked(task: Florence2Task) -> AskedTask:
    return AskedTask(_SHORT.get(task.name, task.name.replace("_", " ")), task)


def _group(task: Florence2Task) -> str:
    if task.takes_region:
        return "About a region"
    if "ocr" in task.name:
        return "Read"
    if not task.places:
        return "Describe"
    return "Outline" if task.takes_text and not task.joins_text and task.outlines else "Find"
