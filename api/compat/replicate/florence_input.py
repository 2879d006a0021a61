"""The input of a Florence-2 prediction, as the variant takes it."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from api.compat.shared.measured_pictures import MeasuredPicture
from api.compat.shared.pictures import as_native
from api.compat.shared.translation import Translation
from api.core.domain_errors import InvalidSubmissionError
from workers.catalog import Variant
from workers.catalog.florence2.artifacts import ArtifactChoice
from workers.catalog.florence2.region import from_bins
from workers.catalog.florence2.tasks import BY_TOKEN, TOKENS, Florence2Task

TASK_INPUTS = (
    "Caption",
    "Detailed Caption",
    "More Detailed Caption",
    "Caption to Phrase Grounding",
    "Object Detection",
    "Dense Region Caption",
    "Region Proposal",
    "Referring Expression Segmentation",
    "Region to Segmentation",
    "Open Vocabulary Detection",
    "Region to Category",
    "Region to Description",
    "OCR",
    "OCR with Region",
)
"""The tasks as predictions name them; tokens are taken too."""

DEFAULT_TASK = TASK_INPUTS[0]

_IMAGE, _TASK, _TEXT = "image", "task_input", "text_input"
_MOST_SHOWN = 60
_REGION = re.compile(r"\s*<loc_(\d{1,3})><loc_(\d{1,3})><loc_(\d{1,3})><loc_(\d{1,3})>\s*")

Measure = Callable[[str, str], MeasuredPicture]
"""Stores and measures a picture, which is given with the field that names it."""


def translate(variant: Variant, fields: Mapping[str, Any], measure: Measure) -> Translation:
    """The native input that the fields of a prediction's input stand for.

    Args:
        variant: the model.
        fields: the input as it was sent.
        measure: measures the picture, where a region's pixels depend on its size.

    Raises:
        InvalidSubmissionError: a field cannot be read.
    """
    t = Translation(variant)
    t.rename(("task",), _TASK)
    t.put("image", as_native(fields.get(_IMAGE)), _IMAGE)
    tasks = _put_task(t, fields)
    _put_text(t, fields, tasks, measure)
    if any(task.places for task in tasks):
        t.input["artifacts"] = [ArtifactChoice.OVERLAY.value]
    for name, value in fields.items():
        if not t.has_seen(name) and t.takes(name):
            t.put(name, value, name)
    t.ignore_rest(fields)
    return t


def _put_task(t: Translation, fields: Mapping[str, Any]) -> Sequence[Florence2Task]:
    """Put the task; those of the native parameters are left as they are."""
    native = [fields.get("task"), *_as_list(fields.get("tasks"))]
    if any(native):
        names = [name for name in native if isinstance(name, str)]
        return [BY_TOKEN[TOKENS[name]] for name in names if name in TOKENS]
    asked = fields.get(_TASK) or DEFAULT_TASK
    token = _token(asked)
    if token is None:
        message = f"{str(asked)[:_MOST_SHOWN]!r} is no task; known are {', '.join(TASK_INPUTS)}"
        raise InvalidSubmissionError.of_field((_TASK,), message, "unknown_task")
    t.put("task", token, _TASK)
    return [BY_TOKEN[token]]


def _as_list(value: Any) -> list[Any]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _token(asked: Any) -> str | None:
    text = str(asked).strip()
    return TOKENS.get(text) or TOKENS.get(text.lower().replace(" ", "_"))


def _put_text(
    t: Translation, fields: Mapping[str, Any], tasks: Sequence[Florence2Task], measure: Measure
) -> None:
    text = fields.get(_TEXT) or None
    t.rename(("text",), _TEXT)
    t.rename(("region",), _TEXT)
    t.accept(_TEXT)
    if text is None:
        return
    if any(task.takes_region for task in tasks):
        _put_region(t, text, measure)
    elif any(task.takes_text for task in tasks) or not tasks:
        t.put("text", text, _TEXT)
    else:
        t.ignore(_TEXT, f"{tasks[0].token} takes no text")


def _put_region(t: Translation, text: Any, measure: Measure) -> None:
    match = _REGION.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        message = "must be a region <loc_x1><loc_y1><loc_x2><loc_y2>, each from 0 to 999"
        raise InvalidSubmissionError.of_field((_TEXT,), message)
    if not isinstance(t.input.get("image"), str):
        return
    picture = measure(t.input["image"], _IMAGE)
    t.input["image"] = picture.name
    t.put("region", from_bins([int(number) for number in match.groups()], picture.size), _TEXT)
