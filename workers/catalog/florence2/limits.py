"""What one Florence-2 variant allows, and what it takes when nothing is said."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Florence2Limits:
    """Defaults and limits of one Florence-2 variant.

    Attributes:
        num_beams: default number of beams.
        max_new_tokens: default longest answer, in tokens.
        most_new_tokens: highest accepted `max_new_tokens`: the decoder's positions, less the
            start token.
    """

    num_beams: int
    max_new_tokens: int
    most_new_tokens: int
