"""Results of tasks, from the tokens that Florence-2 generated.

The task's value is the processor's own parse, in pixels of the original picture. The fields
beside it are computed here from the tokens.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any

from workers.adapters.florence2.mending import Mended, mend
from workers.adapters.florence2.parsing import parse, without_locations
from workers.adapters.florence2.scores import Score, score_answer
from workers.adapters.florence2.tokens import Answer, is_repetitive
from workers.catalog.florence2.calibration import TaskCalibration
from workers.catalog.florence2.instances import chosen
from workers.catalog.florence2.tasks import Florence2Task

REPETITION = "repetition"
"""The warning on an answer that repeats the same sequence over and over."""


MALFORMED = "malformed_answer"
"""The warning on an answer with regions that were mended, or left out for want of an area."""


def task_result(
    processor: Any,
    task: Florence2Task,
    answer: Answer,
    size: tuple[int, int],
    *,
    calibration: TaskCalibration | None = None,
    min_score: float | None = None,
) -> dict[str, Any]:
    """A job's result for one task.

    Args:
        processor: the model's `Florence2Processor`.
        task: the task.
        answer: the generated answer.
        size: width and height of the original picture, pixels.
        calibration: that of the task's scores; None where it has none.
        min_score: the least score of an instance that is not left out; None for all.

    Returns:
        `task`; `result`, the one-entry dict `{task: value}`; for words about a region also
        `text`, those words alone, since the value ends with the region's location tokens;
        `scores`, one per region in the value's order, or a single one for text; `raw_scores`, the
        same before their calibration; `calibrated`, false where both are equal for want of one,
        see `workers.adapters.florence2.scores`; with a `min_score`, `left_out`, the number of
        instances that are missing by it; `finish_reason`, "stop" or "length"; `warnings`, words
        that each name a reason to doubt the answer; with
        `malformed_answer` among them, `malformed`: how many instances were mended, and how many
        had no area and are left out.
    """
    read = read_answer(processor, task, answer, size)
    value, found = read.value, read.scores
    words = {"text": without_locations(value)} if _is_about_region(task, value) else {}
    scores, calibrated = _calibrated(found, calibration)
    raw, left_out = [score.raw for score in found], {}
    if min_score is not None and task.lists_instances:
        choice = [score >= min_score for score in scores]
        value = chosen(value, choice)
        scores, raw = list(compress(scores, choice)), list(compress(raw, choice))
        left_out = {"left_out": choice.count(False)}
    return {
        "task": task.token,
        "result": {task.token: value},
        **words,
        "scores": scores,
        "raw_scores": raw,
        "calibrated": calibrated,
        **left_out,
        "finish_reason": "stop" if answer.is_complete else "length",
        **({"malformed": read.malformed} if read.malformed else {}),
        "warnings": [
            *([REPETITION] if is_repetitive(answer.tokens) else []),
            *([MALFORMED] if read.malformed else []),
        ],
    }


@dataclass(frozen=True)
class ReadAnswer:
    """An answer, read and mended.

    Attributes:
        value: the task's value.
        scores: one per region of it, in its order, or a single one for text.
        malformed: the numbers of regions that were mended and left out; empty where all were well.
    """

    value: Any
    scores: list[Score]
    malformed: dict[str, int]


def read_answer(
    processor: Any, task: Florence2Task, answer: Answer, size: tuple[int, int]
) -> ReadAnswer:
    """Parse, score and mend an answer; see `task_result` for the arguments."""
    value = parse(processor, task.token, answer.tokens, size)[task.token]
    scores = score_answer(processor, task, answer, size, value)
    if isinstance(value, str):
        return ReadAnswer(value, scores, {})
    mended = mend(value)
    return ReadAnswer(mended.value, list(compress(scores, mended.choice)), _malformed(mended))


def _malformed(mended: Mended) -> dict[str, int]:
    counts = {"mended": mended.changed, "left_out": mended.choice.count(False)}
    return counts if any(counts.values()) else {}


def _calibrated(
    found: Sequence[Score], calibration: TaskCalibration | None
) -> tuple[list[float], bool]:
    """The scores by a calibration, and true; the raw ones, and false, where there is none.

    That of an answer whose regions cannot be told apart is none: they have no evidence of their
    own.
    """
    known = [score.evidence for score in found if score.evidence is not None]
    if calibration is None or len(known) < len(found):
        return [score.raw for score in found], False
    return [round(calibration.score(evidence), 4) for evidence in known], True


def _is_about_region(task: Florence2Task, value: Any) -> bool:
    return task.takes_region and isinstance(value, str)
