"""Prompts encoded for a pipeline: those read lately are kept."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from workers.adapters.flux.checkpoint_kinds import Embeddings
from workers.adapters.flux.pipeline_modes import Pictures, references_of
from workers.adapters.flux.prompt_tokenizers import main_tokenizer
from workers.adapters.flux.redux import ReduxPrior
from workers.adapters.lru import LeastRecentlyUsed
from workers.catalog.flux.parameters import FluxParameters

_CUTS = ("prompt_cut", "negative_prompt_cut")
"""The warnings that the text encoder read a prompt's beginning alone."""


@dataclass(frozen=True)
class EncodedPrompt:
    """A prompt as the transformer reads it.

    Attributes:
        embeddings: the leading values of the pipeline's `encode_prompt`.
        is_cut: true when the prompt was longer than the text encoder reads.
    """

    embeddings: Embeddings
    is_cut: bool


class PromptEncoder:
    """Encodes the prompts of one variant.

    Args:
        pipeline: the loaded pipeline, with tokenizers of `prompt_components`.
        options: the row's, see `workers.adapters.flux.adapter.FluxAdapter`.
        parts: number of the leading values of `encode_prompt` that the pipeline is given.
        prior: encodes a prompt together with its pictures, where the variant has one.
    """

    def __init__(
        self, pipeline: Any, options: Mapping[str, Any], parts: int, prior: ReduxPrior | None = None
    ) -> None:
        self._pipeline = pipeline
        self._max_tokens: int = options["max_sequence_length"]
        self._parts = parts
        self._prior = prior
        self._tokenizer = main_tokenizer(pipeline)
        self._known: LeastRecentlyUsed[str, EncodedPrompt] = LeastRecentlyUsed(
            options["prompt_cache"],
            max_weight=options["prompt_cache_bytes"],
            weigh=lambda encoded: sum(part.nbytes for part in encoded.embeddings),
        )

    def clear(self) -> None:
        """Forget all prompts."""
        self._known.clear()

    def encode(self, prompt: str, pictures: Pictures) -> EncodedPrompt:
        """The prompt, and with a prior the pictures."""
        if self._prior:
            return self._read(self._prior.encode, prompt, references_of(pictures) or [])
        known = self._known.get(prompt)
        if known is None:
            known = self._read(
                self._pipeline.encode_prompt, prompt, max_sequence_length=self._max_tokens
            )
            self._known.put(prompt, known)
        return known

    def _read(self, encode: Callable[..., Any], *given: Any, **named: Any) -> EncodedPrompt:
        self._tokenizer.was_cut = False
        embeddings = tuple(encode(*given, **named)[: self._parts])
        return EncodedPrompt(embeddings, self._tokenizer.was_cut)


def prompts_of(parameters: FluxParameters) -> list[str]:
    """A job's prompt, and its negative one where the picture is guided away from that."""
    if not parameters.is_truly_guided:
        return [parameters.prompt]
    return [parameters.prompt, parameters.get("negative_prompt")]


def cuts_of(prompts: Sequence[EncodedPrompt]) -> list[str]:
    """The warnings of a job whose prompts were cut."""
    return [word for word, prompt in zip(_CUTS, prompts, strict=False) if prompt.is_cut]


def stack(rows: Sequence[EncodedPrompt]) -> Embeddings:
    """The embeddings of several pictures, one row each."""
    return tuple(map(torch.cat, zip(*(row.embeddings for row in rows), strict=True)))
