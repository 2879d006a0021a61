"""Results of tasks, from the tokens that Florence-2 generated.

The task's value is the processor's own parse, in pixels of the original picture. The fields
beside it are computed here from the tokens.
"""

from collections.abc import Sequence
from itertools import compress
from typing import Any

from workers.adapters.florence2.parsing import parse, without_locations
from workers.adapters.florence2.scores import Score, score_answer
from workers.adapters.florence2.tokens import Answer, is_repetitive
from workers.catalog.florence2.calibration import TaskCalibration
from workers.catalog.florence2.instances import chosen
from workers.catalog.florence2.tasks import Florence2Task

REPETITION = "repetition"
"""The warning on an answer that repeats the same sequence over and over."""


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
        that each name a reason to doubt the answer.
    """
    parsed = parse(processor, task.token, answer.tokens, size)
    value = parsed[task.token]
    words = {"text": without_locations(value)} if _is_about_region(task, value) else {}
    found = score_answer(processor, task, answer, size, value)
    scores, calibrated = _calibrated(found, calibration)
    raw, left_out = [score.raw for score in found], {}
    if min_score is not None and task.lists_instances:
        choice = [score >= min_score for score in scores]
        parsed = {task.token: chosen(value, choice)}
        scores, raw = list(compress(scores, choice)), list(compress(raw, choice))
        left_out = {"left_out": choice.count(False)}
    return {
        "task": task.token,
        "result": parsed,
        **words,
        "scores": scores,
        "raw_scores": raw,
        "calibrated": calibrated,
        **left_out,
        "finish_reason": "stop" if answer.is_complete else "length",
        "warnings": [REPETITION] if is_repetitive(answer.tokens) else [],
    }


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
