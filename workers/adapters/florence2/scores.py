"""Scores of an answer's regions: Florence-2's confidence.

A score is the geometric mean of its tokens' probabilities, 0 to 1, and not calibrated.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from workers.adapters.florence2.parsing import LOCATION, count_regions, parse
from workers.adapters.florence2.tokens import Answer

_CLOSE = "</poly>"
_MARKS = {"<poly>", "<sep>", _CLOSE}
"""Tokens between an outline's locations: an instance's begin, a hole or part, the end."""


def scores(
    processor: Any, task: str, answer: Answer, size: tuple[int, int], value: Any
) -> list[float]:
    """One score per region of a task's parsed value, in its order, or a single one for text."""
    regions = count_regions(value)
    if regions is None:
        return [_text_score(processor, answer)]
    return _region_scores(processor, task, answer, size, regions)


@dataclass
class _Phrase:
    """Positions of a label's tokens, and of the locations and marks that follow it."""

    label: list[int] = field(default_factory=list)
    places: list[int] = field(default_factory=list)


def _phrases(names: Sequence[str], skipped: set[str]) -> list[_Phrase]:
    """Split an answer where a label follows a location."""
    phrases = [_Phrase()]
    for position, name in enumerate(names):
        if name in skipped:
            continue
        if name.startswith(LOCATION) or name in _MARKS:
            phrases[-1].places.append(position)
            continue
        if phrases[-1].places:
            phrases.append(_Phrase())
        phrases[-1].label.append(position)
    return phrases


def _region_scores(
    processor: Any, task: str, answer: Answer, size: tuple[int, int], regions: int
) -> list[float]:
    """One score per region, over its label's and its own location tokens.

    The processor drops some phrases (banned words, too few locations), so each phrase is parsed
    alone to count its regions. If their sum differs from the regions of the whole answer, every
    region gets the score of the whole answer.
    """
    tokenizer = processor.tokenizer
    names = tokenizer.convert_ids_to_tokens(list(answer.tokens))
    skipped = {tokenizer.bos_token, tokenizer.eos_token, tokenizer.pad_token}
    found: list[float] = []
    for phrase in _phrases(names, skipped):
        positions = [*phrase.label, *phrase.places]
        alone = parse(processor, task, [answer.tokens[p] for p in positions], size)
        groups = _groups(phrase, names, count_regions(alone[task]) or 0)
        found += [_score(answer, [*phrase.label, *group]) for group in groups]
    return found if len(found) == regions else [_text_score(processor, answer)] * regions


def _groups(phrase: _Phrase, names: Sequence[str], regions: int) -> list[list[int]]:
    """The locations of each of a phrase's regions."""
    if not regions:
        return []
    outlines = _split_at_ends(phrase.places, names)
    if len(outlines) == regions:
        return outlines
    locations = [p for p in phrase.places if names[p] not in _MARKS]
    width = len(locations) // regions
    return [locations[i * width : (i + 1) * width] for i in range(regions)]


def _split_at_ends(places: Sequence[int], names: Sequence[str]) -> list[list[int]]:
    outlines: list[list[int]] = [[]]
    for position in places:
        if names[position] == _CLOSE:
            outlines.append([])
        elif names[position] not in _MARKS:
            outlines[-1].append(position)
    return [outline for outline in outlines if outline]


def _text_score(processor: Any, answer: Answer) -> float:
    """The whole answer's score; for an empty answer, that of the end token."""
    begin = processor.tokenizer.bos_token_id  # the model is forced to begin with it
    positions = [i for i, token in enumerate(answer.tokens) if token != begin]
    return _score(answer, positions or [len(answer.logprobs) - 1])


def _score(answer: Answer, positions: Sequence[int]) -> float:
    mean = sum(answer.logprobs[p] for p in positions) / len(positions)
    return round(math.exp(mean), 4)
