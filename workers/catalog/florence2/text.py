"""The rules of Florence-2's `text`: a string or a list as input, one string for the model."""

import re
from collections.abc import Sequence
from typing import Any

from workers.catalog.florence2.tasks import Florence2Task
from workers.catalog.validation import refusal

JOINER = "<and>"
MAX_CLASSES = 50

TAG = re.compile(r"</?[A-Za-z][A-Za-z0-9_]*>")
"""Text that the tokenizer may read as a special token: task tokens, `<s>`, `<loc_7>`, `<poly>` …"""


def join_classes(text: Any) -> Any:
    """A list of classes joined to the one string that the model reads; any other value unchanged.

    `["red circle", "star"]` is `red circle <and> star`.
    """
    if not isinstance(text, list | tuple) or not all(isinstance(name, str) for name in text):
        return text
    if not 1 <= len(text) <= MAX_CLASSES:
        raise refusal("text", "class_count", f"takes 1 to {MAX_CLASSES} things to look for", text)
    if any(JOINER in name for name in text):
        message = f"must not contain {JOINER} in a list: each entry is one thing"
        raise refusal("text", "reserved_token", message, text)
    return f" {JOINER} ".join(name.strip() for name in text)


def check(text: str, readers: Sequence[Florence2Task]) -> None:
    """Refuse a text that the tasks that read it would misunderstand.

    Raises:
        pydantic.ValidationError: the text holds a special token, or lists several classes in a
            form that the model would read as one.
    """
    joiners = [task for task in readers if task.joins_text]
    _refuse_tags(text, {JOINER} if len(joiners) == len(readers) else set())
    if joiners:
        _refuse_bad_classes(text, joiners[0])


def _refuse_tags(text: str, allowed: set[str]) -> None:
    """Refuse special tokens in a user's text: the model would obey them."""
    tags = [tag for tag in TAG.findall(text) if tag not in allowed]
    if tags:
        message = f"must not contain {tags[0]}: the model reads it as a command, not as text"
        raise refusal("text", "reserved_token", message, text)


def _refuse_bad_classes(text: str, reader: Florence2Task) -> None:
    """Refuse comma-separated classes: the model reads them as one, and then finds none."""
    if "," in text:
        names = [name.strip() for name in re.split(rf",|{JOINER}", text) if name.strip()]
        listed = ", ".join(f'"{name[:40]}"' for name in names[:4])
        more = ", …" if len(names) > len(names[:4]) else ""
        message = f"{reader.token} finds nothing by commas; give a list: [{listed}{more}]"
        raise refusal("text", "comma_separated", message, text)
    if not all(name.strip() for name in text.split(JOINER)):
        raise refusal("text", "empty_class", f"names nothing on one side of {JOINER}", text)
