"""One generated answer as tokens: its end, and the detection of endless repetition."""

from collections.abc import Sequence
from dataclasses import dataclass

MAX_ROUNDS = 4
MIN_LOOP_TOKENS = 16
"""An answer with so many repetitions of one sequence, over so many tokens, is no longer usable.

The limits are high enough for "no, no, no, no" or for four equal signs in a street."""


@dataclass(frozen=True)
class Answer:
    """One generated sequence, without its start token.

    Attributes:
        tokens: token ids up to the end token, which is left out, as all padding is.
        logprobs: the natural logarithm of each token's probability. A complete answer has one
            more, that of the end token.
        spreads: the doubt about each location, see `workers.adapters.florence2.likelihood`; as
            many as `logprobs`, and 0 for all other tokens.
    """

    tokens: tuple[int, ...]
    logprobs: tuple[float, ...]
    spreads: tuple[float, ...]

    @property
    def is_complete(self) -> bool:
        """True when the model ended the answer itself, before `max_new_tokens`."""
        return len(self.logprobs) > len(self.tokens)


def trim_answer(
    tokens: Sequence[int], logprobs: Sequence[float], spreads: Sequence[float], end: int
) -> Answer:
    """Extract the answer from a padded row of generated tokens."""
    length = tokens.index(end) if end in tokens else len(tokens)
    return Answer(
        tuple(tokens[:length]), tuple(logprobs[: length + 1]), tuple(spreads[: length + 1])
    )


def is_repetitive(tokens: Sequence[int]) -> bool:
    """True when the same sequence of tokens is repeated over and over.

    A stretch repeats with period p where every token equals the one p before it. With p = 2,
    `a b a b a b a b` has four rounds; the first one has nothing before it to compare with.
    """
    return any(
        _longest_repeat(tokens, period) + period >= max(MAX_ROUNDS * period, MIN_LOOP_TOKENS)
        for period in range(1, len(tokens) // MAX_ROUNDS + 1)
    )


def _longest_repeat(tokens: Sequence[int], period: int) -> int:
    longest = run = 0
    for token, before in zip(tokens[period:], tokens, strict=False):
        run = run + 1 if token == before else 0
        longest = max(longest, run)
    return longest
