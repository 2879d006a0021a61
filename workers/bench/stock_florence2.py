"""Florence-2 through transformers' own classes, as its documentation calls them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from PIL.Image import Image


@dataclass(frozen=True)
class StockFlorence2:
    """A model with its processor, and how `generate` is called.

    Attributes:
        generation: keyword arguments of every call of `generate`.
    """

    model: Any
    processor: Any
    generation: dict[str, Any]

    def answer(self, picture: Image, task: str) -> Any:
        """What the processor reads in the answer to one task: text, or what is where in pixels."""
        text = self.processor.decode(self.tokens([picture], task)[0], skip_special_tokens=False)
        parsed = self.processor.post_process_generation(
            text=text, task=task, image_size=picture.size
        )
        return parsed[task]

    @torch.inference_mode()
    def tokens(self, pictures: Sequence[Image], task: str, **changes: Any) -> torch.Tensor:
        """The token ids generated about each picture, padded: (pictures, tokens).

        Args:
            pictures: of any size.
            task: a task token that takes no further input.
            changes: keyword arguments of this call of `generate` alone.
        """
        inputs = self.processor(
            text=[task] * len(pictures), images=list(pictures), return_tensors="pt", padding=True
        ).to(self.model.device, self.model.dtype)
        tokens: torch.Tensor = self.model.generate(**inputs, **{**self.generation, **changes})
        return tokens
