"""From the tokens Florence-2 generated to what a job returns.

The task's value is the processor's own parse, in pixels of the original picture. What stands
beside it, the scores and the reason the answer ended, is worked out here from the tokens.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

LOCATION = "<loc_"


@dataclass(frozen=True)
class Answer:
    """One generated sequence, without its start token.

    Attributes:
        tokens: token ids up to the end token, which is left out, as all padding is.
        logprobs: the natural logarithm of each token's probability; if the answer ended by
            itself there is one more, the end token's.
    """

    tokens: tuple[int, ...]
    logprobs: tuple[float, ...]

    @property
    def ended(self) -> bool:
        """The model chose to stop, rather than ran into `max_new_tokens`."""
        return len(self.logprobs) > len(self.tokens)


def cut(tokens: Sequence[int], logprobs: Sequence[float], end: int) -> Answer:
    """The answer in a padded row of generated tokens."""
    length = tokens.index(end) if end in tokens else len(tokens)
    return Answer(tuple(tokens[:length]), tuple(logprobs[: length + 1]))


def result(processor: Any, task: str, answer: Answer, size: tuple[int, int]) -> dict[str, Any]:
    """A job's result for one task.

    Args:
        processor: the model's `Florence2Processor`.
        task: the task token.
        answer: what was generated.
        size: width and height of the original picture, pixels.

    Returns:
        `task`; `result`, the one-entry dict `{task: value}`; `scores`, one per region in the
        value's order, or a single one for text; `finish_reason`, "stop" or "length". A score is
        the geometric mean of its tokens' probabilities, 0 to 1, and not calibrated.
    """
    parsed = _parse(processor, task, answer.tokens, size)
    regions = _count_regions(parsed[task])
    scores = (
        [_text_score(processor, answer)]
        if regions is None
        else _region_scores(processor, task, answer, size, regions)
    )
    return {
        "task": task,
        "result": parsed,
        "scores": scores,
        "finish_reason": "stop" if answer.ended else "length",
    }


def _parse(
    processor: Any, task: str, tokens: Sequence[int], size: tuple[int, int]
) -> dict[str, Any]:
    text = processor.tokenizer.decode(list(tokens), skip_special_tokens=False)
    parsed: dict[str, Any] = processor.post_process_generation(
        text=text, task=task, image_size=size
    )
    return parsed


def _count_regions(value: Any) -> int | None:
    """How many regions a task's value lists; None where it is text."""
    if isinstance(value, str):
        return None
    return sum(len(value.get(key, ())) for key in ("bboxes", "quad_boxes", "polygons"))


@dataclass
class _Phrase:
    """Positions of a label's tokens and of the location tokens that follow it."""

    label: list[int] = field(default_factory=list)
    locations: list[int] = field(default_factory=list)


def _phrases(names: Sequence[str], skipped: set[str]) -> list[_Phrase]:
    """Split an answer where a label follows a location."""
    phrases = [_Phrase()]
    for position, name in enumerate(names):
        if name in skipped:
            continue
        if name.startswith(LOCATION):
            phrases[-1].locations.append(position)
            continue
        if phrases[-1].locations:
            phrases.append(_Phrase())
        phrases[-1].label.append(position)
    return phrases


def _region_scores(
    processor: Any, task: str, answer: Answer, size: tuple[int, int], regions: int
) -> list[float]:
    """One score per region, over its label's and its own location tokens.

    The processor drops some phrases (banned words, too few locations), so each phrase is parsed
    alone to see how many regions it gave. Should that not add up to the regions of the whole,
    every region gets the score of the whole answer.
    """
    tokenizer = processor.tokenizer
    names = tokenizer.convert_ids_to_tokens(list(answer.tokens))
    skipped = {tokenizer.bos_token, tokenizer.eos_token, tokenizer.pad_token}
    scores: list[float] = []
    for phrase in _phrases(names, skipped):
        positions = [*phrase.label, *phrase.locations]
        alone = _parse(processor, task, [answer.tokens[p] for p in positions], size)
        scores += _phrase_scores(answer, phrase, _count_regions(alone[task]) or 0)
    return scores if len(scores) == regions else [_text_score(processor, answer)] * regions


def _phrase_scores(answer: Answer, phrase: _Phrase, regions: int) -> list[float]:
    width = len(phrase.locations) // regions if regions else 0
    groups = (phrase.locations[i * width : (i + 1) * width] for i in range(regions))
    return [_score(answer, [*phrase.label, *group]) for group in groups]


def _text_score(processor: Any, answer: Answer) -> float:
    """The whole answer's score; an empty one's is that of ending at once."""
    begin = processor.tokenizer.bos_token_id  # the model is made to begin with it
    positions = [i for i, token in enumerate(answer.tokens) if token != begin]
    return _score(answer, positions or [len(answer.logprobs) - 1])


def _score(answer: Answer, positions: Sequence[int]) -> float:
    mean = sum(answer.logprobs[p] for p in positions) / len(positions)
    return round(math.exp(mean), 4)
