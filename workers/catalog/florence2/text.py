"""The rules of Florence-2's `text`: a string or a list as input, one string for the model."""

import re
from collections.abc import Sequence
from typing import Any

from workers.catalog.florence2.tasks import TASKS, Florence2Task
from workers.catalog.validation import refusal

JOINER = "<and>"
MAX_CLASSES = 50

COMMA_SEPARATED = "comma_separated"
"""The code of the refusal of classes that are separated by commas."""

_SHOWN = 40
_MOST_SHOWN = 4

_COMMANDS = (
    *("s", "pad", "unk", "mask", "image", "loc_[0-9]+", "od", "ocr", "n?cap", "dcap", "grounding"),
    *("seg", "sep", "region_cap", "region_to_descr?iption", "proposal", "poly", "and"),
)
_TASKS = "|".join(re.escape(task.token) for task in TASKS)
TAG = re.compile(rf"</?(?:{'|'.join(_COMMANDS)})>|{_TASKS}")
"""The special tokens of the family's tokenizer, and the task tokens, which its processor replaces.

All other text in angle brackets is text to the model.
"""
_WORD = re.compile(r"[^\W_]+|(?!'\w)(?:[^\w\s]|_)+")
"""Characters in a row that are one token at least: letters and digits, or signs."""

_MARKUP = re.compile(r"</?[A-Za-z][^<>\s]*/?>")


def join_classes(text: Any) -> Any:
    """A list of classes joined to the one string that the model reads; any other value unchanged.

    `["red circle", "star"]` is `red circle <and> star`.
    """
    if not isinstance(text, list | tuple) or not all(isinstance(name, str) for name in text):
        return text
    if not 1 <= len(text) <= MAX_CLASSES:
        message = f"the text takes 1 to {MAX_CLASSES} things to look for"
        raise refusal("text", "class_count", message, text)
    if any(JOINER in name for name in text):
        message = f"the text must not contain {JOINER} in a list: each entry is one thing"
        raise refusal("text", "reserved_token", message, text)
    return f" {JOINER} ".join(name.strip() for name in text)


def check(text: str, readers: Sequence[Florence2Task]) -> None:
    """Refuse a text that the tasks that read it would misunderstand.

    Raises:
        pydantic.ValidationError: the text holds a special token, or lists several classes in a
            form that the model would read as one.
    """
    joiners = [task for task in readers if task.joins_text]
    is_alone = len(joiners) == len(readers)
    _refuse_tags(text, {JOINER} if is_alone else set())
    if joiners:
        _refuse_bad_classes(text, joiners[0], is_alone=is_alone)


def refuse_too_long(text: str, most: int) -> None:
    """Refuse a text of more words than the model reads tokens; each word is one token or more.

    The tokenizer itself is with the weights, at the workers: rare words of a text that passes here
    may still be too many tokens.

    Args:
        text: the text.
        most: the most tokens that the model reads.
    """
    words = len(_WORD.findall(text))
    if words > most:
        message = f"the text has at least {words} tokens (a word or sign is one or more)"
        raise refusal("text", "text_too_long", f"{message}; this model reads {most}", text)


def advice_for_text(text: str) -> str:
    """The rule that classes separated by commas break, for a client whose field is a string."""
    names = _names(text)[:_MOST_SHOWN]
    listed = f" {JOINER} ".join(name[:_SHOWN] for name in names)
    return f"commas find nothing; join what to look for by {JOINER}: {listed}"


def _refuse_tags(text: str, allowed: set[str]) -> None:
    """Refuse special tokens, which the model would obey, and markup, which nothing shows."""
    tags = [tag for tag in TAG.findall(text) if tag not in allowed]
    if tags:
        message = (
            f"the text must not contain {tags[0]}: the model reads it as a command, not as text"
        )
        raise refusal("text", "reserved_token", message, text)
    if markup := next((tag for tag in _MARKUP.findall(text) if tag not in allowed), None):
        message = f"the text must not contain {markup}: the model looks for markup as it is written"
        raise refusal("text", "markup", f"{message}, and finds none; send plain text", text)


def _refuse_bad_classes(text: str, reader: Florence2Task, *, is_alone: bool) -> None:
    """Refuse comma-separated classes: the model reads them as one, and then finds none."""
    names = _names(text)
    if not names or (JOINER in text and not all(name.strip() for name in text.split(JOINER))):
        message = f"the text names nothing on one side of {JOINER if JOINER in text else 'a comma'}"
        raise refusal("text", "empty_class", message, text)
    if "," in text:
        listed = ", ".join(f'"{name[:_SHOWN]}"' for name in names[:_MOST_SHOWN])
        more = ", …" if len(names) > _MOST_SHOWN else ""
        # Another task that reads the text would be told a list as one phrase, and refuses it.
        where = "give a list" if is_alone else "give it alone, with a list"
        message = f"{reader.token} finds nothing by commas; {where}: [{listed}{more}]"
        raise refusal("text", COMMA_SEPARATED, message, text)


def _names(text: str) -> list[str]:
    """The names between commas and joiners."""
    return [name.strip() for name in re.split(rf",|{JOINER}", text) if name.strip()]
