"""One generated answer as tokens: where it ended, and whether it went in circles."""

from collections.abc import Sequence
from dataclasses import dataclass

MOST_ROUNDS = 4
LEAST_LOOP = 16
"""A stretch of that many tokens that says one thing so many times over is no answer any more.

Long enough that "no, no, no, no" or four equal signs in a street are none."""


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


def loops(tokens: Sequence[int]) -> bool:
    """Whether somewhere the same tokens follow each other over and over.

    A stretch repeats with period p where every token equals the one p before it. With p = 2,
    `a b a b a b a b` is four rounds, the first of which has nothing before it to equal.
    """
    return any(
        _longest_repeat(tokens, period) + period >= max(MOST_ROUNDS * period, LEAST_LOOP)
        for period in range(1, len(tokens) // MOST_ROUNDS + 1)
    )


def _longest_repeat(tokens: Sequence[int], period: int) -> int:
    longest = run = 0
    for token, before in zip(tokens[period:], tokens, strict=False):
        run = run + 1 if token == before else 0
        longest = max(longest, run)
    return longest
