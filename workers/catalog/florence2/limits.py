"""Limits and defaults of one Florence-2 variant."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Florence2Limits:
    """Defaults and limits of one Florence-2 variant.

    Attributes:
        num_beams: default number of beams.
        max_new_tokens: default limit of an answer's length, in tokens.
        max_new_tokens_limit: highest accepted `max_new_tokens`: the decoder's positions, less the
            start token.
        max_text_tokens: most tokens of a `text`: the encoder's positions, less those of the
            picture, the longest task's words, and both ends.
    """

    num_beams: int
    max_new_tokens: int
    max_new_tokens_limit: int
    max_text_tokens: int
