"""FLUX with diffusers' own pipelines, called as in their documentation."""

from collections.abc import Sequence
from typing import Any

import torch
from PIL.Image import Image


class StockFlux:
    """A text-to-image pipeline of FLUX.1 or FLUX.2."""

    def __init__(self, pipeline: Any, prompt_tokens: int) -> None:
        """Use a pipeline that is on its device.

        Args:
            pipeline: diffusers' own pipeline.
            prompt_tokens: the number of tokens of a prompt that are used.
        """
        self.pipeline = pipeline
        self._prompt_tokens = prompt_tokens
        pipeline.set_progress_bar_config(disable=True)

    def generate(
        self, prompts: Sequence[str], seeds: Sequence[int], *, side: int, steps: int
    ) -> list[Image]:
        """Generate a square picture of each prompt and seed, without guidance."""
        images: list[Image] = self.pipeline(
            prompt=list(prompts),
            width=side,
            height=side,
            num_inference_steps=steps,
            guidance_scale=0.0,
            max_sequence_length=self._prompt_tokens,
            generator=[torch.Generator().manual_seed(seed) for seed in seeds],
        ).images
        return images
