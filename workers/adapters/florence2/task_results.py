"""Results of tasks, from the tokens that Florence-2 generated.

The task's value is the processor's own parse, in pixels of the original picture. The fields
beside it are computed here from the tokens.
"""

from typing import Any

from workers.adapters.florence2.parsing import parse, without_locations
from workers.adapters.florence2.scores import scores
from workers.adapters.florence2.tokens import Answer, is_repetitive
from workers.catalog.florence2.tasks import Florence2Task

REPETITION = "repetition"
"""The warning on an answer that repeats the same sequence over and over."""


def task_result(
    processor: Any, task: Florence2Task, answer: Answer, size: tuple[int, int]
) -> dict[str, Any]:
    """A job's result for one task.

    Args:
        processor: the model's `Florence2Processor`.
        task: the task.
        answer: the generated answer.
        size: width and height of the original picture, pixels.

    Returns:
        `task`; `result`, the one-entry dict `{task: value}`; for words about a region also
        `text`, those words alone, since the value ends with the region's location tokens;
        `scores`, one per region in the value's order, or a single one for text, see
        `workers.adapters.florence2.scores`; `finish_reason`, "stop" or "length"; `warnings`, words
        that each name a reason to doubt the answer.
    """
    parsed = parse(processor, task.token, answer.tokens, size)
    value = parsed[task.token]
    words = {"text": without_locations(value)} if _is_about_region(task, value) else {}
    return {
        "task": task.token,
        "result": parsed,
        **words,
        "scores": scores(processor, task.token, answer, size, value),
        "finish_reason": "stop" if answer.is_complete else "length",
        "warnings": [REPETITION] if is_repetitive(answer.tokens) else [],
    }


def _is_about_region(task: Florence2Task, value: Any) -> bool:
    return task.takes_region and isinstance(value, str)
