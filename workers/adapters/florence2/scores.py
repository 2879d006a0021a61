"""Scores of an answer's regions, from the probabilities of its tokens.

A raw score is the geometric mean of the probabilities, 0 to 1: a confidence that is not calibrated,
and low for a perfect box, as neighbouring locations share what is likely. The evidence beside it is
what a calibration turns into a score.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from workers.adapters.florence2.parsing import LOCATION, count_regions, parse
from workers.adapters.florence2.tokens import Answer
from workers.catalog.florence2.calibration import Evidence
from workers.catalog.florence2.tasks import Florence2Task

_CLOSE = "</poly>"
_MARKS = {"<poly>", "<sep>", _CLOSE}
"""Tokens between an outline's locations: an instance's begin, a hole or part, the end."""

_LEAST_DOUBT = 1e-3
"""A doubt about an edge, as a share of the extent, below which it makes no difference."""


@dataclass(frozen=True)
class Score:
    """The confidence in one region or text.

    Attributes:
        raw: the geometric mean of its tokens' probabilities.
        evidence: what a calibration goes by; None for text, and where regions cannot be told apart.
    """

    raw: float
    evidence: Evidence | None = None


def score_answer(
    processor: Any, task: Florence2Task, answer: Answer, size: tuple[int, int], value: Any
) -> list[Score]:
    """One score per region of a task's parsed value, in its order, or a single one for text."""
    tokens = _Tokens(processor, answer)
    regions = count_regions(value)
    if regions is not None:
        return _region_scores(processor, task.token, tokens, size, regions)
    words = [p for p in tokens.positions if not tokens.names[p].startswith(LOCATION)]
    # Whether the words end where they should is told by the end token.
    label = [*words, *range(len(answer.tokens), len(answer.logprobs))]
    evidence = Evidence(tokens.least(label), 0.0) if task.takes_region else None
    return [Score(tokens.raw_of_all, evidence)]


class _Tokens:
    """An answer with the names of its tokens."""

    def __init__(self, processor: Any, answer: Answer) -> None:
        tokenizer = processor.tokenizer
        skipped = {tokenizer.bos_token, tokenizer.eos_token, tokenizer.pad_token}
        self.answer = answer
        self.names: list[str] = tokenizer.convert_ids_to_tokens(list(answer.tokens))
        self.positions = [p for p, name in enumerate(self.names) if name not in skipped]
        self._begin = tokenizer.bos_token_id  # the model is forced to begin with it

    @property
    def raw_of_all(self) -> float:
        """The whole answer's raw score; for an empty answer, that of the end token."""
        positions = [p for p, token in enumerate(self.answer.tokens) if token != self._begin]
        return self.raw(positions or [len(self.answer.logprobs) - 1])

    def raw(self, positions: Sequence[int]) -> float:
        mean = sum(self.answer.logprobs[p] for p in positions) / len(positions)
        return round(math.exp(mean), 4)

    def least(self, positions: Sequence[int]) -> float:
        """The log-probability of the least likely of these tokens; 0 for none."""
        return min((self.answer.logprobs[p] for p in positions), default=0.0)

    def doubt(self, positions: Sequence[int]) -> float:
        """The logarithm of the mean spread of these locations, each by the region's extent.

        Locations are x, y, x, y, and so on.
        """
        doubts = [*self._doubts(positions[0::2]), *self._doubts(positions[1::2])]
        return math.log(sum(doubts) / max(len(doubts), 1) + _LEAST_DOUBT)

    def _doubts(self, positions: Sequence[int]) -> Iterator[float]:
        bins = [int(self.names[p][len(LOCATION) : -1]) for p in positions]
        extent = max(max(bins, default=0) - min(bins, default=0), 1)
        yield from (self.answer.spreads[p] / extent for p in positions)


@dataclass
class _Phrase:
    """Positions of a label's tokens, and of the locations and marks that follow it."""

    label: list[int] = field(default_factory=list)
    places: list[int] = field(default_factory=list)


def _phrases(tokens: _Tokens) -> list[_Phrase]:
    """Split an answer where a label follows a location."""
    phrases = [_Phrase()]
    for position in tokens.positions:
        name = tokens.names[position]
        if name.startswith(LOCATION) or name in _MARKS:
            phrases[-1].places.append(position)
            continue
        if phrases[-1].places:
            phrases.append(_Phrase())
        phrases[-1].label.append(position)
    return phrases


def _region_scores(
    processor: Any, task: str, tokens: _Tokens, size: tuple[int, int], regions: int
) -> list[Score]:
    """One score per region, over its label's and its own location tokens.

    The processor drops some phrases (banned words, too few locations), so each phrase is parsed
    alone to count its regions. If their sum differs from the regions of the whole answer, every
    region gets the score of the whole answer, without evidence.
    """
    found: list[Score] = []
    for phrase in _phrases(tokens):
        positions = [*phrase.label, *phrase.places]
        alone = parse(processor, task, [tokens.answer.tokens[p] for p in positions], size)
        groups = _groups(phrase, tokens.names, count_regions(alone[task]) or 0)
        found += [_score(tokens, phrase.label, group) for group in groups]
    return found if len(found) == regions else [Score(tokens.raw_of_all)] * regions


def _score(tokens: _Tokens, label: Sequence[int], places: Sequence[int]) -> Score:
    evidence = Evidence(tokens.least(label), tokens.doubt(places))
    return Score(tokens.raw([*label, *places]), evidence)


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
