"""Florence-2's tasks as the form offers them: grouped by what they answer."""

from collections.abc import Sequence

from workers.catalog.florence2_tasks import TASKS, Florence2Task


def _group(task: Florence2Task) -> str:
    if task.takes_region:
        return "About a region"
    if "ocr" in task.name:
        return "Read"
    if "caption" in task.name and not task.places:
        return "Describe"
    return "Outline" if task.name.endswith("segmentation") else "Find"


def _grouped() -> Sequence[tuple[str, Sequence[Florence2Task]]]:
    names = ("Describe", "Find", "Outline", "Read", "About a region")
    return [(name, [task for task in TASKS if _group(task) == name]) for name in names]


TASK_GROUPS = _grouped()
