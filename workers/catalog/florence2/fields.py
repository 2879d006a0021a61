"""The fields of Florence-2's input, with the descriptions that `/v1/models` publishes."""

from typing import Any

from pydantic import Field

from workers.catalog.florence2.limits import Florence2Limits
from workers.catalog.florence2.tasks import TASKS, Florence2Task
from workers.catalog.florence2.text import JOINER, MAX_CLASSES

MAX_TASKS = 8
MAX_BEAMS = 5
MAX_TEXT = 2000


def _tokens(tasks: list[Florence2Task]) -> str:
    *most, last = [task.token for task in tasks]
    return f"{', '.join(most)} and {last}"


def image() -> Any:
    """The field `image`: the one picture."""
    return Field(min_length=1, examples=["file_2f6d0c"])  # `Picture` has its description


def task() -> Any:
    """The field `task`: a single task."""
    return Field(
        default=None,
        description="What to ask: an official token or its plain name. Or give tasks.",
        examples=["<OD>", "object_detection"],
    )


def tasks() -> Any:
    """The field `tasks`: several tasks."""
    return Field(
        default=(),
        max_length=MAX_TASKS,
        description=f"Up to {MAX_TASKS} different tasks on the one picture, answered in order; "
        "each is priced as one analysis.",
        examples=[["<CAPTION>", "<OD>"]],
        json_schema_extra=_as_list_of_one_or_more,
    )


def _as_list_of_one_or_more(schema: dict[str, Any]) -> None:
    schema.pop("default")  # an empty list means "absent", and clients may not send one
    schema |= {"minItems": 1, "uniqueItems": True}


def text(limits: Florence2Limits) -> Any:
    """The field `text`: a caption, a phrase, or classes to find; a list of these is joined."""
    takers = _tokens([task for task in TASKS if task.takes_text])
    joiners = [task for task in TASKS if task.joins_text]
    return Field(
        default=None,
        min_length=1,
        max_length=MAX_TEXT,
        description=f"For {takers}, which need it: the caption whose phrases to ground, the phrase "
        "to outline, or what to look for. Several things to look for "
        f"({joiners[0].token}) are a list, or one text joined by ' {JOINER} '; not commas. "
        f"At most {limits.max_text_tokens} tokens: a word or sign is one or more.",
        examples=["a red circle", ["red circle", "star"]],
        json_schema_extra=_or_list_of_classes,
    )


def _or_list_of_classes(schema: dict[str, Any]) -> None:
    classes = {
        "type": "array",
        "items": {"type": "string", "minLength": 1, "maxLength": MAX_TEXT},
        "minItems": 1,
        "maxItems": MAX_CLASSES,
    }
    schema["anyOf"].insert(1, classes)


def region() -> Any:
    """The field `region`: four numbers."""
    takers = _tokens([task for task in TASKS if task.takes_region])
    return Field(
        default=None,
        description=f"For {takers}, which need it: [x1, y1, x2, y2] in pixels of the picture as "
        "people see it (EXIF orientation applied), from its upper left corner; inside the picture.",
        examples=[[150, 60, 240, 150]],
    )


def artifacts() -> Any:
    """The field `artifacts`: any of masks, overlay, coco."""
    return Field(
        default=(),
        description="What to store beside the JSON, each a file with a URL under "
        "`output.artifacts`. masks: a PNG for each outlined instance, white on black, as large as "
        "the picture. overlay: for each task that says where, the picture with its boxes, outlines "
        "and labels drawn on it (PNG; a small picture is enlarged). coco: all instances, "
        "as COCO annotations (JSON).",
        examples=[["masks", "overlay", "coco"]],
        json_schema_extra={"uniqueItems": True},
    )


def min_score() -> Any:
    """The field `min_score`: the least score of an instance in the answers."""
    return Field(
        default=None,
        ge=0,
        le=1,
        strict=True,
        allow_inf_nan=False,
        description="Leave out instances whose score is lower, from the JSON and from all files; "
        "each answer tells their number, left_out. Of a model without a calibration the scores are "
        "raw, and mean less: its answers have calibrated false. Scores of tasks that look for a "
        "text are surer than they should be where none of what it names is in the picture.",
        examples=[0.5],
    )


def num_beams(limits: Florence2Limits) -> Any:
    """The field `num_beams`: the width of the beam search."""
    return Field(
        default=limits.num_beams,
        ge=1,
        le=MAX_BEAMS,
        strict=True,
        description="Width of the beam search; 1 is greedy, and fastest.",
        examples=[limits.num_beams],
    )


def max_new_tokens(limits: Florence2Limits) -> Any:
    """The field `max_new_tokens`: the limit of an answer's length."""
    return Field(
        default=limits.max_new_tokens,
        ge=1,
        le=limits.max_new_tokens_limit,
        strict=True,
        description="Longest answer to each task, in tokens. An answer cut off here reports "
        "finish_reason length.",
        examples=[limits.max_new_tokens],
    )
