"""Florence-2's tasks as the form offers them: grouped by what they answer."""

from collections.abc import Sequence

from workers.catalog.florence2_tasks import TASKS, Florence2Task

TaskGroup = tuple[str, tuple[Florence2Task, ...]]

_NAMES = ("Describe", "Find", "Outline", "Read", "About a region")


def groups_of(offered: Sequence[str]) -> tuple[TaskGroup, ...]:
    """The tasks of these tokens, in groups that have a name each."""
    known = [task for task in TASKS if task.token in offered]
    grouped = ((name, tuple(t for t in known if _group(t) == name)) for name in _NAMES)
    return tuple(group for group in grouped if group[1])


def _group(task: Florence2Task) -> str:
    if task.takes_region:
        return "About a region"
    if "ocr" in task.name:
        return "Read"
    if not task.places:
        return "Describe"
    return "Outline" if task.takes_text and not task.joins_text and task.outlines else "Find"
