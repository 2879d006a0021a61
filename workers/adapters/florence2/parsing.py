"""Florence-2's own parser, with escapes so that it does not drop characters beyond ASCII."""

import re
from collections.abc import Sequence
from typing import Any

LOCATION = "<loc_"
_LOCATIONS = re.compile(r"<loc_\d+>")

_ESCAPED = re.compile(r"[^\x00-\x7f]|[\x01\x02]")
_ESCAPES = re.compile(r"\x01([0-9a-f]+)\x02")


def parse(
    processor: Any, task: str, tokens: Sequence[int], size: tuple[int, int]
) -> dict[str, Any]:
    """Parse an answer with the model's processor: `{task: value}`, in pixels.

    The processor drops every character of a label that is not ASCII. They are escaped in ASCII
    before, and restored in its result, which is otherwise unchanged.

    Args:
        processor: the model's `Florence2Processor`.
        task: the task token.
        tokens: the answer, without padding.
        size: width and height of the original picture, pixels.
    """
    text = processor.tokenizer.decode(list(tokens), skip_special_tokens=False)
    parsed: dict[str, Any] = processor.post_process_generation(
        text=_ESCAPED.sub(_escape, text), task=task, image_size=size
    )
    restored: dict[str, Any] = _restore(parsed)
    return restored


def count_regions(value: Any) -> int | None:
    """The number of regions in a task's value; None where it is text."""
    if isinstance(value, str):
        return None
    return sum(len(value.get(key, ())) for key in ("bboxes", "quad_boxes", "polygons"))


def without_locations(text: str) -> str:
    """A text without the location tokens that end an answer about a region."""
    return _LOCATIONS.sub("", text).strip()


def _escape(match: re.Match[str]) -> str:
    return f"\x01{ord(match[0]):x}\x02"


def _restore(value: Any) -> Any:
    match value:
        case str():
            return _ESCAPES.sub(lambda match: chr(int(match[1], 16)), value).strip()
        case list():
            return [_restore(item) for item in value]
        case dict():
            return {key: _restore(item) for key, item in value.items()}
    return value
