"""FLUX through diffusers' own pipelines, as their documentation calls them."""

from collections.abc import Sequence
from typing import Any

import torch
from PIL.Image import Image


class StockFlux:
    """A text-to-image pipeline of FLUX.1 or FLUX.2."""

    def __init__(self, pipeline: Any, reads: int) -> None:
        """Take one that is on its device.

        Args:
            pipeline: diffusers' own.
            reads: tokens of a prompt that are read.
        """
        self.pipeline = pipeline
        self._reads = reads
        pipeline.set_progress_bar_config(disable=True)

    def paint(
        self, prompts: Sequence[str], seeds: Sequence[int], *, side: int, steps: int
    ) -> list[Image]:
        """Square pictures, one of each prompt and seed, without guidance."""
        painted: list[Image] = self.pipeline(
            prompt=list(prompts),
            width=side,
            height=side,
            num_inference_steps=steps,
            guidance_scale=0.0,
            max_sequence_length=self._reads,
            generator=[torch.Generator().manual_seed(seed) for seed in seeds],
        ).images
        return painted
