"""Chat messages about a picture, translated into one task of Florence-2."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ConfigDict, Field

from api.compat.shared.pictures import as_native
from api.compat.shared.translation import Translation
from api.core.domain_errors import InvalidSubmissionError
from workers.catalog import PictureSize, Variant
from workers.catalog.florence2.region import BINS, from_bins
from workers.catalog.florence2.tasks import BY_TOKEN, TASKS, Florence2Task
from workers.catalog.validation import InputModel

MESSAGES = "messages"

_INSTRUCTIONS = ("system", "developer")
_ANSWERS = ("assistant", "tool", "function")
_TOKEN = re.compile(r"\s*(<[A-Z_]+>)(.*)", re.DOTALL)
_BINS = re.compile(r"\s*" + r"<loc_([0-9]{1,3})>\s*" * 4)
_LOCATIONS = re.compile(r"(?:\s*<loc_[^<>]*>\s*)+")
_NUMBER = r"\s*([0-9]+(?:\.[0-9]+)?)\s*"
_PIXELS = re.compile(rf"\s*\[?{','.join([_NUMBER] * 4)}\]?\s*")
_BY_WORDS = {task.name.replace("_", " "): task for task in TASKS}
_MOST_SHOWN = 60
_KNOWN = (
    f"one in plain words (try caption, or object detection) or by its token: {', '.join(BY_TOKEN)}"
)


class StreamOptions(InputModel):
    """Options of a stream."""

    model_config = ConfigDict(extra="allow")

    include_usage: bool | None = None


class ChatFields(InputModel):
    """The fields of a chat. A null is an absent field; others are ignored."""

    model_config = ConfigDict(extra="allow")

    model: str | None = Field(None, max_length=200, examples=["florence-2-demo"])
    messages: list[dict[str, Any]] = Field(
        min_length=1,
        max_length=1_000,
        examples=[
            [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "<CAPTION>"},
                        {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
                    ],
                }
            ]
        ],
    )
    stream: bool | None = None
    stream_options: StreamOptions | None = None


@dataclass(frozen=True)
class Question:
    """A task on a picture.

    Attributes:
        picture: the picture, as the native API takes it.
        task: the task.
        words: what follows the task: its text or its region; empty if nothing does.
    """

    picture: str
    task: Florence2Task
    words: str


def question_of(messages: Sequence[dict[str, Any]]) -> Question:
    """The question that messages ask.

    Raises:
        InvalidSubmissionError: they hold no picture, several, or no task.
    """
    pictures = [url for message in messages for url in _pictures(message)]
    if len(pictures) != 1:
        raise refused(f"send one picture as an image_url part, not {len(pictures)}")
    task, words = _task(_last_text(messages))
    return Question(as_native(pictures[0]), task, words)


def refused(message: str, kind: str = "value_error") -> InvalidSubmissionError:
    """The refusal of messages."""
    return InvalidSubmissionError.of_field((MESSAGES,), message, kind)


def _parts(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    content = message.get("content")
    if isinstance(content, str):
        yield {"type": "text", "text": content}
    elif isinstance(content, list):
        yield from (part for part in content if isinstance(part, dict))


def _pictures(message: dict[str, Any]) -> Iterator[str]:
    for part in _parts(message):
        if part.get("type") != "image_url":
            continue
        found = part.get("image_url")
        url = found.get("url") if isinstance(found, dict) else found
        if not isinstance(url, str):
            raise refused("an image_url part holds {url}: a URL or a data URI")
        yield url


def _last_text(messages: Sequence[dict[str, Any]]) -> str:
    """The last text of the user; that of the instructions where the user sent a picture alone.

    Raises:
        InvalidSubmissionError: the user's texts are empty, or there is none.
    """
    texts: dict[bool, str] = {}
    for message in messages:
        if message.get("role") in _ANSWERS:
            continue
        parts = [part.get("text") for part in _parts(message) if part.get("type") == "text"]
        text = "\n".join(part for part in parts if isinstance(part, str)).strip()
        is_instruction = message.get("role") in _INSTRUCTIONS
        if text or parts:
            texts[is_instruction] = text or texts.get(is_instruction, "")
    found = texts.get(False, texts.get(True, ""))
    if not found:
        raise refused(f"the user's text is empty: it names the task, {_KNOWN}", "unknown_task")
    return found


def _task(text: str) -> tuple[Florence2Task, str]:
    if (match := _TOKEN.fullmatch(text)) is not None and match[1] in BY_TOKEN:
        return BY_TOKEN[match[1]], match[2].strip()
    plain = " ".join(text.replace("_", " ").replace("-", " ").lower().split())
    if plain in _BY_WORDS:
        return _BY_WORDS[plain], ""
    for name, task in sorted(_BY_WORDS.items(), key=lambda item: -len(item[0])):
        words = re.match(rf"\s*{name.replace(' ', '[ _-]')}\s*(?::|\s)(.*)", text, _WORDS)
        if words is not None and (task.takes_text or task.takes_region):
            return task, words[1].strip()
    raise refused(f"{text[:_MOST_SHOWN]!r} begins with no task: name {_KNOWN}", "unknown_task")


_WORDS = re.DOTALL | re.IGNORECASE


def translation_of(variant: Variant, question: Question, size: PictureSize | None) -> Translation:
    """The input of the job that answers a question.

    Args:
        variant: the model.
        question: the question.
        size: width and height of its picture; None where the task reads no region.

    Raises:
        InvalidSubmissionError: the task needs a region, and the words hold none.
    """
    translation = Translation(variant)
    translation.put("image", question.picture, MESSAGES)
    translation.put("task", question.task.token, MESSAGES)
    words = question.words
    if question.task.takes_text:
        translation.put("text", words or None, MESSAGES)
        translation.rename(("text",), MESSAGES)
    elif question.task.takes_region:
        translation.put("region", _region(question, size or (1, 1)), MESSAGES)
    elif words:
        reason = f"{question.task.token} takes no words"
        translation.ignore(MESSAGES, reason)
    return translation


def _region(question: Question, size: PictureSize) -> list[float]:
    if (bins := _BINS.fullmatch(question.words)) is not None:
        return from_bins([int(number) for number in bins.groups()], size)
    if (pixels := _PIXELS.fullmatch(question.words)) is not None:
        return [float(number) for number in pixels.groups()]
    token = question.task.token
    if _LOCATIONS.fullmatch(question.words):
        raise refused(f"{token} needs a region of four <loc_n>, with n from 0 to {BINS - 1}")
    raise refused(
        f"{token} needs a region: {token}<loc_x1><loc_y1><loc_x2><loc_y2> in thousandths of the "
        "sides, or [x1, y1, x2, y2] in pixels"
    )
